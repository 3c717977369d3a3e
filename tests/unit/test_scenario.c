/* Scenarios: files, --set, every message, sweeps, runs, threads, schema and reference.
 *
 * The workloads are the real ones. The flavors are shell scripts in a temporary directory, which
 * STILLPOINT_RUNNERS makes the first place to look.
 */
#include "torture/scenario/scenario.h"

#include "torture/placement/threads.h"
#include "torture/record/workload.h"
#include "torture/scenario/expand.h"
#include "torture/scenario/flavor_describe.h"
#include "torture/scenario/reference.h"
#include "torture/scenario/schema.h"
#include "torture/scenario/settings.h"

#include "library.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- A directory with flavors and a scenario ---------------------------------------------- */

static const char stillpoint_json[] =
    "{\"name\": \"stillpoint\", \"summary\": \"The library\","
    " \"capabilities\": [\"synchronize\", \"expedite\", \"call\", \"barrier\", \"callback-lock\","
    "  \"nest\", \"force\", \"gp-times\", \"protect\"],"
    " \"settings\": ["
    "  {\"name\": \"gp_policy\", \"type\": \"choice\", \"default\": \"adaptive\","
    "   \"choices\": [\"event\", \"poll\", \"fqs\", \"adaptive\"], \"help\": \"How GPs end\"},"
    "  {\"name\": \"poll_interval\", \"type\": \"duration\", \"default\": \"10ms\","
    "   \"min\": \"1us\", \"max\": 1000000000, \"help\": \"One nap\"},"
    "  {\"name\": \"pile_up\", \"type\": \"int\", \"default\": 30, \"min\": 1, \"max\": 1000,"
    "   \"unit\": \"callbacks\", \"help\": \"Callbacks that force\"},"
    "  {\"name\": \"order\", \"type\": \"choice\", \"default\": \"a\", \"choices\": \"a b\"}],"
    " \"statistics\": [\"gps\", \"forced_gps\"]}";
static const char peer_json[] =
    "{\"name\": \"peer\", \"capabilities\": [\"synchronize\", \"expedite\", \"call\", \"barrier\","
    " \"callback-lock\", \"nest\", \"force\", \"gp-times\", \"protect\"], \"settings\": [],"
    " \"statistics\": []}";

static char directory[] = "/tmp/stillpoint-test-XXXXXX";

static void write_file(const char *name, const char *text, mode_t mode)
{
    FILE *file = fopen(name, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(name, mode), 0);
}

static void write_runner(const char *flavor, const char *script)
{
    char name[64], text[4200];

    snprintf(name, sizeof name, "runner-%s", flavor);
    snprintf(text, sizeof text, "#!/bin/sh\n%s\n", script);
    write_file(name, text, 0755);
}

static void write_flavor(const char *flavor, const char *json)
{
    char script[4096];

    snprintf(script, sizeof script, "[ \"$1\" = --describe ] || exit 9\ncat <<'END'\n%s\nEND",
             json);
    write_runner(flavor, script);
}

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chdir(directory), 0);
    setenv("STILLPOINT_RUNNERS", directory, 1);
    write_flavor("stillpoint", stillpoint_json);
    write_flavor("peer", peer_json);
    write_flavor("null", "{\"name\": \"null\"}");
}

static void tear_down(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", directory);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(system(command), 0);
}

/* --- Loading in one line ------------------------------------------------------------------ */

enum { MAX_OVERRIDES = 4 };

/* What the tests vary: the scenario's text and what would be on the command line. */
struct input {
    const char *json;
    struct override overrides[MAX_OVERRIDES];
};

static bool load(const struct input *input, struct scenario *s, struct diagnostics *d)
{
    size_t count = 0;

    while (count < MAX_OVERRIDES && input->overrides[count].key)
        count++;
    write_file("mine.json", input->json, 0644);
    return scenario_load(s, "mine.json", input->overrides, count, d);
}

static void expect_lines(const struct input *input, const char *lines)
{
    struct scenario s;
    struct diagnostics d = {0};
    bool good = load(input, &s, &d);

    ck_assert_str_eq(d.text ? d.text : "", lines);
    ck_assert_int_eq(good, !*lines);
    ck_assert_ptr_eq(good ? NULL : s.effective, NULL);
    scenario_free(&s);
    diagnostics_free(&d);
}

/* Loads and expands what has to be good. */
static size_t plan(const struct input *input, struct scenario *s, struct run_plan **plans)
{
    struct diagnostics d = {0};
    size_t count = 0;
    bool good = load(input, s, &d) && scenario_expand(s, plans, &count, &d);

    ck_assert_msg(good, "%s", d.text);
    ck_assert_ptr_null(d.text);
    return count;
}

static void plan_free(struct scenario *s, struct run_plan *plans, size_t count)
{
    run_plans_free(plans, count);
    scenario_free(s);
}

/* A scenario around some members; `more` begins with a comma when it is not empty. */
#define PIPE           "{\"type\": \"rcu-pipe\", \"readers\": 2}"
#define SCENARIO(more) "{\"name\": \"mine\", \"workloads\": [" PIPE "]" more "}"

static json_t *at(json_t *root, const char *object, const char *key)
{
    return json_object_get(json_object_get(root, object), key);
}

/* --- Files -------------------------------------------------------------------------------- */

static void expect_file_error(const char *path, const char *line)
{
    struct scenario s;
    struct diagnostics d = {0};

    ck_assert(!scenario_load(&s, path, NULL, 0, &d));
    ck_assert_ptr_nonnull(d.text);
    ck_assert_str_eq(d.text, line);
    diagnostics_free(&d);
}

START_TEST(a_file_that_cannot_be_read_is_one_line)
{
    expect_file_error("none.json", "none.json: cannot be read: No such file or directory\n");
    ck_assert_int_eq(mkdir("dir.json", 0755), 0);
    expect_file_error("dir.json", "dir.json: is a directory, not a file\n");
    write_file("empty.json", "", 0644);
    expect_file_error("empty.json", "empty.json: is empty\n");
    if (geteuid() != 0) {
        write_file("closed.json", "{}", 0);
        expect_file_error("closed.json", "closed.json: cannot be read: Permission denied\n");
    }
}
END_TEST

START_TEST(a_file_that_is_too_large_is_one_line)
{
    write_file("large.json", "{", 0644);
    ck_assert_int_eq(truncate("large.json", 5 << 20), 0);
    expect_file_error("large.json", "large.json: is larger than 4 MiB\n");
}
END_TEST

START_TEST(malformed_json_has_line_and_column)
{
    write_file("bad.json", "{\n  \"name\": \"x\",\n  \"duration\" 5\n}\n", 0644);
    expect_file_error("bad.json", "bad.json:3:14: ':' expected near '5'\n");
    write_file("bad.json", "{\"name\": \"x\", \"name\": \"y\"}", 0644);
    expect_file_error("bad.json", "bad.json:1:20: duplicate object key near '\"name\"'\n");
    write_file("bad.json", "{\"name\": \"x\"", 0644);
    expect_file_error("bad.json", "bad.json:1:12: '}' expected near end of file\n");
    write_file("bad.json", "[1]", 0644);
    expect_file_error("bad.json", "bad.json: expected an object, found an array\n");
    write_file("bad.json", "{} {}", 0644);
    expect_file_error("bad.json", "bad.json:1:4: end of file expected near '{'\n");
}
END_TEST

/* --- Messages ----------------------------------------------------------------------------- */

