/* exclusive: that sections begin in the order of their requests, and that vCPUs are let in between.
 *
 * The owner of a section now and then notes who sleeps in a request, and in its next section, for
 * which it has asked since, finds whether one of those sleeps on: that one was overtaken. A vCPU is
 * overtaken when it sleeps on while more sections begin than there can be requests at once: those
 * that were requested together follow one another, and then it is woken. (overtaken.h)
 */
#include "exclusive.h"

#include "torture/runner/violation.h"

static void compare(struct torture_thread *t, struct exclusive_state *state)
{
    const struct instance *in = t->instance;
    struct order_note *of_others = state->order_notes + t->id * in->thread_count;

    for (size_t i = 0; i < in->thread_count; i++) {
        const struct torture_thread *other = &in->threads[i];
        unsigned long request;

        if (of_others[i].sleep.asleep &&
            request_line_asks(&state->requests[i].sections, &request) &&
            request == of_others[i].request &&
            cpu_sleep_lasts(of_others[i].sleep, overtaken_sleep_of(other)))
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
        if (in->threads[i].instance == in && i != t->id &&
            request_line_asks(&state->requests[i].sections, &of_others[i].request))
            of_others[i].sleep = overtaken_sleep_of(&in->threads[i]);
}

static void check_entries(struct torture_thread *t, struct exclusive_state *state,
                          unsigned long number)
{
    const struct torture_thread *other;
    unsigned long passed;
    size_t i = 0;

    while ((other = overtaken_next(&state->entries, t, number, ENTRY_CHECKS, &i, &passed)))
        torture_violation(t->instance, t, FAIRNESS,
                          "%s-%u sleeps on its way to execute, and has done so since section %lu: "
                          "%lu sections have begun since, and nobody woke it.",
                          other->role->name, other->index, number - passed, passed);
}

void exclusive_check_order(struct torture_thread *t, unsigned long number)
{
    const struct exclusive_params *p = t->instance->params;
    struct exclusive_state *state = t->instance->state;
    bool *noted = &state->requests[t->id].noted;

    if (*noted)
        compare(t, state);
    *noted = random_one_in(&t->random, (uint64_t)p->order_one_in);
    if (!*noted)
        return;
    note_sleepers(t, state);
    check_entries(t, state, number);
}
