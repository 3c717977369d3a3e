/* What the tests of fork and callbacks have in common: callbacks that are pending when a fork
 * comes. */
#ifndef STILLPOINT_TESTS_FORK_CALLBACKS_H
#define STILLPOINT_TESTS_FORK_CALLBACKS_H

#include "child.h"

#define CALLBACKS 20

static struct actor reader;
static struct rcu_head heads[CALLBACKS];
static atomic_uint ran;

static inline void run(struct rcu_head *head)
{
    (void)head;
    atomic_fetch_add(&ran, 1);
}

static atomic_uint in_disorder;

static inline void run_in_order(struct rcu_head *head)
{
    if (head != &heads[atomic_load(&ran)])
        atomic_fetch_add(&in_disorder, 1);
    run(head);
}

/* Under which callbacks do not pile up. */
static inline void use_policy(int policy)
{
    struct rcu_settings settings = patient((enum rcu_gp_policy)policy, MS_NS);

    settings.force_naps = 0;
    use(settings);
}

static inline void hold_a_grace_period(void)
{
    hire_reader(&reader);
    make(&reader, enter);
    call_rcu(&heads[0], run_in_order);
    UNTIL(leader_waits_for(1));
}

static inline void let_go(void)
{
    make(&reader, leave);
    dismiss_reader(&reader);
}

#endif
