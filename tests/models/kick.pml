/* Kicks, lib/vcpu/kick.c, kick_signal.c, serve.c, wait.c and run.c: two requesters ask one vCPU to
 * leave what it runs.
 *
 * Each writes a reason and calls cpu_exit(). Those of requester 0 are for events(), which the
 * vCPU's loop alone calls. Those of requester 1 are work, which a wait serves as well; it also does
 * what such waits are for, as run_on_cpu() of another vCPU would. Work may itself wait, so a wait
 * may be inside of another.
 *
 * Memory is x86's (TSO): a plain store waits in its thread's store buffer until `memory` writes it
 * back, at any time. Read-modify-writes drain the buffer of their thread. A buffer holds one store
 * of the vCPU's, and of a requester's a reason and, in one mutation, a request after it.
 *
 * No round is counted: requesters go round for ever, or end after any. When nothing can happen any
 * more, each reason has been acted on (`everything_done`), and a vCPU that sleeps does so in its
 * loop or in its accelerator; that it sleeps for ever anywhere else is a deadlock.
 *
 * PROGRESS: whoever goes round asks, or begins to wait; else the vCPU is awake for nothing
 *
 * VARIANT SIGNAL: the accelerator `signal`, and `kvm` by signal mask; without: `threads`
 * VARIANT CANCEL: the accelerator `cancel`
 * VARIANT IMMEDIATE_EXIT: the accelerator `kvm`, by immediate_exit
 *
 * MUTATION CLEARED_BY_STORE: vcpu_serve() clears the request by a plain store
 * MUTATION READ_BEFORE_CLEAR: vcpu_serve() calls events() and then clears the request
 * MUTATION WORK_BEFORE_CLEAR: vcpu_serve() runs work and then clears the request
 * MUTATION REQUEST_BEFORE_REASON: the requester calls cpu_exit() and then writes the reason
 * MUTATION LOOK_BEFORE_RESET: vcpu_wait_for_kick() looks at the request and then resets its event
 * MUTATION DEDUPLICATED_BY_LOOK: cpu_exit() looks for a request, and stores one if there is none
 * MUTATION DEDUPLICATED_FOR_GOOD: what says that a kick is on its way is never taken back
 * MUTATION NO_REQUEST_LEFT: wait_and_serve() does not call vcpu_leave_request()
 * MUTATION SLEEPS_BESIDE_REQUEST: wait_and_serve() does not call is_asked()
 * MUTATION WAIT_SERVES_NOBODY: wait_and_serve() does not call vcpu_serve()
 * MUTATION WAITS_STORED: vcpu_signal_begin() says by a plain store that it waits
 * MUTATION LOOK_BEFORE_WAITS: the look at the request comes before vcpu_signal_begin()
 * MUTATION SIGNAL_LET_IN: the signal is not blocked between the look at the request and sigwait()
 * MUTATION SIGNAL_INSTEAD_OF_WAKE: the kick does not set the event
 * MUTATION CANCEL_FORGOTTEN: the blocking call forgets a cancel that came before it
 * MUTATION CLEARED_AFTER_LOOK: immediate_exit is cleared after the look at the request
 */
#if defined WAITS_STORED || defined LOOK_BEFORE_WAITS || defined SIGNAL_LET_IN || \
    defined SIGNAL_INSTEAD_OF_WAKE
#define SIGNAL
#endif
#ifdef CANCEL_FORGOTTEN
#define CANCEL
#endif
#ifdef CLEARED_AFTER_LOOK
#define IMMEDIATE_EXIT
#endif

/* The vCPU's words. */
bool exit_request, kick_sent;
mtype = { FREE, SET, BUSY };
mtype wake = SET; /* the event, as in lib/sync/event.c; set while the vCPU does not look at it: it
                   * resets it first */
bool cancel;      /* the other event */
bool waits, signalled; /* `signalled`: it is pending */
bool immediate_exit, in_kvm_run;

/* A reason alternates, and `acted` is what the vCPU has seen of it. */
bool reason[2], acted[2], written[2];
bool wanted[2], done[2]; /* struct vcpu_wait, the outer and the inner */

