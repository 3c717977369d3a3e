/* rcu-pipe: letters across grace periods.
 *
 * Each mail reader counts its sections where all can see it. Inside a section it finds an object,
 * loads another mail reader's count, and leaves a letter in the object's mailbox with what it
 * found. The updater that ends the object's grace period closes the box and loads that count again,
 * and so does one more reader to whom the letter is handed on. None of the loads is ordered by
 * itself: only the grace period lies between them. A count that goes backwards was loaded across a
 * grace period that ordered nothing, and a reader that finds a box closed is in a section that the
 * grace period has not waited for.
 *
 * Writing a letter is a write that others see, inside a section: only these readers do it, and only
 * to the line of the mailbox. They check no ages, so that with nobody else an early end is theirs
 * to find. Letters go to slots alone: a heap object's memory may be anybody's once something is
 * wrong.
 *
 * Source: the mailboxes of the kernel's rcutorture.
 */
#include "sight.h"
#include "torture/runner/violation.h"

#define OPEN       UINT64_C(0)
#define CLOSED     UINT64_MAX
#define COUNT_BITS 48 /* of a letter; whose count it is stands above */

static uint64_t write_letter(uint64_t whose, uint64_t count)
{
    return whose << COUNT_BITS | (count & ((UINT64_C(1) << COUNT_BITS) - 1));
}

static struct mailbox *mailbox_of(const struct updater *u, const struct object *o)
{
    return u->mailboxes && o->kind == SLOT ? &u->mailboxes[o - u->pool] : NULL;
}

void pipe_open_mailbox(struct object *o)
{
    struct mailbox *box = mailbox_of(o->updater, o);

    if (box)
        atomic_store_explicit(&box->letter, OPEN, memory_order_relaxed);
}

/* Relaxed: what was loaded before the grace period is what has to order it. */
static void check_letter(struct torture_thread *t, uint64_t letter, const char *who)
{
    const struct state *state = t->instance->state;
    uint64_t whose = letter >> COUNT_BITS;
    uint64_t then = letter & ((UINT64_C(1) << COUNT_BITS) - 1);
    uint64_t now = atomic_load_explicit(&state->correspondents[whose].loops, memory_order_relaxed);

    if (__builtin_expect(now < then, 0))
        torture_violation(t->instance, t, GP_ORDER,
                          "A reader had seen mail-reader-%lu at section %lu before a grace period "
                          "ended, and after it %s saw it at section %lu.",
                          (unsigned long)whose, (unsigned long)then, who, (unsigned long)now);
}

void pipe_close_mailbox(struct object *o)
{
    struct mailbox *box = mailbox_of(o->updater, o);
    struct torture_thread *t = owner_of(o->updater);
    const struct state *state;
    uint64_t letter;

    if (!box)
        return;
    letter = atomic_exchange_explicit(&box->letter, CLOSED, memory_order_relaxed);
    if (letter == OPEN)
        return;
    state = t->instance->state;
    check_letter(t, letter, "the updater");
    torture_count(t, LETTERS_CHECKED, 1);
    /* Orders: LOAD box->letter -> STORE handed_on.
     * Pairs with: read_mail(), EXCHANGE self->handed_on (acquire).
     * Broken: the reader loads the count before the letter and is blamed wrongly, for no grace
     * period lies between the updater and it.
     *
     * It goes to the reader after the one whose count it is, in place of one that is there. */
    atomic_store_explicit(
        &state->correspondents[((letter >> COUNT_BITS) + 1) % state->correspondent_count].handed_on,
        letter, memory_order_release);
}

/* What an updater handed on to this reader. */
static void read_mail(struct torture_thread *t, struct correspondent *self)
{
    uint64_t letter;

    if (atomic_load_explicit(&self->handed_on, memory_order_relaxed) == OPEN)
        return;
    /* Orders: EXCHANGE self->handed_on -> LOAD of the count.
     * Pairs with: pipe_close_mailbox(), STORE handed_on (release).
     * Broken: an old count is compared with a new letter, and a reader is blamed wrongly. */
    letter = atomic_exchange_explicit(&self->handed_on, OPEN, memory_order_acquire);
    check_letter(t, letter, "another reader");
    torture_count(t, LETTERS_HANDED_ON, 1);
    torture_count(t, CHECKS, 1);
}

/* Any mail reader but this one, where there are more. */
static uint64_t another(struct torture_thread *t, const struct state *state)
{
    size_t others = state->correspondent_count - 1;

    return others == 0
               ? 0
               : (t->index + 1 + random_below(&t->random, others)) % state->correspondent_count;
}

/* One section: finds an object, and leaves a letter about another reader's count. */
static void post(struct torture_thread *t, const struct params *p, const struct state *state)
{
    uint64_t whose = another(t, state);
    struct updater *u = any_updater(state, &t->random);
    uint64_t entered, id, count, letter = OPEN;
    struct mailbox *box;
    struct object *o;

    if (p->gap_ns > 0)
        torture_spin(random_below(&t->random, (uint64_t)p->gap_ns + 1));
    entered = clock_ticks();
    contend(p, state, (unsigned)entered);
    histogram_bump(&state->correspondents[t->index].loops, 1);
    torture_section(t, true);
    flavor_read_lock();
    o = flavor_dereference(u->current);
    id = atomic_load_explicit(&o->id, memory_order_relaxed);
    count = atomic_load_explicit(&state->correspondents[whose].loops, memory_order_relaxed);
    delay(t, p, NULL);
    box = mailbox_of(u, o);
    if (box) {
        letter = atomic_load_explicit(&box->letter, memory_order_relaxed);
        if (letter != CLOSED)
            atomic_store_explicit(&box->letter, write_letter(whose, count), memory_order_relaxed);
    }
    flavor_read_unlock();
    torture_section(t, false);
    torture_count(t, READS, 1);
    torture_count(t, LETTERS_POSTED, box != NULL);
    torture_count(t, CHECKS, 1);
    if (__builtin_expect(letter == CLOSED, 0)) {
        torture_note_at(t, entered, NOTE_ENTERED, id, 0);
        torture_note(t, NOTE_CLOSED, id, 0);
        torture_violation(t->instance, t, GP_ORDER,
                          "A reader found the mailbox of object %lu closed: a grace period that "
                          "began after the reader had entered ended before it left.",
                          (unsigned long)id);
    }
}

void pipe_mail_reader(struct torture_thread *t)
{
    const struct params *p = t->instance->params;
    const struct state *state = t->instance->state;

    flavor_register_thread();
    while (torture_running(t)) {
        for (unsigned i = 0; i < 64; i++)
            post(t, p, state);
        read_mail(t, &state->correspondents[t->index]);
        torture_beat(t);
    }
    flavor_unregister_thread();
}
