/* rcu-pipe: objects travel down a pipe, one step a grace period, and readers tell how far one was
 * when they saw it.
 *
 * Each updater owns a cell with one published object. It publishes a fresh one, and from then on
 * the old one ages by one with each grace period of that updater's. A reader that entered while an
 * object was current may see it at age 0 or 1 when it leaves; a 2 means that a grace period ended
 * although the reader had been inside since before it began. Objects of two kinds: slots, which
 * keep their age for ever, and heap objects, which are poisoned and freed, some with their page
 * unmapped, as soon as their grace period has ended.
 *
 * Here are the tables, the set-up and the checks of the end; rcu_pipe.h says where the rest is.
 *
 * Source of the pipe: the kernel's rcutorture. One updater thread per grace-period primitive, so
 * that the slow ones do not starve the checks of the fast ones.
 */
#include "rcu_pipe.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* --- Names, in the order of the enums in rcu_pipe.h --- */

static const char *const counter_names[] = {"reads",
                                            "checks",
                                            "gps",
                                            "nested_sections",
                                            "delayed_sections",
                                            "sections_kicked",
                                            "quiet_reads",
                                            "heap_freed",
                                            "unmapped",
                                            "qsbr_intervals",
                                            "qsbr_sections",
                                            "qsbr_offline",
                                            "qsbr_synchronized",
                                            "polled",
                                            "polled_expedited",
                                            "cookies_borrowed",
                                            "cookies_waited",
                                            "cookie_sections",
                                            "letters_posted",
                                            "letters_checked",
                                            "letters_handed_on",
                                            "threads_churned",
                                            "threads_exited",
                                            "idle_reads",
                                            "sleeper_reads",
                                            "age_0",
                                            "age_1",
                                            "age_2",
                                            "age_3",
                                            "age_4",
                                            "age_5",
                                            "age_6",
                                            "age_7",
                                            "age_8",
                                            "age_9",
                                            "age_10",
                                            NULL};
_Static_assert(sizeof counter_names / sizeof *counter_names == PIPE_COUNTERS + 1,
               "a name for each counter");

static const struct measure measure_list[] = {{"gp", "ns"},        {"gp.request_to_start", "ns"},
                                              {"gp.total", "ns"},  {"gp.end_to_callback", "ns"},
                                              {"gp.polled", "ns"}, {NULL, NULL}};

static const char *const check_names[] = {
    "pipe-age", "early-reuse", "publish-order", "polled-cookies", "gp-order", "quiescence", NULL};

static const char *const note_formats[] = {"published object %lu, retired %lu",
                                           "waits for a grace period, %lu retired",
                                           "its grace period ended, %lu retired",
                                           "entered, loaded object %lu at age %lu",
                                           "the age of object %lu is %lu",
                                           "left, object %lu at age %lu",
                                           "queued a callback for object %lu",
                                           "callback for object %lu, now at age %lu",
                                           "polls for a grace period, %lu retired",
                                           "its polled grace period ended, %lu retired",
                                           "its cookie had expired, inside with object %lu",
                                           "found the mailbox of object %lu closed",
                                           NULL};

static const char *const coverage_names[] = {
    "gps_forced",      "gps_shared",     "gps_proven",       "sleeps", "heap_freed",
    "nested_sections", "readers_parked", "readers_unparked", NULL};

/* --- Set-up --- */

/* What the table cannot say. */
static bool may_run(const struct params *p, size_t updaters, struct diagnostics *d)
{
    if (updaters == 0)
        diagnose(d, "rcu-pipe: needs at least one updater (sync_updaters, expedited_updaters, "
                    "call_rcu_updaters, poll_updaters)");
    else if (!FLAVOR_CAN_EXIT && p->churners > 0 && p->exit_one_in > 0)
        diagnose(d, "rcu-pipe: exit_one_in: threads of the flavor \"" FLAVOR_NAME
                    "\" may not end without unregistering (it lacks the capability exit)");
    else
        return true;
    return false;
}

