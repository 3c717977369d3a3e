/* Kicks of the accelerators: what stillpoint/vcpu_kick.h promises of all of them but kvm. */
/* Left out of TWO_PHASE M32 FENCE: no grace period, word of 64 bits or light fence decides here. */
#include <stillpoint/vcpu.h>

#include "guests.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>

/* ---- kicks ---- */

/* Each is waited for, and nobody else asks: what is lost stays lost. */
START_TEST(a_vcpu_in_its_inner_loop_acts_after_one_request)
{
    start_one(the_accel);
    for (unsigned long i = 1; i <= 300; i++) {
        if (i % 2 == 0)
            UNTIL(is_inside(&cpus[0]));
        ask(&cpus[0]);
        UNTIL(has_acted(&cpus[0], i));
    }
    ck_assert_uint_eq(atomic_load(&cpus[0].vcpu.kicks), 300);
    if (the_accel != &vcpu_accel_signal)
        ck_assert_uint_eq(vcpu_stats_now().signals, 0);
    end_cpus(1);
}
END_TEST

START_TEST(a_vcpu_that_sleeps_in_its_inner_loop_leaves_after_one_request)
{
    const struct vcpu_accel *accel = _i == 0 ? &vcpu_accel_signal : &vcpu_accel_cancel;

    start_one(accel);
    for (unsigned long i = 1; i <= 100; i++) {
        UNTIL(is_inside(&cpus[0]) && thread_sleeps(atomic_load(&cpus[0].thread_id)));
        ask(&cpus[0]);
        UNTIL(has_acted(&cpus[0], i));
    }
    ck_assert_uint_ge(vcpu_stats_now().signals, accel == &vcpu_accel_signal ? 100 : 0);
    end_cpus(1);
}
END_TEST

START_TEST(an_idle_vcpu_is_woken_by_one_request)
{
    atomic_store(&cpus[0].halted, true);
    begin_cpus(the_accel, 1);
    for (unsigned long i = 1; i <= 200; i++) {
        if (the_accel->idles && i % 2 == 0)
            UNTIL(thread_sleeps(atomic_load(&cpus[0].vcpu.thread_id)));
        ask(&cpus[0]);
        UNTIL(has_acted(&cpus[0], i));
    }
    if (the_accel->idles) {
        ck_assert_uint_eq(atomic_load(&cpus[0].blocks), 0);
        atomic_store(&cpus[0].halted, false);
        ask(&cpus[0]);
        UNTIL(atomic_load(&cpus[0].blocks) > 0);
    }
    end_cpus(1);
}
END_TEST

START_TEST(an_idle_vcpu_sleeps)
{
    unsigned long calls;

    atomic_store(&cpus[0].halted, true);
    begin_cpus(the_accel, 1);
    make_act(&cpus[0]);
    UNTIL(thread_sleeps(atomic_load(&cpus[0].vcpu.thread_id)));
    calls = atomic_load(&cpus[0].idle_calls);
    let_others_run();
    ck_assert_uint_le(atomic_load(&cpus[0].idle_calls), calls + 1);
    end_cpus(1);
}
END_TEST

START_TEST(a_request_from_before_the_start_is_acted_on_after_it)
{
    struct test_cpu *t = &cpus[0];

    if (the_accel->shares)
        begin_rr(MS_NS);
    atomic_store(&t->halted, _i / ACCELS % 2 == 0);
    plug(t, the_accel);
    ask(t);
    ask(t);
    let_others_run();
    ck_assert(!has_acted(t, 1));
    start(t);
    UNTIL(has_acted(t, 2));
    UNTIL(!cpu_exit_requested(&t->vcpu));
    /* And the next is not taken for the old one. */
    ask(t);
    UNTIL(has_acted(t, 3));
    end_cpus(1);
}
END_TEST

/* Requests come before, while and after it starts. */
START_TEST(a_request_while_it_starts_is_acted_on)
{
    struct test_cpu *t = &cpus[0];

    if (the_accel->shares)
        begin_rr(MS_NS);
    for (unsigned long i = 1; i <= 40; i++) {
        atomic_store(&t->acted, 0);
        atomic_store(&t->reasons, 0);
        plug(t, the_accel);
        start(t);
        for (unsigned long k = 0; k < i; k++)
            atomic_signal_fence(memory_order_seq_cst);
        ask(t);
        UNTIL(has_acted(t, 1));
        unplug(t);
    }
    if (the_accel->shares)
        end_rr();
}
END_TEST

