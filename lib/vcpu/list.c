/* The list of vCPUs. */
#include "vcpu/list.h"

#include "stillpoint/rcu_list.h"
#include "vcpu/misuse.h"
#include "vcpu/wait.h"
#include "vcpu/work.h"

#include <errno.h>
#include <limits.h>

platform_mutex vcpu_lock = PLATFORM_MUTEX_INITIALIZER;
struct vcpu_list vcpu_list = TAILQ_HEAD_INITIALIZER(vcpu_list);

/* Under vcpu_lock. */
#define BITS (CHAR_BIT * (unsigned)sizeof(unsigned long))
static unsigned long indexes[VCPU_LIMIT / BITS];

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

int vcpu_add(struct vcpu *cpu)
{
    unsigned index;

    platform_mutex_lock(&vcpu_lock);
    if (cpu->listed)
        vcpu_misuse("vcpu_add() of vCPU %u, which is in the list already", cpu->index);
    if (cpu->leaves)
        vcpu_misuse("vcpu_add() of vCPU %u before vcpu_remove() has returned", cpu->index);
    index = take_index();
    if (index < VCPU_LIMIT) {
        cpu->index = index;
        cpu->listed = true;
        /* One that was removed begins anew. */
        atomic_store_explicit(&cpu->unplug, false, memory_order_relaxed);
        vcpu_open_work(cpu);
        TAILQ_INSERT_TAIL_RCU(&vcpu_list, cpu, link);
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

void vcpu_remove(struct vcpu *cpu)
{
    bool lock;

    platform_mutex_lock(&vcpu_lock);
    if (!cpu->listed)
        vcpu_misuse("vcpu_remove() of a vCPU that is not in the list");
    if (cpu->attached || cpu->in_rr || atomic_load_explicit(&cpu->running, memory_order_relaxed))
        vcpu_misuse("vcpu_remove() of vCPU %u, which runs; call vcpu_unplug() and wait until its "
                    "thread has left vcpu_run()",
                    cpu->index);
    cpu->listed = false;
    cpu->leaves = true;
    TAILQ_REMOVE_RCU(&vcpu_list, cpu, link);
    atomic_fetch_sub_explicit(&count, 1, memory_order_relaxed);
    /* Orders: STORE link (in TAILQ_REMOVE_RCU()) -> STORE generation (release half).
     * Pairs with: vcpu_list_generation(), LOAD generation (acquire).
     * Broken: a walk after the new number meets the vCPU yet. */
    atomic_fetch_add_explicit(&generation, 1, memory_order_release);
    platform_mutex_unlock(&vcpu_lock);
    /* In place of the vCPU's thread, and so with the lock that its work runs with. */
    lock = vcpu_lock_for_work(cpu);
    vcpu_close_work(cpu);
    if (lock)
        bql_unlock();
    /* Until now the vCPU's work could use the index. */
    platform_mutex_lock(&vcpu_lock);
    give_index(cpu->index);
    cpu->leaves = false;
    platform_mutex_unlock(&vcpu_lock);
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
