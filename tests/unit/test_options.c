/* Options tables: durations, near names, completion, every message, storing. */
#include "torture/record/duration.h"
#include "torture/record/options.h"
#include "torture/scenario/document.h"
#include "torture/scenario/nearest_name.h"
#include "torture/scenario/options_complete.h"

#include "library.h"

#include <check.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct sample {
    bool on;
    int64_t count;
    double factor;
    int64_t delay_ns;
    int policy;
    const char *label;
};

#define FIELD(field) offsetof(struct sample, field)

static const struct option sample_options[] = {
    {.name = "on",
     .type = OPTION_BOOL,
     .offset = FIELD(on),
     .default_text = "true",
     .help = "Whether"},
    {.name = "readers",
     .type = OPTION_INT,
     .offset = FIELD(count),
     .default_text = "3",
     .min = 1,
     .max = 64,
     .unit = "threads",
     .help = "How many"},
    {.name = "factor",
     .type = OPTION_REAL,
     .offset = FIELD(factor),
     .default_text = "0.5",
     .max = 2,
     .help = "How much"},
    {.name = "delay",
     .type = OPTION_DURATION,
     .offset = FIELD(delay_ns),
     .default_text = "10ms",
     .min = 1e6,
     .max = 1e9,
     .help = "How long"},
    {.name = "policy",
     .type = OPTION_CHOICE,
     .offset = FIELD(policy),
     .default_text = "fqs",
     .choices = "event poll fqs",
     .help = "Which"},
    {.name = "label",
     .type = OPTION_STRING,
     .offset = FIELD(label),
     .default_text = "none",
     .help = "What it is called"},
    {.name = NULL},
};

static const struct option strict_options[] = {
    {.name = "must", .type = OPTION_STRING, .help = "What has to be there"},
    {.name = "low",
     .type = OPTION_INT,
     .default_text = "5",
     .min = 5,
     .unit = "tries",
     .help = "No upper limit"},
    {.name = NULL},
};

static json_t *parse(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);

    ck_assert_msg(json != NULL, "bad JSON in a test: %s", text);
    return json;
}

/* Completes `given` and expects exactly these lines; none means that it succeeds. */
static void expect_lines(const struct option *table, const char *given, const char *lines)
{
    struct diagnostics d = {0};
    json_t *json = parse(given);
    json_t *complete = options_complete(table, json, "f.json", "/x", &d);

    ck_assert_str_eq(d.text ? d.text : "", lines);
    ck_assert_int_eq(complete != NULL, !*lines);
    json_decref(complete);
    json_decref(json);
    diagnostics_free(&d);
}

/* --- Durations ---------------------------------------------------------------------------- */

static const struct {
    const char *text;
    int64_t ns;
    const char *shortest;
} durations[] = {
    {"1500ms", 1500000000, "1500ms"},
    {"45s", 45000000000, "45s"},
    {"10m", 600000000000, "10m"},
    {"8h", 28800000000000, "8h"},
    {"20us", 20000, "20us"},
    {"100ns", 100, "100ns"},
    {"2.5", 2500000000, "2500ms"},
    {"1.5ms", 1500000, "1500us"},
    {"0.000000001", 1, "1ns"},
    {"7", 7000000000, "7s"},
    {"120s", 120000000000, "2m"},
    {"0", 0, "0s"},
    {"0ms", 0, "0s"},
    {"9223372036854775807ns", INT64_MAX, "9223372036854775807ns"},
};

START_TEST(durations_are_read_and_written_exactly)
{
    char buffer[32];
    int64_t ns = -1, again = -1;

    ck_assert_msg(duration_parse(durations[_i].text, &ns), "%s", durations[_i].text);
    ck_assert_int_eq(ns, durations[_i].ns);
    ck_assert_str_eq(duration_format(ns, buffer), durations[_i].shortest);
    ck_assert(duration_parse(buffer, &again));
    ck_assert_int_eq(again, ns);
}
END_TEST

