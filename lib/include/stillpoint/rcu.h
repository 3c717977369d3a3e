/* Read-copy update: readers that never wait, updaters that wait until no reader can hold what they
 * unpublished.
 *
 *     reader                                updater
 *     rcu_read_lock();                      old = table;
 *     t = rcu_dereference(table);           rcu_assign_pointer(table, new);
 *     use(t);                               synchronize_rcu();
 *     rcu_read_unlock();                    free(old);
 *
 * A thread is registered while it uses read sections. A section that was entered before a grace
 * period began has ended when the grace period ends.
 *
 * In comments at orders and fences, here and in lib/rcu/, p is a pointer that updaters publish and
 * *p what it leads to; STORE *p is freeing it, too.
 *
 * Sources: McKenney and Slingwine, "Read-Copy Update" (1998); Desnoyers, McKenney, Stern, Dagenais,
 * Walpole, "User-Level Implementations of Read-Copy Update" (2012). Forced quiescent states, drain
 * and the callback thread follow the semantics of QEMU's RCU. The proof without a fence is our own;
 * see docs/architecture.md.
 */
#ifndef STILLPOINT_RCU_H
#define STILLPOINT_RCU_H

#include <stillpoint/version.h>

#include <stdint.h>

STILLPOINT_BEGIN

/* A thread's counter, and the grace-period number that it is compared with, share one layout:
 *
 *     63 ............ 16  | 15              | 14 ... 0
 *     grace-period number | outermost level | inner levels, counted down
 *
 * The number is what a reader stores on entry, so it has the bit of the outermost level already. An
 * inner level takes away one, which clears the bit, and gives it back. A counter of 0 is a
 * quiescent thread. So one test of one bit tells the unlock that ends a section from all others,
 * and one that is too many is found beside the inner ones. Comparisons mask the levels. */
#define RCU_OUTER_LEVEL 0x8000UL
#define RCU_INNER_MASK  0x7fffUL
#define RCU_LEVELS_MASK (RCU_OUTER_LEVEL | RCU_INNER_MASK)
#define RCU_NUMBER_STEP 0x10000UL
#define RCU_CACHE_LINE  64

/* What a reader loads after each entry and exit: usually 0. */
#define RCU_WAITED_FOR   1U  /* the leader sleeps until this reader leaves its section */
#define RCU_PARKED       2U  /* leaders need not watch this reader, until it announces itself */
#define RCU_FULL_FENCE   4U  /* both fences are full */
#define RCU_ONLINE       8U  /* an unlock of the outermost level is one too many */
#define RCU_UNREGISTERED 16U /* an entry is misuse */

struct rcu_link {
    struct rcu_link *next, *previous;
};

/* One registered thread. Applications never touch it. */
struct rcu_reader {
    /* Stored by its thread, loaded by leaders. */
    stillpoint_aligned(RCU_CACHE_LINE) stillpoint_atomic(unsigned long) counter;
    stillpoint_atomic(unsigned) attention;
    /* Its thread's own. */
    bool online;         /* in quiescent-state mode: the outermost level is not a section */
    bool in_wait;        /* in a call of the library that waits */
    unsigned exit_calls; /* of the hook that runs when the thread ends */
    /* Under the registry's locks. */
    stillpoint_aligned(RCU_CACHE_LINE) struct rcu_link link;
    struct rcu_link notifiers;
    unsigned group;        /* the one it is in while it is parked */
    unsigned missed_spins; /* grace periods in a row for which spinning was not enough */
    unsigned outside_gps;  /* grace periods in a row that found it outside, by the fence */
    int thread_id;
    bool registered;
    bool in_group; /* in its group's list, not in one of the leader's */
    bool proposed; /* a leader set RCU_PARKED, and no fence of a later one has come since */
};

/* Part of the seam: a checker may put its own thread-local storage here. */
#ifndef STILLPOINT_THREAD_LOCAL
#define STILLPOINT_THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))
#endif

/* The calling thread's record. One that has no such storage defines RCU_SELF(), a pointer, and a
 * program whose coroutines change threads STILLPOINT_COROUTINES. */
extern STILLPOINT_THREAD_LOCAL struct rcu_reader rcu_reader;
#if defined(STILLPOINT_COROUTINES) && !defined(RCU_SELF)
STILLPOINT_PLACE_NOW(struct rcu_reader, rcu_self_now, rcu_reader)
#define RCU_SELF() rcu_self_now()
#endif
#ifndef RCU_SELF
#define RCU_SELF() (&rcu_reader)
#endif
static inline struct rcu_reader *rcu_self(void)
{
    return RCU_SELF();
}

