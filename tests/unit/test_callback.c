/* Callbacks, what stillpoint/rcu_callback.h promises; and misuse, which must be told, not hang. */
#include <stillpoint/event.h>
#include <stillpoint/rcu.h>

#include "actor.h"

#include <check.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALLBACKS 1000
#define PRODUCERS 4

/* ---- what the tests have in common ---- */

/* A thread that waits in a section until it is told to leave. */
struct reader {
    pthread_t thread;
    struct event inside, leave;
};

static void *reader_main(void *argument)
{
    struct reader *r = argument;

    rcu_register_thread();
    rcu_read_lock();
    event_set(&r->inside);
    event_wait(&r->leave);
    rcu_read_unlock();
    rcu_unregister_thread();
    return NULL;
}

static void reader_enters(struct reader *r)
{
    event_init(&r->inside, false);
    event_init(&r->leave, false);
    ck_assert_int_eq(pthread_create(&r->thread, NULL, reader_main, r), 0);
    event_wait(&r->inside);
}

static void reader_leaves(struct reader *r)
{
    event_set(&r->leave);
    pthread_join(r->thread, NULL);
    event_destroy(&r->inside);
    event_destroy(&r->leave);
}

/* Under which callbacks do not pile up. */
static void use_policy(int policy)
{
    struct rcu_settings settings = patient((enum rcu_gp_policy)policy, MS_NS);

    settings.force_naps = 0;
    use(settings);
}

/* The leader has looked at the readers, and naps or sleeps: otherwise it holds the registry
 * lock. */
static bool leader_waits(void)
{
    return rcu_holdouts(NULL, 0) > 0;
}

/* A callback that says when it ran: the first of all is 1. */
struct item {
    int before; /* the head need not come first */
    struct rcu_head head;
    atomic_uint ran;
    int producer;
    unsigned number;
};

static struct item items[PRODUCERS * CALLBACKS];
static atomic_uint ran_count;

static struct item *item_of(struct rcu_head *head)
{
    return (struct item *)((char *)head - offsetof(struct item, head));
}

static void run_item(struct rcu_head *head)
{
    atomic_store(&item_of(head)->ran, atomic_fetch_add(&ran_count, 1) + 1);
}

static void queue(unsigned first, unsigned last)
{
    for (unsigned i = first; i < last; i++) {
        call_rcu(&items[i].head, run_item);
    }
}

static bool has_run(unsigned i)
{
    return atomic_load(&items[i].ran) != 0;
}

/* ---- the queue ---- */

START_TEST(all_callbacks_run_in_the_order_in_which_they_were_queued)
{
    use_policy(_i);
    for (unsigned round = 0; round < 4; round++) {
        unsigned size = CALLBACKS / 4;

        queue(round * size, (round + 1) * size);
        if (round % 2 == 0) {
            rcu_barrier();
        }
    }
    rcu_barrier();
    for (unsigned i = 0; i < CALLBACKS; i++) {
        ck_assert_uint_eq(atomic_load(&items[i].ran), i + 1);
    }
}
END_TEST

START_TEST(callbacks_need_no_barrier_to_run)
{
    use_policy(_i);
    for (unsigned i = 0; i < 50; i++) {
        queue(i, i + 1);
        UNTIL(has_run(i));
    }
}
END_TEST

START_TEST(batches_of_any_size_run_all)
{
    static const unsigned sizes[] = {1, 2, 99, 100, 101, UINT_MAX};
    struct rcu_settings settings = patient(RCU_GP_ADAPTIVE, MS_NS);

    settings.callback_batch = sizes[_i];
    use(settings);
    queue(0, 100);
    rcu_barrier();
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_uint_eq(atomic_load(&items[i].ran), i + 1);
    }
}
END_TEST

static atomic_uint out_of_order;
static unsigned next_number[PRODUCERS]; /* the callback thread's */

static void check_number(struct rcu_head *head)
{
    struct item *item = item_of(head);

    if (item->number != next_number[item->producer]++) {
        atomic_fetch_add(&out_of_order, 1);
    }
    atomic_fetch_add(&ran_count, 1);
}

