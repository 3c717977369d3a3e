/* A night: several scenarios in turn, round after round. What a round is worth, and all of them
 * together. A round is one run of one scenario with all of its points, and has a result of its own.
 */
#ifndef STILLPOINT_NIGHT_RESULT_H
#define STILLPOINT_NIGHT_RESULT_H

#include "torture/record/diagnostics.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* The record of a round, as rounds.jsonl has it, from its result: "verdict", "performance",
 * "clean_seconds", "checks", "near_misses", "reasons", "findings" with their fingerprints. */
json_t *night_record(json_t *result);
/* The same of one that came to nothing, and why: its verdict is "broken". */
json_t *night_broken_record(const char *why);

/* Whom a finding is new to. */
struct night_judgement {
    json_t *known; /* by known_read(), or NULL */
    json_t *since; /* records of an earlier night, or NULL */
};

/* "new", "seen" in the earlier night, "known", or "expired": known once, and counts as new. */
const char *night_state(const struct night_judgement *j, const char *fingerprint);
/* Whether it is accepted: it then spoils nothing but its own round. */
bool night_accepts(const struct night_judgement *j, const char *fingerprint);

/* "verdict", "scenarios" and "findings" of a summary. `scenarios` (array of objects with "name" and
 * "path") names the rows, `records` the rounds in order; `reasons` (array of strings, kept) is what
 * else happened. */
json_t *night_summary(json_t *scenarios, json_t *records, const struct night_judgement *j,
                      json_t *reasons);

/* Whether a round's directory is kept: the last of its scenario, the first with some fingerprint,
 * and the first of those with findings, of those that are inconclusive, and of those that only came
 * close. `index` in `records`. */
bool night_keeps(json_t *records, size_t index);

/* report_night.c: the summary as people read it at the end. `written`: it is in the directory. */
void report_night(FILE *f, json_t *summary, const char *directory, bool written, bool color);
/* "7 h 58 min", "3 min 20 s", "4.2 s"; the buffer holds at least 32 bytes. */
const char *report_hours(double seconds, char *buffer);

#endif
