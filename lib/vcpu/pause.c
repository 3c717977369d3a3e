/* Pauses: one at a time, each counted in by every vCPU that runs. */
#include "vcpu/pause.h"

#include "rcu/parked.h"
#include "stillpoint/vcpu_work.h"
#include "sync/platform.h"
#include "vcpu/big_lock.h"
#include "vcpu/duty.h"
#include "vcpu/kick.h"
#include "vcpu/list.h"
#include "vcpu/misuse.h"
#include "vcpu/statistics.h"
#include "vcpu/thread_exit.h"
#include "vcpu/wait.h"

struct pauser {
    struct pauser *next;
    struct vcpu_wait turn;
};

/* Under the lock, but for what is atomic. Comes before vcpu_lock. */
static struct {
    platform_mutex lock;
    struct pauser *first, **last; /* those that wait until the pause that is on is over */
    unsigned running;             /* vCPUs that have not stopped yet */
    struct vcpu_wait *waiter;     /* the pauser's, for them */
    atomic_int pauser;            /* thread id; 0: no pause is on; -1: handed over, not yet taken */
    platform_cond changed;        /* one that is paused by itself has stopped, or was resumed */
} pause = {
    .lock = PLATFORM_MUTEX_INITIALIZER, .last = &pause.first, .changed = PLATFORM_COND_INITIALIZER};

struct duty vcpu_pause_duty;

STILLPOINT_THREAD_LOCAL int vcpu_acts_for;
/* The id under which the calling thread has paused last; 0: it has not. */
static STILLPOINT_THREAD_LOCAL int paused_as;
/* vCPUs that the calling thread has paused by themselves. */
static STILLPOINT_THREAD_LOCAL unsigned paused_ones;

bool vcpu_is_pauser(int thread_id)
{
    return thread_id != 0 && atomic_load_explicit(&pause.pauser, memory_order_relaxed) == thread_id;
}

int vcpu_my_pauser(void)
{
    int self = platform_thread_id();

    if (vcpu_is_pauser(vcpu_acts_for))
        return vcpu_acts_for;
    return vcpu_is_pauser(self) ? self : 0;
}

bool vcpu_has_paused_one(void)
{
    return paused_ones > 0;
}

/* => pause.lock. */
static void has_stopped(struct vcpu *cpu)
{
    cpu->stopped = true;
    if (cpu->awaited && --pause.running == 0)
        vcpu_wait_done(pause.waiter);
    cpu->awaited = false;
    if (vcpu_pauser_of(cpu) != 0)
        platform_cond_broadcast(&pause.changed);
}

bool vcpu_report_stopped(struct vcpu *cpu)
{
    bool stop;

    if (!vcpu_must_stop(cpu))
        return false;
    platform_mutex_lock(&pause.lock);
    stop = atomic_load_explicit(&cpu->stop, memory_order_relaxed);
    if (stop && !cpu->stopped)
        has_stopped(cpu);
    platform_mutex_unlock(&pause.lock);
    return stop;
}

void vcpu_pause_add(struct vcpu *cpu)
{
    /* Relaxed, and vcpu_lock: a pause stores who has paused before it takes the lock to stop all in
     * the list, and a resume stores that nobody has before it takes the lock to let them go. */
    atomic_store_explicit(&cpu->stop,
                          atomic_load_explicit(&pause.pauser, memory_order_relaxed) != 0,
                          memory_order_relaxed);
}

void vcpu_pause_attach(struct vcpu *cpu)
{
    platform_mutex_lock(&pause.lock);
    platform_mutex_lock(&vcpu_lock);
    if (!cpu->listed)
        vcpu_misuse("a vCPU that is not in the list cannot run; call vcpu_add() first");
    if (cpu->attached)
        vcpu_misuse("vCPU %u runs in a thread already", cpu->index);
    cpu->attached = true;
    platform_mutex_unlock(&vcpu_lock);
    cpu->stopped =
        atomic_load_explicit(&pause.pauser, memory_order_relaxed) != 0 || vcpu_pauser_of(cpu) != 0;
    atomic_store_explicit(&cpu->stop, cpu->stopped, memory_order_relaxed);
    if (cpu->stopped)
        vcpu_leave_request(cpu);
    platform_mutex_unlock(&pause.lock);
}