static void *producer_main(void *argument)
{
    struct item *mine = argument;

    for (unsigned i = 0; i < CALLBACKS; i++) {
        mine[i].producer = (int)((mine - items) / CALLBACKS);
        mine[i].number = i;
        call_rcu(&mine[i].head, check_number);
        if (i % 100 == 0) {
            sched_yield();
        }
    }
    /* All of its own have run, whatever the others still queue. */
    rcu_barrier();
    if (next_number[mine[0].producer] != CALLBACKS) {
        atomic_fetch_add(&out_of_order, 1);
    }
    return NULL;
}

START_TEST(callbacks_of_several_threads_keep_the_order_of_each)
{
    pthread_t threads[PRODUCERS];

    use_policy(_i);
    for (int i = 0; i < PRODUCERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, producer_main, &items[i * CALLBACKS]),
                         0);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], NULL);
    }
    ck_assert_uint_eq(atomic_load(&out_of_order), 0);
    ck_assert_uint_eq(atomic_load(&ran_count), PRODUCERS * CALLBACKS);
}
END_TEST

static void free_item(struct rcu_head *head)
{
    memset(item_of(head), 0x5a, sizeof(struct item));
    free(item_of(head));
}

START_TEST(a_callback_may_free_what_its_head_is_in)
{
    use_policy(_i);
    for (unsigned i = 0; i < CALLBACKS; i++) {
        struct item *item = malloc(sizeof *item);

        ck_assert_ptr_nonnull(item);
        call_rcu(&item->head, free_item);
    }
    rcu_barrier();
}
END_TEST

static void run_and_queue_the_next(struct rcu_head *head)
{
    struct item *item = item_of(head);

    if (item != &items[CALLBACKS - 1]) {
        call_rcu(&item[1].head, run_and_queue_the_next);
    }
    run_item(head);
}

START_TEST(a_callback_may_queue_another)
{
    use_policy(RCU_GP_ADAPTIVE);
    call_rcu(&items[0].head, run_and_queue_the_next);
    UNTIL(has_run(CALLBACKS - 1));
    for (unsigned i = 0; i < CALLBACKS; i++) {
        ck_assert_uint_eq(atomic_load(&items[i].ran), i + 1);
    }
}
END_TEST

static void run_and_queue_itself(struct rcu_head *head)
{
    if (atomic_fetch_add(&ran_count, 1) + 1 < 100) {
        call_rcu(head, run_and_queue_itself);
    }
}

START_TEST(a_callback_may_queue_its_own_head)
{
    use_policy(RCU_GP_ADAPTIVE);
    call_rcu(&items[0].head, run_and_queue_itself);
    UNTIL(atomic_load(&ran_count) == 100);
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran_count), 100);
}
END_TEST

static atomic_bool section_ok;

static void enter_a_section(struct rcu_head *head)
{
    rcu_read_lock();
    atomic_store(&section_ok, rcu_read_locked());
    rcu_read_unlock();
    run_item(head);
}

START_TEST(a_callback_may_enter_sections)
{
    call_rcu(&items[0].head, enter_a_section);
    rcu_barrier();
    ck_assert(atomic_load(&section_ok));
}
END_TEST

/* ---- when callbacks run ---- */

START_TEST(a_section_from_before_is_waited_for)
{
    struct reader reader;

    use_policy(_i);
    reader_enters(&reader);
    queue(0, 1);
    UNTIL(leader_waits() || has_run(0));
    ck_assert(!has_run(0));
    force_rcu();
    ck_assert(!has_run(0));
    reader_leaves(&reader);
    rcu_barrier();
    ck_assert(has_run(0));
}
END_TEST

/* The grace period that runs is not the second callback's: the second reader came after that had
 * begun, and before the callback was queued. */
START_TEST(a_callback_queued_during_a_grace_period_waits_for_the_next)
{
    struct reader first, second;

    use_policy(_i);
    reader_enters(&first);
    queue(0, 1);
    UNTIL(leader_waits());
    reader_enters(&second);
    queue(1, 2);
    reader_leaves(&first);
    UNTIL(has_run(0));
    UNTIL(leader_waits() || has_run(1));
    ck_assert_msg(!has_run(1), "it ran before a section ended that was there when it was queued");
    reader_leaves(&second);
    rcu_barrier();
    ck_assert(has_run(1));
}
END_TEST

