/* libstillpoint. */
#ifndef FLAVOR_STILLPOINT_H
#define FLAVOR_STILLPOINT_H

#include <stillpoint/rcu.h>
#include <stillpoint/rcu_replay.h>
#include <stillpoint/vcpu.h>

#include "torture/record/gp_facts.h"
#include "torture/record/gp_promises.h"

#include <limits.h>
#include <stddef.h>

#ifndef FLAVOR_SUMMARY /* stillpoint-two-phase.h has its own */
#define FLAVOR_SUMMARY "libstillpoint's RCU, exclusive sections and vCPUs"
#endif

#define FLAVOR_CAN_PROTECT 1

static inline void flavor_register_thread(void)
{
    rcu_register_thread();
}

static inline void flavor_unregister_thread(void)
{
    rcu_unregister_thread();
}

#define FLAVOR_CAN_NEST 1
static inline void flavor_read_lock(void)
{
    rcu_read_lock();
}

static inline void flavor_read_unlock(void)
{
    rcu_read_unlock();
}

#define FLAVOR_CAN_TELL_SECTION 1
static inline bool flavor_in_section(void)
{
    return rcu_read_locked();
}

#define flavor_dereference(pointer)           rcu_dereference(pointer)
#define flavor_assign_pointer(pointer, value) rcu_assign_pointer(pointer, value)

#define FLAVOR_CAN_SYNCHRONIZE 1
static inline void flavor_synchronize(void)
{
    synchronize_rcu();
}

#define FLAVOR_CAN_EXPEDITE 1
static inline void flavor_synchronize_expedited(void)
{
    synchronize_rcu_expedited();
}

#define FLAVOR_CAN_CALL 1
typedef struct rcu_head flavor_head;
static inline void flavor_call(flavor_head *head, void (*callback)(flavor_head *))
{
    call_rcu(head, callback);
}

#define FLAVOR_CAN_BARRIER 1
static inline void flavor_barrier(void)
{
    rcu_barrier();
}

#define FLAVOR_CAN_CALLBACK_LOCK 1
static inline void flavor_set_callback_lock(void (*lock)(void *), void (*unlock)(void *),
                                            bool (*held)(void *), void *data)
{
    struct rcu_callback_lock callback_lock = {lock, unlock, held, data};

    rcu_set_callback_lock(&callback_lock);
}

#define FLAVOR_CAN_FORCE 1
typedef struct rcu_force_notifier flavor_notifier;
static inline void flavor_add_notifier(flavor_notifier *n, void (*notify)(flavor_notifier *))
{
    n->notify = notify;
    rcu_add_force_notifier(n);
}

static inline void flavor_remove_notifier(flavor_notifier *n)
{
    rcu_remove_force_notifier(n);
}

static inline void flavor_force(void)
{
    force_rcu();
}

#define FLAVOR_CAN_GP_TIMES 1
static inline bool flavor_gp_times(int64_t *start_ns, int64_t *end_ns)
{
    return rcu_gp_times(start_ns, end_ns);
}

#define FLAVOR_CAN_GP_FACTS 1
static inline void flavor_keep_gp_facts(void)
{
    struct rcu_settings settings;

    rcu_get_settings(&settings);
    settings.gp_records = true;
    rcu_set_settings(&settings);
}

static inline struct gp_facts flavor_facts_of(const struct rcu_gp_record *r)
{
    struct gp_facts facts = {
        .leader = r->leader,
        .start_ns = r->start_ns,
        .end_ns = r->end_ns,
        .pending_ns = r->pending_ns,
        .nap_ends_ns = r->nap_ends_ns,
        .wake_ns = r->wake_ns,
        .reader_count = r->reader_count,
        .ran_ns = r->ran_ns,
        .fence_ns = r->fence_ns,
    };

    for (unsigned i = 0; i < GP_FACTS_READERS && i < RCU_RECORD_READERS; i++)
        facts.readers[i] = r->readers[i];
    return facts;
}

static inline bool flavor_gp_facts(struct gp_facts *served, struct gp_facts *before)
{
    struct rcu_gp_record this_one, one_before;
    bool known = rcu_gp_records(&this_one, &one_before);

    *served = flavor_facts_of(&this_one);
    *before = flavor_facts_of(&one_before);
    return known;
}

#define FLAVOR_CAN_PROMISE 1
static inline void flavor_promises(struct gp_promises *promises)
{
    struct rcu_settings settings;
    enum rcu_gp_policy policy;

    rcu_get_settings(&settings);
    policy = settings.gp_policy;
    *promises = (struct gp_promises){.naps = -1, .after_ns = -1, .callbacks = -1};
    if (policy == RCU_GP_FQS)
        promises->naps = settings.force_naps;
    if (policy == RCU_GP_ADAPTIVE)
        promises->after_ns = settings.force_after_ns;
    if (policy == RCU_GP_FQS || policy == RCU_GP_ADAPTIVE)
        promises->callbacks = settings.force_callbacks;
    promises->batch = settings.callback_batch;
}

