/* rcu-pipe: objects travel down a pipe, one step a grace period, and readers find how far one was
 * when they saw it.
 *
 * Each updater owns a cell with one published object. It publishes a fresh one, and from then on
 * the old one ages by one with each grace period of that updater's. A reader that entered while an
 * object was current may see it at age 0 or 1 when it leaves; a 2 means that a grace period ended
 * although the reader had been inside since before it began. Objects of two kinds: slots, which
 * keep their age for ever, and heap objects, which are poisoned and freed, some with their page
 * unmapped, as soon as their grace period has ended.
 *
 * Here are most of the tables, the set-up and the checks of the end; rcu_pipe.h has where the rest
 * is.
 *
 * Source of the pipe: the kernel's rcutorture. One updater thread per grace-period primitive, so
 * that the slow ones do not starve the checks of the fast ones.
 */
#include "rcu_pipe.h"

#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* --- Names --- */

static const struct counter counters[COUNTER_COUNT] = {
    [READS] = {.name = "reads"},
    [CHECKS] = {.name = "checks"},
    [GPS] = COUNTER_GPS,
    [NESTED] = {.name = "nested_sections", .needs = CAN_NEST},
    [DELAYED] = {.name = "delayed_sections"},
    [LONG_KICKED] = {.name = "sections_kicked",
                     .words = "readers told to leave",
                     .needs = CAN_FORCE},
    [QUIET_READS] = {.name = "quiet_reads"},
    [HEAP_FREED] = {.name = "heap_freed", .words = "objects freed"},
    [UNMAPPED] = {.name = "unmapped", .words = "pages unmapped"},
    [QSBR_INTERVALS] = {.name = "qsbr_intervals", .needs = CAN_QSBR},
    [QSBR_NESTED] = {.name = "qsbr_sections", .needs = CAN_QSBR},
    [QSBR_OFFLINE] = {.name = "qsbr_offline", .needs = CAN_QSBR},
    [QSBR_SYNCHRONIZED] = {.name = "qsbr_synchronized", .needs = CAN_QSBR},
    [POLLED] = {.name = "polled", .needs = CAN_POLL},
    [POLLED_EXPEDITED] = {.name = "polled_expedited", .needs = CAN_POLL},
    [COOKIES_BORROWED] = {.name = "cookies_borrowed", .needs = CAN_POLL},
    [COOKIES_WAITED] = {.name = "cookies_waited", .needs = CAN_POLL},
    [COOKIE_SECTIONS] = {.name = "cookie_sections", .needs = CAN_POLL},
    [LETTERS_POSTED] = {.name = "letters_posted"},
    [LETTERS_CHECKED] = {.name = "letters_checked"},
    [LETTERS_HANDED_ON] = {.name = "letters_handed_on"},
    [THREADS_CHURNED] = {.name = "threads_churned"},
    [THREADS_EXITED] = {.name = "threads_exited", .needs = CAN_EXIT},
    [IDLE_READS] = {.name = "idle_reads"},
    [LATE_READS] = {.name = "late_reads",
                    .words = "sections in destructors of threads",
                    .needs = CAN_EXIT},
    [SLEEPER_READS] = {.name = "sleeper_reads"},
    [SIGNAL_READS] = {.name = "signal_reads",
                      .words = "sections in signal handlers",
                      .needs = CAN_SIGNAL},
    [OVERLAPPED] = {.name = "overlapped",
                    .words = "sections that outlasted the one around them",
                    .needs = CAN_SIGNAL},
    [ACROSS_GPS] = {.name = "across_gps",
                    .near_miss = "sections across a whole grace period by the clock"},
    [AGE_0] = {.name = "age_0"},
    [AGE_0 + 1] = {.name = "age_1"},
    [AGE_0 + 2] = {.name = "age_2"},
    [AGE_0 + 3] = {.name = "age_3"},
    [AGE_0 + 4] = {.name = "age_4"},
    [AGE_0 + 5] = {.name = "age_5"},
    [AGE_0 + 6] = {.name = "age_6"},
    [AGE_0 + 7] = {.name = "age_7"},
    [AGE_0 + 8] = {.name = "age_8"},
    [AGE_0 + 9] = {.name = "age_9"},
    [AGE_0 + 10] = {.name = "age_10"},
};

