/* kick-latency: the bare primitives under the kicks. */
#include "kick.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool leaves(struct kick_target *target)
{
    return atomic_load_explicit(&target->leave, memory_order_relaxed) != 0;
}

static uint64_t reason_of(struct kick_target *target)
{
    /* Orders: LOAD target->reason -> STORE of the next round.
     * Pairs with: requester(), LOAD of the rounds -> STORE target->reason (release).
     * Broken: a round after the action is counted as one from before it. */
    return atomic_load_explicit(&target->reason, memory_order_acquire);
}

static void one_round(struct kick_target *target)
{
    histogram_bump(&target->rounds, 1);
}

/* --- A sleeper, woken by its futex --- */

static void futex_run(struct kick_target *target)
{
    unsigned seen = 0;

    do {
        one_round(target);
        /* Orders: LOAD target->word -> LOAD target->reason (in reason_of()).
         * Pairs with: futex_kick(), RMW target->word (release).
         * Broken: the target acts on the reason before, and the requester waits for ever. */
        while (atomic_load_explicit(&target->word, memory_order_acquire) == seen)
            syscall(SYS_futex, &target->word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
        kick_target_acts(target, reason_of(target), clock_ticks());
        seen = atomic_load_explicit(&target->word, memory_order_relaxed);
    } while (!leaves(target));
}

static void futex_kick(struct kick_target *target)
{
    /* Orders: STORE target->reason (by the caller) -> RMW target->word.
     * Pairs with: futex_run(), LOAD target->word (acquire) -> LOAD of the reason.
     * Broken: the target acts on the reason before, and the requester waits for ever. */
    atomic_fetch_add_explicit(&target->word, 1, memory_order_release);
    syscall(SYS_futex, &target->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

const struct kick_way kick_raw_futex = {.run = futex_run, .kick = futex_kick, .sleeps = true};

/* --- Signals --- */

int kick_raw_signal_number(void)
{
    return SIGRTMIN + 3;
}

void kick_raw_send(struct kick_target *target)
{
    int thread_id = atomic_load_explicit(&target->thread_id, memory_order_relaxed);

    if (tgkill(getpid(), thread_id, kick_raw_signal_number()) != 0 && errno == EAGAIN)
        torture_give_up("kick-latency: a thread cannot be signalled: tgkill: %s; %s",
                        strerror(EAGAIN), refusal_remedy(EAGAIN, "tgkill"));
}

static void signal_run(struct kick_target *target)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, kick_raw_signal_number());
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    do {
        int taken;

        one_round(target);
        sigwait(&set, &taken);
        kick_target_acts(target, reason_of(target), clock_ticks());
    } while (!leaves(target));
}

const struct kick_way kick_raw_signal = {.run = signal_run, .kick = kick_raw_send, .sleeps = true};

static struct kick_target *interrupted; /* one target, so one is enough */

static void handle(int signal)
{
    uint64_t ticks = clock_ticks();

    (void)signal;
    kick_target_acts(interrupted, reason_of(interrupted), ticks);
}

static void interrupt_run(struct kick_target *target)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    sigset_t set;

    interrupted = target;
    sigaction(kick_raw_signal_number(), &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, kick_raw_signal_number());
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    do
        one_round(target);
    while (!leaves(target));
}

const struct kick_way kick_raw_interrupt = {.run = interrupt_run, .kick = kick_raw_send};
