/* libstillpoint. */
#ifndef FLAVOR_STILLPOINT_H
#define FLAVOR_STILLPOINT_H

#include <stillpoint/rcu.h>
#include <stillpoint/rcu_replay.h>
#include <stillpoint/vcpu.h>

#include <stddef.h>

#ifndef FLAVOR_NAME /* stillpoint-two-phase.h has its own */
#define FLAVOR_NAME    "stillpoint"
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

#define FLAVOR_CAN_GP_TIMES 1
static inline bool flavor_gp_times(int64_t *start_ns, int64_t *end_ns)
{
    return rcu_gp_times(start_ns, end_ns);
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

#define FLAVOR_CAN_FORK 1
#define FLAVOR_CAN_EXIT 1

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
#include "torture/record/workload.h"

#include <string.h>

#define FLAVOR_HAS_SETTINGS 1
struct flavor_settings {
    int gp_policy;
    int64_t spin_ns, first_nap_ns, poll_interval_ns, force_after_ns;
    int64_t force_naps, force_callbacks, callback_batch, callback_hold_ns, callback_bound;
    bool gp_times;
    int start;
};

#define FIELD(name) offsetof(struct flavor_settings, name)
#define MINUTE      60e9
static const struct option flavor_settings_table[] = {
    {"gp_policy", OPTION_CHOICE, FIELD(gp_policy), "adaptive", 0, 0, NULL,
     "event poll fqs adaptive", "how the end of a grace period is noticed"},
    {"spin", OPTION_DURATION, FIELD(spin_ns), "10us", 0, MINUTE, NULL, NULL,
     "how long a leader spins for readers that come and go, before any fence"},
    {"first_nap", OPTION_DURATION, FIELD(first_nap_ns), "20us", 1, MINUTE, NULL, NULL,
     "adaptive: the shortest nap; later ones are an eighth of the grace period's age"},
    {"poll_interval", OPTION_DURATION, FIELD(poll_interval_ns), "10ms", 1, MINUTE, NULL, NULL,
     "poll, fqs: every nap; adaptive: the longest one"},
    {"force_after", OPTION_DURATION, FIELD(force_after_ns), "50ms", 0, MINUTE, NULL, NULL,
     "adaptive: a grace period this old is forced"},
    {"force_naps", OPTION_INT, FIELD(force_naps), "5", 0, 1e6, "naps", NULL,
     "fqs: forced after so many naps; event: naps during which callbacks pile up"},
    {"force_callbacks", OPTION_INT, FIELD(force_callbacks), "30", 1, 1e9, "callbacks", NULL,
     "fqs, adaptive: forced from so many pending callbacks; event: no longer piled up"},
    {"callback_batch", OPTION_INT, FIELD(callback_batch), "4096", 1, 1e6, "callbacks", NULL,
     "at most so many callbacks run before the callback lock is let go once"},
    {"callback_hold", OPTION_DURATION, FIELD(callback_hold_ns), "200us", 1, MINUTE, NULL, NULL,
     "about how long the callback lock is held at once"},
    {"callback_bound", OPTION_INT, FIELD(callback_bound), "0", 0, 1e9, "callbacks", NULL,
     "from so many pending callbacks on grace periods are forced, from twice as many on the "
     "callers "
     "are slowed down; 0: no bound"},
    {"gp_times", OPTION_BOOL, FIELD(gp_times), "true", 0, 0, NULL, NULL,
     "take the times that split latencies into request, grace period and callback"},
    {"start", OPTION_CHOICE, FIELD(start), "0", 0, 0, NULL, "0 below-2^32 below-2^64",
     "where grace periods are counted from: just before the counts pass 32 bits, or wrap"},
    {NULL, OPTION_BOOL, 0, NULL, 0, 0, NULL, NULL, NULL},
};
#undef FIELD
#undef MINUTE

static inline bool flavor_start(const struct flavor_settings *s, struct diagnostics *d)
{
    struct rcu_settings settings = {
        .gp_policy = (enum rcu_gp_policy)s->gp_policy,
        .spin_ns = s->spin_ns,
        .first_nap_ns = s->first_nap_ns,
        .poll_interval_ns = s->poll_interval_ns,
        .force_after_ns = s->force_after_ns,
        .force_naps = (unsigned)s->force_naps,
        .force_callbacks = (unsigned)s->force_callbacks,
        .callback_batch = (unsigned)s->callback_batch,
        .callback_hold_ns = s->callback_hold_ns,
        .callback_bound = (unsigned long)s->callback_bound,
        .gp_times = s->gp_times,
    };

    /* Some hundred grace periods before. */
    if (s->start == 1)
        rcu_start_counting_at((1UL << 31 << 1) - 256 * RCU_NUMBER_STEP, (1UL << 31 << 1) - 256);
    else if (s->start == 2)
        rcu_start_counting_at(0UL - 256 * RCU_NUMBER_STEP, 0UL - 256);
    if (rcu_set_settings(&settings) != 0) {
        diagnose(d, "libstillpoint refuses the settings in \"library\"");
        return false;
    }
    /* From here, where nothing is pinned. */
    rcu_start_callback_thread();
    rcu_start_poll_thread();
    return true;
}

#define FLAVOR_HAS_STATISTICS 1
static const char *const flavor_statistic_names[] = {"gps",
                                                     "gps_proven",
                                                     "gps_forced",
                                                     "gps_forced_by_call",
                                                     "gps_forced_by_time",
                                                     "gps_shared",
                                                     "heavy_fences",
                                                     "spins",
                                                     "naps",
                                                     "sleeps",
                                                     "wakeups",
                                                     "callbacks_queued",
                                                     "callbacks_invoked",
                                                     "callbacks_peak",
                                                     "callbacks_delayed",
                                                     "callbacks_dropped",
                                                     "callback_threads",
                                                     "readers_parked",
                                                     "readers_unparked",
                                                     "exits_registered",
                                                     "exclusive_sections",
                                                     "exclusive_handed",
                                                     "exclusive_waited",
                                                     "exec_waits",
                                                     "exec_counted",
                                                     "pauses",
                                                     "work_run",
                                                     "safe_work_run",
                                                     "kick_signals",
                                                     "rr_timer_kicks",
                                                     NULL};

static inline void flavor_sample(uint64_t *v)
{
    struct rcu_stats s;
    struct vcpu_stats c;

    rcu_get_stats(&s);
    vcpu_get_stats(&c);
    v[0] = s.gps;
    v[1] = s.gps_proven;
    v[2] = s.gps_forced;
    v[3] = s.gps_forced_by_call;
    v[4] = s.gps_forced_by_time;
    v[5] = s.gps_shared;
    v[6] = s.heavy_fences;
    v[7] = s.spins;
    v[8] = s.naps;
    v[9] = s.sleeps;
    v[10] = s.wakeups;
    v[11] = s.callbacks_queued;
    v[12] = s.callbacks_invoked;
    v[13] = s.callbacks_peak;
    v[14] = s.callbacks_delayed;
    v[15] = s.callbacks_dropped;
    v[16] = s.callback_threads;
    v[17] = s.readers_parked;
    v[18] = s.readers_unparked;
    v[19] = s.exits_registered;
    v[20] = c.exclusive_sections;
    v[21] = c.exclusive_handed;
    v[22] = c.exclusive_waited;
    v[23] = c.exec_waits;
    v[24] = c.exec_counted;
    v[25] = c.pauses;
    v[26] = c.work_run;
    v[27] = c.safe_work_run;
    v[28] = c.signals;
    v[29] = c.rr_timer_kicks;
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
#endif

#endif
