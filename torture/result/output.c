#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Of events, while the disk takes nothing: those of an hour, at the default interval. */
#define MOST_EVENTS_WAITING ((size_t)64 << 20)

static bool make_directories(const char *path, struct diagnostics *d)
{
    char *part;
    bool ok = true;

    if (!*path) {
        diagnose(d, "--out: the name of a directory is empty");
        return false;
    }
    part = strdup(path);

    for (char *slash = part + 1; ok && slash; *slash = '/', slash++) {
        slash = strchr(slash, '/');
        if (slash)
            *slash = 0;
        if (mkdir(part, 0777) != 0 && errno != EEXIST) {
            diagnose(d, "%s: cannot make the output directory: %s; choose another with --out", part,
                     strerror(errno));
            ok = false;
        }
        if (!slash)
            break;
    }
    free(part);
    return ok;
}

/* Two invocations within a second get names of their own. */
static char *new_directory(const char *base, const char *name, struct diagnostics *d)
{
    char stamp[32], *path = NULL;
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    for (int i = 1; i < 1000; i++) {
        char suffix[16] = "";

        if (i > 1)
            snprintf(suffix, sizeof suffix, "-%d", i);
        if (asprintf(&path, "%s/%s-%s%s", base, stamp, name, suffix) < 0)
            return NULL;
        if (mkdir(path, 0777) == 0)
            return path;
        if (errno != EEXIST)
            break;
        free(path);
        path = NULL;
    }
    diagnose(d, "%s: cannot make the output directory: %s; choose another with --out",
             path ? path : base, strerror(errno));
    free(path);
    return NULL;
}

static bool sync_directory(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return ok;
}

bool output_file(const char *directory, const char *file, json_t *content, struct diagnostics *d)
{
    char *path = NULL, *temporary = NULL;
    const char *call = "open";
    FILE *f = NULL;
    bool ok = asprintf(&path, "%s/%s", directory, file) >= 0 &&
              asprintf(&temporary, "%s/.%s.tmp", directory, file) >= 0;

    ok = ok && (f = fopen(temporary, "we")) != NULL;
    if (ok)
        call = "write";
    ok = ok &&
         json_dumpf(content, f, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9)) ==
             0 &&
         putc('\n', f) != EOF && fflush(f) == 0;
    if (ok)
        call = "fsync";
    ok = ok && fsync(fileno(f)) == 0;
    if (f && fclose(f) != 0)
        ok = false;
    if (ok)
        call = "rename";
    ok = ok && rename(temporary, path) == 0;
    if (ok)
        call = "fsync";
    ok = ok && sync_directory(directory);
    if (!ok) {
        diagnose_refused(d, errno, call, "%s/%s: cannot be written", directory, file);
        if (temporary)
            unlink(temporary);
    }
    free(path);
    free(temporary);
    return ok;
}

static void close_events(struct output *o)
{
    if (o->events)
        writing_close(o->events, -1);
    if (o->events_fd >= 0)
        close(o->events_fd);
    o->events = NULL;
    o->events_fd = -1;
}

void output_discard(struct output *o)
{
    static const char *const files[] = {"scenario.json", "events.jsonl"};
    char *path;

    close_events(o);
    for (size_t i = 0; o->directory && i < 2; i++)
        if (asprintf(&path, "%s/%s", o->directory, files[i]) >= 0) {
            unlink(path);
            free(path);
        }
    if (o->directory)
        rmdir(o->directory);
    free(o->directory);
    free(o->first);
    *o = (struct output){.events_fd = -1};
}

static char *events_path(const struct output *o, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", o->directory, name) < 0 ? NULL : path;
}

/* The directory's own entry is synced too, so that a power cut leaves it where it is. Returns the
 * call that failed, or NULL. */
static const char *open_events(struct output *o, const char *path)
{
    char *base = strdup(o->directory), *slash = strrchr(base, '/');
    const char *failed = NULL;

    o->events_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (o->events_fd < 0) {
        failed = "open";
    } else {
        *slash = 0;
        sync_directory(o->directory);
        sync_directory(base);
        o->events = writing_open(o->events_fd, MOST_EVENTS_WAITING);
        failed = o->events ? NULL : "pthread_create";
    }
    free(base);
    return failed;
}

char *output_directory(const char *base, const char *name, struct diagnostics *d)
{
    return make_directories(base, d) ? new_directory(base, name, d) : NULL;
}

/* With the directory in it: its files. */
static bool begin(struct output *o, json_t *effective, struct diagnostics *d)
{
    const char *failed;
    char *path = NULL;

    if (!output_file(o->directory, "scenario.json", effective, d) ||
        !(path = events_path(o, "events.jsonl"))) {
        output_discard(o);
        return false;
    }
    failed = open_events(o, path);
    if (failed) {
        diagnose_refused(d, errno, failed, "%s: cannot be written", path);
        output_discard(o);
    }
    free(path);
    return !failed;
}

bool output_open(struct output *o, const char *base, const char *name, json_t *effective,
                 struct diagnostics *d)
{
    *o = (struct output){.directory = output_directory(base, name, d), .events_fd = -1};
    return o->directory && begin(o, effective, d);
}

