#include "lost.h"

#include "torture/record/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A run that has lost more than this share does not show what it was meant to show. */
#define MOST_LOST 0.2
/* Nor is anything said of less than what can be told apart: a delay of the runner, or ticks of
 * steal. */
#define LEAST_LOST_S 0.25
/* Of a writer that was held up no less is reported. */
#define LEAST_TOLD_S 5
/* Of one cause that does not count; what follows then lengthens the last. */
#define MOST_NOTES 100
/* Two notes that are no further apart are one. */
#define JOINED_S 0.001

static const struct cause {
    const char *name;
    const char *words; /* what happened "for so long" */
    bool subtracted;
    enum lost_cause part_of; /* itself: of none */
} causes[LOST_CAUSES] = {
    [LOST_MACHINE] = {"machine-still", "the machine stood still", true, LOST_MACHINE},
    [LOST_RUNNER] = {"runner-still", "the runner stood still", true, LOST_RUNNER},
    [LOST_DRIVER] = {"driver-away", "the driver was away", true, LOST_DRIVER},
    [LOST_STEAL] = {"steal", "steal", false, LOST_MACHINE},
    [LOST_THROTTLED] = {"throttled", "CPU quota", false, LOST_MACHINE},
    [LOST_LATE] = {"driver-late", NULL, false, LOST_LATE},
    [LOST_DISK] = {"disk-blocked", "the disk took no events", false, LOST_DISK},
    [LOST_TERMINAL] = {"terminal-blocked", "nobody read the status line", false, LOST_TERMINAL},
    [LOST_PRESSURE_CPU] = {"pressure-cpu", NULL, false, LOST_PRESSURE_CPU},
    [LOST_PRESSURE_MEMORY] = {"pressure-memory", NULL, false, LOST_PRESSURE_MEMORY},
    [LOST_PRESSURE_IO] = {"pressure-io", NULL, false, LOST_PRESSURE_IO},
};

static double number_of(json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static bool is(json_t *object, const char *key, const char *value)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text && strcmp(text, value) == 0;
}

bool lost_is_subtracted(enum lost_cause cause)
{
    return causes[cause].subtracted;
}

/* ---- Notes ---- */

static json_t *last_of(json_t *disturbances, const char *name, size_t *count)
{
    json_t *last = NULL, *note;
    size_t i;

    *count = 0;
    json_array_foreach (disturbances, i, note)
        if (is(note, "cause", name)) {
            last = note;
            ++*count;
        }
    return last;
}

void lost_note(json_t *disturbances, enum lost_cause cause, double from_s, double to_s,
               double seconds, const char *why)
{
    const char *name = causes[cause].name;
    size_t count;
    json_t *last = last_of(disturbances, name, &count);

    if (last && (!causes[cause].subtracted || from_s - number_of(last, "to_s") <= JOINED_S ||
                 count >= MOST_NOTES)) {
        json_object_set_new(last, "to_s", json_real(to_s));
        json_object_set_new(last, "seconds", json_real(number_of(last, "seconds") + seconds));
        if (why)
            json_object_set_new(last, "why", json_string(why));
        return;
    }
    json_array_append_new(disturbances,
                          json_pack("{ss sf sf sf sb ss*}", "cause", name, "from_s", from_s, "to_s",
                                    to_s, "seconds", seconds, "subtracted",
                                    causes[cause].subtracted, "why", why));
}

/* ---- What follows ---- */

double lost_clean_seconds(json_t *run)
{
    return fmax(0, number_of(run, "seconds") - number_of(run, "lost_seconds"));
}

/* Of a run by cause, with the first reason that is known of it. */
static double sum_of(json_t *run, enum lost_cause cause, const char **why)
{
    double seconds = 0;
    json_t *note;
    size_t i;

    *why = NULL;
    json_array_foreach (json_object_get(run, "disturbances"), i, note) {
        if (!is(note, "cause", causes[cause].name))
            continue;
        seconds += number_of(note, "seconds");
        if (!*why)
            *why = json_string_value(json_object_get(note, "why"));
    }
    return seconds;
}

double lost_to(json_t *run, enum lost_cause cause)
{
    const char *unheard;

    return sum_of(run, cause, &unheard);
}

static char *append(char *text, char *more)
{
    text = text_append(text, more);
    free(more);
    return text;
}

/* " (steal 2.9 s)", " (stopped)"; what would be shown as 0.0 is left out. */
static char *append_parts(char *text, json_t *run, enum lost_cause whole, const char *why)
{
    const char *separator = " (", *unheard;

    if (why) {
        text = append(text, text_format("%s%s", separator, why));
        separator = ", ";
    }
    for (int i = 0; i < LOST_CAUSES; i++) {
        double seconds = causes[i].part_of == whole && (int)whole != i
                             ? sum_of(run, (enum lost_cause)i, &unheard)
                             : 0;

        if (seconds < 0.05)
            continue;
        text = append(text, text_format("%s%s %.1f s", separator, causes[i].words, seconds));
        separator = ", ";
    }
    return strcmp(separator, ", ") == 0 ? text_append(text, ")") : text;
}

/* "5.0 s of 20.0 s do not count: the machine stood still for 3.1 s (steal 2.9 s), and ..."; heap.
 */
static char *describe(json_t *run)
{
    char *text = text_format("%.1f s of %.1f s do not count", number_of(run, "lost_seconds"),
                             number_of(run, "seconds"));
    const char *separator = ": ", *why = NULL;

    for (int i = 0; i < LOST_CAUSES; i++) {
        double seconds = causes[i].subtracted ? sum_of(run, (enum lost_cause)i, &why) : 0;

        if (seconds < 0.05)
            continue;
        text = append(text, text_format("%s%s for %.1f s", separator, causes[i].words, seconds));
        text = append_parts(text, run, (enum lost_cause)i, why);
        separator = ", and ";
    }
    return text;
}

static bool too_much(json_t *run)
{
    double lost = number_of(run, "lost_seconds");

    return lost > LEAST_LOST_S && lost > MOST_LOST * number_of(run, "seconds");
}

/* A writer that was held up, for long enough that somebody may wonder. */
static void tell_of_writer(json_t *run, enum lost_cause cause)
{
    const char *unheard;
    double seconds = sum_of(run, cause, &unheard);

    if (seconds >= LEAST_TOLD_S)
        json_array_append_new(
            json_object_get(run, "notes"),
            json_sprintf("%s for %.1f s; nothing waited for it", causes[cause].words, seconds));
}

void lost_judge(json_t *run, json_t *missing)
{
    json_t *to = too_much(run) ? missing : json_object_get(run, "notes");
    char *text;

    tell_of_writer(run, LOST_DISK);
    tell_of_writer(run, LOST_TERMINAL);
    if (number_of(run, "lost_seconds") < LEAST_LOST_S)
        return;
    text = describe(run);
    json_array_append_new(to, json_string(text));
    free(text);
}

bool lost_is_all(json_t *result)
{
    json_t *runs = json_object_get(result, "runs"), *run = json_array_get(runs, 0);
    json_t *reasons = json_object_get(json_object_get(result, "verdict"), "reasons");

    return json_array_size(runs) == 1 && json_array_size(reasons) == 1 && too_much(run) &&
           is(run, "verdict", "inconclusive") &&
           json_array_size(json_object_get(run, "missing")) == 1;
}
