/* safe-work: load-linked, store-conditional, and the wide store that it stands for. vCPUs load
 * while they execute; they store in an exclusive section of their own, or as safe work. */
#include "safe_work.h"
#include "torture/runner/violation.h"

#if FLAVOR_CAN_VCPU

static void torn(struct torture_thread *t, unsigned long serial, const char *where,
                 const struct cell *cell, uint64_t low, uint64_t high)
{
    struct safe_work_state *state = t->instance->state;

    torture_note(t, NOTE_LINKED, (unsigned long)(cell - state->cells), (unsigned long)low);
    torture_violation(
        t->instance, t, SAFE_WORK,
        "LL/SC: vCPU %lu read a torn pair from cell %lu %s: %lu, and %lu that belongs to %lu.",
        serial, (unsigned long)(cell - state->cells), where, (unsigned long)low,
        (unsigned long)high, (unsigned long)~high);
}

/* => In an exclusive section. */
static void add(struct torture_thread *t, struct cell *cell)
{
    cell->low++;
    atomic_signal_fence(memory_order_seq_cst);
    if (random_one_in(&t->random, 8))
        torture_spin(random_below(&t->random, 2000));
    atomic_signal_fence(memory_order_seq_cst);
    cell->high = ~cell->low;
}

/* => In an exclusive section. */
static void store(struct safe_work_vcpu *v)
{
    struct torture_thread *t = v->base.thread;
    struct safe_work_state *state = t->instance->state;
    struct cell *cell = v->linked;

    v->linked = NULL;
    if (cell->high != ~cell->low)
        torn(t, v->base.serial, "in a section", cell, cell->low, cell->high);
    if (cell->low != v->linked_low) {
        torture_count(t, SC_FAILURES, 1);
        return;
    }
    add(t, cell);
    v->successes++;
    torture_note(t, NOTE_STORED, (unsigned long)(cell - state->cells), (unsigned long)cell->low);
    torture_count(t, SC_SUCCESSES, 1);
}

/* Safe work. */
static void store_as_work(struct vcpu *cpu, void *data)
{
    struct safe_work_vcpu *v = cpu->data;

    (void)data;
    safe_work_count(v, true);
    store(v);
}

void safe_work_load_linked(struct safe_work_vcpu *v)
{
    struct torture_thread *t = v->base.thread;
    const struct safe_work_params *p = t->instance->params;
    struct safe_work_state *state = t->instance->state;
    struct cell *cell = &state->cells[random_below(&t->random, (uint64_t)p->cells)];
    uint64_t low = cell->low, high = cell->high;

    torture_count(t, CHECKS, 1);
    safe_work_linger(t);
    atomic_signal_fence(memory_order_seq_cst); /* reads it anew */
    if (__builtin_expect(high != ~low, 0)) {
        torn(t, v->base.serial, "while it executed", cell, low, high);
    } else if (__builtin_expect(cell->low != low || cell->high != high, 0)) {
        torture_note(t, NOTE_LINKED, (unsigned long)(cell - state->cells), (unsigned long)low);
        torture_violation(t->instance, t, SAFE_WORK,
                          "LL/SC: cell %lu changed from %lu to %lu while vCPU %lu executed.",
                          (unsigned long)(cell - state->cells), (unsigned long)low,
                          (unsigned long)cell->low, v->base.serial);
    }
    if (v->linked || !random_one_in(&t->random, 4)) /* most loads store nothing */
        return;
    v->linked = cell;
    v->linked_low = low;
    v->stores_by_events = random_one_in(&t->random, 2);
    if (v->stores_by_events)
        cpu_exit(&v->base.cpu);
    else
        safe_work_queue(t, v, true, store_as_work, NULL);
}

void safe_work_store_conditional(struct safe_work_vcpu *v)
{
    struct torture_thread *t = v->base.thread;
    bool locked = bql_locked();
    uint64_t asked, entered;

    if (locked)
        bql_unlock();
    asked = clock_ticks();
    start_exclusive();
    entered = clock_ticks();
    store(v);
    end_exclusive();
    torture_measure(t, EXCLUSIVE_ENTER, clock_ticks_to_ns(entered - asked));
    torture_measure(t, EXCLUSIVE_STOPPED, clock_ticks_to_ns(clock_ticks() - entered));
    if (locked)
        bql_lock();
}

void safe_work_add_to_cell(struct torture_thread *t)
{
    const struct safe_work_params *p = t->instance->params;
    struct safe_work_state *state = t->instance->state;

    start_exclusive();
    add(t, &state->cells[random_below(&t->random, (uint64_t)p->cells)]);
    end_exclusive();
    atomic_fetch_add_explicit(&state->successes, 1, memory_order_relaxed);
    torture_count(t, SC_SUCCESSES, 1);
}

#endif
