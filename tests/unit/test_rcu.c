/* Sections, grace periods and policies: what stillpoint/rcu.h and stillpoint/rcu_policy.h promise.
 *
 * Callbacks and misuse have files of their own, test_callback.c and test_rcu_misuse.c. */
#include <stillpoint/event.h>
#include <stillpoint/rcu.h>

#include "actor.h"
#include "life.h"

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALLERS 8

/* ---- what the tests have in common ---- */

static void pause_for(unsigned turns)
{
    for (; turns > 0; turns--)
        atomic_signal_fence(memory_order_seq_cst);
}

/* A meeting of two threads: fast where each has a CPU, possible where they share one. */
static void meet(atomic_uint *word, unsigned value)
{
    for (unsigned i = 1; atomic_load_explicit(word, memory_order_acquire) != value; i++)
        if (i % 256 == 0)
            sched_yield();
}

/* ---- registration and sections ---- */

START_TEST(a_thread_may_register_again_after_it_unregistered)
{
    struct actor reader, updater;

    use(patient(RCU_GP_EVENT, MS_NS));
    hire(&reader);
    hire(&updater);
    for (int i = 0; i < 5; i++) {
        make(&reader, rcu_register_thread);
        make(&reader, enter);
        begin_and_wait(&updater, synchronize_rcu, 1);
        make(&reader, leave);
        finish(&updater);
        make(&reader, rcu_unregister_thread);
        make(&updater, synchronize_rcu);
    }
    dismiss(&reader);
    dismiss(&updater);
}
END_TEST

START_TEST(a_thread_may_unregister_while_a_leader_naps_for_it)
{
    struct actor reader, updater;

    use(patient(RCU_GP_POLL, HOUR_NS));
    hire_reader(&reader);
    hire(&updater);
    make(&reader, enter);
    begin_and_wait(&updater, synchronize_rcu, 1);
    make(&reader, leave);
    dismiss_reader(&reader);
    ck_assert_uint_eq(rcu_holdouts(NULL, 0), 0);
    force_rcu();
    finish(&updater);
    dismiss(&updater);
}
END_TEST

START_TEST(a_thread_may_register_during_a_grace_period)
{
    struct actor reader, late, updater;

    use(patient(RCU_GP_EVENT, MS_NS));
    hire_reader(&reader);
    hire(&updater);
    make(&reader, enter);
    begin_and_wait(&updater, synchronize_rcu, 1);
    hire_reader(&late);
    make(&late, enter);
    ck_assert_uint_eq(rcu_holdouts(NULL, 0), 1);
    make(&reader, leave);
    finish(&updater);
    make(&late, leave);
    dismiss_reader(&late);
    dismiss_reader(&reader);
    dismiss(&updater);
}
END_TEST

START_TEST(sections_nest_32768_deep)
{
    unsigned outside = 0; /* an assertion at each level would take seconds */

    rcu_register_thread();
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 32768; i++) {
            rcu_read_lock();
            outside += !rcu_read_locked();
        }
        for (unsigned i = 0; i < 32768; i++) {
            outside += !rcu_read_locked();
            rcu_read_unlock();
        }
        ck_assert_uint_eq(outside, 0);
        ck_assert(!rcu_read_locked());
        synchronize_rcu();
    }
    rcu_unregister_thread();
}
END_TEST

static void nest_too_deep(void)
{
    rcu_register_thread();
    for (unsigned i = 0; i < 32769; i++)
        rcu_read_lock();
}

START_TEST(one_level_more_aborts)
{
    dies_saying(nest_too_deep, "rcu_read_lock() nested deeper than 32768");
}
END_TEST

START_TEST(an_inner_unlock_does_not_end_the_section)
{
    struct actor reader, updater;

    use(patient((enum rcu_gp_policy)_i, MS_NS));
    hire_reader(&reader);
    hire(&updater);
    make(&reader, enter);
    begin_and_wait(&updater, synchronize_rcu, 1);
    for (int i = 0; i < 3; i++)
        make(&reader, enter);
    for (int i = 0; i < 3; i++) {
        make(&reader, leave);
        ck_assert(is_busy(&updater));
    }
    /* Whoever took an inner unlock for the end would not be waiting now. */
    force_rcu();
    ck_assert_uint_eq(rcu_holdouts(NULL, 0), 1);
    make(&reader, leave);
    finish(&updater);
    dismiss_reader(&reader);
    dismiss(&updater);
}
END_TEST

static int return_from_guard(void)
{
    RCU_READ_LOCK_GUARD();
    return rcu_read_locked() ? 1 : 0;
}

static int return_from_block(void)
{
    WITH_RCU_READ_LOCK_GUARD()
    {
        if (rcu_read_locked())
            return 1;
    }
    return 0;
}

START_TEST(guards_end_their_section_however_it_is_left)
{
    unsigned ran = 0;

    rcu_register_thread();
    {
        RCU_READ_LOCK_GUARD();
        ck_assert(rcu_read_locked());
        ran += (unsigned)return_from_guard();
        ck_assert(rcu_read_locked());
    }
    ck_assert(!rcu_read_locked());
    ran += (unsigned)return_from_guard();
    ck_assert(!rcu_read_locked());

    WITH_RCU_READ_LOCK_GUARD()
    {
        ck_assert(rcu_read_locked());
        ran++;
    }
    ck_assert(!rcu_read_locked());
    WITH_RCU_READ_LOCK_GUARD()
    {
        ran++;
        if (rcu_read_locked())
            break;
        ran += 100;
    }
    ck_assert(!rcu_read_locked());
    WITH_RCU_READ_LOCK_GUARD()
    {
        ran++;
        if (rcu_read_locked())
            continue;
        ran += 100;
    }
    ck_assert(!rcu_read_locked());
    for (int i = 0; i < 3; i++) {
        RCU_READ_LOCK_GUARD();
        if (i == 2)
            break;
        ran++;
    }
    ck_assert(!rcu_read_locked());
    ran += (unsigned)return_from_block();
    ck_assert(!rcu_read_locked());
    ck_assert_uint_eq(ran, 8);
    rcu_unregister_thread();
}
END_TEST

struct pair {
    int a, b;
};
static struct pair *pairs;

static void *publisher_main(void *unused)
{
    static struct pair published[1000];

    for (int i = 0; i < 1000; i++) {
        published[i] = (struct pair){i, -i};
        rcu_assign_pointer(pairs, &published[i]);
    }
    return unused;
}

