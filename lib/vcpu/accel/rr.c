/* `rr`: one thread runs several vCPUs in turn.
 *
 * A round: serve all of them, then run the one that is next and has something to run. A kick of any
 * makes the one whose turn it is leave, so that the next round begins. The turn may change during a
 * kick: `kicked` is for that, under the lock, under which turns change too. A turn ends by a timer
 * when there are other vCPUs; one alone is never disturbed.
 */
#include "vcpu/accel/rr.h"

#include "rcu/parked.h"
#include "sync/platform.h"
#include "vcpu/attach.h"
#include "vcpu/big_lock.h"
#include "vcpu/kick.h"
#include "vcpu/misuse.h"
#include "vcpu/run.h"
#include "vcpu/statistics.h"
#include "vcpu/wait.h"

#define TURN_NS 10000000

/* => rr->lock. */
static void end_turn(struct vcpu_rr *rr)
{
    /* Not cpu_exit(), whose kick takes the lock. */
    if (rr->current)
        vcpu_leave_request(rr->current);
}

/* => rr->lock. Another round comes before any turn. */
static void request_round(struct vcpu_rr *rr)
{
    rr->kicked = true;
    end_turn(rr);
}

static void kick(struct vcpu *cpu)
{
    struct vcpu_rr *rr = cpu->rr;

    platform_mutex_lock(&rr->lock);
    request_round(rr);
    platform_mutex_unlock(&rr->lock);
    manual_event_set(&rr->wake);
    manual_event_set(&cpu->wake); /* who removes one that never ran sleeps on this */
}

/* --- The timer --- */

/* Ends turns; sleeps while there are no two vCPUs to take turns. */
static void timer(void *argument)
{
    struct vcpu_rr *rr = argument;

    platform_mutex_lock(&rr->lock);
    while (!rr->ended) {
        bool several = rr->count > 1, changed = true;

        platform_mutex_unlock(&rr->lock);
        if (several)
            changed = manual_event_timedwait(&rr->change, rr->turn_ns);
        else
            manual_event_wait(&rr->change);
        platform_mutex_lock(&rr->lock);
        if (changed) {
            manual_event_reset(&rr->change);
        } else if (rr->count > 1) {
            vcpu_count_up(&vcpu_counts.rr_timer_kicks);
            end_turn(rr);
        }
    }
    platform_mutex_unlock(&rr->lock);
}

/* => rr's thread, without the lock, which kicks need. */
static void arm_timer(struct vcpu_rr *rr)
{
    if (rr->count < 2 || rr->has_timer)
        return;
    rr->timer = platform_thread_create("rr-timer", timer, rr);
    rr->has_timer = true;
}

/* --- The vCPUs of a thread --- */

void vcpu_rr_init(struct vcpu_rr *rr, int64_t turn_ns)
{
    rr->turn_ns = turn_ns > 0 ? turn_ns : TURN_NS;
    rr->current = rr->last = NULL;
    rr->count = 0;
    rr->kicked = rr->ending = rr->ended = rr->has_timer = false;
    platform_mutex_init(&rr->lock);
    platform_cond_init(&rr->left);
    manual_event_init(&rr->wake, false);
    manual_event_init(&rr->change, false);
    TAILQ_INIT(&rr->vcpus);
    TAILQ_INIT(&rr->coming);
}

void vcpu_rr_destroy(struct vcpu_rr *rr)
{
    manual_event_destroy(&rr->change);
    manual_event_destroy(&rr->wake);
    platform_cond_destroy(&rr->left);
    platform_mutex_destroy(&rr->lock);
}

void vcpu_rr_add(struct vcpu_rr *rr, struct vcpu *cpu)
{
    if (cpu->rr != rr || cpu->accel != &vcpu_accel_rr)
        vcpu_misuse("vcpu_rr_add() of vCPU %u, whose config names another accelerator or thread",
                    cpu->index);
    platform_mutex_lock(&rr->lock);
    if (cpu->in_rr)
        vcpu_misuse("vcpu_rr_add() of vCPU %u, which the thread has already", cpu->index);
    if (rr->ended)
        vcpu_misuse(
            "vcpu_rr_add() of vCPU %u after the end: vcpu_rr_end() was called, and the last "
            "vCPU has been unplugged",
            cpu->index);
    cpu->in_rr = true;
    TAILQ_INSERT_TAIL(&rr->coming, cpu, rr_link);
    request_round(rr);
    manual_event_set(&rr->wake);
    platform_mutex_unlock(&rr->lock);
}

