#include "history.h"

#include "changes.h"
#include "identity.h"
#include "metric.h"
#include "side.h"
#include "torture/record/text.h"
#include "torture/result/interval.h"
#include "torture/scenario/document.h"

#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APPLICATION  0x53746c70 /* "Stlp": whose file it is */
#define VERSION      1
#define PATIENCE_MS  (60 * 1000) /* while another process adds */
#define MOST_CHANGES 64

struct history {
    sqlite3 *db;
    char *path;
};

static const char schema[] =
    "PRAGMA application_id = 1400138864;" /* APPLICATION */
    "PRAGMA user_version = 1;"            /* VERSION */
    "CREATE TABLE result (id INTEGER PRIMARY KEY, path TEXT NOT NULL, identity TEXT NOT NULL "
    "UNIQUE,"
    " started TEXT NOT NULL, committed INTEGER NOT NULL, commit_id TEXT NOT NULL,"
    " scenario TEXT NOT NULL, host TEXT NOT NULL, machine TEXT NOT NULL);"
    "CREATE TABLE figure (result INTEGER NOT NULL REFERENCES result (id), flavor TEXT NOT NULL,"
    " label TEXT NOT NULL, metric TEXT NOT NULL, value REAL NOT NULL, least REAL NOT NULL,"
    " most REAL NOT NULL, runs INTEGER NOT NULL, PRIMARY KEY (result, flavor, label, metric));"
    "CREATE INDEX by_metric ON figure (metric);";

/* --- The file --- */

static bool say(struct history *h, struct diagnostics *d)
{
    int code = sqlite3_errcode(h->db);

    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
        diagnose(d,
                 "%s: is no history, or broken (%s): move it away; `stillpoint history rebuild "
                 "FOLDER` makes it anew from results",
                 h->path, sqlite3_errmsg(h->db));
    else
        diagnose(d, "%s: %s", h->path, sqlite3_errmsg(h->db));
    return false;
}

static bool execute(struct history *h, const char *sql, struct diagnostics *d)
{
    return sqlite3_exec(h->db, sql, NULL, NULL, NULL) == SQLITE_OK || say(h, d);
}

static bool read_number(struct history *h, const char *sql, int *number, struct diagnostics *d)
{
    sqlite3_stmt *s;
    bool good =
        sqlite3_prepare_v2(h->db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW;

    if (good)
        *number = sqlite3_column_int(s, 0);
    else
        say(h, d);
    sqlite3_finalize(s);
    return good;
}

/* Makes the tables in an empty file; whoever does so at the same time waits. */
static bool prepare_file(struct history *h, bool make, struct diagnostics *d)
{
    int application = 0, version = 0, tables = 0;
    bool good;

    if (!execute(h, make ? "BEGIN IMMEDIATE" : "BEGIN", d))
        return false;
    good = read_number(h, "PRAGMA application_id", &application, d) &&
           read_number(h, "PRAGMA user_version", &version, d) &&
           read_number(h, "SELECT count(*) FROM sqlite_schema", &tables, d);
    if (good && tables == 0 && application == 0 && make) {
        good = execute(h, schema, d);
    } else if (good && application != APPLICATION) {
        diagnose(d, "%s: is no history of stillpoint", h->path);
        good = false;
    } else if (good && version > VERSION) {
        diagnose(d,
                 "%s: was made by a newer stillpoint (version %d; this one knows %d): use that, or "
                 "`stillpoint history rebuild` with another --db",
                 h->path, version, VERSION);
        good = false;
    }
    return execute(h, good ? "COMMIT" : "ROLLBACK", d) && good;
}

struct history *history_open(const char *path, bool make, struct diagnostics *d)
{
    struct history *h = calloc(1, sizeof *h);
    int flags = SQLITE_OPEN_READWRITE | (make ? SQLITE_OPEN_CREATE : 0);
    bool good;

    if (!h)
        abort();
    h->path = strdup(path);
    if (!make && access(path, F_OK) != 0) {
        diagnose(d, "%s: %s; `stillpoint history add DIR` makes it", path, strerror(errno));
        good = false;
    } else {
        good = sqlite3_open_v2(path, &h->db, flags, NULL) == SQLITE_OK || say(h, d);
    }
    if (good)
        sqlite3_busy_timeout(h->db, PATIENCE_MS);
    if (good && prepare_file(h, make, d))
        return h;
    history_close(h);
    return NULL;
}

void history_close(struct history *h)
{
    sqlite3_close(h->db);
    free(h->path);
    free(h);
}

/* --- Adding --- */

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
    sqlite3_bind_text(s, at, text, -1, SQLITE_TRANSIENT);
}

