/* rcu-settings: the settings of grace periods and callbacks change all the time, beside whatever
 * else there is.
 *
 * Most combinations are such that little happens for a minute: long naps, and no force. So what
 * goes on does so because a change is followed by the grace period that is under way, by its leader
 * in a nap or a sleep, and by callbacks that pile up. Whoever is not told is a stall of the
 * workloads beside it, which check everything else.
 */
#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"

#include <stddef.h>
#include <stdlib.h>

struct params {
    int64_t pause_ns;
};

enum { CHANGED, COUNTER_COUNT };
static const struct counter counters[COUNTER_COUNT] = {
    [CHANGED] = {.name = "settings_changed"},
};

enum { NOTE_CHANGED, NOTE_RESTORED, NOTE_COUNT };
static const struct note_format notes[NOTE_COUNT] = {
    [NOTE_CHANGED] = {.format = "changed the settings, choice %#lx"},
    [NOTE_RESTORED] = {.format = "gave back the settings of the start"},
};

static const char *const coverage[] = {"settings_changed", NULL};

static void changer(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    const flavor_kept_settings *kept = t->instance->state;

    while (torture_running(t)) {
        uint64_t choice = random_next(&t->random);

        flavor_change_settings(kept, choice);
        torture_note(t, NOTE_CHANGED, (unsigned long)choice, 0);
        torture_count(t, CHANGED, 1);
        torture_beat(t);
        torture_sleep(t, random_below(&t->random, 2 * (uint64_t)p->pause_ns + 1));
    }
    flavor_restore_settings(kept);
    torture_note(t, NOTE_RESTORED, 0, 0);
}

static bool setup(struct instance *in, struct diagnostics *d)
{
    (void)d;
    in->state = calloc(1, sizeof(flavor_kept_settings));
    flavor_keep_settings(in->state);
    return true;
}

static void finish(struct instance *in)
{
    free(in->state);
}

static const struct option options[] = {
    {.name = "pause",
     .type = OPTION_DURATION,
     .stays = 2,
     .offset = offsetof(struct params, pause_ns),
     .default_text = "1ms",
     .max = 1e9,
     .help = "mean time between two changes"},
    {.name = NULL},
};

static const struct role roles[] = {
    {.name = "changer", .run = changer},
    {.name = NULL},
};

extern const struct workload rcu_settings_workload;
const struct workload rcu_settings_workload = {
    .name = "rcu-settings",
    .summary = "settings change all the time, beside other workloads",
    .needs = CAN_PROTECT | CAN_CHANGE,
    .options = options,
    .params_size = sizeof(struct params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .coverage = coverage,
    .notes = notes,
    .note_count = NOTE_COUNT,
    .setup = setup,
    .finish = finish,
};
