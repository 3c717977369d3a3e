/* rcu-fork: what children do first where a sanitizer does not know of forks. */
#include "rcu_fork.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#if FORK_THREAD_SANITIZED
/* It would end a child that makes threads. TSAN_OPTIONS comes after this. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "die_after_fork=0";
}

/* It takes the threads of ancestors for alive, and dies of a new one that gets the stack of one of
 * them. Stacks of a size of their own are new ones; all are so small that the C library keeps those
 * of the ancestors (up to 40 MiB), rather than give back and be given the same addresses again. */
void fork_use_new_stacks(unsigned generation)
{
    pthread_attr_t defaults;

    pthread_getattr_default_np(&defaults);
    pthread_attr_setstacksize(&defaults, (4 + generation) * (size_t)256 * 1024);
    pthread_setattr_default_np(&defaults);
    pthread_attr_destroy(&defaults);
}
#else
void fork_use_new_stacks(unsigned generation)
{
    (void)generation;
}
#endif

#if FORK_ADDRESS_SANITIZED
/* The largest that a child's threads allocate, and what they are begun with. */
enum { LARGEST_CHUNK = 4096 };

static void *allocate_all_sizes(void *unused)
{
    for (size_t size = 16; size <= LARGEST_CHUNK; size += 16) {
        void *volatile chunk = malloc(size);

        free(chunk);
    }
    return unused;
}

/* It does not hold its locks across a fork (that of newer compilers does), and one that another
 * thread had is never let go in the child. A new thread's caches are empty: it takes each lock of
 * the allocator's, and those of the beginning and the end of threads. What is free now stays so. */
void fork_take_sanitizer_locks(void)
{
    pthread_t thread;
    sigset_t in_time;

    signal(SIGALRM, SIG_DFL);
    sigemptyset(&in_time);
    sigaddset(&in_time, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &in_time, NULL);
    alarm(2);
    if (pthread_create(&thread, NULL, allocate_all_sizes, NULL) == 0)
        pthread_join(thread, NULL);
    alarm(0);
}

bool fork_given_up(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
}
#else
void fork_take_sanitizer_locks(void)
{
}

bool fork_given_up(int status)
{
    (void)status;
    return false;
}
#endif
