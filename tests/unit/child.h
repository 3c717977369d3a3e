/* What the tests of fork have in common: children that must succeed. */
#ifndef STILLPOINT_TESTS_CHILD_H
#define STILLPOINT_TESTS_CHILD_H

#include "actor.h"

#ifdef __SANITIZE_THREAD__
#define CHILD_UNDER_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CHILD_UNDER_TSAN
#endif
#endif

/* Children start threads. ThreadSanitizer refuses that after a fork from several, unless told; and
 * it still knows the parent's threads, so that none of the child's may have their address: with
 * stacks that are larger, none fits where one of theirs was. */
#ifdef CHILD_UNDER_TSAN
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "die_after_fork=0";
}

static inline void use_new_stacks(void)
{
    pthread_attr_t attributes;
    size_t size;

    pthread_getattr_default_np(&attributes);
    pthread_attr_getstacksize(&attributes, &size);
    pthread_attr_setstacksize(&attributes, size + (1 << 20));
    pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
}
#else
static inline void use_new_stacks(void)
{
}
#endif

/* The child runs it and exits; an assertion that fails is told by Check, which the parent has to
 * wait for. */
static inline pid_t child_of(void (*function)(void))
{
    pid_t child;

    fflush(NULL);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        use_new_stacks();
        function();
        _exit(EXIT_SUCCESS);
    }
    return child;
}

static inline void succeeds(pid_t child)
{
    int status;

    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child: %d", status);
}

/* For what is to return in both: true in the child; false in the parent, when the child has
 * succeeded. */
static inline bool forked(void)
{
    pid_t child;

    fflush(NULL);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        use_new_stacks();
    else
        succeeds(child);
    return child == 0;
}

static atomic_uint own_ran;

static inline void run_own(struct rcu_head *head)
{
    (void)head;
    atomic_fetch_add(&own_ran, 1);
}

/* Callbacks of this process run, once each, by one thread. */
static inline void own_callbacks_run(void)
{
    static struct rcu_head heads[10];

    atomic_store(&own_ran, 0);
    for (int i = 0; i < 10; i++)
        call_rcu(&heads[i], run_own);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&own_ran), 10);
    ck_assert_uint_eq(stats().callback_threads, 1);
}

#endif