extern stillpoint_atomic(unsigned long) rcu_gp_number;

/* Registers, when the library has the layout that the program was compiled for; otherwise it aborts
 * with a message. Not for applications. */
void rcu_register_compiled(const char *version, unsigned layout);
/* The same for the main thread, unless it is registered; without effect in another thread. */
void rcu_register_main_compiled(const char *version, unsigned layout);

/* => The calling thread; once; outside sections. Neither waits for a grace period: they take locks
 *    that are held for microseconds.
 * => A registered thread that does not read costs grace periods nothing, and one that stops reading
 *    soon costs nothing again.
 * => Unregistering inside a section, in a callback, or in a signal handler while the thread waits
 *    inside the library aborts with a message. An online thread goes offline first.
 * => A thread that ends without unregistering is unregistered by a hook, after its other
 *    thread-specific destructors, and counted (rcu_stats.exits_registered). Ending inside a section
 *    aborts with a message.
 * => A section in a thread that is not registered would protect nothing, and aborts with a message.
 *    The main thread is no exception: it registers as any other. */
static inline void rcu_register_thread(void)
{
    rcu_register_compiled(STILLPOINT_VERSION, STILLPOINT_LAYOUT);
}
void rcu_unregister_thread(void);

/* True for ordinary readers, false for online ones: likely enough to come first, and not so likely
 * that the other way becomes a jump out of the reader's loop and back. */
#define RCU_OUTERMOST(condition) __builtin_expect_with_probability(condition, 1, 0.7)

/* In a program all of whose readers are online, RCU_READERS_ONLINE before the include makes
 * sections free: see rcu_qsbr.h. */
#if defined(RCU_READERS_ONLINE) && !defined(STILLPOINT_DEBUG)
#define RCU_SECTIONS_ARE_FREE true
#else
#define RCU_SECTIONS_ARE_FREE false
#endif

/* Slow paths of the inline functions below; not for applications. */
void rcu_reader_entered(struct rcu_reader *self);
void rcu_reader_left(struct rcu_reader *self);
void rcu_misuse(const char *what) __attribute__((noreturn, cold));

/* => Registered threads. Never blocks. Sections nest, to 32768 levels; deeper aborts. */
static inline void rcu_read_lock(void)
{
    struct rcu_reader *self = rcu_self();
    unsigned long counter = stillpoint_atomic_load(&self->counter, __ATOMIC_RELAXED);

    if (RCU_SECTIONS_ARE_FREE)
        return;
#if defined(RCU_READERS_ONLINE) && defined(STILLPOINT_DEBUG)
    if (!self->online)
        rcu_misuse("rcu_read_lock() with RCU_READERS_ONLINE in a thread that is not online, which "
                   "protects nothing; call rcu_thread_online() first");
#endif
    if (RCU_OUTERMOST(counter == 0)) {
        /* Orders: LOAD rcu_gp_number (acquire) -> LOAD p.
         * Pairs with: number_advance(), STORE p -> STORE rcu_gp_number (release).
         * Broken: the counter shows the new number, which is proof without a fence, and the section
         * still finds the old p. */
        counter = stillpoint_atomic_load(&rcu_gp_number, __ATOMIC_ACQUIRE);
        /* Orders: LOAD *p in the section before -> STORE counter (release).
         * Pairs with: reader_state(), LOAD counter (acquire) -> STORE *p.
         * Broken: a scan that never loaded the 0 in between loads this number, which is proof, and
         * *p is freed while the section before still reads it. Not on x86. */
        stillpoint_atomic_store(&self->counter, counter, __ATOMIC_RELEASE);
        /* Orders: STORE counter (release) -> LOAD p, LOAD attention (relaxed). The light fence of
         * membarrier; without that, RCU_FULL_FENCE is set, and rcu_reader_entered() runs a full
         * one.
         * Pairs with: reader_state(), STORE p by the callers -> LOAD counter (acquire); the heavy
         * fence of rcu_scan_with_fence is between.
         * Broken: the leader loads 0 and frees *p, which this section has loaded; or it moves a
         * reader that it has just parked to its group, and the section is never announced. */
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        if (__builtin_expect(stillpoint_atomic_load(&self->attention, __ATOMIC_RELAXED), 0))
            rcu_reader_entered(self);
    } else {
        counter--;
        if (__builtin_expect((counter & RCU_INNER_MASK) == 0, 0))
            rcu_misuse("rcu_read_lock() nested deeper than 32768; is an unlock missing?");
        /* Orders: LOAD *p in the section before -> STORE counter (release).
         * Pairs with: reader_state(), LOAD counter (acquire) -> STORE *p.
         * Broken: a scan that loads this store and none before it frees *p while the section before
         * still reads it: a thread's later stores carry on its release in C17, but not in C++20. */
        stillpoint_atomic_store(&self->counter, counter, __ATOMIC_RELEASE);
        /* Only in a signal handler that interrupted the entry above before it loaded
         * `attention`. */
        if (__builtin_expect(
                stillpoint_atomic_load(&self->attention, __ATOMIC_RELAXED) & RCU_PARKED, 0))
            rcu_reader_entered(self);
    }
}

