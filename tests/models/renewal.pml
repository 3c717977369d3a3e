/* A reader that renews and stays online, and a leader that sleeps for it: lib/rcu/qsbr.c,
 * grace_period.c and scan.c.
 *
 * Memory is x86's (TSO): what the reader stores into its counter waits in its store buffer, a
 * first-in-first-out one, until `memory` writes it back, at any time; so do the leader's pointer and
 * number. An atomic read-modify-write drains the buffer. The heavy fence is one fence that the reader
 * runs at any one point, the leader's own before.
 *
 * Numbers are not counted: a counter shows the current one or an older one, and what shows the
 * current one shows an older one when the next gets to memory.
 *
 * A quiescent state that finds the number unchanged stores nothing, and the reader has no other
 * than those from some point on. So it looks at the pointer twice at most before a renewal, and a
 * leader that sleeps for ever is a deadlock. Grace periods go on for ever.
 *
 * VARIANT NAPPED: the leader looks again after any time, and sleeps later
 * VARIANT FULL: both fences are full ones
 *
 * MUTATION ATTENTION_NOT_LOADED: rcu_reader_renews() does not look for a request
 * MUTATION ATTENTION_LOADED_FIRST: it does before it stores the counter
 * MUTATION NOT_WOKEN: take_request() does not wake the leader
 * MUTATION WOKEN_FIRST: take_request() wakes the leader, and then renews
 * MUTATION HEAVY_IS_LOCAL: the heavy fence after the request reaches the leader only
 * MUTATION RENEWED_WITHOUT_FENCE: with full fences, none in rcu_reader_renews()
 * MUTATION REQUESTED_LATE: the leader scans behind the fence, and then makes its request
 * MUTATION RESET_LATE: the leader resets its event after the scan
 * MUTATION OLD_NUMBER_IS_PROOF: it takes one that shows an older number for done
 * MUTATION NUMBER_BEFORE_POINTER: nothing orders the pointer before the number
 */
#define DEPTH 3 /* of the reader's store buffer */

/* Counters, and what waits in the buffer. */
#define OLDER   1
#define CURRENT 2

#ifdef RENEWED_WITHOUT_FENCE
#define FULL
#endif

byte counter = CURRENT;
byte buffer[DEPTH], buffered;
bool requested; /* RCU_WAITED_FOR */
bool event;     /* of the leader, that it is set */
bool pointer, published;
bool pointer_waits, number_waits;

/* The reader's. What it has stored last, and has loaded and not stored; 1 + which object it holds. */
byte own = CURRENT, loaded, holds;
bool freed[2];

/* --- Store buffers --- */

inline write_back()
{
    counter = buffer[0];
    buffer[0] = buffer[1];
    buffer[1] = buffer[2];
    buffer[2] = 0;
    buffered--
}

inline drain()
{
    d_step {
        do
        :: buffered > 0 -> write_back()
        :: else -> break
        od
    }
}

inline grow_old(what)
{
    if
    :: what == CURRENT -> what = OLDER
    :: else
    fi
}

inline number_arrives()
{
    number_waits = false;
    grow_old(counter);
    grow_old(own);
    grow_old(loaded);
    grow_old(buffer[0]);
    grow_old(buffer[1]);
    grow_old(buffer[2])
}

inline pointer_arrives()
{
    pointer = published;
    pointer_waits = false
}

inline drain_leader()
{
    d_step {
        if
        :: pointer_waits -> pointer_arrives()
        :: else
        fi;
        if
        :: number_waits -> number_arrives()
        :: else
        fi
    }
}

active proctype memory()
{
end:
    do
    :: d_step { buffered > 0 -> write_back() }
    :: d_step { pointer_waits -> pointer_arrives() }
#ifdef NUMBER_BEFORE_POINTER
    :: d_step { number_waits -> number_arrives() }
#else
    :: d_step { number_waits && !pointer_waits -> number_arrives() }
#endif
    od
}

/* --- The reader --- */

inline store_counter()
{
    atomic {
        buffered < DEPTH ->
        buffer[buffered] = loaded;
        buffered++;
        own = loaded;
        loaded = 0
    }
}

inline wake_leader()
{
    atomic { drain(); event = true }
}

inline take_request()
{
    atomic { drain(); requested = false }
#ifdef WOKEN_FIRST
    wake_leader();
#endif
    loaded = CURRENT;
    store_counter();
#ifndef NOT_WOKEN
#ifndef WOKEN_FIRST
    wake_leader()
#endif
#endif
}

inline rcu_reader_renews()
{
#ifdef ATTENTION_LOADED_FIRST
    is_requested = requested;
#endif
    store_counter();
#ifdef FULL
#ifndef RENEWED_WITHOUT_FENCE
    drain();
#endif
#endif
#ifndef ATTENTION_LOADED_FIRST
    is_requested = requested;
#endif
#ifdef ATTENTION_NOT_LOADED
    is_requested = false;
#endif
    if
    :: is_requested -> is_requested = false; take_request()
    :: else
    fi
}

active proctype reader()
{
    bool is_requested;
    byte looks;

end:
    do
    :: looks < 2 && holds == 0 ->
       atomic { holds = 1 + pointer; looks++; assert(!freed[pointer]) }
    :: holds != 0 && own == CURRENT -> holds = 0 /* a quiescent state that finds nothing new */
    :: own != CURRENT ->
       atomic { loaded = CURRENT; holds = 0 };
       rcu_reader_renews();
       looks = 0
    od
}

/* --- Leaders --- */

/* What shows CURRENT while the new number waits in the leader's buffer shows the one before. */
inline scan()
{
    d_step {
        done = (counter == CURRENT && !number_waits);
#ifdef OLD_NUMBER_IS_PROOF
        done = true;
#endif
        skip
    }
}

inline request_wake()
{
    requested = true;
    waiting = true
}

inline scan_with_fence()
{
    drain_leader();
#ifndef HEAVY_IS_LOCAL
#ifndef FULL
    drain();
#endif
#endif
    scan()
}

inline await_reader()
{
    do
    :: true ->
#ifndef RESET_LATE
       event = false;
#endif
       if
       :: !waiting ->
#ifdef REQUESTED_LATE
          scan_with_fence();
          request_wake()
#else
          request_wake();
          scan_with_fence()
#endif
#ifdef NAPPED
       :: !waiting -> scan()
#endif
       :: waiting -> scan()
       fi;
       if
       :: !done && waiting && !requested -> request_wake(); scan_with_fence()
       :: else
       fi;
#ifdef RESET_LATE
       event = false;
#endif
       if
       :: done -> break
       :: !done && waiting -> event
       :: !done && !waiting
       fi
    od
}

active proctype leader()
{
    bool old, done, waiting;

    do
    :: d_step { !pointer_waits && !number_waits -> old = published; published = !published;
                freed[published] = false; pointer_waits = true };
#ifndef NUMBER_BEFORE_POINTER
       drain_leader(); /* begin_grace_period() */
#endif
       number_waits = true;
       waiting = false;
       scan();
       if
       :: !done -> await_reader()
       :: else
       fi;
       skip;
       d_step {
           assert(holds != 1 + old);
           freed[old] = true;
           done = false;
           waiting = false;
           requested = false /* reader_passed() */
       }
    od
}
