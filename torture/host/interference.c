#include "interference.h"

#include "torture/record/cpus.h"

#include <inttypes.h>
#include <mntent.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

/* ---- Steal ---- */

/* The total, on average of the CPUs that we may use. When those are others than before, since where
 * we may run was changed or a CPU went away, the averages have nothing to do with one another. */
static int64_t steal_ns(struct interference *w)
{
    FILE *file = fopen("/proc/stat", "re");
    int64_t total = 0;
    char line[512];
    cpu_set_t allowed, counted;
    unsigned cpu, count = 0;
    int64_t steal;

    CPU_ZERO(&counted);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        CPU_ZERO(&allowed); /* of more CPUs than the set has room for: all count */
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "cpu%u %*u %*u %*u %*u %*u %*u %*u %" SCNd64, &cpu, &steal) != 2)
            continue;
        if (CPU_COUNT(&allowed) > 0 && !CPU_ISSET(cpu, &allowed))
            continue;
        total += steal;
        count++;
        CPU_SET(cpu, &counted);
    }
    if (file)
        fclose(file);
    total = count ? total * (SECOND / sysconf(_SC_CLK_TCK)) / count : 0;
    if (!CPU_EQUAL(&counted, &w->counted))
        w->before_ns[INTERFERENCE_STEAL] = total;
    w->counted = counted;
    return total;
}

/* ---- Throttling ---- */

static char *whole_file(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;
    ssize_t length = file ? getdelim(&text, &size, '\0', file) : -1;

    if (file)
        fclose(file);
    if (length > 0)
        return text;
    free(text);
    return NULL;
}

/* The total of a group, over all CPUs; -1: it is not known. */
static int64_t throttled_ns(const char *path)
{
    FILE *file = fopen(path, "re");
    int64_t total = -1, value;
    char line[128];

    while (file && total < 0 && fgets(line, sizeof line, file))
        if (sscanf(line, "throttled_usec %" SCNd64, &value) == 1)
            total = value * 1000; /* cgroup v2 */
        else if (sscanf(line, "throttled_time %" SCNd64, &value) == 1)
            total = value;
    if (file)
        fclose(file);
    return total;
}

/* A group is throttled by its own quota, or by that of one above it. */
static void add_quotas(struct interference *w, size_t *count, const char *mount, char *group)
{
    for (;;) {
        char *slash = strrchr(group, '/'), *path;
        int64_t total;

        if (*count == INTERFERENCE_GROUPS || asprintf(&path, "%s%s/cpu.stat", mount, group) < 0)
            return;
        total = throttled_ns(path);
        if (total >= 0) {
            w->quotas[*count] = path;
            w->throttled_ns[(*count)++] = total;
        } else {
            free(path);
        }
        if (!slash)
            return;
        *slash = 0;
    }
}

static void forget_quotas(struct interference *w)
{
    for (size_t i = 0; i < INTERFERENCE_GROUPS; i++) {
        free(w->quotas[i]);
        w->quotas[i] = NULL;
    }
    free(w->groups);
    w->groups = NULL;
}

static bool is_unified(const struct mntent *mount)
{
    return strcmp(mount->mnt_type, "cgroup2") == 0;
}

/* The group in /proc/PID/cgroup of the hierarchy that is mounted there, if it is that of the
 * controller: "4:cpu,cpuacct:/path", or of all, "0::/path". The root is empty. Heap, NULL: none. */
static char *group_in(const char *groups, const struct mntent *mount, const char *controller)
{
    bool unified = is_unified(mount);
    char wanted[32];

    snprintf(wanted, sizeof wanted, ",%s,", controller);
    if (!unified && (strcmp(mount->mnt_type, "cgroup") != 0 || !hasmntopt(mount, controller)))
        return NULL;
    for (const char *line = groups; line && *line; line = strchr(line, '\n')) {
        char names[256] = "", listed[260] = "";
        int at = 0;

        line += *line == '\n';
        if (unified && strncmp(line, "0::", 3) == 0)
            at = 3;
        else if (!unified && sscanf(line, "%*d:%255[^:]:%n", names, &at) == 1 && at > 0)
            snprintf(listed, sizeof listed, ",%s,", names);
        if (at == 0 || (!unified && !strstr(listed, wanted)))
            continue;
        if (strncmp(line + at, "/\n", 2) == 0)
            return strdup("");
        return strndup(line + at, strcspn(line + at, "\n"));
    }
    return NULL;
}

