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
    promises->slowed_from = 2 * (int64_t)settings.callback_bound;
    promises->piles_up = policy == RCU_GP_EVENT;
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

/* Of vCPUs that are gone. */
struct flavor_kicks {
    atomic_ulong all, merged;
};
extern struct flavor_kicks flavor_kicks;

#define FLAVOR_HAS_VCPU_GONE 1
static inline void flavor_vcpu_gone(const struct vcpu *cpu)
{
    atomic_fetch_add_explicit(&flavor_kicks.all,
                              atomic_load_explicit(&cpu->kicks, memory_order_relaxed),
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&flavor_kicks.merged,
                              atomic_load_explicit(&cpu->kicks_merged, memory_order_relaxed),
                              memory_order_relaxed);
}

static inline void flavor_vcpu_leave(flavor_vcpu *v)
{
    vcpu_detach(v);
    vcpu_remove(v);
    synchronize_rcu();
    flavor_vcpu_gone(v);
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
#include "torture/flavors/stillpoint_tables.h"
#endif

#endif
