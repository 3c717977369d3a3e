/* Placement: which thread goes where, on synthetic topologies and on this machine. */
#include "torture/placement/placement.h"
#include "torture/placement/placement_draw.h"
#include "torture/placement/placement_xml.h"
#include "torture/placement/topology.h"
#include "torture/record/cpus.h"

#include "library.h"

#include <check.h>
#include <hwloc/distances.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WHERE       "mine.json"
#define THREADS_MAX 1024

/* ---- what the tests have in common ---- */

static char names[THREADS_MAX][32];
static const char *name_list[THREADS_MAX], *role_list[THREADS_MAX];
static size_t thread_count;
static struct diagnostics notes, errors;

static void add_threads(const char *role, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_lt(thread_count, THREADS_MAX);
        snprintf(names[thread_count], sizeof names[0], "%s-%zu", role, i);
        name_list[thread_count] = names[thread_count];
        role_list[thread_count++] = role;
    }
}

static json_t *parse(const char *config)
{
    json_t *object = config != NULL ? json_loads(config, 0, NULL) : NULL;

    ck_assert(config == NULL || object != NULL);
    return object;
}

static struct placement *plan(const char *config, const char *synthetic)
{
    json_t *object = parse(config);
    struct placement *p = placement_plan(object, name_list, role_list, thread_count, synthetic,
                                         WHERE, &notes, &errors);

    json_decref(object);
    return p;
}

static void reset(void)
{
    thread_count = 0;
    diagnostics_free(&notes);
    diagnostics_free(&errors);
}

static const char *text_of(const struct diagnostics *d)
{
    return d->text != NULL ? d->text : "";
}

static void expect_cpus(const char *config, const char *synthetic, const int *cpus)
{
    struct placement *p = plan(config, synthetic);

    ck_assert_msg(p != NULL, "%s", text_of(&errors));
    for (size_t i = 0; i < thread_count; i++) {
        ck_assert_msg(placement_slot(p, i)->os_cpu == cpus[i], "%s is on PU %d instead of %d",
                      names[i], placement_slot(p, i)->os_cpu, cpus[i]);
    }
    placement_free(p);
}

static void expect_error(const char *config, const char *synthetic, const char *lines)
{
    struct placement *p = plan(config, synthetic);

    ck_assert_ptr_null(p);
    ck_assert_str_eq(text_of(&errors), lines);
    diagnostics_free(&errors);
}

static void expect_drawing(const char *config, const char *synthetic, const char *drawing)
{
    struct placement *p = plan(config, synthetic);
    char *text;

    ck_assert_msg(p != NULL, "%s", text_of(&errors));
    text = placement_draw(p);
    ck_assert_str_eq(text, drawing);
    free(text);
    placement_free(p);
}

