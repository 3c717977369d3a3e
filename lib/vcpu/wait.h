/* wait.c: waits of a thread for what another does. */
#ifndef STILLPOINT_LIB_VCPU_WAIT_H
#define STILLPOINT_LIB_VCPU_WAIT_H

#include "stillpoint/event.h"
#include "vcpu/serve.h"

/* Sleeps until the event is set, with the big lock let go of, and parked: rcu_parked_begin(). */
void vcpu_sleep(struct manual_event *e);

/* Takes the big lock when the vCPU's work runs with it, and the calling thread does not hold it;
 * true when it did. */
bool vcpu_lock_for_work(struct vcpu *cpu);

/* Besides the current one, the vCPUs in whose work the calling thread is: those whose work called
 * run_on_cpu() for another of the thread, and one that the thread removes. NULL stands for a wait:
 * what lies outside of it goes on when that wait is over, and not before. */
struct vcpu_frame {
    struct vcpu *cpu;
    struct vcpu_frame *outer;
};
extern STILLPOINT_THREAD_LOCAL struct vcpu_frame *vcpu_frames;

/* Whether its work goes on when the innermost wait is over: it is not held then. */
static inline bool vcpu_in_work_of(const struct vcpu *cpu)
{
    const struct vcpu_frame *f = vcpu_frames;

    while (f && f->cpu && f->cpu != cpu)
        f = f->outer;
    return f && f->cpu;
}

static inline void vcpu_frame_enter(struct vcpu_frame *f, struct vcpu *cpu)
{
    *f = (struct vcpu_frame){.cpu = cpu, .outer = vcpu_frames};
    vcpu_frames = f;
}

static inline void vcpu_frame_leave(struct vcpu_frame *f)
{
    vcpu_frames = f->outer;
}

/* One thread waits for what another does. A vCPU's thread serves its vCPUs meanwhile. */
struct vcpu_wait {
    enum vcpu_service service;
    struct vcpu *cpu;          /* NULL: the thread runs none */
    struct vcpu_frame *frames; /* who goes on with it when the wait is over */
    atomic_bool done;          /* with a vCPU */
    unsigned forks;            /* vcpu_forks when it began */
    struct manual_event event;
};
void vcpu_wait_init(struct vcpu_wait *w, enum vcpu_service service);
/* False in the child of a fork that work did which a vCPU has run meanwhile: nobody is there to do
 * what was waited for. */
bool vcpu_wait_for(struct vcpu_wait *w);
/* => vcpu_lock not held. The wait may be gone when it returns. */
void vcpu_wait_done(struct vcpu_wait *w);

/* Waits for the resume while a pause holds the current vCPU or one of the frames.
 * => A vCPU's thread, where it may wait. */
void vcpu_stay_stopped(void);

/* Aborts where the caller must not wait for a vCPU, with one of the three messages. */
void vcpu_check_may_wait(const char *executing, const char *exclusive, const char *in_section);

#endif
