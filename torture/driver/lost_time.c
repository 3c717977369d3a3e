#include "lost_time.h"

#include "torture/record/clock.h"

#include <unistd.h>

/* A turn that begins so much late, other than for want of a CPU, is an absence. */
#define AWAY_NS (500 * 1000 * 1000)
/* What is less is not noted. */
#define LEAST_NOTED_NS (1000 * 1000)

static int64_t at(const _Atomic int64_t *field)
{
    return atomic_load_explicit(field, memory_order_relaxed);
}

/* CPU time of the runner, all threads together; 0 when it is gone. */
static int64_t runner_ran_ns(pid_t pid)
{
    struct timespec ran = {.tv_sec = 0};
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) == 0)
        clock_gettime(clock, &ran);
    return ran.tv_sec * INT64_C(1000000000) + ran.tv_nsec;
}

/* What the runner has lost until now_ns. It tells of a delay when that is over; until then its main
 * thread is silent though no CPU is missing, and the process consumes nothing. The two words are
 * not read at one moment: the sum may be too large for once, so that callers take its growth only.
 */
static int64_t still_until(const struct lost_time *l, int64_t now_ns)
{
    const struct shared_header *h = l->view->header;
    int64_t silent = at(&h->end_ns) ? 0 : now_ns - l->beat_ns;

    if (silent < SHARED_STILL_NS || cpu_wait_state(l->pid, l->pid) == 'R' ||
        runner_ran_ns(l->pid) - l->beat_ran_ns > silent / 4)
        silent = 0;
    return at(&h->still_ns) + silent;
}

void lost_time_prepare(struct lost_time *l)
{
    cpu_wait_since(&l->wait, getpid(), gettid(), 0);
}

void lost_time_open(struct lost_time *l, const struct view *v, pid_t pid, int64_t gate_ns)
{
    *l = (struct lost_time){
        .view = v,
        .pid = pid,
        .gate_ns = gate_ns,
        .window_ns = gate_ns,
        .turn_ns = gate_ns,
        .wait = l->wait,
        .beat_ns = at(&v->header->beat_ns),
        .beat_ran_ns = runner_ran_ns(pid),
        .noted = json_array(),
    };
    interference_open(&l->machine, pid, (unsigned)v->thread_count);
}

void lost_time_close(struct lost_time *l)
{
    if (!l->view)
        return;
    interference_close(&l->machine);
    json_decref(l->noted);
    l->view = NULL;
}

void lost_time_continued(struct lost_time *l)
{
    l->continued = true;
}

/* The absence of the turn before: where the runner stood still meanwhile, it was the machine. */
static void judge_absence(struct lost_time *l, int64_t still)
{
    int64_t joint = still - l->away_still_ns;

    if (joint > l->away_ns)
        joint = l->away_ns;
    if (joint < 0)
        joint = 0;
    l->of_window_ns[LOST_MACHINE] += joint;
    l->of_window_ns[LOST_DRIVER] += l->away_ns - joint;
    if (l->continued && joint < l->away_ns)
        l->why[LOST_DRIVER] = "stopped";
    l->continued = false;
    l->away_ns = 0;
}

static void note_beat(struct lost_time *l)
{
    int64_t beat = at(&l->view->header->beat_ns);

    if (beat == l->beat_ns) {
        if (l->turn_ns - beat < SHARED_STILL_NS)
            return;
        l->frozen = interference_frozen(&l->machine);
        if (l->frozen)
            l->why_still = "frozen";
        else if (cpu_wait_state(l->pid, l->pid) == 'T')
            l->why_still = "stopped";
        return;
    }
    l->frozen = false;
    l->beat_ns = beat;
    l->beat_ran_ns = runner_ran_ns(l->pid);
}

void lost_time_turn(struct lost_time *l, int64_t tick_ns)
{
    int64_t now = clock_monotonic_ns(), end = at(&l->view->header->end_ns);
    int64_t step = now - l->turn_ns, late, still;

    l->turn_ns = now;
    note_beat(l);
    still = still_until(l, now);
    if (l->away_ns)
        judge_absence(l, still);
    late = step - tick_ns - cpu_wait_since(&l->wait, getpid(), gettid(), step);
    if (step > 2 * tick_ns) /* less is what a turn takes */
        l->of_window_ns[LOST_LATE] += step - tick_ns;
    if (late >= AWAY_NS) {
        /* After the end of the run nobody missed us. */
        if (end && now > end)
            late -= now - end;
        l->away_ns = late > 0 ? late : 0;
        l->away_still_ns = l->turn_still_ns;
    }
    if (still > l->turn_still_ns)
        l->turn_still_ns = still;
}

bool lost_time_settled(const struct lost_time *l)
{
    return !l->away_ns;
}

bool lost_time_frozen(const struct lost_time *l)
{
    return l->frozen;
}

void lost_time_note(struct lost_time *l, enum lost_cause cause, int64_t ns)
{
    l->of_window_ns[cause] += ns;
}

/* What the kernel took of the window's length. */
static void take_interference(struct lost_time *l, int64_t length)
{
    static const enum lost_cause causes[INTERFERENCE_KINDS] = {
        [INTERFERENCE_STEAL] = LOST_STEAL,
        [INTERFERENCE_THROTTLED] = LOST_THROTTLED,
        [INTERFERENCE_PRESSURE_CPU] = LOST_PRESSURE_CPU,
        [INTERFERENCE_PRESSURE_MEMORY] = LOST_PRESSURE_MEMORY,
        [INTERFERENCE_PRESSURE_IO] = LOST_PRESSURE_IO,
    };
    int64_t ns[INTERFERENCE_KINDS];

    interference_take(&l->machine, ns);
    for (int i = 0; i < INTERFERENCE_KINDS; i++)
        l->of_window_ns[causes[i]] += ns[i] < length ? ns[i] : length;
}

/* Steal and throttling that last are seen as stillness of the runner as well; what is spread over
 * many short times is seen by the kernel's account only. */
static void judge_window(struct lost_time *l, int64_t still)
{
    int64_t *w = l->of_window_ns, given = w[LOST_STEAL] + w[LOST_THROTTLED];

    if (given > w[LOST_MACHINE])
        w[LOST_MACHINE] = given;
    if (still > w[LOST_MACHINE])
        w[LOST_RUNNER] = still - w[LOST_MACHINE];
    if (w[LOST_RUNNER])
        l->why[LOST_RUNNER] = l->why_still;
    l->why_still = NULL;
}

double lost_time_window(struct lost_time *l, int64_t now_ns)
{
    int64_t still = still_until(l, now_ns), length = now_ns - l->window_ns, lost = 0;
    double from_s = (double)(l->window_ns - l->gate_ns) / 1e9;

    if (length < 0)
        length = 0;
    if (l->away_ns)
        judge_absence(l, still);
    take_interference(l, length);
    judge_window(l, still - l->window_still_ns);
    if (still > l->window_still_ns)
        l->window_still_ns = still;
    for (int i = 0; i < LOST_CAUSES; i++) {
        int64_t ns = l->of_window_ns[i];

        if (ns >= LEAST_NOTED_NS)
            lost_note(l->noted, (enum lost_cause)i, from_s, (double)(now_ns - l->gate_ns) / 1e9,
                      (double)ns / 1e9, l->why[i]);
        if (lost_is_subtracted((enum lost_cause)i))
            lost += ns;
        l->of_window_ns[i] = 0;
        l->why[i] = NULL;
    }
    l->window_ns = now_ns;
    l->seconds += (double)lost / 1e9;
    return (double)lost / 1e9;
}
