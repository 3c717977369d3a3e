/* Where the time of a request for a grace period went.
 *
 *     due     begun            start                          end    answered
 *      |------|-------queued-----|------- grace period --------|-----|
 *       woken   what held up the   a reader inside; then its     woken late
 *       late    grace period       leader napping, waiting for
 *               before             a CPU, fencing
 *
 * Of a grace period in which the leader waited for readers, the reader that left last was inside
 * from the start: until it left it is the cause, whatever the leader did meanwhile.
 */
#include "gp_causes.h"

#include "torture/record/clock.h"
#include "torture/record/cpu_wait.h"

#include <unistd.h>

/* Longer than this between two marks: a looping reader was not on its CPU. */
#define GAP_NS INT64_C(20000)

const struct cause gp_causes[CAUSE_COUNT] = {
    [READER_RUNNING] = {.name = "reader_running", .words = "a reader inside, on its CPU"},
    [READER_PREEMPTED] = {.name = "reader_preempted",
                          .words = "a reader inside, preempted",
                          .scheduler = true},
    [READER_BLOCKED] = {.name = "reader_blocked", .words = "a reader inside, blocked"},
    [READER_INSIDE] = {.name = "reader_inside", .words = "a reader inside"},
    [LEADER_NAPS] = {.name = "leader_naps",
                     .words = "the leader napping after the last reader had left"},
    [LEADER_WAITS_FOR_CPU] = {.name = "leader_waits_for_cpu",
                              .words = "the leader waiting for a CPU",
                              .scheduler = true},
    [LEADER_WORKS] = {.name = "leader_works", .words = "the leader at work"},
    [HEAVY_FENCE] = {.name = "heavy_fence", .words = "the heavy fence"},
    [CALLBACK_THREAD] = {.name = "callback_thread", .words = "the thread that runs callbacks"},
    [WOKEN_LATE] = {.name = "woken_late", .words = "the caller woken late", .scheduler = true},
    [ALL_BUSY] = {.name = "all_busy", .words = "all requesters busy"},
    [UNKNOWN] = {.name = "unknown", .words = "unknown"},
};

/* --- Logs --- */

static int64_t ran_until_now(void)
{
    struct timespec ran;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ran);
    return ran.tv_sec * INT64_C(1000000000) + ran.tv_nsec;
}

void stays_init(struct stays *log)
{
    pthread_mutex_init(&log->lock, NULL);
    log->account = -1;
}

void stays_open(struct stays *log)
{
    log->account = cpu_wait_open();
    log->waited_ns = cpu_wait_total(log->account);
    log->ran_ns = ran_until_now();
    log->mark_ns = clock_monotonic_ns();
    pthread_mutex_lock(&log->lock);
    log->thread_id = gettid();
    pthread_mutex_unlock(&log->lock);
}

void stays_close(struct stays *log)
{
    cpu_wait_close(log->account);
    log->account = -1;
}

void stays_enter(struct stays *log)
{
    log->waited_ns = cpu_wait_total(log->account);
    pthread_mutex_lock(&log->lock);
    log->ran_ns = ran_until_now();
    log->inside_since_ns = clock_monotonic_ns();
    pthread_mutex_unlock(&log->lock);
}

static void keep(struct stays *log, struct stay s)
{
    pthread_mutex_lock(&log->lock);
    log->kept[log->count++ % STAYS_KEPT] = s;
    log->inside_since_ns = 0;
    pthread_mutex_unlock(&log->lock);
}

void stays_leave(struct stays *log)
{
    struct stay s = {.enter_ns = log->inside_since_ns, .leave_ns = clock_monotonic_ns()};

    s.ran_ns = ran_until_now() - log->ran_ns;
    s.waited_ns = cpu_wait_total(log->account) - log->waited_ns;
    keep(log, s);
}

void stays_mark(struct stays *log)
{
    struct stay s = {.enter_ns = log->mark_ns, .leave_ns = clock_monotonic_ns()};

    log->mark_ns = s.leave_ns;
    if (s.leave_ns - s.enter_ns <= GAP_NS)
        return;
    s.waited_ns = log->waited_ns;
    log->waited_ns = cpu_wait_total(log->account);
    s.waited_ns = log->waited_ns - s.waited_ns;
    s.ran_ns = s.leave_ns - s.enter_ns - s.waited_ns; /* it never blocks */
    keep(log, s);
    log->mark_ns = clock_monotonic_ns();
}

/* --- Who was inside --- */

enum found { NOT_THERE, NOT_LOGGED, LOGGED };

/* The section of that reader in which it was at that moment. */
static enum found section_at(struct stays *log, int64_t at_ns, struct stay *s)
{
    enum found found = NOT_THERE;
    unsigned long oldest;

