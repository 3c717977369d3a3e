/* rcu-lull: names, the threads, and how they meet. */
#include "rcu_lull.h"

#include "torture/workloads/cache_lines.h"

/* Of the first scene, which polls where the flavor can: cookies of all ages, until counts that soon
 * wrap have done so. */
#define FIRST_ROUNDS      (FLAVOR_CAN_POLL ? 320 : ROUNDS_OF_A_SCENE)
#define ROUNDS_OF_A_SCENE 16 /* later */
#define MEETING_LOOKS     2000

static const struct counter counters[COUNTER_COUNT] = {
    [ROUNDS] = {.name = "rounds"},
    [CHECKS] = {.name = "checks"},
    [POLLED] = {.name = "polled", .needs = CAN_POLL},
    [COOKIES_WAITED] = {.name = "cookies_waited", .needs = CAN_POLL},
    [LEFT_GPS] = {.name = "left_gps",
                  .words = "sections that leaders slept for",
                  .needs = CAN_POLL},
    [FORCED_GPS] = {.name = "forced_gps",
                    .words = "sections that leaders were asked to force",
                    .needs = CAN_POLL | CAN_FORCE},
    [CALLS] = {.name = "calls", .words = "callbacks one by one", .needs = CAN_CALL},
    [ENDED_PILES] = {.name = "ended_piles",
                     .words = "callbacks that were to pile up no longer",
                     .needs = CAN_CALL | CAN_FORCE},
    [FORCED_CALLS] = {.name = "forced_calls",
                      .words = "callbacks that force was asked for",
                      .needs = CAN_CALL | CAN_FORCE},
    [BARRIERS] = {.name = "barriers", .needs = CAN_BARRIER},
};

static const char *const checks[CHECK_COUNT] = {[LULL] = "lull"};

static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_PLAYS] = {.format = "begins with round %lu, scene %lu"},
    [NOTE_WAITS] = {.format = "waits; the next delay is %lu ns"},
};

static const char *const coverage[] = {"polled",       "cookies_waited", "left_gps", "forced_gps",
                                       "forced_calls", "barriers",       NULL};

/* --- Meeting --- */

static bool is_for(const struct lull_state *s, const struct scene *scene)
{
    return (scene->needs & ~FLAVOR_CAPABILITIES) == 0 &&
           scene->piles != (s->piles_up ? NO_PILES : PILES);
}

/* => The last to arrive; the others wait. */
static void choose(struct torture_thread *t, struct lull_state *s, unsigned round)
{
    s->over = !torture_running(t);
    s->begins = round == 0 || (round >= FIRST_ROUNDS && round % ROUNDS_OF_A_SCENE == 0);
    if (s->begins)
        do
            s->scene = (s->scene + 1) % SCENES;
        while (!is_for(s, &lull_scenes[s->scene]));
}

/* Until what all have asked for is there: otherwise the next request of one would heal what has
 * happened to the last one of another. */
static void meet(struct torture_thread *t, struct lull_state *s)
{
    const struct lull_params *p = t->instance->params;
    unsigned round = atomic_load_explicit(&s->round, memory_order_relaxed);

    /* Orders: LOAD scene, over, of the round before -> RMW arrived (acq_rel).
     * Pairs with: meet(), RMW arrived (acq_rel) -> STORE scene, over, by the last to arrive.
     * Broken: a thread plays a scene of the next round, or ends, before the others do. */
    if (atomic_fetch_add_explicit(&s->arrived, 1, memory_order_acq_rel) + 1 ==
        (unsigned)p->askers) {
        atomic_store_explicit(&s->arrived, 0, memory_order_relaxed);
        choose(t, s, round);
        /* Orders: STORE arrived, scene, over -> STORE round (release).
         * Pairs with: meet(), LOAD round (acquire).
         * Broken: a thread plays the scene of the round before, or waits for ever. */
        atomic_store_explicit(&s->round, round + 1, memory_order_release);
        if (p->askers > 1)
            shared_wake(&s->round);
        return;
    }
    /* Orders: LOAD round (acquire) -> LOAD scene, over; RMW arrived.
     * Pairs with: meet(), STORE arrived, scene, over -> STORE round (release).
     * Broken: a thread plays the scene of the round before, or waits for ever. */
    for (unsigned looks = 1; atomic_load_explicit(&s->round, memory_order_acquire) == round;
         looks++)
        if (looks > MEETING_LOOKS)
            shared_wait(&s->round, round, 50 * 1000 * 1000);
}

static void asker(struct torture_thread *t)
{
    struct lull_state *s = t->instance->state;
    struct asker *a = &s->askers[t->index];

    flavor_register_thread();
    lull_open_asker(a);
    for (meet(t, s); !s->over; meet(t, s)) {
        const struct scene *scene = &lull_scenes[s->scene];

        a->aim = &a->aims[s->scene];
        if (s->begins)
            torture_note(t, NOTE_PLAYS, atomic_load_explicit(&s->round, memory_order_relaxed),
                         s->scene);
        scene->play(t, a);
        torture_count(t, scene->counter, 1);
        torture_count(t, ROUNDS, 1);
        torture_beat(t);
    }
    if (FLAVOR_CAN_BARRIER)
        flavor_barrier();
    lull_close_asker(a);
    flavor_unregister_thread();
}

/* --- Set-up --- */

static bool setup(struct instance *in, struct diagnostics *d)
{
    const struct lull_params *p = in->params;
    struct lull_state *s = cache_lines(sizeof *s);

    (void)d;
    s->askers = cache_lines((size_t)p->askers * sizeof *s->askers);
    if (FLAVOR_CAN_PROMISE) {
        struct gp_promises promises;

        flavor_promises(&promises);
        s->piles_up = promises.piles_up;
    }
    s->scene = SCENES - 1; /* the first comes next */
    in->state = s;
    return true;
}

static void finish(struct instance *in)
{
    struct lull_state *s = in->state;

    free(s->askers);
    free(s);
}

#define FIELD(name) offsetof(struct lull_params, name)
static const struct option options[] = {
    {.name = "askers",
     .type = OPTION_INT,
     .offset = FIELD(askers),
     .default_text = "1",
     .min = 1,
     .max = 256,
     .unit = "threads",
     .help = "threads that ask, each for one thing at a time, and all at the same time"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "asker", .count_option = "askers", .run = asker},
    {.name = NULL},
};

extern const struct workload rcu_lull_workload;
const struct workload rcu_lull_workload = {
    .name = "rcu-lull",
    .summary = "requests that come when whoever is to hear them goes to sleep, and nothing heals",
    .alone = true,
    .needs = CAN_PROTECT | CAN_CALL,
    .options = options,
    .params_size = sizeof(struct lull_params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .checks = checks,
    .check_count = CHECK_COUNT,
    .coverage = coverage,
    .notes = notes,
    .note_count = NOTE_COUNT,
    .setup = setup,
    .finish = finish,
};
