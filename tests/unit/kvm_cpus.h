/* vCPUs of the accelerator kvm, the threads that run them, and their port I/O. */
#ifndef STILLPOINT_TESTS_KVM_CPUS_H
#define STILLPOINT_TESTS_KVM_CPUS_H

#include <stillpoint/vcpu.h>

#include "child.h"

#include <check.h>
#include <string.h>

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
static inline void choose(int way)
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

static inline void *cpu_main(void *argument)
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

static inline void begin_cpu(struct machine_cpu *c, const struct vcpu_guest *guest, bool io)
{
    struct vcpu_config config = {
        .accel = &vcpu_accel_kvm, .guest = guest, .data = c, .guest_io = io};

    vcpu_init(&c->cpu, &config);
    ck_assert_int_eq(vcpu_add(&c->cpu), 0);
    ck_assert_ptr_null(vcpu_kvm_shared_page(&c->cpu));
    ck_assert_int_eq(pthread_create(&c->thread, NULL, cpu_main, c), 0);
}

static inline void start(struct machine_cpu *c, const struct vcpu_guest *guest, bool io)
{
    begin_cpu(c, guest, io);
    UNTIL((c->page = vcpu_kvm_shared_page(&c->cpu)) != NULL);
}

static inline int join_cpu(struct machine_cpu *c)
{
    pthread_join(c->thread, NULL);
    vcpu_remove(&c->cpu);
    synchronize_rcu_expedited(); /* others run, and are not waited for */
    vcpu_destroy(&c->cpu);
    return c->result;
}

static inline void stop(struct machine_cpu *c)
{
    vcpu_unplug(&c->cpu);
    ck_assert_int_eq(join_cpu(c), 0);
}

static inline uint64_t rounds_of(const struct machine_cpu *c)
{
    return atomic_load(&c->page->rounds);
}

/* Comes back when the guest has done so many rounds more. */
static inline void see_it_run(const struct machine_cpu *c, uint64_t rounds)
{
    uint64_t before = rounds_of(c);

    UNTIL(rounds_of(c) - before >= rounds);
}

static inline void spin(unsigned times)
{
    for (volatile unsigned i = 0; i < times; i++) {
    }
}

/* In a section: stores to the two some time apart. */
static inline void change_both(struct machine_cpu *c, uint64_t value)
{
    atomic_store(&c->page->left, value);
    spin(1000);
    atomic_store(&c->page->right, value);
}

static struct machine_cpu one;

static atomic_uint wanted, acted;

static inline void act(struct vcpu *cpu)
{
    (void)cpu;
    atomic_store(&acted, atomic_load(&wanted));
}

static const struct vcpu_guest acting = {.events = act};

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
static inline unsigned echo(struct vcpu *cpu, unsigned port, bool out, unsigned value)
{
    uint64_t rounds = atomic_load(&vcpu_kvm_shared_page(cpu)->rounds);

    if (port != VCPU_KVM_PORT || out == io.in_next || (out && value != io.given) ||
        rounds % 65536 != 0 || rounds - io.last_rounds != (out ? 65536 : 0))
        atomic_fetch_add(&io.wrong, 1);
    io.last_rounds = rounds;
    io.in_next = out;
    if (io.leave)
        cpu_exit(cpu);
    if (out)
        return 12345; /* which nobody reads */
    io.given = io.given * 1103515245 + 0xdeadbeef;
    atomic_fetch_add(&io.pairs, 1);
    return io.given;
}

static const struct vcpu_guest echoing = {.io = echo};

/* ---- the suite ---- */

static char why_not[256];

START_TEST(a_machine_without_it_says_why)
{
    ck_assert_str_ne(why_not, "");
    ck_assert_ptr_ne(vcpu_accel_find("auto"), &vcpu_accel_kvm);
}
END_TEST

/* tests/run.sh reads the name of the case as TAP. */
static inline void add_what_is_left_without_kvm(Suite *suite)
{
    static char name[sizeof why_not + 16]; /* Check keeps the pointer */

    printf("skipped: %s\n", why_not);
    snprintf(name, sizeof name, "kvm # skip %s", why_not);
    tcase_add_test(add_case(suite, name), a_machine_without_it_says_why);
}

static inline int run_kvm_suite(Suite *suite, void (*add_tests)(Suite *))
{
    if (vcpu_accel_available(&vcpu_accel_kvm, why_not, sizeof why_not) == 0)
        add_tests(suite);
    else
        add_what_is_left_without_kvm(suite);
    return run_suite(suite);
}

#endif
