/* exclusive: vCPUs in loops of their own, which any flavor with exclusive sections has. */
#include "exclusive.h"
#include "torture/runner/violation.h"

#include <string.h>

static unsigned first_unlike(const struct exclusive_state *state, unsigned long value)
{
    unsigned word = 0;

    while (word < DATA_WORDS && state->words[word] == value)
        word++;
    return word;
}

struct exclusive_sight exclusive_execute(struct exclusive_state *state, struct executor *e,
                                         flavor_vcpu *v, uint64_t ticks)
{
    uint64_t begun = clock_ticks();
    struct exclusive_sight sight = {.begun = begun, .first = state->words[0]};

    /* Relaxed: x86 shows a vCPU that executes all the same, and elsewhere the code under test has
     * to order it or the plain words show it. */
    atomic_store_explicit(&e->executing, 1, memory_order_relaxed);
    e->left++;
    do {
        /* The compiler reads all of them again. */
        atomic_signal_fence(memory_order_seq_cst);
        sight.word = first_unlike(state, sight.first);
    } while (sight.word == DATA_WORDS && !flavor_exec_wanted_out(v) &&
             clock_ticks() - begun < ticks);
    if (sight.word < DATA_WORDS)
        sight.found = state->words[sight.word];
    e->newest = sight.first;
    e->right++;
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&e->executing, 0, memory_order_relaxed);
    return sight;
}

void exclusive_judge(struct torture_thread *t, struct executor *e, struct exclusive_sight sight)
{
    struct exclusive_state *state = t->instance->state;

    torture_note_at(t, sight.begun, NOTE_EXECUTES, sight.first, e->serial);
    torture_note(t, NOTE_LEFT, sight.first, e->serial);
    torture_count(t, EXECUTIONS, 1);
    torture_count(t, CHECKS, 1);
    torture_beat(t);
    if (sight.word == DATA_WORDS)
        return;
    torture_violation(t->instance, t, EXCLUSIVITY,
                      "vCPU %lu of executor %zu began to execute after section %lu, and then found "
                      "%lu in word %u: a section was on.",
                      e->serial, (size_t)(e - state->executors), sight.first, sight.found,
                      sight.word);
}

/* True when the vCPU was wanted out. */
static bool execute_once(struct torture_thread *t, struct executor *e)
{
    const struct exclusive_params *p = t->instance->params;
    struct exclusive_state *state = t->instance->state;
    uint64_t ticks = clock_ns_to_ticks(random_below(&t->random, (uint64_t)p->exec_ns + 1));
    struct exclusive_sight sight;
    bool wanted;

    if (p->order_one_in > 0)
        request_line_turn(&state->entries.requests[t->id]);
    exclusive_contend(state, p, t->id);
    flavor_exec_start(&e->vcpu);
    if (p->order_one_in > 0)
        request_line_turn(&state->entries.requests[t->id]);
    sight = exclusive_execute(state, e, &e->vcpu, ticks);
    exclusive_contend(state, p, t->id);
    flavor_exec_end(&e->vcpu);
    exclusive_judge(t, e, sight);
    wanted = flavor_exec_wanted_out(&e->vcpu);
    if (wanted) {
        flavor_exec_events(&e->vcpu);
        torture_count(t, WANTED_OUT, 1);
    }
    return wanted;
}

static void enter(struct torture_thread *t, struct executor *e)
{
#if FLAVOR_CAN_VCPU
    unsigned long begun = vcpu_ledger_adds();

    flavor_vcpu_enter(&e->vcpu);
    vcpu_ledger_added(t, &e->vcpu, begun);
#else
    (void)t;
    flavor_vcpu_enter(&e->vcpu);
#endif
}

static void leave(struct torture_thread *t, struct executor *e)
{
#if FLAVOR_CAN_VCPU
    unsigned long begun = vcpu_ledger_removes(t, &e->vcpu);

    flavor_vcpu_leave(&e->vcpu);
    vcpu_ledger_removed(t, &e->vcpu, begun);
#else
    (void)t;
    flavor_vcpu_leave(&e->vcpu);
#endif
}

/* Another vCPU in the same memory: the code under test is done with the one before. */
static void re_enter(struct torture_thread *t, struct executor *e)
{
    leave(t, e);
    memset(&e->vcpu, 0x5a, sizeof e->vcpu);
    enter(t, e);
    e->serial++;
    torture_note(t, NOTE_RE_ENTERED, e->serial, 0);
    torture_count(t, RE_ENTERED, 1);
}

void exclusive_exec_vcpu(struct torture_thread *t)
{
    const struct exclusive_params *p = t->instance->params;
    struct exclusive_state *state = t->instance->state;
    struct executor *e = &state->executors[t->index];
    uint64_t mean = clock_ns_to_ticks((uint64_t)p->fleet.hotplug_ns), stay, since;

    flavor_register_thread();
    enter(t, e);
    since = clock_ticks();
    stay = random_below(&t->random, 2 * mean + 1);
    while (torture_running(t)) {
        execute_once(t, e);
        if (random_one_in(&t->random, (uint64_t)p->own_section_one_in)) {
            exclusive_section(t);
            torture_count(t, OWN_SECTIONS, 1);
        }
        if (mean > 0 && clock_ticks() - since > stay) {
            re_enter(t, e);
            since = clock_ticks();
            stay = random_below(&t->random, 2 * mean + 1);
        }
        torture_spin(random_below(&t->random, (uint64_t)p->gap_ns + 1));
    }
    leave(t, e);
    flavor_unregister_thread();
}

/* Until a section has ended, or the run is over. Does not beat: with a starter that waits for ever
 * it is silent as well. */
static void stay_out(struct torture_thread *t, struct exclusive_state *state, unsigned long seen)
{
    uint64_t begun = clock_ticks(), spin = clock_ns_to_ticks(50000);

    while (torture_running(t) && atomic_load_explicit(&state->ended, memory_order_relaxed) == seen)
        if (clock_ticks() - begun > spin)
            torture_sleep(t, 20000);
}

/* A vCPU that goes round finds at its next execution what it missed at the end of the last; this
 * one does not come back before the starter has. */
void exclusive_quiet_vcpu(struct torture_thread *t)
{
    const struct exclusive_params *p = t->instance->params;
    struct exclusive_state *state = t->instance->state;
    struct executor *e = &state->executors[(size_t)p->exec_vcpus + t->index];

    flavor_register_thread();
    enter(t, e);
    while (torture_running(t)) {
        unsigned long seen = atomic_load_explicit(&state->ended, memory_order_relaxed);

        execute_once(t, e);
        if (p->starters > 0)
            stay_out(t, state, seen);
        torture_count(t, QUIET_TURNS, 1);
    }
    leave(t, e);
    flavor_unregister_thread();
}
