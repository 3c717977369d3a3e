/* pause: nothing moves while the vCPUs are paused.
 *
 * Pausers, and vCPUs in their events, pause all vCPUs, look at the progress of each, stay, look
 * again, and resume or have it done by a resumer. vCPUs come and go; work and requests are queued
 * all the time. Each vCPU counts the blocks, rounds of events and items of work that it runs, in
 * words that nobody else writes: between the two looks none changes, but for the work of one that
 * ends and for the vCPU that has paused the others. Each also looks at the words that only pausers
 * change.
 */
#include "pause.h"

#include <stdlib.h>

static const char *const counter_names[] = {"pauses",
                                            "handed_over",
                                            "blocks",
                                            "events",
                                            "work",
                                            "checks",
                                            "waited_for_pauser",
                                            "plugged_in_pause",
                                            "unplugged_in_pause",
                                            "paused_idle",
                                            "paused_by_vcpu",
                                            "own_work",
                                            NULL};
static const struct measure measure_list[] = {
    {"pause.enter", "ns"}, {"pause.stay", "ns"}, {NULL, NULL}};
static const char *const check_names[] = {"pause", NULL};
static const char *const coverage_names[] = {
    "handed_over", "waited_for_pauser", "plugged_in_pause", "unplugged_in_pause",
    "paused_idle", "paused_by_vcpu",    "own_work",         NULL};
static const char *const note_formats[] = {"is to pause the vCPUs (workload %lu)",
                                           "has paused the vCPUs, pause %lu",
                                           "hands pause %lu over",
                                           "is to resume the vCPUs after pause %lu",
                                           "as vCPU %lu runs work, item %lu of pausers",
                                           NULL};

#if FLAVOR_CAN_VCPU

/* --- vCPUs --- */

static __thread struct hold *own_hold;

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
    check_words(v);
    torture_spin(random_below(&t->random, 300));
    v->trail++;
    torture_count(t, BLOCKS, 1);
    torture_beat(t);
}

/* What it asks of others. */
static void ask(struct torture_thread *t, struct pause_vcpu *v)
{
    const struct pause_params *p = t->instance->params;
    struct pause_vcpu *target;

    if (!random_one_in(&t->random, (uint64_t)p->vcpu_call_one_in))
        return;
    target = machine_take(t);
    if (!target)
        return;
    if (random_one_in(&t->random, 2))
        pause_queue_async(target, 0);
    else
        pause_call(t, v, target);
    machine_give(&target->base);
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
    /* While its pause is out, what it asks for counts as the pauser's own: it asks for nothing. */
    if (pause_is_out(own_hold))
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
    machine_vcpus(t);
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
    struct pause_vcpu *v = machine_take(t);

    if (!v)
        return;
    if (random_one_in(&t->random, 2))
        pause_queue_async(v, 0);
    else
        cpu_exit(&v->base.cpu);
    machine_give(&v->base);
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
        machine_open(in, sizeof *state, sizeof(struct pause_vcpu), &guest, NULL, d);

    if (!state)
        return false;
    state->resumers_left = p->resumers;
    state->last = &state->first;
    pthread_mutex_init(&state->lock, NULL);
    pthread_cond_init(&state->resumed, NULL);
    return true;
}

static void finish(struct instance *in)
{
    struct pause_state *state = in->state;

    if (state->owner != 0 || state->left != state->right)
        torture_violation(in, NULL, PAUSE_CHECK, "At the end of the run a pause is still on.");
    machine_close(&state->machine);
    pthread_cond_destroy(&state->resumed);
    pthread_mutex_destroy(&state->lock);
    free(state);
}

#endif

#define FIELD(name) offsetof(struct pause_params, name)
static const struct option options[] = {
    MACHINE_OPTIONS("2"),
    {"pausers", OPTION_INT, FIELD(pausers), "2", 0, 4096, "threads", NULL,
     "threads that pause all vCPUs"},
    {"resumers", OPTION_INT, FIELD(resumers), "1", 0, 4096, "threads", NULL,
     "threads that resume what others have paused, and disturb vCPUs"},
    {"pause", OPTION_DURATION, FIELD(pause_ns), "200us", 0, 60e9, NULL, NULL,
     "mean time between a pauser's resume and its next pause"},
    {"stay", OPTION_DURATION, FIELD(stay_ns), "50us", 0, 60e9, NULL, NULL,
     "mean time between the two looks"},
    {"noise", OPTION_DURATION, FIELD(noise_ns), "50us", 0, 60e9, NULL, NULL,
     "mean time between two disturbances by a resumer; 0: none, by pausers neither"},
    {"hand_one_in", OPTION_INT, FIELD(hand_one_in), "3", 0, 1e9, NULL, NULL,
     "one in so many pauses is resumed by a resumer; 0: none"},
    {"own_work_one_in", OPTION_INT, FIELD(own_work_one_in), "4", 0, 1e9, NULL, NULL,
     "in one of so many pauses the pauser asks a vCPU for work; 0: never"},
    {"await_one_in", OPTION_INT, FIELD(await_one_in), "4", 0, 1e9, NULL, NULL,
     "after one in so many resumes the pauser waits until a vCPU acts again; 0: never"},
    {"unplug_one_in", OPTION_INT, FIELD(unplug_one_in), "32", 0, 1e9, NULL, NULL,
     "in one of so many pauses the pauser unplugs a vCPU, whatever \"hotplug\" is; 0: never"},
    {"vcpu_pause_one_in", OPTION_INT, FIELD(vcpu_pause_one_in), "32", 0, 1e9, NULL, NULL,
     "a vCPU pauses the others in one of so many rounds of events; 0: never"},
    {"vcpu_call_one_in", OPTION_INT, FIELD(vcpu_call_one_in), "4", 0, 1e9, NULL, NULL,
     "a vCPU asks one for work in one of so many rounds of events; 0: never"},
    {NULL, OPTION_BOOL, 0, NULL, 0, 0, NULL, NULL, NULL},
};
#undef FIELD

static const struct role roles[] = {
    {"vcpu", "vcpus", NEEDS_VCPU(vcpu), 0},
    {"plugger", NULL, machine_plugger, 0},
    {"pauser", "pausers", NEEDS_VCPU(pauser), 0},
    {"resumer", "resumers", NEEDS_VCPU(resumer), 0},
    {NULL, NULL, NULL, 0},
};

extern const struct workload pause_workload;
const struct workload pause_workload = {
    .name = "pause",
    .summary = "all vCPUs are paused, by threads and by one of them, and nothing moves",
    .needs = CAN_PROTECT | CAN_CALL | CAN_BARRIER | CAN_VCPU,
    .needs_by_params = machine_needs,
    .options = options,
    .params_size = sizeof(struct pause_params),
    .roles = roles,
    .counters = counter_names,
    .measures = measure_list,
    .checks = check_names,
    .coverage = coverage_names,
    .notes = note_formats,
    MACHINE_LIFE(setup, finish),
};