START_TEST(what_is_published_is_seen_whole)
{
    pthread_t thread;
    int last = -1;
    unsigned wrong = 0;

    rcu_register_thread();
    ck_assert_ptr_null(rcu_dereference(pairs));
    ck_assert_int_eq(pthread_create(&thread, NULL, publisher_main, NULL), 0);
    while (last < 999) {
        RCU_READ_LOCK_GUARD();
        const struct pair *p = rcu_dereference(pairs);

        if (p != NULL) {
            wrong += p->a < last || p->a != -p->b;
            last = p->a;
        }
    }
    ck_assert_uint_eq(wrong, 0);
    pthread_join(thread, NULL);
    rcu_unregister_thread();
}
END_TEST

/* ---- what a grace period waits for ---- */

START_TEST(a_section_from_before_is_waited_for)
{
    struct actor reader, updater;

    use(patient((enum rcu_gp_policy)(_i / 2), MS_NS));
    hire_reader(&reader);
    hire(&updater);
    for (int i = 0; i < 5; i++) {
        make(&reader, enter);
        begin_and_wait(&updater, primitives[_i % 2], 1);
        make(&reader, leave);
        finish(&updater);
    }
    dismiss_reader(&reader);
    dismiss(&updater);
}
END_TEST

#ifndef STILLPOINT_TWO_PHASE
START_TEST(a_section_from_after_is_not_waited_for)
{
    struct actor first, second, updater;

    use(patient((enum rcu_gp_policy)(_i / 2), MS_NS));
    hire_reader(&first);
    hire_reader(&second);
    hire(&updater);
    for (int i = 0; i < 5; i++) {
        make(&first, enter);
        begin_and_wait(&updater, primitives[_i % 2], 1);
        make(&second, enter);
        ck_assert_uint_eq(rcu_holdouts(NULL, 0), 1);
        make(&first, leave);
        finish(&updater);
        /* Left and entered again: it is in the way of the next one. */
        begin_and_wait(&updater, primitives[_i % 2], 1);
        make(&first, enter);
        make(&second, leave);
        finish(&updater);
        make(&first, leave);
    }
    dismiss_reader(&first);
    dismiss_reader(&second);
    dismiss(&updater);
}
END_TEST

#else
/* One that began during the first phase is in the way of the second; one from then on is not. */
START_TEST(with_two_phases_a_section_from_after_may_be_waited_for_once)
{
    struct actor readers[3], updater;

    use(patient((enum rcu_gp_policy)(_i / 2), MS_NS));
    hire(&updater);
    for (int i = 0; i < 3; i++)
        hire_reader(&readers[i]);
    for (int i = 0; i < 5; i++) {
        unsigned long number;

        /* Readers that have been parked are scanned from the next grace period on. */
        for (int k = 0; k < 3; k++) {
            make(&readers[k], enter);
            make(&readers[k], leave);
        }
        synchronize_rcu();
        make(&readers[0], enter);
        begin_and_wait(&updater, primitives[_i % 2], 1);
        make(&readers[1], enter);
        ck_assert_uint_eq(rcu_holdouts(NULL, 0), 1);
        number = atomic_load(&rcu_gp_number);
        make(&readers[0], leave);
        UNTIL(atomic_load(&rcu_gp_number) != number);
        UNTIL(leader_waits_for(1));
        make(&readers[2], enter);
        make(&readers[1], leave);
        finish(&updater);
        make(&readers[2], leave);
    }
    for (int i = 0; i < 3; i++)
        dismiss_reader(&readers[i]);
    dismiss(&updater);
}
END_TEST
#endif

START_TEST(all_sections_from_before_are_waited_for)
{
    struct actor readers[3], updater;
    int ids[3] = {0};

    use(patient((enum rcu_gp_policy)(_i / 2), MS_NS));
    hire(&updater);
    for (int i = 0; i < 3; i++) {
        hire_reader(&readers[i]);
        make(&readers[i], enter);
    }
    begin_and_wait(&updater, primitives[_i % 2], 3);
    ck_assert_uint_eq(rcu_holdouts(ids, 2), 3);
    ck_assert_int_ne(ids[0], 0);
    ck_assert_int_eq(ids[2], 0);
    for (int i = 0; i < 3; i++) {
        ck_assert(is_busy(&updater));
        make(&readers[i], leave);
        if (i == 1) {
            UNTIL(leader_waits_for(1));
            ck_assert_uint_eq(rcu_holdouts(ids, 3), 1);
            ck_assert_int_eq(ids[0], readers[2].thread_id);
        }
    }
    finish(&updater);
    ck_assert_uint_eq(rcu_holdouts(ids, 3), 0);
    for (int i = 0; i < 3; i++)
        dismiss_reader(&readers[i]);
    dismiss(&updater);
}
END_TEST

START_TEST(callers_may_be_registered_or_not)
{
    unsigned long gps = stats().gps;

    synchronize_rcu();
    synchronize_rcu_expedited();
    rcu_register_thread();
    synchronize_rcu();
    synchronize_rcu_expedited();
    rcu_read_lock();
    rcu_read_unlock();
    synchronize_rcu();
    rcu_unregister_thread();
    synchronize_rcu();
    ck_assert_uint_eq(stats().gps, gps + 6);
}
END_TEST

/* More than caches hold. */
#define FAR_LINES (1u << 18)
static unsigned char far_lines[2][FAR_LINES][64];

static void *life_reader_main(void *quiet)
{
    unsigned char(*far)[64] = far_lines[quiet != NULL];
    unsigned place = 1;

    rcu_register_thread();
    for (unsigned i = 0; life_goes_on(); i++) {
        /* Stores that miss the caches keep the entry in the store buffer behind them. */
        for (unsigned k = i % 8; k > 0; k--) {
            place = place * 1664525 + 1013904223;
            far[place >> 14][0] = 1;
        }
        rcu_read_lock();
        life_look(i % 512);
        rcu_read_unlock();
        if (quiet != NULL)
            sched_yield();
    }
    rcu_unregister_thread();
    return NULL;
}

