/* libstillpoint, as the harness sees it: settings, statistics, what the machine lacks, and who does
 * what others wait for. Part of stillpoint.h, in the one file that has the tables. */
#ifndef FLAVOR_STILLPOINT_TABLES_H
#define FLAVOR_STILLPOINT_TABLES_H

#include "torture/record/flavor_table.h"

#define FLAVOR_HAS_SETTINGS 1
struct flavor_settings {
    struct rcu_settings rcu;
    int start;
};

/* The library's settings are stored where it reads them; their defaults are its own. */
#define FIELD(name) offsetof(struct flavor_settings, name)
#define RCU(name)                                         \
    .offset = offsetof(struct flavor_settings, rcu.name), \
    .size = sizeof((struct flavor_settings *)0)->rcu.name
#define MINUTE 60e9
static const struct option flavor_settings_table[] = {
    {.name = "gp_policy",
     .type = OPTION_CHOICE,
     RCU(gp_policy),
     .choices = "event poll fqs adaptive",
     .help = "how the end of a grace period is noticed"},
    {.name = "spin",
     .type = OPTION_DURATION,
     RCU(spin_ns),
     .max = MINUTE,
     .help = "how long a leader spins for readers that come and go, before any fence"},
    {.name = "first_nap",
     .type = OPTION_DURATION,
     RCU(first_nap_ns),
     .min = 1,
     .max = MINUTE,
     .help = "adaptive: the shortest nap; later ones are an eighth of the grace period's age"},
    {.name = "poll_interval",
     .type = OPTION_DURATION,
     RCU(poll_interval_ns),
     .min = 1,
     .max = MINUTE,
     .help = "poll, fqs: every nap; adaptive: the longest one"},
    {.name = "force_after",
     .type = OPTION_DURATION,
     RCU(force_after_ns),
     .max = MINUTE,
     .help = "adaptive: a grace period this old is forced"},
    {.name = "force_naps",
     .type = OPTION_INT,
     RCU(force_naps),
     .max = 1e6,
     .unit = "naps",
     .help = "fqs: forced after so many naps; event: naps during which callbacks pile up"},
    {.name = "force_callbacks",
     .type = OPTION_INT,
     RCU(force_callbacks),
     .min = 1,
     .max = 1e9,
     .unit = "callbacks",
     .help = "fqs, adaptive: forced from so many pending callbacks; event: no longer piled up"},
    {.name = "callback_batch",
     .type = OPTION_INT,
     RCU(callback_batch),
     .min = 1,
     .max = 1e6,
     .unit = "callbacks",
     .help = "at most so many callbacks run before the callback lock is let go once"},
    {.name = "callback_hold",
     .type = OPTION_DURATION,
     RCU(callback_hold_ns),
     .min = 1,
     .max = MINUTE,
     .help = "about how long the callback lock is held at once"},
    {.name = "callback_bound",
     .type = OPTION_INT,
     RCU(callback_bound),
     .max = 1e9,
     .unit = "callbacks",
     .help = "from so many pending callbacks on grace periods are forced, from twice as many on "
             "the callers are slowed down; 0: no bound"},
    {.name = "drop_at_fork",
     .type = OPTION_BOOL,
     RCU(drop_at_fork),
     .help = "the child of a fork drops what was queued in its parent, and does not run it"},
    {.name = "warn_after",
     .type = OPTION_DURATION,
     RCU(warn_after_ns),
     .max = MINUTE,
     .help = "the library warns of a grace period that lasts for so long; 0: it does not, as the "
             "watchdog names who holds one up"},
    {.name = "gp_times",
     .type = OPTION_BOOL,
     RCU(gp_times),
     .help = "take the times that split latencies into request, grace period and callback"},
    {.name = "gp_records",
     .type = OPTION_BOOL,
     RCU(gp_records),
     .help =
         "record what leaders of grace periods do; gp-wait with \"explain\" turns it on itself"},
    {.name = "start",
     .type = OPTION_CHOICE,
     .offset = FIELD(start),
     .default_text = "0",
     .choices = "0 below-2^32 below-2^63 below-2^64",
     .help = "where grace periods are counted from: just before the counts pass 32 bits, or 63, or "
             "wrap"},
    {.name = NULL},
};
#undef FIELD
#undef RCU
#undef MINUTE

