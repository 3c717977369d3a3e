/* Interrupts that the library sends to other CPUs, as the kernel counts them:
 *
 *     interrupts fences|kicks THREADS
 *
 * The caller has the first CPU that the program may use, and the threads have the others by turns.
 * `fences`: grace periods, while readers keep their CPUs busy outside of sections. `kicks`:
 * exclusive sections, among vCPUs that the accelerator `signal` runs. One line of JSON: "calls" and
 * "requests" are CAL and RES of /proc/interrupts, of all CPUs together, -1 where there is no such
 * row.
 */
#include <stillpoint/accel.h>
#include <stillpoint/exclusive.h>
#include <stillpoint/rcu_policy.h>
#include <stillpoint/vcpu.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRACE_PERIODS   200
#define SECTIONS        100
#define OUTSIDE_AT_MOST 2 /* grace periods after which a reader that is outside is not parked */

static unsigned thread_count;
static pthread_barrier_t ready, over;
static atomic_bool stop;
static atomic_uint reads_wanted; /* grows before each grace period but some */
static atomic_uint reads_done;

/* In every loop: where CPUs are emulated in turn, this one's turn ends here. */
static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void fail(const char *what)
{
    perror(what);
    exit(70);
}

/* The caller is number 0. */
static void take_cpu(unsigned thread)
{
    static cpu_set_t all;
    cpu_set_t one;
    int cpu = -1, place;

    if (thread == 0 && sched_getaffinity(0, sizeof all, &all) != 0)
        fail("sched_getaffinity");
    place = CPU_COUNT(&all) - 1;
    place = thread == 0 || place == 0 ? 0 : 1 + (int)(thread - 1) % place;
    for (; place >= 0; place--)
        do
            cpu++;
        while (!CPU_ISSET((unsigned)cpu, &all));
    CPU_ZERO(&one);
    CPU_SET((unsigned)cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0)
        fail("sched_setaffinity");
}

/* --- What the kernel counts --- */

struct interrupts {
    long calls;    /* of a function: membarrier makes one for each CPU */
    long requests; /* to schedule */
};

/* -1: it is another row. */
static long sum_of(const char *line, const char *row)
{
    const char *at = strstr(line, row);
    long sum = 0;
    char *end;

    if (!at)
        return -1;
    for (at += strlen(row);; at = end) {
        long count = strtol(at, &end, 10);

        if (end == at)
            return sum;
        sum += count;
    }
}

static struct interrupts interrupts_now(void)
{
    struct interrupts now = {-1, -1};
    char *line = NULL;
    size_t size = 0;
    FILE *f = fopen("/proc/interrupts", "r");

    while (f && getline(&line, &size, f) > 0) {
        if (now.calls < 0)
            now.calls = sum_of(line, "CAL:");
        if (now.requests < 0)
            now.requests = sum_of(line, "RES:");
    }
    free(line);
    if (f)
        fclose(f);
    return now;
}

static void print_interrupts(struct interrupts before, struct interrupts after)
{
    printf("\"calls\": %ld, \"requests\": %ld}\n", after.calls - before.calls,
           after.requests - before.requests);
}

/* --- Fences --- */

/* Reads when it is told to: one that was outside for long is parked, and has no part in what
 * comes. */
static void *reader_thread(void *number)
{
    unsigned read = 0;

    take_cpu(*(unsigned *)number);
    rcu_register_thread();
    pthread_barrier_wait(&ready);
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        unsigned wanted = atomic_load_explicit(&reads_wanted, memory_order_relaxed);

        relax();
        if (wanted == read)
            continue;
        read = wanted;
        rcu_read_lock();
        rcu_read_unlock();
        atomic_fetch_add_explicit(&reads_done, 1, memory_order_relaxed);
    }
    pthread_barrier_wait(&over);
    rcu_unregister_thread();
    return NULL;
}

static void have_all_read(void)
{
    unsigned wanted = atomic_load_explicit(&reads_wanted, memory_order_relaxed) + 1;

    atomic_store_explicit(&reads_wanted, wanted, memory_order_relaxed);
    while (atomic_load_explicit(&reads_done, memory_order_relaxed) != wanted * thread_count)
        relax();
}

