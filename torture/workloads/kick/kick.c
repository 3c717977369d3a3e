/* kick: requests to leave the inner loop, each made once. kick.h has how a lost one is found. */
#include "kick.h"
#include "torture/record/cpus.h"
#include "torture/runner/violation.h"

#include <stdlib.h>

static const struct counter counters[COUNTER_COUNT] = {
    [KICKS] = {.name = "kicks"},
    [ACTIONS] = {.name = "actions"},
    [CHECKS] = {.name = "checks"},
    [LATE] = {.name = "late", .near_miss = "kicks acted on after cpu_limit by the clock"},
    [BLOCKS] = {.name = "blocks"},
    [TURN_CHECKS] = {.name = "turn_checks"},
    [RESCUES] = {.name = "rescues"},
    [KICKED_RUNNING] = {.name = "kicked_running"},
    [KICKED_IDLE] = {.name = "kicked_idle"},
    [KICKED_STARTING] = {.name = "kicked_starting"},
    [KICKED_ENDING] = {.name = "kicked_ending"},
    [KICKED_ENDED] = {.name = "kicked_ended"},
    [KICKED_OFF_TURN] = {.name = "kicked_off_turn"},
    [MERGED] = {.name = "merged_kicks"},
    [BORN_KICKED] = {.name = "kicked_before_start"},
    [ENDED_PENDING] = {.name = "ended_pending"},
    [GUEST_IOS] = {.name = "guest_ios", .words = "reads and writes of its port by a guest"},
    [IO_CHECKS] = {.name = "io_checks", .words = "looks at whether a guest has left one half done"},
    [LATE_KICKS] = {.name = "late_kicks", .words = "kicks that came after their request was met"},
    [GUEST_ENTRIES] = {.name = "guest_entries", .words = "times that a guest of KVM was entered"},
};
static const char *const coverage[] = {
    "kicked_running", "kicked_idle",     "kicked_starting", "kicked_ending",       "kicked_ended",
    "merged_kicks",   "kicked_off_turn", "turn_checks",     "kicked_before_start", NULL};
static const struct measure measures[MEASURE_COUNT] = {
    [KICK_OWN] = {.name = "kick.own", .unit = "ns"},
    [KICK_IDLE] = {.name = "kick.idle", .unit = "ns"},
    [KICK_CROWDED] = {.name = "kick.crowded", .unit = "ns"},
#define KICK_MEASURE(NAME, word, waits) [KICK_##NAME] = {.name = "kick." #word, .unit = "ns"},
    ACCELERATORS(KICK_MEASURE)
#undef KICK_MEASURE
};
static const char *const checks[CHECK_COUNT] = {
    VCPU_LEDGER_ROW,         [KICK_LOSS] = "kick-loss",           [TURNS] = "turns",
    [GUEST_IO] = "guest-io", [GUEST_PROGRESS] = "guest-progress",
};
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_KICKED] = {.format = "kicked vCPU %lu for reason %lu"},
    [NOTE_ACTED] = {.format = "vCPU %lu acted on reason %lu"},
    [NOTE_PENDING_CPU] = {.format = "vCPU %lu has used %lu us of CPU time since the kick"},
    [NOTE_PENDING_ASLEEP] = {.format = "vCPU %lu has slept for %lu us since the kick"},
    [NOTE_UNPLUGS] = {.format = "unplugs vCPU %lu, then kicks it for reason %lu"},
    [NOTE_WATCHES] = {.format = "watches whether vCPU %lu has a turn; it is at %lu"},
    [NOTE_IO] = {.format = "the guest of vCPU %lu had port I/O, of %#lx"},
};

#if FLAVOR_CAN_VCPU

/* --- The vCPU --- */

uint64_t kick_progress(struct kick_vcpu *v)
{
    struct vcpu_kvm_page *page;
    uint64_t progress;

    if (v->base.cpu.accel != &vcpu_accel_kvm)
        return atomic_load_explicit(&v->blocks, memory_order_relaxed);
    page = vcpu_kvm_shared_page(&v->base.cpu);
    if (!page)
        return 0;
    progress = atomic_load_explicit(&page->rounds, memory_order_relaxed);
    /* Orders: LOAD page->rounds -> LOAD accel_state (in vcpu_kvm_shared_page()).
     * Pairs with: destroy_kvm(), STORE accel_state, before another vCPU has the page.
     * Broken: the page is another vCPU's once this one has ended, and the rounds of that one are
     * taken for progress of this one. */
    atomic_thread_fence(memory_order_acquire);
    return vcpu_kvm_shared_page(&v->base.cpu) ? progress : 0;
}