START_TEST(callbacks_may_be_queued_inside_a_section)
{
    use_policy(_i);
    rcu_register_thread();
    rcu_read_lock();
    queue(0, 10);
    UNTIL(leader_waits() || has_run(0));
    ck_assert(!has_run(0));
    rcu_read_unlock();
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran_count), 10);
    rcu_unregister_thread();
}
END_TEST

static int64_t callback_start_ns, callback_end_ns;
static bool callback_knew;

static void ask_times(struct rcu_head *head)
{
    callback_knew = rcu_gp_times(&callback_start_ns, &callback_end_ns);
    run_item(head);
}

START_TEST(a_callback_knows_the_times_of_its_grace_period)
{
    struct rcu_settings settings = patient(RCU_GP_ADAPTIVE, MS_NS);
    struct reader reader;
    int64_t queued_ns, left_ns;

    settings.gp_times = true;
    use(settings);
    reader_enters(&reader);
    queued_ns = now_ns();
    call_rcu(&items[0].head, ask_times);
    UNTIL(leader_waits());
    left_ns = now_ns();
    reader_leaves(&reader);
    rcu_barrier();
    ck_assert(callback_knew);
    ck_assert_int_le(queued_ns, callback_start_ns);
    ck_assert_int_le(callback_start_ns, left_ns);
    ck_assert_int_le(left_ns, callback_end_ns);
    ck_assert_int_le(callback_end_ns, now_ns());
}
END_TEST

/* ---- piling up ---- */

static struct rcu_settings piling_up(void)
{
    struct rcu_settings settings = patient(RCU_GP_EVENT, HOUR_NS);

    settings.force_naps = 5;
    settings.force_callbacks = 10;
    return settings;
}

START_TEST(under_the_event_policy_callbacks_wait_until_there_are_enough)
{
    use(piling_up());
    queue(0, 9);
    /* Grace periods come and go, none of theirs. */
    for (int i = 0; i < 100; i++) {
        synchronize_rcu();
        ck_assert(!has_run(0));
    }
    queue(9, 10);
    UNTIL(has_run(9));
}
END_TEST

static void force(void)
{
    force_rcu();
}

static void change_policy(void)
{
    use(patient(RCU_GP_POLL, MS_NS));
}

static void lower_the_limit(void)
{
    struct rcu_settings settings = piling_up();

    settings.force_callbacks = 5;
    use(settings);
}

START_TEST(a_request_ends_the_piling_up)
{
    static void (*const requests[])(void) = {force, rcu_barrier, drain_call_rcu, change_policy,
                                             lower_the_limit};

    use(piling_up());
    queue(0, 5);
    for (int i = 0; i < 10; i++) {
        synchronize_rcu();
    }
    ck_assert(!has_run(0));
    requests[_i]();
    UNTIL(has_run(4));
}
END_TEST

START_TEST(piling_up_ends_with_its_time)
{
    struct rcu_settings settings = piling_up();

    settings.poll_interval_ns = MS_NS;
    use(settings);
    queue(0, 1);
    UNTIL(has_run(0));
}
END_TEST

/* An hour, so many times: more than a number of nanoseconds can hold. */
START_TEST(piling_up_may_be_without_end)
{
    struct rcu_settings settings = piling_up();

    settings.force_naps = _i == 0 ? UINT_MAX : 3000000;
    use(settings);
    queue(0, 9);
    for (int i = 0; i < 1000; i++) {
        synchronize_rcu();
        sched_yield();
    }
    ck_assert_uint_eq(atomic_load(&ran_count), 0);
    queue(9, 10);
    UNTIL(has_run(9));
}
END_TEST

/* ---- barriers ---- */

START_TEST(a_barrier_without_callbacks_returns)
{
    use_policy(_i);
    for (int i = 0; i < 10; i++) {
        rcu_barrier();
        drain_call_rcu();
    }
}
END_TEST

