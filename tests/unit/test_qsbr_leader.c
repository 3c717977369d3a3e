/* Quiescent-state mode: waking leaders, what online threads find and cost, misuse. */
#include <stillpoint/rcu.h>

#include "actor.h"
#include "life.h"

#include <check.h>
#include <sched.h>

static struct actor reader, updater;

static void begin_test(struct rcu_settings settings)
{
    use(settings);
    hire_online(&reader);
    hire(&updater);
}

static void end_test(void)
{
    dismiss_reader(&reader);
    dismiss(&updater);
}

/* ---- waking the leader ---- */

static struct rcu_stats before;

/* The leader sleeps for the online thread: under `event`, or forced. */
static void begin_sleeping(int i)
{
    begin_test(patient(i == 0 ? RCU_GP_EVENT : RCU_GP_POLL, HOUR_NS));
    before = stats();
    begin_and_wait(&updater, primitives[i], 1);
    UNTIL(stats().sleeps > before.sleeps);
    UNTIL(is_asleep(&updater));
}

START_TEST(a_quiescent_state_wakes_a_leader_that_sleeps)
{
    begin_sleeping(_i);
    make(&reader, quiesce);
    if (TWO_PHASES) {
        UNTIL(stats().sleeps == before.sleeps + 2);
        UNTIL(is_asleep(&updater));
        make(&reader, quiesce);
    }
    finish(&updater);
    ck_assert_uint_eq(stats().wakeups, before.wakeups + (TWO_PHASES ? 2 : 1));
    end_test();
}
END_TEST

/* ---- a signal handler in the middle of an entry or a renewal ---- */

static unsigned long stale; /* the number that the interrupted entry had loaded */

static void load_number(void)
{
    stale = atomic_load(&rcu_gp_number);
}

/* The handler leaves its section, and rcu_read_lock() goes on: at once, before the leader can
 * look. */
static void leave_and_go_on_entering(void)
{
    rcu_read_unlock();
    atomic_store(&rcu_reader.counter, stale);
    if (atomic_load(&rcu_reader.attention))
        rcu_reader_entered(&rcu_reader);
}

static void renew_and_go_on_renewing(void)
{
    rcu_quiescent_state();
    rcu_reader_renews(&rcu_reader, stale);
}

/* The handler's section takes the request to wake the leader, who then finds the reader inside
 * again, with the number from before. */
START_TEST(an_entry_that_a_reading_handler_interrupts_wakes_the_leader)
{
    use(patient(RCU_GP_POLL, HOUR_NS));
    hire_reader(&reader);
    hire(&updater);
    before = stats();
    make(&reader, load_number);
    make(&reader, enter);
    begin_and_wait(&updater, synchronize_rcu_expedited, 1);
    UNTIL(stats().sleeps > before.sleeps);
    make(&reader, leave_and_go_on_entering);
    UNTIL(stats().wakeups > before.wakeups);
    UNTIL(is_asleep(&updater));
    make(&reader, leave);
    finish(&updater);
    end_test();
}
END_TEST

START_TEST(a_renewal_that_a_renewing_handler_interrupts_wakes_the_leader)
{
    begin_test(patient(RCU_GP_POLL, HOUR_NS));
    before = stats();
    make(&reader, load_number);
    begin_and_wait(&updater, synchronize_rcu_expedited, 1);
    UNTIL(stats().sleeps > before.sleeps);
    make(&reader, renew_and_go_on_renewing);
    UNTIL(stats().wakeups > before.wakeups);
    while (is_busy(&updater))
        make(&reader, quiesce);
    finish(&updater);
    end_test();
}
END_TEST

START_TEST(going_offline_wakes_a_leader_that_sleeps)
{
    begin_sleeping(_i);
    make(&reader, rcu_thread_offline);
    finish(&updater);
    ck_assert_uint_eq(stats().wakeups, before.wakeups + 1);
    end_test();
}
END_TEST

/* It loaded the number before the grace period began, and stores it when the leader sleeps already:
 * the wake-up that it takes from the leader must be worth it. */
static unsigned long stale_number;

static void renew_late(void)
{
    rcu_reader_renews(&rcu_reader, stale_number);
}

