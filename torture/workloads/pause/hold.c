/* pause: a pause from the call to the resume, and the two readings of what must not move in it. */
#include "pause.h"
#include "torture/runner/violation.h"

#if FLAVOR_CAN_VCPU

#include <stdlib.h>

/* --- Readings --- */

static struct pause_state *state_of(struct torture_thread *t)
{
    return t->instance->state;
}

void pause_hold_init(struct hold *hold, struct torture_thread *t)
{
    const struct fleet_params *p = t->instance->params;

    *hold = (struct hold){.pauser = t};
    hold->readings = calloc((size_t)(p->vcpus * p->per_thread) + 1, sizeof *hold->readings);
}

void pause_hold_destroy(struct hold *hold)
{
    free(hold->readings);
}

static void take_reading(struct reading *reading, struct pause_vcpu *v)
{
    *reading = (struct reading){.vcpu = v,
                                .blocks = atomic_load_explicit(&v->blocks, memory_order_relaxed),
                                .events = atomic_load_explicit(&v->events, memory_order_relaxed),
                                .work = atomic_load_explicit(&v->work, memory_order_relaxed),
                                .unplug = fleet_is_to_end(&v->base)};
}

/* A vCPU that is new to this pause has done nothing yet. */
static void check_new(struct torture_thread *t, struct hold *hold, struct pause_vcpu *v)
{
    struct reading reading;

    take_reading(&reading, v);
    torture_count(t, CHECKS, 1);
    /* Its work first: one that ended in between may have run it. */
    if (reading.blocks != 0 || reading.events != 0 ||
        (reading.work != 0 && !fleet_is_to_end(&v->base)))
        torture_violation(t->instance, t, PAUSE_CHECK,
                          "vCPU %lu was plugged during pause %lu, and has run %lu blocks, %lu "
                          "rounds of events and %lu items of work.",
                          v->base.serial, hold->number, reading.blocks, reading.events,
                          reading.work);
}

/* Takes a reference to each that is there. */
static void read_first(struct torture_thread *t, struct hold *hold)
{
    struct fleet *f = &state_of(t)->fleet;
    struct fleet_vcpu *base;

    hold->count = 0;
    pthread_mutex_lock(&f->lock);
    TAILQ_FOREACH(base, &f->live, live)
    {
        struct pause_vcpu *v = (struct pause_vcpu *)base;

        atomic_fetch_add_explicit(&base->references, 1, memory_order_relaxed);
        take_reading(&hold->readings[hold->count++], v);
        v->seen = hold->number;
        if (atomic_load_explicit(&v->is_idle, memory_order_relaxed))
            torture_count(t, IDLE, 1);
    }
    pthread_mutex_unlock(&f->lock);
}

static void give_back(struct hold *hold)
{
    for (unsigned i = 0; i < hold->count; i++)
        fleet_give(&hold->readings[i].vcpu->base);
    hold->count = 0;
}

static void compare(struct torture_thread *t, struct hold *hold, const struct reading *before)
{
    struct pause_vcpu *v = before->vcpu;
    struct reading now;
    bool work_moved;

    take_reading(&now, v);
    /* After the work is read: a vCPU that runs it as it ends was to end before. */
    work_moved = now.work != before->work && !fleet_is_to_end(&v->base);
    torture_count(t, CHECKS, 1);
    if (!before->unplug && now.unplug)
        torture_count(t, UNPLUGGED, 1);
    if (now.blocks != before->blocks || now.events != before->events || work_moved)
        torture_violation(t->instance, t, PAUSE_CHECK,
                          "vCPU %lu went on during pause %lu: %lu blocks, %lu rounds of events and "
                          "%lu items of work between two looks.",
                          v->base.serial, hold->number, now.blocks - before->blocks,
                          now.events - before->events, now.work - before->work);
    else if (v->trail != now.blocks + now.events)
        torture_violation(t->instance, t, PAUSE_CHECK,
                          "Pause %lu found vCPU %lu in the middle of something: %lu blocks and "
                          "rounds of events have begun, and %lu are over.",
                          hold->number, v->base.serial, now.blocks + now.events, v->trail);
}

static void read_again(struct torture_thread *t, struct hold *hold)
{
    struct fleet *f = &state_of(t)->fleet;
    struct fleet_vcpu *base;

    for (unsigned i = 0; i < hold->count; i++)
        if (hold->readings[i].vcpu != hold->exempt)
            compare(t, hold, &hold->readings[i]);
    pthread_mutex_lock(&f->lock);
    TAILQ_FOREACH(base, &f->live, live)
    {
        struct pause_vcpu *v = (struct pause_vcpu *)base;

        if (v->seen == hold->number)
            continue;
        check_new(t, hold, v);
        torture_count(t, PLUGGED, 1);
    }
    pthread_mutex_unlock(&f->lock);
    fleet_expect_stopped(t, PAUSE_CHECK, hold->exempt ? &hold->exempt->base : NULL,
                         "during pause %lu", hold->number);
}

