/* rcu-pipe: threads that come and go.
 *
 * A churner starts threads in bursts. Each registers, reads, idles between some of its sections,
 * and unregisters, or just ends. The flavor may park a thread that is idle: the section after a
 * pause is the one that it must not miss. What the threads saw is judged by the churner, once they
 * have ended: counters and findings have one writer.
 */
#include "sight.h"

#include <pthread.h>
#include <string.h>

#define SECTIONS_MAX 8

/* One thread. Written by the churner before it starts, and by the thread until it ends. */
struct life {
    struct torture_thread *churner;
    struct random random;
    pthread_t thread;
    unsigned sections, idle_sections;
    bool just_ends; /* without unregistering */
    struct sight sights[SECTIONS_MAX];
};

static void *live(void *argument)
{
    struct life *life = argument;
    struct torture_thread *churner = life->churner;
    const struct params *p = churner->instance->params;
    const struct state *state = churner->instance->state;

    flavor_register_thread();
    for (unsigned i = 0; i < life->sections; i++) {
        struct updater *u = any_updater(state, &life->random);
        uint64_t delay_ns = next_delay_ns(p, &life->random);
        struct sight *sight = &life->sights[i];

        if (random_one_in(&life->random, 4)) {
            torture_sleep(churner, random_below(&life->random, (uint64_t)p->churn_pause_ns + 1));
            life->idle_sections++;
        }
        sight->entered = clock_ticks();
        contend(p, state, (unsigned)sight->entered);
        flavor_read_lock();
        see(sight, u);
        if (delay_ns > 0)
            torture_spin(delay_ns);
        see_again(sight);
        flavor_read_unlock();
    }
    if (!life->just_ends)
        flavor_unregister_thread();
    return NULL;
}

static bool begin(struct life *life, struct torture_thread *t, const struct params *p)
{
    memset(life, 0, sizeof *life);
    life->churner = t;
    random_start(&life->random, random_next(&t->random), 0);
    life->sections = (unsigned)random_below(&t->random, SECTIONS_MAX + 1);
    life->just_ends = random_one_in(&t->random, (uint64_t)p->exit_one_in);
    return pthread_create(&life->thread, NULL, live, life) == 0;
}

static void end(struct life *life, struct torture_thread *t)
{
    pthread_join(life->thread, NULL);
    torture_count(t, THREADS_CHURNED, 1);
    torture_count(t, THREADS_EXITED, life->just_ends);
    torture_count(t, IDLE_READS, life->idle_sections);
    torture_count(t, READS, life->sections);
    for (unsigned i = 0; i < life->sections; i++)
        judge(t, &life->sights[i]);
    torture_beat(t);
}

void pipe_churn(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    struct life lives[CHURN_BURST_MAX];

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
