/* What a night consists of: its scenarios, planned, and how long a turn of each is. */
#include "night_parts.h"

#include "dry_run.h"
#include "floors.h"
#include "torture/record/duration.h"
#include "torture/record/text.h"
#include "torture/result/known.h"
#include "torture/scenario/scenario_set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What starting and ending runs takes: no more than a tenth of a night of stretched turns. */
#define SHARE_OF_RUNS 0.9

double night_used_s(const struct night *n)
{
    double used = 0;
    json_t *record;
    size_t i;

    json_array_foreach (n->journal.records, i, record)
        used += json_number_value(json_object_get(record, "seconds"));
    return used;
}

size_t night_expected_rounds(const struct night *n)
{
    size_t rounds = 0;

    for (size_t i = 0; i < n->count; i++) {
        double turns =
            n->scenarios[i].run_count ? n->for_s / (double)n->count / n->scenarios[i].turn_s : 1;

        rounds += turns > 1 ? (size_t)turns : 1;
    }
    return rounds;
}

static bool has_override(const struct driver_options *o, const char *key)
{
    for (size_t i = 0; i < o->override_count; i++)
        if (strcmp(o->overrides[i].key, key) == 0)
            return true;
    return false;
}

/* Those of the set first, then the command line's. */
static void set_overrides(const struct night *n, struct night_scenario *s)
{
    const struct driver_options *o = n->driver;
    struct override *list =
        calloc(json_object_size(s->settings) + o->override_count + 1, sizeof *list);
    size_t count = 0;
    const char *key;
    json_t *text;

    if (!list)
        abort();
    json_object_foreach (s->settings, key, text)
        list[count++] = (struct override){key, json_string_value(text)};
    for (size_t i = 0; i < o->override_count; i++)
        list[count++] = o->overrides[i];
    free((void *)s->options.overrides);
    s->options.overrides = list;
    s->options.override_count = count;
}

/* As texts, which --set takes. */
static json_t *texts_of(json_t *settings)
{
    json_t *texts = json_object(), *value;
    const char *key;

    json_object_foreach (settings, key, value) {
        char *dump = json_is_string(value) ? text_format("%s", json_string_value(value))
                                           : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

        json_object_set_new(texts, key, json_string(dump));
        free(dump);
    }
    return texts;
}

/* Counts the runs of a turn. Returns how long the longest is. */
static double measure_turn(struct night_scenario *s)
{
    double longest = 0;

    s->run_count = 0;
    s->turn_s = 0;
    for (size_t i = 0; i < s->planned.count; i++) {
        double seconds = plan_duration_s(&s->planned.plans[i]);

        if (s->planned.plans[i].skip)
            continue;
        s->run_count++;
        s->turn_s += seconds;
        longest = seconds > longest ? seconds : longest;
    }
    s->turn_s += floors_duration_s(s->planned.plans, s->planned.count);
    return longest;
}

/* Runs longer than the scenario says, where its set wants longer turns and the night has time. */
static bool stretch(struct night *n, struct night_scenario *s, double turn_s, size_t count)
{
    double longest = measure_turn(s), share = SHARE_OF_RUNS * n->for_s / (double)count;
    double each = s->run_count ? fmin(turn_s, share) / (double)s->run_count : 0;

    if (each <= longest || has_override(n->driver, "duration"))
        return true;
    json_object_set_new(s->settings, "duration", json_sprintf("%.0fms", floor(each * 1000)));
    set_overrides(n, s);
    planned_scenario_free(&s->planned);
    if (!driver_plan(&s->options, &s->planned, n->d))
        return false;
    measure_turn(s);
    return true;
}

static bool plan_scenario(struct night *n, struct night_scenario *s,
                          const struct scenario_entry *entry, size_t count)
{
    *s = (struct night_scenario){.options = *n->driver, .settings = texts_of(entry->settings)};
    s->options.path = text_format("%s", entry->path);
    s->options.overrides = NULL;
    set_overrides(n, s);
    if (!driver_plan(&s->options, &s->planned, n->d))
        return false;
    console_notes(n->console, s->planned.scenario.notes.text);
    s->name = text_format(
        "%s", json_string_value(json_object_get(s->planned.scenario.effective, "name")));
    return stretch(n, s, (double)entry->turn_ns / 1e9, count);
}

/* Two scenarios of one name are told apart by their files. */
static void tell_apart(struct night *n)
{
    for (size_t i = 0; i < n->count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(n->scenarios[i].name, n->scenarios[j].name) == 0) {
                char *name =
                    text_format("%s (%s)", n->scenarios[i].name, n->scenarios[i].options.path);

                free(n->scenarios[i].name);
                n->scenarios[i].name = name;
            }
}

/* A night in which not every scenario has a turn would show too little. */
static bool long_enough(struct night *n)
{
    double least = 0;
    char turns[32], asked[32];

    for (size_t i = 0; i < n->count; i++)
        least += n->scenarios[i].turn_s;
    if (least <= n->for_s)
        return true;
    diagnose(n->d,
             "--for %s: one turn of each of %zu scenarios takes %s; give it more than %s, or "
             "shorter runs with --duration",
             n->options.duration, n->count, report_hours(least, turns),
             report_hours(n->for_s, asked));
    return false;
}

/* All that is wrong with any of them is reported, also when the duration is. */
static bool plan_scenarios(struct night *n, struct scenario_set *set)
{
    bool ok = true;

    n->scenarios = calloc(set->count + 1, sizeof *n->scenarios);
    n->count = 0;
    if (!n->scenarios)
        abort();
    for (size_t i = 0; i < set->count; i++) {
        ok &= plan_scenario(n, &n->scenarios[i], &set->entries[i], set->count);
        n->count++;
    }
    if (ok)
        tell_apart(n);
    return ok && (n->for_s == 0 || long_enough(n));
}

static bool read_duration(struct night *n)
{
    int64_t ns;

    if (duration_parse(n->options.duration, &ns) && ns > 0) {
        n->for_s = (double)ns / 1e9;
        return true;
    }
    diagnose(n->d, "--for %s: expected how long (45s, 10m, 8h)", n->options.duration);
    return false;
}

bool night_read_judgement(struct night *n)
{
    bool ok = true;

    if (n->options.known && !n->judgement.known)
        ok &= (n->judgement.known = known_read(n->options.known, n->d)) != NULL;
    if (n->options.since && !n->judgement.since)
        ok &= (n->judgement.since = journal_read(n->options.since, n->d)) != NULL;
    return ok;
}

/* A seed on the command line is that of the night. */
static uint64_t chosen_seed(const struct night *n)
{
    return has_override(n->driver, "seed") ? n->scenarios[0].planned.scenario.seed
                                           : (uint64_t)scenario_random_seed();
}

bool night_plan(struct night *n, char **name)
{
    struct scenario_set set = {.name = NULL};
    bool ok = read_duration(n);

    ok &= night_read_judgement(n);
    ok &= scenario_set_read(&set, n->options.arguments, n->options.argument_count, n->d);
    ok &= plan_scenarios(n, &set);
    if (ok && !n->seed) /* one that goes on has its own */
        n->seed = chosen_seed(n);
    *name = text_format("%s", set.name ? set.name : "night");
    scenario_set_free(&set);
    return ok;
}