START_TEST(a_request_to_a_vcpu_that_has_ended_does_nothing)
{
    unsigned long events, blocks;

    begin_cpus(the_accel, 2);
    end(&cpus[0]);
    events = atomic_load(&cpus[0].events), blocks = atomic_load(&cpus[0].blocks);
    for (int i = 0; i < 10; i++)
        ask(&cpus[0]);
    make_act(&cpus[1]);
    ck_assert_uint_eq(atomic_load(&cpus[0].events), events);
    ck_assert_uint_eq(atomic_load(&cpus[0].blocks), blocks);
    ck_assert_int_eq(atomic_load(&cpus[0].vcpu.thread_id), 0);
    end_cpus(2);
}
END_TEST

static atomic_bool in_gate;

static void wait_in_events(struct vcpu *cpu)
{
    (void)cpu;
    atomic_store(&in_gate, true);
    wait_at(&gate);
}

START_TEST(requests_that_come_before_it_looks_share_one_kick)
{
    struct test_cpu *t = &cpus[0];
    unsigned long before;

    t->on_events = wait_in_events;
    atomic_store(&t->halted, true);
    begin_cpus(the_accel, 1);
    UNTIL(atomic_load(&in_gate) && !cpu_exit_requested(&t->vcpu));
    before = atomic_load(&t->vcpu.kicks);
    for (int i = 0; i < 5; i++)
        ask(t);
    ck_assert_uint_eq(atomic_load(&t->vcpu.kicks), before + 5);
    ck_assert_uint_eq(atomic_load(&t->vcpu.kicks_merged), before + 4);
    ck_assert_uint_eq(atomic_load(&t->acted), 0);
    atomic_store(&gate, true);
    UNTIL(has_acted(t, 5));
    end_cpus(1);
}
END_TEST

#define REQUESTERS 3
#define REASONS    1500
static struct reason {
    _Alignas(RCU_CACHE_LINE) atomic_ulong written;
    atomic_ulong seen;
} reasons[CPUS][REQUESTERS];

/* Reasons are relaxed stores: what orders them is the request. */
static void see_reasons(struct vcpu *cpu)
{
    struct reason *mine = reasons[test_cpu_of(cpu) - cpus];

    for (unsigned i = 0; i < REQUESTERS; i++) {
        atomic_store_explicit(&mine[i].seen,
                              atomic_load_explicit(&mine[i].written, memory_order_relaxed),
                              memory_order_relaxed);
    }
}

/* Mostly it goes quiet until its reason was seen, so that no later request of its own heals one
 * that was lost. */
static void *request(void *data)
{
    unsigned self = (unsigned)(unsigned long)data;

    for (unsigned long i = 1; i <= REASONS; i++) {
        unsigned c = (unsigned)(i / 4 + self) % CPUS;
        struct reason *reason = &reasons[c][self];

        atomic_store_explicit(&reason->written, i, memory_order_relaxed);
        cpu_exit(&cpus[c].vcpu);
        if (i % 4 != 0 || i == REASONS)
            UNTIL(atomic_load_explicit(&reason->seen, memory_order_relaxed) == i);
    }
    return NULL;
}

START_TEST(of_many_reasons_each_is_acted_on)
{
    pthread_t threads[REQUESTERS];
    unsigned long kicks = 0, merged = 0;

    for (unsigned i = 0; i < CPUS; i++) {
        cpus[i].on_events = see_reasons;
        atomic_store(&cpus[i].halted, (i + (unsigned)_i / ACCELS) % 2 == 0);
    }
    begin_cpus(the_accel, CPUS);
    for (unsigned long i = 0; i < REQUESTERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, request, (void *)i), 0);
    for (unsigned i = 0; i < REQUESTERS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned c = 0; c < CPUS; c++) {
        for (unsigned i = 0; i < REQUESTERS; i++)
            UNTIL(atomic_load(&reasons[c][i].seen) == atomic_load(&reasons[c][i].written));
        kicks += atomic_load(&cpus[c].vcpu.kicks);
        merged += atomic_load(&cpus[c].vcpu.kicks_merged);
    }
    ck_assert_uint_eq(kicks, REQUESTERS * REASONS);
    ck_assert_uint_le(merged, kicks);
    end_cpus(CPUS);
}
END_TEST

START_TEST(unplugging_ends_one_that_runs_idles_or_has_not_started)
{
    struct test_cpu *t = &cpus[1];

    if (the_accel->shares)
        begin_rr(HOUR_NS);
    for (unsigned way = 0; way < 3; way++) {
        memset(t, 0, sizeof *t);
        atomic_store(&t->halted, way == 1);
        plug(t, the_accel);
        if (way == 2)
            vcpu_unplug(&t->vcpu);
        start(t);
        if (way == 0)
            UNTIL(atomic_load(&t->blocks) > 0);
        else if (way == 1)
            UNTIL(atomic_load(&t->events) > 0);
        end(t);
        ck_assert(way != 2 || atomic_load(&t->blocks) + atomic_load(&t->events) == 0);
        unplug(t);
    }
    if (the_accel->shares)
        end_rr();
}
END_TEST