START_TEST(a_renewal_with_an_old_number_is_repeated_for_the_leader)
{
    stale_number = atomic_load(&rcu_gp_number);
    begin_sleeping(_i);
    make(&reader, renew_late);
    if (TWO_PHASES) {
        UNTIL(stats().sleeps == before.sleeps + 2);
        make(&reader, quiesce);
    }
    finish(&updater);
    end_test();
}
END_TEST

/* A thread that quiesces once when a grace period begins, at every possible moment of it. */
static void *once_per_number_main(void *unused)
{
    unsigned long seen;

    rcu_register_thread();
    rcu_thread_online();
    seen = atomic_load_explicit(&rcu_gp_number, memory_order_relaxed);
    for (unsigned i = 1; life_goes_on(); i++) {
        unsigned long number = atomic_load_explicit(&rcu_gp_number, memory_order_relaxed);

        if (number != seen) {
            seen = number;
            for (unsigned k = i * 37 % 8192; k > 0; k--)
                atomic_signal_fence(memory_order_seq_cst);
            rcu_quiescent_state();
        } else if (i % 256 == 0) {
            sched_yield();
        }
    }
    rcu_unregister_thread();
    return unused;
}

START_TEST(no_wake_up_is_lost_to_a_quiescent_state)
{
    int64_t end_ns = search_end_ns(250);
    pthread_t thread;

    use(patient(RCU_GP_EVENT, HOUR_NS));
    ck_assert_int_eq(pthread_create(&thread, NULL, once_per_number_main, NULL), 0);
    for (unsigned i = 1; i < 10 || now_ns() < end_ns; i++)
        primitives[_i]();
    atomic_store(&life.stop, true);
    pthread_join(thread, NULL);
}
END_TEST

/* ---- what is protected, what it costs ---- */

static void *life_online_main(void *changing)
{
    rcu_register_thread();
    rcu_thread_online();
    for (unsigned i = 0; life_goes_on(); i++) {
        life_look(i % 512);
        rcu_read_lock();
        life_look(i % 64);
        rcu_read_unlock();
        rcu_quiescent_state();
        if (changing != NULL && i % 8 == 0) {
            rcu_thread_offline();
            rcu_read_lock();
            life_look(i % 512);
            rcu_read_unlock();
            sched_yield();
            rcu_thread_online();
        }
    }
    rcu_thread_offline();
    rcu_unregister_thread();
    return NULL;
}

START_TEST(an_online_thread_finds_nothing_retired_between_its_quiescent_states)
{
    struct rcu_settings settings = patient(the_policy, MS_NS / 20);
    int64_t end_ns = search_end_ns(150);
    pthread_t threads[2];

    settings.spin_ns = _i % 2 == 0 ? 0 : rcu_default_settings.spin_ns;
    use(settings);
    life_begin();
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, life_online_main, i == 0 ? NULL : &life),
                         0);
    }
    for (unsigned i = 1; i < 10 || now_ns() < end_ns; i++)
        life_replace(i, primitives[i % 16 == 0]);
    atomic_store(&life.stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(atomic_load(&life.dead_seen), 0);
}
END_TEST

START_TEST(a_thread_that_quiesces_all_the_time_costs_no_fence)
{
    struct rcu_stats first;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, once_per_number_main, NULL), 0);
    first = stats();
    UNTIL((synchronize_rcu(), stats().heavy_fences > first.heavy_fences ||
                                  stats().readers_unparked > first.readers_unparked));
    first = stats();
    UNTIL((synchronize_rcu(), stats().gps_proven >= first.gps_proven + 100));
    atomic_store(&life.stop, true);
    pthread_join(thread, NULL);
}
END_TEST

START_TEST(an_offline_thread_costs_no_fence)
{
    begin_test(patient(the_policy, MS_NS));
    make(&reader, rcu_thread_offline);
    make(&updater, the_wait); /* it is put to sleep, by its own word: no fence needed */
    before = stats();
    for (int i = 0; i < 100; i++)
        make(&updater, the_wait);
    ck_assert_uint_eq(stats().heavy_fences, before.heavy_fences);
    ck_assert_uint_eq(stats().gps_proven, before.gps_proven + 100);
    end_test();
}
END_TEST

/* ---- misuse ---- */

static void quiesce_in_an_explicit_section(void)
{
    rcu_register_thread();
    rcu_thread_online();
    rcu_read_lock();
    rcu_quiescent_state();
}

static void go_online_unregistered(void)
{
    rcu_thread_online();
}

static void go_online_in_a_section(void)
{
    rcu_register_thread();
    rcu_read_lock();
    rcu_thread_online();
}

