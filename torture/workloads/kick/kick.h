/* What the files of the workload `kick` share.
 *
 * A requester writes a reason into a word of its own at a vCPU, calls cpu_exit() once, and waits
 * until the vCPU's events() has acted on it. The words are relaxed atomics: that a vCPU which was
 * kicked sees the reason is for the library to bring about.
 *
 * A reason is lost, without any clock, when the vCPU is in its inner loop, without a request to
 * leave, while a reason is pending whose cpu_exit() has returned: only process_cpu_events() takes
 * requests back, and it acts after that. The vCPU checks this in each block, the requester from
 * outside (wait.c). A request that is there and does not get the vCPU out is found by what the
 * vCPU's thread does meanwhile: it uses up CPU time, or it sleeps while nobody lacks a CPU.
 */
#ifndef STILLPOINT_KICK_H
#define STILLPOINT_KICK_H

#include "torture/record/cpu_wait.h"
#include "torture/workloads/fleet.h"

struct kick_params {
    struct fleet_params fleet;
    int64_t requesters, pause_ns, burst, gap_ns, cpu_limit_ns, turn_ns, turns_pause_ns;
    int64_t halt_one_in, unplug_one_in;
    bool guest_io;
};

enum kick_counter {
    KICKS,
    ACTIONS,
    CHECKS,
    LATE,
    BLOCKS,
    TURN_CHECKS,
    RESCUES,
    KICKED_RUNNING,
    KICKED_IDLE,
    KICKED_STARTING,
    KICKED_ENDING,
    KICKED_ENDED,
    KICKED_OFF_TURN,
    MERGED,
    BORN_KICKED,
    ENDED_PENDING,
    GUEST_IOS,
    IO_CHECKS,
    GUEST_ENTRIES,
    LATE_KICKS,
    COUNTER_COUNT
};

enum kick_measure {
#define KICK_MEASURE(NAME, name, waits) KICK_##NAME,
    ACCELERATORS(KICK_MEASURE)
#undef KICK_MEASURE
        KICK_OWN,
    KICK_IDLE,
    KICK_CROWDED,
    MEASURE_COUNT
};

enum kick_check { KICK_LOSS = VCPU_LEDGER_CHECKS, TURNS, GUEST_IO, GUEST_PROGRESS, CHECK_COUNT };

enum kick_note {
    NOTE_KICKED,
    NOTE_ACTED,
    NOTE_PENDING_CPU,
    NOTE_PENDING_ASLEEP,
    NOTE_UNPLUGS,
    NOTE_WATCHES,
    NOTE_IO,
    NOTE_COUNT
};

#if FLAVOR_CAN_VCPU

/* One requester's place at one vCPU. */
struct kick_word {
    /* The requester's. */
    _Alignas(64) _Atomic uint64_t reason; /* grows; 0: none yet */
    _Atomic uint64_t kicked;              /* the last reason whose cpu_exit() has returned */
    _Atomic uint64_t since_ticks;         /* when the reason was written */
    /* The vCPU's. */
    _Alignas(64) _Atomic uint64_t acted; /* the last reason that was acted on */
    _Atomic uint64_t acted_ticks;
};

enum kick_phase { VCPU_IS_STARTING, VCPU_IS_READY, VCPU_IS_HALTED };

struct kick_vcpu {
    struct fleet_vcpu base;
    clockid_t clock;      /* of the thread that runs it */
    unsigned words_count; /* requesters, and one for the kick before the start */
    /* Stored by its thread alone. */
    _Alignas(64) _Atomic uint64_t blocks; /* executed */
    _Atomic uint64_t passes;              /* calls of events() that have returned */
    _Atomic uint64_t guest_rounds;        /* kvm: how far the guest was at the last of these */
    atomic_int phase;
    bool halted, reported;
    bool watched;        /* kvm: entries of its guest are */
    unsigned long kicks; /* so many had come when events() was called last */
    bool io_was_out;     /* the guest's last I/O */
    uint32_t given;      /* what its last read of the port brought */
    uint64_t
        asked_in_pass; /* the last block began with a request there, so many passes + 1; or 0 */
    /* Set once. */
    _Alignas(64) atomic_bool ended;
    struct kick_word words[];
};

