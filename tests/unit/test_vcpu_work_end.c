/* Work at the beginning and at the end of a vCPU: what stillpoint/vcpu_work.h promises of what is
 * left then, or refused; and that work which calls for more has the big lock. */
/* Left out of TWO_PHASE FENCE: queues and vCPUs wait for one another, not for grace periods. */
#include <stillpoint/vcpu.h>

#include "guests.h"
#include "vcpu_work.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>

/* ---- beginning and end ---- */

static struct test_cpu *called;

static void call_it(void)
{
    ck_assert_int_eq(run_on_cpu(&called->vcpu, serve_ticket, (void *)2), 0);
}

static void count_exclusive(struct vcpu *cpu, void *data)
{
    ck_assert(in_exclusive_section() && !bql_locked());
    serve_ticket(cpu, data);
}

START_TEST(the_work_of_a_vcpu_that_never_ran_is_run_by_its_removal)
{
    struct actor caller;

    if (the_accel->shares)
        begin_rr(MS_NS);
    hire(&caller);
    called = &cpus[0];
    plug(called, the_accel);
    ck_assert_int_eq(async_run_on_cpu(&called->vcpu, serve_ticket, (void *)0), 0);
    ck_assert_int_eq(async_safe_run_on_cpu(&called->vcpu, count_exclusive, (void *)1), 0);
    begin_and_wait_to_queue(&caller, call_it, &called->vcpu);
    ck_assert_int_eq(async_run_on_cpu(&called->vcpu, serve_ticket, (void *)3), 0);
    let_others_run();
    ck_assert_uint_eq(atomic_load(&ran), 0);
    ck_assert(is_busy(&caller));
    vcpu_remove(&called->vcpu);
    finish(&caller);
    ck_assert_uint_eq(atomic_load(&ran), 4);
    ck_assert_uint_eq(atomic_load(&wrong_order), 0);
    ck_assert_int_eq(async_run_on_cpu(&called->vcpu, count_ran, NULL), -ESHUTDOWN);
    vcpu_destroy(&called->vcpu);
    dismiss(&caller);
    if (the_accel->shares)
        end_rr();
}
END_TEST

static void is_refused(struct vcpu *cpu)
{
    ck_assert_int_eq(run_on_cpu(cpu, count_ran, NULL), -ESHUTDOWN);
    ck_assert_int_eq(async_run_on_cpu(cpu, count_ran, NULL), -ESHUTDOWN);
    ck_assert_int_eq(async_safe_run_on_cpu(cpu, count_ran, NULL), -ESHUTDOWN);
}

static void call_one_that_ended(struct vcpu *cpu, void *data)
{
    (void)cpu;
    is_refused(data);
}

/* Though the thread that asks is the one that would run it. */
START_TEST(work_for_one_of_the_same_thread_that_has_ended_is_refused)
{
    begin_cpus(&vcpu_accel_rr, 2);
    end(&cpus[1]);
    ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, call_one_that_ended, &cpus[1].vcpu), 0);
    ck_assert_uint_eq(atomic_load(&ran), 0);
    end_cpus(2);
}
END_TEST

static void run_more_of_its_own(struct vcpu *cpu, void *unused)
{
    ck_assert_int_eq(run_on_cpu(cpu, count_ran, unused), 0);
}

START_TEST(work_that_is_left_to_the_removal_may_call_for_more)
{
    struct test_cpu *t = &cpus[0];

    vcpu_init(&t->vcpu, NULL);
    ck_assert_int_eq(vcpu_add(&t->vcpu), 0);
    ck_assert_int_eq(async_run_on_cpu(&t->vcpu, run_more_of_its_own, NULL), 0);
    vcpu_remove(&t->vcpu);
    ck_assert_uint_eq(atomic_load(&ran), 1);
    vcpu_destroy(&t->vcpu);
}
END_TEST

static void pause_and_resume(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    pause_all_vcpus();
    count_ran(NULL, NULL);
    resume_all_vcpus();
}

static void pause_in_work_of_its_own(struct vcpu *cpu, void *unused)
{
    ck_assert_int_eq(run_on_cpu(cpu, pause_and_resume, unused), 0);
}

static void remove_another(struct vcpu *cpu, void *other)
{
    (void)cpu;
    vcpu_remove(other);
}

START_TEST(a_vcpu_that_removes_another_may_pause_in_the_work_that_is_left)
{
    struct vcpu *other = &cpus[1].vcpu;

    begin_cpus(&vcpu_accel_threads, 1);
    plug(&cpus[1], &vcpu_accel_threads);
    ck_assert_int_eq(async_run_on_cpu(other, pause_in_work_of_its_own, NULL), 0);
    ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, remove_another, other), 0);
    ck_assert_uint_eq(atomic_load(&ran), 1);
    vcpu_destroy(other);
    end_cpus(1);
}
END_TEST

