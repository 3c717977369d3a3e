/* Grace periods: who leads, how readers are proven to be done, how the end is awaited.
 *
 * The proof. Callers publish, then one of them, the leader, advances the number and looks at every
 * registered thread's counter:
 *
 *   the new number   the reader loaded it with acquire, so its section sees what was published, and
 *                    stored it with release, so its sections before have ended. Done, no fence needed.
 *   an old number    in a section from before. Not done.
 *   0                outside, or inside with the counter still in its store buffer. Done only when
 *                    this 0 is loaded after this grace period's heavy fence: an entry before the fence
 *                    is visible after it, an entry after the fence sees what was published.
 *   parked           reads nothing until it has unparked, through a full fence. Done.
 *
 * So a leader spins for a moment; readers that come and go show the new number, and the grace period
 * has cost no fence. Only when a 0 is in the way, one heavy fence is run. A reader that was once seen
 * inside an old section and now shows 0 is no better than any other 0: the next entry may be on its
 * way already.
 *
 * Sharing. The sequence is odd while a grace period runs. A caller that finds s is served by the first
 * grace period that begins after it looked, the one that ends with (s + 3) & ~1.
 *
 * The orders here were model-checked (RC11, IMM, TSO); docs/architecture.md says what breaks without
 * each.
 */
#include "internal.h"

/* How many grace periods in a row a reader may let the spin run out before it is no longer spun for,
 * and how often it then gets another chance. */
#define MISSED_SPINS_LIMIT 3
#define SPIN_AGAIN_EVERY   64
#define REMEMBERED_TIMES   8

atomic_ulong rcu_gp_number = RCU_NUMBER_STEP + 1;
atomic_ulong rcu_sequence;

static struct {
    platform_mutex lock; /* guards the fields up to times */
    platform_cond ended;
    bool leading;
    unsigned followers;
    struct {
        unsigned long end;
        int64_t start_ns, end_ns;
    } times[REMEMBERED_TIMES];
    struct event event; /* the leader's: a reader left, or a request came */
} gp = {.lock = PLATFORM_MUTEX_INITIALIZER};

static void __attribute__((constructor(102))) gp_init(void)
{
    platform_cond_init(&gp.ended);
    event_init(&gp.event, false);
    if (asymmetric_fence_is_full)
        atomic_fetch_or_explicit(&rcu_gp_number, RCU_FULL_FENCE, memory_order_relaxed);
}

void rcu_poke_leader(void)
{
    event_set(&gp.event);
}

/* One grace period, as its leader sees it. */
struct grace_period {
    unsigned long number;
    unsigned long end; /* the sequence that says it has ended */
    bool timed;        /* its start and end are remembered */
    int64_t start_ns;  /* 0: not asked for yet */
    bool fenced;       /* its heavy fence has been run: 0 counts */
    bool spun;
    bool waiting; /* readers have been asked to wake us */
    bool forced;
    unsigned naps;
};

static int64_t age_ns(struct grace_period *g)
{
    int64_t now = platform_now_ns();

    if (g->start_ns == 0)
        g->start_ns = now;
    return now - g->start_ns;
}

/* => Leader. Advances the number, whose upper part is never 0; returns it without the depth. */
static unsigned long number_advance(void)
{
    unsigned long number =
        atomic_load_explicit(&rcu_gp_number, memory_order_relaxed) + RCU_NUMBER_STEP;

    if (number < RCU_NUMBER_STEP)
        number += RCU_NUMBER_STEP;
    /* Release: what callers published comes before the new number.
     * Pairs with: the acquire in rcu_read_lock(). Broken: a reader shows the new number and still
     * finds what was unpublished. */
    atomic_store_explicit(&rcu_gp_number, number, memory_order_release);
    return number & ~RCU_DEPTH_MASK;
}

/* The slow path of rcu_read_unlock(): a leader waits for this reader. */
void rcu_reader_left(struct rcu_reader *self)
{
    /* An exchange, not a load and a store: a stored 0 could sit in the store buffer while the next
     * section loads an old number, and then erase the request of the next grace period, whose leader
     * would sleep for ever. Acquire: taking a request takes the new number with it.
     * Pairs with: the release in ask_to_wake(). */
    if (atomic_exchange_explicit(&self->waiting, 0, memory_order_acq_rel))
        event_set(&gp.event);
}