static int first_allowed_cpu(void)
{
    cpu_set_t allowed;

    ck_assert_int_eq(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            return cpu;
    ck_abort_msg("no CPU is allowed");
    return -1;
}

#define COMPACT "{\"policy\": \"compact\", \"memory\": \"local\"}"
#define SCATTER "{\"policy\": \"scatter\", \"memory\": \"local\"}"
#define NONE    "{\"policy\": \"none\", \"memory\": \"local\"}"
#define REMOTE  "{\"policy\": \"compact\", \"memory\": \"remote\"}"
#define ROLES(policy, roles) \
    "{\"policy\": \"" policy "\", \"memory\": \"local\", \"roles\": {" roles "}}"

/* ---- policies ---- */

START_TEST(compact_fills_cores_then_nodes)
{
    add_threads("reader", 10);
    expect_cpus(COMPACT, "numa:2 core:2 pu:2", (int[]){0, 1, 2, 3, 4, 5, 6, 7, 0, 1});
}
END_TEST

START_TEST(scatter_crosses_nodes_then_cores_then_pus)
{
    add_threads("reader", 10);
    expect_cpus(SCATTER, "numa:2 core:2 pu:2", (int[]){0, 4, 2, 6, 1, 5, 3, 7, 0, 4});
}
END_TEST

START_TEST(scatter_on_a_larger_machine)
{
    static int cpus[64];
    size_t next = 0;

    for (int pu = 0; pu < 2; pu++) {
        for (int core = 0; core < 8; core++)
            for (int node = 0; node < 4; node++)
                cpus[next++] = node * 16 + core * 2 + pu;
    }
    add_threads("reader", 64);
    expect_cpus(SCATTER, "numa:4 core:8 pu:2", cpus);
    ck_assert_str_eq(text_of(&notes), "");
}
END_TEST

START_TEST(slots_tell_node_and_both_numbers_of_a_pu)
{
    struct placement *p;

    add_threads("reader", 3);
    p = plan(SCATTER, "numa:2 core:2 pu:2(indexes=0,4,1,5,2,6,3,7)");
    ck_assert_ptr_nonnull(p);
    ck_assert_int_eq(placement_slot(p, 2)->pu, 2);
    ck_assert_int_eq(placement_slot(p, 2)->os_cpu, 1);
    ck_assert_int_eq(placement_slot(p, 2)->node, 0);
    ck_assert_int_eq(placement_slot(p, 1)->node, 1);
    placement_free(p);
}
END_TEST

START_TEST(none_binds_nothing)
{
    struct placement *p;

    add_threads("reader", 2);
    p = plan(NONE, "numa:2 core:2 pu:2");
    ck_assert_ptr_nonnull(p);
    ck_assert_int_eq(placement_slot(p, 1)->pu, -1);
    ck_assert_int_eq(placement_slot(p, 1)->os_cpu, -1);
    ck_assert_int_eq(placement_slot(p, 1)->node, -1);
    placement_free(p);
}
END_TEST

START_TEST(topology_without_cores_scatters_over_pus)
{
    add_threads("reader", 4);
    expect_cpus(SCATTER, "numa:2 pu:2", (int[]){0, 2, 1, 3});
    expect_cpus(COMPACT, "pu:4", (int[]){0, 1, 2, 3});
}
END_TEST

/* ---- sets of roles ---- */

START_TEST(a_role_is_dealt_over_its_own_set)
{
    add_threads("reader", 4);
    add_threads("updater", 3);
    expect_cpus(ROLES("compact", "\"reader\": {\"cpuset\": \"0-1,7\"}"), "numa:2 core:2 pu:2",
                (int[]){0, 1, 7, 0, 0, 1, 2});
}
END_TEST

START_TEST(a_role_may_have_nodes)
{
    add_threads("reader", 3);
    expect_cpus(ROLES("scatter", "\"reader\": {\"numa\": [1]}"), "numa:2 core:2 pu:2",
                (int[]){4, 6, 5});
    expect_cpus(ROLES("scatter", "\"reader\": {\"numa\": [0, 1]}"), "numa:2 core:2 pu:2",
                (int[]){0, 4, 2});
}
END_TEST

START_TEST(cpuset_and_nodes_both_restrict)
{
    add_threads("reader", 3);
    expect_cpus(ROLES("none", "\"reader\": {\"cpuset\": \"0-5\", \"numa\": [1]}"),
                "numa:2 core:2 pu:2", (int[]){4, 5, 4});
}
END_TEST

START_TEST(without_policy_only_roles_with_a_set_are_bound)
{
    add_threads("reader", 1);
    add_threads("updater", 1);
    expect_cpus(ROLES("none", "\"updater\": {\"cpuset\": \"3\"}"), "numa:2 core:2 pu:2",
                (int[]){-1, 3});
}
END_TEST

START_TEST(cpusets_take_the_systems_numbers)
{
    add_threads("reader", 2);
    expect_cpus(ROLES("compact", "\"reader\": {\"cpuset\": \"4-5\"}"),
                "numa:2 core:2 pu:2(indexes=0,4,1,5,2,6,3,7)", (int[]){4, 5});
}
END_TEST

START_TEST(set_of_a_role_without_threads_is_noted)
{
    add_threads("reader", 1);
    expect_cpus(ROLES("none", "\"updater\": {\"cpuset\": \"3\"}"), "numa:2 core:2 pu:2",
                (int[]){-1});
    ck_assert_str_eq(text_of(&notes),
                     "placement has a set for role updater, which has no threads here\n");
}
END_TEST

/* ---- roles kept apart ---- */

#define APART(policy) "{\"policy\": \"" policy "\", \"memory\": \"local\"}"

START_TEST(roles_are_kept_at_the_distance_of_the_policy)
{
    add_threads("reader", 1);
    add_threads("updater", 1);
    expect_cpus(APART("same-core"), "numa:4 core:2 pu:2", (int[]){0, 1});
    expect_cpus(APART("same-node"), "numa:4 core:2 pu:2", (int[]){0, 2});
    expect_cpus(APART("nearest-node"), "numa:4 core:2 pu:2", (int[]){0, 4});
    expect_cpus(APART("farthest-node"), "numa:4 core:2 pu:2", (int[]){0, 8});
    expect_cpus(APART("same-core"), "numa:4 core:32 pu:2", (int[]){0, 1});
    expect_cpus(APART("same-node"), "numa:4 core:32 pu:2", (int[]){0, 2});
    expect_cpus(APART("nearest-node"), "numa:4 core:32 pu:2", (int[]){0, 64});
    expect_cpus(APART("farthest-node"), "numa:4 core:32 pu:2", (int[]){0, 128});
    expect_cpus(APART("same-core"), "core:2 pu:2", (int[]){0, 1});
    expect_cpus(APART("same-node"), "core:2 pu:1", (int[]){0, 1});
    ck_assert_str_eq(text_of(&notes), "");
}
END_TEST

START_TEST(each_thread_of_another_role_is_beside_one_of_the_first)
{
    add_threads("reader", 2);
    add_threads("updater", 3);
    expect_cpus(APART("same-core"), "numa:2 core:2 pu:2", (int[]){0, 4, 1, 5, 1});
    expect_cpus(APART("nearest-node"), "numa:2 core:2 pu:2", (int[]){0, 4, 6, 2, 5});
}
END_TEST

START_TEST(roles_kept_apart_may_have_sets)
{
    add_threads("reader", 1);
    add_threads("updater", 1);
    expect_cpus(ROLES("same-core", "\"reader\": {\"cpuset\": \"5\"}"), "numa:2 core:2 pu:2",
                (int[]){5, 4});
    expect_cpus(ROLES("nearest-node", "\"updater\": {\"cpuset\": \"3,7\"}"), "numa:2 core:2 pu:2",
                (int[]){0, 7});
    expect_error(ROLES("same-core", "\"updater\": {\"cpuset\": \"7\"}"), "numa:2 core:2 pu:2",
                 WHERE ": /placement/roles/updater: none of its CPUs is where policy same-core "
                       "wants it\n");
}
END_TEST

START_TEST(a_distance_that_the_machine_lacks_is_named)
{
    add_threads("reader", 1);
    add_threads("updater", 1);
    expect_error(APART("same-core"), "numa:2 core:2 pu:1",
                 WHERE ": /placement/policy: same-core needs two PUs of one core\n");
    expect_error(APART("same-node"), "numa:2 core:1 pu:2",
                 WHERE ": /placement/policy: same-node needs two cores of one NUMA node\n");
    expect_error(APART("nearest-node"), "core:2 pu:2",
                 WHERE ": /placement/policy: nearest-node needs two NUMA nodes\n");
    expect_error(APART("farthest-node"), "core:2 pu:2",
                 WHERE ": /placement/policy: farthest-node needs two NUMA nodes\n");
}
END_TEST

static void expect_lack(const char *config, const char *machine, const char *expected)
{
    json_t *object = parse(config);
    char *lack;

    setenv("HWLOC_SYNTHETIC", machine, 1);
    lack = placement_lack(object);
    unsetenv("HWLOC_SYNTHETIC");
    ck_assert_str_eq(lack != NULL ? lack : "", expected);
    free(lack);
    json_decref(object);
}

START_TEST(what_this_machine_lacks_is_known_before_a_run)
{
    static const char *const remote = "{\"policy\": \"same-core\", \"memory\": \"remote\"}";

    expect_lack(APART("nearest-node"), "core:2 pu:2",
                "placement.policy nearest-node needs two NUMA nodes");
    expect_lack(APART("nearest-node"), "numa:2 core:2 pu:2", "");
    expect_lack(APART("same-core"), "core:2 pu:2", "");
    expect_lack(remote, "core:2 pu:2", "placement.memory remote needs two NUMA nodes");
    expect_lack(remote, "numa:2 core:2 pu:2", "");
    expect_lack(REMOTE, "core:2 pu:2", "");
    expect_lack(NULL, "core:2 pu:2", "");
}
END_TEST

/* ---- errors ---- */

START_TEST(cpu_that_is_not_there_is_named)
{
    add_threads("reader", 1);
    expect_error(ROLES("none", "\"reader\": {\"cpuset\": \"0,7\"}"), "core:2 pu:1",
                 WHERE ": /placement/roles/reader/cpuset: CPU 7 is not available here "
                       "(allowed: 0-1)\n");
}
END_TEST

START_TEST(node_that_is_not_there_is_named)
{
    add_threads("reader", 1);
    expect_error(ROLES("none", "\"reader\": {\"numa\": [0, 2]}"), "numa:2 pu:1",
                 WHERE ": /placement/roles/reader/numa/1: NUMA node 2 does not exist here "
                       "(nodes: 0-1)\n");
}
END_TEST

START_TEST(set_without_any_cpu_is_refused)
{
    add_threads("reader", 1);
    expect_error(ROLES("none", "\"reader\": {\"cpuset\": \"0\", \"numa\": [1]}"), "numa:2 pu:1",
                 WHERE ": /placement/roles/reader: no CPU that is allowed here is in both the "
                       "cpuset and the NUMA nodes\n");
}
END_TEST

START_TEST(every_mistake_is_told)
{
    add_threads("reader", 1);
    expect_error(ROLES("none", "\"a\": {\"cpuset\": 3}, \"b\": {\"cpus\": \"0\"}, \"c\": {},"
                               "\"d\": {\"numa\": 0}, \"e\": {\"numa\": [\"0\"]}"),
                 "numa:2 pu:1",
                 WHERE ": /placement/roles/a/cpuset: expected a list of CPUs (\"0-1,3\")\n" WHERE
                       ": /placement/roles/b/cpus: unknown key (there are cpuset and numa)\n" WHERE
                       ": /placement/roles/c: expected an object with cpuset, numa or both\n" WHERE
                       ": /placement/roles/d/numa: expected a list of NUMA nodes ([0, 1])\n" WHERE
                       ": /placement/roles/e/numa/0: expected the number of a NUMA node\n");
}
END_TEST

START_TEST(malformed_cpu_lists_are_refused)
{
    static const char *const lists[] = {
        "", ",", "0,", "-1", "1-", "1-0", "0 - 1", "0x1", "all", "1;2", "99999999999999999999"};

    add_threads("reader", 1);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char config[128];
        snprintf(config, sizeof config,
                 "{\"policy\": \"none\", \"roles\": {\"reader\": {\"cpuset\": \"%s\"}}}", lists[i]);
        expect_error(config, "pu:2",
                     WHERE ": /placement/roles/reader/cpuset: expected a list of CPUs "
                           "(\"0-1,3\")\n");
    }
}
END_TEST

