/* Pauses: what stillpoint/vcpu_work.h promises of pause_all_vcpus() and resume_all_vcpus(). */
#include <stillpoint/vcpu.h>

#include "actor.h"
#include "guests.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>

/* ---- what the tests have in common ---- */

static atomic_ulong ran;
static atomic_bool gate;

static void count_ran(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    atomic_fetch_add(&ran, 1);
}

/* Blocks, calls of events() and idle(), and work, of vCPUs from this one on. */
static unsigned long moves_from(unsigned first)
{
    unsigned long moves = atomic_load(&ran);

    for (unsigned i = first; i < CPUS; i++) {
        moves += atomic_load(&cpus[i].blocks) + atomic_load(&cpus[i].events) +
                 atomic_load(&cpus[i].idle_calls);
    }
    return moves;
}

static unsigned long moves(void)
{
    return moves_from(0);
}

static bool all_acted(unsigned long reason)
{
    bool acted = true;

    for (unsigned i = 0; i < CPUS; i++) {
        acted &= has_acted(&cpus[i], reason);
    }
    return acted;
}

static void begin_running_cpus(const struct vcpu_accel *accel)
{
    begin_cpus(accel, CPUS);
    for (unsigned i = 0; i < CPUS; i++) {
        UNTIL(atomic_load(&cpus[i].blocks) > 0);
    }
}

static void wait_until_asleep(struct actor *a)
{
    UNTIL(is_asleep(a) && is_asleep(a) && is_asleep(a));
}

/* ---- what stands still ---- */

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
        for (unsigned i = 0; i < CPUS; i++) {
            ck_assert(!atomic_load(&cpus[i].vcpu.running));
        }
        resume_all_vcpus();
        UNTIL(atomic_load(&ran) == work && all_acted(2 * round));
        for (unsigned i = 0; i < CPUS; i++) {
            unsigned long blocks = atomic_load(&cpus[i].blocks);

            UNTIL(atomic_load(&cpus[i].blocks) > blocks || is_inside(&cpus[i]));
        }
    }
    ck_assert_uint_eq(vcpu_stats().pauses, 15);
    end_cpus(CPUS);
}
END_TEST

START_TEST(idle_vcpus_stop_and_are_woken_after_the_resume_only)
{
    unsigned long before;

    for (unsigned i = 0; i < CPUS; i++) {
        atomic_store(&cpus[i].halted, true);
    }
    begin_cpus(the_accel, CPUS);
    for (unsigned i = 0; i < CPUS; i++) {
        UNTIL(atomic_load(the_accel->idles ? &cpus[i].idle_calls : &cpus[i].blocks) > 0);
    }
    pause_all_vcpus();
    before = moves();
    for (unsigned i = 0; i < CPUS; i++) {
        atomic_store(&cpus[i].halted, false);
        ask(&cpus[i]);
    }
    let_others_run();
    ck_assert_uint_eq(moves(), before);
    ck_assert_uint_eq(vcpu_stats().pauses, 1);
    resume_all_vcpus();
    UNTIL(all_acted(1));
    for (unsigned i = 0; i < CPUS; i++) {
        UNTIL(atomic_load(&cpus[i].blocks) > 0);
    }
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
        for (unsigned c = 0; c < CPUS; c++) {
            ck_assert_int_eq(async_run_on_cpu(&cpus[c].vcpu, count_ran, NULL), 0);
        }
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

/* ---- who pauses ---- */

static atomic_uint order_count;
static atomic_uint order[8];
static atomic_uint pausers_inside, pausers_at_once, moved_in_pause;

/* => In a pause, so that there is one at a time. */
static void note_turn(unsigned who)
{
    atomic_store(&order[atomic_load(&order_count)], who);
    atomic_fetch_add(&order_count, 1);
}

/* Between pause and resume of somebody. */
static void while_paused(unsigned mine)
{
    unsigned long before = moves_from(mine);

    if (atomic_fetch_add(&pausers_inside, 1) != 0) {
        atomic_fetch_add(&pausers_at_once, 1);
    }
    for (int i = 0; i < 10; i++) {
        sched_yield();
    }
    if (moves_from(mine) != before) {
        atomic_fetch_add(&moved_in_pause, 1);
    }
    atomic_fetch_sub(&pausers_inside, 1);
}

static void pause_first(void)
{
    pause_all_vcpus();
    note_turn(1);
    wait_at(&gate);
    while_paused(0);
    resume_all_vcpus();
}

static void pause_second(void)
{
    pause_all_vcpus();
    note_turn(2);
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
        for (unsigned i = 0; i < CPUS; i++) {
            UNTIL(thread_sleeps(atomic_load(&cpus[i].vcpu.thread_id)));
        }
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
    ck_assert_uint_eq(atomic_load(&pausers_at_once), 0);
    ck_assert_uint_eq(atomic_load(&moved_in_pause), 0);
    dismiss(&first);
    end_cpus(CPUS);
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

#define STRESS_ROUNDS 25
static atomic_uint pauses_done, pauses_by_vcpus;

static void pause_as_vcpu(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    pause_all_vcpus();
    while_paused(CPUS); /* ours may go on */
    resume_all_vcpus();
    atomic_fetch_add(&pauses_done, 1);
    atomic_fetch_add(&pauses_by_vcpus, 1);
}

static void *pause_as_thread(void *unused)
{
    for (int i = 0; i < STRESS_ROUNDS; i++) {
        pause_all_vcpus();
        while_paused(0);
        resume_all_vcpus();
        atomic_fetch_add(&pauses_done, 1);
    }
    return unused;
}

static atomic_bool stress_over;

static void *kick_always(void *unused)
{
    for (unsigned i = 0; !atomic_load(&stress_over); i++) {
        ask(&cpus[i % CPUS]);
        async_run_on_cpu(&cpus[(i + 1) % CPUS].vcpu, count_ran, NULL);
        if (i % 3 == 0) {
            run_on_cpu(&cpus[i % CPUS].vcpu, count_ran, NULL);
        }
        if (i % 5 == 0) {
            async_safe_run_on_cpu(&cpus[(i + 2) % CPUS].vcpu, count_ran, NULL);
        }
        sched_yield();
    }
    return unused;
}

START_TEST(threads_and_vcpus_may_all_pause_at_once)
{
    pthread_t pausers[2], kicker;

    begin_running_cpus(the_accel);
    ck_assert_int_eq(pthread_create(&kicker, NULL, kick_always, NULL), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&pausers[i], NULL, pause_as_thread, NULL), 0);
    }
    for (int i = 0; i < STRESS_ROUNDS; i++) {
        for (unsigned c = 0; c < CPUS; c++) {
            ck_assert_int_eq(async_run_on_cpu(&cpus[c].vcpu, pause_as_vcpu, NULL), 0);
        }
        UNTIL(atomic_load(&pauses_by_vcpus) == (unsigned)(i + 1) * CPUS);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(pausers[i], NULL);
    }
    UNTIL(atomic_load(&pauses_done) == STRESS_ROUNDS * (2 + CPUS));
    atomic_store(&stress_over, true);
    pthread_join(kicker, NULL);
    ck_assert_uint_eq(vcpu_stats().pauses, STRESS_ROUNDS * (2 + CPUS));
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
        for (unsigned c = 0; c < 2; c++) {
            ck_assert_int_eq(async_run_on_cpu(&cpus[(i + c) % CPUS].vcpu, pause_as_vcpu, NULL), 0);
        }
        sched_yield();
    }
    pthread_join(pauser, NULL);
    UNTIL(atomic_load(&pauses_by_vcpus) == 2 * STRESS_ROUNDS * CPUS);
    ck_assert_uint_eq(atomic_load(&pausers_at_once), 0);
    ck_assert_uint_eq(atomic_load(&moved_in_pause), 0);
    end_cpus(CPUS);
}
END_TEST

