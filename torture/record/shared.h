/* The mapping that a runner shares with its driver.
 *
 * Whatever must survive the runner's death is here: heartbeats, counters, histograms, the flight
 * recorder, findings, stacks. The runner lays it out and describes it in its "ready" event; the
 * driver only reads, but for `opened`, `stop`, `held_until_ns`, `frozen`, `holdouts_wanted` and
 * `stack_wanted`. Every field that both may access at once is an atomic, and has one writer unless
 * its comment has several; but for `notes`: the driver reads the newest ones, of a thread that may
 * go on and overwrites the oldest.
 *
 * The code under test may write anywhere. In the runner a page that nothing may touch lies before,
 * between and behind the parts; what is written once has a sum; and the driver holds counts against
 * what they were (driver/guard.h). What was overwritten is a finding, and is not believed.
 */
#ifndef STILLPOINT_SHARED_H
#define STILLPOINT_SHARED_H

#include "histogram.h"
#include "refusal.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHARED_MAGIC      UINT64_C(0x7374696c6c707431)
#define SHARED_PAGE       4096
#define SHARED_NOTES      256 /* per thread; a power of two */
#define SHARED_STACK_TEXT 3072
#define SHARED_MESSAGE    512
#define SHARED_LIBRARY    64 /* statistics of a flavor */
#define SHARED_DUTIES     16
#define SHARED_MOMENTS    96                  /* what led to one violation */
#define SHARED_STILL_NS   (250 * 1000 * 1000) /* shorter delays of a process are not noticed */

/* The signal that makes a thread write down its stack. Real-time, so that it takes nothing away
 * from the code under test. */
#define STACK_SIGNAL (SIGRTMIN + 5)

enum phase { PHASE_STARTING, PHASE_RUNNING, PHASE_STOPPING, PHASE_FINISHED, PHASE_CALLED_OFF };

/* One entry of the flight recorder. */
struct note {
    uint64_t ticks;
    unsigned long a, b;
    uint32_t kind; /* index into the workload's notes */
    uint32_t sum;  /* note_sum() */
};

/* A few register operations: also an entry of zeros, or of one pattern throughout, is no note. */
static inline uint32_t note_sum(const struct note *note)
{
    uint64_t mixed = note->ticks ^ (uint64_t)note->a << 7 ^ (uint64_t)note->b << 19 ^ note->kind;

    return (uint32_t)(mixed ^ mixed >> 32) ^ 0x6e6f7465u;
}

/* An entry of some thread's. */
struct moment {
    struct note note;
    int32_t thread;
    bool relevant; /* of the thread that found the violation, or about the same thing */
};

/* Each starts on a page of its own; its counters and histograms follow. */
struct shared_thread {
    _Atomic uint64_t heartbeat;    /* grows whenever the thread gets somewhere */
    atomic_int tid;                /* 0 before it started and after it ended */
    atomic_int began_on, ended_on; /* CPUs, plus 1; 0: not yet */
    atomic_uint cpu_share;         /* of its time, in thousandths, plus 1; 0: not known */
    atomic_bool in_section;
    atomic_bool ended;
    atomic_bool left_free; /* it ended no longer bound to the CPU that it was sent to */
    atomic_uint stack_wanted, stack_done; /* generation of the request, and of the answer */
    _Alignas(64) _Atomic uint64_t note_count;
    struct note notes[SHARED_NOTES];
    char stack[SHARED_STACK_TEXT]; /* lines "function+offset @address" */
};

/* One check of one workload. */
struct shared_check {
    _Atomic uint64_t count; /* several writers */
    atomic_uint claimed;    /* several writers; the first fills the rest */
    atomic_uint ready;
    uint64_t ticks;
    int32_t thread; /* index, -1: none */
    uint32_t moment_count;
    struct moment moments[SHARED_MOMENTS]; /* newest first, thread by thread */
    char message[SHARED_MESSAGE];
    uint64_t sum; /* shared_check_sum() */
};

struct shared_crash {
    atomic_int signal; /* 0: none */
    int32_t thread;    /* index, -1: not one of ours */
    bool in_section;
    bool stray;       /* at an address of the mapping itself: a page between its parts */
    int32_t sender;   /* process that sent the signal; 0: the thread's own fault */
    uint32_t refused; /* enum refused_kind, as bits: what the system then refused, if it aborted */
    uint64_t address, ticks;
    uint64_t sum; /* shared_crash_sum() */
    char stack[SHARED_STACK_TEXT];
};

/* What a thread does that others wait for. */
struct shared_duty {
    int32_t thread_id;
    char what[76];
};

struct shared_header {
    uint64_t magic, size;
    double ns_per_tick;
    uint64_t start_ticks; /* when the gate opened */
    atomic_uint phase;    /* enum phase; a futex word */
    atomic_uint opened;   /* set by the driver: the gate may open; a futex word */
    atomic_uint frozen;   /* no notes, after a crash or during a stall; two writers */
    /* By the driver: a thread is silent, and until then the run must not end on it. By the clock,
     * so that a driver which stays away holds nothing. CLOCK_MONOTONIC. */
    _Atomic int64_t held_until_ns;
    _Alignas(64) atomic_uint stop; /* a futex word; set by the driver, or at the deadline */
    /* CLOCK_MONOTONIC: the gate opened; the threads were told to end (0: not yet); the main thread
     * was last awake. */
    _Alignas(64) _Atomic int64_t gate_ns, end_ns, beat_ns;
    _Atomic int64_t still_ns; /* in all, in which no thread of the process ran */
    _Alignas(64) _Atomic uint64_t library[SHARED_LIBRARY];
    atomic_uint holdout_count;
    atomic_int holdouts[16]; /* thread ids that hold up the grace period, on request */
    /* With the holdouts; of threads of the code under test as well. */
    struct shared_duty duties[SHARED_DUTIES];
    atomic_uint duty_count;
    atomic_uint holdouts_wanted, holdouts_done;
    struct shared_crash crash;
    struct shared_refusal refused[REFUSABLE_COUNT]; /* several writers */
    struct shared_check statistics;                 /* of the run: no workload has it */
};

#define SHARED_ALIGN(size) (((size) + SHARED_PAGE - 1) & ~(size_t)(SHARED_PAGE - 1))

/* Sizes of a thread's part: the struct, then counters, then histograms, each at its offset. */
static inline size_t shared_counters_offset(void)
{
    return (sizeof(struct shared_thread) + 63) & ~(size_t)63;
}

static inline size_t shared_histograms_offset(size_t counters)
{
    return (shared_counters_offset() + counters * sizeof(uint64_t) + 63) & ~(size_t)63;
}

static inline size_t shared_thread_size(size_t counters, size_t histograms)
{
    return SHARED_ALIGN(shared_histograms_offset(counters) + histograms * sizeof(struct histogram));
}

/* How many calls the system has refused to the runner and its children, by now. */
static inline uint64_t shared_refusals(const struct shared_header *header)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < REFUSABLE_COUNT; i++)
        count += atomic_load_explicit(&header->refused[i].count, memory_order_relaxed);
    return count;
}

/* Of what a thread has written down once, but for the stack, which comes later. */
uint64_t shared_check_sum(const struct shared_check *c);
uint64_t shared_crash_sum(const struct shared_crash *c, int signal);

/* Waits until *word differs from value, at most for that time; shared between processes. */
void shared_wait(atomic_uint *word, unsigned value, int64_t timeout_ns);
void shared_wake(atomic_uint *word);

#endif