START_TEST(unknown_policy_and_memory_are_refused)
{
    expect_error("{\"policy\": \"spread\"}", "pu:2",
                 WHERE ": /placement/policy: expected one of scatter compact none same-core "
                       "same-node nearest-node farthest-node\n");
    expect_error("{\"policy\": \"none\", \"memory\": \"far\"}", "pu:2",
                 WHERE ": /placement/memory: expected one of local remote interleave\n");
    expect_error("{\"policy\": \"none\", \"roles\": []}", "pu:2",
                 WHERE ": /placement/roles: expected an object\n");
}
END_TEST

START_TEST(bad_synthetic_descriptions_are_refused)
{
    expect_error(NONE, "numa:x",
                 "--synthetic \"numa:x\": not a topology (as in \"numa:2 core:8 pu:2\", pu "
                 "last)\n");
    expect_error(NONE, "",
                 "--synthetic \"\": not a topology (as in \"numa:2 core:8 pu:2\", pu last)\n");
    expect_error(NONE, "numa:9999 core:9999 pu:9",
                 "--synthetic \"numa:9999 core:9999 pu:9\": more than 16384 PUs\n");
}
END_TEST

/* ---- notes ---- */

START_TEST(more_threads_than_pus_is_noted_once)
{
    add_threads("reader", 8);
    expect_cpus(SCATTER, "core:2 pu:1", (int[]){0, 1, 0, 1, 0, 1, 0, 1});
    ck_assert_str_eq(text_of(&notes), "8 threads on 2 PUs; latencies include the scheduler\n");
}
END_TEST

START_TEST(threads_crowded_by_a_set_are_noted)
{
    add_threads("reader", 3);
    add_threads("updater", 1);
    expect_cpus(ROLES("scatter", "\"reader\": {\"cpuset\": \"7\"}"), "numa:2 core:2 pu:2",
                (int[]){7, 7, 7, 0});
    ck_assert_str_eq(text_of(&notes), "3 threads on 1 PU; latencies include the scheduler\n");
}
END_TEST