static void count_fences(void)
{
    struct interrupts begun, ended;
    struct rcu_stats before, after;

    pthread_barrier_wait(&ready);
    have_all_read();
    begun = interrupts_now();
    rcu_get_stats(&before);
    for (unsigned i = 0; i < GRACE_PERIODS; i++) {
        if (i % OUTSIDE_AT_MOST == 0)
            have_all_read();
        synchronize_rcu();
    }
    rcu_get_stats(&after);
    ended = interrupts_now();
    printf("{\"grace_periods\": %d, \"heavy_fences\": %lu, ", GRACE_PERIODS,
           after.heavy_fences - before.heavy_fences);
    print_interrupts(begun, ended);
    atomic_store_explicit(&stop, true, memory_order_relaxed);
    pthread_barrier_wait(&over);
}

/* --- Kicks --- */

static void *vcpu_thread(void *number)
{
    static const struct vcpu_guest nothing;
    const struct vcpu_config config = {.accel = &vcpu_accel_signal, .guest = &nothing};
    struct vcpu *cpu = aligned_alloc(_Alignof(struct vcpu), sizeof *cpu);

    take_cpu(*(unsigned *)number);
    rcu_register_thread();
    vcpu_init(cpu, &config);
    vcpu_add(cpu);
    pthread_barrier_wait(&ready);
    if ((errno = -vcpu_run(cpu)) != 0)
        fail("vcpu_run");
    vcpu_remove(cpu);
    synchronize_rcu();
    vcpu_destroy(cpu);
    free(cpu);
    rcu_unregister_thread();
    return NULL;
}

/* Each of them executes, and waits for a signal or is about to. */
static void until_all_execute(void)
{
    struct vcpu *cpu;
    bool all;

    do {
        relax();
        all = true;
        rcu_read_lock();
        VCPU_FOREACH(cpu)
        all = all && atomic_load_explicit(&cpu->waits, memory_order_relaxed);
        rcu_read_unlock();
    } while (!all);
}

static void count_kicks(void)
{
    struct interrupts begun, ended;
    struct vcpu_stats before, after;
    struct vcpu *cpu;

    rcu_register_thread();
    pthread_barrier_wait(&ready);
    until_all_execute();
    begun = interrupts_now();
    vcpu_get_stats(&before);
    for (unsigned i = 0; i < SECTIONS; i++) {
        until_all_execute();
        start_exclusive();
        end_exclusive();
    }
    vcpu_get_stats(&after);
    ended = interrupts_now();
    printf("{\"sections\": %d, \"signals\": %lu, ", SECTIONS, after.signals - before.signals);
    print_interrupts(begun, ended);
    rcu_read_lock();
    VCPU_FOREACH(cpu)
    vcpu_unplug(cpu);
    rcu_read_unlock();
    rcu_unregister_thread();
}

int main(int argc, char **argv)
{
    bool kicks = argc == 3 && strcmp(argv[1], "kicks") == 0;
    unsigned *numbers;
    pthread_t *threads;

    thread_count = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
    if (thread_count == 0 || (!kicks && strcmp(argv[1], "fences") != 0)) {
        fprintf(stderr, "usage: interrupts fences|kicks THREADS\n");
        return 64;
    }
    take_cpu(0);
    threads = calloc(thread_count, sizeof *threads);
    numbers = calloc(thread_count, sizeof *numbers);
    pthread_barrier_init(&ready, NULL, thread_count + 1);
    pthread_barrier_init(&over, NULL, thread_count + 1);
    for (unsigned i = 0; i < thread_count; i++) {
        numbers[i] = i + 1;
        if ((errno = pthread_create(&threads[i], NULL, kicks ? vcpu_thread : reader_thread,
                                    &numbers[i])) != 0)
            fail("pthread_create");
    }
    if (kicks)
        count_kicks();
    else
        count_fences();
    for (unsigned i = 0; i < thread_count; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    free(numbers);
    return 0;
}
