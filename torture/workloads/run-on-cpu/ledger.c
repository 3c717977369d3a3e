/* run-on-cpu: an item of work from the call to its end, and the ledger that it is checked by. */
#include "run_on_cpu.h"
#include "torture/runner/refused.h"
#include "torture/runner/violation.h"

#if FLAVOR_CAN_VCPU

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIVE    0x600dUL
#define RUNS    0x60f00dUL
#define RAN     0xdeadUL
#define REFUSAL 0xbadUL

/* Refused calls of one thread after which it is judged what memory they have kept. */
#define REFUSALS 32

/* Waits that one thread has begun and not ended: more of them are a matter of stack, not of the
 * library. */
#define NESTING_LIMIT 12

static const char *const kind_names[WORK_KINDS] = {"synchronous", "asynchronous", "safe"};

struct work_item {
    unsigned long unused[2]; /* where free() writes */
    unsigned long life;
    struct work_vcpu *vcpu;
    struct work_vcpu *caller; /* the vCPU whose events or work call; NULL: another thread */
    struct torture_thread *thread;
    unsigned long number, big_lock_number; /* in the lanes; 0: in none */
    int64_t depth;
    int64_t queued_ns;
    enum work_kind kind;
    bool is_inline;
    bool without_memory; /* in its call malloc() refuses */
    bool awaits_gp;      /* which its caller, who is online, would hold up if it stayed so */
    bool done;           /* plain: that run_on_cpu() has returned must order it */
};

__thread struct torture_thread *work_self;
static __thread struct work_vcpu *waits_for; /* whose run_on_cpu() this thread is in */
static __thread unsigned nesting;
static __thread bool is_online;
static __thread unsigned refusals; /* of asynchronous work, since the thread's blocks were judged */
static __thread long kept;         /* blocks more than before these calls */

/* --- In the vCPU's thread --- */

static void violation(struct work_item *item, const char *what)
{
    torture_violation(item->vcpu->base.fleet->instance, work_self, WORK_LEDGER,
                      "An item of %s work for vCPU %lu, number %lu of thread %u, %s.",
                      kind_names[item->kind], item->vcpu->base.serial, item->number,
                      item->thread->id, what);
}

/* Dense, so that one that is lost, doubled or overtaken shows at the next. */
static void check_lane(struct work_item *item, unsigned index, unsigned long number,
                       const char *whose)
{
    struct work_lane *lane = &item->vcpu->lanes[index];

    if (number != lane->ran + 1)
        torture_violation(item->vcpu->base.fleet->instance, work_self, WORK_LEDGER,
                          "vCPU %lu ran item %lu of those that %s %u queued for it when item %lu "
                          "was next; it is %s work.",
                          item->vcpu->base.serial, number, whose, item->thread->id, lane->ran + 1,
                          kind_names[item->kind]);
    lane->ran = number;
}

/* In safe work nobody executes, and it is the only one. */
static void check_exclusive(struct work_item *item)
{
    struct work_state *state = item->thread->instance->state;

    if (!in_exclusive_section())
        violation(item, "ran outside of an exclusive section");
    if (bql_locked())
        violation(item, "ran with the big lock held");
    flavor_read_lock();
    if (fleet_executing(NULL))
        violation(item, "ran while a vCPU executed a block");
    flavor_read_unlock();
    if (state->left != state->right)
        violation(item, "ran while another item of safe work was under way");
    state->left++;
}

static void check_place(struct vcpu *cpu, struct work_item *item)
{
    struct work_vcpu *v = item->vcpu;

    if (current_cpu != cpu || &v->base.cpu != cpu)
        violation(item, "ran for another vCPU than it was queued for");
    if (work_self != v->base.thread)
        violation(item, "ran in another thread than the vCPU's");
    /* The library's word, for accelerators that execute nothing of ours. */
    if (v->in_block || atomic_load_explicit(&cpu->running, memory_order_relaxed) ||
        flavor_in_section())
        violation(item, "ran while the vCPU executed");
    if (item->kind == WORK_SAFE)
        check_exclusive(item);
    else if (in_exclusive_section())
        violation(item, "ran in an exclusive section");
    else if (cpu->accel && cpu->accel->big_lock && !bql_locked())
        violation(item, "ran without the big lock");
}

