/* exclusive: vCPUs execute, and several threads enter exclusive sections.
 *
 * In a section its owner loads, when it begins and again before it ends, each executor's word
 * `executing`. Nobody counts vCPUs together: a counter that all of them change would fence for the
 * code under test. Plain memory shows whether the order is there as well: words that each section
 * counts up in two halves, and vCPUs compare while they execute; and what each vCPU changes while
 * it executes, and sections compare. The words are the same from the beginning to the end of an
 * execution, or a section was in it.
 */
#include "exclusive.h"

#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"

#include <stdlib.h>

static const struct counter counters[COUNTER_COUNT] = {
    [EXECUTIONS] = {.name = "executions"},
    [SECTIONS] = {.name = "sections"},
    [CHECKS] = {.name = "checks"},
    [NESTED_SECTIONS] = {.name = "nested_sections"},
    [OWN_SECTIONS] = {.name = "own_sections"},
    [WANTED_OUT] = {.name = "wanted_out"},
    [GUESTS_WANTED_OUT] = {.name = "guests_wanted_out", .needs = CAN_VCPU},
    [RE_ENTERED] = {.name = "re_entered"},
    [QUIET_TURNS] = {.name = "quiet_turns"},
    [GUESTS_FROZEN] = {.name = "guests_frozen", .needs = CAN_VCPU},
    [ORDER_CHECKS] = {.name = "order_checks",
                      .words = "sections that nobody was to be overtaken by",
                      .needs = CAN_FIFO},
    [ENTRY_CHECKS] = {.name = "entry_checks",
                      .words = "vCPUs that slept on their way to execute",
                      .needs = CAN_FIFO},
};
static const struct measure measures[MEASURE_COUNT] = {
    [ENTER] = MEASURE_EXCLUSIVE_ENTER,
    [STOPPED] = {.name = "exclusive.stopped", .unit = "ns"},
};
static const char *const checks[CHECK_COUNT] = {
    VCPU_LEDGER_ROW,
    [EXCLUSIVITY] = "exclusivity",
    [FAIRNESS] = "fairness",
};
static const char *const coverage[] = {
    "sections",   "nested_sections", "own_sections",  "wanted_out",   "guests_wanted_out",
    "re_entered", "quiet_turns",     "guests_frozen", "order_checks", "entry_checks",
    NULL};
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_EXECUTES] = {.format = "executes after section %lu, as vCPU %lu"},
    [NOTE_LEFT] = {.format = "left after section %lu, as vCPU %lu"},
    [NOTE_ASKS] = {.format = "asks for a section after %lu"},
    [NOTE_BEGAN] = {.format = "entered section %lu, %lu deep", .enters = true},
    [NOTE_ENDS] = {.format = "ends section %lu"},
    [NOTE_RE_ENTERED] = {.format = "came back, as vCPU %lu"},
};

/* --- The section --- */

/* No vCPU executes, and none has left its work half done. */
static void check_executors(struct torture_thread *t, struct exclusive_state *state,
                            unsigned long number, const char *when)
{
    for (size_t i = 0; i < state->executor_count; i++) {
        struct executor *e = &state->executors[i];

        if (atomic_load_explicit(&e->executing, memory_order_relaxed))
            torture_violation(t->instance, t, EXCLUSIVITY,
                              "vCPU %lu of executor %zu executes in section %lu, %s.", e->serial, i,
                              number, when);
        else if (e->left != e->right)
            torture_violation(t->instance, t, EXCLUSIVITY,
                              "Section %lu, %s, finds the work of vCPU %lu of executor %zu half "
                              "done: %lu and %lu.",
                              number, when, e->serial, i, e->left, e->right);
        else if (e->newest >= number)
            torture_violation(
                t->instance, t, EXCLUSIVITY,
                "vCPU %lu of executor %zu has seen what section %lu wrote, in section "
                "%lu, %s.",
                e->serial, i, e->newest, number, when);
    }
#if FLAVOR_CAN_VCPU
    fleet_expect_stopped(t, EXCLUSIVITY, NULL, "in section %lu, %s", number, when);
#endif
    torture_count(t, CHECKS, 1);
}

static void check_owner(struct torture_thread *t, struct exclusive_state *state, unsigned expected,
                        unsigned long number, const char *when)
{
    if (state->owner != expected)
        torture_violation(t->instance, t, EXCLUSIVITY,
                          "Two sections at once: in section %lu of thread %u, %s, thread %d (-1: "
                          "none) is the owner.",
                          number, t->id, when, (int)state->owner - 1);
#if FLAVOR_CAN_VCPU
    if (!in_exclusive_section())
        torture_violation(t->instance, t, EXCLUSIVITY,
                          "in_exclusive_section() denies section %lu of thread %u, %s.", number,
                          t->id, when);
#endif
}