/* --- Handing over --- */

bool pause_is_out(struct hold *hold)
{
    struct pause_state *state = state_of(hold->pauser);
    bool out;

    pthread_mutex_lock(&state->lock);
    out = hold->out;
    pthread_mutex_unlock(&state->lock);
    return out;
}

void pause_await_back(struct hold *hold)
{
    struct pause_state *state = state_of(hold->pauser);

    pthread_mutex_lock(&state->lock);
    while (hold->out)
        pthread_cond_wait(&state->resumed, &state->lock);
    pthread_mutex_unlock(&state->lock);
}

/* False when there is nobody to resume. */
static bool hand_over(struct torture_thread *t, struct hold *hold)
{
    struct pause_state *state = state_of(t);
    bool handed;

    pthread_mutex_lock(&state->lock);
    handed = state->resumers_left > 0;
    if (handed) {
        hold->out = true;
        hold->next = NULL;
        *state->last = hold;
        state->last = &hold->next;
        torture_note(t, NOTE_HAND, hold->number, 0);
        torture_count(t, HANDED, 1);
    }
    pthread_mutex_unlock(&state->lock);
    return handed;
}

struct hold *pause_take_over(struct pause_state *state)
{
    struct hold *hold;

    pthread_mutex_lock(&state->lock);
    hold = state->first;
    if (hold) {
        state->first = hold->next;
        if (!state->first)
            state->last = &state->first;
    }
    pthread_mutex_unlock(&state->lock);
    return hold;
}

/* --- The pause --- */

static void stay(struct torture_thread *t)
{
    const struct pause_params *p = t->instance->params;
    uint64_t ns = random_below(&t->random, 2 * (uint64_t)p->stay_ns + 1);
    bool locked = bql_locked();

    if (random_one_in(&t->random, 2)) {
        torture_spin(ns);
        return;
    }
    if (locked)
        bql_unlock();
    torture_sleep(t, ns);
    if (locked)
        bql_lock();
}

/* One pauser follows the other: while one sleeps on until its turn, each other has one pause. */
static void check_turns(struct torture_thread *t, const struct hold *hold)
{
    const struct torture_thread *other;
    unsigned long passed;
    size_t i = 0;

    while ((other = overtaken_next(&state_of(t)->turns, t, hold->number, TURN_CHECKS, &i, &passed)))
        torture_violation(t->instance, t, FAIRNESS,
                          "%s-%u is to pause the vCPUs, and has slept since pause %lu: others have "
                          "paused them %lu times since.",
                          other->role->name, other->index, hold->number - passed, passed);
}

/* => pause_all_vcpus() has returned. */
static void begin(struct torture_thread *t, struct hold *hold, struct pause_vcpu *v)
{
    const struct pause_params *p = t->instance->params;
    struct pause_state *state = state_of(t);

    hold->exempt = v;
    hold->on = true;
    hold->number = ++state->number;
    torture_note(t, NOTE_PAUSED, hold->number, 0);
    if (state->owner != 0)
        torture_violation(t->instance, t, PAUSE_CHECK,
                          "Thread %u and thread %u both have paused the vCPUs.", state->owner - 1,
                          t->id);
    state->owner = t->id + 1;
    /* Relaxed, and the vCPU first: those that load both have been stopped, or are this thread's. */
    atomic_store_explicit(&state->exempt, v, memory_order_relaxed);
    atomic_store_explicit(&state->on, hold->number, memory_order_relaxed);
    state->left++;
    torture_count(t, PAUSES, 1);
    if (random_one_in(&t->random, (uint64_t)p->order_one_in))
        check_turns(t, hold);
}

/* Work, requests and the end come while it is on. */
static void disturb(struct torture_thread *t, struct hold *hold)
{
    const struct pause_params *p = t->instance->params;

    for (uint64_t i = random_below(&t->random, 3); i > 0 && p->noise_ns > 0; i--) {
        struct pause_vcpu *v = hold->readings[random_below(&t->random, hold->count)].vcpu;

        if (random_one_in(&t->random, 2))
            pause_queue_async(v, ++v->asked);
        else
            cpu_exit(&v->base.cpu);
    }
    if (random_one_in(&t->random, (uint64_t)p->unplug_one_in))
        fleet_unplug(&hold->readings[random_below(&t->random, hold->count)].vcpu->base);
}

/* Each that was stopped acts on reasons again, though nothing but the resume requests it. */
static void await_one(struct torture_thread *t, const struct reading *reading)
{
    struct pause_vcpu *v = reading->vcpu;

    while (atomic_load_explicit(&v->events, memory_order_relaxed) == reading->events &&
           !fleet_is_to_end(&v->base))
        torture_sleep(t, 20 * 1000);
    torture_count(t, CHECKS, 1);
}