START_TEST(no_section_sees_what_was_retired)
{
    struct rcu_settings settings = patient((enum rcu_gp_policy)(_i / 2), MS_NS / 20);
    int64_t end_ns = search_end_ns(250);
    pthread_t threads[2];

    settings.spin_ns = _i % 2 == 0 ? 0 : rcu_default_settings.spin_ns;
    use(settings);
    life_begin();
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, life_reader_main, i == 0 ? NULL : &life),
                         0);
    }
    for (unsigned i = 1; i < 10 || now_ns() < end_ns; i++)
        life_replace(i, i % 16 == 0 ? synchronize_rcu_expedited : synchronize_rcu);
    atomic_store(&life.stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(atomic_load(&life.dead_seen), 0);
}
END_TEST

/* ---- shared grace periods ---- */

START_TEST(callers_share_grace_periods)
{
    struct actor reader, callers[CALLERS];
    struct rcu_stats before, after;

    use(patient((enum rcu_gp_policy)_i, MS_NS));
    hire_reader(&reader);
    make(&reader, enter);
    before = stats();
    for (int i = 0; i < CALLERS; i++) {
        hire(&callers[i]);
        begin(&callers[i], synchronize_rcu);
    }
    UNTIL(leader_waits_for(1));
    /* They have looked at the sequence once they sleep; the leader may be napping by turns. */
    for (int i = 0; i < CALLERS; i++)
        UNTIL(is_asleep(&callers[i]));
    make(&reader, leave);
    for (int i = 0; i < CALLERS; i++) {
        finish(&callers[i]);
        dismiss(&callers[i]);
    }
    after = stats();
    ck_assert_uint_ge(after.gps - before.gps, 1);
    ck_assert_uint_le(after.gps - before.gps, 2);
    ck_assert_uint_ge(after.gps_shared - before.gps_shared, CALLERS - 2);
    dismiss_reader(&reader);
}
END_TEST

/* A caller that comes while a grace period runs needs the next one: that began before it. */
START_TEST(a_grace_period_under_way_serves_no_newcomer)
{
    struct actor first, second, leader, callers[CALLERS];

    use(patient((enum rcu_gp_policy)_i, MS_NS));
    hire_reader(&first);
    hire_reader(&second);
    hire(&leader);
    make(&first, enter);
    begin_and_wait(&leader, synchronize_rcu, 1);
    make(&second, enter); /* in nobody's way yet */
    for (int i = 0; i < CALLERS; i++) {
        hire(&callers[i]);
        begin(&callers[i], synchronize_rcu);
        UNTIL(is_asleep(&callers[i]));
    }
    make(&first, leave);
    finish(&leader);
    for (int i = 0; i < CALLERS; i++)
        UNTIL(leader_waits_for(1) || !is_busy(&callers[i]));
    for (int i = 0; i < CALLERS; i++) {
        UNTIL(is_asleep(&callers[i]) || !is_busy(&callers[i]));
        ck_assert_msg(is_busy(&callers[i]), "a section from before the call was not waited for");
    }
    make(&second, leave);
    for (int i = 0; i < CALLERS; i++) {
        finish(&callers[i]);
        dismiss(&callers[i]);
    }
    dismiss_reader(&first);
    dismiss_reader(&second);
    dismiss(&leader);
}
END_TEST

/* ---- policies ---- */

/* A reader in a section, and a grace period under these settings that waits for it. */
static struct {
    struct actor reader, updater;
    struct rcu_stats before;
} held;

static void hold(struct rcu_settings settings)
{
    use(settings);
    hire_reader(&held.reader);
    hire(&held.updater);
    make(&held.reader, enter);
    held.before = stats();
    begin_and_wait(&held.updater, synchronize_rcu, 1);
}

/* The grace period must still be waiting, and end with the section. */
static void release(void)
{
    ck_assert(is_busy(&held.updater));
    make(&held.reader, leave);
    finish(&held.updater);
    dismiss_reader(&held.reader);
    dismiss(&held.updater);
}

START_TEST(poll_naps_and_never_forces)
{
    struct rcu_settings settings = patient(RCU_GP_POLL, MS_NS);

    settings.force_naps = 1;
    settings.force_callbacks = 1;
    settings.force_after_ns = 0;
    hold(settings);
    UNTIL(stats().naps - held.before.naps >= 10);
    ck_assert_uint_eq(stats().gps_forced, held.before.gps_forced);
    release();
    ck_assert_uint_eq(stats().sleeps, held.before.sleeps);
    ck_assert_uint_eq(stats().gps_forced, held.before.gps_forced);
}
END_TEST

START_TEST(event_sleeps_and_never_naps)
{
    hold(patient(RCU_GP_EVENT, MS_NS));
    UNTIL(stats().sleeps > held.before.sleeps);
    release();
    ck_assert_uint_eq(stats().naps, held.before.naps);
    ck_assert_uint_eq(stats().sleeps, held.before.sleeps + 1);
    ck_assert_uint_eq(stats().wakeups, held.before.wakeups + 1);
    ck_assert_uint_eq(stats().gps_forced, held.before.gps_forced);
}
END_TEST

START_TEST(fqs_forces_after_so_many_naps)
{
    struct rcu_settings settings = patient(RCU_GP_FQS, MS_NS);

    settings.force_naps = 3;
    settings.force_after_ns = 0;
    hold(settings);
    UNTIL(stats().gps_forced_by_time > held.before.gps_forced_by_time);
    UNTIL(stats().sleeps > held.before.sleeps);
    release();
    ck_assert_uint_eq(stats().naps, held.before.naps + 3);
    ck_assert_uint_eq(stats().gps_forced, held.before.gps_forced + 1);
    ck_assert_uint_eq(stats().gps_forced_by_time, held.before.gps_forced_by_time + 1);
    ck_assert_uint_eq(stats().gps_forced_by_call, held.before.gps_forced_by_call);
}
END_TEST

START_TEST(adaptive_forces_after_so_much_time)
{
    struct rcu_settings settings = patient(RCU_GP_ADAPTIVE, HOUR_NS);

    settings.first_nap_ns = MS_NS / 10;
    settings.force_naps = 0;
    settings.force_after_ns = 3 * MS_NS;
    hold(settings);
    UNTIL(stats().gps_forced_by_time > held.before.gps_forced_by_time);
    UNTIL(stats().sleeps > held.before.sleeps);
    release();
    ck_assert_uint_eq(stats().gps_forced, held.before.gps_forced + 1);
    ck_assert_uint_eq(stats().gps_forced_by_call, held.before.gps_forced_by_call);
}
END_TEST

