/* How grace periods end: policies, settings, forcing, statistics.
 *
 *     policy    how the end is noticed                                        forced
 *     event     requests each reader to wake the leader, and sleeps;          on request
 *               callbacks pile up before their grace period starts
 *     poll      naps of poll_interval between scans, never disturbs readers   on request
 *     fqs       as poll, then the forced state                                on request, callbacks
 *                                                                             >= force_callbacks,
 *                                                                             after force_naps naps
 *     adaptive  a short spin, then naps of an eighth of the grace period's    on request,
 *               age, from first_nap up to poll_interval, then the forced      callbacks,
 *               state                                                         after force_after
 *
 * Under each policy the leader first spins for a moment where that can spare the heavy fence, never
 * on one CPU. A request is synchronize_rcu_expedited(), rcu_barrier(), drain_call_rcu() or
 * force_rcu(). In the forced state the force notifiers of the readers in the way run, each of these
 * readers has the request to wake the leader, and the leader sleeps until one does.
 *
 * Source: the polled and forced states, their count of callbacks and of naps follow QEMU's RCU.
 */
#ifndef STILLPOINT_RCU_POLICY_H
#define STILLPOINT_RCU_POLICY_H

#include <stillpoint/language.h>
#include <stillpoint/rcu.h>

STILLPOINT_BEGIN

enum rcu_gp_policy { RCU_GP_EVENT, RCU_GP_POLL, RCU_GP_FQS, RCU_GP_ADAPTIVE };

struct rcu_settings {
    enum rcu_gp_policy gp_policy;
    int64_t spin_ns;          /* how long the leader scans before any fence or nap; 0: once */
    int64_t first_nap_ns;     /* adaptive: the nap after the spin */
    int64_t poll_interval_ns; /* poll and fqs: every nap; adaptive: the longest */
    int64_t force_after_ns;   /* adaptive: forced when a grace period is that old */
    unsigned force_naps;      /* fqs: forced after so many naps; event: naps of piling up */
    unsigned force_callbacks; /* fqs, adaptive: forced from so many callbacks; event: pile up to */
    unsigned callback_batch;  /* most callbacks at once under the callback lock, and */
    int64_t callback_hold_ns; /* about how long it is held; a single callback is never cut */
    /* 0: none. From so many pending callbacks on, call_rcu() forces grace periods; from twice as
     * many on it also delays its caller, the longer the more there are, up to 10 ms a call. It
     * never delays inside a section, an online thread, a callback, or while the callback lock is
     * held: there it would hold up the very grace period or the callbacks. */
    unsigned long callback_bound;
    bool drop_at_fork; /* the child of a fork drops its parent's callbacks: see rcu_fork.h */
    /* A grace period that lasts for so long is warned of, once, by its leader, with the threads in
     * its way: see rcu_set_warning_handler(). 0: none. It comes when the leader next looks after
     * that time, or out of its sleep. */
    int64_t warn_after_ns;
    bool gp_times;   /* record when grace periods start and end, for rcu_gp_times() */
    bool gp_records; /* and what their leaders did meanwhile, for rcu_gp_records() */
};

/* Any thread, any time; a grace period that is under way follows. Returns 0, or -EINVAL (nothing
 * changed) when a duration is negative or above an hour, poll_interval_ns, first_nap_ns,
 * callback_hold_ns, force_callbacks or callback_batch is 0, or the policy is none of the four. */
int rcu_set_settings(const struct rcu_settings *settings);
void rcu_get_settings(struct rcu_settings *settings);
/* The defaults, with which a program starts: adaptive. */
extern const struct rcu_settings rcu_default_settings;

/* What takes warnings: one line each, without an end of line, which is gone when the handler
 * returns. NULL, as at the start: to stderr; where that takes nothing just then, it is left out.
 * => Any thread, any time. The handler runs in a thread that leads a grace period, with no lock of
 *    the library held; it must not wait for a grace period. */
typedef void rcu_warning_handler(const char *line);
void rcu_set_warning_handler(rcu_warning_handler *handler);

/* For tests: grace periods are counted from here on, so that what happens when the counts wrap need
 * not be waited for. The number takes the upper bits of `number`, the sequence the even part of
 * `sequence`.
 * => Before any other thread uses the library, and before the first grace period of the process; in
 *    the child of a fork too, but a number at which an open section of it began may not come
 *    again. */
void rcu_start_counting_at(unsigned long number, unsigned long sequence);

/* Forces the grace period that is under way and the next one to start, callbacks' ones included. */
void force_rcu(void);