/* => Nobody has resumed it. `t` may be another thread than the pauser. */
static void resume(struct torture_thread *t, struct hold *hold)
{
    struct pause_state *state = state_of(t);

    read_again(t, hold);
    torture_note(t, NOTE_RESUME, hold->number, 0);
    if (state->owner != hold->pauser->id + 1)
        torture_violation(t->instance, t, PAUSE_CHECK,
                          "Thread %u has paused the vCPUs during pause %lu of thread %u.",
                          state->owner - 1, hold->number, hold->pauser->id);
    state->owner = 0;
    atomic_store_explicit(&state->on, 0, memory_order_relaxed);
    torture_measure(t, PAUSE_STAY, (uint64_t)(clock_monotonic_ns() - hold->paused_ns));
    resume_all_vcpus();
}

void pause_end(struct torture_thread *t, struct hold *hold)
{
    struct pause_state *state = state_of(t);

    stay(t);
    resume(t, hold);
    give_back(hold);
    pthread_mutex_lock(&state->lock);
    hold->out = false;
    pthread_cond_broadcast(&state->resumed);
    pthread_mutex_unlock(&state->lock);
}

static void enter(struct torture_thread *t, struct hold *hold, struct pause_vcpu *v)
{
    struct pause_state *state = state_of(t);
    bool busy = atomic_load_explicit(&state->on, memory_order_relaxed) != 0;
    int64_t begun = clock_monotonic_ns();
    bool locked = bql_locked();

    torture_note(t, NOTE_PAUSE, t->instance->index, 0);
    request_line_turn(&state->turns.requests[t->id]);
    pause_all_vcpus();
    request_line_turn(&state->turns.requests[t->id]);
    hold->paused_ns = clock_monotonic_ns();
    torture_measure(t, PAUSE_ENTER, (uint64_t)(hold->paused_ns - begun));
    begin(t, hold, v);
    if (busy)
        torture_count(t, WAITED, 1);
    if (v)
        torture_count(t, BY_VCPU, 1);
    if (bql_locked() != locked)
        torture_violation(t->instance, t, PAUSE_CHECK,
                          "pause_all_vcpus() was called with the big lock %s, and returned with it "
                          "%s.",
                          locked ? "held" : "free", locked ? "free" : "held");
}

/* Before the pause; NULL: in it, if at all. */
static struct own *start_own(struct torture_thread *t, struct pause_vcpu *v)
{
    struct own *own;

    if (!random_one_in(&t->random, 2))
        return NULL;
    /* What a vCPU's thread waits for here must not wait for that vCPU. */
    own = pause_own_start(t, v == NULL);
    if (!v && !bql_locked())
        pause_own_await(t, own);
    return own;
}

/* Under the pause. Those that end after the resume, or NULL. */
static struct own *end_own(struct torture_thread *t, struct hold *hold, struct own *own)
{
    if (!own) {
        pause_remove_one(t, true);
        own = pause_own_start(t, false);
        torture_count(t, PLUGGED_BY_PAUSER, 1);
    }
    return pause_own_end(t, own, hold->number) ? NULL : own;
}

void pause_once(struct torture_thread *t, struct hold *hold, struct pause_vcpu *v)
{
    const struct pause_params *p = t->instance->params;
    struct reading awaited = {.vcpu = NULL};
    unsigned long number;
    bool has_own = random_one_in(&t->random, (uint64_t)p->unplug_one_in);
    struct own *own = has_own ? start_own(t, v) : NULL;

    enter(t, hold, v);
    if (own)
        pause_own_read(own);
    read_first(t, hold);
    if (hold->count > 0)
        disturb(t, hold);
    stay(t);
    if (hold->count > 0 && random_one_in(&t->random, (uint64_t)p->own_work_one_in)) {
        read_again(t, hold);
        pause_own_work(t, hold);
        give_back(hold);
        read_first(t, hold);
    }
    if (has_own)
        own = end_own(t, hold, own);
    state_of(t)->right++;
    /* Not by vCPUs, nor with the big lock, which vCPUs need to go on. */
    if (!v && !bql_locked() && hold->count > 0 &&
        random_one_in(&t->random, (uint64_t)p->await_one_in))
        awaited = hold->readings[random_below(&t->random, hold->count)];
    if (awaited.vcpu)
        atomic_fetch_add_explicit(&awaited.vcpu->base.references, 1, memory_order_relaxed);
    hold->on = false;
    number = hold->number;
    if (!random_one_in(&t->random, (uint64_t)p->hand_one_in) || !hand_over(t, hold)) {
        resume(t, hold);
        give_back(hold);
    }
    if (own)
        pause_own_end_later(t, own, number);
    if (awaited.vcpu) {
        await_one(t, &awaited);
        fleet_give(&awaited.vcpu->base);
    }
}

#endif