static const char *const not_durations[] = {
    "",      "s",    "10x",   "-5s",   " 5s",          "5 s", "5s ",
    "1.s",   ".5s",  "1.2.3", "1e3",   "1.5ns",        "5S",  "0x10",
    "5msec", "+1s",  "inf",   "1,5s",  "99999999999h", "5s1", "9223372036854775808ns",
    "nan",   "5min", "10 m",  "1.0.s", "9223372037s",
};

START_TEST(what_is_no_duration_is_refused)
{
    int64_t ns = 77;

    ck_assert_msg(!duration_parse(not_durations[_i], &ns), "%s", not_durations[_i]);
    ck_assert_int_eq(ns, 77);
}
END_TEST

/* --- Near names --------------------------------------------------------------------------- */

START_TEST(near_names_are_found)
{
    static const char *const names[] = {"readers", "quiet_readers", "gp_policy", "poll", NULL};
    static const char *const none[] = {NULL};

    ck_assert_str_eq(nearest_name("readres", names), "readers");
    ck_assert_str_eq(nearest_name("Readers", names), "readers");
    ck_assert_str_eq(nearest_name("reader", names), "readers");
    ck_assert_str_eq(nearest_name("quiet-readers", names), "quiet_readers");
    ck_assert_str_eq(nearest_name("gp_polcy", names), "gp_policy");
    ck_assert_str_eq(nearest_name("pol", names), "poll");
    ck_assert_ptr_null(nearest_name("x", names));
    ck_assert_ptr_null(nearest_name("", names));
    ck_assert_ptr_null(nearest_name("something_else", names));
    ck_assert_ptr_null(nearest_name("readers", none));
}
END_TEST

START_TEST(a_very_long_name_is_near_nothing)
{
    char name[200];
    const char *const names[] = {"readers", NULL};

    memset(name, 'r', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ck_assert_ptr_null(nearest_name(name, names));
}
END_TEST

/* --- Completion --------------------------------------------------------------------------- */

START_TEST(defaults_fill_what_is_absent)
{
    struct diagnostics d = {0};
    json_t *complete = options_complete(sample_options, NULL, "f.json", "", &d);
    json_t *expected = parse("{\"on\": true, \"readers\": 3, \"factor\": 0.5, \"delay\": \"10ms\","
                             " \"policy\": \"fqs\", \"label\": \"none\"}");

    ck_assert_ptr_null(d.text);
    ck_assert(json_equal(complete, expected));
    json_decref(complete);
    json_decref(expected);
}
END_TEST

static int cpus;

/* The C library's, for all of this program. */
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    (void)pid;
    CPU_ZERO_S(size, set);
    for (int i = 0; i < cpus; i++)
        CPU_SET_S(3 * i, size, set);
    return 0;
}

START_TEST(a_default_may_be_all_cpus_but_one)
{
    static const struct option table[] = {
        {.name = "readers", .type = OPTION_INT, .default_text = OPTION_OTHER_CPUS, .help = "x"},
        {.name = NULL},
    };
    static const int expected[][2] = {{1, 1}, {2, 1}, {3, 2}, {64, 63}};
    struct diagnostics d = {0};
    json_t *complete;
    int64_t stored;

    cpus = expected[_i][0];
    complete = options_complete(table, NULL, "f.json", "/x", &d);
    ck_assert_int_eq(json_integer_value(json_object_get(complete, "readers")), expected[_i][1]);
    json_object_clear(complete);
    options_store(table, complete, &stored);
    ck_assert_int_eq(stored, expected[_i][1]);
    ck_assert(option_default_varies(&table[0]) && !option_default_varies(&strict_options[0]) &&
              !option_default_varies(&strict_options[1]));
    json_decref(complete);
}
END_TEST

