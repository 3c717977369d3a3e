/* kick: a requester waits for one action, and decides whether the kick was lost. */
#include "kick.h"
#include "torture/runner/violation.h"

#if FLAVOR_CAN_VCPU

#define US INT64_C(1000)
#define MS INT64_C(1000000)
#define SAMPLE_NS \
    (10 * MS) /* between two samples of the thread; a late one counts for twice that at most */

struct wait {
    struct torture_thread *t;
    struct kick_vcpu *v;
    struct kick_word *word;
    uint64_t reason;
    /* Seen from outside: the request was taken back when the vCPU was here. */
    bool taken_back, reported;
    uint64_t progress;
    /* Samples of the thread. */
    struct kick_threads threads;
    int64_t sampled_ns, cpu_ns; /* of the last sample */
    bool slept;                 /* at the last sample */
    int64_t used_ns, asleep_ns;
};

static bool acted(const struct wait *w)
{
    /* Orders: LOAD w->word->acted -> LOAD of the time.
     * Pairs with: act(), STORE word->acted_ticks -> STORE word->acted (release).
     * Broken: the latency is that of another action. */
    return atomic_load_explicit(&w->word->acted, memory_order_acquire) >= w->reason;
}

static bool settled(const struct wait *w)
{
    return acted(w) || kick_has_ended(w->v) || !torture_running(w->t);
}

static unsigned long serial(const struct wait *w)
{
    return w->v->base.serial;
}

/* What was found is reported; the vCPU goes on, whatever keeps it. */
static void rescue(struct wait *w)
{
    struct vcpu *cpu = &w->v->base.cpu;

    w->reported = true;
    torture_count(w->t, RESCUES, 1);
    cpu_exit(cpu);
    if (cpu->accel)
        cpu->accel->kick(cpu);
}

/* Exact, and needs no time: our request was there when cpu_exit() returned. Once it is not, the
 * vCPU has taken it back, outside of its inner loop; when it executes after that, events() has been
 * called. */
static void check_request(struct wait *w)
{
    uint64_t progress;

    if (!w->taken_back) {
        if (cpu_exit_requested(&w->v->base.cpu))
            return;
        w->progress = kick_progress(w->v);
        w->taken_back = w->progress != 0;
        return;
    }
    progress = kick_progress(w->v);
    if (progress == 0 || progress == w->progress || w->reported)
        return;
    /* Orders: LOAD v->blocks (in kick_progress()) -> LOAD w->word->acted (in acted()); heavy, so
     * that the vCPU's own stores to the two, in its order, need no fence.
     * Pairs with: act(), STORE word->acted, before the vCPU executes on.
     * Broken: a block is seen before the action that came first, and a kick is called lost. */
    asymmetric_fence_heavy();
    if (settled(w))
        return;
    torture_violation(
        w->t->instance, w->t, KICK_LOSS,
        "vCPU %lu took the request for reason %lu back, did not act on it, and went on to "
        "execute (from %lu to %lu).",
        serial(w), (unsigned long)w->reason, (unsigned long)w->progress, (unsigned long)progress);
    rescue(w);
}

/* --- A request that is there, and does not get the vCPU out --- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void count_sleep(struct wait *w, int64_t step, int64_t used)
{
    int thread_id = atomic_load_explicit(&w->v->base.thread->shared->tid, memory_order_relaxed);
    bool sleeps = kick_thread_sleeps(thread_id);
    int64_t starved = kick_longest_wait(&w->threads, w->t, step);

    /* A pause of another workload's may stop it for as long as it likes. */
    if (sleeps && w->slept && used < MS / 10 &&
        !atomic_load_explicit(&w->v->base.cpu.stop, memory_order_relaxed))
        w->asleep_ns += starved < step - step / 10 ? step - starved : step / 10;
    else
        w->asleep_ns = 0;
    w->slept = sleeps;
}

/* False when the thread is gone. */
static bool check_thread(struct wait *w)
{
    int64_t now = clock_monotonic_ns(), step = least(now - w->sampled_ns, 2 * SAMPLE_NS), cpu, used;

    if (!kick_cpu_ns(w->v, &cpu))
        return false;
    used = least(cpu - w->cpu_ns, 2 * SAMPLE_NS);
    /* What its start takes (KVM makes a vCPU) does not count: it loads requests after that. */
    if (atomic_load_explicit(&w->v->base.cpu.thread_id, memory_order_relaxed) != 0) {
        w->used_ns += used;
        count_sleep(w, step, used);
    }
    w->sampled_ns = now;
    w->cpu_ns = cpu;
    torture_note(w->t, NOTE_PENDING_CPU, serial(w), (unsigned long)(w->used_ns / US));
    torture_note(w->t, NOTE_PENDING_ASLEEP, serial(w), (unsigned long)(w->asleep_ns / US));
    return true;
}

static void judge(struct wait *w)
{
    const struct kick_params *p = w->t->instance->params;
    bool requested = cpu_exit_requested(&w->v->base.cpu);

    if ((w->used_ns <= p->cpu_limit_ns && w->asleep_ns <= p->cpu_limit_ns) || settled(w))
        return;
    if (!w->reported && w->used_ns > p->cpu_limit_ns)
        torture_violation(
            w->t->instance, w->t, KICK_LOSS,
            "vCPU %lu has used %ld ms of CPU time since it was kicked for reason %lu, and "
            "has not acted on it; the request is %s.",
            serial(w), (long)(w->used_ns / MS), (unsigned long)w->reason,
            requested ? "still there" : "gone");
    else if (!w->reported)
        torture_violation(w->t->instance, w->t, KICK_LOSS,
                          "vCPU %lu sleeps, %ld ms after it was kicked for reason %lu, which is "
                          "pending, and nobody waits for a CPU; the request is %s.",
                          serial(w), (long)(w->asleep_ns / MS), (unsigned long)w->reason,
                          requested ? "still there" : "gone");
    rescue(w);
}

/* After the usual time: samples now and then what the thread does. */
static void wait_long(struct wait *w)
{
    w->threads = kick_threads_open(w->t->instance->thread_count);
    w->sampled_ns = clock_monotonic_ns();
    if (kick_cpu_ns(w->v, &w->cpu_ns)) {
        kick_longest_wait(&w->threads, w->t, 0);
        while (!settled(w)) {
            /* Shorter at first: the action comes at any time. */
            for (int i = 0; i < SAMPLE_NS / MS && !settled(w); i++) {
                torture_sleep(w->t, MS);
                check_request(w);
            }
            if (settled(w) || !check_thread(w))
                break;
            judge(w);
        }
    }
    kick_threads_close(&w->threads);
}

bool kick_wait(struct torture_thread *t, struct kick_vcpu *v, struct kick_word *word,
               uint64_t reason, bool *lost)
{
    const struct kick_state *state = t->instance->state;
    struct wait w = {.t = t, .v = v, .word = word, .reason = reason};
    uint64_t begun = clock_ticks(), spins = clock_ns_to_ticks(state->crowded ? 2000 : 30000);
    int64_t nap = 20 * US, napped = 0;

    while (!settled(&w) && clock_ticks() - begun < spins)
        check_request(&w);
    for (; !settled(&w) && napped < 2 * SAMPLE_NS; napped += nap) {
        torture_sleep(t, (uint64_t)nap);
        check_request(&w);
        nap = least(nap + nap / 2, MS);
    }
    if (!settled(&w))
        wait_long(&w);
    *lost = w.reported;
    if (acted(&w))
        return true;
    torture_count(t, ENDED_PENDING, kick_has_ended(v));
    return false;
}

#endif
