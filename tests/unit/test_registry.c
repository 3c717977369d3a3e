/* The registry: registering waits for nobody, and parked readers cost nothing. */
#include <stillpoint/rcu.h>

#include "actor.h"
#include "life.h"

#include <check.h>
#include <sched.h>

/* ---- what the tests have in common ---- */

static struct actor reader, updater;

static void enter_and_leave(void)
{
    rcu_read_lock();
    rcu_read_unlock();
}

/* Grace periods, until readers have been taken off the leader's lists; after some where the heavy
 * fence is a system call, after many where both are full. */
static void until_parked(unsigned long before, unsigned readers)
{
    while (stats().readers_parked < before + readers)
        synchronize_rcu();
}

/* None of the next grace periods looks at anybody, and so none advances the number. */
static void expect_no_cost(void)
{
    struct rcu_stats before = stats();
    unsigned long number = atomic_load(&rcu_gp_number);

    for (int i = 0; i < 50; i++)
        primitives[i % 2]();
    ck_assert_uint_eq(atomic_load(&rcu_gp_number), number);
    ck_assert_uint_eq(stats().gps, before.gps + 50);
    ck_assert_uint_eq(stats().gps_proven, before.gps_proven + 50);
    ck_assert_uint_eq(stats().heavy_fences, before.heavy_fences);
    ck_assert_uint_eq(stats().spins, before.spins);
    ck_assert_uint_eq(stats().naps, before.naps);
    ck_assert_uint_eq(stats().sleeps, before.sleeps);
    ck_assert_uint_eq(stats().readers_parked, before.readers_parked);
    ck_assert_uint_eq(stats().readers_unparked, before.readers_unparked);
}

/* ---- locks ---- */

static atomic_bool inside_notifier, go_on;

static void notify_until_told(struct rcu_force_notifier *notifier)
{
    (void)notifier;
    atomic_store(&inside_notifier, true);
    UNTIL(atomic_load(&go_on));
}

static struct rcu_force_notifier blocking = {.notify = notify_until_told};

static void add_blocking(void)
{
    rcu_add_force_notifier(&blocking);
}

static void remove_blocking(void)
{
    rcu_remove_force_notifier(&blocking);
}

static void register_read_unregister(void)
{
    rcu_register_thread();
    enter_and_leave();
    rcu_unregister_thread();
}

static void *register_main(void *registered)
{
    rcu_register_main_compiled(STILLPOINT_VERSION, STILLPOINT_LAYOUT);
    *(bool *)registered = rcu_self()->registered;
    return NULL;
}

START_TEST(the_main_thread_alone_is_registered_for_it_and_once)
{
    bool registered = true;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, register_main, &registered), 0);
    pthread_join(thread, NULL);
    ck_assert(!registered);
    for (int i = 0; i < 2; i++) {
        register_main(&registered);
        ck_assert(registered);
    }
    rcu_read_lock();
    rcu_read_unlock();
    rcu_unregister_thread();
}
END_TEST

/* The leader holds the registry lock as long as the notifier runs. */
START_TEST(registering_and_unregistering_do_not_wait_for_a_leader)
{
    struct actor parked, late[3];

    use(patient((enum rcu_gp_policy)_i, MS_NS));
    hire_reader(&reader);
    hire_reader(&parked);
    hire(&updater);
    make(&reader, add_blocking);
    make(&reader, enter);
    begin(&updater, synchronize_rcu_expedited);
    UNTIL(atomic_load(&inside_notifier));
    for (int i = 0; i < 3; i++) {
        hire_reader(&late[i]);
        make(&late[i], enter_and_leave);
    }
    make(&parked, rcu_unregister_thread);
    for (int i = 0; i < 3; i++) {
        dismiss_reader(&late[i]);
        make(&parked, register_read_unregister);
    }
    ck_assert(is_busy(&updater));
    atomic_store(&go_on, true);
    make(&reader, leave);
    finish(&updater);
    make(&reader, remove_blocking);
    dismiss_reader(&reader);
    dismiss(&parked);
    dismiss(&updater);
}
END_TEST

