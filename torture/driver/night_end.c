/* What comes of rounds: records, findings with directories of their own, the summary. */
#include "night_parts.h"

#include "torture/host/environment.h"
#include "torture/host/host.h"
#include "torture/record/text.h"
#include "torture/result/output.h"
#include "torture/scenario/document.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* --- What is kept --- */

/* A directory of a round holds files only. A journal that was damaged may name anything. */
static void remove_round(const struct night *n, json_t *record)
{
    const char *place = document_text(record, "directory");
    char *directory = text_format("%s/%s", n->directory, place);
    bool ours = strncmp(place, "rounds/", 7) == 0 && isdigit((unsigned char)place[7]) &&
                !strchr(place + 7, '/');
    DIR *dir = ours ? opendir(directory) : NULL;
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir) {
        closedir(dir);
        rmdir(directory);
    }
    free(directory);
}

/* After a round of this scenario: the one before it is no longer the last. That before them may be
 * left from a driver that was killed at this point; whether older ones are kept was decided. */
static void remove_rounds(const struct night *n, const char *path)
{
    json_t *records = n->journal.records;
    unsigned found = 0;

    for (size_t i = json_array_size(records); i-- > 0 && found < 3;) {
        json_t *record = json_array_get(records, i);

        if (strcmp(document_text(record, "path"), path) != 0)
            continue;
        found++;
        if (!night_keeps(records, i))
            remove_round(n, record);
    }
}

/* --- Findings --- */

/* findings/FINGERPRINT/: what it is, and the round in which it was found first. */
static bool write_finding(struct night *n, json_t *finding)
{
    char *directory =
        text_format("%s/findings/%s", n->directory, document_text(finding, "fingerprint"));
    char *link = text_format("%s/round", directory);
    char *target = text_format("../../%s", document_text(finding, "first_directory"));
    bool ok = (mkdir(directory, 0777) == 0 || errno == EEXIST) &&
              (symlink(target, link) == 0 || errno == EEXIST);

    if (!ok)
        diagnose(n->d, "%s: cannot be written: %s", directory, strerror(errno));
    ok = ok && output_file(directory, "finding.json", finding, n->d);
    free(target);
    free(link);
    free(directory);
    return ok;
}

/* Those of that round only, or all: NULL. */
static void write_findings(struct night *n, json_t *findings, json_t *round)
{
    char *directory = text_format("%s/findings", n->directory);
    json_t *finding;
    size_t i;

    if (json_array_size(findings) > 0 && mkdir(directory, 0777) != 0 && errno != EEXIST) {
        diagnose(n->d, "%s: cannot be made: %s", directory, strerror(errno));
        n->unrecorded = true;
    }
    json_array_foreach (findings, i, finding)
        if ((!round || json_equal(json_object_get(finding, "last_round"), round)) &&
            !n->unrecorded && !write_finding(n, finding))
            n->unrecorded = true;
    free(directory);
}

/* --- The summary --- */

static json_t *scenario_rows(const struct night *n)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < n->count; i++)
        json_array_append_new(rows, json_pack("{ss ss}", "name", n->scenarios[i].name, "path",
                                              n->scenarios[i].options.path));
    return rows;
}

static json_t *summarize(const struct night *n)
{
    json_t *rows = scenario_rows(n);
    json_t *told = night_summary(rows, n->journal.records, &n->judgement, n->reasons);

    json_decref(rows);
    return told;
}

void night_take(struct night *n, struct night_scenario *s, json_t *begun, json_t *record)
{
    double seconds = json_number_value(json_object_get(record, "seconds"));
    bool found = json_array_size(json_object_get(record, "findings")) > 0;
    json_t *event = json_copy(begun);

    json_object_set_new(event, "event", json_string("end"));
    json_object_update(event, record);
    json_decref(record);
    if (!journal_append(&n->journal, event, n->d))
        n->unrecorded = true;
    s->rounds++;
    s->used_s += seconds > s->turn_s ? seconds : s->turn_s;
    remove_rounds(n, s->options.path);
    if (found && !n->unrecorded) {
        json_t *reasons = n->reasons, *told;

        n->reasons = json_array(); /* those of a night that goes on are nobody's */
        told = summarize(n);
        write_findings(n, json_object_get(told, "findings"), json_object_get(begun, "round"));
        json_decref(told);
        json_decref(n->reasons);
        n->reasons = reasons;
    }
}

static json_t *utc_now(void)
{
    time_t now = time(NULL);
    char stamp[32];
    struct tm utc;

    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(stamp);
}

static json_t *make_summary(const struct night *n)
{
    json_t *told = summarize(n);
    json_t *summary =
        json_pack("{ss sO sO so so so so sI sf sf}", "schema", "stillpoint-night/1", "name",
                  json_object_get(n->plan, "name"), "started", json_object_get(n->plan, "started"),
                  "ended", utc_now(), "tool", host_tool(), "host", host_describe(), "environment",
                  environment_describe(), "seed", (json_int_t)n->seed, "for_seconds", n->for_s,
                  "used_seconds", night_used_s(n));

    json_object_update(summary, told);
    json_decref(told);
    return summary;
}

int night_conclude(struct night *n)
{
    json_t *summary = make_summary(n), *verdict = json_object_get(summary, "verdict");
    int code = (int)json_integer_value(json_object_get(verdict, "exit_code"));
    bool whole;

    write_findings(n, json_object_get(summary, "findings"), NULL);
    if (n->unrecorded && code != EXIT_CODE_VIOLATION)
        json_object_set_new(verdict, "exit_code", json_integer(code = EXIT_CODE_INTERNAL));
    whole = output_file(n->directory, "summary.json", summary, n->d);
    if (whole)
        output_latest(n->directory, true, n->d);
    else if (code != EXIT_CODE_VIOLATION)
        code = EXIT_CODE_INTERNAL;
    progress_clear(&n->console->progress);
    console_settle(n->console);
    if (!n->console->quiet)
        report_night(n->console->out, summary, n->directory, whole, n->console->color);
    json_decref(summary);
    return code;
}
