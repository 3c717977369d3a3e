/* The host, from what the kernel shows under /proc and /sys, and from hwloc. */
#include "host.h"

#include "cgroup.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif
#include <glob.h>
#include <hwloc.h>
#include <hwloc/distances.h>
#include <inttypes.h>
#include <linux/membarrier.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The Makefile knows these. */
#ifndef HOST_VERSION
#define HOST_VERSION "unknown"
#endif
#ifndef HOST_COMMIT
#define HOST_COMMIT "unknown"
#endif
#ifndef HOST_COMPILER
#define HOST_COMPILER "unknown"
#endif
#ifndef HOST_FLAGS
#define HOST_FLAGS "unknown"
#endif
#ifndef HOST_COMMITTED
#define HOST_COMMITTED 0 /* seconds since 1970; 0: not known */
#endif
#ifndef HOST_DIRTY
#define HOST_DIRTY "unknown" /* "true" or "false" otherwise */
#endif

/* What cannot be found out (NULL, or no text that JSON can carry) is null. */
static void set(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value != NULL ? value : json_null());
}

/* ---- small files ---- */

/* The first line of a file without its end, in a buffer; NULL when there is none. */
static const char *first_line(const char *path, char *buffer, int size)
{
    FILE *file = fopen(path, "re");
    char *line = file != NULL ? fgets(buffer, size, file) : NULL;

    if (file != NULL)
        fclose(file);
    if (line == NULL)
        return NULL;
    line[strcspn(line, "\n")] = '\0';
    return *line != '\0' ? line : NULL;
}

static json_t *file_string(const char *path)
{
    char buffer[256];
    const char *line = first_line(path, buffer, sizeof buffer);

    return line != NULL ? json_string(line) : NULL;
}

/* The value of the first "key : value" line of /proc/cpuinfo; the caller frees it. */
static char *cpuinfo(const char *key)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char *line = NULL, *value = NULL;
    size_t size = 0, key_length = strlen(key);

    while (file != NULL && value == NULL && getline(&line, &size, file) > 0) {
        char *colon = strchr(line, ':');
        if (colon != NULL && strncmp(line, key, key_length) == 0 &&
            strspn(line + key_length, " \t") == (size_t)(colon - line) - key_length) {
            colon += 1 + strspn(colon + 1, " \t");
            colon[strcspn(colon, "\n")] = '\0';
            value = strdup(colon);
        }
    }
    if (file != NULL)
        fclose(file);
    free(line);
    return value;
}

/* ---- topology ---- */

static void append_range(FILE *out, const char *name, unsigned least, unsigned most)
{
    if (least == most)
        fprintf(out, " %s:%u", name, most);
    else
        fprintf(out, " %s:%u-%u", name, least, most);
}

/* " core:4" when every parent has four, " core:4-8" when they differ; nothing without children. */
static void append_children(FILE *out, hwloc_topology_t t, hwloc_obj_type_t parent,
                            hwloc_obj_type_t child, const char *name)
{
    unsigned least = 0, most = 0;
    hwloc_obj_t object = NULL;

    while ((object = hwloc_get_next_obj_by_type(t, parent, object)) != NULL) {
        int count = hwloc_get_nbobjs_inside_cpuset_by_type(t, object->cpuset, child);
        if (count > 0) {
            least = most == 0 || (unsigned)count < least ? (unsigned)count : least;
            most = (unsigned)count > most ? (unsigned)count : most;
        }
    }
    if (most > 0)
        append_range(out, name, least, most);
}

/* " L3:32MiB", " L2:2x512KiB". */
static void append_cache(FILE *out, hwloc_topology_t t, hwloc_obj_type_t type, const char *name)
{
    int count = hwloc_get_nbobjs_by_type(t, type);
    hwloc_obj_t cache = hwloc_get_obj_by_type(t, type, 0);
    const uint64_t kib = 1024, mib = 1024 * kib;
    uint64_t size = cache != NULL ? cache->attr->cache.size : 0;
    char times[32] = "";

    if (size == 0)
        return;
    if (count > 1)
        snprintf(times, sizeof times, "%dx", count);
    if (size % mib == 0)
        fprintf(out, " %s:%s%" PRIu64 "MiB", name, times, size / mib);
    else
        fprintf(out, " %s:%s%" PRIu64 "KiB", name, times, size / kib);
}