static const struct {
    struct input input;
    const char *lines;
} messages[] = {
    {{.json = SCENARIO("")}, ""},
    /* the top level */
    {{.json = "{}"},
     "mine.json: /name: missing (What the scenario is called; part of the name of its results)\n"
     "mine.json: /workloads: missing (a list of at least one workload)\n"},
    {{.json = SCENARIO(", \"duraton\": 5")},
     "mine.json: /duraton: unknown key; did you mean \"duration\"?\n"},
    {{.json = SCENARIO(", \"workload\": 5")},
     "mine.json: /workload: unknown key; did you mean \"workloads\"?\n"},
    {{.json = SCENARIO(", \"//\": \"a comment\"")}, "mine.json: /~1~1: unknown key\n"},
    {{.json = SCENARIO(", \"duration\": \"10x\"")},
     "mine.json: /duration: \"10x\" is not a duration (45s, 10m, 8h)\n"},
    {{.json = SCENARIO(", \"duration\": \"10ms\"")},
     "mine.json: /duration: 10ms is out of range (100ms to 168h)\n"},
    {{.json = SCENARIO(", \"interval\": \"1ms\"")},
     "mine.json: /interval: 1ms is out of range (10ms to 1h)\n"},
    {{.json = SCENARIO(", \"seed\": -1")},
     "mine.json: /seed: -1 is out of range (0 to 9007199254740992)\n"},
    {{.json = SCENARIO(", \"repeat\": 0")}, "mine.json: /repeat: 0 is out of range (1 to 10000)\n"},
    {{.json = SCENARIO(", \"on_finding\": \"halt\"")},
     "mine.json: /on_finding: \"halt\" is none of: stop continue\n"},
    {{.json = SCENARIO(", \"fence\": \"ful\"")},
     "mine.json: /fence: \"ful\" is none of: auto full; did you mean \"full\"?\n"},
    {{.json = "{\"name\": \"a/b\", \"workloads\": [" PIPE "]}"},
     "mine.json: /name: a name becomes part of a directory: 1 to 64 letters, no slash, no space "
     "and no dot in front\n"},
    {{.json = "{\"name\": 5, \"workloads\": [" PIPE "]}"},
     "mine.json: /name: expected a string, found 5\n"},
    {{.json = SCENARIO(", \"flavor\": \"pere\"")},
     "mine.json: /flavor: no runner for flavor \"pere\"; did you mean \"peer\"? There are: "},
    {{.json = SCENARIO(", \"flavor\": \"../peer\"")},
     "mine.json: /flavor: no runner for flavor \"../peer\"; "},
    /* library */
    {{.json = SCENARIO(", \"library\": []")},
     "mine.json: /library: expected an object, found an array\n"},
    {{.json = SCENARIO(", \"library\": {\"gp_polcy\": \"fqs\"}")},
     "mine.json: /library/gp_polcy: unknown key; did you mean \"gp_policy\"?\n"},
    {{.json = SCENARIO(", \"library\": {\"colour\": 1}")},
     "mine.json: /library/colour: unknown key; flavor \"stillpoint\" has no such setting\n"},
    {{.json = SCENARIO(", \"library\": {\"gp_policy\": \"fsq\"}")},
     "mine.json: /library/gp_policy: \"fsq\" is none of: event poll fqs adaptive; did you mean "
     "\"fqs\"?\n"},
    {{.json = SCENARIO(", \"library\": {\"pile_up\": 0}")},
     "mine.json: /library/pile_up: 0 is out of range (1 to 1000 callbacks)\n"},
    {{.json = SCENARIO(", \"library\": {\"poll_interval\": \"2s\"}")},
     "mine.json: /library/poll_interval: 2s is out of range (1us to 1s)\n"},
    {{.json = SCENARIO(", \"flavor\": \"peer\", \"library\": {\"gp_policy\": \"fqs\"}")},
     "mine.json: /library/gp_policy: unknown key; flavor \"peer\" has no such setting\n"},
    /* placement */
    {{.json = SCENARIO(", \"placement\": 1")},
     "mine.json: /placement: expected an object, found 1\n"},
    {{.json = SCENARIO(", \"placement\": {\"policy\": \"scater\"}")},
     "mine.json: /placement/policy: \"scater\" is none of: scatter compact none same-core "
     "same-node "
     "nearest-node farthest-node; did you mean "
     "\"scatter\"?\n"},
    {{.json = SCENARIO(", \"placement\": {\"roles\": 1}")},
     "mine.json: /placement/roles: expected an object, found 1\n"},
    {{.json = SCENARIO(", \"placement\": {\"roles\": {\"raeder\": {\"cpuset\": \"0\"}}}")},
     "mine.json: /placement/roles/raeder: unknown key; did you mean \"reader\"?\n"},
    {{.json = SCENARIO(", \"placement\": {\"roles\": {\"reader\": {}}}")},
     "mine.json: /placement/roles/reader: says neither \"cpuset\" nor \"numa\"\n"},
    {{.json = SCENARIO(", \"placement\": {\"roles\": {\"reader\": {\"cpuset\": \"0-\"}}}")},
     "mine.json: /placement/roles/reader/cpuset: \"0-\" is not a cpuset (\"0-1,3\")\n"},
    {{.json = SCENARIO(", \"placement\": {\"roles\": {\"reader\": {\"cpuset\": \"3-1\"}}}")},
     "mine.json: /placement/roles/reader/cpuset: \"3-1\" is not a cpuset (\"0-1,3\")\n"},
    {{.json = SCENARIO(", \"placement\": {\"roles\": {\"reader\": {\"cpuset\": 0}}}")},
     "mine.json: /placement/roles/reader/cpuset: expected a cpuset (\"0-1,3\"), found 0\n"},
    {{.json = SCENARIO(", \"placement\": {\"roles\": {\"reader\": {\"numa\": \"0\"}}}")},
     "mine.json: /placement/roles/reader/numa: expected a list of NUMA nodes ([0, 1]), found the "
     "string \"0\"\n"},
    {{.json = SCENARIO(", \"placement\": {\"roles\": {\"reader\": {\"numa\": [-1]}}}")},
     "mine.json: /placement/roles/reader/numa: expected a list of NUMA nodes ([0, 1]), found an "
     "array\n"},
    {{.json = SCENARIO(", \"placement\": {\"roles\": {\"reader\": {\"cpu\": \"0\"}}}")},
     "mine.json: /placement/roles/reader/cpu: unknown key\n"},
    /* workloads */
    {{.json = "{\"name\": \"a\", \"workloads\": []}"},
     "mine.json: /workloads: empty (a list of at least one workload)\n"},
    {{.json = "{\"name\": \"a\", \"workloads\": {}}"},
     "mine.json: /workloads: expected a list of workloads, found an object\n"},
    {{.json = "{\"name\": \"a\", \"workloads\": [7]}"},
     "mine.json: /workloads/0: expected an object, found 7\n"},
    {{.json = "{\"name\": \"a\", \"workloads\": [{\"readers\": 1}]}"},
     "mine.json: /workloads/0/type: missing (the workload: one of "},
    {{.json = "{\"name\": \"a\", \"workloads\": [{\"type\": 1}]}"},
     "mine.json: /workloads/0/type: expected the name of a workload, found 1\n"},
    {{.json = "{\"name\": \"a\", \"workloads\": [" PIPE ", {\"type\": \"rcu-pip\"}]}"},
     "mine.json: /workloads/1/type: unknown workload \"rcu-pip\"; did you mean \"rcu-pipe\"?\n"},
    {{.json = "{\"name\": \"a\", \"workloads\": [{\"type\": \"cooking\"}]}"},
     "mine.json: /workloads/0/type: unknown workload \"cooking\"; there are: "},
    {{.json = "{\"name\": \"a\", \"workloads\": [{\"type\": \"rcu-pipe\", \"readres\": 1}]}"},
     "mine.json: /workloads/0/readres: unknown key; did you mean \"readers\"?\n"},
    {{.json = "{\"name\": \"a\", \"workloads\": [{\"type\": \"rcu-pipe\", \"readers\": -1}]}"},
     "mine.json: /workloads/0/readers: -1 is out of range ("},
    {{.json = "{\"name\": \"a\", \"workloads\": [{\"type\": \"rcu-pipe\", \"readers\": \"two\"}]}"},
     "mine.json: /workloads/0/readers: expected a whole number, found the string \"two\"\n"},
    /* sweep */
    {{.json = SCENARIO(", \"sweep\": []")},
     "mine.json: /sweep: expected an object, found an array\n"},
    {{.json = SCENARIO(", \"sweep\": {\"library.gp_polcy\": [\"fqs\"]}")},
     "mine.json: /sweep/library.gp_polcy: unknown key; did you mean \"library.gp_policy\"?\n"},
    {{.json = SCENARIO(", \"sweep\": {\"rcu-pipe.readres\": [1]}")},
     "mine.json: /sweep/rcu-pipe.readres: unknown key; did you mean \"rcu-pipe.readers\"?\n"},
    {{.json = SCENARIO(", \"sweep\": {\"wholly.else\": [1]}")},
     "mine.json: /sweep/wholly.else: unknown key\n"},
    {{.json = SCENARIO(", \"sweep\": {\"seed\": [1]}")},
     "mine.json: /sweep/seed: cannot be swept\n"},
    {{.json = SCENARIO(", \"sweep\": {\"budgets\": [1]}")},
     "mine.json: /sweep/budgets: cannot be swept\n"},
    {{.json = SCENARIO(", \"sweep\": {\"duration\": []}")},
     "mine.json: /sweep/duration: empty (a list of at least one value)\n"},
    {{.json = SCENARIO(", \"sweep\": {\"duration\": \"1s\"}")},
     "mine.json: /sweep/duration: expected a list of at least one value, found the string "
     "\"1s\"\n"},
    {{.json = SCENARIO(", \"sweep\": {\"library.gp_policy\": [\"fqs\", \"pol\"]}")},
     "mine.json: /sweep/library.gp_policy/1: \"pol\" is none of: event poll fqs adaptive; did you "
     "mean \"poll\"?\n"},
    {{.json = SCENARIO(", \"sweep\": {\"duration\": [\"1s\", \"1000ms\"]}")},
     "mine.json: /sweep/duration/1: twice in one sweep\n"},
    {{.json = SCENARIO(", \"sweep\": {\"rcu-pipe.readers\": [1], \"workloads.0.readers\": [2]}")},
     "mine.json: /sweep/workloads.0.readers: the same setting as \"rcu-pipe.readers\"\n"},
    {{.json = SCENARIO(", \"sweep\": {\"flavor\": [\"peer\", \"nul\"]}")},
     "mine.json: /sweep/flavor/1: no runner for flavor \"nul\"; did you mean \"null\"? There "
     "are: "},
    /* require */
    {{.json = SCENARIO(", \"require\": 1")}, "mine.json: /require: expected an object, found 1\n"},
    {{.json = SCENARIO(", \"require\": {\"gps\": 0}")},
     "mine.json: /require/gps: expected a whole number from 1, a rate (\"20/s\") or a "
     "share of another count (\"5 % of gps\"), found 0\n"},
    {{.json = SCENARIO(", \"require\": {\"gps\": \"1\"}")},
     "mine.json: /require/gps: expected a whole number from 1, a rate (\"20/s\") or a "
     "share of another count (\"5 % of gps\"), found the string \"1\"\n"},
    {{.json = SCENARIO(", \"require\": {\"gps\": \"0/s\"}")},
     "mine.json: /require/gps: expected a whole number from 1, a rate (\"20/s\") or a "
     "share of another count (\"5 % of gps\"), found the string \"0/s\"\n"},
    {{.json = SCENARIO(", \"require\": {\"gps\": \"101 % of reads\"}")},
     "mine.json: /require/gps: expected a whole number from 1, a rate (\"20/s\") or a "
     "share of another count (\"5 % of gps\"), found the string \"101 % of "
     "reads\"\n"},
    {{.json = SCENARIO(", \"require\": {\"reads\": \"1 % of gpz\"}")},
     "mine.json: /require/reads: unknown key"},
    /* floors */
    {{.json = SCENARIO(", \"floors\": 1")}, "mine.json: /floors: expected an object, found 1\n"},
    {{.json = SCENARIO(", \"floors\": {\"flavor\": \"peer\"}")},
     "mine.json: /floors/least: missing (the counters that have a floor: {\"reads\": \"1 %\"})\n"},
    {{.json = SCENARIO(", \"floors\": {\"least\": {}}")},
     "mine.json: /floors/least: expected counters and shares ({\"reads\": \"1 %\"}), found an "
     "object\n"},
    {{.json = SCENARIO(", \"floors\": {\"least\": {\"reads\": \"1 %\"}, \"flavour\": \"peer\"}")},
     "mine.json: /floors/flavour: unknown key; did you mean \"flavor\"?\n"},
    {{.json = SCENARIO(", \"floors\": {\"least\": {\"reads\": 1}}")},
     "mine.json: /floors/least/reads: expected a share of what the reference counts (\"1 %\"), "
     "found 1\n"},
    {{.json = SCENARIO(", \"floors\": {\"least\": {\"reads\": \"0 %\"}}")},
     "mine.json: /floors/least/reads: expected a share of what the reference counts (\"1 %\"), "
     "found the string \"0 %\"\n"},
    {{.json = SCENARIO(", \"floors\": {\"least\": {\"reads\": \"101%\"}}")},
     "mine.json: /floors/least/reads: expected a share of what the reference counts (\"1 %\"), "
     "found the string \"101%\"\n"},
    {{.json = SCENARIO(", \"floors\": {\"least\": {\"reads\": \"1 % of gps\"}}")},
     "mine.json: /floors/least/reads: expected a share of what the reference counts (\"1 %\"), "
     "found the string \"1 % of gps\"\n"},
    {{.json = SCENARIO(", \"floors\": {\"least\": {\"raeds\": \"1 %\", \"gps\": \"1 %\"}}")},
     "mine.json: /floors/least/raeds: unknown key; did you mean \"reads\"?\n"},
    /* A statistic is only the flavor's. */
    {{.json = SCENARIO(", \"floors\": {\"least\": {\"forced_gps\": \"1 %\"}}")},
     "mine.json: /floors/least/forced_gps: unknown key; the scenario's workloads count: reads "
     "checks gps "},
    {{.json = SCENARIO(", \"floors\": {\"duration\": 61, \"least\": {\"reads\": \"1 %\"}}")},
     "mine.json: /floors/duration: 61s is out of range (100ms to 1m)\n"},
    {{.json = SCENARIO(", \"sweep\": {\"floors.duration\": [\"1s\"]}")},
     "mine.json: /sweep/floors.duration: cannot be swept\n"},
    {{.json = SCENARIO(""), {{"floors.least", "{\"gps\": \"many\"}"}}},
     "--set floors.least={\"gps\": \"many\"}: /floors/least/gps: expected a share of what the "
     "reference counts (\"1 %\"), found the string \"many\"\n"},
    /* budgets */
    {{.json = SCENARIO(", \"budgets\": {}")},
     "mine.json: /budgets: expected a list of budgets, found an object\n"},
    {{.json = SCENARIO(", \"budgets\": [{}]")},
     "mine.json: /budgets/0/metric: missing (a figure of the result, as gp.total.p99)\n"},
    {{.json = SCENARIO(", \"budgets\": [{\"metric\": \"gp.p99\"}]")},
     "mine.json: /budgets/0: has neither \"max\" nor \"min\" (a number, or a duration: \"5ms\")\n"},
    {{.json = SCENARIO(", \"budgets\": [{\"metric\": \"\", \"max\": 1}]")},
     "mine.json: /budgets/0/metric: empty\n"},
    {{.json = SCENARIO(", \"budgets\": [{\"metric\": \"gp.p99\", \"max\": \"5\xc3\xa9\"}]")},
     "mine.json: /budgets/0/max: expected a number, or a duration (\"5ms\"), found the string "
     "\"5\xc3\xa9\"\n"},
    {{.json = SCENARIO(", \"budgets\": [{\"metric\": \"gp.p99\", \"max\": 1, \"mox\": 1}]")},
     "mine.json: /budgets/0/mox: unknown key; did you mean \"max\"?\n"},
    {{.json = SCENARIO(", \"budgets\": [{\"metric\": \"gp.p99\", \"max\": 1, \"where\": {}}]")},
     "mine.json: /budgets/0/where: expected a selection of points ({\"KEY\": VALUE}), found an "
     "object\n"},
    {{.json = SCENARIO(", \"budgets\": [{\"metric\": \"gp.p99\", \"max\": 1,"
                       " \"where\": {\"flavor\": \"peer\"}}]")},
     "mine.json: /budgets/0/where/flavor: selects by a key that is not swept\n"},
    {{.json = SCENARIO(", \"sweep\": {\"library.gp_policy\": [\"fqs\", \"poll\"]}, \"budgets\":"
                       " [{\"metric\": \"gp.p99\", \"max\": 1, \"where\": {\"library.gp_policy\":"
                       " \"event\"}}]")},
     "mine.json: /budgets/0/where/library.gp_policy: selects a value that is not in the sweep\n"},
    {{.json = SCENARIO(
          ", \"sweep\": {\"flavor\": [\"stillpoint\", \"peer\"]}, \"budgets\": [{\"metric\":"
          " \"gp.p99\", \"max\": \"1ms\", \"ratio_to\": {\"flavor\": \"peer\"}}]")},
     "mine.json: /budgets/0/max: expected a number, since it is a ratio, found the string "
     "\"1ms\"\n"},
    /* --set */
    {{.json = SCENARIO(""), {{"duration", "10x"}}},
     "--set duration=10x: /duration: \"10x\" is not a duration (45s, 10m, 8h)\n"},
    {{.json = SCENARIO(", \"duration\": \"bad\""), {{"duration", "1s"}}}, ""},
    {{.json = SCENARIO(""), {{"duraton", "1s"}}},
     "--set duraton=1s: unknown key; did you mean \"duration\"?\n"},
    {{.json = SCENARIO(""), {{"xyzzy", "1s"}}}, "--set xyzzy=1s: unknown key\n"},
    {{.json = SCENARIO(""), {{"library.gp_polcy", "fqs"}}},
     "--set library.gp_polcy=fqs: /library/gp_polcy: unknown key; did you mean \"gp_policy\"?\n"},
    {{.json = SCENARIO(""), {{"library.", "fqs"}}}, "--set library.=fqs: unknown key"},
    {{.json = SCENARIO(""), {{"rcu-pipe.readres", "1"}}},
     "--set rcu-pipe.readres=1: /workloads/0/readres: unknown key; did you mean \"readers\"?\n"},
    {{.json = SCENARIO(""), {{"rcu-pip.readers", "1"}}},
     "--set rcu-pip.readers=1: unknown key; did you mean \"rcu-pipe.readers\"?\n"},
    {{.json = SCENARIO(""), {{"gp-latency.readers", "1"}}},
     "--set gp-latency.readers=1: this scenario has no workload \"gp-latency\"\n"},
    {{.json = SCENARIO(""), {{"workloads.3.readers", "1"}}},
     "--set workloads.3.readers=1: there is no workload 3; the scenario has 1\n"},
    {{.json = SCENARIO(""), {{"workloads.x.readers", "1"}}},
     "--set workloads.x.readers=1: unknown key; "},
    {{.json = SCENARIO(""), {{"workloads.0.type", "rcu-pip"}}},
     "--set workloads.0.type=rcu-pip: /workloads/0/type: unknown workload \"rcu-pip\"; did you "
     "mean \"rcu-pipe\"?\n"},
    {{.json = SCENARIO(""), {{"sweep.library.gp_policy", "fqs"}}},
     "--set sweep.library.gp_policy=fqs: /sweep/library.gp_policy: expected a list of at least "
     "one value, found the string \"fqs\"\n"},
    {{.json = SCENARIO(""), {{"sweep.library.gp_policy", "[\"fqs\", 3]"}}},
     "--set sweep.library.gp_policy=[\"fqs\", 3]: /sweep/library.gp_policy/1: expected one of: "
     "event poll fqs adaptive, found 3\n"},
    {{.json = SCENARIO(", \"sweep\": {\"library.gp_policy\": [\"fqs\"]}"),
      {{"sweep.library.gp_policy+", "pol"}}},
     "--set sweep.library.gp_policy+=pol: /sweep/library.gp_policy/1: \"pol\" is none of: "},
    {{.json = SCENARIO(""), {{"sweep.library.gp_policy+", "poll"}}},
     "--set sweep.library.gp_policy+=poll: nothing of that name is swept\n"},
    {{.json = SCENARIO(""), {{"require.gps", "many"}}},
     "--set require.gps=many: /require/gps: expected a whole number from 1, a rate (\"20/s\") or a "
     "share of another count (\"5 % of gps\"), found the string \"many\"\n"},
    {{.json = SCENARIO(""), {{"name", "\xff"}}}, "--set name=...: not UTF-8\n"},
    {{.json = SCENARIO(", \"library\": 5"), {{"library.gp_policy", "fqs"}}},
     "mine.json: /library: expected an object, found 5\n"},
    {{.json = SCENARIO(""), {{"flavor", "peer"}, {"library.gp_policy", "fqs"}}},
     "--set library.gp_policy=fqs: /library/gp_policy: unknown key; flavor \"peer\" has no such "
     "setting\n"},
    /* all at once, in the order of the file */
    {{.json = "{\"repeat\": 0, \"workloads\": [{\"type\": \"rcu-pipe\", \"readers\": \"x\"}, 5],"
              " \"bad\": 1, \"duration\": true}"},
     "mine.json: /repeat: 0 is out of range (1 to 10000)\n"
     "mine.json: /workloads/0/readers: expected a whole number, found the string \"x\"\n"
     "mine.json: /workloads/1: expected an object, found 5\n"
     "mine.json: /bad: unknown key\n"
     "mine.json: /duration: expected a duration (45s, 10m, 8h), found true\n"
     "mine.json: /name: missing (What the scenario is called; part of the name of its results)\n"},
};

