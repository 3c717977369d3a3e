/* Accelerators and kicks: what stillpoint/accel.h and stillpoint/vcpu_kick.h promise of all of them
 * but kvm. rr has a file of its own as well, test_rr.c. */
#include <stillpoint/vcpu.h>

#include "actor.h"
#include "guests.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>

/* ---- what the tests have in common ---- */

static atomic_bool gate;

static void start_one(const struct vcpu_accel *accel)
{
    begin_cpus(accel, 1);
    UNTIL(atomic_load(&cpus[0].blocks) > 0 && is_inside(&cpus[0]));
}

/* ---- the table ---- */

START_TEST(accelerators_are_found_by_name)
{
    static const char *const names[] = {"threads", "rr", "signal", "cancel", "user"};
    char why[100];
    unsigned found = 0;

    for (int i = 0; i < ACCELS; i++) {
        ck_assert_ptr_eq(vcpu_accel_find(names[i]), plain_accel(i));
        ck_assert_str_eq(plain_accel(i)->name, names[i]);
        ck_assert(plain_accel(i)->shares == (plain_accel(i) == &vcpu_accel_rr));
        ck_assert(plain_accel(i)->big_lock == (plain_accel(i) != &vcpu_accel_user));
        ck_assert(plain_accel(i)->idles == plain_accel(i)->big_lock);
        ck_assert_int_eq(vcpu_accel_available(plain_accel(i), why, sizeof why), 0);
    }
    ck_assert_ptr_eq(vcpu_accel_find("kvm"), &vcpu_accel_kvm);
    ck_assert_ptr_null(vcpu_accel_find("none"));
    ck_assert_ptr_null(vcpu_accel_find(""));
    ck_assert_ptr_null(vcpu_accel_find("Threads"));
    for (; vcpu_accels[found] != NULL; found++) {
        ck_assert_ptr_eq(vcpu_accel_find(vcpu_accels[found]->name), vcpu_accels[found]);
        ck_assert_ptr_nonnull(vcpu_accels[found]->summary);
    }
    ck_assert_uint_eq(found, ACCELS + 1);
}
END_TEST

START_TEST(auto_is_kvm_where_it_is_available_and_threads_elsewhere)
{
    char why[200];
    bool has_kvm = vcpu_accel_available(&vcpu_accel_kvm, why, sizeof why) == 0;

    ck_assert_ptr_eq(vcpu_accel_find("auto"), has_kvm ? &vcpu_accel_kvm : &vcpu_accel_threads);
}
END_TEST

/* ---- what the guest is called in ---- */

static atomic_uint wrong_block, wrong_events;

static void check_block(struct vcpu *cpu)
{
    if (!atomic_load(&cpu->running) || !rcu_read_locked() || bql_locked() || current_cpu != cpu ||
        in_exclusive_section()) {
        atomic_fetch_add(&wrong_block, 1);
    }
    test_block(cpu);
}

static void check_events(struct vcpu *cpu)
{
    if (atomic_load(&cpu->running) || rcu_read_locked() || bql_locked() != cpu->accel->big_lock ||
        current_cpu != cpu || in_exclusive_section()) {
        atomic_fetch_add(&wrong_events, 1);
    }
    test_events(cpu);
}

static const struct vcpu_guest checking_guest = {
    .block = check_block, .events = check_events, .idle = test_idle};

START_TEST(blocks_run_in_a_read_section_while_executing_and_events_with_the_big_lock)
{
    if (the_accel->shares) {
        begin_rr(MS_NS);
    }
    for (unsigned i = 0; i < CPUS; i++) {
        plug(&cpus[i], the_accel);
        cpus[i].vcpu.guest = &checking_guest;
        start(&cpus[i]);
    }
    for (unsigned i = 0; i < 30; i++) {
        struct test_cpu *t = &cpus[i % CPUS];
        unsigned long blocks = atomic_load(&t->blocks), asked = ask(t);

        UNTIL(has_acted(t, asked) && atomic_load(&t->blocks) > blocks);
    }
    end_cpus(CPUS);
    ck_assert_uint_eq(atomic_load(&wrong_block), 0);
    ck_assert_uint_eq(atomic_load(&wrong_events), 0);
    ck_assert_ptr_null(current_cpu);
}
END_TEST

