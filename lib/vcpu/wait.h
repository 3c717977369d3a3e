/* wait.c: waits of a thread for what another does. */
#ifndef STILLPOINT_LIB_VCPU_WAIT_H
#define STILLPOINT_LIB_VCPU_WAIT_H

#include "stillpoint/event.h"
#include "vcpu/serve.h"

/* Sleeps until the event is set, with the big lock let go of, and parked: rcu_parked_begin(). */
void vcpu_sleep(struct event *e);

/* Takes the big lock when the vCPU's work runs with it, and the calling thread does not hold it;
 * true when it did. */
bool vcpu_lock_for_work(struct vcpu *cpu);

/* One thread waits for what another does. A vCPU's thread serves its vCPUs meanwhile. */
struct vcpu_wait {
    enum vcpu_service service;
    struct vcpu *cpu; /* NULL: the thread runs none */
    atomic_bool done; /* with a vCPU */
    struct event event;
};
void vcpu_wait_init(struct vcpu_wait *w, enum vcpu_service service);
void vcpu_wait_for(struct vcpu_wait *w);
/* => vcpu_lock not held. The wait may be gone when it returns. */
void vcpu_wait_done(struct vcpu_wait *w);

/* Aborts where the caller must not wait for a vCPU, with one of the three messages. */
void vcpu_check_may_wait(const char *executing, const char *exclusive, const char *in_section);

#endif
