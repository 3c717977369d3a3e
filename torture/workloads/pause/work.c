/* pause: what vCPUs are to run, before, during and after pauses. */
#include "pause.h"
#include "torture/runner/violation.h"

#if FLAVOR_CAN_VCPU

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct item {
    unsigned long number; /* among those that pausers have queued; 0: not one of them */
    bool synchronous, done;
};

/* The guest's rounds, as the vCPU itself reads them. */
struct rounds {
    struct pause_vcpu *vcpu;
    uint64_t rounds;
    bool known;
};

void pause_check_may_move(struct pause_vcpu *v, const char *what)
{
    struct torture_thread *t = v->base.thread;
    struct pause_state *state = t->instance->state;
    /* Relaxed: it is set when we have stopped and cleared before we are let go, and the library
     * orders both. */
    unsigned long on = atomic_load_explicit(&state->on, memory_order_relaxed);

    if (__builtin_expect(on != 0 && atomic_load_explicit(&state->exempt, memory_order_relaxed) != v,
                         0))
        torture_violation(t->instance, t, PAUSE_CHECK, "vCPU %lu %s during pause %lu.",
                          v->base.serial, what, on);
}

void pause_check_work(struct pause_vcpu *v)
{
    struct torture_thread *t = v->base.thread;
    /* Orders: LOAD v->accepted -> LOAD of the request to leave.
     * Pairs with: pause_queue_async(), RMW v->accepted (release), after async_run_on_cpu().
     * Broken: work is called forgotten for which the request is not seen yet. */
    unsigned long accepted = atomic_load_explicit(&v->accepted, memory_order_acquire);

    if (__builtin_expect(accepted > v->queued_ran && !cpu_exit_requested(&v->base.cpu), 0))
        torture_violation(t->instance, t, PAUSE_CHECK,
                          "vCPU %lu executes, nobody asks it to leave, and it has run %lu of the "
                          "%lu items that it had accepted: the others are forgotten.",
                          v->base.serial, v->queued_ran, accepted);
}

/* Now and then work that is waited for waits for that of another vCPU: of one thread, the second is
 * called inside the first. */
static void call_further(struct torture_thread *t, struct pause_vcpu *v)
{
    struct pause_vcpu *target;

    if (!torture_running(t) || !random_one_in(&t->random, 4) || pause_is_own() ||
        atomic_load_explicit(&v->serves, memory_order_relaxed))
        return;
    target = fleet_take(t);
    if (!target)
        return;
    pause_call(t, v, target);
    fleet_give(&target->base);
}

static void work(struct vcpu *cpu, void *data)
{
    struct item *item = data;
    struct pause_vcpu *v = cpu->data;
    struct torture_thread *t = v->base.thread;

    torture_note(t, NOTE_WORK, v->base.serial, item->number);
    if (!atomic_load_explicit(&v->serves, memory_order_relaxed) && !fleet_is_to_end(&v->base))
        pause_check_may_move(v, item->number ? "ran work that was queued in a pause" : "ran work");
    pause_bump(&v->work);
    if (item->number > 0)
        atomic_store_explicit(&v->last_work, item->number, memory_order_relaxed);
    torture_count(t, WORK, 1);
    torture_beat(t);
    if (item->synchronous) {
        if (item->number == 0)
            call_further(t, v);
        item->done = true;
        return;
    }
    v->queued_ran++;
    atomic_fetch_sub_explicit(&v->backlog, 1, memory_order_relaxed);
    memset(item, 0x6b, sizeof *item);
    free(item);
}

void pause_queue_async(struct pause_vcpu *v, unsigned long number)
{
    struct item *item;

    if (number == 0 && atomic_load_explicit(&v->backlog, memory_order_relaxed) >= 16)
        return;
    item = malloc(sizeof *item);
    *item = (struct item){.number = number};
    atomic_fetch_add_explicit(&v->backlog, 1, memory_order_relaxed);
    if (async_run_on_cpu(&v->base.cpu, work, item) == 0) {
        /* Orders: async_run_on_cpu() -> RMW v->accepted.
         * Pairs with: pause_check_work(), LOAD v->accepted (acquire) -> LOAD of the request.
         * Broken: work is called forgotten for which the request is not seen yet. */
        atomic_fetch_add_explicit(&v->accepted, 1, memory_order_release);
        return;
    }
    atomic_fetch_sub_explicit(&v->backlog, 1, memory_order_relaxed);
    free(item);
}