void vcpu_rr_wait(struct vcpu_rr *rr, struct vcpu *cpu)
{
    struct bql_place place;
    bool online;

    if (current_cpu || in_exclusive_section() || rcu_read_locked())
        vcpu_misuse("vcpu_rr_wait() in a vCPU's thread, in an exclusive section or in a read "
                    "section, which vCPU %u may wait for",
                    cpu->index);
    place = bql_drop();
    online = rcu_parked_begin();
    platform_mutex_lock(&rr->lock);
    while (cpu->in_rr)
        platform_cond_wait(&rr->left, &rr->lock);
    platform_mutex_unlock(&rr->lock);
    bql_regain(place); /* first, as in vcpu_sleep() */
    rcu_parked_end(online);
}

/* => rr->lock. */
static void count_changed(struct vcpu_rr *rr, unsigned count)
{
    rr->count = count;
    manual_event_set(&rr->change);
}

/* Takes in those that were added since the last round; a kick from here on causes another round. */
static void take_in(struct vcpu_rr *rr)
{
    struct vcpu *cpu;

    platform_mutex_lock(&rr->lock);
    while ((cpu = TAILQ_FIRST(&rr->coming)) != NULL) {
        TAILQ_REMOVE(&rr->coming, cpu, rr_link);
        TAILQ_INSERT_TAIL(&rr->vcpus, cpu, rr_link);
        cpu->rr_ready = false;
        count_changed(rr, rr->count + 1);
        platform_mutex_unlock(&rr->lock);
        vcpu_attach(cpu);
        platform_mutex_lock(&rr->lock);
    }
    rr->kicked = false;
    platform_mutex_unlock(&rr->lock);
    arm_timer(rr);
}

static void let_out(struct vcpu_rr *rr, struct vcpu *cpu)
{
    vcpu_detach(cpu);
    platform_mutex_lock(&rr->lock);
    TAILQ_REMOVE(&rr->vcpus, cpu, rr_link);
    if (rr->last == cpu)
        rr->last = NULL;
    count_changed(rr, rr->count - 1);
    rr->kicked = true;  /* it may have been the last: ends() is called before any sleep */
    cpu->in_rr = false; /* from here on it may be freed */
    platform_cond_broadcast(&rr->left);
    platform_mutex_unlock(&rr->lock);
}

/* --- The thread --- */

void vcpu_rr_serve(struct vcpu_rr *rr, enum vcpu_service service)
{
    struct vcpu *before = current_cpu, *cpu;

    take_in(rr);
    TAILQ_FOREACH(cpu, &rr->vcpus, rr_link)
    {
        current_cpu = cpu;
        vcpu_serve(cpu, service);
    }
    current_cpu = before;
}

void vcpu_rr_rearm(struct vcpu_rr *rr)
{
    platform_mutex_lock(&rr->lock);
    rr->kicked = true;
    platform_mutex_unlock(&rr->lock);
}

bool vcpu_rr_kicked(struct vcpu_rr *rr)
{
    bool kicked;

    platform_mutex_lock(&rr->lock);
    kicked = rr->kicked;
    platform_mutex_unlock(&rr->lock);
    return kicked;
}

static void serve_all(struct vcpu_rr *rr)
{
    struct vcpu *cpu, *next;

    for (cpu = TAILQ_FIRST(&rr->vcpus); cpu; cpu = next) {
        enum vcpu_state state;

        current_cpu = cpu;
        state = process_cpu_events(cpu);
        next = TAILQ_NEXT(cpu, rr_link);
        cpu->rr_ready = state == VCPU_READY;
        if (state == VCPU_ENDED)
            let_out(rr, cpu);
    }
    current_cpu = NULL;
}

/* The next one in the list, after the one whose turn was last, that has something to run; NULL:
 * none has. */
