/* The list of vCPUs: what stillpoint/vcpu.h promises of vcpu_add(), vcpu_remove() and
 * VCPU_FOREACH(). Misuse has a file of its own, test_vcpu_list_misuse.c.
 *
 * Check runs each test in a process of its own, so that indexes and counts begin at 0. */
/* Left out of TWO_PHASE FENCE: queues and vCPUs wait for one another, not for grace periods. */
#include <stillpoint/vcpu.h>

#include "vcpus.h"

#include <check.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the tests have in common ---- */

static struct vcpu cpus[VCPU_LIMIT + 2];

static void add_all(unsigned number)
{
    for (unsigned i = 0; i < number; i++)
        add_vcpu(&cpus[i]);
}

/* Those that a walk meets, which must be as many as there are. */
static unsigned meet_all(struct vcpu **met, unsigned room)
{
    struct vcpu *cpu;
    unsigned number = 0;

    rcu_read_lock();
    VCPU_FOREACH(cpu)
    {
        if (met && number < room)
            met[number] = cpu;
        number++;
    }
    rcu_read_unlock();
    ck_assert_uint_eq(number, vcpu_count());
    return number;
}

/* => A thread that is registered and in no section. */
static void remove_and_destroy(struct vcpu *cpu)
{
    vcpu_remove(cpu);
    synchronize_rcu();
    vcpu_destroy(cpu);
}

/* ---- what a vCPU is at first ---- */

static void no_block(struct vcpu *cpu)
{
    (void)cpu;
}

START_TEST(a_vcpu_has_what_its_config_says)
{
    static const struct vcpu_guest guest = {.block = no_block};
    struct vcpu_config config = {
        .accel = &vcpu_accel_threads, .guest = &guest, .data = &config, .guest_io = true};

    memset(&cpus[0], 0x5a, sizeof cpus[0]);
    vcpu_init(&cpus[0], &config);
    ck_assert_ptr_eq(cpus[0].accel, config.accel);
    ck_assert_ptr_eq(cpus[0].guest, &guest);
    ck_assert_ptr_eq(cpus[0].data, &config);
    ck_assert_ptr_null(cpus[0].rr);
    ck_assert(cpus[0].guest_io);
    ck_assert(!cpu_exit_requested(&cpus[0]));
    vcpu_destroy(&cpus[0]);
}
END_TEST

START_TEST(a_vcpu_without_a_config_has_nothing)
{
    memset(&cpus[0], 0x5a, sizeof cpus[0]);
    vcpu_init(&cpus[0], NULL);
    ck_assert_ptr_null(cpus[0].accel);
    ck_assert_ptr_null(cpus[0].guest);
    ck_assert_ptr_null(cpus[0].data);
    ck_assert_int_eq(vcpu_add(&cpus[0]), 0);
    vcpu_remove(&cpus[0]);
    vcpu_destroy(&cpus[0]);
}
END_TEST

static struct vcpu *current_there;

static void look_for_current(void)
{
    current_there = current_cpu;
}

START_TEST(the_current_vcpu_is_of_the_thread_that_has_attached_it)
{
    struct actor a, b;

    ck_assert_ptr_null(current_cpu);
    hire_vcpu(&a, &cpus[0]);
    hire_vcpu(&b, &cpus[1]);
    make(&a, look_for_current);
    ck_assert_ptr_eq(current_there, &cpus[0]);
    make(&b, look_for_current);
    ck_assert_ptr_eq(current_there, &cpus[1]);
    ck_assert_ptr_null(current_cpu);
    make(&a, stop_being_vcpu);
    make(&a, look_for_current);
    ck_assert_ptr_null(current_there);
    /* Another thread may have it now. */
    vcpu_to_be = &cpus[0];
    make(&a, become_vcpu);
    dismiss_vcpu(&a, &cpus[0]);
    dismiss_vcpu(&b, &cpus[1]);
}
END_TEST

/* ---- indexes and counts ---- */

START_TEST(indexes_begin_at_0_and_have_no_gaps)
{
    add_all(200);
    for (unsigned i = 0; i < 200; i++)
        ck_assert_uint_eq(cpus[i].index, i);
}
END_TEST

