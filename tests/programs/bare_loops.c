/* What calls of a peer cost by themselves: neither the harness nor an adaptor is in this program.
 *
 *     PEER LOOP MILLISECONDS
 *
 * prints, in JSON, the medians of as many batches as fit, in picoseconds, under the names that they
 * have in results. The loops are those of bench/read_side.c and bench/gp_latency.c. The Makefile
 * defines PEER_..., or FLAVOR_HEADER for the same loops through an adaptor.
 */
#if defined(FLAVOR_HEADER)
#define FLAVOR_TABLES /* with what the adaptor keeps for all files of a runner */
#include FLAVOR_HEADER
#define REGISTER()    flavor_register_thread()
#define LOCK()        flavor_read_lock()
#define UNLOCK()      flavor_read_unlock()
#define SYNCHRONIZE() flavor_synchronize()
#if defined(FLAVOR_CAN_SECTIONS) && !FLAVOR_CAN_SECTIONS
#define PROTECT(pointer) flavor_protect(0, pointer)
#endif
#ifdef FLAVOR_CAN_QSBR
#define ONLINE()        flavor_thread_online()
#define QUIESCENT()     flavor_quiescent_state()
#define ONLINE_LOCK()   flavor_online_read_lock()
#define ONLINE_UNLOCK() flavor_online_read_unlock()
#endif

#elif defined(PEER_stillpoint)
#include <stillpoint/rcu.h>
#include <stillpoint/rcu_qsbr.h>
#define ONLINE_LOCK()   rcu_online_read_lock()
#define ONLINE_UNLOCK() rcu_online_read_unlock()

#elif defined(PEER_urcu_memb) || defined(PEER_urcu_mb) || defined(PEER_urcu_bp)
#define _LGPL_SOURCE
#define URCU_INLINE_SMALL_FUNCTIONS
#define URCU_API_MAP
#if defined(PEER_urcu_memb)
#include <urcu/urcu-memb.h>
#elif defined(PEER_urcu_mb)
#include <urcu/urcu-mb.h>
#else
#include <urcu/urcu-bp.h>
#endif

#elif defined(PEER_urcu_qsbr)
#define _LGPL_SOURCE
#define URCU_INLINE_SMALL_FUNCTIONS
#define URCU_API_MAP
#include <urcu/urcu-qsbr.h>
/* A section of a thread that is not online. */
#define REGISTER()      (rcu_register_thread(), rcu_thread_offline())
#define LOCK()          rcu_thread_online()
#define UNLOCK()        rcu_thread_offline()
#define ONLINE_LOCK()   rcu_read_lock()
#define ONLINE_UNLOCK() rcu_read_unlock()

#elif defined(PEER_ck_epoch)
#include <ck_epoch.h>
static ck_epoch_t epoch;
static ck_epoch_record_t main_record;
static __thread ck_epoch_record_t *record;
#define REGISTER() \
    (record = &main_record, ck_epoch_init(&epoch), ck_epoch_register(&epoch, record, NULL))
#define LOCK()        ck_epoch_begin(record, NULL)
#define UNLOCK()      ck_epoch_end(record, NULL)
#define SYNCHRONIZE() ck_epoch_synchronize(record)

#elif defined(PEER_ck_hp)
#include <ck_hp.h>
static ck_hp_t reclaimer;
static ck_hp_record_t record;
static void *hazards[1];
#define REGISTER() \
    (ck_hp_init(&reclaimer, 1, 64, NULL), ck_hp_register(&reclaimer, &record, hazards))
#define LOCK()   ((void)0)
#define UNLOCK() ck_hp_set(&record, 0, NULL)
#define PROTECT(pointer)                                                     \
    ({                                                                       \
        void *held_;                                                         \
        do                                                                   \
            ck_hp_set_fence(&record, 0, held_ = ck_pr_load_ptr(&(pointer))); \
        while (held_ != ck_pr_load_ptr(&(pointer)));                         \
        held_;                                                               \
    })

#elif defined(PEER_mutex)
#include <pthread.h>
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
#define REGISTER()    ((void)0)
#define LOCK()        pthread_mutex_lock(&mutex)
#define UNLOCK()      pthread_mutex_unlock(&mutex)
#define SYNCHRONIZE() (LOCK(), UNLOCK())

#elif defined(PEER_rwlock)
#include <pthread.h>
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
#define REGISTER()    ((void)0)
#define LOCK()        pthread_rwlock_rdlock(&rwlock)
#define UNLOCK()      pthread_rwlock_unlock(&rwlock)
#define SYNCHRONIZE() (pthread_rwlock_wrlock(&rwlock), UNLOCK())

#else
#error "this peer needs a branch here: how a thread registers, reads and waits without its adaptor"
#endif

/* Where they are not defined above a peer has the names of the field. */
#ifndef REGISTER
#define REGISTER() rcu_register_thread()
#endif
#ifndef LOCK
#define LOCK()   rcu_read_lock()
#define UNLOCK() rcu_read_unlock()
#endif
#ifndef SYNCHRONIZE
#define SYNCHRONIZE() synchronize_rcu()
#endif
#ifndef ONLINE_LOCK
#define ONLINE()    ((void)0)
#define QUIESCENT() ((void)0)
#elif !defined(ONLINE)
#define ONLINE()    rcu_thread_online()
#define QUIESCENT() rcu_quiescent_state()
#endif

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static double ps_each(int64_t ns, uint64_t count)
{
    return (double)ns * 1000 / (double)count;
}

