/* rcu-fork: the big lock of the code under test. Who holds it at the fork holds it in the child.
 * Nobody else does, though another thread of the parent may; and there it keeps others out as well.
 */
#include "child.h"

enum { LOCK_TURNS = 8 };

#if FLAVOR_CAN_VCPU

static void turn(struct torture_thread *t, uint64_t ns)
{
    bql_lock();
    torture_spin(random_below(&t->random, ns));
    bql_unlock();
}

void fork_use_library_lock(struct torture_thread *t, uint64_t ns)
{
    turn(t, ns);
}

void fork_take_library_lock(struct random *random, struct fork_birth *birth)
{
    birth->library_locked = random_one_in(random, 3);
    if (birth->library_locked)
        bql_lock();
}

void fork_release_library_lock(struct fork_birth *birth)
{
    if (birth->library_locked)
        bql_unlock();
}

/* --- The child's --- */

/* Two threads, and who of them is between lock and unlock. */
struct contest {
    struct child *child;
    _Alignas(64) atomic_bool first_in, other_in;
    atomic_bool other_begins;
};

static void expect_locked(struct child *c, bool locked, const char *when)
{
    if (bql_locked() != locked)
        child_fail(c, "%s a thread of a child is said %sto hold the big lock.", when,
                   locked ? "not " : "");
    child_count(&c->report->checks, 1);
}

static void expect_out(struct child *c, atomic_bool *other)
{
    if (atomic_load_explicit(other, memory_order_relaxed))
        child_fail(c, "Two threads of a child had the big lock at once.");
    child_count(&c->report->checks, 1);
}

static void take_turns(struct child *c, atomic_bool *own, atomic_bool *other)
{
    for (unsigned i = 0; i < LOCK_TURNS; i++) {
        bql_lock();
        atomic_store_explicit(own, true, memory_order_relaxed);
        expect_locked(c, true, "With it taken,");
        expect_out(c, other);
        child_nap(0); /* so that the other has a CPU */
        expect_out(c, other);
        atomic_store_explicit(own, false, memory_order_relaxed);
        bql_unlock();
    }
}

static void *be_other(void *argument)
{
    struct contest *contest = argument;

    expect_locked(contest->child, false, "New,");
    atomic_store_explicit(&contest->other_begins, true, memory_order_relaxed);
    take_turns(contest->child, &contest->other_in, &contest->first_in);
    return NULL;
}

/* It holds the lock since before the fork; the other comes for it meanwhile. */
static void end_hold(struct child *c, struct contest *contest)
{
    while (!atomic_load_explicit(&contest->other_begins, memory_order_relaxed))
        child_nap(10 * 1000);
    child_nap((int64_t)random_below(&c->random, 2 * (uint64_t)c->params->child_stay_ns + 1));
    expect_out(c, &contest->other_in);
    expect_locked(c, true, "Forked with it,");
    atomic_store_explicit(&contest->first_in, false, memory_order_relaxed);
    bql_unlock();
    expect_locked(c, false, "With it let go of,");
}

void child_use_library_lock(struct child *c, const struct fork_birth *birth)
{
    struct contest contest = {.child = c, .first_in = birth->library_locked};
    pthread_t other;

    expect_locked(c, birth->library_locked, "Just forked,");
    other = child_start_thread(c, be_other, &contest);
    if (birth->library_locked)
        end_hold(c, &contest);
    take_turns(c, &contest.first_in, &contest.other_in);
    pthread_join(other, NULL);
}

#else

void fork_use_library_lock(struct torture_thread *t, uint64_t ns)
{
    (void)t, (void)ns;
}

void fork_take_library_lock(struct random *random, struct fork_birth *birth)
{
    (void)random, (void)birth;
}

void fork_release_library_lock(struct fork_birth *birth)
{
    (void)birth;
}

void child_use_library_lock(struct child *c, const struct fork_birth *birth)
{
    (void)c, (void)birth;
}

#endif