START_TEST(the_lowest_free_index_is_used_again)
{
    static const unsigned freed[] = {199, 64, 0, 63, 128, 127, 1, 31, 32},
                          lowest[] = {0, 1, 31, 32, 63, 64, 127, 128, 199, 200};
    unsigned number = sizeof freed / sizeof *freed;

    rcu_register_thread();
    add_all(200);
    for (unsigned i = 0; i < number; i++)
        remove_and_destroy(&cpus[freed[i]]);
    for (unsigned i = 0; i <= number; i++) {
        add_vcpu(&cpus[200 + i]);
        ck_assert_uint_eq(cpus[200 + i].index, lowest[i]);
    }
    rcu_unregister_thread();
}
END_TEST

START_TEST(the_count_is_of_those_in_the_list)
{
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 5; i++) {
            ck_assert_uint_eq(vcpu_count(), i);
            add_vcpu(&cpus[i]);
        }
        for (unsigned i = 5; i > 0; i--) {
            ck_assert_uint_eq(vcpu_count(), i);
            vcpu_remove(&cpus[i - 1]);
            vcpu_destroy(&cpus[i - 1]);
        }
    }
    ck_assert_uint_eq(vcpu_count(), 0);
}
END_TEST

START_TEST(the_generation_grows_with_each_addition_and_removal)
{
    unsigned long last = vcpu_list_generation();

    for (unsigned i = 0; i < 20; i++) {
        vcpu_init(&cpus[i], NULL);
        ck_assert_uint_eq(vcpu_list_generation(), last);
        ck_assert_int_eq(vcpu_add(&cpus[i]), 0);
        ck_assert_uint_gt(vcpu_list_generation(), last);
        last = vcpu_list_generation();
        if (i % 2 == 1) {
            vcpu_remove(&cpus[i]);
            ck_assert_uint_gt(vcpu_list_generation(), last);
            last = vcpu_list_generation();
            vcpu_destroy(&cpus[i]);
        }
        ck_assert_uint_eq(vcpu_list_generation(), last);
    }
}
END_TEST

START_TEST(one_vcpu_more_than_the_limit_is_refused)
{
    struct vcpu *refused = &cpus[VCPU_LIMIT], *later = &cpus[VCPU_LIMIT + 1];
    unsigned long generation;

    rcu_register_thread();
    add_all(VCPU_LIMIT);
    ck_assert_uint_eq(cpus[VCPU_LIMIT - 1].index, VCPU_LIMIT - 1);
    generation = vcpu_list_generation();
    vcpu_init(refused, NULL);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(vcpu_add(refused), -ENOSPC);
    ck_assert_uint_eq(vcpu_list_generation(), generation);
    ck_assert_uint_eq(vcpu_count(), VCPU_LIMIT);
    ck_assert_uint_eq(meet_all(NULL, 0), VCPU_LIMIT);
    vcpu_destroy(refused);
    /* The place of any other will do. */
    remove_and_destroy(&cpus[1000]);
    vcpu_init(later, NULL);
    ck_assert_int_eq(vcpu_add(later), 0);
    ck_assert_uint_eq(later->index, 1000);
    vcpu_init(refused, NULL);
    ck_assert_int_eq(vcpu_add(refused), -ENOSPC);
    rcu_unregister_thread();
}
END_TEST

START_TEST(a_section_may_wait_for_as_many_as_there_can_be)
{
    struct actor starter;

    add_all(VCPU_LIMIT);
    hire(&starter);
    /* Each as its own thread leaves it in cpu_exec_start() and in cpu_exec_end(). */
    for (unsigned i = 0; i < VCPU_LIMIT; i++)
        atomic_store(&cpus[i].running, true);
    begin_and_wait_for_vcpus(&starter, section_start, VCPU_LIMIT);
    for (unsigned i = 0; i < VCPU_LIMIT; i++) {
        ck_assert(is_busy(&starter));
        cpu_exec_end(&cpus[i]);
    }
    finish(&starter);
    make(&starter, section_end);
    dismiss(&starter);
}
END_TEST

/* ---- walks ---- */

