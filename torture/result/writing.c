#include "writing.h"

#include "torture/record/clock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND     INT64_C(1000000000)
#define BLOCKED_NS (SECOND / 2) /* a disk may well take as long to bring something to rest */

struct writing {
    int fd;
    pthread_t thread;
    pthread_mutex_t lock; /* of all below; never held in a write */
    pthread_cond_t changed;
    char *text; /* that waits */
    size_t length, room, most;
    bool sync, closing;
    int error;
    const char *call; /* that failed */
    int64_t began_ns; /* of what is being written; 0: nothing */
    int64_t blocked_ns;
};

/* Where whoever shares the descriptor has made it one that does not block, we wait ourselves. */
static int write_all(int fd, const char *text, size_t length)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};

    while (length > 0) {
        ssize_t n = write(fd, text, length);

        if (n < 0 && errno == EAGAIN)
            poll(&room, 1, -1);
        else if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0) {
            text += n;
            length -= (size_t)n;
        }
    }
    return 0;
}

/* What is no file on a disk is as safe as it gets. */
static int sync_data(int fd)
{
    return fdatasync(fd) == 0 || errno == EINVAL || errno == EROFS ? 0 : errno;
}

static int64_t beyond(int64_t began_ns)
{
    int64_t taken = began_ns ? clock_monotonic_ns() - began_ns : 0;

    return taken > BLOCKED_NS ? taken - BLOCKED_NS : 0;
}

/* => Lock held; lets go of it and takes it again. Writes all that waits. */
static void write_waiting(struct writing *w)
{
    char *text = w->text;
    size_t length = w->length;
    const char *call = "write";
    bool sync = w->sync;
    int error = w->error;

    w->text = NULL;
    w->length = w->room = 0;
    w->sync = false;
    w->began_ns = clock_monotonic_ns();
    pthread_mutex_unlock(&w->lock);
    if (!error)
        error = write_all(w->fd, text, length);
    if (!error && sync) {
        call = "fdatasync";
        error = sync_data(w->fd);
    }
    free(text);
    pthread_mutex_lock(&w->lock);
    if (!w->error) {
        w->error = error;
        w->call = call;
    }
    w->blocked_ns += beyond(w->began_ns);
    w->began_ns = 0;
    pthread_cond_broadcast(&w->changed);
}

static void *write_for_ever(void *argument)
{
    struct writing *w = argument;

    pthread_mutex_lock(&w->lock);
    for (;;)
        if (w->length > 0 || w->sync)
            write_waiting(w);
        else if (w->closing)
            break;
        else
            pthread_cond_wait(&w->changed, &w->lock);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

struct writing *writing_open(int fd, size_t most)
{
    struct writing *w = calloc(1, sizeof *w);
    pthread_condattr_t monotonic;
    sigset_t all, before;
    int error;

    if (!w)
        return NULL;
    w->fd = fd;
    w->most = most;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    /* Signals are for the thread that looks after the run. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&w->thread, NULL, write_for_ever, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        free(w);
        errno = error;
        return NULL;
    }
    return w;
}

/* => Lock held. */
static bool make_room(struct writing *w, size_t length)
{
    size_t room = w->room ? w->room : 4096;
    char *text;

    if (w->length + length > w->most)
        return false;
    while (room < w->length + length)
        room *= 2;
    text = room > w->room ? realloc(w->text, room) : w->text;
    if (!text)
        return false;
    w->text = text;
    w->room = room;
    return true;
}

bool writing_add(struct writing *w, const char *text, size_t length)
{
    bool fits;

    pthread_mutex_lock(&w->lock);
    fits = make_room(w, length);
    if (fits) {
        memcpy(w->text + w->length, text, length);
        w->length += length;
        pthread_cond_broadcast(&w->changed);
    }
    pthread_mutex_unlock(&w->lock);
    return fits;
}

void writing_sync(struct writing *w)
{
    pthread_mutex_lock(&w->lock);
    w->sync = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static bool is_idle(const struct writing *w)
{
    return w->length == 0 && !w->sync && !w->began_ns;
}

bool writing_idle(struct writing *w)
{
    bool idle;

    pthread_mutex_lock(&w->lock);
    idle = is_idle(w);
    pthread_mutex_unlock(&w->lock);
    return idle;
}

bool writing_wait(struct writing *w, int64_t limit_ns)
{
    int64_t end = clock_monotonic_ns() + limit_ns;
    struct timespec until = {.tv_sec = end / SECOND, .tv_nsec = end % SECOND};
    bool idle;

    pthread_mutex_lock(&w->lock);
    while (!is_idle(w))
        if (limit_ns < 0)
            pthread_cond_wait(&w->changed, &w->lock);
        else if (pthread_cond_timedwait(&w->changed, &w->lock, &until) == ETIMEDOUT)
            break;
    idle = is_idle(w);
    pthread_mutex_unlock(&w->lock);
    return idle;
}

int writing_error(struct writing *w, const char **call)
{
    int error;

    pthread_mutex_lock(&w->lock);
    error = w->error;
    *call = w->call;
    pthread_mutex_unlock(&w->lock);
    return error;
}

int64_t writing_blocked_ns(struct writing *w)
{
    int64_t blocked;

    pthread_mutex_lock(&w->lock);
    blocked = w->blocked_ns + beyond(w->began_ns);
    pthread_mutex_unlock(&w->lock);
    return blocked;
}

bool writing_close(struct writing *w, int64_t limit_ns)
{
    if (!writing_wait(w, limit_ns)) {
        pthread_detach(w->thread);
        return false;
    }
    pthread_mutex_lock(&w->lock);
    w->closing = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    free(w->text);
    free(w);
    return true;
}