/* => Registry lock. Whether nothing that this reader still does began before the grace period. */
static bool reader_is_done(const struct grace_period *g, struct rcu_reader *r, bool *zero)
{
    /* Acquire: the sections that the reader had before come before what the callers do next.
     * Pairs with: the releases in rcu_read_lock() and rcu_read_unlock(). Broken: memory is freed
     * before, in the order of a weak machine, it was last read. */
    unsigned long counter = atomic_load_explicit(&r->counter, memory_order_acquire);

    if ((counter & ~RCU_DEPTH_MASK) == g->number)
        return true;
    if (counter == 0 && g->fenced)
        return true;
    /* Acquire, pairs with: rcu_park(). Broken: as above. */
    if (atomic_load_explicit(&r->parked, memory_order_acquire))
        return true;
    if (counter == 0)
        *zero = true;
    return false;
}

/* => Registry lock. */
static void reader_passed(struct rcu_reader *r)
{
    /* Only a leader sets it, so a plain 0 erases nobody's request. */
    if (atomic_load_explicit(&r->waiting, memory_order_relaxed))
        atomic_store_explicit(&r->waiting, 0, memory_order_relaxed);
    link_move(&r->link, &rcu_registry.readers);
}

/* => Registry lock. Looks at the pending readers once; true when none is left. `zero` says that one
 *    of them showed a 0 that does not count yet. */
static bool scan(const struct grace_period *g, bool *zero)
{
    struct rcu_link *l, *after;

    *zero = false;
    list_for_each (l, after, &rcu_registry.pending)
        if (reader_is_done(g, reader_of(l), zero)) {
            if (!g->fenced)
                reader_of(l)->missed_spins = 0; /* it came by, and needed no fence */
            reader_passed(reader_of(l));
        }
    return link_alone(&rcu_registry.pending);
}

/* => Registry lock. From here on a 0 counts. */
static bool scan_with_fence(struct grace_period *g)
{
    bool zero;

    /* Heavy fence: the callers' publishing, and the requests to wake us, come before the scan.
     * Pairs with: the light fences in rcu_read_lock() and rcu_read_unlock(). Broken: a reader is
     * inside while its counter still shows 0; or it leaves and does not see that we wait. */
    asymmetric_fence_heavy();
    count_up(&rcu_counts.heavy_fences);
    g->fenced = true;
    return scan(g, &zero);
}

/* => Registry lock. A scan, with the fence only when a 0 is in the way. */
static bool scan_as_needed(struct grace_period *g)
{
    bool zero;

    return scan(g, &zero) || (zero && scan_with_fence(g));
}

/* => Registry lock. Everyone that is not done at the first look becomes pending; true when that is
 *    nobody. */
static bool collect(const struct grace_period *g, bool *zero)
{
    struct rcu_link *l, *after;

    *zero = false;
    list_for_each (l, after, &rcu_registry.readers)
        if (!reader_is_done(g, reader_of(l), zero))
            link_move(l, &rcu_registry.pending);
    return link_alone(&rcu_registry.pending);
}

/* => Registry lock. Spinning is worth its time only when every pending reader can be expected to come
 *    by: one that stays away makes the fence necessary anyway. */
static bool worth_spinning(const struct grace_period *g)
{
    bool again = (g->number / RCU_NUMBER_STEP) % SPIN_AGAIN_EVERY == 0;
    struct rcu_link *l, *after;

    if (platform_cpus() == 1)
        return false;
    list_for_each (l, after, &rcu_registry.pending)
        if (reader_of(l)->missed_spins >= MISSED_SPINS_LIMIT && !again)
            return false;
    return true;
}

/* => Registry lock, held for spin_ns at most. Looks again and again; true when nobody is left. */
static bool spin(struct grace_period *g)
{
    int64_t limit_ns = tuned(spin_ns), end = 0;
    struct rcu_link *l, *after;
    bool zero;

    g->spun = true;
    if (limit_ns > 0)
        count_up(&rcu_counts.spins);
    for (unsigned i = 0; limit_ns > 0; i++) {
        if (scan(g, &zero))
            return true;
        if (i % 16 == 15) { /* the clock costs as much as a look */
            int64_t now = platform_now_ns();

            if (end == 0)
                end = now + limit_ns;
            else if (now >= end)
                break;
        }
        platform_relax();
    }
    list_for_each (l, after, &rcu_registry.pending)
        if (reader_of(l)->missed_spins < MISSED_SPINS_LIMIT)
            reader_of(l)->missed_spins++;
    return false;
}

