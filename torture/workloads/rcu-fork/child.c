/* rcu-fork, the child's side: everything that the library is for, in a process that is a copy of
 * one thread of a process under torture.
 *
 * A child touches nothing of the mapping that its parent shares with the driver, but to note what
 * the system refuses it (runner/refused.h). It passes on what it found through the forker's report
 * and its exit code.
 */
#include "child.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const char *const child_steps[CHILD_STEP_COUNT] = {
#define WORDS(name, words) [STEP_##name] = (words),
    CHILD_STEPS(WORDS)
#undef WORDS
};

enum { CHILD_REFUSED = 99 }; /* an exit code: no step is as high */

/* --- Failures --- */

void child_at(struct child *c, enum child_step step)
{
    atomic_store_explicit(&c->report->step, (unsigned)step, memory_order_relaxed);
}

void child_fail(struct child *c, const char *format, ...)
{
    va_list arguments;

    if (!atomic_exchange_explicit(&c->report->claimed, 1, memory_order_relaxed)) {
        va_start(arguments, format);
        vsnprintf(c->report->message, sizeof c->report->message, format, arguments);
        va_end(arguments);
        /* Orders: STORE c->report->message -> STORE c->report->ready.
         * Pairs with: judge_child(), LOAD report->ready (acquire).
         * Broken: the forker reports half a message. */
        atomic_store_explicit(&c->report->ready, 1, memory_order_release);
    }
    _exit((int)atomic_load_explicit(&c->report->step, memory_order_relaxed));
}

void child_count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

void child_nap(int64_t ns)
{
    struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};

    nanosleep(&time, NULL);
}

pthread_t child_start_thread(struct child *c, void *(*run)(void *), void *argument)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, run, argument);

    if (error && refusal_remedy(error, "pthread_create")) /* noted: runner/refused.h */
        _exit(CHILD_REFUSED);
    if (error)
        child_fail(c, "A child cannot make a thread: error %d.", error);
    return thread;
}

void child_expect_inside(struct child *c, bool inside, const char *when)
{
    if (FLAVOR_CAN_TELL_SECTION && flavor_in_section() != inside)
        child_fail(c, "%s a child is %s a section.", when, inside ? "not inside" : "inside");
    child_count(&c->report->checks, 1);
}

void child_expect_caller(struct child *c, const struct caller_state *before, const char *call)
{
    const char *changed = caller_state_change(before, 0);

    if (changed)
        child_fail(c, "After %s a thread of a child found that %s was another than before.", call,
                   changed);
    child_count(&c->report->checks, 1);
}

/* --- What it does itself --- */

static void read_some(struct child *c)
{
    for (size_t i = 0; i < c->state->updater_count; i++) {
        struct item *item;
        unsigned before, after;

        flavor_read_lock();
        item = flavor_dereference(c->state->updaters[i].current);
        before = atomic_load_explicit(&item->done, memory_order_relaxed);
        after = atomic_load_explicit(&item->done, memory_order_relaxed);
        flavor_read_unlock();
        if (before || after)
            child_fail(c, "A child read an item that is published, and whose callback has run.");
        child_count(&c->report->reads, 1);
    }
    child_expect_inside(c, false, "After reading");
}

/* One of the threads that queue the first callbacks of the process, all at once. */
struct child_caller {
    struct child *child;
    pthread_t thread;
    uint64_t invoked; /* the next one's sequence; the callback thread's */
    atomic_uint last; /* all have run */
    struct child_call *calls;
};

struct child_call {
    flavor_head head;
    struct child_caller *caller;
    uint64_t sequence;
};

static void invoked(flavor_head *head)
{
    struct child_call *call =
        (struct child_call *)((char *)head - offsetof(struct child_call, head));
    struct child_caller *caller = call->caller;
    struct child *c = caller->child;
    unsigned self = (unsigned)gettid(), before;

    if (c->generation != c->state->generation) {
        fork_inherited_ran(c->state, call->sequence, caller->invoked, false,
                           !c->params->big_lock || big_lock_held(c->state->big_lock));
        caller->invoked = call->sequence + 1;
        return;
    }
    before = atomic_exchange_explicit(&c->called, self, memory_order_relaxed);
    if (before != 0 && before != self)
        child_fail(c, "Callbacks of a child ran in two threads.");
    if (call->sequence != caller->invoked)
        child_fail(c, "In a child, callback %lu of thread %zu ran when %lu was next.",
                   (unsigned long)call->sequence, (size_t)(caller - c->callers),
                   (unsigned long)caller->invoked);
    if (c->params->big_lock && !big_lock_held(c->state->big_lock))
        child_fail(c, "A callback ran in a child without the big lock.");
    caller->invoked++;
    child_count(&c->report->callbacks, 1);
    /* Orders: STORE caller->invoked -> STORE caller->last.
     * Pairs with: expect_callbacks(), LOAD last (acquire).
     * Broken: nothing that is used; the barrier itself has to order what callbacks did. */
    if (caller->invoked == (uint64_t)c->params->child_callbacks)
        atomic_store_explicit(&caller->last, 1, memory_order_release);
}

