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
 * for ever is asserted: how many sections begin while one starter waits, are handed over while one
 * vCPU does, and are found on by a vCPU that woke up, which opens the door the first time.
 *
 * How often a vCPU has executed with full fences is not counted: it may clear their bit any time.
 *
 * PROGRESS: whoever goes round executes, or runs a section
 *
 * VARIANT FULL: fences are full ones for ever
 * VARIANT DOOR_STAYS: no time is up: a door that is open for vCPUs stays so until they are in
 * VARIANT THREE_STARTERS: so that a queue has an order, and a batch more than one; with one vCPU
 *
 * MUTATION START_WITHOUT_FENCE: none in cpu_exec_start(), with the bit set
 * MUTATION END_WITHOUT_FENCE: none in cpu_exec_end(), with the bit set
 * MUTATION START_NOT_RELOADED: cpu_exec_start() uses what it loaded before its fence
 * MUTATION END_NOT_RELOADED: cpu_exec_end() does
 * MUTATION STARTER_WITHOUT_FENCE: no plain one in stop_vcpus()
 * MUTATION PLAIN_FOR_HEAVY: a plain one in stop_vcpus() for the first section as well
 * MUTATION HEAVY_ONCE: stop_vcpus() goes by what it did before, not by the bit
 * MUTATION HEAVY_IS_LOCAL: the heavy fence reaches the starter only
 * MUTATION CLEARED_WITHOUT_LOCK: a vCPU clears the bit when it has found no section on
 * MUTATION WAITER_STAYS: vcpu_exec_end_slow() does not clear has_waiter
 * MUTATION COUNTED_WAITS: vcpu_exec_start_slow() does not look at has_waiter
 * MUTATION TURN_NOT_AWAITED: start_exclusive() never queues
 * MUTATION TICKET_UNDER_LOCK: start_exclusive() takes its ticket when it has the lock
 * MUTATION RETURNING_NOT_AWAITED: may_begin() does not wait for vCPUs
 * MUTATION RETURNING_CUT_SHORT: the first vCPU that returns lets the next section begin
 * MUTATION NEXT_NOT_WOKEN: the last vCPU that returns does not wake the next starter
 * MUTATION OVERTAKEN_FORGOTTEN: a vCPU that finds the next section on does not ask for the door
 * MUTATION NOT_STOPPED_AFTER_TURN: who waited for a turn takes the vCPUs for stopped
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

#define TICKETS 4 /* more than there are starters */
#define FENCES  8 /* the bit */
#define IS_ON   (exclusive_pending % FENCES != 0)

#if defined RETURNING_NOT_AWAITED || defined RETURNING_CUT_SHORT || defined NEXT_NOT_WOKEN || \
    defined OVERTAKEN_FORGOTTEN
#define DOOR_STAYS
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
bool all_left /* exclusive.left */;
bool sleeps[STARTERS]; /* on its `turn` */
byte tickets, serving;
byte listed[TICKETS]; /* 1 + the starter that is queued with it */
byte queued, batch, waiting, returning;
bool leads, door /* exclusive.door_ns */;
#ifdef HEAVY_ONCE
bool heavy_done;
#endif

/* Only for the properties. */
byte executing, sections;
byte handed_while_waiting[VCPUS], begun_while_queued[STARTERS];
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
        od;
        skip
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

inline wake_next()
{
    if
    :: listed[serving] > 0 -> sleeps[listed[serving] - 1] = false
    :: else
    fi
}

inline clear_fences()
{
#ifndef FULL
    if
    :: exclusive_pending = exclusive_pending % FENCES
    :: skip
    fi
#endif
    skip
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
        :: !IS_ON -> clear_fences()
        :: else ->
            running[v] = false;
            waiting++;
            is_waiting[v] = true;
            do
            :: IS_ON ->
                asleep[v] = true;
                !asleep[v] && !vcpu_lock;
                if
                :: IS_ON ->
#ifndef OVERTAKEN_FORGOTTEN
                    door = true;
#endif
                    overtaken++;
#ifdef DOOR_STAYS
                    assert(overtaken == 1)
#else
                    overtaken = 0
#endif
                :: else
                fi
            :: else -> break
            od;
            overtaken = 0;
            is_waiting[v] = false;
            assert(waiting > 0);
            waiting--;
            running[v] = true;
            if
            :: returning > 0 ->
                returning--;
#ifdef RETURNING_CUT_SHORT
                returning = 0;
#endif
                if
#ifndef NEXT_NOT_WOKEN
                :: returning == 0 -> wake_next()
#endif
                :: else
                fi
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
            assert(exclusive_pending % FENCES >= 2);
            exclusive_pending--;
            if
            :: exclusive_pending % FENCES == 1 -> all_left = true
            :: else
            fi
        :: else
        fi
    }
}

