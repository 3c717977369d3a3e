/* The library's own threads: the signals that reach them, and what they inherit. */
#include <stillpoint/rcu.h>

#include "actor.h"

#include <check.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

static struct rcu_head head;
static struct actor reader;

/* Runs it in the callback thread, and in the one that leads started grace periods: there it is a
 * force notifier. */
static void (*job)(void);
static atomic_bool done;

static void do_in_callback(struct rcu_head *unused)
{
    (void)unused;
    job();
    atomic_store(&done, true);
}

static void do_in_notifier(struct rcu_force_notifier *unused)
{
    (void)unused;
    if (!atomic_load(&done))
        job();
    atomic_store(&done, true);
}

static struct rcu_force_notifier notifier = {.notify = do_in_notifier};

static void add_notifier(void)
{
    rcu_add_force_notifier(&notifier);
}

static void remove_notifier(void)
{
    rcu_remove_force_notifier(&notifier);
}

static void run_in_callback_thread(void)
{
    call_rcu(&head, do_in_callback);
    UNTIL(atomic_load(&done));
}

static void run_in_poll_thread(void)
{
    unsigned long cookie;

    hire_reader(&reader);
    make(&reader, add_notifier);
    make(&reader, enter);
    cookie = start_poll_synchronize_rcu_expedited();
    UNTIL(atomic_load(&done));
    make(&reader, leave);
    UNTIL(poll_state_synchronize_rcu(cookie));
    make(&reader, remove_notifier);
    dismiss_reader(&reader);
}

static void (*const runs[])(void) = {run_in_callback_thread, run_in_poll_thread};
#define THREADS 2

static void run(int thread, void (*what)(void))
{
    job = what;
    atomic_store(&done, false);
    runs[thread]();
}

/* ---- signals ---- */

static const int synchronous[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
#define SYNCHRONOUS (int)(sizeof synchronous / sizeof *synchronous)

static bool is_synchronous(int signal)
{
    for (int i = 0; i < SYNCHRONOUS; i++)
        if (synchronous[i] == signal)
            return true;
    return false;
}

static sigset_t blocked;

static void get_mask(void)
{
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
}

START_TEST(only_signals_that_a_thread_raises_itself_reach_it)
{
    run(_i, get_mask);
    for (int number = 1; number <= SIGRTMAX; number++) {
        if (number == SIGKILL || number == SIGSTOP || (number >= 32 && number < SIGRTMIN))
            continue;
        ck_assert_msg(sigismember(&blocked, number) == !is_synchronous(number), "signal %d: %d",
                      number, sigismember(&blocked, number));
    }
}
END_TEST

static int raised;
static atomic_int handled_by;

static void note_thread(int number)
{
    if (number == raised)
        atomic_store(&handled_by, gettid());
}

static void raise_it(void)
{
    raise(raised);
}

START_TEST(a_handler_runs_for_a_signal_raised_in_it)
{
    struct sigaction action = {.sa_handler = note_thread};

    raised = synchronous[_i % SYNCHRONOUS];
    ck_assert_int_eq(sigaction(raised, &action, NULL), 0);
    run(_i / SYNCHRONOUS, raise_it);
    ck_assert_int_ne(atomic_load(&handled_by), 0);
    ck_assert_int_ne(atomic_load(&handled_by), gettid());
}
END_TEST

static char *forbidden;

static void touch_forbidden(void)
{
    *(volatile char *)forbidden = 1;
}

static void allow_it(int number, siginfo_t *info, void *unused)
{
    (void)unused;
    if (info->si_addr != forbidden)
        _exit(EXIT_FAILURE);
    note_thread(number);
    mprotect(forbidden, 1, PROT_READ | PROT_WRITE);
}

START_TEST(a_handler_runs_for_a_crash_of_a_callback)
{
    struct sigaction action = {.sa_sigaction = allow_it, .sa_flags = SA_SIGINFO};

    raised = SIGSEGV;
    forbidden = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(forbidden != MAP_FAILED);
    ck_assert_int_eq(sigaction(raised, &action, NULL), 0);
    run(_i, touch_forbidden);
    ck_assert_int_ne(atomic_load(&handled_by), 0);
    ck_assert_int_eq(*forbidden, 1);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("library threads");
    TCase *signals = add_case(suite, "signals");

    tcase_add_loop_test(signals, only_signals_that_a_thread_raises_itself_reach_it, 0, THREADS);
    tcase_add_loop_test(signals, a_handler_runs_for_a_signal_raised_in_it, 0,
                        THREADS * SYNCHRONOUS);
    tcase_add_loop_test(signals, a_handler_runs_for_a_crash_of_a_callback, 0, THREADS);
    return run_suite(suite);
}
