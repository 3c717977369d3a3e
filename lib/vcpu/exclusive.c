/* Exclusive sections.
 *
 * A starter stores `exclusive_pending`, runs the heavy fence, and loads each vCPU's `running`. A
 * vCPU stores `running`, runs the light fence, and loads `exclusive_pending`. So at least one of
 * the two loads the other's store, and there are three cases:
 *
 * 1. The starter loads `running` as true. It counts the vCPU, with `has_waiter`, and kicks it. The
 *    vCPU leaves with cpu_exec_end(): the starter did not load the false that it stores there, so
 *    the vCPU's load of `exclusive_pending`, behind a fence, is not 0; under the lock it finds
 *    `has_waiter` and counts itself out. The same holds for a vCPU that was about to start: it
 *    loads `exclusive_pending` in cpu_exec_start(), and finds under the lock that it is counted; so
 *    it goes on, and counts itself out when it leaves.
 * 2. The starter loads `running` as false, and the vCPU loads an `exclusive_pending` that is not 0.
 *    Under the lock, which the starter holds while it scans all vCPUs, the vCPU finds that it is
 *    not counted, takes `running` back, and waits until the section is over.
 * 3. The starter loads `running` as false, and the vCPU loads an `exclusive_pending` of 0. The
 *    fences exclude it for a vCPU that starts. It remains for one that has ended: its release of
 *    `running` comes with all that it did.
 *
 * Full fences. A heavy fence interrupts the vCPUs that run. So the first section stores the bit
 * EXCLUSIVE_FENCES with its `exclusive_pending`, and those after it find the bit and run a plain
 * fence: a vCPU that loads the bit runs a full fence too, and loads again. No vCPU misses the bit:
 *
 * - It is set before the heavy fence. A vCPU whose load comes after that fence loads it; of one
 *   whose load came before, the fence makes the store to `running` visible, to this and to all
 *   later scans.
 * - It is cleared under the lock, outside of sections. The next section takes the lock after that,
 *   finds it cleared, and runs a heavy fence; the one before was over.
 *
 * A vCPU that has executed EXCLUSIVE_QUIET times without meeting a section clears it, for all.
 *
 * Turns. Starters are served by tickets, which they take before the lock, so in the order of their
 * requests. A section hands over while vCPUs stay out: to those that were queued when the first of
 * them ended, and to more as long as no vCPU waits. Then vCPUs are released, and whoever asks next
 * starts at once, ahead of those of them that have no CPU yet; that would take as long as the
 * scheduler likes. The door stays open for a while
 *
 * - when a starter is queued: DOOR_OPEN_NS, or until each vCPU that waited is in;
 * - when a vCPU has woken up OVERTAKEN times and found the next section on: the same, and twice as
 *   long each time that this happens to it again. That counts vCPUs which had a CPU: those without
 *   one lose nothing to the section.
 */
#include "vcpu/exclusive.h"

#include "rcu/parked.h"
#include "start.h"
#include "stillpoint/exclusive.h"
#include "sync/platform.h"
#include "vcpu/attach.h"
#include "vcpu/big_lock.h"
#include "vcpu/duty.h"
#include "vcpu/list.h"
#include "vcpu/misuse.h"
#include "vcpu/statistics.h"
#include "vcpu/thread_exit.h"
#include "vcpu/wait.h"

/* How long a starter spins, for vCPUs that leave at once, before it sleeps; a wake-up takes
 * longer. */
#ifndef SPIN_NS
#define SPIN_NS 20000
#endif

/* With fewer, vCPUs that are woken get a CPU just while others are being stopped, and the door is
 * open for them most of the time. */
#ifndef OVERTAKEN
#define OVERTAKEN 128
#endif
#ifndef DOOR_OPEN_NS
#define DOOR_OPEN_NS   100000
#define DOOR_DOUBLINGS 10
#endif

/* A section that is to begin when its ticket is served. */
struct starter {
    TAILQ_ENTRY(starter) link;
    unsigned ticket;
    platform_cond turn;
};
TAILQ_HEAD(starter_queue, starter);

/* The next ticket. Taken without the lock: who waits for the lock is in the order already. */
static atomic_uint tickets;

/* Under vcpu_lock, but for `left`. */
static struct {
    platform_cond resume;     /* the section is over, vCPUs may start */
    struct manual_event left; /* the last vCPU that was waited for has left */
    unsigned serving;         /* whose section is on, or comes next */
    struct starter_queue queue;
    unsigned queued;
    unsigned batch;     /* of these, those that are served before vCPUs are */
    unsigned waiting;   /* vCPUs in cpu_exec_start() */
    bool leads;         /* the section that is on is the one that stopped the vCPUs */
    int64_t door_ns;    /* how long the door is to stay open for vCPUs that were overtaken */
    unsigned returning; /* vCPUs for which it is open; 0: the next section may begin */
    int64_t open_until; /* when it may in any case */
} exclusive = {.resume = PLATFORM_COND_INITIALIZER,
               .queue = TAILQ_HEAD_INITIALIZER(exclusive.queue)};

