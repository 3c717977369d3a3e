/* rcu-fork: bursts of children, forked in the middle of everything, that go on using the library.
 *
 * While readers, updaters with callbacks, threads that wait for grace periods and users of the big
 * lock torture the parent, forkers fork: outside, inside nested sections, online, not registered,
 * and any of these with the big lock held. Each child finds its section, its lock and its
 * registration as they were, and the callbacks of its ancestors that it can reach, which run in
 * their order and under the lock (or none, where the flavor drops them); it reads, waits, queues,
 * polls, makes threads, and forks again (child.c). A child that hangs silences its forker, which
 * is a stall.
 */
#include "rcu_fork.h"

#include "torture/runner/violation.h"
#include "torture/workloads/cache_lines.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY_PENDING = 1000 };

static const struct counter counters[COUNTER_COUNT] = {
    [READS] = {.name = "reads"},
    [CHECKS] = {.name = "checks"},
    [GPS] = COUNTER_GPS,
    [QUEUED] = {.name = "queued"},
    [INVOKED] = {.name = "invoked"},
    [LOCKED] = {.name = "locked"},
    [FORKS] = {.name = "forks"},
    [FORKS_IN_SECTION] = {.name = "forks_in_section"},
    [FORKS_ONLINE] = {.name = "forks_online", .needs = CAN_QSBR},
    [FORKS_UNREGISTERED] = {.name = "forks_unregistered"},
    [FORKS_LOCKED] = {.name = "forks_locked", .needs = CAN_CALLBACK_LOCK},
    [FORKS_GIVEN_UP] = {.name = "forks_given_up"},
    [GRANDCHILDREN] = {.name = "grandchildren"},
    [CHILD_READS] = {.name = "child_reads"},
    [CHILD_CALLBACKS] = {.name = "child_callbacks"},
    [CHILD_SECTIONS] = {.name = "child_sections"},
    [CHILD_INHERITED] = {.name = "child_inherited", .needs = CAN_INHERIT},
    [CHILD_DROPPED] = {.name = "child_dropped"},
};
static const struct measure measures[MEASURE_COUNT] = {
    [FORK_TIME] = {.name = "fork", .unit = "ns"},
    [CHILD_LIFE] = {.name = "fork.child", .unit = "ns"},
};
static const char *const checks[CHECK_COUNT] = {
    [FORK] = "fork",
    [CALLBACK_LEDGER] = "callback-ledger",
    [QUIESCENCE] = "quiescence",
};
static const char *const coverage[] = {
    "forks_in_section", "forks_online",    "forks_unregistered", "forks_locked",
    "grandchildren",    "child_inherited", "child_sections",     NULL};
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_QUEUED] = {.format = "queued callback %lu, %lu on their way"},
    [NOTE_ENTERED] = {.format = "entered, loaded item %lu", .enters = true},
    [NOTE_FORKS] = {.format = "forks child %lu, from state %lu"},
    [NOTE_STEP] = {.format = "child %lu is at step %lu"},
    [NOTE_ENDED] = {.format = "child %lu ended, its descendants did %lu checks"},
};

/* --- Being somewhere when the fork comes --- */

void fork_get_into(const struct fork_params *p, struct fork_state *state, struct random *random,
                   struct fork_birth *birth)
{
    size_t updater = random_below(random, state->updater_count);

    *birth = (struct fork_birth){
        .from = (enum fork_from)random_below(random, FORK_FROM_COUNT),
        .locked = p->big_lock && random_one_in(random, 3),
        .nest = 1 + (unsigned)random_below(random, 3),
    };
    if (birth->from == FROM_ONLINE && !FLAVOR_CAN_QSBR)
        birth->from = FROM_SECTION;
    if (birth->locked)
        big_lock_take(state->big_lock);
    if (birth->from == FROM_UNREGISTERED)
        flavor_unregister_thread();
    else if (birth->from == FROM_ONLINE)
        flavor_thread_online();
    else if (birth->from == FROM_SECTION)
        for (unsigned level = 0; level < birth->nest; level++)
            flavor_read_lock();
    if (birth->from == FROM_SECTION || birth->from == FROM_ONLINE)
        birth->item = flavor_dereference(state->updaters[updater].current);
}

void fork_get_out_of(struct fork_state *state, const struct fork_birth *birth)
{
    if (birth->from == FROM_UNREGISTERED)
        flavor_register_thread();
    else if (birth->from == FROM_ONLINE)
        flavor_thread_offline();
    else if (birth->from == FROM_SECTION)
        for (unsigned level = 0; level < birth->nest; level++)
            flavor_read_unlock();
    if (birth->locked)
        big_lock_release(state->big_lock);
}