START_TEST(signal_and_cancel_call_a_block_once_for_each_time_they_enter)
{
    const struct vcpu_accel *accel = _i == 0 ? &vcpu_accel_signal : &vcpu_accel_cancel;

    start_one(accel);
    for (unsigned long i = 1; i <= 20; i++) {
        unsigned long blocks, asked = ask(&cpus[0]);

        UNTIL(has_acted(&cpus[0], asked));
        UNTIL(is_inside(&cpus[0]));
        UNTIL(thread_sleeps(atomic_load(&cpus[0].thread_id)));
        blocks = atomic_load(&cpus[0].blocks);
        let_others_run();
        ck_assert_uint_eq(atomic_load(&cpus[0].blocks), blocks);
    }
    ck_assert_uint_le(atomic_load(&cpus[0].blocks), atomic_load(&cpus[0].events));
    end_cpus(1);
}
END_TEST

START_TEST(events_wait_for_the_big_lock_but_for_user)
{
    unsigned long asked;

    start_one(the_accel);
    bql_lock();
    asked = ask(&cpus[0]);
    if (the_accel->big_lock) {
        let_others_run();
        ck_assert(!has_acted(&cpus[0], asked));
    } else {
        UNTIL(has_acted(&cpus[0], asked));
    }
    bql_unlock();
    UNTIL(has_acted(&cpus[0], asked));
    end_cpus(1);
}
END_TEST

START_TEST(user_never_asks_whether_the_guest_idles)
{
    atomic_store(&cpus[0].halted, true);
    start_one(&vcpu_accel_user);
    for (int i = 0; i < 20; i++) {
        unsigned long blocks = atomic_load(&cpus[0].blocks), asked = ask(&cpus[0]);

        UNTIL(has_acted(&cpus[0], asked) && atomic_load(&cpus[0].blocks) > blocks);
    }
    ck_assert_uint_eq(atomic_load(&cpus[0].idle_calls), 0);
    end_cpus(1);
}
END_TEST

/* ---- kicks ---- */

/* Each is waited for, and nobody else asks: what is lost stays lost. */
START_TEST(a_vcpu_in_its_inner_loop_acts_after_one_request)
{
    start_one(the_accel);
    for (unsigned long i = 1; i <= 300; i++) {
        if (i % 2 == 0) {
            UNTIL(is_inside(&cpus[0]));
        }
        ask(&cpus[0]);
        UNTIL(has_acted(&cpus[0], i));
    }
    ck_assert_uint_eq(atomic_load(&cpus[0].vcpu.kicks), 300);
    if (the_accel != &vcpu_accel_signal) {
        ck_assert_uint_eq(vcpu_stats().signals, 0);
    }
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
    ck_assert_uint_ge(vcpu_stats().signals, accel == &vcpu_accel_signal ? 100 : 0);
    end_cpus(1);
}
END_TEST