/* False: there is nothing left of it. */
static bool check_life(struct work_item *item)
{
    switch (item->life) {
    case LIVE:
        break;
    case RUNS:
        violation(item, "ran again while it was running");
        break;
    default:
        torture_violation(work_self->instance, work_self, WORK_LEDGER,
                          "vCPU %lu ran an item of work that was %s (its mark is %#lx).",
                          fleet_vcpu_of(current_cpu ? current_cpu : &item->vcpu->base.cpu)->serial,
                          item->life == REFUSAL ? "refused" : "freed, as it had run already",
                          item->life);
        return false;
    }
    item->life = RUNS;
    return true;
}

/* A caller that is refused knows that the vCPU has run all its work: what runs when that can be
 * seen is late. */
static void check_not_ended(struct work_item *item)
{
    if (atomic_load_explicit(&item->vcpu->refused, memory_order_relaxed))
        violation(item, "ran after the vCPU had ended: others were refused before");
}

static void count_run(struct torture_thread *t, struct work_item *item)
{
    struct work_vcpu *v = item->vcpu;

    torture_count(t, CHECKS, 1);
    if (item->is_inline) {
        torture_count(t, INLINE, 1);
        return;
    }
    torture_count(t, RAN_SYNC + (unsigned)item->kind, 1);
    if (item->kind != WORK_SYNC)
        torture_measure(t, QUEUE_TO_RUN, (uint64_t)(clock_monotonic_ns() - item->queued_ns));
    if (waits_for)
        torture_count(t, NESTED, 1);
    if (waits_for && waits_for == item->caller && item->kind == WORK_SYNC)
        torture_count(t, CYCLES, 1);
    if (fleet_is_to_end(&v->base))
        torture_count(t, RUN_AT_THE_END, 1);
}

/* What safe work may call is asynchronous; it sees that others queue while nobody executes. */
static void call_on(struct torture_thread *t, struct work_item *item)
{
    struct work_vcpu *target;

    if (item->depth <= 0 || nesting >= NESTING_LIMIT)
        return;
    if (item->kind != WORK_SAFE) {
        work_call_any(t, item->depth - 1);
        return;
    }
    target = fleet_take(t);
    if (!target)
        return;
    work_call(t, target, WORK_ASYNC, 0);
    fleet_give(&target->base);
}

static void work(struct vcpu *cpu, void *data)
{
    struct work_item *item = data;
    const struct work_params *p = work_self->instance->params;
    struct torture_thread *t = work_self;
    struct work_vcpu *v;

    if (!check_life(item))
        return;
    v = item->vcpu;
    torture_note(t, NOTE_RUN, v->base.serial, item->number);
    check_place(cpu, item);
    check_not_ended(item);
    if (!item->is_inline)
        check_lane(item, item->thread->id, item->number, "thread");
    if (item->big_lock_number > 0)
        check_lane(item, ((struct work_state *)t->instance->state)->big_lock_lane,
                   item->big_lock_number, "holders of the big lock, at last thread");
    count_run(t, item);
    if (!v->base.is_brief) /* whose queue is to be empty now and then */
        torture_spin(random_below(&t->random, (uint64_t)p->work_ns + 1));
    call_on(t, item);
    if (item->awaits_gp) {
        flavor_synchronize_expedited();
        torture_count(t, GPS_AWAITED, 1);
    }
    if (item->kind == WORK_SAFE)
        ((struct work_state *)t->instance->state)->right++;
    check_not_ended(item);
    torture_beat(t);
    if (item->kind == WORK_SYNC) {
        item->done = true;
        return;
    }
    atomic_fetch_sub_explicit(&v->backlog, 1, memory_order_relaxed);
    memset(item, 0x6b, sizeof *item);
    item->life = RAN;
    free(item);
}

/* --- In the caller's thread --- */

static unsigned big_lock_lane(struct torture_thread *t)
{
    return ((struct work_state *)t->instance->state)->big_lock_lane;
}

/* Numbers come before the call: the item may run before it returns. */
static void take_numbers(struct torture_thread *t, struct work_item *item)
{
    struct work_vcpu *v = item->vcpu;

    if (item->is_inline)
        return;
    item->number = ++v->lanes[t->id].queued;
    if (bql_locked())
        item->big_lock_number = ++v->lanes[big_lock_lane(t)].queued;
}

static void accepted(struct torture_thread *t, struct work_vcpu *v, const struct work_item *copy)
{
    if (copy->is_inline)
        return;
    torture_count(t, ACCEPTED_SYNC + (unsigned)copy->kind, 1);
    atomic_store_explicit(&v->lanes[t->id].accepted, copy->number, memory_order_relaxed);
}

