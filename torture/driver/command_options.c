#include "command_options.h"

#include "commands.h"

#include <stdlib.h>
#include <string.h>

enum {
    KEY_DURATION = 0x100,
    KEY_SEED,
    KEY_FLAVOR,
    KEY_FAIL_FAST,
    KEY_UNTIL_FAILURE,
    KEY_FOR,
    KEY_RESUME,
    KEY_SINCE,
    KEY_KNOWN,
    KEY_GDB,
    KEY_PROGRESS,
    KEY_DRY_RUN,
    KEY_SYNTHETIC,
    KEY_SVG,
    KEY_SCHEMA,
    KEY_MARKDOWN,
    KEY_MARGIN,
    KEY_METRIC,
    KEY_FORMAT,
    KEY_AA,
    KEY_ANYWAY,
    KEY_DB,
    KEY_HOST,
    KEY_SCENARIO,
    KEY_POINT,
    KEY_JSON,
    KEY_PLOT,
    KEY_QUICK,
    KEY_BESIDE,
    KEY_READERS,
    KEY_UPDATES,
    KEY_STALL,
    KEY_NO_PLOT,
};

#define SCENARIO_OPTIONS                                                                   \
    {"set",                                                                                \
     's',                                                                                  \
     "KEY=VALUE",                                                                          \
     0,                                                                                    \
     "Change a setting: duration=5s, library.gp_policy=fqs, rcu-pipe.readers=4",           \
     1},                                                                                   \
        {"duration", KEY_DURATION, "TIME", 0, "How long each run takes: 45s, 10m, 8h", 1}, \
        {"seed", KEY_SEED, "N", 0, "Same seed, same plan; 0 chooses one", 1},              \
    {                                                                                      \
        "flavor", KEY_FLAVOR, "NAME", 0, "The implementation under test; see `list`", 1    \
    }

const struct argp_option run_options[] = {
    SCENARIO_OPTIONS,
    {"out", 'o', "DIR", 0, "Where results go (default: results)", 2},
    {"quiet", 'q', NULL, 0, "No table at the end, no status line", 2},
    {"no-plot", KEY_NO_PLOT, NULL, 0, "No pictures; `plot` draws them later", 2},
    {"progress", KEY_PROGRESS, "MODE", 0,
     "Status line: auto, tty (every second), plain (every 15 s), none", 2},
    {"dry-run", KEY_DRY_RUN, NULL, 0, "Show runs, placement and expected time; run nothing", 2},
    {"fail-fast", KEY_FAIL_FAST, NULL, 0, "End at the first finding", 3},
    {"until-failure", KEY_UNTIL_FAILURE, NULL, 0, "Repeat all runs until one has a finding", 3},
    {"gdb", KEY_GDB, NULL, 0, "Run under gdb, which stops at the first finding", 3},
    {"for", KEY_FOR, "TIME", 0,
     "Run the scenarios in turn, with new seeds, until the time is up: 8h", 4},
    {"resume", KEY_RESUME, "DIR", 0, "Go on with such a night that was cut short", 4},
    {"since", KEY_SINCE, "DIR", 0, "Tell which findings an earlier night did not have", 4},
    {"known", KEY_KNOWN, "FILE", 0, "Findings that are accepted for a while", 4},
    {NULL, 0, NULL, 0, NULL, 0},
};

const struct argp_option validate_options[] = {
    SCENARIO_OPTIONS,
    {NULL, 0, NULL, 0, NULL, 0},
};

const struct argp_option topology_options[] = {
    SCENARIO_OPTIONS,
    {"synthetic", KEY_SYNTHETIC, "TEXT", 0,
     "Plan for another machine: \"numa:4 core:8 pu:2\" (nothing is bound)", 2},
    {"svg", KEY_SVG, "FILE", 0, "Draw it into that file as well, with hwloc's lstopo", 3},
    {"point", KEY_POINT, "LABEL", 0, "The point of a sweep that tables name so; without: the first",
     3},
    {"metric", KEY_METRIC, "NAME", 0,
     "Colour the threads of a result by what each did a second, as a counter says, or by "
     "heartbeats "
     "or cpu_share",
     3},
    {NULL, 0, NULL, 0, NULL, 0},
};

const struct argp_option list_options[] = {
    {"markdown", KEY_MARKDOWN, NULL, 0, "The scenario reference, as in docs/", 1},
    {"schema", KEY_SCHEMA, NULL, 0, "The JSON Schema of a scenario", 1},
    {NULL, 0, NULL, 0, NULL, 0},
};