bool output_open_round(struct output *o, const char *directory, json_t *effective,
                       struct diagnostics *d)
{
    *o = (struct output){.directory = strdup(directory), .events_fd = -1, .is_round = true};
    if (o->directory && mkdir(directory, 0777) == 0)
        return begin(o, effective, d);
    diagnose_refused(d, errno, "mkdir", "%s: cannot be made", directory);
    output_free(o);
    return false;
}

static void events_are_lost(struct output *o, int error, const char *call, struct diagnostics *d)
{
    diagnose_refused(d, error, call,
                     "%s/events.jsonl: cannot be written, events from here on are lost",
                     o->directory);
    o->events_failed = true;
}

static void look_for_failure(struct output *o, bool fits, struct diagnostics *d)
{
    const char *call;
    int error = writing_error(o->events, &call);

    if (o->events_failed || (fits && !error))
        return;
    if (error) {
        events_are_lost(o, error, call, d);
        return;
    }
    diagnose(d,
             "%s/events.jsonl: cannot be written, events from here on are lost: the disk has taken "
             "nothing for too long",
             o->directory);
    o->events_failed = true;
}

static char *event_line(json_t *event)
{
    return json_dumps(event, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
}

void output_event(struct output *o, json_t *event, struct diagnostics *d)
{
    char *line;
    bool fits;

    if (o->events_failed)
        return;
    line = event_line(event);
    if (line && !o->first)
        o->first = strdup(line);
    fits = line != NULL;
    if (fits) {
        size_t length = strlen(line);

        line[length] = '\n'; /* over the terminating zero: written by length */
        fits = writing_add(o->events, line, length + 1);
    }
    writing_sync(o->events);
    look_for_failure(o, fits, d);
    free(line);
}

int64_t output_blocked_ns(const struct output *o)
{
    return o->events ? writing_blocked_ns(o->events) : 0;
}

static bool write_ends(const struct output *o, json_t *runs, const char *path)
{
    FILE *f = fopen(path, "we");
    bool ok = f && fprintf(f, "%s\n", o->first) > 0;
    json_t *run;
    size_t i;

    json_array_foreach (ok ? runs : NULL, i, run) {
        json_t *event =
            json_pack("{ss sO sI}", "event", "run-end", "result", run, "run", (json_int_t)i + 1);
        char *line = event_line(event);

        ok = ok && line && fprintf(f, "%s\n", line) > 0;
        free(line);
        json_decref(event);
    }
    ok = ok && fflush(f) == 0 && fsync(fileno(f)) == 0;
    if (f && fclose(f) != 0)
        ok = false;
    return ok;
}

void output_compact(struct output *o, json_t *runs, long most, struct diagnostics *d)
{
    char *path = events_path(o, "events.jsonl"), *temporary = events_path(o, ".events.jsonl.tmp");
    const char *failed;
    struct stat status;

    if (path && temporary && o->first && !o->events_failed && stat(path, &status) == 0 &&
        status.st_size > most) {
        writing_wait(o->events, -1);
        if (write_ends(o, runs, temporary) && rename(temporary, path) == 0) {
            close_events(o);
            sync_directory(o->directory);
            failed = open_events(o, path);
            if (failed)
                events_are_lost(o, errno, failed, d);
        } else {
            unlink(temporary);
        }
    }
    free(path);
    free(temporary);
}

void output_close(struct output *o, struct diagnostics *d)
{
    if (o->events) {
        writing_wait(o->events, -1);
        look_for_failure(o, true, d);
    }
    close_events(o);
}

/* Whether `link` leads to a whole result that was started later than that of the name; names begin
 * with the time. */
static bool is_older(const char *name, const char *link)
{
    char target[4096], *result, *newer;
    ssize_t length = readlink(link, target, sizeof target - 1);
    bool there;

    if (length < 0 || asprintf(&result, "%s/result.json", link) < 0)
        return false;
    there = access(result, F_OK) == 0;
    free(result);
    target[length] = 0;
    newer = strrchr(target, '/');
    newer = newer ? newer + 1 : target;
    return there && strncmp(name, newer, strcspn(name, "-")) < 0;
}

void output_latest(const char *directory, bool newest, struct diagnostics *d)
{
    char *path = realpath(directory, NULL), *name = path ? strrchr(path, '/') : NULL;
    char *link = NULL, *temporary = NULL;

    /* Replaced in one step, so that `latest` never points nowhere. */
    if (name && asprintf(&link, "%.*s/latest", (int)(name - path), path) >= 0 &&
        (newest || !is_older(name + 1, link)) &&
        asprintf(&temporary, "%.*s/.latest-%d", (int)(name - path), path, (int)getpid()) >= 0 &&
        (symlink(name + 1, temporary) != 0 || rename(temporary, link) != 0)) {
        diagnose(d, "%s: cannot be pointed at the result: %s", link, strerror(errno));
        unlink(temporary);
    }
    free(link);
    free(temporary);
    free(path);
}

void output_free(struct output *o)
{
    close_events(o);
    free(o->directory);
    free(o->first);
    *o = (struct output){.events_fd = -1};
}
