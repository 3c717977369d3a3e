/* Work queues: a list and a lock for each vCPU. */
#include "vcpu/work.h"

#include "stillpoint/vcpu_work.h"
#include "sync/platform.h"
#include "vcpu/attach.h"
#include "vcpu/big_lock.h"
#include "vcpu/fork.h"
#include "vcpu/pause.h"
#include "vcpu/statistics.h"
#include "vcpu/wait.h"

#include <errno.h>
#include <stdlib.h>

struct vcpu_work_item {
    struct vcpu_work_item *next;
    vcpu_work_func *func;
    void *data;
    struct vcpu_wait *caller; /* waits for it, and owns the item; NULL: freed when it has run */
    bool safe;                /* runs in an exclusive section */
    int pauser;               /* who has paused the vCPUs, and waits for it; 0: nobody */
};

void vcpu_work_init(struct vcpu *cpu)
{
    platform_mutex_init(&cpu->work_lock);
    cpu->work_first = NULL;
    cpu->work_last = &cpu->work_first;
    cpu->work_closed = true;
    atomic_init(&cpu->work_here, false);
}

void vcpu_work_destroy(struct vcpu *cpu)
{
    platform_mutex_destroy(&cpu->work_lock);
}

void vcpu_open_work(struct vcpu *cpu)
{
    platform_mutex_lock(&cpu->work_lock);
    cpu->work_closed = false;
    platform_mutex_unlock(&cpu->work_lock);
}

/* Takes the item over when it returns 0. */
static int queue(struct vcpu *cpu, struct vcpu_work_item *item)
{
    bool refused;

    platform_mutex_lock(&cpu->work_lock);
    refused = cpu->work_closed;
    if (!refused) {
        *cpu->work_last = item;
        cpu->work_last = &item->next;
        atomic_store_explicit(&cpu->work_here, true, memory_order_relaxed);
    }
    platform_mutex_unlock(&cpu->work_lock);
    if (refused)
        return -ESHUTDOWN;
    cpu_exit(cpu);
    return 0;
}

static int queue_new(struct vcpu *cpu, vcpu_work_func *func, void *data, bool safe)
{
    struct vcpu_work_item *item = malloc(sizeof *item);
    int result;

    if (!item)
        return -ENOMEM;
    *item = (struct vcpu_work_item){.func = func, .data = data, .safe = safe};
    result = queue(cpu, item);
    if (result != 0)
        free(item);
    return result;
}

int async_run_on_cpu(struct vcpu *cpu, vcpu_work_func *func, void *data)
{
    return queue_new(cpu, func, data, false);
}

int async_safe_run_on_cpu(struct vcpu *cpu, vcpu_work_func *func, void *data)
{
    return queue_new(cpu, func, data, true);
}

static bool refuses(struct vcpu *cpu)
{
    bool refused;

    platform_mutex_lock(&cpu->work_lock);
    refused = cpu->work_closed;
    platform_mutex_unlock(&cpu->work_lock);
    return refused;
}

static int run_here(struct vcpu *cpu, vcpu_work_func *func, void *data)
{
    bool lock;

    if (refuses(cpu))
        return -ESHUTDOWN;
    lock = vcpu_lock_for_work(cpu); /* safe work has let go of it */
    func(cpu, data);
    if (lock)
        bql_unlock();
    return 0;
}

/* In the work of another vCPU of the thread, which goes on after it. */
static int run_beside(struct vcpu *cpu, vcpu_work_func *func, void *data)
{
    struct vcpu *before = current_cpu;
    struct vcpu_frame outer;
    int result;

    vcpu_frame_enter(&outer, before);
    /* One that no thread has attached does not become current: a pause in `func` would then stop
     * the one that is. */
    if (cpu->attached)
        current_cpu = cpu;
    vcpu_stay_stopped();
    result = run_here(cpu, func, data);
    current_cpu = before;
    vcpu_frame_leave(&outer);
    return result;
}

/* The thread that has paused the vCPU, if that is the calling one or one that it acts for. */
static int my_pauser_of(struct vcpu *cpu)
{
    int pauser = vcpu_my_pauser(), alone = vcpu_pauser_of(cpu);

    return pauser == 0 && alone != 0 && alone == platform_thread_id() ? alone : pauser;
}

