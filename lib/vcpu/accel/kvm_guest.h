/* What the accelerator kvm runs: a machine, its vCPUs, and a guest of a few instructions in one of
 * two modes.
 *
 *     long    64 bits, privilege level 3: native wherever KVM works at all
 *     real    16 bits: where the guest does not run in long mode, and in processes of 32 bits
 *
 * Both do the same. The `in` of their port I/O puts into EAX what their next `out` writes, so a
 * program that counts in its io() finds lost values. The memory of the machine is, by
 * guest-physical address:
 *
 *     0x1000    code of both
 *     0x2000    page tables of long mode: all of this memory at its physical address
 *     0x10000   a struct vcpu_kvm_page for each vCPU, by its id
 *
 * KVM does not give a vCPU id twice in the life of a machine, so vCPUs are kept for the next who
 * needs one. STILLPOINT_KVM_GUEST=real does without long mode, for tests.
 */
#ifndef STILLPOINT_KVM_GUEST_H
#define STILLPOINT_KVM_GUEST_H

#include "stillpoint/vcpu.h"

#if defined(__linux__) && (defined(__x86_64__) || defined(__i386__)) && \
    !defined(STILLPOINT_PORTABLE)
#define VCPU_KVM_POSSIBLE
#endif

#ifdef VCPU_KVM_POSSIBLE
#include <linux/kvm.h>

enum kvm_guest_mode { KVM_GUEST_LONG, KVM_GUEST_REAL };

/* A vCPU of KVM's: its owner's while taken. The list and `taken` are the machine's. */
struct kvm_vcpu {
    int fd;
    unsigned id;
    struct kvm_run *run;
    struct vcpu_kvm_page *page;
    bool taken;
    SLIST_ENTRY(kvm_vcpu) link;
};

struct kvm_machine {
    int kvm_fd, vm_fd;
    enum kvm_guest_mode mode;
    bool has_immediate_exit;
    unsigned limit; /* of vCPUs */
    size_t run_size;
    char *memory;
    struct kvm_cpuid2 *cpuid;
    unsigned vcpu_count;
    SLIST_HEAD(kvm_vcpu_list, kvm_vcpu) vcpus; /* those taken and those free */
};

/* In long mode if the guest runs in it, else in real mode. 0, or a negative error number, and in
 * `why` one line that a person can act on.
 * => Calls for one machine are one at a time; no other lock. May block for milliseconds. */
int kvm_machine_make(struct kvm_machine **made, char *why, size_t size);
/* => None of its vCPUs is used. */
void kvm_machine_close(struct kvm_machine *m);
/* In the child of a fork: gives back the descriptors of the parent's. The memory is not there. */
void kvm_machine_forget(struct kvm_machine *m);
/* A vCPU that was free, or a new one; NULL, and a negative error number, when there is none:
 * -ENOSPC when there are `limit`. It may have an I/O to be completed from before. */
struct kvm_vcpu *kvm_machine_take(struct kvm_machine *m, int *error);
void kvm_machine_give(struct kvm_vcpu *v);
/* Puts the vCPU at the start of the guest, and its page too. `io`: the guest does port I/O.
 * => No I/O is to be completed. 0 or a negative error number. */
int kvm_guest_reset(const struct kvm_machine *m, struct kvm_vcpu *v, bool io);
#endif

/* For tests: RIP and RAX of a vCPU that is outside of run(). False when there is none.
 * => The vCPU's thread, after create() and before destroy(). */
bool vcpu_kvm_registers(struct vcpu *cpu, uint64_t *rip, uint64_t *rax);

#endif
