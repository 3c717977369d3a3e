/* `kvm`: a vCPU is one of KVM's, in the one VM of the process.
 *
 * The VM is made by the first create(), or by available() before, and is there until the process
 * ends. KVM does not give a vCPU id twice in the life of a VM, so a vCPU that is destroyed is kept
 * for the next create().
 *
 *     request                          vCPU's thread, run()
 *     exit_request = 1                 immediate_exit = 0
 *     signal -> immediate_exit = 1     exit_request? leave
 *                                      KVM_RUN: -EINTR if immediate_exit is 1, or by a signal
 *
 * So a signal between the load of exit_request and KVM_RUN ends KVM_RUN at once. Where the kernel
 * has no immediate_exit, the signal is blocked but in KVM_RUN, by KVM_SET_SIGNAL_MASK, stays
 * pending, and run() consumes it. ThreadSanitizer puts off the handlers of signals that come
 * outside of system calls it knows as blocking, so there the second way is taken too.
 * STILLPOINT_KVM_KICK, "signal-mask" or "immediate-exit", chooses for tests.
 */
#include "stillpoint/accel.h"
#include "sync/platform.h"
#include "vcpu/accel/kvm_vm.h"

#include <stdio.h>

#ifdef VCPU_KVM_POSSIBLE

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#ifdef __SANITIZE_THREAD__
#define KICK_BY_MASK true
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define KICK_BY_MASK true
#endif
#endif
#ifndef KICK_BY_MASK
#define KICK_BY_MASK false
#endif

static struct kvm_vm *vm;
static bool kick_by_mask;
static platform_mutex vm_lock = PLATFORM_MUTEX_INITIALIZER;

/* ---- The VM of the process ---- */

/* The VM is the parent's: KVM refuses it to other processes, and its memory is not there. The
 * descriptors are closed; the child gets a VM of its own when it wants one. */
static void forget_vm(void)
{
    platform_mutex_init(&vm_lock);
    vcpu_immediate_exit = NULL;
    if (vm)
        kvm_vm_forget(vm);
    vm = NULL;
}

static void watch_forks(void)
{
    platform_at_fork(forget_vm);
}

/* How vCPUs are got out of KVM_RUN, from now on. */
static void choose_kick(void)
{
    const char *wish = getenv("STILLPOINT_KVM_KICK");

    kick_by_mask = KICK_BY_MASK;
    if (wish && (strcmp(wish, "signal-mask") == 0 || strcmp(wish, "immediate-exit") == 0))
        kick_by_mask = wish[0] == 's';
    if (!vm->has_immediate_exit)
        kick_by_mask = true;
}

/* => Holding vm_lock. 0, or a negative error number with a line in `why`. */
static int need_vm(char *why, size_t size)
{
    static platform_once once = PLATFORM_ONCE_INITIALIZER;
    int error;

    if (vm)
        return 0;
    platform_call_once(&once, watch_forks);
    error = kvm_vm_make(&vm, why, size);
    if (!error)
        choose_kick();
    return error;
}

/* ---- Entering and leaving ---- */

static const char *const exit_names[] = {
    [KVM_EXIT_EXCEPTION] = "exception",
    [KVM_EXIT_HYPERCALL] = "hypercall",
    [KVM_EXIT_HLT] = "halted",
    [KVM_EXIT_MMIO] = "access outside of its memory",
    [KVM_EXIT_SHUTDOWN] = "shutdown: a fault in the guest",
    [KVM_EXIT_FAIL_ENTRY] = "the CPU refused the guest's state",
    [KVM_EXIT_INTERNAL_ERROR] = "internal error of KVM",
};

