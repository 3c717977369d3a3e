#include "runner.h"
#include "torture/record/flavor_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

json_t *runner_statistic_names(void)
{
    json_t *array = json_array();

    for (size_t i = 0; i < flavor.statistic_count; i++)
        json_array_append_new(array, json_string(flavor.statistics[i].name));
    return array;
}

/* {"gps_forced": "forced quiescent state", ...} of those that have words. */
static json_t *statistic_words(void)
{
    json_t *words = json_object();

    for (size_t i = 0; i < flavor.statistic_count; i++)
        if (flavor.statistics[i].words)
            json_object_set_new(words, flavor.statistics[i].name,
                                json_string(flavor.statistics[i].words));
    return words;
}

void *runner_default_settings(void)
{
    void *settings = calloc(1, flavor.settings_size ? flavor.settings_size : 1);

    if (flavor.default_settings)
        flavor.default_settings(settings);
    return settings;
}

/* Not by getrusage(), which has that of the driver too, from before the runner was executed. */
json_t *runner_peak_rss(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    bool found = false;
    int64_t kib = 0;
    char line[128];

    while (file && !found && fgets(line, sizeof line, file))
        found = sscanf(line, "VmHWM: %" SCNd64, &kib) == 1;
    if (file)
        fclose(file);
    return found ? json_integer(kib * 1024) : NULL;
}

json_t *runner_describe(void)
{
    static const char *const types[] = {"bool", "int", "real", "duration", "choice", "string"};
    json_t *settings = json_array(), *capabilities = json_array(), *missing = json_object();
    void *defaults = runner_default_settings();

    for (const struct option *o = flavor.settings; o && o->name; o++) {
        char *stored =
            flavor.default_settings && !o->default_text ? option_stored_text(o, defaults) : NULL;

        json_array_append_new(settings, json_pack("{ss ss ss sf sf ss* ss* ss}", "name", o->name,
                                                  "type", types[o->type], "default",
                                                  stored ? stored : o->default_text, "min", o->min,
                                                  "max", o->max, "unit", o->unit, "choices",
                                                  o->choices, "help", o->help));
        free(stored);
    }
    free(defaults);
    for (unsigned i = 0; flavor_capability_names[i]; i++) {
        const char *reason = flavor.missing ? flavor.missing(1u << i) : NULL;

        if (reason)
            json_object_set_new(missing, flavor_capability_names[i],
                                json_string(*reason ? reason : "no reason given"));
        else if (flavor.capabilities & 1u << i)
            json_array_append_new(capabilities, json_string(flavor_capability_names[i]));
    }
    return json_pack("{ss ss so so so so so}", "name", flavor.name, "summary", flavor.summary,
                     "capabilities", capabilities, "settings", settings, "statistics",
                     runner_statistic_names(), "words", statistic_words(), "missing", missing);
}
