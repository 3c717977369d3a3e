/* stillpoint: the command line. The only file that prints diagnostics and exits. */
#include "command_options.h"
#include "commands.h"
#include "torture/host/environment.h"
#include "torture/host/host.h"
#include "torture/scenario/nearest_name.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    {"topology", "[SCENARIO|DIR]", false, topology_options,
     "Draw the machine, and which thread goes where\v"
     "Of a SCENARIO, where each would go; of a result, in a directory that `stillpoint run` made, "
     "where each was sent.",
     command_topology},
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
                        .parser = options_parse,
                        .args_doc = command->arguments,
                        .doc = command->help};
    struct arguments a = {.run = {.out = "results", .program = program},
                          .compare = {.margin = 0.02},
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
