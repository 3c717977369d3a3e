/* Epoch reclamation of Concurrency Kit. Deferred calls are left out: they run in the thread that
 * queued them, when it polls, and in no order. */
#ifndef FLAVOR_CK_EPOCH_H
#define FLAVOR_CK_EPOCH_H

#include <ck_epoch.h>
#include <stdbool.h>
#include <stdlib.h>

#define FLAVOR_SUMMARY "Concurrency Kit's epochs"

#define FLAVOR_CAN_PROTECT      1
#define FLAVOR_CAN_NEST         1
#define FLAVOR_CAN_TELL_SECTION 1

extern ck_epoch_t ck_epoch_flavor;
/* Of the calling thread; NULL: it is not registered. Records stay, and are used again. */
extern __thread ck_epoch_record_t *ck_epoch_flavor_record;

static inline void flavor_register_thread(void)
{
    ck_epoch_record_t *record = ck_epoch_recycle(&ck_epoch_flavor, NULL);

    if (!record) {
        record = aligned_alloc(CK_MD_CACHELINE, sizeof *record);
        if (!record)
            abort();
        ck_epoch_register(&ck_epoch_flavor, record, NULL);
    }
    ck_epoch_flavor_record = record;
}

static inline void flavor_unregister_thread(void)
{
    if (ck_epoch_flavor_record->n_pending > 0)
        ck_epoch_barrier(ck_epoch_flavor_record);
    ck_epoch_unregister(ck_epoch_flavor_record);
    ck_epoch_flavor_record = NULL;
}

static inline void flavor_read_lock(void)
{
    ck_epoch_begin(ck_epoch_flavor_record, NULL);
}

static inline void flavor_read_unlock(void)
{
    ck_epoch_end(ck_epoch_flavor_record, NULL);
}

static inline bool flavor_in_section(void)
{
    return ck_epoch_flavor_record && ck_epoch_flavor_record->active > 0;
}

#define flavor_dereference(pointer) __atomic_load_n(&(pointer), __ATOMIC_ACQUIRE)
#define flavor_assign_pointer(pointer, value) \
    __atomic_store_n(&(pointer), (value), __ATOMIC_RELEASE)

/* A thread without a record has none to wait with, but needs none: what waits is the callback. */
static inline void ck_epoch_flavor_yield(ck_epoch_t *epoch, ck_epoch_record_t *record, void *data)
{
    (void)epoch;
    (void)record;
    (void)data;
    ck_pr_stall();
}

#define FLAVOR_CAN_SYNCHRONIZE 1
static inline void flavor_synchronize(void)
{
    ck_epoch_synchronize_wait(&ck_epoch_flavor, ck_epoch_flavor_yield, NULL);
}

/* What is old enough is reclaimed in the thread that retired it, at one call in so many. */
#define CK_EPOCH_FLAVOR_POLLS 64

#define FLAVOR_CAN_RETIRE 1
typedef ck_epoch_entry_t flavor_retired;
static inline void flavor_retire(flavor_retired *retired, void *object,
                                 void (*reclaim)(flavor_retired *))
{
    (void)object;
    ck_epoch_call(ck_epoch_flavor_record, retired, reclaim);
    if (ck_epoch_flavor_record->n_pending % CK_EPOCH_FLAVOR_POLLS == 0)
        ck_epoch_poll(ck_epoch_flavor_record);
}

static inline void flavor_reclaim(void)
{
    ck_epoch_poll(ck_epoch_flavor_record);
}

#ifdef FLAVOR_TABLES
ck_epoch_t ck_epoch_flavor;
__thread ck_epoch_record_t *ck_epoch_flavor_record;

__attribute__((constructor)) static void ck_epoch_flavor_begin(void)
{
    ck_epoch_init(&ck_epoch_flavor);
}
#endif

#endif