/* In a cache line of its own: every vCPU loads it all the time. */
_Alignas(RCU_CACHE_LINE) atomic_uint exclusive_pending;

static STILLPOINT_THREAD_LOCAL unsigned depth;
struct duty vcpu_exclusive_duty;

/* After the choice of the fence. */
void vcpu_exclusive_start(void)
{
    atomic_store_explicit(&exclusive_pending, asymmetric_fence_is_full ? EXCLUSIVE_FENCES : 0,
                          memory_order_relaxed);
    platform_cond_init(&exclusive.resume);
    manual_event_init(&exclusive.left, false);
}

/* => vcpu_lock. 0, or 1 + those that are waited for. */
static unsigned pending(void)
{
    return atomic_load_explicit(&exclusive_pending, memory_order_relaxed) & ~EXCLUSIVE_FENCES;
}

/* => vcpu_lock. Wakes who is served next, if it waits for that. */
static bool wake_next(void)
{
    struct starter *next = TAILQ_FIRST(&exclusive.queue);

    if (!next || next->ticket != exclusive.serving)
        return false;
    platform_cond_broadcast(&next->turn);
    return true;
}

/* --- vCPUs --- */

void vcpu_exec_nested(struct vcpu *cpu)
{
    vcpu_misuse("cpu_exec_start() of vCPU %u, which executes already; it does not nest",
                cpu->index);
}

void vcpu_check_exec_start(struct vcpu *cpu)
{
    if (current_cpu != cpu)
        vcpu_misuse(
            "cpu_exec_start() of vCPU %u by a thread that is not its own; call vcpu_attach() first",
            cpu->index);
    if (atomic_load_explicit(&cpu->running, memory_order_relaxed))
        vcpu_exec_nested(cpu);
    if (depth > 0)
        vcpu_misuse("cpu_exec_start() in an exclusive section of the same thread, which waits for "
                    "itself; call end_exclusive() first");
    if (rcu_read_locked())
        vcpu_misuse("cpu_exec_start() inside a read section: an exclusive section that waits for a "
                    "grace period would wait for it; call rcu_read_lock() after cpu_exec_start()");
    bql_check_not_held("cpu_exec_start()", NULL, 0);
}

/* => vcpu_lock, outside of sections. Fences are light again, and the next section's is heavy. */
static void clear_fences(void)
{
    /* Orders: accesses of the last section -> STORE exclusive_pending (release).
     * Pairs with: cpu_exec_start(), LOAD exclusive_pending (acquire).
     * Broken: a vCPU that loads this value executes on what the section has replaced. */
    if (!asymmetric_fence_is_full)
        atomic_store_explicit(&exclusive_pending, 0, memory_order_release);
}

/* => vcpu_lock, which is let go of meanwhile. */
static void wait_to_execute(void)
{
    unsigned overtaken = 0, doublings = 0;

    exclusive.waiting++;
    while (pending() != 0) {
        platform_cond_wait(&exclusive.resume, &vcpu_lock);
        if (pending() == 0)
            break;
        vcpu_count_up(&vcpu_counts.exec_overtaken);
        if (++overtaken == OVERTAKEN) {
            int64_t open_ns = (int64_t)DOOR_OPEN_NS << doublings;

            if (exclusive.door_ns < open_ns)
                exclusive.door_ns = open_ns;
            if (doublings < DOOR_DOUBLINGS)
                doublings++;
            overtaken = 0;
        }
    }
    exclusive.waiting--;
    if (exclusive.returning > 0 && --exclusive.returning == 0)
        wake_next();
}

void vcpu_exec_start_slow(struct vcpu *cpu)
{
    bool online;

    platform_mutex_lock(&vcpu_lock);
    if (cpu->has_waiter || pending() == 0) {
        /* Counted: it has to go on and leave, otherwise the starter waits for ever. Or no section
         * is on: the next starter takes the lock before it loads `running`. */
        if (cpu->has_waiter)
            vcpu_count_up(&vcpu_counts.exec_counted);
        else if (cpu->quiet_executions >= EXCLUSIVE_QUIET)
            clear_fences();
        cpu->quiet_executions = 0;
        platform_mutex_unlock(&vcpu_lock);
        return;
    }
    /* Orders: accesses of what the vCPU executed before -> STORE running (release).
     * Pairs with: stop_vcpus(), LOAD running (acquire).
     * Broken: the section sees the work of the vCPU's last execution half done. */
    atomic_store_explicit(&cpu->running, false, memory_order_release);
    vcpu_check_exec_start(cpu);
    vcpu_count_up(&vcpu_counts.exec_waits);
    cpu->quiet_executions = 0;
    online = rcu_parked_begin();
    wait_to_execute();
    rcu_parked_end(online);
    /* Relaxed: the next starter takes the lock before it loads this. */
    atomic_store_explicit(&cpu->running, true, memory_order_relaxed);
    platform_mutex_unlock(&vcpu_lock);
}

