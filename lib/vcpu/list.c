/* The list of vCPUs. */
#include "vcpu/list.h"

#include "stillpoint/rcu_list.h"
#include "stillpoint/vcpu_kick.h"
#include "vcpu/accel/rr.h"
#include "vcpu/attach.h"
#include "vcpu/big_lock.h"
#include "vcpu/kick.h"
#include "vcpu/misuse.h"
#include "vcpu/pause.h"
#include "vcpu/wait.h"
#include "vcpu/work.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

platform_mutex vcpu_lock = PLATFORM_MUTEX_INITIALIZER;
struct vcpu_list vcpu_list = TAILQ_HEAD_INITIALIZER(vcpu_list);

/* Under vcpu_lock. */
#define BITS (CHAR_BIT * (unsigned)sizeof(unsigned long))
static unsigned long indexes[VCPU_LIMIT / BITS];
static _Atomic(struct vcpu *) found[VCPU_LIMIT]; /* by index */

static atomic_ulong generation;
static atomic_uint count;

/* => vcpu_lock. The lowest free index, or VCPU_LIMIT. */
static unsigned take_index(void)
{
    for (unsigned i = 0; i < VCPU_LIMIT / BITS; i++) {
        if (indexes[i] != ~0UL) {
            unsigned bit = (unsigned)__builtin_ctzl(~indexes[i]);

            indexes[i] |= 1UL << bit;
            return i * BITS + bit;
        }
    }
    return VCPU_LIMIT;
}

static void give_index(unsigned index)
{
    indexes[index / BITS] &= ~(1UL << index % BITS);
}

static void publish(struct vcpu *cpu)
{
    /* Orders: STORE of the vCPU's fields -> STORE found (release).
     * Pairs with: vcpu_find(), LOAD found (acquire) -> LOAD of the fields.
     * Broken: a caller of vcpu_find() finds the vCPU as its memory was before vcpu_init(). */
    atomic_store_explicit(&found[cpu->index], cpu, memory_order_release);
}

int vcpu_add(struct vcpu *cpu)
{
    unsigned index;

    platform_mutex_lock(&vcpu_lock);
    if (cpu->listed)
        vcpu_misuse("vcpu_add() of vCPU %u, which is in the list already%s", cpu->index,
                    cpu->leaves ? ": vcpu_remove() has not returned" : "");
    index = take_index();
    if (index < VCPU_LIMIT) {
        cpu->index = index;
        cpu->listed = true;
        /* One that was removed begins anew. */
        atomic_store_explicit(&cpu->unplug, false, memory_order_relaxed);
        vcpu_pause_add(cpu);
        vcpu_open_work(cpu);
        TAILQ_INSERT_TAIL_RCU(&vcpu_list, cpu, link);
        publish(cpu);
        atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
        /* Orders: STORE link (in TAILQ_INSERT_TAIL_RCU()) -> STORE generation (release half).
         * Pairs with: vcpu_list_generation(), LOAD generation (acquire).
         * Broken: a walk after the new number misses the vCPU, and finds the same number at its
         * end. */
        atomic_fetch_add_explicit(&generation, 1, memory_order_release);
    }
    platform_mutex_unlock(&vcpu_lock);
    return index < VCPU_LIMIT ? 0 : -ENOSPC;
}

/* In place of the vCPU's thread: with the lock that its work runs with, and in no pause. */
static void close_work(struct vcpu *cpu)
{
    bool lock = vcpu_lock_for_work(cpu);

    do
        vcpu_stay_stopped();
    while (!vcpu_close_first_work(cpu));
    if (lock)
        bql_unlock();
}

/* The vCPU never ran. A thread that runs no vCPU runs this one for the time, so that pauses wait
 * for its work; in the thread of another its work is work of that one. */
static void close_work_of_idle(struct vcpu *cpu)
{
    struct vcpu_frame frame;

    if (in_exclusive_section() || rcu_read_locked())
        vcpu_misuse("vcpu_remove() of vCPU %u in an exclusive section or in a read section, with "
                    "work to run, which may wait for a vCPU; leave it first",
                    cpu->index);
    if (current_cpu) {
        vcpu_frame_enter(&frame, cpu);
        close_work(cpu);
        vcpu_frame_leave(&frame);
        return;
    }
    vcpu_pause_attach(cpu);
    current_cpu = cpu;
    close_work(cpu);
    current_cpu = NULL;
    vcpu_pause_detach(cpu);
}

