/* limits: what the machine itself takes, under everything that is built of it.
 *
 * One thread does each in turn, in batches where it is a matter of nanoseconds; a partner answers,
 * sleeps or spins as each needs it. No flavor has a part in it.
 */
#include "torture/flavors/flavor.h"
#include "torture/record/cpus.h"
#include "torture/runner/thread.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ROUNDS, COUNTER_COUNT };
static const struct counter counters[COUNTER_COUNT] = {
    [ROUNDS] = {.name = "rounds"},
};
enum { LOOP, STORE, FENCE, EXCHANGE, TRANSFER, HEAVY_FENCE, WAKE, SIGNAL, MEASURE_COUNT };
static const struct measure measures[MEASURE_COUNT] = {
    [LOOP] = {.name = "limit.loop", .unit = "ps"},
    [STORE] = {.name = "limit.store", .unit = "ps"},
    [FENCE] = {.name = "limit.fence", .unit = "ps"},
    [EXCHANGE] = {.name = "limit.exchange", .unit = "ps"},
    [TRANSFER] = {.name = "limit.transfer", .unit = "ps"},
    [HEAVY_FENCE] = {.name = "limit.heavy_fence", .unit = "ns"},
    [WAKE] = {.name = "limit.wake", .unit = "ns"},
    [SIGNAL] = {.name = "limit.signal", .unit = "ns"},
};

enum { BATCH = 10000, TRANSFERS = 1000, SINGLE = 20 };

/* What the partner does. */
enum mode { SPINS, ANSWERS, SLEEPS };

struct state {
    _Alignas(64) atomic_uint mode, taken; /* that the partner has seen */
    _Alignas(64) atomic_uint ball;
    _Alignas(64) atomic_uint word;         /* a futex */
    _Alignas(64) _Atomic uint64_t arrived; /* ticks; 0: not yet */
    _Alignas(64) atomic_int thread_id;
    _Alignas(64) atomic_uint stored;
    int cpus;
};

static struct state *signalled; /* one partner, so one is enough */

static int signal_number(void)
{
    return SIGRTMIN + 3;
}

/* --- The partner --- */

static void handle(int signal)
{
    (void)signal;
    atomic_store_explicit(&signalled->arrived, clock_ticks(), memory_order_relaxed);
}

static void answer(struct torture_thread *t, struct state *s)
{
    unsigned seen = 0;

    while (torture_running(t) && atomic_load_explicit(&s->mode, memory_order_relaxed) == ANSWERS) {
        unsigned ball = atomic_load_explicit(&s->ball, memory_order_relaxed);

        if (ball % 2 == 0 || ball == seen)
            continue;
        seen = ball;
        atomic_store_explicit(&s->ball, ball + 1, memory_order_relaxed);
    }
}

static void sleep_until_woken(struct torture_thread *t, struct state *s)
{
    while (torture_running(t) && atomic_load_explicit(&s->mode, memory_order_relaxed) == SLEEPS) {
        const struct timespec limit = {.tv_nsec = 10 * 1000 * 1000};
        unsigned seen = atomic_load_explicit(&s->word, memory_order_relaxed);

        if (syscall(SYS_futex, &s->word, FUTEX_WAIT_PRIVATE, seen, &limit, NULL, 0) == 0)
            atomic_store_explicit(&s->arrived, clock_ticks(), memory_order_relaxed);
    }
}

static void partner(struct torture_thread *t)
{
    struct state *s = t->instance->state;
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};

    sigaction(signal_number(), &action, NULL);
    atomic_store_explicit(&s->thread_id, gettid(), memory_order_relaxed);
    while (torture_running(t)) {
        unsigned mode = atomic_load_explicit(&s->mode, memory_order_relaxed);

        atomic_store_explicit(&s->taken, mode, memory_order_relaxed);
        if (mode == ANSWERS)
            answer(t, s);
        else if (mode == SLEEPS)
            sleep_until_woken(t, s);
        torture_beat(t);
    }
}

/* False when the run is over. */
static bool ask(struct torture_thread *t, struct state *s, enum mode mode)
{
    atomic_store_explicit(&s->mode, mode, memory_order_relaxed);
    while (torture_running(t) && (atomic_load_explicit(&s->taken, memory_order_relaxed) != mode ||
                                  atomic_load_explicit(&s->thread_id, memory_order_relaxed) == 0))
        torture_beat(t);
    return torture_running(t);
}

/* --- What takes nanoseconds --- */

#define TIME(count, ...)                                \
    ({                                                  \
        uint64_t begun_ = clock_ticks();                \
        for (unsigned i_ = 0; i_ < (count); i_++) {     \
            __VA_ARGS__;                                \
            atomic_signal_fence(memory_order_seq_cst);  \
        }                                               \
        clock_ps_each(clock_ticks() - begun_, (count)); \
    })

