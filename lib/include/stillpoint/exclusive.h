/* Exclusive sections: what runs while no vCPU executes.
 *
 *     vCPU                       anybody
 *     cpu_exec_start(cpu);       start_exclusive();
 *     ... executes ...           ... no vCPU executes ...
 *     cpu_exec_end(cpu);         end_exclusive();
 *
 * => No vCPU is between cpu_exec_start() and cpu_exec_end() during an exclusive section, and there
 *    is one exclusive section at a time.
 * => A vCPU that executes is asked to leave (cpu_exit()); the section begins when the last has
 *    called cpu_exec_end().
 * => Sections that are asked for while one is on are served in the order of asking, one after the
 *    other while vCPUs stay out. Then the vCPUs that wait have their turn before any section that
 *    was asked for later. So neither side starves.
 * => Order: what vCPUs did before is seen in the section, and what it does is seen by vCPUs after.
 *
 * The uncontended pair of cpu_exec_start() and cpu_exec_end() has no fence instruction where
 * membarrier works. Source: the lock-free design is QEMU's (Paolo Bonzini, 2016); see
 * docs/architecture.md for what is ours.
 */
#ifndef STILLPOINT_EXCLUSIVE_H
#define STILLPOINT_EXCLUSIVE_H

#include <stillpoint/asymmetric_fence.h>
#include <stillpoint/vcpu.h>

/* What a vCPU looks at each time: 0, nearly always. Else 1 + the vCPUs that are waited for, as an
 * exclusive section is on or asked for; and a bit that says that both fences are full. One look for
 * both: the pair takes two thirds of the time. */
#define EXCLUSIVE_FULL_FENCE 0x80000000U
extern atomic_uint exclusive_pending;

/* Slow paths of the inline functions below; not for programs. */
void vcpu_exec_start_slow(struct vcpu *cpu);
void vcpu_exec_end_slow(struct vcpu *cpu);
void vcpu_check_exec_start(struct vcpu *cpu);

/* => The thread that has attached the vCPU; outside of read sections, with the big lock not held,
 *    and outside of exclusive sections: each is diagnosed where it would wait, and at once in
 *    builds with DEBUG=1. What needs a read section takes it inside. Does not nest.
 * => Waits while an exclusive section is on or asked for. */
static inline void cpu_exec_start(struct vcpu *cpu)
{
#ifdef STILLPOINT_DEBUG
    vcpu_check_exec_start(cpu);
#endif
    atomic_store_explicit(&cpu->running, true, memory_order_relaxed);
    /* Light fence: we say that we run before we look whether we may. Where there is no heavy fence
     * it is a full one, and the look comes after it.
     * Pairs with: asymmetric_fence_heavy() in stop_vcpus(), between `exclusive_pending` and the
     * look at `running`. Broken: the starter takes us for stopped, we see no starter, both go
     * on. */
    atomic_signal_fence(memory_order_seq_cst);
    /* Acquire: with the 0 comes what the exclusive section did.
     * Pairs with: the release of 0 in end_exclusive(). Broken: we run on what the section has
     * replaced. */
    unsigned pending = atomic_load_explicit(&exclusive_pending, memory_order_acquire);

    if (__builtin_expect(pending != 0, 0)) {
        if (pending & EXCLUSIVE_FULL_FENCE) {
            atomic_thread_fence(memory_order_seq_cst);
            pending = atomic_load_explicit(&exclusive_pending, memory_order_acquire);
        }
        if (pending & ~EXCLUSIVE_FULL_FENCE)
            vcpu_exec_start_slow(cpu);
    }
}

/* => The vCPU's thread. Never waits for a section. */
static inline void cpu_exec_end(struct vcpu *cpu)
{
    /* Release: all that we did comes before we say that we have left.
     * Pairs with: the acquire in stop_vcpus(). Broken: the exclusive section sees our work half
     * done. */
    atomic_store_explicit(&cpu->running, false, memory_order_release);
    /* Light fence: we say that we have left before we look whether somebody waits for it; as above.
     * Pairs with: asymmetric_fence_heavy() in stop_vcpus(). Broken: the starter has counted us, we
     * do not see that it waits, and it waits for ever. */
    atomic_signal_fence(memory_order_seq_cst);
    unsigned pending = atomic_load_explicit(&exclusive_pending, memory_order_relaxed);

    if (__builtin_expect(pending != 0, 0)) {
        if (pending & EXCLUSIVE_FULL_FENCE) {
            atomic_thread_fence(memory_order_seq_cst);
            pending = atomic_load_explicit(&exclusive_pending, memory_order_relaxed);
        }
        if (pending & ~EXCLUSIVE_FULL_FENCE)
            vcpu_exec_end_slow(cpu);
    }
}

/* => Any thread; nests. Blocks until no vCPU executes.
 * => Aborts with a message: between cpu_exec_start() and cpu_exec_end() of the calling thread (it
 *    would wait for itself), inside a read section, and with the big lock held, where it says who
 *    took the lock. In an exclusive section the big lock may be taken, and grace periods waited
 *    for. */
#define start_exclusive() start_exclusive_at(__FILE__, __LINE__)
void start_exclusive_at(const char *file, int line);
void end_exclusive(void);

/* True in an exclusive section of the calling thread. */
bool in_exclusive_section(void);

#endif
