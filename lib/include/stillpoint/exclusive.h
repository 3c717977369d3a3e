/* Exclusive sections: what runs while no vCPU executes.
 *
 *     vCPU                       anybody
 *     cpu_exec_start(cpu);       start_exclusive();
 *     ... executes ...           ... no vCPU executes ...
 *     cpu_exec_end(cpu);         end_exclusive();
 *
 * => No vCPU is between cpu_exec_start() and cpu_exec_end() during an exclusive section, and there
 *    is one exclusive section at a time.
 * => A vCPU that executes is kicked (cpu_exit()); the section begins when the last has called
 *    cpu_exec_end().
 * => Sections are served in the order of the requests. Those that were requested while one was on
 *    follow it while vCPUs stay out. Then vCPUs are let in, for 100 us at most when another section
 *    was requested meanwhile, and until the next request otherwise.
 * => Neither side starves. A section waits for vCPUs that execute, and for none that was let in and
 *    has no CPU yet: so one starter in a loop may come before it. A vCPU that woke up 128 times and
 *    found the next section on is let in for 100 us; 128 times later for twice as long, and so on
 *    up to 100 ms.
 * => Order: what vCPUs did before is seen in the section, and what it does is seen by vCPUs after.
 *
 * The pair of cpu_exec_start() and cpu_exec_end() has no fence instruction where membarrier works
 * and sections are rare. A section switches vCPUs to full fences, by one heavy fence, so that those
 * after it interrupt nobody; a vCPU that has executed 8192 times without meeting one switches all
 * back. Meanwhile a pair costs two full fences, some 10 to 20 ns. Source: the lock-free design is
 * QEMU's (Paolo Bonzini, 2016); see docs/architecture.md for what is ours.
 */
#ifndef STILLPOINT_EXCLUSIVE_H
#define STILLPOINT_EXCLUSIVE_H

#include <stillpoint/asymmetric_fence.h>
#include <stillpoint/language.h>
#include <stillpoint/vcpu.h>

STILLPOINT_BEGIN

/* 0, nearly always. Otherwise 1 + the number of vCPUs that are waited for, while an exclusive
 * section is on or requested; and a bit that is set while both fences are full. cpu_exec_start()
 * and cpu_exec_end() load one word for both, in two thirds of the time that two words took. */
#define EXCLUSIVE_FENCES 0x80000000U
extern stillpoint_atomic(unsigned) exclusive_pending;
/* After so many executions without a section fences are light again. The full ones have taken a
 * vCPU some 0.1 ms by then. The heavy one that the next section runs instead takes its starter 15
 * to 30 us, while others wait, and interrupts each CPU that runs a vCPU. */
#ifndef EXCLUSIVE_QUIET
#define EXCLUSIVE_QUIET 8192
#endif

/* Slow paths of the inline functions below; not for programs. */
void vcpu_exec_start_slow(struct vcpu *cpu);
void vcpu_exec_end_slow(struct vcpu *cpu);
void vcpu_check_exec_start(struct vcpu *cpu);
void vcpu_exec_nested(struct vcpu *cpu) __attribute__((noreturn, cold));

/* => The thread that has attached the vCPU; outside of read sections, with the big lock not held,
 *    and outside of exclusive sections: each is diagnosed where it would wait, and at once in
 *    builds with DEBUG=1. What needs a read section takes it inside. Does not nest (aborts).
 * => Waits while an exclusive section is on. */
static inline void cpu_exec_start(struct vcpu *cpu)
{
    bool nested = stillpoint_atomic_load(&cpu->running, __ATOMIC_RELAXED);

#ifdef STILLPOINT_DEBUG
    vcpu_check_exec_start(cpu);
#endif
    stillpoint_atomic_store(&cpu->running, true, __ATOMIC_RELAXED);
    /* Orders: STORE running (relaxed) -> LOAD exclusive_pending (acquire), by a light fence.
     * Pairs with: stop_vcpus(), STORE exclusive_pending (relaxed) -> LOAD running (acquire).
     * Broken: each load misses the other's store, and the vCPU executes in the section. */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    /* Orders: LOAD exclusive_pending (acquire) -> accesses of what the vCPU executes.
     * Pairs with: open_door(), STORE exclusive_pending (release); clear_fences(), STORE
     * exclusive_pending (release).
     * Broken: the vCPU executes on what the section has replaced. */
    unsigned pending = stillpoint_atomic_load(&exclusive_pending, __ATOMIC_ACQUIRE);

    if (__builtin_expect((pending | nested) != 0, 0)) {
        if (nested)
            vcpu_exec_nested(cpu);
        if (pending & EXCLUSIVE_FENCES) {
            /* Orders: STORE running (relaxed) -> LOAD exclusive_pending (acquire), the next one.
             * Pairs with: stop_vcpus(), STORE exclusive_pending (relaxed) -> LOAD running
             * (acquire).
             * Broken: against a plain fence of the starter, the vCPU executes in the section. */
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
            pending = stillpoint_atomic_load(&exclusive_pending, __ATOMIC_ACQUIRE);
        }
        if ((pending & ~EXCLUSIVE_FENCES) || ++cpu->quiet_executions >= EXCLUSIVE_QUIET)
            vcpu_exec_start_slow(cpu);
    }
}

/* => The vCPU's thread. Never waits for a section. */
static inline void cpu_exec_end(struct vcpu *cpu)
{
    /* Orders: accesses of what the vCPU executed -> STORE running (release).
     * Pairs with: stop_vcpus(), LOAD running (acquire).
     * Broken: the exclusive section sees the vCPU's work half done. */
    stillpoint_atomic_store(&cpu->running, false, __ATOMIC_RELEASE);
    /* Orders: STORE running (release) -> LOAD exclusive_pending (relaxed), by a light fence.
     * Pairs with: stop_vcpus(), STORE exclusive_pending (relaxed) -> LOAD running (acquire).
     * Broken: the starter counts the vCPU, which leaves without counting itself out, and waits for
     * ever. */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    unsigned pending = stillpoint_atomic_load(&exclusive_pending, __ATOMIC_RELAXED);

    if (__builtin_expect(pending != 0, 0)) {
        if (pending & EXCLUSIVE_FENCES) {
            /* Orders: STORE running (release) -> LOAD exclusive_pending (relaxed), the next one.
             * Pairs with: stop_vcpus(), STORE exclusive_pending (relaxed) -> LOAD running
             * (acquire).
             * Broken: against a plain fence of the starter, it waits for a vCPU that has left. */
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
            pending = stillpoint_atomic_load(&exclusive_pending, __ATOMIC_RELAXED);
        }
        if (pending & ~EXCLUSIVE_FENCES)
            vcpu_exec_end_slow(cpu);
    }
}

/* => Any thread; nests. Blocks until no vCPU executes.
 * => Aborts with a message: between cpu_exec_start() and cpu_exec_end() of the calling thread (it
 *    would wait for itself), inside a read section, and with the big lock held; then the message
 *    gives the place where the lock was taken.
 * => In an exclusive section the big lock may be taken, and grace periods waited for. */
#define start_exclusive() start_exclusive_at(__FILE__, __LINE__)
void start_exclusive_at(const char *file, int line);
void end_exclusive(void);

/* True in an exclusive section of the calling thread. */
bool in_exclusive_section(void);

STILLPOINT_END

#endif