/* Store buffers. */
bool reason_waits[2], request_waits[2];
mtype = { NOTHING, CLEAR_REQUEST, CLEAR_WAITS, SET_WAITS };
mtype vcpu_buffer = NOTHING;

inline drain_vcpu()
{
    d_step {
        if
        :: vcpu_buffer == CLEAR_REQUEST -> exit_request = false
        :: vcpu_buffer == CLEAR_WAITS -> waits = false
        :: vcpu_buffer == SET_WAITS -> waits = true
        :: else
        fi;
        vcpu_buffer = NOTHING
    }
}

inline drain_requester(r)
{
    d_step {
        if
        :: reason_waits[r] -> reason[r] = !reason[r]; reason_waits[r] = false
        :: else
        fi;
        if
        :: request_waits[r] -> exit_request = true; request_waits[r] = false
        :: else
        fi
    }
}

active proctype memory()
{
end:
    do
    :: atomic { vcpu_buffer != NOTHING -> drain_vcpu() }
    :: atomic { reason_waits[0] -> reason[0] = !reason[0]; reason_waits[0] = false }
    :: atomic { reason_waits[1] -> reason[1] = !reason[1]; reason_waits[1] = false }
#ifdef DEDUPLICATED_BY_LOOK
    :: atomic { request_waits[0] -> drain_requester(0) }
    :: atomic { request_waits[1] -> drain_requester(1) }
#endif
    od
}

/* The monitor. */
active proctype everything_done()
{
end:
    timeout -> assert(acted[0] == written[0] && acted[1] == written[1])
}

/* --- Requesters --- */

inline write_reason(r)
{
    atomic {
        !reason_waits[r] && !request_waits[r] ->
        reason_waits[r] = true;
        written[r] = !written[r]
    }
}

/* The accelerator's. The signal's handler runs in between what the vCPU does. */
inline kick(r)
{
#ifndef SIGNAL_INSTEAD_OF_WAKE
    atomic { drain_requester(r); woken = (wake == BUSY); wake = SET }
#endif
#if defined SIGNAL || defined IMMEDIATE_EXIT
    if
    :: !woken && waits -> signalled = true
    :: else
    fi
#elif defined CANCEL
    if
    :: !woken -> cancel = true
    :: else
    fi
#endif
    woken = false
}

inline cpu_exit(r)
{
#ifdef DEDUPLICATED_BY_LOOK
    if
    :: exit_request
    :: else -> request_waits[r] = true; kick(r)
    fi
#else
    atomic {
        drain_requester(r);
        if
        :: exit_request -> merged = true
        :: else -> exit_request = true
        fi
    }
#ifdef DEDUPLICATED_FOR_GOOD
    atomic { merged = merged || kick_sent; kick_sent = true }
#endif
    if
    :: merged -> merged = false
    :: else -> kick(r)
    fi
#endif
}

inline wait_done(level)
{
    wanted[level] = false;
    done[level] = true;
    wake = SET
}

active [2] proctype requester()
{
    bool merged, woken, quiet;
#define self (_pid - 2)

end:
    do
    :: !quiet -> quiet = true
    :: !quiet ->
progress_asks:
#ifdef REQUEST_BEFORE_REASON
        cpu_exit(self);
        write_reason(self);
#else
        write_reason(self);
        cpu_exit(self);
#endif
        if
        :: skip
        :: acted[self] == written[self] /* run_on_cpu() */
        fi
    :: self == 1 && wanted[0] -> wait_done(0)
    :: self == 1 && wanted[1] -> wait_done(1)
    od
}

/* --- The vCPU --- */

#ifdef CLEARED_BY_STORE
#define requested (exit_request && vcpu_buffer != CLEAR_REQUEST)
#else
#define requested exit_request
#endif

inline clear_request()
{
#ifdef CLEARED_BY_STORE
    atomic { vcpu_buffer == NOTHING -> vcpu_buffer = CLEAR_REQUEST }
#else
    atomic { drain_vcpu(); exit_request = false }
#endif
}

inline event_reset()
{
    atomic {
        drain_vcpu();
        if
        :: wake == SET -> wake = FREE
        :: else
        fi
    }
}

/* The sleep itself is `wake == SET`, where it stands: it has a label there if it may be the last.
 */