/* It does not run. Nothing came between: no wait serves others when it is refused. */
static void take_back(struct torture_thread *t, struct work_vcpu *v, const struct work_item *copy)
{
    v->lanes[t->id].queued--;
    if (copy->big_lock_number > 0)
        v->lanes[big_lock_lane(t)].queued--;
}

static void had_no_memory(struct torture_thread *t, struct work_vcpu *v,
                          const struct work_item *copy)
{
    torture_note(t, NOTE_NO_MEMORY, v->base.serial, copy->number);
    torture_count(t, NO_MEMORY, 1);
    take_back(t, v, copy);
}

/* The vCPU has ended, which it stored under its lock: what it took from us has run, and we see
 * it. */
static void refused(struct torture_thread *t, struct work_vcpu *v, const struct work_item *copy)
{
    struct work_lane *lane = &v->lanes[t->id];

    torture_note(t, NOTE_REFUSED, v->base.serial, copy->number);
    torture_count(t, REFUSED, 1);
    if (copy->is_inline)
        return;
    take_back(t, v, copy);
    if (lane->ran != lane->queued)
        torture_violation(t->instance, t, WORK_LEDGER,
                          "vCPU %lu has ended, and ran %lu of the %lu items that it took from "
                          "thread %u.",
                          v->base.serial, lane->ran, lane->queued, t->id);
    torture_count(t, CHECKS, 1);
    atomic_store_explicit(&v->refused, true, memory_order_relaxed);
}

static int call_sync(struct torture_thread *t, struct work_vcpu *v, struct work_item *item)
{
    struct work_vcpu *waited_for = waits_for;
    int64_t begun = clock_monotonic_ns();
    bool locked = bql_locked();
    int result;

    waits_for = v;
    nesting++;
    result = run_on_cpu(&v->base.cpu, work, item);
    nesting--;
    waits_for = waited_for;
    if (bql_locked() != locked)
        torture_violation(t->instance, t, WORK_LEDGER,
                          "run_on_cpu() was called with the big lock %s, and returned with it %s.",
                          locked ? "held" : "free", locked ? "free" : "held");
    if (result == 0 && !item->done)
        torture_violation(t->instance, t, WORK_LEDGER,
                          "run_on_cpu() returned before item %lu of thread %u had run on vCPU %lu.",
                          item->number, t->id, v->base.serial);
    if (result != 0 && item->done)
        torture_violation(t->instance, t, WORK_LEDGER,
                          "run_on_cpu() refused item %lu of thread %u, which vCPU %lu ran.",
                          item->number, t->id, v->base.serial);
    if (result == 0 && !item->is_inline)
        torture_measure(t, SYNC_LATENCY, (uint64_t)(clock_monotonic_ns() - begun));
    item->life = result == 0 ? RAN : REFUSAL; /* before its stack is somebody else's */
    return result;
}

/* A refused call gives back what it has taken. It may keep a block for later, but not one each
 * time. */
static void check_given_back(struct torture_thread *t, long more)
{
    kept += more;
    if (++refusals < REFUSALS)
        return;
    if (kept > REFUSALS / 2)
        torture_violation(t->instance, t, WORK_LEDGER,
                          "After %d calls for asynchronous work that were refused, one by one, "
                          "their thread had %ld more blocks of memory than before each: what was "
                          "made for work that is refused is not given back.",
                          REFUSALS, kept);
    torture_count(t, CHECKS, 1);
    kept = 0;
    refusals = 0;
}

static int call_async(struct torture_thread *t, struct work_vcpu *v, struct work_item *start)
{
    struct work_item *item = malloc(sizeof *item);
    long blocks;
    int result;

    *item = *start;
    atomic_fetch_add_explicit(&v->backlog, 1, memory_order_relaxed);
    blocks = memory_blocks();
    refuse_memory(start->without_memory);
    result = (item->kind == WORK_SAFE ? async_safe_run_on_cpu : async_run_on_cpu)(&v->base.cpu,
                                                                                  work, item);
    refuse_memory(false);
    if (result == 0)
        return 0; // cppcheck-suppress memleak ; work() frees it
    if (result == -ESHUTDOWN)
        check_given_back(t, memory_blocks() - blocks);
    atomic_fetch_sub_explicit(&v->backlog, 1, memory_order_relaxed);
    memset(item, 0x6b, sizeof *item);
    item->life = REFUSAL;
    free(item);
    return result;
}

