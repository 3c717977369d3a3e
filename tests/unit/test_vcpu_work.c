/* Work: what stillpoint/vcpu_work.h promises but for pauses, which have a file of their own,
 * test_pause.c. */
#include <stillpoint/vcpu.h>

#include "actor.h"
#include "guests.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>

/* ---- what the tests have in common ---- */

static atomic_uint ran;
static atomic_bool gate;

static void count_ran(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    atomic_fetch_add(&ran, 1);
}

static void wait_at_gate(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    atomic_fetch_add(&ran, 1);
    wait_at(&gate);
}

static bool somebody_executes(void)
{
    bool executes = false;

    for (unsigned i = 0; i < CPUS; i++) {
        executes |= atomic_load_explicit(&cpus[i].executing, memory_order_relaxed);
    }
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
    ck_assert_uint_eq(vcpu_stats().work_run, 60);
    ck_assert_uint_eq(vcpu_stats().safe_work_run, 0);
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
    ck_assert_uint_eq(vcpu_stats().safe_work_run, 30);
    ck_assert_uint_eq(vcpu_stats().exclusive_sections, 30);
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

#define QUEUERS 3
#define TICKETS 150
static pthread_mutex_t ticket_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long next_ticket;
static unsigned long next_served;
static atomic_uint wrong_order;

static void serve_ticket(struct vcpu *cpu, void *data)
{
    (void)cpu;
    if ((unsigned long)data != next_served++) {
        atomic_fetch_add(&wrong_order, 1);
    }
    atomic_fetch_add(&ran, 1);
}

/* With a lock around it, so that the order of queueing is known. */
static void *queue_tickets(void *unused)
{
    for (unsigned i = 0; i < TICKETS; i++) {
        void *ticket;

        pthread_mutex_lock(&ticket_lock);
        ticket = (void *)next_ticket++;
        if (i % 16 == 5) {
            ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, serve_ticket, ticket), 0);
        } else if (i % 7 == 3) {
            ck_assert_int_eq(async_safe_run_on_cpu(&cpus[0].vcpu, serve_ticket, ticket), 0);
        } else {
            ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, serve_ticket, ticket), 0);
        }
        pthread_mutex_unlock(&ticket_lock);
    }
    return unused;
}

START_TEST(each_vcpu_runs_its_work_in_the_order_of_queueing)
{
    pthread_t threads[QUEUERS];

    begin_cpus(the_accel, CPUS);
    for (unsigned i = 0; i < QUEUERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, queue_tickets, NULL), 0);
    }
    for (unsigned i = 0; i < QUEUERS; i++) {
        pthread_join(threads[i], NULL);
    }
    UNTIL(atomic_load(&ran) == QUEUERS * TICKETS);
    ck_assert_uint_eq(atomic_load(&wrong_order), 0);
    end_cpus(CPUS);
}
END_TEST

/* ---- vCPUs that ask vCPUs ---- */

#define CYCLE_ROUNDS 30
static atomic_uint arrived;
static unsigned cycle;

static void count_in(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    atomic_fetch_add(&ran, 1);
}

/* All of the cycle are in their work, but for those that share a thread, before any asks the
 * next. */
static void call_next(struct vcpu *cpu, void *data)
{
    unsigned self = (unsigned)(unsigned long)data;
    unsigned long all = (atomic_fetch_add(&arrived, 1) / cycle + 1) * cycle;
    bool held = bql_locked();

    if (!cpu->rr) {
        if (held) {
            bql_unlock();
        }
        UNTIL(atomic_load(&arrived) >= all);
        if (held) {
            bql_lock();
        }
    }
    ck_assert_int_eq(run_on_cpu(&cpus[(self + 1) % cycle].vcpu, count_in, NULL), 0);
    ck_assert_ptr_eq(current_cpu, cpu);
    ck_assert(bql_locked() == held);
}