#define FLAVOR_HAS_DEFAULT_SETTINGS 1
/* The harness splits latencies, and the library by default does not. Long sections are what some
 * scenarios are about, and the watchdog has the word on those that are too long. */
static inline void flavor_default_settings(struct flavor_settings *s)
{
    s->rcu = rcu_default_settings;
    s->rcu.gp_times = true;
    s->rcu.warn_after_ns = 0;
}

static inline bool flavor_start(const struct flavor_settings *s, struct diagnostics *d)
{
    if (s->start > 0) { /* some hundred grace periods before */
        unsigned long pass = flavor_passes[s->start - 1];

        rcu_start_counting_at(pass - 256 * RCU_NUMBER_STEP, pass - 256);
    }
    if (rcu_set_settings(&s->rcu) != 0) {
        diagnose(d, "libstillpoint refuses the settings in \"library\"");
        return false;
    }
    /* From here, where nothing is pinned. */
    rcu_start_callback_thread();
    rcu_start_poll_thread();
    return true;
}

#define FLAVOR_HAS_STATISTICS 1
struct flavor_kicks flavor_kicks;

struct flavor_stats {
    struct rcu_stats rcu;
    struct vcpu_stats vcpu;
    unsigned long kicks, kicks_merged;
};

/* Of a field that is an unsigned long, as all are. */
#define COUNT(field)                                 \
    .offset = offsetof(struct flavor_stats, field) + \
              0 * _Generic(&((struct flavor_stats *)0)->field, unsigned long * : 1)
