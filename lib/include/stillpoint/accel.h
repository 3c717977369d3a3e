/* Accelerators: how a vCPU runs, and how it is got out. accel_list.h lists them.
 *
 * While a vCPU runs its inner loop it is between cpu_exec_start() and cpu_exec_end(), and in a read
 * section inside that. A force notifier kicks it out, so that no grace period waits for a guest
 * that does not exit by itself.
 */
#ifndef STILLPOINT_ACCEL_H
#define STILLPOINT_ACCEL_H

#include <stillpoint/accel_list.h>
#include <stillpoint/language.h>
#include <stillpoint/vcpu.h>

#include <stddef.h>
#include <stdint.h>

STILLPOINT_BEGIN

struct vcpu_accel {
    const char *name;
    const char *summary;
    bool big_lock; /* held in process_cpu_events(), and so in events() and in work */
    bool idles;    /* calls the guest's idle() */
    bool shares;   /* rr: one thread runs several, by vcpu_rr_run() */
    /* 0, or a negative error number with the reason in `why`. NULL: always there. */
    int (*available)(char *why, size_t size);
    /* In the vCPU's thread, before and after its loop. Both may be NULL. */
    int (*create)(struct vcpu *cpu);
    void (*destroy)(struct vcpu *cpu);
    /* The inner loop: returns soon after a request, or earlier. Called between cpu_exec_start() and
     * cpu_exec_end() and in a read section, when there is no request. */
    void (*run)(struct vcpu *cpu);
    /* Gets it out of run(), or keeps it from entering. Called by cpu_exit() when it makes a
     * request: by any thread, under any lock, at any time from vcpu_init() to vcpu_destroy(), also
     * before create() and after destroy(); never blocks. */
    void (*kick)(struct vcpu *cpu);
};

/* ---- For accelerators of a program's own: what those here are made of ---- */

/* A run(): block() of the guest, until a request. */
void vcpu_run_blocks(struct vcpu *cpu);
/* Wakes the vCPU's thread if it sleeps in its loop; true when it did, so that it will check for
 * requests before it enters. False may be wrong. => As kick(). */
bool vcpu_wake(struct vcpu *cpu);
/* A kick(): of a run() that checks for requests by itself. */
void vcpu_kick_sleeper(struct vcpu *cpu);

/* A kick() by signal, of a run() in system calls that a signal ends:
 *
 *     kick()                              run()
 *     if (!vcpu_wake(cpu))                vcpu_signal_begin(cpu);
 *         vcpu_signal(cpu);               while (!cpu_exit_requested(cpu))
 *                                             ... a call that the signal ends ...
 *                                         vcpu_signal_end(cpu);
 *
 * So that a signal between the test and the call is not lost, it stays blocked but in the call, as
 * in those that take a mask, or its handler stores a 1 that ends the call, by vcpu_immediate_exit.
 */
/* Installs the handler, once, and blocks the signal in the calling thread, or lets it in. 0, or
 * -EBUSY when the program has a handler of its own for that signal. => create(). */
int vcpu_kick_signal_prepare(bool blocked);
int vcpu_kick_signal(void);
/* Sends it to the vCPU's thread, if that is between the two that follow. */
void vcpu_signal(struct vcpu *cpu);
/* => The vCPU's thread. Only in between does it get signals: others would pile up, and interrupt
 *    the program's calls. */
void vcpu_signal_begin(struct vcpu *cpu);
void vcpu_signal_end(struct vcpu *cpu);
/* What the handler sets to 1 in the thread that it interrupts; NULL: nothing. */
extern STILLPOINT_THREAD_LOCAL volatile uint8_t *vcpu_immediate_exit;

/* ---- Those here ---- */

/* vcpu_accel_threads and so on. */
#define VCPU_ACCEL_DECLARE(name) extern const struct vcpu_accel vcpu_accel_##name;
VCPU_ACCELS(VCPU_ACCEL_DECLARE)
#undef VCPU_ACCEL_DECLARE
/* All of them in the order of the list, NULL-ended. */
extern const struct vcpu_accel *const vcpu_accels[];

/* By name; "auto" is kvm where it is available, else threads. NULL: unknown. */
const struct vcpu_accel *vcpu_accel_find(const char *name);
/* 0, or a negative error number with one line of reason in `why`. Of kvm it makes the VM, which the
 * first vCPU finds: that may take KVM seconds where the CPUs are busy. */
