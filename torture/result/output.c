#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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
    FILE *f = NULL;
    bool ok = asprintf(&path, "%s/%s", directory, file) >= 0 &&
              asprintf(&temporary, "%s/.%s.tmp", directory, file) >= 0;

    ok = ok && (f = fopen(temporary, "we")) != NULL;
    ok = ok &&
         json_dumpf(content, f, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9)) ==
             0 &&
         putc('\n', f) != EOF && fflush(f) == 0 && fsync(fileno(f)) == 0;
    if (f && fclose(f) != 0)
        ok = false;
    ok = ok && rename(temporary, path) == 0 && sync_directory(directory);
    if (!ok) {
        diagnose(d, "%s/%s: cannot be written: %s", directory, file, strerror(errno));
        if (temporary)
            unlink(temporary);
    }
    free(path);
    free(temporary);
    return ok;
}

void output_discard(struct output *o)
{
    static const char *const files[] = {"scenario.json", "events.jsonl"};
    char *path;

    if (o->events)
        fclose(o->events);
    for (size_t i = 0; o->directory && i < 2; i++)
        if (asprintf(&path, "%s/%s", o->directory, files[i]) >= 0) {
            unlink(path);
            free(path);
        }
    if (o->directory)
        rmdir(o->directory);
    free(o->directory);
    *o = (struct output){.directory = NULL};
}

bool output_open(struct output *o, const char *base, const char *name, json_t *effective,
                 struct diagnostics *d)
{
    char *path = NULL;

    *o = (struct output){.directory = NULL};
    if (!make_directories(base, d) || !(o->directory = new_directory(base, name, d)))
        return false;
    if (!output_file(o->directory, "scenario.json", effective, d) ||
        asprintf(&path, "%s/events.jsonl", o->directory) < 0) {
        output_discard(o);
        return false;
    }
    o->events = fopen(path, "we");
    if (!o->events) {
        diagnose(d, "%s: cannot be written: %s", path, strerror(errno));
        output_discard(o);
    }
    free(path);
    return o->events != NULL;
}

void output_event(struct output *o, json_t *event, struct diagnostics *d)
{
    char *line;

    if (o->events_failed)
        return;
    line = json_dumps(event, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
    if (!line || fputs(line, o->events) == EOF || putc('\n', o->events) == EOF ||
        fflush(o->events) != 0) {
        diagnose(d, "%s/events.jsonl: cannot be written: %s; events from here on are lost",
                 o->directory, strerror(errno));
        o->events_failed = true;
    }
    free(line);
}

void output_close(struct output *o, bool whole, struct diagnostics *d)
{
    char *base = strdup(o->directory), *slash = strrchr(base, '/'), *link = NULL, *temporary = NULL;

    if (o->events && fclose(o->events) != 0 && !o->events_failed)
        diagnose(d, "%s/events.jsonl: cannot be written: %s", o->directory, strerror(errno));
    o->events = NULL;
    *slash = 0;
    if (!whole) {
        free(base);
        return;
    }
    /* Replaced in one step, so that `latest` never points nowhere. */
    if (asprintf(&link, "%s/latest", base) >= 0 &&
        asprintf(&temporary, "%s/.latest-%d", base, (int)getpid()) >= 0 &&
        (symlink(slash + 1, temporary) != 0 || rename(temporary, link) != 0)) {
        diagnose(d, "%s: cannot be pointed at the result: %s", link, strerror(errno));
        unlink(temporary);
    }
    free(link);
    free(temporary);
    free(base);
}

void output_free(struct output *o)
{
    if (o->events)
        fclose(o->events);
    free(o->directory);
    *o = (struct output){.directory = NULL};
}
