/* Pauses, lib/vcpu/pause.c, wait.c and serve.c: two threads pause all vCPUs, one of them a
 * vCPU's own; vCPUs come and go, are unplugged, kicked for nothing, and wait for one another.
 *
 * Memory is sequentially consistent: all is under pause.lock but for `stop`, `unplug` and what
 * waits look at, and each store to these is followed by an exchange of the same thread (kick.pml
 * has those).
 *
 * What was asked of a vCPU by the end of a block has been done when the next block begins.
 *
 * A vCPU moves from when it begins to run work, to act on reasons or to execute until it is through
 * with it; while it waits in between it does not. One that is being unplugged may. Nobody moves in
 * a pause but its pauser; nobody counts itself twice, or without being waited for.
 *
 * No round is counted: all go round for ever, or end after any round. So whoever is stuck while the
 * others go on is also stuck when they have ended, which is a deadlock; as it is when a vCPU stays
 * stopped.
 *
 * PROGRESS: whoever goes round moves, pauses, kicks or unplugs; else it is awake for nothing
 *
 * VARIANT BOTH_PAUSE: the second vCPU pauses as well, so that there are three pausers
 * VARIANT ALL_UNPLUGGED: the vCPU that pauses is unplugged as well
 *
 * MUTATION TURN_NOT_AWAITED: pause_all_vcpus() does not wait for the pause that is on
 * MUTATION NOT_HANDED_OVER: resume_all_vcpus() says that no pause is on, and wakes the next
 * MUTATION PAUSED_TOO_EARLY: pause_all_vcpus() does not wait for vCPUs to stop
 * MUTATION STOPPED_UNLESS_EXECUTING: ask_to_stop() takes who does not execute for stopped
 * MUTATION NOT_ASKED: ask_to_stop() does not kick
 * MUTATION STOPPED_STAYS: ask_to_stop() does not take `stopped` back
 * MUTATION PLUGGED_RUNS: vcpu_pause_attach() does not look whether a pause is on
 * MUTATION NO_REQUEST_AT_ATTACH: vcpu_pause_attach() leaves no request in a pause
 * MUTATION DETACH_NOT_COUNTED: vcpu_pause_detach() does not count
 * MUTATION DETACH_COUNTED_TWICE: vcpu_pause_detach() counts who has stopped as well
 * MUTATION REPORTED_TWICE: vcpu_report_stopped() counts who has stopped as well
 * MUTATION RESUMED_WITHOUT_KICK: let_go() does not kick
 * MUTATION WAITER_GOES_ON: is_over() does not look whether a pause is on
 * MUTATION WAITER_NOT_COUNTED: vcpu_serve() in a wait does not count the vCPU as stopped
 * MUTATION WORK_IN_PAUSE: vcpu_run_work() does not look whether a pause is on
 * MUTATION WORK_LEFT_BEHIND: vcpu_serve() does not run what a pause that has just ended held back
 */
#define HANDED_OVER 255 /* -1 */

/* Threads: 1 and 2 are those of the vCPUs 0 and 1, 3 runs none. */
#define OTHER 3
#define thread_of(v) (v + 1)

bool pause_lock;
chan queue = [3] of { byte }; /* pause.first .. last */
byte still_running;           /* pause.running */
byte waiter;
byte pauser;

bool attached[2], stopped[2], stop[2], unplug[2];
bool exit_request[2];
bool wake[2] = true; /* the event; set while its thread does not look at it: it resets it first */

/* struct vcpu_wait: a turn or the end of stopping, of a thread; and in run_on_cpu(), of a vCPU. */
bool done[4], wanted, worked;

bool work; /* vcpu.work_here of vCPU 1; the other has some, or none */

/* Only for the properties. */
byte paused; /* by whom */
bool seen; /* there was work at the end of a block of vCPU 1 */
bool moving[2];
#ifdef STOPPED_UNLESS_EXECUTING
bool executing[2];
#endif

inline lock()
{
    atomic { !pause_lock -> pause_lock = true }
}

/* In one step: kick.pml has what it is made of. */
inline cpu_exit(v)
{
    d_step {
        wake[v] = wake[v] || !exit_request[v];
        exit_request[v] = true
    }
}

/* vcpu_wait_done() */
inline wait_done(thread)
{
    d_step {
        done[thread] = true;
        if
        :: thread != OTHER -> wake[thread - 1] = true
        :: else
        fi
    }
}

/* count_stopped(); => pause.lock. */
inline count_stopped(v)
{
    stopped[v] = true;
    assert(still_running > 0);
    still_running--;
    if
    :: still_running == 0 -> wait_done(waiter); waiter = 0
    :: else
    fi
}