START_TEST(one_node_degrades_memory_with_one_note)
{
    add_threads("reader", 2);
    expect_cpus("{\"policy\": \"scatter\", \"memory\": \"remote\"}", "core:2 pu:1", (int[]){0, 1});
    ck_assert_str_eq(text_of(&notes), "1 NUMA node: memory is local instead of remote\n");
    diagnostics_free(&notes);
    expect_cpus("{\"policy\": \"scatter\", \"memory\": \"interleave\"}", "core:2 pu:1",
                (int[]){0, 1});
    ck_assert_str_eq(text_of(&notes), "1 NUMA node: memory is local instead of interleaved\n");
}
END_TEST

#define SHOWN "/tmp/stillpoint-topology-XXXXXX"

/* Until hide() the machine is one that a file shows, as HWLOC_XMLFILE does. */
static void show(hwloc_topology_t t, char *file)
{
    close(mkstemp(file));
    ck_assert_int_eq(hwloc_topology_export_xml(t, file, 0), 0);
    setenv("HWLOC_XMLFILE", file, 1);
    hwloc_topology_destroy(t);
}

static void hide(const char *file)
{
    unsetenv("HWLOC_XMLFILE");
    unlink(file);
}

static struct placement *plan_from_file(hwloc_topology_t t, const char *config)
{
    char file[] = SHOWN;
    struct placement *p;

    show(t, file);
    p = plan(config, NULL);
    hide(file);
    ck_assert_msg(p != NULL, "%s", text_of(&errors));
    return p;
}

static hwloc_topology_t synthetic(const char *text)
{
    hwloc_topology_t t;

    hwloc_topology_init(&t);
    ck_assert_int_eq(hwloc_topology_set_synthetic(t, text), 0);
    ck_assert_int_eq(hwloc_topology_load(t), 0);
    return t;
}

static void expect_memory(struct placement *p, const char *line)
{
    char *text = placement_draw(p);

    ck_assert_msg(strstr(text, line) != NULL, "%s", text);
    free(text);
    placement_free(p);
}

START_TEST(remote_memory_is_of_another_package)
{
    expect_memory(
        plan(REMOTE, "package:2 numa:2 core:1 pu:1"),
        "Memory is remote: NUMA 0 from 2, NUMA 1 from 3, NUMA 2 from 0, NUMA 3 from 1.\n");
}
END_TEST

/* Four nodes, the first two of which are far from each other. */
static hwloc_topology_t with_distances(void)
{
    hwloc_topology_t t = synthetic("package:2 numa:2 core:1 pu:1");
    static hwloc_uint64_t far[] = {10, 30, 20, 20, 30, 10, 20, 20, 20, 20, 10, 12, 20, 20, 12, 10};
    hwloc_obj_t nodes[4];
    hwloc_distances_add_handle_t handle = hwloc_distances_add_create(
        t, "made", HWLOC_DISTANCES_KIND_MEANS_LATENCY | HWLOC_DISTANCES_KIND_FROM_USER, 0);

    for (unsigned i = 0; i < 4; i++)
        nodes[i] = hwloc_get_obj_by_type(t, HWLOC_OBJ_NUMANODE, i);
    ck_assert_int_eq(hwloc_distances_add_values(t, handle, 4, nodes, far, 0), 0);
    ck_assert_int_eq(hwloc_distances_add_commit(t, handle, 0), 0);
    return t;
}

START_TEST(distances_choose_the_other_node)
{
    static const struct {
        const char *config;
        int node;
    } policies[] = {{APART("nearest-node"), 2}, {APART("farthest-node"), 1}};

    add_threads("reader", 1);
    add_threads("updater", 1);
    for (size_t i = 0; i < 2; i++) {
        struct placement *p = plan_from_file(with_distances(), policies[i].config);

        ck_assert_int_eq(placement_slot(p, 0)->node, 0);
        ck_assert_int_eq(placement_slot(p, 1)->node, policies[i].node);
        placement_free(p);
    }
}
END_TEST

START_TEST(remote_memory_is_the_farthest_by_distances)
{
    expect_memory(
        plan_from_file(with_distances(), REMOTE),
        "Memory is remote: NUMA 0 from 1, NUMA 1 from 0, NUMA 2 from 0, NUMA 3 from 1.\n");
}
END_TEST

START_TEST(nodes_without_memory_give_none)
{
    hwloc_topology_t t = synthetic("numa:3 pu:1");

    for (unsigned i = 0; i < 2; i++)
        hwloc_get_obj_by_type(t, HWLOC_OBJ_NUMANODE, i)->attr->numanode.local_memory = 0;
    expect_memory(plan_from_file(t, REMOTE), "");
    ck_assert_str_eq(text_of(&notes), "1 NUMA node with memory that may be used here: memory is "
                                      "local instead of remote\n");
}
END_TEST

START_TEST(the_near_node_is_the_own_one_or_has_memory)
{
    hwloc_topology_t machine = synthetic("package:2 numa:2 core:1 pu:1");
    char file[] = SHOWN;
    struct topology *t;

    hwloc_get_obj_by_type(machine, HWLOC_OBJ_NUMANODE, 2)->attr->numanode.local_memory = 0;
    show(machine, file);
    t = topology_read(NULL, &errors);
    hide(file);
    ck_assert_msg(t != NULL, "%s", text_of(&errors));
    ck_assert_int_eq(topology_near_node(t, 0), 0);
    ck_assert_int_eq(topology_near_node(t, 1), 1);
    ck_assert_int_eq(topology_near_node(t, 2), 3); /* of the same package */
    ck_assert_int_eq(topology_near_node(t, 3), 3);
    topology_free(t);
}
END_TEST

START_TEST(numbers_of_cpus_may_have_gaps)
{
    add_threads("reader", 4);
    expect_cpus(COMPACT, "core:3 pu:1(indexes=1,5,8)", (int[]){1, 5, 8, 1});
}
END_TEST