/* What depends on the tables or flavors of the build is compared up to where it begins: a line
 * without its newline. */
START_TEST(every_message_says_what_where_and_what_else)
{
    const char *lines = messages[_i].lines;
    size_t length = strlen(lines);

    if (!length || lines[length - 1] == '\n') {
        expect_lines(&messages[_i].input, lines);
        return;
    }
    struct scenario s;
    struct diagnostics d = {0};

    ck_assert(!load(&messages[_i].input, &s, &d));
    ck_assert_uint_ge(d.length, length);
    d.text[length] = '\0';
    ck_assert_str_eq(d.text, lines);
    ck_assert_uint_eq(d.count, 1);
    diagnostics_free(&d);
}
END_TEST

START_TEST(a_near_miss_of_a_coverage_name_is_an_error)
{
    const struct workload *pipe = workloads[0];
    char json[512], lines[512];

    for (size_t i = 0; strcmp(pipe->name, "rcu-pipe") != 0; i++)
        pipe = workloads[i];
    if (!pipe->coverage || !pipe->coverage[0])
        return;
    snprintf(json, sizeof json, SCENARIO(", \"require\": {\"%s\": 1, \"%sx\": 1, \"gps\": 1}"),
             pipe->coverage[0], pipe->coverage[0]);
    snprintf(lines, sizeof lines, "mine.json: /require/%sx: unknown key; did you mean \"%s\"?\n",
             pipe->coverage[0], pipe->coverage[0]);
    expect_lines(&(struct input){json, {{0}}}, lines);
}
END_TEST