const struct argp_option compare_options[] = {
    {"margin", KEY_MARGIN, "PERCENT", 0, "What is no difference yet (default: 2)", 1},
    {"aa", KEY_AA, "DIR", 0,
     "Further results of BASE's build: no margin is below what these differ from BASE by", 1},
    {"metric", KEY_METRIC, "NAME", 0,
     "Compare this one, as budgets name it: gp.wait.p99; may be given again. Without: each "
     "point's headline latency, p50 and p99, and what its budgets name",
     1},
    {"format", KEY_FORMAT, "FORMAT", 0, "table, json, or markdown", 2},
    {"plot", KEY_PLOT, "DIR", 0, "Draw the ratios there, as SVG and PNG", 2},
    {"anyway", KEY_ANYWAY, NULL, 0, "Also where hosts, scenarios or environments differ", 2},
    {NULL, 0, NULL, 0, NULL, 0},
};

const struct argp_option bench_options[] = {
    {"quick", KEY_QUICK, NULL, 0, "Three repeats, without intervals", 1},
    {"beside", KEY_BESIDE, "NAME", 0,
     "One more column: a flavor of `make flavor`, such as another version of a peer; may be given "
     "again",
     1},
    {"out", 'o', "DIR", 0, "Where results go (default: results)", 2},
    {"progress", KEY_PROGRESS, "MODE", 0, "Status line: auto, tty, plain, none", 2},
    {"format", KEY_FORMAT, "FORMAT", 0, "table, json, or markdown", 2},
    {NULL, 0, NULL, 0, NULL, 0},
};

const struct argp_option advise_options[] = {
    {"readers", KEY_READERS, "N", 0, "Threads that search a list of 64 elements (default: 4)", 1},
    {"updates", KEY_UPDATES, "PERCENT", 0,
     "How many of their operations replace an element (default: 1%)", 1},
    {"stall", KEY_STALL, "TIME", 0, "Beside them one reader stays inside for so long: 100ms", 1},
    {"out", 'o', "DIR", 0, "Where results go (default: results)", 2},
    {"progress", KEY_PROGRESS, "MODE", 0, "Status line: auto, tty, plain, none", 2},
    {"format", KEY_FORMAT, "FORMAT", 0, "table, json, or markdown", 2},
    {"plot", KEY_PLOT, "DIR", 0, "Where the picture goes, as SVG and PNG (default: that of --out)",
     2},
    {NULL, 0, NULL, 0, NULL, 0},
};

const struct argp_option history_options[] = {
    {"db", KEY_DB, "FILE", 0, "The database (default: history.db)", 1},
    {"host", KEY_HOST, "ID", 0, "Only what was measured there, as `list` names it", 2},
    {"scenario", KEY_SCENARIO, "NAME", 0, "Only of this scenario", 2},
    {"flavor", KEY_FLAVOR, "NAME", 0, "Only of this implementation", 2},
    {"point", KEY_POINT, "LABEL", 0, "Only of the point that tables name so", 2},
    {"plot", KEY_PLOT, "DIR", 0, "Draw what `show` shows there, as SVG and PNG", 3},
    {"json", KEY_JSON, NULL, 0, "As JSON", 3},
    {NULL, 0, NULL, 0, NULL, 0},
};

static void add_override(struct arguments *a, const char *key, const char *value)
{
    size_t n = a->run.override_count;

    a->overrides = realloc(a->overrides, (n + 1) * sizeof *a->overrides);
    a->overrides[n] = (struct override){key, value};
    a->run.overrides = a->overrides;
    a->run.override_count = n + 1;
}

static void add_set(struct arguments *a, char *text, struct argp_state *state)
{
    char *equals = strchr(text, '=');

    if (!equals || equals == text) {
        argp_error(state, "--set %s: expected KEY=VALUE", text);
        return;
    }
    *equals = 0;
    add_override(a, text, equals + 1);
}

static enum progress_mode progress_named(const char *name, struct argp_state *state)
{
    static const char *const names[] = {"auto", "tty", "plain", "none", NULL};

    for (int i = 0; names[i]; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum progress_mode)i;
    argp_error(state, "--progress %s: expected auto, tty, plain or none", name);
    return PROGRESS_AUTO;
}

