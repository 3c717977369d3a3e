/* Where memory of threads comes from that is touched before they run, their stacks and thread-local
 * storage: what is asked of the kernel, on synthetic topologies, and where it lies, on a machine
 * that has nodes to choose from.
 */
#include "torture/placement/placement.h"
#include "torture/placement/placement_plan.h"
#include "torture/placement/topology.h"

#include "library.h"

#include <check.h>
#include <dlfcn.h>
#include <numa.h>
#include <numaif.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS   4
#define NODES     "package:2 numa:2 core:1 pu:1"
#define ALL_NODES 0xfUL

#define MEMORY(policy, memory) "{\"policy\": \"" policy "\", \"memory\": \"" memory "\"}"

/* ---- the system's calls, all of the program's ---- */

static bool recorded; /* they are written down instead of carried out */
static int asked_mode;
static unsigned long asked_nodes;

long set_mempolicy(int mode, const unsigned long *nodes, unsigned long bits)
{
    asked_mode = mode;
    asked_nodes = nodes != NULL && bits > 0 ? nodes[0] : 0;
    return recorded ? 0 : syscall(SYS_set_mempolicy, mode, nodes, bits);
}

int numa_available(void)
{
    int (*own)(void) = (int (*)(void))dlsym(RTLD_NEXT, "numa_available");

    return recorded ? 0 : own();
}

int numa_distance(int from, int to)
{
    int (*own)(int, int) = (int (*)(int, int))dlsym(RTLD_NEXT, "numa_distance");

    return recorded ? 0 : own(from, to);
}

/* ---- what is asked ---- */

static struct placement *plan(const char *config, size_t count, const char *synthetic)
{
    static const char *const names[THREADS] = {"reader-0", "reader-1", "reader-2", "reader-3"};
    static const char *const roles[THREADS] = {"reader", "reader", "reader", "reader"};
    struct diagnostics notes = {.text = NULL}, errors = {.text = NULL};
    json_t *object = json_loads(config, 0, NULL);
    struct placement *p =
        placement_plan(object, names, roles, count, synthetic, "mine.json", &notes, &errors);

    ck_assert_msg(p != NULL, "%s", errors.text);
    diagnostics_free(&notes);
    json_decref(object);
    return p;
}

/* As on such a machine, but that no thread is sent to its CPUs. */
static struct placement *plan_as_if_here(const char *config)
{
    struct placement *p = plan(config, THREADS, NODES);

    recorded = true;
    p->topology->this_system = true;
    for (size_t i = 0; i < p->count; i++)
        p->slots[i].os_cpu = -1;
    return p;
}

static void expect_asked(int mode, unsigned long nodes)
{
    ck_assert_int_eq(asked_mode, mode);
    ck_assert_uint_eq(asked_nodes, nodes);
    asked_mode = -1;
    asked_nodes = 0;
}

/* From where is asked for each thread that begins, and then for the one that begins them. */
static void expect_begun(const char *config, int mode, const unsigned long *nodes)
{
    struct placement *p = plan_as_if_here(config);

    for (size_t i = 0; i < p->count; i++) {
        placement_allocate_for(p, i);
        expect_asked(mode, nodes[i]);
    }
    placement_allocate_anywhere(p);
    expect_asked(MPOL_DEFAULT, 0);
    placement_free(p);
}

START_TEST(a_thread_begins_with_memory_of_its_node)
{
    expect_begun(MEMORY("compact", "local"), MPOL_PREFERRED, (unsigned long[]){1, 2, 4, 8});
}
END_TEST

START_TEST(a_thread_begins_with_memory_of_a_remote_node)
{
    expect_begun(MEMORY("compact", "remote"), MPOL_PREFERRED, (unsigned long[]){4, 8, 1, 2});
}
END_TEST

START_TEST(a_thread_begins_with_memory_of_all_nodes)
{
    expect_begun(MEMORY("compact", "interleave"), MPOL_INTERLEAVE,
                 (unsigned long[]){ALL_NODES, ALL_NODES, ALL_NODES, ALL_NODES});
}
END_TEST

START_TEST(a_thread_that_is_bound_nowhere_begins_with_memory_from_where_it_is)
{
    expect_begun(MEMORY("none", "local"), MPOL_LOCAL, (unsigned long[]){0, 0, 0, 0});
}
END_TEST

