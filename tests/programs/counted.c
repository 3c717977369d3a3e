/* What one grace period, or one exclusive section, costs when it is counted and not timed:
 * scripts/scaling.py runs this under callgrind, which counts from callgrind's two marks.
 *
 *     counted WHICH THREADS
 *
 * Threads have registered, read once, and sleep outside of sections. WHICH grace period after that:
 * announced (the first), outside (the second), proposed (the third, which proposes to park them),
 * parking (the fourth), parked (any after that). `section`: an exclusive section among as many
 * vCPUs that do not execute. `executing`: the start of one among as many that do, up to the last
 * kick, but for what an accelerator does to kick.
 */
#include <stillpoint/exclusive.h>
#include <stillpoint/rcu_policy.h>
#include <stillpoint/vcpu.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#endif

#define STACK_SIZE (64 * 1024)

enum which { ANNOUNCED, OUTSIDE, PROPOSED, PARKING, PARKED, SECTION, EXECUTING, WHICH_COUNT };
static const char *const names[WHICH_COUNT] = {
    [ANNOUNCED] = "announced", [OUTSIDE] = "outside", [PROPOSED] = "proposed",
    [PARKING] = "parking",     [PARKED] = "parked",   [SECTION] = "section",
    [EXECUTING] = "executing",
};

static enum which which;
static pthread_barrier_t ready, over;
static unsigned kicks_left;             /* executing: until counting stops; the starter's */
static struct manual_event last_kicked; /* and vCPUs leave */

static void count_kick(struct vcpu *cpu)
{
    (void)cpu;
    if (--kicks_left > 0)
        return;
    CALLGRIND_STOP_INSTRUMENTATION;
    manual_event_set(&last_kicked);
}

static void *vcpu_thread(void *unused)
{
    static const struct vcpu_accel counting = {.name = "counting", .kick = count_kick};
    const struct vcpu_config config = {.accel = &counting};
    struct vcpu *cpu = aligned_alloc(_Alignof(struct vcpu), sizeof *cpu);

    (void)unused;
    rcu_register_thread();
    vcpu_init(cpu, &config);
    vcpu_add(cpu);
    vcpu_attach(cpu);
    cpu_exec_start(cpu);
    if (which == EXECUTING) {
        pthread_barrier_wait(&ready);
        manual_event_wait(&last_kicked);
    }
    cpu_exec_end(cpu);
    if (which != EXECUTING)
        pthread_barrier_wait(&ready);
    pthread_barrier_wait(&over);
    vcpu_detach(cpu);
    vcpu_remove(cpu);
    synchronize_rcu();
    vcpu_destroy(cpu);
    free(cpu);
    rcu_unregister_thread();
    return NULL;
}

static void *reader_thread(void *unused)
{
    (void)unused;
    rcu_register_thread();
    rcu_read_lock();
    rcu_read_unlock();
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&over);
    rcu_unregister_thread();
    return NULL;
}

static void count(void)
{
    for (unsigned i = ANNOUNCED; which < SECTION && i < which; i++)
        synchronize_rcu();
    CALLGRIND_START_INSTRUMENTATION;
    if (which >= SECTION) {
        start_exclusive();
        end_exclusive();
    } else {
        synchronize_rcu();
    }
    CALLGRIND_STOP_INSTRUMENTATION;
}

static void warm_up(void)
{
    struct rcu_settings settings = rcu_default_settings;

    settings.spin_ns = 0; /* a spin takes as many looks as fit into it */
    rcu_set_settings(&settings);
    synchronize_rcu();
    start_exclusive();
    end_exclusive();
}

static void fail(const char *what)
{
    perror(what);
    exit(70);
}

int main(int argc, char **argv)
{
    unsigned count_of_threads = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
    pthread_attr_t small;
    pthread_t *threads;

    while (argc == 3 && which < WHICH_COUNT && strcmp(argv[1], names[which]) != 0)
        which++;
    if (count_of_threads == 0 || which == WHICH_COUNT) {
        fprintf(stderr, "usage: counted announced|outside|proposed|parking|parked|section|"
                        "executing THREADS\n");
        return 64;
    }
    threads = calloc(count_of_threads, sizeof *threads);
    pthread_barrier_init(&ready, NULL, count_of_threads + 1);
    pthread_barrier_init(&over, NULL, count_of_threads + 1);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_SIZE);
    kicks_left = count_of_threads;
    manual_event_init(&last_kicked, false);
    warm_up();
    for (unsigned i = 0; i < count_of_threads; i++)
        if ((errno = pthread_create(
                 &threads[i], &small,
                 which == SECTION || which == EXECUTING ? vcpu_thread : reader_thread, NULL)) != 0)
            fail("pthread_create");
    pthread_barrier_wait(&ready);
    count();
    pthread_barrier_wait(&over);
    for (unsigned i = 0; i < count_of_threads; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    return 0;
}