static void run_cycles(const struct vcpu_accel *accel, unsigned length)
{
    cycle = length;
    begin_cpus(accel, length);
    for (unsigned round = 1; round <= CYCLE_ROUNDS; round++) {
        for (unsigned long i = 0; i < length; i++) {
            ck_assert_int_eq(async_run_on_cpu(&cpus[i].vcpu, call_next, (void *)i), 0);
        }
        UNTIL(atomic_load(&ran) == round * length);
    }
    end_cpus(length);
}

START_TEST(two_vcpus_that_run_on_one_another_both_finish)
{
    run_cycles(the_accel, 2);
}
END_TEST

START_TEST(three_vcpus_that_run_on_the_next_all_finish)
{
    run_cycles(the_accel, 3);
}
END_TEST

static void queue_safe_work(struct vcpu *cpu, void *data)
{
    struct vcpu *other = data;

    ck_assert_int_eq(async_safe_run_on_cpu(other, count_ran, NULL), 0);
    ck_assert_int_eq(async_safe_run_on_cpu(cpu, count_ran, NULL), 0);
    ck_assert_int_eq(async_run_on_cpu(other, count_ran, NULL), 0);
}

START_TEST(work_may_queue_safe_work_for_others_and_itself)
{
    begin_cpus(the_accel, CPUS);
    for (unsigned i = 0; i < 20; i++) {
        struct vcpu *cpu = &cpus[i % CPUS].vcpu, *other = &cpus[(i + 1) % CPUS].vcpu;

        ck_assert_int_eq(i % 2 == 0 ? async_run_on_cpu(cpu, queue_safe_work, other)
                                    : async_safe_run_on_cpu(cpu, queue_safe_work, other),
                         0);
        UNTIL(atomic_load(&ran) == 3 * (i + 1));
    }
    end_cpus(CPUS);
}
END_TEST

/* The work that it waits for takes the request; the reason came with it. */
static void give_reason_and_see_it_taken(struct vcpu *cpu, void *data)
{
    struct test_cpu *asked = data;
    bool held = bql_locked();

    (void)cpu;
    ask(asked);
    if (held) {
        bql_unlock();
    }
    UNTIL(!cpu_exit_requested(&asked->vcpu));
    if (held) {
        bql_lock();
    }
}

static void call_helper_once(struct vcpu *cpu)
{
    if (atomic_fetch_add(&arrived, 1) == 0) {
        ck_assert_int_eq(run_on_cpu(&cpus[2].vcpu, give_reason_and_see_it_taken, test_cpu_of(cpu)),
                         0);
    }
}

/* In events(), which has read the reasons by then. */
START_TEST(a_reason_that_comes_while_events_waits_for_work_is_acted_on)
{
    plug(&cpus[2], &vcpu_accel_threads);
    start(&cpus[2]);
    cpus[0].on_events = call_helper_once;
    atomic_store(&cpus[0].halted, true);
    begin_cpus(the_accel, 1);
    UNTIL(has_acted(&cpus[0], 1));
    end_cpus(1);
    unplug(&cpus[2]);
}
END_TEST

static atomic_bool waits;

static void hold_the_caller(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    atomic_store(&waits, true);
    wait_at(&gate);
}

static void wait_for_the_gate(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    ck_assert_int_eq(run_on_cpu(&cpus[1].vcpu, hold_the_caller, NULL), 0);
    atomic_fetch_add(&ran, 1);
}

static void wait_shortly(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    ck_assert_int_eq(run_on_cpu(&cpus[2].vcpu, count_ran, NULL), 0);
}

