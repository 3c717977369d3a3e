/* The names by which programs that were written for QEMU's RCU know it, in place of their headers
 * of RCU and of lists under RCU.
 *
 * Names that rcu.h has as well are those: read sections and their guards, synchronize_rcu(),
 * drain_call_rcu(), registration, fork. A program with headers of its own for lists (QLIST_HEAD and
 * the like, with the fields of <sys/queue.h>), for notifiers (then QEMU_NOTIFY_H is defined) or for
 * atomics includes them before this one, which leaves out what they have. docs/library.md has a
 * table.
 *
 * => The main thread is registered before main(), and does not register itself. A plug-in that is
 *    loaded by the main thread registers it as well.
 * => call_rcu() has three arguments in a file that includes this header; the library's own is
 *    call_rcu1() there.
 *
 * Source of the names and of what they promise: QEMU's documentation of its RCU.
 */
#ifndef STILLPOINT_COMPAT_QEMU_H
#define STILLPOINT_COMPAT_QEMU_H

#include <stillpoint/language.h>
#include <stillpoint/rcu.h>
#include <stillpoint/rcu_list.h>

#include <stddef.h>
#include <stdlib.h>

static __attribute__((constructor)) void rcu_qemu_start(void)
{
    rcu_register_main_compiled(STILLPOINT_VERSION, STILLPOINT_LAYOUT);
}

/* ---- Pointers ---- */

/* By the address of the pointer. */
#ifndef qatomic_rcu_read
#define qatomic_rcu_read(address) rcu_dereference(*(address))
#endif
#ifndef qatomic_rcu_set
#define qatomic_rcu_set(address, value) rcu_assign_pointer(*(address), value)
#endif

/* ---- Callbacks ---- */

/* As call_rcu() of rcu_callback.h. */
static inline void call_rcu1(struct rcu_head *head, void (*callback)(struct rcu_head *head))
{
    call_rcu(head, callback);
}

/* C alone lets pointers to the wrong type pass with a warning. */
#ifdef __cplusplus
#define RCU_QEMU_CHECK(condition, message) STILLPOINT_ASSERT(true, message)
#else
#define RCU_QEMU_CHECK(condition, message) STILLPOINT_ASSERT(condition, message)
#endif
#define RCU_QEMU_SAME_TYPE(expression, type) \
    __builtin_types_compatible_p(__typeof__(expression), type)

/* The callback gets the head, and takes it for the object that begins with it. */
#define RCU_QEMU_QUEUE(object, field, callback)                                               \
    do {                                                                                      \
        STILLPOINT_ASSERT(offsetof(__typeof__(*(object)), field) == 0,                        \
                          "the rcu_head must be the first field; for others there is "        \
                          "call_rcu1()");                                                     \
        RCU_QEMU_CHECK(RCU_QEMU_SAME_TYPE((object)->field, struct rcu_head),                  \
                       "the field must be a struct rcu_head");                                \
        call_rcu1(&(object)->field, (void (*)(struct rcu_head *))(void (*)(void))(callback)); \
    } while (0)

/* Queues function(object), to be called after a grace period. `object` is a `T *`, evaluated once,
 * whose `field` is a struct rcu_head and its first; `function` is a `void function(T *)`. */
#define call_rcu(object, function, field)                                                         \
    do {                                                                                          \
        __typeof__(&*(object)) rcu_qemu_object = (object);                                        \
        void (*rcu_qemu_function)(__typeof__(rcu_qemu_object)) = (function);                      \
                                                                                                  \
        RCU_QEMU_CHECK(RCU_QEMU_SAME_TYPE(&*(function), void (*)(__typeof__(rcu_qemu_object))),   \
                       "the function must be one of a pointer to the object, returning nothing"); \
        RCU_QEMU_QUEUE(rcu_qemu_object, field, rcu_qemu_function);                                \
    } while (0)

/* The same with GLib's g_free(), which the program declares and links. */
#define g_free_rcu(object, field)                          \
    do {                                                   \
        __typeof__(&*(object)) rcu_qemu_object = (object); \
                                                           \
        RCU_QEMU_QUEUE(rcu_qemu_object, field, g_free);    \
    } while (0)

/* ---- Force notifiers ---- */

#ifndef QEMU_NOTIFY_H
typedef struct Notifier Notifier;
struct Notifier {
    void (*notify)(Notifier *notifier, void *data);
    LIST_ENTRY(Notifier) node;
};
#endif

/* What the library has for one; its `node` leads to it. */
struct rcu_qemu_notifier {
    struct rcu_force_notifier force;
    Notifier *notifier;
};

static inline void rcu_qemu_notify(struct rcu_force_notifier *force)
{
    Notifier *notifier = ((struct rcu_qemu_notifier *)(void *)force)->notifier;

    notifier->notify(notifier, NULL);
}

/* => As rcu_add_force_notifier() and rcu_remove_force_notifier() of rcu_policy.h, which have what
 *    notify() may do. `node` is the library's in between. Adding allocates. */
static inline void rcu_add_force_rcu_notifier(Notifier *notifier)
{
    struct rcu_qemu_notifier *ours = (struct rcu_qemu_notifier *)malloc(sizeof *ours);

    if (!ours)
        rcu_misuse("rcu_add_force_rcu_notifier() got no memory");
    ours->force.notify = rcu_qemu_notify;
    ours->notifier = notifier;
    notifier->node.le_next = (__typeof__(notifier->node.le_next))(void *)ours;
    rcu_add_force_notifier(&ours->force);
}

static inline void rcu_remove_force_rcu_notifier(Notifier *notifier)
{
    struct rcu_qemu_notifier *ours = (struct rcu_qemu_notifier *)(void *)notifier->node.le_next;

    notifier->node.le_next = NULL;
    rcu_remove_force_notifier(&ours->force);
    free(ours);
}