/* Whether this grace period is forced from now on. */
static bool becomes_forced(struct grace_period *g, int policy)
{
    bool by_call, by_time = false;

    if (rcu_force_requested(g->end))
        return true;
    if (policy != RCU_GP_FQS && policy != RCU_GP_ADAPTIVE)
        return false;
    by_call = rcu_callbacks_pending() >= tuned(force_callbacks);
    if (by_call)
        count_up(&rcu_counts.forced_by_call);
    else if (policy == RCU_GP_FQS)
        by_time = g->naps >= tuned(force_naps);
    else
        by_time = age_ns(g) >= tuned(force_after_ns);
    if (by_time)
        count_up(&rcu_counts.forced_by_time);
    return by_call || by_time;
}

/* => Registry lock. */
static void ask_to_wake(struct grace_period *g)
{
    struct rcu_link *l, *after;

    /* Release: who takes the request has the new number too.
     * Pairs with: the acquire exchange in rcu_reader_left(). Broken: as said there. */
    list_for_each (l, after, &rcu_registry.pending)
        atomic_store_explicit(&reader_of(l)->waiting, 1, memory_order_release);
    g->waiting = true;
}

/* => Registry lock. */
static void notify(void)
{
    struct rcu_link *l, *after, *n, *next;

    list_for_each (l, after, &rcu_registry.pending)
        list_for_each (n, next, &reader_of(l)->notifiers) {
            struct rcu_force_notifier *f = container_of(n, struct rcu_force_notifier, link);

            f->notify(f);
        }
}

/* => Registry lock, let go meanwhile. Readers have been asked to wake us. */
static void sleep_until_woken(void)
{
    platform_mutex_unlock(&rcu_registry.lock);
    count_up(&rcu_counts.sleeps);
    event_wait(&gp.event);
    platform_mutex_lock(&rcu_registry.lock);
    count_up(&rcu_counts.wakeups);
}

/* => Registry lock, let go meanwhile. Ends early when a request comes. */
static void nap(struct grace_period *g, int policy)
{
    int64_t length = tuned(poll_interval_ns);

    if (policy == RCU_GP_ADAPTIVE) {
        /* An eighth of its age: grows from the first nap on, and the end is never noticed later than
         * by that part. Not beyond the moment at which the grace period becomes forced. */
        int64_t age = age_ns(g), least = tuned(first_nap_ns), left = tuned(force_after_ns) - age;
        int64_t wanted = age / 8 > least ? age / 8 : least;

        if (wanted < length)
            length = wanted;
        if (left < length)
            length = left > 1 ? left : 1;
    }
    platform_mutex_unlock(&rcu_registry.lock);
    event_timedwait(&gp.event, length);
    platform_mutex_lock(&rcu_registry.lock);
    g->naps++;
    count_up(&rcu_counts.naps);
}

/* => Registry lock, let go while napping or sleeping. Until nobody is pending. */
static void await_readers(struct grace_period *g)
{
    for (;;) {
        int policy;
        bool done, events;

        /* First the event is reset, then requests and counters are looked at: what comes after the
         * look sets it again, and the nap or sleep ends at once. */
        event_reset(&gp.event);
        policy = tuned(gp_policy);
        if (!g->forced && becomes_forced(g, policy)) {
            g->forced = true;
            count_up(&rcu_counts.forced);
        }
        events = g->forced || policy == RCU_GP_EVENT;
        if (events && !g->waiting) {
            ask_to_wake(g);
            done = scan_with_fence(g);
        } else {
            done = scan_as_needed(g);
        }
        if (done)
            return;
        if (g->forced)
            notify();
        if (events) {
            sleep_until_woken();
        } else if (policy == RCU_GP_ADAPTIVE && !g->spun && platform_cpus() > 1) {
            /* Idle readers made a spin before the fence pointless; those that are left are inside. */
            if (spin(g))
                return;
        } else {
            nap(g, policy);
        }
    }
}

