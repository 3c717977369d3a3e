/* rr: what stillpoint/accel.h promises of several vCPUs in one thread: turns and kicks. How vCPUs
 * come and go, and work between threads, have a file of their own, test_rr_life.c. */
/* Left out of DEBUG TWO_PHASE M32 FENCE: none changes who has the turn or who stands still. */
#include <stillpoint/vcpu.h>

#include "rr_turns.h"

#include <check.h>
#include <pthread.h>

/* ---- turns ---- */

START_TEST(busy_vcpus_take_turns)
{
    begin_test(MS_NS, CPUS);
    for (unsigned i = 0; i < 4 * CPUS; i++)
        until_it_runs(i % CPUS);
    ck_assert_uint_gt(vcpu_stats_now().rr_timer_kicks, 0);
    for (unsigned i = 0; i < CPUS; i++) {
        /* Blocks are counted without any order. */
        UNTIL(atomic_load(&cpus[i].thread_id) != 0);
        ck_assert_int_eq(atomic_load(&cpus[i].thread_id), rr_actor.thread_id);
    }
    end_test(CPUS);
}
END_TEST

START_TEST(the_standard_turn_ends_too)
{
    begin_test(0, 2);
    for (unsigned i = 0; i < 4; i++)
        until_it_runs(i % 2);
    ck_assert_uint_gt(vcpu_stats_now().rr_timer_kicks, 0);
    end_test(2);
}
END_TEST

START_TEST(one_at_a_time_executes)
{
    begin_test(MS_NS / 10, CPUS);
    for (int i = 0; i < 500; i++) {
        unsigned executing = 0;

        start_exclusive();
        for (unsigned c = 0; c < CPUS; c++)
            executing += atomic_load(&cpus[c].executing);
        ck_assert_uint_eq(executing, 0);
        end_exclusive();
        sched_yield();
    }
    end_test(CPUS);
}
END_TEST

/* Many turns' worth of blocks, and of time. */
START_TEST(one_alone_is_never_disturbed)
{
    unsigned long events, kicks;
    int64_t end_ns;

    begin_test(MS_NS, 1);
    until_it_runs(0);
    events = atomic_load(&cpus[0].events);
    end_ns = now_ns() + 30 * MS_NS;
    while (now_ns() < end_ns)
        until_it_runs(0);
    no_timer_kicks();
    ck_assert_uint_eq(atomic_load(&cpus[0].events), events);
    /* There are turns while there is another, and none when it is gone. */
    plug_in(1, 1);
    until_it_runs(1);
    until_it_runs(0);
    until_it_runs(1);
    ck_assert_uint_gt(vcpu_stats_now().rr_timer_kicks, 0);
    unplug(&cpus[1]);
    kicks = vcpu_stats_now().rr_timer_kicks;
    events = atomic_load(&cpus[0].events);
    end_ns = now_ns() + 30 * MS_NS;
    while (now_ns() < end_ns)
        until_it_runs(0);
    ck_assert_uint_eq(vcpu_stats_now().rr_timer_kicks, kicks);
    ck_assert_uint_le(atomic_load(&cpus[0].events), events + 2);
    /* And again, with the same timer. */
    plug_in(1, 1);
    until_it_runs(1);
    until_it_runs(0);
    until_it_runs(1);
    end_test(2);
}
END_TEST

START_TEST(an_idle_one_gets_no_turn)
{
    atomic_store(&cpus[1].halted, true);
    begin_test(MS_NS / 5, CPUS);
    for (int i = 0; i < 6; i++) {
        until_it_runs(0);
        until_it_runs(2);
    }
    ck_assert_uint_eq(blocks_of(1), 0);
    atomic_store(&cpus[1].halted, false);
    ask(&cpus[1]);
    until_it_runs(1);
    end_test(CPUS);
}
END_TEST

/* ---- kicks ---- */

START_TEST(a_kick_of_one_whose_turn_it_is_not_is_acted_on_at_once)
{
    unsigned long acted = 0;

    begin_test(HOUR_NS, CPUS);
    for (unsigned i = 0; i < 200; i++) {
        struct test_cpu *t;
        unsigned running = 0;

        UNTIL(has_the_turn(0) || has_the_turn(1) || has_the_turn(2));
        while (running < CPUS - 1 && !has_the_turn(running))
            running++;
        t = &cpus[(running + 1 + i % 2) % CPUS];
        make_act(t);
        acted++;
    }
    ck_assert_uint_eq(acted, 200);
    no_timer_kicks();
    end_test(CPUS);
}
END_TEST

START_TEST(a_kick_wakes_one_while_another_runs)
{
    atomic_store(&cpus[1].halted, true);
    begin_test(HOUR_NS, 2);
    until_it_runs(0);
    atomic_store(&cpus[1].halted, false);
    ask(&cpus[1]);
    /* Its turn comes after the one that was ended for it. */
    until_it_runs(1);
    no_timer_kicks();
    end_test(2);
}
END_TEST

