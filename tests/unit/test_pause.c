/* Pauses: that nothing moves from pause_all_vcpus() to resume_all_vcpus(), vCPUs that come and go
 * included, and what misuse of them stillpoint/vcpu_work.h says is diagnosed. Who pauses and work
 * have files of their own, test_pause_*.c. */
/* Left out of DEBUG TWO_PHASE M32 FENCE: none changes who has the turn or who stands still. */
#include <stillpoint/vcpu.h>

#include "pauses.h"

#include <check.h>
#include <pthread.h>

/* ---- what stands still ---- */

static bool all_acted(unsigned long reason)
{
    bool acted = true;

    for (unsigned i = 0; i < CPUS; i++)
        acted &= has_acted(&cpus[i], reason);
    return acted;
}

START_TEST(nothing_moves_from_the_pause_to_the_resume)
{
    unsigned long work = 0;

    begin_running_cpus(the_accel);
    for (unsigned long round = 1; round <= 15; round++) {
        unsigned long before;

        for (unsigned i = 0; i < CPUS; i++) {
            ask(&cpus[i]);
            work += 2;
            ck_assert_int_eq(async_run_on_cpu(&cpus[i].vcpu, count_ran, NULL), 0);
            ck_assert_int_eq(async_safe_run_on_cpu(&cpus[i].vcpu, count_ran, NULL), 0);
        }
        pause_all_vcpus();
        before = moves();
        for (unsigned i = 0; i < CPUS; i++) {
            ask(&cpus[i]);
            work += 2;
            ck_assert_int_eq(async_run_on_cpu(&cpus[i].vcpu, count_ran, NULL), 0);
            ck_assert_int_eq(async_safe_run_on_cpu(&cpus[i].vcpu, count_ran, NULL), 0);
        }
        let_others_run();
        ck_assert_uint_eq(moves(), before);
        for (unsigned i = 0; i < CPUS; i++)
            ck_assert(!atomic_load(&cpus[i].vcpu.running));
        resume_all_vcpus();
        UNTIL(atomic_load(&ran) == work && all_acted(2 * round));
        for (unsigned i = 0; i < CPUS; i++) {
            unsigned long blocks = atomic_load(&cpus[i].blocks);

            UNTIL(atomic_load(&cpus[i].blocks) > blocks || is_inside(&cpus[i]));
        }
    }
    ck_assert_uint_eq(vcpu_stats_now().pauses, 15);
    end_cpus(CPUS);
}
END_TEST

START_TEST(idle_vcpus_stop_and_are_woken_after_the_resume_only)
{
    unsigned long before;

    for (unsigned i = 0; i < CPUS; i++)
        atomic_store(&cpus[i].halted, true);
    begin_cpus(the_accel, CPUS);
    for (unsigned i = 0; i < CPUS; i++)
        UNTIL(atomic_load(the_accel->idles ? &cpus[i].idle_calls : &cpus[i].blocks) > 0);
    pause_all_vcpus();
    before = moves();
    for (unsigned i = 0; i < CPUS; i++) {
        atomic_store(&cpus[i].halted, false);
        ask(&cpus[i]);
    }
    let_others_run();
    ck_assert_uint_eq(moves(), before);
    ck_assert_uint_eq(vcpu_stats_now().pauses, 1);
    resume_all_vcpus();
    UNTIL(all_acted(1));
    for (unsigned i = 0; i < CPUS; i++)
        UNTIL(atomic_load(&cpus[i].blocks) > 0);
    end_cpus(CPUS);
}
END_TEST

START_TEST(a_pause_without_vcpus_returns)
{
    pause_all_vcpus();
    resume_all_vcpus();
    plug(&cpus[0], &vcpu_accel_threads);
    pause_all_vcpus();
    resume_all_vcpus();
    vcpu_remove(&cpus[0].vcpu);
    vcpu_destroy(&cpus[0].vcpu);
}
END_TEST

START_TEST(a_pause_lets_go_of_the_big_lock_while_it_waits)
{
    begin_running_cpus(the_accel);
    for (unsigned i = 0; i < 10; i++) {
        for (unsigned c = 0; c < CPUS; c++)
            ck_assert_int_eq(async_run_on_cpu(&cpus[c].vcpu, count_ran, NULL), 0);
        bql_lock();
        pause_all_vcpus();
        ck_assert(bql_locked());
        resume_all_vcpus();
        bql_unlock();
    }
    end_cpus(CPUS);
}
END_TEST

START_TEST(exclusive_sections_work_during_a_pause)
{
    unsigned long before;

    begin_running_cpus(the_accel);
    pause_all_vcpus();
    before = moves();
    for (unsigned i = 0; i < 5; i++) {
        start_exclusive();
        ck_assert(in_exclusive_section());
        end_exclusive();
    }
    let_others_run();
    ck_assert_uint_eq(moves(), before);
    resume_all_vcpus();
    start_exclusive();
    end_exclusive();
    end_cpus(CPUS);
}
END_TEST

/* ---- vCPUs that come and go ---- */

START_TEST(a_vcpu_that_starts_during_a_pause_starts_stopped)
{
    struct test_cpu *t = &cpus[2];
    unsigned long before;

    begin_cpus(the_accel, 2);
    UNTIL(atomic_load(&cpus[0].blocks) > 0 && atomic_load(&cpus[1].blocks) > 0);
    pause_all_vcpus();
    before = moves();
    plug(t, the_accel);
    ck_assert_int_eq(async_run_on_cpu(&t->vcpu, count_ran, NULL), 0);
    start(t);
    UNTIL(atomic_load(&t->vcpu.thread_id) != 0);
    let_others_run();
    ck_assert_uint_eq(moves(), before);
    ck_assert_int_eq(run_on_cpu(&t->vcpu, count_ran, NULL), 0);
    ck_assert_uint_eq(moves(), before + 2);
    resume_all_vcpus();
    UNTIL(atomic_load(&t->blocks) > 0);
    /* The next pause counts it like the others. */
    pause_all_vcpus();
    before = moves();
    let_others_run();
    ck_assert_uint_eq(moves(), before);
    resume_all_vcpus();
    end_cpus(CPUS);
}
END_TEST

