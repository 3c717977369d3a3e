/* turnover: vCPUs come and go, thousands of times, and the process is as it was.
 *
 * One thread plugs vCPUs and unplugs them, one by one, so that some stay while others go; with rr
 * they have a thread that goes on while it has none. Between two rounds there are none at all, and
 * everything that they left is given back: what the process uses then is no more than after the
 * first rounds, by count. A vCPU that is gone is gone: its memory is poisoned.
 */
#include "turnover.h"

#include "torture/record/cpu_wait.h"
#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct counter counters[COUNTER_COUNT] = {
    [PLUGGED] = {.name = "plugged", .words = "vCPUs that came and went"},
    [UNPLUGGED_EARLY] = {.name = "unplugged_early", .words = "of these before they had executed"},
    [LEFT_EMPTY] = {.name = "left_empty", .words = "times that none was left, and then one came"},
    [REFUSED_WORK] = {.name = "refused_work", .words = "items of work that an ended vCPU refused"},
    [KICKED_REMOVED] = {.name = "kicked_removed", .words = "kicks of vCPUs that had been removed"},
    [CALLERS] = {.name = "callers", .words = "threads that had others started"},
    [ROUNDS] = {.name = "rounds"},
    [CHECKS] = {.name = "checks"},
};
static const char *const coverage[] = {
    "plugged", "unplugged_early", "left_empty", "refused_work", "kicked_removed", "callers", NULL};
static const char *const checks[CHECK_COUNT] = {
    VCPU_LEDGER_ROW,
    [FOOTPRINT] = "footprint",
    [CALLER_STATE] = "caller-state",
    [LATE_USE] = "late-use",
};
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_PLUGS] = {.format = "plugs vCPU %lu beside %lu"},
    [NOTE_UNPLUGS] = {.format = "unplugs vCPU %lu, one of %lu"},
    [NOTE_GONE] = {.format = "has vCPU %lu gone, %lu are left"},
    [NOTE_ROUND] = {.format = "ended round %lu: %lu descriptors"},
};

#if FLAVOR_CAN_VCPU

/* --- vCPUs --- */

static void block(struct vcpu *cpu)
{
    struct slot *slot = cpu->data;

    if (!atomic_load_explicit(&slot->executed, memory_order_relaxed))
        atomic_store_explicit(&slot->executed, true, memory_order_relaxed);
}

static const struct vcpu_guest guest = {.block = block};

static void nothing(struct vcpu *cpu, void *data)
{
    (void)cpu, (void)data;
}

/* A thread that has run a vCPU may keep it blocked, or let it in. */
static int kick_signal(void)
{
    return SIGRTMIN + 1;
}

static void *run_vcpu(void *argument)
{
    struct slot *slot = argument;
    struct caller_state before;
    struct random random;

    atomic_store_explicit(&slot->thread_id, gettid(), memory_order_relaxed);
    random_start(&random, slot->seed, 0);
    caller_state_vary(&random);
    before = caller_state();
    flavor_register_thread();
    slot->error = vcpu_run(slot->cpu);
    flavor_unregister_thread();
    slot->changed = caller_state_change(&before, kick_signal());
    atomic_store_explicit(&slot->ended, true, memory_order_relaxed); /* the join orders */
    return NULL;
}

static void *run_rr(void *argument)
{
    struct turnover_state *state = argument;
    struct caller_state before;
    struct random random;

    random_start(&random, state->rr_seed, 0);
    caller_state_vary(&random);
    before = caller_state();
    flavor_register_thread();
    vcpu_rr_run(&state->rr);
    flavor_unregister_thread();
    state->rr_changed = caller_state_change(&before, 0);
    return NULL;
}

/* --- The thread that plugs --- */

static pthread_t start(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, run, argument);

    if (error)
        torture_give_up("turnover: no thread is to be had: %s; use fewer \"vcpus\"",
                        strerror(error));
    return thread;
}

static void nap(int64_t ns)
{
    struct timespec time = {.tv_nsec = ns};

    nanosleep(&time, NULL);
}

static void expect_unchanged(struct torture_thread *t, const char *changed, const char *what)
{
    torture_count(t, CHECKS, 1);
    if (changed)
        torture_violation(t->instance, t, CALLER_STATE,
                          "After %s a thread found that %s was another than before.", what,
                          changed);
}

