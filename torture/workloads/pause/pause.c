/* pause: nothing moves while the vCPUs are paused.
 *
 * Pausers, and vCPUs in their events, pause all vCPUs, read the progress of each, stay, read it
 * again, and resume or have it done by a resumer. vCPUs come and go; work and requests are queued
 * all the time. Each vCPU counts the blocks, rounds of events and items of work that it runs, in
 * words that nobody else writes: between the two readings none changes, but for the work of one
 * that ends and for the vCPU that has paused the others. Each also compares the words that only
 * pausers change. So does the work of vCPUs that never ran, when they are removed. And pausers have
 * vCPUs of their own, which end in the pause, or are plugged in it.
 */
#include "pause.h"
#include "torture/runner/violation.h"

#include <stdlib.h>

static const struct counter counters[COUNTER_COUNT] = {
    [PAUSES] = {.name = "pauses"},
    [HANDED] = {.name = "handed_over"},
    [BLOCKS] = {.name = "blocks"},
    [EVENTS] = {.name = "events"},
    [WORK] = {.name = "work"},
    [CHECKS] = {.name = "checks"},
    [WAITED] = {.name = "waited_for_pauser"},
    [PLUGGED] = {.name = "plugged_in_pause"},
    [UNPLUGGED] = {.name = "unplugged_in_pause"},
    [IDLE] = {.name = "paused_idle"},
    [BY_VCPU] = {.name = "paused_by_vcpu"},
    [OWN_WORK] = {.name = "own_work"},
    [REMOVED_WORK] = {.name = "removed_work"},
    [JOINED] = {.name = "joined_in_pause", .words = "vCPUs that ended in their pauser's pause"},
    [PLUGGED_BY_PAUSER] = {.name = "plugged_by_pauser"},
    [TURN_CHECKS] = {.name = "turn_checks", .words = "pausers that slept until their turn"},
};
static const struct measure measures[MEASURE_COUNT] = {
    [PAUSE_ENTER] = {.name = "pause.enter", .unit = "ns"},
    [PAUSE_STAY] = {.name = "pause.stay", .unit = "ns"},
};
static const char *const checks[CHECK_COUNT] = {
    VCPU_LEDGER_ROW,
    [PAUSE_CHECK] = "pause",
    [FAIRNESS] = "fairness",
};
static const char *const coverage[] = {
    "handed_over", "waited_for_pauser", "plugged_in_pause",  "unplugged_in_pause",
    "paused_idle", "paused_by_vcpu",    "own_work",          "removed_work",
    "turn_checks", "joined_in_pause",   "plugged_by_pauser", NULL};
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_PAUSE] = {.format = "is to pause the vCPUs (workload %lu)"},
    [NOTE_PAUSED] = {.format = "has paused the vCPUs, pause %lu"},
    [NOTE_HAND] = {.format = "hands pause %lu over"},
    [NOTE_RESUME] = {.format = "is to resume the vCPUs after pause %lu"},
    [NOTE_WORK] = {.format = "as vCPU %lu runs work, item %lu of pausers"},
};

#if FLAVOR_CAN_VCPU

/* --- vCPUs --- */

static __thread struct hold *own_hold;

bool pause_is_own(void)
{
    return own_hold->on || pause_is_out(own_hold);
}

static void check_words(struct pause_vcpu *v)
{
    struct torture_thread *t = v->base.thread;
    const struct pause_state *state = t->instance->state;
    unsigned long left = state->left, right = state->right;

    if (__builtin_expect(left != right, 0))
        torture_violation(t->instance, t, PAUSE_CHECK,
                          "vCPU %lu went on while a pause was on: it found the pauser's words at "
                          "%lu and %lu.",
                          v->base.serial, left, right);
}

static void block(struct vcpu *cpu)
{
    struct pause_vcpu *v = cpu->data;
    struct torture_thread *t = v->base.thread;

    pause_bump(&v->blocks);
    pause_check_may_move(v, "ran a block");
    pause_check_work(v);
    check_words(v);
    torture_spin(random_below(&t->random, 300));
    v->trail++;
    torture_count(t, BLOCKS, 1);
    torture_beat(t);
}

