/* The list of vCPUs. */
#include "internal.h"

#include "stillpoint/rcu_list.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

platform_mutex vcpu_lock = PLATFORM_MUTEX_INITIALIZER;
struct vcpu_list vcpu_list = TAILQ_HEAD_INITIALIZER(vcpu_list);
struct vcpu_counts vcpu_counts;
STILLPOINT_THREAD_LOCAL struct vcpu *current_cpu;

/* Under vcpu_lock. */
#define BITS (CHAR_BIT * (unsigned)sizeof(unsigned long))
static unsigned long indexes[VCPU_LIMIT / BITS];

static atomic_ulong generation;
static atomic_uint count;

void vcpu_misuse(const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    platform_fail(text);
}

void vcpu_init(struct vcpu *cpu, const struct vcpu_config *config)
{
    if (config && (config->rr != NULL) != (config->accel && config->accel->shares))
        vcpu_misuse("vcpu_init(): config.rr goes with the accelerator rr, and with no other");
    if (config && config->accel && config->accel->run == vcpu_run_blocks &&
        !(config->guest && config->guest->block))
        vcpu_misuse("vcpu_init(): the accelerator %s needs a guest with a block()",
                    config->accel->name);
    if ((uintptr_t)cpu % RCU_CACHE_LINE != 0)
        vcpu_misuse("vcpu_init() at %p, which is no multiple of %d; use aligned_alloc()",
                    (void *)cpu, RCU_CACHE_LINE);
    *cpu = (struct vcpu){.guest_io = false};
    if (config) {
        cpu->accel = config->accel;
        cpu->guest = config->guest;
        cpu->data = config->data;
        cpu->rr = config->rr;
        cpu->guest_io = config->guest_io;
    }
    event_init(&cpu->wake, false);
    event_init(&cpu->cancel, false);
    vcpu_work_init(cpu);
}

void vcpu_destroy(struct vcpu *cpu)
{
    if (cpu->listed)
        vcpu_misuse("vcpu_destroy() of vCPU %u, which is in the list; call vcpu_remove() first",
                    cpu->index);
    vcpu_work_destroy(cpu);
    event_destroy(&cpu->cancel);
    event_destroy(&cpu->wake);
}

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
        /* Release: who sees the number has seen the list.
         * Pairs with: the acquire in vcpu_list_generation(). Broken: the same number, another
         * list. */
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
    /* Release: as in vcpu_add(). */
    atomic_fetch_add_explicit(&generation, 1, memory_order_release);
    platform_mutex_unlock(&vcpu_lock);
    /* In the place of the vCPU's thread, so as it would. */
    lock = vcpu_lock_for_work(cpu);
    vcpu_close_work(cpu);
    if (lock)
        bql_unlock();
    /* Until now it was still that of the vCPU's work. */
    platform_mutex_lock(&vcpu_lock);
    give_index(cpu->index);
    cpu->leaves = false;
    platform_mutex_unlock(&vcpu_lock);
}

unsigned long vcpu_list_generation(void)
{
    /* Acquire, pairs with: the release in vcpu_add() and vcpu_remove(). Broken: as said there. */
    return atomic_load_explicit(&generation, memory_order_acquire);
}

unsigned vcpu_count(void)
{
    return atomic_load_explicit(&count, memory_order_relaxed);
}

void vcpu_get_stats(struct vcpu_stats *stats)
{
#define read(field) .field = atomic_load_explicit(&vcpu_counts.field, memory_order_relaxed)
    *stats = (struct vcpu_stats){
        read(exclusive_sections), read(exclusive_handed), read(exclusive_waited),
        read(exec_waits),         read(exec_counted),     read(pauses),
        read(work_run),           read(safe_work_run),    read(signals),
        read(rr_timer_kicks),
    };
#undef read
}
