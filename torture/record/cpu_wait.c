#include "cpu_wait.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *cpu_wait_proc = "/proc";

/* A line of the kernel's about a thread; empty when there is none. */
static void read_line(int pid, int tid, const char *what, char *line, int size)
{
    char path[128];
    FILE *file = NULL;

    snprintf(path, sizeof path, "%s/%d/task/%d/%s", cpu_wait_proc, pid, tid, what);
    if (tid)
        file = fopen(path, "re");
    if (!file || !fgets(line, size, file))
        line[0] = '\0';
    if (file)
        fclose(file);
}

char cpu_wait_state(int pid, int tid)
{
    char line[512];
    const char *name_end;

    read_line(pid, tid, "stat", line, sizeof line);
    name_end = strrchr(line, ')'); /* "tid (name) state ..." */
    return name_end && name_end[1] == ' ' ? name_end[2] : '\0';
}

/* Its state, and how often it has gone to sleep. */
static char read_status(int pid, int tid, unsigned long *sleeps)
{
    char path[128], line[128], state = '\0';
    FILE *file;

    snprintf(path, sizeof path, "%s/%d/task/%d/status", cpu_wait_proc, pid, tid);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        sscanf(line, "State: %c", &state);
        sscanf(line, "voluntary_ctxt_switches: %lu", sleeps);
    }
    if (file)
        fclose(file);
    return state;
}

/* Whether the kernel names what threads sleep in: it does so of one of these. */
static bool names_places(int pid)
{
    static atomic_bool known;
    bool named = atomic_load_explicit(&known, memory_order_relaxed);
    struct dirent *entry;
    char path[128], place[64];
    DIR *tasks;

    snprintf(path, sizeof path, "%s/%d/task", cpu_wait_proc, pid);
    tasks = named ? NULL : opendir(path);
    while (tasks && !named && (entry = readdir(tasks))) {
        cpu_wait_place(pid, atoi(entry->d_name), place, sizeof place);
        named = *place != '\0';
    }
    if (tasks)
        closedir(tasks);
    atomic_store_explicit(&known, named, memory_order_relaxed);
    return named;
}

struct cpu_sleep cpu_sleep_of(int pid, int tid)
{
    struct cpu_sleep sleep = {.begun = 0};
    char place[64];

    sleep.asleep = read_status(pid, tid, &sleep.begun) == 'S';
    /* One that has lost its CPU on its way to sleep has a sleeper's state, and sleeps nowhere: it
     * may find that it need not sleep. */
    if (sleep.asleep && names_places(pid)) {
        cpu_wait_place(pid, tid, place, sizeof place);
        sleep.asleep = *place != '\0';
    }
    return sleep;
}

bool cpu_wait_keeps(struct cpu_keep *before, int pid, int tid)
{
    struct cpu_keep now = {.tid = tid};
    char state = read_status(pid, tid, &now.sleeps), place[64];
    bool kept;

    cpu_wait_place(pid, tid, place, sizeof place);
    if (state != 'S' || *place || !names_places(pid))
        now.tid = 0;
    kept = state == 'D' || state == 'X' ||
           (now.tid && now.tid == before->tid && now.sleeps == before->sleeps);
    *before = now;
    return kept;
}

void cpu_wait_name(int pid, int tid, char *name, size_t room)
{
    read_line(pid, tid, "comm", name, (int)room);
    name[strcspn(name, "\n")] = '\0';
}

void cpu_wait_place(int pid, int tid, char *place, size_t room)
{
    read_line(pid, tid, "wchan", place, (int)room);
    if (strcmp(place, "0") == 0)
        *place = '\0';
}

int64_t cpu_wait_since(struct cpu_wait *before, int pid, int tid, int64_t step)
{
    struct cpu_wait now;
    int64_t waited = 0;
    char line[128];

    read_line(pid, tid, "schedstat", line, sizeof line);
    now.known = sscanf(line, "%" SCNd64 " %" SCNd64, &now.ran_ns, &now.waited_ns) == 2;
    if (now.known && before->known) {
        waited = now.waited_ns - before->waited_ns;
        /* A wait is added up when it ends: a thread that has waited all along shows none. */
        if (waited == 0 && now.ran_ns == before->ran_ns && cpu_wait_state(pid, tid) == 'R')
            waited = step;
    }
    *before = now;
    return waited;
}

int cpu_wait_open(void)
{
    return open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
}

void cpu_wait_close(int account)
{
    if (account >= 0)
        close(account);
}

int64_t cpu_wait_total(int account)
{
    int64_t waited_ns = 0;
    char line[96];
    ssize_t length = account >= 0 ? pread(account, line, sizeof line - 1, 0) : 0;

    line[length > 0 ? length : 0] = '\0';
    return sscanf(line, "%*s %" SCNd64, &waited_ns) == 1 ? waited_ns : 0;
}