static void time_alone(struct torture_thread *t, struct state *s)
{
    torture_measure(t, LOOP, TIME(BATCH, ));
    torture_measure(t, STORE,
                    TIME(BATCH, atomic_store_explicit(&s->stored, i_, memory_order_relaxed)));
    torture_measure(t, FENCE, TIME(BATCH, atomic_thread_fence(memory_order_seq_cst)));
    torture_measure(t, EXCHANGE, TIME(BATCH, atomic_exchange(&s->stored, i_)));
}

/* There and back are two. On one CPU it would be the scheduler's time. */
static void time_transfers(struct torture_thread *t, struct state *s)
{
    unsigned ball = atomic_load_explicit(&s->ball, memory_order_relaxed);
    uint64_t begun;

    if (s->cpus < 2 || !ask(t, s, ANSWERS))
        return;
    begun = clock_ticks();
    for (unsigned i = 0; i < TRANSFERS; i++) {
        atomic_store_explicit(&s->ball, ++ball, memory_order_relaxed);
        while (atomic_load_explicit(&s->ball, memory_order_relaxed) == ball)
            if (!torture_running(t))
                return;
        ball++;
    }
    torture_measure(t, TRANSFER, clock_ps_each(clock_ticks() - begun, 2 * TRANSFERS));
}

/* --- What takes microseconds --- */

static void measure_since(struct torture_thread *t, unsigned measure, uint64_t begun,
                          uint64_t ended)
{
    if (ended > begun)
        torture_measure(t, measure, clock_ticks_to_ns(ended - begun));
}

/* Beside a thread of the process that runs, which is interrupted: on another CPU. */
static void time_heavy_fences(struct torture_thread *t, struct state *s)
{
    if (s->cpus < 2 || !ask(t, s, SPINS))
        return;
    for (unsigned i = 0; i < SINGLE; i++) {
        uint64_t begun = clock_ticks();

        if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0)
            measure_since(t, HEAVY_FENCE, begun, clock_ticks());
    }
}

/* When it arrived; 0: the run is over, or it takes too long. */
static uint64_t await_arrival(struct torture_thread *t, struct state *s)
{
    uint64_t begun = clock_ticks(), most = clock_ns_to_ticks(50 * 1000 * 1000), arrived = 0;

    while (torture_running(t) && !arrived && clock_ticks() - begun < most)
        arrived = atomic_load_explicit(&s->arrived, memory_order_relaxed);
    return arrived;
}

static void time_signals(struct torture_thread *t, struct state *s)
{
    int partner_id = atomic_load_explicit(&s->thread_id, memory_order_relaxed);

    for (unsigned i = 0; i < SINGLE && torture_running(t); i++) {
        uint64_t begun;

        atomic_store_explicit(&s->arrived, 0, memory_order_relaxed);
        begun = clock_ticks();
        if (tgkill(getpid(), partner_id, signal_number()) == 0)
            measure_since(t, SIGNAL, begun, await_arrival(t, s));
    }
}

/* Only where somebody slept. */
static void time_wakes(struct torture_thread *t, struct state *s)
{
    if (!ask(t, s, SLEEPS))
        return;
    for (unsigned i = 0; i < SINGLE && torture_running(t); i++) {
        uint64_t begun;

        torture_spin(100 * 1000); /* while it goes to sleep */
        atomic_store_explicit(&s->arrived, 0, memory_order_relaxed);
        begun = clock_ticks();
        atomic_fetch_add_explicit(&s->word, 1, memory_order_relaxed);
        if (syscall(SYS_futex, &s->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 1)
            measure_since(t, WAKE, begun, await_arrival(t, s));
    }
}

static void timer(struct torture_thread *t)
{
    struct state *s = t->instance->state;

    syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
    while (torture_running(t)) {
        if (!ask(t, s, SPINS))
            break;
        time_alone(t, s);
        time_transfers(t, s);
        time_heavy_fences(t, s);
        time_signals(t, s);
        time_wakes(t, s);
        torture_count(t, ROUNDS, 1);
        torture_beat(t);
    }
}

static bool setup(struct instance *in, struct diagnostics *d)
{
    (void)d;
    in->state = signalled = aligned_alloc(64, sizeof *signalled);
    if (!signalled)
        abort();
    *signalled = (struct state){.mode = SPINS, .cpus = cpus_allowed()};
    return true;
}

static void finish(struct instance *in)
{
    free(in->state);
}

static const struct option options[] = {{.name = NULL}};

static const struct role roles[] = {
    {.name = "limit-timer", .run = timer, .loops = true},
    {.name = "limit-partner", .run = partner},
    {.name = NULL},
};

extern const struct workload limits_workload;
const struct workload limits_workload = {
    .name = "limits",
    .summary = "what the machine takes: a fence, the transfer of a line, a wake-up, a signal",
    .bench = true,
    .options = options,
    .roles = roles,
    .counters = counters,
    .counter_count = COUNTER_COUNT,
    .measures = measures,
    .measure_count = MEASURE_COUNT,
    .setup = setup,
    .finish = finish,
};
