/* vcpu_pause(): that one vCPU stands still until vcpu_resume(), and the others do not. */
/* Left out of DEBUG TWO_PHASE M32 FENCE: none changes who stands still. */
#include <stillpoint/vcpu.h>

#include "pauses.h"

#include <check.h>
#include <pthread.h>

static struct test_cpu *const target = &cpus[1];

static unsigned long moves_of(const struct test_cpu *t)
{
    return atomic_load(&t->blocks) + atomic_load(&t->events) + atomic_load(&t->idle_calls);
}

static void count_here(struct vcpu *cpu, void *counter)
{
    (void)cpu;
    atomic_fetch_add((atomic_uint *)counter, 1);
}

/* A reason and work for it, on which it does not act. */
static void stands_still(struct test_cpu *t)
{
    static atomic_uint unused;
    unsigned long before = moves_of(t);

    ask(t);
    ck_assert_int_eq(async_run_on_cpu(&t->vcpu, count_here, &unused), 0);
    let_others_run();
    ck_assert_uint_eq(moves_of(t), before);
    ck_assert(!atomic_load(&t->vcpu.running));
}

static void goes_on(struct test_cpu *t)
{
    unsigned long reason = ask(t);

    UNTIL(has_acted(t, reason));
}

START_TEST(only_that_one_stands_still)
{
    begin_running_cpus(the_accel);
    for (int round = 0; round < 15; round++) {
        vcpu_pause(&target->vcpu);
        ck_assert(!atomic_load(&target->vcpu.running));
        goes_on(&cpus[0]);
        stands_still(target);
        goes_on(&cpus[2]);
        vcpu_resume(&target->vcpu);
        goes_on(target);
    }
    ck_assert_uint_eq(vcpu_stats_now().pauses, 0);
    end_cpus(CPUS);
}
END_TEST

START_TEST(it_goes_on_when_neither_kind_of_pause_is_on)
{
    begin_running_cpus(the_accel);
    for (int round = 0; round < 8; round++) {
        bool this_first = round & 1, resumed_first = round & 2;

        if (this_first)
            vcpu_pause(&target->vcpu);
        pause_all_vcpus();
        if (!this_first)
            vcpu_pause(&target->vcpu);
        stands_still(target);
        if (resumed_first)
            vcpu_resume(&target->vcpu);
        else
            resume_all_vcpus();
        stands_still(target);
        if (resumed_first)
            resume_all_vcpus();
        else
            vcpu_resume(&target->vcpu);
        for (unsigned i = 0; i < CPUS; i++)
            goes_on(&cpus[i]);
    }
    end_cpus(CPUS);
}
END_TEST

static atomic_uint mine, others;

static void run_on_target(void)
{
    ck_assert_int_eq(run_on_cpu(&target->vcpu, count_here, &others), 0);
}

START_TEST(work_of_the_pausing_thread_is_run_and_that_of_others_waits)
{
    static struct actor other;

    begin_running_cpus(the_accel);
    hire(&other);
    vcpu_pause(&target->vcpu);
    ck_assert_int_eq(run_on_cpu(&target->vcpu, count_here, &mine), 0);
    ck_assert_uint_eq(atomic_load(&mine), 1);
    begin_and_wait_to_queue(&other, run_on_target, &target->vcpu);
    let_others_run();
    ck_assert_uint_eq(atomic_load(&others), 0);
    stands_still(target);
    vcpu_resume(&target->vcpu);
    finish(&other);
    ck_assert_uint_eq(atomic_load(&others), 1);
    dismiss(&other);
    end_cpus(CPUS);
}
END_TEST

START_TEST(one_that_starts_paused_starts_stopped)
{
    begin_cpus(the_accel, 1);
    plug(target, the_accel);
    vcpu_pause(&target->vcpu); /* nothing runs it: at once */
    start(target);
    stands_still(target);
    ck_assert_uint_eq(atomic_load(&target->blocks), 0);
    vcpu_resume(&target->vcpu);
    goes_on(target);
    end_cpus(2);
}
END_TEST

START_TEST(one_that_is_unplugged_ends)
{
    begin_running_cpus(the_accel);
    vcpu_pause(&target->vcpu);
    end(target);
    ck_assert(!target->vcpu.attached);
    vcpu_resume(&target->vcpu);
    end_cpus(CPUS);
}
END_TEST

START_TEST(the_big_lock_is_let_go_of_while_it_waits)
{
    begin_running_cpus(the_accel);
    bql_lock();
    vcpu_pause(&target->vcpu);
    ck_assert(bql_locked());
    bql_unlock();
    vcpu_resume(&target->vcpu);
    end_cpus(CPUS);
}
END_TEST

static void *pause_again_and_again(void *unused)
{
    for (int i = 0; i < STRESS_ROUNDS; i++) {
        unsigned long before;

        vcpu_pause(&target->vcpu);
        before = moves_of(target);
        if (atomic_fetch_add(&pausers_inside, 1) != 0)
            atomic_fetch_add(&pausers_at_once, 1);
        for (int j = 0; j < 10; j++)
            sched_yield();
        if (moves_of(target) != before)
            atomic_fetch_add(&moved_in_pause, 1);
        atomic_fetch_sub(&pausers_inside, 1);
        vcpu_resume(&target->vcpu);
    }
    return unused;
}

static void *pause_all_again_and_again(void *unused)
{
    for (int i = 0; i < STRESS_ROUNDS; i++) {
        unsigned long before;

        pause_all_vcpus();
        before = moves();
        sched_yield();
        if (moves() != before)
            atomic_fetch_add(&moved_in_pause, 1);
        resume_all_vcpus();
    }
    return unused;
}

