/* What a vCPU's thread does between two runs of its inner loop, and while it waits. */
#include "internal.h"

#include "stillpoint/accel.h"
#include "stillpoint/exclusive.h"
#include "stillpoint/vcpu_kick.h"

/* --- Waiting --- */

void vcpu_sleep(struct event *e)
{
    struct bql_place place = bql_drop();
    bool online = rcu_parked_begin();

    event_wait(e);
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
    atomic_init(&w->done, false);
    event_init(&w->event, false);
}

static bool is_done(struct vcpu_wait *w)
{
    /* Acquire, pairs with: the release in vcpu_wait_done(). Broken: the caller does not see what it
     * has waited for. */
    return atomic_load_explicit(&w->done, memory_order_acquire);
}

/* A vCPU that has counted itself as stopped stays so: it does not go on in the middle of another's
 * pause, though what it waits for is done. */
static bool is_over(struct vcpu_wait *w)
{
    struct vcpu *cpu = w->cpu;

    return is_done(w) &&
           (!vcpu_told_to_stop(cpu) || atomic_load_explicit(&cpu->unplug, memory_order_relaxed) ||
            vcpu_paused_by_me());
}

static void serve_thread(struct vcpu_wait *w)
{
    if (w->cpu->rr)
        vcpu_rr_serve(w->cpu->rr, w->service);
    else
        vcpu_serve(w->cpu, w->service);
}

/* A wait within what the thread serves leaves a request behind, which nobody would kick for
 * again. */
static bool is_asked(struct vcpu *cpu)
{
    return cpu->rr ? vcpu_rr_kicked(cpu->rr) : cpu_exit_requested(cpu);
}