static void go_online_in_an_explicit_section(void)
{
    rcu_register_thread();
    rcu_thread_online();
    rcu_read_lock();
    rcu_thread_online();
}

static void go_offline_in_a_section(void)
{
    rcu_register_thread();
    rcu_read_lock();
    rcu_thread_offline();
}

static void go_offline_in_an_explicit_section(void)
{
    rcu_register_thread();
    rcu_thread_online();
    rcu_read_lock();
    rcu_thread_offline();
}

static void unregister_in_an_explicit_section(void)
{
    rcu_register_thread();
    rcu_thread_online();
    rcu_read_lock();
    rcu_unregister_thread();
}

static void synchronize_in_an_explicit_section(void)
{
    rcu_register_thread();
    rcu_thread_online();
    rcu_read_lock();
    synchronize_rcu();
}

static void nest_too_deep(void)
{
    rcu_register_thread();
    rcu_thread_online();
    for (int i = 0; i < 32768; i++)
        rcu_read_lock();
}

static void unlock_beyond_the_online_level(void)
{
    rcu_register_thread();
    rcu_thread_online();
    rcu_read_lock();
    rcu_read_unlock();
    rcu_read_unlock();
}

static void unlock_at_the_online_level(void)
{
    rcu_register_thread();
    rcu_thread_online();
    rcu_quiescent_state();
    rcu_read_unlock();
}

static const struct {
    void (*what)(void);
    const char *text;
} misuses[] = {
    {quiesce_in_an_explicit_section, "rcu_quiescent_state() inside a read section"},
    {go_online_unregistered, "rcu_thread_online() in a thread that is not registered"},
    {go_online_in_a_section, "rcu_thread_online() inside a read section"},
    {go_online_in_an_explicit_section, "rcu_thread_online() inside a read section"},
    {go_offline_in_a_section, "rcu_thread_offline() inside a read section"},
    {go_offline_in_an_explicit_section, "rcu_thread_offline() inside a read section"},
    {unregister_in_an_explicit_section, "rcu_unregister_thread() inside a read section"},
    {synchronize_in_an_explicit_section, "synchronize_rcu() inside a read section"},
    {nest_too_deep, "rcu_read_lock() nested deeper than 32768"},
    {unlock_beyond_the_online_level, "rcu_read_unlock() without a matching rcu_read_lock()"},
    {unlock_at_the_online_level, "rcu_read_unlock() without a matching rcu_read_lock()"},
};

START_TEST(misuse_aborts_with_a_message)
{
    dies_saying(misuses[_i].what, misuses[_i].text);
}
END_TEST

/* ---- the suite ---- */

static void add_tests(Suite *suite)
{
    TCase *waking = add_case(suite, "waking"), *protection = add_case(suite, "protection"),
          *misuse = add_case(suite, "misuse");

    tcase_add_loop_test(waking, a_quiescent_state_wakes_a_leader_that_sleeps, 0, 2);
    tcase_add_test(waking, an_entry_that_a_reading_handler_interrupts_wakes_the_leader);
    tcase_add_test(waking, a_renewal_that_a_renewing_handler_interrupts_wakes_the_leader);
    tcase_add_loop_test(waking, going_offline_wakes_a_leader_that_sleeps, 0, 2);
    tcase_add_loop_test(waking, a_renewal_with_an_old_number_is_repeated_for_the_leader, 0, 2);
    tcase_add_loop_test(waking, no_wake_up_is_lost_to_a_quiescent_state, 0, 2);

    tcase_add_loop_test(
        protection, an_online_thread_finds_nothing_retired_between_its_quiescent_states, 0, WAYS);
    tcase_add_loop_test(protection, an_offline_thread_costs_no_fence, 0, WAYS);
    if (!TWO_PHASES && has_several_cpus()) {
        tcase_add_test(protection, a_thread_that_quiesces_all_the_time_costs_no_fence);
    } else {
        puts("left out: a_thread_that_quiesces_all_the_time_costs_no_fence, which needs two CPUs "
             "and one phase");
    }

    tcase_add_loop_test(misuse, misuse_aborts_with_a_message, 0,
                        (int)(sizeof misuses / sizeof *misuses));
}

int main(void)
{
    Suite *suite = suite_create("qsbr leaders");

    add_tests(suite);
    return run_suite(suite);
}