/* Made of what no two runs have in common. */
static char *identity_of(json_t *result)
{
    json_t *host = json_object_get(result, "host"), *scenario = json_object_get(result, "scenario");

    return text_format("%s %s %s %s %lld", document_text(result, "started"),
                       document_text(result, "ended"), document_text(host, "boot_id"),
                       document_text(scenario, "name"),
                       (long long)json_integer_value(json_object_get(scenario, "seed")));
}

/* 1: it is new, 0: it is there, -1: failed. */
static int add_result(struct history *h, json_t *result, const char *path, struct diagnostics *d)
{
    json_t *tool = json_object_get(result, "tool"), *host = json_object_get(result, "host");
    char *identity = identity_of(result), *scenario = identity_scenario(result);
    char *key = identity_host(host), *machine = identity_machine(host);
    char *commit = text_format("%s%s", document_text(tool, "commit"),
                               json_is_true(json_object_get(tool, "dirty")) ? "+" : "");
    sqlite3_stmt *s = NULL;
    int added = -1;

    if (sqlite3_prepare_v2(h->db,
                           "INSERT INTO result (path, identity, started, committed, commit_id, "
                           "scenario, host, machine) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
                           "ON CONFLICT (identity) DO NOTHING",
                           -1, &s, NULL) == SQLITE_OK) {
        bind_text(s, 1, path);
        bind_text(s, 2, identity);
        bind_text(s, 3, document_text(result, "started"));
        sqlite3_bind_int64(s, 4, json_integer_value(json_object_get(tool, "committed")));
        bind_text(s, 5, commit);
        bind_text(s, 6, scenario);
        bind_text(s, 7, key);
        bind_text(s, 8, machine);
        if (sqlite3_step(s) == SQLITE_DONE)
            added = sqlite3_changes(h->db) > 0;
    }
    if (added < 0)
        say(h, d);
    sqlite3_finalize(s);
    free(commit);
    free(machine);
    free(key);
    free(scenario);
    free(identity);
    return added;
}

/* Those that count and are not 0, which has no logarithm; sorted. Returns how many. */
static size_t counted(double *values, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (values[i] > 0)
            values[kept++] = values[i];
    sort_values(values, kept);
    return kept;
}

/* 1: added, 0: the metric has no value that counts, -1: failed. */
static int add_figure(struct history *h, sqlite3_int64 id, const char *flavor, struct metric *m,
                      struct diagnostics *d)
{
    size_t runs = counted(m->base, m->base_count);
    sqlite3_stmt *s = NULL;
    int added = -1;

    if (runs == 0)
        return 0;
    if (sqlite3_prepare_v2(h->db, "INSERT INTO figure VALUES (?, ?, ?, ?, ?, ?, ?, ?)", -1, &s,
                           NULL) == SQLITE_OK) {
        sqlite3_bind_int64(s, 1, id);
        bind_text(s, 2, flavor);
        bind_text(s, 3, m->label);
        bind_text(s, 4, m->name);
        sqlite3_bind_double(s, 5, median_of(m->base, runs));
        sqlite3_bind_double(s, 6, m->base[0]);
        sqlite3_bind_double(s, 7, m->base[runs - 1]);
        sqlite3_bind_int64(s, 8, (sqlite3_int64)runs);
        if (sqlite3_step(s) == SQLITE_DONE)
            added = 1;
    }
    if (added < 0)
        say(h, d);
    sqlite3_finalize(s);
    return added;
}

/* The flavor of a point's runs. */
static const char *flavor_at(json_t *result, json_t *point)
{
    json_t *run;
    size_t i;

    json_array_foreach (json_object_get(result, "runs"), i, run)
        if (json_equal(json_object_get(run, "point"), point))
            return document_text(run, "flavor");
    return "";
}