START_TEST(a_reader_that_was_put_to_sleep_unregisters_without_a_leader)
{
    unsigned long before = stats().readers_parked;
    struct actor idle;

    use(patient(RCU_GP_POLL, MS_NS));
    hire_reader(&idle);
    make(&idle, enter_and_leave);
    until_parked(before, 1);
    hire_reader(&reader);
    hire(&updater);
    make(&reader, add_blocking);
    make(&reader, enter);
    begin(&updater, synchronize_rcu_expedited);
    UNTIL(atomic_load(&inside_notifier));
    make(&idle, rcu_unregister_thread);
    atomic_store(&go_on, true);
    make(&reader, leave);
    finish(&updater);
    make(&reader, remove_blocking);
    dismiss(&idle);
    dismiss_reader(&reader);
    dismiss(&updater);
}
END_TEST

/* ---- what readers cost ---- */

START_TEST(registered_threads_that_never_read_cost_nothing)
{
    struct actor idle[3];

    use(patient((enum rcu_gp_policy)_i, MS_NS));
    for (int i = 0; i < 3; i++)
        hire_reader(&idle[i]);
    expect_no_cost();
    for (int i = 0; i < 3; i++)
        dismiss_reader(&idle[i]);
    expect_no_cost();
}
END_TEST

START_TEST(a_reader_that_stops_reading_soon_costs_nothing)
{
    use(patient((enum rcu_gp_policy)_i, MS_NS));
    hire_reader(&reader);
    for (unsigned i = 1; i <= 5; i++) {
        struct rcu_stats before = stats();

        make(&reader, enter_and_leave);
        synchronize_rcu();
        ck_assert_uint_eq(stats().readers_unparked, before.readers_unparked + 1);
        until_parked(before.readers_parked, 1);
        /* Each of them ran a fence, the one too that took it off the list. */
        ck_assert_uint_eq(stats().heavy_fences - before.heavy_fences, stats().gps - before.gps);
        expect_no_cost();
    }
    dismiss_reader(&reader);
}
END_TEST

/* Also when it reads once more just when it has been told to sleep. */
START_TEST(a_reader_that_came_by_meanwhile_soon_costs_nothing)
{
    use(patient(RCU_GP_POLL, MS_NS));
    hire_reader(&reader);
    for (int i = 0; i < 8; i++) {
        unsigned long parked;

        make(&reader, enter_and_leave);
        for (int k = 0; k < i; k++)
            synchronize_rcu();
        make(&reader, enter_and_leave);
        parked = stats().readers_parked;
        until_parked(parked, 1);
        expect_no_cost();
    }
    dismiss_reader(&reader);
}
END_TEST

/* The leader has it in its list, and not yet told it to sleep. */
START_TEST(a_reader_that_unregisters_meanwhile_costs_nothing)
{
    unsigned long parked = stats().readers_parked;

    use(patient(RCU_GP_POLL, MS_NS));
    hire_reader(&reader);
    make(&reader, enter_and_leave);
    synchronize_rcu();
    dismiss_reader(&reader);
    ck_assert_uint_eq(stats().readers_parked, parked);
    expect_no_cost();
}
END_TEST

/* Whatever it was told meanwhile, it is not taken off while it reads. */
START_TEST(a_reader_that_reads_now_and_then_is_not_lost)
{
    use(patient((enum rcu_gp_policy)_i, MS_NS));
    hire_reader(&reader);
    hire(&updater);
    for (unsigned i = 0; i < 40; i++) {
        make(&reader, enter_and_leave);
        for (unsigned k = 0; k < i % 8; k++)
            synchronize_rcu();
        make(&reader, enter);
        begin_and_wait(&updater, primitives[i % 2], 1);
        make(&reader, leave);
        finish(&updater);
    }
    dismiss_reader(&reader);
    dismiss(&updater);
}
END_TEST

START_TEST(a_reader_that_wakes_is_waited_for)
{
    use(patient(the_policy, MS_NS));
    hire_reader(&reader);
    hire(&updater);
    for (unsigned i = 0; i < 10; i++) {
        unsigned long parked = stats().readers_parked, unparked = stats().readers_unparked;

        make(&reader, enter);
        begin_and_wait(&updater, the_wait, 1);
        ck_assert_uint_eq(stats().readers_unparked, unparked + 1);
        make(&reader, enter);
        make(&reader, leave);
        ck_assert_uint_eq(rcu_holdouts(NULL, 0), 1);
        make(&reader, leave);
        finish(&updater);
        until_parked(parked, 1);
    }
    dismiss_reader(&reader);
    dismiss(&updater);
}
END_TEST