START_TEST(a_run_on_a_foreign_topology_is_bound_nowhere)
{
    struct placement *p;

    add_threads("reader", 2);
    p = plan_from_file(synthetic("numa:4 pu:2"), COMPACT);
    placement_release_foreign(p, &notes);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(placement_slot(p, i)->os_cpu, -1);
        ck_assert_int_eq(placement_slot(p, i)->node, -1);
    }
    ck_assert(strstr(text_of(&notes), "not this machine's: no thread is bound") != NULL);
    placement_free(p);
    reset();
    add_threads("reader", 1);
    p = plan(COMPACT, NULL);
    placement_release_foreign(p, &notes);
    ck_assert_int_ge(placement_slot(p, 0)->os_cpu, 0);
    ck_assert_str_eq(text_of(&notes), "");
    placement_free(p);
}
END_TEST

START_TEST(remote_memory_of_unbound_threads_is_noted)
{
    add_threads("reader", 2);
    expect_cpus("{\"policy\": \"none\", \"memory\": \"remote\"}", "numa:2 pu:1", (int[]){-1, -1});
    ck_assert_str_eq(text_of(&notes),
                     "memory is remote for threads that are bound only; local for the others\n");
}
END_TEST

/* ---- drawing ---- */

#define NOT_HERE "Not this machine: planned only, nothing was bound.\n"

START_TEST(drawing_of_a_small_machine)
{
    add_threads("reader", 2);
    add_threads("updater", 1);
    add_threads("vcpu", 1);
    add_threads("quiet-reader", 2);
    expect_drawing(SCATTER, "numa:2 core:2 pu:2",
                   "NUMA 0   core 0  PU 0 reader-0   PU 1 quiet-reader-0\n"
                   "         core 1  PU 2 updater-0  PU 3 .\n"
                   "NUMA 1   core 2  PU 4 reader-1   PU 5 quiet-reader-1\n"
                   "         core 3  PU 6 vcpu-0     PU 7 .\n" NOT_HERE);
}
END_TEST

START_TEST(drawing_with_several_threads_on_a_pu_and_unbound_ones)
{
    add_threads("reader", 3);
    add_threads("updater", 2);
    expect_drawing(ROLES("none", "\"reader\": {\"cpuset\": \"0-1\"}"), "core:1 pu:2",
                   "NUMA 0   core 0  PU 0 reader-0 reader-2  PU 1 reader-1\n"
                   "any PU   updater-0 updater-1\n" NOT_HERE);
}
END_TEST

START_TEST(drawing_wraps_long_lists_under_their_column)
{
    add_threads("reader", 18);
    expect_drawing(COMPACT, "core:1 pu:2",
                   "NUMA 0   core 0  PU 0 reader-0 reader-2 reader-4 reader-6  "
                   "PU 1 reader-1 reader-3 reader-5 reader-7\n"
                   "                      reader-8 reader-10 reader-12         "
                   "     reader-9 reader-11 reader-13\n"
                   "                      reader-14 reader-16                  "
                   "     reader-15 reader-17\n" NOT_HERE);
    expect_drawing(NONE, "pu:1",
                   "NUMA 0   PU 0 .\n"
                   "any PU   reader-0 reader-1 reader-2 reader-3 reader-4 reader-5 reader-6 "
                   "reader-7 reader-8 reader-9\n"
                   "         reader-10 reader-11 reader-12 reader-13 reader-14 reader-15 "
                   "reader-16 reader-17\n" NOT_HERE);
}
END_TEST

START_TEST(drawing_of_a_large_machine_leaves_empty_cores_out)
{
    add_threads("reader", 6);
    expect_drawing(SCATTER, "numa:4 core:32 pu:2",
                   "NUMA 0   core   0  PU   0 reader-0  PU   1 .\n"
                   "         core   1  PU   2 reader-4  PU   3 .\n"
                   "         cores 2-31: .\n"
                   "NUMA 1   core  32  PU  64 reader-1  PU  65 .\n"
                   "         core  33  PU  66 reader-5  PU  67 .\n"
                   "         cores 34-63: .\n"
                   "NUMA 2   core  64  PU 128 reader-2  PU 129 .\n"
                   "         cores 65-95: .\n"
                   "NUMA 3   core  96  PU 192 reader-3  PU 193 .\n"
                   "         cores 97-127: .\n" NOT_HERE);
}
END_TEST

START_TEST(drawing_stays_under_100_columns_whatever_the_machine)
{
    static const char *const machines[] = {"numa:4 core:32 pu:2", "numa:16 core:64 pu:8",
                                           "core:2 pu:8", "pu:700", "numa:2 core:1 pu:40"};

    add_threads("synchronizing-updater", 600);
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        struct placement *p = plan(SCATTER, machines[i]);
        char *text;
        size_t mentioned = 0;
        ck_assert_ptr_nonnull(p);
        text = placement_draw(p);
        for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
            ck_assert_uint_lt(strcspn(line, "\n"), 100);
            ck_assert_int_ne(line[strcspn(line, "\n") - 1], ' ');
        }
        for (const char *at = text; (at = strstr(at, "updater-")) != NULL; at++)
            mentioned++;
        ck_assert_uint_eq(mentioned, thread_count);
        free(text);
        placement_free(p);
    }
}
END_TEST

START_TEST(drawing_tells_where_memory_comes_from)
{
    add_threads("reader", 1);
    expect_drawing("{\"policy\": \"compact\", \"memory\": \"remote\"}", "numa:3 pu:1",
                   "NUMA 0   PU 0 reader-0\n"
                   "NUMA 1   PU 1 .\n"
                   "NUMA 2   PU 2 .\n"
                   "Memory is remote: NUMA 0 from 1, NUMA 1 from 2, NUMA 2 from 0.\n" NOT_HERE);
    expect_drawing("{\"policy\": \"compact\", \"memory\": \"interleave\"}", "numa:2 pu:1",
                   "NUMA 0   PU 0 reader-0\n"
                   "NUMA 1   PU 1 .\n"
                   "Memory is interleaved over NUMA 0-1.\n" NOT_HERE);
}
END_TEST