START_TEST(a_thread_goes_on_as_it_began)
{
    static const struct {
        const char *config;
        int mode;
        unsigned long nodes;
    } threads[] = {{MEMORY("compact", "local"), MPOL_LOCAL, 0},
                   {MEMORY("compact", "remote"), MPOL_PREFERRED, 8},
                   {MEMORY("compact", "interleave"), MPOL_INTERLEAVE, ALL_NODES}};

    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        struct diagnostics d = {.text = NULL};
        struct placement *p = plan_as_if_here(threads[i].config);

        ck_assert(placement_bind_self(p, 1, &d));
        expect_asked(threads[i].mode, threads[i].nodes);
        placement_free(p);
        recorded = false;
    }
}
END_TEST

/* ---- where it lies ---- */

static __thread char thread_local_storage[256];

struct begun {
    int stack, storage; /* nodes */
};

static int node_of_page(void *address)
{
    int node = -1;

    ck_assert_int_eq(syscall(SYS_get_mempolicy, &node, NULL, 0, address, MPOL_F_NODE | MPOL_F_ADDR),
                     0);
    return node;
}

static void *look_at_own_memory(void *argument)
{
    struct begun *begun = argument;
    char on_the_stack = 1;

    thread_local_storage[0] = on_the_stack;
    begun->stack = node_of_page(&on_the_stack);
    begun->storage = node_of_page(thread_local_storage);
    return NULL;
}

/* The stack of a thread that was joined may be the next one's: none is, before all have begun. */
static void expect_memory(const char *config, int (*wanted)(const struct topology *, int))
{
    struct placement *p = plan(config, THREADS, NULL);
    struct begun begun[THREADS];
    pthread_t ids[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        placement_allocate_for(p, i);
        ck_assert_int_eq(pthread_create(&ids[i], NULL, look_at_own_memory, &begun[i]), 0);
    }
    placement_allocate_anywhere(p);
    for (size_t i = 0; i < THREADS; i++) {
        int node = wanted(p->topology, p->slots[i].node);

        pthread_join(ids[i], NULL);
        ck_assert_int_eq(begun[i].stack, node);
        ck_assert_int_eq(begun[i].storage, node);
    }
    placement_free(p);
}

START_TEST(stack_and_storage_lie_on_the_threads_node)
{
    expect_memory(MEMORY("scatter", "local"), topology_near_node);
}
END_TEST

START_TEST(stack_and_storage_lie_on_a_remote_node)
{
    expect_memory(MEMORY("scatter", "remote"), topology_remote_node);
}
END_TEST

static char why_not[128];

START_TEST(a_machine_without_nodes_says_why)
{
    ck_assert_str_ne(why_not, "");
}
END_TEST

static void find_why_not(void)
{
    struct diagnostics d = {.text = NULL};
    struct topology *t = topology_read(NULL, &d);

    if (t == NULL || !t->this_system)
        snprintf(why_not, sizeof why_not, "hwloc shows another machine, or none");
    else if (numa_available() < 0)
        snprintf(why_not, sizeof why_not, "the kernel has no NUMA, or its calls are forbidden");
    else if (t->memory_count < 2)
        snprintf(why_not, sizeof why_not, "this machine has one NUMA node with memory");
    diagnostics_free(&d);
    topology_free(t);
}

static Suite *memory_suite(void)
{
    Suite *suite = suite_create("thread memory");
    TCase *asked = tcase_create("asked"), *lies;
    static char name[sizeof why_not + 16] = "lies";

    tcase_add_test(asked, a_thread_begins_with_memory_of_its_node);
    tcase_add_test(asked, a_thread_begins_with_memory_of_a_remote_node);
    tcase_add_test(asked, a_thread_begins_with_memory_of_all_nodes);
    tcase_add_test(asked, a_thread_that_is_bound_nowhere_begins_with_memory_from_where_it_is);
    tcase_add_test(asked, a_thread_goes_on_as_it_began);
    suite_add_tcase(suite, asked);

    find_why_not();
    if (why_not[0]) {
        /* tests/run.sh reads the name of the case as TAP. */
        printf("skipped: %s\n", why_not);
        snprintf(name, sizeof name, "lies # skip %s", why_not);
    }
    lies = tcase_create(name);
    if (why_not[0]) {
        tcase_add_test(lies, a_machine_without_nodes_says_why);
    } else {
        tcase_add_test(lies, stack_and_storage_lie_on_the_threads_node);
        tcase_add_test(lies, stack_and_storage_lie_on_a_remote_node);
    }
    suite_add_tcase(suite, lies);
    return suite;
}

int main(void)
{
    return run_suite(memory_suite());
}