/* --- Runners that misbehave --------------------------------------------------------------- */

static const struct {
    const char *script, *message;
} runners[] = {
    {"kill -SEGV $$", " --describe: killed by signal 11 (Segmentation fault)\n"},
    {"exit 3", " --describe: ended with status 3\n"},
    {"echo hello", " --describe: printed no description ("},
    {"true", " --describe: printed no description ("},
    {"echo '[]'", " --describe: printed no description (not an object)\n"},
    {"echo '{\"capabilities\": [\"fly\"]}'", " --describe: unknown capability \"fly\"\n"},
    {"echo '{\"missing\": {\"fly\": \"no wings\"}}'", " --describe: unknown capability \"fly\"\n"},
    {"echo '{\"missing\": {\"kvm\": \"\"}}'", " --describe: no reason why \"kvm\" is missing\n"},
    {"echo '{\"missing\": {\"kvm\": 1}}'", " --describe: no reason why \"kvm\" is missing\n"},
    {"echo '{\"settings\": [{\"name\": \"a\", \"type\": \"colour\"}]}'",
     " --describe: setting 0 has no name, or an unknown type or no choices\n"},
    {"echo '{\"settings\": [{\"name\": \"a\", \"type\": \"choice\"}]}'",
     " --describe: setting 0 has no name, or an unknown type or no choices\n"},
    {"yes", " --describe: no end of its description within 10 s and 1048576 bytes\n"},
};

START_TEST(a_runner_that_misbehaves_is_named)
{
    struct diagnostics d = {0};

    write_runner("odd", runners[_i].script);
    ck_assert_ptr_null(flavor_describe("odd", &d));
    ck_assert_uint_eq(d.count, 1);
    ck_assert_msg(strstr(d.text, "/runner-odd"), "%s", d.text);
    ck_assert_msg(strstr(d.text, runners[_i].message), "%s", d.text);
    diagnostics_free(&d);
}
END_TEST

START_TEST(a_refusal_is_told_each_time_and_asked_for_once)
{
    struct diagnostics d = {0};

    write_runner("odd", "echo x >> asked; exit 3");
    ck_assert_ptr_null(flavor_describe("odd", &d));
    ck_assert_ptr_null(flavor_describe("odd", &d));
    ck_assert_uint_eq(d.count, 2);
    struct stat status;

    ck_assert_int_eq(stat("asked", &status), 0);
    ck_assert_int_eq(status.st_size, 2);
    diagnostics_free(&d);
}
END_TEST

START_TEST(a_program_that_cannot_be_started_is_named)
{
    struct diagnostics d = {0};

    write_file("runner-odd", "not a program", 0755);
    ck_assert_ptr_null(flavor_describe("odd", &d));
    ck_assert_msg(strstr(d.text, "runner-odd"), "%s", d.text);
    ck_assert_uint_eq(d.count, 1);
    diagnostics_free(&d);
}
END_TEST

START_TEST(a_description_becomes_a_table)
{
    struct diagnostics d = {0};
    const struct flavor_description *flavor = flavor_describe("stillpoint", &d);

    ck_assert_ptr_nonnull(flavor);
    ck_assert_uint_eq(flavor->capabilities, CAN_SYNCHRONIZE | CAN_EXPEDITE | CAN_CALL |
                                                CAN_BARRIER | CAN_CALLBACK_LOCK | CAN_NEST |
                                                CAN_FORCE | CAN_GP_TIMES | CAN_PROTECT);
    const struct option *pile_up = options_find(flavor->settings, "pile_up");
    const struct option *interval = options_find(flavor->settings, "poll_interval");
    const struct option *policy = options_find(flavor->settings, "gp_policy");

    ck_assert_str_eq(pile_up->default_text, "30");
    ck_assert(pile_up->max == 1000);
    ck_assert(interval->min == 1000 && interval->max == 1e9);
    ck_assert_str_eq(policy->choices, "event poll fqs adaptive");
    ck_assert_ptr_eq(flavor_describe("stillpoint", &d), flavor);
}
END_TEST

START_TEST(what_a_machine_lacks_is_no_capability_and_has_a_reason)
{
    struct diagnostics d = {0};
    const struct flavor_description *flavor;

    write_flavor("poor", "{\"capabilities\": [\"exclusive\", \"vcpu\", \"kvm\"],"
                         " \"missing\": {\"kvm\": \"/dev/kvm: none\", \"call\": \"too new\"}}");
    flavor = flavor_describe("poor", &d);
    ck_assert_ptr_nonnull(flavor);
    ck_assert_uint_eq(flavor->capabilities, CAN_EXCLUSIVE | CAN_VCPU);
    ck_assert_uint_eq(flavor->missing, CAN_KVM | CAN_CALL);
    ck_assert_str_eq(flavor_missing_reason(flavor, __builtin_ctz(CAN_KVM)), "/dev/kvm: none");
    ck_assert_str_eq(flavor_missing_reason(flavor, __builtin_ctz(CAN_CALL)), "too new");
    ck_assert_ptr_null(flavor_missing_reason(flavor, __builtin_ctz(CAN_POLL)));
}
END_TEST

/* --- What is loaded ----------------------------------------------------------------------- */

START_TEST(every_default_is_filled_in)
{
    struct scenario s;
    struct diagnostics d = {0};

    ck_assert(load(&(struct input){SCENARIO(""), {{0}}}, &s, &d));
    json_t *e = s.effective;

    ck_assert_str_eq(json_string_value(json_object_get(e, "duration")), "5s");
    ck_assert_str_eq(json_string_value(json_object_get(e, "warmup")), "500ms");
    ck_assert_str_eq(json_string_value(json_object_get(e, "interval")), "250ms");
    ck_assert_str_eq(json_string_value(json_object_get(e, "flavor")), "stillpoint");
    ck_assert_str_eq(json_string_value(json_object_get(e, "stall_limit")), "10s");
    ck_assert_str_eq(json_string_value(at(e, "library", "gp_policy")), "adaptive");
    ck_assert_int_eq(json_integer_value(at(e, "library", "pile_up")), 30);
    ck_assert_str_eq(json_string_value(at(e, "placement", "policy")), "scatter");
    ck_assert(json_is_object(at(e, "placement", "roles")));
    json_t *pipe = json_array_get(json_object_get(e, "workloads"), 0);

    ck_assert_int_eq(json_integer_value(json_object_get(pipe, "readers")), 2);
    ck_assert(json_is_integer(json_object_get(pipe, "quiet_readers")));
    ck_assert_uint_eq(json_object_size(json_object_get(e, "sweep")), 0);
    ck_assert_uint_eq(json_object_size(json_object_get(e, "floors")), 0);
    ck_assert_uint_gt(s.seed, 0);
    ck_assert_uint_eq((uint64_t)json_integer_value(json_object_get(e, "seed")), s.seed);
    scenario_free(&s);
}
END_TEST

START_TEST(the_effective_scenario_loads_to_itself)
{
    struct scenario s, again;
    struct diagnostics d = {0};
    const struct input input = {
        SCENARIO(", \"sweep\": {\"flavor\": [\"stillpoint\", \"peer\"], \"rcu-pipe.readers\": "
                 "[1, 2]}, \"require\": {\"gps\": 3}, \"floors\": {\"least\": {\"gps\":"
                 " \"0.5%\"}}, \"budgets\": [{\"metric\": \"gp.p99\","
                 " \"max\": 0.8, \"ratio_to\": {\"flavor\": \"peer\"}}], \"placement\": {\"roles\":"
                 " {\"reader\": {\"cpuset\": \"0-1,3\", \"numa\": [0]}}},"
                 " \"library\": {\"gp_policy\": \"fqs\"}"),
        {{0}}};

    ck_assert_msg(load(&input, &s, &d), "%s", d.text);
    ck_assert_int_eq(json_dump_file(s.effective, "again.json", 0), 0);
    ck_assert_msg(scenario_load(&again, "again.json", NULL, 0, &d), "%s", d.text);
    ck_assert(json_equal(s.effective, again.effective));
    scenario_free(&s);
    scenario_free(&again);
}
END_TEST

START_TEST(floors_have_a_reference_and_a_moment_by_default)
{
    struct scenario s;
    struct diagnostics d = {0};

    ck_assert(load(&(struct input){SCENARIO(", \"floors\": {\"least\": {\"gps\": \".5 %\"}}"),
                                   {{"floors.duration", "2s"}}},
                   &s, &d));
    ck_assert_str_eq(json_string_value(at(s.effective, "floors", "flavor")), "urcu-memb");
    ck_assert_str_eq(json_string_value(at(s.effective, "floors", "duration")), "2s");
    scenario_free(&s);
}
END_TEST

START_TEST(set_replaces_in_order_and_by_type)
{
    struct scenario s;
    struct diagnostics d = {0};
    const struct input input = {"{\"name\": \"a\", \"workloads\": [" PIPE ", " PIPE "]}",
                                {{"rcu-pipe.readers", "4"},
                                 {"workloads.1.readers", "5"},
                                 {"library.gp_policy", "poll"},
                                 {"seed", "42"}}};

    ck_assert_msg(load(&input, &s, &d), "%s", d.text);
    json_t *list = json_object_get(s.effective, "workloads");

    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(list, 0), "readers")), 4);
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(list, 1), "readers")), 5);
    ck_assert_str_eq(json_string_value(at(s.effective, "library", "gp_policy")), "poll");
    ck_assert_uint_eq(s.seed, 42);
    scenario_free(&s);
}
END_TEST