    pthread_mutex_lock(&log->lock);
    oldest = log->count > STAYS_KEPT ? log->count - STAYS_KEPT : 0;
    if (log->inside_since_ns != 0 && log->inside_since_ns <= at_ns)
        found = NOT_LOGGED;
    for (unsigned long i = log->count; found == NOT_THERE && i > oldest; i--) {
        *s = log->kept[(i - 1) % STAYS_KEPT];
        if (s->leave_ns < at_ns)
            break;
        if (s->enter_ns <= at_ns)
            found = LOGGED;
    }
    pthread_mutex_unlock(&log->lock);
    return found;
}

static int thread_of(struct stays *log)
{
    int thread_id;

    pthread_mutex_lock(&log->lock);
    thread_id = log->thread_id;
    pthread_mutex_unlock(&log->lock);
    return thread_id;
}

static bool is_named(const struct gp_facts *g, int thread_id)
{
    /* When there was no room for all, any may be meant. */
    if (g->reader_count > GP_FACTS_READERS)
        return true;
    for (unsigned i = 0; i < g->reader_count; i++)
        if (g->readers[i] == thread_id)
            return true;
    return false;
}

/* The reader that was inside longest. */
struct last {
    int thread_id; /* 0: none */
    bool logged;   /* otherwise it is known that it was inside, and no more */
    struct stay section;
};

/* Of those that the leader of g found in its way at that moment; without g, of all that were
 * inside. `all_logged`: each has left, and has logged it. */
static struct last last_to_leave(const struct gp_facts *g, int64_t at_ns, struct stays *logs,
                                 size_t log_count, bool *all_logged)
{
    struct last last = {.thread_id = 0};

    *all_logged = true;
    for (size_t i = 0; i < log_count; i++) {
        int thread_id = thread_of(&logs[i]);
        enum found found = NOT_THERE;
        struct stay s;

        if (thread_id != 0 && (!g || is_named(g, thread_id)))
            found = section_at(&logs[i], at_ns, &s);
        if (found == NOT_LOGGED)
            *all_logged = false;
        if (found == LOGGED && (!last.logged || s.leave_ns > last.section.leave_ns))
            last = (struct last){.thread_id = thread_id, .logged = true, .section = s};
    }
    if (last.thread_id == 0 && g && g->reader_count > 0)
        last.thread_id = g->readers[0];
    return last;
}

/* --- Shares --- */

/* The part of a request's time that is explained: what lies between from and to goes into
 * `shares`. */
struct part {
    int64_t from_ns, to_ns;
    int64_t *ns; /* by cause */
    struct gp_shares *shares;
};

/* So much of the time from a to b is due to that cause, evenly spread. */
static void add_share(const struct part *p, enum gp_cause cause, int thread_id, int64_t a,
                      int64_t b, int64_t share_ns)
{
    int64_t from = a > p->from_ns ? a : p->from_ns, to = b < p->to_ns ? b : p->to_ns;
    int64_t ns;

    if (from >= to || share_ns <= 0)
        return;
    ns = (int64_t)((double)share_ns * (double)(to - from) / (double)(b - a));
    p->ns[cause] += ns;
    if (ns > p->shares->thread_ns[cause]) {
        p->shares->thread_ns[cause] = ns;
        p->shares->thread_id[cause] = thread_id;
    }
}

static void add(const struct part *p, enum gp_cause cause, int thread_id, int64_t a, int64_t b)
{
    add_share(p, cause, thread_id, a, b, b - a);
}

static int64_t at_most(int64_t value, int64_t limit)
{
    return value < limit ? value : limit;
}

/* From a to b the reader was inside. */
static void add_reader(const struct part *p, const struct last *r, int64_t a, int64_t b)
{
    const struct stay *s = &r->section;
    int64_t length, ran, waited;

    if (!r->logged) {
        add(p, READER_INSIDE, r->thread_id, a, b);
        return;
    }
    length = s->leave_ns - s->enter_ns;
    if (length <= 0 || b <= a)
        return;
    ran = (int64_t)((double)at_most(s->ran_ns, length) / (double)length * (double)(b - a));
    waited =
        at_most((int64_t)((double)s->waited_ns / (double)length * (double)(b - a)), b - a - ran);
    add_share(p, READER_RUNNING, r->thread_id, a, b, ran);
    add_share(p, READER_PREEMPTED, r->thread_id, a, b, waited);
    add_share(p, READER_BLOCKED, r->thread_id, a, b, b - a - ran - waited);
}

/* What the leader did after it last waited, or from the start. */
static void add_work(const struct part *p, const struct gp_facts *g, int64_t since_ns)
{
    int64_t length = g->end_ns - since_ns, ran = at_most(g->ran_ns, length);
    int64_t fence = at_most(g->fence_ns, ran);

    add_share(p, LEADER_WAITS_FOR_CPU, g->leader, since_ns, g->end_ns, length - ran);
    add_share(p, HEAVY_FENCE, g->leader, since_ns, g->end_ns, fence);
    add_share(p, LEADER_WORKS, g->leader, since_ns, g->end_ns, ran - fence);
}