/* ---- grace periods ---- */

START_TEST(grace_periods_end_though_no_guest_exits_by_itself)
{
    start_one(the_accel);
    for (unsigned i = 1; i < CPUS; i++) {
        plug(&cpus[i], the_accel);
        start(&cpus[i]);
    }
    for (unsigned i = 0; i < 20; i++) {
        UNTIL(is_inside(&cpus[0]) || the_accel->shares);
        synchronize_rcu_expedited();
    }
    for (unsigned i = 0; i < 3; i++) {
        UNTIL(is_inside(&cpus[0]) || the_accel->shares);
        synchronize_rcu();
    }
    /* A forced grace period is no reason, but not a request that stays either. */
    for (unsigned i = 0; i < CPUS; i++)
        UNTIL(is_inside(&cpus[i]));
    end_cpus(CPUS);
    if (!the_accel->shares) /* with rr nobody may have been inside */
        ck_assert_uint_gt(stats().gps_forced, 0);
    synchronize_rcu_expedited();
}
END_TEST

static struct vcpu lone;

static void attach_lone(void)
{
    vcpu_attach(&lone);
}

static void detach_lone(void)
{
    vcpu_detach(&lone);
}

START_TEST(only_a_thread_that_has_attached_a_vcpu_is_kicked_for_grace_periods)
{
    struct actor reader, updater;
    unsigned long forced, kicks;

    hire_reader(&reader);
    hire(&updater);
    add_vcpu(&lone);
    make(&reader, attach_lone);
    make(&reader, enter);
    begin(&updater, synchronize_rcu_expedited);
    UNTIL(atomic_load(&lone.kicks) > 0);
    make(&reader, leave);
    finish(&updater);
    make(&reader, detach_lone);
    make(&reader, enter);
    forced = stats().gps_forced, kicks = atomic_load(&lone.kicks);
    begin(&updater, synchronize_rcu_expedited);
    UNTIL(stats().gps_forced > forced);
    let_others_run();
    ck_assert_uint_eq(atomic_load(&lone.kicks), kicks);
    make(&reader, leave);
    finish(&updater);
    vcpu_remove(&lone);
    vcpu_destroy(&lone);
    dismiss_reader(&reader);
    dismiss(&updater);
}
END_TEST

/* ---- the signal ---- */

START_TEST(only_real_time_signals_may_kick)
{
    ck_assert_int_eq(vcpu_set_kick_signal(0), -EINVAL);
    ck_assert_int_eq(vcpu_set_kick_signal(-1), -EINVAL);
    ck_assert_int_eq(vcpu_set_kick_signal(SIGUSR1), -EINVAL);
    ck_assert_int_eq(vcpu_set_kick_signal(SIGRTMIN - 1), -EINVAL);
    ck_assert_int_eq(vcpu_set_kick_signal(SIGRTMAX + 1), -EINVAL);
    ck_assert_int_eq(vcpu_set_kick_signal(SIGRTMIN), 0);
    ck_assert_int_eq(vcpu_set_kick_signal(SIGRTMAX), 0);
}
END_TEST

static bool is_handled(int signal)
{
    struct sigaction action;

    ck_assert_int_eq(sigaction(signal, NULL, &action), 0);
    return action.sa_handler != SIG_DFL;
}

START_TEST(the_chosen_signal_kicks_and_is_kept_after_the_first_use)
{
    int chosen = _i == 0 ? SIGRTMIN + 1 : SIGRTMIN + 5;

    if (_i != 0) {
        ck_assert_int_eq(vcpu_set_kick_signal(SIGRTMIN + 9), 0);
        ck_assert_int_eq(vcpu_set_kick_signal(chosen), 0);
    }
    start_one(&vcpu_accel_signal);
    for (int signal = SIGRTMIN; signal <= SIGRTMIN + 9; signal++)
        ck_assert(is_handled(signal) == (signal == chosen));
    ck_assert_int_eq(vcpu_set_kick_signal(SIGRTMIN + 6), -EBUSY);
    ck_assert_int_eq(vcpu_set_kick_signal(chosen), -EBUSY);
    ck_assert_int_eq(vcpu_set_kick_signal(SIGUSR1), -EINVAL);
    for (int i = 0; i < 50; i++) {
        UNTIL(is_inside(&cpus[0]) && thread_sleeps(atomic_load(&cpus[0].thread_id)));
        make_act(&cpus[0]);
    }
    ck_assert_uint_ge(vcpu_stats_now().signals, 50);
    end_cpus(1);
}
END_TEST