int vcpu_accel_available(const struct vcpu_accel *accel, char *why, size_t size);

/* The vCPU's loop: runs it until vcpu_unplug().
 * => The vCPU's own thread, which is registered with RCU, and goes offline if it is online; after
 *    vcpu_add(); the big lock not held.
 * => 0 when it was unplugged, or the negative error number of the accelerator's create(). */
int vcpu_run(struct vcpu *cpu);
/* Requests the vCPU to end: its thread runs the work that is queued, and vcpu_run() returns; one of
 * rr is left out from then on. => Any thread. Does not wait. */
void vcpu_unplug(struct vcpu *cpu);

/* rr: the vCPUs of one thread. All of it is the library's. */
TAILQ_HEAD(vcpu_rr_list, vcpu);
struct vcpu_rr {
    pthread_mutex_t lock;
    struct vcpu_rr_list coming; /* added, not yet seen by the thread */
    struct vcpu_rr_list vcpus;  /* changed by the thread */
    struct vcpu *current;       /* whose turn it is; NULL between turns */
    unsigned count;
    bool kicked; /* a round comes before any turn */
    bool ending, ended;
    pthread_cond_t left;
    struct manual_event wake;   /* the thread */
    struct manual_event change; /* for the timer: `count` has changed */
    /* The thread's own. */
    struct vcpu *last; /* whose turn it was */
    pthread_t timer;
    bool has_timer;
    int64_t turn_ns;
};

/* `turn_ns`: how long a turn lasts when there are others; 0: 10 ms. */
void vcpu_rr_init(struct vcpu_rr *rr, int64_t turn_ns);
/* => When vcpu_rr_run() has returned and the vCPUs have been destroyed: a kick of one uses the
 *    rr. */
void vcpu_rr_destroy(struct vcpu_rr *rr);
/* Gives a vCPU, whose config names this rr, to the thread.
 * => After vcpu_add(); any thread, at any time until vcpu_rr_run() returns (aborts). */
void vcpu_rr_add(struct vcpu_rr *rr, struct vcpu *cpu);
/* Waits until the thread has let go of a vCPU that vcpu_unplug() was called for.
 * => Not in a vCPU's thread, in an exclusive section or in a read section (aborts); lets go of the
 *    big lock while it waits. */
void vcpu_rr_wait(struct vcpu_rr *rr, struct vcpu *cpu);
/* The loop of the thread; returns after vcpu_rr_end(), when each vCPU has been unplugged.
 * => Registered with RCU; the big lock not held. */
void vcpu_rr_run(struct vcpu_rr *rr);
void vcpu_rr_end(struct vcpu_rr *rr);

/* kvm: a machine of the program's own, in place of the library's. It makes VM and vCPU, and sets
 * registers, before vcpu_run(), and may do so again outside of run(), when no I/O is half done.
 * create() runs the vCPU for no instruction, so its state must be one that KVM takes. */
struct kvm_run;
struct vcpu_kvm_machine {
    int fd;              /* the vCPU's; closed by the program when vcpu_run() has returned */
    struct kvm_run *run; /* its mapping */
    /* After each KVM_RUN that has returned 0. In the vCPU's thread, where io() is called: it must
     * not wait for an exclusive section or a grace period. A guest that halts or ends calls
     * cpu_exit() or vcpu_unplug() here. */
    void (*exit)(struct vcpu *cpu, struct kvm_run *run);
};

/* kvm: what host and guest share, a page for each vCPU. The guest adds 1 to `rounds` all the time,
 * and to `unequal` when it finds `left` and `right` different: exclusive sections change both. With
 * guest_io in the config it writes to VCPU_KVM_PORT and reads it once in 65536 rounds. */
#define VCPU_KVM_PORT 0x80
struct vcpu_kvm_page {
    stillpoint_atomic(uint64_t) rounds, unequal, left, right;
};
/* => A vCPU of the accelerator kvm whose create() has returned; NULL before, and of a machine of
 *    the program's own. */
struct vcpu_kvm_page *vcpu_kvm_shared_page(struct vcpu *cpu);
/* RIP and RAX, which has what the guest's last read of its port brought, 0 before the first. No I/O
 * is half done outside of run(). False: it is no vCPU of kvm, or create() has not returned.
 * => The vCPU's thread, outside of run(), before destroy(). */
bool vcpu_kvm_registers(struct vcpu *cpu, uint64_t *rip, uint64_t *rax);

STILLPOINT_END

#endif
