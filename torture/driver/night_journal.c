#include "night_journal.h"

#include "torture/record/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static bool is(json_t *event, const char *kind)
{
    const char *text = json_string_value(json_object_get(event, "event"));

    return text && strcmp(text, kind) == 0;
}

static void take(struct night_journal *j, json_t *event)
{
    if (is(event, "begin")) {
        json_decref(j->begun);
        j->begun = json_incref(event);
    } else if (is(event, "end")) {
        json_array_append(j->records, event);
        json_decref(j->begun);
        j->begun = NULL;
    }
}

/* Reads all whole lines; *whole is where the last of them ends. What lies behind it was torn by a
 * crash. */
static bool read_lines(struct night_journal *j, off_t *whole, struct diagnostics *d)
{
    FILE *f = fopen(j->path, "re");
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    unsigned number = 0;
    bool ok = f != NULL;

    *whole = 0;
    if (!f)
        diagnose(d, "%s: %s; name a directory that `stillpoint run --for` made", j->path,
                 strerror(errno));
    while (ok && (length = getline(&line, &room, f)) > 0 && line[length - 1] == '\n') {
        json_t *event = json_loadb(line, (size_t)length, 0, NULL);

        number++;
        if (json_is_object(event)) {
            take(j, event);
            *whole += length;
        } else {
            diagnose(d, "%s:%u: is no event of a night", j->path, number);
            ok = false;
        }
        json_decref(event);
    }
    free(line);
    if (f)
        fclose(f);
    return ok;
}

static bool lock(struct night_journal *j, struct diagnostics *d)
{
    if (flock(j->fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno == EWOULDBLOCK)
        diagnose(d, "%s: another stillpoint is at work in this directory", j->path);
    else
        diagnose(d, "%s: cannot be locked: %s", j->path, strerror(errno));
    return false;
}

bool journal_open(struct night_journal *j, const char *directory, bool resume,
                  struct diagnostics *d)
{
    off_t whole = 0;

    *j = (struct night_journal){.path = text_format("%s/rounds.jsonl", directory),
                                .records = json_array()};
    /* Not blocking: a FIFO of that name is none of ours, and nobody may ever open its other end. */
    j->fd =
        open(j->path,
             O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK | (resume ? 0 : O_CREAT | O_EXCL), 0666);
    if (j->fd < 0) {
        diagnose(d, "%s: %s%s", j->path, strerror(errno),
                 resume ? "; name a directory that `stillpoint run --for` made" : "");
        return false;
    }
    if (!lock(j, d) || (resume && !read_lines(j, &whole, d)))
        return false;
    if (resume && ftruncate(j->fd, whole) != 0) {
        diagnose_refused(d, errno, "ftruncate", "%s: cannot be written", j->path);
        return false;
    }
    return true;
}

void journal_close(struct night_journal *j)
{
    if (j->fd >= 0)
        close(j->fd);
    free(j->path);
    json_decref(j->records);
    json_decref(j->begun);
    *j = (struct night_journal){.fd = -1};
}

static bool write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, text, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        text += n;
        length -= (size_t)n;
    }
    return true;
}

bool journal_append(struct night_journal *j, json_t *event, struct diagnostics *d)
{
    char *dump = json_dumps(event, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
    char *line = text_format("%s\n", dump ? dump : "");
    off_t before = lseek(j->fd, 0, SEEK_END);
    bool written = dump && before >= 0 && write_all(j->fd, line, strlen(line));
    bool ok = written && fsync(j->fd) == 0;

    if (!ok) {
        diagnose_refused(d, errno, written ? "fsync" : "write", "%s: cannot be written", j->path);
        /* A part of a line would spoil the next one. */
        if (before >= 0 && ftruncate(j->fd, before) != 0)
            diagnose(d, "%s: cannot be cut back: %s", j->path, strerror(errno));
    }
    take(j, event);
    json_decref(event);
    free(line);
    free(dump);
    return ok;
}

json_t *journal_read(const char *directory, struct diagnostics *d)
{
    struct night_journal j = {
        .path = text_format("%s/rounds.jsonl", directory), .fd = -1, .records = json_array()};
    off_t whole;
    json_t *records = read_lines(&j, &whole, d) ? json_incref(j.records) : NULL;

    journal_close(&j);
    return records;
}
