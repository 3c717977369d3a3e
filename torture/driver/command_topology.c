/* `topology`: the machine, with the threads of a scenario, or of a result. */
#include "commands.h"

#include "torture/placement/placement_draw.h"
#include "torture/placement/placement_xml.h"
#include "torture/placement/threads.h"
#include "torture/plot/plot_topology.h"
#include "torture/plot/topology_svg.h"
#include "torture/record/text.h"
#include "torture/scenario/expand.h"
#include "torture/scenario/scenario.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A plan, and what is said of it. */
struct drawn {
    const char **names, **roles;
    struct planned_thread *threads;
    size_t count;
    char *lines; /* below the SVG */
};

static bool draw_svg(const struct arguments *a, const struct placement *p, const struct drawn *of,
                     const char *notes, struct diagnostics *d)
{
    char *remarks = placement_remarks(p);
    char *lines = text_format("%s%s%s", of->lines, remarks ? remarks : "", notes ? notes : "");
    struct placement_marks marks = {.roles = of->roles, .lines = lines};
    char *xml = placement_xml(p, &marks, d);
    bool drawn = xml && topology_svg(xml, a->svg, d);

    free(xml);
    free(lines);
    free(remarks);
    return drawn;
}

static int draw_plan(const struct arguments *a, json_t *config, const struct drawn *of,
                     const char *where, struct diagnostics *d)
{
    struct diagnostics notes = {.text = NULL};
    struct placement *p =
        placement_plan(config, of->names, of->roles, of->count, a->synthetic, where, &notes, d);
    char *text = p ? placement_text(p, notes.text) : NULL;
    bool drawn = text && (!a->svg || draw_svg(a, p, of, notes.text, d));

    if (text)
        fputs(text, stdout);
    free(text);
    placement_free(p);
    diagnostics_free(&notes);
    return drawn ? EXIT_CODE_PASS : EXIT_CODE_USAGE;
}

static const struct run_plan *plan_of(const struct arguments *a, const struct run_plan *plans,
                                      size_t count, struct diagnostics *d)
{
    const char *point = a->history.selection.label;
    char *labels = text_format("%s", "");
    size_t i = 0;

    while (point && i < count && strcmp(plans[i].label, point) != 0) {
        char *more = text_format("%s\"%s\"", *labels ? ", " : "", plans[i].label);

        if (plans[i].repeat == 0)
            labels = text_append(labels, more);
        free(more);
        i++;
    }
    if (i == count)
        diagnose(d, "%s: has no point \"%s\"; there are: %s", a->positional, point, labels);
    free(labels);
    return i < count ? &plans[i] : NULL;
}

static void drawn_read(struct drawn *of, const struct scenario *s, const struct run_plan *plan)
{
    const char *name = json_string_value(json_object_get(s->effective, "name"));

    of->count = plan_threads(plan->config, &of->threads);
    of->names = calloc(of->count + 1, sizeof *of->names);
    of->roles = calloc(of->count + 1, sizeof *of->roles);
    for (size_t i = 0; i < of->count; i++) {
        of->names[i] = of->threads[i].name;
        of->roles[i] = of->threads[i].role->name;
    }
    of->lines = text_format("%s%s%s\n", name, *plan->label ? ", " : "", plan->label);
}

static int draw_scenario(struct arguments *a, struct diagnostics *d)
{
    struct scenario s = {.path = NULL};
    struct run_plan *plans = NULL;
    const struct run_plan *plan = NULL;
    struct drawn of = {.count = 0};
    int code = EXIT_CODE_USAGE;
    size_t count = 0;

    if (scenario_load(&s, a->positional, a->run.overrides, a->run.override_count, d) &&
        scenario_expand(&s, &plans, &count, d) && count > 0)
        plan = plan_of(a, plans, count, d);
    if (plan) {
        drawn_read(&of, &s, plan);
        code = draw_plan(a, json_object_get(plan->config, "placement"), &of, a->positional, d);
    }
    free(of.names);
    free(of.roles);
    free(of.threads);
    free(of.lines);
    run_plans_free(plans, count);
    scenario_free(&s);
    return code;
}

static int draw_result(struct arguments *a, const char *path, struct diagnostics *d)
{
    struct topology_wish wish = {
        .point = a->history.selection.label,
        .metric = a->compare.metric_count > 0 ? a->compare.metrics[0] : NULL,
        .synthetic = a->synthetic,
        .svg = a->svg,
    };
    json_t *result = command_result(path, d);
    bool drawn = result && plot_topology(result, path, &wish, stdout, d);

    json_decref(result);
    return drawn ? EXIT_CODE_PASS : EXIT_CODE_USAGE;
}

/* What one option needs: a line in d. */
static bool fit_together(const struct arguments *a, bool is_result, struct diagnostics *d)
{
    unsigned before = d->count;

    if (a->compare.metric_count > 0 && (!a->svg || !is_result))
        diagnose(d,
                 "--metric %s: colours a result in a file: name a directory that `stillpoint "
                 "run` made, and --svg FILE",
                 a->compare.metrics[0]);
    if (a->compare.metric_count > 1)
        diagnose(d, "--metric %s: one makes the colours; another drawing has the other",
                 a->compare.metrics[1]);
    if (a->history.selection.label && !a->positional)
        diagnose(d, "--point %s: is of a scenario, or a result: name it",
                 a->history.selection.label);
    if (a->run.override_count > 0 && is_result)
        diagnose(d, "%s: is a result, of which no setting can be changed", a->positional);
    return d->count == before;
}

int command_topology(struct arguments *a, struct diagnostics *d)
{
    char *path = a->positional ? command_path(a->positional, "result.json") : NULL;
    bool is_result = path && access(path, F_OK) == 0;
    static const struct drawn nobody = {.lines = ""};
    int code = EXIT_CODE_USAGE;

    if (!fit_together(a, is_result, d))
        code = EXIT_CODE_USAGE;
    else if (is_result)
        code = draw_result(a, path, d);
    else if (a->positional)
        code = draw_scenario(a, d);
    else
        code = draw_plan(a, NULL, &nobody, "topology", d);
    free(path);
    return code;
}
