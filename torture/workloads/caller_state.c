#include "caller_state.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

/* Not the C library's own, below SIGRTMIN. */
#define SIGNALS (SIGRTMAX + 1)

struct caller_state caller_state(void)
{
    struct caller_state s;

    memset(&s, 0, sizeof s);
    pthread_sigmask(SIG_BLOCK, NULL, &s.blocked);
    sched_getaffinity(0, sizeof s.cpus, &s.cpus);
    prctl(PR_GET_NAME, s.name);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &s.cancel_state);
    pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &s.cancel_type);
    pthread_setcanceltype(s.cancel_type, NULL);
    pthread_setcancelstate(s.cancel_state, NULL);
    s.policy = sched_getscheduler(0);
    s.timer_slack = prctl(PR_GET_TIMERSLACK);
    return s;
}

static bool blocks_the_same(const sigset_t *before, const sigset_t *now, int but)
{
    for (int signal = 1; signal < SIGNALS; signal++)
        if (signal != but && sigismember(before, signal) != sigismember(now, signal))
            return false;
    return true;
}

bool caller_blocks_signals(void)
{
    sigset_t blocked, none;

    sigemptyset(&none);
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    return !blocks_the_same(&none, &blocked, 0);
}

const char *caller_state_change(const struct caller_state *before, int signal)
{
    struct caller_state now = caller_state();

    return !blocks_the_same(&before->blocked, &now.blocked, signal) ? "which signals it blocks"
           : !CPU_EQUAL(&before->cpus, &now.cpus)                   ? "the CPUs that it may run on"
           : strcmp(before->name, now.name) != 0                    ? "its name"
           : before->cancel_state != now.cancel_state || before->cancel_type != now.cancel_type
               ? "whether and when it can be cancelled"
           : before->policy != now.policy           ? "its scheduling policy"
           : before->timer_slack != now.timer_slack ? "its timer slack"
                                                    : NULL;
}

/* One of those that it may run on. */
static void keep_one_cpu(struct random *random)
{
    cpu_set_t cpus, one;
    int cpu = 0, skip;

    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0)
        return;
    skip = (int)random_below(random, (uint64_t)CPU_COUNT(&cpus));
    for (;; cpu++)
        if (CPU_ISSET((size_t)cpu, &cpus) && skip-- == 0)
            break;
    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
}

void caller_state_vary(struct random *random)
{
    static const struct sched_param none;
    const int signals[] = {SIGUSR1, SIGUSR2, SIGURG, SIGWINCH, SIGRTMIN + 8, SIGRTMIN + 9};
    sigset_t blocked;
    char name[16];

    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (random_one_in(random, 2))
            sigaddset(&blocked, signals[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, NULL);
    keep_one_cpu(random);
    snprintf(name, sizeof name, "caller-%u", (unsigned)random_below(random, 1000));
    prctl(PR_SET_NAME, name);
    prctl(PR_SET_TIMERSLACK, 1000 + (unsigned long)random_below(random, 1000));
    if (random_one_in(random, 2))
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    if (random_one_in(random, 2))
        sched_setscheduler(0, SCHED_BATCH, &none);
}
