#include "refused.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct shared_header *shared;
static __thread bool without_memory;
static __thread long blocks;

void refused_install(struct shared_header *header)
{
    shared = header;
}

static void note(enum refusable call, int error)
{
    if (!shared || !refusal_remedy(error, refusable_calls[call]))
        return;
    atomic_store_explicit(&shared->refused[call].error, error, memory_order_relaxed);
    atomic_fetch_add_explicit(&shared->refused[call].count, 1, memory_order_relaxed);
}

void refuse_memory(bool refused)
{
    without_memory = refused;
}

long memory_blocks(void)
{
    return blocks;
}

unsigned refused_now(void)
{
    size_t much = (size_t)64 << 20; /* more than a thread's stack */
    void *memory = mmap(NULL, much, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    unsigned kinds = 0;
    pid_t process;

    if (memory == MAP_FAILED && errno == ENOMEM)
        kinds |= REFUSED_MEMORY;
    if (file < 0 && (errno == EMFILE || errno == ENFILE))
        kinds |= REFUSED_FILE;
    if (memory != MAP_FAILED)
        munmap(memory, much);
    if (file >= 0)
        close(file);
    process = _Fork(); /* what runs handlers of forks is not for a signal handler */
    if (process == 0)
        _exit(0);
    if (process < 0)
        kinds |= errno == EAGAIN ? REFUSED_PROCESS : REFUSED_MEMORY;
    else
        waitpid(process, NULL, 0);
    return kinds;
}

/* The names are the linker's: --wrap. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
pid_t __real_fork(void);
pid_t __wrap_fork(void);
void *__real_malloc(size_t);
void *__wrap_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__wrap_calloc(size_t, size_t);
void __real_free(void *);
void __wrap_free(void *);
int __real_tgkill(pid_t, pid_t, int);
int __wrap_tgkill(pid_t, pid_t, int);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument)
{
    int error = __real_pthread_create(thread, attributes, run, argument);

    if (error)
        note(REFUSABLE_THREAD, error);
    return error;
}

pid_t __wrap_fork(void)
{
    pid_t pid = __real_fork();

    if (pid < 0)
        note(REFUSABLE_PROCESS, errno);
    return pid;
}

void *__wrap_malloc(size_t size)
{
    void *block;

    if (without_memory) {
        errno = ENOMEM;
        return NULL;
    }
    block = __real_malloc(size);
    blocks += block != NULL;
    return block;
}

void *__wrap_calloc(size_t count, size_t size)
{
    void *block = __real_calloc(count, size);

    blocks += block != NULL;
    return block;
}

void __wrap_free(void *block)
{
    blocks -= block != NULL;
    __real_free(block);
}

int __wrap_tgkill(pid_t process, pid_t thread, int signal)
{
    int result = __real_tgkill(process, thread, signal);

    if (result != 0)
        note(REFUSABLE_SIGNAL, errno);
    return result;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
