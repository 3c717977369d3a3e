/* io-handlers: descriptors. All are read and written without waiting. */
#include "io_handlers.h"

#include "torture/workloads/cache_lines.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define TIMER_NS 1000

static bool open_source(struct source *s)
{
    int ends[2];

    switch (s->kind) {
    case EVENTFD:
        s->fd = s->write_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        return s->fd >= 0;
    case TIMERFD:
        s->fd = s->write_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        return s->fd >= 0;
    default:
        if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
            return false;
        s->fd = ends[0];
        s->write_fd = ends[1];
        return true;
    }
}

struct source *source_make(struct io *io)
{
    struct source *s = cache_lines(sizeof *s);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};

    s->number = ++io->next_number;
    s->kind = (enum source_kind)(s->number % SOURCE_KINDS);
    event.data.u64 = s->number;
    if (!open_source(s)) {
        free(s);
        return NULL;
    }
    if (epoll_ctl(io->epoll_fd, EPOLL_CTL_ADD, s->fd, &event) != 0) {
        source_close(s);
        return NULL;
    }
    return s;
}

/* A timer has one event on its way at a time. */
static bool start_timer(struct source *s)
{
    struct itimerspec when = {.it_value = {.tv_nsec = TIMER_NS}};
    uint64_t handled = atomic_load_explicit(&s->handled, memory_order_relaxed);

    if (!atomic_compare_exchange_strong_explicit(&s->sent, &handled, handled + 1,
                                                 memory_order_relaxed, memory_order_relaxed))
        return false;
    timerfd_settime(s->write_fd, 0, &when, NULL);
    return true;
}

bool source_send(struct source *s)
{
    const uint64_t one = 1;
    bool sent;

    if (s->kind == TIMERFD)
        return start_timer(s);
    atomic_fetch_add_explicit(&s->sent, 1, memory_order_relaxed);
    sent = s->kind == EVENTFD ? write(s->write_fd, &one, sizeof one) == sizeof one
                              : write(s->write_fd, "", 1) == 1;
    if (!sent) /* the pipe is full */
        atomic_fetch_sub_explicit(&s->sent, 1, memory_order_relaxed);
    return sent;
}

uint64_t source_read(const struct source *s)
{
    char bytes[256];
    uint64_t count = 0, value;
    ssize_t length;

    if (s->kind != PIPE)
        return read(s->fd, &value, sizeof value) == sizeof value ? value : 0;
    while ((length = read(s->fd, bytes, sizeof bytes)) > 0)
        count += (uint64_t)length;
    return count;
}

void source_close(struct source *s)
{
    close(s->fd);
    if (s->kind == PIPE)
        close(s->write_fd);
    free(s);
}