START_TEST(adaptive_may_force_at_once)
{
    struct rcu_settings settings = patient(RCU_GP_ADAPTIVE, HOUR_NS);

    settings.force_after_ns = 0;
    hold(settings);
    UNTIL(stats().sleeps > held.before.sleeps);
    release();
    ck_assert_uint_eq(stats().naps, held.before.naps);
}
END_TEST

static void ignore(struct rcu_head *head)
{
    (void)head;
}

/* The naps are of an hour: the callback that makes it enough ends one. */
START_TEST(callbacks_that_pile_up_force)
{
    struct rcu_settings settings = patient(_i == 0 ? RCU_GP_FQS : RCU_GP_ADAPTIVE, HOUR_NS);
    static struct rcu_head heads[10];

    settings.force_callbacks = 10;
    hold(settings);
    for (int i = 0; i < 10; i++) {
        ck_assert_uint_eq(stats().gps_forced, held.before.gps_forced);
        call_rcu(&heads[i], ignore);
    }
    UNTIL(stats().gps_forced_by_call > held.before.gps_forced_by_call);
    UNTIL(stats().sleeps > held.before.sleeps);
    ck_assert_uint_eq(stats().gps_forced_by_time, held.before.gps_forced_by_time);
    release();
    rcu_barrier();
}
END_TEST

START_TEST(callbacks_that_have_piled_up_force_from_the_start)
{
    struct rcu_settings settings = patient(_i == 0 ? RCU_GP_FQS : RCU_GP_ADAPTIVE, HOUR_NS);
    static struct rcu_head heads[10];

    hold(settings);
    for (int i = 0; i < 10; i++)
        call_rcu(&heads[i], ignore);
    settings.force_callbacks = 10;
    use(settings);
    UNTIL(stats().gps_forced_by_call > held.before.gps_forced_by_call);
    release();
    rcu_barrier();
}
END_TEST

/* Requests, each of which must end a nap of an hour: the reader has left, and nothing else will. */
static void small_naps(void)
{
    use(patient(RCU_GP_POLL, MS_NS));
}

static void event_policy(void)
{
    use(patient(RCU_GP_EVENT, MS_NS));
}

static void (*const requests[])(void) = {
    force_rcu, synchronize_rcu_expedited, rcu_barrier, drain_call_rcu, small_naps, event_policy};
#define REQUESTS (int)(sizeof requests / sizeof *requests)

START_TEST(a_request_ends_a_nap_of_an_hour)
{
    static const enum rcu_gp_policy napping[] = {RCU_GP_POLL, RCU_GP_FQS, RCU_GP_ADAPTIVE};
    struct actor hasty;

    hire(&hasty);
    hold(patient(napping[_i / REQUESTS], HOUR_NS));
    make(&held.reader, leave);
    ck_assert(is_busy(&held.updater));
    begin(&hasty, requests[_i % REQUESTS]);
    finish(&held.updater);
    finish(&hasty);
    dismiss(&hasty);
    dismiss_reader(&held.reader);
    dismiss(&held.updater);
}
END_TEST

/* Forced: it sleeps until the very reader leaves, under every policy. */
START_TEST(a_request_forces_under_every_policy)
{
    struct actor hasty;

    hire(&hasty);
    hold(patient((enum rcu_gp_policy)(_i / 4), HOUR_NS));
    begin(&hasty, requests[_i % 4]);
    UNTIL(stats().gps_forced > held.before.gps_forced);
    UNTIL(stats().sleeps > held.before.sleeps);
    release();
    finish(&hasty);
    dismiss(&hasty);
    ck_assert_uint_eq(stats().gps_forced_by_call, held.before.gps_forced_by_call);
    ck_assert_uint_eq(stats().gps_forced_by_time, held.before.gps_forced_by_time);
}
END_TEST

START_TEST(force_rcu_counts_for_the_next_grace_period_only)
{
    use(patient((enum rcu_gp_policy)_i, MS_NS));
    force_rcu();
    hold(patient((enum rcu_gp_policy)_i, MS_NS));
    UNTIL(stats().gps_forced > held.before.gps_forced);
    release();
    hold(patient((enum rcu_gp_policy)_i, MS_NS));
    UNTIL(stats().naps > held.before.naps + 2 || stats().sleeps > held.before.sleeps);
    release();
    ck_assert_uint_eq(stats().gps_forced, held.before.gps_forced);
}
END_TEST

START_TEST(expedited_forces_from_the_start)
{
    use(patient((enum rcu_gp_policy)_i, HOUR_NS));
    hire_reader(&held.reader);
    hire(&held.updater);
    for (int i = 0; i < 3; i++) {
        make(&held.reader, enter);
        held.before = stats();
        begin_and_wait(&held.updater, synchronize_rcu_expedited, 1);
        make(&held.reader, leave);
        finish(&held.updater);
        ck_assert_uint_eq(stats().naps, held.before.naps);
        ck_assert_uint_eq(stats().gps_forced, held.before.gps_forced + 1);
    }
    dismiss_reader(&held.reader);
    dismiss(&held.updater);
}
END_TEST

START_TEST(a_grace_period_under_way_follows_a_change_of_policy)
{
    enum rcu_gp_policy from = (enum rcu_gp_policy)(_i / POLICIES),
                       to = (enum rcu_gp_policy)(_i % POLICIES);
    struct rcu_stats before;

    hold(patient(from, HOUR_NS));
    before = stats();
    use(patient(to, MS_NS));
    if (to == RCU_GP_EVENT)
        UNTIL(stats().sleeps > held.before.sleeps);
    else
        UNTIL(stats().naps >= before.naps + 3);
    /* And back: what it asked of the readers meanwhile still holds. */
    use(patient(from, MS_NS));
    release();
    ck_assert_uint_eq(stats().gps, held.before.gps + 1);
}
END_TEST

/* ---- force notifiers ---- */

static atomic_uint notified, notified_other;

static void count_notification(struct rcu_force_notifier *notifier)
{
    (void)notifier;
    atomic_fetch_add(&notified, 1);
}

static void count_other(struct rcu_force_notifier *notifier)
{
    (void)notifier;
    atomic_fetch_add(&notified_other, 1);
}

static struct rcu_force_notifier counting = {.notify = count_notification},
                                 counting_other = {.notify = count_other};