/* --- The loops: their names are known to tests/cli/adaptors.bats --- */

#ifdef PROTECT
/* Sections alone protect nothing. */
static struct item {
    _Alignas(64) unsigned long value;
} item, *published = &item;

static double time_dependent_loads(uint64_t batch)
{
    int64_t start = now_ns();

    for (uint64_t i = 0; i < batch; i++) {
        LOCK();
        (void)*(volatile unsigned long *)&((struct item *)PROTECT(published))->value;
        UNLOCK();
    }
    return ps_each(now_ns() - start, batch);
}
#else
static double time_pairs(uint64_t batch)
{
    int64_t start = now_ns();

    for (uint64_t i = 0; i < batch; i++) {
        LOCK();
        atomic_signal_fence(memory_order_seq_cst); /* the compiler keeps the section */
        UNLOCK();
    }
    return ps_each(now_ns() - start, batch);
}

#ifdef ONLINE_LOCK
static double time_online_pairs(uint64_t batch)
{
    int64_t start = now_ns();

    for (uint64_t i = 0; i < batch; i++) {
        ONLINE_LOCK();
        atomic_signal_fence(memory_order_seq_cst); /* the compiler keeps the section */
        ONLINE_UNLOCK();
    }
    return ps_each(now_ns() - start, batch);
}
#endif

static double time_grace_periods(uint64_t batch)
{
    int64_t start = now_ns();

    for (uint64_t i = 0; i < batch; i++)
        SYNCHRONIZE();
    return ps_each(now_ns() - start, batch);
}
#endif

static double time_nothing(uint64_t batch)
{
    int64_t start = now_ns();

    for (uint64_t i = 0; i < batch; i++)
        atomic_signal_fence(memory_order_seq_cst); /* the compiler keeps the loop */
    return ps_each(now_ns() - start, batch);
}

static const struct loop {
    const char *name, *figure, *over_empty; /* as in results; NULL: no empty loop is timed */
    double (*time)(uint64_t batch);         /* ps of each */
    uint64_t batch;
    bool online; /* and a quiescent state after each batch */
} loops[] = {
#ifdef PROTECT
    {.name = "dependent",
     .figure = "read_side.pair",
     .over_empty = "read_side.over_empty",
     .time = time_dependent_loads,
     .batch = 10000},
#else
    {.name = "pair",
     .figure = "read_side.pair",
     .over_empty = "read_side.over_empty",
     .time = time_pairs,
     .batch = 10000},
#ifdef ONLINE_LOCK
    {.name = "online-pair",
     .figure = "read_side.qsbr_pair",
     .over_empty = "read_side.qsbr_over_empty",
     .time = time_online_pairs,
     .batch = 10000,
     .online = true},
#endif
    {.name = "synchronize", .figure = "gp.mean", .time = time_grace_periods, .batch = 1000},
#endif
};

/* --- Figures --- */

struct figures {
    size_t count, room;
    double *ps;
};

static void add(struct figures *f, double ps)
{
    if (f->count == f->room) {
        f->room = 2 * f->room + 64;
        f->ps = realloc(f->ps, f->room * sizeof *f->ps);
        if (!f->ps)
            abort();
    }
    f->ps[f->count++] = ps;
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static void print_median(const char *before, const char *name, struct figures *f)
{
    qsort(f->ps, f->count, sizeof *f->ps, ascending);
    printf("%s\"%s\": %.1f", before, name, (f->ps[(f->count - 1) / 2] + f->ps[f->count / 2]) / 2);
    free(f->ps);
}

/* The first quarter of the time is to warm up. */
static void measure(const struct loop *loop, int64_t ns)
{
    struct figures whole = {0}, empty = {0}, over_empty = {0};
    int64_t begun, now;

    REGISTER();
    if (loop->online)
        ONLINE();
    begun = now_ns();
    do {
        double with = loop->time(loop->batch), without = 0;

        if (loop->over_empty)
            without = time_nothing(loop->batch);
        if (loop->online)
            QUIESCENT();
        now = now_ns();
        if (now - begun >= ns / 4) {
            add(&whole, with);
            add(&empty, without);
            add(&over_empty, with - without);
        }
    } while (now - begun < ns);
    print_median("{", loop->figure, &whole);
    if (loop->over_empty) {
        print_median(", ", "read_side.empty", &empty);
        print_median(", ", loop->over_empty, &over_empty);
    }
    puts("}");
}

static void *sleep_on(void *unused)
{
    pause();
    return unused;
}

/* A runner has other threads. Without any, membarrier() returns at once. */
static void have_company(void)
{
    pthread_t company;

    if (pthread_create(&company, NULL, sleep_on, NULL) != 0)
        abort();
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < sizeof loops / sizeof *loops; i++)
        if (strcmp(loops[i].name, argv[1]) == 0) {
            have_company();
            measure(&loops[i], atol(argv[2]) * INT64_C(1000000));
            return 0;
        }
    fprintf(stderr, "usage: %s LOOP MILLISECONDS; the loops are", argv[0]);
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++)
        fprintf(stderr, " %s", loops[i].name);
    fputc('\n', stderr);
    return 64;
}
