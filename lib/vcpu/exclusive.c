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
 * Sections that are requested while one is on queue up. Each hands over to the next while vCPUs
 * stay out: those that were queued when the first of them ended, and more as long as no vCPU waits.
 * Then vCPUs have their turn: the next section begins when each that waited has stored `running`
 * again.
 */
#include "stillpoint/exclusive.h"

#include "rcu/parked.h"
#include "sync/platform.h"
#include "vcpu/attach.h"
#include "vcpu/big_lock.h"
#include "vcpu/list.h"
#include "vcpu/misuse.h"
#include "vcpu/statistics.h"
#include "vcpu/wait.h"

/* How long a starter spins, for vCPUs that leave at once, before it sleeps; a wake-up takes
 * longer. */
#define SPIN_NS 20000

/* A section that was requested while another is on. */
struct starter {
    struct starter *next;
    struct event turn;
};

/* Under vcpu_lock, but for `left`. */
static struct {
    platform_cond resume; /* the section is over, vCPUs may start */
    struct event left;    /* the last vCPU that was waited for has left */
    struct starter *first, **last;
    unsigned queued;
    unsigned batch;     /* of these, those that are served before vCPUs are */
    unsigned waiting;   /* vCPUs in cpu_exec_start() */
    unsigned returning; /* of these, those that are let in before the next section */
    bool owned;         /* a section is on, or handed over */
    bool leads;         /* it is the one that stopped the vCPUs */
} exclusive = {.resume = PLATFORM_COND_INITIALIZER, .last = &exclusive.first};

/* In a cache line of its own: every vCPU loads it all the time. */
_Alignas(RCU_CACHE_LINE) atomic_uint exclusive_pending;
static unsigned full_fence; /* its bit, or 0 */

static STILLPOINT_THREAD_LOCAL unsigned depth;

/* After the choice of the fence. */
static void __attribute__((constructor(102))) exclusive_init(void)
{
    full_fence = asymmetric_fence_is_full ? EXCLUSIVE_FULL_FENCE : 0;
    atomic_store_explicit(&exclusive_pending, full_fence, memory_order_relaxed);
    platform_cond_init(&exclusive.resume);
    event_init(&exclusive.left, false);
}

/* => vcpu_lock. 0, or 1 + those that are waited for. */
static unsigned pending(void)
{
    return atomic_load_explicit(&exclusive_pending, memory_order_relaxed) & ~EXCLUSIVE_FULL_FENCE;
}

/* => vcpu_lock. The first in the queue owns what follows. */
static void hand_over(void)
{
    struct starter *next = exclusive.first;

    exclusive.first = next->next;
    if (!exclusive.first)
        exclusive.last = &exclusive.first;
    exclusive.queued--;
    exclusive.owned = true;
    event_set(&next->turn);
}

/* => vcpu_lock. vCPUs have had their turn. */
static void begin_next(void)
{
    if (exclusive.queued > 0)
        hand_over();
}

/* --- vCPUs --- */

void vcpu_check_exec_start(struct vcpu *cpu)
{
    if (current_cpu != cpu)
        vcpu_misuse(
            "cpu_exec_start() of vCPU %u by a thread that is not its own; call vcpu_attach() first",
            cpu->index);
    if (atomic_load_explicit(&cpu->running, memory_order_relaxed))
        vcpu_misuse("cpu_exec_start() of vCPU %u, which executes already; it does not nest",
                    cpu->index);
    if (depth > 0)
        vcpu_misuse("cpu_exec_start() in an exclusive section of the same thread, which waits for "
                    "itself; call end_exclusive() first");
    if (rcu_read_locked())
        vcpu_misuse("cpu_exec_start() inside a read section: an exclusive section that waits for a "
                    "grace period would wait for it; call rcu_read_lock() after cpu_exec_start()");
    bql_check_not_held("cpu_exec_start()", NULL, 0);
}

void vcpu_exec_start_slow(struct vcpu *cpu)
{
    bool online;

    platform_mutex_lock(&vcpu_lock);
    if (cpu->has_waiter || pending() == 0) {
        /* Counted: it has to go on and leave, otherwise the starter waits for ever. Or the section
         * is over: the next starter takes the lock before it loads `running`. */
        if (cpu->has_waiter)
            vcpu_count_up(&vcpu_counts.exec_counted);
        platform_mutex_unlock(&vcpu_lock);
        return;
    }
    /* Orders: accesses of what the vCPU executed before -> STORE running (release).
     * Pairs with: stop_vcpus(), LOAD running (acquire).
     * Broken: the section sees the work of the vCPU's last execution half done. */
    atomic_store_explicit(&cpu->running, false, memory_order_release);
    vcpu_check_exec_start(cpu);
    vcpu_count_up(&vcpu_counts.exec_waits);
    exclusive.waiting++;
    online = rcu_parked_begin();
    while (pending() != 0)
        platform_cond_wait(&exclusive.resume, &vcpu_lock);
    rcu_parked_end(online);
    exclusive.waiting--;
    /* Relaxed: the next starter takes the lock before it loads this. */
    atomic_store_explicit(&cpu->running, true, memory_order_relaxed);
    if (--exclusive.returning == 0)
        begin_next();
    platform_mutex_unlock(&vcpu_lock);
}

