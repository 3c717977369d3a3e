/* Exclusive sections, lib/vcpu/exclusive.c: vCPUs that execute, and starters that stop them.
 *
 * Memory is x86's (TSO): what a thread stores into `running` or `exclusive_pending` waits in its
 * store buffer, a first-in-first-out one, until `memory` writes it back, at any time; what it loads
 * comes from memory or its own buffer. An atomic read-modify-write drains the buffer, and taking a
 * lock is one; what was stored before a lock was let go of is there when the next takes it. The
 * heavy fence is membarrier: it drains the starter's own buffer, and then each other in turn.
 *
 * No round is counted: all go round for ever, or end after any round. So whoever is stuck while the
 * others go on is also stuck when they have ended, which is a deadlock. That nobody is passed over
 * for ever is asserted: how many sections end while one vCPU waits, and begin while one starter
 * does.
 *
 * PROGRESS: whoever goes round executes, or runs a section
 *
 * VARIANT FULL: both fences are full ones, each drains the buffer of its own thread only
 * VARIANT THREE_STARTERS: so that a queue has an order, and a batch more than one
 *
 * MUTATION START_WITHOUT_FENCE: none in cpu_exec_start(), where fences are full
 * MUTATION END_WITHOUT_FENCE: none in cpu_exec_end(), where fences are full
 * MUTATION STARTER_WITHOUT_FENCE: none in stop_vcpus()
 * MUTATION HEAVY_IS_LOCAL: the heavy fence reaches the starter only, the light one is none
 * MUTATION WAITER_STAYS: vcpu_exec_end_slow() does not clear has_waiter
 * MUTATION COUNTED_WAITS: vcpu_exec_start_slow() does not look at has_waiter
 * MUTATION TURN_NOT_AWAITED: start_exclusive() never queues
 * MUTATION RETURNING_NOT_AWAITED: start_exclusive() queues behind sections, not behind vCPUs
 * MUTATION RETURNING_CUT_SHORT: the first vCPU that returns lets the next section begin
 * MUTATION NEXT_NOT_BEGUN: the last vCPU that returns does not let the next section begin
 * MUTATION NOT_STOPPED_AFTER_TURN: who waited for a turn takes the vCPUs for stopped
 * MUTATION TURN_NOT_OWNED: hand_over() leaves it to the next to say that a section is on
 * MUTATION SIGNAL_FOR_BROADCAST: end_exclusive() wakes one vCPU
 * MUTATION BATCH_GROWS: end_exclusive() hands over as long as somebody is queued
 * MUTATION SECTION_BEFORE_LEFT: start_exclusive() does not wait for the vCPUs
 * MUTATION NOT_ASKED: stop_vcpus() does not call cpu_exit()
 * MUTATION LAST_MISSED: stop_vcpus() does not look at the last vCPU
 */
#define VCPUS 2
#ifdef THREE_STARTERS
#define STARTERS 3
#else
#define STARTERS 2
#endif
#define DEPTH 2 /* of a vCPU's store buffer */

#if defined START_WITHOUT_FENCE || defined END_WITHOUT_FENCE
#define FULL
#endif

/* Memory, and what waits in buffers. The values of `running` alternate, so a number will do. Only
 * who holds the lock stores into exclusive_pending. */
bool running[VCPUS];
byte buffered[VCPUS];
byte exclusive_pending, pending_buffered;
bool pending_waits;

/* Under vcpu_lock. */
bool vcpu_lock;
bool has_waiter[VCPUS], asked[VCPUS] /* exit_request */;
bool asleep[VCPUS]; /* on exclusive.resume */
bool all_left /* exclusive.left */, turn[STARTERS]; /* events */
chan queue = [STARTERS] of { byte }; /* exclusive.first .. last, queued */
byte batch, waiting, returning;
bool owned, leads;

/* Only for the properties. */
byte executing, sections;
byte ended_while_waiting[VCPUS], begun_while_queued[STARTERS];
bool is_waiting[VCPUS], is_queued[STARTERS];

/* --- Store buffers --- */

inline write_back(v)
{
    running[v] = !running[v];
    buffered[v]--
}

inline drain(v)
{
    d_step {
        do
        :: buffered[v] > 0 -> write_back(v)
        :: else -> break
        od
    }
}

inline store_running(v)
{
    atomic { buffered[v] < DEPTH -> buffered[v]++ }
}

inline drain_pending()
{
    d_step {
        if
        :: pending_waits ->
            exclusive_pending = pending_buffered;
            pending_buffered = 0;
            pending_waits = false
        :: else
        fi
    }
}

inline store_pending(value)
{
    atomic { !pending_waits -> pending_buffered = value; pending_waits = true }
}

active proctype memory()
{
end:
    do
    :: atomic { buffered[0] > 0 -> write_back(0) }
    :: atomic { buffered[1] > 0 -> write_back(1) }
    :: atomic { pending_waits -> drain_pending() }
    od
}

/* --- vCPUs --- */

inline hand_over()
{
    queue?next;
#ifndef TURN_NOT_OWNED
    owned = true;
#endif
    turn[next] = true;
    next = 0
}

/* One step, but for the sleep: of what is done under the lock nothing is seen by those outside,
 * and the unlock drains the buffer. */
