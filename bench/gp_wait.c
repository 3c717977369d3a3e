/* gp-wait: how long a caller waits for a grace period, whenever it comes.
 *
 * An open loop: requests are due on a schedule of their own, whether or not earlier ones are done,
 * and each is timed from the moment at which it was due. A closed loop of updaters would measure
 * itself: with nobody inside a section it completes millions of short grace periods for each long
 * one.
 *
 * Each requester takes the next moment of the schedule, sleeps until then, and waits for a grace
 * period. It needs so many requesters that one is always free; a request that was due before any
 * was is counted, and too many of them make the run inconclusive. How late a request began is
 * measured beside: it is what an empty call would have taken.
 *
 * Readers go on until the last request is answered, so that those under way at the end of the run
 * meet what the others met.
 *
 * Source: Schroeder, Wierman and Harchol-Balter, "Open Versus Closed: A Cautionary Tale" (NSDI
 * 2006).
 */
#include "gp_wait.h"

#include "torture/runner/slowest.h"

#include <math.h>
#include <stdlib.h>
#include <sys/prctl.h>

#define LATE_NS INT64_C(1000000) /* a request that began later than this is called late */

static const struct counter counters[COUNTER_COUNT] = {
    [READS] = {.name = "reads"},
    [REQUESTS] = {.name = "requests"},
    [LATE_BUSY] = {.name = "late_busy",
                   .words = "requests while all requesters were busy",
                   .share_of = "requests",
                   .share_max = 0.01,
                   .too_many = "were due when all requesters were busy; use more \"requesters\""},
    [LATE_WOKEN] = {.name = "late_woken", .words = "requesters woken late"},
};

enum { WAIT, FLOOR, MEASURE_COUNT };
static const struct measure measures[MEASURE_COUNT] = {
    [WAIT] = {.name = "gp.wait",
              .unit = "ns",
              .headline = 1,
              .files = "gp-wait",
              .samples = "requests",
              .heading =
                  "How long a caller waits for a grace period that it asks for at a random moment",
              .called = "the wait for a grace period",
              .causes = gp_causes,
              .cause_count = CAUSE_COUNT},
    [FLOOR] = {.name = "gp.wait.floor", .unit = "ns", .words = "An empty call at the same moments"},
};

enum { NOTE_ASKED, NOTE_ANSWERED, NOTE_COUNT };
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_ASKED] = {.format = "request %lu was due %lu ns ago"},
    [NOTE_ANSWERED] = {.format = "request %lu answered"},
};

struct request {
    unsigned long number;
    int64_t due_ns;
};

/* --- Requesters --- */

static int64_t draw_gap(struct state *state, const struct params *p)
{
    double u;

    if (p->arrivals == ARRIVALS_FIXED)
        return p->interval_ns;
    u = (double)((random_next(&state->random) >> 11) + 1) * 0x1p-53; /* 0 < u <= 1 */
    return (int64_t)(-log(u) * (double)p->interval_ns);
}

/* The next of the schedule, which begins with the first that is taken. */
static struct request take_request(struct state *state, const struct params *p)
{
    struct request r;

    pthread_mutex_lock(&state->lock);
    if (state->due_ns == 0)
        state->due_ns = clock_monotonic_ns();
    state->due_ns += draw_gap(state, p);
    r = (struct request){.number = ++state->taken, .due_ns = state->due_ns};
    pthread_mutex_unlock(&state->lock);
    return r;
}

/* False when the run ends before. */
static bool sleep_until(struct torture_thread *t, int64_t due_ns)
{
    int64_t left;

    while ((left = due_ns - clock_monotonic_ns()) > 0) {
        if (!torture_running(t))
            return false;
        torture_sleep(t, (uint64_t)(left < STEP_NS ? left : STEP_NS));
        torture_beat(t);
    }
    return true;
}

static void invoked(flavor_head *head)
{
    struct call *call = (struct call *)((char *)head - offsetof(struct call, head));

    call->invoked_ns = clock_monotonic_ns();
    call->facts_known = flavor_gp_facts(&call->served, &call->before);
    /* Orders: STORE call->invoked_ns -> STORE call->done (release).
     * Pairs with: wait_for_callback(), LOAD call->done (acquire) -> LOAD call->invoked_ns.
     * Broken: the requester takes the time of the callback before. */
    atomic_store_explicit(&call->done, 1, memory_order_release);
    shared_wake(&call->done);
}

/* When the callback was invoked. */
static int64_t wait_for_callback(struct call *call)
{
    atomic_store_explicit(&call->done, 0, memory_order_relaxed);
    flavor_call(&call->head, invoked);
    /* Orders: LOAD call->done (acquire) -> LOAD call->invoked_ns.
     * Pairs with: invoked(), STORE call->invoked_ns -> STORE call->done (release).
     * Broken: the wait is that for the callback before. */
    while (!atomic_load_explicit(&call->done, memory_order_acquire))
        shared_wait(&call->done, 0, STEP_NS);
    return call->invoked_ns;
}