START_TEST(topology_text_ends_with_the_notes)
{
    struct placement *p;
    char *text;

    add_threads("reader", 2);
    p = plan(REMOTE, "pu:1");
    ck_assert_ptr_nonnull(p);
    text = placement_text(p, text_of(&notes));
    ck_assert_str_eq(text, "NUMA 0   PU 0 reader-0 reader-1\n" NOT_HERE
                           "note: 2 threads on 1 PU; latencies include the scheduler\n"
                           "note: 1 NUMA node: memory is local instead of remote\n");
    free(text);
    placement_free(p);
}
END_TEST

START_TEST(topology_without_a_scenario_shows_the_machine)
{
    struct placement *p =
        placement_plan(NULL, NULL, NULL, 0, "numa:2 core:2 pu:2", "", &notes, &errors);
    char *text = placement_text(p, NULL);

    placement_free(p);
    ck_assert_str_eq(text, "NUMA 0   core 0  PU 0 .  PU 1 .\n"
                           "         core 1  PU 2 .  PU 3 .\n"
                           "NUMA 1   core 2  PU 4 .  PU 5 .\n"
                           "         core 3  PU 6 .  PU 7 .\n" NOT_HERE);
    free(text);
}
END_TEST

START_TEST(a_plan_that_was_carried_out_is_drawn)
{
    static const int cpus[] = {3, -1};
    struct placement *p;
    char *text;

    add_threads("reader", 2);
    p = placement_at(name_list, cpus, thread_count, "core:2 pu:2", WHERE, &errors);
    ck_assert_msg(p != NULL, "%s", text_of(&errors));
    text = placement_draw(p);
    ck_assert_str_eq(text, "NUMA 0   core 0  PU 0 .  PU 1 .\n"
                           "         core 1  PU 2 .  PU 3 reader-0\n"
                           "any PU   reader-1\n");
    free(text);
    placement_free(p);
    ck_assert_ptr_null(placement_at(name_list, cpus, thread_count, "pu:3", WHERE, &errors));
    ck_assert_str_eq(text_of(&errors), WHERE
                     ": reader-0 was on CPU 3, which is not there, or may not be used here\n");
}
END_TEST

/* ---- hwloc's XML ---- */

static char *xml_of(const char *config, const char *synthetic, const struct placement_marks *marks)
{
    struct placement *p = plan(config, synthetic);
    char *xml;

    ck_assert_msg(p != NULL, "%s", text_of(&errors));
    xml = placement_xml(p, marks, &errors);
    ck_assert_msg(xml != NULL, "%s", text_of(&errors));
    placement_free(p);
    return xml;
}

static size_t times(const char *text, const char *part)
{
    size_t count = 0;

    while ((text = strstr(text, part)) != NULL) {
        text += strlen(part);
        count++;
    }
    return count;
}

#define MISC "<object type=\"Misc\""

START_TEST(threads_are_objects_below_their_pus)
{
    const struct placement_marks marks = {.roles = role_list, .lines = "a & b\nc\303\244<d\n"};
    char *xml, *pu, *end;

    add_threads("reader", 2);
    add_threads("updater", 1);
    xml = xml_of(COMPACT, "core:2 pu:2", &marks);
    ck_assert_uint_eq(times(xml, MISC), 4);
    ck_assert_uint_eq(times(xml, "name=\"reader-0 \""), 1);
    ck_assert_uint_eq(times(xml, "name=\"reader-1 \""), 1);
    ck_assert_uint_eq(times(xml, "name=\"updater-0\""), 1);
    ck_assert_uint_eq(times(xml, "name=\".        \""), 1);
    ck_assert_uint_eq(times(xml, "value=\"Background=#99c7e0;Text=#000000\""), 2);
    ck_assert_uint_eq(times(xml, "value=\"Background=#eebf99;Text=#000000\""), 1);
    pu = strstr(xml, "<object type=\"PU\" os_index=\"1\"");
    ck_assert_ptr_nonnull(pu);
    end = strstr(pu + 1, "<object type=\"PU\"");
    ck_assert_ptr_nonnull(end);
    *end = '\0';
    ck_assert_ptr_nonnull(strstr(pu, "reader-1"));
    /* What lstopo puts into SVG is escaped for that, and then for XML. */
    ck_assert_ptr_nonnull(strstr(xml, "name=\"lstopoLegend\" value=\"a &amp;amp; b\""));
    ck_assert_ptr_nonnull(strstr(xml, "name=\"lstopoLegend\" value=\"c-&amp;lt;d\""));
    free(xml);
}
END_TEST

START_TEST(many_threads_of_a_pu_are_summarised_by_role)
{
    const struct placement_marks marks = {.roles = role_list};
    char *xml;

    add_threads("reader", 10);
    add_threads("updater", 1);
    xml = xml_of(COMPACT, "pu:2", &marks);
    ck_assert_uint_eq(times(xml, MISC), 3);
    ck_assert_uint_eq(times(xml, "name=\"reader x5\""), 2);
    ck_assert_uint_eq(times(xml, "name=\"updater-0\""), 1);
    free(xml);
    xml = xml_of(NONE, "pu:2", &marks);
    ck_assert_uint_eq(times(xml, "name=\"reader x10 (any PU)\""), 1);
    ck_assert_uint_eq(times(xml, "name=\"updater-0 (any PU)\""), 1);
    free(xml);
}
END_TEST

static const char *per_second(double value, char *buffer)
{
    snprintf(buffer, 32, "%.0f/s", value);
    return buffer;
}

