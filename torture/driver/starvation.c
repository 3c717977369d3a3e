#include "starvation.h"

#include "torture/record/clock.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKS_SHARE 20 /* of a CPU for the driver; the kernel's accounts are dear */

struct starved {
    int pid, tid;
    char account[96]; /* ran, waited, turns */
    uint64_t ticks;   /* ran, by another account: on a CPU without ticks that one stands still */
    char state;
    int64_t since_ns; /* CLOCK_MONOTONIC: it has not run since */
};

void starvation_open(struct starvation *s, const char *proc, int pid)
{
    *s = (struct starvation){.proc = proc, .root = pid};
}

void starvation_close(struct starvation *s)
{
    free(s->threads);
    *s = (struct starvation){.proc = NULL};
}

void starvation_forget(struct starvation *s)
{
    free(s->threads);
    s->threads = NULL;
    s->count = 0;
    s->longest_ns = 0;
    s->waiting = 0;
}

static bool read_line(const struct starvation *s, int pid, int tid, const char *what, char *line,
                      int size)
{
    char path[PATH_MAX];
    FILE *file;
    bool read;

    snprintf(path, sizeof path, "%s/%d/task/%d/%s", s->proc, pid, tid, what);
    file = fopen(path, "re");
    read = file && fgets(line, size, file);
    if (file)
        fclose(file);
    return read;
}

/* Of one whose state is that of a sleeper: whether it does not sleep. It sets its state before it
 * goes to sleep, and may lose its CPU in between; then the kernel names nothing that it waits in,
 * as it does of sleepers, where it names it at all. */
static bool is_only_about_to_sleep(struct starvation *s, const struct starved *t)
{
    char line[128];
    bool named;

    if (!read_line(s, t->pid, t->tid, "wchan", line, sizeof line))
        return false;
    named = strcmp(line, "0") != 0;
    s->names_waits = s->names_waits || named;
    return s->names_waits && !named;
}

/* Whether it is kept from running, and has not run by its kernel ticks, which are brought up to
 * date. */
static bool is_kept_waiting(struct starvation *s, struct starved *t)
{
    char line[512], *name_end;
    uint64_t user = 0, system = 0, before = t->ticks;

    if (!read_line(s, t->pid, t->tid, "stat", line, sizeof line))
        return false;
    name_end = strrchr(line, ')'); /* "tid (name) state ..." */
    if (!name_end || sscanf(name_end + 1, " %c%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%" SCNu64 "%" SCNu64,
                            &t->state, &user, &system) != 3)
        return false;
    t->ticks = user + system;
    if (t->ticks != before)
        return false;
    if (t->state == 'S' && is_only_about_to_sleep(s, t))
        t->state = 'R';
    return t->state == 'R' || t->state == 'D';
}

/* The thread as it was at the look before, whose listing goes on at *at. */
static const struct starved *find(const struct starvation *s, int tid, size_t *at)
{
    for (size_t i = *at; i < s->count; i++)
        if (s->threads[i].tid == tid) {
            *at = i + 1;
            return &s->threads[i];
        }
    return NULL;
}

static struct starved look_at(struct starvation *s, int pid, int tid, const struct starved *before,
                              int64_t now)
{
    struct starved t = {.pid = pid, .tid = tid, .ticks = before ? before->ticks : 0};

    if (!read_line(s, pid, tid, "schedstat", t.account, sizeof t.account))
        t.account[0] = '\0';
    if (before && t.account[0] && strcmp(t.account, before->account) == 0 && is_kept_waiting(s, &t))
        t.since_ns = before->since_ns;
    else
        t.since_ns = now;
    return t;
}

static void add(struct starvation *s, const struct starved *t, int64_t now)
{
    s->waiting += now > t->since_ns && t->state == 'R';
    if (now - t->since_ns > s->longest_ns) {
        s->longest_ns = now - t->since_ns;
        s->pid = t->pid;
        s->tid = t->tid;
        s->state = t->state;
    }
    if ((s->count & (s->count - 1)) == 0) /* doubles it */
        s->threads = realloc(s->threads, 2 * (s->count + 1) * sizeof *s->threads);
    s->threads[s->count++] = *t;
}

/* By the CPU's time: one that is preempted while it looks must not stay away for it. */
static int64_t cost_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void look_through(struct starvation *s, struct starvation *seen, int pid, size_t *at,
                         int64_t now);

static void look_at_children(struct starvation *s, struct starvation *seen, int pid, int tid,
                             size_t *at, int64_t now)
{
    char path[PATH_MAX];
    FILE *file;
    int child;

    snprintf(path, sizeof path, "%s/%d/task/%d/children", s->proc, pid, tid);
    file = fopen(path, "re");
    while (file && fscanf(file, "%d", &child) == 1)
        look_through(s, seen, child, at, now);
    if (file)
        fclose(file);
}

static void look_through(struct starvation *s, struct starvation *seen, int pid, size_t *at,
                         int64_t now)
{
    char path[PATH_MAX];
    struct dirent *entry;
    DIR *tasks;

    snprintf(path, sizeof path, "%s/%d/task", s->proc, pid);
    tasks = opendir(path);
    while (tasks && (entry = readdir(tasks))) {
        int tid = atoi(entry->d_name);

        if (tid > 0) {
            struct starved t = look_at(s, pid, tid, find(s, tid, at), now);

            add(seen, &t, now);
            look_at_children(s, seen, pid, tid, at, now);
        }
    }
    if (tasks)
        closedir(tasks);
}

void starvation_look(struct starvation *s)
{
    int64_t now = clock_monotonic_ns(), before = cost_ns();
    struct starvation seen = {.proc = s->proc, .root = s->root};
    bool names_waits;
    size_t at = 0;

    if (now < s->next_ns)
        return;
    look_through(s, &seen, s->root, &at, now);
    seen.next_ns = now + LOOKS_SHARE * (cost_ns() - before);
    names_waits = s->names_waits;
    free(s->threads);
    *s = seen;
    s->names_waits = names_waits;
}