static const struct distribution ages = {
    .file = "pipe-ages.txt",
    .text = "How many grace periods ago an object that a reader saw was retired.\n"
            "0 and 1 are fine; anything later is a violation.\n",
    .prefix = "age_",
    .column = "age",
    .expected = 2,
};

static const struct measure measures[MEASURE_COUNT] = {
    [GP] = MEASURE_GP,
    [GP_REQUEST] = {.name = "gp.request_to_start", .unit = "ns"},
    [GP_TOTAL] = MEASURE_GP_TOTAL,
    [GP_END_TO_CALLBACK] = {.name = "gp.end_to_callback", .unit = "ns"},
    [GP_POLLED] = {.name = "gp.polled", .unit = "ns"},
};

static const char *const checks[CHECK_COUNT] = {
    [PIPE_AGE] = "pipe-age",           [EARLY_REUSE] = "early-reuse",
    [PUBLISH_ORDER] = "publish-order", [POLLED_COOKIES] = "polled-cookies",
    [GP_ORDER] = "gp-order",           [QUIESCENCE] = "quiescence",
};

static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_PUBLISHED] = {.format = "published object %lu, retired %lu"},
    [NOTE_GP_START] = {.format = "waits for a grace period, %lu retired"},
    [NOTE_GP_END] = {.format = "its grace period ended, %lu retired"},
    [NOTE_ENTERED] = {.format = "entered, loaded object %lu at age %lu", .enters = true},
    [NOTE_AGE] = {.format = "the age of object %lu is %lu"},
    [NOTE_LEFT] = {.format = "left, object %lu at age %lu"},
    [NOTE_QUEUED] = {.format = "queued a callback for object %lu"},
    [NOTE_CALLBACK] = {.format = "callback for object %lu, now at age %lu"},
    [NOTE_POLLS] = {.format = "polls for a grace period, %lu retired"},
    [NOTE_EXPIRED] = {.format = "its polled grace period ended, %lu retired"},
    [NOTE_COOKIE] = {.format = "its cookie had expired, inside with object %lu"},
    [NOTE_CLOSED] = {.format = "found the mailbox of object %lu closed"},
};

static const char *const coverage[] = {"gps_forced",     "gps_shared",       "gps_proven",
                                       "sleeps",         "heap_freed",       "nested_sections",
                                       "readers_parked", "readers_unparked", NULL};

/* --- Set-up --- */

static size_t updaters(const struct params *p)
{
    return (size_t)(p->sync_updaters + p->expedited_updaters + p->call_rcu_updaters +
                    p->poll_updaters);
}

static const char *refuse(const void *params)
{
    return updaters(params) > 0 ? NULL
                                : "needs at least one updater (sync_updaters, expedited_updaters, "
                                  "call_rcu_updaters, poll_updaters)";
}

static unsigned needs_by_params(const void *params)
{
    const struct params *p = params;

    return (p->churners > 0 && p->exit_one_in > 0 ? CAN_EXIT : 0) |
           (p->signals_ns > 0 ? CAN_SIGNAL : 0);
}

static void open_cell(struct state *state, size_t index)
{
    struct updater *u = &state->updaters[index];

    u->next_id = index;
    if (state->mailboxes)
        u->mailboxes = &state->mailboxes[index * POOL_SIZE];
    for (unsigned j = 0; j < POOL_SIZE; j++) {
        u->pool[j].next = u->idle;
        u->idle = &u->pool[j];
    }
    u->current = u->idle;
    u->idle = u->idle->next;
    u->current->updater = u;
    object_fill(u->current, u->next_id);
    u->next_id += state->updater_count;
}

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct params *p = in->params;
    struct state *state = calloc(1, sizeof *state);
    size_t count = updaters(p);

    (void)d;
    state->updater_count = count;
    state->updaters = cache_lines(count * sizeof *state->updaters);
    state->contended = cache_lines((size_t)p->entry_stores * sizeof *state->contended);
    if (p->mail_readers > 0) {
        state->correspondent_count = (size_t)p->mail_readers;
        state->correspondents =
            cache_lines((size_t)p->mail_readers * sizeof *state->correspondents);
        state->mailboxes = cache_lines(count * POOL_SIZE * sizeof *state->mailboxes);
    }
    for (size_t i = 0; i < count; i++)
        open_cell(state, i);
    in->state = state;
    return true;
}