static bool has_executed(struct slot *slot)
{
    struct vcpu_kvm_page *page;

    if (slot->cpu->accel != &vcpu_accel_kvm)
        return atomic_load_explicit(&slot->executed, memory_order_relaxed);
    page = vcpu_kvm_shared_page(slot->cpu);
    return page && atomic_load_explicit(&page->rounds, memory_order_relaxed) > 0;
}

static bool has_ended(struct slot *slot)
{
    return atomic_load_explicit(&slot->ended, memory_order_relaxed);
}

/* How much CPU time a vCPU's thread may take until it has executed, or has ended. KVM takes tens of
 * milliseconds to make a vCPU. */
#define RUNS_NS   (500 * 1000 * 1000)
#define NAP_NS    (20 * 1000)
#define LOOK_NAPS 256

/* Beats when the vCPU's thread, of which the watchdog does not know, lacks a CPU or is kept in the
 * kernel: that is no stall. One that sleeps, or runs and does not get there, is. */
static void await(struct torture_thread *t, struct slot *slot, bool (*over)(struct slot *))
{
    struct cpu_wait wait = {.known = false};
    struct cpu_keep keep = {.tid = 0};

    for (unsigned naps = 1; !over(slot); naps++) {
        int id = atomic_load_explicit(&slot->thread_id, memory_order_relaxed);

        nap(NAP_NS);
        if (naps % LOOK_NAPS == 0 && id != 0 &&
            (cpu_wait_since(&wait, getpid(), id, INT64_MAX) > LOOK_NAPS * NAP_NS / 4 ||
             cpu_wait_keeps(&keep, getpid(), id)) &&
            wait.ran_ns < RUNS_NS)
            torture_beat(t);
    }
}

static void plug(struct torture_thread *t, struct slot *slot)
{
    struct turnover_state *state = t->instance->state;
    struct vcpu_config config = {.accel = state->accel, .guest = &guest, .data = slot};
    unsigned long begun;

    slot->serial = state->serial++;
    slot->error = 0;
    slot->changed = NULL;
    atomic_store_explicit(&slot->executed, false, memory_order_relaxed);
    atomic_store_explicit(&slot->thread_id, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->ended, false, memory_order_relaxed);
    if (state->accel->shares)
        config.rr = &state->rr;
    torture_note(t, NOTE_PLUGS, slot->serial, state->plugged);
    torture_count(t, LEFT_EMPTY, state->plugged == 0);
    slot->cpu = graves_take(t, &state->graves);
    vcpu_init(slot->cpu, &config);
    begun = vcpu_ledger_adds();
    vcpu_add(slot->cpu);
    vcpu_ledger_added(t, slot->cpu, begun);
    slot->seed = random_next(&t->random);
    if (state->accel->shares)
        vcpu_rr_add(&state->rr, slot->cpu);
    else
        slot->thread = start(run_vcpu, slot);
    state->plugged++;
    torture_beat(t);
    torture_count(t, PLUGGED, 1);
}

/* Every other one executes before anything else happens. */
static void settle(struct torture_thread *t, struct slot *slot)
{
    if (random_one_in(&t->random, 4)) {
        torture_count(t, UNPLUGGED_EARLY, 1);
        return;
    }
    await(t, slot, has_executed);
}

/* Until its thread has let go of it. */
static void await_end(struct torture_thread *t, struct slot *slot)
{
    struct turnover_state *state = t->instance->state;

    if (state->accel->shares) {
        vcpu_rr_wait(&state->rr, slot->cpu);
        return;
    }
    await(t, slot, has_ended);
    pthread_join(slot->thread, NULL);
    if (slot->error != 0)
        torture_give_up("turnover: a vCPU of accelerator %s cannot run: %s; use fewer \"vcpus\", "
                        "or another \"accel\"",
                        state->accel->name, strerror(-slot->error));
    expect_unchanged(t, slot->changed, "the run of a vCPU");
}