#define FLAVOR_CAN_JUMP 1
/* What counts may pass, and where they wrap. */
static const unsigned long flavor_passes[] = {1UL << 31 << 1, ULONG_MAX / 2 + 1, 0};

static inline void flavor_jump(uint64_t choice)
{
    unsigned long gps = 1 + (unsigned long)(choice / 3 % 8);
    unsigned which = (unsigned)(choice % 3);

    /* Not the number below 2^32: who counts may come there. */
    rcu_start_counting_at(flavor_passes[which == 0 ? 1 : which] - gps * RCU_NUMBER_STEP,
                          flavor_passes[which] - 2 * gps);
}

#define FLAVOR_CAN_CHANGE 1
typedef struct rcu_settings flavor_kept_settings;
static inline void flavor_keep_settings(flavor_kept_settings *kept)
{
    rcu_get_settings(kept);
}

static inline void flavor_restore_settings(const flavor_kept_settings *kept)
{
    rcu_set_settings(kept);
}

/* What warns with one of these settings is no news. */
static inline void flavor_ignore_warning(const char *line)
{
    (void)line;
}

/* Of each setting that which was kept, or one under which little happens unless it is changed
 * again, by the bits of `choice`. */
static inline void flavor_change_settings(const flavor_kept_settings *kept, uint64_t choice)
{
    static const int64_t minute = INT64_C(60) * 1000 * 1000 * 1000;
    struct rcu_settings s = *kept;

    s.gp_policy = (enum rcu_gp_policy)(choice % (RCU_GP_ADAPTIVE + 1));
    choice /= RCU_GP_ADAPTIVE + 1;
    s.spin_ns = choice & 1 ? 0 : kept->spin_ns;
    s.first_nap_ns = choice & 2 ? minute : kept->first_nap_ns;
    s.poll_interval_ns = choice & 4 ? minute : kept->poll_interval_ns;
    s.force_after_ns = choice & 8 ? minute : kept->force_after_ns;
    s.force_naps = choice & 16 ? UINT_MAX : kept->force_naps;
    s.force_callbacks = choice & 32 ? UINT_MAX : kept->force_callbacks;
    s.callback_batch = choice & 64 ? 1 : kept->callback_batch;
    s.callback_bound = choice & 128 ? 500 : kept->callback_bound;
    s.gp_times = choice & 256 ? !kept->gp_times : kept->gp_times;
    s.gp_records = choice & 512 ? !kept->gp_records : kept->gp_records;
    s.warn_after_ns = choice & 1024 ? 100 * 1000 : kept->warn_after_ns;
    rcu_set_warning_handler(flavor_ignore_warning);
    rcu_set_settings(&s);
}

static inline void flavor_change_to_force(const flavor_kept_settings *kept)
{
    struct rcu_settings s = *kept;

    s.gp_policy = RCU_GP_FQS;
    s.force_naps = 0;
    rcu_set_settings(&s);
}

#define FLAVOR_CAN_QSBR 1
static inline void flavor_thread_online(void)
{
    rcu_thread_online();
}

static inline void flavor_thread_offline(void)
{
    rcu_thread_offline();
}

static inline void flavor_quiescent_state(void)
{
    rcu_quiescent_state();
}

static inline void flavor_online_read_lock(void)
{
    rcu_online_read_lock();
}

static inline void flavor_online_read_unlock(void)
{
    rcu_online_read_unlock();
}

#define FLAVOR_CAN_POLL 1
static inline unsigned long flavor_get_state(void)
{
    return get_state_synchronize_rcu();
}

static inline unsigned long flavor_start_poll(void)
{
    return start_poll_synchronize_rcu();
}

static inline unsigned long flavor_start_poll_expedited(void)
{
    return start_poll_synchronize_rcu_expedited();
}

static inline bool flavor_poll_state(unsigned long cookie)
{
    return poll_state_synchronize_rcu(cookie);
}

static inline void flavor_cond_synchronize(unsigned long cookie)
{
    cond_synchronize_rcu(cookie);
}

static inline void flavor_cond_synchronize_expedited(unsigned long cookie)
{
    cond_synchronize_rcu_expedited(cookie);
}

#define FLAVOR_CAN_FORK    1
#define FLAVOR_CAN_INHERIT 1
static inline bool flavor_inherits(void)
{
    struct rcu_settings settings;

    rcu_get_settings(&settings);
    return !settings.drop_at_fork;
}

#define FLAVOR_CAN_EXIT   1
#define FLAVOR_CAN_SIGNAL 1