/* ---- Lists ---- */

/* Types and what makes a list empty, where the program has none. What changes a list before it is
 * published <sys/queue.h> has without the Q. */
#ifndef QLIST_HEAD
#define QLIST_HEAD             LIST_HEAD
#define QLIST_HEAD_INITIALIZER LIST_HEAD_INITIALIZER
#define QLIST_ENTRY            LIST_ENTRY
#define QLIST_INIT             LIST_INIT
#endif
#ifndef QSLIST_HEAD
#define QSLIST_HEAD             SLIST_HEAD
#define QSLIST_HEAD_INITIALIZER SLIST_HEAD_INITIALIZER
#define QSLIST_ENTRY            SLIST_ENTRY
#define QSLIST_INIT             SLIST_INIT
#endif
#ifndef QSIMPLEQ_HEAD
#define QSIMPLEQ_HEAD             SIMPLEQ_HEAD
#define QSIMPLEQ_HEAD_INITIALIZER SIMPLEQ_HEAD_INITIALIZER
#define QSIMPLEQ_ENTRY            SIMPLEQ_ENTRY
#define QSIMPLEQ_INIT             SIMPLEQ_INIT
#endif
#ifndef QTAILQ_HEAD
#define QTAILQ_HEAD             TAILQ_HEAD
#define QTAILQ_HEAD_INITIALIZER TAILQ_HEAD_INITIALIZER
#define QTAILQ_ENTRY            TAILQ_ENTRY
#define QTAILQ_INIT             TAILQ_INIT
#endif

/* What each promises stands in rcu_list.h. */
#define QLIST_EMPTY_RCU         LIST_EMPTY_RCU
#define QLIST_FIRST_RCU         LIST_FIRST_RCU
#define QLIST_NEXT_RCU          LIST_NEXT_RCU
#define QLIST_FOREACH_RCU       LIST_FOREACH_RCU
#define QLIST_FOREACH_SAFE_RCU  LIST_FOREACH_SAFE_RCU
#define QLIST_INSERT_HEAD_RCU   LIST_INSERT_HEAD_RCU
#define QLIST_INSERT_AFTER_RCU  LIST_INSERT_AFTER_RCU
#define QLIST_INSERT_BEFORE_RCU LIST_INSERT_BEFORE_RCU
#define QLIST_REMOVE_RCU        LIST_REMOVE_RCU

#define QSLIST_EMPTY_RCU        SLIST_EMPTY_RCU
#define QSLIST_FIRST_RCU        SLIST_FIRST_RCU
#define QSLIST_NEXT_RCU         SLIST_NEXT_RCU
#define QSLIST_FOREACH_RCU      SLIST_FOREACH_RCU
#define QSLIST_FOREACH_SAFE_RCU SLIST_FOREACH_SAFE_RCU
#define QSLIST_INSERT_HEAD_RCU  SLIST_INSERT_HEAD_RCU
#define QSLIST_REMOVE_HEAD_RCU  SLIST_REMOVE_HEAD_RCU
#define QSLIST_REMOVE_RCU       SLIST_REMOVE_RCU
/* ([head,] after, node, field): the head is not needed. */
#define QSLIST_INSERT_AFTER_RCU(...) \
    RCU_QEMU_FIFTH(__VA_ARGS__, RCU_QEMU_INSERT_AFTER, SLIST_INSERT_AFTER_RCU, unused)(__VA_ARGS__)
#define RCU_QEMU_INSERT_AFTER(head, after, node, field) SLIST_INSERT_AFTER_RCU(after, node, field)

#define RCU_QEMU_FIFTH(first, second, third, fourth, fifth, ...) fifth

#define QSIMPLEQ_EMPTY_RCU        SIMPLEQ_EMPTY_RCU
#define QSIMPLEQ_FIRST_RCU        SIMPLEQ_FIRST_RCU
#define QSIMPLEQ_NEXT_RCU         SIMPLEQ_NEXT_RCU
#define QSIMPLEQ_FOREACH_RCU      SIMPLEQ_FOREACH_RCU
#define QSIMPLEQ_FOREACH_SAFE_RCU SIMPLEQ_FOREACH_SAFE_RCU
#define QSIMPLEQ_INSERT_HEAD_RCU  SIMPLEQ_INSERT_HEAD_RCU
#define QSIMPLEQ_INSERT_TAIL_RCU  SIMPLEQ_INSERT_TAIL_RCU
#define QSIMPLEQ_INSERT_AFTER_RCU SIMPLEQ_INSERT_AFTER_RCU
#define QSIMPLEQ_REMOVE_HEAD_RCU  SIMPLEQ_REMOVE_HEAD_RCU
#define QSIMPLEQ_REMOVE_RCU       SIMPLEQ_REMOVE_RCU

#define QTAILQ_EMPTY_RCU         TAILQ_EMPTY_RCU
#define QTAILQ_FIRST_RCU         TAILQ_FIRST_RCU
#define QTAILQ_NEXT_RCU          TAILQ_NEXT_RCU
#define QTAILQ_FOREACH_RCU       TAILQ_FOREACH_RCU
#define QTAILQ_FOREACH_SAFE_RCU  TAILQ_FOREACH_SAFE_RCU
#define QTAILQ_INSERT_HEAD_RCU   TAILQ_INSERT_HEAD_RCU
#define QTAILQ_INSERT_TAIL_RCU   TAILQ_INSERT_TAIL_RCU
#define QTAILQ_INSERT_AFTER_RCU  TAILQ_INSERT_AFTER_RCU
#define QTAILQ_INSERT_BEFORE_RCU TAILQ_INSERT_BEFORE_RCU
#define QTAILQ_REMOVE_RCU        TAILQ_REMOVE_RCU

#endif