/* Of so much at most; "5", "5%". */
static double percentage(const char *option, const char *text, double most,
                         struct argp_state *state)
{
    char *end;
    double percent = strtod(text, &end);

    if (end == text || strcmp(end, *end == '%' ? "%" : "") != 0 ||
        !(percent >= 0 && percent <= most))
        argp_error(state, "%s %s: expected a percentage, as 5", option, text);
    return percent;
}

/* As a scenario has it, without the sign. */
static void set_updates(struct mix_arguments *m, char *text, struct argp_state *state)
{
    percentage("--updates", text, 100, state);
    text[strcspn(text, "%")] = '\0';
    m->updates = text;
}

static enum text_format format_named(const char *name, struct argp_state *state)
{
    static const char *const names[] = {"table", "json", "markdown", NULL};

    for (int i = 0; names[i]; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum text_format)i;
    argp_error(state, "--format %s: expected table, json or markdown", name);
    return FORMAT_TABLE;
}

/* The list is NULL-ended. */
static void add_metric(struct compare_arguments *c, const char *name)
{
    c->metrics = realloc(c->metrics, (c->metric_count + 2) * sizeof *c->metrics);
    c->metrics[c->metric_count++] = name;
    c->metrics[c->metric_count] = NULL;
}

error_t options_parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;

    switch (key) {
    case 's':
        add_set(a, text, state);
        break;
    case KEY_DURATION:
        add_override(a, "duration", text);
        break;
    case KEY_SEED:
        add_override(a, "seed", text);
        break;
    case KEY_FLAVOR:
        add_override(a, "flavor", text);
        a->history.selection.flavor = text;
        break;
    case 'o':
        a->run.out = text;
        break;
    case 'q':
        a->quiet = true;
        a->progress = PROGRESS_NONE;
        break;
    case KEY_PROGRESS:
        a->progress = progress_named(text, state);
        break;
    case KEY_DRY_RUN:
        a->run.dry_run = true;
        break;
    case KEY_FAIL_FAST:
        a->run.fail_fast = true;
        break;
    case KEY_UNTIL_FAILURE:
        a->run.until_failure = true;
        break;
    case KEY_FOR:
        a->night.duration = text;
        break;
    case KEY_RESUME:
        a->night.resume = text;
        break;
    case KEY_SINCE:
        a->night.since = text;
        break;
    case KEY_KNOWN:
        a->night.known = text;
        break;
    case KEY_GDB:
        a->run.gdb = true;
        a->run.fail_fast = true;
        break;
    case KEY_SYNTHETIC:
        a->synthetic = text;
        break;
    case KEY_SVG:
        a->svg = text;
        break;
    case KEY_SCHEMA:
        a->schema = true;
        break;
    case KEY_MARKDOWN:
        a->markdown = true;
        break;
    case KEY_MARGIN:
        a->compare.margin = percentage("--margin", text, 1000, state) / 100;
        break;
    case KEY_METRIC:
        add_metric(&a->compare, text);
        break;
    case KEY_FORMAT:
        a->format = format_named(text, state);
        break;
    case KEY_AA:
        a->compare.same = text;
        break;
    case KEY_DB:
        a->history.database = text;
        break;
    case KEY_HOST:
        a->history.selection.host = text;
        break;
    case KEY_SCENARIO:
        a->history.selection.scenario = text;
        break;
    case KEY_POINT:
        a->history.selection.label = text;
        break;
    case KEY_JSON:
        a->json = true;
        break;
    case KEY_NO_PLOT:
        a->run.no_plot = true;
        break;
    case KEY_QUICK:
        a->bench_quick = true;
        break;
    case KEY_BESIDE:
        add_override(a, ADD_COLUMN, text);
        break;
    case KEY_READERS:
        a->mix.readers = text;
        break;
    case KEY_UPDATES:
        set_updates(&a->mix, text, state);
        break;
    case KEY_STALL:
        a->mix.stall = text;
        break;
    case KEY_PLOT:
        a->pictures = text;
        break;
    case KEY_ANYWAY:
        a->compare.anyway = true;
        break;
    case ARGP_KEY_ARG:
        if (a->positional && !a->takes_several)
            argp_error(state, "%s: one argument too many", text);
        if (!a->positional)
            a->positional = text;
        a->positionals = realloc(a->positionals, (a->positional_count + 1) * sizeof text);
        a->positionals[a->positional_count++] = text;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}