START_TEST(durations_become_the_shortest_text)
{
    struct diagnostics d = {0};
    json_t *given = parse("{\"delay\": 0.25, \"readers\": 1e1}");
    json_t *complete = options_complete(sample_options, given, "f.json", "", &d);

    ck_assert_str_eq(json_string_value(json_object_get(complete, "delay")), "250ms");
    ck_assert_int_eq(json_integer_value(json_object_get(complete, "readers")), 10);
    json_decref(complete);
    json_decref(given);
}
END_TEST

START_TEST(values_are_stored_by_type)
{
    struct diagnostics d = {0};
    struct sample sample;
    json_t *given = parse("{\"on\": false, \"readers\": 9, \"factor\": 1, \"delay\": \"2ms\","
                          " \"policy\": \"poll\", \"label\": \"mine\"}");
    json_t *complete = options_complete(sample_options, given, "f.json", "", &d);

    options_store(sample_options, complete, &sample);
    ck_assert(!sample.on);
    ck_assert_int_eq(sample.count, 9);
    ck_assert(sample.factor == 1.0);
    ck_assert_int_eq(sample.delay_ns, 2000000);
    ck_assert_int_eq(sample.policy, 1);
    ck_assert_str_eq(sample.label, "mine");
    json_decref(complete);
    json_decref(given);
}
END_TEST

START_TEST(storing_fills_defaults_where_the_object_lacks_them)
{
    struct sample sample = {0};
    json_t *empty = json_object();

    options_store(sample_options, empty, &sample);
    json_decref(empty);
    ck_assert(sample.on);
    ck_assert_int_eq(sample.count, 3);
    ck_assert_int_eq(sample.delay_ns, 10000000);
    ck_assert_int_eq(sample.policy, 2);
    ck_assert_str_eq(sample.label, "none");
}
END_TEST

/* --- Messages ----------------------------------------------------------------------------- */

static const struct {
    const char *given, *lines;
} messages[] = {
    {"{}", ""},
    {"{\"readres\": 1}", "f.json: /x/readres: unknown key; did you mean \"readers\"?\n"},
    {"{\"zzzzzz\": 1}", "f.json: /x/zzzzzz: unknown key\n"},
    {"{\"a/b~c\": 1}", "f.json: /x/a~1b~0c: unknown key\n"},
    {"{\"on\": 1}", "f.json: /x/on: expected true or false, found 1\n"},
    {"{\"on\": null}", "f.json: /x/on: expected true or false, found null\n"},
    {"{\"readers\": \"many\"}",
     "f.json: /x/readers: expected a whole number, found the string \"many\"\n"},
    {"{\"readers\": 2.5}", "f.json: /x/readers: expected a whole number, found 2.5\n"},
    {"{\"readers\": 1e30}", "f.json: /x/readers: expected a whole number, found 1e30\n"},
    {"{\"readers\": true}", "f.json: /x/readers: expected a whole number, found true\n"},
    {"{\"readers\": 0}", "f.json: /x/readers: 0 is out of range (1 to 64 threads)\n"},
    {"{\"readers\": 65}", "f.json: /x/readers: 65 is out of range (1 to 64 threads)\n"},
    {"{\"factor\": []}", "f.json: /x/factor: expected a number, found an array\n"},
    {"{\"factor\": 2.5}", "f.json: /x/factor: 2.5 is out of range (0 to 2)\n"},
    {"{\"delay\": \"10x\"}", "f.json: /x/delay: \"10x\" is not a duration (45s, 10m, 8h)\n"},
    {"{\"delay\": {}}", "f.json: /x/delay: expected a duration (45s, 10m, 8h), found an object\n"},
    {"{\"delay\": -1}", "f.json: /x/delay: -1 seconds is not a duration\n"},
    {"{\"delay\": 1e300}", "f.json: /x/delay: 1e+300 seconds is not a duration\n"},
    {"{\"delay\": \"5s\"}", "f.json: /x/delay: 5s is out of range (1ms to 1s)\n"},
    {"{\"delay\": 0.0001}", "f.json: /x/delay: 100us is out of range (1ms to 1s)\n"},
    {"{\"policy\": \"fsq\"}",
     "f.json: /x/policy: \"fsq\" is none of: event poll fqs; did you mean \"fqs\"?\n"},
    {"{\"policy\": \"other\"}", "f.json: /x/policy: \"other\" is none of: event poll fqs\n"},
    {"{\"policy\": 3}", "f.json: /x/policy: expected one of: event poll fqs, found 3\n"},
    {"{\"label\": false}", "f.json: /x/label: expected a string, found false\n"},
    {"[]", "f.json: /x: expected an object, found an array\n"},
    {"{\"policy\": 3, \"zzzzzz\": 1, \"on\": 2}",
     "f.json: /x/policy: expected one of: event poll fqs, found 3\n"
     "f.json: /x/zzzzzz: unknown key\n"
     "f.json: /x/on: expected true or false, found 2\n"},
};

