/* rr: vCPUs that come and go while others share their thread, and work between threads. */
/* Left out of DEBUG TWO_PHASE M32 FENCE: none changes who has the turn or who stands still. */
/* Left out of AARCH64: QEMU 7.2 aborts in the child of a fork with threads that starts one. */
#include <stillpoint/vcpu.h>

#include "child.h"
#include "rr_turns.h"

#include <check.h>

/* ---- coming and going ---- */

START_TEST(vcpus_may_be_added_before_the_thread_runs)
{
    vcpu_rr_init(&the_rr, MS_NS);
    plug_in(0, 2);
    ask(&cpus[0]);
    hire(&rr_actor);
    begin(&rr_actor, rr_job);
    until_it_runs(0);
    until_it_runs(1);
    end_test(2);
}
END_TEST

START_TEST(vcpus_may_be_added_and_unplugged_in_anybodys_turn)
{
    begin_test(HOUR_NS, 1);
    until_it_runs(0);
    for (int i = 0; i < 30; i++) {
        /* It is served at once; its turn comes after the one that was ended for it. */
        plug_in(1, 1);
        UNTIL(atomic_load(&cpus[1].events) > 0);
        until_it_runs(1);
        if (i % 2 == 0) {
            ask(&cpus[0]);
            until_it_runs(0);
        }
        unplug(&cpus[1]);
        atomic_store(&cpus[1].events, 0);
        until_it_runs(0);
    }
    no_timer_kicks();
    end_test(1);
}
END_TEST

START_TEST(vcpus_may_be_added_and_unplugged_while_all_idle)
{
    for (unsigned i = 0; i < CPUS; i++)
        atomic_store(&cpus[i].halted, true);
    begin_test(HOUR_NS, 0);
    for (int i = 0; i < 30; i++) {
        UNTIL(is_asleep(&rr_actor));
        plug_in(0, CPUS);
        make_act(&cpus[2]);
        for (unsigned c = 0; c < CPUS; c++) {
            UNTIL(is_asleep(&rr_actor));
            unplug(&cpus[(c + (unsigned)i) % CPUS]);
        }
    }
    end_rr();
}
END_TEST

static void wait_with_the_big_lock(void)
{
    bql_lock();
    vcpu_rr_wait(&the_rr, &cpus[0].vcpu);
    ck_assert(bql_locked());
    bql_unlock();
}

START_TEST(vcpu_rr_wait_waits_for_the_end_and_lets_go_of_the_big_lock)
{
    struct actor waiter;

    begin_test(HOUR_NS, 2);
    UNTIL(blocks_of(0) + blocks_of(1) > 10);
    hire(&waiter);
    begin(&waiter, wait_with_the_big_lock);
    wait_until_asleep(&waiter);
    bql_lock();
    let_others_run();
    ck_assert(is_busy(&waiter));
    bql_unlock();
    make_act(&cpus[1]);
    ck_assert(is_busy(&waiter));
    vcpu_unplug(&cpus[0].vcpu);
    finish(&waiter);
    ck_assert_int_eq(atomic_load(&cpus[0].vcpu.thread_id), 0);
    dismiss(&waiter);
    end_test(2);
}
END_TEST

START_TEST(the_loop_ends_without_any_vcpu)
{
    begin_test(0, 0);
    if (_i == 0)
        UNTIL(is_asleep(&rr_actor));
    end_rr();
}
END_TEST

START_TEST(the_loop_does_not_end_before_the_last_vcpu)
{
    begin_test(HOUR_NS, 2);
    vcpu_rr_end(&the_rr);
    make_act(&cpus[1]);
    UNTIL(blocks_of(0) + blocks_of(1) > 10);
    let_others_run();
    ck_assert(is_busy(&rr_actor));
    end_test(2);
}
END_TEST

START_TEST(the_loop_ends_when_the_last_vcpu_ends_after_vcpu_rr_end)
{
    for (int i = 0; i < 20; i++) {
        atomic_store(&cpus[0].halted, i % 2 == 0);
        begin_test(HOUR_NS, 2);
        make_act(&cpus[0]);
        vcpu_rr_end(&the_rr);
        vcpu_unplug(&cpus[0].vcpu);
        vcpu_unplug(&cpus[1].vcpu);
        finish(&rr_actor);
        dismiss(&rr_actor);
        for (unsigned c = 0; c < 2; c++) {
            cpus[c].has_ended = true;
            unplug(&cpus[c]);
        }
        vcpu_rr_destroy(&the_rr);
    }
}
END_TEST

/* ---- work between threads ---- */

static struct vcpu_rr second_rr;
static struct test_cpu second_cpus[2];

static void second_rr_job(void)
{
    rcu_register_thread();
    vcpu_rr_run(&second_rr);
    rcu_unregister_thread();
}

/* Its siblings are asked from the other thread meanwhile. */
static void call_the_other_thread(struct vcpu *cpu, void *data)
{
    struct vcpu *others = data;

    ck_assert_int_eq(run_on_cpu(others, count_ran, NULL), 0);
    ck_assert_ptr_eq(current_cpu, cpu);
    ck_assert(bql_locked());
}