void vcpu_exec_end_slow(struct vcpu *cpu)
{
    platform_mutex_lock(&vcpu_lock);
    if (cpu->has_waiter) {
        cpu->has_waiter = false;
        /* Orders: accesses of what the vCPU executed -> STORE exclusive_pending (release half).
         * Pairs with: all_left(), LOAD exclusive_pending (acquire).
         * Broken: the section sees the vCPU's work half done.
         * A 1 carries the releases of all vCPUs that were counted: these read-modify-writes are one
         * release sequence. The acquire half is not needed for that. */
        if (atomic_fetch_sub_explicit(&exclusive_pending, 1, memory_order_acq_rel) ==
            (full_fence | 2))
            event_set(&exclusive.left);
    }
    platform_mutex_unlock(&vcpu_lock);
}

/* --- Starters --- */

/* => vcpu_lock, owning. */
static void stop_vcpus(void)
{
    unsigned running = 0;
    struct vcpu *cpu;

    event_reset(&exclusive.left);
    exclusive.leads = true;
    atomic_store_explicit(&exclusive_pending, full_fence | 1, memory_order_relaxed);
    /* Orders: STORE exclusive_pending (relaxed) -> LOAD running (acquire), by a heavy fence.
     * Pairs with: cpu_exec_start(), STORE running (relaxed) -> LOAD exclusive_pending (acquire);
     * cpu_exec_end(), STORE running (release) -> LOAD exclusive_pending (relaxed).
     * Broken: a vCPU that starts executes in the section; or one that is counted leaves without
     * counting itself out, and the starter waits for ever. */
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
    atomic_store_explicit(&exclusive_pending, full_fence | (running + 1), memory_order_relaxed);
}

static bool all_left(void)
{
    /* Orders: LOAD exclusive_pending (acquire) -> accesses of the section.
     * Pairs with: vcpu_exec_end_slow(), STORE exclusive_pending (release half).
     * Broken: the section sees the work of a vCPU that it has waited for half done. */
    return atomic_load_explicit(&exclusive_pending, memory_order_acquire) == (full_fence | 1);
}

static void wait_for_vcpus(void)
{
    int64_t until;

    if (all_left())
        return;
    vcpu_count_up(&vcpu_counts.exclusive_waited);
    if (platform_cpus() > 1) {
        until = platform_now_ns() + SPIN_NS;
        while (!all_left() && platform_now_ns() < until)
            platform_relax();
    }
    while (!all_left())
        vcpu_sleep(&exclusive.left);
}

/* => vcpu_lock; lets go of it and takes it again. */
static void wait_for_turn(void)
{
    struct starter self = {.next = NULL};

    event_init(&self.turn, false);
    *exclusive.last = &self;
    exclusive.last = &self.next;
    exclusive.queued++;
    platform_mutex_unlock(&vcpu_lock);
    vcpu_sleep(&self.turn);
    event_destroy(&self.turn);
    platform_mutex_lock(&vcpu_lock);
}

void start_exclusive_at(const char *file, int line)
{
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
    platform_mutex_lock(&vcpu_lock);
    if (exclusive.owned || exclusive.returning > 0)
        wait_for_turn();
    exclusive.owned = true;
    if (pending() == 0)
        stop_vcpus();
    platform_mutex_unlock(&vcpu_lock);
    wait_for_vcpus();
    depth = 1;
    vcpu_count_up(&vcpu_counts.exclusive_sections);
}

void end_exclusive(void)
{
    if (depth == 0)
        vcpu_misuse("end_exclusive() without start_exclusive() in this thread");
    if (--depth > 0)
        return;
    platform_mutex_lock(&vcpu_lock);
    if (exclusive.leads || exclusive.waiting == 0)
        exclusive.batch = exclusive.queued;
    exclusive.leads = false;
    if (exclusive.batch > 0) {
        exclusive.batch--;
        vcpu_count_up(&vcpu_counts.exclusive_handed);
        hand_over();
    } else {
        exclusive.owned = false;
        exclusive.returning = exclusive.waiting;
        /* Orders: accesses of the section -> STORE exclusive_pending (release).
         * Pairs with: cpu_exec_start(), LOAD exclusive_pending (acquire).
         * Broken: a vCPU executes on what the section has replaced. */
        atomic_store_explicit(&exclusive_pending, full_fence, memory_order_release);
        platform_cond_broadcast(&exclusive.resume);
    }
    platform_mutex_unlock(&vcpu_lock);
}

bool in_exclusive_section(void)
{
    return depth > 0;
}