inline event_wait_begin()
{
    atomic {
        drain_vcpu();
        if
        :: wake == FREE -> wake = BUSY
        :: else
        fi
    }
}

inline leave_request()
{
#ifdef NO_REQUEST_LEFT
    skip
#else
    atomic { drain_vcpu(); exit_request = true }
#endif
}

inline run_work()
{
    acted[1] = reason[1]
}

/* is_asked(), and the sleep if not. */
inline sleep_unless_asked()
{
    if
#ifndef SLEEPS_BESIDE_REQUEST
    :: requested
#endif
    :: else -> event_wait_begin(); wake == SET
    fi
}

inline inner_wait()
{
    wanted[1] = true;
    do
    :: event_reset();
        if
        :: done[1] -> done[1] = false; break
        :: else
        fi;
        clear_request();
        run_work();
        sleep_unless_asked()
    od;
    leave_request()
}

inline outer_wait()
{
    wanted[0] = true;
    do
    :: event_reset();
        if
        :: done[0] -> done[0] = false; wake = SET; break
        :: else
        fi;
#ifndef WAIT_SERVES_NOBODY
        clear_request();
        run_work();
        if
        :: skip;
progress_waits_within:
            inner_wait()
        :: skip
        fi;
#endif
        sleep_unless_asked()
    od;
    leave_request()
}

inline serve_all()
{
#ifdef READ_BEFORE_CLEAR
    acted[0] = reason[0];
#endif
#ifdef WORK_BEFORE_CLEAR
    run_work();
    clear_request();
#else
    clear_request();
    run_work();
#endif
    if
    :: skip;
progress_waits:
        outer_wait()
    :: skip
    fi;
#ifndef READ_BEFORE_CLEAR
    acted[0] = reason[0]
#endif
}

/* The accelerator's run(), and the look before it in vcpu_execute(). */
inline execute()
{
#ifdef SIGNAL
#ifdef WAITS_STORED
    atomic { vcpu_buffer == NOTHING -> vcpu_buffer = SET_WAITS }
#elif !defined LOOK_BEFORE_WAITS
    atomic { drain_vcpu(); waits = true }
#endif
    do
    :: requested -> break
    :: else ->
#ifdef LOOK_BEFORE_WAITS
        atomic { drain_vcpu(); waits = true }
#endif
#ifdef SIGNAL_LET_IN
        signalled = false;
#endif
end_sigwait:
        atomic { signalled -> signalled = false }
    od;
    atomic { vcpu_buffer == NOTHING -> vcpu_buffer = CLEAR_WAITS } /* vcpu_signal_end() */
    signalled = false
#elif defined CANCEL
    do
    :: requested -> break
    :: else ->
#ifdef CANCEL_FORGOTTEN
        cancel = false;
#endif
end_cancel:
        cancel;
        cancel = false
    od
#elif defined IMMEDIATE_EXIT
    atomic { drain_vcpu(); waits = true }
    do
    :: skip;
#ifndef CLEARED_AFTER_LOOK
        immediate_exit = false;
#endif
        if
        :: requested -> break
        :: else
        fi;
#ifdef CLEARED_AFTER_LOOK
        immediate_exit = false;
#endif
        in_kvm_run = !immediate_exit;
end_kvm_run:
        !in_kvm_run
    od;
    atomic { vcpu_buffer == NOTHING -> vcpu_buffer = CLEAR_WAITS } /* vcpu_signal_end() */
#else
    if
    :: requested
    :: else ->
end_inner_loop:
        requested
    fi
#endif
}

#ifdef IMMEDIATE_EXIT
active proctype handler()
{
end:
    do
    :: atomic { signalled -> signalled = false; immediate_exit = true; in_kvm_run = false }
    od
}
#endif

inline wait_for_kick()
{
#ifdef LOOK_BEFORE_RESET
    if
    :: requested
    :: else ->
        event_reset();
        event_wait_begin();
end_idle:
        wake == SET
    fi
#else
    event_reset();
    if
    :: requested -> wake = SET
    :: else ->
        event_wait_begin();
end_idle:
        wake == SET
    fi
#endif
}

active proctype vcpu()
{
    do
    :: serve_all();
        if
        :: skip; wait_for_kick() /* idle */
        :: skip; execute()
        fi
    od
}