static void fail_for_exit(const struct kvm_vcpu *v) __attribute__((noreturn, cold));
static void fail_for_exit(const struct kvm_vcpu *v)
{
    unsigned reason = v->run->exit_reason;
    const char *name =
        reason < sizeof exit_names / sizeof exit_names[0] ? exit_names[reason] : NULL;
    unsigned long long detail = 0;
    char text[200];

    if (reason == KVM_EXIT_FAIL_ENTRY)
        detail = v->run->fail_entry.hardware_entry_failure_reason;
    else if (reason == KVM_EXIT_INTERNAL_ERROR)
        detail = v->run->internal.suberror;
    snprintf(
        text, sizeof text,
        "the guest of KVM's vCPU %u ended with exit reason %u (%s, %#llx), which it never does; "
        "see the kernel's log, or use another accelerator",
        v->id, reason, name ? name : "unexpected", detail);
    platform_fail(text);
}

static void fail_for_error(const struct kvm_vcpu *v) __attribute__((noreturn, cold));
static void fail_for_error(const struct kvm_vcpu *v)
{
    char text[200];

    snprintf(text, sizeof text, "KVM_RUN of vCPU %u: %m; a child of fork() cannot use the parent's",
             v->id);
    platform_fail(text);
}

/* Takes the pending kicks: all of them, as real-time signals queue up. With one left, the next
 * KVM_RUN would return at once for nothing. */
static void consume_kicks(void)
{
    while (platform_signal_take(vcpu_kick_signal()))
        ;
}

/* Gives the guest what io() returned for it. */
static void do_port_io(struct vcpu *cpu, struct kvm_run *run)
{
    void *data = (char *)run + run->io.data_offset;
    bool out = run->io.direction == KVM_EXIT_IO_OUT;
    uint32_t value = 0;

    if (out)
        memcpy(&value, data, sizeof value);
    if (cpu->guest && cpu->guest->io)
        value = cpu->guest->io(cpu, run->io.port, out, value);
    if (!out)
        memcpy(data, &value, sizeof value);
}

/* KVM_RUN. True when the guest waits for an I/O to be completed, which the next KVM_RUN does
 * first. */
static bool enter_guest(struct vcpu *cpu, struct kvm_vcpu *v)
{
    if (ioctl(v->fd, KVM_RUN, 0) == 0) {
        if (v->machine) {
            v->machine->exit(cpu, v->run);
            return true;
        }
        if (v->run->exit_reason != KVM_EXIT_IO || v->run->io.size != sizeof(uint32_t))
            fail_for_exit(v);
        do_port_io(cpu, v->run);
        return true;
    }
    if (errno != EINTR && errno != EAGAIN)
        fail_for_error(v);
    /* Orders: take of the signal -> LOAD exit_request (acquire), the next one in run_kvm().
     * Pairs with: cpu_exit(), STORE exit_request (seq_cst) -> the signal.
     * Broken: the signal of a request that came after the load is taken, and nothing ends
     * KVM_RUN. */
    if (kick_by_mask)
        consume_kicks();
    return false;
}

static void set_immediate_exit(struct kvm_vcpu *v, uint8_t value)
{
    volatile uint8_t *immediate_exit = &v->run->immediate_exit;

    *immediate_exit = value;
}

/* Makes KVM do all that comes before the guest's next instruction, and return. An access of a
 * machine of the program's may take several exits. */
static void touch_kernel(struct vcpu *cpu, struct kvm_vcpu *v)
{
    if (kick_by_mask)
        platform_signal_send(platform_thread_id(), vcpu_kick_signal());
    else
        set_immediate_exit(v, 1);
    while (ioctl(v->fd, KVM_RUN, 0) == 0) {
        if (!v->machine)
            fail_for_exit(v);
        v->machine->exit(cpu, v->run);
    }
    if (errno != EINTR)
        fail_for_error(v);
    if (kick_by_mask)
        consume_kicks();
}

/* io() is called here: inside cpu_exec_start() and the read section. It must not wait for an
 * exclusive section or a grace period, and may call cpu_exit(). */