#define RCU(field)  COUNT(rcu.field)
#define VCPU(field) COUNT(vcpu.field)
/* Promised by rcu_policy.h and vcpu.h. */
static const struct statistic flavor_statistics[] = {
    {.name = "gps",
     .words = "grace periods",
     RCU(gps),
     /* Whoever waits leads one, or is served by another's. */
     .always = "called.synchronize <= gps + gps_shared",
     /* And nobody leads one that nobody has asked for. */
     .at_end = "gps + gps_shared <= called.synchronize + called.cond + called.start_poll + "
               "called.vcpu_leave + callbacks_queued",
     .after_barrier = "gps + 1 <= gps",
     .after_wait = "gps + 1 <= gps"},
    {.name = "gps_proven",
     .words = "proven without a fence",
     RCU(gps_proven),
     .always = "gps_proven <= gps <= gps_proven + heavy_fences"},
    {.name = "gps_forced",
     .words = "forced quiescent state",
     RCU(gps_forced),
     .always = "gps_forced <= gps"},
    {.name = "gps_forced_by_call",
     .words = "forced because callbacks piled up",
     RCU(gps_forced_by_call),
     .always = "gps_forced_by_call + gps_forced_by_time <= gps_forced"},
    {.name = "gps_forced_by_time", .words = "forced because it took long", RCU(gps_forced_by_time)},
    {.name = "gps_shared", .words = "shared grace periods", RCU(gps_shared)},
    {.name = "heavy_fences", RCU(heavy_fences)},
    {.name = "spins", RCU(spins), .always = "spins <= gps"},
    {.name = "naps", RCU(naps)},
    {.name = "sleeps",
     .words = "event wait slept",
     RCU(sleeps),
     .always = "wakeups <= sleeps",
     .at_end = "sleeps == wakeups"},
    {.name = "wakeups", .words = "wake-ups", RCU(wakeups)},
    {.name = "callbacks_queued",
     RCU(callbacks_queued),
     .always = "called.call <= callbacks_queued",
     .at_end = "called.call <= callbacks_queued <= called.call + called.barrier"},
    {.name = "callbacks_invoked",
     RCU(callbacks_invoked),
     .always = "callbacks_invoked <= callbacks_queued",
     .at_end = "callbacks_invoked == callbacks_queued",
     .after_barrier = "callbacks_queued <= callbacks_invoked"},
    {.name = "callbacks_peak",
     .words = "callbacks at once",
     RCU(callbacks_peak),
     .always = "callbacks_peak <= callbacks_queued <= callbacks_invoked + callbacks_peak"},
    {.name = "callbacks_delayed",
     .words = "callers slowed down",
     RCU(callbacks_delayed),
     .always = "callbacks_delayed <= callbacks_queued"},
    /* The process is nobody's child. */
    {.name = "callbacks_dropped", RCU(callbacks_dropped), .at_end = "callbacks_dropped == 0"},
    {.name = "callback_threads", RCU(callback_threads), .at_end = "callback_threads == 1"},
    {.name = "readers_parked", RCU(readers_parked), .always = "readers_parked <= readers_unparked"},
    {.name = "readers_unparked",
     .words = "parked readers that read again",
     RCU(readers_unparked),
     /* The thread that runs callbacks registers too. */
     .at_end = "readers_unparked <= readers_parked + called.register + callback_threads"},
    {.name = "exits_registered",
     RCU(exits_registered),
     .at_end = "exits_registered == called.exit"},
    {.name = "exclusive_sections",
     VCPU(exclusive_sections),
     .always = "called.exclusive + safe_work_run <= exclusive_sections",
     .at_end = "exclusive_sections == called.exclusive + safe_work_run"},
    {.name = "exclusive_handed", VCPU(exclusive_handed)},
    {.name = "exclusive_opened",
     VCPU(exclusive_opened),
     .always = "exclusive_handed + exclusive_opened <= exclusive_sections"},
    {.name = "exclusive_waited",
     VCPU(exclusive_waited),
     .always = "exclusive_handed + exclusive_waited <= exclusive_sections"},
    {.name = "exec_waits", VCPU(exec_waits)},
    {.name = "exec_overtaken", VCPU(exec_overtaken)},
    {.name = "exec_counted", VCPU(exec_counted)},
    {.name = "pauses",
     VCPU(pauses),
     .always = "called.pause <= pauses",
     .at_end = "pauses == called.pause"},
    {.name = "work_run",
     VCPU(work_run),
     .always = "safe_work_run <= work_run",
     .at_end = "work_run == called.work + called.safe_work + called.run_on_cpu"},
    {.name = "safe_work_run", VCPU(safe_work_run), .at_end = "safe_work_run == called.safe_work"},
    {.name = "work_dropped", VCPU(work_dropped), .at_end = "work_dropped == 0"},
    {.name = "kicks",
     COUNT(kicks),
     .at_end = "called.kick + called.work + called.safe_work + called.run_on_cpu <= kicks"},
    {.name = "kicks_merged", COUNT(kicks_merged), .at_end = "kick_signals + kicks_merged <= kicks"},
    {.name = "kick_signals", VCPU(signals)},
    {.name = "rr_timer_kicks", VCPU(rr_timer_kicks)},
};
#undef COUNT
#undef RCU
#undef VCPU

static inline void flavor_sample(uint64_t *values)
{
    struct flavor_stats stats;

    rcu_get_stats(&stats.rcu);
    vcpu_get_stats(&stats.vcpu);
    stats.kicks = atomic_load_explicit(&flavor_kicks.all, memory_order_relaxed);
    stats.kicks_merged = atomic_load_explicit(&flavor_kicks.merged, memory_order_relaxed);
    for (size_t i = 0; i < sizeof flavor_statistics / sizeof *flavor_statistics; i++)
        values[i] = *(unsigned long *)((char *)&stats + flavor_statistics[i].offset);
}

#define FLAVOR_HAS_MISSING 1
static inline const char *flavor_missing(unsigned capability)
{
    static char why[160];

    if (capability != CAN_KVM || vcpu_accel_available(&vcpu_accel_kvm, why, sizeof why) == 0)
        return NULL;
    return why;
}

#define FLAVOR_HAS_HOLDOUTS 1
static inline unsigned flavor_holdouts(int *thread_ids, unsigned room)
{
    return rcu_holdouts(thread_ids, room);
}

#define FLAVOR_HAS_DUTIES 1
static inline unsigned flavor_duties(struct flavor_duty *duties, unsigned room)
{
    struct rcu_duty found[8];
    unsigned count = rcu_duties(found, 4);

    count += vcpu_duties(found + count, 4);
    for (unsigned i = 0; i < count && i < room; i++)
        duties[i] = (struct flavor_duty){found[i].thread_id, found[i].what};
    return count < room ? count : room;
}

#endif