START_TEST(vcpus_of_two_threads_may_run_on_one_another)
{
    struct actor second;

    begin_test(MS_NS, 2);
    vcpu_rr_init(&second_rr, MS_NS);
    hire(&second);
    begin(&second, second_rr_job);
    for (unsigned i = 0; i < 2; i++) {
        struct vcpu_config config = {.accel = &vcpu_accel_rr,
                                     .guest = &test_guest,
                                     .data = &second_cpus[i],
                                     .rr = &second_rr};

        vcpu_init(&second_cpus[i].vcpu, &config);
        ck_assert_int_eq(vcpu_add(&second_cpus[i].vcpu), 0);
        vcpu_rr_add(&second_rr, &second_cpus[i].vcpu);
    }
    for (unsigned i = 0; i < 100; i++) {
        struct vcpu *left = &cpus[i % 2].vcpu, *right = &second_cpus[i / 2 % 2].vcpu;
        struct vcpu *left_sibling = &cpus[(i + 1) % 2].vcpu;

        ck_assert_int_eq(async_run_on_cpu(left, call_the_other_thread, right), 0);
        ck_assert_int_eq(async_run_on_cpu(right, call_the_other_thread, left_sibling), 0);
        UNTIL(atomic_load(&ran) == 2 * (i + 1));
    }
    for (unsigned i = 0; i < 2; i++) {
        vcpu_unplug(&second_cpus[i].vcpu);
        vcpu_rr_wait(&second_rr, &second_cpus[i].vcpu);
        vcpu_remove(&second_cpus[i].vcpu);
        vcpu_destroy(&second_cpus[i].vcpu);
    }
    vcpu_rr_end(&second_rr);
    finish(&second);
    dismiss(&second);
    vcpu_rr_destroy(&second_rr);
    end_test(2);
}
END_TEST

static void call_and_count(struct vcpu *cpu, void *data)
{
    (void)cpu;
    ck_assert_int_eq(run_on_cpu(data, wait_at_gate, NULL), 0);
    atomic_fetch_add(&ran, 1);
}

/* One that is new while the thread waits is taken in by the wait: work of another's may be for
 * it. */
START_TEST(a_thread_that_waits_for_work_takes_in_and_serves_all_its_vcpus)
{
    struct test_cpu *helper = &cpus[2];

    begin_test(HOUR_NS, 1);
    plug(helper, &vcpu_accel_threads);
    start(helper);
    ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, call_and_count, &helper->vcpu), 0);
    UNTIL(atomic_load(&ran) == 1);
    plug_in(1, 1);
    ck_assert_int_eq(run_on_cpu(&cpus[1].vcpu, count_ran, NULL), 0);
    ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, count_ran, NULL), 0);
    ck_assert_uint_eq(atomic_load(&ran), 3);
    ck_assert_uint_eq(blocks_of(1), 0);
    atomic_store(&gate, true);
    UNTIL(atomic_load(&ran) == 4);
    UNTIL(atomic_load(&cpus[1].events) > 0);
    unplug(helper);
    end_test(2);
}
END_TEST

/* ---- fork ---- */

static pid_t parent;
static atomic_bool forks;

/* In events() of the first of two. */
static void fork_once(struct vcpu *cpu)
{
    (void)cpu;
    if (!atomic_exchange(&forks, false) || !forked())
        return;
    vcpu_fork_child();
    for (unsigned i = 0; i < 2; i++)
        atomic_store(&cpus[i].blocks, 0);
}

/* The child ends when both have had turns, which the timer ends. */
static void end_the_child(struct vcpu *cpu)
{
    (void)cpu;
    if (getpid() != parent && blocks_of(0) > 10 && blocks_of(1) > 10)
        _exit(EXIT_SUCCESS);
}

START_TEST(all_go_on_in_the_child_of_their_thread)
{
    parent = getpid();
    cpus[0].on_events = fork_once;
    cpus[1].on_events = end_the_child;
    begin_test(MS_NS, 2);
    until_it_runs(0);
    until_it_runs(1);
    atomic_store(&forks, true);
    make_act(&cpus[0]);
    UNTIL(!atomic_load(&forks));
    until_it_runs(1);
    end_test(2);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("rr life");
    TCase *c = add_case(suite, "coming and going");
    tcase_add_test(c, vcpus_may_be_added_before_the_thread_runs);
    tcase_add_test(c, vcpus_may_be_added_and_unplugged_in_anybodys_turn);
    tcase_add_test(c, vcpus_may_be_added_and_unplugged_while_all_idle);
    tcase_add_test(c, vcpu_rr_wait_waits_for_the_end_and_lets_go_of_the_big_lock);
    tcase_add_loop_test(c, the_loop_ends_without_any_vcpu, 0, 2);
    tcase_add_test(c, the_loop_does_not_end_before_the_last_vcpu);
    tcase_add_test(c, the_loop_ends_when_the_last_vcpu_ends_after_vcpu_rr_end);

    c = add_case(suite, "work");
    tcase_add_test(c, vcpus_of_two_threads_may_run_on_one_another);
    tcase_add_test(c, a_thread_that_waits_for_work_takes_in_and_serves_all_its_vcpus);

    c = add_case(suite, "fork");
    tcase_add_test(c, all_go_on_in_the_child_of_their_thread);
    return run_suite(suite);
}