static void find_quotas(struct interference *w)
{
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    struct mntent *mount;
    size_t count = 0;

    while (mounts && (mount = getmntent(mounts))) {
        char *group = group_in(w->groups, mount, "cpu");

        if (group)
            add_quotas(w, &count, mount->mnt_dir, group);
        free(group);
    }
    if (mounts)
        endmntent(mounts);
}

/* A process that was moved to other groups meanwhile begins anew there. */
static void follow_groups(struct interference *w)
{
    char path[64], *groups;

    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)w->pid);
    groups = whole_file(path);
    if (!groups || (w->groups && strcmp(groups, w->groups) == 0)) {
        free(groups);
        return;
    }
    forget_quotas(w);
    w->groups = groups;
    find_quotas(w);
}

/* Of nested groups the one that was throttled for longest. */
static int64_t take_throttled(struct interference *w)
{
    int64_t longest = 0;

    for (size_t i = 0; i < INTERFERENCE_GROUPS && w->quotas[i]; i++) {
        int64_t total = throttled_ns(w->quotas[i]);

        if (total < 0)
            continue;
        if (total - w->throttled_ns[i] > longest)
            longest = total - w->throttled_ns[i];
        w->throttled_ns[i] = total;
    }
    follow_groups(w);
    return longest / w->cpus;
}

/* ---- Freezing ---- */

/* "FROZEN" in freezer.state, "frozen 1" in cgroup.events: also when a group above it was frozen. */
static bool says_frozen(const char *mount, const char *group, const char *name)
{
    bool frozen = false;
    char line[64], *path;
    FILE *file;

    if (asprintf(&path, "%s%s/%s", mount, group, name) < 0)
        return false;
    file = fopen(path, "re");
    while (file && !frozen && fgets(line, sizeof line, file))
        frozen = strcmp(line, "FROZEN\n") == 0 || strcmp(line, "frozen 1\n") == 0;
    if (file)
        fclose(file);
    free(path);
    return frozen;
}

bool interference_frozen(const struct interference *w)
{
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    struct mntent *mount;
    bool frozen = false;

    while (mounts && !frozen && (mount = getmntent(mounts))) {
        char *group = group_in(w->groups, mount, "freezer");

        if (group)
            frozen = says_frozen(mount->mnt_dir, group,
                                 is_unified(mount) ? "cgroup.events" : "freezer.state");
        free(group);
    }
    if (mounts)
        endmntent(mounts);
    return frozen;
}

/* ---- Pressure ---- */

static int64_t pressure_ns(const char *path)
{
    FILE *file = fopen(path, "re");
    int64_t us = 0;
    char line[128];

    while (file && us == 0 && fgets(line, sizeof line, file))
        sscanf(line, "some avg10=%*f avg60=%*f avg300=%*f total=%" SCNd64, &us);
    if (file)
        fclose(file);
    return us * 1000;
}

/* ---- All of it ---- */

static const char *const pressures[INTERFERENCE_KINDS] = {
    [INTERFERENCE_PRESSURE_CPU] = "/proc/pressure/cpu",
    [INTERFERENCE_PRESSURE_MEMORY] = "/proc/pressure/memory",
    [INTERFERENCE_PRESSURE_IO] = "/proc/pressure/io",
};

void interference_open(struct interference *w, pid_t pid, unsigned threads)
{
    int64_t unheard[INTERFERENCE_KINDS];

    *w = (struct interference){.pid = pid, .cpus = cpus_allowed()};
    if (w->cpus > (int)threads)
        w->cpus = (int)threads;
    if (w->cpus < 1)
        w->cpus = 1;
    interference_take(w, unheard);
}

void interference_close(struct interference *w)
{
    forget_quotas(w);
}

void interference_take(struct interference *w, int64_t ns[INTERFERENCE_KINDS])
{
    for (int i = 0; i < INTERFERENCE_KINDS; i++) {
        int64_t now = i == INTERFERENCE_STEAL ? steal_ns(w)
                      : pressures[i]          ? pressure_ns(pressures[i])
                                              : 0;

        ns[i] = now > w->before_ns[i] ? now - w->before_ns[i] : 0;
        w->before_ns[i] = now;
    }
    ns[INTERFERENCE_THROTTLED] = take_throttled(w);
}