/* --- Forkers --- */

static void judge_child(struct torture_thread *t, struct fork_report *report, int status)
{
    enum child_step step = atomic_load_explicit(&report->step, memory_order_relaxed);

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    /* Orders: LOAD report->ready -> LOAD report->message.
     * Pairs with: fail(), STORE c->report->message -> STORE c->report->ready (release).
     * Broken: half a message is reported. */
    if (atomic_load_explicit(&report->ready, memory_order_acquire))
        torture_violation(t->instance, t, FORK, "%s It %s.", report->message, child_steps[step]);
    else if (WIFSIGNALED(status))
        torture_violation(t->instance, t, FORK, "A child was killed by signal %d (%s) when it %s.",
                          WTERMSIG(status), strsignal(WTERMSIG(status)), child_steps[step]);
    else
        torture_violation(t->instance, t, FORK, "A child ended with exit code %d when it %s.",
                          WEXITSTATUS(status), child_steps[step]);
}

static uint64_t take(_Atomic uint64_t *counter)
{
    return atomic_exchange_explicit(counter, 0, memory_order_relaxed);
}

static void count_child(struct torture_thread *t, struct fork_report *report,
                        const struct fork_birth *birth)
{
    struct fork_state *state = t->instance->state;
    uint64_t children = take(&report->children), inherited, dropped;

    torture_count(t, FORKS, 1);
    torture_count(t, FORKS_IN_SECTION, birth->from == FROM_SECTION);
    torture_count(t, FORKS_ONLINE, birth->from == FROM_ONLINE);
    torture_count(t, FORKS_UNREGISTERED, birth->from == FROM_UNREGISTERED);
    torture_count(t, FORKS_LOCKED, birth->locked);
    torture_count(t, GRANDCHILDREN, children > 0 ? children - 1 : 0);
    torture_count(t, CHILD_READS, take(&report->reads));
    torture_count(t, CHILD_CALLBACKS, take(&report->callbacks));
    torture_count(t, CHILD_SECTIONS, take(&report->kept_sections));
    inherited = take(&report->inherited);
    dropped = take(&report->dropped);
    torture_count(t, CHILD_INHERITED, inherited);
    torture_count(t, CHILD_DROPPED, dropped);
    atomic_fetch_add_explicit(&state->inherited, inherited, memory_order_relaxed);
    atomic_fetch_add_explicit(&state->pending, inherited + dropped, memory_order_relaxed);
}

/* Does not beat: a child that hangs is to be noticed. It dies with this process. */
static int wait_for_child(struct torture_thread *t, struct fork_report *report, pid_t pid)
{
    unsigned seen = STEP_NONE, step;
    int status = 0;

    while (waitpid(pid, &status, WNOHANG) == 0) {
        step = atomic_load_explicit(&report->step, memory_order_relaxed);
        if (step != seen)
            torture_note(t, NOTE_STEP, (unsigned long)pid, step);
        seen = step;
        shared_wait(&t->header->stop, torture_running(t) ? 0 : 1, 300 * 1000);
    }
    return status;
}

static void fork_once(struct torture_thread *t, struct fork_report *report)
{
    const struct fork_params *p = t->instance->params;
    struct fork_state *state = t->instance->state;
    uint64_t seed = random_next(&t->random), checked, refused = shared_refusals(t->header);
    struct fork_birth birth;
    int64_t begun;
    int status;
    pid_t pid;

    atomic_store(&report->step, STEP_NONE);
    fork_get_into(p, state, &t->random, &birth);
    torture_note(t, NOTE_FORKS, seed, (unsigned long)birth.from);
    begun = clock_monotonic_ns();
    pid = fork();
    if (pid == 0)
        fork_child_main(t->instance, report, seed, &birth);
    torture_measure(t, FORK_TIME, (uint64_t)(clock_monotonic_ns() - begun));
    fork_get_out_of(state, &birth);
    if (pid < 0) { /* no room for more processes now */
        torture_sleep(t, 10 * 1000 * 1000);
        torture_beat(t);
        return;
    }
    status = wait_for_child(t, report, pid);
    torture_measure(t, CHILD_LIFE, (uint64_t)(clock_monotonic_ns() - begun));
    checked = take(&report->checks);
    torture_note(t, NOTE_ENDED, (unsigned long)pid, (unsigned long)checked);
    torture_count(t, CHECKS, checked + 1);
    /* A child to which the system refused what it needs has not failed. */
    if (fork_given_up(status) || (status != 0 && shared_refusals(t->header) != refused)) {
        torture_count(t, FORKS_GIVEN_UP, 1);
        take(&report->children);
    } else {
        judge_child(t, report, status);
        count_child(t, report, &birth);
    }
    torture_beat(t);
}

