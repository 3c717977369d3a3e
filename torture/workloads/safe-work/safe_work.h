/* What the files of the workload safe-work share: its options, its tables, its state. */
#ifndef STILLPOINT_SAFE_WORK_WORKLOAD_H
#define STILLPOINT_SAFE_WORK_WORKLOAD_H

#include "torture/workloads/fleet.h"

#define SAFE_WORK_MOST_PAGES 64

struct safe_work_params {
    struct fleet_params fleet;
    int64_t remappers;
    bool translation, tlb, atomics;
    int64_t buffer_words, programs, pages, remap_one_in, cells;
    int64_t pause_ns, block_ns;
};

enum {
    BLOCKS,
    CHECKS,
    TRANSLATED,
    FLUSHES,
    FLUSHES_MERGED,
    TLB_FILLS,
    TLB_SYNC,
    TLB_ASYNC,
    TLB_SYNCED,
    TLB_EXCLUSIVE,
    SC_SUCCESSES,
    SC_FAILURES,
    SAFE_WORK_RUN,
    WORK_RUN,
    REFUSED,
    RESTS,
    ENTRIES,
    COUNTER_COUNT
};
enum { EXCLUSIVE_ENTER, EXCLUSIVE_STOPPED, MEASURE_COUNT };
enum { SAFE_WORK = VCPU_LEDGER_CHECKS, SAFE_WORK_LEDGER, CHECK_COUNT };
enum {
    NOTE_EXECUTES,
    NOTE_READS,
    NOTE_LINKED,
    NOTE_FULL,
    NOTE_FLUSHED,
    NOTE_REMAPPED,
    NOTE_POISONED,
    NOTE_TLB_FLUSHED,
    NOTE_STORED,
    NOTE_COUNT
};

#if FLAVOR_CAN_VCPU

#define SAFE_WORK_POISON UINT64_C(0xdeaddeaddeaddeac)
#define SAFE_WORK_JUMPS  64
#define FRAME_WORDS      16
#define CODE_WORDS       16

/* A translated block: plain memory in the buffer, never changed but by a flush. */
struct code {
    uint64_t program;
    uint64_t page; /* address of the guest's, that it was made from */
    uint64_t generation;
    uint64_t length; /* in words */
    uint64_t checksum;
    uint64_t words[];
};

/* What backs a guest page: plain memory. All words are the same, a number that has the page in
 * it. */
struct frame {
    uint64_t words[FRAME_WORDS];
};

/* A guest page. Who has set `busy` may remap it; all below belongs to the request that is on its
 * way. */
struct safe_work_page {
    _Alignas(64) struct frame *map; /* published */
    _Alignas(64) atomic_bool busy;
    unsigned number, current;
    uint64_t version;
    struct frame frames[2];
    atomic_uint waiting;   /* async: flushes that have not run, and the requester */
    unsigned long flushed; /* sync: flushes that have run */
    /* synced: the vCPU that poisons has accepted a flush before that, and has run it */
    bool host_asked, host_flushed;
};

/* Two words that are one, changed in exclusive sections only: `high` is always ~low. */
struct cell {
    _Alignas(64) uint64_t low;
    uint64_t high;
};

struct safe_work_vcpu {
    struct fleet_vcpu base;
    /* Requesters'. Pieces of work that were accepted: counted inside a read section, when the call
     * has returned. */
    _Alignas(64) _Atomic uint64_t asked;
    /* Its thread's. */
    _Alignas(64) uint64_t ran; /* pieces of work */
    uint64_t seen;             /* `asked`, at the end of the block before */
    bool rests;
    struct cell *linked; /* it wants to store to it; NULL: nothing */
    uint64_t linked_low;
    bool stores_by_events;
    uint64_t successes;
    flavor_head ledger;
    /* Zero is empty: a vCPU that is plugged starts so. */
    const struct frame *tlb[SAFE_WORK_MOST_PAGES];
    /* Its thread's while it executes, and anybody's in an exclusive section. The TLB is not: its
     * thread runs flushes beside exclusive sections of others. */
    bool emptied[SAFE_WORK_MOST_PAGES]; /* what the TLB has of that page does not count */
    const struct code *jumps[SAFE_WORK_JUMPS];
};

struct safe_work_state {
    struct fleet fleet;
    /* Exactly one of two comes first: a vCPU is in the list before somebody walks it, or it starts
     * after that somebody has published. Both add 1 here, in between. */
    _Alignas(64) atomic_ulong walks_and_plugs;
    /* Translation buffer. */
    _Alignas(64) _Atomic uint64_t fill; /* words; may pass the end */
    _Alignas(64) uint64_t generation;   /* plain: changed in exclusive sections */
    uint64_t *buffer;
    struct code **programs; /* published; NULL: to be translated */
    /* TLB, LL/SC. */
    struct safe_work_page *pages;
    struct cell *cells;
    /* Of vCPUs that have ended, and of remappers. */
    _Atomic uint64_t successes;
};

static inline struct safe_work_state *safe_work_state_of(struct safe_work_vcpu *v)
{
    return v->base.thread->instance->state;
}

/* Queues work, and keeps the ledger. False when the vCPU has ended. `t` is the calling thread.
 * => Inside a read section. */
bool safe_work_queue(struct torture_thread *t, struct safe_work_vcpu *v, bool safe,
                     vcpu_work_func *func, void *data);
/* Each function that is queued calls it first. */
void safe_work_count(struct safe_work_vcpu *v, bool safe);

/* --- Each is called in a block, with the vCPU executing --- */
void safe_work_execute(struct safe_work_vcpu *v);
void safe_work_read_pages(struct safe_work_vcpu *v);
/* Rare, for it has locked instructions of its own, beside those of the calls under test. */
void safe_work_remap_from_block(struct safe_work_vcpu *v);
void safe_work_load_linked(struct safe_work_vcpu *v);
/* Busy for some time, at most the option `block`. */
void safe_work_linger(struct torture_thread *t);

/* --- Between runs of the inner loop --- */
void safe_work_store_conditional(struct safe_work_vcpu *v);
/* A store to a cell by a thread that is no vCPU. */
void safe_work_add_to_cell(struct torture_thread *t);
/* By run_on_cpu(), from any thread that may wait. */
void safe_work_remap_sync(struct torture_thread *t);
void safe_work_remapper(struct torture_thread *t);
/* Requests of `v` a flush of the translation buffer, if it is still of that generation. => Inside a
 * read section. */
#define SAFE_WORK_ANY_GENERATION UINT64_MAX
void safe_work_ask_for_flush(struct torture_thread *t, struct safe_work_vcpu *v,
                             uint64_t generation);

bool safe_work_open_buffer(struct instance *in, struct diagnostics *d);
void safe_work_close_buffer(struct safe_work_state *state);
void safe_work_open_pages(struct instance *in);

#endif
#endif