START_TEST(what_is_set_is_not_swept)
{
    struct scenario s;
    struct run_plan *plans;
    struct input input = {SCENARIO(", \"sweep\": {\"library.gp_policy\": [\"fqs\", \"poll\"],"
                                   " \"rcu-pipe.readers\": [1, 2, 3]}"),
                          {{"library.gp_policy", "event"}, {"workloads.0.readers", "7"}}};
    size_t count = plan(&input, &s, &plans);

    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(plans[0].label, "");
    ck_assert_str_eq(json_string_value(at(plans[0].config, "library", "gp_policy")), "event");
    plan_free(&s, plans, count);

    input.overrides[0] = (struct override){"sweep.library.gp_policy", "[\"event\", \"fqs\"]"};
    count = plan(&input, &s, &plans);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(plans[0].label, "gp_policy=event");
    plan_free(&s, plans, count);
}
END_TEST

START_TEST(what_is_added_to_a_sweep_is_one_more_point)
{
    struct scenario s;
    struct run_plan *plans;
    struct input input = {
        SCENARIO(", \"sweep\": {\"library.gp_policy\": [\"fqs\"]}"),
        {{"sweep.library.gp_policy+", "poll"}, {"sweep.library.gp_policy+", "event"}}};
    size_t count = plan(&input, &s, &plans);

    ck_assert_uint_eq(count, 3);
    ck_assert_str_eq(plans[0].label, "gp_policy=fqs");
    ck_assert_str_eq(plans[1].label, "gp_policy=poll");
    ck_assert_str_eq(plans[2].label, "gp_policy=event");
    plan_free(&s, plans, count);

    /* Parts that do not sweep it stay as they are. */
    input = (struct input){
        "{\"name\": \"mine\", \"workloads\": [{\"type\": \"rcu-pipe\"}], \"parts\": ["
        "{\"name\": \"a\", \"sweep\": {\"library.gp_policy\": [\"fqs\"]}}, {\"name\": \"b\"}]}",
        {{"sweep.library.gp_policy+", "poll"}}};
    count = plan(&input, &s, &plans);
    ck_assert_uint_eq(count, 3);
    ck_assert_str_eq(plans[1].label, "a gp_policy=poll");
    ck_assert_str_eq(plans[2].label, "b");
    plan_free(&s, plans, count);
}
END_TEST

START_TEST(another_flavor_leaves_out_the_settings_of_the_first)
{
    struct scenario s;
    struct run_plan *plans;
    const struct input input = {
        SCENARIO(", \"library\": {\"pile_up\": 3}, \"sweep\": {\"library.gp_policy\": [\"fqs\","
                 " \"poll\"]}, \"budgets\": [{\"metric\": \"gp.p99\", \"max\": 1, \"where\":"
                 " {\"library.gp_policy\": \"fqs\"}}]"),
        {{"flavor", "peer"}}};
    size_t count = plan(&input, &s, &plans);

    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(json_object_size(json_object_get(plans[0].config, "library")), 0);
    ck_assert_uint_eq(json_array_size(json_object_get(plans[0].config, "budgets")), 0);
    ck_assert_str_eq(
        s.notes.text,
        "mine.json: /library/pile_up: left out, flavor \"peer\" has no such setting\n"
        "mine.json: /sweep/library.gp_policy: left out, flavor \"peer\" has no such setting\n"
        "mine.json: /budgets/0/where/library.gp_policy: left out, flavor \"peer\" has no such "
        "setting\n");
    plan_free(&s, plans, count);
}
END_TEST

START_TEST(another_flavor_does_not_excuse_a_misspelt_setting)
{
    expect_lines(
        &(struct input){SCENARIO(", \"library\": {\"gp_polcy\": 3}"), {{"flavor", "peer"}}},
        "mine.json: /library/gp_polcy: unknown key; flavor \"peer\" has no such "
        "setting\n");
}
END_TEST

/* --- Runs --------------------------------------------------------------------------------- */

START_TEST(a_run_has_what_the_runner_needs_and_no_more)
{
    static const char *const keys[] = {
        "name",   "duration",   "warmup",      "interval", "keep_intervals", "seed",      "flavor",
        "fence",  "on_finding", "stall_limit", "library",  "placement",      "workloads", "require",
        "floors", "budgets",    "perf"};
    struct scenario s;
    struct run_plan *plans;
    size_t count = plan(&(struct input){SCENARIO(", \"description\": \"d\""), {{0}}}, &s, &plans);

    ck_assert_uint_eq(count, 1);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        ck_assert_msg(json_object_get(plans[0].config, keys[i]) != NULL, "%s", keys[i]);
    ck_assert_uint_eq(json_object_size(plans[0].config), sizeof keys / sizeof keys[0]);
    ck_assert_uint_eq(json_object_size(plans[0].point), 0);
    ck_assert_str_eq(plans[0].flavor, "stillpoint");
    ck_assert_ptr_null(plans[0].skip);
    plan_free(&s, plans, count);
}
END_TEST

START_TEST(points_alternate_and_turn_around)
{
    static const char *const labels[] = {
        "gp_policy=fqs readers=1",  "gp_policy=fqs readers=2",  "gp_policy=poll readers=1",
        "gp_policy=poll readers=2", "gp_policy=poll readers=2", "gp_policy=poll readers=1",
        "gp_policy=fqs readers=2",  "gp_policy=fqs readers=1",
    };
    struct scenario s;
    struct run_plan *plans;
    size_t count = plan(
        &(struct input){SCENARIO(", \"repeat\": 2, \"sweep\": {\"library.gp_policy\": [\"fqs\","
                                 " \"poll\"], \"rcu-pipe.readers\": [1, 2]}"),
                        {{0}}},
        &s, &plans);

    ck_assert_uint_eq(count, 8);
    for (size_t i = 0; i < count; i++) {
        json_t *pipe = json_array_get(json_object_get(plans[i].config, "workloads"), 0);

        ck_assert_str_eq(plans[i].label, labels[i]);
        ck_assert_int_eq(plans[i].repeat, i / 4);
        ck_assert(json_equal(json_object_get(plans[i].point, "rcu-pipe.readers"),
                             json_object_get(pipe, "readers")));
        ck_assert(json_equal(json_object_get(plans[i].point, "library.gp_policy"),
                             at(plans[i].config, "library", "gp_policy")));
    }
    plan_free(&s, plans, count);
}
END_TEST

START_TEST(one_seed_is_one_plan)
{
    const struct input input = {SCENARIO(", \"seed\": 7, \"repeat\": 3, \"sweep\": {\"duration\":"
                                         " [\"1s\", \"2s\"]}"),
                                {{0}}};
    struct scenario first, second;
    struct run_plan *one, *other;
    size_t count = plan(&input, &first, &one);
    json_int_t seeds[3];

    ck_assert_uint_eq(plan(&input, &second, &other), count);
    ck_assert_uint_eq(count, 6);
    for (size_t i = 0; i < count; i++) {
        ck_assert(json_equal(one[i].config, other[i].config));
        seeds[one[i].repeat] = json_integer_value(json_object_get(one[i].config, "seed"));
    }
    ck_assert_int_eq(seeds[0], 7);
    ck_assert_int_ne(seeds[1], 7);
    ck_assert_int_ne(seeds[1], seeds[2]);
    ck_assert_int_eq(json_integer_value(json_object_get(one[2].config, "seed")),
                     json_integer_value(json_object_get(one[3].config, "seed")));
    plan_free(&first, one, count);
    plan_free(&second, other, count);
}
END_TEST

START_TEST(too_many_runs_are_refused)
{
    char json[8192] = "", *p = json;
    struct scenario s;
    struct diagnostics d = {0};
    struct run_plan *plans;
    size_t count;

    p += sprintf(p, "{\"name\": \"a\", \"workloads\": [" PIPE "], \"repeat\": 10000, \"sweep\": "
                    "{\"duration\": [1");
    for (int i = 2; i < 20; i++)
        p += sprintf(p, ", %d", i);
    sprintf(p, "]}}");
    ck_assert(load(&(struct input){json, {{0}}}, &s, &d));
    ck_assert(!scenario_expand(&s, &plans, &count, &d));
    ck_assert_str_eq(d.text, "mine.json: /sweep: more than 100000 runs\n");
    scenario_free(&s);
    diagnostics_free(&d);
}
END_TEST

/* Expands what has to be refused, and returns the line. */
static struct diagnostics refusal(const struct input *input)
{
    struct scenario s;
    struct diagnostics d = {0};
    struct run_plan *plans;
    size_t count;

    ck_assert_msg(load(input, &s, &d), "%s", d.text);
    ck_assert(!scenario_expand(&s, &plans, &count, &d));
    ck_assert_ptr_null(plans);
    ck_assert_uint_eq(count, 0);
    ck_assert_uint_eq(d.count, 1);
    scenario_free(&s);
    return d;
}

START_TEST(a_flavor_that_cannot_is_refused_by_name)
{
    struct input input = {SCENARIO(", \"flavor\": \"null\""),
                          {{"rcu-pipe.call_rcu_updaters", "1"}}};
    struct diagnostics d = refusal(&input);

    ck_assert_msg(strstr(d.text, "mine.json: flavor \"null\" cannot \""), "%s", d.text);
    ck_assert_msg(strstr(d.text, "\"call\" (needed by rcu-pipe "), "%s", d.text);
    diagnostics_free(&d);

    input.overrides[0].value = "0";
    d = (struct diagnostics){0};
    struct scenario s;
    struct run_plan *plans;
    size_t count;

    /* No such thread, no such need; whatever else is missing is none of this test's. */
    ck_assert(load(&input, &s, &d));
    if (scenario_expand(&s, &plans, &count, &d))
        run_plans_free(plans, count);
    ck_assert(!d.text || !strstr(d.text, "\"call\""));
    scenario_free(&s);
    diagnostics_free(&d);
}
END_TEST

START_TEST(the_flavor_null_can_be_set)
{
    struct scenario s;
    struct run_plan *plans;
    size_t count = plan(&(struct input){SCENARIO(""), {{"flavor", "null"}}}, &s, &plans);

    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(plans[0].flavor, "null");
    ck_assert_msg(strstr(plans[0].skip, "\"protect\" (needed by rcu-pipe)"), "%s", plans[0].skip);
    plan_free(&s, plans, count);
}
END_TEST

