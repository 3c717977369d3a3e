#include "writers.h"

#include "torture/plot/plot.h"
#include "torture/plot/plot_topology.h"
#include "torture/record/text.h"
#include "torture/result/report.h"

#include <stdlib.h>
#include <string.h>

struct conclusion {
    json_t *result;
    const char *directory;
    struct output *output; /* NULL: salvaged */
    struct console *console;
    struct diagnostics *d;
    json_t *files; /* that were made, as the table names them */
    bool whole;    /* the result is on the disk */
};

static void write_result(struct conclusion *c)
{
    c->whole = output_file(c->directory, "result.json", c->result, c->d);
    if (c->whole)
        json_array_append_new(c->files, json_string("result.json"));
}

/* What cannot be drawn is no fault of the run: a note. */
static void write_pictures(struct conclusion *c)
{
    struct diagnostics plots = {.text = NULL};
    json_t *made = json_array(), *name;
    size_t i;

    if (c->whole && !(c->output && c->output->no_pictures) &&
        !plot_result(c->result, c->directory, made, &plots))
        console_notes(c->console, plots.text);
    json_array_foreach (made, i, name)
        if (strstr(json_string_value(name), ".svg") || strstr(json_string_value(name), ".txt"))
            json_array_append(c->files, name);
    json_decref(made);
    diagnostics_free(&plots);
}

/* Who was where: of the first point; `topology DIR` draws the others. */
static void write_topology(struct conclusion *c)
{
    struct diagnostics notes = {.text = NULL};
    char *path = text_format("%s/topology.svg", c->directory);
    struct topology_wish wish = {.svg = path};

    if (c->whole && !(c->output && c->output->no_pictures) && plot_topology_run(c->result, NULL)) {
        if (plot_topology(c->result, c->directory, &wish, NULL, &notes))
            json_array_append_new(c->files, json_string("topology.svg"));
        console_notes(c->console, notes.text);
    }
    diagnostics_free(&notes);
    free(path);
}

static void close_events(struct conclusion *c)
{
    output_close(c->output, c->d);
}

/* An invocation that has just ended is the newest; what is salvaged may be older than others. */
static void point_latest(struct conclusion *c)
{
    if (c->whole)
        output_latest(c->directory, c->output != NULL, c->d);
}

/* Of an invocation the table is what is left when the disk is full. */
static void write_table(struct conclusion *c)
{
    console_settle(c->console);
    if (!c->console->quiet && (c->whole || c->output))
        report_result(c->console->out, c->result, c->directory, c->files, c->console->color);
}

/* In the order in which they conclude. */
static const struct writer {
    const char *name;
    void (*event)(struct output *output, json_t *event, struct diagnostics *d);
    void (*conclude)(struct conclusion *c);
    bool salvages; /* also when there is no invocation, only its events */
    bool rounds;   /* also of a round of a night */
} writers[] = {
    {.name = "result", .conclude = write_result, .salvages = true, .rounds = true},
    {.name = "pictures", .conclude = write_pictures},
    {.name = "topology", .conclude = write_topology},
    {.name = "events", .event = output_event, .conclude = close_events, .rounds = true},
    {.name = "latest", .conclude = point_latest, .salvages = true},
    {.name = "table", .conclude = write_table, .salvages = true},
};

#define WRITER_COUNT (sizeof writers / sizeof *writers)

void writers_event(struct output *output, json_t *event, struct diagnostics *d)
{
    for (size_t i = 0; i < WRITER_COUNT; i++)
        if (writers[i].event)
            writers[i].event(output, event, d);
}

int writers_conclude(json_t *result, const char *directory, struct output *output,
                     struct console *console, struct diagnostics *d)
{
    struct conclusion c = {
        .result = result,
        .directory = directory,
        .output = output,
        .console = console,
        .d = d,
        .files = json_array(),
    };
    json_t *verdict = json_object_get(result, "verdict");
    int code = (int)json_integer_value(json_object_get(verdict, "exit_code"));

    for (size_t i = 0; i < WRITER_COUNT; i++)
        if (!output ? writers[i].salvages : !output->is_round || writers[i].rounds)
            writers[i].conclude(&c);
    json_decref(c.files);
    if (!c.whole && !output)
        code = EXIT_CODE_USAGE;
    else if (!c.whole && code != EXIT_CODE_VIOLATION)
        code = EXIT_CODE_INTERNAL;
    return code;
}
