/* rcu-fork: forkers. Where the thread is when it forks, and what it makes of its child. */
#include "rcu_fork.h"

#include "torture/record/cpu_wait.h"
#include "torture/runner/violation.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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
    if (p->vcpus > 0)
        fork_get_into_vcpu(random, birth);
    if (birth->locked)
        big_lock_take(state->big_lock);
    if (birth->from == FROM_UNREGISTERED)
        flavor_unregister_thread();
    else if (birth->from == FROM_ONLINE)
        flavor_thread_online();
    else if (birth->from == FROM_SECTION)
        for (unsigned level = 0; level < birth->nest; level++)
            flavor_read_lock();
    if (p->vcpus > 0)
        fork_take_library_lock(random, birth);
    if (fork_holds(birth))
        birth->item = flavor_dereference(state->updaters[updater].current);
}

void fork_get_out_of(struct fork_state *state, struct fork_birth *birth)
{
    fork_release_library_lock(birth);
    if (birth->from == FROM_UNREGISTERED)
        flavor_register_thread();
    else if (birth->from == FROM_ONLINE)
        flavor_thread_offline();
    else if (birth->from == FROM_SECTION)
        for (unsigned level = 0; level < birth->nest; level++)
            flavor_read_unlock();
    if (birth->locked)
        big_lock_release(state->big_lock);
    fork_get_out_of_vcpu(birth);
}

/* --- Forkers --- */

static void judge_child(struct torture_thread *t, struct fork_report *report, int status)
{
    enum child_step step = atomic_load_explicit(&report->step, memory_order_relaxed);

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    /* Orders: LOAD report->ready -> LOAD report->message.
     * Pairs with: child_fail(), STORE c->report->message -> STORE c->report->ready (release).
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
    torture_count(t, FORKS_LIBRARY_LOCKED, birth->library_locked);
    torture_count(t, FORKS_EXECUTING, birth->at == AT_EXECUTION);
    torture_count(t, FORKS_EXCLUSIVE, birth->at == AT_SECTION || birth->at == AT_SECTION_OF_VCPU);
    torture_count(t, GRANDCHILDREN, children > 0 ? children - 1 : 0);
    torture_count(t, CHILD_READS, take(&report->reads));
    torture_count(t, CHILD_CALLBACKS, take(&report->callbacks));
    torture_count(t, CHILD_SECTIONS, take(&report->kept_sections));
    torture_count(t, CHILD_VCPU_TURNS, take(&report->vcpu_turns));
    torture_count(t, CHILD_JUMPS, take(&report->jumps));
    inherited = take(&report->inherited);
    dropped = take(&report->dropped);
    torture_count(t, CHILD_INHERITED, inherited);
    torture_count(t, CHILD_DROPPED, dropped);
    atomic_fetch_add_explicit(&state->inherited, inherited, memory_order_relaxed);
    atomic_fetch_add_explicit(&state->pending, inherited + dropped, memory_order_relaxed);
}

/* --- Children that the kernel keeps --- */

/* Whether some thread is where nothing ends it: in the middle of a fork, or of its process's end;
 * or the first in that of a child's. What is a zombie as a whole waits for its parent. */
static bool is_kept(pid_t process, struct cpu_keep *first)
{
    bool kept = cpu_wait_keeps(first, process, process);
    unsigned count = 0, dead = 0;
    char path[64];
    struct dirent *thread;
    DIR *threads;

    snprintf(path, sizeof path, "/proc/%d/task", (int)process);
    threads = opendir(path);
    while (threads && (thread = readdir(threads))) {
        char state = cpu_wait_state(process, atoi(thread->d_name));

        count += state != '\0';
        dead += state == 'Z';
        kept = kept || state == 'D' || state == 'X';
    }
    if (threads)
        closedir(threads);
    return kept || (dead > 0 && count > 1);
}

/* The first child of a process; 0: it has none, or the kernel does not tell. */
static pid_t child_of_process(pid_t process)
{
    char path[64];
    int child = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)process, (int)process);
    file = fopen(path, "r");
    if (!file)
        return 0;
    if (fscanf(file, "%d", &child) != 1)
        child = 0;
    fclose(file);
    return child;
}

/* A fork, and the end of a process, take the locks of each of its mappings, for which all its
 * relatives queue. Where there are many more busy threads than CPUs either has taken 12 s. */
static bool kernel_keeps(pid_t process, struct cpu_keep *first)
{
    struct cpu_keep others = {.tid = 0};
    bool kept = is_kept(process, first);

    while (!kept && (process = child_of_process(process)) > 0)
        kept = is_kept(process, &others);
    return kept;
}

