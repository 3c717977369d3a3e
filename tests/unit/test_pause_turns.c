/* Pauses: what stillpoint/vcpu_work.h promises of several threads and vCPUs that pause. */
/* Left out of DEBUG TWO_PHASE M32 FENCE: none changes who has the turn or who stands still. */
#include <stillpoint/vcpu.h>

#include "pauses.h"

#include <check.h>
#include <pthread.h>

static void pause_first(void)
{
    pause_all_vcpus();
    note_turn(1);
    wait_at(&gate);
    while_paused(0);
    resume_all_vcpus();
}

START_TEST(pausers_have_their_turns_in_the_order_of_asking)
{
    struct actor first, second;

    begin_running_cpus(the_accel);
    hire(&first);
    hire(&second);
    for (int round = 0; round < 5; round++) {
        atomic_store(&order_count, 0);
        atomic_store(&gate, false);
        pause_all_vcpus();
        /* None is on its way to sleep with a lock that the first would sleep for. */
        for (unsigned i = 0; i < CPUS; i++)
            UNTIL(thread_sleeps(atomic_load(&cpus[i].vcpu.thread_id)));
        begin(&first, pause_first);
        wait_until_asleep(&first);
        begin(&second, pause_second);
        wait_until_asleep(&second);
        ck_assert_uint_eq(atomic_load(&order_count), 0);
        while_paused(0);
        resume_all_vcpus();
        UNTIL(atomic_load(&order_count) == 1);
        let_others_run();
        ck_assert_uint_eq(atomic_load(&order_count), 1);
        ck_assert_uint_eq(atomic_load(&order[0]), 1);
        atomic_store(&gate, true);
        finish(&first);
        finish(&second);
        ck_assert_uint_eq(atomic_load(&order[1]), 2);
    }
    ck_assert_uint_eq(atomic_load(&pausers_at_once), 0);
    ck_assert_uint_eq(atomic_load(&moved_in_pause), 0);
    dismiss(&first);
    dismiss(&second);
    end_cpus(CPUS);
}
END_TEST

static void pause_in_work(struct vcpu *cpu, void *unused)
{
    (void)unused;
    atomic_fetch_add(&ran, 1);
    wait_at(&gate);
    pause_all_vcpus();
    note_turn(3);
    while_paused(cpu == &cpus[0].vcpu ? 1 : CPUS);
    resume_all_vcpus();
}

/* It has begun its work before the first asks, and asks itself before it could stop. */
START_TEST(a_vcpu_that_waits_for_its_turn_to_pause_is_stopped)
{
    struct actor first;

    begin_running_cpus(the_accel);
    hire(&first);
    ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, pause_in_work, NULL), 0);
    UNTIL(atomic_load(&ran) == 1);
    begin(&first, pause_second);
    UNTIL(atomic_load(&cpus[0].vcpu.stop));
    ck_assert_uint_eq(atomic_load(&order_count), 0);
    atomic_store(&gate, true);
    UNTIL(atomic_load(&order_count) == 2);
    finish(&first);
    ck_assert_uint_eq(atomic_load(&order[0]), 2);
    ck_assert_uint_eq(atomic_load(&order[1]), 3);
    dismiss(&first);
    end_cpus(CPUS);
    /* After the pause of the vCPU's own. */
    ck_assert_uint_eq(atomic_load(&pausers_at_once), 0);
    ck_assert_uint_eq(atomic_load(&moved_in_pause), 0);
}
END_TEST

static void pause_only(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    pause_all_vcpus();
}

static void resume_only(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    resume_all_vcpus();
}

static unsigned long turns_of(struct test_cpu *t)
{
    return atomic_load(&t->blocks);
}

START_TEST(a_vcpu_that_pauses_goes_on_while_the_others_are_stopped)
{
    begin_running_cpus(the_accel);
    for (int round = 0; round < 5; round++) {
        unsigned long before, own, asked;

        ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, pause_only, NULL), 0);
        before = moves_from(1), own = turns_of(&cpus[0]);
        for (int i = 0; i < 3; i++) {
            asked = ask(&cpus[0]);
            UNTIL(has_acted(&cpus[0], asked));
            UNTIL(turns_of(&cpus[0]) > own);
            own = turns_of(&cpus[0]);
        }
        ask(&cpus[1]);
        let_others_run();
        ck_assert_uint_eq(moves_from(1), before);
        ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, resume_only, NULL), 0);
        UNTIL(has_acted(&cpus[1], atomic_load(&cpus[1].reasons)));
        own = turns_of(&cpus[2]), asked = ask(&cpus[2]);
        UNTIL(has_acted(&cpus[2], asked) && turns_of(&cpus[2]) > own);
    }
    end_cpus(CPUS);
}
END_TEST

