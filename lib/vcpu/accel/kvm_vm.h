/* kvm_vm.c: the VM of the accelerator kvm, and its vCPUs.
 *
 * KVM does not give a vCPU id twice in the life of a VM, so vCPUs that are given back are kept for
 * the next takers. STILLPOINT_KVM_GUEST=real does without long mode, for tests.
 */
#ifndef STILLPOINT_KVM_VM_H
#define STILLPOINT_KVM_VM_H

#include "vcpu/accel/kvm_guest.h"

#ifdef VCPU_KVM_POSSIBLE
#include <linux/kvm.h>

/* A vCPU of KVM's: its owner's while taken. The list and `taken` are the VM's. */
struct kvm_vcpu {
    int fd;
    unsigned id;
    struct kvm_run *run;
    struct vcpu_kvm_page *page;
    const struct vcpu_kvm_machine *machine; /* the program's; NULL: it is one of the VM's */
    bool taken;
    SLIST_ENTRY(kvm_vcpu) link;
};

struct kvm_vm {
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
 * => Calls for one VM are one at a time; no other lock. May block for milliseconds. */
int kvm_vm_make(struct kvm_vm **made, char *why, size_t size);
/* => None of its vCPUs is used. */
void kvm_vm_close(struct kvm_vm *vm);
/* In the child of a fork: closes the descriptors, which are the parent's. The memory is not
 * there. */
void kvm_vm_forget(struct kvm_vm *vm);
/* A vCPU that was free, or a new one; NULL, and a negative error number, when there is none:
 * -ENOSPC when there are `limit`. It may have an I/O to be completed from before. */
struct kvm_vcpu *kvm_vm_take(struct kvm_vm *vm, int *error);
void kvm_vm_give(struct kvm_vcpu *v);

#endif
#endif