START_TEST(values_are_colours_with_a_scale)
{
    static const double values[] = {10, 20, 30, NAN, 1, 1, 1, 1};
    struct placement_marks marks = {
        .roles = role_list, .values = values, .metric = "reads", .show = per_second};
    char *xml;

    add_threads("reader", 3);
    add_threads("updater", 1);
    xml = xml_of(COMPACT, "pu:4", &marks);
    /* Each as a thread, and on the scale. */
    ck_assert_uint_eq(times(xml, "value=\"Background=#eaf3fa;Text=#000000\""), 2);
    ck_assert_uint_eq(times(xml, "value=\"Background=#75a0bd;Text=#000000\""), 2);
    ck_assert_uint_eq(times(xml, "value=\"Background=#004c7f;Text=#ffffff\""), 2);
    ck_assert_uint_eq(times(xml, "value=\"Background=#ffffff;Text=#000000\""), 1);
    ck_assert_uint_eq(times(xml, "name=\"reader-1  20/s\""), 1);
    ck_assert_uint_eq(times(xml, "name=\"reads: 30/s   \""), 1);
    free(xml);
    /* One value has no ends, and many PUs have no room for figures. */
    marks.values = values + 4;
    xml = xml_of(COMPACT, "pu:128", &marks);
    ck_assert_uint_eq(times(xml, "name=\"reads: 1/s"), 1);
    ck_assert_uint_eq(times(xml, "1/s"), 1);
    free(xml);
}
END_TEST

static void expect_line(const char *config, size_t width, const char *expected)
{
    struct placement *p = plan(config, "core:2 pu:1");
    char *line;

    ck_assert_ptr_nonnull(p);
    line = placement_line(p, name_list, thread_count, width);
    ck_assert_str_eq(line, expected);
    free(line);
    placement_free(p);
}

START_TEST(plan_in_one_line_is_cut_to_width)
{
    add_threads("reader", 3);
    add_threads("updater", 1);
    expect_line(SCATTER, 80, "PU 0  reader-0 reader-2   PU 1  reader-1 updater-0");
    expect_line(SCATTER, 48, "PU 0  reader-0 reader-2   PU 1  reader-1 ...");
    expect_line(SCATTER, 36, "PU 0  reader-0 reader-2 ...");
    expect_line(SCATTER, 34, "PU 0  reader-0 reader-2 ...");
    expect_line(SCATTER, 26, "PU 0  reader-0 ...");
    expect_line(ROLES("none", "\"reader\": {\"cpuset\": \"1\"}"), 80,
                "PU 1  reader-0 reader-1 reader-2   any PU  updater-0");
}
END_TEST

/* ---- this machine ---- */

struct bound {
    const struct placement *plan;
    size_t thread;
    bool ok, held, held_when_moved;
    struct diagnostics d;
    cpu_set_t cpus;
};

static void *bind_and_look(void *argument)
{
    struct bound *b = argument;
    cpu_set_t before;

    sched_getaffinity(0, sizeof before, &before);
    b->ok = placement_bind_self(b->plan, b->thread, &b->d);
    sched_getaffinity(0, sizeof b->cpus, &b->cpus);
    b->held = placement_holds_self(b->plan, b->thread);
    sched_setaffinity(0, sizeof before, &before);
    b->held_when_moved = placement_holds_self(b->plan, b->thread);
    return NULL;
}

/* In a thread of its own, so that the test's own affinity stays. */
static struct bound bind_thread(const struct placement *p, size_t thread)
{
    struct bound b = {.plan = p, .thread = thread};
    pthread_t id;

    ck_assert_int_eq(pthread_create(&id, NULL, bind_and_look, &b), 0);
    pthread_join(id, NULL);
    return b;
}

START_TEST(threads_are_bound_as_planned)
{
    struct placement *p;

    add_threads("reader", 5);
    p = plan(SCATTER, NULL);
    ck_assert_msg(p != NULL, "%s", text_of(&errors));
    ck_assert(placement_is_this_system(p));
    for (size_t i = 0; i < thread_count; i++) {
        struct bound b = bind_thread(p, i);
        ck_assert_msg(b.ok, "%s", text_of(&b.d));
        ck_assert_uint_eq(b.d.count, 0);
        ck_assert_int_eq(CPU_COUNT(&b.cpus), 1);
        ck_assert(CPU_ISSET(placement_slot(p, i)->os_cpu, &b.cpus));
        ck_assert(b.held);
        ck_assert(b.held_when_moved == (cpus_allowed() == 1));
    }
    placement_free(p);
}
END_TEST

START_TEST(unbound_threads_keep_their_affinity)
{
    struct placement *p;
    struct bound b;
    cpu_set_t before;

    add_threads("reader", 1);
    p = plan(NONE, NULL);
    ck_assert_ptr_nonnull(p);
    sched_getaffinity(0, sizeof before, &before);
    b = bind_thread(p, 0);
    ck_assert(b.ok);
    ck_assert(CPU_EQUAL(&before, &b.cpus));
    ck_assert(b.held);
    placement_free(p);
}
END_TEST

START_TEST(synthetic_plans_bind_nothing_and_say_so)
{
    struct placement *p;
    struct bound b;
    cpu_set_t before;

    add_threads("reader", 1);
    p = plan(SCATTER, "numa:2 core:2 pu:2");
    ck_assert_ptr_nonnull(p);
    ck_assert(!placement_is_this_system(p));
    sched_getaffinity(0, sizeof before, &before);
    b = bind_thread(p, 0);
    ck_assert(b.ok);
    ck_assert_str_eq(text_of(&b.d), "reader-0: not bound, the topology is not this machine's\n");
    ck_assert(CPU_EQUAL(&before, &b.cpus));
    diagnostics_free(&b.d);
    placement_free(p);
}
END_TEST

START_TEST(every_memory_policy_works_or_degrades_here)
{
    static const char *const memories[] = {"local", "remote", "interleave"};

    add_threads("reader", 1);
    for (size_t i = 0; i < sizeof memories / sizeof *memories; i++) {
        char config[64];
        struct placement *p;
        struct bound b;
        snprintf(config, sizeof config, "{\"policy\": \"compact\", \"memory\": \"%s\"}",
                 memories[i]);
        p = plan(config, NULL);
        ck_assert_ptr_nonnull(p);
        b = bind_thread(p, 0);
        /* A container may forbid the call; then it says so. */
        ck_assert(b.ok == (b.d.count == 0));
        diagnostics_free(&b.d);
        placement_free(p);
    }
}
END_TEST

