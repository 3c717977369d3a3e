#include "cgroup.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of version 1 a limit without a value is a page less than this. */
#define UNLIMITED 9e18

struct limits {
    const char *root;
    double quota, memory; /* CPUs, bytes; INFINITY: none */
    char cpus[256];       /* "": not known */
};

/* The first line of DIRECTORY/NAME; false when there is none. */
static bool read_line(const char *directory, const char *name, char *line, int size)
{
    char *path;
    FILE *in;
    bool got;

    if (asprintf(&path, "%s/%s", directory, name) < 0)
        return false;
    in = fopen(path, "re");
    free(path);
    got = in && fgets(line, size, in);
    if (in)
        fclose(in);
    if (got)
        line[strcspn(line, "\n")] = '\0';
    return got && *line;
}

static double number_in(const char *directory, const char *name)
{
    char line[64], *end = line;
    double value = read_line(directory, name, line, sizeof line) ? strtod(line, &end) : NAN;

    return end == line ? NAN : value;
}

static void take_quota(struct limits *l, double quota, double period)
{
    if (quota > 0 && period > 0)
        l->quota = fmin(l->quota, quota / period);
}

static void take_memory(struct limits *l, double bytes)
{
    if (bytes > 0 && bytes < UNLIMITED)
        l->memory = fmin(l->memory, bytes);
}

/* The first on the way up that names any: those above have as many or more. */
static void take_cpus(struct limits *l, const char *directory, const char *name)
{
    if (!*l->cpus && !read_line(directory, name, l->cpus, sizeof l->cpus))
        *l->cpus = '\0';
}

static void read_v2(struct limits *l, const char *directory)
{
    char line[64];
    double quota, period;

    if (read_line(directory, "cpu.max", line, sizeof line) &&
        sscanf(line, "%lf %lf", &quota, &period) == 2) /* "max 100000" is none */
        take_quota(l, quota, period);
    take_memory(l, number_in(directory, "memory.max"));
    take_cpus(l, directory, "cpuset.cpus.effective");
}

static void read_v1(struct limits *l, const char *directory)
{
    take_quota(l, number_in(directory, "cpu.cfs_quota_us"),
               number_in(directory, "cpu.cfs_period_us"));
    take_memory(l, number_in(directory, "memory.limit_in_bytes"));
    take_cpus(l, directory, "cpuset.effective_cpus");
    take_cpus(l, directory, "cpuset.cpus");
}

/* The group's directory and all above it. In a container the path may be that of the host, which is
 * not there: then the mount is the group. */
static void climb(struct limits *l, const char *mount, const char *path,
                  void (*read_limits)(struct limits *, const char *))
{
    char *directory;
    size_t top;

    if (asprintf(&directory, "%s/sys/fs/cgroup%s%s", l->root, mount, path) < 0)
        return;
    top = strlen(directory) - strlen(path);
    if (access(directory, F_OK) != 0)
        directory[top] = '\0';
    for (;;) {
        size_t length = strlen(directory);

        while (length > top && directory[length - 1] == '/')
            directory[--length] = '\0';
        read_limits(l, directory);
        if (length <= top)
            break;
        while (length > top && directory[length - 1] != '/')
            directory[--length] = '\0';
    }
    free(directory);
}

static bool is_limiting(const char *controllers)
{
    static const char *const names[] = {"cpu", "cpuset", "memory"};
    bool found = false;

    for (const char *at = controllers; *at;) {
        size_t length = strcspn(at, ",");

        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            found = found || (strlen(names[i]) == length && strncmp(at, names[i], length) == 0);
        at += length + (at[length] == ',');
    }
    return found;
}

/* "4:cpu,cpuacct:/path" of version 1, "0::/path" of version 2. */
static void read_group(struct limits *l, char *line, int *version)
{
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : NULL, *mount;

    if (!path)
        return;
    *controllers++ = *path++ = '\0';
    path[strcspn(path, "\n")] = '\0';
    if (!*controllers) {
        climb(l, "", path, read_v2);
        *version = *version ? *version : 2;
    } else if (is_limiting(controllers) && asprintf(&mount, "/%s", controllers) >= 0) {
        climb(l, mount, path, read_v1);
        *version = 1;
        free(mount);
    }
}

static json_t *limit(double value)
{
    return isinf(value) ? json_null() : json_real(value);
}

json_t *cgroup_describe(const char *root)
{
    struct limits l = {.root = root, .quota = INFINITY, .memory = INFINITY};
    char *path, *line = NULL;
    size_t size = 0;
    int version = 0;
    FILE *in = NULL;

    if (asprintf(&path, "%s/proc/self/cgroup", root) >= 0) {
        in = fopen(path, "re");
        free(path);
    }
    while (in && getline(&line, &size, in) > 0)
        read_group(&l, line, &version);
    if (in)
        fclose(in);
    free(line);
    if (!version)
        return NULL;
    return json_pack("{si so so so}", "version", version, "cpus",
                     *l.cpus ? json_string(l.cpus) : json_null(), "cpu_quota", limit(l.quota),
                     "memory_bytes",
                     isinf(l.memory) ? json_null() : json_integer((json_int_t)l.memory));
}