void vcpu_exec_end_slow(struct vcpu *cpu)
{
    platform_mutex_lock(&vcpu_lock);
    if (cpu->has_waiter) {
        cpu->has_waiter = false;
        cpu->quiet_executions = 0;
        /* Orders: accesses of what the vCPU executed -> STORE exclusive_pending (release half).
         * Pairs with: all_left(), LOAD exclusive_pending (acquire).
         * Broken: the section sees the vCPU's work half done.
         * A 1 carries the releases of all vCPUs that were counted: these read-modify-writes are one
         * release sequence. The acquire half is not needed for that. */
        if (atomic_fetch_sub_explicit(&exclusive_pending, 1, memory_order_acq_rel) ==
            (EXCLUSIVE_FENCES | 2))
            manual_event_set(&exclusive.left);
    }
    platform_mutex_unlock(&vcpu_lock);
}

/* --- Starters --- */

/* => vcpu_lock, and to be served. How many are waited for. */
static unsigned stop_vcpus(void)
{
    unsigned before = atomic_load_explicit(&exclusive_pending, memory_order_relaxed), running = 0;
    struct vcpu *cpu;

    manual_event_reset(&exclusive.left);
    exclusive.leads = true;
    atomic_store_explicit(&exclusive_pending, EXCLUSIVE_FENCES | 1, memory_order_relaxed);
    /* Orders: STORE exclusive_pending (relaxed) -> LOAD running (acquire), by a heavy fence where
     * vCPUs may have run light ones.
     * Pairs with: cpu_exec_start(), STORE running (relaxed) -> LOAD exclusive_pending (acquire);
     * cpu_exec_end(), STORE running (release) -> LOAD exclusive_pending (relaxed).
     * Broken: a vCPU that starts executes in the section; or one that is counted leaves without
     * counting itself out, and the starter waits for ever. Without the heavy one also in a later
     * section, by a vCPU that has not loaded EXCLUSIVE_FENCES. */
    if (before & EXCLUSIVE_FENCES)
        atomic_thread_fence(memory_order_seq_cst);
    else
        asymmetric_fence_heavy();
    TAILQ_FOREACH(cpu, &vcpu_list, link)
    {
        /* Orders: LOAD running (acquire) -> accesses of the section.
         * Pairs with: cpu_exec_end(), STORE running (release); vcpu_exec_start_slow(), STORE
         * running (release).
         * Broken: the section sees the work of a vCPU that has left half done. */
        if (atomic_load_explicit(&cpu->running, memory_order_acquire)) {
            cpu->has_waiter = true;
            running++;
            cpu_exit(cpu);
        }
    }
    atomic_store_explicit(&exclusive_pending, EXCLUSIVE_FENCES | (running + 1),
                          memory_order_relaxed);
    return running;
}

static bool all_left(void)
{
    /* Orders: LOAD exclusive_pending (acquire) -> accesses of the section.
     * Pairs with: vcpu_exec_end_slow(), STORE exclusive_pending (release half).
     * Broken: the section sees the work of a vCPU that it has waited for half done. */
    return atomic_load_explicit(&exclusive_pending, memory_order_acquire) == (EXCLUSIVE_FENCES | 1);
}

/* Spins only where each of them may have a CPU. */
static void wait_for_vcpus(unsigned running)
{
    int64_t until;

    if (all_left())
        return;
    vcpu_count_up(&vcpu_counts.exclusive_waited);
    if (running < platform_cpus()) {
        until = platform_now_ns() + SPIN_NS;
        while (!all_left() && platform_now_ns() < until)
            platform_relax();
    }
    while (!all_left())
        vcpu_sleep(&exclusive.left);
}

/* => vcpu_lock, by whose ticket is served. */
static bool may_begin(void)
{
    /* vCPUs have stayed out, or had their time. */
    return pending() != 0 || exclusive.returning == 0 || platform_now_ns() >= exclusive.open_until;
}