START_TEST(an_idle_vcpu_is_woken_by_one_request)
{
    atomic_store(&cpus[0].halted, true);
    begin_cpus(the_accel, 1);
    for (unsigned long i = 1; i <= 200; i++) {
        if (the_accel->idles && i % 2 == 0) {
            UNTIL(thread_sleeps(atomic_load(&cpus[0].vcpu.thread_id)));
        }
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

    if (the_accel->shares) {
        begin_rr(MS_NS);
    }
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

    if (the_accel->shares) {
        begin_rr(MS_NS);
    }
    for (unsigned long i = 1; i <= 40; i++) {
        atomic_store(&t->acted, 0);
        atomic_store(&t->reasons, 0);
        plug(t, the_accel);
        start(t);
        for (unsigned long k = 0; k < i; k++) {
            atomic_signal_fence(memory_order_seq_cst);
        }
        ask(t);
        UNTIL(has_acted(t, 1));
        unplug(t);
    }
    if (the_accel->shares) {
        end_rr();
    }
}
END_TEST

START_TEST(a_request_to_a_vcpu_that_has_ended_does_nothing)
{
    unsigned long events, blocks;

    begin_cpus(the_accel, 2);
    end(&cpus[0]);
    events = atomic_load(&cpus[0].events), blocks = atomic_load(&cpus[0].blocks);
    for (int i = 0; i < 10; i++) {
        ask(&cpus[0]);
    }
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
    for (int i = 0; i < 5; i++) {
        ask(t);
    }
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
        if (i % 4 != 0 || i == REASONS) {
            UNTIL(atomic_load_explicit(&reason->seen, memory_order_relaxed) == i);
        }
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
    for (unsigned long i = 0; i < REQUESTERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, request, (void *)i), 0);
    }
    for (unsigned i = 0; i < REQUESTERS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (unsigned c = 0; c < CPUS; c++) {
        for (unsigned i = 0; i < REQUESTERS; i++) {
            UNTIL(atomic_load(&reasons[c][i].seen) == atomic_load(&reasons[c][i].written));
        }
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

    if (the_accel->shares) {
        begin_rr(HOUR_NS);
    }
    for (unsigned way = 0; way < 3; way++) {
        memset(t, 0, sizeof *t);
        atomic_store(&t->halted, way == 1);
        plug(t, the_accel);
        if (way == 2) {
            vcpu_unplug(&t->vcpu);
        }
        start(t);
        if (way == 0) {
            UNTIL(atomic_load(&t->blocks) > 0);
        } else if (way == 1) {
            UNTIL(atomic_load(&t->events) > 0);
        }
        end(t);
        ck_assert(way != 2 || atomic_load(&t->blocks) + atomic_load(&t->events) == 0);
        unplug(t);
    }
    if (the_accel->shares) {
        end_rr();
    }
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
    for (unsigned i = 0; i < CPUS; i++) {
        UNTIL(is_inside(&cpus[i]));
    }
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
    vcpu_init(&lone, NULL);
    ck_assert_int_eq(vcpu_add(&lone), 0);
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
    for (int signal = SIGRTMIN; signal <= SIGRTMIN + 9; signal++) {
        ck_assert(is_handled(signal) == (signal == chosen));
    }
    ck_assert_int_eq(vcpu_set_kick_signal(SIGRTMIN + 6), -EBUSY);
    ck_assert_int_eq(vcpu_set_kick_signal(chosen), -EBUSY);
    ck_assert_int_eq(vcpu_set_kick_signal(SIGUSR1), -EINVAL);
    for (int i = 0; i < 50; i++) {
        UNTIL(is_inside(&cpus[0]) && thread_sleeps(atomic_load(&cpus[0].thread_id)));
        make_act(&cpus[0]);
    }
    ck_assert_uint_ge(vcpu_stats().signals, 50);
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
    before = vcpu_stats().signals;
    make_act(&cpus[0]);
    UNTIL(is_inside(&cpus[0]));
    ck_assert_uint_le(vcpu_stats().signals - before, 1);
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

/* ---- misuse ---- */

static void run_one(const struct vcpu_accel *accel, bool add)
{
    struct test_cpu *t = &cpus[0];
    struct vcpu_config config = {.accel = accel,
                                 .guest = &test_guest,
                                 .data = t,
                                 .rr = accel && accel->shares ? &the_rr : NULL};

    vcpu_init(&t->vcpu, &config);
    if (add) {
        vcpu_add(&t->vcpu);
    }
    rcu_register_thread();
    vcpu_run(&t->vcpu);
}

static void run_without_accelerator(void)
{
    run_one(NULL, true);
}

static void run_one_of_rr(void)
{
    run_one(&vcpu_accel_rr, true);
}

static void run_without_add(void)
{
    run_one(&vcpu_accel_threads, false);
}

static void run_with_the_big_lock(void)
{
    bql_lock();
    run_one(&vcpu_accel_threads, true);
}

static struct vcpu attached;

static void attach_one(void)
{
    vcpu_init(&attached, NULL);
    vcpu_add(&attached);
    rcu_register_thread();
    vcpu_attach(&attached);
}

static void remove_one_that_runs(void)
{
    attach_one();
    vcpu_remove(&attached);
}

static void attach_two(void)
{
    static struct vcpu second;

    attach_one();
    vcpu_init(&second, NULL);
    vcpu_add(&second);
    vcpu_attach(&second);
}

static void rr_with_another_accelerator(void)
{
    struct vcpu_config config = {.accel = &vcpu_accel_threads, .rr = &the_rr};

    vcpu_init(&attached, &config);
}

static void rr_add_another_accelerator(void)
{
    vcpu_rr_init(&the_rr, 0);
    attach_one();
    vcpu_rr_add(&the_rr, &attached);
}

static void rr_add_after_the_end(void)
{
    rcu_register_thread();
    vcpu_rr_init(&the_rr, 0);
    vcpu_rr_end(&the_rr);
    vcpu_rr_run(&the_rr);
    plug(&cpus[0], &vcpu_accel_rr);
    vcpu_rr_add(&the_rr, &cpus[0].vcpu);
}

static void rr_add_twice(void)
{
    vcpu_rr_init(&the_rr, 0);
    plug(&cpus[0], &vcpu_accel_rr);
    vcpu_rr_add(&the_rr, &cpus[0].vcpu);
    vcpu_rr_add(&the_rr, &cpus[0].vcpu);
}

static void rr_wait_as_a_vcpu(void)
{
    vcpu_rr_init(&the_rr, 0);
    plug(&cpus[0], &vcpu_accel_rr);
    vcpu_rr_add(&the_rr, &cpus[0].vcpu);
    attach_one();
    vcpu_rr_wait(&the_rr, &cpus[0].vcpu);
}

static void poll_without_a_block(void)
{
    static const struct vcpu_guest guest = {.events = test_events};
    struct vcpu_config config = {.accel = &vcpu_accel_user, .guest = &guest};

    vcpu_init(&attached, &config);
}

static void poll_without_a_guest(void)
{
    struct vcpu_config config = {.accel = &vcpu_accel_threads};

    vcpu_init(&attached, &config);
}

static const struct {
    void (*function)(void);
    const char *text;
} misuses[] = {
    {run_without_accelerator, "vcpu_run() of a vCPU without an accelerator"},
    {run_one_of_rr, "vcpu_run() of a vCPU that shares its thread; call vcpu_rr_run()"},
    {run_without_add, "call vcpu_add() first"},
    {run_with_the_big_lock, "by the thread that holds the big lock"},
    {remove_one_that_runs, "which runs; call vcpu_unplug()"},
    {rr_add_another_accelerator, "vcpu_rr_add() of vCPU 0, whose config names another"},
    {attach_two, "vCPU 1 is to run in the thread of vCPU 0"},
    {rr_with_another_accelerator, "config.rr goes with the accelerator rr"},
    {rr_add_after_the_end, "vcpu_rr_add() of vCPU 0 after the end"},
    {rr_add_twice, "vcpu_rr_add() of vCPU 0, which the thread has already"},
    {rr_wait_as_a_vcpu, "vcpu_rr_wait() in a vCPU's thread"},
    {poll_without_a_block, "the accelerator user needs a guest with a block()"},
    {poll_without_a_guest, "the accelerator threads needs a guest with a block()"},
};
#define MISUSES ((int)(sizeof misuses / sizeof misuses[0]))

START_TEST(misuse_is_diagnosed)
{
    dies_saying(misuses[_i].function, misuses[_i].text);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("accel");
    TCase *c = add_case(suite, "table");

    tcase_add_test(c, accelerators_are_found_by_name);
    tcase_add_test(c, auto_is_kvm_where_it_is_available_and_threads_elsewhere);

    c = add_case(suite, "guest");
    tcase_add_loop_test(
        c, blocks_run_in_a_read_section_while_executing_and_events_with_the_big_lock, 0, ACCELS);
    tcase_add_loop_test(c, signal_and_cancel_call_a_block_once_for_each_time_they_enter, 0, 2);
    tcase_add_loop_test(c, events_wait_for_the_big_lock_but_for_user, 0, ACCELS);
    tcase_add_test(c, user_never_asks_whether_the_guest_idles);

    c = add_case(suite, "kicks");
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

    c = add_case(suite, "misuse");
    tcase_add_loop_test(c, misuse_is_diagnosed, 0, MISUSES);
    return run_suite(suite);
}
