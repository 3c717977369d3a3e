/* exclusive: that sections begin in the order of their requests.
 *
 * Who asked first the code under test alone knows, as a shared count of requests would fence for
 * it. But a thread that sleeps in its request has made it. So the owner of a section now and then
 * notes who sleeps in a request, and in its next section, for which it has asked since, finds
 * whether one of those sleeps on: that one was overtaken.
 */
#include "exclusive.h"

#include "torture/record/cpu_wait.h"
#include "torture/runner/violation.h"

#include <unistd.h>

static struct cpu_sleep sleep_of(const struct torture_thread *t)
{
    return cpu_sleep_of(getpid(), atomic_load_explicit(&t->shared->tid, memory_order_relaxed));
}

static bool asks(const struct exclusive_state *state, size_t id, unsigned long *request)
{
    *request = atomic_load_explicit(&state->requests[id].value, memory_order_relaxed);
    return *request % 2 == 1;
}

static void compare(struct torture_thread *t, struct exclusive_state *state)
{
    const struct instance *in = t->instance;
    struct order_note *of_others = state->order_notes + t->id * in->thread_count;

    for (size_t i = 0; i < in->thread_count; i++) {
        const struct torture_thread *other = &in->threads[i];
        unsigned long request;

        if (of_others[i].sleep.asleep && asks(state, i, &request) &&
            request == of_others[i].request && cpu_sleep_lasts(of_others[i].sleep, sleep_of(other)))
            torture_violation(t->instance, t, FAIRNESS,
                              "%s-%u slept in its request for a section when %s-%u had one, and "
                              "sleeps on in the next one of that thread, which asked later.",
                              other->role->name, other->index, t->role->name, t->index);
        of_others[i].sleep.asleep = false;
    }
    torture_count(t, ORDER_CHECKS, 1);
    torture_count(t, CHECKS, 1);
}

static void note_sleepers(struct torture_thread *t, struct exclusive_state *state)
{
    const struct instance *in = t->instance;
    struct order_note *of_others = state->order_notes + t->id * in->thread_count;

    for (size_t i = 0; i < in->thread_count; i++)
        if (in->threads[i].instance == in && i != t->id && asks(state, i, &of_others[i].request))
            of_others[i].sleep = sleep_of(&in->threads[i]);
}

void exclusive_check_order(struct torture_thread *t)
{
    const struct exclusive_params *p = t->instance->params;
    struct exclusive_state *state = t->instance->state;
    bool *noted = &state->requests[t->id].noted;

    if (*noted)
        compare(t, state);
    *noted = random_one_in(&t->random, (uint64_t)p->order_one_in);
    if (*noted)
        note_sleepers(t, state);
}
