/* The accelerator kvm: what stillpoint/accel.h promises of its guest, and that no kick of it is
 * lost. How its vCPUs come and go has a file of its own, test_kvm_life.c. */
/* Left out of DEBUG TWO_PHASE M32 FENCE: none changes what enters and leaves a guest. */
/* Left out of SANITIZE: what a guest does to memory no sanitizer sees. */
#include <stillpoint/vcpu.h>

#include "kvm_cpus.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>

/* ---- it runs, and leaves ---- */

START_TEST(the_guest_runs_until_the_vcpu_is_unplugged)
{
    choose(_i);
    start(&one, NULL, false);
    see_it_run(&one, 1000);
    ck_assert_uint_eq(atomic_load(&one.page->unequal), 0);
    stop(&one);
    ck_assert_ptr_null(vcpu_kvm_shared_page(&one.cpu));
}
END_TEST

/* Idles at every other look. */
static bool idle_by_turns(struct vcpu *cpu)
{
    static unsigned looks;

    (void)cpu;
    return ++looks % 2 == 0;
}

static const struct vcpu_guest acting_and_idling = {.events = act, .idle = idle_by_turns};

/* One at a time, so that none heals the loss of another; a few microseconds after the one before,
 * when the vCPU is on its way into the guest, or somewhat later. */
static void expect_each_to_be_acted_on(unsigned requests)
{
    unsigned random = 1;

    for (unsigned i = 1; i <= requests; i++) {
        random = random * 1103515245 + 12345;
        spin(i % 4 == 0 ? random >> 16 & 0x7fff : random >> 16 & 0xfff);
        atomic_store(&wanted, i);
        cpu_exit(&one.cpu);
        UNTIL(atomic_load(&acted) == i);
    }
}

START_TEST(every_request_is_acted_on)
{
    choose(_i);
    start(&one, &acting, false);
    expect_each_to_be_acted_on(2000);
    /* And it still runs: no request is left over that gets it out again and again. */
    see_it_run(&one, 1000);
    stop(&one);
}
END_TEST

START_TEST(every_request_is_acted_on_by_one_that_idles_too)
{
    choose(_i);
    start(&one, &acting_and_idling, false);
    expect_each_to_be_acted_on(1000);
    stop(&one);
}
END_TEST

/* Requests from several threads, which share kicks. */
static void *request_always(void *argument)
{
    atomic_bool *ended = argument;

    for (unsigned i = 0; !atomic_load(ended); i++) {
        cpu_exit(&one.cpu);
        spin(i * 37 & 0x1fff);
    }
    return NULL;
}

START_TEST(requests_that_pile_up_leave_none_behind)
{
    atomic_bool ended = false;
    pthread_t others[2];

    choose(_i);
    start(&one, &acting, false);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&others[i], NULL, request_always, &ended), 0);
    expect_each_to_be_acted_on(100);
    atomic_store(&ended, true);
    for (int i = 0; i < 2; i++)
        pthread_join(others[i], NULL);
    expect_each_to_be_acted_on(100);
    see_it_run(&one, 1000);
    stop(&one);
}
END_TEST

static atomic_bool halted;

static bool is_halted(struct vcpu *cpu)
{
    (void)cpu;
    return atomic_load(&halted);
}

START_TEST(a_request_wakes_one_that_idles)
{
    static const struct vcpu_guest halting = {.idle = is_halted};

    choose(_i);
    atomic_store(&halted, true);
    start(&one, &halting, false);
    for (int i = 0; i < 20; i++) {
        UNTIL(thread_sleeps(atomic_load(&one.cpu.thread_id)));
        atomic_store(&halted, false);
        cpu_exit(&one.cpu);
        see_it_run(&one, 100);
        atomic_store(&halted, true);
        cpu_exit(&one.cpu);
    }
    stop(&one);
}
END_TEST

static atomic_uint others_signals;

static void count_signal(int signal)
{
    (void)signal;
    atomic_fetch_add(&others_signals, 1);
}