/* => Registered threads, in a section; otherwise it aborts with a message. Never blocks; wakes a
 *    leader that sleeps for this reader. */
static inline void rcu_read_unlock(void)
{
    struct rcu_reader *self = rcu_self();
    unsigned long counter = stillpoint_atomic_load(&self->counter, __ATOMIC_RELAXED);

    if (RCU_SECTIONS_ARE_FREE)
        return;
    if (RCU_OUTERMOST((counter & RCU_OUTER_LEVEL) != 0)) {
        /* Orders: LOAD *p -> STORE counter (release).
         * Pairs with: reader_state(), LOAD counter (acquire) -> STORE *p.
         * Broken: the leader loads the 0, and *p is freed while this section still reads it. Not on
         * x86. */
        stillpoint_atomic_store(&self->counter, 0, __ATOMIC_RELEASE);
        /* Orders: STORE counter (release) -> LOAD attention (relaxed). The light fence of
         * membarrier; without that, RCU_FULL_FENCE is set, and rcu_reader_left() runs a full one.
         * Pairs with: request_wake(), STORE attention (release) -> reader_state(), LOAD counter
         * (acquire); the heavy fence of rcu_scan_with_fence is between.
         * Broken: the leader finds this reader inside, this reader finds no request, and the leader
         * sleeps for ever. */
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        if (__builtin_expect(stillpoint_atomic_load(&self->attention, __ATOMIC_RELAXED), 0))
            rcu_reader_left(self);
    } else {
        if (__builtin_expect(counter == 0, 0))
            rcu_misuse("rcu_read_unlock() without a matching rcu_read_lock() in this thread");
        /* Orders: LOAD *p in the section before -> STORE counter (release).
         * Pairs with: reader_state(), LOAD counter (acquire) -> STORE *p.
         * Broken: a scan that loads this store and none before it frees *p while the section before
         * still reads it: a thread's later stores carry on its release in C17, but not in C++20. */
        stillpoint_atomic_store(&self->counter, counter + 1, __ATOMIC_RELEASE);
    }
}

/* True inside a section of the calling thread; being online alone is none, but where sections are
 * free and nobody knows. */
static inline bool rcu_read_locked(void)
{
    unsigned long counter = stillpoint_atomic_load(&rcu_self()->counter, __ATOMIC_RELAXED);

    if (RCU_SECTIONS_ARE_FREE)
        return rcu_self()->online;
    return counter != 0 && !(rcu_self()->online && (counter & RCU_OUTER_LEVEL));
}

/* For programs that were written for other libraries; nothing needs to be set up, but that the main
 * thread registers as any other. */
#define rcu_read_ongoing() rcu_read_locked()
static inline void rcu_init(void)
{
}

/* Publishes `value`.
 * Orders: STORE *value -> STORE pointer (release).
 * Pairs with: rcu_dereference(), LOAD pointer (acquire) -> LOAD *value.
 * Broken: a reader follows the pointer to what is not written yet. */
#define rcu_assign_pointer(pointer, value) \
    __atomic_store_n(&(pointer), STILLPOINT_AS(pointer, value), __ATOMIC_RELEASE)
#define rcu_set_pointer(address, value) rcu_assign_pointer(*(address), value)
/* What was published. An acquire rather than a dependency: free on x86, and honest elsewhere.
 * Orders: LOAD pointer (acquire) -> LOAD *value.
 * Pairs with: rcu_assign_pointer(), STORE *value -> STORE pointer (release).
 * Broken: a reader follows the pointer to what is not written yet. */
