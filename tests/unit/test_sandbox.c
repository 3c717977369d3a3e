/* System calls that a sandbox refuses: the library does without, or names what was refused.
 *
 * A filter is there before the program starts, so that the library's constructors meet it: the test
 * executes itself behind one. */
/* Left out of MUSL: its package in Debian comes without the kernel's headers. */
/* Left out of AARCH64: filters are for calls of the emulator's, which executes no other program. */
#include <stillpoint/asymmetric_fence.h>
#include <stillpoint/rcu.h>

#include "actor.h"
#include "sandbox.h"

#include <check.h>
#include <errno.h>
#include <linux/membarrier.h>

#ifndef SYS_clone3
#define SYS_clone3 435
#endif

/* ---- what runs behind them, in a program of its own ---- */

static void expect(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "not so: %s\n", what);
    _exit(EXIT_FAILURE);
}

static atomic_bool ran;

static void run(struct rcu_head *head)
{
    (void)head;
    atomic_store(&ran, true);
}

static void queue_a_callback(void)
{
    static struct rcu_head head;

    call_rcu(&head, run);
    rcu_barrier();
    expect(atomic_load(&ran), "a callback has run");
}

/* A thread that has read, and reads no more. */
static atomic_bool has_read, stop;

static void *reader_main(void *always)
{
    rcu_register_thread();
    do {
        rcu_read_lock();
        rcu_read_unlock();
        atomic_store(&has_read, true);
    } while (always != NULL && !atomic_load(&stop));
    UNTIL(atomic_load(&stop));
    rcu_unregister_thread();
    return NULL;
}

static pthread_t start_reader(void *always)
{
    pthread_t thread;

    expect(pthread_create(&thread, NULL, reader_main, always) == 0, "a thread can be made");
    UNTIL(atomic_load(&has_read));
    return thread;
}

static void use_library(void)
{
    pthread_t reader = start_reader(&stop);
    unsigned long cookie;

    for (int i = 0; i < 20; i++)
        primitives[i % 2]();
    queue_a_callback();
    cookie = start_poll_synchronize_rcu();
    UNTIL(poll_state_synchronize_rcu(cookie));
    atomic_store(&stop, true);
    pthread_join(reader, NULL);
}

static void use_full_fences(void)
{
    expect(asymmetric_fence_is_full, "fences are full");
    use_library();
}

/* A 0 is in the way, which needs the fence. */
static void lose_the_fence(void)
{
    start_reader(NULL);
    expect(refuse(SYS_membarrier, ANY, EPERM), "a filter is permitted");
    synchronize_rcu();
}

static void *nothing(void *unused)
{
    return unused;
}

static void start_a_thread(void)
{
    pthread_t thread;

    expect(pthread_create(&thread, NULL, nothing, NULL) == 0, "a thread can be made");
}

static const struct job {
    const char *name;
    void (*run)(void);
} jobs[] = {
    {"use-library", use_library},       {"use-full-fences", use_full_fences},
    {"lose-the-fence", lose_the_fence}, {"queue-a-callback", queue_a_callback},
    {"start-a-thread", start_a_thread},
};

static int do_job(const char *name)
{
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
        if (strcmp(jobs[i].name, name) == 0)
            jobs[i].run();
    return EXIT_SUCCESS;
}

static void execute(const char *job)
{
    execl("/proc/self/exe", "test_sandbox", job, (char *)NULL);
    expect(false, "it can execute itself");
}

static int status_of(pid_t child)
{
    int status;

    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

/* ---- membarrier ---- */

#define CASES_MEMBARRIER 5
static const struct {
    unsigned command;
    int error;
} membarriers[CASES_MEMBARRIER] = {
    {ANY, ENOSYS},
    {ANY, EPERM},
    {MEMBARRIER_CMD_QUERY, EPERM},
    {MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, EPERM},
    {MEMBARRIER_CMD_PRIVATE_EXPEDITED, EPERM}, /* it answers, registers, and then does nothing */
};

START_TEST(without_membarrier_fences_are_full)
{
    pid_t child = fork();

    if (child == 0) {
        expect(refuse(SYS_membarrier, membarriers[_i].command, membarriers[_i].error),
               "a filter is permitted");
        execute("use-full-fences");
    }
    ck_assert_int_eq(status_of(child), 0);
}
END_TEST

static void execute_lose_the_fence(void)
{
    execute("lose-the-fence");
}

START_TEST(a_membarrier_that_is_lost_later_is_named)
{
    dies_saying(execute_lose_the_fence, "the system call membarrier stopped working");
    dies_saying(execute_lose_the_fence, "membarrier: Operation not permitted");
}
END_TEST

/* ---- threads ---- */

START_TEST(a_thread_starts_without_clone3_where_its_absence_is_told)
{
    pid_t child = fork();

    if (child == 0) {
        expect(refuse(SYS_clone3, ANY, ENOSYS), "a filter is permitted");
        execute("use-library");
    }
    ck_assert_int_eq(status_of(child), 0);
}
END_TEST

static void execute_without_clone3(void)
{
    expect(refuse(SYS_clone3, ANY, EPERM), "a filter is permitted");
    execute("queue-a-callback");
}

START_TEST(a_clone3_that_is_refused_is_named)
{
    dies_saying(execute_without_clone3, "a thread of the library's cannot be started");
    dies_saying(execute_without_clone3, "clone3: Operation not permitted");
}
END_TEST

/* It inherits what it cannot change. */
START_TEST(a_thread_starts_where_it_may_not_be_made_ordinary)
{
    static const long calls[] = {SYS_sched_setaffinity, SYS_sched_setscheduler, SYS_sched_setparam};
    pid_t child = fork();

    if (child == 0) {
        expect(refuse(calls[_i], ANY, EPERM), "a filter is permitted");
        execute("use-library");
    }
    ck_assert_int_eq(status_of(child), 0);
}
END_TEST

/* ---- the suite ---- */

static bool succeeds_behind(long call, const char *job)
{
    pid_t child;
    int status = 0;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL || !refuse(call, ANY, EPERM))
            _exit(EXIT_FAILURE);
        if (job)
            execute(job);
        _exit(EXIT_SUCCESS);
    }
    waitpid(child, &status, 0);
    return status == 0;
}

int main(int argc, char **argv)
{
    TCase *membarrier, *threads;
    Suite *suite;

    if (argc == 2)
        return do_job(argv[1]);
    suite = suite_create("sandbox");
    membarrier = add_case(suite, "membarrier");
    threads = add_case(suite, "threads");
    if (!succeeds_behind(SYS_membarrier, NULL)) {
        puts("left out: all: they need seccomp filters, which are not permitted here");
        return EXIT_SUCCESS;
    }
    tcase_add_loop_test(membarrier, without_membarrier_fences_are_full, 0, CASES_MEMBARRIER);
    if (asymmetric_fence_is_full)
        puts("left out: a_membarrier_that_is_lost_later_is_named needs membarrier");
    else
        tcase_add_test(membarrier, a_membarrier_that_is_lost_later_is_named);

    tcase_add_test(threads, a_thread_starts_without_clone3_where_its_absence_is_told);
    if (succeeds_behind(SYS_clone3, "start-a-thread"))
        puts("left out: a_clone3_that_is_refused_is_named: this C library does not use it");
    else
        tcase_add_test(threads, a_clone3_that_is_refused_is_named);
    tcase_add_loop_test(threads, a_thread_starts_where_it_may_not_be_made_ordinary, 0, 3);
    return run_suite(suite);
}