/* Out of line, and rare: a reason is pending whose cpu_exit() has returned. It is lost if there is
 * no request to leave: process_cpu_events() has taken that back, and events() has come after. */
static void __attribute__((noinline)) judge_pending(struct kick_vcpu *v, unsigned requester)
{
    struct torture_thread *t = v->base.thread;
    struct kick_word *word = &v->words[requester];

    /* Orders: LOAD word->kicked (in block()) -> cpu_exit_requested().
     * Pairs with: kick(), STORE word->kicked (release), after cpu_exit().
     * Broken: a request that this thread does not see yet is taken for lost. */
    atomic_thread_fence(memory_order_acquire);
    if (cpu_exit_requested(&v->base.cpu) || v->reported)
        return;
    v->reported = true;
    torture_violation(
        t->instance, t, KICK_LOSS,
        "vCPU %lu is in its inner loop, nobody asks it to leave, and reason %lu of requester %u is "
        "pending (it has acted on %lu of them): the request was made, and is lost.",
        v->base.serial, (unsigned long)atomic_load_explicit(&word->kicked, memory_order_relaxed),
        requester, (unsigned long)atomic_load_explicit(&word->acted, memory_order_relaxed));
}

/* The inner loop loads the request before each block: one that was there when the block before this
 * began has been seen, unless the vCPU has been out since. */
static void check_heard(struct kick_vcpu *v)
{
    struct torture_thread *t = v->base.thread;
    uint64_t pass = atomic_load_explicit(&v->passes, memory_order_relaxed) + 1;

    if (__builtin_expect(v->asked_in_pass == pass, 0) && !v->reported) {
        v->reported = true;
        torture_violation(t->instance, t, KICK_LOSS,
                          "vCPU %lu begins a block although it was asked to leave before the last "
                          "one: its inner loop does not look at requests.",
                          v->base.serial);
    }
    v->asked_in_pass = cpu_exit_requested(&v->base.cpu) ? pass : 0;
}

/* In the inner loop: relaxed loads of lines that seldom change, and stores to the vCPU's own. */
static void block(struct vcpu *cpu)
{
    struct kick_vcpu *v = cpu->data;
    struct torture_thread *t = v->base.thread;
    _Atomic(unsigned long) *turn = &((struct kick_state *)t->instance->state)->turns[t->id];

    check_heard(v);
    histogram_bump(&v->blocks, 1);
    if (atomic_load_explicit(turn, memory_order_relaxed) != v->base.serial + 1)
        atomic_store_explicit(turn, v->base.serial + 1, memory_order_relaxed);
    for (unsigned i = 0; i < v->words_count; i++)
        if (__builtin_expect(atomic_load_explicit(&v->words[i].kicked, memory_order_relaxed) >
                                 atomic_load_explicit(&v->words[i].acted, memory_order_relaxed),
                             0))
            judge_pending(v, i);
}

/* How many reasons were new. */
static unsigned act(struct kick_vcpu *v)
{
    unsigned found = 0;

    for (unsigned i = 0; i < v->words_count; i++) {
        struct kick_word *word = &v->words[i];
        uint64_t reason = atomic_load_explicit(&word->reason, memory_order_relaxed);

        if (reason == atomic_load_explicit(&word->acted, memory_order_relaxed))
            continue;
        found++;
        atomic_store_explicit(&word->acted_ticks, clock_ticks(), memory_order_relaxed);
        /* Orders: STORE word->acted_ticks -> STORE word->acted.
         * Pairs with: acted(), LOAD w->word->acted (acquire).
         * Broken: the requester reads the time of another action. */
        atomic_store_explicit(&word->acted, reason, memory_order_release);
        torture_note(v->base.thread, NOTE_ACTED, v->base.serial, reason);
    }
    return found;
}