/* The section is over when the leader comes to look: the flag is set again only by the leader. */
START_TEST(a_reader_that_woke_and_left_is_seen_again)
{
    use(patient((enum rcu_gp_policy)_i, MS_NS));
    hire_reader(&reader);
    hire(&updater);
    for (unsigned i = 0; i < 10; i++) {
        unsigned long parked = stats().readers_parked;

        make(&reader, enter_and_leave);
        make(&reader, enter_and_leave);
        make(&reader, enter);
        begin_and_wait(&updater, synchronize_rcu, 1);
        make(&reader, leave);
        finish(&updater);
        until_parked(parked, 1);
    }
    dismiss_reader(&reader);
    dismiss(&updater);
}
END_TEST

START_TEST(each_of_the_groups_is_unparked)
{
    struct actor readers[100]; /* more than there are groups */
    unsigned long parked = stats().readers_parked;

    use(patient(RCU_GP_POLL, MS_NS));
    hire(&updater);
    for (int i = 0; i < 100; i++)
        hire_reader(&readers[i]);
    for (int i = 0; i < 100; i++)
        make(&readers[i], enter);
    begin_and_wait(&updater, synchronize_rcu, 100);
    for (int i = 0; i < 100; i++)
        make(&readers[i], leave);
    finish(&updater);
    until_parked(parked, 100);
    expect_no_cost();
    for (int i = 99; i >= 0; i -= 7) {
        make(&readers[i], enter);
        begin_and_wait(&updater, synchronize_rcu, 1);
        make(&readers[i], leave);
        finish(&updater);
    }
    for (int i = 0; i < 100; i++)
        dismiss_reader(&readers[i]);
    dismiss(&updater);
}
END_TEST

/* A notifier that was added while it was parked. */
static atomic_uint notified;

static void count_notification(struct rcu_force_notifier *notifier)
{
    (void)notifier;
    atomic_fetch_add(&notified, 1);
}

static struct rcu_force_notifier counting = {.notify = count_notification};

static void add_counting(void)
{
    rcu_add_force_notifier(&counting);
}

static void remove_counting(void)
{
    rcu_remove_force_notifier(&counting);
}

START_TEST(notifiers_of_readers_that_sleep_do_not_run)
{
    use(patient((enum rcu_gp_policy)_i, MS_NS));
    hire_reader(&reader);
    hire(&updater);
    make(&reader, add_counting);
    for (int i = 0; i < 20; i++)
        synchronize_rcu_expedited();
    ck_assert_uint_eq(atomic_load(&notified), 0);
    make(&reader, enter);
    begin(&updater, synchronize_rcu_expedited);
    UNTIL(atomic_load(&notified) > 0);
    make(&reader, leave);
    finish(&updater);
    make(&reader, remove_counting);
    dismiss_reader(&reader);
    dismiss(&updater);
}
END_TEST

/* ---- many ---- */

#ifdef __SANITIZE_THREAD__
#define MANY 500
#else
#define MANY 2000
#endif

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned phase, arrived;
} step = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void arrive_and_wait_for(unsigned phase)
{
    pthread_mutex_lock(&step.lock);
    step.arrived++;
    pthread_cond_broadcast(&step.changed);
    while (step.phase < phase)
        pthread_cond_wait(&step.changed, &step.lock);
    pthread_mutex_unlock(&step.lock);
}

static void wait_for_all(void)
{
    pthread_mutex_lock(&step.lock);
    while (step.arrived < MANY)
        pthread_cond_wait(&step.changed, &step.lock);
    step.arrived = 0;
    pthread_mutex_unlock(&step.lock);
}

static void let_them_go_on(void)
{
    pthread_mutex_lock(&step.lock);
    step.phase++;
    pthread_cond_broadcast(&step.changed);
    pthread_mutex_unlock(&step.lock);
}

