/* turnover: memory of vCPUs that are gone. It is poisoned: who reads a pointer there crashes, and
 * what was written there is found when the memory is to be used again. AddressSanitizer knows of
 * it as well. */
#include "turnover.h"

#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"

#include <string.h>

#ifndef __has_feature
#define __has_feature(name) 0 /* clang's */
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define FORBID(memory, size) ASAN_POISON_MEMORY_REGION(memory, size)
#define ALLOW(memory, size)  ASAN_UNPOISON_MEMORY_REGION(memory, size)
#else
#define FORBID(memory, size) (void)(memory)
#define ALLOW(memory, size)  (void)(memory)
#endif

#if FLAVOR_CAN_VCPU

/* So many others go before the memory of one is used again. */
enum { GRAVES = 64, POISON = 0x5a };

static void poison(struct vcpu *cpu)
{
    memset(cpu, POISON, sizeof *cpu);
    FORBID(cpu, sizeof *cpu);
}

/* Where it is not the poison; sizeof *cpu: nowhere. */
static size_t disturbed(const struct vcpu *cpu)
{
    const unsigned char *bytes = (const unsigned char *)cpu;
    size_t i = 0;

    ALLOW(cpu, sizeof *cpu);
    while (i < sizeof *cpu && bytes[i] == POISON)
        i++;
    return i;
}

static void check(struct instance *in, struct torture_thread *t, const struct vcpu *cpu)
{
    size_t at = disturbed(cpu);

    if (at < sizeof *cpu)
        torture_violation(in, t, LATE_USE,
                          "The memory of a vCPU was written to, at byte %zu of %zu, after it had "
                          "been removed, a grace period had passed, and it had been destroyed.",
                          at, sizeof *cpu);
}

void graves_open(struct graves *g, size_t vcpus)
{
    g->count = GRAVES + (unsigned)vcpus;
    g->next = 0;
    g->memory = cache_lines(g->count * sizeof *g->memory);
    g->taken = calloc(g->count, sizeof *g->taken);
    for (unsigned i = 0; i < g->count; i++)
        poison(&g->memory[i]);
}

struct vcpu *graves_take(struct torture_thread *t, struct graves *g)
{
    struct vcpu *cpu;

    while (g->taken[g->next])
        g->next = (g->next + 1) % g->count;
    cpu = &g->memory[g->next];
    g->taken[g->next] = true;
    g->next = (g->next + 1) % g->count;
    check(t->instance, t, cpu);
    torture_count(t, CHECKS, 1);
    return cpu;
}

void graves_give(struct graves *g, struct vcpu *cpu)
{
    poison(cpu);
    g->taken[cpu - g->memory] = false;
}

void graves_close(struct instance *in, struct graves *g)
{
    for (unsigned i = 0; i < g->count; i++)
        check(in, NULL, &g->memory[i]);
    free(g->taken);
    free(g->memory);
}

#endif
