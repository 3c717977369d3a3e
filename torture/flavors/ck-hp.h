/* Hazard pointers of Concurrency Kit. There are no grace periods, and sections protect nothing:
 * readers store what they hold where a thread that reclaims finds it. */
#ifndef FLAVOR_CK_HP_H
#define FLAVOR_CK_HP_H

#include <ck_hp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FLAVOR_SUMMARY "Concurrency Kit's hazard pointers (Debian's libck-dev)"

#define CK_HP_FLAVOR_SLOTS 2
/* A thread that has retired so many reclaims what nobody holds. */
#define CK_HP_FLAVOR_THRESHOLD 64
/* ck_hp_reclaim() writes beyond its room for hazards where there are more. */
#define CK_HP_FLAVOR_THREADS (CK_HP_CACHE / CK_HP_FLAVOR_SLOTS)

extern ck_hp_t ck_hp_flavor;
struct ck_hp_flavor_thread {
    ck_hp_record_t record; /* first, for ck_hp_recycle() */
    _Alignas(64) void *hazards[CK_HP_FLAVOR_SLOTS];
};
/* Of the calling thread; NULL: it is not registered. They stay, and are used again. */
extern __thread struct ck_hp_flavor_thread *ck_hp_flavor_self;

static inline void flavor_register_thread(void)
{
    struct ck_hp_flavor_thread *self = (void *)ck_hp_recycle(&ck_hp_flavor);

    if (!self) {
        self = aligned_alloc(64, sizeof *self);
        if (!self)
            abort();
        ck_hp_register(&ck_hp_flavor, &self->record, self->hazards);
        if (ck_pr_load_uint(&ck_hp_flavor.n_subscribers) > CK_HP_FLAVOR_THREADS) {
            fprintf(stderr, "ck-hp: at most %d threads can be registered at once: use fewer\n",
                    CK_HP_FLAVOR_THREADS);
            _exit(64); /* usage: no fault of what is measured */
        }
    }
    ck_hp_flavor_self = self;
}

/* What ck_hp_reclaim() lacks.
 * Orders: STORE pointer, by which the object was unlinked -> LOADs of the hazards.
 * Pairs with: flavor_protect(), STORE of the hazard -> LOAD pointer.
 * Broken: a reader that stored its hazard still finds the object, which is reclaimed. */
static inline void ck_hp_flavor_fence(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

static inline void flavor_unregister_thread(void)
{
    ck_hp_flavor_fence();
    ck_hp_purge(&ck_hp_flavor_self->record);
    ck_hp_unregister(&ck_hp_flavor_self->record);
    ck_hp_flavor_self = NULL;
}

static inline void flavor_read_lock(void)
{
}

static inline void flavor_read_unlock(void)
{
    /* Orders: accesses of the section -> STORE hazards[] (release).
     * Pairs with: ck_hp_reclaim(), LOAD of the hazard.
     * Broken: the object is used again while the section still reads it. */
    for (unsigned i = 0; i < CK_HP_FLAVOR_SLOTS; i++)
        __atomic_store_n(&ck_hp_flavor_self->hazards[i], NULL, __ATOMIC_RELEASE);
}

#define flavor_dereference(pointer) __atomic_load_n(&(pointer), __ATOMIC_ACQUIRE)
#define flavor_assign_pointer(pointer, value) \
    __atomic_store_n(&(pointer), (value), __ATOMIC_RELEASE)

/* A pointer that is still the same behind the fence leads to an object that was not unlinked before
 * the hazard could be seen. So whoever reclaims it scans later, and finds the hazard.
 *
 * Orders: STORE of the hazard -> LOAD pointer.
 * Pairs with: ck_hp_reclaim(), LOAD of the hazards, behind the fence in flavor_reclaim().
 * Broken: the scan misses a hazard that is in the store buffer, and the reader's pointer is stale.
 *
 * Orders: LOAD pointer (acquire) -> accesses of the object.
 * Pairs with: flavor_assign_pointer(), STORE pointer (release).
 * Broken: the reader finds an object that is not initialised. */
#define FLAVOR_CAN_SECTIONS 0
#define flavor_protect(slot, pointer)                                             \
    ({                                                                            \
        __typeof__(pointer) held_, found_ = flavor_dereference(pointer);          \
        do {                                                                      \
            held_ = found_;                                                       \
            ck_hp_set_fence(&ck_hp_flavor_self->record, (unsigned)(slot), held_); \
            found_ = flavor_dereference(pointer);                                 \
        } while (found_ != held_);                                                \
        held_;                                                                    \
    })

#define FLAVOR_CAN_RETIRE 1
typedef struct ck_hp_flavor_retired {
    ck_hp_hazard_t hazard;
    void (*reclaim)(struct ck_hp_flavor_retired *);
} flavor_retired;

static inline void flavor_reclaim(void)
{
    ck_hp_flavor_fence();
    ck_hp_reclaim(&ck_hp_flavor_self->record);
}

static inline void flavor_retire(flavor_retired *retired, void *object,
                                 void (*reclaim)(flavor_retired *))
{
    retired->reclaim = reclaim;
    ck_hp_retire(&ck_hp_flavor_self->record, &retired->hazard, retired, object);
    if (ck_hp_flavor_self->record.n_pending >= CK_HP_FLAVOR_THRESHOLD)
        flavor_reclaim();
}

#ifdef FLAVOR_TABLES
ck_hp_t ck_hp_flavor;
__thread struct ck_hp_flavor_thread *ck_hp_flavor_self;

static void ck_hp_flavor_destroy(void *data)
{
    flavor_retired *retired = data;

    retired->reclaim(retired);
}

__attribute__((constructor)) static void ck_hp_flavor_begin(void)
{
    ck_hp_init(&ck_hp_flavor, CK_HP_FLAVOR_SLOTS, CK_HP_FLAVOR_THRESHOLD, ck_hp_flavor_destroy);
}
#endif

#endif