/* --- Pausers --- */

inline ask(v, self)
{
    atomic {
        stop[v] = stop[v] || thread_of(v) != self;
        if
        :: attached[v] && thread_of(v) != self ->
#ifndef STOPPED_STAYS
            stopped[v] = false;
#endif
#ifndef NOT_ASKED
            cpu_exit(v);
#endif
#ifdef STOPPED_UNLESS_EXECUTING
            if
            :: executing[v] -> still_running++
            :: else -> stopped[v] = true
            fi
#else
            still_running++
#endif
        :: else
        fi
    }
}

/* pause_all_vcpus() but for its waits, which are other ones in a vCPU's thread: what comes before
 * the one for a turn, if there is one, and between the two. */
inline begin_pause(self)
{
    lock();
    if
#ifndef TURN_NOT_AWAITED
    :: pauser != 0 -> atomic { done[self] = false; queue!self; queued = true; pause_lock = false }
#endif
    :: else
    fi
}

inline stop_all(self)
{
    d_step {
        pauser = self;
        waiter = self;
        done[self] = false
    }
    ask(0, self);
    ask(1, self);
    d_step {
        if
        :: still_running == 0 -> waiter = 0; done[self] = true
        :: else
        fi;
        pause_lock = false
    }
}

inline note_paused(self)
{
    d_step {
        done[self] = false;
        assert(paused == 0);
        assert(self == 1 || !moving[0] || unplug[0]);
        assert(self == 2 || !moving[1] || unplug[1]);
        paused = self
    }
}

inline let_go(v)
{
    d_step {
        stopped[v] = false;
        stop[v] = false
    }
}

inline wake_up(v)
{
    d_step {
        if
#ifndef RESUMED_WITHOUT_KICK
        :: attached[v] -> cpu_exit(v)
#endif
        :: else
        fi
    }
}

inline resume_all(self)
{
    paused = 0;
    lock();
    assert(pauser == self && still_running == 0);
    d_step {
        if
#ifndef NOT_HANDED_OVER
        :: len(queue) > 0 -> pauser = HANDED_OVER
#endif
        :: else -> pauser = 0
        fi
    }
    let_go(0);
    let_go(1);
    wake_up(0);
    wake_up(1);
    atomic {
        if
        :: len(queue) > 0 ->
            queue?next;
            wait_done(next);
            next = 0
        :: else
        fi;
        pause_lock = false
    }
}

active proctype other()
{
    byte next;
    bool queued;

end:
    do
    :: break
    :: begin_pause(OTHER);
        if
        :: queued -> done[OTHER]; queued = false; lock()
        :: else
        fi;
        stop_all(OTHER);
#ifndef PAUSED_TOO_EARLY
        done[OTHER];
#endif
        note_paused(OTHER);
progress_paused:
        resume_all(OTHER)
    od
}

/* --- vCPUs --- */

#define v (_pid - 1) /* in vcpu() below, and in what it is made of */

inline begin_to_move()
{
    atomic {
        assert(paused == 0 || paused == thread_of(v) || unplug[v]);
        moving[v] = true
    }
}

/* vcpu_run_work(); what is urgent is not modelled. */
inline run_work()
{
    if
#ifdef WORK_IN_PAUSE
    :: atomic { v == 0 || work -> begin_to_move() }
#else
    :: atomic { (v == 0 || work) && !stop[v] -> begin_to_move() }
#endif
        d_step {
            moving[v] = false;
            if
            :: v == 1 -> work = false; seen = false
            :: else
            fi
        }
    :: v == 0 || !work || stop[v]
    fi
}

inline report_stopped()
{
    if
    :: stop[v] ->
        atomic {
            !pause_lock;
            if
#ifdef REPORTED_TWICE
            :: stop[v] -> count_stopped(v)
#else
            :: stop[v] && !stopped[v] -> count_stopped(v)
#endif
            :: else
            fi;
            must_stop = stop[v]
        }
    :: else -> must_stop = false
    fi
}

#ifdef WAITER_GOES_ON
#define is_over(is_done) (is_done)
#else
#define is_over(is_done) (is_done && (!stop[v] || unplug[v] || pauser == thread_of(v)))
#endif

#define SERVE_WORK 1
#define SERVE_PAUSE 2 /* runs no work */