static void unplug(struct torture_thread *t, struct slot *slot)
{
    struct turnover_state *state = t->instance->state;
    unsigned long begun;

    torture_note(t, NOTE_UNPLUGS, slot->serial, state->plugged);
    if (random_one_in(&t->random, 2))
        async_run_on_cpu(slot->cpu, nothing, NULL);
    vcpu_unplug(slot->cpu);
    await_end(t, slot);
    torture_count(t, REFUSED_WORK, async_run_on_cpu(slot->cpu, nothing, NULL) == -ESHUTDOWN);
    begun = vcpu_ledger_removes(t, slot->cpu);
    vcpu_remove(slot->cpu);
    vcpu_ledger_removed(t, slot->cpu, begun);
    if (random_one_in(&t->random, 2)) {
        cpu_exit(slot->cpu);
        torture_count(t, KICKED_REMOVED, 1);
    }
    /* vCPUs that execute hold up the other kind until it is forced. */
    if (FLAVOR_CAN_EXPEDITE && !random_one_in(&t->random, 16))
        flavor_synchronize_expedited();
    else
        flavor_synchronize();
    vcpu_destroy(slot->cpu);
    graves_give(&state->graves, slot->cpu);
    slot->cpu = NULL;
    state->plugged--;
    torture_beat(t);
    torture_note(t, NOTE_GONE, slot->serial, state->plugged);
}

/* --- Rounds --- */

static void begin_rr(struct torture_thread *t)
{
    struct turnover_state *state = t->instance->state;

    if (!state->accel->shares)
        return;
    vcpu_rr_init(&state->rr, 1000 * 1000);
    state->rr_seed = random_next(&t->random);
    state->rr_thread = start(run_rr, state);
}

static void end_rr(struct torture_thread *t)
{
    struct turnover_state *state = t->instance->state;

    if (!state->accel->shares)
        return;
    vcpu_rr_end(&state->rr);
    pthread_join(state->rr_thread, NULL);
    expect_unchanged(t, state->rr_changed, "the run of the vCPUs of rr");
    vcpu_rr_destroy(&state->rr);
}

/* All are there once, so that each round needs as much as the first. */
static void fill(struct torture_thread *t)
{
    const struct turnover_params *p = t->instance->params;
    struct turnover_state *state = t->instance->state;

    for (int64_t i = 0; i < p->vcpus; i++)
        plug(t, &state->slots[i]);
    for (int64_t i = 0; i < p->vcpus; i++)
        await(t, &state->slots[i], has_executed);
}

static void step(struct torture_thread *t)
{
    const struct turnover_params *p = t->instance->params;
    struct turnover_state *state = t->instance->state;
    struct slot *slot = &state->slots[random_below(&t->random, (uint64_t)p->vcpus)];
    struct caller_state before = caller_state();

    if (slot->cpu) {
        unplug(t, slot);
    } else {
        plug(t, slot);
        settle(t, slot);
    }
    expect_unchanged(t, caller_state_change(&before, 0), "plugging or unplugging a vCPU");
}

/* The first rounds are for what the C library and the code under test keep for later. */
#define FIRST_ROUNDS 4
/* Threads that have been joined are gone a little later. */
#define LOOKS 100

/* What grew, in words; NULL: nothing did. */
static const char *growth(const struct footprint *first, const struct footprint *now, long *from,
                          long *to)
{
#define GROWTH(name, slack, words)           \
    if (now->name > first->name + (slack)) { \
        *from = first->name;                 \
        *to = now->name;                     \
        return words;                        \
    }
    FOOTPRINT_PARTS(GROWTH)
#undef GROWTH
    return NULL;
}

static void check_footprint(struct torture_thread *t)
{
    struct turnover_state *state = t->instance->state;
    struct footprint now = footprint();
    const char *grown;
    long from, to;

    torture_note(t, NOTE_ROUND, (unsigned long)state->rounds, (unsigned long)now.descriptors);
    if (++state->rounds <= FIRST_ROUNDS) {
        state->first = now;
        return;
    }
    grown = growth(&state->first, &now, &from, &to);
    for (unsigned i = 0; grown && i < LOOKS; i++) {
        nap(1000 * 1000);
        now = footprint();
        grown = growth(&state->first, &now, &from, &to);
    }
    torture_count(t, CHECKS, 1);
    if (grown)
        torture_violation(t->instance, t, FOOTPRINT,
                          "With no vCPU there, the process has %ld %s; it had %ld after round %u, "
                          "and now, after round %lu, %lu vCPUs have come and gone.",
                          to, grown, from, FIRST_ROUNDS, (unsigned long)state->rounds,
                          state->serial);
}

