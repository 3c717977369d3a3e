/* A flavor that breaks its promises, for tests of what happens then.
 *
 * Without more, its grace periods do not wait for anybody. MISBEHAVE in the environment makes it do
 * something worse:
 *   stuck    no read section is ever entered after the first thousand
 *   segv     one reader touches memory that is not there
 *   abort    one reader aborts
 *   exit     the process ends, with exit code 5, while it runs
 *   early    the process dies before the run begins
 *   print    it prints on standard output and standard error
 *   signals  aborts unless its threads and its process have all signals as they should be
 *   child    leaves a child process behind that holds all descriptors
 *   poor     the machine does not let it expedite anything
 *   gentle   its grace periods wait for nobody, and yet 10 ms are long enough
 */
#ifndef FLAVOR_BROKEN_H
#define FLAVOR_BROKEN_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLAVOR_NAME    "broken"
#define FLAVOR_SUMMARY "its grace periods wait for nobody"

static inline int misbehaves(const char *how)
{
    const char *asked = getenv("MISBEHAVE");

    return asked && strcmp(asked, how) == 0;
}

static __thread unsigned long sections;
static __thread int stuck, crashing, gentle;

static inline int signals_are_fresh(void)
{
    struct sigaction now;
    sigset_t blocked;

    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    for (int i = 1; i < 32; i++)
        if (sigismember(&blocked, i))
            return 0;
    sigaction(SIGUSR2, NULL, &now);
    return now.sa_handler == SIG_DFL;
}

static inline void flavor_register_thread(void)
{
    stuck = misbehaves("stuck");
    gentle = misbehaves("gentle");
    crashing = misbehaves("segv") ? SIGSEGV : misbehaves("abort") ? SIGABRT : 0;
    if (misbehaves("exit"))
        _exit(5);
    if (misbehaves("print")) {
        puts("said on standard output");
        fprintf(stderr, "said on standard error\n");
        fflush(stdout);
    }
    if (misbehaves("signals") && !signals_are_fresh())
        abort();
    if (misbehaves("child") && fork() == 0) {
        alarm(300);
        for (;;)
            pause();
    }
}

static inline void flavor_unregister_thread(void)
{
}

/* A name for the stack. */
__attribute__((noinline, unused)) static void stay_for_ever(void)
{
    for (;;)
        pause();
}

static int *volatile nowhere = (int *)8; /* volatile, so that no compiler knows better */

static inline void flavor_read_lock(void)
{
    sections++;
    if (stuck && sections > 1000)
        stay_for_ever();
    if (crashing == SIGSEGV && sections > 1000)
        *nowhere = 1;
    if (crashing == SIGABRT && sections > 1000)
        abort();
}

static inline void flavor_read_unlock(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

#define flavor_dereference(pointer) __atomic_load_n(&(pointer), __ATOMIC_ACQUIRE)
#define flavor_assign_pointer(pointer, value) \
    __atomic_store_n(&(pointer), (value), __ATOMIC_RELEASE)

#define FLAVOR_CAN_PROTECT     1
#define FLAVOR_CAN_NEST        1
#define FLAVOR_CAN_SYNCHRONIZE 1
static inline void flavor_synchronize(void)
{
    if (stuck)
        stay_for_ever();
    if (gentle)
        usleep(10000);
}

#define FLAVOR_HAS_MISSING 1
__attribute__((unused)) static inline const char *flavor_missing(unsigned capability)
{
    enum { EXPEDITE = 1 << 1 }; /* CAN_EXPEDITE, which this header cannot see */

    return misbehaves("poor") && capability == EXPEDITE ? "no hurry on this machine" : NULL;
}

__attribute__((constructor)) static inline void die_early(void)
{
    if (misbehaves("early") && !getenv("STILLPOINT_DESCRIBES"))
        abort();
}

#endif