inline exec_start_slow(v)
{
    atomic {
        !vcpu_lock -> drain(v);
        if
#ifndef COUNTED_WAITS
        :: has_waiter[v]
#endif
        :: exclusive_pending == 0
        :: else ->
            running[v] = false;
            waiting++;
            is_waiting[v] = true;
            do
            :: exclusive_pending != 0 ->
                asleep[v] = true;
                !asleep[v] && !vcpu_lock
            :: else -> break
            od;
            is_waiting[v] = false;
            ended_while_waiting[v] = 0;
            assert(waiting > 0 && returning > 0);
            waiting--;
            running[v] = true;
            returning--;
            if
#ifdef RETURNING_CUT_SHORT
            :: len(queue) > 0 -> hand_over()
#elif !defined NEXT_NOT_BEGUN
            :: returning == 0 && len(queue) > 0 -> hand_over()
#endif
            :: else
            fi
        fi
    }
}

/* One step as well. */
inline exec_end_slow(v)
{
    atomic {
        !vcpu_lock -> drain(v);
        if
        :: has_waiter[v] ->
#ifndef WAITER_STAYS
            has_waiter[v] = false;
#endif
            assert(exclusive_pending >= 2);
            exclusive_pending--;
            if
            :: exclusive_pending == 1 -> all_left = true
            :: else
            fi
        :: else
        fi
    }
}

proctype vcpu(byte v)
{
    byte next;

    do
    :: break
    :: skip;
        /* cpu_exec_start(); before it, process_cpu_events() clears the request */
        atomic { store_running(v); asked[v] = false }
#if defined FULL && !defined START_WITHOUT_FENCE
        drain(v);
#endif
        if
        :: exclusive_pending == 0
        :: else -> exec_start_slow(v)
        fi;

progress_executes:
        atomic { assert(sections == 0); executing++ }
        if
        :: skip /* leaves by itself */
        :: skip;
end_inner_loop:
            asked[v]
        fi;

        /* cpu_exec_end() */
        atomic { store_running(v); executing-- }
#if defined FULL && !defined END_WITHOUT_FENCE
        drain(v);
#endif
        if
        :: exclusive_pending == 0
        :: else -> exec_end_slow(v)
        fi
    od
}

/* --- Starters --- */

inline lock()
{
    atomic { !vcpu_lock -> vcpu_lock = true }
}

inline unlock()
{
    atomic { drain_pending(); vcpu_lock = false }
}

inline look_at(v)
{
    if
    :: running[v] ->
        atomic {
            has_waiter[v] = true;
            count++;
#ifndef NOT_ASKED
            drain_pending(); /* by the exchange in cpu_exit() */
            asked[v] = true
#endif
        }
    :: else
    fi
}

inline stop_vcpus()
{
    atomic {
        all_left = false;
        leads = true;
        store_pending(1)
    }
#ifndef STARTER_WITHOUT_FENCE
    drain_pending();
#if !defined FULL && !defined HEAVY_IS_LOCAL
    drain(0);
    drain(1);
#endif
#endif
    look_at(0);
#ifndef LAST_MISSED
    look_at(1);
#endif
    atomic { store_pending(count + 1); count = 0 }
}

inline note_begun(s)
{
    if
    :: is_queued[s] -> begun_while_queued[s]++; assert(begun_while_queued[s] < STARTERS)
    :: else
    fi
}

inline note_ended(v)
{
    if
    :: is_waiting[v] -> ended_while_waiting[v]++; assert(ended_while_waiting[v] <= STARTERS)
    :: else
    fi
}

inline start_exclusive(s)
{
    lock();
    if
#ifdef RETURNING_NOT_AWAITED
    :: owned ->
#elif defined TURN_NOT_AWAITED
    :: false ->
#else
    :: owned || returning > 0 ->
#endif
        /* wait_for_turn() */
        atomic { queue!s; is_queued[s] = true; vcpu_lock = false }
        atomic { turn[s] -> turn[s] = false; is_queued[s] = false; begun_while_queued[s] = 0 }
        lock();
#ifdef NOT_STOPPED_AFTER_TURN
        atomic { store_pending(1); drain_pending() }
#endif
    :: else
    fi;
    owned = true;
    if
    :: exclusive_pending == 0 -> stop_vcpus()
    :: else
    fi;
    unlock();
#ifndef SECTION_BEFORE_LEFT
    /* wait_for_vcpus() */
    do
    :: exclusive_pending == 1 -> break
    :: else -> all_left
    od
#endif
}

/* In two steps, as vCPUs outside of the lock may see the 0 before the broadcast. */
inline end_exclusive()
{
    atomic {
        !vcpu_lock ->
        vcpu_lock = true;
        all_left = false; /* of no meaning until stop_vcpus() */
        sections--;
        note_ended(0);
        note_ended(1);
        if
#ifdef BATCH_GROWS
        :: true -> batch = len(queue)
#else
        :: leads || waiting == 0 -> batch = len(queue)
        :: else
#endif
        fi;
        leads = false;
        if
        :: batch > 0 -> batch--; hand_over()
        :: else ->
            owned = false;
            returning = waiting;
            store_pending(0)
        fi
    }
    atomic {
        if
        :: owned
        :: else ->
#ifdef SIGNAL_FOR_BROADCAST
            if
            :: asleep[0] -> asleep[0] = false
            :: asleep[1] -> asleep[1] = false
            :: else
            fi
#else
            asleep[0] = false;
            asleep[1] = false
#endif
        fi;
        unlock()
    }
}

proctype starter(byte s)
{
    byte count, next;

    do
    :: break
    :: start_exclusive(s);
        atomic {
            sections++;
            assert(sections == 1 && executing == 0);
            note_begun(0);
            note_begun(1);
#ifdef THREE_STARTERS
            note_begun(2)
#endif
        }
progress_excludes:
        end_exclusive()
    od
}

init
{
    atomic {
        run vcpu(0);
        run vcpu(1);
        run starter(0);
        run starter(1);
#ifdef THREE_STARTERS
        run starter(2)
#endif
    }
}
