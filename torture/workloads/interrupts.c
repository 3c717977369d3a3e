#include "interrupts.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What no glibc of ours has a name for. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static __thread struct interrupts *current;

static int number(void)
{
    return SIGRTMIN + 4;
}

static void on_signal(int signal)
{
    int saved = errno;

    (void)signal;
    if (current && current->visit)
        current->visit(current->thread, current->data);
    errno = saved;
}

/* Without SA_RESTART: a call that can be interrupted is. */
static void install(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigemptyset(&action.sa_mask);
    sigaction(number(), &action, NULL);
}

void interrupts_begin(struct interrupts *i, struct torture_thread *t, int64_t every_ns)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = number()};
    struct timespec every = {.tv_sec = every_ns / 1000000000, .tv_nsec = every_ns % 1000000000};
    struct itimerspec times = {.it_interval = every, .it_value = every};

    i->on = every_ns > 0;
    if (!i->on)
        return;
    i->thread = t;
    install();
    event.sigev_notify_thread_id = (int)syscall(SYS_gettid);
    if (timer_create(CLOCK_MONOTONIC, &event, &i->timer) != 0)
        torture_give_up("no timer for the signals of %s-%u: %s; set \"signals\" to 0ms",
                        t->role->name, t->index, strerror(errno));
    current = i;
    atomic_signal_fence(memory_order_seq_cst);
    timer_settime(i->timer, 0, &times, NULL);
}

void interrupts_end(struct interrupts *i)
{
    if (!i->on)
        return;
    timer_delete(i->timer);
    /* One that is on its way finds nobody. */
    current = NULL;
    atomic_signal_fence(memory_order_seq_cst);
}