START_TEST(a_walk_meets_each_vcpu_once_in_the_order_of_addition)
{
    struct vcpu *met[10];

    rcu_register_thread();
    ck_assert_uint_eq(meet_all(met, 10), 0);
    add_all(5);
    ck_assert_uint_eq(meet_all(met, 10), 5);
    for (unsigned i = 0; i < 5; i++)
        ck_assert_ptr_eq(met[i], &cpus[i]);
    /* The first, the last, one in the middle; then a newcomer, which is last whatever its index
     * is. */
    remove_and_destroy(&cpus[0]);
    remove_and_destroy(&cpus[4]);
    remove_and_destroy(&cpus[2]);
    add_vcpu(&cpus[5]);
    ck_assert_uint_eq(meet_all(met, 10), 3);
    ck_assert_ptr_eq(met[0], &cpus[1]);
    ck_assert_ptr_eq(met[1], &cpus[3]);
    ck_assert_ptr_eq(met[2], &cpus[5]);
    rcu_unregister_thread();
}
END_TEST

START_TEST(a_vcpu_may_be_added_again_after_a_grace_period)
{
    struct vcpu *met[3];

    rcu_register_thread();
    add_all(3);
    for (unsigned i = 0; i < 6; i++) {
        vcpu_remove(&cpus[i % 3]);
        synchronize_rcu();
        ck_assert_int_eq(vcpu_add(&cpus[i % 3]), 0);
        ck_assert_uint_eq(cpus[i % 3].index, i % 3);
        ck_assert_uint_eq(meet_all(met, 3), 3);
        ck_assert_ptr_eq(met[2], &cpus[i % 3]);
    }
    rcu_unregister_thread();
}
END_TEST

/* Allocated vCPUs, freed after a grace period and filled. */
struct guest {
    int alive; /* plain: ThreadSanitizer checks the order as well */
    struct vcpu cpu;
    struct rcu_head head;
};

static atomic_uint freed;

static struct guest *guest_of(struct vcpu *cpu)
{
    return (struct guest *)((char *)cpu - offsetof(struct guest, cpu));
}

static struct guest *new_guest(void)
{
    struct guest *g = aligned_alloc(RCU_CACHE_LINE, sizeof *g);

    if (g == NULL)
        abort();
    g->alive = 1;
    vcpu_init(&g->cpu, NULL);
    if (vcpu_add(&g->cpu) != 0)
        abort();
    return g;
}

static void free_guest(struct rcu_head *head)
{
    struct guest *g = (struct guest *)((char *)head - offsetof(struct guest, head));

    vcpu_destroy(&g->cpu);
    memset(g, 0x5a, sizeof *g);
    free(g);
    atomic_fetch_add(&freed, 1);
}

static void remove_guest(struct guest *g)
{
    vcpu_remove(&g->cpu);
    call_rcu(&g->head, free_guest);
}

static struct guest *standing_on;

static void stand_on_the_first(void)
{
    rcu_read_lock();
    standing_on = guest_of(__atomic_load_n(&vcpu_list.tqh_first, __ATOMIC_ACQUIRE));
}

static unsigned met_after_it;

static void walk_on(void)
{
    struct vcpu *cpu = &standing_on->cpu;

    met_after_it = 0;
    while ((cpu = __atomic_load_n(&cpu->link.tqe_next, __ATOMIC_ACQUIRE)) != NULL)
        met_after_it += (unsigned)guest_of(cpu)->alive;
}

START_TEST(a_walk_goes_on_from_a_vcpu_that_was_removed_and_is_not_freed_yet)
{
    struct guest *guests[3];
    struct actor walker;

    use(patient(RCU_GP_ADAPTIVE, MS_NS));
    for (int i = 0; i < 3; i++)
        guests[i] = new_guest();
    hire_reader(&walker);
    make(&walker, stand_on_the_first);
    ck_assert_ptr_eq(standing_on, guests[0]);
    remove_guest(guests[0]);
    UNTIL(leader_waits_for(1));
    make(&walker, walk_on);
    ck_assert_uint_eq(met_after_it, 2);
    ck_assert_int_eq(standing_on->alive, 1);
    remove_guest(guests[1]);
    make(&walker, walk_on);
    ck_assert_uint_ge(met_after_it, 1);
    ck_assert_uint_eq(atomic_load(&freed), 0);
    make(&walker, leave);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&freed), 2);
    ck_assert_uint_eq(vcpu_count(), 1);
    dismiss_reader(&walker);
}
END_TEST

#define STAY    4
#define CHANGES 2000