static void check_words(struct torture_thread *t, struct exclusive_state *state)
{
    for (unsigned i = 1; i < DATA_WORDS; i++) {
        if (state->words[i] != state->words[0]) {
            torture_violation(t->instance, t, EXCLUSIVITY,
                              "Two sections at once: one begins in the middle of section %lu (word "
                              "%u still says %lu).",
                              state->words[0], i, state->words[i]);
            return;
        }
    }
}

static void write_half(struct exclusive_state *state, unsigned half, unsigned long number)
{
    for (unsigned i = 0; i < DATA_WORDS / 2; i++)
        state->words[half * DATA_WORDS / 2 + i] = number;
    /* The compiler leaves the two halves where they are. */
    atomic_signal_fence(memory_order_seq_cst);
}

/* Nested sections, and whatever takes time. */
static void stay(struct torture_thread *t, unsigned long number, uint64_t depth)
{
    const struct exclusive_params *p = t->instance->params;
    uint64_t hold = random_below(&t->random, (uint64_t)p->hold_ns + 1);

    for (uint64_t i = 1; i < depth; i++)
        flavor_start_exclusive();
#if FLAVOR_CAN_VCPU
    if (p->fleet.vcpus > 0)
        exclusive_freeze_guests(t, number, hold);
    else
#endif
        torture_spin(hold);
    (void)number;
    for (uint64_t i = 1; i < depth; i++)
        flavor_end_exclusive();
    if (depth > 1)
        torture_count(t, NESTED_SECTIONS, 1);
}

void exclusive_section(struct torture_thread *t)
{
    const struct exclusive_params *p = t->instance->params;
    struct exclusive_state *state = t->instance->state;
    uint64_t depth = 1 + random_below(&t->random, (uint64_t)p->nest_max), asked, began, ends;
    unsigned long number;

    torture_note(t, NOTE_ASKS, atomic_load_explicit(&state->ended, memory_order_relaxed), 0);
    exclusive_contend(state, p, t->id);
    request_line_turn(&state->requests[t->id].sections);
    asked = clock_ticks();
    flavor_start_exclusive();
    began = clock_ticks();
    request_line_turn(&state->requests[t->id].sections);
    number = state->words[0] + 1;
    if (p->order_one_in > 0)
        exclusive_check_order(t, number);
    check_executors(t, state, number, "as it begins");
    check_owner(t, state, 0, number, "as it begins");
    check_words(t, state);
    state->owner = t->id + 1;
    torture_note_at(t, began, NOTE_BEGAN, number, (unsigned long)depth);
    write_half(state, 0, number);
    stay(t, number, depth);
    write_half(state, 1, number);
    check_owner(t, state, t->id + 1, number, "as it ends");
    state->owner = 0;
    check_executors(t, state, number, "as it ends");
    ends = clock_ticks();
    flavor_end_exclusive();
    torture_note_at(t, ends, NOTE_ENDS, number, 0);
    atomic_fetch_add_explicit(&state->ended, 1, memory_order_relaxed);
    torture_measure(t, ENTER, clock_ticks_to_ns(began - asked));
    torture_measure(t, STOPPED, clock_ticks_to_ns(ends - began));
    torture_count(t, SECTIONS, 1);
    torture_beat(t);
}

/* --- Roles --- */

/* Pauses of each kind: none, so that sections follow one another; short ones; and sleep. */
static void starter(struct torture_thread *t)
{
    const struct exclusive_params *p = t->instance->params;

    flavor_register_thread();
    while (torture_running(t)) {
        uint64_t pause = random_below(&t->random, 2 * (uint64_t)p->pause_ns + 1);

        exclusive_section(t);
        switch (random_below(&t->random, 4)) {
        case 0:
            break;
        case 1:
            torture_spin(pause / 16);
            break;
        case 2:
            torture_spin(pause);
            break;
        default:
            torture_sleep(t, pause);
        }
    }
    flavor_unregister_thread();
}

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct exclusive_params *p = in->params;
    struct exclusive_state *state;

#if FLAVOR_CAN_VCPU
    if (!vcpu_ledger_promise(in, (uint64_t)(p->exec_vcpus + p->quiet_vcpus), d) ||
        !fleet_open(in, sizeof *state, sizeof(struct exclusive_vcpu), &exclusive_guest, NULL, d))
        return false;
#else
    (void)d;
    in->state = cache_lines(sizeof *state);
#endif
    state = in->state;
    state->executor_count = (size_t)(p->exec_vcpus + p->quiet_vcpus + p->fleet.vcpus);
    state->executors = cache_lines(state->executor_count * sizeof *state->executors);
    state->contended = cache_lines((size_t)p->contended_stores * sizeof *state->contended);
    state->requests = cache_lines(in->thread_count * sizeof *state->requests);
    state->order_notes =
        cache_lines(in->thread_count * in->thread_count * sizeof *state->order_notes);
    overtaken_open(&state->entries, in);
    return true;
}

