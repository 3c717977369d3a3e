/* rcu-fork: bursts of children, forked in the middle of everything, that go on using the library.
 *
 * While readers, updaters with callbacks, threads that wait for grace periods and users of the big
 * lock torture the parent, forkers fork: outside, inside nested sections, online, not registered,
 * and any of these with the program's big lock held or the library's, as a vCPU that executes, and
 * in an exclusive section. Each child finds its section, its locks and its registration as they
 * were, what the thread is besides, and the callbacks of its ancestors that it can reach, which run
 * in their order and under the lock (or none, where the flavor drops them); it reads, waits,
 * queues, polls, makes threads, is a vCPU and enters exclusive sections, and forks again (child.c).
 * A child that hangs silences its forker, which is a stall.
 */
#include "rcu_fork.h"

#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { MANY_PENDING = 1000 };

static const struct counter counters[COUNTER_COUNT] = {
    [READS] = {.name = "reads"},
    [CHECKS] = {.name = "checks"},
    [GPS] = COUNTER_GPS,
    [QUEUED] = {.name = "queued"},
    [INVOKED] = {.name = "invoked"},
    [LOCKED] = {.name = "locked"},
    [EXECUTIONS] = {.name = "executions", .needs = CAN_VCPU},
    [FORKS] = {.name = "forks"},
    [FORKS_IN_SECTION] = {.name = "forks_in_section"},
    [FORKS_ONLINE] = {.name = "forks_online", .needs = CAN_QSBR},
    [FORKS_UNREGISTERED] = {.name = "forks_unregistered"},
    [FORKS_LOCKED] = {.name = "forks_locked", .needs = CAN_CALLBACK_LOCK},
    [FORKS_LIBRARY_LOCKED] = {.name = "forks_library_locked", .needs = CAN_VCPU},
    [FORKS_EXECUTING] = {.name = "forks_executing", .needs = CAN_VCPU},
    [FORKS_EXCLUSIVE] = {.name = "forks_exclusive", .needs = CAN_VCPU},
    [FORKS_GIVEN_UP] = {.name = "forks_given_up"},
    [GRANDCHILDREN] = {.name = "grandchildren"},
    [CHILD_READS] = {.name = "child_reads"},
    [CHILD_CALLBACKS] = {.name = "child_callbacks"},
    [CHILD_SECTIONS] = {.name = "child_sections"},
    [CHILD_VCPU_TURNS] = {.name = "child_vcpu_turns", .needs = CAN_VCPU},
    [CHILD_INHERITED] = {.name = "child_inherited", .needs = CAN_INHERIT},
    [CHILD_DROPPED] = {.name = "child_dropped"},
    [CHILD_JUMPS] = {.name = "child_jumps",
                     .words = "children that count from just before a wrap",
                     .needs = CAN_JUMP},
};
static const struct measure measures[MEASURE_COUNT] = {
    [FORK_TIME] = {.name = "fork", .unit = "ns"},
    [CHILD_LIFE] = {.name = "fork.child", .unit = "ns"},
};
static const char *const checks[CHECK_COUNT] = {
    [FORK] = "fork",
    [CALLBACK_LEDGER] = "callback-ledger",
    [QUIESCENCE] = "quiescence",
};
static const char *const coverage[] = {
    "forks_in_section",     "forks_online",    "forks_unregistered", "forks_locked",
    "forks_library_locked", "forks_executing", "forks_exclusive",    "grandchildren",
    "child_inherited",      "child_sections",  "child_jumps",        NULL};
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_QUEUED] = {.format = "queued callback %lu, %lu on their way"},
    [NOTE_ENTERED] = {.format = "entered, loaded item %lu", .enters = true},
    [NOTE_FORKS] = {.format = "forks from state %lu, at %lu"},
#define STEP_NOTE(name, words) [NOTE_STEPS + STEP_##name] = {.format = "child %lu " words},
    CHILD_STEPS(STEP_NOTE)
#undef STEP_NOTE
        [NOTE_ENDED] = {.format = "child %lu ended, its descendants did %lu checks"},
};

/* --- Set-up --- */

static const char *refuse(const void *params)
{
    return ((const struct fork_params *)params)->updaters > 0 ? NULL : "needs at least one updater";
}

static unsigned needs_by_params(const void *params)
{
    return ((const struct fork_params *)params)->big_lock ? CAN_CALLBACK_LOCK : 0;
}

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct fork_params *p = in->params;
    size_t reports = ((size_t)p->forkers + 1) * sizeof(struct fork_report);
    struct fork_state *state;

    in->state = state = calloc(1, sizeof *state);
    state->reports = mmap(NULL, reports, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (state->reports == MAP_FAILED) {
        diagnose(d, "rcu-fork: no room for what children report");
        return false;
    }
    fork_use_new_stacks(0);
    sched_getaffinity(0, sizeof state->cpus, &state->cpus);
    state->updater_count = (size_t)p->updaters;
    state->updaters = cache_lines(state->updater_count * sizeof *state->updaters);
    for (size_t i = 0; i < state->updater_count; i++)
        items_open(&state->updaters[i], in, NULL, (size_t)p->pending_max, sizeof(struct item));
    state->big_lock = big_lock_open(p->big_lock, NULL, 0);
    return true;
}