void vcpu_pause_detach(struct vcpu *cpu)
{
    platform_mutex_lock(&pause.lock);
    platform_mutex_lock(&vcpu_lock);
    cpu->attached = false;
    platform_mutex_unlock(&vcpu_lock);
    if (atomic_load_explicit(&cpu->stop, memory_order_relaxed) && !cpu->stopped)
        has_stopped(cpu);
    platform_mutex_unlock(&pause.lock);
    /* In a pause it may have cleared the request for work that waits for the resume: the thread
     * that attaches it next has to find one. */
    vcpu_leave_request(cpu);
}

/* => pause.lock; lets go of it and takes it again. */
static void wait_for_turn(void)
{
    struct pauser self = {.next = NULL};

    vcpu_wait_init(&self.turn, SERVE_PAUSE);
    *pause.last = &self;
    pause.last = &self.next;
    platform_mutex_unlock(&pause.lock);
    vcpu_wait_for(&self.turn);
    platform_mutex_lock(&pause.lock);
}

/* => pause.lock. Returns how many are to stop. */
static unsigned ask_to_stop(void)
{
    struct vcpu *cpu;
    unsigned asked = 0;

    platform_mutex_lock(&vcpu_lock);
    TAILQ_FOREACH(cpu, &vcpu_list, link)
    {
        if (cpu == current_cpu)
            continue;
        atomic_store_explicit(&cpu->stop, true, memory_order_relaxed);
        /* One that has stopped is paused by itself, and stays so. */
        if (!cpu->attached || cpu->stopped)
            continue;
        cpu->awaited = true;
        cpu_exit(cpu);
        asked++;
    }
    platform_mutex_unlock(&vcpu_lock);
    return asked;
}

void pause_all_vcpus(void)
{
    struct vcpu_wait stopped;

    vcpu_check_may_wait(
        "pause_all_vcpus() between cpu_exec_start() and cpu_exec_end(): an exclusive section that "
        "the "
        "others wait for would wait for this one; call cpu_exec_end() first",
        "pause_all_vcpus() in an exclusive section, which the vCPUs may wait for; call "
        "end_exclusive() first",
        "pause_all_vcpus() inside a read section, which work of a vCPU may wait for; "
        "call rcu_read_unlock() first");
    if (vcpu_paused_by_me())
        vcpu_misuse("pause_all_vcpus() by the thread that has paused them already; call "
                    "resume_all_vcpus() first");
    vcpu_watch_thread_exit();
    platform_mutex_lock(&pause.lock);
    if (atomic_load_explicit(&pause.pauser, memory_order_relaxed) != 0)
        wait_for_turn();
    paused_as = platform_thread_id();
    atomic_store_explicit(&pause.pauser, paused_as, memory_order_relaxed);
    duty_begin(&vcpu_pause_duty, PAUSE_STOPS);
    vcpu_wait_init(&stopped, SERVE_PAUSE);
    pause.waiter = &stopped;
    pause.running = ask_to_stop();
    vcpu_count_up(&vcpu_counts.pauses);
    if (pause.running == 0) {
        duty_go_on(&vcpu_pause_duty, PAUSE_IS_ON);
        platform_mutex_unlock(&pause.lock);
        manual_event_destroy(&stopped.event);
        return;
    }
    platform_mutex_unlock(&pause.lock);
    vcpu_wait_for(&stopped);
    duty_go_on(&vcpu_pause_duty, PAUSE_IS_ON);
}

/* => pause.lock. */
static void let_one_go(struct vcpu *cpu)
{
    cpu->stopped = false;
    /* Orders: accesses of the pausing thread -> STORE stop (release).
     * Pairs with: vcpu_must_stop(), LOAD stop (acquire).
     * Broken: a vCPU goes on, on what the pausing thread has replaced. */
    atomic_store_explicit(&cpu->stop, false, memory_order_release);
}

/* => pause.lock. All before the first is woken: a thread may wait for more than one of them. */
static void let_go(void)
{
    struct vcpu *cpu;

    platform_mutex_lock(&vcpu_lock);
    TAILQ_FOREACH(cpu, &vcpu_list, link)
    {
        if (vcpu_pauser_of(cpu) == 0)
            let_one_go(cpu);
    }
    TAILQ_FOREACH(cpu, &vcpu_list, link)
    {
        if (cpu->attached)
            cpu_exit(cpu);
    }
    platform_mutex_unlock(&vcpu_lock);
}