static void add_notifier(void)
{
    rcu_add_force_notifier(&counting);
}

static void remove_notifier(void)
{
    rcu_remove_force_notifier(&counting);
}

static void add_other(void)
{
    rcu_add_force_notifier(&counting_other);
}

static void remove_other(void)
{
    rcu_remove_force_notifier(&counting_other);
}

START_TEST(notifiers_run_for_readers_that_hold_up_a_forced_grace_period)
{
    struct actor quiet;

    hire_reader(&quiet);
    make(&quiet, add_other);
    hold(patient(RCU_GP_POLL, MS_NS));
    make(&held.reader, add_notifier);
    /* Not forced yet. */
    UNTIL(stats().naps > held.before.naps + 3);
    ck_assert_uint_eq(atomic_load(&notified), 0);
    /* In a section, but not in the way. */
    make(&quiet, enter);
    force_rcu();
    UNTIL(atomic_load(&notified) > 0);
    UNTIL(stats().sleeps > held.before.sleeps);
    /* Each look at a reader that stays calls them again. */
    for (unsigned i = 0; i < 3; i++) {
        unsigned so_far = atomic_load(&notified);

        force_rcu();
        UNTIL(atomic_load(&notified) > so_far);
    }
    make(&quiet, leave);
    ck_assert_uint_eq(atomic_load(&notified_other), 0);
    make(&held.reader, leave);
    finish(&held.updater);
    make(&held.reader, remove_notifier);
    make(&quiet, remove_other);
    dismiss_reader(&held.reader);
    dismiss_reader(&quiet);
    dismiss(&held.updater);
}
END_TEST

START_TEST(all_notifiers_of_a_reader_run)
{
    hold(patient(RCU_GP_POLL, HOUR_NS));
    make(&held.reader, add_notifier);
    make(&held.reader, add_other);
    force_rcu();
    UNTIL(atomic_load(&notified) > 0 && atomic_load(&notified_other) > 0);
    make(&held.reader, remove_notifier);
    make(&held.reader, remove_other);
    release();
}
END_TEST

START_TEST(a_removed_notifier_is_not_called)
{
    unsigned so_far;

    hold(patient(RCU_GP_POLL, HOUR_NS));
    make(&held.reader, add_other);
    make(&held.reader, add_notifier);
    force_rcu();
    UNTIL(atomic_load(&notified) > 0);
    make(&held.reader, remove_notifier);
    so_far = atomic_load(&notified);
    for (unsigned i = 0; i < 3; i++) {
        unsigned other = atomic_load(&notified_other);

        force_rcu();
        UNTIL(atomic_load(&notified_other) > other);
    }
    ck_assert_uint_eq(atomic_load(&notified), so_far);
    make(&held.reader, remove_other);
    release();
}
END_TEST

static atomic_bool asked_to_leave, has_left;
static atomic_uint still_asked;

static void ask_and_watch(struct rcu_force_notifier *notifier)
{
    (void)notifier;
    atomic_store(&asked_to_leave, true);
    UNTIL(atomic_load(&has_left));
}

static void leave_when_asked(void)
{
    struct rcu_force_notifier notifier = {.notify = ask_and_watch};

    rcu_add_force_notifier(&notifier);
    rcu_read_lock();
    UNTIL(atomic_load(&asked_to_leave));
    rcu_read_unlock();
    /* It has taken the request to wake the leader, who cannot look before the notifier returns. */
    if (atomic_load(&rcu_reader.attention) & RCU_WAITED_FOR)
        atomic_fetch_add(&still_asked, 1);
    atomic_store(&has_left, true);
    rcu_remove_force_notifier(&notifier);
}

/* The reader leaves after the leader saw it inside, and before the leader sleeps. Leaving needs no
 * lock, so that the notifier can watch it. */
START_TEST(a_reader_that_leaves_before_the_leader_sleeps_is_not_missed)
{
    struct actor reader;

    use(patient((enum rcu_gp_policy)_i, MS_NS));
    hire_reader(&reader);
    for (int i = 0; i < 5; i++) {
        atomic_store(&asked_to_leave, false);
        atomic_store(&has_left, false);
        begin(&reader, leave_when_asked);
        while (is_busy(&reader))
            synchronize_rcu_expedited();
    }
    ck_assert_uint_eq(atomic_load(&still_asked), 0);
    dismiss_reader(&reader);
}
END_TEST

/* ---- waking the leader ---- */

START_TEST(a_lone_reader_that_goes_quiet_wakes_the_leader)
{
    hold(patient(RCU_GP_EVENT, HOUR_NS));
    UNTIL(stats().sleeps > held.before.sleeps);
    UNTIL(is_asleep(&held.updater));
    release();
    ck_assert_uint_eq(stats().wakeups, held.before.wakeups + 1);
}
END_TEST

static void enter_and_leave_often(void)
{
    for (int i = 0; i < 1000; i++) {
        rcu_read_lock();
        rcu_read_unlock();
    }
}

START_TEST(a_reader_wakes_the_leader_once_and_then_runs_free)
{
    struct actor busy;

    use(patient(RCU_GP_EVENT, HOUR_NS));
    hire_reader(&busy);
    make(&busy, enter);
    hire_reader(&held.reader);
    hire(&held.updater);
    make(&held.reader, enter);
    held.before = stats();
    begin_and_wait(&held.updater, synchronize_rcu, 2);
    UNTIL(stats().sleeps == held.before.sleeps + 1);
    make(&busy, leave);
    UNTIL(stats().sleeps == held.before.sleeps + 2);
    make(&busy, enter_and_leave_often);
    release();
    ck_assert_uint_eq(stats().sleeps, held.before.sleeps + 2);
    ck_assert_uint_eq(stats().wakeups, held.before.wakeups + 2);
    dismiss_reader(&busy);
}
END_TEST

/* A leader that naps asks nobody to wake it. */
START_TEST(under_poll_readers_wake_nobody)
{
    use(patient(RCU_GP_POLL, MS_NS));
    hire_reader(&held.reader);
    hire(&held.updater);
    held.before = stats();
    for (int i = 0; i < 10; i++) {
        make(&held.reader, enter);
        begin_and_wait(&held.updater, synchronize_rcu, 1);
        make(&held.reader, leave);
        finish(&held.updater);
    }
    ck_assert_uint_eq(stats().wakeups, held.before.wakeups);
    dismiss_reader(&held.reader);
    dismiss(&held.updater);
}
END_TEST