#define FLAVOR_CAN_REPLAY 1
static inline void flavor_set_replay(unsigned long (*decide)(void *, unsigned long), void *data)
{
    struct rcu_replay replay = {.decide = decide, .data = data};

    rcu_set_replay(decide ? &replay : NULL);
}

static inline void flavor_replay_ask(void)
{
    rcu_replay_ask();
}

#define FLAVOR_CAN_EXCLUSIVE 1
#define FLAVOR_CAN_FIFO      1
typedef struct vcpu flavor_vcpu;
/* The calling thread becomes a vCPU's, and no longer. */
static inline void flavor_vcpu_enter(flavor_vcpu *v)
{
    vcpu_init(v, NULL);
    vcpu_add(v);
    vcpu_attach(v);
}

static inline void flavor_vcpu_leave(flavor_vcpu *v)
{
    vcpu_detach(v);
    vcpu_remove(v);
    synchronize_rcu();
    vcpu_destroy(v);
}

static inline void flavor_exec_start(flavor_vcpu *v)
{
    cpu_exec_start(v);
}

static inline void flavor_exec_end(flavor_vcpu *v)
{
    cpu_exec_end(v);
}

static inline bool flavor_exec_wanted_out(flavor_vcpu *v)
{
    return cpu_exit_requested(v);
}

#define FLAVOR_HAS_EXEC_EVENTS 1
static inline void flavor_exec_events(flavor_vcpu *v)
{
    process_cpu_events(v);
}

static inline void flavor_start_exclusive(void)
{
    start_exclusive();
}

static inline void flavor_end_exclusive(void)
{
    end_exclusive();
}

#define FLAVOR_CAN_VCPU 1

#ifdef FLAVOR_TABLES
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
struct flavor_stats {
    struct rcu_stats rcu;
    struct vcpu_stats vcpu;
};

/* Of a field that is an unsigned long, as all are. */
#define COUNT(field)                                 \
    .offset = offsetof(struct flavor_stats, field) + \
              0 * _Generic(&((struct flavor_stats *)0)->field, unsigned long * : 1)
#define RCU(field)  COUNT(rcu.field)
#define VCPU(field) COUNT(vcpu.field)
static const struct statistic flavor_statistics[] = {
    {.name = "gps", .words = "grace periods", RCU(gps)},
    {.name = "gps_proven", .of = "gps", .words = "proven without a fence", RCU(gps_proven)},
    {.name = "gps_forced", .of = "gps", .words = "forced quiescent state", RCU(gps_forced)},
    {.name = "gps_forced_by_call",
     .of = "gps_forced",
     .words = "forced because callbacks piled up",
     RCU(gps_forced_by_call)},
    {.name = "gps_forced_by_time",
     .of = "gps_forced",
     .words = "forced because it took long",
     RCU(gps_forced_by_time)},
    {.name = "gps_shared", .words = "shared grace periods", RCU(gps_shared)},
    {.name = "heavy_fences", RCU(heavy_fences)},
    {.name = "spins", RCU(spins)},
    {.name = "naps", RCU(naps)},
    {.name = "sleeps", .words = "event wait slept", RCU(sleeps)},
    {.name = "wakeups", .of = "sleeps", .words = "wake-ups", RCU(wakeups)},
    {.name = "callbacks_queued", RCU(callbacks_queued)},
    {.name = "callbacks_invoked", .of = "callbacks_queued", RCU(callbacks_invoked)},
    {.name = "callbacks_peak",
     .of = "callbacks_queued",
     .words = "callbacks at once",
     RCU(callbacks_peak)},
    {.name = "callbacks_delayed",
     .of = "callbacks_queued",
     .words = "callers slowed down",
     RCU(callbacks_delayed)},
    {.name = "callbacks_dropped", RCU(callbacks_dropped)},
    {.name = "callback_threads", RCU(callback_threads)},
    {.name = "readers_parked", RCU(readers_parked)},
    {.name = "readers_unparked", .words = "parked readers that read again", RCU(readers_unparked)},
    {.name = "exits_registered", RCU(exits_registered)},
    {.name = "exclusive_sections", VCPU(exclusive_sections)},
    {.name = "exclusive_handed", .of = "exclusive_sections", VCPU(exclusive_handed)},
    {.name = "exclusive_opened", VCPU(exclusive_opened)},
    {.name = "exclusive_waited", .of = "exclusive_sections", VCPU(exclusive_waited)},
    {.name = "exec_waits", VCPU(exec_waits)},
    {.name = "exec_overtaken", VCPU(exec_overtaken)},
    {.name = "exec_counted", VCPU(exec_counted)},
    {.name = "pauses", VCPU(pauses)},
    {.name = "work_run", VCPU(work_run)},
    {.name = "safe_work_run", VCPU(safe_work_run)},
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

#endif
