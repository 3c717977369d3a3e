/* The accelerator kvm: what stillpoint/accel.h promises of it, and that no kick of it is lost. */
#include <stillpoint/vcpu.h>

#include "child.h"
#include "vcpu/accel/kvm_guest.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>

/* ---- what the tests have in common ---- */

/* How KVM_RUN is got out of, and the guest's mode. */
static const struct {
    const char *kick, *guest;
} ways[] = {
    {"signal-mask", "real"},
#if __SIZEOF_LONG__ == 8
    {"signal-mask", "long"},
#endif
#ifndef CHILD_UNDER_TSAN /* it delays the handlers of signals */
    {"immediate-exit", "real"},
#if __SIZEOF_LONG__ == 8
    {"immediate-exit", "long"},
#endif
#endif
};
#define KVM_WAYS ((int)(sizeof ways / sizeof ways[0]))
#define is_real  (strcmp(ways[_i].guest, "real") == 0)

/* => Before the first vCPU of the process. */
static void choose(int way)
{
    setenv("STILLPOINT_KVM_KICK", ways[way].kick, 1);
    setenv("STILLPOINT_KVM_GUEST", ways[way].guest, 1);
    rcu_register_thread();
}

struct machine_cpu {
    struct vcpu cpu;
    pthread_t thread;
    int result;
    struct vcpu_kvm_page *page;
};

static void *cpu_main(void *argument)
{
    struct machine_cpu *c = argument;
    sigset_t kick;

    /* The accelerator lets in what it needs, whatever it finds. */
    sigemptyset(&kick);
    sigaddset(&kick, SIGRTMIN + 1);
    pthread_sigmask(SIG_BLOCK, &kick, NULL);
    rcu_register_thread();
    c->result = vcpu_run(&c->cpu);
    rcu_unregister_thread();
    return NULL;
}

static void begin_cpu(struct machine_cpu *c, const struct vcpu_guest *guest, bool io)
{
    struct vcpu_config config = {
        .accel = &vcpu_accel_kvm, .guest = guest, .data = c, .guest_io = io};

    vcpu_init(&c->cpu, &config);
    ck_assert_int_eq(vcpu_add(&c->cpu), 0);
    ck_assert_ptr_null(vcpu_kvm_page(&c->cpu));
    ck_assert_int_eq(pthread_create(&c->thread, NULL, cpu_main, c), 0);
}

static void start(struct machine_cpu *c, const struct vcpu_guest *guest, bool io)
{
    begin_cpu(c, guest, io);
    UNTIL((c->page = vcpu_kvm_page(&c->cpu)) != NULL);
}

static int join_cpu(struct machine_cpu *c)
{
    pthread_join(c->thread, NULL);
    vcpu_remove(&c->cpu);
    synchronize_rcu_expedited(); /* others run, and are not waited for */
    vcpu_destroy(&c->cpu);
    return c->result;
}

static void stop(struct machine_cpu *c)
{
    vcpu_unplug(&c->cpu);
    ck_assert_int_eq(join_cpu(c), 0);
}

static uint64_t rounds_of(const struct machine_cpu *c)
{
    return atomic_load(&c->page->rounds);
}

/* Comes back when the guest has done so many rounds more. */
static void see_it_run(const struct machine_cpu *c, uint64_t rounds)
{
    uint64_t before = rounds_of(c);

    UNTIL(rounds_of(c) - before >= rounds);
}

static void spin(unsigned times)
{
    for (volatile unsigned i = 0; i < times; i++) {
    }
}

/* In a section: stores to the two some time apart. */
static void change_both(struct machine_cpu *c, uint64_t value)
{
    atomic_store(&c->page->left, value);
    spin(1000);
    atomic_store(&c->page->right, value);
}

static struct machine_cpu one;

/* ---- it runs, and leaves ---- */

START_TEST(the_guest_runs_until_the_vcpu_is_unplugged)
{
    choose(_i);
    start(&one, NULL, false);
    see_it_run(&one, 1000);
    ck_assert_uint_eq(atomic_load(&one.page->unequal), 0);
    stop(&one);
    ck_assert_ptr_null(vcpu_kvm_page(&one.cpu));
}
END_TEST

static atomic_uint wanted, acted;

static void act(struct vcpu *cpu)
{
    (void)cpu;
    atomic_store(&acted, atomic_load(&wanted));
}

/* Idles at every other look. */
static bool idle_by_turns(struct vcpu *cpu)
{
    static unsigned looks;

    (void)cpu;
    return ++looks % 2 == 0;
}

static const struct vcpu_guest acting = {.events = act},
                               acting_and_idling = {.events = act, .idle = idle_by_turns};

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
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&others[i], NULL, request_always, &ended), 0);
    }
    expect_each_to_be_acted_on(100);
    atomic_store(&ended, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(others[i], NULL);
    }
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

