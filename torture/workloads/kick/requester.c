/* kick: the threads that kick, and the one that watches what vCPUs do when nobody does. */
#include "kick.h"
#include "torture/runner/violation.h"

#if FLAVOR_CAN_VCPU

#define MS INT64_C(1000000)

/* A kick heals one that was lost before, of each vCPU of the thread. So who has waited this long
 * waits alone. */
#define ALONE_NS 200000

/* kvm: one in so many requests is kicked for again when it has been met. */
#define LATE_ONE_IN 16

struct target {
    struct kick_vcpu *v;
    struct kick_word *word;
    enum kick_phase phase; /* just before the kick */
    bool timed;            /* its latency is to be recorded */
    bool lost;             /* reported as such */
    uint64_t reason;
};

static struct kick_state *state_of(struct torture_thread *t)
{
    return t->instance->state;
}

static bool waited_for(struct kick_vcpu *v, uint64_t now)
{
    for (unsigned i = 0; i < v->words_count; i++) {
        struct kick_word *word = &v->words[i];
        uint64_t since = atomic_load_explicit(&word->since_ticks, memory_order_relaxed);

        if (atomic_load_explicit(&word->reason, memory_order_relaxed) !=
                atomic_load_explicit(&word->acted, memory_order_relaxed) &&
            now > since && clock_ticks_to_ns(now - since) > ALONE_NS)
            return true;
    }
    return false;
}

/* For it, or for another of its thread; what has ended does not act any more. */
static bool thread_is_waited_for(struct fleet *f, const struct kick_vcpu *v)
{
    uint64_t now = clock_ticks();
    struct fleet_vcpu *other;
    bool waited = false;

    pthread_mutex_lock(&f->lock);
    TAILQ_FOREACH(other, &f->live, live)
    {
        struct kick_vcpu *w = (struct kick_vcpu *)other;

        waited |= other->thread == v->base.thread && !kick_has_ended(w) && waited_for(w, now);
    }
    pthread_mutex_unlock(&f->lock);
    return waited;
}

/* A reason, and one kick for it. */
static void kick(struct torture_thread *t, struct target *target)
{
    struct kick_word *word = target->word;

    target->reason = atomic_load_explicit(&word->reason, memory_order_relaxed) + 1;
    torture_note(t, NOTE_KICKED, target->v->base.serial, target->reason);
    atomic_store_explicit(&word->since_ticks, clock_ticks(), memory_order_relaxed);
    atomic_store_explicit(&word->reason, target->reason, memory_order_relaxed);
    cpu_exit(&target->v->base.cpu);
    /* Orders: cpu_exit() -> STORE word->kicked.
     * Pairs with: judge_pending(), LOAD kicked -> fence -> LOAD of the request.
     * Broken: the vCPU sees the reason and not yet the request, and takes it for lost. */
    atomic_store_explicit(&word->kicked, target->reason, memory_order_release);
    torture_count(t, KICKS, 1);
}

/* Counts in what state the kick is going to find the vCPU, as far as can be known without stopping
 * it. */
static void note_state_before(struct torture_thread *t, struct target *target)
{
    struct kick_vcpu *v = target->v;
    int phase = atomic_load_explicit(&v->phase, memory_order_relaxed);
    struct kick_state *state = state_of(t);
    unsigned long turn =
        atomic_load_explicit(&state->turns[v->base.thread->id], memory_order_relaxed);

    target->phase = (enum kick_phase)phase;
    if (phase == VCPU_IS_STARTING)
        torture_count(t, KICKED_STARTING, 1);
    else
        torture_count(t, phase == VCPU_IS_HALTED ? KICKED_IDLE : KICKED_RUNNING, 1);
    if (v->base.rr && phase == VCPU_IS_READY && turn != v->base.serial + 1)
        torture_count(t, KICKED_OFF_TURN, 1);
    /* A guest has to have run since it was entered, or the entry is timed rather than the kick. */
    target->timed =
        phase != VCPU_IS_STARTING &&
        (phase == VCPU_IS_HALTED || state->measure != KICK_KVM ||
         kick_progress(v) > atomic_load_explicit(&v->guest_rounds, memory_order_relaxed));
}

static void record(struct torture_thread *t, const struct target *target)
{
    struct kick_state *state = state_of(t);
    /* Ordered by the acquire in kick_wait(). */
    uint64_t acted = atomic_load_explicit(&target->word->acted_ticks, memory_order_relaxed),
             since = atomic_load_explicit(&target->word->since_ticks, memory_order_relaxed);
    uint64_t ns = acted > since ? clock_ticks_to_ns(acted - since) : 0;
    const struct kick_params *p = t->instance->params;

    torture_count(t, CHECKS, 1);
    torture_count(t, LATE, !target->lost && ns > (uint64_t)p->cpu_limit_ns);
    if (!target->timed)
        return;
    torture_measure(t,
                    state->crowded                    ? KICK_CROWDED
                    : target->phase == VCPU_IS_HALTED ? KICK_IDLE
                                                      : state->measure,
                    ns);
}

/* A requester that stands still between the steps of cpu_exit() kicks when the vCPU has found the
 * request by itself, has met it, and executes again. That costs it an entry. Whoever waits for long
 * is not to be helped by it; nor is it for accelerators that keep a kick until it is used up. */