static atomic_bool stop;
static atomic_uint wrong, walks;
static atomic_ulong longest;

/* Each of those that stay is met once, those that come and go are alive, and no walk is without an
 * end. */
static void walk_again_and_again(void)
{
    rcu_register_thread();
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        unsigned long generation = vcpu_list_generation(), met = 0, staying = 0;
        struct vcpu *cpu;

        rcu_read_lock();
        VCPU_FOREACH(cpu)
        {
            met++;
            staying += cpu->data == &stop;
            if (guest_of(cpu)->alive != 1 || cpu->index >= VCPU_LIMIT)
                atomic_fetch_add(&wrong, 1);
        }
        rcu_read_unlock();
        if (staying != STAY || vcpu_list_generation() < generation)
            atomic_fetch_add(&wrong, 1);
        if (met > atomic_load_explicit(&longest, memory_order_relaxed))
            atomic_store_explicit(&longest, met, memory_order_relaxed);
        atomic_fetch_add(&walks, 1);
    }
    rcu_unregister_thread();
}

static void add_and_remove(void)
{
    struct guest *guests[8] = {NULL};

    for (unsigned i = 0; i < CHANGES; i++) {
        struct guest **g = &guests[i * 5 % 8];

        if (*g == NULL) {
            *g = new_guest();
        } else {
            remove_guest(*g);
            *g = NULL;
        }
    }
    for (int i = 0; i < 8; i++)
        if (guests[i] != NULL)
            remove_guest(guests[i]);
}

START_TEST(walks_meet_only_the_living_while_vcpus_come_and_go)
{
    struct actor walkers[2], changers[2];
    struct guest *staying[STAY];

    for (int i = 0; i < STAY; i++) {
        staying[i] = new_guest();
        staying[i]->cpu.data = &stop;
    }
    for (int i = 0; i < 2; i++) {
        hire(&walkers[i]);
        hire(&changers[i]);
        begin(&walkers[i], walk_again_and_again);
    }
    /* Until walks have met some of those that come and go. */
    do {
        for (int i = 0; i < 2; i++)
            begin(&changers[i], add_and_remove);
        for (int i = 0; i < 2; i++)
            finish(&changers[i]);
    } while (atomic_load(&walks) < 100 || atomic_load(&longest) <= STAY);
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++) {
        finish(&walkers[i]);
        dismiss(&walkers[i]);
        dismiss(&changers[i]);
    }
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&wrong), 0);
    ck_assert_uint_eq(vcpu_count(), STAY);
    for (unsigned i = 0; i < STAY; i++) {
        ck_assert_uint_eq(staying[i]->cpu.index, i);
        remove_guest(staying[i]);
    }
    rcu_barrier();
    ck_assert_uint_eq(vcpu_list_generation(), 2 * atomic_load(&freed));
}
END_TEST

/* ---- the suite ---- */

static Suite *list_suite(void)
{
    Suite *suite = suite_create("vcpu_list");
    TCase *first = add_case(suite, "at first"), *counts = add_case(suite, "indexes and counts"),
          *walk = add_case(suite, "walks");

    tcase_add_test(first, a_vcpu_has_what_its_config_says);
    tcase_add_test(first, a_vcpu_without_a_config_has_nothing);
    tcase_add_test(first, the_current_vcpu_is_of_the_thread_that_has_attached_it);

    tcase_add_test(counts, indexes_begin_at_0_and_have_no_gaps);
    tcase_add_test(counts, the_lowest_free_index_is_used_again);
    tcase_add_test(counts, the_count_is_of_those_in_the_list);
    tcase_add_test(counts, the_generation_grows_with_each_addition_and_removal);
    tcase_add_test(counts, one_vcpu_more_than_the_limit_is_refused);
    tcase_add_test(counts, a_section_may_wait_for_as_many_as_there_can_be);

    tcase_add_test(walk, a_walk_meets_each_vcpu_once_in_the_order_of_addition);
    tcase_add_test(walk, a_vcpu_may_be_added_again_after_a_grace_period);
    tcase_add_test(walk, a_walk_goes_on_from_a_vcpu_that_was_removed_and_is_not_freed_yet);
    tcase_add_test(walk, walks_meet_only_the_living_while_vcpus_come_and_go);
    return suite;
}

int main(void)
{
    return run_suite(list_suite());
}
