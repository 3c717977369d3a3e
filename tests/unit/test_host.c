/* The description of the host, its load, and the build. */
#include "torture/host/cgroup.h"
#include "torture/host/host.h"

#include "library.h"

#include <check.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const host_keys[] = {
    "hostname",    "kernel",  "cpu_model",    "cpus",        "cpus_allowed",   "numa_nodes",
    "topology",    "cgroup",  "governor",     "clocksource", "membarrier",     "kvm",
    "virtualised", "boot_id", "memory_bytes", "emulated",    "numa_distances",
};
static const char *const load_keys[] = {"load1", "load5", "running", "steal_ticks", "total_ticks"};
static const char *const tool_keys[] = {"name",  "version",  "commit", "committed",
                                        "dirty", "compiler", "flags"};

static void expect_exactly(json_t *object, const char *const *keys, size_t count)
{
    ck_assert_ptr_nonnull(object);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(json_object_get(object, keys[i]) != NULL, "no key %s", keys[i]);
    ck_assert_uint_eq(json_object_size(object), count);
}

#define EXPECT_EXACTLY(object, keys) expect_exactly(object, keys, sizeof keys / sizeof *(keys))

START_TEST(host_has_all_keys)
{
    json_t *host = host_describe();

    EXPECT_EXACTLY(host, host_keys);
    ck_assert(json_is_boolean(json_object_get(host, "membarrier")));
    ck_assert(json_is_boolean(json_object_get(host, "kvm")));
    ck_assert(json_is_boolean(json_object_get(host, "emulated")));
    if (json_is_false(json_object_get(host, "virtualised")))
        ck_assert(json_is_false(json_object_get(host, "emulated")));
    json_decref(host);
}
END_TEST

/* Writes ROOT/NAME, and the directories above it. */
static void put(const char *root, const char *name, const char *text)
{
    char path[256];
    FILE *out;

    snprintf(path, sizeof path, "%s%s", root, name);
    for (char *slash = path + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        mkdir(path, 0700);
    }
    out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    fputs(text, out);
    fclose(out);
}

static void expect_limits(const char *root, const char *text)
{
    json_t *found = cgroup_describe(root);
    char *dump = found ? json_dumps(found, JSON_COMPACT | JSON_REAL_PRECISION(4)) : NULL;
    char command[64];

    ck_assert_str_eq(dump ? dump : "none", text);
    free(dump);
    json_decref(found);
    snprintf(command, sizeof command, "rm -r %s", root);
    ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c) */
}

START_TEST(limits_are_the_tightest_of_version_2)
{
    char root[] = "/tmp/stillpoint-host-XXXXXX";

    ck_assert_ptr_nonnull(mkdtemp(root));
    put(root, "/proc/self/cgroup", "0::/a/b\n");
    put(root, "/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    put(root, "/sys/fs/cgroup/a/cpu.max", "150000 100000\n");
    put(root, "/sys/fs/cgroup/a/b/memory.max", "4096\n");
    put(root, "/sys/fs/cgroup/a/memory.max", "max\n");
    put(root, "/sys/fs/cgroup/cpuset.cpus.effective", "0-3,6\n");
    expect_limits(root,
                  "{\"version\":2,\"cpus\":\"0-3,6\",\"cpu_quota\":1.5,\"memory_bytes\":4096}");
}
END_TEST

START_TEST(limits_of_version_1_have_a_mount_each)
{
    char root[] = "/tmp/stillpoint-host-XXXXXX";

    ck_assert_ptr_nonnull(mkdtemp(root));
    put(root, "/proc/self/cgroup", "5:cpu,cpuacct:/job\n4:memory:/host/only\n3:cpuset:/\n0::/\n");
    put(root, "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "50000\n");
    put(root, "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
    put(root, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    put(root, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put(root, "/sys/fs/cgroup/cpuset/cpuset.cpus", "1\n");
    expect_limits(root, "{\"version\":1,\"cpus\":\"1\",\"cpu_quota\":0.5,\"memory_bytes\":null}");
}
END_TEST

START_TEST(host_tells_what_any_linux_has)
{
    json_t *host = host_describe();
    const char *kernel = json_string_value(json_object_get(host, "kernel"));
    const char *topology = json_string_value(json_object_get(host, "topology"));

    ck_assert_msg(kernel != NULL && strncmp(kernel, "Linux ", 6) == 0, "kernel: %s", kernel);
    ck_assert_msg(topology != NULL && strncmp(topology, "numa:", 5) == 0 &&
                      strstr(topology, " pu:") != NULL,
                  "topology: %s", topology);
    ck_assert_int_ge(json_integer_value(json_object_get(host, "cpus")), 1);
    ck_assert_int_ge(json_integer_value(json_object_get(host, "numa_nodes")), 1);
    ck_assert_int_gt(json_integer_value(json_object_get(host, "memory_bytes")), 1 << 20);
    json_decref(host);
}
END_TEST

START_TEST(allowed_cpus_follow_the_affinity)
{
    cpu_set_t allowed, one;
    json_t *host;
    int cpu = 0;

    ck_assert_int_eq(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    while (!CPU_ISSET(cpu, &allowed))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    host = host_describe();
    ck_assert_int_eq(json_integer_value(json_object_get(host, "cpus_allowed")), 1);
    json_decref(host);
}
END_TEST

START_TEST(load_has_all_keys)
{
    json_t *load = host_load();

    EXPECT_EXACTLY(load, load_keys);
    json_decref(load);
}
END_TEST

static json_int_t total_ticks(void)
{
    json_t *load = host_load();
    json_int_t ticks = json_integer_value(json_object_get(load, "total_ticks"));

    json_decref(load);
    return ticks;
}

START_TEST(ticks_never_go_back)
{
    json_int_t before = total_ticks();

    /* The kernel may take some of a CPU's idle time back, for a moment. */
    UNTIL(total_ticks() >= before);
}
END_TEST

START_TEST(tool_has_all_keys)
{
    json_t *tool = host_tool();
    json_t *dirty = json_object_get(tool, "dirty");

    EXPECT_EXACTLY(tool, tool_keys);
    ck_assert_str_eq(json_string_value(json_object_get(tool, "name")), "stillpoint");
    ck_assert(json_is_string(json_object_get(tool, "version")));
    ck_assert(json_is_string(json_object_get(tool, "commit")));
    ck_assert(json_is_boolean(dirty) || json_is_null(dirty));
    json_decref(tool);
}
END_TEST

static Suite *host_suite(void)
{
    Suite *suite = suite_create("host");
    TCase *host = tcase_create("host");

    tcase_set_timeout(host, 120);
    tcase_add_test(host, host_has_all_keys);
    tcase_add_test(host, limits_are_the_tightest_of_version_2);
    tcase_add_test(host, limits_of_version_1_have_a_mount_each);
    tcase_add_test(host, host_tells_what_any_linux_has);
    tcase_add_test(host, allowed_cpus_follow_the_affinity);
    tcase_add_test(host, load_has_all_keys);
    tcase_add_test(host, ticks_never_go_back);
    tcase_add_test(host, tool_has_all_keys);
    suite_add_tcase(suite, host);
    return suite;
}

int main(void)
{
    return run_suite(host_suite());
}