/* How many; -1: failed. */
static int add_figures(struct history *h, json_t *result, struct diagnostics *d)
{
    json_t *results = json_pack("[O]", result);
    struct side side = {.results = results};
    sqlite3_int64 id = sqlite3_last_insert_rowid(h->db);
    struct metrics metrics;
    int added = 0;

    metrics_collect(&metrics, &side, &side, NULL);
    for (size_t i = 0; i < metrics.count && added >= 0; i++) {
        int one = add_figure(h, id, flavor_at(result, metrics.all[i].point), &metrics.all[i], d);

        added = one < 0 ? -1 : added + one;
    }
    metrics_free(&metrics);
    json_decref(results);
    return added;
}

enum history_added history_add(struct history *h, json_t *result, const char *path,
                               struct diagnostics *d)
{
    enum history_added outcome = HISTORY_FAILED;
    int is_new, figures;

    if (!execute(h, "SAVEPOINT added", d))
        return HISTORY_FAILED;
    is_new = add_result(h, result, path, d);
    figures = is_new > 0 ? add_figures(h, result, d) : 0;
    if (is_new == 0)
        outcome = HISTORY_KNOWN;
    else if (is_new > 0 && figures == 0)
        outcome = HISTORY_EMPTY;
    else if (is_new > 0 && figures > 0)
        outcome = HISTORY_ADDED;
    if (outcome != HISTORY_ADDED && !execute(h, "ROLLBACK TO added", d))
        outcome = HISTORY_FAILED;
    if (!execute(h, "RELEASE added", d))
        outcome = HISTORY_FAILED;
    return outcome;
}

/* --- Anew --- */

static json_t *paths_of(struct history *h, struct diagnostics *d)
{
    json_t *paths = json_array();
    sqlite3_stmt *s = NULL;
    int step = SQLITE_ERROR;

    if (sqlite3_prepare_v2(h->db, "SELECT path FROM result ORDER BY id", -1, &s, NULL) == SQLITE_OK)
        while ((step = sqlite3_step(s)) == SQLITE_ROW)
            json_array_append_new(paths, json_string((const char *)sqlite3_column_text(s, 0)));
    sqlite3_finalize(s);
    if (step == SQLITE_DONE)
        return paths;
    say(h, d);
    json_decref(paths);
    return NULL;
}

json_t *history_refill(struct history *h, struct diagnostics *d)
{
    json_t *paths;

    if (!execute(h, "BEGIN IMMEDIATE", d))
        return NULL;
    paths = paths_of(h, d);
    if (paths && execute(h, "DELETE FROM figure; DELETE FROM result", d))
        return paths;
    json_decref(paths);
    return NULL;
}

bool history_refilled(struct history *h, struct diagnostics *d)
{
    return execute(h, "COMMIT", d);
}

/* --- Reading --- */

static const char *column(sqlite3_stmt *s, int at)
{
    const char *text = (const char *)sqlite3_column_text(s, at);

    return text ? text : "";
}

static bool is_of(json_t *series, json_t *key)
{
    static const char *const names[] = {"label", "scenario", "flavor", "host", NULL};

    for (size_t i = 0; names[i]; i++)
        if (!json_equal(json_object_get(series, names[i]), json_object_get(key, names[i])))
            return false;
    return true;
}

static void add_changes(json_t *series)
{
    json_t *values = json_object_get(series, "values"), *changes = json_array();
    size_t count = json_array_size(values), found;
    double *figures = calloc(count + 1, sizeof *figures);
    struct change places[MOST_CHANGES];

    if (!figures)
        abort();
    for (size_t i = 0; i < count; i++)
        figures[i] = json_number_value(json_object_get(json_array_get(values, i), "value"));
    found = changes_find(figures, count, places, MOST_CHANGES);
    for (size_t i = 0; i < found; i++)
        json_array_append_new(changes, json_pack("{sI sf sf sf}", "at", (json_int_t)places[i].at,
                                                 "chance", places[i].chance, "before",
                                                 places[i].before, "after", places[i].after));
    json_object_set_new(series, "changes", changes);
    free(figures);
}

static bool has_label(json_t *result, json_t *point, const char *label)
{
    json_t *run;
    size_t i;

    json_array_foreach (json_object_get(result, "runs"), i, run)
        if (json_equal(json_object_get(run, "point"), point))
            return strcmp(document_text(run, "label"), label) == 0;
    return false;
}