/* A reader that enters once a round, leaves at every possible moment of the grace period, and then
 * waits until that is over. */
static struct {
    struct manual_event over;
    atomic_uint round, inside;
    atomic_bool stop;
} race;

static void *quiet_reader_main(void *unused)
{
    rcu_register_thread();
    for (unsigned i = 1;; i++) {
        meet(&race.round, i);
        if (atomic_load(&race.stop))
            break;
        rcu_read_lock();
        atomic_store_explicit(&race.inside, i, memory_order_release);
        pause_for(i * 37 % 8192 + 1);
        rcu_read_unlock();
        manual_event_wait(&race.over);
        manual_event_reset(&race.over);
    }
    rcu_unregister_thread();
    return unused;
}

START_TEST(no_wake_up_is_lost_to_a_quiet_reader)
{
    int64_t end_ns = search_end_ns(1000);
    pthread_t thread;
    unsigned i;

    use(patient(RCU_GP_EVENT, HOUR_NS));
    manual_event_init(&race.over, false);
    ck_assert_int_eq(pthread_create(&thread, NULL, quiet_reader_main, NULL), 0);
    for (i = 1; i < 10 || now_ns() < end_ns; i++) {
        atomic_store_explicit(&race.round, i, memory_order_release);
        meet(&race.inside, i);
        primitives[_i]();
        manual_event_set(&race.over);
    }
    atomic_store(&race.stop, true);
    atomic_store_explicit(&race.round, i, memory_order_release);
    pthread_join(thread, NULL);
}
END_TEST

/* Threads that come and go while grace periods run. */
static void *passer_by_main(void *unused)
{
    while (!atomic_load(&race.stop)) {
        rcu_register_thread();
        for (int i = 0; i < 3; i++) {
            RCU_READ_LOCK_GUARD();
            pause_for(100);
        }
        rcu_unregister_thread();
        sched_yield();
    }
    return unused;
}

START_TEST(threads_may_come_and_go_meanwhile)
{
    int64_t end_ns = search_end_ns(250);
    pthread_t threads[3];

    use(patient((enum rcu_gp_policy)_i, MS_NS / 20));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, passer_by_main, NULL), 0);
    for (unsigned i = 0; i < 10 || now_ns() < end_ns; i++)
        primitives[i % 2]();
    atomic_store(&race.stop, true);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}
END_TEST

/* ---- what a grace period costs ---- */

START_TEST(without_readers_there_is_no_heavy_fence)
{
    struct rcu_stats before, after;

    use(patient((enum rcu_gp_policy)_i, MS_NS));
    before = stats();
    for (int i = 0; i < 100; i++)
        synchronize_rcu();
    /* Nor for the caller's own record. */
    rcu_register_thread();
    for (int i = 0; i < 100; i++)
        synchronize_rcu_expedited();
    rcu_unregister_thread();
    after = stats();
    ck_assert_uint_eq(after.gps, before.gps + 200);
    ck_assert_uint_eq(after.gps_proven, before.gps_proven + 200);
    ck_assert_uint_eq(after.heavy_fences, before.heavy_fences);
    ck_assert_uint_eq(after.naps, before.naps);
}
END_TEST

START_TEST(an_idle_thread_costs_one_heavy_fence)
{
    struct rcu_stats before, after;
    struct actor idle;

    use(patient((enum rcu_gp_policy)_i, HOUR_NS));
    hire_reader(&idle);
    for (int i = 0; i < 20; i++) {
        make(&idle, enter);
        make(&idle, leave);
        before = stats();
        primitives[i % 2]();
        after = stats();
        ck_assert_uint_eq(after.heavy_fences, before.heavy_fences + 1);
        ck_assert_uint_eq(after.gps_proven, before.gps_proven);
        ck_assert_uint_eq(after.naps, before.naps);
        ck_assert_uint_eq(after.sleeps, before.sleeps);
    }
    dismiss_reader(&idle);
}
END_TEST

START_TEST(a_forced_grace_period_costs_two_heavy_fences_at_most)
{
    hold(patient(RCU_GP_POLL, MS_NS));
    UNTIL(stats().naps > held.before.naps + 3);
    force_rcu();
    UNTIL(stats().sleeps > held.before.sleeps);
    release();
    ck_assert_uint_ge(stats().heavy_fences, held.before.heavy_fences + 1);
    ck_assert_uint_le(stats().heavy_fences, held.before.heavy_fences + 2);
}
END_TEST

/* The callback thread has nothing to do, and the caller waits in the library: neither may enter. */
START_TEST(parked_threads_cost_no_heavy_fence)
{
    struct rcu_stats before;

    rcu_register_thread();
    rcu_barrier();
    /* It goes to sleep a moment after the barrier has returned. */
    do {
        before = stats();
        synchronize_rcu();
    } while (stats().heavy_fences != before.heavy_fences);
    before = stats();
    for (int i = 0; i < 100; i++)
        synchronize_rcu();
    ck_assert_uint_eq(stats().heavy_fences, before.heavy_fences);
    ck_assert_uint_eq(stats().gps_proven, before.gps_proven + 100);
    rcu_unregister_thread();
}
END_TEST

static void *looping_reader_main(void *unused)
{
    rcu_register_thread();
    while (!atomic_load_explicit(&race.stop, memory_order_relaxed)) {
        rcu_read_lock();
        rcu_read_unlock();
    }
    rcu_unregister_thread();
    return unused;
}

START_TEST(a_looping_reader_is_proven_to_be_done_without_a_fence)
{
    struct rcu_stats before = stats();
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, looping_reader_main, NULL), 0);
    /* Not those from before its registration. */
    UNTIL((synchronize_rcu(), stats().heavy_fences > before.heavy_fences));
    before = stats();
    UNTIL((synchronize_rcu(), stats().gps_proven >= before.gps_proven + 100));
    atomic_store(&race.stop, true);
    pthread_join(thread, NULL);
}
END_TEST

static void *staying_reader_main(void *unused)
{
    rcu_register_thread();
    while (!atomic_load_explicit(&race.stop, memory_order_relaxed)) {
        int64_t end_ns = now_ns() + 5000;

        rcu_read_lock();
        while (now_ns() < end_ns)
            ;
        rcu_read_unlock();
    }
    rcu_unregister_thread();
    return unused;
}