static atomic_uint returned, ran_at_return;

static void *barrier_main(void *barrier)
{
    void (*const *call)(void) = barrier;

    (*call)();
    atomic_store(&ran_at_return, atomic_load(&ran_count));
    atomic_fetch_add(&returned, 1);
    return NULL;
}

START_TEST(a_barrier_waits_for_all_that_was_queued_before)
{
    static void (*const barriers[])(void) = {rcu_barrier, drain_call_rcu};
    struct reader reader;
    pthread_t thread;

    use_policy(_i / 2);
    reader_enters(&reader);
    queue(0, 100);
    ck_assert_int_eq(pthread_create(&thread, NULL, barrier_main, (void *)&barriers[_i % 2]), 0);
    UNTIL(leader_waits() || atomic_load(&returned));
    ck_assert_uint_eq(atomic_load(&returned), 0);
    reader_leaves(&reader);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(atomic_load(&ran_at_return), 100);
}
END_TEST

START_TEST(barriers_wait_side_by_side)
{
    static void (*const barriers[])(void) = {rcu_barrier};
    pthread_t threads[PRODUCERS];
    struct reader reader;

    use_policy(_i);
    reader_enters(&reader);
    queue(0, 10);
    for (int i = 0; i < PRODUCERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, barrier_main, (void *)barriers), 0);
    }
    UNTIL(leader_waits());
    ck_assert_uint_eq(atomic_load(&returned), 0);
    reader_leaves(&reader);
    for (int i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], NULL);
    }
    ck_assert_uint_eq(atomic_load(&ran_at_return), 10);
}
END_TEST

/* A barrier's thread is registered and waits in the library: it holds nothing up. */
START_TEST(a_registered_thread_may_call_a_barrier)
{
    use_policy(_i);
    rcu_register_thread();
    for (unsigned i = 0; i < 20; i++) {
        rcu_read_lock();
        queue(i, i + 1);
        rcu_read_unlock();
        rcu_barrier();
        ck_assert(has_run(i));
    }
    rcu_unregister_thread();
}
END_TEST

/* ---- the callback lock ---- */

static struct {
    pthread_mutex_t mutex;
    atomic_int owner;
    atomic_uint taken, wrong;
} big = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void big_take(void *data)
{
    if (data != &big) {
        atomic_fetch_add(&big.wrong, 1);
    }
    pthread_mutex_lock(&big.mutex);
    atomic_store(&big.owner, gettid());
    atomic_fetch_add(&big.taken, 1);
}

static bool big_is_held(void *data)
{
    if (data != &big) {
        atomic_fetch_add(&big.wrong, 1);
    }
    return atomic_load(&big.owner) == gettid();
}

static void big_release(void *data)
{
    if (!big_is_held(data)) {
        atomic_fetch_add(&big.wrong, 1);
    }
    atomic_store(&big.owner, 0);
    pthread_mutex_unlock(&big.mutex);
}

static const struct rcu_callback_lock big_lock = {big_take, big_release, big_is_held, &big};

static void check_lock(struct rcu_head *head)
{
    if (!big_is_held(&big)) {
        atomic_fetch_add(&big.wrong, 1);
    }
    run_item(head);
}

START_TEST(callbacks_run_under_the_lock)
{
    struct rcu_settings settings = patient(RCU_GP_ADAPTIVE, MS_NS);

    settings.callback_batch = 10;
    use(settings);
    rcu_set_callback_lock(&big_lock);
    for (unsigned i = 0; i < 100; i++) {
        call_rcu(&items[i].head, check_lock);
    }
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran_count), 100);
    ck_assert_uint_eq(atomic_load(&big.wrong), 0);
    /* In batches that let go of it between them: 100 and the barrier's, by ten at most. */
    ck_assert_uint_ge(atomic_load(&big.taken), 11);
}
END_TEST

