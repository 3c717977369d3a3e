/* Readers that leaders do not watch, lib/rcu/parked.c, scan.c and grace_period.c: readers that read
 * now and then, and one leader after another, which frees what it has unpublished.
 *
 * Memory is x86's (TSO): what a reader stores into its counter waits in its store buffer, a
 * first-in-first-out one, until `memory` writes it back, at any time; so do the leader's number and
 * pointer. An atomic read-modify-write is one step on memory. Of two, less is assumed than x86
 * gives: the bit in `unparked` waits in the buffer as well, so that only the full fence after it
 * orders what the reader loads next. The heavy fence is one fence that each reader runs at any one
 * point, the leader's own before.
 *
 * Numbers are not counted: a counter shows the current one or an older one, and what shows the
 * current one shows an older one when the next gets to memory.
 *
 * No round is counted either: readers and leaders go on for ever. Of two readers, in a group each,
 * there are too many states for a complete search; two make one of the mutations.
 *
 * VARIANT HANDLER: a signal handler that reads interrupts the entry of a reader at any point
 * VARIANT FULL: both fences are full ones
 *
 * MUTATION ANNOUNCED_WITHOUT_FENCE: none in rcu_reader_entered() between the bit and the section
 * MUTATION NOT_ANNOUNCED: rcu_reader_entered() sets no bit
 * MUTATION FLAG_CLEARED_FIRST: rcu_reader_entered() clears its flag before it sets the bit
 * MUTATION FLAG_LOADED_FIRST: rcu_read_lock() loads the flag before it stores the counter
 * MUTATION BEGUN_WITHOUT_FENCE: none in begin_grace_period()
 * MUTATION BIT_NOT_LOADED: pass_at_once() does not look at `unparked`
 * MUTATION WATCHED_NOT_COUNTED: collect_group() does not add to `watched`
 * MUTATION BITS_STORED: rcu_collect_unparked() loads the bits, and then stores 0
 * MUTATION COLLECTED_BY_FLAG: collect_group() leaves each whose flag is set
 * MUTATION COLLECTED_BY_COUNTER: collect_group() leaves each whose counter is 0
 * MUTATION ZERO_IS_PROOF: reader_state() takes a 0 for outside before the heavy fence
 * MUTATION HEAVY_IS_LOCAL: the heavy fence reaches the leader only
 * MUTATION PROPOSAL_IS_PROOF: reader_state() takes the flag that a leader has set for the reader's
 * MUTATION PROPOSAL_FORGOTTEN: found_outside() does not note that the flag is a proposal
 * MUTATION OLD_NUMBER_IS_PROOF: reader_state() takes an older number for the new one
 * MUTATION NESTED_NOT_ANNOUNCED: rcu_read_lock() looks at the flag in outermost sections only
 */
#ifdef BITS_STORED
#define TWO_READERS
#endif
#if defined FLAG_CLEARED_FIRST || defined NESTED_NOT_ANNOUNCED
#define HANDLER
#endif

#ifdef TWO_READERS
#define READERS 2
#else
#define READERS 1
#endif
#define DEPTH 3 /* of a reader's store buffer */
#ifdef TWO_READERS
#define SOMEBODY_ANNOUNCED (unparked[0] || unparked[1])
#else
#define SOMEBODY_ANNOUNCED unparked[0]
#endif

/* Counters, and what waits in buffers. */
#define NONE    0 /* of a counter: outside */
#define OLDER   1
#define CURRENT 2
#define BIT     3 /* in a buffer: the reader's group's, in `unparked` */

byte counter[READERS];
byte buffer[6]; /* READERS * DEPTH */
byte buffered[READERS];
bool flag[READERS] = true; /* RCU_PARKED */
bool unparked[READERS];    /* the bit of its group */
bool pointer, published;   /* as in memory, and as the leader has stored it */
bool pointer_waits, number_waits;

/* The leader's. */
bool in_group[READERS] = true, proposed[READERS];
byte watched;

/* A number that a reader has loaded and not stored. Holding: 1 + which object. */
byte loaded[READERS], handler_loaded[READERS], holds[READERS], handler_holds[READERS];
bool freed[2];

/* --- Store buffers --- */

