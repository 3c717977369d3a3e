/* rcu-list: nodes, from their making to their freeing. */
#include "rcu_list.h"

#include <stdlib.h>
#include <string.h>

struct node *lists_new_node(struct lists *l, unsigned key)
{
    struct node *n = calloc(1, sizeof *n);
    uint64_t id = l->next_id++;

    if (!n)
        abort();
    atomic_store_explicit(&n->id, id, memory_order_relaxed);
    atomic_store_explicit(&n->key, key, memory_order_relaxed);
    atomic_store_explicit(&n->check, node_check(id, key), memory_order_relaxed);
    l->made++;
    return n;
}

void lists_retire(struct lists *l, struct node *n)
{
    n->retired = l->retired;
    l->retired = n;
}

void lists_removed(struct lists *l, struct torture_thread *t, struct node *n)
{
    torture_note(t, NOTE_REMOVED, id_of(n), key_of(n));
    torture_count(t, REMOVES, 1);
    lists_retire(l, n);
}

/* What is poisoned has its links poisoned, too: who follows one of them crashes inside a
 * section. */
void lists_reclaim(struct lists *l, struct torture_thread *t)
{
    unsigned long last = l->retired ? id_of(l->retired) : 0;
    int64_t requested;

    torture_note(t, NOTE_GP_START, last, 0);
    requested = clock_monotonic_ns();
    flavor_synchronize();
    torture_measure(t, GP_TOTAL, (uint64_t)(clock_monotonic_ns() - requested));
    torture_note(t, NOTE_GP_END, last, 0);
    torture_count(t, GPS, 1);
    while (l->retired) {
        struct node *n = l->retired, **place = &l->quarantine[l->poisoned++ % QUARANTINE];

        l->retired = n->retired;
        memset((void *)n, (int)(POISON & 0xff), sizeof *n);
        free(*place);
        torture_count(t, FREED, 1); /* who still reaches it now is found out by the poison */
        *place = n;
    }
    torture_beat(t);
}
