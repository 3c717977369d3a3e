/* Work: where, how and in which order it runs, as stillpoint/vcpu_work.h promises. vCPUs that ask
 * vCPUs and the end of one have files of their own, test_vcpu_work_*.c, and so have pauses. */
/* Left out of TWO_PHASE FENCE: queues and vCPUs wait for one another, not for grace periods. */
#include <stillpoint/vcpu.h>

#include "guests.h"
#include "vcpu_work.h"

#include <check.h>
#include <pthread.h>

/* ---- what the tests have in common ---- */

static bool somebody_executes(void)
{
    bool executes = false;

    for (unsigned i = 0; i < CPUS; i++)
        executes |= atomic_load_explicit(&cpus[i].executing, memory_order_relaxed);
    return executes;
}

/* ---- where and how it runs ---- */

struct sight {
    bool in_thread, is_current, big_lock, exclusive, in_section, ready;
    unsigned executing;
};

static void look_around(struct vcpu *cpu, void *data)
{
    struct sight *sight = data;

    *sight = (struct sight){
        .in_thread = gettid() == atomic_load(&test_cpu_of(cpu)->thread_id),
        .is_current = current_cpu == cpu,
        .big_lock = bql_locked(),
        .exclusive = in_exclusive_section(),
        .in_section = rcu_read_locked(),
    };
    for (int i = 0; i < 20; i++) {
        sight->executing += somebody_executes();
        sched_yield();
    }
    sight->ready = true;
}

START_TEST(run_on_cpu_runs_it_in_the_vcpus_thread_and_returns_after)
{
    begin_cpus(the_accel, CPUS);
    for (unsigned i = 0; i < 60; i++) {
        struct test_cpu *t = &cpus[i % CPUS];
        struct sight sight = {.ready = false};

        UNTIL(atomic_load(&t->events) > 0);
        ck_assert_int_eq(run_on_cpu(&t->vcpu, look_around, &sight), 0);
        ck_assert(sight.ready);
        ck_assert(sight.in_thread && sight.is_current);
        ck_assert(sight.big_lock == the_accel->big_lock);
        ck_assert(!sight.exclusive && !sight.in_section);
    }
    ck_assert_uint_eq(vcpu_stats_now().work_run, 60);
    ck_assert_uint_eq(vcpu_stats_now().safe_work_run, 0);
    end_cpus(CPUS);
}
END_TEST

static struct sight safe_sight;
static atomic_bool safe_done;

static void look_around_safely(struct vcpu *cpu, void *unused)
{
    (void)unused;
    look_around(cpu, &safe_sight);
    atomic_store(&safe_done, true);
}

START_TEST(safe_work_runs_while_nobody_executes_and_without_the_big_lock)
{
    begin_cpus(the_accel, CPUS);
    for (unsigned i = 0; i < 30; i++) {
        struct test_cpu *t = &cpus[i % CPUS];

        UNTIL(atomic_load(&t->events) > 0);
        atomic_store(&safe_done, false);
        ck_assert_int_eq(async_safe_run_on_cpu(&t->vcpu, look_around_safely, NULL), 0);
        UNTIL(atomic_load(&safe_done));
        ck_assert(safe_sight.exclusive);
        ck_assert_uint_eq(safe_sight.executing, 0);
        ck_assert(!safe_sight.big_lock && !safe_sight.in_section);
        ck_assert(safe_sight.in_thread && safe_sight.is_current);
    }
    end_cpus(CPUS);
    ck_assert_uint_eq(vcpu_stats_now().safe_work_run, 30);
    ck_assert_uint_eq(vcpu_stats_now().exclusive_sections, 30);
}
END_TEST

START_TEST(async_work_is_queued_while_the_vcpu_does_something_else)
{
    begin_cpus(the_accel, CPUS);
    ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, wait_at_gate, NULL), 0);
    UNTIL(atomic_load(&ran) == 1);
    ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, count_ran, NULL), 0);
    ck_assert_int_eq(async_safe_run_on_cpu(&cpus[0].vcpu, count_ran, NULL), 0);
    let_others_run();
    ck_assert_uint_eq(atomic_load(&ran), 1);
    atomic_store(&gate, true);
    UNTIL(atomic_load(&ran) == 3);
    end_cpus(CPUS);
}
END_TEST

START_TEST(work_waits_for_the_big_lock_but_for_user)
{
    begin_cpus(the_accel, CPUS);
    bql_lock();
    ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, count_ran, NULL), 0);
    if (the_accel->big_lock) {
        let_others_run();
        ck_assert_uint_eq(atomic_load(&ran), 0);
        bql_unlock();
        UNTIL(atomic_load(&ran) == 1);
    } else {
        UNTIL(atomic_load(&ran) == 1);
        bql_unlock();
    }
    end_cpus(CPUS);
}
END_TEST

static void take_big_lock(struct vcpu *cpu, void *data)
{
    (void)cpu;
    if (!bql_locked()) {
        bql_lock();
        bql_unlock();
    }
    *(bool *)data = true;
}

START_TEST(run_on_cpu_lets_go_of_the_big_lock_while_it_waits)
{
    begin_cpus(the_accel, CPUS);
    bql_lock();
    for (unsigned i = 0; i < 20; i++) {
        bool done = false;

        ck_assert_int_eq(run_on_cpu(&cpus[i % CPUS].vcpu, take_big_lock, &done), 0);
        ck_assert(done && bql_locked());
    }
    bql_unlock();
    end_cpus(CPUS);
}
END_TEST

/* ---- inline ---- */