static void run_kvm(struct vcpu *cpu)
{
    struct kvm_vcpu *v = cpu->accel_state;
    bool io_pending = false;

    vcpu_signal_begin(cpu);
    for (;;) {
        set_immediate_exit(v, 0);
        /* Orders: STORE immediate_exit -> LOAD exit_request (acquire), for the handler of the
         * signal, which runs in this thread: the compiler's order is enough.
         * Pairs with: cpu_exit(), STORE exit_request (seq_cst) -> the signal, whose handler stores
         * immediate_exit.
         * Broken: a kick between the two is erased, and nothing ends KVM_RUN. */
        atomic_signal_fence(memory_order_seq_cst);
        if (cpu_exit_requested(cpu))
            break;
        io_pending = enter_guest(cpu, v);
    }
    vcpu_signal_end(cpu);
    /* Registers must not be read or set with an instruction half done: RIP at the `in`, and its
     * value put into them by a later KVM_RUN only. */
    if (io_pending)
        touch_kernel(cpu, v);
}

static void kick_kvm(struct vcpu *cpu)
{
    /* One that sleeps checks exit_request before it enters. */
    if (!vcpu_wake(cpu))
        vcpu_signal(cpu);
}

/* ---- The vCPU's life ---- */

/* The kernel's set of signals is the first part of the C library's. */
#define KERNEL_SET_SIZE 8

/* In KVM_RUN the signals are let in that the thread lets in now, and the kick. */
static int set_signal_mask(const struct kvm_vcpu *v)
{
    _Alignas(struct kvm_signal_mask) char room[sizeof(struct kvm_signal_mask) + KERNEL_SET_SIZE];
    struct kvm_signal_mask *mask = (struct kvm_signal_mask *)room;
    sigset_t let_in;

    pthread_sigmask(SIG_BLOCK, NULL, &let_in);
    sigdelset(&let_in, vcpu_kick_signal());
    mask->len = KERNEL_SET_SIZE;
    memcpy(mask->sigset, &let_in, KERNEL_SET_SIZE);
    return ioctl(v->fd, KVM_SET_SIGNAL_MASK, mask) == 0 ? 0 : -errno;
}

/* => The vCPU's thread. From here on signals may come. */
static int prepare_kicks(struct kvm_vcpu *v)
{
    int error = vcpu_kick_signal_prepare(kick_by_mask);

    if (error)
        return error;
    if (kick_by_mask)
        return set_signal_mask(v);
    vcpu_immediate_exit = &v->run->immediate_exit;
    return 0;
}

/* The program's vCPU, or one of the library's VM; NULL, and the error, when there is none. */
static struct kvm_vcpu *take_vcpu(struct vcpu *cpu, int *error)
{
    struct kvm_vcpu *v = NULL;

    platform_mutex_lock(&vm_lock);
    *error = need_vm(NULL, 0);
    if (!*error && !cpu->machine) {
        v = kvm_vm_take(vm, error);
    } else if (!*error) {
        v = calloc(1, sizeof *v);
        *error = v ? 0 : -ENOMEM;
    }
    platform_mutex_unlock(&vm_lock);
    if (v && cpu->machine) {
        v->fd = cpu->machine->fd;
        v->id = cpu->index;
        v->run = cpu->machine->run;
        v->machine = cpu->machine;
    }
    return v;
}

static void release_vcpu(struct kvm_vcpu *v)
{
    /* Orders: STORE vcpu_immediate_exit -> STORE taken, in kvm_vm_give(), for the handler of the
     * signal, which runs in this thread: the compiler's order is enough.
     * Pairs with: kicked(), LOAD vcpu_immediate_exit.
     * Broken: a late kick gets the next owner of the vCPU out, once, for nothing. */
    vcpu_immediate_exit = NULL;
    atomic_signal_fence(memory_order_seq_cst);
    if (v->machine) {
        free(v);
        return;
    }
    platform_mutex_lock(&vm_lock);
    kvm_vm_give(v);
    platform_mutex_unlock(&vm_lock);
}