/* What sanitizers map makes forks and ends of processes take many times as long: beside 35 busy
 * threads one step of a child has taken 12 s, and its life more than a minute. */
#define SANITIZED_LIFE_NS (INT64_C(120) * 1000 * 1000 * 1000)
#define LOOK_NS           (250 * 1000 * 1000)
/* For so long it is waited for when the run is over. */
#define END_NS (INT64_C(5) * 1000 * 1000 * 1000)

/* A look at a child. */
struct look {
    int64_t at;
    struct cpu_keep keep;
};

/* Whether it takes long for a reason of the machine's. */
static bool may_take_long(pid_t pid, int64_t begun, int64_t now, struct look *look)
{
    if (FORK_SANITIZED && now - begun < SANITIZED_LIFE_NS)
        return true;
    if (now - look->at <= LOOK_NS)
        return false;
    look->at = now;
    return kernel_keeps(pid, &look->keep);
}

/* Beats when the child gets on, or takes long for the machine: one that hangs is to be noticed. Its
 * whole life may take long, as it has its share of the CPUs and no more. One that may take long
 * does not hold up the end of the run: it is killed, and false is returned. It dies with this
 * process. */
static bool wait_for_child(struct torture_thread *t, struct fork_report *report, pid_t pid,
                           int *status)
{
    int64_t begun = clock_monotonic_ns(), ending = 0, now;
    struct look look = {.at = begun};
    unsigned seen = STEP_NONE, step;

    while (waitpid(pid, status, WNOHANG) == 0) {
        now = clock_monotonic_ns();
        if (!torture_running(t) && !ending)
            ending = now;
        if (may_take_long(pid, begun, now, &look)) {
            if (ending && now - ending > END_NS) {
                kill(pid, SIGKILL);
                return false;
            }
            torture_beat(t);
        }
        step = atomic_load_explicit(&report->step, memory_order_relaxed);
        if (step != seen && step < CHILD_STEP_COUNT) {
            torture_note(t, NOTE_STEPS + step, (unsigned long)pid, 0);
            torture_beat(t);
        }
        seen = step;
        shared_wait(&t->header->stop, torture_running(t) ? 0 : 1, 300 * 1000);
    }
    return true;
}

static void expect_as_before(struct torture_thread *t, const struct fork_birth *birth)
{
    const char *changed = caller_state_change(&birth->caller, 0);

    if (changed)
        torture_violation(t->instance, t, FORK,
                          "After a fork a thread of the parent found that %s was another than "
                          "before.",
                          changed);
}

static void fork_once(struct torture_thread *t, struct fork_report *report)
{
    const struct fork_params *p = t->instance->params;
    struct fork_state *state = t->instance->state;
    uint64_t seed = random_next(&t->random), checked, refused = shared_refusals(t->header);
    struct fork_birth birth;
    int64_t begun;
    int status = 0;
    bool ended;
    pid_t pid;

    atomic_store(&report->step, STEP_NONE);
    fork_get_into(p, state, &t->random, &birth);
    torture_note(t, NOTE_FORKS, (unsigned long)birth.from, (unsigned long)birth.at);
    birth.caller = caller_state();
    begun = clock_monotonic_ns();
    pid = fork();
    if (pid == 0)
        fork_child_main(t->instance, report, seed, &birth);
    expect_as_before(t, &birth);
    torture_measure(t, FORK_TIME, (uint64_t)(clock_monotonic_ns() - begun));
    fork_get_out_of(state, &birth);
    if (birth.ran != birth.accepted)
        torture_violation(t->instance, t, FORK,
                          "The vCPU of a thread that forked ran %u of %u items of work.", birth.ran,
                          birth.accepted);
    if (pid < 0) { /* no room for more processes now */
        torture_sleep(t, 10 * 1000 * 1000);
        torture_beat(t);
        return;
    }
    ended = wait_for_child(t, report, pid, &status);
    torture_measure(t, CHILD_LIFE, (uint64_t)(clock_monotonic_ns() - begun));
    checked = take(&report->checks);
    torture_note(t, NOTE_ENDED, (unsigned long)pid, (unsigned long)checked);
    torture_count(t, CHECKS, checked + 1);
    /* A child to which the system refused what it needs has not failed. */
    if (!ended || fork_given_up(status) || (status != 0 && shared_refusals(t->header) != refused)) {
        torture_count(t, FORKS_GIVEN_UP, 1);
        take(&report->children);
    } else {
        judge_child(t, report, status);
        count_child(t, report, &birth);
    }
    torture_beat(t);
}

void fork_forker(struct torture_thread *t)
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