START_TEST(in_a_sweep_such_points_are_skipped)
{
    struct scenario s;
    struct run_plan *plans;
    size_t count =
        plan(&(struct input){SCENARIO(", \"sweep\": {\"flavor\": [\"stillpoint\", \"null\"]}"),
                             {{"rcu-pipe.call_rcu_updaters", "1"}}},
             &s, &plans);

    ck_assert_uint_eq(count, 2);
    ck_assert_ptr_null(plans[0].skip);
    ck_assert_str_eq(plans[1].flavor, "null");
    ck_assert_msg(strstr(plans[1].skip, "flavor \"null\" cannot \""), "%s", plans[1].skip);
    plan_free(&s, plans, count);
}
END_TEST

/* A flavor with the capabilities named, a list as in JSON, on a machine that lacks one. */
static void write_poor_flavor(const char *capabilities, const char *missing)
{
    char json[1024];

    snprintf(json, sizeof json, "{\"capabilities\": [%s], \"missing\": {\"%s\": \"not here\"}}",
             capabilities, missing);
    write_flavor("poor", json);
}

START_TEST(what_only_this_machine_lacks_skips_a_run_without_a_sweep)
{
    struct scenario s;
    struct run_plan *plans;
    size_t count;

    write_poor_flavor("\"synchronize\", \"expedite\", \"protect\"", "call");
    count =
        plan(&(struct input){SCENARIO(", \"flavor\": \"poor\", \"repeat\": 2"), {{0}}}, &s, &plans);
    ck_assert_uint_eq(count, 2);
    for (size_t i = 0; i < count; i++)
        ck_assert_str_eq(plans[i].skip, "\"call\" (needed by rcu-pipe call-rcu-updater) is missing "
                                        "here: not here");
    plan_free(&s, plans, count);
}
END_TEST

START_TEST(what_a_flavor_lacks_everywhere_is_refused_whatever_the_machine_lacks)
{
    struct diagnostics d;

    write_poor_flavor("\"synchronize\", \"protect\"", "call");
    d = refusal(&(struct input){
        SCENARIO(", \"flavor\": \"poor\""),
        {{"rcu-pipe.call_rcu_updaters", "1"}, {"rcu-pipe.expedited_updaters", "1"}}});
    ck_assert_str_eq(d.text, "mine.json: flavor \"poor\" cannot \"expedite\" (needed by rcu-pipe "
                             "expedited-updater)\n");
    diagnostics_free(&d);
}
END_TEST

/* --- What is left out --------------------------------------------------------------------- */

/* Ten calls: it waits for readers, and that is all. */
static void write_small_flavor(void)
{
    write_flavor("small", "{\"capabilities\": [\"synchronize\", \"protect\", \"sections\"],"
                          " \"statistics\": []}");
}

/* A scenario for the small flavor, of workloads and members more. */
#define SMALL(workloads, more) \
    "{\"name\": \"mine\", \"flavor\": \"small\", \"workloads\": [" workloads "]" more "}"

START_TEST(what_a_flavor_lacks_is_left_out_with_a_note)
{
    struct scenario s;
    struct run_plan *plans;
    json_t *pipe, *require;

    write_small_flavor();
    size_t count = plan(
        &(struct input){SMALL("{\"type\": \"kick\"}, {\"type\": \"rcu-pipe\", \"poll_updaters\": 1,"
                              " \"sleepers\": 2, \"churners\": 1, \"exit_one_in\": 4}",
                              ", \"require\": {\"gps\": 3, \"polled\": 1, \"kicked_idle\": \"1/s\","
                              " \"heap_freed\": \"5 % of polled\", \"gps_forced\": 1}"),
                        {{0}}},
        &s, &plans);

    ck_assert_uint_eq(count, 1);
    ck_assert_ptr_null(plans[0].skip);
    ck_assert_uint_eq(json_array_size(json_object_get(plans[0].config, "workloads")), 1);
    pipe = json_array_get(json_object_get(plans[0].config, "workloads"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(pipe, "type")), "rcu-pipe");
    ck_assert_int_eq(json_integer_value(json_object_get(pipe, "poll_updaters")), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(pipe, "expedited_updaters")), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(pipe, "exit_one_in")), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(pipe, "churners")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(pipe, "sleepers")), 2);
    require = json_object_get(plans[0].config, "require");
    ck_assert_uint_eq(json_object_size(require), 1);
    ck_assert_ptr_nonnull(json_object_get(require, "gps"));
    ck_assert_str_eq(
        s.notes.text,
        "mine.json: left out, flavor \"small\" cannot \"call\", \"barrier\", \"vcpu\": kick, "
        "require.kicked_idle\n"
        "mine.json: left out, flavor \"small\" cannot \"exit\": rcu-pipe.exit_one_in\n"
        "mine.json: left out, flavor \"small\" cannot \"expedite\": rcu-pipe.expedited_updaters\n"
        "mine.json: left out, flavor \"small\" cannot \"call\": rcu-pipe.call_rcu_updaters\n"
        "mine.json: left out, flavor \"small\" cannot \"poll\": rcu-pipe.poll_updaters, "
        "require.polled, require.heap_freed\n"
        "mine.json: left out, flavor \"small\" does not count that: require.gps_forced\n");
    ck_assert_uint_eq(json_array_size(plans[0].left_out), 6);
    plan_free(&s, plans, count);
}
END_TEST

START_TEST(a_count_of_several_workloads_is_required_only_of_all)
{
    struct scenario s;
    struct run_plan *plans;

    write_flavor("small", "{\"capabilities\": [\"synchronize\", \"protect\", \"exclusive\"]}");
    size_t count = plan(
        &(struct input){SMALL("{\"type\": \"exclusive\", \"vcpus\": 0}, {\"type\": \"rcu-pipe\","
                              " \"expedited_updaters\": 0, \"call_rcu_updaters\": 0}",
                              ", \"require\": {\"nested_sections\": 9, \"sections\": 9}"),
                        {{0}}},
        &s, &plans);

    ck_assert_str_eq(s.notes.text, "mine.json: left out, flavor \"small\" cannot \"nest\": "
                                   "require.nested_sections\n");
    plan_free(&s, plans, count);
}
END_TEST

START_TEST(what_a_flavor_can_is_not_left_out)
{
    struct scenario s;
    struct run_plan *plans;
    size_t count = plan(&(struct input){SCENARIO(", \"require\": {\"gps\": 3, \"forced_gps\": 1,"
                                                 " \"nested_sections\": \"1/s\"}"),
                                        {{0}}},
                        &s, &plans);

    ck_assert_uint_eq(json_object_size(json_object_get(plans[0].config, "require")), 3);
    ck_assert_uint_eq(json_array_size(plans[0].left_out), 0);
    ck_assert_ptr_null(s.notes.text);
    plan_free(&s, plans, count);
}
END_TEST

/* Of which nothing is left that it is for: skipped, and not refused. */
static const struct {
    const char *json, *skip;
} nothing_left[] = {
    {SMALL("{\"type\": \"kick\"}", ""),
     "flavor \"small\" cannot \"call\" (needed by kick), \"barrier\" (needed by kick), \"vcpu\" "
     "(needed by kick)"},
    /* Only what measures would be left. */
    {SMALL("{\"type\": \"exclusive\", \"vcpus\": 0}, {\"type\": \"read-side\"}", ""),
     "flavor \"small\" cannot \"exclusive\" (needed by exclusive)"},
    /* No updater would be left. */
    {SMALL("{\"type\": \"rcu-pipe\", \"sync_updaters\": 0, \"expedited_updaters\": 0,"
           " \"fake_updaters\": 0}",
           ""),
     "flavor \"small\" cannot \"call\" (needed by rcu-pipe call-rcu-updater)"},
    /* Nothing that it requires would be left. */
    {SMALL("{\"type\": \"rcu-pipe\", \"qsbr_readers\": 1, \"expedited_updaters\": 0,"
           " \"call_rcu_updaters\": 0}",
           ", \"require\": {\"qsbr_intervals\": 5}"),
     "flavor \"small\" cannot \"qsbr\" (needed by rcu-pipe qsbr-reader)"},
};

START_TEST(a_scenario_of_which_nothing_is_left_is_skipped)
{
    struct scenario s;
    struct run_plan *plans;

    write_small_flavor();
    size_t count = plan(&(struct input){nothing_left[_i].json, {{0}}}, &s, &plans);

    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(plans[0].skip, nothing_left[_i].skip);
    ck_assert_ptr_null(s.notes.text);
    plan_free(&s, plans, count);
}
END_TEST

START_TEST(a_lack_of_statistics_alone_skips_nothing)
{
    struct scenario s;
    struct run_plan *plans;

    write_small_flavor();
    size_t count = plan(&(struct input){SMALL("{\"type\": \"rcu-pipe\", \"expedited_updaters\": 0,"
                                              " \"call_rcu_updaters\": 0}",
                                              ", \"require\": {\"sleeps\": 5}"),
                                        {{0}}},
                        &s, &plans);

    ck_assert_ptr_null(plans[0].skip);
    ck_assert_str_eq(s.notes.text,
                     "mine.json: left out, flavor \"small\" does not count that: require.sleeps\n");
    plan_free(&s, plans, count);
}
END_TEST

START_TEST(what_is_set_by_hand_is_not_left_out)
{
    struct diagnostics d;
    struct input input = {SMALL("{\"type\": \"kick\"}, " PIPE, ""),
                          {{"rcu-pipe.poll_updaters", "1"}}};

    write_small_flavor();
    d = refusal(&input);
    ck_assert_str_eq(d.text, "mine.json: flavor \"small\" cannot \"poll\" (needed by rcu-pipe "
                             "poll-updater)\n");
    diagnostics_free(&d);
    /* An option of a workload keeps all of it. */
    input.overrides[0] = (struct override){"kick.pause", "1ms"};
    d = refusal(&input);
    ck_assert_msg(strstr(d.text, "\"vcpu\" (needed by kick)"), "%s", d.text);
    diagnostics_free(&d);
}
END_TEST

