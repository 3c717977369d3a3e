/* turnover: threads that make the code under test start threads of its own. Each is unlike a new
 * one in all that a thread is, and stays so. */
#include "turnover.h"

#include "torture/runner/violation.h"

#if FLAVOR_CAN_VCPU

struct caller {
    struct torture_thread *t; /* that waits for it */
    uint64_t seed;
    const char *call, *changed; /* the first call that left it changed, and in what */
};

static void invoked(flavor_head *head)
{
    (void)head;
}

static void compare(struct caller *caller, const struct caller_state *before, const char *call)
{
    if (caller->changed)
        return;
    caller->changed = caller_state_change(before, 0);
    caller->call = call;
}

/* A call that queues starts the thread that runs what is queued, in whichever is the first. */
static void *call(void *argument)
{
    struct caller *caller = argument;
    struct caller_state before;
    struct random random;
    flavor_head head;

    random_start(&random, caller->seed, 0);
    caller_state_vary(&random);
    before = caller_state();
    flavor_register_thread();
    compare(caller, &before, "the registration");
    if (random_one_in(&random, 2)) {
        flavor_start_poll();
        compare(caller, &before, "the start of a polled grace period");
    }
    flavor_call(&head, invoked);
    compare(caller, &before, "the call that queues a callback");
    flavor_synchronize();
    compare(caller, &before, "the wait for a grace period");
    flavor_barrier();
    compare(caller, &before, "the barrier");
    flavor_unregister_thread();
    compare(caller, &before, "the end of the registration");
    return NULL;
}

void turnover_call(struct torture_thread *t)
{
    struct caller caller = {.t = t, .seed = random_next(&t->random)};
    pthread_t thread;
    int error = pthread_create(&thread, NULL, call, &caller);

    if (error)
        torture_give_up("turnover: no thread is to be had: error %d", error);
    pthread_join(thread, NULL);
    torture_count(t, CALLERS, 1);
    torture_count(t, CHECKS, 1);
    if (caller.changed)
        torture_violation(t->instance, t, CALLER_STATE,
                          "After %s a thread found that %s was another than before.", caller.call,
                          caller.changed);
}

#endif
