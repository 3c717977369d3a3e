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
 * Here are the tables, the set-up and the checks of the end; rcu_list.h says where the rest is.
 */
#include "rcu_list.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* --- Names, in the order of the enums in rcu_list.h --- */

static const char *const counter_names[] = {
    "reads",   "checks",          "gps",           "inserts", "removes", "replaces", "splices",
    "concats", "safe_traversals", "held_sections", "freed",   NULL};

static const struct measure measure_list[] = {{"gp.total", "ns"}, {NULL, NULL}};

static const char *const check_names[] = {"early-reuse", "list-order", "quiescence", NULL};

static const char *const note_formats[] = {"inserted node %lu with key %lu",
                                           "removed node %lu with key %lu",
                                           "replaced node %lu by %lu",
                                           "copied %lu nodes to the side list, keys from %lu",
                                           "spliced the side list, %lu nodes, keys from %lu",
                                           "waits for a grace period, last retired %lu",
                                           "its grace period ended, last retired %lu",
                                           "entered, then met node %lu with key %lu",
                                           "was last on node %lu with key %lu",
                                           NULL};

static const char *const coverage_names[] = {"inserts", "removes",         "replaces", "splices",
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

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct lists_params *p = in->params;
    struct lists_state *state = calloc(1, sizeof *state);

    for (size_t i = 0; i < SHAPES; i++)
        state->count += (size_t)p->updaters[i];
    if (state->count == 0) {
        diagnose(d, "rcu-list: needs at least one updater (list_updaters, slist_updaters, "
                    "simpleq_updaters, tailq_updaters)");
        free(state);
        return false;
    }
    state->lists = aligned_alloc(64, state->count * sizeof *state->lists);
    memset((void *)state->lists, 0, state->count * sizeof *state->lists);
    for (size_t i = 0, n = 0; i < SHAPES; i++) {
        for (int64_t j = 0; j < p->updaters[i]; j++)
            lists_open(&state->lists[n++], &lists_shapes[i]);
    }
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
    {"readers", OPTION_INT, FIELD(readers), "2", 0, 4096, "threads", NULL,
     "readers that come and go without a pause"},
    {"list_updaters", OPTION_INT, FIELD(updaters[IS_LIST]), "1", 0, 4096, "threads", NULL,
     "updaters that own a pair of LISTs each"},
    {"slist_updaters", OPTION_INT, FIELD(updaters[IS_SLIST]), "1", 0, 4096, "threads", NULL,
     "the same with SLISTs"},
    {"simpleq_updaters", OPTION_INT, FIELD(updaters[IS_SIMPLEQ]), "1", 0, 4096, "threads", NULL,
     "the same with SIMPLEQs"},
    {"tailq_updaters", OPTION_INT, FIELD(updaters[IS_TAILQ]), "1", 0, 4096, "threads", NULL,
     "the same with TAILQs"},
    {"hold", OPTION_DURATION, FIELD(hold_ns), "5us", 0, 60e9, NULL, NULL,
     "longest time that a reader stays on one node"},
    {"hold_one_in", OPTION_INT, FIELD(hold_one_in), "8", 0, 1e12, "traversals", NULL,
     "one traversal in so many stays on a node for a while; 0: none"},
    {"batch_max", OPTION_INT, FIELD(batch_max), "32", 1, 1e6, "changes", NULL,
     "up to so many changes before an updater waits for a grace period"},
    {"move_one_in", OPTION_INT, FIELD(move_one_in), "4", 0, 1e12, "batches", NULL,
     "after one batch in so many a region goes to the other list, or comes back; 0: none"},
    {NULL, OPTION_BOOL, 0, NULL, 0, 0, NULL, NULL, NULL},
};
#undef FIELD

static const struct role roles[] = {
    {"reader", "readers", lists_reader, 0},
    {"list-updater", "list_updaters", lists_list_updater, CAN_SYNCHRONIZE},
    {"slist-updater", "slist_updaters", lists_slist_updater, CAN_SYNCHRONIZE},
    {"simpleq-updater", "simpleq_updaters", lists_simpleq_updater, CAN_SYNCHRONIZE},
    {"tailq-updater", "tailq_updaters", lists_tailq_updater, CAN_SYNCHRONIZE},
    {NULL, NULL, NULL, 0},
};

extern const struct workload rcu_list_workload;
const struct workload rcu_list_workload = {
    .name = "rcu-list",
    .summary =
        "lists of four shapes that change under readers, who must lose no node and meet none "
        "twice",
    .needs = CAN_PROTECT,
    .options = options,
    .params_size = sizeof(struct lists_params),
    .roles = roles,
    .counters = counter_names,
    .measures = measure_list,
    .checks = check_names,
    .coverage = coverage_names,
    .notes = note_formats,
    .setup = setup,
    .finish = finish,
};