/* The levels as in a synthetic description, each within the one above it; then the caches. */
static json_t *topology_string(hwloc_topology_t t)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    json_t *value;

    if (out == NULL)
        return NULL;
    fprintf(out, "numa:%d", hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_NUMANODE));
    append_children(out, t, HWLOC_OBJ_NUMANODE, HWLOC_OBJ_CORE, "core");
    if (hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_CORE) > 0)
        append_children(out, t, HWLOC_OBJ_CORE, HWLOC_OBJ_PU, "pu");
    else
        append_children(out, t, HWLOC_OBJ_NUMANODE, HWLOC_OBJ_PU, "pu");
    append_cache(out, t, HWLOC_OBJ_L3CACHE, "L3");
    append_cache(out, t, HWLOC_OBJ_L2CACHE, "L2");
    append_cache(out, t, HWLOC_OBJ_L1CACHE, "L1d");
    fclose(out);
    value = text != NULL ? json_string(text) : NULL;
    free(text);
    return value;
}

static json_t *allowed_count(hwloc_topology_t t)
{
    hwloc_bitmap_t allowed = hwloc_bitmap_alloc();
    json_t *value = NULL;

    if (allowed != NULL && hwloc_get_cpubind(t, allowed, HWLOC_CPUBIND_THREAD) == 0)
        value = json_integer(hwloc_bitmap_weight(allowed));
    hwloc_bitmap_free(allowed);
    return value;
}

static hwloc_topology_t load_as_told(void)
{
    hwloc_topology_t t;

    if (hwloc_topology_init(&t) != 0)
        return NULL;
    if (hwloc_topology_load(t) != 0) {
        hwloc_topology_destroy(t);
        return NULL;
    }
    return t;
}

/* This machine, whichever other hwloc is told to show. Called while there is one thread. */
static hwloc_topology_t load_topology(void)
{
    static const char *const names[] = {"HWLOC_XMLFILE", "HWLOC_SYNTHETIC", "HWLOC_FSROOT",
                                        "HWLOC_COMPONENTS", "HWLOC_THISSYSTEM"};
    enum { COUNT = sizeof names / sizeof *names };
    char *kept[COUNT];
    hwloc_topology_t t;

    for (size_t i = 0; i < COUNT; i++) {
        const char *value = getenv(names[i]);

        kept[i] = value ? strdup(value) : NULL;
        unsetenv(names[i]);
    }
    t = load_as_told();
    for (size_t i = 0; i < COUNT; i++) {
        if (kept[i])
            setenv(names[i], kept[i], 1);
        free(kept[i]);
    }
    return t;
}

/* {"0": {"0": 10, "1": 21}, ...}: by the numbers of the nodes, from one to the other. */
static json_t *distances(hwloc_topology_t t)
{
    struct hwloc_distances_s *known = NULL;
    unsigned count = 1;
    json_t *all;

    if (hwloc_distances_get_by_type(t, HWLOC_OBJ_NUMANODE, &count, &known,
                                    HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0) != 0 ||
        count == 0)
        return NULL;
    all = json_object();
    for (unsigned i = 0; i < known->nbobjs; i++) {
        json_t *row = json_object();
        char node[16];

        for (unsigned j = 0; j < known->nbobjs; j++) {
            snprintf(node, sizeof node, "%u", known->objs[j]->os_index);
            json_object_set_new(row, node,
                                json_integer((json_int_t)known->values[i * known->nbobjs + j]));
        }
        snprintf(node, sizeof node, "%u", known->objs[i]->os_index);
        json_object_set_new(all, node, row);
    }
    hwloc_distances_release(t, known);
    return all;
}

static void describe_topology(json_t *host)
{
    hwloc_topology_t t = load_topology();

    set(host, "cpus_allowed", t != NULL ? allowed_count(t) : NULL);
    set(host, "numa_nodes",
        t != NULL ? json_integer(hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_NUMANODE)) : NULL);
    set(host, "numa_distances", t != NULL ? distances(t) : NULL);
    set(host, "topology", t != NULL ? topology_string(t) : NULL);
    if (t != NULL)
        hwloc_topology_destroy(t);
}

/* ---- the rest of the machine ---- */

static void describe_kernel(json_t *host)
{
    struct utsname names;
    bool known = uname(&names) == 0;

    set(host, "hostname", known ? json_string(names.nodename) : NULL);
    set(host, "kernel", known ? json_sprintf("%s %s", names.sysname, names.release) : NULL);
}

static void describe_cpu(json_t *host)
{
    char *model = cpuinfo("model name"), *flags = cpuinfo("flags");
    long online = sysconf(_SC_NPROCESSORS_ONLN);

    /* Not on every architecture: ARM's cpuinfo has neither. */
    set(host, "cpu_model", model != NULL ? json_string(model) : NULL);
    set(host, "virtualised",
        flags != NULL ? json_boolean(strstr(flags, " hypervisor") != NULL) : NULL);
    set(host, "emulated", json_boolean(host_is_emulated()));
    set(host, "cpus", online > 0 ? json_integer(online) : NULL);
    free(model);
    free(flags);
}