/* Check runs each test in a process of its own: its affinity may be changed. */
START_TEST(only_allowed_cpus_are_used)
{
    int cpu = first_allowed_cpu();
    cpu_set_t one;
    struct placement *p;
    char config[96], expected[160];

    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    add_threads("reader", 3);
    p = plan(SCATTER, NULL);
    ck_assert_msg(p != NULL, "%s", text_of(&errors));
    for (size_t i = 0; i < thread_count; i++)
        ck_assert_int_eq(placement_slot(p, i)->os_cpu, cpu);
    ck_assert_str_eq(text_of(&notes), "3 threads on 1 PU; latencies include the scheduler\n");
    placement_free(p);

    snprintf(config, sizeof config, ROLES("none", "\"reader\": {\"cpuset\": \"%d\"}"), cpu + 1);
    snprintf(expected, sizeof expected,
             WHERE ": /placement/roles/reader/cpuset: CPU %d is not available here "
                   "(allowed: %d)\n",
             cpu + 1, cpu);
    expect_error(config, NULL, expected);
}
END_TEST

static Suite *placement_suite(void)
{
    Suite *suite = suite_create("placement");
    TCase *plans = tcase_create("plans"), *drawings = tcase_create("drawings");
    TCase *machine = tcase_create("this machine");

    tcase_add_checked_fixture(plans, NULL, reset);
    tcase_add_test(plans, compact_fills_cores_then_nodes);
    tcase_add_test(plans, scatter_crosses_nodes_then_cores_then_pus);
    tcase_add_test(plans, scatter_on_a_larger_machine);
    tcase_add_test(plans, slots_tell_node_and_both_numbers_of_a_pu);
    tcase_add_test(plans, none_binds_nothing);
    tcase_add_test(plans, topology_without_cores_scatters_over_pus);
    tcase_add_test(plans, a_role_is_dealt_over_its_own_set);
    tcase_add_test(plans, a_role_may_have_nodes);
    tcase_add_test(plans, cpuset_and_nodes_both_restrict);
    tcase_add_test(plans, without_policy_only_roles_with_a_set_are_bound);
    tcase_add_test(plans, cpusets_take_the_systems_numbers);
    tcase_add_test(plans, set_of_a_role_without_threads_is_noted);
    tcase_add_test(plans, roles_are_kept_at_the_distance_of_the_policy);
    tcase_add_test(plans, each_thread_of_another_role_is_beside_one_of_the_first);
    tcase_add_test(plans, roles_kept_apart_may_have_sets);
    tcase_add_test(plans, a_distance_that_the_machine_lacks_is_named);
    tcase_add_test(plans, distances_choose_the_other_node);
    tcase_add_test(plans, what_this_machine_lacks_is_known_before_a_run);
    tcase_add_test(plans, cpu_that_is_not_there_is_named);
    tcase_add_test(plans, node_that_is_not_there_is_named);
    tcase_add_test(plans, set_without_any_cpu_is_refused);
    tcase_add_test(plans, every_mistake_is_told);
    tcase_add_test(plans, malformed_cpu_lists_are_refused);
    tcase_add_test(plans, unknown_policy_and_memory_are_refused);
    tcase_add_test(plans, bad_synthetic_descriptions_are_refused);
    tcase_add_test(plans, more_threads_than_pus_is_noted_once);
    tcase_add_test(plans, threads_crowded_by_a_set_are_noted);
    tcase_add_test(plans, one_node_degrades_memory_with_one_note);
    tcase_add_test(plans, remote_memory_of_unbound_threads_is_noted);
    tcase_add_test(plans, remote_memory_is_of_another_package);
    tcase_add_test(plans, remote_memory_is_the_farthest_by_distances);
    tcase_add_test(plans, nodes_without_memory_give_none);
    tcase_add_test(plans, the_near_node_is_the_own_one_or_has_memory);
    tcase_add_test(plans, numbers_of_cpus_may_have_gaps);
    tcase_add_test(plans, a_run_on_a_foreign_topology_is_bound_nowhere);
    suite_add_tcase(suite, plans);

    tcase_add_checked_fixture(drawings, NULL, reset);
    tcase_set_timeout(drawings, 120);
    tcase_add_test(drawings, drawing_of_a_small_machine);
    tcase_add_test(drawings, drawing_with_several_threads_on_a_pu_and_unbound_ones);
    tcase_add_test(drawings, drawing_wraps_long_lists_under_their_column);
    tcase_add_test(drawings, drawing_of_a_large_machine_leaves_empty_cores_out);
    tcase_add_test(drawings, drawing_stays_under_100_columns_whatever_the_machine);
    tcase_add_test(drawings, drawing_tells_where_memory_comes_from);
    tcase_add_test(drawings, topology_text_ends_with_the_notes);
    tcase_add_test(drawings, topology_without_a_scenario_shows_the_machine);
    tcase_add_test(drawings, plan_in_one_line_is_cut_to_width);
    tcase_add_test(drawings, a_plan_that_was_carried_out_is_drawn);
    tcase_add_test(drawings, threads_are_objects_below_their_pus);
    tcase_add_test(drawings, many_threads_of_a_pu_are_summarised_by_role);
    tcase_add_test(drawings, values_are_colours_with_a_scale);
    suite_add_tcase(suite, drawings);

    tcase_add_checked_fixture(machine, NULL, reset);
    tcase_set_timeout(machine, 120);
    tcase_add_test(machine, threads_are_bound_as_planned);
    tcase_add_test(machine, unbound_threads_keep_their_affinity);
    tcase_add_test(machine, synthetic_plans_bind_nothing_and_say_so);
    tcase_add_test(machine, every_memory_policy_works_or_degrades_here);
    tcase_add_test(machine, only_allowed_cpus_are_used);
    suite_add_tcase(suite, machine);
    return suite;
}

int main(void)
{
    return run_suite(placement_suite());
}
