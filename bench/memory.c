/* memory: what a registered thread and a pending callback take.
 *
 * In rounds, each of which adds to those before and gives nothing back, so that none finds memory
 * that another one has left. Threads that are there already, and have touched what any thread
 * does, register and pass a section; or callbacks are queued inside of a section, so that none is
 * called. What the process then has more of, resident, is divided by how many they are. A callback
 * takes the head in its object as well.
 *
 * Thread-local storage is there whether or not its thread registers. All that the program has is
 * told beside: with the flavor `null` it is the harness's.
 */
#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define STACK_SIZE    (64 * 1024)
#define STACK_TOUCHED (16 * 1024) /* more than registering takes */
#define IDLE_NS       (10 * 1000 * 1000)

struct params {
    int64_t count, rounds;
    int of;
};
enum { OF_THREADS, OF_CALLBACKS };

enum { ROUNDS, COUNTER_COUNT };
static const struct counter counters[COUNTER_COUNT] = {
    [ROUNDS] = {.name = "rounds"},
};
enum { THREAD, CALLBACK, HEAP, TLS, MEASURE_COUNT };
static const struct measure measures[MEASURE_COUNT] = {
    [THREAD] = {.name = "memory.thread",
                .unit = "bytes",
                .files = "memory-thread",
                .samples = "rounds",
                .heading = "Memory that a thread takes when it registers",
                .called = "memory of a registered thread"},
    [CALLBACK] = {.name = "memory.callback",
                  .unit = "bytes",
                  .files = "memory-callback",
                  .samples = "rounds",
                  .heading = "Memory that a pending callback takes",
                  .called = "memory of a pending callback"},
    [HEAP] = {.name = "memory.heap", .unit = "bytes", .words = "Of that by malloc()"},
    [TLS] = {.name = "memory.tls",
             .unit = "bytes",
             .words = "Thread-local storage, whether or not a thread registers"},
};

/* --- What the process has --- */

struct taken {
    int64_t resident, heap;
};

/* Exact, where the kernel's running count is one of several CPUs. Allocates nothing. */
static int64_t resident(void)
{
    static char text[1024];
    int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    const char *line;
    int64_t kib;

    if (length < 0)
        torture_give_up("memory: /proc/self/smaps_rollup: %s; it takes a kernel that has it",
                        strerror(errno));
    close(fd);
    text[length] = '\0';
    line = strstr(text, "\nRss:");
    if (!line || sscanf(line, " Rss: %" SCNd64, &kib) != 1)
        torture_give_up("memory: /proc/self/smaps_rollup has no Rss");
    return kib * 1024;
}

static struct taken take(void)
{
    struct mallinfo2 info = mallinfo2();

    return (struct taken){.resident = resident(), .heap = (int64_t)(info.uordblks + info.hblkhd)};
}

/* What each of `count` has added. */
static struct taken each_since(const struct taken *before, int64_t count)
{
    struct taken now = take();
    int64_t more = now.resident - before->resident, heap = now.heap - before->heap;

    return (struct taken){.resident = more > 0 && count > 0 ? more / count : 0,
                          .heap = heap > 0 && count > 0 ? heap / count : 0};
}

static int add_tls(struct dl_phdr_info *module, size_t size, void *sum)
{
    (void)size;
    for (size_t i = 0; i < module->dlpi_phnum; i++)
        if (module->dlpi_phdr[i].p_type == PT_TLS)
            *(uint64_t *)sum += module->dlpi_phdr[i].p_memsz;
    return 0;
}

/* --- Threads --- */

/* They and the meter meet four times: all are there; they register; all have; they end. */
struct crew {
    pthread_barrier_t meeting;
    pthread_t *threads;
};

/* So that no page of it is new, nor what malloc() has for a thread, when it registers. */
static __attribute__((noinline)) void touch_own_memory(void)
{
    volatile char stack[STACK_TOUCHED];
    void *volatile piece = malloc(1);

    for (size_t i = 0; i < sizeof stack; i += 512)
        stack[i] = 0;
    free(piece);
}

static void *member(void *argument)
{
    struct crew *crew = argument;

    touch_own_memory();
    pthread_barrier_wait(&crew->meeting);
    pthread_barrier_wait(&crew->meeting);
    flavor_register_thread();
    flavor_read_lock();
    flavor_read_unlock();
    pthread_barrier_wait(&crew->meeting);
    pthread_barrier_wait(&crew->meeting);
    flavor_unregister_thread();
    return NULL;
}

static void start_crew(struct crew *crew, size_t count)
{
    pthread_attr_t small;

    crew->threads = calloc(count, sizeof *crew->threads);
    pthread_barrier_init(&crew->meeting, NULL, (unsigned)count + 1);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_SIZE);
    for (size_t i = 0; i < count; i++) {
        int error = pthread_create(&crew->threads[i], &small, member, crew);

        if (error)
            torture_give_up("memory: thread %zu of %zu cannot be started: %s; use fewer, or fewer "
                            "rounds, or raise the limit (ulimit -u)",
                            i + 1, count, strerror(error));
    }
    pthread_attr_destroy(&small);
}