bool work_call(struct torture_thread *t, struct work_vcpu *v, enum work_kind kind, int64_t depth)
{
    const struct work_params *p = t->instance->params;
    struct work_item item = {.life = LIVE,
                             .vcpu = v,
                             .caller = current_cpu ? current_cpu->data : NULL,
                             .thread = t,
                             .depth = depth,
                             .kind = kind,
                             .is_inline = kind == WORK_SYNC && v->base.thread == t,
                             .awaits_gp = FLAVOR_CAN_EXPEDITE && is_online && kind == WORK_SYNC &&
                                          random_one_in(&t->random, 8),
                             .without_memory =
                                 kind != WORK_SYNC &&
                                 random_one_in(&t->random, (uint64_t)p->no_memory_one_in),
                             .queued_ns = clock_monotonic_ns()};
    int result;

    take_numbers(t, &item);
    torture_note(t, NOTE_CALL, v->base.serial, item.number);
    result = kind == WORK_SYNC ? call_sync(t, v, &item) : call_async(t, v, &item);
    if (result == 0)
        accepted(t, v, &item);
    else if (result == -ESHUTDOWN)
        refused(t, v, &item);
    else if (result == -ENOMEM && item.without_memory)
        had_no_memory(t, v, &item);
    else if (result == -ENOMEM)
        torture_give_up("no memory for an item of work");
    else
        torture_violation(t->instance, t, WORK_LEDGER,
                          "An item of %s work for vCPU %lu was refused with error %d.",
                          kind_names[kind], v->base.serial, -result);
    torture_note(t, NOTE_RETURN, v->base.serial, item.number);
    return result != -ESHUTDOWN;
}

/* Relaxed: a bound, by and large. */
static bool has_backlog(struct torture_thread *t, struct work_vcpu *v)
{
    const struct work_params *p = t->instance->params;

    return atomic_load_explicit(&v->backlog, memory_order_relaxed) >= (unsigned long)p->backlog;
}

static void call_once(struct torture_thread *t, struct work_vcpu *v, int64_t depth)
{
    unsigned dice = (unsigned)random_below(&t->random, 8);
    enum work_kind kind = dice == 0 ? WORK_SAFE : dice < 5 ? WORK_ASYNC : WORK_SYNC;

    work_call(t, v, has_backlog(t, v) ? WORK_SYNC : kind, depth);
}

/* The last that it takes comes close to its end, and then it refuses some more. What waits for it
 * would keep its caller from that, and is the exception. */
static void call_until_refused(struct torture_thread *t, struct work_vcpu *v)
{
    unsigned refused = 0;

    while (refused < 4) {
        unsigned dice = (unsigned)random_below(&t->random, 64);

        torture_spin(random_below(&t->random, 4000));
        if (dice > 0 && has_backlog(t, v))
            continue;
        refused += !work_call(t, v, dice == 0 ? WORK_SYNC : dice < 8 ? WORK_SAFE : WORK_ASYNC, 0);
        torture_beat(t);
    }
}

bool work_call_any(struct torture_thread *t, int64_t depth)
{
    struct work_vcpu *v = fleet_take(t);

    if (!v)
        return false;
    call_once(t, v, depth);
    fleet_give(&v->base);
    return true;
}

static void call_online(struct torture_thread *t, struct work_vcpu *v, int64_t depth)
{
    flavor_thread_online();
    is_online = true;
    call_once(t, v, depth);
    is_online = false;
    flavor_thread_offline();
}

void work_call_from_outside(struct torture_thread *t, int64_t depth)
{
    struct work_vcpu *v = fleet_take(t);

    if (!v)
        return;
    /* Others need the big lock to end. */
    if (v->base.is_brief || (fleet_is_to_end(&v->base) && !bql_locked()))
        call_until_refused(t, v);
    else if (FLAVOR_CAN_QSBR && random_one_in(&t->random, 4))
        call_online(t, v, depth);
    else
        call_once(t, v, depth);
    fleet_give(&v->base);
}

void work_check_ended(struct vcpu *cpu)
{
    struct work_vcpu *v = cpu->data;
    struct work_state *state = work_self->instance->state;

    /* A lane's queuer may be about to count what has run: never the other way round. */
    for (unsigned i = 0; i < state->big_lock_lane; i++) {
        unsigned long taken = atomic_load_explicit(&v->lanes[i].accepted, memory_order_relaxed);

        if (taken > v->lanes[i].ran)
            torture_violation(work_self->instance, work_self, WORK_LEDGER,
                              "vCPU %lu has been removed, and ran %lu of the %lu items that it "
                              "took from thread %u.",
                              v->base.serial, v->lanes[i].ran, taken, i);
    }
}

#endif