static void finish(struct instance *in)
{
    const struct fork_params *p = in->params;
    struct fork_state *state = in->state;

    for (size_t i = 0; i < state->updater_count; i++) {
        struct items *u = &state->updaters[i];
        size_t back = items_close(u);

        if (back != (size_t)p->pending_max)
            torture_violation(in, u->thread, QUIESCENCE,
                              "%zu of %zu items of updater %zu are back at the end.", back,
                              (size_t)p->pending_max, i);
    }
    /* One that stands between two links of the queue makes all behind it unreachable, but not in
     * each child. */
    if (flavor_inherits() && atomic_load(&state->pending) >= MANY_PENDING &&
        atomic_load(&state->inherited) == 0)
        torture_violation(in, state->updaters[0].thread, FORK,
                          "None of %lu callbacks that were pending at a fork ran in the child.",
                          (unsigned long)atomic_load(&state->pending));
    big_lock_close(state->big_lock, p->big_lock);
    free(state->updaters);
    munmap(state->reports, ((size_t)p->forkers + 1) * sizeof(struct fork_report));
    free(state);
}

#define FIELD(name) offsetof(struct fork_params, name)
static const struct option options[] = {
    {.name = "forkers",
     .type = OPTION_INT,
     .offset = FIELD(forkers),
     .default_text = "2",
     .max = 4096,
     .unit = "threads",
     .help = "threads that fork a child and wait for it"},
    {.name = "readers",
     .type = OPTION_INT,
     .offset = FIELD(readers),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "readers in the parent that come and go without a pause"},
    {.name = "updaters",
     .type = OPTION_INT,
     .offset = FIELD(updaters),
     .default_text = "1",
     .min = 1,
     .max = 4096,
     .unit = "threads",
     .help = "threads in the parent that replace items and queue callbacks"},
    {.name = "waiters",
     .type = OPTION_INT,
     .offset = FIELD(waiters),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "threads in the parent that wait for grace periods"},
    {.name = "lock_users",
     .type = OPTION_INT,
     .offset = FIELD(lock_users),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "threads in the parent that take the big lock now and then"},
    {.name = "vcpus",
     .type = OPTION_INT,
     .offset = FIELD(vcpus),
     .default_text = "1",
     .max = 1024,
     .unit = "threads",
     .help = "vCPUs in the parent that execute and enter exclusive sections; when there are any, "
             "forkers and children do so, too"},
    {.name = "big_lock",
     .type = OPTION_BOOL,
     .offset = FIELD(big_lock),
     .default_text = "true",
     .needs = CAN_CALLBACK_LOCK,
     .help = "callbacks run under a lock, and a third of the forks come with it held"},
    {.name = "pending_max",
     .type = OPTION_INT,
     .offset = FIELD(pending_max),
     .default_text = "1000",
     .min = 2,
     .max = 1e7,
     .unit = "callbacks",
     .help = "an updater has at most so many on their way"},
    {.name = "section",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(section_ns),
     .default_text = "50us",
     .max = 60e9,
     .help = "longest section of a reader"},
    {.name = "fork_pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(fork_pause_ns),
     .default_text = "1ms",
     .max = 60e9,
     .help = "mean pause of a forker after a child has ended"},
    {.name = "child_callers",
     .type = OPTION_INT,
     .offset = FIELD(child_callers),
     .default_text = "3",
     .min = 1,
     .max = 1000,
     .unit = "threads",
     .help = "threads of a child that queue its first callbacks, all at once"},
    {.name = "child_callbacks",
     .type = OPTION_INT,
     .offset = FIELD(child_callbacks),
     .default_text = "20",
     .min = 1,
     .max = 1e6,
     .unit = "callbacks",
     .help = "callbacks of each of these"},
    {.name = "child_stay",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(child_stay_ns),
     .default_text = "500us",
     .max = 60e9,
     .help = "how long on average a child stays in the section it inherited, while a thread of its "
             "waits"},
    {.name = "depth",
     .type = OPTION_INT,
     .offset = FIELD(depth),
     .default_text = "2",
     .min = 1,
     .max = 100,
     .unit = "generations",
     .help = "children fork children, down to this generation"},
    {.name = "jump",
     .type = OPTION_BOOL,
     .offset = FIELD(jump),
     .default_text = "true",
     .needs = CAN_JUMP,
     .help = "half of the children count grace periods from a few before a count passes 32 or 63 "
             "bits, or wraps"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "forker",
     .count_option = "forkers",
     .run = fork_forker,
     .needs = CAN_FORK | CAN_SYNCHRONIZE | CAN_CALL | CAN_BARRIER},
    {.name = "fork-reader", .count_option = "readers", .run = fork_reader},
    {.name = "fork-updater",
     .count_option = "updaters",
     .run = fork_updater_role,
     .needs = CAN_CALL},
    {.name = "fork-waiter",
     .count_option = "waiters",
     .run = fork_waiter,
     .needs = CAN_SYNCHRONIZE},
    {.name = "fork-lock-user",
     .count_option = "lock_users",
     .run = fork_lock_user,
     .needs = CAN_CALLBACK_LOCK},
    {.name = "fork-vcpu", .count_option = "vcpus", .run = fork_vcpu, .needs = CAN_VCPU},
    {.name = NULL},
};

extern const struct workload rcu_fork_workload;
const struct workload rcu_fork_workload = {
    .name = "rcu-fork",
    .summary = "children forked in the middle of everything, that go on using the library",
    .needs = CAN_PROTECT | CAN_NEST | CAN_FORK,
    .needs_by_params = needs_by_params,
    .refuse = refuse,
    .options = options,
    .params_size = sizeof(struct fork_params),
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