/* The budget of the metric at that point, by the newest result, if it is still where it was. */
static void add_limit(json_t *series)
{
    json_t *values = json_object_get(series, "values"), *budget;
    const char *place = document_text(json_array_get(values, json_array_size(values) - 1), "path");
    char *path = text_format("%s/result.json", place);
    json_t *result = json_load_file(access(path, R_OK) == 0 ? path : place, 0, NULL);
    size_t i;

    json_array_foreach (json_object_get(json_object_get(result, "verdict"), "budgets"), i, budget)
        if (!json_object_get(budget, "ratio_to") && json_object_get(budget, "max") &&
            strcmp(document_text(budget, "metric"), document_text(series, "metric")) == 0 &&
            has_label(result, json_object_get(budget, "point"), document_text(series, "label")))
            json_object_set(series, "limit", json_object_get(budget, "max"));
    json_decref(result);
    free(path);
}

json_t *history_series(struct history *h, const struct history_selection *selection,
                       struct diagnostics *d)
{
    const char *const only[] = {selection->host, selection->scenario, selection->flavor,
                                selection->label};
    json_t *all = json_array(), *last = NULL;
    sqlite3_stmt *s = NULL;
    int code;
    size_t i;
    json_t *one;

    code = sqlite3_prepare_v2(
        h->db,
        "SELECT label, scenario, flavor, host, machine, commit_id, started, value, least, most, "
        "runs, path FROM figure JOIN result ON result = id WHERE metric = ?1 "
        "AND (?2 IS NULL OR host = ?2) AND (?3 IS NULL OR scenario = ?3 OR "
        "substr(scenario, 1, length(?3) + 1) = ?3 || ' ') "
        "AND (?4 IS NULL OR flavor = ?4) AND (?5 IS NULL OR label = ?5) "
        "ORDER BY scenario, flavor, label, host, committed, started, id",
        -1, &s, NULL);
    if (code == SQLITE_OK) {
        bind_text(s, 1, selection->metric);
        for (int k = 0; k < 4; k++)
            if (only[k])
                bind_text(s, k + 2, only[k]);
        while ((code = sqlite3_step(s)) == SQLITE_ROW) {
            json_t *key = json_pack("{ss ss ss ss ss ss}", "metric", selection->metric, "label",
                                    column(s, 0), "scenario", column(s, 1), "flavor", column(s, 2),
                                    "host", column(s, 3), "machine", column(s, 4));

            if (!last || !is_of(last, key)) {
                json_object_set_new(key, "values", json_array());
                json_array_append(all, key);
                last = key;
            }
            json_array_append_new(
                json_object_get(last, "values"),
                json_pack("{ss ss sf sf sf si ss}", "commit", column(s, 5), "started", column(s, 6),
                          "value", sqlite3_column_double(s, 7), "least",
                          sqlite3_column_double(s, 8), "most", sqlite3_column_double(s, 9), "runs",
                          sqlite3_column_int(s, 10), "path", column(s, 11)));
            json_decref(key);
        }
    }
    sqlite3_finalize(s);
    if (code != SQLITE_DONE) {
        say(h, d);
        json_decref(all);
        return NULL;
    }
    json_array_foreach (all, i, one) {
        add_changes(one);
        add_limit(one);
    }
    return all;
}

json_t *history_contents(struct history *h, struct diagnostics *d)
{
    json_t *all = json_array();
    sqlite3_stmt *s = NULL;
    int code =
        sqlite3_prepare_v2(h->db,
                           "SELECT scenario, flavor, host, machine, count(DISTINCT result), "
                           "count(DISTINCT commit_id), "
                           "min(started), max(started), group_concat(DISTINCT metric) "
                           "FROM figure JOIN result ON result = id GROUP BY scenario, flavor, host "
                           "ORDER BY scenario, flavor, host",
                           -1, &s, NULL);

    if (code == SQLITE_OK)
        while ((code = sqlite3_step(s)) == SQLITE_ROW)
            json_array_append_new(all, json_pack("{ss ss ss ss si si ss ss ss}", "scenario",
                                                 column(s, 0), "flavor", column(s, 1), "host",
                                                 column(s, 2), "machine", column(s, 3), "results",
                                                 sqlite3_column_int(s, 4), "commits",
                                                 sqlite3_column_int(s, 5), "first", column(s, 6),
                                                 "last", column(s, 7), "metrics", column(s, 8)));
    sqlite3_finalize(s);
    if (code == SQLITE_DONE)
        return all;
    say(h, d);
    json_decref(all);
    return NULL;
}