static struct vcpu *next_ready(struct vcpu_rr *rr)
{
    struct vcpu *cpu = rr->last;

    for (unsigned i = 0; i < rr->count; i++) {
        cpu = cpu ? TAILQ_NEXT(cpu, rr_link) : NULL;
        if (!cpu)
            cpu = TAILQ_FIRST(&rr->vcpus);
        if (cpu->rr_ready)
            return cpu;
    }
    return NULL;
}

/* False when a vCPU was kicked, and a round comes before any turn. */
static bool begin_turn(struct vcpu_rr *rr, struct vcpu *cpu)
{
    bool begin;

    platform_mutex_lock(&rr->lock);
    begin = !rr->kicked;
    if (begin)
        rr->current = cpu;
    platform_mutex_unlock(&rr->lock);
    return begin;
}

static void take_turn(struct vcpu_rr *rr, struct vcpu *cpu)
{
    struct bql_place place;

    if (!begin_turn(rr, cpu))
        return;
    rr->last = cpu;
    current_cpu = cpu;
    place = bql_drop();
    vcpu_execute(cpu);
    bql_regain(place);
    platform_mutex_lock(&rr->lock);
    rr->current = NULL;
    platform_mutex_unlock(&rr->lock);
}

static void wait_for_kick(struct vcpu_rr *rr)
{
    manual_event_reset(&rr->wake);
    /* After the reset: a kick that comes now leaves the event set. */
    if (!vcpu_rr_kicked(rr))
        vcpu_sleep(&rr->wake);
}

/* True when the loop is over; vcpu_rr_add() comes too late from here on. */
static bool ends(struct vcpu_rr *rr)
{
    bool ended;

    platform_mutex_lock(&rr->lock);
    ended = rr->ended = rr->ending && TAILQ_EMPTY(&rr->vcpus) && TAILQ_EMPTY(&rr->coming);
    platform_mutex_unlock(&rr->lock);
    return ended;
}

static void end_timer(struct vcpu_rr *rr)
{
    manual_event_set(&rr->change);
    if (rr->has_timer)
        platform_thread_join(rr->timer);
}

void vcpu_rr_run(struct vcpu_rr *rr)
{
    bool online = vcpu_go_offline();

    bql_lock();
    for (;;) {
        struct vcpu *cpu;

        take_in(rr);
        serve_all(rr);
        /* After take_in(), which forgets the kick that vcpu_rr_end() gives. */
        if (ends(rr))
            break;
        cpu = next_ready(rr);
        if (cpu)
            take_turn(rr, cpu);
        else
            wait_for_kick(rr);
    }
    bql_unlock();
    end_timer(rr);
    if (online)
        rcu_thread_online();
}

void vcpu_rr_end(struct vcpu_rr *rr)
{
    platform_mutex_lock(&rr->lock);
    rr->ending = true;
    request_round(rr);
    /* Under the lock: after it the thread may have ended, and the rr may be destroyed. */
    manual_event_set(&rr->wake);
    platform_mutex_unlock(&rr->lock);
}

/* --- In the child of a fork --- */

void vcpu_rr_after_fork(struct vcpu_rr *rr)
{
    struct vcpu *cpu = TAILQ_FIRST(&rr->coming), *next;

    platform_mutex_init(&rr->lock);
    platform_cond_init(&rr->left);
    manual_event_init(&rr->wake, true);
    manual_event_init(&rr->change, true);
    TAILQ_INIT(&rr->coming);
    for (; cpu; cpu = next) {
        next = TAILQ_NEXT(cpu, rr_link);
        TAILQ_INSERT_TAIL(&rr->coming, cpu, rr_link);
    }
    rr->kicked = true;
    rr->has_timer = false; /* the next round starts another */
}

void vcpu_rr_drop(struct vcpu_rr *rr)
{
    vcpu_rr_init(rr, rr->turn_ns);
}

const struct vcpu_accel vcpu_accel_rr = {
    .name = "rr",
    .summary = "one thread runs several in turn; the inner loop checks for requests; a timer ends "
               "turns",
    .big_lock = true,
    .idles = true,
    .shares = true,
    .run = vcpu_run_blocks,
    .kick = kick,
};
