/* Waits of a thread for what another does. A vCPU's thread serves its vCPUs meanwhile. */
#include "vcpu/wait.h"

#include "rcu/parked.h"
#include "stillpoint/accel.h"
#include "stillpoint/exclusive.h"
#include "stillpoint/vcpu_kick.h"
#include "vcpu/accel/rr.h"
#include "vcpu/attach.h"
#include "vcpu/big_lock.h"
#include "vcpu/fork.h"
#include "vcpu/kick.h"
#include "vcpu/list.h"
#include "vcpu/misuse.h"
#include "vcpu/pause.h"

STILLPOINT_THREAD_LOCAL struct vcpu_frame *vcpu_frames;

void vcpu_sleep(struct manual_event *e)
{
    struct bql_place place = bql_drop();
    bool online = rcu_parked_begin();

    manual_event_wait(e);
    /* The lock first: an online thread that waits for it holds up a grace period that its holder
     * may wait for. */
    bql_regain(place);
    rcu_parked_end(online);
}

bool vcpu_lock_for_work(struct vcpu *cpu)
{
    bool inside = rcu_read_locked(), online;

    if (!cpu->accel || !cpu->accel->big_lock || bql_locked())
        return false;
    online = !inside && rcu_parked_begin();
    bql_lock();
    if (!inside)
        rcu_parked_end(online);
    return true;
}

void vcpu_wait_init(struct vcpu_wait *w, enum vcpu_service service)
{
    w->service = service;
    w->cpu = current_cpu;
    w->frames = vcpu_frames;
    w->forks = vcpu_forks;
    atomic_init(&w->done, false);
    manual_event_init(&w->event, false);
}

static bool is_done(struct vcpu_wait *w)
{
    /* Orders: LOAD done (acquire) -> accesses of the caller of vcpu_wait_for().
     * Pairs with: vcpu_wait_done(), STORE done (release).
     * Broken: the caller does not see what it has waited for. */
    return atomic_load_explicit(&w->done, memory_order_acquire);
}

static bool may_go_on(struct vcpu *cpu)
{
    return !vcpu_must_stop(cpu) || atomic_load_explicit(&cpu->unplug, memory_order_relaxed);
}

/* One that has counted itself as stopped stays so: it does not go on in the middle of another's
 * pause, though what it waits for is done. Nor do those whose work would go on with it. */
static bool is_held(struct vcpu_wait *w)
{
    const struct vcpu_frame *f = w->frames;
    bool may = may_go_on(w->cpu);

    for (; may && f && f->cpu; f = f->outer)
        may = may_go_on(f->cpu);
    return !may && !vcpu_paused_by_me();
}

static bool is_over(struct vcpu_wait *w)
{
    return (is_done(w) || w->forks != vcpu_forks) && !is_held(w);
}

static void serve_thread(struct vcpu_wait *w)
{
    struct vcpu_frame wait;

    vcpu_frame_enter(&wait, NULL);
    if (vcpu_shares_thread(w->cpu))
        vcpu_rr_serve(w->cpu->rr, w->service);
    else
        vcpu_serve(w->cpu, w->service);
    vcpu_frame_leave(&wait);
}

/* A wait within what the thread serves leaves a request behind, for which no requester would kick
 * again. */
static bool is_asked(struct vcpu *cpu)
{
    return vcpu_shares_thread(cpu) ? vcpu_rr_kicked(cpu->rr) : cpu_exit_requested(cpu);
}

static void wait_and_serve(struct vcpu_wait *w)
{
    struct vcpu *cpu = w->cpu;
    /* vcpu_sleep() lets go of it. */
    bool lock = vcpu_lock_for_work(cpu);

    for (;;) {
        manual_event_reset(vcpu_wake_event(cpu));
        if (is_over(w))
            break;
        serve_thread(w);
        if (is_over(w))
            break;
        if (!is_asked(cpu))
            vcpu_sleep(vcpu_wake_event(cpu));
    }
    if (lock)
        bql_unlock();
    /* What was taken here may have been for the guest as well: its loop is to call events(). */
    if (vcpu_shares_thread(cpu))
        vcpu_rr_rearm(cpu->rr);
    else
        vcpu_leave_request(cpu);
}

bool vcpu_wait_for(struct vcpu_wait *w)
{
    if (w->cpu)
        wait_and_serve(w);
    else
        vcpu_sleep(&w->event);
    manual_event_destroy(&w->event);
    return !w->cpu || is_done(w);
}

void vcpu_stay_stopped(void)
{
    struct vcpu_wait resume;

    vcpu_wait_init(&resume, SERVE_WORK);
    atomic_store_explicit(&resume.done, true, memory_order_relaxed);
    if (is_held(&resume))
        wait_and_serve(&resume);
    manual_event_destroy(&resume.event);
}

void vcpu_wait_done(struct vcpu_wait *w)
{
    struct vcpu *cpu = w->cpu;

    if (!cpu) {
        manual_event_set(&w->event);
        return;
    }
    /* The lock keeps the vCPU from being removed between the two. */
    platform_mutex_lock(&vcpu_lock);
    /* Orders: accesses of what was waited for -> STORE done (release).
     * Pairs with: is_done(), LOAD done (acquire).
     * Broken: the caller of vcpu_wait_for() goes on without seeing them. */
    atomic_store_explicit(&w->done, true, memory_order_release);
    manual_event_set(vcpu_wake_event(cpu));
    platform_mutex_unlock(&vcpu_lock);
}

void vcpu_check_may_wait(const char *executing, const char *exclusive, const char *in_section)
{
    if (vcpu_executes())
        vcpu_misuse("%s", executing);
    if (in_exclusive_section())
        vcpu_misuse("%s", exclusive);
    if (rcu_read_locked())
        vcpu_misuse("%s", in_section);
}
