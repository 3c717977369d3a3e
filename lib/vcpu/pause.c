/* Pauses: one at a time, each counted in by every vCPU that runs. */
#include "vcpu/pause.h"

#include "stillpoint/vcpu_work.h"
#include "sync/platform.h"
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
} pause = {.lock = PLATFORM_MUTEX_INITIALIZER, .last = &pause.first};

struct duty vcpu_pause_duty;

STILLPOINT_THREAD_LOCAL int vcpu_acts_for;
/* The id under which the calling thread has paused last; 0: it has not. */
static STILLPOINT_THREAD_LOCAL int paused_as;

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

/* => pause.lock. */
static void count_stopped(struct vcpu *cpu)
{
    cpu->stopped = true;
    if (--pause.running == 0)
        vcpu_wait_done(pause.waiter);
}

bool vcpu_report_stopped(struct vcpu *cpu)
{
    bool stop;

    if (!vcpu_must_stop(cpu))
        return false;
    platform_mutex_lock(&pause.lock);
    stop = atomic_load_explicit(&cpu->stop, memory_order_relaxed);
    if (stop && !cpu->stopped)
        count_stopped(cpu);
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
    cpu->stopped = atomic_load_explicit(&pause.pauser, memory_order_relaxed) != 0;
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
        count_stopped(cpu);
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
        if (!cpu->attached)
            continue;
        cpu->stopped = false;
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
        return;
    }
    platform_mutex_unlock(&pause.lock);
    vcpu_wait_for(&stopped);
    duty_go_on(&vcpu_pause_duty, PAUSE_IS_ON);
}

/* => pause.lock. All before the first is woken: a thread may wait for more than one of them. */
static void let_go(void)
{
    struct vcpu *cpu;

    platform_mutex_lock(&vcpu_lock);
    TAILQ_FOREACH(cpu, &vcpu_list, link)
    {
        cpu->stopped = false;
        /* Orders: accesses of the pausing thread -> STORE stop (release).
         * Pairs with: vcpu_must_stop(), LOAD stop (acquire).
         * Broken: a vCPU goes on, on what the pausing thread has replaced. */
        atomic_store_explicit(&cpu->stop, false, memory_order_release);
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
    atomic_store_explicit(&pause.pauser, paused_as, memory_order_relaxed);
    duty_end(&vcpu_pause_duty);
    if (mine)
        duty_begin(&vcpu_pause_duty, PAUSE_IS_ON);
    TAILQ_FOREACH(cpu, &vcpu_list, link)
    {
        cpu->stopped = mine;
        atomic_store_explicit(&cpu->stop, mine && cpu != current_cpu, memory_order_relaxed);
    }
}
