/* Includes each public header, and uses what their macros expand to. */
#include <stillpoint/rcu.h>
#include <stillpoint/rcu_list.h>
#include <stillpoint/rcu_replay.h>
#include <stillpoint/vcpu.h>

#include <stdlib.h>

struct thing {
    int value;
    TAILQ_ENTRY(thing) link;
    LIST_ENTRY(thing) other;
};

static struct thing *published;
static TAILQ_HEAD(things, thing) things = TAILQ_HEAD_INITIALIZER(things);
static LIST_HEAD(others, thing) others;

static int sum(void)
{
    struct thing *t, *next;
    int total = 0;

    RCU_READ_LOCK_GUARD();
    TAILQ_FOREACH_RCU (t, &things, link)
        total += t->value;
    WITH_RCU_READ_LOCK_GUARD()
    {
        RCU_READ_LOCK_GUARD();
        LIST_FOREACH_SAFE_RCU (t, &others, other, next)
            total += t->value;
    }
    return total;
}

static void execute(void)
{
    static struct vcpu cpu;
    struct vcpu *other;

    vcpu_init(&cpu, NULL);
    vcpu_add(&cpu);
    vcpu_attach(&cpu);
    cpu_exec_start(&cpu);
    cpu_exec_end(&cpu);
    start_exclusive();
    end_exclusive();
    rcu_read_lock();
    VCPU_FOREACH(other)
    {
        if (cpu_exit_requested(other))
            break;
    }
    rcu_read_unlock();
    vcpu_detach(&cpu);
    vcpu_remove(&cpu);
    synchronize_rcu();
    vcpu_destroy(&cpu);
}

int main(void)
{
    struct thing *thing = (struct thing *)calloc(1, sizeof *thing), *found;
    int total;

    rcu_register_thread();
    thing->value = 1;
    rcu_assign_pointer(published, thing);
    found = rcu_xchg_pointer(&published, NULL);
    rcu_cmpxchg_pointer(&published, NULL, found);
    rcu_assign_pointer(published, NULL);
    TAILQ_INSERT_TAIL_RCU(&things, thing, link);
    LIST_INSERT_HEAD_RCU(&others, thing, other);
    total = sum();
    TAILQ_REMOVE_RCU(&things, thing, link);
    LIST_REMOVE_RCU(thing, other);
    synchronize_rcu();
    free(thing);
    execute();
    rcu_unregister_thread();
    rcu_shutdown();
    return total == 2 ? 0 : 1;
}
