/* pause: vCPUs that are added, given work, and removed without having run. Their work is run by who
 * removes them, and in no pause either but the remover's own. */
#include "pause.h"
#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"

#if FLAVOR_CAN_VCPU

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct brief_vcpu {
    struct vcpu cpu;
    struct torture_thread *remover;
    bool in_own_pause;   /* the remover's */
    unsigned items;      /* of work that have not run */
    unsigned long begun; /* the list's generation before it was removed */
    flavor_head head;
};

static void check_no_pause(struct torture_thread *t, const char *when)
{
    struct pause_state *state = t->instance->state;
    unsigned long on = atomic_load_explicit(&state->on, memory_order_relaxed);

    torture_count(t, CHECKS, 1);
    if (__builtin_expect(on != 0, 0))
        torture_violation(t->instance, t, PAUSE_CHECK,
                          "Work of a vCPU that never ran, and is removed, %s during pause %lu.",
                          when, on);
    else if (state->left != state->right)
        torture_violation(t->instance, t, PAUSE_CHECK,
                          "Work of a vCPU that never ran, and is removed, %s and found the "
                          "pauser's words at %lu and %lu.",
                          when, state->left, state->right);
}

static void work_of_brief(struct vcpu *cpu, void *unused)
{
    struct brief_vcpu *v = (struct brief_vcpu *)cpu;
    struct torture_thread *t = v->remover;

    (void)unused;
    if (!v->in_own_pause)
        check_no_pause(t, "began");
    torture_spin(random_below(&t->random, 2000));
    if (!v->in_own_pause)
        check_no_pause(t, "went on");
    torture_count(t, REMOVED_WORK, 1);
    /* It is in the list as long as it has work. */
    if (--v->items == 0)
        v->begun = vcpu_ledger_removes(t, cpu);
}

static void free_brief(flavor_head *head)
{
    struct brief_vcpu *v = (struct brief_vcpu *)((char *)head - offsetof(struct brief_vcpu, head));

    vcpu_destroy(&v->cpu);
    memset(v, 0x5a, sizeof *v);
    free(v);
}

void pause_remove_one(struct torture_thread *t, bool in_own_pause)
{
    struct brief_vcpu *v = cache_lines(sizeof *v);
    unsigned long begun = vcpu_ledger_adds();

    v->remover = t;
    v->in_own_pause = in_own_pause;
    vcpu_init(&v->cpu, NULL);
    vcpu_add(&v->cpu);
    vcpu_ledger_added(t, &v->cpu, begun);
    for (uint64_t i = random_below(&t->random, 3); i < 3; i++)
        v->items += async_run_on_cpu(&v->cpu, work_of_brief, NULL) == 0;
    if (v->items == 0) /* there was no memory */
        v->begun = vcpu_ledger_removes(t, &v->cpu);
    vcpu_remove(&v->cpu);
    if (v->items > 0)
        torture_violation(t->instance, t, PAUSE_CHECK,
                          "A vCPU that never ran was removed, and %u items of its work have not "
                          "run.",
                          v->items);
    else
        vcpu_ledger_removed(t, &v->cpu, v->begun);
    if (async_run_on_cpu(&v->cpu, work_of_brief, NULL) != -ESHUTDOWN)
        torture_violation(t->instance, t, PAUSE_CHECK,
                          "A vCPU that was removed does not refuse work.");
    flavor_call(&v->head, free_brief);
}

void pause_remover(struct torture_thread *t)
{
    const struct pause_params *p = t->instance->params;

    flavor_register_thread();
    while (torture_running(t)) {
        pause_remove_one(t, false);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->pause_ns + 1));
    }
    flavor_unregister_thread();
}

#endif