static void *call_first(void *argument)
{
    struct child_caller *caller = argument;
    struct child *c = caller->child;
    bool registered = (caller - c->callers) % 2 == 0;
    struct caller_state before = caller_state();
    unsigned long cookie = 0;

    if (registered)
        flavor_register_thread();
    atomic_fetch_add_explicit(&c->gate, 1, memory_order_relaxed);
    while (atomic_load_explicit(&c->gate, memory_order_relaxed) <
           (unsigned)c->params->child_callers)
        sched_yield(); /* together */
    for (int64_t i = 0; i < c->params->child_callbacks; i++)
        flavor_call(&caller->calls[i].head, invoked);
    if (c->polls)
        cookie = flavor_start_poll();
    child_expect_caller(c, &before, "calls that start threads of the library's");
    if (registered) {
        read_some(c);
        flavor_unregister_thread();
    }
    while (c->polls && !flavor_poll_state(cookie))
        child_nap(50 * 1000);
    /* No thread ends during a fork: see wait_for_threads(). */
    while (!atomic_load_explicit(&c->forked, memory_order_relaxed))
        child_nap(50 * 1000);
    return NULL;
}

static void start_callers(struct child *c)
{
    size_t callers = (size_t)c->params->child_callers, calls = (size_t)c->params->child_callbacks;

    c->callers = calloc(callers + 1, sizeof *c->callers);
    for (size_t i = 0; i < callers; i++) {
        struct child_caller *caller = &c->callers[i];

        caller->child = c;
        caller->calls = calloc(calls + 1, sizeof *caller->calls);
        for (size_t j = 0; j < calls; j++) {
            caller->calls[j].caller = caller;
            caller->calls[j].sequence = j;
        }
        caller->thread = child_start_thread(c, call_first, caller);
    }
}

static void expect_callbacks(struct child *c)
{
    for (int64_t i = 0; i < c->params->child_callers; i++)
        pthread_join(c->callers[i].thread, NULL);
    flavor_barrier();
    for (int64_t i = 0; i < c->params->child_callers; i++)
        if (!atomic_load_explicit(&c->callers[i].last, memory_order_acquire))
            child_fail(c,
                       "A barrier returned in a child before all callbacks of thread %ld had run.",
                       (long)i);
    child_expect_inherited(c);
    child_count(&c->report->checks, (uint64_t)c->params->child_callers + 1);
}

static void poll_some(struct child *c)
{
    unsigned long cookie = flavor_get_state(), polled = flavor_start_poll();

    while (!flavor_poll_state(polled))
        child_nap(50 * 1000);
    if (!flavor_poll_state(cookie))
        child_fail(c, "In a child, a cookie expired, and one that was taken before it did not.");
    cookie = flavor_get_state();
    flavor_synchronize();
    if (!flavor_poll_state(cookie))
        child_fail(c, "In a child, a cookie outlasted a whole grace period.");
    flavor_cond_synchronize(flavor_start_poll());
    child_count(&c->report->checks, 2);
}

/* --- Its own children --- */

/* What sanitizers do at the beginning and the end of a thread takes locks of theirs that a child
 * does not get when the fork comes then. Under them no thread begins or ends meanwhile, nor one of
 * the flavor's. */
static void wait_for_threads(struct child *c)
{
    while (atomic_load_explicit(&c->gate, memory_order_relaxed) <
           (unsigned)c->params->child_callers)
        child_nap(10 * 1000);
    while (FORK_SANITIZED && !atomic_load_explicit(&c->called, memory_order_relaxed))
        child_nap(10 * 1000);
}

