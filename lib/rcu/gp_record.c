/* Records of grace periods, kept for those that they served. */
#include "gp_record.h"

#include "registry.h"
#include "settings.h"

#include "stillpoint/rcu_policy.h"

#define REMEMBERED 8

/* Guarded by the lock of grace periods. */
static struct {
    unsigned long end;
    struct rcu_gp_record record; /* leader 0: its times alone are known */
} remembered[REMEMBERED];

/* The leader's, of the grace period under way. */
static struct rcu_gp_record now;

/* Of the last call of this thread, or of the callback that runs; end_ns 0: not known. */
static STILLPOINT_THREAD_LOCAL struct rcu_gp_record served, before;

void rcu_record_start(struct grace_period *g)
{
    g->recorded = tuned(gp_records);
    g->timed = g->recorded || tuned(gp_times);
    if (!g->timed)
        return;
    if (g->start_ns == 0)
        g->start_ns = platform_now_ns();
    now = (struct rcu_gp_record){.start_ns = g->start_ns};
    if (!g->recorded)
        return;
    now.leader = platform_thread_id();
    now.ran_ns = -platform_thread_cpu_ns();
}

void rcu_record_pending(const struct grace_period *g)
{
    struct rcu_link *l, *after;

    if (!g->recorded)
        return;
    now.reader_count = 0;
    list_for_each (l, after, &rcu_registry.pending) {
        if (now.reader_count < RCU_RECORD_READERS)
            now.readers[now.reader_count] = reader_of(l)->thread_id;
        now.reader_count++;
    }
    now.pending_ns = platform_now_ns();
    now.nap_ends_ns = 0;
}

void rcu_record_nap(const struct grace_period *g, int64_t length_ns)
{
    if (g->recorded)
        now.nap_ends_ns = platform_now_ns() + length_ns;
}

void rcu_record_woken(const struct grace_period *g)
{
    if (!g->recorded)
        return;
    now.wake_ns = platform_now_ns();
    now.fence_ns = 0;
    now.ran_ns = -platform_thread_cpu_ns();
}

void rcu_record_fence(const struct grace_period *g, int64_t begun_ns)
{
    if (g->recorded)
        now.fence_ns += platform_now_ns() - begun_ns;
}

void rcu_record_end(const struct grace_period *g)
{
    unsigned i = g->end / 2 % REMEMBERED;

    if (!g->timed)
        return;
    if (g->recorded) /* first: the times enclose it */
        now.ran_ns += platform_thread_cpu_ns();
    now.end_ns = platform_now_ns();
    now.forced = g->forced;
    remembered[i].end = g->end;
    remembered[i].record = now;
}

/* That of the grace period with that end; all 0 when it is not remembered. */
static struct rcu_gp_record recall(unsigned long end)
{
    unsigned i = end / 2 % REMEMBERED;

    return remembered[i].end == end ? remembered[i].record : (struct rcu_gp_record){.leader = 0};
}

void rcu_record_served(unsigned long end)
{
    if (tuned(gp_records) || tuned(gp_times)) {
        served = recall(end);
        before = recall(end - 2);
    } else {
        served.end_ns = 0; /* nor those of the call before */
    }
}

bool rcu_gp_times(int64_t *start_ns, int64_t *end_ns)
{
    *start_ns = served.start_ns;
    *end_ns = served.end_ns;
    return (tuned(gp_times) || tuned(gp_records)) && *end_ns != 0;
}

bool rcu_gp_records(struct rcu_gp_record *this_one, struct rcu_gp_record *one_before)
{
    *this_one = served;
    *one_before = before;
    return tuned(gp_records) && served.end_ns != 0 && served.leader != 0;
}