int run_on_cpu(struct vcpu *cpu, vcpu_work_func *func, void *data)
{
    struct vcpu_wait wait;
    struct vcpu_work_item item = {
        .func = func, .data = data, .caller = &wait, .pauser = my_pauser_of(cpu)};
    int result;

    if (cpu == current_cpu && !vcpu_executes())
        return run_here(cpu, func, data);
    if (vcpu_in_work_of(cpu) && !vcpu_executes())
        return run_beside(cpu, func, data);
    vcpu_check_may_wait(
        "run_on_cpu() between cpu_exec_start() and cpu_exec_end(): safe work that the other vCPU "
        "waits for would wait for this one; call cpu_exec_end() first, or "
        "async_run_on_cpu()",
        "run_on_cpu() in an exclusive section, which the other vCPU may wait for; call "
        "end_exclusive() first, or async_run_on_cpu()",
        "run_on_cpu() inside a read section, which work of the vCPU may wait for; call "
        "rcu_read_unlock() first");
    if (vcpu_is_mine(cpu))
        return run_beside(cpu, func, data);
    vcpu_wait_init(&wait, SERVE_WORK);
    result = queue(cpu, &item);
    if (result != 0)
        manual_event_destroy(&wait.event);
    else if (!vcpu_wait_for(&wait))
        result = -ESHUTDOWN;
    return result;
}

/* One whose pause another has ended waits like anybody. */
static bool is_urgent(struct vcpu *cpu, const struct vcpu_work_item *item)
{
    return item->pauser != 0 &&
           (vcpu_is_pauser(item->pauser) || vcpu_pauser_of(cpu) == item->pauser);
}

/* => work_lock. Whether a thread that has paused waits for any of it. */
static bool has_urgent(struct vcpu *cpu)
{
    struct vcpu_work_item *item = cpu->work_first;

    while (item && !is_urgent(cpu, item))
        item = item->next;
    return item != NULL;
}

/* The first one, out of the queue; NULL when there is none, or none that may run. */
static struct vcpu_work_item *take(struct vcpu *cpu, bool urgent_only)
{
    struct vcpu_work_item *item = NULL;

    platform_mutex_lock(&cpu->work_lock);
    if (cpu->work_first && (!urgent_only || has_urgent(cpu))) {
        item = cpu->work_first;
        cpu->work_first = item->next;
        if (!cpu->work_first) {
            cpu->work_last = &cpu->work_first;
            atomic_store_explicit(&cpu->work_here, false, memory_order_relaxed);
        }
    }
    platform_mutex_unlock(&cpu->work_lock);
    return item;
}

static void run(struct vcpu *cpu, struct vcpu_work_item *item)
{
    struct vcpu_wait *caller = item->caller;
    int before = vcpu_acts_for;
    unsigned forks = vcpu_forks;

    vcpu_acts_for = item->pauser;
    if (item->safe) {
        struct bql_place place = bql_drop();

        start_exclusive();
        item->func(cpu, item->data);
        end_exclusive();
        bql_regain(place);
        vcpu_count_up(&vcpu_counts.safe_work_run);
    } else {
        item->func(cpu, item->data);
    }
    if (forks == vcpu_forks)
        vcpu_acts_for = before;
    vcpu_count_up(&vcpu_counts.work_run);
    if (!caller)
        free(item);
    else if (forks == vcpu_forks) /* else the caller is the parent's, and so is its stack */
        vcpu_wait_done(caller);   /* the item goes with it */
}

void vcpu_run_work(struct vcpu *cpu, bool urgent_only)
{
    struct vcpu_work_item *item;

    /* Relaxed: the request that came with the item has been taken, by an acquire, before.
     * A pause that is requested in between ends the loop: the rest waits for the resume. */
    while (atomic_load_explicit(&cpu->work_here, memory_order_relaxed) &&
           (item = take(cpu, urgent_only || vcpu_must_stop(cpu))) != NULL)
        run(cpu, item);
}

bool vcpu_has_work(struct vcpu *cpu)
{
    return atomic_load_explicit(&cpu->work_here, memory_order_relaxed);
}

bool vcpu_close_empty_work(struct vcpu *cpu)
{
    bool closed;

    platform_mutex_lock(&cpu->work_lock);
    closed = cpu->work_closed = cpu->work_first == NULL;
    platform_mutex_unlock(&cpu->work_lock);
    return closed;
}

bool vcpu_close_first_work(struct vcpu *cpu)
{
    struct vcpu_work_item *item = take(cpu, false);

    if (item)
        run(cpu, item);
    return vcpu_close_empty_work(cpu);
}

void vcpu_close_work(struct vcpu *cpu)
{
    while (!vcpu_close_first_work(cpu))
        ;
}

void vcpu_work_after_fork(struct vcpu *cpu)
{
    struct vcpu_work_item *item = cpu->work_first, *next;

    platform_mutex_init(&cpu->work_lock);
    cpu->work_first = NULL;
    cpu->work_last = &cpu->work_first;
    cpu->work_closed = cpu->work_closed || !cpu->listed;
    for (; item; item = next) {
        next = item->next;
        if (cpu->listed && !item->caller) {
            item->next = NULL;
            *cpu->work_last = item;
            cpu->work_last = &item->next;
            continue;
        }
        vcpu_count_up(&vcpu_counts.work_dropped);
        if (!item->caller)
            free(item);
    }
    atomic_store_explicit(&cpu->work_here, cpu->work_first != NULL, memory_order_relaxed);
}
