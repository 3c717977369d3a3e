#include "known.h"

#include "fingerprint.h"
#include "torture/record/text.h"
#include "torture/scenario/options_complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct known {
    const char *fingerprint, *reason, *expires;
};

static const struct option known_options[] = {
    {.name = "fingerprint",
     .type = OPTION_STRING,
     .offset = offsetof(struct known, fingerprint),
     .help = "Of the finding, as the summary of a night has it"},
    {.name = "reason",
     .type = OPTION_STRING,
     .offset = offsetof(struct known, reason),
     .help = "Why it is accepted, in a sentence"},
    {.name = "expires",
     .type = OPTION_STRING,
     .offset = offsetof(struct known, expires),
     .help = "The last day on which it is, UTC: 2027-01-31"},
    {.name = NULL},
};

/* A day that there is, and in the one form that sorts as text. */
static bool is_date(const char *text)
{
    struct tm day = {.tm_isdst = 0}, again;
    char form[16];
    time_t when;

    if (strlen(text) != 10 ||
        sscanf(text, "%4d-%2d-%2d", &day.tm_year, &day.tm_mon, &day.tm_mday) != 3)
        return false;
    day.tm_year -= 1900;
    day.tm_mon--;
    when = timegm(&day);
    return gmtime_r(&when, &again) && strftime(form, sizeof form, "%Y-%m-%d", &again) > 0 &&
           strcmp(form, text) == 0;
}

static bool check_entry(const struct document *doc, const char *pointer, const char *member,
                        bool good, const char *expected, const char *found)
{
    char *at;

    if (good)
        return true;
    at = pointer_member(pointer, member);
    document_diagnose(doc, at, "\"%s\": expected %s", found, expected);
    free(at);
    return false;
}

static void add_entry(const struct document *doc, json_t *all, size_t index, json_t *given)
{
    char *pointer = pointer_element("/known", index);
    json_t *complete = NULL;
    struct known entry;
    bool ok;

    if (!json_is_object(given))
        document_wrong_type(doc, pointer, "an object", given);
    else
        complete = options_complete_members(known_options, NULL, NULL, given, doc, pointer);
    if (complete) {
        options_store(known_options, complete, &entry);
        ok = check_entry(doc, pointer, "fingerprint", fingerprint_is(entry.fingerprint),
                         "a fingerprint (pipe-age-0123456789ab), as in summary.json",
                         entry.fingerprint);
        ok &= check_entry(doc, pointer, "fingerprint", !json_object_get(all, entry.fingerprint),
                          "each fingerprint once", entry.fingerprint);
        ok &= check_entry(doc, pointer, "reason", *entry.reason != 0, "why it is accepted", "");
        ok &= check_entry(doc, pointer, "expires", is_date(entry.expires),
                          "a day (2027-01-31), the last on which it is accepted", entry.expires);
        if (ok)
            json_object_set(all, entry.fingerprint, complete);
    }
    json_decref(complete);
    free(pointer);
}

static json_t *complete_list(void *context, json_t *given, const char *pointer)
{
    json_t *all, *entry;
    size_t i;

    if (!given)
        document_diagnose(context, pointer, "missing (a list of accepted findings)");
    else if (!json_is_array(given))
        document_wrong_type(context, pointer, "a list of accepted findings", given);
    if (!json_is_array(given))
        return NULL;
    all = json_object();
    json_array_foreach (given, i, entry)
        add_entry(context, all, i, entry);
    return all;
}

json_t *known_read(const char *path, struct diagnostics *d)
{
    static const struct option none[] = {{.name = NULL}};
    static const struct member members[] = {{.name = "known", .complete = complete_list},
                                            {.name = NULL}};
    struct document doc = {.file = path, .d = d};
    unsigned complaints = d->count;
    json_t *root = document_read(path, d), *complete = NULL, *known = NULL;

    if (root)
        complete = options_complete_members(none, members, &doc, root, &doc, "");
    if (complete && d->count == complaints)
        known = json_incref(json_object_get(complete, "known"));
    json_decref(complete);
    json_decref(root);
    return known;
}

bool known_holds(json_t *entry)
{
    const char *expires = json_string_value(json_object_get(entry, "expires"));
    time_t now = time(NULL);
    struct tm utc;
    char today[16];

    gmtime_r(&now, &utc);
    strftime(today, sizeof today, "%Y-%m-%d", &utc);
    return expires && strcmp(today, expires) <= 0;
}
