/* A program as it is written for QEMU's RCU, also in C++: a main thread that never registers, nodes
 * as malloc() returns them, callbacks by object and field, a vCPU that stays inside until it is
 * kicked. With OWN_HEADERS it brings lists and notifiers of its own.
 */
#ifdef OWN_HEADERS
#include <stddef.h>

#include "qemu_queue.h"
#endif

#include <stillpoint/compat/qemu.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 300, READERS = 2 };

typedef struct Region {
    struct rcu_head rcu;
    unsigned value;
    QLIST_ENTRY(Region) list;
    QSLIST_ENTRY(Region) slist;
    QSIMPLEQ_ENTRY(Region) simpleq;
    QTAILQ_ENTRY(Region) tailq;
} Region;

typedef struct Vcpu {
    unsigned rounds;
    Notifier force;
    int kicked;
    int wrong;
} Vcpu;

static QLIST_HEAD(Regions, Region) list;
static QSLIST_HEAD(SRegions, Region) slist;
static QSIMPLEQ_HEAD(QRegions, Region) simpleq;
static QTAILQ_HEAD(TRegions, Region) tailq;
static Region *newest;
static pthread_mutex_t updaters = PTHREAD_MUTEX_INITIALIZER;
static int stopped, freed, reclaimed, wrong, inside;

static void g_free(void *memory)
{
    __atomic_fetch_add(&freed, 1, __ATOMIC_RELAXED);
    free(memory);
}

static void region_reclaim(Region *region)
{
    __atomic_fetch_add(&reclaimed, 1, __ATOMIC_RELAXED);
    memset((void *)region, 0, sizeof *region);
    free(region);
}

static void reclaim_head(struct rcu_head *head)
{
    region_reclaim((Region *)(void *)head);
}

/* Its memory is not zeroed. */
static Region *region_new(unsigned value)
{
    Region *region = (Region *)malloc(sizeof *region);

    if (!region)
        abort();
    memset((void *)region, 0xa5, sizeof *region);
    region->value = value;
    return region;
}

/* None that was reclaimed, whose memory is zeroed. */
static unsigned see(const Region *region)
{
    if (region->value == 0)
        __atomic_store_n(&wrong, 1, __ATOMIC_RELAXED);
    return 1;
}

static unsigned walk_all(void)
{
    Region *region, *next;
    unsigned count = 0;

    RCU_READ_LOCK_GUARD();
    QLIST_FOREACH_RCU (region, &list, list)
        count += see(region);
    QSLIST_FOREACH_RCU (region, &slist, slist)
        count += see(region);
    WITH_RCU_READ_LOCK_GUARD()
    {
        QSIMPLEQ_FOREACH_RCU (region, &simpleq, simpleq)
            count += see(region);
        QTAILQ_FOREACH_SAFE_RCU (region, &tailq, tailq, next)
            count += see(region);
    }
    region = qatomic_rcu_read(&newest);
    if (region)
        see(region);
    return count;
}

static void *reader(void *unused)
{
    rcu_register_thread();
    while (!__atomic_load_n(&stopped, __ATOMIC_RELAXED))
        walk_all();
    rcu_unregister_thread();
    return unused;
}

static void kick(Notifier *notifier, void *data)
{
    Vcpu *vcpu = (Vcpu *)(void *)((char *)notifier - offsetof(Vcpu, force));

    if (data)
        vcpu->wrong = 1;
    __atomic_store_n(&vcpu->kicked, 1, __ATOMIC_RELAXED);
}

static void *run_vcpu(void *unused)
{
    Vcpu vcpu;

    memset(&vcpu, 0xa5, sizeof vcpu);
    vcpu.kicked = vcpu.wrong = 0;
    rcu_register_thread();
    vcpu.force.notify = kick;
    rcu_add_force_rcu_notifier(&vcpu.force);
    rcu_read_lock();
    __atomic_store_n(&inside, 1, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&vcpu.kicked, __ATOMIC_RELAXED))
        ;
    rcu_read_unlock();
    rcu_remove_force_rcu_notifier(&vcpu.force);
    rcu_unregister_thread();
    if (vcpu.wrong)
        __atomic_store_n(&wrong, 1, __ATOMIC_RELAXED);
    return unused;
}

/* Each region is in all four lists; the one before it goes. */
static void update(unsigned value)
{
    Region *region = region_new(value), *old;

    pthread_mutex_lock(&updaters);
    old = QLIST_FIRST_RCU(&list);
    if (old)
        QLIST_INSERT_BEFORE_RCU(old, region, list);
    else
        QLIST_INSERT_HEAD_RCU(&list, region, list);
    if (old && value % 3 == 0)
        QSLIST_INSERT_AFTER_RCU(&slist, old, region, slist);
    else if (old && value % 3 == 1)
        QSLIST_INSERT_AFTER_RCU(old, region, slist);
    else
        QSLIST_INSERT_HEAD_RCU(&slist, region, slist);
    if (value % 2)
        QSIMPLEQ_INSERT_TAIL_RCU(&simpleq, region, simpleq);
    else
        QSIMPLEQ_INSERT_HEAD_RCU(&simpleq, region, simpleq);
    if (old)
        QTAILQ_INSERT_AFTER_RCU(&tailq, old, region, tailq);
    else
        QTAILQ_INSERT_TAIL_RCU(&tailq, region, tailq);
    qatomic_rcu_set(&newest, region);
    if (old) {
        QLIST_REMOVE_RCU(old, list);
        if (QSLIST_FIRST_RCU(&slist) == old)
            QSLIST_REMOVE_HEAD_RCU(&slist, slist);
        else
            QSLIST_REMOVE_RCU(&slist, old, Region, slist);
        if (QSIMPLEQ_FIRST_RCU(&simpleq) == old)
            QSIMPLEQ_REMOVE_HEAD_RCU(&simpleq, simpleq);
        else
            QSIMPLEQ_REMOVE_RCU(&simpleq, old, Region, simpleq);
        QTAILQ_REMOVE_RCU(&tailq, old, tailq);
    }
    pthread_mutex_unlock(&updaters);
    if (!old)
        return;
    if (value % 3 == 0)
        call_rcu(old, region_reclaim, rcu);
    else if (value % 3 == 1)
        g_free_rcu(old, rcu);
    else
        call_rcu1(&old->rcu, reclaim_head);
}

int main(void)
{
    pthread_t threads[READERS], vcpu;

    QLIST_INIT(&list);
    QSLIST_INIT(&slist);
    QSIMPLEQ_INIT(&simpleq);
    QTAILQ_INIT(&tailq);
    if (walk_all() != 0 || !QLIST_EMPTY_RCU(&list) || !QTAILQ_EMPTY_RCU(&tailq))
        return 1;
    for (int i = 0; i < READERS; i++)
        pthread_create(&threads[i], NULL, reader, NULL);
    pthread_create(&vcpu, NULL, run_vcpu, NULL);
    while (!__atomic_load_n(&inside, __ATOMIC_ACQUIRE))
        ;
    for (unsigned value = 1; value <= ROUNDS; value++) {
        update(value);
        if (walk_all() != 4)
            return 2;
        if (value % 100 == 0)
            drain_call_rcu();
    }
    pthread_join(vcpu, NULL);
    synchronize_rcu();
    if (QSIMPLEQ_NEXT_RCU(newest, simpleq) || QSLIST_NEXT_RCU(newest, slist))
        return 3;
    __atomic_store_n(&stopped, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    drain_call_rcu();
    free(newest);
    printf("%d freed, %d reclaimed%s\n", freed, reclaimed, wrong ? ", wrong" : "");
    return wrong;
}