/* What it requests of others. */
static void ask(struct torture_thread *t, struct pause_vcpu *v)
{
    const struct pause_params *p = t->instance->params;
    struct pause_vcpu *target;

    if (!random_one_in(&t->random, (uint64_t)p->vcpu_call_one_in))
        return;
    target = fleet_take(t);
    if (!target)
        return;
    switch (random_below(&t->random, 8)) {
    case 0:
        pause_remove_one(t, false);
        break;
    case 1:
    case 2:
    case 3:
        pause_queue_async(target, 0);
        break;
    default:
        pause_call(t, v, target);
    }
    fleet_give(&target->base);
}

static void events(struct vcpu *cpu)
{
    struct pause_vcpu *v = cpu->data;
    struct torture_thread *t = v->base.thread;
    const struct pause_params *p = t->instance->params;

    pause_bump(&v->events);
    atomic_store_explicit(&v->is_idle, false, memory_order_relaxed);
    pause_check_may_move(v, "acted on a reason");
    check_words(v);
    torture_count(t, EVENTS, 1);
    torture_beat(t);
    v->idles = random_one_in(&t->random, 3);
    v->trail++;
    if (!torture_running(t))
        return;
    /* While its pause is out, its requests count as the pauser's own: it makes none. */
    if (pause_is_own())
        return;
    if (random_one_in(&t->random, (uint64_t)p->vcpu_pause_one_in))
        pause_once(t, own_hold, v);
    else
        ask(t, v);
}

static bool idle(struct vcpu *cpu)
{
    struct pause_vcpu *v = cpu->data;

    atomic_store_explicit(&v->is_idle, v->idles, memory_order_relaxed);
    return v->idles;
}

static const struct vcpu_guest guest = {.block = block, .events = events, .idle = idle};

/* --- Roles --- */

static void vcpu(struct torture_thread *t)
{
    struct hold hold;

    pause_hold_init(&hold, t);
    own_hold = &hold;
    fleet_vcpus(t);
    pause_await_back(&hold);
    pause_hold_destroy(&hold);
}

static void pauser(struct torture_thread *t)
{
    const struct pause_params *p = t->instance->params;
    struct hold hold;

    flavor_register_thread();
    pause_hold_init(&hold, t);
    while (torture_running(t)) {
        bool locked = random_one_in(&t->random, 4);

        if (locked)
            bql_lock();
        pause_once(t, &hold, NULL);
        if (locked)
            bql_unlock();
        pause_await_back(&hold);
        torture_beat(t);
        if (p->pause_ns > 0)
            torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->pause_ns));
    }
    pause_hold_destroy(&hold);
    flavor_unregister_thread();
}

/* Work and requests for no reason. */
static void make_noise(struct torture_thread *t)
{
    struct pause_vcpu *v = fleet_take(t);

    if (!v)
        return;
    if (random_one_in(&t->random, 2))
        pause_queue_async(v, 0);
    else
        cpu_exit(&v->base.cpu);
    fleet_give(&v->base);
}

/* True when the run is over and nothing is left to resume. The last one closes. */
static bool may_leave(struct torture_thread *t, struct pause_state *state)
{
    bool leave;

    if (torture_running(t))
        return false;
    pthread_mutex_lock(&state->lock);
    leave = state->first == NULL;
    state->resumers_left -= leave;
    pthread_mutex_unlock(&state->lock);
    return leave;
}

static void resumer(struct torture_thread *t)
{
    const struct pause_params *p = t->instance->params;
    struct pause_state *state = t->instance->state;

    flavor_register_thread();
    while (!may_leave(t, state)) {
        struct hold *hold = pause_take_over(state);

        torture_beat(t);
        if (hold) {
            pause_end(t, hold);
            continue;
        }
        if (p->noise_ns > 0)
            make_noise(t);
        torture_sleep(t, p->noise_ns > 0 ? random_below(&t->random, 2 * (uint64_t)p->noise_ns)
                                         : 50 * 1000);
    }
    flavor_unregister_thread();
}

/* --- Set-up --- */

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct pause_params *p = in->params;
    struct pause_state *state =
        fleet_open(in, sizeof *state, sizeof(struct pause_vcpu), &guest, NULL, d);

    if (!state ||
        !vcpu_ledger_promise(in, (uint64_t)(p->removers + 3 * p->pausers + 3 * p->fleet.vcpus), d))
        return false;
    state->resumers_left = p->resumers;
    state->last = &state->first;
    overtaken_open(&state->turns, in);
    pthread_mutex_init(&state->lock, NULL);
    pthread_cond_init(&state->resumed, NULL);
    return true;
}

