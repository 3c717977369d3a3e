/* rcu-pipe: sections in signal handlers. visits.c has how they are judged. */
#ifndef STILLPOINT_RCU_PIPE_VISITS_H
#define STILLPOINT_RCU_PIPE_VISITS_H

#include "sight.h"
#include "torture/workloads/interrupts.h"

/* Of one thread; what its handler and its own flow share is atomic, for the compiler's sake. */
struct visits {
    struct interrupts interrupts;
    struct random random; /* the handler's own */
    struct sight wrong;   /* to be reported, once `found` */
    struct sight open;    /* of a section that the handler began and left open, while `is_open` */
    atomic_bool found, is_open;
    atomic_bool may_stay_open; /* the thread's own flow is inside, between two steps */
    _Atomic uint64_t count;    /* not yet settled */
};

/* => Registered; until the end *v stays where it is. Nothing where the option `signals` is 0. */
void pipe_visits_begin(struct torture_thread *t, struct visits *v);
void pipe_visits_end(struct torture_thread *t, struct visits *v);
/* Reports and counts what has happened since. => Outside sections. */
void pipe_visits_settle(struct torture_thread *t, struct visits *v);

/* The life of a reader that has signals. */
void pipe_visited_reader(struct torture_thread *t);

#endif