START_TEST(work_is_refused_before_the_vcpu_is_added_and_after_it_has_ended)
{
    struct test_cpu *t = &cpus[0];

    vcpu_init(&t->vcpu, NULL);
    is_refused(&t->vcpu);
    vcpu_destroy(&t->vcpu);
    begin_cpus(the_accel, 1);
    ck_assert_int_eq(run_on_cpu(&t->vcpu, count_ran, NULL), 0);
    end(t);
    is_refused(&t->vcpu);
    vcpu_remove(&t->vcpu);
    is_refused(&t->vcpu);
    ck_assert_uint_eq(atomic_load(&ran), 1);
    vcpu_destroy(&t->vcpu);
    if (the_accel->shares)
        end_rr();
}
END_TEST

START_TEST(a_vcpu_that_ends_runs_what_is_queued)
{
    begin_cpus(the_accel, CPUS);
    ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, wait_at_gate, NULL), 0);
    UNTIL(atomic_load(&ran) == 1);
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_int_eq(i % 2 == 0 ? async_run_on_cpu(&cpus[0].vcpu, count_ran, NULL)
                                    : async_safe_run_on_cpu(&cpus[0].vcpu, count_ran, NULL),
                         0);
    }
    vcpu_unplug(&cpus[0].vcpu);
    atomic_store(&gate, true);
    end(&cpus[0]);
    ck_assert_uint_eq(atomic_load(&ran), 11);
    end_cpus(CPUS);
}
END_TEST

#define LIVES 40
static struct test_cpu lives[LIVES];
static atomic_uint living;
static atomic_ulong accepted, refused, run_late;
static atomic_bool stress_over;

static void run_in_life(struct vcpu *cpu, void *unused)
{
    (void)unused;
    if (atomic_load(&test_cpu_of(cpu)->halted))
        atomic_fetch_add(&run_late, 1); /* it was removed before */
    atomic_fetch_add(&ran, 1);
}

static void *queue_always(void *data)
{
    for (unsigned i = (unsigned)(unsigned long)data; !atomic_load(&stress_over); i++) {
        struct vcpu *cpu = &lives[atomic_load(&living)].vcpu;
        int result;

        result = i % 3 == 0   ? run_on_cpu(cpu, run_in_life, NULL)
                 : i % 3 == 1 ? async_run_on_cpu(cpu, run_in_life, NULL)
                              : async_safe_run_on_cpu(cpu, run_in_life, NULL);
        ck_assert(result == 0 || result == -ESHUTDOWN);
        atomic_fetch_add(result == 0 ? &accepted : &refused, 1);
    }
    return NULL;
}

/* They are all there until the end, so that nobody asks one that is freed. */
START_TEST(work_that_races_with_the_end_is_run_once_or_refused)
{
    unsigned long plain, safe;
    pthread_t threads[QUEUERS];
    struct vcpu_config config = {.accel = the_accel, .guest = &test_guest};

    if (the_accel->shares) {
        begin_rr(MS_NS);
        config.rr = &the_rr;
    }
    for (unsigned i = 0; i < LIVES; i++) {
        config.data = &lives[i];
        vcpu_init(&lives[i].vcpu, &config);
    }
    for (unsigned long i = 0; i < QUEUERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, queue_always, (void *)i), 0);
    for (unsigned i = 0; i < LIVES; i++) {
        ck_assert_int_eq(vcpu_add(&lives[i].vcpu), 0);
        atomic_store(&living, i);
        /* Every fourth is removed without having run. */
        if (i % 4 != 3) {
            unsigned before = atomic_load(&ran);

            start(&lives[i]);
            UNTIL(atomic_load(&ran) >= before + 5);
            end(&lives[i]);
        }
        vcpu_remove(&lives[i].vcpu);
        atomic_store(&lives[i].halted, true);
    }
    /* The last one refuses all that comes; nothing says that any came so far. */
    UNTIL(atomic_load(&refused) > 0);
    atomic_store(&stress_over, true);
    for (unsigned i = 0; i < QUEUERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(atomic_load(&ran), atomic_load(&accepted));
    ck_assert_uint_eq(atomic_load(&run_late), 0);
    plain = vcpu_stats_now().work_run, safe = vcpu_stats_now().safe_work_run;
    ck_assert_uint_eq(plain, atomic_load(&accepted));
    ck_assert_uint_le(safe, plain);
    for (unsigned i = 0; i < LIVES; i++)
        vcpu_destroy(&lives[i].vcpu);
    if (the_accel->shares)
        end_rr();
}
END_TEST

