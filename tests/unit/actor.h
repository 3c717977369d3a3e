/* A thread that does what it is told, and the settings and counts of the library's tests. */
#ifndef STILLPOINT_TESTS_ACTOR_H
#define STILLPOINT_TESTS_ACTOR_H

#include <stillpoint/rcu.h>

#include "library.h"

#include <limits.h>
#include <pthread.h>
#include <time.h>

#define MS_NS    INT64_C(1000000)
#define HOUR_NS  INT64_C(3600000000000)
#define POLICIES (RCU_GP_ADAPTIVE + 1)

/* With two phases a number proves nothing: there is a heavy fence whenever there is a reader to
 * look at, and a section that began in the first phase may be waited for in the second. */
#ifdef STILLPOINT_TWO_PHASE
#define TWO_PHASES true
#else
#define TWO_PHASES false
#endif

static inline bool has_several_cpus(void)
{
    cpu_set_t allowed;

    return sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) > 1;
}

/* A test case; its tests have this time limit. */
static inline TCase *add_case(Suite *suite, const char *name)
{
    TCase *c = tcase_create(name);

    tcase_set_timeout(c, 120);
    suite_add_tcase(suite, c);
    return c;
}

static inline int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 * MS_NS + now.tv_nsec;
}

/* When a search ends that finds more the longer it lasts; BRIEF=1, for a library that is tested in
 * several ways, takes a fifth of it. */
static inline int64_t search_end_ns(unsigned ms)
{
    return now_ns() + ms * MS_NS / (getenv("BRIEF") ? 5 : 1);
}

/* A loop of so many rounds, in which others get a CPU and must not do something. Beside busy
 * processes, where each sched_yield() lasts for a turn of all of them, it ends by the clock. */
#define FOR_A_WHILE(rounds)                                  \
    for (int64_t round_ = 0, end_ns_ = now_ns() + 5 * MS_NS; \
         round_ < 10 || (round_ < (rounds) && now_ns() < end_ns_); round_++)

/* A thread that does what it is told, and is quiet in between: it sleeps, and so heals no lost
 * wake-up by entering and leaving more sections. */
struct actor {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void (*job)(void); /* NULL: none */
    bool dismissed;
    atomic_bool started; /* the job */
    int thread_id;
};

static inline void *actor_main(void *argument)
{
    struct actor *a = argument;

    pthread_mutex_lock(&a->lock);
    a->thread_id = gettid();
    pthread_cond_broadcast(&a->changed);
    while (!a->dismissed) {
        if (a->job != NULL) {
            pthread_mutex_unlock(&a->lock);
            atomic_store(&a->started, true);
            a->job();
            pthread_mutex_lock(&a->lock);
            a->job = NULL;
            pthread_cond_broadcast(&a->changed);
        } else {
            pthread_cond_wait(&a->changed, &a->lock);
        }
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

static inline void hire(struct actor *a)
{
    *a = (struct actor){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    ck_assert_int_eq(pthread_create(&a->thread, NULL, actor_main, a), 0);
    pthread_mutex_lock(&a->lock);
    while (a->thread_id == 0)
        pthread_cond_wait(&a->changed, &a->lock);
    pthread_mutex_unlock(&a->lock);
}

/* Tells it what to do, and goes on. */
static inline void begin(struct actor *a, void (*job)(void))
{
    pthread_mutex_lock(&a->lock);
    a->job = job;
    atomic_store(&a->started, false);
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

static inline bool is_busy(struct actor *a)
{
    bool busy;

    pthread_mutex_lock(&a->lock);
    busy = a->job != NULL;
    pthread_mutex_unlock(&a->lock);
    return busy;
}

/* Waits until the job is done. */
static inline void finish(struct actor *a)
{
    pthread_mutex_lock(&a->lock);
    while (a->job != NULL)
        pthread_cond_wait(&a->changed, &a->lock);
    pthread_mutex_unlock(&a->lock);
}

static inline void make(struct actor *a, void (*job)(void))
{
    begin(a, job);
    finish(a);
}

static inline void dismiss(struct actor *a)
{
    pthread_mutex_lock(&a->lock);
    a->dismissed = true;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
}

/* Asleep in its job: in what tests here let it do, that is inside the library. */
static inline bool is_asleep(struct actor *a)
{
    char path[64], line[512] = "";
    const char *state;
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", a->thread_id);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    state = fgets(line, sizeof line, file) != NULL ? strrchr(line, ')') : NULL;
    fclose(file);
    return atomic_load(&a->started) && state != NULL && state[1] == ' ' && state[2] == 'S';
}

/* Looks several times, as a lock may put it to sleep for a moment. */
static inline void wait_until_asleep(struct actor *a)
{
    UNTIL(is_asleep(a) && is_asleep(a) && is_asleep(a));
}

/* As is_asleep(), of any thread; 0 is none yet. */
static inline bool thread_sleeps(int thread_id)
{
    struct actor seen = {.thread_id = thread_id, .started = true};

    return thread_id != 0 && is_asleep(&seen);
}

/* Jobs. */
static inline void enter(void)
{
    rcu_read_lock();
}

static inline void leave(void)
{
    rcu_read_unlock();
}

static inline void quiesce(void)
{
    rcu_quiescent_state();
}

static inline void hire_reader(struct actor *a)
{
    hire(a);
    make(a, rcu_register_thread);
}

static inline void hire_online(struct actor *a)
{
    hire_reader(a);
    make(a, rcu_thread_online);
}

static inline void dismiss_reader(struct actor *a)
{
    make(a, rcu_unregister_thread);
    dismiss(a);
}

/* The two that wait, and every policy with each: for loops over so many ways. */
static void (*const primitives[])(void) = {synchronize_rcu, synchronize_rcu_expedited};
#define WAYS       (2 * POLICIES)
#define the_policy ((enum rcu_gp_policy)(_i / 2))
#define the_wait   primitives[_i % 2]

/* Settings under which nothing but a request forces, and all naps are nap_ns. */
static inline struct rcu_settings patient(enum rcu_gp_policy policy, int64_t nap_ns)
{
    struct rcu_settings settings = rcu_default_settings;

    settings.gp_policy = policy;
    settings.spin_ns = 0;
    settings.first_nap_ns = nap_ns;
    settings.poll_interval_ns = nap_ns;
    settings.force_after_ns = HOUR_NS;
    settings.force_naps = UINT_MAX;
    settings.force_callbacks = UINT_MAX;
    return settings;
}

static inline void use(struct rcu_settings settings)
{
    ck_assert_int_eq(rcu_set_settings(&settings), 0);
}

static inline struct rcu_stats stats(void)
{
    struct rcu_stats s;

    rcu_get_stats(&s);
    return s;
}

/* The leader has looked at the readers, and naps or sleeps: otherwise it holds the registry
 * lock. */
static inline bool leader_waits_for(unsigned readers)
{
    return rcu_holdouts(NULL, 0) == readers;
}

/* Begins the job, a grace period that must wait for so many readers, and comes back when it
 * does. */
static inline void begin_and_wait(struct actor *a, void (*job)(void), unsigned readers)
{
    begin(a, job);
    UNTIL(leader_waits_for(readers) || !is_busy(a));
    ck_assert_msg(is_busy(a), "the grace period did not wait for its readers");
}

#endif