/* Also one of two phases, in each of which the leader spins. */
START_TEST(a_grace_period_spins_once_in_the_statistics)
{
    struct rcu_settings settings = rcu_default_settings;
    int64_t end_ns = search_end_ns(250);
    struct rcu_stats before = stats(), after;
    pthread_t thread;

    settings.spin_ns = 10 * MS_NS;
    use(settings);
    ck_assert_int_eq(pthread_create(&thread, NULL, staying_reader_main, NULL), 0);
    for (unsigned i = 0; i < 10 || now_ns() < end_ns; i++)
        synchronize_rcu();
    after = stats();
    atomic_store(&race.stop, true);
    pthread_join(thread, NULL);
    ck_assert_uint_le(after.spins - before.spins, after.gps - before.gps);
}
END_TEST

/* ---- settings ---- */

static void expect_settings(struct rcu_settings expected)
{
    struct rcu_settings got;

    rcu_get_settings(&got);
    ck_assert_int_eq(got.gp_policy, expected.gp_policy);
    ck_assert_int_eq(got.spin_ns, expected.spin_ns);
    ck_assert_int_eq(got.first_nap_ns, expected.first_nap_ns);
    ck_assert_int_eq(got.poll_interval_ns, expected.poll_interval_ns);
    ck_assert_int_eq(got.force_after_ns, expected.force_after_ns);
    ck_assert_uint_eq(got.force_naps, expected.force_naps);
    ck_assert_uint_eq(got.force_callbacks, expected.force_callbacks);
    ck_assert_uint_eq(got.callback_batch, expected.callback_batch);
    ck_assert_int_eq(got.callback_hold_ns, expected.callback_hold_ns);
    ck_assert_uint_eq(got.callback_bound, expected.callback_bound);
    ck_assert_int_eq(got.drop_at_fork, expected.drop_at_fork);
    ck_assert_int_eq(got.warn_after_ns, expected.warn_after_ns);
    ck_assert_int_eq(got.gp_times, expected.gp_times);
    ck_assert_int_eq(got.gp_records, expected.gp_records);
}

static void refuses(struct rcu_settings wrong)
{
    struct rcu_settings before;

    rcu_get_settings(&before);
    ck_assert_int_eq(rcu_set_settings(&wrong), -EINVAL);
    expect_settings(before);
}

#define REFUSES(change)                                     \
    do {                                                    \
        struct rcu_settings wrong = rcu_default_settings;   \
        wrong.force_naps = 77; /* must not be taken over */ \
        wrong.change;                                       \
        refuses(wrong);                                     \
    } while (0)

START_TEST(wrong_settings_are_refused_and_change_nothing)
{
    REFUSES(gp_policy = (enum rcu_gp_policy)4);
    REFUSES(gp_policy = (enum rcu_gp_policy) - 1);
    REFUSES(spin_ns = -1);
    REFUSES(spin_ns = HOUR_NS + 1);
    REFUSES(first_nap_ns = -1);
    REFUSES(first_nap_ns = 0);
    REFUSES(first_nap_ns = HOUR_NS + 1);
    REFUSES(poll_interval_ns = -1);
    REFUSES(poll_interval_ns = 0);
    REFUSES(poll_interval_ns = HOUR_NS + 1);
    REFUSES(force_after_ns = -1);
    REFUSES(force_after_ns = INT64_MAX);
    REFUSES(warn_after_ns = -1);
    REFUSES(warn_after_ns = HOUR_NS + 1);
    REFUSES(force_callbacks = 0);
    REFUSES(callback_batch = 0);
    REFUSES(callback_hold_ns = 0);
}
END_TEST

START_TEST(settings_are_as_they_were_set)
{
    struct rcu_settings settings = {
        .gp_policy = (enum rcu_gp_policy)_i,
        .spin_ns = 1,
        .first_nap_ns = 2,
        .poll_interval_ns = 3,
        .force_after_ns = 4,
        .force_naps = 5,
        .force_callbacks = 6,
        .callback_batch = 7,
        .callback_hold_ns = 9,
        .callback_bound = 11,
        .drop_at_fork = true,
        .warn_after_ns = 12,
        .gp_times = true,
        .gp_records = true,
    };

    use(settings);
    expect_settings(settings);
    settings.gp_times = settings.gp_records = false;
    settings.spin_ns = settings.force_after_ns = 0;
    settings.force_naps = 0;
    settings.first_nap_ns = settings.poll_interval_ns = HOUR_NS;
    settings.force_callbacks = settings.callback_batch = UINT_MAX;
    use(settings);
    expect_settings(settings);
}
END_TEST

START_TEST(a_program_starts_with_the_default_settings)
{
    expect_settings(rcu_default_settings);
    ck_assert_int_eq(rcu_default_settings.gp_policy, RCU_GP_ADAPTIVE);
    use(rcu_default_settings);
}
END_TEST

/* ---- times ---- */

static struct rcu_settings timed(enum rcu_gp_policy policy, bool on)
{
    struct rcu_settings settings = patient(policy, MS_NS / 20);

    settings.gp_times = on;
    return settings;
}

/* How many of so many calls knew their times; all of those must be in order. */
static atomic_uint times_known, times_wrong;

static void *timed_caller_main(void *unused)
{
    int64_t end_ns = search_end_ns(250);

    for (unsigned i = 0; i < 10 || now_ns() < end_ns; i++) {
        int64_t asked = now_ns(), start, end;

        primitives[i % 4 == 0]();
        if (rcu_gp_times(&start, &end)) {
            atomic_fetch_add(&times_known, 1);
            if (!(asked <= start && start <= end && end <= now_ns()))
                atomic_fetch_add(&times_wrong, 1);
        }
    }
    return unused;
}

START_TEST(a_grace_period_lies_between_the_call_and_its_return)
{
    pthread_t threads[4];

    use(timed((enum rcu_gp_policy)_i, true));
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, timed_caller_main, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_gt(atomic_load(&times_known), 0);
    ck_assert_uint_eq(atomic_load(&times_wrong), 0);
}
END_TEST