static atomic_int is_blocked = -1;

static void look_at_mask(struct vcpu *cpu)
{
    sigset_t set;

    (void)cpu;
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    atomic_store(&is_blocked, sigismember(&set, SIGRTMIN + 1));
}

/* Or one that comes just before the wait would be taken by the handler, and the wait not end. */
START_TEST(the_thread_that_waits_for_the_signal_has_it_blocked)
{
    cpus[0].on_events = look_at_mask;
    start_one(&vcpu_accel_signal);
    UNTIL(atomic_load(&is_blocked) >= 0); /* blocks are counted without any order */
    ck_assert_int_eq(atomic_load(&is_blocked), 1);
    end_cpus(1);
}
END_TEST

static void ask_oneself(struct vcpu *cpu)
{
    static unsigned long asked;

    if (++asked % 1000 != 0)
        cpu_exit(cpu);
}

/* They would use up what the user may have pending, and interrupt the program's own calls. */
START_TEST(a_vcpu_that_does_not_wait_for_signals_gets_none)
{
    unsigned long before;

    cpus[0].on_events = ask_oneself;
    start_one(&vcpu_accel_signal);
    UNTIL(is_inside(&cpus[0]));
    before = vcpu_stats_now().signals;
    make_act(&cpus[0]);
    UNTIL(is_inside(&cpus[0]));
    ck_assert_uint_le(vcpu_stats_now().signals - before, 1);
    end_cpus(1);
}
END_TEST

static void ignore(int signal)
{
    (void)signal;
}

START_TEST(a_handler_of_the_programs_own_is_not_replaced)
{
    struct test_cpu *t = &cpus[0];

    ck_assert_ptr_eq(signal(SIGRTMIN + 1, ignore), SIG_DFL);
    plug(t, &vcpu_accel_signal);
    start(t);
    pthread_join(t->thread, NULL);
    ck_assert_int_eq(t->result, -EBUSY);
    ck_assert_uint_eq(atomic_load(&t->events), 0);
    ck_assert_ptr_eq(signal(SIGRTMIN + 1, ignore), ignore);
    /* Another signal is free. */
    ck_assert_int_eq(vcpu_set_kick_signal(SIGRTMIN + 2), 0);
    start(t);
    make_act(t);
    unplug(t);
    ck_assert_ptr_eq(signal(SIGRTMIN + 1, SIG_DFL), ignore);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("accel kicks");
    TCase *c = add_case(suite, "kicks");

    tcase_add_loop_test(c, a_vcpu_in_its_inner_loop_acts_after_one_request, 0, ACCELS);
    tcase_add_loop_test(c, a_vcpu_that_sleeps_in_its_inner_loop_leaves_after_one_request, 0, 2);
    tcase_add_loop_test(c, an_idle_vcpu_is_woken_by_one_request, 0, ACCELS);
    tcase_add_loop_test(c, an_idle_vcpu_sleeps, 0, ACCELS - 1); /* the last is user */
    tcase_add_loop_test(c, a_request_from_before_the_start_is_acted_on_after_it, 0, 2 * ACCELS);
    tcase_add_loop_test(c, a_request_while_it_starts_is_acted_on, 0, ACCELS);
    tcase_add_loop_test(c, a_request_to_a_vcpu_that_has_ended_does_nothing, 0, ACCELS);
    tcase_add_loop_test(c, requests_that_come_before_it_looks_share_one_kick, 0, ACCELS);
    tcase_add_loop_test(c, of_many_reasons_each_is_acted_on, 0, 2 * ACCELS);
    tcase_add_loop_test(c, unplugging_ends_one_that_runs_idles_or_has_not_started, 0, ACCELS);
    tcase_add_loop_test(c, grace_periods_end_though_no_guest_exits_by_itself, 0, ACCELS);
    tcase_add_test(c, only_a_thread_that_has_attached_a_vcpu_is_kicked_for_grace_periods);

    c = add_case(suite, "signal");
    tcase_add_test(c, only_real_time_signals_may_kick);
    tcase_add_loop_test(c, the_chosen_signal_kicks_and_is_kept_after_the_first_use, 0, 2);
    tcase_add_test(c, the_thread_that_waits_for_the_signal_has_it_blocked);
    tcase_add_test(c, a_vcpu_that_does_not_wait_for_signals_gets_none);
    tcase_add_test(c, a_handler_of_the_programs_own_is_not_replaced);
    return run_suite(suite);
}