static void explain_grace_period(const struct part *p, const struct gp_facts *g, struct stays *logs,
                                 size_t log_count)
{
    int64_t left_ns, nap_ends_ns, found_ns;
    struct last last;
    bool all_logged;

    if (g->pending_ns == 0) {
        add_work(p, g, g->start_ns);
        return;
    }
    /* Without a wait after it, the leader found the reader gone in a spin. */
    found_ns = g->wake_ns > g->pending_ns ? g->wake_ns : g->end_ns;
    last = last_to_leave(g, g->pending_ns, logs, log_count, &all_logged);
    left_ns = last.logged ? at_most(last.section.leave_ns, found_ns) : found_ns;
    nap_ends_ns = at_most(g->nap_ends_ns, found_ns); /* a request ends it early */
    if (nap_ends_ns < left_ns)
        nap_ends_ns = left_ns;
    add_reader(p, &last, g->start_ns, left_ns);
    add(p, LEADER_NAPS, g->leader, left_ns, nap_ends_ns);
    add(p, LEADER_WAITS_FOR_CPU, g->leader, nap_ends_ns, found_ns);
    if (g->wake_ns > g->pending_ns)
        add_work(p, g, g->wake_ns);
}

/* Nothing is told of grace periods: a reader that was inside when the request was made must have
 * left. What came after is not known. */
static void explain_from_outside(const struct part *p, const struct gp_request *r,
                                 struct stays *logs, size_t log_count)
{
    bool all_logged;
    struct last last = last_to_leave(NULL, r->begun_ns, logs, log_count, &all_logged);
    int64_t left_ns = last.logged ? at_most(last.section.leave_ns, r->answered_ns) : r->begun_ns;

    add_reader(p, &last, r->begun_ns, left_ns);
    add(p, UNKNOWN, 0, left_ns, r->answered_ns);
}

/* Between the two, for a grace period that had not begun. */
static void explain_queue(const struct part *p, const struct gp_request *r, struct stays *logs,
                          size_t log_count)
{
    int64_t ends_ns = r->before.leader != 0 ? r->before.end_ns : p->from_ns;

    if (ends_ns > p->from_ns) {
        struct part queued = *p;

        queued.ns = p->shares->queued;
        queued.to_ns = at_most(ends_ns, p->to_ns);
        explain_grace_period(&queued, &r->before, logs, log_count);
    } else {
        ends_ns = p->from_ns;
    }
    /* The thread that leads next is not there yet. */
    add(p, r->by_callback ? CALLBACK_THREAD : LEADER_WAITS_FOR_CPU, r->served.leader, ends_ns,
        p->to_ns);
}

bool gp_causes_known(const struct gp_request *r, struct stays *logs, size_t log_count)
{
    bool served = true, before = true;

    if (r->served.leader == 0)
        last_to_leave(NULL, r->begun_ns, logs, log_count, &served);
    else if (r->served.pending_ns != 0)
        last_to_leave(&r->served, r->served.pending_ns, logs, log_count, &served);
    if (r->before.leader != 0 && r->before.pending_ns != 0)
        last_to_leave(&r->before, r->before.pending_ns, logs, log_count, &before);
    return served && before;
}

void gp_causes_explain(const struct gp_request *r, struct stays *logs, size_t log_count,
                       struct gp_shares *shares)
{
    struct part part = {.from_ns = r->due_ns, .to_ns = r->answered_ns, .shares = shares};
    int64_t total_ns = r->answered_ns - r->due_ns, told_ns = 0;

    *shares = (struct gp_shares){.own = {0}};
    part.ns = shares->own;
    add(&part, r->busy ? ALL_BUSY : WOKEN_LATE, r->thread_id, r->due_ns, r->begun_ns);
    part.from_ns = r->begun_ns;
    if (r->served.leader == 0) {
        explain_from_outside(&part, r, logs, log_count);
    } else {
        struct part queue = part;

        queue.to_ns = at_most(r->served.start_ns, r->answered_ns);
        explain_queue(&queue, r, logs, log_count);
        explain_grace_period(&part, &r->served, logs, log_count);
        add(&part, r->by_callback ? CALLBACK_THREAD : WOKEN_LATE, r->thread_id, r->served.end_ns,
            r->answered_ns);
    }
    for (unsigned i = 0; i < CAUSE_COUNT; i++)
        told_ns += shares->own[i] + shares->queued[i];
    /* Rounding, and what none of the pieces covers. */
    shares->own[UNKNOWN] += total_ns - told_ns;
}
