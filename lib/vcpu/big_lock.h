/* big_lock.c: the big lock as the library lets go of it. */
#ifndef STILLPOINT_LIB_VCPU_BIG_LOCK_H
#define STILLPOINT_LIB_VCPU_BIG_LOCK_H

#include "stillpoint/big_lock.h"
#include "stillpoint/rcu.h"

/* Lets go of the lock if the calling thread holds it; bql_regain() takes what this returns. */
struct bql_place {
    const char *file; /* NULL: it was not held */
    int line;
};
struct bql_place bql_place(void); /* where the calling thread has taken it */
struct bql_place bql_drop(void);
void bql_regain(struct bql_place place);
/* Aborts with both places when the calling thread holds it. */
void bql_check_not_held(const char *doing, const char *file, int line);

#endif