/* ---- work ---- */

static unsigned served[8];
static atomic_uint served_count;

static void serve(struct vcpu *cpu, void *data)
{
    (void)cpu;
    served[atomic_fetch_add(&served_count, 1)] = (unsigned)(unsigned long)data;
}

static void call_as_another(void)
{
    ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, serve, (void *)2), 0);
}

START_TEST(run_on_cpu_of_the_pausing_thread_runs_at_once_behind_earlier_work)
{
    struct actor another;

    begin_running_cpus(the_accel);
    hire(&another);
    pause_all_vcpus();
    ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, serve, (void *)1), 0);
    begin(&another, call_as_another);
    wait_until_asleep(&another);
    ck_assert_int_eq(async_safe_run_on_cpu(&cpus[0].vcpu, serve, (void *)3), 0);
    let_others_run();
    ck_assert_uint_eq(atomic_load(&served_count), 0);
    ck_assert(is_busy(&another));
    ck_assert_int_eq(run_on_cpu(&cpus[0].vcpu, serve, (void *)4), 0);
    ck_assert_uint_eq(atomic_load(&served_count), 4);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_uint_eq(served[i], i + 1);
    }
    finish(&another);
    ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, serve, (void *)5), 0);
    begin(&another, call_as_another);
    wait_until_asleep(&another);
    let_others_run();
    ck_assert_uint_eq(atomic_load(&served_count), 4);
    ck_assert(is_busy(&another));
    resume_all_vcpus();
    finish(&another);
    ck_assert_uint_eq(atomic_load(&served_count), 6);
    ck_assert_uint_eq(served[4], 5);
    dismiss(&another);
    end_cpus(CPUS);
}
END_TEST

static void run_past_gate(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    atomic_fetch_add(&order_count, 1);
    wait_at(&gate);
}

static atomic_bool may_leave;

/* Waits for another vCPU's work, and then moves for as long as it may. */
static void call_and_move(struct vcpu *cpu, void *data)
{
    bool held = bql_locked();

    (void)cpu;
    ck_assert_int_eq(run_on_cpu(data, run_past_gate, NULL), 0);
    if (held) {
        bql_unlock();
    }
    while (!atomic_load(&may_leave)) {
        atomic_fetch_add(&ran, 1);
        sched_yield();
    }
    if (held) {
        bql_lock();
    }
}