/* => vcpu_lock, which is let go of meanwhile. */
static void wait_for_turn(struct starter *self)
{
    struct starter *before = TAILQ_LAST(&exclusive.queue, starter_queue);
    bool online;

    platform_cond_init(&self->turn);
    while (before && (int)(before->ticket - self->ticket) > 0)
        before = TAILQ_PREV(before, starter_queue, link);
    if (before)
        TAILQ_INSERT_AFTER(&exclusive.queue, before, self, link);
    else
        TAILQ_INSERT_HEAD(&exclusive.queue, self, link);
    exclusive.queued++;
    online = rcu_parked_begin();
    while (self->ticket != exclusive.serving || !may_begin())
        if (self->ticket != exclusive.serving)
            platform_cond_wait(&self->turn, &vcpu_lock);
        else
            platform_cond_wait_until(&self->turn, &vcpu_lock, exclusive.open_until);
    rcu_parked_end(online);
    exclusive.queued--;
    TAILQ_REMOVE(&exclusive.queue, self, link);
    platform_cond_destroy(&self->turn);
}

void start_exclusive_at(const char *file, int line)
{
    struct starter self;
    unsigned running = 0;

    if (depth > 0) {
        depth++;
        return;
    }
    if (vcpu_executes())
        vcpu_misuse(
            "start_exclusive() at %s:%d between cpu_exec_start() and cpu_exec_end() of the same "
            "thread, which waits for itself; call cpu_exec_end() first, or "
            "async_safe_run_on_cpu()",
            file, line);
    if (rcu_read_locked())
        vcpu_misuse(
            "start_exclusive() at %s:%d inside a read section: a vCPU that waits for a grace "
            "period would wait for it; call rcu_read_unlock() first",
            file, line);
    bql_check_not_held("start_exclusive()", file, line);
    vcpu_watch_thread_exit();
    /* Relaxed: what orders the sections is the lock. */
    self.ticket = atomic_fetch_add_explicit(&tickets, 1, memory_order_relaxed);
    platform_mutex_lock(&vcpu_lock);
    if (self.ticket != exclusive.serving || !may_begin())
        wait_for_turn(&self);
    exclusive.returning = 0;
    duty_begin(&vcpu_exclusive_duty, EXCLUSIVE_STOPS);
    if (pending() == 0)
        running = stop_vcpus();
    platform_mutex_unlock(&vcpu_lock);
    wait_for_vcpus(running);
    depth = 1;
    duty_go_on(&vcpu_exclusive_duty, EXCLUSIVE_IS_ON);
    vcpu_count_up(&vcpu_counts.exclusive_sections);
}

/* => vcpu_lock. Lets vCPUs in, and the next section wait for them if it has to. */
static void open_door(void)
{
    int64_t open_ns = exclusive.door_ns;

    if (open_ns == 0 && exclusive.queued > 0)
        open_ns = DOOR_OPEN_NS;
    exclusive.door_ns = 0;
    if (open_ns > 0 && exclusive.waiting > 0) {
        exclusive.returning = exclusive.waiting;
        exclusive.open_until = platform_now_ns() + open_ns;
        vcpu_count_up(&vcpu_counts.exclusive_opened);
    }
    /* Orders: accesses of the section -> STORE exclusive_pending (release).
     * Pairs with: cpu_exec_start(), LOAD exclusive_pending (acquire).
     * Broken: a vCPU executes on what the section has replaced. */
    atomic_store_explicit(&exclusive_pending, EXCLUSIVE_FENCES, memory_order_release);
    platform_cond_broadcast(&exclusive.resume);
    wake_next();
}

void end_exclusive(void)
{
    if (depth == 0)
        vcpu_misuse("end_exclusive() without start_exclusive() in this thread");
    if (--depth > 0)
        return;
    platform_mutex_lock(&vcpu_lock);
    duty_end(&vcpu_exclusive_duty);
    exclusive.serving++;
    if (exclusive.leads || exclusive.waiting == 0)
        exclusive.batch = exclusive.queued;
    exclusive.leads = false;
    if (exclusive.batch > 0 && wake_next()) {
        exclusive.batch--;
        vcpu_count_up(&vcpu_counts.exclusive_handed);
    } else {
        open_door();
    }
    platform_mutex_unlock(&vcpu_lock);
}

bool in_exclusive_section(void)
{
    return depth > 0;
}

void vcpu_exclusive_after_fork(void)
{
    unsigned fences = asymmetric_fence_is_full ? EXCLUSIVE_FENCES : 0;

    platform_cond_init(&exclusive.resume);
    manual_event_init(&exclusive.left, false);
    TAILQ_INIT(&exclusive.queue);
    exclusive.queued = exclusive.batch = exclusive.waiting = exclusive.returning = 0;
    exclusive.door_ns = 0;
    exclusive.leads = true;
    duty_end(&vcpu_exclusive_duty);
    if (depth > 0)
        duty_begin(&vcpu_exclusive_duty, EXCLUSIVE_IS_ON);
    /* The section that is on has the ticket that is served; the next one comes after it. */
    atomic_store_explicit(&tickets, exclusive.serving + (depth > 0), memory_order_relaxed);
    atomic_store_explicit(&exclusive_pending, depth > 0 ? EXCLUSIVE_FENCES | 1 : fences,
                          memory_order_relaxed);
}
