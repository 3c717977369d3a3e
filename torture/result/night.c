#include "night.h"

#include "fingerprint.h"
#include "known.h"
#include "near_misses.h"
#include "torture/scenario/document.h"
#include "verdict.h"

#include <math.h>
#include <string.h>

/* So many rounds with findings, so many inconclusive ones, and so many that only came close, of
 * each scenario are kept whole. */
enum { MOST_KEPT = 20 };

static bool is(json_t *object, const char *key, const char *value)
{
    return strcmp(document_text(object, key), value) == 0;
}

static double number_of(json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* --- A round --- */

static json_t *describe_finding(json_t *run, json_t *finding)
{
    json_t *described = fingerprint_of(finding);

    json_object_set(described, "count", json_object_get(finding, "count"));
    json_object_set(described, "message", json_object_get(finding, "message"));
    json_object_set(described, "repro", json_object_get(finding, "repro"));
    json_object_set(described, "point", json_object_get(run, "label"));
    return described;
}

json_t *night_record(json_t *result)
{
    json_t *verdict = json_object_get(result, "verdict"), *findings = json_array(), *run, *finding;
    json_int_t checks = 0, near = 0, count;
    size_t i, j;

    json_array_foreach (json_object_get(result, "runs"), i, run) {
        if (verdict_count(run, "checks", &count))
            checks += count;
        near += near_misses_total(run);
        json_array_foreach (json_object_get(run, "findings"), j, finding)
            json_array_append_new(findings, describe_finding(run, finding));
    }
    return json_pack("{ss ss sf sI sI sO so}", "verdict", document_text(verdict, "correctness"),
                     "performance", document_text(verdict, "performance"), "clean_seconds",
                     number_of(verdict, "clean_seconds"), "checks", checks, "near_misses", near,
                     "reasons", json_object_get(verdict, "reasons"), "findings", findings);
}

json_t *night_broken_record(const char *why)
{
    return json_pack("{ss ss sf si s[s] s[]}", "verdict", "broken", "performance", "none",
                     "clean_seconds", 0.0, "checks", 0, "reasons", why, "findings");
}

/* --- Findings --- */

static bool has_fingerprint(json_t *record, const char *fingerprint)
{
    json_t *finding;
    size_t i;

    json_array_foreach (json_object_get(record, "findings"), i, finding)
        if (is(finding, "fingerprint", fingerprint))
            return true;
    return false;
}

static bool any_has(json_t *records, size_t count, const char *fingerprint)
{
    for (size_t i = 0; i < count; i++)
        if (has_fingerprint(json_array_get(records, i), fingerprint))
            return true;
    return false;
}

bool night_accepts(const struct night_judgement *j, const char *fingerprint)
{
    json_t *entry = json_object_get(j->known, fingerprint);

    return entry && known_holds(entry);
}

const char *night_state(const struct night_judgement *j, const char *fingerprint)
{
    if (json_object_get(j->known, fingerprint))
        return night_accepts(j, fingerprint) ? "known" : "expired";
    return any_has(j->since, json_array_size(j->since), fingerprint) ? "seen" : "new";
}

static bool has_unaccepted(json_t *record, const struct night_judgement *j)
{
    json_t *finding;
    size_t i;

    json_array_foreach (json_object_get(record, "findings"), i, finding)
        if (!night_accepts(j, document_text(finding, "fingerprint")))
            return true;
    return false;
}

/* The one of the list with this fingerprint, or a new one as the round has it. */
static json_t *listed_finding(json_t *list, json_t *found, const struct night_judgement *j)
{
    const char *fingerprint = document_text(found, "fingerprint");
    json_t *entry = json_object_get(j->known, fingerprint), *finding;
    size_t i;

    json_array_foreach (list, i, finding)
        if (is(finding, "fingerprint", fingerprint))
            return finding;
    finding = json_copy(found);
    json_object_set_new(finding, "count", json_integer(0));
    json_object_set_new(finding, "state", json_string(night_state(j, fingerprint)));
    if (entry) {
        json_object_set(finding, "reason", json_object_get(entry, "reason"));
        json_object_set(finding, "expires", json_object_get(entry, "expires"));
    }
    json_object_set_new(finding, "rounds", json_integer(0));
    json_object_set_new(finding, "scenarios", json_array());
    json_array_append_new(list, finding);
    return finding;
}

static void add_name(json_t *names, const char *name)
{
    json_t *item;
    size_t i;

    json_array_foreach (names, i, item)
        if (strcmp(json_string_value(item), name) == 0)
            return;
    json_array_append_new(names, json_string(name));
}

static void add(json_t *to, const char *key, json_t *by)
{
    json_object_set_new(to, key,
                        json_integer(json_integer_value(json_object_get(to, key)) +
                                     (by ? json_integer_value(by) : 1)));
}

static json_t *all_findings(json_t *records, const struct night_judgement *j)
{
    json_t *list = json_array(), *record, *found;
    size_t i, k;

    json_array_foreach (records, i, record)
        json_array_foreach (json_object_get(record, "findings"), k, found) {
            json_t *finding = listed_finding(list, found, j);

            add(finding, "count", json_object_get(found, "count"));
            if (!json_object_get(finding, "first_round")) {
                json_object_set(finding, "first_round", json_object_get(record, "round"));
                json_object_set(finding, "first_directory", json_object_get(record, "directory"));
            }
            if (!json_equal(json_object_get(finding, "last_round"),
                            json_object_get(record, "round")))
                add(finding, "rounds", NULL);
            json_object_set(finding, "last_round", json_object_get(record, "round"));
            add_name(json_object_get(finding, "scenarios"), document_text(record, "scenario"));
        }
    return list;
}

/* --- A scenario --- */

struct tally_of_rounds {
    json_int_t rounds, good, measured, inconclusive, violated, accepted, skipped, broken;
    json_int_t exceeded, undecided, within; /* by their budgets */
    json_t *why; /* reasons of the first that is inconclusive or skipped */
    json_t *first;
};

/* A round that was cut short, by a person or a crash, says nothing about its scenario. */
static void count_round(struct tally_of_rounds *t, json_t *record, const struct night_judgement *j)
{
    bool lacking = false, cut_short = json_is_true(json_object_get(record, "cut_short"));

    t->rounds++;
    t->exceeded += !cut_short && is(record, "performance", "exceeded");
    t->undecided += !cut_short && is(record, "performance", "undecided");
    t->within += !cut_short && is(record, "performance", "pass");
    if (has_unaccepted(record, j))
        t->violated++;
    else if (is(record, "verdict", "violation"))
        t->accepted++;
    else if (is(record, "verdict", "skipped"))
        lacking = ++t->skipped;
    else if (is(record, "verdict", "pass"))
        t->good++;
    else if (is(record, "verdict", "measured"))
        t->measured++;
    else if (!cut_short)
        lacking = is(record, "verdict", "broken") ? ++t->broken : ++t->inconclusive;
    if (lacking && !t->why) {
        t->why = json_object_get(record, "reasons");
        t->first = record;
    }
}

/* More rounds without a verdict than with one: too few to say that the scenario was run. */
static const char *verdict_of_rounds(const struct tally_of_rounds *t)
{
    json_int_t told = t->good + t->measured, silent = t->inconclusive + t->broken;

    if (t->violated)
        return "violation";
    if (t->skipped && t->skipped == t->rounds)
        return "skipped";
    if (told == 0 && t->accepted > silent)
        return "known";
    if (told == 0 || silent > told)
        return "inconclusive";
    return t->good ? "pass" : "measured";
}

static void add_reason(json_t *reasons, json_t *row, const struct tally_of_rounds *t)
{
    const char *name = document_text(row, "name"),
               *why = json_string_value(json_array_get(t->why, 0));
    json_int_t lacking = t->inconclusive + t->broken;

    if (t->rounds == 0)
        json_array_append_new(reasons, json_sprintf("%s: had no turn", name));
    else if (lacking > 0)
        json_array_append_new(
            reasons,
            json_sprintf("%s: %lld of %lld rounds inconclusive, the first (%s): %s", name,
                         (long long)lacking, (long long)t->rounds,
                         document_text(t->first, "directory"), why ? why : "no reason known"));
    else if (t->skipped > 0)
        json_array_append_new(reasons, json_sprintf("%s: %s", name, why ? why : "skipped"));
    else if (is(row, "verdict", "inconclusive"))
        json_array_append_new(reasons, json_sprintf("%s: no round of it was ended", name));
}

static json_t *make_row(json_t *scenario, json_t *records, const struct night_judgement *j,
                        struct tally_of_rounds *t)
{
    json_t *row = json_copy(scenario), *record;
    double clean = 0;
    size_t i;

    *t = (struct tally_of_rounds){.rounds = 0};
    json_object_set_new(row, "checks", json_integer(0));
    json_array_foreach (records, i, record) {
        if (!json_equal(json_object_get(record, "path"), json_object_get(scenario, "path")))
            continue;
        count_round(t, record, j);
        clean += number_of(record, "clean_seconds");
        add(row, "checks", json_object_get(record, "checks"));
        if (json_object_get(record, "near_misses"))
            add(row, "near_misses", json_object_get(record, "near_misses"));
    }
    json_object_set_new(row, "rounds", json_integer(t->rounds));
    json_object_set_new(row, "inconclusive", json_integer(t->inconclusive + t->broken));
    json_object_set_new(row, "with_findings", json_integer(t->violated + t->accepted));
    json_object_set_new(row, "exceeded", json_integer(t->exceeded));
    json_object_set_new(row, "clean_seconds", json_real(clean));
    json_object_set_new(row, "verdict", json_string(verdict_of_rounds(t)));
    return row;
}

/* --- The night --- */

static const struct {
    const char *verdict; /* of rows, the worst first */
    int code;
} rank[] = {
    {"violation", EXIT_CODE_VIOLATION}, {"inconclusive", EXIT_CODE_INCONCLUSIVE},
    {"pass", EXIT_CODE_PASS},           {"measured", EXIT_CODE_PASS},
    {"known", EXIT_CODE_INCONCLUSIVE},  {"skipped", EXIT_CODE_SKIPPED},
};

/* What only known findings ended is not measured. */
static json_t *overall(json_t *rows, const char *performance, json_t *reasons)
{
    json_t *verdict = json_object(), *rates = json_object(), *row;
    size_t worst = sizeof rank / sizeof *rank - 1, i;
    double clean = 0;
    int code;

    json_array_foreach (rows, i, row) {
        clean += number_of(row, "clean_seconds");
        for (size_t k = 0; k < worst; k++)
            if (is(row, "verdict", rank[k].verdict))
                worst = k;
    }
    code = rank[worst].code;
    if (code == EXIT_CODE_PASS && strcmp(performance, "exceeded") == 0)
        code = EXIT_CODE_BUDGET;
    if (clean > 0 && rank[worst].code != EXIT_CODE_VIOLATION) {
        json_object_set_new(rates, "95", json_real(-log(1 - 0.95) / clean * 3600));
        json_object_set_new(rates, "99", json_real(-log(1 - 0.99) / clean * 3600));
    }
    json_object_set_new(verdict, "correctness",
                        json_string(strcmp(rank[worst].verdict, "known") == 0
                                        ? "inconclusive"
                                        : rank[worst].verdict));
    json_object_set_new(verdict, "performance", json_string(performance));
    json_object_set_new(verdict, "exit_code", json_integer(code));
    json_object_set(verdict, "reasons", reasons);
    json_object_set_new(verdict, "clean_seconds", json_real(clean));
    json_object_set_new(verdict, "max_failures_per_hour", rates);
    return verdict;
}

json_t *night_summary(json_t *scenarios, json_t *records, const struct night_judgement *j,
                      json_t *reasons)
{
    json_t *rows = json_array(), *scenario;
    struct tally_of_rounds t;
    json_int_t exceeded = 0, undecided = 0, within = 0;
    const char *performance;
    size_t i;

    json_array_foreach (scenarios, i, scenario) {
        json_t *row = make_row(scenario, records, j, &t);

        add_reason(reasons, row, &t);
        exceeded += t.exceeded;
        undecided += t.undecided;
        within += t.within;
        json_array_append_new(rows, row);
    }
    performance = exceeded ? "exceeded" : undecided ? "undecided" : within ? "pass" : "none";
    return json_pack("{so so so}", "verdict", overall(rows, performance, reasons), "scenarios",
                     rows, "findings", all_findings(records, j));
}

/* --- What is kept --- */

static bool first_with_some(json_t *records, size_t index)
{
    json_t *finding;
    size_t i;

    json_array_foreach (json_object_get(json_array_get(records, index), "findings"), i, finding)
        if (!any_has(records, index, document_text(finding, "fingerprint")))
            return true;
    return false;
}

/* What sets a round apart, of a kind that is kept for it; NULL: nothing does. */
static const char *kind_of(json_t *record)
{
    if (!is(record, "verdict", "pass") && !is(record, "verdict", "measured") &&
        !is(record, "verdict", "skipped"))
        return document_text(record, "verdict");
    return json_integer_value(json_object_get(record, "near_misses")) > 0 ? "near misses" : NULL;
}

bool night_keeps(json_t *records, size_t index)
{
    json_t *record = json_array_get(records, index), *other;
    const char *kind = kind_of(record), *others;
    size_t i, before = 0, after = 0;

    json_array_foreach (records, i, other) {
        if (i == index ||
            !json_equal(json_object_get(other, "path"), json_object_get(record, "path")))
            continue;
        after += i > index;
        others = kind_of(other);
        before += i < index && kind && others && strcmp(kind, others) == 0;
    }
    if (after == 0 || first_with_some(records, index))
        return true;
    return kind && before < MOST_KEPT;
}