bool host_is_emulated(void)
{
#if defined(__x86_64__) || defined(__i386__)
    enum { FEATURES = 1, HYPERVISOR = 0x40000000 };
    const unsigned hypervised = 1u << 31; /* of the third register */
    unsigned a, b, c, d;
    char name[12];

    if (!__get_cpuid(FEATURES, &a, &b, &c, &d) || (c & hypervised) == 0)
        return false;
    __cpuid(HYPERVISOR, a, b, c, d);
    memcpy(name, &b, 4);
    memcpy(name + 4, &c, 4);
    memcpy(name + 8, &d, 4);
    return memcmp(name, "TCGTCGTCGTCG", sizeof name) == 0;
#else
    return false; /* not known */
#endif
}

/* The governor of all CPUs, "mixed" when they differ, NULL where the kernel has none. */
static json_t *governor(void)
{
    json_t *common = NULL;
    glob_t found;

    if (glob("/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor", 0, NULL, &found) != 0)
        return NULL;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        json_t *one = file_string(found.gl_pathv[i]);
        if (common == NULL) {
            common = one;
            continue;
        }
        if (one != NULL && !json_equal(one, common)) {
            json_decref(common);
            common = json_string("mixed");
        }
        json_decref(one);
    }
    globfree(&found);
    return common;
}

static json_t *memory_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

    return pages > 0 && size > 0 ? json_integer((json_int_t)pages * size) : NULL;
}

static bool has_membarrier(void)
{
    long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

    return commands > 0 && (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0;
}

json_t *host_describe(void)
{
    json_t *host = json_object();

    describe_kernel(host);
    describe_cpu(host);
    describe_topology(host);
    set(host, "governor", governor());
    set(host, "clocksource",
        file_string("/sys/devices/system/clocksource/clocksource0/current_clocksource"));
    set(host, "membarrier", json_boolean(has_membarrier()));
    set(host, "kvm", json_boolean(access("/dev/kvm", R_OK | W_OK) == 0));
    set(host, "memory_bytes", memory_bytes());
    set(host, "cgroup", cgroup_describe(""));
    set(host, "boot_id", file_string("/proc/sys/kernel/random/boot_id"));
    return host;
}

/* ---- load and build ---- */

static void describe_load(json_t *load)
{
    char buffer[256];
    double load1 = 0, load5 = 0;
    unsigned long running = 0;
    const char *line = first_line("/proc/loadavg", buffer, sizeof buffer);
    bool known = line != NULL && sscanf(line, "%lf %lf %*f %lu/", &load1, &load5, &running) == 3;

    set(load, "load1", known ? json_real(load1) : NULL);
    set(load, "load5", known ? json_real(load5) : NULL);
    set(load, "running", known ? json_integer((json_int_t)running) : NULL);
}

/* "cpu user nice system idle iowait irq softirq steal ...": what follows steal is in user
 * already. */
static void describe_ticks(json_t *load)
{
    enum { TICKS = 8, STEAL = 7 };
    char buffer[512];
    const char *line = first_line("/proc/stat", buffer, sizeof buffer);
    unsigned long long ticks[TICKS], total = 0;
    bool known = line != NULL &&
                 sscanf(line, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &ticks[0], &ticks[1],
                        &ticks[2], &ticks[3], &ticks[4], &ticks[5], &ticks[6], &ticks[7]) == TICKS;

    for (size_t i = 0; known && i < TICKS; i++)
        total += ticks[i];
    set(load, "steal_ticks", known ? json_integer((json_int_t)ticks[STEAL]) : NULL);
    set(load, "total_ticks", known ? json_integer((json_int_t)total) : NULL);
}

json_t *host_load(void)
{
    json_t *load = json_object();

    describe_load(load);
    describe_ticks(load);
    return load;
}

long long host_oom_kills(void)
{
    FILE *file = fopen("/proc/vmstat", "re");
    char line[128];
    long long kills = -1;

    while (file && kills < 0 && fgets(line, sizeof line, file))
        sscanf(line, "oom_kill %lld", &kills);
    if (file)
        fclose(file);
    return kills;
}

json_t *host_tool(void)
{
    json_t *tool = json_object();
    const char *dirty = HOST_DIRTY;

    set(tool, "name", json_string("stillpoint"));
    set(tool, "version", json_string(HOST_VERSION));
    set(tool, "commit", json_string(HOST_COMMIT));
    set(tool, "committed", HOST_COMMITTED > 0 ? json_integer(HOST_COMMITTED) : NULL);
    set(tool, "dirty",
        strcmp(dirty, "unknown") != 0 ? json_boolean(strcmp(dirty, "true") == 0) : NULL);
    set(tool, "compiler", json_string(HOST_COMPILER));
    set(tool, "flags", json_string(HOST_FLAGS));
    return tool;
}