START_TEST(a_signal_of_the_programs_is_handled_and_the_guest_goes_on)
{
    struct sigaction action = {.sa_handler = count_signal};

    choose(_i);
    sigaction(SIGUSR1, &action, NULL);
    start(&one, &acting, false);
    for (unsigned i = 1; i <= 50; i++) {
        see_it_run(&one, 10);
        ck_assert_int_eq(pthread_kill(one.thread, SIGUSR1), 0);
        UNTIL(atomic_load(&others_signals) == i);
    }
    expect_each_to_be_acted_on(100);
    see_it_run(&one, 100);
    stop(&one);
}
END_TEST

/* Its section lasts as long as nobody asks it to leave. */
START_TEST(grace_periods_get_the_guest_out)
{
    choose(_i);
    start(&one, NULL, false);
    for (int i = 0; i < 50; i++) {
        see_it_run(&one, 10);
        synchronize_rcu_expedited();
    }
    synchronize_rcu();
    see_it_run(&one, 10);
    stop(&one);
}
END_TEST

/* ---- what the guest sees ---- */

START_TEST(an_exclusive_section_freezes_the_guest)
{
    choose(_i);
    start(&one, NULL, false);
    for (uint64_t i = 1; i <= 300; i++) {
        uint64_t rounds;

        see_it_run(&one, 1);
        start_exclusive();
        rounds = rounds_of(&one);
        change_both(&one, i * 0x100000001);
        ck_assert_uint_eq(rounds_of(&one), rounds);
        end_exclusive();
    }
    see_it_run(&one, 1000);
    ck_assert_uint_eq(atomic_load(&one.page->unequal), 0);
    stop(&one);
}
END_TEST

/* Else the test above would say nothing. In any part of the number. */
START_TEST(the_guest_counts_rounds_that_find_them_different)
{
    choose(_i);
    start(&one, NULL, false);
    for (unsigned bit = 0; bit < 64; bit += 9) {
        uint64_t rounds, unequal;

        start_exclusive();
        atomic_store(&one.page->left, UINT64_C(1) << bit);
        rounds = rounds_of(&one);
        unequal = atomic_load(&one.page->unequal);
        end_exclusive();
        see_it_run(&one, 100);
        start_exclusive();
        /* In the midst of a round at either end. */
        rounds = rounds_of(&one) - rounds;
        unequal = atomic_load(&one.page->unequal) - unequal;
        ck_assert_uint_le(unequal, rounds + 1);
        ck_assert_uint_le(rounds, unequal + 1);
        atomic_store(&one.page->left, 0);
        end_exclusive();
    }
    stop(&one);
}
END_TEST

#define AT_ONCE 3

START_TEST(several_run_at_once)
{
    static struct machine_cpu cpus[AT_ONCE];

    choose(_i);
    for (int i = 0; i < AT_ONCE; i++)
        start(&cpus[i], NULL, false);
    for (uint64_t n = 1; n <= 20; n++) {
        uint64_t rounds[AT_ONCE];

        for (int i = 0; i < AT_ONCE; i++)
            see_it_run(&cpus[i], 10);
        start_exclusive();
        for (int i = 0; i < AT_ONCE; i++) {
            rounds[i] = rounds_of(&cpus[i]);
            change_both(&cpus[i], n);
        }
        for (int i = 0; i < AT_ONCE; i++)
            ck_assert_uint_eq(rounds_of(&cpus[i]), rounds[i]);
        end_exclusive();
    }
    for (int i = 0; i < AT_ONCE; i++) {
        ck_assert_ptr_ne(cpus[i].page, cpus[(i + 1) % AT_ONCE].page);
        ck_assert_uint_eq(atomic_load(&cpus[i].page->unequal), 0);
        stop(&cpus[i]);
    }
}
END_TEST

/* ---- port I/O ---- */