static void end_crew(struct crew *crew, size_t count)
{
    pthread_barrier_wait(&crew->meeting);
    for (size_t i = 0; i < count; i++)
        pthread_join(crew->threads[i], NULL);
    pthread_barrier_destroy(&crew->meeting);
    free(crew->threads);
}

static struct taken register_crew(struct crew *crew, size_t count)
{
    struct taken before;

    start_crew(crew, count);
    pthread_barrier_wait(&crew->meeting);
    before = take();
    pthread_barrier_wait(&crew->meeting);
    pthread_barrier_wait(&crew->meeting);
    return each_since(&before, (int64_t)count);
}

/* How many rounds there were. */
static size_t take_threads(struct torture_thread *t, struct taken *each)
{
    const struct params *p = t->instance->params;
    struct crew *crews = calloc((size_t)p->rounds, sizeof *crews);
    size_t done = 0;

    for (; done < (size_t)p->rounds && torture_running(t); done++) {
        each[done] = register_crew(&crews[done], (size_t)p->count);
        torture_beat(t);
    }
    for (size_t i = 0; i < done; i++) {
        end_crew(&crews[i], (size_t)p->count);
        torture_beat(t);
    }
    free(crews);
    return done;
}

/* --- Callbacks --- */

static void nothing(flavor_head *head)
{
    (void)head;
}

static struct taken queue_round(flavor_head *heads, size_t count)
{
    struct taken before = take(), each;

    for (size_t i = 0; i < count; i++)
        flavor_call(&heads[i], nothing);
    each = each_since(&before, (int64_t)count);
    each.resident += (int64_t)sizeof *heads;
    return each;
}

/* The first of all, by itself: whoever calls them may be started for it. */
static size_t take_callbacks(struct torture_thread *t, struct taken *each)
{
    const struct params *p = t->instance->params;
    size_t count = (size_t)p->count, all = count * (size_t)p->rounds, done = 0;
    flavor_head *heads = malloc((all + 1) * sizeof *heads);

    if (!heads)
        torture_give_up("memory: no memory for %zu callbacks; use a smaller \"count\"", all);
    memset(heads, -1, (all + 1) * sizeof *heads); /* touches them */
    flavor_register_thread();
    flavor_call(&heads[all], nothing);
    flavor_barrier();
    flavor_read_lock();
    for (; done < (size_t)p->rounds && torture_running(t); done++) {
        each[done] = queue_round(&heads[done * count], count);
        torture_beat(t);
    }
    flavor_read_unlock();
    flavor_barrier();
    flavor_unregister_thread();
    free(heads);
    return done;
}

/* --- The meter --- */

/* Histograms are touched when all is measured. */
static void meter(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct taken *each = calloc((size_t)p->rounds, sizeof *each);
    bool threads = p->of == OF_THREADS;
    uint64_t tls = 0;
    size_t rounds;

    touch_own_memory();
    dl_iterate_phdr(add_tls, &tls);
    rounds = (threads ? take_threads : take_callbacks)(t, each);
    for (size_t i = 0; i < rounds; i++) {
        torture_measure(t, threads ? THREAD : CALLBACK, (uint64_t)each[i].resident);
        torture_measure(t, HEAP, (uint64_t)each[i].heap);
    }
    if (threads)
        torture_measure(t, TLS, tls);
    torture_count(t, ROUNDS, rounds);
    free(each);
    while (torture_running(t)) {
        torture_beat(t);
        torture_sleep(t, IDLE_NS);
    }
}

/* Huge pages would be resident that nobody has touched. */
static bool setup(struct instance *in, struct diagnostics *d)
{
    (void)in;
    (void)d;
    prctl(PR_SET_THP_DISABLE, 1UL, 0UL, 0UL, 0UL);
    return true;
}

static unsigned needs_by_params(const void *params)
{
    return ((const struct params *)params)->of == OF_CALLBACKS ? CAN_CALL | CAN_BARRIER : 0;
}

#define FIELD(name) offsetof(struct params, name)
static const struct option options[] = {
    {.name = "of",
     .type = OPTION_CHOICE,
     .offset = FIELD(of),
     .default_text = "threads",
     .choices = "threads callbacks",
     .help = "what there is more of from round to round"},
    {.name = "count",
     .type = OPTION_INT,
     .offset = FIELD(count),
     .default_text = "1000",
     .min = 1,
     .max = 1e6,
     .help = "so many more in each round"},
    {.name = "rounds",
     .type = OPTION_INT,
     .offset = FIELD(rounds),
     .default_text = "5",
     .min = 1,
     .max = 1000,
     .help = "rounds, all of them as soon as the run begins: those in its warm-up do not count"},
    {.name = NULL},
};
#undef FIELD

static const struct role roles[] = {
    {.name = "meter", .run = meter},
    {.name = NULL},
};

extern const struct workload memory_workload;
const struct workload memory_workload = {
    .name = "memory",
    .summary = "what a registered thread and a pending callback take",
    .bench = true,
    .needs_by_params = needs_by_params,
    .options = options,
    .params_size = sizeof(struct params),
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .measures = measures,
    .measure_count = MEASURE_COUNT,
    .setup = setup,
};
