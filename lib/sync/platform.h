/* The one seam between the library and the system.
 *
 * Shared variables are C11 atomics. Everything else by which threads wait for, wake, start or fence
 * one another is here and nowhere around it, so that the same .c files can be built over a
 * controlled scheduler or a model checker by replacing this header.
 */
#ifndef STILLPOINT_PLATFORM_H
#define STILLPOINT_PLATFORM_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Mutex and condition. The condition's clock is CLOCK_MONOTONIC. */
#define PLATFORM_MUTEX_INITIALIZER PTHREAD_MUTEX_INITIALIZER
#define PLATFORM_COND_INITIALIZER  PTHREAD_COND_INITIALIZER
typedef pthread_mutex_t platform_mutex;
typedef pthread_cond_t platform_cond;

static inline void platform_mutex_init(platform_mutex *m)
{
    pthread_mutex_init(m, NULL);
}

static inline void platform_mutex_destroy(platform_mutex *m)
{
    pthread_mutex_destroy(m);
}

static inline void platform_mutex_lock(platform_mutex *m)
{
    pthread_mutex_lock(m);
}

static inline bool platform_mutex_trylock(platform_mutex *m)
{
    return pthread_mutex_trylock(m) == 0;
}

static inline void platform_mutex_unlock(platform_mutex *m)
{
    pthread_mutex_unlock(m);
}

static inline void platform_cond_init(platform_cond *c)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attributes);
    pthread_condattr_destroy(&attributes);
}

static inline void platform_cond_destroy(platform_cond *c)
{
    pthread_cond_destroy(c);
}

/* May return early; callers test their condition again. */
static inline void platform_cond_wait(platform_cond *c, platform_mutex *m)
{
    pthread_cond_wait(c, m);
}

static inline void platform_cond_broadcast(platform_cond *c)
{
    pthread_cond_broadcast(c);
}

/* One-time initialisation: threads that come meanwhile wait until it is done. */
#define PLATFORM_ONCE_INITIALIZER PTHREAD_ONCE_INIT
typedef pthread_once_t platform_once;

static inline void platform_call_once(platform_once *once, void (*run)(void))
{
    pthread_once(once, run);
}

static inline int64_t platform_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* CPU time of the calling thread. */
static inline int64_t platform_thread_cpu_ns(void)
{
    struct timespec ran;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ran);
    return ran.tv_sec * INT64_C(1000000000) + ran.tv_nsec;
}

static inline struct timespec platform_timespec(int64_t ns)
{
    int64_t seconds = ns / 1000000000, most = sizeof(time_t) < 8 ? INT32_MAX : INT64_MAX;

    return (struct timespec){.tv_sec = (time_t)(seconds < most ? seconds : most),
                             .tv_nsec = (long)(ns % 1000000000)};
}

/* False once the deadline has passed; may return true early. */
static inline bool platform_cond_wait_until(platform_cond *c, platform_mutex *m,
                                            int64_t deadline_ns)
{
    struct timespec deadline = platform_timespec(deadline_ns);

    return pthread_cond_timedwait(c, m, &deadline) != ETIMEDOUT;
}

/* Sleeps while *word == expected, at most until deadline_ns (negative: for ever). False when the
 * deadline passed; a return proves nothing else. */
bool platform_futex_wait(atomic_uint *word, unsigned expected, int64_t deadline_ns);
/* Wakes all that sleep on the address; the memory itself is not touched. */
void platform_futex_wake(atomic_uint *word);

/* In a spin loop: a hint to the CPU. */
static inline void platform_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#else
    __asm__ volatile("" ::: "memory");
#endif
}

/* Sleeps for so long. */
void platform_nap(int64_t ns);

/* Whether the heavy fence can be had; once, before the first platform_heavy_fence(). */
bool platform_heavy_fence_available(void);
/* A full fence on every CPU that runs a thread of this process. */
void platform_heavy_fence(void);

/* CPUs the process might run on when it started; 1 means that spinning is for nothing. */
unsigned platform_cpus(void);
int platform_thread_id(void);
int platform_process_id(void);
/* A thread with the finest timers, and all signals blocked but those that a thread raises itself,
 * as by a crash. It inherits the caller's affinity and scheduling; or it is an ordinary thread
 * (SCHED_OTHER), on the CPUs that the process might run on when it started. Aborts when there can
 * be none. */
typedef pthread_t platform_thread;
platform_thread platform_thread_start(const char *name, void (*run)(void), bool inherits);
/* An ordinary thread with an argument; otherwise as above. */
platform_thread platform_thread_create(const char *name, void (*run)(void *), void *argument);
/* Waits until it has ended. */
void platform_thread_join(platform_thread thread);

/* Signals that a thread is interrupted by, or waits for. */
int platform_signal_real_time(int n); /* the n-th, from 0 */
bool platform_signal_is_real_time(int signal);
/* Installs the handler; -EBUSY when the program has one of its own. */
int platform_signal_handle(int signal, void (*handler)(void));
/* Blocks it in the calling thread, or lets it in. */
void platform_signal_block(int signal, bool blocked);
/* Waits for it, blocked as it is, and takes it. */
void platform_signal_wait(int signal);
/* Takes it when it is pending; false when it is not. */
bool platform_signal_take(int signal);
/* To a thread of this process; one that has ended gets nothing. */
void platform_signal_send(int thread_id, int signal);

/* What is called at the end of threads that requested it: in each round of destructors in which it
 * requests it again, PLATFORM_EXIT_CALLS times at most. Not in the very last round, which is the
 * sanitizers' own. */
#define PLATFORM_EXIT_CALLS 3
struct platform_exit {
    pthread_key_t key;
    void (*run)(void);
};
/* Once, at the start of the program. */
void platform_exit_init(struct platform_exit *e, void (*run)(void));
void platform_exit_request(struct platform_exit *e);
/* Adds what is called in the child of a fork. */
void platform_at_fork(void (*in_child)(void));

/* How often anything was unloaded from the process; 0 where it cannot be known. */
unsigned long platform_unloads(void);
/* False: nothing is at the address, neither code that is loaded nor anything else. */
bool platform_is_mapped(uintptr_t address);

/* The name of a thread of this process; empty: it has ended, or cannot be known. */
void platform_thread_name(int thread_id, char *name, size_t room);

/* Writes to stderr, or leaves it when that would block. */
void platform_warn(const char *what);
/* Writes to stderr what the program did wrong, and aborts. */
void platform_fail(const char *what) __attribute__((noreturn, cold));

#endif