static void pause_and_look(void)
{
    unsigned long before;

    pause_all_vcpus();
    before = atomic_load(&ran);
    let_others_run();
    if (atomic_load(&ran) != before) {
        atomic_fetch_add(&moved_in_pause, 1);
    }
    atomic_store(&may_leave, true);
    resume_all_vcpus();
}

/* It has counted itself as stopped while it waited; what it waits for ends before the pause has
 * begun. */
static void stay_stopped(const struct vcpu_accel *accel, vcpu_work_func *work, void *data)
{
    struct test_cpu *helper = &cpus[1];
    struct actor pauser;

    if (accel->shares) {
        begin_rr(MS_NS);
    }
    hire(&pauser);
    plug(helper, &vcpu_accel_threads);
    start(helper);
    plug(&cpus[2], accel); /* not started */
    plug(&cpus[0], accel);
    start(&cpus[0]);
    ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, work, data), 0);
    UNTIL(atomic_load(&order_count) == 1);
    begin(&pauser, pause_and_look);
    UNTIL(atomic_load(&cpus[0].vcpu.stop) && !cpu_exit_requested(&cpus[0].vcpu));
    UNTIL(thread_sleeps(atomic_load(&cpus[0].vcpu.thread_id)));
    ck_assert(is_busy(&pauser));
    atomic_store(&gate, true);
    finish(&pauser);
    ck_assert_uint_eq(atomic_load(&moved_in_pause), 0);
    dismiss(&pauser);
    unplug(helper);
    unplug(&cpus[0]);
    vcpu_remove(&cpus[2].vcpu);
    vcpu_destroy(&cpus[2].vcpu);
    if (accel->shares) {
        end_rr();
    }
}

START_TEST(a_vcpu_that_stops_while_it_waits_for_work_stays_stopped)
{
    stay_stopped(the_accel, call_and_move, &cpus[1].vcpu);
}
END_TEST

static void call_another_that_calls(struct vcpu *cpu, void *data)
{
    (void)cpu;
    ck_assert_int_eq(run_on_cpu(&cpus[2].vcpu, call_and_move, data), 0);
}

/* The work is that of one which the thread is to run, and does not yet. */
START_TEST(it_stays_stopped_in_the_work_of_another_of_its_thread_too)
{
    stay_stopped(&vcpu_accel_rr, call_another_that_calls, &cpus[1].vcpu);
}
END_TEST

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
    ck_assert_int_eq(async_run_on_cpu(&cpus[0].vcpu, run_past_gate, NULL), 0);
    UNTIL(atomic_load(&order_count) == 1);
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
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&pausers[i], NULL, pause_as_thread, NULL), 0);
    }
    for (int i = 0; i < STRESS_ROUNDS || atomic_load(&pauses_done) < 2 * STRESS_ROUNDS; i++) {
        plug(&cpus[2], the_accel);
        start(&cpus[2]);
        if (i % 2 == 0) {
            ck_assert_int_eq(run_on_cpu(&cpus[2].vcpu, count_ran, NULL), 0);
        }
        unplug(&cpus[2]);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(pausers[i], NULL);
    }
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

    vcpu_init(&self, NULL);
    vcpu_add(&self);
    rcu_register_thread();
    vcpu_attach(&self);
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
    Suite *suite = suite_create("pause");
    TCase *c = add_case(suite, "standing still");

    tcase_add_loop_test(c, nothing_moves_from_the_pause_to_the_resume, 0, ACCELS);
    tcase_add_loop_test(c, idle_vcpus_stop_and_are_woken_after_the_resume_only, 0, ACCELS);
    tcase_add_test(c, a_pause_without_vcpus_returns);
    tcase_add_loop_test(c, a_pause_lets_go_of_the_big_lock_while_it_waits, 0, ACCELS);
    tcase_add_loop_test(c, exclusive_sections_work_during_a_pause, 0, ACCELS);

    c = add_case(suite, "pausers");
    tcase_add_loop_test(c, pausers_have_their_turns_in_the_order_of_asking, 0, ACCELS);
    tcase_add_loop_test(c, a_vcpu_that_waits_for_its_turn_to_pause_is_stopped, 0, ACCELS);
    tcase_add_loop_test(c, a_vcpu_that_pauses_goes_on_while_the_others_are_stopped, 0, ACCELS);
    tcase_add_loop_test(c, threads_and_vcpus_may_all_pause_at_once, 0, ACCELS);
    tcase_add_loop_test(c, work_that_pauses_may_be_queued_twice_for_one_vcpu, 0, ACCELS);
    tcase_add_test(c, another_thread_may_resume);

    c = add_case(suite, "work");
    tcase_add_loop_test(c, run_on_cpu_of_the_pausing_thread_runs_at_once_behind_earlier_work, 0,
                        ACCELS);
    tcase_add_loop_test(c, a_vcpu_that_stops_while_it_waits_for_work_stays_stopped, 0, ACCELS);
    tcase_add_test(c, it_stays_stopped_in_the_work_of_another_of_its_thread_too);

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
