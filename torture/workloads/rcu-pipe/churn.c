/* rcu-pipe: threads that come and go.
 *
 * A churner starts threads in bursts. Each registers, reads, idles between some of its sections,
 * and unregisters, or just ends; and then some read once more, in a destructor of their own. The
 * flavor may park a thread that is idle: the section after a pause is the one that it must not
 * miss. What the threads saw is judged by the churner, once they
 * have ended: counters and findings have one writer.
 */
#include "sight.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define SECTIONS_MAX 8
#define LATE_MAX     2

/* One thread. Written by the churner before it starts, and by the thread until it ends. */
struct life {
    struct torture_thread *churner;
    struct called called; /* by the thread */
    struct random random;
    pthread_t thread;
    unsigned sections, idle_sections;
    bool just_ends;               /* without unregistering */
    unsigned late, late_sections; /* to be read in destructors, and read there */
    struct sight sights[SECTIONS_MAX + LATE_MAX];
};

static void read_into(struct life *life, struct sight *sight)
{
    struct torture_thread *churner = life->churner;
    const struct params *p = churner->instance->params;
    const struct state *state = churner->instance->state;
    struct updater *u = any_updater(state, &life->random);
    uint64_t delay_ns = next_delay_ns(p, &life->random);

    sight->entered = clock_ticks();
    contend(p, state, (unsigned)sight->entered);
    flavor_read_lock();
    see(sight, u);
    if (delay_ns > 0)
        torture_spin(delay_ns);
    see_again(sight);
    flavor_read_unlock();
}

/* --- Destructors, of threads that just end --- */

static pthread_key_t ends;
static pthread_once_t ends_once = PTHREAD_ONCE_INIT;
static pid_t process; /* that has the lives */

/* Again in the next round of destructors, up to `late` times. In the child of a fork the C library
 * (glibc 2.36) gives a new thread what another had set, if that was among its destructors just
 * then: the life is not there. */
static void thread_ends(void *argument)
{
    struct life *life = argument;

    if (getpid() != process)
        return;
    read_into(life, &life->sights[life->sections + life->late_sections]);
    life->late_sections++;
    if (life->late_sections < life->late)
        pthread_setspecific(ends, life);
}

static void make_key(void)
{
    process = getpid();
    if (pthread_key_create(&ends, thread_ends) != 0)
        torture_give_up("no key for thread-specific data is left");
}

/* --- Lives --- */

static void *live(void *argument)
{
    struct life *life = argument;
    struct torture_thread *churner = life->churner;
    const struct params *p = churner->instance->params;

    called_lend(&life->called);
    flavor_register_thread();
    for (unsigned i = 0; i < life->sections; i++) {
        if (random_one_in(&life->random, 4)) {
            torture_sleep(churner, random_below(&life->random, (uint64_t)p->churn_pause_ns + 1));
            life->idle_sections++;
        }
        read_into(life, &life->sights[i]);
    }
    if (!life->just_ends)
        flavor_unregister_thread();
    else if (life->late > 0)
        pthread_setspecific(ends, life);
    return NULL;
}

static bool begin(struct life *life, struct torture_thread *t, const struct params *p)
{
    memset(life, 0, sizeof *life);
    life->churner = t;
    random_start(&life->random, random_next(&t->random), 0);
    life->sections = (unsigned)random_below(&t->random, SECTIONS_MAX + 1);
    life->just_ends = random_one_in(&t->random, (uint64_t)p->exit_one_in);
    life->late = (unsigned)random_below(&t->random, LATE_MAX + 1);
    return pthread_create(&life->thread, NULL, live, life) == 0;
}

static void end(struct life *life, struct torture_thread *t)
{
    pthread_join(life->thread, NULL);
    torture_count(t, THREADS_CHURNED, 1);
    torture_count(t, THREADS_EXITED, life->just_ends);
    called_take_over(&life->called);
    called_more(CALLED_EXIT, life->just_ends);
    torture_count(t, IDLE_READS, life->idle_sections);
    torture_count(t, LATE_READS, life->late_sections);
    torture_count(t, READS, life->sections + life->late_sections);
    for (unsigned i = 0; i < life->sections + life->late_sections; i++)
        judge(t, &life->sights[i]);
    torture_beat(t);
}

void pipe_churn(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct life lives[CHURN_BURST_MAX];

    pthread_once(&ends_once, make_key);
    while (torture_running(t)) {
        unsigned burst = 1 + (unsigned)random_below(&t->random, (uint64_t)p->churn_burst);
        unsigned begun = 0;

        while (begun < burst && begin(&lives[begun], t, p))
            begun++;
        for (unsigned i = 0; i < begun; i++)
            end(&lives[i], t);
        if (begun == 0) /* no more threads for now, which is nobody's fault */
            pipe_idle(t, 10 * 1000 * 1000);
    }
}