static atomic_uint pauses_by_vcpus;

static void pause_as_vcpu(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    pause_all_vcpus();
    while_paused(CPUS); /* ours may go on */
    resume_all_vcpus();
    atomic_fetch_add(&pauses_done, 1);
    atomic_fetch_add(&pauses_by_vcpus, 1);
}

static atomic_bool stress_over;

static void *kick_always(void *unused)
{
    for (unsigned i = 0; !atomic_load(&stress_over); i++) {
        ask(&cpus[i % CPUS]);
        async_run_on_cpu(&cpus[(i + 1) % CPUS].vcpu, count_ran, NULL);
        if (i % 3 == 0)
            run_on_cpu(&cpus[i % CPUS].vcpu, count_ran, NULL);
        if (i % 5 == 0)
            async_safe_run_on_cpu(&cpus[(i + 2) % CPUS].vcpu, count_ran, NULL);
        sched_yield();
    }
    return unused;
}

START_TEST(threads_and_vcpus_may_all_pause_at_once)
{
    pthread_t pausers[2], kicker;

    begin_running_cpus(the_accel);
    ck_assert_int_eq(pthread_create(&kicker, NULL, kick_always, NULL), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&pausers[i], NULL, pause_as_thread, NULL), 0);
    for (int i = 0; i < STRESS_ROUNDS; i++) {
        for (unsigned c = 0; c < CPUS; c++)
            ck_assert_int_eq(async_run_on_cpu(&cpus[c].vcpu, pause_as_vcpu, NULL), 0);
        UNTIL(atomic_load(&pauses_by_vcpus) == (unsigned)(i + 1) * CPUS);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(pausers[i], NULL);
    UNTIL(atomic_load(&pauses_done) == STRESS_ROUNDS * (2 + CPUS));
    atomic_store(&stress_over, true);
    pthread_join(kicker, NULL);
    ck_assert_uint_eq(vcpu_stats_now().pauses, STRESS_ROUNDS * (2 + CPUS));
    ck_assert_uint_eq(atomic_load(&pausers_at_once), 0);
    ck_assert_uint_eq(atomic_load(&moved_in_pause), 0);
    end_cpus(CPUS);
}
END_TEST

/* The second of a vCPU may be queued while the first waits for its turn, or for others to stop. */
START_TEST(work_that_pauses_may_be_queued_twice_for_one_vcpu)
{
    pthread_t pauser;

    begin_running_cpus(the_accel);
    ck_assert_int_eq(pthread_create(&pauser, NULL, pause_as_thread, NULL), 0);
    for (unsigned i = 0; i < STRESS_ROUNDS * CPUS; i++) {
        for (unsigned c = 0; c < 2; c++)
            ck_assert_int_eq(async_run_on_cpu(&cpus[(i + c) % CPUS].vcpu, pause_as_vcpu, NULL), 0);
        sched_yield();
    }
    pthread_join(pauser, NULL);
    UNTIL(atomic_load(&pauses_by_vcpus) == 2 * STRESS_ROUNDS * CPUS);
    ck_assert_uint_eq(atomic_load(&pausers_at_once), 0);
    ck_assert_uint_eq(atomic_load(&moved_in_pause), 0);
    end_cpus(CPUS);
}
END_TEST

START_TEST(another_thread_may_resume)
{
    struct actor another;

    begin_running_cpus(&vcpu_accel_threads);
    hire(&another);
    pause_all_vcpus();
    make(&another, resume_all_vcpus);
    make_act(&cpus[0]);
    pause_all_vcpus();
    resume_all_vcpus();
    dismiss(&another);
    end_cpus(CPUS);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("pause turns");
    TCase *c = add_case(suite, "pausers");

    tcase_add_loop_test(c, pausers_have_their_turns_in_the_order_of_asking, 0, ACCELS);
    tcase_add_loop_test(c, a_vcpu_that_waits_for_its_turn_to_pause_is_stopped, 0, ACCELS);
    tcase_add_loop_test(c, a_vcpu_that_pauses_goes_on_while_the_others_are_stopped, 0, ACCELS);
    tcase_add_loop_test(c, threads_and_vcpus_may_all_pause_at_once, 0, ACCELS);
    tcase_add_loop_test(c, work_that_pauses_may_be_queued_twice_for_one_vcpu, 0, ACCELS);
    tcase_add_test(c, another_thread_may_resume);
    return run_suite(suite);
}
