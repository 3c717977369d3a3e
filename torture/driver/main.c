/* stillpoint: the command line. The only file that prints diagnostics and exits. */
#include "commands.h"
#include "torture/host/environment.h"
#include "torture/host/host.h"
#include "torture/scenario/nearest_name.h"

#define option getopt_option /* <getopt.h>, which argp includes, has a struct of that name */
#include <argp.h>
#undef option
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef STILLPOINT_VERSION
#define STILLPOINT_VERSION "unknown"
#endif

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

static const struct argp_option run_options[] = {
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

static const struct argp_option validate_options[] = {
    SCENARIO_OPTIONS,
    {NULL, 0, NULL, 0, NULL, 0},
};

static const struct argp_option topology_options[] = {
    SCENARIO_OPTIONS,
    {"synthetic", KEY_SYNTHETIC, "TEXT", 0,
     "Plan for another machine: \"numa:4 core:8 pu:2\" (nothing is bound)", 2},
    {NULL, 0, NULL, 0, NULL, 0},
};

static const struct argp_option list_options[] = {
    {"markdown", KEY_MARKDOWN, NULL, 0, "The scenario reference, as in docs/", 1},
    {"schema", KEY_SCHEMA, NULL, 0, "The JSON Schema of a scenario", 1},
    {NULL, 0, NULL, 0, NULL, 0},
};

static const struct argp_option compare_options[] = {
    {"margin", KEY_MARGIN, "PERCENT", 0, "What is no difference yet (default: 5)", 1},
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

static const struct argp_option bench_options[] = {
    {"quick", KEY_QUICK, NULL, 0, "Three repeats, without intervals", 1},
    {"out", 'o', "DIR", 0, "Where results go (default: results)", 2},
    {"progress", KEY_PROGRESS, "MODE", 0, "Status line: auto, tty, plain, none", 2},
    {"format", KEY_FORMAT, "FORMAT", 0, "table, json, or markdown", 2},
    {NULL, 0, NULL, 0, NULL, 0},
};

static const struct argp_option advise_options[] = {
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

static const struct argp_option history_options[] = {
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

static error_t parse(int key, char *text, struct argp_state *state)
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

static const struct command {
    const char *name;
    const char *arguments; /* as in a usage line */
    bool needs_argument;
    const struct argp_option *options;
    const char *help; /* the first line is the summary */
    int (*run)(struct arguments *, struct diagnostics *);
} commands[] = {
    {"run", "[SCENARIO...]", false, run_options,
     "Torture or measure as a scenario says\v"
     "With --for a night: the scenarios (those in a folder, or named by a set such as "
     "configs/soak.json) in turn, round after round, with one summary.\n\n"
     "Leaves DIR/<UTC time>-<name>/ with result.json, events.jsonl, scenario.json and pictures; "
     "DIR/latest points at it. Ctrl-C ends the run with a valid result; SIGUSR1 shows statistics "
     "and all stacks.\n\n"
     "Exit codes: 0 pass, 1 violation or stall, 2 inconclusive, 3 performance budget exceeded, "
     "64 usage, configuration or environment, 70 internal, 77 everything skipped.",
     command_run},
    {"list", "[WORKLOAD|FLAVOR]", false, list_options,
     "Show workloads and flavors, or the settings of one", command_list},
    {"validate", "SCENARIO...", true, validate_options,
     "Check scenarios without running them: what `run` would refuse is refused", command_validate},
    {"topology", "[SCENARIO]", false, topology_options,
     "Draw the machine, and which thread of a scenario would go where", command_topology},
    {"plot", "DIR", true, NULL, "Draw the pictures of a result again", command_plot},
    {"salvage", "DIR", true, NULL,
     "Rebuild the result of an invocation that was cut short, from its events", command_salvage},
    {"bench", "[ROWS...]", false, bench_options,
     "Which is better here? Every question, beside every peer\v"
     "ROWS are pair, grace-periods, waits, callbacks, mixes, exclusive, kicks, memory; without "
     "any: all, which takes half an hour on a machine that should do nothing else. Peers that are "
     "not built have no column.",
     command_bench},
    {"advise", "", false, advise_options,
     "Which scheme, and which policy, for a mix of reads and updates on this machine?\v"
     "Each runs the mix for five seconds in all, by turns. Named is, of those within 5 % of the "
     "most operations a second, the one that holds back the least memory.",
     command_advise},
    {"compare", "BASE NEW", true, compare_options,
     "Is NEW slower than BASE?\v"
     "BASE and NEW are directories that `stillpoint run` made, or folders of such: the i-th result "
     "of one is compared with the i-th of the other, so they should have run by turns. The first "
     "pair is dropped, and it takes ten. `make compare BASE=REVISION` builds, runs and "
     "compares.\n\n"
     "Exit codes: 3 a metric regressed, 2 none could be decided, 0 otherwise, 64 usage.",
     command_compare},
    {"history", "ACTION [ARGUMENT...]", true, history_options,
     "Since when, and by how much: figures over commits\v"
     "Actions: `add DIR...` adds results, or folders of them; `list` tells what there is; `show "
     "METRIC` shows it commit by commit, with the commits since which its level is another; "
     "`rebuild [DIR...]` makes the database anew from results.",
     command_history},
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static void print_help(FILE *f)
{
    fprintf(f, "Usage: stillpoint COMMAND [OPTION...] [ARGUMENT]\n\n"
               "Stress and measure RCU and vCPU synchronisation in user space.\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char usage[40];

        snprintf(usage, sizeof usage, "%s %s", commands[i].name, commands[i].arguments);
        fprintf(f, "  %-26s %.*s\n", usage, (int)strcspn(commands[i].help, "\v"), commands[i].help);
    }
    fprintf(f, "\n`stillpoint COMMAND --help` says more. To begin: stillpoint run "
               "configs/quick.json\n");
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[COMMAND_COUNT + 1] = {NULL}, *near;

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i].name;
    near = nearest_name(name, names);
    fprintf(stderr, "stillpoint: no command \"%s\"", name);
    fprintf(stderr, near ? "; did you mean \"%s\"?\n" : "; see `stillpoint --help`\n", near);
    return EXIT_CODE_USAGE;
}

static int run_command(const struct command *command, const char *program, int argc, char **argv)
{
    struct argp argp = {.options = command->options,
                        .parser = parse,
                        .args_doc = command->arguments,
                        .doc = command->help};
    struct arguments a = {.run = {.out = "results", .program = program},
                          .compare = {.margin = 0.05},
                          .history = {.database = "history.db"},
                          .mix = {.readers = "4", .updates = "1"}};
    struct diagnostics d = {.text = NULL};
    char name[64];
    int code;

    a.takes_several = strpbrk(command->arguments, ". ") != NULL;
    snprintf(name, sizeof name, "stillpoint %s", command->name);
    argv[0] = name;
    argp_err_exit_status = EXIT_CODE_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, &a) != 0)
        return EXIT_CODE_USAGE;
    if (command->needs_argument && !a.positional) {
        fprintf(stderr, "%s: expected %s\nTry `%s --help'.\n", name, command->arguments, name);
        code = EXIT_CODE_USAGE;
    } else {
        code = environment_check(&d) ? command->run(&a, &d) : EXIT_CODE_USAGE;
    }
    if (d.refused && (code == EXIT_CODE_USAGE || code == EXIT_CODE_INTERNAL))
        code = EXIT_CODE_INCONCLUSIVE;
    if (d.text)
        fputs(d.text, stderr);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_CODE_PASS) {
        fprintf(stderr, "stillpoint: standard output cannot be written\n");
        code = EXIT_CODE_INTERNAL;
    }
    diagnostics_free(&d);
    free(a.overrides);
    free(a.positionals);
    free(a.compare.metrics);
    return code;
}

/* A file that is opened must not become descriptor 1 of a process that was started without it. What
 * is printed there then fails, as it would have. */
static void hold_standard_descriptors(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};

    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
            _exit(EXIT_CODE_INTERNAL);
}

int main(int argc, char **argv)
{
    const struct command *command;

    hold_standard_descriptors();
    /* Where the caller ignored it, a child that has ended is gone before it can be waited for, and
     * a run would never end. */
    signal(SIGCHLD, SIG_DFL);
    /* A write beyond the limit of the size of files fails, and says so. */
    signal(SIGXFSZ, SIG_IGN);

    if (argc < 2) {
        print_help(stderr);
        return EXIT_CODE_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0 ||
        strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return EXIT_CODE_PASS;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        json_t *tool = host_tool();

        printf("stillpoint %s\n", json_string_value(json_object_get(tool, "version")));
        json_decref(tool);
        return EXIT_CODE_PASS;
    }
    command = find_command(argv[1]);
    return command ? run_command(command, argv[0], argc - 1, argv + 1) : unknown_command(argv[1]);
}