static void *one_of_many_main(void *unused)
{
    rcu_register_thread();
    arrive_and_wait_for(1);
    rcu_read_lock();
    arrive_and_wait_for(2);
    rcu_read_unlock();
    arrive_and_wait_for(3);
    rcu_unregister_thread();
    return unused;
}

START_TEST(thousands_of_registered_threads_cost_nothing_while_they_do_not_read)
{
    static pthread_t threads[MANY];
    unsigned long parked = stats().readers_parked;
    pthread_attr_t small;

    use(patient(RCU_GP_POLL, MS_NS));
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 * 1024);
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(pthread_create(&threads[i], &small, one_of_many_main, NULL), 0);
    wait_for_all();
    expect_no_cost();
    let_them_go_on();
    wait_for_all();
    hire(&updater);
    begin_and_wait(&updater, synchronize_rcu, MANY);
    let_them_go_on();
    wait_for_all();
    finish(&updater);
    until_parked(parked, MANY);
    expect_no_cost();
    let_them_go_on();
    for (int i = 0; i < MANY; i++)
        pthread_join(threads[i], NULL);
    expect_no_cost();
    dismiss(&updater);
}
END_TEST

/* ---- what is protected ---- */

/* It reads again at some moment of its being parked, or after it. */
static void *dozing_reader_main(void *unused)
{
    rcu_register_thread();
    for (unsigned i = 0; life_goes_on(); i++) {
        unsigned long gps = stats().gps, idle = i % 7;

        rcu_read_lock();
        life_look(i % 512);
        rcu_read_unlock();
        while (stats().gps < gps + idle && life_goes_on())
            sched_yield();
        for (unsigned k = i * 37 % 1024; k > 0; k--)
            atomic_signal_fence(memory_order_seq_cst);
    }
    rcu_unregister_thread();
    return unused;
}

START_TEST(no_section_of_a_reader_that_dozes_sees_what_was_retired)
{
    int64_t end_ns = search_end_ns(250);
    unsigned long before = stats().readers_unparked;
    pthread_t threads[2];

    use(patient(the_policy, MS_NS / 20));
    life_begin();
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, dozing_reader_main, NULL), 0);
    /* However late the readers get a CPU. */
    for (unsigned i = 1; i < 10 || now_ns() < end_ns || stats().readers_unparked == before; i++)
        life_replace(i, the_wait);
    atomic_store(&life.stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(atomic_load(&life.dead_seen), 0);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("registry");
    TCase *locks = add_case(suite, "locks"), *costs = add_case(suite, "costs"),
          *waking = add_case(suite, "waking"), *many = add_case(suite, "many");

    tcase_add_test(locks, the_main_thread_alone_is_registered_for_it_and_once);
    tcase_add_loop_test(locks, registering_and_unregistering_do_not_wait_for_a_leader, 0, POLICIES);
    tcase_add_test(locks, a_reader_that_was_put_to_sleep_unregisters_without_a_leader);

    tcase_add_loop_test(costs, registered_threads_that_never_read_cost_nothing, 0, POLICIES);
    tcase_add_loop_test(costs, a_reader_that_stops_reading_soon_costs_nothing, 0, POLICIES);
    tcase_add_test(costs, a_reader_that_came_by_meanwhile_soon_costs_nothing);
    tcase_add_test(costs, a_reader_that_unregisters_meanwhile_costs_nothing);
    tcase_add_loop_test(costs, notifiers_of_readers_that_sleep_do_not_run, 0, POLICIES);

    tcase_add_loop_test(waking, a_reader_that_reads_now_and_then_is_not_lost, 0, POLICIES);
    tcase_add_loop_test(waking, a_reader_that_wakes_is_waited_for, 0, WAYS);
    tcase_add_loop_test(waking, a_reader_that_woke_and_left_is_seen_again, 0, POLICIES);
    tcase_add_loop_test(waking, no_section_of_a_reader_that_dozes_sees_what_was_retired, 0, WAYS);

    tcase_add_test(many, each_of_the_groups_is_unparked);
    tcase_add_test(many, thousands_of_registered_threads_cost_nothing_while_they_do_not_read);
    return run_suite(suite);
}