START_TEST(a_vcpu_that_is_unplugged_during_a_pause_runs_its_work_and_ends)
{
    unsigned long before;

    begin_running_cpus(the_accel);
    pause_all_vcpus();
    before = moves_from(1);
    ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, count_ran, NULL), 0);
    ck_assert_int_eq(async_safe_run_on_cpu(&cpus[0].vcpu, count_ran, NULL), 0);
    end(&cpus[0]);
    ck_assert_uint_eq(atomic_load(&ran), 2);
    vcpu_remove(&cpus[0].vcpu);
    ck_assert_uint_eq(moves_from(1), before + 2);
    resume_all_vcpus();
    make_act(&cpus[1]);
    vcpu_destroy(&cpus[0].vcpu);
    plug(&cpus[0], the_accel);
    start(&cpus[0]);
    end_cpus(CPUS);
}
END_TEST

/* One that ends before it has stopped is not waited for. */
START_TEST(a_vcpu_that_ends_while_a_pause_begins_counts_as_stopped)
{
    struct actor pauser;

    begin_running_cpus(the_accel);
    hire(&pauser);
    ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, wait_at_gate, NULL), 0);
    UNTIL(atomic_load(&ran) == 1);
    begin(&pauser, pause_second);
    UNTIL(atomic_load(&cpus[0].vcpu.stop));
    vcpu_unplug(&cpus[0].vcpu);
    atomic_store(&gate, true);
    finish(&pauser);
    dismiss(&pauser);
    end_cpus(CPUS);
}
END_TEST

START_TEST(vcpus_may_come_and_go_while_others_pause)
{
    pthread_t pausers[2];

    begin_cpus(the_accel, 2);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&pausers[i], NULL, pause_as_thread, NULL), 0);
    for (int i = 0; i < STRESS_ROUNDS || atomic_load(&pauses_done) < 2 * STRESS_ROUNDS; i++) {
        plug(&cpus[2], the_accel);
        start(&cpus[2]);
        if (i % 2 == 0)
            ck_assert_int_eq(run_on_cpu(&cpus[2].vcpu, count_ran, NULL), 0);
        unplug(&cpus[2]);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(pausers[i], NULL);
    ck_assert_uint_eq(atomic_load(&pausers_at_once), 0);
    end_cpus(2);
}
END_TEST

/* ---- misuse ---- */

static void resume_without_pause(void)
{
    resume_all_vcpus();
}

static void resume_twice(void)
{
    pause_all_vcpus();
    resume_all_vcpus();
    resume_all_vcpus();
}

static void pause_twice(void)
{
    pause_all_vcpus();
    pause_all_vcpus();
}

static void pause_while_executing(void)
{
    static struct vcpu self;

    become_new_vcpu(&self);
    cpu_exec_start(&self);
    pause_all_vcpus();
}

static void pause_while_exclusive(void)
{
    start_exclusive();
    pause_all_vcpus();
}

static void pause_in_a_section(void)
{
    rcu_register_thread();
    rcu_read_lock();
    pause_all_vcpus();
}

static const struct {
    void (*function)(void);
    const char *text;
} misuses[] = {
    {resume_without_pause, "resume_all_vcpus() while no pause is on"},
    {resume_twice, "resume_all_vcpus() while no pause is on"},
    {pause_twice, "pause_all_vcpus() by the thread that has paused them already"},
    {pause_while_executing, "pause_all_vcpus() between cpu_exec_start() and cpu_exec_end()"},
    {pause_while_exclusive, "pause_all_vcpus() in an exclusive section"},
    {pause_in_a_section, "pause_all_vcpus() inside a read section"},
};
#define MISUSES 6

START_TEST(misuse_is_diagnosed)
{
    dies_saying(misuses[_i].function, misuses[_i].text);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("pause");
    TCase *c = add_case(suite, "standing still");

    tcase_add_loop_test(c, nothing_moves_from_the_pause_to_the_resume, 0, ACCELS);
    tcase_add_loop_test(c, idle_vcpus_stop_and_are_woken_after_the_resume_only, 0, ACCELS);
    tcase_add_test(c, a_pause_without_vcpus_returns);
    tcase_add_loop_test(c, a_pause_lets_go_of_the_big_lock_while_it_waits, 0, ACCELS);
    tcase_add_loop_test(c, exclusive_sections_work_during_a_pause, 0, ACCELS);

    c = add_case(suite, "hot-plug");
    tcase_add_loop_test(c, a_vcpu_that_starts_during_a_pause_starts_stopped, 0, ACCELS);
    tcase_add_loop_test(c, a_vcpu_that_is_unplugged_during_a_pause_runs_its_work_and_ends, 0,
                        ACCELS);
    tcase_add_loop_test(c, a_vcpu_that_ends_while_a_pause_begins_counts_as_stopped, 0, ACCELS);
    tcase_add_loop_test(c, vcpus_may_come_and_go_while_others_pause, 0, ACCELS);

    c = add_case(suite, "misuse");
    tcase_add_loop_test(c, misuse_is_diagnosed, 0, MISUSES);
    return run_suite(suite);
}