static bool thread_sleeps(int thread_id)
{
    struct actor a = {.started = true, .thread_id = thread_id};

    return thread_id != 0 && is_asleep(&a);
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
    for (int i = 0; i < AT_ONCE; i++) {
        start(&cpus[i], NULL, false);
    }
    for (uint64_t n = 1; n <= 20; n++) {
        uint64_t rounds[AT_ONCE];

        for (int i = 0; i < AT_ONCE; i++) {
            see_it_run(&cpus[i], 10);
        }
        start_exclusive();
        for (int i = 0; i < AT_ONCE; i++) {
            rounds[i] = rounds_of(&cpus[i]);
            change_both(&cpus[i], n);
        }
        for (int i = 0; i < AT_ONCE; i++) {
            ck_assert_uint_eq(rounds_of(&cpus[i]), rounds[i]);
        }
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

/* Its thread's; `pairs` is looked at by the test. */
static struct {
    atomic_uint pairs;
    bool in_next;
    unsigned given;
    uint64_t last_rounds;
    atomic_uint wrong;
    bool leave;                   /* asks to be let out at each */
    uint64_t after_out, after_in; /* RIP */
    atomic_uint left_after_out, left_after_in, half_done;
} io;

/* The guest writes what it has read before. */
static unsigned echo(struct vcpu *cpu, unsigned port, bool out, unsigned value)
{
    uint64_t rounds = atomic_load(&vcpu_kvm_page(cpu)->rounds);

    if (port != VCPU_KVM_PORT || out == io.in_next || (out && value != io.given) ||
        rounds % 65536 != 0 || rounds - io.last_rounds != (out ? 65536 : 0)) {
        atomic_fetch_add(&io.wrong, 1);
    }
    io.last_rounds = rounds;
    io.in_next = out;
    if (io.leave) {
        cpu_exit(cpu);
    }
    if (out) {
        return 12345; /* which nobody reads */
    }
    io.given = io.given * 1103515245 + 0xdeadbeef;
    atomic_fetch_add(&io.pairs, 1);
    return io.given;
}

/* Outside of run() just after an I/O that echo() asked to leave at. */
static void look_at_registers(struct vcpu *cpu)
{
    uint64_t rip, rax;

    if (io.last_rounds == 0 || !vcpu_kvm_registers(cpu, &rip, &rax)) {
        return;
    }
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

static const struct vcpu_guest echoing = {.io = echo},
                               leaving = {.io = echo, .events = look_at_registers};

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

/* ---- coming and going ---- */

static unsigned open_files(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;

    ck_assert_ptr_nonnull(directory);
    while (readdir(directory) != NULL) {
        count++;
    }
    closedir(directory);
    return count;
}

/* With a second one there, or alone. A new one finds nothing of what the one before left. */
START_TEST(vcpus_that_come_and_go_use_the_same_ids)
{
    struct vcpu_kvm_page *page = NULL;
    static struct machine_cpu second;
    unsigned files = 0;

    choose(_i);
    start(&second, NULL, false);
    for (uint64_t i = 1; i <= 50; i++) {
        start(&one, NULL, false);
        ck_assert(page == NULL || one.page == page);
        ck_assert_ptr_ne(one.page, second.page);
        ck_assert(files == 0 || open_files() == files);
        page = one.page;
        files = open_files();
        see_it_run(&one, 1);
        start_exclusive();
        ck_assert_uint_eq(atomic_load(&page->left), 0);
        ck_assert_uint_eq(atomic_load(&page->right), 0);
        ck_assert_uint_eq(atomic_load(&page->unequal), 0);
        ck_assert_uint_lt(rounds_of(&one), UINT64_C(1) << 40);
        atomic_store(&page->left, i);
        atomic_store(&page->rounds, UINT64_C(1) << 41);
        end_exclusive();
        stop(&one);
    }
    see_it_run(&second, 10);
    stop(&second);
}
END_TEST

static unsigned unplug_at(struct vcpu *cpu, unsigned port, bool out, unsigned value)
{
    (void)port;
    (void)value;
    if (out == (atomic_load(&io.pairs) % 2 == 0)) {
        atomic_fetch_add(&io.pairs, 1);
        vcpu_unplug(cpu);
    }
    return 0x55555555;
}

/* The one before goes during its port I/O; after that none does any. */
START_TEST(one_that_follows_starts_at_the_start)
{
    static const struct vcpu_guest unplugging = {.io = unplug_at};

    choose(_i);
    for (unsigned i = 1; i <= (is_real ? 1 : 10); i++) {
        begin_cpu(&one, &unplugging, true);
        ck_assert_int_eq(join_cpu(&one), 0);
        ck_assert_uint_eq(atomic_load(&io.pairs), i);
        io.given = 0;
        io.in_next = false;
        io.last_rounds = 0;
        start(&one, &echoing, true);
        see_it_run(&one, 65540);
        stop(&one);
        ck_assert_uint_eq(atomic_load(&io.wrong), 0);
        atomic_store(&io.pairs, i);
    }
}
END_TEST

static void limit_files(rlim_t most)
{
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = most != 0 ? most : limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(a_refusal_says_why)
{
    char why[256] = "";

    limit_files(3);
    ck_assert_int_eq(vcpu_accel_available(&vcpu_accel_kvm, why, sizeof why), -EMFILE);
    limit_files(0);
    ck_assert_msg(strstr(why, "/dev/kvm: Too many open files") != NULL, "it said: %s", why);
    ck_assert_int_eq(vcpu_accel_available(&vcpu_accel_kvm, why, sizeof why), 0);
    ck_assert_str_eq(why, "");
    ck_assert_int_eq(vcpu_accel_available(&vcpu_accel_kvm, NULL, 0), 0);
}
END_TEST

START_TEST(looking_whether_it_is_available_leaves_nothing)
{
    unsigned files = open_files();

    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(vcpu_accel_available(&vcpu_accel_kvm, NULL, 0), 0);
    }
    ck_assert_uint_eq(open_files(), files);
}
END_TEST

/* For want of a descriptor: of the machine, then of a second vCPU. */
START_TEST(one_that_cannot_be_made_is_refused_and_nothing_else_suffers)
{
    static struct machine_cpu second;

    choose(_i);
    limit_files(3);
    begin_cpu(&one, NULL, false);
    ck_assert_int_eq(join_cpu(&one), -EMFILE);
    limit_files(0);
    start(&one, NULL, false);
    limit_files(3);
    for (int i = 0; i < 2; i++) {
        begin_cpu(&second, NULL, false);
        ck_assert_int_eq(join_cpu(&second), -EMFILE);
    }
    limit_files(0);
    start(&second, NULL, false);
    see_it_run(&second, 10);
    see_it_run(&one, 10);
    stop(&second);
    stop(&one);
}
END_TEST

#ifdef VCPU_KVM_POSSIBLE
START_TEST(no_more_vcpus_than_the_machine_has_room_for)
{
    struct kvm_machine *machine;
    struct kvm_vcpu *first;
    int error = 0;

    ck_assert_int_eq(kvm_machine_make(&machine, NULL, 0), 0);
    ck_assert_uint_le(machine->limit, VCPU_LIMIT);
    machine->limit = 2;
    first = kvm_machine_take(machine, &error);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_nonnull(kvm_machine_take(machine, &error));
    ck_assert_int_eq(error, 0);
    ck_assert_ptr_null(kvm_machine_take(machine, &error));
    ck_assert_int_eq(error, -ENOSPC);
    kvm_machine_give(first);
    ck_assert_ptr_eq(kvm_machine_take(machine, &error), first);
    kvm_machine_close(machine);
}
END_TEST
#endif

static void run_one_anew(void)
{
    static struct machine_cpu own;

    start(&own, &acting, false);
    see_it_run(&own, 100);
    stop(&own);
}

START_TEST(a_child_of_a_fork_has_a_machine_of_its_own)
{
    choose(_i);
    start(&one, NULL, false);
    see_it_run(&one, 100);
    stop(&one);
    succeeds(child_of(run_one_anew));
    start(&one, NULL, false);
    see_it_run(&one, 100);
    stop(&one);
}
END_TEST

/* ---- the suite ---- */

static void add_tests_of_kvm(Suite *suite)
{
    TCase *kicks = add_case(suite, "kicks"), *guest = add_case(suite, "guest"),
          *port = add_case(suite, "port"), *life = add_case(suite, "life");

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

    tcase_add_loop_test(life, vcpus_that_come_and_go_use_the_same_ids, 0, KVM_WAYS);
    tcase_add_loop_test(life, one_that_follows_starts_at_the_start, 0, KVM_WAYS);
    tcase_add_test(life, a_refusal_says_why);
    tcase_add_test(life, looking_whether_it_is_available_leaves_nothing);
    tcase_add_loop_test(life, one_that_cannot_be_made_is_refused_and_nothing_else_suffers, 0,
                        KVM_WAYS);
#ifdef VCPU_KVM_POSSIBLE
    tcase_add_test(life, no_more_vcpus_than_the_machine_has_room_for);
#endif
    tcase_add_loop_test(life, a_child_of_a_fork_has_a_machine_of_its_own, 0, KVM_WAYS);
}

static char why_not[256];

START_TEST(a_machine_without_it_says_why)
{
    ck_assert_str_ne(why_not, "");
    ck_assert_ptr_ne(vcpu_accel_find("auto"), &vcpu_accel_kvm);
}
END_TEST

/* tests/run.sh reads the name of the case as TAP. */
static void add_what_is_left_without_kvm(Suite *suite)
{
    char name[sizeof why_not + 16];

    printf("skipped: %s\n", why_not);
    snprintf(name, sizeof name, "kvm # skip %s", why_not);
    tcase_add_test(add_case(suite, name), a_machine_without_it_says_why);
}

int main(void)
{
    Suite *suite = suite_create("kvm");

    if (vcpu_accel_available(&vcpu_accel_kvm, why_not, sizeof why_not) == 0) {
        add_tests_of_kvm(suite);
    } else {
        add_what_is_left_without_kvm(suite);
    }
    return run_suite(suite);
}