static void turner(struct torture_thread *t)
{
    const struct turnover_params *p = t->instance->params;
    struct turnover_state *state = t->instance->state;

    if (caller_blocks_signals())
        torture_violation(t->instance, t, CALLER_STATE,
                          "A thread begins with signals blocked: they are since the start of the "
                          "code under test, in the thread that makes all others.");
    flavor_register_thread();
    while (torture_running(t)) {
        turnover_call(t);
        torture_beat(t);
        begin_rr(t);
        fill(t);
        for (int64_t i = 0; i < p->steps && torture_running(t); i++)
            step(t);
        for (int64_t i = 0; i < p->vcpus; i++)
            if (state->slots[i].cpu)
                unplug(t, &state->slots[i]);
        end_rr(t);
        check_footprint(t);
        torture_count(t, ROUNDS, 1);
        torture_beat(t);
    }
    flavor_unregister_thread();
}

/* --- Set-up --- */

static bool setup(struct instance *in, struct diagnostics *d)
{
    static const struct vcpu_accel *const accels[] = {
#define ACCEL_ROW(NAME, name, waits) [ACCEL_##NAME] = &vcpu_accel_##name,
        ACCELERATORS(ACCEL_ROW)
#undef ACCEL_ROW
    };
    const struct turnover_params *p = in->params;
    struct turnover_state *state;

    if (!vcpu_ledger_promise(in, (uint64_t)p->vcpus, d))
        return false;
    in->state = state = cache_lines(sizeof *state);
    state->accel = p->accel == ACCEL_AUTO ? vcpu_accel_find("auto") : accels[p->accel];
    /* While the CPUs are free: it makes the VM of kvm. */
    vcpu_accel_available(state->accel, NULL, 0);
    state->slots = cache_lines((size_t)p->vcpus * sizeof *state->slots);
    graves_open(&state->graves, (size_t)p->vcpus);
    return true;
}

static void finish(struct instance *in)
{
    struct turnover_state *state = in->state;

    vcpu_ledger_close(in);
    graves_close(in, &state->graves);
    free(state->slots);
    free(state);
}

#endif

#define FIELD(name) offsetof(struct turnover_params, name)
static const struct option options[] = {
    {.name = "accel",
     .type = OPTION_CHOICE,
     .offset = FIELD(accel),
     .default_text = "auto",
     .choices = "auto" ACCELERATORS(ACCELERATOR_CHOICE),
     .help = "how vCPUs run; auto: kvm where it is available, else threads"},
    {.name = "vcpus",
     .type = OPTION_INT,
     .offset = FIELD(vcpus),
     .default_text = "3",
     .min = 1,
     .max = 1024,
     .unit = "vCPUs",
     .help = "how many there are at most"},
    {.name = "steps",
     .type = OPTION_INT,
     .offset = FIELD(steps),
     .default_text = "12",
     .max = 1e6,
     .unit = "vCPUs",
     .help =
         "of a round: so many times one of them is unplugged, or plugged where it is not there"},
    {.name = NULL},
};
#undef FIELD

static unsigned needs_by_params(const void *params)
{
    return ((const struct turnover_params *)params)->accel == ACCEL_KVM ? CAN_KVM : 0;
}

static const struct role roles[] = {
    {.name = "turner", .run = NEEDS_VCPU(turner)},
    {.name = NULL},
};

extern const struct workload turnover_workload;
const struct workload turnover_workload = {
    .name = "turnover",
    .summary = "vCPUs come and go all the time, and the process and its threads are as they were",
    .alone = true,
    .needs = CAN_PROTECT | CAN_VCPU | CAN_SYNCHRONIZE | CAN_CALL | CAN_BARRIER | CAN_POLL,
    .needs_by_params = needs_by_params,
    .options = options,
    .params_size = sizeof(struct turnover_params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .checks = checks,
    .check_count = CHECK_COUNT,
    .coverage = coverage,
    .notes = notes,
    .note_count = NOTE_COUNT,
    FLEET_LIFE(setup, finish),
};
