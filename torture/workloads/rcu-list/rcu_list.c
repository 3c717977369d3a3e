/* rcu-list: readers walk lists of four shapes while updaters insert, remove, replace and splice.
 *
 * Each updater owns two lists of nodes with rising keys: `main`, and `side`, which holds either
 * nothing or a region of the keys, the low ones or the high ones. Every fourth key is permanent:
 * its node is replaced but never removed. A region moves to `side` as a copy, which appears at
 * once, and leaves `main` a grace period later; it comes back by a splice (low) or a concat (high).
 * So this holds for every traversal, whenever it begins and however long it takes:
 *
 *     keys rise, so each node is met once, a replaced one or its successor but not both
 *     `main` has all permanent keys of the middle region
 *     `side` has all permanent keys of a region or none
 *     `side` and then `main` have all permanent keys between them
 *
 * A removed node is poisoned after its grace period, and is freed when many more were.
 *
 * Here are the tables, the set-up and the checks of the end; rcu_list.h has where the rest is.
 */
#include "rcu_list.h"

#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* --- Names, in the order of the enums in rcu_list.h --- */

static const struct counter counters[COUNTER_COUNT] = {
    [READS] = {.name = "reads"},
    [CHECKS] = {.name = "checks"},
    [GPS] = COUNTER_GPS,
    [INSERTS] = {.name = "inserts"},
    [REMOVES] = {.name = "removes"},
    [REPLACES] = {.name = "replaces"},
    [SPLICES] = {.name = "splices"},
    [CONCATS] = {.name = "concats"},
    [SAFE_TRAVERSALS] = {.name = "safe_traversals"},
    [HELD] = {.name = "held_sections"},
    [FREED] = {.name = "freed"},
};

static const struct measure measures[MEASURE_COUNT] = {
    [GP_TOTAL] = MEASURE_GP_TOTAL,
};

static const char *const checks[CHECK_COUNT] = {
    [EARLY_REUSE] = "early-reuse",
    [LIST_ORDER] = "list-order",
    [QUIESCENCE] = "quiescence",
};

static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_INSERTED] = {.format = "inserted node %lu with key %lu"},
    [NOTE_REMOVED] = {.format = "removed node %lu with key %lu"},
    [NOTE_REPLACED] = {.format = "replaced node %lu by %lu"},
    [NOTE_MOVED] = {.format = "copied %lu nodes to the side list, keys from %lu"},
    [NOTE_SPLICED] = {.format = "spliced the side list, %lu nodes, keys from %lu"},
    [NOTE_GP_START] = {.format = "waits for a grace period, last retired %lu"},
    [NOTE_GP_END] = {.format = "its grace period ended, last retired %lu"},
    [NOTE_ENTERED] = {.format = "entered, then met node %lu with key %lu", .enters = true},
    [NOTE_SAW] = {.format = "was last on node %lu with key %lu"},
};

static const char *const coverage[] = {"inserts", "removes",         "replaces", "splices",
                                       "concats", "safe_traversals", "freed",    NULL};

const struct region lists_regions[NOTHING] = {
    {0, 10, UINT64_C(0x44)}, {10, 30, UINT64_C(0x4444400)}, {30, KEYS, UINT64_C(0x4440000000)}};

/* --- Set-up --- */

static void lists_open(struct lists *l, const struct shape *shape)
{
    l->shape = shape;
    l->side_region = NOTHING;
    shape->init(&l->main.head);
    shape->init(&l->side.head);
    for (unsigned key = KEYS; key-- > 0;) {
        if (!is_permanent(key))
            continue;
        l->main.nodes[key] = lists_new_node(l, key);
        shape->insert_head(&l->main.head, l->main.nodes[key]);
    }
}

static const char *refuse(const void *params)
{
    const struct lists_params *p = params;
    int64_t updaters = 0;

    for (size_t i = 0; i < SHAPES; i++)
        updaters += p->updaters[i];
    return updaters > 0 ? NULL
                        : "needs at least one updater (list_updaters, slist_updaters, "
                          "simpleq_updaters, tailq_updaters)";
}

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct lists_params *p = in->params;
    struct lists_state *state = calloc(1, sizeof *state);

    (void)d;
    for (size_t i = 0; i < SHAPES; i++)
        state->count += (size_t)p->updaters[i];
    state->lists = cache_lines(state->count * sizeof *state->lists);
    for (size_t i = 0, n = 0; i < SHAPES; i++)
        for (int64_t j = 0; j < p->updaters[i]; j++)
            lists_open(&state->lists[n++], &lists_shapes[i]);
    in->state = state;
    return true;
}