proctype vcpu(byte v)
{
    byte seen, overtaken;

    do
    :: break
    :: skip;
        /* cpu_exec_start(); before it, process_cpu_events() clears the request */
        atomic { store_running(v); asked[v] = false }
        seen = exclusive_pending;
        if
        :: seen >= FENCES ->
#ifndef START_WITHOUT_FENCE
            drain(v);
#endif
#ifndef START_NOT_RELOADED
            seen = exclusive_pending
#endif
        :: else
        fi;
        if
        :: atomic { seen % FENCES == 0 -> seen = 0 }
        :: atomic { seen != 0 -> seen = 0 } /* a section is on, or it has been quiet for long */
#ifdef CLEARED_WITHOUT_LOCK
            if
            :: !IS_ON -> exclusive_pending = 0
            :: else
            fi;
#endif
            exec_start_slow(v)
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
        seen = exclusive_pending;
        if
        :: seen >= FENCES ->
#ifndef END_WITHOUT_FENCE
            drain(v);
#endif
#ifndef END_NOT_RELOADED
            seen = exclusive_pending
#endif
        :: else
        fi;
        if
        :: atomic { seen % FENCES == 0 -> seen = 0 }
        :: atomic { seen % FENCES != 0 -> seen = 0 }
            exec_end_slow(v)
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
#ifdef HEAVY_ONCE
        plain = heavy_done;
        heavy_done = true;
#else
        plain = exclusive_pending >= FENCES;
#endif
        store_pending(FENCES + 1)
    }
    if
#ifdef PLAIN_FOR_HEAVY
    :: true -> drain_pending()
#elif defined STARTER_WITHOUT_FENCE
    :: plain
#else
    :: plain -> drain_pending()
#endif
    :: !plain ->
        drain_pending();
#ifndef HEAVY_IS_LOCAL
        drain(0);
        drain(1)
#endif
    fi;
    plain = false;
    look_at(0);
#ifndef LAST_MISSED
    look_at(1);
#endif
    atomic { store_pending(FENCES + count + 1); count = 0 }
}

inline note_begun(s)
{
    if
    :: is_queued[s] -> begun_while_queued[s]++; assert(begun_while_queued[s] < STARTERS)
    :: else
    fi
}

inline note_handed(v)
{
    if
    :: is_waiting[v] ->
        handed_while_waiting[v]++;
        assert(handed_while_waiting[v] < STARTERS)
    :: else
    fi
}

inline take_ticket()
{
    ticket = tickets;
    tickets = (tickets + 1) % TICKETS
}

/* => The lock, which is let go of meanwhile. */
inline wait_for_turn(s)
{
    listed[ticket] = s + 1;
    queued++;
    do
#ifndef RETURNING_NOT_AWAITED
    :: ticket == serving && (IS_ON || returning == 0) -> break
#else
    :: ticket == serving -> break
#endif
#ifndef DOOR_STAYS
    :: ticket == serving && !IS_ON && returning > 0 ->
        vcpu_lock = false;
        !vcpu_lock -> vcpu_lock = true;
        break /* by now the time is up */
    :: ticket != serving ->
#else
    :: else ->
#endif
        sleeps[s] = true;
        vcpu_lock = false;
        !sleeps[s] && !vcpu_lock -> vcpu_lock = true
    od;
    queued--;
    listed[ticket] = 0
}

inline start_exclusive(s)
{
    atomic {
        is_queued[s] = true;
#ifndef TICKET_UNDER_LOCK
        take_ticket()
#endif
    }
    lock();
    atomic {
#ifdef TICKET_UNDER_LOCK
        take_ticket();
#endif
        if
#ifdef TURN_NOT_AWAITED
        :: true
#elif defined RETURNING_NOT_AWAITED
        :: ticket == serving
#else
        :: ticket == serving && returning == 0
#ifndef DOOR_STAYS
        :: ticket == serving && returning > 0 /* the time is up */
#endif
#endif
        :: else ->
            wait_for_turn(s);
#ifdef NOT_STOPPED_AFTER_TURN
            exclusive_pending = FENCES + 1
#endif
        fi;
        ticket = 0;
        returning = 0;
        is_queued[s] = false;
        begun_while_queued[s] = 0
    }
    if
    :: !IS_ON -> stop_vcpus()
    :: else
    fi;
    unlock();
#ifndef SECTION_BEFORE_LEFT
    /* wait_for_vcpus() */
    do
    :: exclusive_pending % FENCES == 1 -> break
    :: else -> all_left
    od
#endif
}

/* In two steps, as vCPUs outside of the lock may see the bit before the broadcast. */
inline end_exclusive()
{
    atomic {
        !vcpu_lock ->
        vcpu_lock = true;
        all_left = false; /* of no meaning until stop_vcpus() */
        sections--;
        serving = (serving + 1) % TICKETS;
        if
#ifdef BATCH_GROWS
        :: true -> batch = queued
#else
        :: leads || waiting == 0 -> batch = queued
        :: else
#endif
        fi;
        leads = false;
        if
        :: batch > 0 && listed[serving] > 0 ->
            batch--;
            note_handed(0);
            note_handed(1);
            wake_next()
        :: else ->
            opens = true;
            returning = (door || queued > 0 -> waiting : 0);
            door = false;
            handed_while_waiting[0] = 0;
            handed_while_waiting[1] = 0;
            store_pending(FENCES)
        fi
    }
    atomic {
        if
        :: opens ->
            opens = false;
#ifdef SIGNAL_FOR_BROADCAST
            if
            :: asleep[0] -> asleep[0] = false
            :: asleep[1] -> asleep[1] = false
            :: else
            fi;
#else
            asleep[0] = false;
            asleep[1] = false;
#endif
            wake_next()
        :: else
        fi;
        unlock()
    }
}

proctype starter(byte s)
{
    byte count, ticket;
    bool plain, opens;

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
#ifdef FULL
        exclusive_pending = FENCES;
#endif
        run vcpu(0);
#ifndef THREE_STARTERS
        run vcpu(1);
#endif
        run starter(0);
        run starter(1);
#ifdef THREE_STARTERS
        run starter(2)
#endif
    }
}
