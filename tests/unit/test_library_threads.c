/* The library's own threads: the signals that reach them, and what they inherit. */
#include <stillpoint/rcu.h>

#include "actor.h"

#include <check.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

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

/* The C library and an emulator keep some for themselves. */
static sigset_t that_can_be_blocked(void)
{
    sigset_t set, before;

    sigfillset(&set);
    pthread_sigmask(SIG_SETMASK, &set, &before);
    pthread_sigmask(SIG_SETMASK, &before, &set);
    return set;
}

START_TEST(only_signals_that_a_thread_raises_itself_reach_it)
{
    sigset_t possible = that_can_be_blocked();

    ck_assert(sigismember(&possible, SIGTERM) && sigismember(&possible, SIGRTMIN));
    run(_i, get_mask);
    for (int number = 1; number <= SIGRTMAX; number++)
        if (sigismember(&possible, number))
            ck_assert_msg(sigismember(&blocked, number) == !is_synchronous(number), "signal %d: %d",
                          number, sigismember(&blocked, number));
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

/* ---- what they inherit ---- */

static struct {
    cpu_set_t cpus;
    int policy;
} at_start, seen;

/* By the calls of the kernel's: musl has others of these names, which always fail. */
static void see(void)
{
    seen.policy = (int)syscall(SYS_sched_getscheduler, 0);
    ck_assert_int_eq(sched_getaffinity(0, sizeof seen.cpus, &seen.cpus), 0);
}

/* The calling thread gets the last of its CPUs for itself. */
static bool pin(void)
{
    cpu_set_t one;
    int last = -1;

    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &at_start.cpus))
            last = i;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0;
}

/* A policy that is refused to nobody. */
static void pin_and_take_batch(void)
{
    struct sched_param lowest = {0};

    ck_assert(pin());
    ck_assert_int_eq(syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &lowest), 0);
}

static bool take_real_time(void)
{
    struct sched_param one = {.sched_priority = 1};

    return pin() && syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &one) == 0;
}

static void expect_ordinary(int thread)
{
    ck_assert_int_eq(seen.policy, SCHED_OTHER);
    ck_assert_msg(CPU_EQUAL(&seen.cpus, &at_start.cpus), "thread %d: %d CPUs of %d", thread,
                  CPU_COUNT(&seen.cpus), CPU_COUNT(&at_start.cpus));
}

START_TEST(a_thread_that_is_needed_inherits_nothing)
{
    see();
    at_start.cpus = seen.cpus;
    pin_and_take_batch();
    run(_i, see);
    expect_ordinary(_i);
}
END_TEST

START_TEST(a_thread_that_is_started_deliberately_inherits)
{
    static void (*const starts[])(void) = {rcu_start_callback_thread, rcu_start_poll_thread};

    see();
    at_start.cpus = seen.cpus;
    pin_and_take_batch();
    starts[_i]();
    run(_i, see);
    ck_assert_int_eq(seen.policy, SCHED_BATCH);
    ck_assert_int_eq(CPU_COUNT(&seen.cpus), 1);
}
END_TEST

static atomic_bool ran, expired;

static void note_that_it_ran(struct rcu_head *unused)
{
    (void)unused;
    see();
    atomic_store(&ran, true);
}

/* Lets nobody else run on its CPU: a starving one is found after a time that is no matter of
 * scheduling. */
static void *spin_in_real_time(void *thread)
{
    int64_t end_ns;
    unsigned long cookie = 0;

    if (!take_real_time())
        return NULL;
    end_ns = now_ns() + 20 * 1000 * MS_NS;
    if (*(int *)thread == 0)
        call_rcu(&head, note_that_it_ran);
    else
        cookie = start_poll_synchronize_rcu();
    while (!atomic_load(&ran) && !atomic_load(&expired) && now_ns() < end_ns)
        if (cookie != 0 && poll_state_synchronize_rcu(cookie))
            atomic_store(&expired, true);
    return thread;
}

START_TEST(a_real_time_thread_that_spins_does_not_starve_it)
{
    pthread_t thread;
    void *was_permitted;

    see();
    at_start.cpus = seen.cpus;
    ck_assert_int_eq(pthread_create(&thread, NULL, spin_in_real_time, &_i), 0);
    pthread_join(thread, &was_permitted);
    ck_assert_ptr_nonnull(was_permitted);
    ck_assert(atomic_load(&ran) || atomic_load(&expired));
    if (_i == 0)
        expect_ordinary(_i);
}
END_TEST

/* Tried in a process of its own; NULL when it is permitted. */
static const char *why_no_real_time(void)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        sched_getaffinity(0, sizeof at_start.cpus, &at_start.cpus);
        _exit(take_real_time() ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    waitpid(child, &status, 0);
    if (!has_several_cpus())
        return "needs two CPUs";
    return status == 0 ? NULL : "needs SCHED_FIFO, which is not permitted here";
}

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("library threads");
    TCase *signals = add_case(suite, "signals"), *inherits = add_case(suite, "inherits");
    const char *why_not = why_no_real_time();

    tcase_add_loop_test(signals, only_signals_that_a_thread_raises_itself_reach_it, 0, THREADS);
    tcase_add_loop_test(signals, a_handler_runs_for_a_signal_raised_in_it, 0,
                        THREADS * SYNCHRONOUS);
    tcase_add_loop_test(signals, a_handler_runs_for_a_crash_of_a_callback, 0, THREADS);

    tcase_add_loop_test(inherits, a_thread_that_is_needed_inherits_nothing, 0, THREADS);
    tcase_add_loop_test(inherits, a_thread_that_is_started_deliberately_inherits, 0, THREADS);
    if (why_not)
        printf("left out: a_real_time_thread_that_spins_does_not_starve_it %s\n", why_not);
    else
        tcase_add_loop_test(inherits, a_real_time_thread_that_spins_does_not_starve_it, 0, THREADS);
    return run_suite(suite);
}