static void wait_and_serve(struct vcpu_wait *w)
{
    struct vcpu *cpu = w->cpu;
    /* Let go of while we sleep. */
    bool lock = vcpu_lock_for_work(cpu);

    for (;;) {
        event_reset(vcpu_wake_event(cpu));
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
    /* What we have taken may have been for the guest as well: its loop is to look again. */
    if (cpu->rr)
        vcpu_rr_rearm(cpu->rr);
    else
        vcpu_leave_request(cpu);
}

void vcpu_wait_for(struct vcpu_wait *w)
{
    if (w->cpu)
        wait_and_serve(w);
    else
        vcpu_sleep(&w->event);
    event_destroy(&w->event);
}

void vcpu_wait_done(struct vcpu_wait *w)
{
    struct vcpu *cpu = w->cpu;

    if (!cpu) {
        event_set(&w->event);
        return;
    }
    /* The lock keeps the vCPU from being removed between the two. */
    platform_mutex_lock(&vcpu_lock);
    /* Release: what was waited for comes first.
     * Pairs with: the acquire in is_done(). Broken: as said there. */
    atomic_store_explicit(&w->done, true, memory_order_release);
    event_set(vcpu_wake_event(cpu));
    platform_mutex_unlock(&vcpu_lock);
}

bool vcpu_is_mine(struct vcpu *cpu)
{
    return cpu == vcpu_closing ||
           (current_cpu && (cpu == current_cpu || (cpu->rr && cpu->rr == current_cpu->rr)));
}

bool vcpu_executes(void)
{
    return current_cpu && atomic_load_explicit(&current_cpu->running, memory_order_relaxed);
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

/* --- Events --- */

enum vcpu_state vcpu_serve(struct vcpu *cpu, enum vcpu_service service)
{
    /* By exchange: it has happened before anything is read that requesters wrote. Acquire: with the
     * request comes the reason. Release, and one order of all exchanges: a requester that finds our
     * 0 kicks.
     * Pairs with: the exchange in cpu_exit(). Broken, with a store: it sits in the store buffer
     * while the reasons are read, comes out after a newer request, and erases it. */
    atomic_exchange_explicit(&cpu->exit_request, 0, memory_order_seq_cst);
    vcpu_run_work(cpu, service == SERVE_PAUSE);
    if (service != SERVE_ALL) {
        vcpu_report_stopped(cpu);
        return VCPU_READY;
    }
    if (atomic_load_explicit(&cpu->unplug, memory_order_relaxed)) {
        vcpu_close_work(cpu);
        return VCPU_ENDED;
    }
    if (vcpu_report_stopped(cpu))
        return VCPU_STOPPED;
    if (cpu->guest && cpu->guest->events)
        cpu->guest->events(cpu);
    if (cpu->guest && cpu->guest->idle && (!cpu->accel || cpu->accel->idles) &&
        cpu->guest->idle(cpu))
        return VCPU_IDLE;
    return VCPU_READY;
}

enum vcpu_state process_cpu_events(struct vcpu *cpu)
{
    if (current_cpu != cpu)
        vcpu_misuse("process_cpu_events() of vCPU %u by a thread that has not attached it",
                    cpu->index);
    return vcpu_serve(cpu, SERVE_ALL);
}

/* --- The thread --- */

/* => Registry lock of RCU, in the leader's thread: a grace period waits for this vCPU. */
static void leave_for_grace_period(struct rcu_force_notifier *notifier)
{
    cpu_exit(container_of(notifier, struct vcpu, notifier));
}

void vcpu_attach(struct vcpu *cpu)
{
    if (rcu_read_locked())
        vcpu_misuse("vCPU %u is to run inside a read section, which would never end", cpu->index);
    if (current_cpu && !vcpu_is_mine(cpu))
        vcpu_misuse(
            "vCPU %u is to run in the thread of vCPU %u; only those of one rr share a thread",
            cpu->index, current_cpu->index);
    current_cpu = cpu;
    cpu->notifier.notify = leave_for_grace_period;
    rcu_add_force_notifier(&cpu->notifier);
    vcpu_pause_attach(cpu);
    /* Relaxed: whoever sends a signal has seen `waits`, which comes later. */
    atomic_store_explicit(&cpu->thread_id, platform_thread_id(), memory_order_relaxed);
}

void vcpu_detach(struct vcpu *cpu)
{
    if (!cpu->attached || current_cpu != cpu)
        vcpu_misuse("vcpu_detach() of vCPU %u by a thread that has not attached it", cpu->index);
    if (vcpu_executes())
        vcpu_misuse("vcpu_detach() of vCPU %u, which executes; call cpu_exec_end() first",
                    cpu->index);
    atomic_store_explicit(&cpu->thread_id, 0, memory_order_relaxed);
    vcpu_pause_detach(cpu);
    rcu_remove_force_notifier(&cpu->notifier);
    current_cpu = NULL;
}

void vcpu_unplug(struct vcpu *cpu)
{
    /* Relaxed: cpu_exit() releases it. */
    atomic_store_explicit(&cpu->unplug, true, memory_order_relaxed);
    cpu_exit(cpu);
}

void vcpu_execute(struct vcpu *cpu)
{
    cpu_exec_start(cpu);
    rcu_read_lock();
    if (!cpu_exit_requested(cpu))
        cpu->accel->run(cpu);
    rcu_read_unlock();
    cpu_exec_end(cpu);
}

void vcpu_run_blocks(struct vcpu *cpu)
{
    while (!cpu_exit_requested(cpu))
        cpu->guest->block(cpu);
}

void vcpu_wait_for_kick(struct vcpu *cpu)
{
    if (current_cpu != cpu || cpu->rr)
        vcpu_misuse("vcpu_wait_for_kick() of vCPU %u, which this thread has not attached by itself",
                    cpu->index);
    event_reset(&cpu->wake);
    /* After the reset: a kick that comes now leaves the event set. */
    if (!cpu_exit_requested(cpu))
        vcpu_sleep(&cpu->wake);
}

/* Until vcpu_unplug(). */
static void loop(struct vcpu *cpu)
{
    enum vcpu_state state;

    while ((state = process_cpu_events(cpu)) != VCPU_ENDED) {
        struct bql_place place;

        if (state != VCPU_READY) {
            vcpu_wait_for_kick(cpu);
            continue;
        }
        place = bql_drop();
        vcpu_execute(cpu);
        bql_regain(place);
    }
}

bool vcpu_go_offline(void)
{
    bool online = rcu_reader.online;

    if (online)
        rcu_thread_offline();
    return online;
}

int vcpu_run(struct vcpu *cpu)
{
    const struct vcpu_accel *accel = cpu->accel;
    bool online;
    int result;

    if (!accel || accel->shares)
        vcpu_misuse("vcpu_run() of a vCPU %s", accel ? "that shares its thread; call vcpu_rr_run()"
                                                     : "without an accelerator");
    result = accel->create ? accel->create(cpu) : 0;
    if (result != 0)
        return result;
    online = vcpu_go_offline();
    vcpu_attach(cpu);
    if (accel->big_lock)
        bql_lock();
    loop(cpu);
    if (accel->big_lock)
        bql_unlock();
    vcpu_detach(cpu);
    if (online)
        rcu_thread_online();
    if (accel->destroy)
        accel->destroy(cpu);
    return 0;
}