START_TEST(threads_that_pause_the_same_take_turns)
{
    pthread_t threads[4];

    begin_running_cpus(the_accel);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, pause_again_and_again, NULL);
    pthread_create(&threads[3], NULL, pause_all_again_and_again, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(atomic_load(&pausers_at_once), 0);
    ck_assert_uint_eq(atomic_load(&moved_in_pause), 0);
    for (unsigned i = 0; i < CPUS; i++)
        goes_on(&cpus[i]);
    end_cpus(CPUS);
}
END_TEST

START_TEST(a_vcpu_is_found_by_its_index)
{
    begin_running_cpus(the_accel);
    rcu_register_thread();
    rcu_read_lock();
    for (unsigned i = 0; i < CPUS; i++)
        ck_assert_ptr_eq(vcpu_find(cpus[i].vcpu.index), &cpus[i].vcpu);
    ck_assert_ptr_null(vcpu_find(CPUS));
    ck_assert_ptr_null(vcpu_find(VCPU_LIMIT));
    rcu_read_unlock();
    rcu_unregister_thread();
    end_cpus(CPUS);
    ck_assert_ptr_null(vcpu_find(0));
}
END_TEST

static void kick_target(int signal)
{
    (void)signal;
    cpu_exit(&target->vcpu);
}

/* It interrupts this thread anywhere, in cpu_exit() of the same vCPU as well. */
START_TEST(cpu_exit_may_be_called_in_a_signal_handler)
{
    struct sigaction action = {.sa_handler = kick_target, .sa_flags = SA_RESTART};
    struct itimerspec often = {{.tv_nsec = 100000}, {.tv_nsec = 100000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    timer_t timer;

    if (the_accel->shares)
        return; /* it takes a lock */
    begin_running_cpus(the_accel);
    sigaction(SIGUSR1, &action, NULL);
    ck_assert_int_eq(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    timer_settime(timer, 0, &often, NULL);
    for (int i = 0; i < 500; i++) {
        errno = EDOM;
        goes_on(target);
        ck_assert_int_eq(errno, EDOM);
    }
    timer_delete(timer);
    end_cpus(CPUS);
}
END_TEST

static void pause_in_vcpu(void)
{
    static struct vcpu cpu;

    become_new_vcpu(&cpu);
    vcpu_pause(&cpu);
}

static void pause_in_section(void)
{
    static struct vcpu cpu;

    add_vcpu(&cpu);
    rcu_register_thread();
    rcu_read_lock();
    vcpu_pause(&cpu);
}

static void pause_in_exclusive_section(void)
{
    static struct vcpu cpu;

    add_vcpu(&cpu);
    start_exclusive();
    vcpu_pause(&cpu);
}

static void pause_twice(void)
{
    static struct vcpu cpu;

    add_vcpu(&cpu);
    vcpu_pause(&cpu);
    vcpu_pause(&cpu);
}

static void pause_nobody(void)
{
    static struct vcpu cpu;

    vcpu_init(&cpu, NULL);
    vcpu_pause(&cpu);
}

static void resume_without(void)
{
    static struct vcpu cpu;

    add_vcpu(&cpu);
    vcpu_resume(&cpu);
}

static void remove_paused(void)
{
    static struct vcpu cpu;

    add_vcpu(&cpu);
    vcpu_pause(&cpu);
    vcpu_remove(&cpu);
}

static struct vcpu left;

static void *pause_and_end(void *unused)
{
    vcpu_pause(&left);
    return unused;
}

static void end_in_pause(void)
{
    pthread_t thread;

    add_vcpu(&left);
    pthread_create(&thread, NULL, pause_and_end, NULL);
    pthread_join(thread, NULL);
}

static const struct {
    void (*what)(void);
    const char *text;
} misuses[] = {
    {pause_in_vcpu, "vcpu_pause() in the thread of vCPU 0"},
    {pause_in_section, "vcpu_pause() inside a read section"},
    {pause_in_exclusive_section, "vcpu_pause() in an exclusive section"},
    {pause_twice, "vcpu_pause() of vCPU 0 by the thread that has paused it already"},
    {pause_nobody, "vcpu_pause() of a vCPU that is not in the list"},
    {resume_without, "vcpu_resume() of vCPU 0, which this thread has not paused"},
    {remove_paused, "vcpu_remove() of vCPU 0, which vcpu_pause() has paused"},
    {end_in_pause, "a thread ended with a vCPU paused"},
};
#define MISUSES (int)(sizeof misuses / sizeof *misuses)

START_TEST(misuse_is_diagnosed)
{
    dies_saying(misuses[_i].what, misuses[_i].text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pause one");
    TCase *c = add_case(suite, "standing still");

    tcase_add_loop_test(c, only_that_one_stands_still, 0, ACCELS);
    tcase_add_loop_test(c, it_goes_on_when_neither_kind_of_pause_is_on, 0, ACCELS);
    tcase_add_loop_test(c, work_of_the_pausing_thread_is_run_and_that_of_others_waits, 0, ACCELS);
    tcase_add_loop_test(c, one_that_starts_paused_starts_stopped, 0, ACCELS);
    tcase_add_loop_test(c, one_that_is_unplugged_ends, 0, ACCELS);
    tcase_add_loop_test(c, the_big_lock_is_let_go_of_while_it_waits, 0, ACCELS);
    tcase_add_loop_test(c, threads_that_pause_the_same_take_turns, 0, ACCELS);

    c = add_case(suite, "besides");
    tcase_add_loop_test(c, a_vcpu_is_found_by_its_index, 0, ACCELS);
    tcase_add_loop_test(c, cpu_exit_may_be_called_in_a_signal_handler, 0, ACCELS);

    c = add_case(suite, "misuse");
    tcase_add_loop_test(c, misuse_is_diagnosed, 0, MISUSES);
    return run_suite(suite);
}