/* When the cookie was seen to have expired. */
static int64_t wait_for_cookie(struct state *state, const struct params *p)
{
    unsigned long cookie = flavor_start_poll();

    while (!flavor_poll_state(cookie))
        shared_wait(&state->nothing, 0, p->look_ns);
    return clock_monotonic_ns();
}

/* Returns when the request was answered. */
static int64_t request(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *state = t->instance->state;

    switch (p->via) {
    case VIA_CALL_RCU:
        return wait_for_callback(&state->calls[t->index]);
    case VIA_POLL:
        return wait_for_cookie(state, p);
    case VIA_EXPEDITED:
        flavor_synchronize_expedited();
        return clock_monotonic_ns();
    default:
        flavor_synchronize();
        return clock_monotonic_ns();
    }
}

/* A reader that was in the way may not have logged yet that it left. */
static void await_logs(struct state *state, const struct gp_request *r)
{
    enum { TRIES = 20 };
    int64_t nap_ns = 10000;

    for (unsigned i = 0; i < TRIES && !gp_causes_known(r, state->logs, state->log_count); i++) {
        shared_wait(&state->nothing, 0, nap_ns);
        nap_ns += nap_ns / 2;
    }
}

/* Keeps what the request waited for; after it was answered. */
static void explain(struct torture_thread *t, struct gp_request *r)
{
    struct state *state = t->instance->state;
    struct call *call = &state->calls[t->index];
    struct slow slow = {.ns = r->answered_ns - r->due_ns, .ended_ns = r->answered_ns};
    struct gp_shares shares = {.own = {0}};
    bool known;

    if (r->by_callback) {
        known = call->facts_known;
        r->served = call->served;
        r->before = call->before;
    } else {
        known = flavor_gp_facts(&r->served, &r->before);
    }
    if (!known)
        r->served.leader = 0;
    await_logs(state, r);
    gp_causes_explain(r, state->logs, state->log_count, &shares);
    for (unsigned i = 0; i < CAUSE_COUNT; i++) {
        slow.own[i] = shares.own[i];
        slow.queued[i] = shares.queued[i];
        slow.thread[i] = torture_thread_with_id(t, shares.thread_id[i]);
    }
    torture_slow(t, &slow);
}

_Static_assert(CAUSE_COUNT <= SLOW_CAUSES, "room for each cause");

static void requester(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct state *state = t->instance->state;

    prctl(PR_SET_TIMERSLACK, 1UL);
    torture_waits_for_gps(t, p->via == VIA_CALL_RCU || p->via == VIA_POLL ? GPS_LED_BY_ANOTHER
                                                                          : GPS_LED_BY_CALLER);
    flavor_register_thread();
    while (torture_running(t)) {
        struct request r = take_request(state, p);
        bool busy = clock_monotonic_ns() > r.due_ns;
        int64_t begun, answered;

        if (!sleep_until(t, r.due_ns))
            break;
        begun = clock_monotonic_ns();
        torture_note(t, NOTE_ASKED, r.number, (unsigned long)(begun - r.due_ns));
        answered = request(t);
        torture_note(t, NOTE_ANSWERED, r.number, 0);
        torture_measure(t, FLOOR, (uint64_t)(begun - r.due_ns));
        torture_measure(t, WAIT, (uint64_t)(answered - r.due_ns));
        torture_count(t, REQUESTS, 1);
        torture_count(t, LATE_BUSY, busy);
        torture_count(t, LATE_WOKEN, !busy && begun - r.due_ns > LATE_NS);
        torture_beat(t);
        if (state->logs && torture_is_slow(t, answered - r.due_ns))
            explain(t, &(struct gp_request){.thread_id = gettid(),
                                            .due_ns = r.due_ns,
                                            .begun_ns = begun,
                                            .answered_ns = answered,
                                            .busy = busy,
                                            .by_callback = p->via == VIA_CALL_RCU});
    }
    flavor_unregister_thread();
    atomic_fetch_sub_explicit(&state->asking, 1, memory_order_relaxed);
}

/* --- Set-up --- */

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct params *p = in->params;
    struct state *state = calloc(1, sizeof *state);

    (void)d;
    pthread_mutex_init(&state->lock, NULL);
    random_start(&state->random, in->seed, UINT64_MAX - 1); /* no thread's stream */
    state->calls = calloc((size_t)p->requesters, sizeof *state->calls);
    atomic_init(&state->asking, (unsigned)p->requesters);
    in->state = state;
    if (p->explain) {
        state->log_count = (size_t)(p->readers + p->blocking_readers + p->long_readers);
        state->logs = calloc(state->log_count + 1, sizeof *state->logs);
        for (size_t i = 0; i < state->log_count; i++)
            stays_init(&state->logs[i]);
        flavor_keep_gp_facts();
    }
    /* Starts its leader, which is not to inherit where a requester may run. */
    if (p->via == VIA_POLL)
        flavor_start_poll();
    return true;
}

/* A callback's last act may be to wake its requester: only the address is used then. */
static void finish(struct instance *in)
{
    struct state *state = in->state;

    free(state->logs);
    free(state->calls);
    free(state);
}