/* Outside of run() just after an I/O that echo() asked to leave at. */
static void look_at_registers(struct vcpu *cpu)
{
    uint64_t rip, rax;

    if (io.last_rounds == 0 || !vcpu_kvm_registers(cpu, &rip, &rax))
        return;
    if (io.in_next) {
        io.after_out = rip;
        atomic_fetch_add(&io.left_after_out, 1);
    } else {
        io.after_in = rip;
        atomic_fetch_add(&io.left_after_in, 1);
        /* The `in` and its port, with a prefix for 32 bits in real mode. */
        atomic_fetch_add(&io.half_done,
                         (uint32_t)rax != io.given ||
                             (io.after_in - io.after_out != 2 && io.after_in - io.after_out != 3));
    }
}

static const struct vcpu_guest leaving = {.io = echo, .events = look_at_registers};

/* In real mode some hosts do no more than 100000 rounds in a second. */
START_TEST(port_io_comes_to_the_program_and_its_value_to_the_guest)
{
    unsigned pairs = is_real ? 1 : 100;

    choose(_i);
    start(&one, &echoing, true);
    UNTIL(atomic_load(&io.pairs) >= pairs);
    stop(&one);
    ck_assert_uint_eq(atomic_load(&io.wrong), 0);
}
END_TEST

START_TEST(an_io_is_done_when_the_vcpu_leaves)
{
    unsigned pairs = is_real ? 1 : 100;

    choose(_i);
    io.leave = true;
    start(&one, &leaving, true);
    UNTIL(atomic_load(&io.left_after_in) >= pairs);
    stop(&one);
    ck_assert_uint_eq(atomic_load(&io.wrong), 0);
    ck_assert_uint_eq(atomic_load(&io.half_done), 0);
    ck_assert_uint_ge(atomic_load(&io.left_after_out), pairs);
}
END_TEST

START_TEST(io_without_a_callback_reads_zero_and_goes_on)
{
    choose(_i);
    start(&one, NULL, true);
    see_it_run(&one, is_real ? 70000 : 1000000);
    stop(&one);
}
END_TEST

START_TEST(one_that_wants_no_io_does_none)
{
    choose(_i);
    start(&one, &echoing, false);
    see_it_run(&one, is_real ? 70000 : 1000000);
    stop(&one);
    ck_assert_uint_eq(io.last_rounds, 0);
}
END_TEST

/* ---- the suite ---- */

static void add_tests(Suite *suite)
{
    TCase *kicks = add_case(suite, "kicks"), *guest = add_case(suite, "guest"),
          *port = add_case(suite, "port");

    tcase_add_loop_test(kicks, the_guest_runs_until_the_vcpu_is_unplugged, 0, KVM_WAYS);
    tcase_add_loop_test(kicks, every_request_is_acted_on, 0, KVM_WAYS);
    tcase_add_loop_test(kicks, every_request_is_acted_on_by_one_that_idles_too, 0, KVM_WAYS);
    tcase_add_loop_test(kicks, requests_that_pile_up_leave_none_behind, 0, KVM_WAYS);
    tcase_add_loop_test(kicks, a_request_wakes_one_that_idles, 0, KVM_WAYS);
    tcase_add_loop_test(kicks, a_signal_of_the_programs_is_handled_and_the_guest_goes_on, 0,
                        KVM_WAYS);
    tcase_add_loop_test(kicks, grace_periods_get_the_guest_out, 0, KVM_WAYS);

    tcase_add_loop_test(guest, an_exclusive_section_freezes_the_guest, 0, KVM_WAYS);
    tcase_add_loop_test(guest, the_guest_counts_rounds_that_find_them_different, 0, KVM_WAYS);
    tcase_add_loop_test(guest, several_run_at_once, 0, KVM_WAYS);

    tcase_add_loop_test(port, port_io_comes_to_the_program_and_its_value_to_the_guest, 0, KVM_WAYS);
    tcase_add_loop_test(port, an_io_is_done_when_the_vcpu_leaves, 0, KVM_WAYS);
    tcase_add_loop_test(port, io_without_a_callback_reads_zero_and_goes_on, 0, KVM_WAYS);
    tcase_add_loop_test(port, one_that_wants_no_io_does_none, 0, KVM_WAYS);
}

int main(void)
{
    return run_kvm_suite(suite_create("kvm"), add_tests);
}