START_TEST(the_lock_is_free_while_a_grace_period_is_waited_for)
{
    struct reader reader;

    use_policy(_i);
    rcu_set_callback_lock(&big_lock);
    reader_enters(&reader);
    call_rcu(&items[0].head, check_lock);
    UNTIL(leader_waits());
    big_take(&big);
    /* Its grace period can end, it cannot run. */
    reader_leaves(&reader);
    for (int i = 0; i < 10; i++) {
        synchronize_rcu();
        ck_assert(!has_run(0));
    }
    big_release(&big);
    UNTIL(has_run(0));
    rcu_barrier(); /* it has let go of the lock, too */
    ck_assert_uint_eq(atomic_load(&big.wrong), 0);
}
END_TEST

START_TEST(a_barrier_lets_go_of_the_lock_and_takes_it_again)
{
    static void (*const barriers[])(void) = {rcu_barrier, drain_call_rcu};

    use_policy(RCU_GP_ADAPTIVE);
    rcu_set_callback_lock(&big_lock);
    big_take(&big);
    for (unsigned i = 0; i < 20; i++) {
        call_rcu(&items[i].head, check_lock);
        ck_assert(!has_run(i));
        barriers[_i]();
        ck_assert(has_run(i));
        ck_assert(big_is_held(&big));
    }
    big_release(&big);
    /* And leaves it alone when it was not held. */
    call_rcu(&items[20].head, check_lock);
    barriers[_i]();
    ck_assert(has_run(20));
    ck_assert(!big_is_held(&big));
    ck_assert_uint_eq(atomic_load(&big.wrong), 0);
}
END_TEST

/* After a barrier no callback is queued or running, so the lock may be changed; the callback thread
 * must still let go of the one it took. */
START_TEST(the_lock_may_be_changed_after_a_barrier)
{
    use_policy(RCU_GP_ADAPTIVE);
    for (unsigned i = 0; i < 200; i++) {
        rcu_set_callback_lock(&big_lock);
        call_rcu(&items[i].head, check_lock);
        rcu_barrier();
        rcu_set_callback_lock(NULL);
        call_rcu(&items[CALLBACKS + i].head, run_item);
        rcu_barrier();
        big_take(&big);
        big_release(&big);
    }
    ck_assert_uint_eq(atomic_load(&big.wrong), 0);
    ck_assert_uint_eq(atomic_load(&ran_count), 400);
}
END_TEST

START_TEST(callbacks_may_be_queued_under_the_lock)
{
    use_policy(RCU_GP_ADAPTIVE);
    rcu_set_callback_lock(&big_lock);
    for (unsigned i = 0; i < 100; i++) {
        big_take(&big);
        call_rcu(&items[i].head, check_lock);
        big_release(&big);
    }
    rcu_barrier();
    ck_assert_uint_eq(atomic_load(&ran_count), 100);
    ck_assert_uint_eq(atomic_load(&big.wrong), 0);
}
END_TEST

/* ---- statistics ---- */

START_TEST(statistics_count_callbacks)
{
    struct rcu_stats before = stats();
    struct reader reader;

    use_policy(_i);
    ck_assert_uint_eq(before.callbacks_queued, before.callbacks_invoked);
    reader_enters(&reader);
    queue(0, 50);
    ck_assert_uint_eq(stats().callbacks_queued, before.callbacks_queued + 50);
    ck_assert_uint_eq(stats().callbacks_invoked, before.callbacks_invoked);
    ck_assert_uint_ge(stats().callbacks_peak, 50);
    if (before.callbacks_peak < 50) {
        ck_assert_uint_eq(stats().callbacks_peak, 50);
    }
    reader_leaves(&reader);
    /* Counted by batches, after they have run. */
    UNTIL(stats().callbacks_invoked == before.callbacks_invoked + 50);
    UNTIL(stats().callbacks_queued == before.callbacks_queued + 50);
    queue(50, 60);
    UNTIL(stats().callbacks_invoked == before.callbacks_invoked + 60);
    if (before.callbacks_peak < 50) {
        ck_assert_uint_eq(stats().callbacks_peak, 50);
    }
}
END_TEST

static void *watcher_main(void *stop)
{
    unsigned long invoked = 0, peak = 0;

    while (!atomic_load((atomic_bool *)stop)) {
        struct rcu_stats s = stats();

        if (s.callbacks_invoked < invoked || s.callbacks_peak < peak ||
            s.callbacks_queued < s.callbacks_invoked) {
            atomic_fetch_add(&out_of_order, 1);
        }
        invoked = s.callbacks_invoked;
        peak = s.callbacks_peak;
    }
    return NULL;
}

