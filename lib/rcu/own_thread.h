/* A thread of the library's own: started by the first call that needs it, ended by rcu_shutdown(),
 * and started again by the next such call. */
#ifndef STILLPOINT_RCU_OWN_THREAD_H
#define STILLPOINT_RCU_OWN_THREAD_H

#include "sync/platform.h"

#include <stdatomic.h>
#include <stdbool.h>

struct own_thread {
    platform_once once;     /* of its start */
    platform_thread thread; /* when it was started */
    atomic_bool started;
    atomic_bool ends; /* requested */
};

/* None is started: at the start, in a forked child, and after its end. */
void own_thread_init(struct own_thread *t);
/* => Under `once`. */
void own_thread_start(struct own_thread *t, const char *name, void (*run)(void), bool inherits);
/* Requests it to end, by an event that it resets before it looks, and waits until it has. Nothing
 * where there is none. */
void own_thread_end(struct own_thread *t, void (*wake)(void));
/* True once it is to end. => The thread, after it has reset the event. */
bool own_thread_ends(struct own_thread *t);

#endif