#define REQUESTERS 3
#define REASONS    700
static struct {
    _Alignas(RCU_CACHE_LINE) atomic_ulong written;
    atomic_ulong seen;
} reasons[CPUS][REQUESTERS];

static void see_reasons(struct vcpu *cpu)
{
    struct test_cpu *t = test_cpu_of(cpu);
    unsigned mine = (unsigned)(t - cpus);

    for (unsigned i = 0; i < REQUESTERS; i++) {
        atomic_store_explicit(&reasons[mine][i].seen,
                              atomic_load_explicit(&reasons[mine][i].written, memory_order_relaxed),
                              memory_order_relaxed);
    }
    /* Now it idles, now it does not: turns change all the time without a timer. */
    atomic_store_explicit(&t->halted, atomic_load(&t->events) % 3 == 0, memory_order_relaxed);
}

static void *request(void *data)
{
    unsigned self = (unsigned)(unsigned long)data;

    for (unsigned long i = 1; i <= REASONS; i++) {
        unsigned c = (unsigned)(i + self) % CPUS;

        atomic_store_explicit(&reasons[c][self].written, i, memory_order_relaxed);
        cpu_exit(&cpus[c].vcpu);
        UNTIL(atomic_load_explicit(&reasons[c][self].seen, memory_order_relaxed) == i);
    }
    return NULL;
}

START_TEST(kicks_that_race_with_changes_of_turn_are_acted_on)
{
    pthread_t threads[REQUESTERS];

    for (unsigned i = 0; i < CPUS; i++)
        cpus[i].on_events = see_reasons;
    begin_test(_i == 0 ? HOUR_NS : MS_NS / 50, CPUS);
    for (unsigned long i = 0; i < REQUESTERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, request, (void *)i), 0);
    for (unsigned i = 0; i < REQUESTERS; i++)
        pthread_join(threads[i], NULL);
    if (_i == 0)
        no_timer_kicks();
    end_test(CPUS);
}
END_TEST

/* A look at another's turn only: no requester but one, and it goes quiet. */
START_TEST(one_quiet_requester_is_never_left_waiting)
{
    begin_test(HOUR_NS, 2);
    for (unsigned long i = 0; i < 3000; i++)
        make_act(&cpus[i % 2]);
    no_timer_kicks();
    end_test(2);
}
END_TEST

static void ask_the_first(struct vcpu *cpu)
{
    (void)cpu;
    if (atomic_load(&cpus[0].reasons) < 50)
        ask(&cpus[0]);
}

/* The first has been served when the second asks it, and the turn is the second's. */
START_TEST(a_kick_between_serving_and_a_turn_comes_before_the_turn)
{
    atomic_store(&cpus[0].halted, true);
    cpus[1].on_events = ask_the_first;
    begin_test(HOUR_NS, 2);
    UNTIL(has_acted(&cpus[0], 50));
    no_timer_kicks();
    end_test(2);
}
END_TEST

START_TEST(when_all_idle_the_thread_sleeps)
{
    unsigned long calls;

    for (unsigned i = 0; i < CPUS; i++)
        atomic_store(&cpus[i].halted, true);
    begin_test(HOUR_NS, CPUS);
    for (unsigned i = 0; i < CPUS; i++)
        make_act(&cpus[i]);
    wait_until_asleep(&rr_actor);
    calls = atomic_load(&cpus[0].idle_calls);
    let_others_run();
    ck_assert_uint_le(atomic_load(&cpus[0].idle_calls), calls + 1);
    for (unsigned i = 0; i < 60; i++) {
        UNTIL(is_asleep(&rr_actor));
        make_act(&cpus[i % CPUS]);
    }
    ck_assert_uint_eq(blocks_of(0) + blocks_of(1) + blocks_of(2), 0);
    end_test(CPUS);
}
END_TEST

/* ---- the suite ---- */

int main(void)
{
    Suite *suite = suite_create("rr");
    TCase *c = add_case(suite, "turns");

    tcase_add_test(c, busy_vcpus_take_turns);
    tcase_add_test(c, the_standard_turn_ends_too);
    tcase_add_test(c, one_at_a_time_executes);
    tcase_add_test(c, one_alone_is_never_disturbed);
    tcase_add_test(c, an_idle_one_gets_no_turn);

    c = add_case(suite, "kicks");
    tcase_add_test(c, a_kick_of_one_whose_turn_it_is_not_is_acted_on_at_once);
    tcase_add_test(c, a_kick_wakes_one_while_another_runs);
    tcase_add_loop_test(c, kicks_that_race_with_changes_of_turn_are_acted_on, 0, 2);
    tcase_add_test(c, one_quiet_requester_is_never_left_waiting);
    tcase_add_test(c, a_kick_between_serving_and_a_turn_comes_before_the_turn);
    tcase_add_test(c, when_all_idle_the_thread_sleeps);
    return run_suite(suite);
}
