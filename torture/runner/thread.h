/* The harness as a workload's threads see it.
 *
 * Nothing here allocates, fences, calls the system or writes a line that another thread reads
 * often, unless its comment names it; torture_* calls that do are for outside of read sections and
 * timed loops.
 */
#ifndef STILLPOINT_THREAD_H
#define STILLPOINT_THREAD_H

#include "torture/record/clock.h"
#include "torture/record/random.h"
#include "torture/record/shared.h"
#include "torture/record/workload.h"

/* One workload of the run. */
struct instance {
    const struct workload *workload;
    void *params; /* the struct that workload->options fill */
    void *state;  /* the workload's own */
    unsigned index;
    uint64_t seed;
    struct shared_header *shared;
    struct shared_check *checks;
    struct torture_thread *threads; /* of all instances */
    size_t thread_count;
    struct slowest *slowest; /* of a workload that knows causes: slowest.h */
};

/* Who leads the grace periods that a thread waits for, if that is what it does. */
enum gps_leader { GPS_OF_NO_INTEREST, GPS_LED_BY_CALLER, GPS_LED_BY_ANOTHER };

struct torture_thread {
    struct instance *instance;
    const struct role *role;
    unsigned id;        /* in the run */
    unsigned index;     /* in the role */
    atomic_uint leader; /* enum gps_leader */
    struct random random;
    struct shared_header *header;
    struct shared_thread *shared;
    _Atomic uint64_t *counters;
    struct histogram *histograms;
};

/* False once the run is to end. Every loop of a role checks it. */
static inline bool torture_running(const struct torture_thread *t)
{
    return atomic_load_explicit(&t->header->stop, memory_order_relaxed) == 0;
}

/* The thread got somewhere: the watchdog takes silence for a stall. */
static inline void torture_beat(struct torture_thread *t)
{
    histogram_bump(&t->shared->heartbeat, 1);
}

static inline void torture_count(struct torture_thread *t, unsigned counter, uint64_t by)
{
    histogram_bump(&t->counters[counter], by);
}

static inline void torture_measure(struct torture_thread *t, unsigned measure, uint64_t value)
{
    histogram_add(&t->histograms[measure], value);
}

/* The thread waits for grace periods: their CPU time is told, which is its own or that of threads
 * of the code under test. */
static inline void torture_waits_for_gps(struct torture_thread *t, enum gps_leader leader)
{
    atomic_store_explicit(&t->leader, leader, memory_order_relaxed);
}

/* Brackets a read section, so that a crash inside is recognised as one. */
static inline void torture_section(struct torture_thread *t, bool inside)
{
    atomic_store_explicit(&t->shared->in_section, inside, memory_order_relaxed);
    /* Orders: STORE in_section -> accesses of the section, for a signal handler of this thread.
     * Pairs with: on_crash(), LOAD in_section.
     * Broken: a crash inside a section is reported as one outside. */
    atomic_signal_fence(memory_order_seq_cst);
}

/* Flight recorder: what this thread just did, or did at `ticks`; `kind` is a row of the workload's
 * notes. The first number is the thing that the note is about: a report prefers what other threads
 * noted about the same thing. A row that `enters` opens a section, see struct note_format. */
static inline void torture_note_at(struct torture_thread *t, uint64_t ticks, unsigned kind,
                                   unsigned long a, unsigned long b)
{
    uint64_t n = atomic_load_explicit(&t->shared->note_count, memory_order_relaxed);
    struct note *note = &t->shared->notes[n % SHARED_NOTES];

    if (__builtin_expect(atomic_load_explicit(&t->header->frozen, memory_order_relaxed), 0))
        return;
    *note = (struct note){.ticks = ticks, .a = a, .b = b, .kind = kind};
    note->sum = note_sum(note);
    /* Orders: STORE notes[] -> STORE note_count (release).
     * Pairs with: view_timeline() and keep_others(), LOAD note_count (acquire) -> LOAD of the note.
     * Broken: a report shows a note that is half written. */
    atomic_store_explicit(&t->shared->note_count, n + 1, memory_order_release);
}

static inline void torture_note(struct torture_thread *t, unsigned kind, unsigned long a,
                                unsigned long b)
{
    torture_note_at(t, clock_ticks(), kind, a, b);
}

/* This machine does not give what the run needs: prints the message and ends the runner. The run is
 * inconclusive, with the message as the reason; nothing is held against the code under test. */
void torture_give_up(const char *format, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));

/* Keeps the CPU busy. */
void torture_spin(uint64_t ns);
/* Sleeps, outside of sections unless that is the test; returns early when the run ends. Enters the
 * kernel. */
void torture_sleep(struct torture_thread *t, uint64_t ns);

#endif