/* Cache lines of zeros, at least one. */
static void *lines(size_t size)
{
    void *memory = aligned_alloc(64, size + 64);

    memset(memory, 0, size + 64);
    return memory;
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
    size_t count = (size_t)(p->sync_updaters + p->expedited_updaters + p->call_rcu_updaters +
                            p->poll_updaters);

    if (!may_run(p, count, d)) {
        free(state);
        return false;
    }
    state->updater_count = count;
    state->updaters = lines(count * sizeof *state->updaters);
    state->contended = lines((size_t)p->entry_stores * sizeof *state->contended);
    if (p->mail_readers > 0) {
        state->correspondent_count = (size_t)p->mail_readers;
        state->correspondents = lines((size_t)p->mail_readers * sizeof *state->correspondents);
        state->mailboxes = lines(count * POOL_SIZE * sizeof *state->mailboxes);
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

#define FIELD(name) offsetof(struct params, name)
static const struct option options[] = {
    {"readers", OPTION_INT, FIELD(readers), "2", 0, 4096, "threads", NULL,
     "readers that come and go without a pause"},
    {"quiet_readers", OPTION_INT, FIELD(quiet_readers), "1", 0, 4096, "threads", NULL,
     "readers that, once outside, wait for a grace period: they do not heal lost wake-ups"},
    {"long_readers", OPTION_INT, FIELD(long_readers), "0", 0, 4096, "threads", NULL,
     "readers that stay inside until they are told to leave, as a vCPU does"},
    {"sleepers", OPTION_INT, FIELD(sleepers), "0", 0, 4096, "threads", NULL,
     "readers that sleep most of the time"},
    {"qsbr_readers", OPTION_INT, FIELD(qsbr_readers), "0", 0, 4096, "threads", NULL,
     "readers in quiescent-state mode: they say when they hold nothing"},
    {"cookie_readers", OPTION_INT, FIELD(cookie_readers), "0", 0, 4096, "threads", NULL,
     "readers that take a cookie inside a section: it may not expire before they leave"},
    {"mail_readers", OPTION_INT, FIELD(mail_readers), "0", 0, 4096, "threads", NULL,
     "readers that leave letters about each other, to be read after the grace period"},
    {"churners", OPTION_INT, FIELD(churners), "0", 0, 4096, "threads", NULL,
     "threads that start short-lived ones, which register, read and unregister"},
    {"sync_updaters", OPTION_INT, FIELD(sync_updaters), "1", 0, 4096, "threads", NULL,
     "updaters that call synchronize"},
    {"expedited_updaters", OPTION_INT, FIELD(expedited_updaters), "1", 0, 4096, "threads", NULL,
     "updaters that call the expedited synchronize"},
    {"call_rcu_updaters", OPTION_INT, FIELD(call_rcu_updaters), "1", 0, 4096, "threads", NULL,
     "updaters that queue callbacks"},
    {"poll_updaters", OPTION_INT, FIELD(poll_updaters), "0", 0, 4096, "threads", NULL,
     "updaters that poll for the end of a grace period"},
    {"fake_updaters", OPTION_INT, FIELD(fake_updaters), "1", 0, 4096, "threads", NULL,
     "threads that ask for grace periods at random and publish nothing"},
    {"nest_max", OPTION_INT, FIELD(nest_max), "3", 0, 1000, "levels", NULL,
     "up to so many more levels in every eighth section"},
    {"short_delay", OPTION_DURATION, FIELD(short_delay_ns), "2us", 0, 60e9, NULL, NULL,
     "longest short delay inside a section"},
    {"short_delay_one_in", OPTION_INT, FIELD(short_delay_one_in), "4", 0, 1e12, "sections", NULL,
     "one section in so many has a short delay; 0: none"},
    {"long_delay", OPTION_DURATION, FIELD(long_delay_ns), "100us", 0, 60e9, NULL, NULL,
     "longest long delay inside a section, and every section of a quiet reader"},
    {"long_delay_one_in", OPTION_INT, FIELD(long_delay_one_in), "2000", 0, 1e12, "sections", NULL,
     "one section in so many has a long delay; 0: none"},
    {"long_section", OPTION_DURATION, FIELD(long_section_ns), "100ms", 0, 600e9, NULL, NULL,
     "how long a long reader stays at most when nobody tells it to leave"},
    {"long_pause", OPTION_DURATION, FIELD(long_pause_ns), "200ms", 0, 600e9, NULL, NULL,
     "mean pause between the sections of a long reader"},
    {"sleeper_pause", OPTION_DURATION, FIELD(sleeper_pause_ns), "10ms", 0, 600e9, NULL, NULL,
     "longest sleep between the sections of a sleeper"},
    {"qsbr_spell", OPTION_INT, FIELD(qsbr_spell), "1000", 1, 1e9, "quiescent states", NULL,
     "up to so many before a QSBR reader goes offline"},
    {"qsbr_pause", OPTION_DURATION, FIELD(qsbr_pause_ns), "1ms", 0, 600e9, NULL, NULL,
     "mean time that a QSBR reader is offline"},
    {"qsbr_synchronize_one_in", OPTION_INT, FIELD(qsbr_synchronize_one_in), "5000", 0, 1e12,
     "quiescent states", NULL,
     "after one in so many a QSBR reader waits for a grace period, being online; 0: never"},
    {"cookie_start_one_in", OPTION_INT, FIELD(cookie_start_one_in), "4", 0, 1e12, "cookies", NULL,
     "one cookie in so many that cookie readers take starts a grace period; 0: none"},
    {"churn_burst", OPTION_INT, FIELD(churn_burst), "4", 1, CHURN_BURST_MAX, "threads", NULL,
     "up to so many short-lived threads of a churner live at once"},
    {"churn_pause", OPTION_DURATION, FIELD(churn_pause_ns), "1ms", 0, 100e6, NULL, NULL,
     "longest time that a short-lived thread is idle before one section in four"},
    {"exit_one_in", OPTION_INT, FIELD(exit_one_in), "0", 0, 1e12, "threads", NULL,
     "one short-lived thread in so many ends without unregistering; 0: none"},
    {"expedite_pause", OPTION_DURATION, FIELD(expedite_pause_ns), "0ms", 0, 600e9, NULL, NULL,
     "mean pause between updates of an expedited updater"},
    {"poll_pause", OPTION_DURATION, FIELD(poll_pause_ns), "0ms", 0, 600e9, NULL, NULL,
     "mean pause between updates of a poll updater"},
    {"poll_wait_one_in", OPTION_INT, FIELD(poll_wait_one_in), "4", 0, 1e12, "updates", NULL,
     "in one update in so many a poll updater waits for its cookie; 0: it only polls"},
    {"poll_expedite_one_in", OPTION_INT, FIELD(poll_expedite_one_in), "8", 0, 1e12, "grace periods",
     NULL, "one polled grace period in so many is expedited; 0: none"},
    {"fake_pause", OPTION_DURATION, FIELD(fake_pause_ns), "1ms", 0, 600e9, NULL, NULL,
     "mean pause of a fake updater"},
    {"heap_one_in", OPTION_INT, FIELD(heap_one_in), "4", 0, 1e12, "objects", NULL,
     "one object in so many is freed and poisoned after its grace period; 0: none"},
    {"unmap_one_in", OPTION_INT, FIELD(unmap_one_in), "64", 0, 1e12, "heap objects", NULL,
     "one heap object in so many has its page unmapped; 0: none"},
    {"entry_stores", OPTION_INT, FIELD(entry_stores), "2", 0, 64, "stores", NULL,
     "stores to contended lines just before each section, so that its entry is seen late"},
    {"gap", OPTION_DURATION, FIELD(gap_ns), "0us", 0, 60e9, NULL, NULL,
     "longest time that a reader spins outside between two sections"},
    {NULL, OPTION_BOOL, 0, NULL, 0, 0, NULL, NULL, NULL},
};
#undef FIELD

static const struct role roles[] = {
    {"reader", "readers", pipe_reader, 0},
    {"quiet-reader", "quiet_readers", pipe_quiet_reader, 0},
    {"long-reader", "long_readers", pipe_long_reader, 0},
    {"sleeper", "sleepers", pipe_sleeper, 0},
    {"qsbr-reader", "qsbr_readers", pipe_qsbr_reader, CAN_QSBR | CAN_SYNCHRONIZE},
    {"cookie-reader", "cookie_readers", pipe_cookie_reader, CAN_POLL},
    {"mail-reader", "mail_readers", pipe_mail_reader, 0},
    {"churn", "churners", pipe_churn, 0},
    {"sync-updater", "sync_updaters", pipe_sync_updater, CAN_SYNCHRONIZE},
    {"expedited-updater", "expedited_updaters", pipe_expedited_updater, CAN_EXPEDITE},
    {"call-rcu-updater", "call_rcu_updaters", pipe_call_rcu_updater, CAN_CALL},
    {"poll-updater", "poll_updaters", pipe_poll_updater, CAN_POLL | CAN_SYNCHRONIZE},
    {"fake-updater", "fake_updaters", pipe_fake_updater, CAN_SYNCHRONIZE},
    {NULL, NULL, NULL, 0},
};

extern const struct workload rcu_pipe_workload;
const struct workload rcu_pipe_workload = {
    .name = "rcu-pipe",
    .summary = "objects age by one each grace period, and readers tell how old they saw them",
    .needs = CAN_PROTECT,
    .options = options,
    .params_size = sizeof(struct params),
    .roles = roles,
    .counters = counter_names,
    .measures = measure_list,
    .checks = check_names,
    .coverage = coverage_names,
    .notes = note_formats,
    .setup = setup,
    .finish = finish,
};
