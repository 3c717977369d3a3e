/* What a thread is besides its registers: no call of the code under test leaves it changed, not
 * one that starts a thread either, nor one within a fork. errno is none of it: as of any call. */
#ifndef STILLPOINT_CALLER_STATE_H
#define STILLPOINT_CALLER_STATE_H

#include "torture/record/random.h"

#include <sched.h>
#include <signal.h>

struct caller_state {
    sigset_t blocked;
    cpu_set_t cpus;
    char name[16];
    int cancel_state, cancel_type, policy, timer_slack;
};

/* Of the calling thread. */
struct caller_state caller_state(void);
/* What is another than it was, in words; NULL: nothing is. Whether `signal` is blocked is the code
 * under test's to choose; 0: there is no such one. */
const char *caller_state_change(const struct caller_state *before, int signal);
/* Whether the calling thread blocks any. A thread begins with what its maker blocks, and the
 * runner's main thread, which has the code under test start, blocks none. */
bool caller_blocks_signals(void);
/* Makes the calling thread unlike one that has just begun. */
void caller_state_vary(struct random *random);

#endif
