/* run-on-cpu: vCPUs of a brief life, so that there are many ends of lives. What is asked of one
 * until it refuses meets each of them: it is removed without having run, is unplugged in a loop of
 * its own, or was only attached for a while, by its remover or by a thread that has ended since. */
#include "run_on_cpu.h"

#if FLAVOR_CAN_VCPU

#include <pthread.h>

struct brief_life {
    struct torture_thread *t;
    struct work_vcpu *v;
    bool is_unplugged;
};

static void attached(struct brief_life *life)
{
    struct vcpu *cpu = &life->v->base.cpu;
    uint64_t rounds = random_below(&life->t->random, 4);
    enum vcpu_state state = VCPU_READY;

    vcpu_attach(cpu);
    while (state != VCPU_ENDED && (life->is_unplugged || rounds > 0)) {
        if (rounds > 0 && --rounds == 0 && life->is_unplugged)
            fleet_unplug(&life->v->base);
        torture_spin(random_below(&life->t->random, 4000));
        if (cpu_exit_requested(cpu))
            state = process_cpu_events(cpu);
    }
    vcpu_detach(cpu);
}

/* In the remover's name, who waits for it to end. */
static void *thread(void *argument)
{
    struct brief_life *life = argument;

    work_self = life->t;
    flavor_register_thread();
    attached(life);
    flavor_unregister_thread();
    return NULL;
}

/* For a moment, until somebody asks it for work. */
static void linger(struct torture_thread *t, struct work_vcpu *v)
{
    for (unsigned i = 0; i < 8; i++) {
        if (random_one_in(&t->random, 4))
            torture_sleep(t, 20 * 1000);
        else
            torture_spin(random_below(&t->random, 4000));
        if (atomic_load_explicit(&v->base.references, memory_order_relaxed) > 1)
            return;
    }
}

static bool live(struct torture_thread *t)
{
    struct work_vcpu *v = (struct work_vcpu *)fleet_plug_brief(t);
    struct brief_life life = {.t = t, .v = v, .is_unplugged = random_one_in(&t->random, 2)};
    pthread_t other;

    if (!v)
        return false;
    linger(t, v);
    if (random_one_in(&t->random, 16) && pthread_create(&other, NULL, thread, &life) == 0)
        pthread_join(other, NULL);
    else if (random_one_in(&t->random, 2))
        attached(&life);
    if (random_one_in(&t->random, 2))
        torture_spin(random_below(&t->random, 4000));
    fleet_remove_brief(&v->base);
    torture_count(t, BRIEF, 1);
    return true;
}

void work_remover(struct torture_thread *t)
{
    work_self = t;
    flavor_register_thread();
    while (live(t))
        torture_beat(t);
    flavor_unregister_thread();
}

#endif