inline write_back(r)
{
    if
    :: buffer[r * DEPTH] == BIT -> unparked[r] = true
    :: else -> counter[r] = buffer[r * DEPTH]
    fi;
    buffer[r * DEPTH] = buffer[r * DEPTH + 1];
    buffer[r * DEPTH + 1] = buffer[r * DEPTH + 2];
    buffer[r * DEPTH + 2] = NONE;
    buffered[r]--
}

inline drain(r)
{
    d_step {
        do
        :: buffered[r] > 0 -> write_back(r)
        :: else -> break
        od
    }
}

inline store(r, value)
{
    atomic {
        buffered[r] < DEPTH ->
        buffer[r * DEPTH + buffered[r]] = value;
        buffered[r]++
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
    grow_old(counter[0]);
    grow_old(loaded[0]);
    grow_old(handler_loaded[0]);
    grow_old(buffer[0]);
    grow_old(buffer[1]);
    grow_old(buffer[2]);
#ifdef TWO_READERS
    grow_old(counter[1]);
    grow_old(loaded[1]);
    grow_old(handler_loaded[1]);
    grow_old(buffer[3]);
    grow_old(buffer[4]);
    grow_old(buffer[5])
#endif
}

/* The number was stored before the pointer of the next grace period. */
inline drain_leader()
{
    d_step {
        if
        :: number_waits -> number_arrives()
        :: else
        fi;
        pointer = published;
        pointer_waits = false
    }
}

active proctype memory()
{
end:
    do
    :: d_step { buffered[0] > 0 -> write_back(0) }
#ifdef TWO_READERS
    :: d_step { buffered[1] > 0 -> write_back(1) }
#endif
    :: d_step { number_waits -> number_arrives() }
    :: d_step { pointer_waits && !number_waits -> pointer = published; pointer_waits = false }
    od
}

/* --- Readers --- */

inline clear_flag_first(r)
{
#ifdef FLAG_CLEARED_FIRST
    flag[r] = false
#else
    skip
#endif
}

inline announce(r)
{
#ifndef NOT_ANNOUNCED
    store(r, BIT)
#else
    skip
#endif
}

inline full_fence(r)
{
#ifndef ANNOUNCED_WITHOUT_FENCE
    drain(r)
#else
    skip
#endif
}

/* By a handler, which nothing interrupts. */
inline enter_parked(r)
{
    clear_flag_first(r);
    announce(r);
    full_fence(r);
    flag[r] = false
}

inline look(holder)
{
    atomic { holder = 1 + pointer; assert(!freed[pointer]) }
    holder = 0
}

/* Before the entry that it interrupts has stored its counter: an outermost section. */
inline handler_outermost(r)
{
#ifdef HANDLER
    if
    :: true ->
       handler_loaded[r] = CURRENT;
       atomic { store(r, handler_loaded[r]); handler_loaded[r] = NONE }
#ifdef FULL
       drain(r);
#endif
       if
       :: flag[r] -> enter_parked(r)
       :: else
       fi;
       look(handler_holds[r]);
       store(r, NONE)
    :: true
    fi
#else
    skip
#endif
}

/* Afterwards: it changes the depth alone. */
inline handler_nested(r)
{
#ifdef HANDLER
    if
    :: true ->
#ifndef NESTED_NOT_ANNOUNCED
       if
       :: flag[r] -> enter_parked(r)
       :: else
       fi;
#endif
       look(handler_holds[r])
    :: true
    fi
#else
    skip
#endif
}

inline rcu_reader_entered(r)
{
    handler_nested(r);
    clear_flag_first(r);
    handler_nested(r);
    announce(r);
    handler_nested(r);
    full_fence(r);
    handler_nested(r);
    flag[r] = false
}

inline rcu_read_lock(r)
{
    loaded[r] = CURRENT;
    handler_outermost(r);
#ifdef FLAG_LOADED_FIRST
    is_parked = flag[r];
#endif
    atomic { store(r, loaded[r]); loaded[r] = NONE }
    handler_nested(r);
#ifdef FULL
    drain(r);
#endif
#ifndef FLAG_LOADED_FIRST
    is_parked = flag[r];
#endif
    if
    :: is_parked -> rcu_reader_entered(r)
    :: else
    fi
}

active[READERS] proctype reader()
{
    byte r = _pid - 1;
    bool is_parked;

    do
    :: rcu_read_lock(r);
       look(holds[r]);
       store(r, NONE)
    :: atomic { drain(r); flag[r] = true } /* rcu_park() */
    od
}

/* --- Leaders --- */

inline heavy_fence()
{
    drain_leader();
#ifndef HEAVY_IS_LOCAL
#ifndef FULL
    drain(0);
#ifdef TWO_READERS
    drain(1)
#endif
#endif
#endif
    fenced = true
}

inline collect_group(r)
{
    if
    :: in_group[r] ->
       seen = counter[r];
       is_flagged = flag[r];
#ifdef COLLECTED_BY_FLAG
       seen = NONE;
#endif
#ifdef COLLECTED_BY_COUNTER
       is_flagged = true;
#endif
       if
       :: seen == NONE && is_flagged
       :: else ->
          in_group[r] = false;
#ifndef WATCHED_NOT_COUNTED
          watched++
#endif
       fi
    :: else
    fi
}

/* One word of memory: all bits at once. */
inline rcu_collect_unparked()
{
#ifdef BITS_STORED
    d_step { bits[0] = unparked[0]; bits[1] = unparked[1] }
    if
    :: bits[0] || bits[1] -> d_step { unparked[0] = false; unparked[1] = false }
    :: else
    fi;
#else
    d_step {
        bits[0] = unparked[0];
        unparked[0] = false;
#ifdef TWO_READERS
        bits[1] = unparked[1];
        unparked[1] = false
#endif
    }
#endif
    if
    :: bits[0] -> bits[0] = false; collect_group(0)
    :: else
    fi;
#ifdef TWO_READERS
    if
    :: bits[1] -> bits[1] = false; collect_group(1)
    :: else
    fi
#endif
}

/* What shows CURRENT while the new number waits in the leader's buffer shows the one before. */
inline scan(r)
{
    d_step {
        seen = counter[r];
        if
        :: seen == CURRENT && number_waits -> seen = OLDER
        :: else
        fi
    }
    if
#ifdef OLD_NUMBER_IS_PROOF
    :: seen != NONE ->
#else
    :: seen == CURRENT ->
#endif
       proposed[r] = false;
       done[r] = true
    :: seen == NONE ->
       is_flagged = flag[r];
       if
#ifdef PROPOSAL_IS_PROOF
       :: is_flagged ->
#else
       :: is_flagged && (!proposed[r] || fenced) ->
#endif
          proposed[r] = false;
          in_group[r] = true;
          watched--;
          done[r] = true
       :: else ->
          if
#ifdef ZERO_IS_PROOF
          :: true ->
#else
          :: fenced ->
#endif
             found_outside(r);
             done[r] = true
          :: else
          fi
       fi
    :: else
    fi
}

inline found_outside(r)
{
    is_flagged = flag[r];
    if
    :: proposed[r] && !is_flagged -> proposed[r] = false
    :: !(proposed[r] && !is_flagged) /* outside for the first or the third time */
    :: !(proposed[r] && !is_flagged) ->
       flag[r] = true;
#ifndef PROPOSAL_FORGOTTEN
       proposed[r] = true
#endif
    fi
}

active proctype leader()
{
    byte r, seen;
    bool fenced, is_flagged, old, done[READERS], bits[READERS];

    do
    :: d_step { !pointer_waits -> old = published; published = !published; freed[published] = false;
                pointer_waits = true };
       /* begin_grace_period() */
#ifndef BEGUN_WITHOUT_FENCE
       drain_leader();
#endif
       if
       :: watched == 0 ->
#ifndef BIT_NOT_LOADED
          if
          :: SOMEBODY_ANNOUNCED
          :: else -> goto over
          fi
#else
          goto over
#endif
       :: watched > 0
       fi;
       rcu_collect_unparked();
       atomic { !number_waits -> number_waits = true };
       fenced = false;
       r = 0;
       do
       :: r < READERS -> done[r] = in_group[r]; r++
       :: else -> break
       od;
       r = 0;
       do
       :: r < READERS && !done[r] ->
          scan(r);
          if
          :: !fenced && !done[r] -> heavy_fence()
          :: true
          fi
       :: r < READERS && done[r] -> r++
       :: r == READERS -> break
       od;
over:  skip;
       d_step {
           assert(holds[0] != 1 + old && handler_holds[0] != 1 + old);
#ifdef TWO_READERS
           assert(holds[1] != 1 + old && handler_holds[1] != 1 + old);
#endif
           freed[old] = true;
           r = 0; seen = 0; fenced = false; is_flagged = false
       }
    od
}