static void fork_again(struct child *c)
{
    struct fork_birth birth;
    uint64_t seed = random_next(&c->random);
    uint64_t refused = shared_refusals(c->instance->shared);
    int status;
    pid_t pid;

    wait_for_threads(c);
    fork_get_into(c->params, c->state, &c->random, &birth);
    child_at(c, STEP_FORK);
    birth.caller = caller_state();
    pid = fork();
    if (pid == 0)
        fork_child_main(c->instance, c->report, seed, &birth);
    fork_get_out_of(c->state, &birth);
    if (pid < 0)
        return;
    waitpid(pid, &status, 0);
    if (fork_given_up(status) || (status != 0 && shared_refusals(c->instance->shared) != refused))
        return;
    if (WIFSIGNALED(status))
        child_fail(c, "A child's child was killed by signal %d (%s).", WTERMSIG(status),
                   strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0)
        child_fail(c, "A child's child ended with exit code %d.", WEXITSTATUS(status));
}

/* --- Its life --- */

/* A crash of a child's is the forker's to report; the runner's handlers would take it for the
 * runner's. */
static void set_signals(void)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        signal(fatal[i], SIG_DFL);
}

static void begin(struct child *c, const struct fork_birth *birth)
{
    struct fork_state *state = c->state;

    child_expect_caller(c, &birth->caller, "the fork");
    set_signals();
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* it hangs no longer than the run lasts */
    prctl(PR_SET_NAME, "rcu-fork-child");
    /* Before there is a thread: it may get the stack where another thread had its vCPU. */
    child_forget_vcpus(c, birth);
    fork_take_sanitizer_locks();
    c->generation = ++state->generation;
    atomic_store(&state->inherited_ran, 0);
    state->inherited_wrong = NULL;
    state->half_run++;
    fork_use_new_stacks(c->generation);
    big_lock_after_fork(state->big_lock);
    /* Its threads are to run at the same time. */
    sched_setaffinity(0, sizeof state->cpus, &state->cpus);
    for (size_t i = 0; i < state->updater_count; i++) {
        uint64_t queued = atomic_load(&state->updaters[i].queued);
        uint64_t invoked = atomic_load(&state->updaters[i].invoked);

        /* A callback may have run before the thread that queued it has counted it. */
        c->pending += queued > invoked ? queued - invoked : 0;
    }
    if (c->params->jump && (!state->jumped || !fork_holds(birth)) && random_one_in(&c->random, 2)) {
        flavor_jump(random_next(&c->random));
        state->jumped = true;
        child_count(&c->report->jumps, 1);
    }
    if (birth->from == FROM_UNREGISTERED)
        flavor_register_thread();
    child_expect_inside(c, birth->from == FROM_SECTION, "Just forked,");
}

void fork_child_main(struct instance *in, struct fork_report *report, uint64_t seed,
                     struct fork_birth *birth)
{
    struct child c = {.params = in->params, .state = in->state, .report = report, .instance = in};

    bool last;

    child_at(&c, STEP_START);
    child_count(&report->children, 1);
    random_start(&c.random, seed, 0);
    begin(&c, birth);
    last = c.generation >= (unsigned)c.params->depth;
    /* The flavor may start a thread for it: see wait_for_threads(). */
    c.polls = FLAVOR_CAN_POLL && (last || !FORK_SANITIZED);
    if (fork_holds(birth)) {
        child_at(&c, STEP_SECTION);
        child_use_inherited(&c, birth);
    }
    child_at(&c, STEP_CALL);
    start_callers(&c);
    if (birth->locked) {
        child_at(&c, STEP_LOCK);
        child_use_inherited_lock(&c);
    }
    if (c.params->vcpus > 0) {
        child_at(&c, STEP_LIBRARY_LOCK);
        child_use_library_lock(&c, birth);
        child_at(&c, STEP_VCPUS);
        child_use_vcpus(&c, birth);
    }
    child_at(&c, STEP_WAIT);
    read_some(&c);
    flavor_synchronize();
    if (FLAVOR_CAN_EXPEDITE)
        flavor_synchronize_expedited();
    /* While its other threads are busy. */
    if (!last)
        fork_again(&c);
    atomic_store_explicit(&c.forked, 1, memory_order_relaxed);
    child_at(&c, STEP_BARRIER);
    expect_callbacks(&c);
    if (FLAVOR_CAN_POLL) {
        child_at(&c, STEP_POLL);
        poll_some(&c);
    }
    child_at(&c, STEP_REGISTER);
    flavor_unregister_thread();
    flavor_register_thread();
    read_some(&c);
    child_at(&c, STEP_END);
    _exit(0);
}