static void finish(struct instance *in)
{
    struct pause_state *state = in->state;

    if (state->owner != 0 || state->left != state->right)
        torture_violation(in, NULL, PAUSE_CHECK, "At the end of the run a pause is still on.");
    fleet_close(&state->fleet);
    pthread_cond_destroy(&state->resumed);
    pthread_mutex_destroy(&state->lock);
    overtaken_close(&state->turns);
    free(state);
}

#endif

#define FIELD(name) offsetof(struct pause_params, name)
static const struct option options[] = {
    FLEET_OPTIONS("2"),
    {.name = "pausers",
     .type = OPTION_INT,
     .offset = FIELD(pausers),
     .default_text = "2",
     .max = 4096,
     .unit = "threads",
     .help = "threads that pause all vCPUs"},
    {.name = "resumers",
     .type = OPTION_INT,
     .offset = FIELD(resumers),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "threads that resume what others have paused, and disturb vCPUs"},
    {.name = "removers",
     .type = OPTION_INT,
     .offset = FIELD(removers),
     .default_text = "1",
     .max = 1024,
     .unit = "threads",
     .help = "threads that remove vCPUs which never ran, and have work"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(pause_ns),
     .default_text = "200us",
     .max = 60e9,
     .help = "mean time between a pauser's resume and its next pause"},
    {.name = "stay",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(stay_ns),
     .default_text = "50us",
     .max = 60e9,
     .help = "mean time between the two looks"},
    {.name = "noise",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(noise_ns),
     .default_text = "50us",
     .max = 60e9,
     .help = "mean time between two disturbances by a resumer; 0: none, by pausers neither"},
    {.name = "hand_one_in",
     .type = OPTION_INT,
     .offset = FIELD(hand_one_in),
     .default_text = "3",
     .max = 1e9,
     .help = "one in so many pauses is resumed by a resumer; 0: none"},
    {.name = "own_work_one_in",
     .type = OPTION_INT,
     .offset = FIELD(own_work_one_in),
     .default_text = "4",
     .max = 1e9,
     .help = "in one of so many pauses the pauser asks a vCPU for work; 0: never"},
    {.name = "await_one_in",
     .type = OPTION_INT,
     .offset = FIELD(await_one_in),
     .default_text = "4",
     .max = 1e9,
     .help = "after one in so many resumes the pauser waits until a vCPU acts again; 0: never"},
    {.name = "order_one_in",
     .type = OPTION_INT,
     .offset = FIELD(order_one_in),
     .default_text = "16",
     .max = 1e9,
     .help = "in one of so many pauses the pauser finds whether others sleep on until their turn "
             "while pauses pass; 0: never"},
    {.name = "unplug_one_in",
     .type = OPTION_INT,
     .offset = FIELD(unplug_one_in),
     .default_text = "32",
     .max = 1e9,
     .help = "in one of so many pauses the pauser unplugs a vCPU, whatever \"hotplug\" is, and in "
             "another one those of its own, for whose thread it waits; 0: never"},
    {.name = "vcpu_pause_one_in",
     .type = OPTION_INT,
     .offset = FIELD(vcpu_pause_one_in),
     .default_text = "32",
     .max = 1e9,
     .help = "a vCPU pauses the others in one of so many rounds of events; 0: never"},
    {.name = "vcpu_call_one_in",
     .type = OPTION_INT,
     .offset = FIELD(vcpu_call_one_in),
     .default_text = "4",
     .max = 1e9,
     .help = "a vCPU asks one for work in one of so many rounds of events; 0: never"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "vcpu", .count_option = "vcpus", .run = NEEDS_VCPU(vcpu)},
    {.name = "plugger", .run = fleet_plugger},
    {.name = "pauser", .count_option = "pausers", .run = NEEDS_VCPU(pauser)},
    {.name = "remover", .count_option = "removers", .run = NEEDS_VCPU(pause_remover)},
    {.name = "resumer", .count_option = "resumers", .run = NEEDS_VCPU(resumer)},
    {.name = NULL},
};

extern const struct workload pause_workload;
const struct workload pause_workload = {
    .name = "pause",
    .summary = "all vCPUs are paused, by threads and by one of them, and nothing moves",
    .needs = CAN_PROTECT | CAN_CALL | CAN_BARRIER | CAN_VCPU,
    .needs_by_params = fleet_needs,
    .options = options,
    .params_size = sizeof(struct pause_params),
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
    FLEET_LIFE(setup, finish),
};