static void forker(struct torture_thread *t)
{
    const struct fork_params *p = t->instance->params;
    struct fork_state *state = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        fork_once(t, &state->reports[t->index]);
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->fork_pause_ns + 1));
    }
    if (flavor_in_section())
        torture_violation(t->instance, t, QUIESCENCE, "%s-%u is still inside a section at its end.",
                          t->role->name, t->index);
    flavor_unregister_thread();
}

/* --- Set-up --- */

#if FORK_THREAD_SANITIZED
/* It would end a child that makes threads. TSAN_OPTIONS comes after this. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "die_after_fork=0";
}

/* It takes the threads of ancestors for alive, and dies of a new one that gets the stack of one of
 * them. Stacks of a size of their own are new ones; all are so small that the C library keeps those
 * of the ancestors (up to 40 MiB), rather than give back and be given the same addresses again. */
void fork_use_new_stacks(unsigned generation)
{
    pthread_attr_t defaults;

    pthread_getattr_default_np(&defaults);
    pthread_attr_setstacksize(&defaults, (4 + generation) * (size_t)256 * 1024);
    pthread_setattr_default_np(&defaults);
    pthread_attr_destroy(&defaults);
}
#else
void fork_use_new_stacks(unsigned generation)
{
    (void)generation;
}
#endif

#if FORK_ADDRESS_SANITIZED
/* The largest that a child's threads allocate, and what they are begun with. */
enum { LARGEST_CHUNK = 4096 };

static void *allocate_all_sizes(void *unused)
{
    for (size_t size = 16; size <= LARGEST_CHUNK; size += 16) {
        void *volatile chunk = malloc(size);

        free(chunk);
    }
    return unused;
}

/* It does not hold its locks across a fork (that of newer compilers does), and one that another
 * thread had is never let go in the child. A new thread's caches are empty: it takes each lock of
 * the allocator's, and those of the beginning and the end of threads. What is free now stays so. */
void fork_take_sanitizer_locks(void)
{
    pthread_t thread;
    sigset_t in_time;

    signal(SIGALRM, SIG_DFL);
    sigemptyset(&in_time);
    sigaddset(&in_time, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &in_time, NULL);
    alarm(2);
    if (pthread_create(&thread, NULL, allocate_all_sizes, NULL) == 0)
        pthread_join(thread, NULL);
    alarm(0);
}

bool fork_given_up(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
}
#else
void fork_take_sanitizer_locks(void)
{
}

bool fork_given_up(int status)
{
    (void)status;
    return false;
}
#endif

static const char *refuse(const void *params)
{
    return ((const struct fork_params *)params)->updaters > 0 ? NULL : "needs at least one updater";
}

static unsigned needs_by_params(const void *params)
{
    return ((const struct fork_params *)params)->big_lock ? CAN_CALLBACK_LOCK : 0;
}

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct fork_params *p = in->params;
    size_t reports = ((size_t)p->forkers + 1) * sizeof(struct fork_report);
    struct fork_state *state;

    in->state = state = calloc(1, sizeof *state);
    state->reports = mmap(NULL, reports, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (state->reports == MAP_FAILED) {
        diagnose(d, "rcu-fork: no room for what children report");
        return false;
    }
    fork_use_new_stacks(0);
    sched_getaffinity(0, sizeof state->cpus, &state->cpus);
    state->updater_count = (size_t)p->updaters;
    state->updaters = cache_lines(state->updater_count * sizeof *state->updaters);
    for (size_t i = 0; i < state->updater_count; i++)
        items_open(&state->updaters[i], in, NULL, (size_t)p->pending_max, sizeof(struct item));
    state->big_lock = big_lock_open(p->big_lock, NULL, 0);
    return true;
}

static void finish(struct instance *in)
{
    const struct fork_params *p = in->params;
    struct fork_state *state = in->state;

    for (size_t i = 0; i < state->updater_count; i++) {
        struct items *u = &state->updaters[i];
        size_t back = items_close(u);

        if (back != (size_t)p->pending_max)
            torture_violation(in, u->thread, QUIESCENCE,
                              "%zu of %zu items of updater %zu are back at the end.", back,
                              (size_t)p->pending_max, i);
    }
    /* One that stands between two links of the queue makes all behind it unreachable, but not in
     * each child. */
    if (flavor_inherits() && atomic_load(&state->pending) >= MANY_PENDING &&
        atomic_load(&state->inherited) == 0)
        torture_violation(in, state->updaters[0].thread, FORK,
                          "None of %lu callbacks that were pending at a fork ran in the child.",
                          (unsigned long)atomic_load(&state->pending));
    big_lock_close(state->big_lock, p->big_lock);
    free(state->updaters);
    munmap(state->reports, ((size_t)p->forkers + 1) * sizeof(struct fork_report));
    free(state);
}