inline wait_and_serve(is_done, service)
{
    moving[v] = false;
    do
    :: wake[v] = false;
        if
        :: is_over(is_done) -> break
        :: else
        fi;
        exit_request[v] = false;
        if
        :: service == SERVE_WORK -> run_work()
        :: else
        fi;
#ifndef WAITER_NOT_COUNTED
        report_stopped();
#endif
        if
        :: is_over(is_done) -> break
        :: else
        fi;
        if
        :: exit_request[v]
        :: else -> wake[v]
        fi
    od;
    atomic {
        wake[v] = true;
        must_stop = false;
        exit_request[v] = true /* vcpu_leave_request() */
    }
}

inline wait_for_kick()
{
    wake[v] = false;
    if
    :: exit_request[v] -> wake[v] = true
    :: else -> wake[v]
    fi
}

inline attach()
{
    atomic {
        !pause_lock;
        unplug[v] = false; /* vcpu_add() */
        attached[v] = true;
#ifdef PLUGGED_RUNS
        stopped[v] = false;
#else
        stopped[v] = pauser != 0;
#endif
        stop[v] = stopped[v];
#ifndef NO_REQUEST_AT_ATTACH
        exit_request[v] = exit_request[v] || stopped[v] /* vcpu_leave_request() */
#endif
    }
}

inline detach()
{
    atomic {
        !pause_lock;
        attached[v] = false;
        if
#ifdef DETACH_COUNTED_TWICE
        :: stop[v] -> count_stopped(v)
#elif !defined DETACH_NOT_COUNTED
        :: stop[v] && !stopped[v] -> count_stopped(v)
#endif
        :: else
        fi;
        stopped[v] = false; /* of no meaning until vcpu_pause_attach() */
        if
        :: v == 1 -> work = false; seen = false /* vcpu_close_work() */
        :: else
        fi;
        exit_request[v] = true /* vcpu_leave_request() */
    }
}

inline events()
{
    begin_to_move();
    if
    :: skip
#ifdef BOTH_PAUSE
    :: skip;
#else
    :: v == 1 -> /* run_on_cpu() of another vCPU */
        worked = false;
        wanted = true;
        wait_and_serve(worked, SERVE_WORK);
        worked = false;
        begin_to_move()
    :: v == 0 ->
#endif
        begin_pause(thread_of(v));
        if
        :: queued -> wait_and_serve(done[thread_of(v)], SERVE_PAUSE); queued = false; lock()
        :: else
        fi;
        stop_all(thread_of(v));
#ifndef PAUSED_TOO_EARLY
        wait_and_serve(done[thread_of(v)], SERVE_PAUSE);
#endif
        note_paused(thread_of(v));
        begin_to_move();
        resume_all(thread_of(v))
    fi;
    moving[v] = false
}

inline execute()
{
    begin_to_move();
#ifdef STOPPED_UNLESS_EXECUTING
    executing[v] = true;
#endif
    if
    :: exit_request[v]
    :: else ->
        assert(v == 0 || !seen);
end_inner_loop:
        atomic { exit_request[v] -> seen = seen || (v == 1 && work) }
    fi;
#ifdef STOPPED_UNLESS_EXECUTING
    executing[v] = false;
#endif
    moving[v] = false
}

active [2] proctype vcpu()
{
    byte next;
    bool must_stop, queued;

    do
    :: break
    :: attach();
        /* A loop of the program's own may begin like this; vcpu_run() does not. */
        if
        :: !exit_request[v] -> execute()
        :: skip
        fi;
        do
        :: exit_request[v] = false;
again:
            run_work();
            if
            :: unplug[v] -> break
            :: else
            fi;
            report_stopped();
            if
            :: must_stop -> must_stop = false; wait_for_kick()
#ifndef WORK_LEFT_BEHIND
            :: !must_stop && v == 1 && work -> goto again
#endif
            :: else ->
progress_moves:
                events();
                if
                :: execute()
                :: skip; /* idle */
                    wake[v] = false;
                    if
                    :: exit_request[v] -> wake[v] = true
                    :: else ->
end_idle:
                        wake[v]
                    fi
                fi
            fi
        od;
        must_stop = false;
        detach()
    od
}

/* --- What others do to vCPUs --- */

active proctype peer()
{
end:
    do
    :: atomic { wanted -> wanted = false; worked = true; wake[1] = true }
    od
}

active proctype plugger()
{
    do
    :: break
    :: skip;
progress_kicks:
        if
#ifdef ALL_UNPLUGGED
        :: d_step { unplug[0] = true; cpu_exit(0) }
#endif
        :: d_step { unplug[1] = true; cpu_exit(1) }
        :: d_step { work = true; cpu_exit(1) }
        :: cpu_exit(0)
        fi
    od
}