static void finish(struct instance *in)
{
    struct exclusive_state *state = in->state;
    unsigned long ended = atomic_load_explicit(&state->ended, memory_order_relaxed);

#if FLAVOR_CAN_VCPU
    fleet_close(&state->fleet);
#endif
    for (unsigned i = 0; i < DATA_WORDS; i++) {
        if (state->words[i] != ended) {
            torture_violation(
                in, NULL, EXCLUSIVITY,
                "There were %lu sections, and word %u, which each of them counted up, "
                "says %lu.",
                ended, i, state->words[i]);
            break;
        }
    }
    overtaken_close(&state->entries);
    free(state->order_notes);
    free(state->requests);
    free(state->contended);
    free(state->executors);
    free(state);
}

#define FIELD(name) offsetof(struct exclusive_params, name)
#define MINUTE      60e9
static const struct option options[] = {
    {.name = "exec_vcpus",
     .type = OPTION_INT,
     .offset = FIELD(exec_vcpus),
     .default_text = "2",
     .max = 1024,
     .unit = "threads",
     .help =
         "vCPUs in loops of their own, without an accelerator; \"hotplug\" is for them as well"},
    {.name = "quiet_vcpus",
     .type = OPTION_INT,
     .offset = FIELD(quiet_vcpus),
     .default_text = "1",
     .max = 1024,
     .unit = "threads",
     .help = "vCPUs that execute once and stay out until a section has come and gone"},
    {.name = "starters",
     .type = OPTION_INT,
     .offset = FIELD(starters),
     .default_text = "3",
     .max = 1024,
     .unit = "threads",
     .help = "threads that enter exclusive sections"},
    FLEET_OPTIONS("0"),
    {.name = "exec",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(exec_ns),
     .default_text = "5us",
     .max = MINUTE,
     .help = "longest time that a vCPU executes unless it is wanted out earlier; of an "
             "accelerator's, a block of it"},
    {.name = "gap",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(gap_ns),
     .default_text = "500ns",
     .max = MINUTE,
     .help = "longest time that a vCPU of exec_vcpus spins between two executions"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(pause_ns),
     .default_text = "20us",
     .max = MINUTE,
     .help = "mean pause of a starter when it makes a whole one: a quarter spin it, a quarter "
             "sleep it, the others are short or none"},
    {.name = "hold",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(hold_ns),
     .default_text = "3us",
     .max = MINUTE,
     .help = "longest time that a section spins"},
    {.name = "nest_max",
     .type = OPTION_INT,
     .offset = FIELD(nest_max),
     .default_text = "3",
     .min = 1,
     .max = 1000,
     .unit = "sections",
     .help = "how deep sections nest at most"},
    {.name = "own_section_one_in",
     .type = OPTION_INT,
     .offset = FIELD(own_section_one_in),
     .default_text = "500",
     .max = 1e9,
     .unit = "executions",
     .help = "a vCPU of exec_vcpus enters a section itself after one in so many; 0: never"},
    {.name = "order_one_in",
     .type = OPTION_INT,
     .offset = FIELD(order_one_in),
     .default_text = "0",
     .max = 1e9,
     .unit = "sections",
     .needs = CAN_FIFO,
     .help = "after one section in so many its thread finds whether it overtook one that slept in "
             "its request, and whether a vCPU sleeps on while sections pass; 0: never"},
    {.name = "contended_stores",
     .type = OPTION_INT,
     .offset = FIELD(contended_stores),
     .default_text = "2",
     .max = 64,
     .unit = "stores",
     .help = "stores to contended lines just before each start and end of an execution, which then "
             "are seen late"},
    {.name = NULL},
};
#undef FIELD
#undef MINUTE

static unsigned needs_by_params(const void *params)
{
    const struct exclusive_params *p = params;

    return fleet_needs(params) | (p->order_one_in > 0 ? CAN_FIFO : 0);
}

static const struct role roles[] = {
    {.name = "exec-vcpu", .count_option = "exec_vcpus", .run = exclusive_exec_vcpu},
    {.name = "quiet-vcpu", .count_option = "quiet_vcpus", .run = exclusive_quiet_vcpu},
    {.name = "vcpu", .count_option = "vcpus", .run = NEEDS_VCPU(fleet_vcpus), .needs = CAN_VCPU},
    {.name = "starter", .count_option = "starters", .run = starter},
    /* Last, so that it takes no CPU from the others: without vCPUs to unplug it ends at once. */
    {.name = "plugger", .run = fleet_plugger},
    {.name = NULL},
};

extern const struct workload exclusive_workload;
const struct workload exclusive_workload = {
    .name = "exclusive",
    .summary = "vCPUs execute, and several threads enter exclusive sections, nested too",
    .needs = CAN_EXCLUSIVE,
    .needs_by_params = needs_by_params,
    .options = options,
    .params_size = sizeof(struct exclusive_params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .measures = measures,
    .measure_count = MEASURE_COUNT,
    .checks = checks,
    .check_count = CHECK_COUNT,
    .coverage = coverage,
    .notes = notes,
    .note_count = NOTE_COUNT,
    .setup = setup,
    .finish = finish,
};
