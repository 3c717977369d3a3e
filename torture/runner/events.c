/* What the driver is told in words: where everything is in the mapping, and what was slowest. */
#include "run.h"

#include "runner.h"
#include "slowest.h"
#include "torture/record/workload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *name_array(const char *const *list)
{
    json_t *array = json_array();

    for (; list && *list; list++)
        json_array_append_new(array, json_string(*list));
    return array;
}

void run_emit(struct run *run, json_t *event)
{
    char *line = json_dumps(event, JSON_COMPACT);
    size_t length = line ? strlen(line) : 0, done = 0;

    json_decref(event);
    if (!line)
        return;
    line[length++] = '\n'; /* over the terminating zero: written by length */
    while (done < length) {
        ssize_t n = write(run->events_fd, line + done, length - done);

        if (n < 0 && errno != EINTR)
            break; /* the driver is gone; PDEATHSIG ends us */
        if (n > 0)
            done += (size_t)n;
    }
    free(line);
}

static json_t *describe_instance(const struct run *run, size_t i)
{
    const struct workload *w = run->instances[i].workload;
    json_t *counters = json_array(), *measures = json_array();
    json_t *checks = json_array(), *notes = json_array();

    for (size_t j = 0; j < w->counter_count; j++)
        json_array_append_new(counters, json_string(w->counters[j].name));
    for (size_t j = 0; j < w->measure_count; j++)
        json_array_append_new(measures, json_pack("{ss ss}", "name", w->measures[j].name, "unit",
                                                  w->measures[j].unit));
    for (size_t j = 0; j < w->check_count; j++)
        json_array_append_new(checks, json_string(w->checks[j]));
    for (size_t j = 0; j < w->note_count; j++)
        json_array_append_new(notes, json_pack("{ss sb}", "format", w->notes[j].format, "enters",
                                               w->notes[j].enters));
    return json_pack("{ss so so so so so sI}", "name", w->name, "counters", counters, "measures",
                     measures, "checks", checks, "coverage", name_array(w->coverage), "notes",
                     notes, "checks_offset",
                     (json_int_t)((char *)run->instances[i].checks - (char *)run->shared));
}

static json_t *describe_threads(const struct run *run)
{
    json_t *list = json_array();

    for (size_t i = 0; i < run->thread_count; i++) {
        const struct placement_slot *slot = placement_slot(run->placement, i);

        json_array_append_new(list, json_pack("{ss ss si sI si si}", "name", run->plan[i].name,
                                              "role", run->plan[i].role->name, "workload",
                                              (int)run->plan[i].workload_index, "offset",
                                              (json_int_t)run->offsets[i], "cpu", slot->os_cpu,
                                              "node", slot->node));
    }
    return list;
}

void run_emit_ready(struct run *run, const char *notes)
{
    json_t *list = json_array();

    for (size_t i = 0; i < run->instance_count; i++)
        json_array_append_new(list, describe_instance(run, i));
    run_emit(run, json_pack("{ss si sI so so so ss}", "event", "ready", "pid", (int)getpid(),
                            "size", (json_int_t)run->shared->size, "workloads", list, "threads",
                            describe_threads(run), "library", runner_statistic_names(), "notes",
                            notes ? notes : ""));
}

void run_emit_slowest(struct run *run)
{
    for (size_t i = 0; i < run->instance_count; i++)
        if (run->instances[i].slowest)
            run_emit(run, slowest_describe(&run->instances[i]));
}