static void kick_late(struct torture_thread *t, struct kick_vcpu *v)
{
    struct kick_state *state = state_of(t);
    struct vcpu *cpu = &v->base.cpu;

    if (state->measure != KICK_KVM || !random_one_in(&t->random, LATE_ONE_IN))
        return;
    torture_spin(random_below(&t->random, MS / 50));
    if (thread_is_waited_for(&state->fleet, v))
        return;
    cpu->accel->kick(cpu);
    torture_count(t, LATE_KICKS, 1);
}

/* One request: a few reasons with a kick each. The second may come while the vCPU acts on the
 * first. */
static void request(struct torture_thread *t, struct kick_vcpu *v)
{
    const struct kick_params *p = t->instance->params;
    struct target target = {.v = v, .word = &v->words[t->index]};
    uint64_t more = random_one_in(&t->random, 2) ? random_below(&t->random, (uint64_t)p->burst) : 0;
    bool unplug = p->fleet.hotplug_ns > 0 && random_one_in(&t->random, (uint64_t)p->unplug_one_in);

    note_state_before(t, &target);
    if (unplug) {
        torture_note(t, NOTE_UNPLUGS, v->base.serial,
                     atomic_load_explicit(&target.word->reason, memory_order_relaxed) + 1);
        if (p->guest_io)
            kick_check_at_end(&v->base.cpu);
        fleet_unplug(&v->base);
        torture_count(t, KICKED_ENDING, 1);
    }
    kick(t, &target);
    target.timed = target.timed && more == 0 && !unplug;
    for (; more > 0; more--) {
        torture_spin(random_below(&t->random, (uint64_t)p->gap_ns + 1));
        kick(t, &target);
    }
    if (kick_wait(t, v, target.word, target.reason, &target.lost)) {
        record(t, &target);
        kick_late(t, v);
    } else if (kick_has_ended(v)) {
        kick(t, &target);
        torture_count(t, KICKED_ENDED, 1);
    }
}

void kick_requester(struct torture_thread *t)
{
    const struct kick_params *p = t->instance->params;
    struct kick_state *state = state_of(t);

    flavor_register_thread();
    while (torture_running(t)) {
        struct kick_vcpu *v;

        if (atomic_load_explicit(&state->hush, memory_order_relaxed)) {
            torture_sleep(t, MS / 2);
            continue;
        }
        v = fleet_take(t);
        if (!v) {
            torture_sleep(t, MS / 10);
            continue;
        }
        if (thread_is_waited_for(&state->fleet, v))
            torture_sleep(t, MS / 10);
        else
            request(t, v);
        fleet_give(&v->base);
        torture_beat(t);
        if (p->pause_ns > 0 && random_one_in(&t->random, 2))
            torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->pause_ns));
    }
    flavor_unregister_thread();
}

/* --- Turns --- */

/* A vCPU that has something to run executes before its thread has used up `limit_ns` of CPU time,
 * though nobody kicks. */
static void watch(struct torture_thread *t, struct kick_vcpu *v, int64_t limit_ns)
{
    uint64_t progress = kick_progress(v);
    unsigned still =
        0; /* samples in a row in which it had used none: its inner loop may be a wait */
    int64_t begun, now, before;

    if (!kick_cpu_ns(v, &begun))
        return;
    before = begun;
    torture_note(t, NOTE_WATCHES, v->base.serial, progress);
    while (torture_running(t) && !kick_has_ended(v) && still < 20) {
        torture_sleep(t, MS);
        if (kick_progress(v) != progress) {
            torture_count(t, TURN_CHECKS, 1);
            return;
        }
        /* It may halt for a kick that was on its way; or be about to end. */
        if (atomic_load_explicit(&v->phase, memory_order_relaxed) != VCPU_IS_READY ||
            fleet_is_to_end(&v->base) || !kick_cpu_ns(v, &now))
            return;
        still = now - before < MS / 100 ? still + 1 : 0;
        before = now;
        if (now - begun > limit_ns && kick_progress(v) == progress) {
            torture_violation(
                t->instance, t, TURNS,
                "vCPU %lu has something to run, but its thread has used %ld ms of CPU "
                "time without executing it; it is at %lu.",
                v->base.serial, (long)((now - begun) / MS), (unsigned long)progress);
            cpu_exit(&v->base.cpu);
            return;
        }
    }
}

void kick_turn_watcher(struct torture_thread *t)
{
    const struct kick_params *p = t->instance->params;
    struct kick_state *state = state_of(t);
    uint64_t mean = (uint64_t)p->turns_pause_ns;
    int64_t limit = p->cpu_limit_ns;

    if (fleet_shares(&state->fleet))
        limit += p->turn_ns * (p->fleet.per_thread + 1);
    flavor_register_thread();
    while (torture_running(t)) {
        struct kick_vcpu *v;

        torture_sleep(t, mean > 0 ? random_below(&t->random, 2 * mean) : 100 * MS);
        torture_beat(t);
        v = mean > 0 ? fleet_take(t) : NULL;
        if (!v)
            continue;
        atomic_store_explicit(&state->hush, true, memory_order_relaxed);
        torture_sleep(t, MS); /* what is on its way arrives */
        if (atomic_load_explicit(&v->phase, memory_order_relaxed) == VCPU_IS_READY)
            watch(t, v, limit);
        atomic_store_explicit(&state->hush, false, memory_order_relaxed);
        fleet_give(&v->base);
    }
    flavor_unregister_thread();
}

#endif