static int create_kvm(struct vcpu *cpu)
{
    int error;
    struct kvm_vcpu *v = take_vcpu(cpu, &error);

    if (!v)
        return error;
    error = prepare_kicks(v);
    if (!error) {
        /* Completes what another thread has left, and what KVM does for a thread that is new to the
         * vCPU: that may wait for a grace period of the kernel's, and no kick ends it. Here no
         * thread waits for this one. Before the reset, as it may move RIP. */
        touch_kernel(cpu, v);
        if (!v->machine)
            error = kvm_guest_reset(vm->mode, v, cpu->guest_io);
    }
    if (error) {
        release_vcpu(v);
        return error;
    }
    /* Orders: STORE rounds and the others of the page (relaxed, in clear_page()) -> STORE
     * accel_state (release).
     * Pairs with: vcpu_kvm_shared_page(), LOAD accel_state (acquire).
     * Broken: another thread finds in the page what its former owner has counted. */
    __atomic_store_n(&cpu->accel_state, v, __ATOMIC_RELEASE);
    return 0;
}

static void destroy_kvm(struct vcpu *cpu)
{
    struct kvm_vcpu *v = cpu->accel_state;

    __atomic_store_n(&cpu->accel_state, NULL, __ATOMIC_RELAXED);
    release_vcpu(v);
}

/* The VM's memory is never unmapped, so the page may be read for ever; after destroy() it may be
 * another vCPU's. */
struct vcpu_kvm_page *vcpu_kvm_shared_page(struct vcpu *cpu)
{
    /* Orders: LOAD accel_state (acquire) -> LOAD rounds and the others of the page, by the caller.
     * Pairs with: create_kvm(), STORE accel_state (release).
     * Broken: the caller finds in the page what its former owner has counted. */
    struct kvm_vcpu *v = __atomic_load_n(&cpu->accel_state, __ATOMIC_ACQUIRE);

    return cpu->accel == &vcpu_accel_kvm && v ? v->page : NULL;
}

bool vcpu_kvm_registers(struct vcpu *cpu, uint64_t *rip, uint64_t *rax)
{
    struct kvm_vcpu *v = cpu->accel_state;
    struct kvm_regs registers;

    if (cpu->accel != &vcpu_accel_kvm || !v || ioctl(v->fd, KVM_GET_REGS, &registers) != 0)
        return false;
    *rip = registers.rip;
    *rax = registers.rax;
    return true;
}

/* Makes the VM, as KVM may be there and not run the guest. create() finds it: on a busy host it
 * takes KVM seconds to make one. */
static int kvm_available(char *why, size_t size)
{
    int error;

    platform_mutex_lock(&vm_lock);
    error = need_vm(why, size);
    platform_mutex_unlock(&vm_lock);
    return error;
}

#else

static int kvm_available(char *why, size_t size)
{
#ifdef STILLPOINT_PORTABLE
    snprintf(why, size, "this build is the portable one (PORTABLE=1), which leaves KVM out");
#elif defined(__x86_64__) || defined(__i386__)
    snprintf(why, size, "the library was built where <linux/kvm.h> was missing");
#else
    snprintf(why, size, "the guest is x86 code");
#endif
    return -ENOTSUP;
}

static int create_kvm(struct vcpu *cpu)
{
    (void)cpu;
    return -ENOTSUP;
}

/* These are never called, as create() fails. */
static void destroy_kvm(struct vcpu *cpu)
{
    (void)cpu;
}

static void run_kvm(struct vcpu *cpu)
{
    (void)cpu;
}

static void kick_kvm(struct vcpu *cpu)
{
    (void)cpu;
}

struct vcpu_kvm_page *vcpu_kvm_shared_page(struct vcpu *cpu)
{
    (void)cpu;
    return NULL;
}

bool vcpu_kvm_registers(struct vcpu *cpu, uint64_t *rip, uint64_t *rax)
{
    (void)cpu;
    (void)rip;
    (void)rax;
    return false;
}

#endif

const struct vcpu_accel vcpu_accel_kvm = {
    .name = "kvm",
    .summary = "KVM_RUN on a small guest; a signal gets it out",
    .big_lock = true,
    .idles = true,
    .available = kvm_available,
    .create = create_kvm,
    .destroy = destroy_kvm,
    .run = run_kvm,
    .kick = kick_kvm,
};