/* How many. */
static uint64_t free_all(struct node **nodes, size_t room)
{
    uint64_t count = 0;

    for (size_t i = 0; i < room; i++) {
        count += nodes[i] != NULL;
        free(nodes[i]);
    }
    return count;
}

/* After the run the lists are what their updater believes, and all other nodes are back. */
static void finish(struct instance *in)
{
    struct lists_state *state = in->state;

    for (size_t i = 0; i < state->count; i++) {
        struct lists *l = &state->lists[i];
        uint64_t left;

        if (!l->shape->intact(&l->main.head, l->main.nodes) ||
            !l->shape->intact(&l->side.head, l->side.nodes))
            torture_violation(in, l->thread, QUIESCENCE,
                              "The links of a %s are not what its updater made of them.",
                              l->shape->name);
        left = free_all(l->main.nodes, KEYS) + free_all(l->side.nodes, KEYS);
        free_all(l->quarantine, QUARANTINE);
        if (l->made != left + l->poisoned || l->retired)
            torture_violation(in, l->thread, QUIESCENCE,
                              "Of %lu nodes of a %s %lu were freed and %lu are left.",
                              (unsigned long)l->made, l->shape->name, (unsigned long)l->poisoned,
                              (unsigned long)left);
    }
    free(state->lists);
    free(state);
}

#define FIELD(name) offsetof(struct lists_params, name)
static const struct option options[] = {
    {.name = "readers",
     .type = OPTION_INT,
     .offset = FIELD(readers),
     .default_text = "2",
     .max = 4096,
     .unit = "threads",
     .help = "readers that come and go without a pause"},
    {.name = "list_updaters",
     .type = OPTION_INT,
     .offset = FIELD(updaters[IS_LIST]),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "updaters that own a pair of LISTs each"},
    {.name = "slist_updaters",
     .type = OPTION_INT,
     .offset = FIELD(updaters[IS_SLIST]),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "the same with SLISTs"},
    {.name = "simpleq_updaters",
     .type = OPTION_INT,
     .offset = FIELD(updaters[IS_SIMPLEQ]),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "the same with SIMPLEQs"},
    {.name = "tailq_updaters",
     .type = OPTION_INT,
     .offset = FIELD(updaters[IS_TAILQ]),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "the same with TAILQs"},
    {.name = "hold",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(hold_ns),
     .default_text = "5us",
     .max = 60e9,
     .help = "longest time that a reader stays on one node"},
    {.name = "hold_one_in",
     .type = OPTION_INT,
     .offset = FIELD(hold_one_in),
     .default_text = "8",
     .max = 1e12,
     .unit = "traversals",
     .help = "one traversal in so many stays on a node for a while; 0: none"},
    {.name = "batch_max",
     .type = OPTION_INT,
     .offset = FIELD(batch_max),
     .default_text = "32",
     .min = 1,
     .max = 1e6,
     .unit = "changes",
     .help = "up to so many changes before an updater waits for a grace period"},
    {.name = "move_one_in",
     .type = OPTION_INT,
     .offset = FIELD(move_one_in),
     .default_text = "4",
     .max = 1e12,
     .unit = "batches",
     .help = "after one batch in so many a region goes to the other list, or comes back; 0: none"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "reader", .count_option = "readers", .run = lists_reader},
    {.name = "list-updater",
     .count_option = "list_updaters",
     .run = lists_list_updater,
     .needs = CAN_SYNCHRONIZE},
    {.name = "slist-updater",
     .count_option = "slist_updaters",
     .run = lists_slist_updater,
     .needs = CAN_SYNCHRONIZE},
    {.name = "simpleq-updater",
     .count_option = "simpleq_updaters",
     .run = lists_simpleq_updater,
     .needs = CAN_SYNCHRONIZE},
    {.name = "tailq-updater",
     .count_option = "tailq_updaters",
     .run = lists_tailq_updater,
     .needs = CAN_SYNCHRONIZE},
    {.name = NULL},
};

extern const struct workload rcu_list_workload;
const struct workload rcu_list_workload = {
    .name = "rcu-list",
    .summary =
        "lists of four shapes that change under readers, who must lose no node and meet none "
        "twice",
    .needs = CAN_PROTECT,
    .refuse = refuse,
    .options = options,
    .params_size = sizeof(struct lists_params),
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