#define FIELD(name) offsetof(struct fork_params, name)
static const struct option options[] = {
    {.name = "forkers",
     .type = OPTION_INT,
     .offset = FIELD(forkers),
     .default_text = "2",
     .max = 4096,
     .unit = "threads",
     .help = "threads that fork a child and wait for it"},
    {.name = "readers",
     .type = OPTION_INT,
     .offset = FIELD(readers),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "readers in the parent that come and go without a pause"},
    {.name = "updaters",
     .type = OPTION_INT,
     .offset = FIELD(updaters),
     .default_text = "1",
     .min = 1,
     .max = 4096,
     .unit = "threads",
     .help = "threads in the parent that replace items and queue callbacks"},
    {.name = "waiters",
     .type = OPTION_INT,
     .offset = FIELD(waiters),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "threads in the parent that wait for grace periods"},
    {.name = "lock_users",
     .type = OPTION_INT,
     .offset = FIELD(lock_users),
     .default_text = "1",
     .max = 4096,
     .unit = "threads",
     .help = "threads in the parent that take the big lock now and then"},
    {.name = "big_lock",
     .type = OPTION_BOOL,
     .offset = FIELD(big_lock),
     .default_text = "true",
     .needs = CAN_CALLBACK_LOCK,
     .help = "callbacks run under a lock, and a third of the forks come with it held"},
    {.name = "pending_max",
     .type = OPTION_INT,
     .offset = FIELD(pending_max),
     .default_text = "1000",
     .min = 2,
     .max = 1e7,
     .unit = "callbacks",
     .help = "an updater has at most so many on their way"},
    {.name = "section",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(section_ns),
     .default_text = "50us",
     .max = 60e9,
     .help = "longest section of a reader"},
    {.name = "fork_pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(fork_pause_ns),
     .default_text = "1ms",
     .max = 60e9,
     .help = "mean pause of a forker after a child has ended"},
    {.name = "child_callers",
     .type = OPTION_INT,
     .offset = FIELD(child_callers),
     .default_text = "3",
     .min = 1,
     .max = 1000,
     .unit = "threads",
     .help = "threads of a child that queue its first callbacks, all at once"},
    {.name = "child_callbacks",
     .type = OPTION_INT,
     .offset = FIELD(child_callbacks),
     .default_text = "20",
     .min = 1,
     .max = 1e6,
     .unit = "callbacks",
     .help = "callbacks of each of these"},
    {.name = "child_stay",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(child_stay_ns),
     .default_text = "500us",
     .max = 60e9,
     .help = "how long on average a child stays in the section it inherited, while a thread of its "
             "waits"},
    {.name = "depth",
     .type = OPTION_INT,
     .offset = FIELD(depth),
     .default_text = "2",
     .min = 1,
     .max = 100,
     .unit = "generations",
     .help = "children fork children, down to this generation"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "forker",
     .count_option = "forkers",
     .run = forker,
     .needs = CAN_FORK | CAN_SYNCHRONIZE | CAN_CALL | CAN_BARRIER},
    {.name = "fork-reader", .count_option = "readers", .run = fork_reader},
    {.name = "fork-updater",
     .count_option = "updaters",
     .run = fork_updater_role,
     .needs = CAN_CALL},
    {.name = "fork-waiter",
     .count_option = "waiters",
     .run = fork_waiter,
     .needs = CAN_SYNCHRONIZE},
    {.name = "fork-lock-user",
     .count_option = "lock_users",
     .run = fork_lock_user,
     .needs = CAN_CALLBACK_LOCK},
    {.name = NULL},
};

extern const struct workload rcu_fork_workload;
const struct workload rcu_fork_workload = {
    .name = "rcu-fork",
    .summary = "children forked in the middle of everything, that go on using the library",
    .needs = CAN_PROTECT | CAN_NEST | CAN_FORK,
    .needs_by_params = needs_by_params,
    .refuse = refuse,
    .options = options,
    .params_size = sizeof(struct fork_params),
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
    .setup = setup,
    .finish = finish,
};
