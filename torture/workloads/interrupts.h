/* Signals that reach a thread at any moment, in whose handler it does something: sections that
 * begin in the middle of another's entry, and sleeps of the code under test that a signal ends. */
#ifndef STILLPOINT_INTERRUPTS_H
#define STILLPOINT_INTERRUPTS_H

#include "torture/runner/thread.h"

#include <time.h>

struct interrupts {
    /* In the handler. Nothing that is not async-signal-safe; NULL: nothing at all. */
    void (*visit)(struct torture_thread *t, void *data);
    void *data;
    struct torture_thread *thread;
    timer_t timer;
    bool on;
};

/* From here on about one signal in so many ns of the calling thread's; 0: none. `visit` and `data`
 * are the caller's, and *i stays until the end. */
void interrupts_begin(struct interrupts *i, struct torture_thread *t, int64_t every_ns);
/* None after it. */
void interrupts_end(struct interrupts *i);

#endif