void resume_all_vcpus(void)
{
    struct pauser *next;

    platform_mutex_lock(&pause.lock);
    if (atomic_load_explicit(&pause.pauser, memory_order_relaxed) <= 0 || pause.running > 0)
        vcpu_misuse(
            "resume_all_vcpus() while no pause is on, or before pause_all_vcpus() has returned");
    next = pause.first;
    duty_end(&vcpu_pause_duty);
    /* No other thread comes in between: the pause passes to one that has yet to store its id. */
    atomic_store_explicit(&pause.pauser, next ? -1 : 0, memory_order_relaxed);
    let_go();
    if (next) {
        pause.first = next->next;
        if (!pause.first)
            pause.last = &pause.first;
        vcpu_wait_done(&next->turn);
    }
    platform_mutex_unlock(&pause.lock);
}

/* => pause.lock. In the list, which vcpu_remove() tests that nobody has paused it. */
static void set_pauser_of(struct vcpu *cpu, int thread_id)
{
    platform_mutex_lock(&vcpu_lock);
    if (!cpu->listed)
        vcpu_misuse("vcpu_pause() of a vCPU that is not in the list");
    atomic_store_explicit(&cpu->paused_by, thread_id, memory_order_relaxed);
    platform_mutex_unlock(&vcpu_lock);
}

/* => pause.lock; lets go of it while it waits. */
static void pause_one(struct vcpu *cpu)
{
    int self = platform_thread_id();

    if (vcpu_pauser_of(cpu) == self)
        vcpu_misuse("vcpu_pause() of vCPU %u by the thread that has paused it already", cpu->index);
    while (vcpu_pauser_of(cpu) != 0)
        platform_cond_wait(&pause.changed, &pause.lock);
    set_pauser_of(cpu, self);
    atomic_store_explicit(&cpu->stop, true, memory_order_relaxed);
    if (cpu->attached && !cpu->stopped)
        cpu_exit(cpu);
    while (cpu->attached && !cpu->stopped)
        platform_cond_wait(&pause.changed, &pause.lock);
}

void vcpu_pause(struct vcpu *cpu)
{
    struct bql_place place;
    bool online;

    if (current_cpu)
        vcpu_misuse("vcpu_pause() in the thread of vCPU %u: two that paused each other would wait "
                    "for ever; call it in another thread, or pause_all_vcpus()",
                    current_cpu->index);
    vcpu_check_may_wait("", /* it runs no vCPU */
                        "vcpu_pause() in an exclusive section, which the vCPU may wait for; call "
                        "end_exclusive() first",
                        "vcpu_pause() inside a read section, which work of the vCPU may wait for; "
                        "call rcu_read_unlock() first");
    vcpu_watch_thread_exit();
    place = bql_drop();
    online = rcu_parked_begin();
    platform_mutex_lock(&pause.lock);
    pause_one(cpu);
    platform_mutex_unlock(&pause.lock);
    paused_ones++;
    bql_regain(place); /* first, as in vcpu_sleep() */
    rcu_parked_end(online);
}

void vcpu_resume(struct vcpu *cpu)
{
    platform_mutex_lock(&pause.lock);
    if (vcpu_pauser_of(cpu) != platform_thread_id())
        vcpu_misuse("vcpu_resume() of vCPU %u, which this thread has not paused", cpu->index);
    set_pauser_of(cpu, 0);
    paused_ones--;
    if (atomic_load_explicit(&pause.pauser, memory_order_relaxed) == 0) {
        let_one_go(cpu);
        if (cpu->attached)
            cpu_exit(cpu);
    }
    platform_cond_broadcast(&pause.changed);
    platform_mutex_unlock(&pause.lock);
}

void vcpu_pause_after_fork(void)
{
    int pauser = atomic_load_explicit(&pause.pauser, memory_order_relaxed);
    bool mine = paused_as != 0 && pauser == paused_as;
    struct vcpu *cpu;

    vcpu_acts_for = 0;
    paused_as = mine ? platform_thread_id() : 0;
    platform_mutex_init(&pause.lock);
    pause.first = NULL;
    pause.last = &pause.first;
    pause.running = 0;
    platform_cond_init(&pause.changed);
    paused_ones = 0;
    atomic_store_explicit(&pause.pauser, paused_as, memory_order_relaxed);
    duty_end(&vcpu_pause_duty);
    if (mine)
        duty_begin(&vcpu_pause_duty, PAUSE_IS_ON);
    TAILQ_FOREACH(cpu, &vcpu_list, link)
    {
        cpu->stopped = mine;
        cpu->awaited = false;
        atomic_store_explicit(&cpu->paused_by, 0, memory_order_relaxed);
        atomic_store_explicit(&cpu->stop, mine && cpu != current_cpu, memory_order_relaxed);
    }
}