/* => The one leader, outside sections, parked. */
static void lead(struct grace_period *g)
{
    bool zero;

    /* Release: the leader before us ended its grace period before ours begins.
     * Pairs with: the load in rcu_wait_for_grace_period(). Broken: a follower counts the wrong one. */
    atomic_store_explicit(&rcu_sequence, g->end - 1, memory_order_release);
    /* Full fence: a caller that did not see the odd sequence has published before we look at anyone;
     * a thread that we find parked sees all of it when it unparks.
     * Pairs with: the full fences in rcu_wait_for_grace_period() and rcu_unpark(). Broken: a follower
     * is served by a grace period whose readers may still find what it unpublished. */
    atomic_thread_fence(memory_order_seq_cst);
    /* After the fence, and so after the call of everyone whom this grace period serves. */
    if (g->timed)
        age_ns(g);

    platform_mutex_lock(&rcu_registry.lock);
    g->number = number_advance();
    if (!collect(g, &zero) && !(worth_spinning(g) && spin(g)))
        await_readers(g);
    platform_mutex_unlock(&rcu_registry.lock);
    count_up(&rcu_counts.gps);
    if (!g->fenced)
        count_up(&rcu_counts.proven);
}

/* => gp.lock, let go meanwhile. Leads the next grace period. */
static void take_the_lead(void)
{
    struct grace_period g = {
        .end = atomic_load_explicit(&rcu_sequence, memory_order_relaxed) + 2,
        .timed = tuned(gp_times),
    };

    gp.leading = true;
    platform_mutex_unlock(&gp.lock);
    lead(&g);
    platform_mutex_lock(&gp.lock);
    gp.leading = false;
    if (g.timed) {
        unsigned i = g.end / 2 % REMEMBERED_TIMES;

        gp.times[i].end = g.end;
        gp.times[i].start_ns = g.start_ns;
        gp.times[i].end_ns = platform_now_ns();
    }
    /* Release: the readers' sections come before the end of the grace period.
     * Pairs with: the acquire in rcu_wait_for_grace_period(). Broken: a follower frees what is being
     * read. */
    atomic_store_explicit(&rcu_sequence, g.end, memory_order_release);
    if (gp.followers > 0)
        platform_cond_broadcast(&gp.ended);
}

/* => gp.lock. Forgets the times of the call before when this grace period was not timed. */
static void remember_times(unsigned long end)
{
    unsigned i = end / 2 % REMEMBERED_TIMES;
    bool known = gp.times[i].end == end;

    rcu_reader.gp_start_ns = known ? gp.times[i].start_ns : 0;
    rcu_reader.gp_end_ns = known ? gp.times[i].end_ns : 0;
}

void rcu_wait_for_grace_period(bool force)
{
    unsigned long goal;
    bool led = false;

    rcu_park();
    /* Full fence: what the caller unpublished is unpublished before the sequence is looked at.
     * Pairs with: the full fence in lead(). Broken: we take a grace period for ours that began before
     * our publishing was visible, and free early, on x86 too. */
    atomic_thread_fence(memory_order_seq_cst);
    goal = (atomic_load_explicit(&rcu_sequence, memory_order_relaxed) + 3) & ~1UL;
    if (force)
        rcu_request_force(goal);

    platform_mutex_lock(&gp.lock);
    if (force && gp.leading)
        rcu_poke_leader();
    /* Acquire, pairs with: the release of the even sequence in take_the_lead(). Broken: as said
     * there. */
    while (!sequence_reached(atomic_load_explicit(&rcu_sequence, memory_order_acquire), goal)) {
        if (!gp.leading) {
            take_the_lead();
            led = true;
        } else {
            gp.followers++;
            platform_cond_wait(&gp.ended, &gp.lock);
            gp.followers--;
        }
    }
    if (!led)
        count_up(&rcu_counts.shared);
    remember_times(goal);
    platform_mutex_unlock(&gp.lock);
    rcu_unpark();
}

bool rcu_gp_times(int64_t *start_ns, int64_t *end_ns)
{
    *start_ns = rcu_reader.gp_start_ns;
    *end_ns = rcu_reader.gp_end_ns;
    return tuned(gp_times) && *end_ns != 0;
}

static void check_caller(const char *inside_section, const char *inside_callback)
{
    if (rcu_read_locked())
        rcu_misuse(inside_section);
    if (rcu_in_callback())
        rcu_misuse(inside_callback);
}

void synchronize_rcu(void)
{
    check_caller("synchronize_rcu() inside a read section would wait for itself; "
                 "leave the section first, or use call_rcu()",
                 "synchronize_rcu() inside a callback would hold up all others; use call_rcu()");
    rcu_wait_for_grace_period(false);
}

void synchronize_rcu_expedited(void)
{
    check_caller("synchronize_rcu_expedited() inside a read section would wait for itself; "
                 "leave the section first, or use call_rcu()",
                 "synchronize_rcu_expedited() inside a callback would hold up all others; "
                 "use call_rcu()");
    rcu_wait_for_grace_period(true);
}