/* After the run everything but the current object is back. */
static void finish(struct instance *in)
{
    struct state *state = in->state;

    for (size_t i = 0; i < state->updater_count; i++) {
        struct updater *u = &state->updaters[i];
        unsigned back = u->current->kind == SLOT, out = 0;

        for (struct object *o = u->idle; o; o = o->next)
            back++;
        for (struct object *o = atomic_load(&u->returned); o; o = o->next)
            back++;
        for (struct object *o = u->pipe; o; o = o->next)
            out++;
        if (back != POOL_SIZE || out > 0)
            torture_violation(in, owner_of(u), QUIESCENCE,
                              "%u of %u slots are back at the end, %u objects are still retired.",
                              back, (unsigned)POOL_SIZE, out);
        if (u->current->kind == MAPPED)
            munmap(u->current, PAGE);
        else if (u->current->kind == HEAP)
            free(u->current);
    }
    free(state->mailboxes);
    free(state->correspondents);
    free(state->contended);
    free(state->updaters);
    free(state);
}

static const struct role roles[] = {
    {.name = "reader", .count_option = "readers", .run = pipe_reader},
    {.name = "quiet-reader", .count_option = "quiet_readers", .run = pipe_quiet_reader},
    {.name = "long-reader", .count_option = "long_readers", .run = pipe_long_reader},
    {.name = "sleeper", .count_option = "sleepers", .run = pipe_sleeper},
    {.name = "qsbr-reader",
     .count_option = "qsbr_readers",
     .run = pipe_qsbr_reader,
     .needs = CAN_QSBR | CAN_SYNCHRONIZE},
    {.name = "cookie-reader",
     .count_option = "cookie_readers",
     .run = pipe_cookie_reader,
     .needs = CAN_POLL},
    {.name = "mail-reader", .count_option = "mail_readers", .run = pipe_mail_reader},
    {.name = "churn", .count_option = "churners", .run = pipe_churn},
    {.name = "sync-updater",
     .count_option = "sync_updaters",
     .run = pipe_sync_updater,
     .needs = CAN_SYNCHRONIZE},
    {.name = "expedited-updater",
     .count_option = "expedited_updaters",
     .run = pipe_expedited_updater,
     .needs = CAN_EXPEDITE},
    {.name = "call-rcu-updater",
     .count_option = "call_rcu_updaters",
     .run = pipe_call_rcu_updater,
     .needs = CAN_CALL},
    {.name = "poll-updater",
     .count_option = "poll_updaters",
     .run = pipe_poll_updater,
     .needs = CAN_POLL | CAN_SYNCHRONIZE},
    {.name = "fake-updater",
     .count_option = "fake_updaters",
     .run = pipe_fake_updater,
     .needs = CAN_SYNCHRONIZE},
    {.name = NULL},
};

extern const struct workload rcu_pipe_workload;
const struct workload rcu_pipe_workload = {
    .name = "rcu-pipe",
    .summary = "objects age by one each grace period, and readers tell how old they saw them",
    .needs = CAN_PROTECT,
    .needs_by_params = needs_by_params,
    .refuse = refuse,
    .options = pipe_options,
    .params_size = sizeof(struct params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .measures = measures,
    .measure_count = MEASURE_COUNT,
    .checks = checks,
    .check_count = CHECK_COUNT,
    .coverage = coverage,
    .notes = notes,
    .note_count = NOTE_COUNT,
    .distribution = &ages,
    .setup = setup,
    .finish = finish,
};