START_TEST(statistics_never_go_back)
{
    static atomic_bool stop;
    pthread_t thread;

    use_policy(RCU_GP_ADAPTIVE);
    ck_assert_int_eq(pthread_create(&thread, NULL, watcher_main, &stop), 0);
    for (unsigned i = 0; i < CALLBACKS; i++) {
        queue(i, i + 1);
        if (i % 4 == 0) {
            rcu_barrier();
        }
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(atomic_load(&out_of_order), 0);
}
END_TEST

/* ---- misuse ---- */

static void synchronize_inside(void)
{
    rcu_register_thread();
    rcu_read_lock();
    synchronize_rcu();
}

static void expedite_inside(void)
{
    rcu_register_thread();
    rcu_read_lock();
    synchronize_rcu_expedited();
}

static void barrier_inside(void)
{
    rcu_register_thread();
    rcu_read_lock();
    rcu_barrier();
}

static void drain_inside(void)
{
    rcu_register_thread();
    rcu_read_lock();
    drain_call_rcu();
}

static void call_synchronize(struct rcu_head *head)
{
    (void)head;
    synchronize_rcu();
}

static void call_expedited(struct rcu_head *head)
{
    (void)head;
    synchronize_rcu_expedited();
}

static void call_barrier(struct rcu_head *head)
{
    (void)head;
    rcu_barrier();
}

static void run_until_dead(void (*callback)(struct rcu_head *))
{
    call_rcu(&items[0].head, callback);
    for (;;) {
        pause();
    }
}

static void synchronize_in_callback(void)
{
    run_until_dead(call_synchronize);
}

static void expedite_in_callback(void)
{
    run_until_dead(call_expedited);
}

static void barrier_in_callback(void)
{
    run_until_dead(call_barrier);
}

static void unregister_inside(void)
{
    rcu_register_thread();
    rcu_read_lock();
    rcu_unregister_thread();
}

static void register_twice(void)
{
    rcu_register_thread();
    rcu_register_thread();
}

static void unregister_without(void)
{
    rcu_unregister_thread();
}

static void unregister_twice(void)
{
    rcu_register_thread();
    rcu_unregister_thread();
    rcu_unregister_thread();
}

static void notify_unregistered(void)
{
    static struct rcu_force_notifier notifier;

    rcu_add_force_notifier(&notifier);
}

#ifdef STILLPOINT_DEBUG
static void unlock_without(void)
{
    rcu_register_thread();
    rcu_read_unlock();
}

static void unlock_twice(void)
{
    rcu_register_thread();
    rcu_read_lock();
    rcu_read_unlock();
    rcu_read_unlock();
}

static void enter_unregistered(void)
{
    rcu_read_lock();
}

static void enter_after_unregistering(void)
{
    rcu_register_thread();
    rcu_unregister_thread();
    rcu_read_lock();
}
#endif

static const struct {
    void (*what)(void);
    const char *text;
} misuses[] = {
    {synchronize_inside, "synchronize_rcu() inside a read section would wait for itself"},
    {expedite_inside, "synchronize_rcu_expedited() inside a read section would wait for itself"},
    {barrier_inside, "rcu_barrier() or drain_call_rcu() inside a read section would wait"},
    {drain_inside, "rcu_barrier() or drain_call_rcu() inside a read section would wait"},
    {synchronize_in_callback, "synchronize_rcu() inside a callback would hold up all others"},
    {expedite_in_callback, "synchronize_rcu_expedited() inside a callback would hold up"},
    {barrier_in_callback, "rcu_barrier() or drain_call_rcu() inside a callback would wait"},
    {unregister_inside, "rcu_unregister_thread() inside a read section"},
    {register_twice, "rcu_register_thread() in a thread that is registered already"},
    {unregister_without, "rcu_unregister_thread() in a thread that is not registered"},
    {unregister_twice, "rcu_unregister_thread() in a thread that is not registered"},
    {notify_unregistered, "rcu_add_force_notifier() in a thread that is not registered"},
#ifdef STILLPOINT_DEBUG
    {unlock_without, "rcu_read_unlock() without a matching rcu_read_lock()"},
    {unlock_twice, "rcu_read_unlock() without a matching rcu_read_lock()"},
    {enter_unregistered, "rcu_read_lock() in a thread that is not registered"},
    {enter_after_unregistering, "rcu_read_lock() in a thread that is not registered"},
#endif
};

START_TEST(misuse_aborts_with_a_message)
{
    dies_saying(misuses[_i].what, misuses[_i].text);
}
END_TEST

/* ---- the suite ---- */

static void add_tests_of_the_queue(Suite *suite)
{
    TCase *order = add_case(suite, "order"), *when = add_case(suite, "when"),
          *pile = add_case(suite, "piling up");

    tcase_add_loop_test(order, all_callbacks_run_in_the_order_in_which_they_were_queued, 0,
                        POLICIES);
    tcase_add_loop_test(order, callbacks_need_no_barrier_to_run, 0, POLICIES);
    tcase_add_loop_test(order, batches_of_any_size_run_all, 0, 6);
    tcase_add_loop_test(order, callbacks_of_several_threads_keep_the_order_of_each, 0, POLICIES);
    tcase_add_loop_test(order, a_callback_may_free_what_its_head_is_in, 0, POLICIES);
    tcase_add_test(order, a_callback_may_queue_another);
    tcase_add_test(order, a_callback_may_queue_its_own_head);
    tcase_add_test(order, a_callback_may_enter_sections);

    tcase_add_loop_test(when, a_section_from_before_is_waited_for, 0, POLICIES);
    tcase_add_loop_test(when, a_callback_queued_during_a_grace_period_waits_for_the_next, 0,
                        POLICIES);
    tcase_add_loop_test(when, callbacks_may_be_queued_inside_a_section, 0, POLICIES);
    tcase_add_test(when, a_callback_knows_the_times_of_its_grace_period);

    tcase_add_test(pile, under_the_event_policy_callbacks_wait_until_there_are_enough);
    tcase_add_loop_test(pile, a_request_ends_the_piling_up, 0, 5);
    tcase_add_test(pile, piling_up_ends_with_its_time);
    tcase_add_loop_test(pile, piling_up_may_be_without_end, 0, 2);
}

static void add_tests_of_barriers_and_locks(Suite *suite)
{
    TCase *barriers = add_case(suite, "barriers"), *lock = add_case(suite, "lock"),
          *statistics = add_case(suite, "statistics"), *misuse = add_case(suite, "misuse");

    tcase_add_loop_test(barriers, a_barrier_without_callbacks_returns, 0, POLICIES);
    tcase_add_loop_test(barriers, a_barrier_waits_for_all_that_was_queued_before, 0, 2 * POLICIES);
    tcase_add_loop_test(barriers, barriers_wait_side_by_side, 0, POLICIES);
    tcase_add_loop_test(barriers, a_registered_thread_may_call_a_barrier, 0, POLICIES);

    tcase_add_test(lock, callbacks_run_under_the_lock);
    tcase_add_loop_test(lock, the_lock_is_free_while_a_grace_period_is_waited_for, 0, POLICIES);
    tcase_add_loop_test(lock, a_barrier_lets_go_of_the_lock_and_takes_it_again, 0, 2);
    tcase_add_test(lock, the_lock_may_be_changed_after_a_barrier);
    tcase_add_test(lock, callbacks_may_be_queued_under_the_lock);

    tcase_add_loop_test(statistics, statistics_count_callbacks, 0, POLICIES);
    tcase_add_test(statistics, statistics_never_go_back);

    tcase_add_loop_test(misuse, misuse_aborts_with_a_message, 0,
                        (int)(sizeof misuses / sizeof *misuses));
}

int main(void)
{
    Suite *suite = suite_create("callback");

    add_tests_of_the_queue(suite);
    add_tests_of_barriers_and_locks(suite);
    return run_suite(suite);
}