struct kick_state {
    struct fleet fleet;
    bool crowded; /* more threads than CPUs: a latency is the scheduler's */
    enum kick_measure measure;
    _Atomic(unsigned long) *turns; /* by thread id: 1 + the serial of the vCPU that it executes */
    _Alignas(64) atomic_bool hush; /* nobody kicks: the turns are watched */
};

/* How far the vCPU has executed: blocks, or rounds of the guest. 0: it has not, or that is not
 * known. */
uint64_t kick_progress(struct kick_vcpu *v);

/* It does not act any more. rr lets go of a vCPU long before fleet.c takes it away: it was
 * unplugged, and no thread has it, or will. After this has returned true, a caller loads once more
 * whether it has acted. */
static inline bool kick_has_ended(struct kick_vcpu *v)
{
    /* Orders: LOAD v->ended, cpu.unplug, cpu.thread_id -> LOAD of what it has acted on.
     * Pairs with: unplugged(), STORE v->ended (release).
     * Broken: an action from before the end is not seen, and a kick is called lost. */
    return atomic_load_explicit(&v->ended, memory_order_acquire) ||
           (atomic_load_explicit(&v->base.cpu.unplug, memory_order_acquire) &&
            atomic_load_explicit(&v->base.cpu.thread_id, memory_order_acquire) == 0);
}

/* CPU time of the thread that runs the vCPU; false when it is gone. */
static inline bool kick_cpu_ns(struct kick_vcpu *v, int64_t *ns)
{
    struct timespec used;

    if (clock_gettime(v->clock, &used) != 0)
        return false;
    *ns = used.tv_sec * INT64_C(1000000000) + used.tv_nsec;
    return true;
}

/* wait.c: returns when the vCPU has acted on the reason, has ended, or the run is over. `word`
 * is the calling requester's; each reason up to that one was written before its cpu_exit(). True
 * when it was acted on; `lost`: only after it was reported as lost. */
bool kick_wait(struct torture_thread *t, struct kick_vcpu *v, struct kick_word *word,
               uint64_t reason, bool *lost);

/* requester.c: bodies of the roles. */
void kick_requester(struct torture_thread *t);
void kick_turn_watcher(struct torture_thread *t);

/* guest_io.c. The guest of kvm: its I/O, and whether any is half done. => The vCPU's thread; the
 * latter outside of run(), before destroy(). */
unsigned kick_guest_io(struct vcpu *cpu, unsigned port, bool out, unsigned value);
void kick_check_registers(struct vcpu *cpu);
/* The same, as work that the vCPU runs before it ends. => Any thread, before it is unplugged. */
void kick_check_at_end(struct vcpu *cpu);

/* entries.c: whether the guest of kvm gets on when it is entered.
 * => The vCPU's thread, in events(); and when it has ended. */
void kick_check_entries(struct vcpu *cpu);
void kick_check_last_entries(struct vcpu *cpu);

/* idle.c: what the system shows of the process's threads. */
struct kick_threads {
    struct cpu_wait *waits; /* of each */
    size_t count;
};
struct kick_threads kick_threads_open(size_t count);
void kick_threads_close(struct kick_threads *threads);
/* True when the thread sleeps: it neither runs nor waits for a CPU. */
bool kick_thread_sleeps(int thread_id);
/* The longest time that another thread of the run's has waited for a CPU since the last call, at
 * most `step`. Only of those that want one now: who sleeps has had it, and holds up nobody. */
int64_t kick_longest_wait(struct kick_threads *threads, const struct torture_thread *self,
                          int64_t step);

#endif
#endif