static unsigned needs_by_params(const void *params)
{
    static const unsigned needs[] = {
        [VIA_SYNCHRONIZE] = CAN_SYNCHRONIZE,
        [VIA_EXPEDITED] = CAN_EXPEDITE,
        [VIA_CALL_RCU] = CAN_CALL,
        [VIA_POLL] = CAN_POLL,
    };

    return needs[((const struct params *)params)->via];
}

#define FIELD(name) offsetof(struct params, name)
static const struct option options[] = {
    {.name = "via",
     .type = OPTION_CHOICE,
     .offset = FIELD(via),
     .default_text = "synchronize",
     .choices = "synchronize expedited call_rcu poll",
     .help = "what a request calls, or the cookie that it polls"},
    {.name = "requesters",
     .type = OPTION_INT,
     .offset = FIELD(requesters),
     .default_text = "100",
     .min = 1,
     .max = 4096,
     .unit = "threads",
     .help = "threads that take requests; n + 4 sqrt(n) are enough for n = 2 x the longest section "
             "/ the interval"},
    {.name = "interval",
     .type = OPTION_DURATION,
     .offset = FIELD(interval_ns),
     .default_text = "5ms",
     .min = 1000,
     .max = 60e9,
     .help = "mean time between requests, whether or not earlier ones are done"},
    {.name = "arrivals",
     .type = OPTION_CHOICE,
     .offset = FIELD(arrivals),
     .default_text = "poisson",
     .choices = "poisson fixed",
     .help = "when requests are due: at random moments, or in equal steps"},
    {.name = "look",
     .type = OPTION_DURATION,
     .offset = FIELD(look_ns),
     .default_text = "1ms",
     .min = 1000,
     .max = 60e9,
     .help = "with poll: sleep between two looks at the cookie"},
    {.name = "readers",
     .type = OPTION_INT,
     .offset = FIELD(readers),
     .default_text = OPTION_OTHER_CPUS,
     .max = 4096,
     .unit = "threads",
     .help = "readers that loop through empty sections; by default one for each CPU but one"},
    {.name = "blocking_readers",
     .type = OPTION_INT,
     .offset = FIELD(blocking_readers),
     .default_text = "2",
     .max = 4096,
     .unit = "threads",
     .help = "readers that sleep inside their sections"},
    {.name = "blocking_section",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(blocking_section_ns),
     .default_text = "1ms",
     .max = 600e9,
     .help = "how long they sleep inside"},
    {.name = "blocking_pause",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(blocking_pause_ns),
     .default_text = "500us",
     .max = 600e9,
     .help = "how long they sleep outside"},
    {.name = "long_readers",
     .type = OPTION_INT,
     .offset = FIELD(long_readers),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "readers that sleep inside for long"},
    {.name = "long_section",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(long_section_ns),
     .default_text = "120ms",
     .max = 600e9,
     .help = "how long they stay"},
    {.name = "long_gap",
     .type = OPTION_REAL,
     .offset = FIELD(long_gap),
     .default_text = "3.3333",
     .max = 1000,
     .help = "how long they sleep outside, as a multiple of that; half to one and a half of it"},
    {.name = "long_leave",
     .type = OPTION_BOOL,
     .offset = FIELD(long_leave),
     .default_text = "true",
     .help = "they leave when a force notifier asks them to"},
    {.name = "long_stay",
     .type = OPTION_CHOICE,
     .offset = FIELD(long_stay),
     .default_text = "asleep",
     .choices = "asleep busy",
     .help = "what they do inside: sleep, or keep a CPU busy"},
    {.name = "hogs",
     .type = OPTION_INT,
     .offset = FIELD(hogs),
     .default_text = "0",
     .max = 4096,
     .unit = "threads",
     .help = "threads that keep CPUs from the others and do nothing else"},
    {.name = "explain",
     .type = OPTION_BOOL,
     .offset = FIELD(explain),
     .default_text = "true",
     .help = "find out what the slowest requests waited for"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "requester", .count_option = "requesters", .run = requester},
    {.name = "looping-reader", .count_option = "readers", .run = gp_wait_looping_reader},
    {.name = "blocking-reader", .count_option = "blocking_readers", .run = gp_wait_blocking_reader},
    {.name = "long-reader", .count_option = "long_readers", .run = gp_wait_long_reader},
    {.name = "hog", .count_option = "hogs", .run = gp_wait_hog},
    {.name = NULL},
};

extern const struct workload gp_wait_workload;
const struct workload gp_wait_workload = {
    .name = "gp-wait",
    .summary = "how long a caller waits for a grace period that it asks for at a random moment",
    .bench = true,
    .needs = CAN_SECTIONS,
    .needs_by_params = needs_by_params,
    .options = options,
    .params_size = sizeof(struct params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .measures = measures,
    .measure_count = MEASURE_COUNT,
    .notes = notes,
    .note_count = NOTE_COUNT,
    .setup = setup,
    .finish = finish,
};