void vcpu_remove(struct vcpu *cpu)
{
    platform_mutex_lock(&vcpu_lock);
    if (!cpu->listed)
        vcpu_misuse("vcpu_remove() of a vCPU that is not in the list");
    if (cpu->leaves || cpu->attached || cpu->in_rr ||
        atomic_load_explicit(&cpu->running, memory_order_relaxed))
        vcpu_misuse("vcpu_remove() of vCPU %u, which runs; call vcpu_unplug() and wait until its "
                    "thread has left vcpu_run()",
                    cpu->index);
    if (vcpu_pauser_of(cpu) != 0)
        vcpu_misuse("vcpu_remove() of vCPU %u, which vcpu_pause() has paused; call vcpu_resume() "
                    "first",
                    cpu->index);
    cpu->leaves = true;
    /* It has no thread that ends, and that somebody may wait for in a pause. */
    atomic_store_explicit(&cpu->unplug, false, memory_order_relaxed);
    platform_mutex_unlock(&vcpu_lock);
    if (!vcpu_close_empty_work(cpu))
        close_work_of_idle(cpu);
    platform_mutex_lock(&vcpu_lock);
    cpu->listed = cpu->leaves = false;
    TAILQ_REMOVE_RCU(&vcpu_list, cpu, link);
    atomic_store_explicit(&found[cpu->index], NULL, memory_order_relaxed);
    atomic_fetch_sub_explicit(&count, 1, memory_order_relaxed);
    /* Orders: STORE link (in TAILQ_REMOVE_RCU()) -> STORE generation (release half).
     * Pairs with: vcpu_list_generation(), LOAD generation (acquire).
     * Broken: a walk after the new number meets the vCPU yet. */
    atomic_fetch_add_explicit(&generation, 1, memory_order_release);
    give_index(cpu->index);
    platform_mutex_unlock(&vcpu_lock);
}

struct vcpu *vcpu_find(unsigned index)
{
    /* Orders: LOAD found (acquire) -> LOAD of the vCPU's fields, by the caller.
     * Pairs with: publish(), STORE of the fields -> STORE found (release).
     * Broken: the caller finds the vCPU as its memory was before vcpu_init(). */
    return index < VCPU_LIMIT ? atomic_load_explicit(&found[index], memory_order_acquire) : NULL;
}

unsigned long vcpu_list_generation(void)
{
    /* Orders: LOAD generation (acquire) -> LOAD link, in VCPU_FOREACH().
     * Pairs with: vcpu_add(), STORE generation (release half); vcpu_remove(), STORE generation
     * (release half).
     * Broken: a walk after the new number goes through the list as it was before. */
    return atomic_load_explicit(&generation, memory_order_acquire);
}

unsigned vcpu_count(void)
{
    return atomic_load_explicit(&count, memory_order_relaxed);
}

/* --- In the child of a fork --- */

/* What other threads may have been about to change. */
static void renew(struct vcpu *cpu)
{
    cpu->has_waiter = false;
    manual_event_init(&cpu->wake, false);
    manual_event_init(&cpu->cancel, false);
    atomic_store_explicit(&cpu->thread_id, cpu->attached ? platform_thread_id() : 0,
                          memory_order_relaxed);
    vcpu_work_after_fork(cpu);
    vcpu_leave_request(cpu);
}

static void drop(struct vcpu *cpu)
{
    if (cpu->rr)
        vcpu_rr_drop(cpu->rr);
    cpu->listed = cpu->leaves = cpu->attached = cpu->in_rr = false;
    atomic_store_explicit(&cpu->running, false, memory_order_relaxed);
    atomic_store_explicit(&cpu->waits, false, memory_order_relaxed);
    atomic_store_explicit(&cpu->paused_by, 0, memory_order_relaxed);
    renew(cpu);
}

void vcpu_list_after_fork(void)
{
    struct vcpu *cpu = TAILQ_FIRST(&vcpu_list), *next;
    unsigned kept = 0;

    platform_mutex_init(&vcpu_lock);
    memset(indexes, 0, sizeof indexes);
    for (unsigned i = 0; i < VCPU_LIMIT; i++)
        atomic_store_explicit(&found[i], NULL, memory_order_relaxed);
    TAILQ_INIT(&vcpu_list);
    for (; cpu; cpu = next) {
        next = TAILQ_NEXT(cpu, link);
        if (!vcpu_is_mine(cpu)) {
            drop(cpu);
            continue;
        }
        renew(cpu);
        indexes[cpu->index / BITS] |= 1UL << cpu->index % BITS;
        TAILQ_INSERT_TAIL(&vcpu_list, cpu, link);
        publish(cpu);
        kept++;
    }
    if (current_cpu && current_cpu->rr)
        vcpu_rr_after_fork(current_cpu->rr);
    atomic_store_explicit(&count, kept, memory_order_relaxed);
    atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
}