static void events(struct vcpu *cpu)
{
    struct kick_vcpu *v = cpu->data;
    struct torture_thread *t = v->base.thread;
    const struct kick_params *p = t->instance->params;
    unsigned found = act(v);

    torture_count(t, ACTIONS, found);
    torture_count(t, MERGED, found > 1);
    torture_beat(t);
    /* It may halt, or go on, with what it was kicked for; and stays so until the next. */
    if (found > 0)
        v->halted = (!cpu->accel || cpu->accel->idles) &&
                    random_one_in(&t->random, (uint64_t)p->halt_one_in);
    atomic_store_explicit(&v->guest_rounds, kick_progress(v), memory_order_relaxed);
    atomic_store_explicit(&v->phase, v->halted ? VCPU_IS_HALTED : VCPU_IS_READY,
                          memory_order_relaxed);
    histogram_bump(&v->passes, 1);
    if (p->guest_io)
        kick_check_registers(cpu);
    kick_check_entries(cpu);
}

static bool idle(struct vcpu *cpu)
{
    const struct kick_vcpu *v = cpu->data;

    return v->halted;
}

static const struct vcpu_guest guest = {
    .block = block, .events = events, .idle = idle, .io = kick_guest_io};

/* --- Coming and going --- */

/* In the vCPU's thread, before it runs: every second one is kicked for the first time here. */
static void plugged(struct vcpu *cpu)
{
    struct kick_vcpu *v = cpu->data;
    struct torture_thread *t = v->base.thread;
    const struct kick_params *p = t->instance->params;
    struct kick_word *word = &v->words[p->requesters];

    pthread_getcpuclockid(pthread_self(), &v->clock);
    v->words_count = (unsigned)p->requesters + 1;
    if (v->base.serial % 2 == 0)
        return;
    atomic_store_explicit(&word->reason, 1, memory_order_relaxed);
    cpu_exit(cpu);
    atomic_store_explicit(&word->kicked, 1, memory_order_relaxed);
    torture_count(t, BORN_KICKED, 1);
}

static void unplugged(struct vcpu *cpu)
{
    struct kick_vcpu *v = cpu->data;
    struct torture_thread *t = v->base.thread;
    struct kick_word *word = &v->words[v->words_count - 1];

    kick_check_last_entries(cpu);
    torture_count(t, BLOCKS, atomic_load_explicit(&v->blocks, memory_order_relaxed));
    if (atomic_load_explicit(&v->passes, memory_order_relaxed) > 0 &&
        atomic_load_explicit(&word->acted, memory_order_relaxed) !=
            atomic_load_explicit(&word->reason, memory_order_relaxed))
        torture_violation(t->instance, t, KICK_LOSS,
                          "vCPU %lu has looked at its reasons %lu times, and not seen the one that "
                          "it was kicked for before it started.",
                          v->base.serial,
                          (unsigned long)atomic_load_explicit(&v->passes, memory_order_relaxed));
    /* Orders: STORE acted (of each word, in act()) -> STORE v->ended.
     * Pairs with: kick_has_ended(), LOAD v->ended (acquire).
     * Broken: a requester sees the vCPU ended and not its last action, and calls the kick lost. */
    atomic_store_explicit(&v->ended, true, memory_order_release);
}

static const struct fleet_hooks hooks = {.plugged = plugged, .unplugged = unplugged};

/* --- Set-up --- */

static enum kick_measure measure_of(const struct vcpu_accel *accel)
{
    static const struct {
        const struct vcpu_accel *accel;
        enum kick_measure measure;
    } rows[] = {
#define KICK_ROW(NAME, name, waits) {&vcpu_accel_##name, KICK_##NAME},
        ACCELERATORS(KICK_ROW)
#undef KICK_ROW
            {NULL, KICK_OWN},
    };
    size_t i = 0;

