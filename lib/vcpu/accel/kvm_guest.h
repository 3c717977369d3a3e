/* kvm_guest.c: a guest of a few instructions, in one of two modes.
 *
 *     long    64 bits, privilege level 3: native wherever KVM works at all
 *     real    16 bits: where the guest does not run in long mode, and in processes of 32 bits
 *
 * Both do the same. The `in` of their port I/O puts into EAX what their next `out` writes, so a
 * program that counts in its io() finds lost values. The memory of the VM is, by guest-physical
 * address:
 *
 *     0x1000    code of both
 *     0x2000    page tables of long mode: all of this memory at its physical address
 *     0x10000   a struct vcpu_kvm_page for each vCPU, by its id
 */
#ifndef STILLPOINT_KVM_GUEST_H
#define STILLPOINT_KVM_GUEST_H

#include "stillpoint/vcpu.h"

#if defined(__linux__) && (defined(__x86_64__) || defined(__i386__)) && \
    !defined(STILLPOINT_PORTABLE) && __has_include(<linux/kvm.h>)
#define VCPU_KVM_POSSIBLE
#endif

#ifdef VCPU_KVM_POSSIBLE

#define KVM_GUEST_PAGES_AT  0x10000
#define KVM_GUEST_PAGE_SIZE 0x1000
#define KVM_GUEST_MEMORY_SIZE \
    ((size_t)KVM_GUEST_PAGES_AT + (size_t)VCPU_LIMIT * KVM_GUEST_PAGE_SIZE)

struct kvm_vcpu;

enum kvm_guest_mode { KVM_GUEST_LONG, KVM_GUEST_REAL };

/* Writes code and page tables into the VM's memory, which is all zero. */
void kvm_guest_load(void *memory);
/* The guest can reach the pages of vCPU ids below this. */
unsigned kvm_guest_id_limit(enum kvm_guest_mode mode);
struct vcpu_kvm_page *kvm_guest_page(void *memory, unsigned id);
/* Puts the vCPU at the start of the guest, and clears its page. `io`: the guest does port I/O.
 * => No I/O is to be completed. 0 or a negative error number. */
int kvm_guest_reset(enum kvm_guest_mode mode, const struct kvm_vcpu *v, bool io);

#endif
#endif