START_TEST(what_is_swept_is_not_left_out)
{
    struct scenario s;
    struct run_plan *plans;

    write_small_flavor();
    size_t count = plan(
        &(struct input){SMALL(PIPE, ", \"sweep\": {\"rcu-pipe.poll_updaters\": [0, 1]}"), {{0}}},
        &s, &plans);

    ck_assert_uint_eq(count, 2);
    ck_assert_ptr_null(plans[0].skip);
    ck_assert_str_eq(plans[1].skip,
                     "flavor \"small\" cannot \"poll\" (needed by rcu-pipe poll-updater)");
    ck_assert_uint_eq(json_array_size(plans[0].left_out), 2);
    ck_assert_uint_eq(json_array_size(plans[1].left_out), 0);
    plan_free(&s, plans, count);

    /* Without vCPUs all points were one. */
    write_flavor("lock", "{\"capabilities\": [\"exclusive\"]}");
    count =
        plan(&(struct input){"{\"name\": \"mine\", \"flavor\": \"lock\", \"workloads\": [{\"type\":"
                             " \"exclusive\", \"vcpus\": 1}], \"sweep\": {\"exclusive.accel\":"
                             " [\"threads\", \"rr\"]}}",
                             {{0}}},
             &s, &plans);
    ck_assert_uint_eq(count, 2);
    for (size_t i = 0; i < count; i++)
        ck_assert_ptr_nonnull(plans[i].skip);
    plan_free(&s, plans, count);
}
END_TEST

START_TEST(each_flavor_of_a_sweep_has_what_it_can)
{
    struct scenario s;
    struct run_plan *plans;

    write_small_flavor();
    size_t count =
        plan(&(struct input){SCENARIO(", \"sweep\": {\"flavor\": [\"stillpoint\", \"small\"]},"
                                      " \"require\": {\"forced_gps\": 1, \"gps\": 1}"),
                             {{0}}},
             &s, &plans);

    ck_assert_uint_eq(count, 2);
    for (size_t i = 0; i < count; i++) {
        json_t *left = json_object_get(plans[i].config, "workloads");

        ck_assert_ptr_null(plans[i].skip);
        ck_assert_int_eq(
            json_integer_value(json_object_get(json_array_get(left, 0), "call_rcu_updaters")),
            i == 0);
        ck_assert_uint_eq(json_object_size(json_object_get(plans[i].config, "require")), 2 - i);
    }
    plan_free(&s, plans, count);
}
END_TEST

START_TEST(a_need_that_depends_on_a_swept_option_skips_those_points)
{
    char json[512] = "", *end = json;
    struct scenario s;
    struct run_plan *plans;
    size_t count;

    for (unsigned bit = 0; flavor_capability_names[bit]; bit++)
        end += sprintf(end, "%s\"%s\"", bit ? ", " : "", flavor_capability_names[bit]);
    write_poor_flavor(json, "kvm");
    count =
        plan(&(struct input){"{\"name\": \"a\", \"flavor\": \"poor\", \"workloads\": [{\"type\":"
                             " \"unmap\"}], \"sweep\": {\"unmap.accel\": [\"threads\", \"kvm\"]}}",
                             {{0}}},
             &s, &plans);
    ck_assert_uint_eq(count, 2);
    ck_assert_ptr_null(plans[0].skip);
    ck_assert_str_eq(plans[1].skip, "\"kvm\" (needed by unmap) is missing here: not here");
    plan_free(&s, plans, count);
}
END_TEST

START_TEST(a_swept_setting_that_a_flavor_lacks_skips_the_point)
{
    struct scenario s;
    struct run_plan *plans;
    size_t count = plan(
        &(struct input){SCENARIO(", \"library\": {\"pile_up\": 9}, \"sweep\": {\"flavor\":"
                                 " [\"stillpoint\", \"peer\"], \"library.gp_policy\": [\"fqs\"]}"),
                        {{0}}},
        &s, &plans);

    ck_assert_uint_eq(count, 2);
    ck_assert_ptr_null(plans[0].skip);
    ck_assert_int_eq(json_integer_value(at(plans[0].config, "library", "pile_up")), 9);
    ck_assert_str_eq(json_string_value(at(plans[0].config, "library", "poll_interval")), "10ms");
    ck_assert_str_eq(plans[1].skip, "flavor \"peer\" has no setting \"gp_policy\"");
    plan_free(&s, plans, count);
}
END_TEST

START_TEST(a_setting_applies_to_the_flavors_that_have_it)
{
    struct scenario s;
    struct run_plan *plans;
    size_t count = plan(&(struct input){SCENARIO(", \"library\": {\"pile_up\": 9}, \"sweep\":"
                                                 " {\"flavor\": [\"stillpoint\", \"peer\"]}"),
                                        {{0}}},
                        &s, &plans);

    ck_assert_uint_eq(count, 2);
    ck_assert_ptr_null(plans[1].skip);
    ck_assert_int_eq(json_integer_value(at(plans[0].config, "library", "pile_up")), 9);
    ck_assert_uint_eq(json_object_size(json_object_get(plans[1].config, "library")), 0);
    plan_free(&s, plans, count);
}
END_TEST

/* --- References of floors -------------------------------------------------------------- */

#define FLOORS(flavor, counters) \
    ", \"floors\": {\"flavor\": \"" flavor "\", \"duration\": \"1s\", \"least\": {" counters "}}"

static void expect_one_reference(const struct run_plan *plans, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct run_plan *r = plans[i].reference;

        ck_assert_str_eq(r->flavor, "twin");
        ck_assert_str_eq(r->label, "reference twin");
        ck_assert_uint_eq(json_object_size(r->point), 0);
        ck_assert_ptr_null(r->skip);
        ck_assert(json_equal(r->config, plans[0].reference->config));
    }
}

START_TEST(points_that_differ_in_settings_have_one_reference)
{
    struct scenario s;
    struct run_plan *plans;
    json_t *config;

    write_flavor("twin", stillpoint_json);
    size_t count = plan(
        &(struct input){
            SCENARIO(", \"repeat\": 2, \"library\": {\"pile_up\": 3}, \"require\":"
                     " {\"forced_gps\": 3}, \"sweep\": {\"library.gp_policy\": [\"fqs\","
                     " \"poll\"]}" FLOORS("twin", "\"reads\": \"1 %\"")),
            {{0}}},
        &s, &plans);

    ck_assert_uint_eq(count, 4);
    expect_one_reference(plans, count);
    run_plans_set_seed(plans, count, &s, 1);
    expect_one_reference(plans, count);
    config = plans[0].reference->config;
    ck_assert_str_eq(json_string_value(json_object_get(config, "flavor")), "twin");
    ck_assert_str_eq(json_string_value(json_object_get(config, "duration")), "1s");
    ck_assert_str_eq(json_string_value(at(config, "library", "gp_policy")), "adaptive");
    ck_assert_int_eq(json_integer_value(at(config, "library", "pile_up")), 30);
    ck_assert_ptr_null(json_object_get(config, "require"));
    ck_assert_ptr_null(json_object_get(config, "floors"));
    plan_free(&s, plans, count);
}
END_TEST

/* How many threads of the first workload wait for expedited grace periods. */
static json_int_t expediters(json_t *config)
{
    json_t *pipe = json_array_get(json_object_get(config, "workloads"), 0);

    return json_integer_value(json_object_get(pipe, "expedited_updaters"));
}

START_TEST(a_reference_runs_what_both_can)
{
    struct scenario s;
    struct run_plan *plans;
    size_t count;

    write_small_flavor();
    count = plan(&(struct input){SCENARIO(FLOORS("small", "\"gps\": \"1 %\"")), {{0}}}, &s, &plans);
    ck_assert_int_gt(expediters(plans[0].config), 0);
    ck_assert_int_eq(expediters(plans[0].reference->config), 0);
    ck_assert_ptr_null(plans[0].reference->skip);
    ck_assert_uint_gt(json_array_size(plans[0].reference->left_out), 0);
    ck_assert_ptr_null(s.notes.text);
    plan_free(&s, plans, count);

    count =
        plan(&(struct input){SMALL("{\"type\": \"rcu-pipe\", \"call_rcu_updaters\": 0}",
                                   FLOORS("stillpoint", "\"gps\": \"1 %\", \"polled\": \"1 %\"")),
                             {{0}}},
             &s, &plans);
    ck_assert_int_eq(expediters(plans[0].config), 0);
    ck_assert_int_eq(expediters(plans[0].reference->config), 0);
    ck_assert_str_eq(
        s.notes.text,
        "mine.json: left out, flavor \"small\" cannot \"expedite\": rcu-pipe.expedited_updaters\n"
        "mine.json: left out, flavor \"small\" cannot \"poll\": floors.least.polled\n");
    ck_assert_uint_eq(json_object_size(at(plans[0].config, "floors", "least")), 1);
    plan_free(&s, plans, count);
}
END_TEST

START_TEST(a_reference_that_cannot_run_says_why_and_is_none_of_itself)
{
    struct scenario s;
    struct run_plan *plans;
    size_t count;

    count =
        plan(&(struct input){SCENARIO(FLOORS("nonesuch", "\"gps\": \"1 %\"")), {{0}}}, &s, &plans);
    ck_assert_ptr_nonnull(strstr(plans[0].reference->skip, "no runner for flavor \"nonesuch\""));
    ck_assert_ptr_null(plans[0].skip);
    plan_free(&s, plans, count);
    count = plan(&(struct input){SCENARIO(FLOORS("null", "\"gps\": \"1 %\"")), {{0}}}, &s, &plans);
    ck_assert_ptr_nonnull(strstr(plans[0].reference->skip, "flavor \"null\" cannot "));
    plan_free(&s, plans, count);
    count = plan(
        &(struct input){SCENARIO(", \"sweep\": {\"flavor\": [\"stillpoint\", \"peer\"],"
                                 " \"rcu-pipe.readers\": [3]}" FLOORS("peer", "\"gps\": \"1 %\"")),
                        {{0}}},
        &s, &plans);
    ck_assert_str_eq(plans[0].reference->label, "readers=3, reference peer");
    ck_assert_ptr_null(plans[1].reference);
    plan_free(&s, plans, count);
    count = plan(&(struct input){SCENARIO(""), {{0}}}, &s, &plans);
    ck_assert_ptr_null(plans[0].reference);
    plan_free(&s, plans, count);
}
END_TEST