START_TEST(times_are_known_only_of_a_call_that_recorded_them)
{
    int64_t start = 0, end = 0;

    ck_assert(!rcu_gp_times(&start, &end));
    synchronize_rcu();
    ck_assert(!rcu_gp_times(&start, &end));
    use(timed(RCU_GP_ADAPTIVE, true));
    ck_assert(!rcu_gp_times(&start, &end));
    synchronize_rcu();
    ck_assert(rcu_gp_times(&start, &end));
    use(timed(RCU_GP_ADAPTIVE, false));
    ck_assert(!rcu_gp_times(&start, &end));
    synchronize_rcu();
    use(timed(RCU_GP_ADAPTIVE, true));
    ck_assert_msg(!rcu_gp_times(&start, &end), "the times of a call before the last one");
}
END_TEST

/* ---- the suite ---- */

static void add_tests_of_grace_periods(Suite *suite)
{
    TCase *sections = add_case(suite, "sections"), *waits = add_case(suite, "waits"),
          *sharing = add_case(suite, "sharing");

    tcase_add_test(sections, a_thread_may_register_again_after_it_unregistered);
    tcase_add_test(sections, a_thread_may_unregister_while_a_leader_naps_for_it);
    tcase_add_test(sections, a_thread_may_register_during_a_grace_period);
    tcase_add_test(sections, sections_nest_32768_deep);
    tcase_add_test(sections, one_level_more_aborts);
    tcase_add_loop_test(sections, an_inner_unlock_does_not_end_the_section, 0, POLICIES);
    tcase_add_test(sections, guards_end_their_section_however_it_is_left);
    tcase_add_test(sections, what_is_published_is_seen_whole);

    tcase_add_loop_test(waits, a_section_from_before_is_waited_for, 0, 2 * POLICIES);
#ifdef STILLPOINT_TWO_PHASE
    tcase_add_loop_test(waits, with_two_phases_a_section_from_after_may_be_waited_for_once, 0,
                        2 * POLICIES);
#else
    tcase_add_loop_test(waits, a_section_from_after_is_not_waited_for, 0, 2 * POLICIES);
#endif
    tcase_add_loop_test(waits, all_sections_from_before_are_waited_for, 0, 2 * POLICIES);
    tcase_add_test(waits, callers_may_be_registered_or_not);
    tcase_add_loop_test(waits, no_section_sees_what_was_retired, 0, 2 * POLICIES);

    tcase_add_loop_test(sharing, callers_share_grace_periods, 0, POLICIES);
    tcase_add_loop_test(sharing, a_grace_period_under_way_serves_no_newcomer, 0, POLICIES);
}

static void add_tests_of_policies(Suite *suite)
{
    TCase *policies = add_case(suite, "policies"), *notifiers = add_case(suite, "notifiers"),
          *settings = add_case(suite, "settings");

    tcase_add_test(policies, poll_naps_and_never_forces);
    tcase_add_test(policies, event_sleeps_and_never_naps);
    tcase_add_test(policies, fqs_forces_after_so_many_naps);
    tcase_add_test(policies, adaptive_forces_after_so_much_time);
    tcase_add_test(policies, adaptive_may_force_at_once);
    tcase_add_loop_test(policies, callbacks_that_pile_up_force, 0, 2);
    tcase_add_loop_test(policies, callbacks_that_have_piled_up_force_from_the_start, 0, 2);
    tcase_add_loop_test(policies, a_request_ends_a_nap_of_an_hour, 0, 3 * REQUESTS);
    tcase_add_loop_test(policies, a_request_forces_under_every_policy, 0, 4 * POLICIES);
    tcase_add_loop_test(policies, force_rcu_counts_for_the_next_grace_period_only, 0, POLICIES);
    tcase_add_loop_test(policies, expedited_forces_from_the_start, 0, POLICIES);
    tcase_add_loop_test(policies, a_grace_period_under_way_follows_a_change_of_policy, 0,
                        POLICIES * POLICIES);

    tcase_add_test(notifiers, notifiers_run_for_readers_that_hold_up_a_forced_grace_period);
    tcase_add_test(notifiers, all_notifiers_of_a_reader_run);
    tcase_add_test(notifiers, a_removed_notifier_is_not_called);
    tcase_add_loop_test(notifiers, a_reader_that_leaves_before_the_leader_sleeps_is_not_missed, 0,
                        POLICIES);

    tcase_add_test(settings, wrong_settings_are_refused_and_change_nothing);
    tcase_add_loop_test(settings, settings_are_as_they_were_set, 0, POLICIES);
    tcase_add_test(settings, a_program_starts_with_the_default_settings);
}

static void add_tests_of_costs(Suite *suite)
{
    TCase *waking = add_case(suite, "waking"), *costs = add_case(suite, "costs"),
          *times = add_case(suite, "times");

    tcase_add_test(waking, a_lone_reader_that_goes_quiet_wakes_the_leader);
    tcase_add_test(waking, a_reader_wakes_the_leader_once_and_then_runs_free);
    tcase_add_test(waking, under_poll_readers_wake_nobody);
    tcase_add_loop_test(waking, no_wake_up_is_lost_to_a_quiet_reader, 0, 2);
    tcase_add_loop_test(waking, threads_may_come_and_go_meanwhile, 0, POLICIES);

    tcase_add_loop_test(costs, without_readers_there_is_no_heavy_fence, 0, POLICIES);
    tcase_add_loop_test(costs, an_idle_thread_costs_one_heavy_fence, 0, POLICIES);
    tcase_add_test(costs, a_forced_grace_period_costs_two_heavy_fences_at_most);
    tcase_add_test(costs, parked_threads_cost_no_heavy_fence);
    tcase_add_test(costs, a_grace_period_spins_once_in_the_statistics);
    if (TWO_PHASES) {
        puts("left out: a_looping_reader_is_proven_to_be_done_without_a_fence: two phases always "
             "run it");
    } else if (has_several_cpus()) {
        tcase_add_test(costs, a_looping_reader_is_proven_to_be_done_without_a_fence);
    } else {
        puts("left out: a_looping_reader_is_proven_to_be_done_without_a_fence, which needs two "
             "CPUs: on one, nobody spins");
    }

    tcase_add_loop_test(times, a_grace_period_lies_between_the_call_and_its_return, 0, POLICIES);
    tcase_add_test(times, times_are_known_only_of_a_call_that_recorded_them);
}

int main(void)
{
    Suite *suite = suite_create("rcu");

    add_tests_of_grace_periods(suite);
    add_tests_of_policies(suite);
    add_tests_of_costs(suite);
    return run_suite(suite);
}