/* Called for a reader that holds up a forced grace period, to make it leave its section: kick the
 * vCPU, set the flag that its loop tests.
 * => Called by the leader of the grace period, under the library's registry lock: it must not
 *    block, and must not call the library, but for cpu_exit().
 * => May be called again while the reader stays, and once more just after it left.
 * => Added to and removed from the calling, registered thread; when remove returns, it is not
 *    running and will not be called again. */
struct rcu_force_notifier {
    void (*notify)(struct rcu_force_notifier *notifier);
    struct rcu_link link;
};
void rcu_add_force_notifier(struct rcu_force_notifier *notifier);
void rcu_remove_force_notifier(struct rcu_force_notifier *notifier);

/* Counts since the program started. Read without a lock: each is exact, together they may be a
 * grace period apart. */
struct rcu_stats {
    /* Grace periods. */
    unsigned long gps;                /* led */
    unsigned long gps_proven;         /* of these, without any heavy fence */
    unsigned long gps_forced;         /* that entered the forced state */
    unsigned long gps_forced_by_call; /* because callbacks had piled up */
    unsigned long gps_forced_by_time; /* because of naps or time */
    unsigned long gps_shared;         /* callers that were served by another's grace period */
    /* What their leaders did. */
    unsigned long heavy_fences;
    unsigned long spins; /* grace periods whose leader spun; none on one CPU */
    unsigned long naps;
    unsigned long sleeps;  /* until a reader leaves */
    unsigned long wakeups; /* from these sleeps: a reader left, or a request came */
    /* Callbacks. */
    unsigned long callbacks_queued;
    unsigned long callbacks_invoked; /* at most a batch too low, and exact after rcu_barrier() */
    unsigned long callbacks_peak;    /* most that were pending at once */
    unsigned long callbacks_delayed; /* calls of call_rcu() that callback_bound slowed down */
    unsigned long callbacks_dropped; /* of the parent's, by this process's fork */
    unsigned long callback_threads;  /* started: one, and one after each rcu_shutdown() */
    /* Readers. */
    unsigned long readers_parked;   /* that leaders stopped watching */
    unsigned long readers_unparked; /* parked ones that read, those just registered too */
    unsigned long exits_registered; /* threads that ended without unregistering */
};
void rcu_get_stats(struct rcu_stats *stats);

/* When the grace period began and ended that satisfied the calling thread's last synchronize_rcu(),
 * or, in a callback, that callback (also after it called synchronize_rcu() itself).
 * CLOCK_MONOTONIC. False while gp_times is off, or when that grace period is no longer
 * remembered. */
bool rcu_gp_times(int64_t *start_ns, int64_t *end_ns);

/* What became of a grace period's time, as its leader saw it. Times are CLOCK_MONOTONIC. When
 * exactly a reader left, that reader alone knows. */
#define RCU_RECORD_READERS 8
struct rcu_gp_record {
    int leader; /* thread id */
    bool forced;
    int64_t start_ns, end_ns;
    /* The last time that the leader found readers in the way; 0: it never did. They have been
     * inside since the start, and had left when it looked again: by wake_ns, or just after. */
    int64_t pending_ns;
    unsigned reader_count; /* how many; the first of them by thread id */
    int readers[RCU_RECORD_READERS];
    int64_t nap_ends_ns; /* when the nap after that was to end; 0: it slept until a reader left */
    int64_t wake_ns;     /* when it ran again after its last nap or sleep; 0: there was none */
    /* Since then, or since the start: */
    int64_t ran_ns;   /* CPU time of the leader; the rest it waited for a CPU, or for a lock */
    int64_t fence_ns; /* in heavy fences */
};

/* Of the grace period that satisfied the calling thread's last synchronize_rcu(), or, in a
 * callback, that callback; and of the one before it, which a call may have had to wait for first.
 * False while gp_records is off, or when that grace period is no longer remembered; *one_before is
 * all 0 when that one is not. A record costs the leader a microsecond, and about one with each nap
 * or sleep. */
bool rcu_gp_records(struct rcu_gp_record *this_one, struct rcu_gp_record *one_before);

/* The readers that hold up the grace period under way: fills at most `room` thread ids, returns how
 * many there are. Takes the registry lock. For reports of stalls. */
unsigned rcu_holdouts(int *thread_ids, unsigned room);

/* What a thread does that others wait for: "leads a grace period: naps". */
struct rcu_duty {
    int thread_id;
    const char *what; /* stays */
};
/* Those of grace periods and callbacks at some moment of the call: fills at most `room`, returns
 * how many it has filled. Takes no lock. For reports of stalls. */
unsigned rcu_duties(struct rcu_duty *duties, unsigned room);

STILLPOINT_END

#endif