static void *queue_to_all(void *unused)
{
    rcu_register_thread();
    for (unsigned i = 0; !atomic_load(&stress_over); i++) {
        struct vcpu *cpu;

        rcu_read_lock();
        VCPU_FOREACH(cpu)
        {
            int result = i % 4 == 0 ? async_safe_run_on_cpu(cpu, count_ran, NULL)
                                    : async_run_on_cpu(cpu, count_ran, NULL);

            ck_assert(result == 0 || result == -ESHUTDOWN);
            atomic_fetch_add(result == 0 ? &accepted : &refused, 1);
        }
        rcu_read_unlock();
        UNTIL(atomic_load(&accepted) - atomic_load(&ran) < 50);
    }
    rcu_unregister_thread();
    return unused;
}

START_TEST(a_vcpu_that_is_found_in_the_list_may_be_given_work_until_it_is_freed)
{
    pthread_t thread;

    begin_cpus(the_accel, 1);
    ck_assert_int_eq(pthread_create(&thread, NULL, queue_to_all, NULL), 0);
    for (unsigned i = 0; i < 25; i++) {
        struct test_cpu *t = aligned_alloc(RCU_CACHE_LINE, sizeof *t);
        unsigned before = atomic_load(&ran);

        memset(t, 0, sizeof *t);
        plug(t, the_accel);
        start(t);
        UNTIL(atomic_load(&ran) >= before + 4);
        end(t);
        vcpu_remove(&t->vcpu);
        synchronize_rcu();
        vcpu_destroy(&t->vcpu);
        memset(t, 0x5a, sizeof *t);
        free(t);
    }
    atomic_store(&stress_over, true);
    pthread_join(thread, NULL);
    end_cpus(1);
    ck_assert_uint_eq(atomic_load(&ran), atomic_load(&accepted));
}
END_TEST

/* ---- the big lock ---- */

static atomic_uint ran_without_lock;

static void look_at_lock(struct vcpu *cpu, void *unused)
{
    if (!bql_locked())
        atomic_fetch_add(&ran_without_lock, 1);
    count_ran(cpu, unused); /* last: it is what tests wait for */
}

/* Has work of its own run in the wait. */
static void wait_without_the_lock(struct vcpu *cpu, void *other)
{
    bql_unlock();
    ck_assert_int_eq(async_run_on_cpu(cpu, look_at_lock, NULL), 0);
    ck_assert_int_eq(run_on_cpu(other, look_at_lock, NULL), 0);
    bql_lock();
}

START_TEST(work_has_the_big_lock_also_in_a_wait_that_has_not)
{
    begin_cpus(&vcpu_accel_threads, 2);
    for (unsigned i = 1; i <= 100; i++) {
        ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, wait_without_the_lock, &cpus[1].vcpu), 0);
        UNTIL(atomic_load(&ran) == 2 * i);
    }
    ck_assert_uint_eq(atomic_load(&ran_without_lock), 0);
    end_cpus(2);
}
END_TEST

static void call_for_itself(struct vcpu *cpu, void *unused)
{
    ck_assert_int_eq(run_on_cpu(cpu, look_at_lock, unused), 0);
}

START_TEST(work_has_the_big_lock_also_when_safe_work_calls_for_it)
{
    begin_cpus(the_accel, 1);
    ck_assert_int_eq(async_safe_run_on_cpu(&cpus[0].vcpu, call_for_itself, NULL), 0);
    UNTIL(atomic_load(&ran) == 1);
    ck_assert_uint_eq(atomic_load(&ran_without_lock), the_accel->big_lock ? 0 : 1);
    end_cpus(1);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("vcpu work end");
    TCase *c = add_case(suite, "beginning and end");

    tcase_add_test(c, work_for_one_of_the_same_thread_that_has_ended_is_refused);
    tcase_add_loop_test(c, the_work_of_a_vcpu_that_never_ran_is_run_by_its_removal, 0, ACCELS);
    tcase_add_test(c, work_that_is_left_to_the_removal_may_call_for_more);
    tcase_add_test(c, work_has_the_big_lock_also_in_a_wait_that_has_not);
    tcase_add_loop_test(c, work_has_the_big_lock_also_when_safe_work_calls_for_it, 0, ACCELS);
    tcase_add_test(c, a_vcpu_that_removes_another_may_pause_in_the_work_that_is_left);
    tcase_add_loop_test(c, work_is_refused_before_the_vcpu_is_added_and_after_it_has_ended, 0,
                        ACCELS);
    tcase_add_loop_test(c, a_vcpu_that_ends_runs_what_is_queued, 0, ACCELS);
    tcase_add_loop_test(c, work_that_races_with_the_end_is_run_once_or_refused, 0, ACCELS);
    tcase_add_loop_test(c, a_vcpu_that_is_found_in_the_list_may_be_given_work_until_it_is_freed, 0,
                        ACCELS);
    return run_suite(suite);
}