void pause_call(struct torture_thread *t, struct pause_vcpu *caller, struct pause_vcpu *target)
{
    struct item item = {.synchronous = true};
    int result = run_on_cpu(&target->base.cpu, work, &item);

    if (!fleet_is_to_end(&caller->base))
        pause_check_may_move(caller, "came back from run_on_cpu()");
    if (item.done != (result == 0))
        torture_violation(t->instance, t, PAUSE_CHECK,
                          "run_on_cpu() for vCPU %lu returned %d, and its work has %srun.",
                          target->base.serial, result, item.done ? "" : "not ");
}

/* --- Under a pause --- */

static void read_rounds(struct vcpu *cpu, void *data)
{
    struct rounds *rounds = data;
    struct vcpu_kvm_page *page = vcpu_kvm_shared_page(cpu);

    rounds->known = page != NULL;
    if (page)
        rounds->rounds = atomic_load_explicit(&page->rounds, memory_order_relaxed);
}

/* False when it has ended. */
static bool ask_rounds(struct rounds *rounds)
{
    return run_on_cpu(&rounds->vcpu->base.cpu, read_rounds, rounds) == 0 && rounds->known;
}

/* Guests stand still while the host reads twice. */
static void check_guests(struct torture_thread *t, struct hold *hold)
{
    const struct pause_params *p = t->instance->params;
    struct reading *reading = &hold->readings[random_below(&t->random, hold->count)];
    struct rounds first = {.vcpu = reading->vcpu}, second = {.vcpu = reading->vcpu};
    bool known;

    if (reading->vcpu == hold->exempt)
        return;
    /* What was queued before comes first. */
    atomic_store_explicit(&reading->vcpu->serves, true, memory_order_relaxed);
    known = ask_rounds(&first);
    torture_spin(random_below(&t->random, (uint64_t)p->stay_ns + 1));
    known = known && ask_rounds(&second);
    atomic_store_explicit(&reading->vcpu->serves, false, memory_order_relaxed);
    torture_count(t, CHECKS, 1);
    if (known && second.rounds != first.rounds)
        torture_violation(t->instance, t, PAUSE_CHECK,
                          "The guest of vCPU %lu went round %lu times during pause %lu.",
                          reading->vcpu->base.serial, (unsigned long)(second.rounds - first.rounds),
                          hold->number);
}

void pause_own_work(struct torture_thread *t, struct hold *hold)
{
    struct pause_vcpu *v = hold->readings[random_below(&t->random, hold->count)].vcpu;
    struct item item = {.synchronous = true};
    unsigned long ran;
    int result;

    atomic_store_explicit(&v->serves, true, memory_order_relaxed);
    result = run_on_cpu(&v->base.cpu, work, &item);
    ran = atomic_load_explicit(&v->last_work, memory_order_relaxed);
    torture_count(t, OWN_WORK, 1);
    torture_count(t, CHECKS, 1);
    if (item.done != (result == 0) || (result != 0 && result != -ESHUTDOWN))
        torture_violation(t->instance, t, PAUSE_CHECK,
                          "run_on_cpu() of the pauser for vCPU %lu returned %d, and its work has "
                          "%srun.",
                          v->base.serial, result, item.done ? "" : "not ");
    /* By rr it may be the calling thread's own: then it comes before what is queued. */
    if (result == 0 && v->base.thread != t && ran < v->asked)
        torture_violation(t->instance, t, PAUSE_CHECK,
                          "Work of the pauser for vCPU %lu ran before item %lu of those that it "
                          "had queued before; the newest that ran is %lu.",
                          v->base.serial, v->asked, ran);
    atomic_store_explicit(&v->serves, false, memory_order_relaxed);
    if (v->base.fleet->accel == &vcpu_accel_kvm)
        check_guests(t, hold);
}

#endif
