/* What a program brings along that has lists and notifiers of its own: the fields of <sys/queue.h>,
 * and a tail queue that is linked by one kind of link throughout.
 */
#define QEMU_NOTIFY_H

#define QLIST_HEAD(name, type) \
    struct name {              \
        struct type *lh_first; \
    }
#define QLIST_ENTRY(type)      \
    struct {                   \
        struct type *le_next;  \
        struct type **le_prev; \
    }
#define QLIST_INIT(head) ((head)->lh_first = NULL)

#define QSLIST_HEAD(name, type) \
    struct name {               \
        struct type *slh_first; \
    }
#define QSLIST_ENTRY(type)     \
    struct {                   \
        struct type *sle_next; \
    }
#define QSLIST_INIT(head) ((head)->slh_first = NULL)

#define QSIMPLEQ_HEAD(name, type) \
    struct name {                 \
        struct type *sqh_first;   \
        struct type **sqh_last;   \
    }
#define QSIMPLEQ_ENTRY(type)   \
    struct {                   \
        struct type *sqe_next; \
    }
#define QSIMPLEQ_INIT(head) ((head)->sqh_first = NULL, (head)->sqh_last = &(head)->sqh_first)

struct either_link {
    void *next;
    struct either_link *previous;
};
#define QTAILQ_HEAD(name, type)  \
    union name {                 \
        struct type *tqh_first;  \
        struct either_link both; \
    }
#define QTAILQ_ENTRY(type)       \
    union {                      \
        struct type *tqe_next;   \
        struct either_link both; \
    }
#define QTAILQ_INIT(head) ((head)->tqh_first = NULL, (head)->both.previous = &(head)->both)

typedef struct Notifier Notifier;
struct Notifier {
    void (*notify)(Notifier *notifier, void *data);
    QLIST_ENTRY(Notifier) node;
};