static void note_inline(struct vcpu *cpu, void *data)
{
    (void)data;
    ck_assert_ptr_eq(current_cpu, cpu);
    ck_assert_uint_eq(atomic_load(&ran), 0);
    *(bool *)data = true;
}

/* What is queued runs after it. */
static void call_itself(struct vcpu *cpu, void *data)
{
    bool done = false;

    ck_assert_int_eq(async_run_on_cpu(cpu, count_ran, NULL), 0);
    ck_assert_int_eq(run_on_cpu(cpu, note_inline, &done), 0);
    ck_assert(done);
    ck_assert_uint_eq(atomic_load(&ran), 0);
    *(bool *)data = true;
}

START_TEST(a_vcpu_runs_its_own_at_once_and_before_what_is_queued)
{
    bool done = false;

    begin_cpus(the_accel, 1);
    ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, call_itself, &done), 0);
    ck_assert(done);
    UNTIL(atomic_load(&ran) == 1);
    end_cpus(1);
}
END_TEST

static void call_sibling(struct vcpu *cpu, void *data)
{
    struct vcpu *sibling = &cpus[1].vcpu;
    bool done = false;

    ck_assert_ptr_ne(cpu, sibling);
    ck_assert_int_eq(async_run_on_cpu(sibling, count_ran, NULL), 0);
    ck_assert_int_eq(run_on_cpu(sibling, note_inline, &done), 0);
    ck_assert(done);
    ck_assert_ptr_eq(current_cpu, cpu);
    *(bool *)data = true;
}

START_TEST(between_vcpus_of_one_thread_it_is_at_once)
{
    bool done = false;

    begin_cpus(&vcpu_accel_rr, CPUS);
    UNTIL(atomic_load(&cpus[1].events) > 0);
    ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, call_sibling, &done), 0);
    ck_assert(done);
    UNTIL(atomic_load(&ran) == 1);
    end_cpus(CPUS);
}
END_TEST

/* ---- order ---- */

#define TICKETS 150
static pthread_mutex_t ticket_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long next_ticket;
/* With a lock around it, so that the order of queueing is known. */
static void *queue_tickets(void *unused)
{
    for (unsigned i = 0; i < TICKETS; i++) {
        void *ticket;

        pthread_mutex_lock(&ticket_lock);
        ticket = (void *)next_ticket++;
        if (i % 16 == 5)
            ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, serve_ticket, ticket), 0);
        else if (i % 7 == 3)
            ck_assert_int_eq(async_safe_run_on_cpu(&cpus[0].vcpu, serve_ticket, ticket), 0);
        else
            ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, serve_ticket, ticket), 0);
        pthread_mutex_unlock(&ticket_lock);
    }
    return unused;
}

START_TEST(each_vcpu_runs_its_work_in_the_order_of_queueing)
{
    pthread_t threads[QUEUERS];

    begin_cpus(the_accel, CPUS);
    for (unsigned i = 0; i < QUEUERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, queue_tickets, NULL), 0);
    for (unsigned i = 0; i < QUEUERS; i++)
        pthread_join(threads[i], NULL);
    UNTIL(atomic_load(&ran) == QUEUERS * TICKETS);
    ck_assert_uint_eq(atomic_load(&wrong_order), 0);
    end_cpus(CPUS);
}
END_TEST

/* ---- misuse ---- */

static void call_another_from(void (*before)(void))
{
    static struct vcpu self, other;

    become_new_vcpu(&self);
    add_vcpu(&other);
    before();
    run_on_cpu(&other, count_ran, NULL);
}

static void call_while_executing(void)
{
    call_another_from(exec_start);
}

static void call_while_exclusive(void)
{
    call_another_from(section_start);
}

static void call_in_a_section(void)
{
    call_another_from(enter);
}

START_TEST(run_on_cpu_while_executing_is_diagnosed)
{
    dies_saying(call_while_executing, "run_on_cpu() between cpu_exec_start() and cpu_exec_end()");
}
END_TEST

START_TEST(run_on_cpu_in_an_exclusive_section_is_diagnosed)
{
    dies_saying(call_while_exclusive, "run_on_cpu() in an exclusive section");
}
END_TEST

START_TEST(run_on_cpu_in_a_read_section_is_diagnosed)
{
    dies_saying(call_in_a_section, "run_on_cpu() inside a read section");
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("vcpu work");
    TCase *c = add_case(suite, "running");

    tcase_add_loop_test(c, run_on_cpu_runs_it_in_the_vcpus_thread_and_returns_after, 0, ACCELS);
    tcase_add_loop_test(c, safe_work_runs_while_nobody_executes_and_without_the_big_lock, 0,
                        ACCELS);
    tcase_add_loop_test(c, async_work_is_queued_while_the_vcpu_does_something_else, 0, ACCELS);
    tcase_add_loop_test(c, work_waits_for_the_big_lock_but_for_user, 0, ACCELS);
    tcase_add_loop_test(c, run_on_cpu_lets_go_of_the_big_lock_while_it_waits, 0, ACCELS);
    tcase_add_loop_test(c, a_vcpu_runs_its_own_at_once_and_before_what_is_queued, 0, ACCELS);
    tcase_add_test(c, between_vcpus_of_one_thread_it_is_at_once);
    tcase_add_loop_test(c, each_vcpu_runs_its_work_in_the_order_of_queueing, 0, ACCELS);

    c = add_case(suite, "misuse");
    tcase_add_test(c, run_on_cpu_while_executing_is_diagnosed);
    tcase_add_test(c, run_on_cpu_in_an_exclusive_section_is_diagnosed);
    tcase_add_test(c, run_on_cpu_in_a_read_section_is_diagnosed);
    return run_suite(suite);
}
