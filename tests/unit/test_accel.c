/* Accelerators: what stillpoint/accel.h promises of all of them but kvm. Kicks of them have a file
 * of their own, test_accel_kicks.c, and so has rr, test_rr.c. */
/* Left out of TWO_PHASE M32 FENCE: no grace period, word of 64 bits or light fence decides here. */
#include <stillpoint/vcpu.h>

#include "guests.h"

#include <check.h>

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
        in_exclusive_section())
        atomic_fetch_add(&wrong_block, 1);
    test_block(cpu);
}

static void check_events(struct vcpu *cpu)
{
    if (atomic_load(&cpu->running) || rcu_read_locked() || bql_locked() != cpu->accel->big_lock ||
        current_cpu != cpu || in_exclusive_section())
        atomic_fetch_add(&wrong_events, 1);
    test_events(cpu);
}

static const struct vcpu_guest checking_guest = {
    .block = check_block, .events = check_events, .idle = test_idle};

START_TEST(blocks_run_in_a_read_section_while_executing_and_events_with_the_big_lock)
{
    if (the_accel->shares)
        begin_rr(MS_NS);
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

/* ---- misuse ---- */

static void run_one(const struct vcpu_accel *accel, bool add)
{
    struct test_cpu *t = &cpus[0];
    struct vcpu_config config = {.accel = accel,
                                 .guest = &test_guest,
                                 .data = t,
                                 .rr = accel && accel->shares ? &the_rr : NULL};

    vcpu_init(&t->vcpu, &config);
    if (add)
        vcpu_add(&t->vcpu);
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

static void remove_one_that_runs(void)
{
    become_new_vcpu(&attached);
    vcpu_remove(&attached);
}

static void attach_two(void)
{
    static struct vcpu second;

    become_new_vcpu(&attached);
    add_vcpu(&second);
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
    become_new_vcpu(&attached);
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
    become_new_vcpu(&attached);
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

    c = add_case(suite, "misuse");
    tcase_add_loop_test(c, misuse_is_diagnosed, 0, MISUSES);
    return run_suite(suite);
}