/* The inner wait leaves a request for whoever looks next; the outer one must not sleep on it. */
START_TEST(a_vcpu_serves_all_that_comes_after_a_wait_within_a_wait)
{
    for (unsigned i = 1; i < CPUS; i++) {
        plug(&cpus[i], &vcpu_accel_threads);
        start(&cpus[i]);
    }
    begin_cpus(the_accel, 1);
    for (unsigned i = 0; i < 10; i++) {
        atomic_store(&gate, false);
        atomic_store(&waits, false);
        atomic_store(&ran, 0);
        ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, wait_for_the_gate, NULL), 0);
        UNTIL(atomic_load(&waits));
        ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, wait_shortly, NULL), 0);
        UNTIL(thread_sleeps(atomic_load(&cpus[0].vcpu.thread_id)));
        ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, count_ran, NULL), 0);
        ck_assert_uint_eq(atomic_load(&ran), 2);
        atomic_store(&gate, true);
        UNTIL(atomic_load(&ran) == 3);
    }
    end_cpus(1);
    unplug(&cpus[1]);
    unplug(&cpus[2]);
}
END_TEST

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

    if (the_accel->shares) {
        begin_rr(MS_NS);
    }
    hire(&caller);
    called = &cpus[0];
    plug(called, the_accel);
    ck_assert_int_eq(async_run_on_cpu(&called->vcpu, serve_ticket, (void *)0), 0);
    ck_assert_int_eq(async_safe_run_on_cpu(&called->vcpu, count_exclusive, (void *)1), 0);
    begin(&caller, call_it);
    UNTIL(is_asleep(&caller) && is_asleep(&caller));
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
    if (the_accel->shares) {
        end_rr();
    }
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

static atomic_uint ran_without_lock;

static void look_at_lock(struct vcpu *cpu, void *unused)
{
    (void)cpu;
    (void)unused;
    count_ran(NULL, NULL);
    if (!bql_locked()) {
        atomic_fetch_add(&ran_without_lock, 1);
    }
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
    if (the_accel->shares) {
        end_rr();
    }
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
    if (atomic_load(&test_cpu_of(cpu)->halted)) {
        atomic_fetch_add(&run_late, 1); /* it was removed before */
    }
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
    for (unsigned long i = 0; i < QUEUERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, queue_always, (void *)i), 0);
    }
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
    atomic_store(&stress_over, true);
    for (unsigned i = 0; i < QUEUERS; i++) {
        pthread_join(threads[i], NULL);
    }
    ck_assert_uint_eq(atomic_load(&ran), atomic_load(&accepted));
    ck_assert_uint_gt(atomic_load(&refused), 0);
    ck_assert_uint_eq(atomic_load(&run_late), 0);
    plain = vcpu_stats().work_run, safe = vcpu_stats().safe_work_run;
    ck_assert_uint_eq(plain, atomic_load(&accepted));
    ck_assert_uint_le(safe, plain);
    for (unsigned i = 0; i < LIVES; i++) {
        vcpu_destroy(&lives[i].vcpu);
    }
    if (the_accel->shares) {
        end_rr();
    }
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

/* ---- misuse ---- */

static void call_another_from(void (*before)(void))
{
    static struct vcpu self, other;

    vcpu_init(&self, NULL);
    vcpu_init(&other, NULL);
    vcpu_add(&self);
    vcpu_add(&other);
    rcu_register_thread();
    vcpu_attach(&self);
    before();
    run_on_cpu(&other, count_ran, NULL);
}

static void execute(void)
{
    cpu_exec_start(current_cpu);
}

static void be_exclusive(void)
{
    start_exclusive();
}

static void call_while_executing(void)
{
    call_another_from(execute);
}

static void call_while_exclusive(void)
{
    call_another_from(be_exclusive);
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
    tcase_add_loop_test(c, two_vcpus_that_run_on_one_another_both_finish, 0, ACCELS);
    tcase_add_loop_test(c, three_vcpus_that_run_on_the_next_all_finish, 0, ACCELS);
    tcase_add_loop_test(c, work_may_queue_safe_work_for_others_and_itself, 0, ACCELS);
    tcase_add_loop_test(c, a_reason_that_comes_while_events_waits_for_work_is_acted_on, 0, ACCELS);

    tcase_add_loop_test(c, a_vcpu_serves_all_that_comes_after_a_wait_within_a_wait, 0, ACCELS);

    c = add_case(suite, "beginning and end");
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

    c = add_case(suite, "misuse");
    tcase_add_test(c, run_on_cpu_while_executing_is_diagnosed);
    tcase_add_test(c, run_on_cpu_in_an_exclusive_section_is_diagnosed);
    tcase_add_test(c, run_on_cpu_in_a_read_section_is_diagnosed);
    return run_suite(suite);
}