START_TEST(a_budget_goes_where_it_applies)
{
    struct scenario s;
    struct run_plan *plans;
    size_t count = plan(
        &(struct input){
            SCENARIO(", \"sweep\": {\"flavor\": [\"stillpoint\", \"peer\"]}, \"budgets\": ["
                     "{\"metric\": \"gp.p50\", \"max\": \"1s\"},"
                     "{\"metric\": \"gp.p99\", \"max\": 0.5, \"ratio_to\": {\"flavor\": \"peer\"}},"
                     "{\"metric\": \"gp.max\", \"max\": 1, \"where\": {\"flavor\": \"peer\"}}]"),
            {{0}}},
        &s, &plans);
    json_t *first = json_object_get(plans[0].config, "budgets");
    json_t *second = json_object_get(plans[1].config, "budgets");

    ck_assert_uint_eq(json_array_size(first), 2);
    ck_assert(json_is_object(json_object_get(json_array_get(first, 1), "ratio_to")));
    ck_assert_uint_eq(json_array_size(second), 2);
    ck_assert(json_is_object(json_object_get(json_array_get(second, 1), "where")));
    plan_free(&s, plans, count);
}
END_TEST

/* --- Threads ------------------------------------------------------------------------------ */

START_TEST(threads_come_in_order_and_each_has_its_name)
{
    struct scenario s;
    struct run_plan *plans;
    struct planned_thread *threads;
    size_t count =
        plan(&(struct input){"{\"name\": \"a\", \"workloads\": [" PIPE ", " PIPE "]}", {{0}}}, &s,
             &plans);
    size_t total = plan_threads(plans[0].config, &threads);
    unsigned readers[2] = {0, 0};

    for (size_t i = 0; i < total; i++) {
        const struct planned_thread *t = &threads[i];

        ck_assert_uint_le(t->workload_index, 1);
        if (i)
            ck_assert_uint_ge(t->workload_index, threads[i - 1].workload_index);
        if (i && t->workload_index == threads[i - 1].workload_index)
            ck_assert(t->role >= threads[i - 1].role);
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(t->name, threads[j].name);
        if (t->role->count_option && !strcmp(t->role->count_option, "readers"))
            ck_assert_uint_eq(t->index_in_role, readers[t->workload_index]++);
    }
    ck_assert_uint_eq(readers[0], 2);
    ck_assert_uint_eq(readers[1], 2);
    free(threads);
    plan_free(&s, plans, count);
}
END_TEST

/* --- Schema, reference, list -------------------------------------------------------------- */

START_TEST(the_schema_has_every_key)
{
    json_t *schema = scenario_schema();

    ck_assert_ptr_nonnull(schema);
    for (const struct option *o = scenario_options; o->name; o++)
        ck_assert_msg(at(schema, "properties", o->name) != NULL, "%s", o->name);
    ck_assert_ptr_nonnull(at(at(schema, "properties", "floors"), "properties", "least"));
    json_t *workload = json_object_get(at(schema, "properties", "workloads"), "items");

    ck_assert(json_is_array(json_object_get(workload, "allOf")));
    ck_assert_uint_eq(json_array_size(json_object_get(schema, "allOf")), 1);
    json_decref(schema);
}
END_TEST

START_TEST(the_reference_has_every_key)
{
    char *text = scenario_reference();

    for (const struct option *o = scenario_options; o->name; o++)
        ck_assert_msg(strstr(text, o->name), "%s", o->name);
    for (const struct workload *const *w = workloads; *w; w++) {
        ck_assert_msg(strstr(text, (*w)->name), "%s", (*w)->name);
        for (const struct option *o = (*w)->options; o->name; o++)
            ck_assert_msg(strstr(text, o->name), "%s", o->name);
    }
    ck_assert_ptr_nonnull(strstr(text, "`gp_policy`"));
    ck_assert_ptr_nonnull(strstr(text, "| 1 to 1000 | callbacks |"));
    free(text);
}
END_TEST

START_TEST(list_shows_all_or_one)
{
    struct diagnostics d = {0};
    char *text = list_text(NULL, &d);

    ck_assert_ptr_nonnull(strstr(text, "rcu-pipe"));
    ck_assert_ptr_nonnull(strstr(text, "peer"));
    free(text);
    text = list_text("rcu-pipe", &d);
    ck_assert_ptr_nonnull(strstr(text, "quiet_readers"));
    free(text);
    write_poor_flavor("\"call\"", "kvm");
    text = list_text("poor", &d);
    ck_assert_ptr_nonnull(strstr(text, "Can\n  call\n\nMissing here\n  kvm: not here\n"));
    free(text);
    text = list_text("stillpoint", &d);
    ck_assert_ptr_nonnull(strstr(text, "gp_policy"));
    ck_assert_ptr_nonnull(strstr(text, "forced_gps"));
    free(text);
    ck_assert_ptr_null(d.text);
    ck_assert_ptr_null(list_text("rcu-pip", &d));
    ck_assert_ptr_null(list_text("pere", &d));
    ck_assert_ptr_null(list_text("../peer", &d));
    ck_assert_str_eq(d.text, "no workload or flavor \"rcu-pip\"; did you mean \"rcu-pipe\"?\n"
                             "no workload or flavor \"pere\"; did you mean \"peer\"?\n"
                             "no workload or flavor \"../peer\"; \"stillpoint list\" shows all\n");
    diagnostics_free(&d);
}
END_TEST

START_TEST(list_says_why_a_flavor_does_not_answer)
{
    struct diagnostics d = {0};

    write_runner("odd", "exit 3");
    char *text = list_text(NULL, &d);

    ck_assert_ptr_nonnull(strstr(text, "ended with status 3"));
    free(text);
}
END_TEST

static TCase *new_case(Suite *suite, const char *name)
{
    TCase *c = tcase_create(name);

    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 120);
    suite_add_tcase(suite, c);
    return c;
}

int main(void)
{
    Suite *suite = suite_create("scenario");
    TCase *c = new_case(suite, "files and messages");

    tcase_add_test(c, a_file_that_cannot_be_read_is_one_line);
    tcase_add_test(c, a_file_that_is_too_large_is_one_line);
    tcase_add_test(c, malformed_json_has_line_and_column);
    tcase_add_loop_test(c, every_message_says_what_where_and_what_else, 0,
                        sizeof messages / sizeof messages[0]);
    tcase_add_test(c, a_near_miss_of_a_coverage_name_is_an_error);

    c = new_case(suite, "runners");
    tcase_add_loop_test(c, a_runner_that_misbehaves_is_named, 0,
                        sizeof runners / sizeof runners[0]);
    tcase_add_test(c, a_refusal_is_told_each_time_and_asked_for_once);
    tcase_add_test(c, a_program_that_cannot_be_started_is_named);
    tcase_add_test(c, a_description_becomes_a_table);
    tcase_add_test(c, what_a_machine_lacks_is_no_capability_and_has_a_reason);

    c = new_case(suite, "loading");
    tcase_add_test(c, every_default_is_filled_in);
    tcase_add_test(c, the_effective_scenario_loads_to_itself);
    tcase_add_test(c, floors_have_a_reference_and_a_moment_by_default);
    tcase_add_test(c, set_replaces_in_order_and_by_type);
    tcase_add_test(c, what_is_set_is_not_swept);
    tcase_add_test(c, what_is_added_to_a_sweep_is_one_more_point);
    tcase_add_test(c, another_flavor_leaves_out_the_settings_of_the_first);
    tcase_add_test(c, another_flavor_does_not_excuse_a_misspelt_setting);

    c = new_case(suite, "runs");
    tcase_add_test(c, a_run_has_what_the_runner_needs_and_no_more);
    tcase_add_test(c, points_alternate_and_turn_around);
    tcase_add_test(c, one_seed_is_one_plan);
    tcase_add_test(c, too_many_runs_are_refused);
    tcase_add_test(c, a_flavor_that_cannot_is_refused_by_name);
    tcase_add_test(c, the_flavor_null_can_be_set);
    tcase_add_test(c, in_a_sweep_such_points_are_skipped);
    tcase_add_test(c, what_only_this_machine_lacks_skips_a_run_without_a_sweep);
    tcase_add_test(c, what_a_flavor_lacks_everywhere_is_refused_whatever_the_machine_lacks);
    tcase_add_test(c, what_a_flavor_lacks_is_left_out_with_a_note);
    tcase_add_test(c, a_count_of_several_workloads_is_required_only_of_all);
    tcase_add_test(c, what_a_flavor_can_is_not_left_out);
    tcase_add_loop_test(c, a_scenario_of_which_nothing_is_left_is_skipped, 0,
                        sizeof nothing_left / sizeof nothing_left[0]);
    tcase_add_test(c, a_lack_of_statistics_alone_skips_nothing);
    tcase_add_test(c, what_is_set_by_hand_is_not_left_out);
    tcase_add_test(c, what_is_swept_is_not_left_out);
    tcase_add_test(c, each_flavor_of_a_sweep_has_what_it_can);
    tcase_add_test(c, a_need_that_depends_on_a_swept_option_skips_those_points);
    tcase_add_test(c, a_swept_setting_that_a_flavor_lacks_skips_the_point);
    tcase_add_test(c, a_setting_applies_to_the_flavors_that_have_it);
    tcase_add_test(c, points_that_differ_in_settings_have_one_reference);
    tcase_add_test(c, a_reference_runs_what_both_can);
    tcase_add_test(c, a_reference_that_cannot_run_says_why_and_is_none_of_itself);
    tcase_add_test(c, a_budget_goes_where_it_applies);
    tcase_add_test(c, threads_come_in_order_and_each_has_its_name);

    c = new_case(suite, "reference");
    tcase_add_test(c, the_schema_has_every_key);
    tcase_add_test(c, the_reference_has_every_key);
    tcase_add_test(c, list_shows_all_or_one);
    tcase_add_test(c, list_says_why_a_flavor_does_not_answer);
    return run_suite(suite);
}