    while (rows[i].accel != accel)
        i++;
    return rows[i].measure;
}

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct kick_params *p = in->params;
    size_t words = (size_t)p->requesters + 1;
    struct kick_state *state =
        fleet_open(in, sizeof *state, sizeof(struct kick_vcpu) + words * sizeof(struct kick_word),
                   &guest, &hooks, d);

    if (!state)
        return false;
    state->fleet.guest_io = p->guest_io;
    state->fleet.turn_ns = p->turn_ns;
    state->measure = measure_of(state->fleet.accel);
    state->crowded = p->fleet.vcpus + p->requesters > cpus_allowed();
    state->turns = calloc(in->thread_count + 1, sizeof *state->turns);
    return true;
}

static void finish(struct instance *in)
{
    struct kick_state *state = in->state;

    fleet_close(&state->fleet);
    free(state->turns);
    free(state);
}

#endif

#define FIELD(name) offsetof(struct kick_params, name)
static const struct option options[] = {
    FLEET_OPTIONS("2"),
    {.name = "turn",
     .type = OPTION_DURATION,
     .offset = FIELD(turn_ns),
     .default_text = "10ms",
     .min = 1e3,
     .max = 60e9,
     .help = "rr: how long a vCPU keeps its thread when others want it and nobody kicks"},
    {.name = "requesters",
     .type = OPTION_INT,
     .offset = FIELD(requesters),
     .default_text = "2",
     .min = 1,
     .max = 4096,
     .unit = "threads",
     .help = "threads that kick, each with a reason word of its own at every vCPU"},
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = FIELD(pause_ns),
     .default_text = "20us",
     .max = 60e9,
     .help = "mean pause of a requester between two requests, every other time"},
    {.name = "burst",
     .type = OPTION_INT,
     .offset = FIELD(burst),
     .default_text = "3",
     .min = 1,
     .max = 1000,
     .unit = "kicks",
     .help = "a request is up to so many reasons, each with a kick, in close succession"},
    {.name = "gap",
     .type = OPTION_DURATION,
     .stays = 1,
     .offset = FIELD(gap_ns),
     .default_text = "1us",
     .max = 60e9,
     .help =
         "longest time between two kicks of a burst; the second is to come while the vCPU acts"},
    {.name = "cpu_limit",
     .type = OPTION_DURATION,
     .offset = FIELD(cpu_limit_ns),
     .default_text = "200ms",
     .min = 1e6,
     .max = 60e9,
     .help = "CPU time of the vCPU's thread, or time for which it sleeps while nobody lacks a CPU, "
             "after which a kick is lost"},
    {.name = "halt_one_in",
     .type = OPTION_INT,
     .offset = FIELD(halt_one_in),
     .default_text = "3",
     .max = 1e9,
     .help = "one in so many vCPUs that were kicked halts until the next kick; 0: none"},
    {.name = "unplug_one_in",
     .type = OPTION_INT,
     .offset = FIELD(unplug_one_in),
     .default_text = "200",
     .max = 1e9,
     .help =
         "one in so many requests goes to a vCPU that was just unplugged; 0, or hotplug 0: none"},
    {.name = "turns_pause",
     .type = OPTION_DURATION,
     .offset = FIELD(turns_pause_ns),
     .default_text = "100ms",
     .max = 60e9,
     .help =
         "mean time until all kicking stops, and one vCPU is watched until it executes; 0: never"},
    {.name = "guest_io",
     .type = OPTION_BOOL,
     .offset = FIELD(guest_io),
     .default_text = "false",
     .help = "kvm: the guest does port I/O now and then, and so leaves its inner loop by itself"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "kick-vcpu", .count_option = "vcpus", .run = NEEDS_VCPU(fleet_vcpus)},
    {.name = "kick-requester", .count_option = "requesters", .run = NEEDS_VCPU(kick_requester)},
    {.name = "kick-plugger", .run = fleet_plugger},
    {.name = "kick-watcher", .run = NEEDS_VCPU(kick_turn_watcher)},
    {.name = NULL},
};

extern const struct workload kick_workload;
const struct workload kick_workload = {
    .name = "kick",
    .summary = "requests to vCPUs to leave their inner loop: each is acted on after one kick",
    .needs = CAN_PROTECT | CAN_VCPU | CAN_CALL | CAN_BARRIER,
    .needs_by_params = fleet_needs,
    .options = options,
    .params_size = sizeof(struct kick_params),
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
    FLEET_LIFE(setup, finish),
};