START_TEST(every_message_says_what_where_and_what_else)
{
    expect_lines(sample_options, messages[_i].given, messages[_i].lines);
}
END_TEST

START_TEST(a_required_option_is_missed)
{
    expect_lines(strict_options, "{}", "f.json: /x/must: missing (What has to be there)\n");
}
END_TEST

START_TEST(a_range_may_have_no_upper_end)
{
    expect_lines(strict_options, "{\"must\": \"\", \"low\": 1000000}", "");
    expect_lines(strict_options, "{\"must\": \"\", \"low\": 4}",
                 "f.json: /x/low: 4 is out of range (at least 5 tries)\n");
}
END_TEST

START_TEST(a_long_string_is_shown_cut)
{
    char given[600];
    struct diagnostics d = {0};

    memset(given, 'y', sizeof given);
    memcpy(given, "{\"readers\": \"", 13);
    memcpy(given + sizeof given - 3, "\"}", 3);
    json_t *json = parse(given);

    ck_assert_ptr_null(options_complete(sample_options, json, "f.json", "", &d));
    ck_assert_uint_lt(d.length, 200);
    json_decref(json);
    diagnostics_free(&d);
}
END_TEST

START_TEST(a_value_from_set_names_its_source)
{
    struct diagnostics d = {0};
    json_t *overridden = parse("[[\"/x/on\", \"--set x.on=1\"], [\"/x/lab\", \"wrong\"]]");
    const struct document doc = {.file = "f.json", .overridden = overridden, .d = &d};
    json_t *given = parse("{\"on\": 1, \"label\": 2}");

    ck_assert_ptr_null(options_complete_members(sample_options, NULL, NULL, given, &doc, "/x"));
    ck_assert_str_eq(d.text, "--set x.on=1: /x/on: expected true or false, found 1\n"
                             "f.json: /x/label: expected a string, found 2\n");
    json_decref(given);
    json_decref(overridden);
    diagnostics_free(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *c = tcase_create("options");

    tcase_add_loop_test(c, durations_are_read_and_written_exactly, 0,
                        sizeof durations / sizeof durations[0]);
    tcase_add_loop_test(c, what_is_no_duration_is_refused, 0,
                        sizeof not_durations / sizeof not_durations[0]);
    tcase_add_test(c, near_names_are_found);
    tcase_add_test(c, a_very_long_name_is_near_nothing);
    tcase_add_test(c, defaults_fill_what_is_absent);
    tcase_add_loop_test(c, a_default_may_be_all_cpus_but_one, 0, 4);
    tcase_add_test(c, durations_become_the_shortest_text);
    tcase_add_test(c, values_are_stored_by_type);
    tcase_add_test(c, storing_fills_defaults_where_the_object_lacks_them);
    tcase_add_loop_test(c, every_message_says_what_where_and_what_else, 0,
                        sizeof messages / sizeof messages[0]);
    tcase_add_test(c, a_required_option_is_missed);
    tcase_add_test(c, a_range_may_have_no_upper_end);
    tcase_add_test(c, a_long_string_is_shown_cut);
    tcase_add_test(c, a_value_from_set_names_its_source);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