#define rcu_dereference(pointer) __atomic_load_n(&(pointer), __ATOMIC_ACQUIRE)
/* Publishes `value` and returns what was there before, for updaters that are not serialised.
 * Orders: STORE *value -> STORE *address (release); LOAD *address (acquire) -> LOAD **address.
 * Pairs with: rcu_dereference(), LOAD pointer (acquire) -> LOAD *value; rcu_assign_pointer(), STORE
 * *value -> STORE pointer (release).
 * Broken: a reader, or the updater that takes the old value, finds what is not written yet. */
#define rcu_xchg_pointer(address, value)                                                      \
    __extension__({                                                                           \
        __typeof__(*(address)) rcu_found =                                                    \
            __atomic_exchange_n(address, STILLPOINT_AS(*(address), value), __ATOMIC_ACQ_REL); \
        rcu_found;                                                                            \
    })
/* Publishes `value` when `expected` is there; returns what was there.
 * Orders: STORE *value -> STORE *address (release); LOAD *address (acquire) -> LOAD **address.
 * Pairs with: rcu_dereference(), LOAD pointer (acquire) -> LOAD *value; rcu_assign_pointer(), STORE
 * *value -> STORE pointer (release).
 * Broken: a reader, or the updater that takes the old value, finds what is not written yet. */
#define rcu_cmpxchg_pointer(address, expected, value)                                             \
    __extension__({                                                                               \
        __typeof__(*(address)) rcu_found = (expected);                                            \
        __atomic_compare_exchange_n(address, &rcu_found, STILLPOINT_AS(*(address), value), false, \
                                    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);                          \
        rcu_found;                                                                                \
    })

/* A section that lasts to the end of the enclosing block, however that is left. */
#define RCU_READ_LOCK_GUARD() RCU_READ_GUARD(STILLPOINT_UNIQUE(rcu_read_guard_))
#define RCU_READ_GUARD(guard) \
    __attribute__((cleanup(rcu_read_guard_end), unused)) bool guard = rcu_read_guard_begin()
/* WITH_RCU_READ_LOCK_GUARD() { ... } is a section around one statement. */
#define WITH_RCU_READ_LOCK_GUARD() WITH_RCU_READ_GUARD(STILLPOINT_UNIQUE(rcu_read_guard_))
#define WITH_RCU_READ_GUARD(guard)                                                                \
    for (__attribute__((cleanup(rcu_read_guard_end))) bool guard = rcu_read_guard_begin(); guard; \
         guard = rcu_read_guard_leave())

static inline bool rcu_read_guard_begin(void)
{
    rcu_read_lock();
    return true;
}

static inline bool rcu_read_guard_leave(void)
{
    rcu_read_unlock();
    return false;
}

static inline void rcu_read_guard_end(bool *held)
{
    if (*held)
        rcu_read_unlock();
}

/* Waits for a grace period. Threads that wait at once share grace periods.
 * => Any thread, registered or not; outside sections (inside aborts with a message: it would wait
 *    for itself). An online thread is offline while it waits.
 * => Blocks for as long as a section lasts that was entered before the call.
 * => A callback may call it: all callbacks after it wait meanwhile, and the callback lock stays
 *    held. As under any lock, that is a deadlock where a section waits for that lock. */
void synchronize_rcu(void);
/* The same, and from the start as fast as it goes: notifiers run, the leader sleeps until the very
 * reader leaves. Under every policy. */
void synchronize_rcu_expedited(void);

/* Ends what the library runs of its own: waits until all callbacks that are queued have run and all
 * grace periods that were started have ended, and until its threads are gone. For a program that
 * wants to leave nothing, as for a leak checker; others may simply exit.
 * => Any thread, outside sections and callbacks (aborts); while no other thread calls the library
 *    but to read, register or unregister.
 * => Calls after it find the library as it was at the start of the program, and start its threads
 *    anew. */
void rcu_shutdown(void);

STILLPOINT_END

#ifdef __cplusplus
namespace stillpoint
{
/* A section for as long as it lives: what RCU_READ_LOCK_GUARD() is in C. */
class read_guard
{
  public:
    read_guard() noexcept
    {
        rcu_read_lock();
    }
    ~read_guard()
    {
        rcu_read_unlock();
    }
    read_guard(const read_guard &) = delete;
    read_guard &operator=(const read_guard &) = delete;
};
} // namespace stillpoint
#endif

#include <stillpoint/rcu_callback.h>
#include <stillpoint/rcu_fork.h>
#include <stillpoint/rcu_policy.h>
#include <stillpoint/rcu_poll.h>
#include <stillpoint/rcu_qsbr.h>

#endif
