/* Lists: what stillpoint/rcu_list.h promises.
 *
 * Every store of a link is an atomic one, which this file puts itself into: after each, and so at every
 * moment that a reader can meet, it walks the lists as a reader would, from the heads and from the nodes
 * that a reader may stand on. What the reader may see is written as keys: "abc|axbc" is one or the
 * other.
 */
#include <stddef.h>

static void link_stored(const void *link, int order);
static unsigned wrong_loads;

/* A macro does not expand itself: these end in the compiler's own. */
#define __atomic_store_n(link, value, order) \
    (__atomic_store_n(link, value, order), link_stored(link, order))
#define __atomic_load_n(link, order) \
    (wrong_loads += (order) != __ATOMIC_ACQUIRE, __atomic_load_n(link, order))
#include <stillpoint/rcu_list.h>

#include "library.h"

#include <stdarg.h>
#include <stdbool.h>

/* ---- the four shapes as one ---- */

enum shape { IS_LIST, IS_SLIST, IS_SIMPLEQ, IS_TAILQ, SHAPES };

struct node {
    char key;
    LIST_ENTRY(node) list;
    SLIST_ENTRY(node) slist;
    SIMPLEQ_ENTRY(node) simpleq;
    TAILQ_ENTRY(node) tailq;
    LIST_ENTRY(node) other;
};

LIST_HEAD(list, node);
SLIST_HEAD(slist, node);
SIMPLEQ_HEAD(simpleq, node);
TAILQ_HEAD(tailq, node);

struct lists {
    enum shape shape;
    struct list list;
    struct slist slist;
    struct simpleq simpleq;
    struct tailq tailq;
};

#define BY_SHAPE(of_list, of_slist, of_simpleq, of_tailq) \
    do {                                                  \
        switch (l->shape) {                               \
        case IS_LIST:                                     \
            of_list;                                      \
            break;                                        \
        case IS_SLIST:                                    \
            of_slist;                                     \
            break;                                        \
        case IS_SIMPLEQ:                                  \
            of_simpleq;                                   \
            break;                                        \
        default:                                          \
            of_tailq;                                     \
        }                                                 \
    } while (0)

static bool has_before(const struct lists *l)
{
    return l->shape == IS_LIST || l->shape == IS_TAILQ;
}

static bool has_tail(const struct lists *l)
{
    return l->shape == IS_SIMPLEQ || l->shape == IS_TAILQ;
}

static bool has_remove_head(const struct lists *l)
{
    return l->shape == IS_SLIST || l->shape == IS_SIMPLEQ;
}

static void lists_init(struct lists *l, int shape)
{
    l->shape = (enum shape)shape;
    LIST_INIT(&l->list);
    SLIST_INIT(&l->slist);
    SIMPLEQ_INIT(&l->simpleq);
    TAILQ_INIT(&l->tailq);
}

static void insert_head(struct lists *l, struct node *n)
{
    BY_SHAPE(LIST_INSERT_HEAD_RCU(&l->list, n, list), SLIST_INSERT_HEAD_RCU(&l->slist, n, slist),
             SIMPLEQ_INSERT_HEAD_RCU(&l->simpleq, n, simpleq),
             TAILQ_INSERT_HEAD_RCU(&l->tailq, n, tailq));
}

static void insert_after(struct lists *l, struct node *after, struct node *n)
{
    BY_SHAPE(LIST_INSERT_AFTER_RCU(after, n, list), SLIST_INSERT_AFTER_RCU(after, n, slist),
             SIMPLEQ_INSERT_AFTER_RCU(&l->simpleq, after, n, simpleq),
             TAILQ_INSERT_AFTER_RCU(&l->tailq, after, n, tailq));
}

static void insert_before(struct lists *l, struct node *before, struct node *n)
{
    BY_SHAPE(LIST_INSERT_BEFORE_RCU(before, n, list), abort(), abort(),
             TAILQ_INSERT_BEFORE_RCU(before, n, tailq));
}

static void insert_tail(struct lists *l, struct node *n)
{
    BY_SHAPE(abort(), abort(), SIMPLEQ_INSERT_TAIL_RCU(&l->simpleq, n, simpleq),
             TAILQ_INSERT_TAIL_RCU(&l->tailq, n, tailq));
}

static void remove_node(struct lists *l, struct node *n)
{
    BY_SHAPE(LIST_REMOVE_RCU(n, list), SLIST_REMOVE_RCU(&l->slist, n, node, slist),
             SIMPLEQ_REMOVE_RCU(&l->simpleq, n, node, simpleq),
             TAILQ_REMOVE_RCU(&l->tailq, n, tailq));
}

static void remove_head(struct lists *l)
{
    BY_SHAPE(abort(), SLIST_REMOVE_HEAD_RCU(&l->slist, slist),
             SIMPLEQ_REMOVE_HEAD_RCU(&l->simpleq, simpleq), abort());
}

static void replace(struct lists *l, struct node *old, struct node *n)
{
    BY_SHAPE(LIST_REPLACE_RCU(old, n, list), SLIST_REPLACE_RCU(&l->slist, old, n, slist),
             SIMPLEQ_REPLACE_RCU(&l->simpleq, old, n, simpleq),
             TAILQ_REPLACE_RCU(&l->tailq, old, n, tailq));
}

static void splice(struct lists *l, struct lists *source)
{
    BY_SHAPE(LIST_SPLICE_RCU(&l->list, &source->list, list),
             SLIST_SPLICE_RCU(&l->slist, &source->slist, slist),
             SIMPLEQ_SPLICE_RCU(&l->simpleq, &source->simpleq, simpleq),
             TAILQ_SPLICE_RCU(&l->tailq, &source->tailq, tailq));
}

static void concat(struct lists *l, struct lists *source)
{
    BY_SHAPE(LIST_CONCAT_RCU(&l->list, &source->list, list),
             SLIST_CONCAT_RCU(&l->slist, &source->slist, slist),
             SIMPLEQ_CONCAT_RCU(&l->simpleq, &source->simpleq, simpleq),
             TAILQ_CONCAT_RCU(&l->tailq, &source->tailq, tailq));
}

static struct node *first(const struct lists *l)
{
    struct node *n = NULL;

    BY_SHAPE(n = LIST_FIRST_RCU(&l->list), n = SLIST_FIRST_RCU(&l->slist),
             n = SIMPLEQ_FIRST_RCU(&l->simpleq), n = TAILQ_FIRST_RCU(&l->tailq));
    return n;
}

static bool is_empty(const struct lists *l)
{
    bool empty = false;

    BY_SHAPE(empty = LIST_EMPTY_RCU(&l->list), empty = SLIST_EMPTY_RCU(&l->slist),
             empty = SIMPLEQ_EMPTY_RCU(&l->simpleq), empty = TAILQ_EMPTY_RCU(&l->tailq));
    return empty;
}

static struct node *next(const struct lists *l, const struct node *n)
{
    struct node *following = NULL;

    BY_SHAPE(following = LIST_NEXT_RCU(n, list), following = SLIST_NEXT_RCU(n, slist),
             following = SIMPLEQ_NEXT_RCU(n, simpleq), following = TAILQ_NEXT_RCU(n, tailq));
    return following;
}

/* ---- what a reader sees ---- */

#define MOST 24

struct keys {
    char text[MOST + 2];
    size_t length;
};

static void add_key(struct keys *k, char key)
{
    /* A circle shows as what is too long for any list here. */
    if (k->length <= MOST) {
        k->text[k->length++] = key;
    }
}

/* From a node that a reader stands on; the node itself is not among them. */
static struct keys keys_after(const struct lists *l, const struct node *n)
{
    struct keys k = {"", 0};

    while (k.length <= MOST && (n = next(l, n)) != NULL) {
        add_key(&k, n->key);
    }
    return k;
}

static struct keys keys_of(const struct lists *l)
{
    struct node *n = first(l);
    struct keys k = {"", 0}, rest;

    if (n != NULL) {
        add_key(&k, n->key);
        rest = keys_after(l, n);
        for (size_t i = 0; i < rest.length; i++) {
            add_key(&k, rest.text[i]);
        }
    }
    return k;
}

/* "a|bc": one of them. */
static bool is_among(const char *text, const char *allowed)
{
    size_t length = strlen(text);

    for (const char *end;; allowed = end + 1) {
        end = strchrnul(allowed, '|');
        if ((size_t)(end - allowed) == length && memcmp(allowed, text, length) == 0) {
            return true;
        }
        if (*end == '\0') {
            return false;
        }
    }
}

/* What a reader may see while an operation goes on. */
static struct watch {
    const struct lists *list;
    const struct node *on; /* NULL: it comes by the head */
    char allowed[128];
} watches[MOST];
static unsigned watch_count;
/* A reader that looks at `source` at any moment and then at `list`, at that or any later moment, must
 * find each of `keys` in one of them. */
static struct {
    const struct lists *source, *list;
    const char *keys;
    bool missed[MOST]; /* in the source, at some moment so far */
} pair;

static const struct node *fresh; /* that no reader can reach yet */
static unsigned stores;
static char wrong[256];

static void look(void)
{
    for (unsigned i = 0; i < watch_count; i++) {
        const struct watch *w = &watches[i];
        struct keys k = w->on != NULL ? keys_after(w->list, w->on) : keys_of(w->list);

        if (!is_among(k.text, w->allowed) && wrong[0] == '\0') {
            snprintf(wrong, sizeof wrong, "after store %u a reader %s%c sees \"%s\", not \"%s\"",
                     stores, w->on != NULL ? "on " : "of a list", w->on != NULL ? w->on->key : ' ',
                     k.text, w->allowed);
        }
    }
    for (size_t i = 0; pair.keys != NULL && pair.keys[i] != '\0'; i++) {
        pair.missed[i] |= strchr(keys_of(pair.source).text, pair.keys[i]) == NULL;
        if (pair.missed[i] && strchr(keys_of(pair.list).text, pair.keys[i]) == NULL &&
            wrong[0] == '\0') {
            snprintf(wrong, sizeof wrong, "after store %u a reader of both misses %c", stores,
                     pair.keys[i]);
        }
    }
}

static void link_stored(const void *link, int order)
{
    stores++;
    if (order != __ATOMIC_RELEASE && !((const char *)link >= (const char *)fresh &&
                                       (const char *)link < (const char *)(fresh + 1))) {
        snprintf(wrong, sizeof wrong, "store %u is no release", stores);
    }
    look();
}

static void may_see(const struct lists *l, const struct node *on, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void may_see(const struct lists *l, const struct node *on, const char *format, ...)
{
    struct watch *w = &watches[watch_count++];
    va_list arguments;

    w->list = l;
    w->on = on;
    va_start(arguments, format);
    vsnprintf(w->allowed, sizeof w->allowed, format, arguments);
    va_end(arguments);
}

/* The operation has ended, after so many stores of links that a reader may follow. */
static void saw(unsigned expected_stores)
{
    look();
    ck_assert_msg(wrong[0] == '\0', "%s", wrong);
    ck_assert_uint_eq(stores, expected_stores);
    watch_count = stores = 0;
    memset(&pair, 0, sizeof pair);
    fresh = NULL;
}

/* The node is there, and the link that leads to it is where updaters believe it to be. */
#define CHECK_NODE(n, back_link)                  \
    do {                                          \
        ck_assert_int_eq((n)->key, keys[i++]);    \
        ck_assert(!known || (back_link) == back); \
    } while (0)

/* The list holds these, by every way to look at it, and what updaters alone use is right, too. */
static void is(const struct lists *l, const char *keys)
{
    bool known = has_before(l);
    struct node *n = NULL, *following, *const *back = NULL;
    size_t i = 0, safe = 0;

    ck_assert_str_eq(keys_of(l).text, keys);
    ck_assert_int_eq(is_empty(l), keys[0] == '\0');
    switch (l->shape) {
    case IS_LIST:
        back = &l->list.lh_first;
        LIST_FOREACH_RCU (n, &l->list, list) {
            CHECK_NODE(n, n->list.le_prev);
            back = &n->list.le_next;
        }
        LIST_FOREACH_SAFE_RCU (n, &l->list, list, following) {
            ck_assert_int_eq(n->key, keys[safe++]);
        }
        break;
    case IS_SLIST:
        SLIST_FOREACH_RCU (n, &l->slist, slist) {
            CHECK_NODE(n, back);
        }
        SLIST_FOREACH_SAFE_RCU (n, &l->slist, slist, following) {
            ck_assert_int_eq(n->key, keys[safe++]);
        }
        break;
    case IS_SIMPLEQ:
        back = &l->simpleq.sqh_first;
        SIMPLEQ_FOREACH_RCU (n, &l->simpleq, simpleq) {
            CHECK_NODE(n, back);
            back = &n->simpleq.sqe_next;
        }
        ck_assert_ptr_eq(l->simpleq.sqh_last, back);
        SIMPLEQ_FOREACH_SAFE_RCU (n, &l->simpleq, simpleq, following) {
            ck_assert_int_eq(n->key, keys[safe++]);
        }
        break;
    default:
        back = &l->tailq.tqh_first;
        TAILQ_FOREACH_RCU (n, &l->tailq, tailq) {
            CHECK_NODE(n, n->tailq.tqe_prev);
            back = &n->tailq.tqe_next;
        }
        ck_assert_ptr_eq(l->tailq.tqh_last, back);
        TAILQ_FOREACH_SAFE_RCU (n, &l->tailq, tailq, following) {
            ck_assert_int_eq(n->key, keys[safe++]);
        }
    }
    ck_assert_ptr_null(n);
    ck_assert_uint_eq(i, strlen(keys));
    ck_assert_uint_eq(safe, strlen(keys));
    ck_assert_uint_eq(wrong_loads, 0);
}

/* Nodes a, b, c, ... of which the first so many are in the list; `x` is not. */
#define LONGEST 4

static const char *const prefixes[LONGEST + 1] = {"", "a", "ab", "abc", "abcd"};

static struct {
    struct lists l, source;
    struct node nodes[LONGEST], more[LONGEST], x;
} it;

static void make(int shape, int length)
{
    memset(&it, 0, sizeof it);
    lists_init(&it.l, shape);
    lists_init(&it.source, shape);
    it.x.key = 'x';
    for (int i = 0; i < LONGEST; i++) {
        it.nodes[i].key = (char)('a' + i);
        it.more[i].key = (char)('p' + i);
    }
    for (int i = length; i > 0; i--) {
        insert_head(&it.l, &it.nodes[i - 1]);
    }
    stores = 0;
    wrong[0] = '\0';
    fresh = &it.x;
    is(&it.l, prefixes[length]);
}

static void make_source(int length)
{
    for (int i = length; i > 0; i--) {
        insert_head(&it.source, &it.more[i - 1]);
    }
    stores = 0;
    wrong[0] = '\0';
}

/* Readers on each node: they see what follows it before or after the operation, as keys. */
static void readers_may_see(int length, const char *before, const char *after)
{
    may_see(&it.l, NULL, "%s|%s", before, after);
    for (int i = 0; i < length; i++) {
        const char *from = strchr(before, 'a' + i), *then = strchr(after, 'a' + i);

        may_see(&it.l, &it.nodes[i], "%s|%s", from + 1, then != NULL ? then + 1 : from + 1);
    }
}

/* ---- one operation, at each place in lists of each length ---- */

#define EACH_LENGTH(from) for (int length = (from); length <= LONGEST; length++)
#define EACH_PLACE        for (int place = 0; place < length; place++)

START_TEST(a_list_that_was_made_as_sys_queue_says_is_empty)
{
    make(_i, 0);
    is(&it.l, "");
    ck_assert_ptr_null(first(&it.l));
}
END_TEST

START_TEST(insert_at_the_head_shows_the_old_first_or_the_new)
{
    EACH_LENGTH(0)
    {
        char after[MOST];

        make(_i, length);
        snprintf(after, sizeof after, "x%s", prefixes[length]);
        readers_may_see(length, prefixes[length], after);
        insert_head(&it.l, &it.x);
        saw(2);
        is(&it.l, after);
    }
}
END_TEST

START_TEST(insert_after_shows_the_old_follower_or_the_new)
{
    EACH_LENGTH(1) EACH_PLACE
    {
        char after[MOST];

        make(_i, length);
        snprintf(after, sizeof after, "%sx%s", prefixes[place + 1], prefixes[length] + place + 1);
        readers_may_see(length, prefixes[length], after);
        insert_after(&it.l, &it.nodes[place], &it.x);
        saw(2);
        is(&it.l, after);
    }
}
END_TEST

START_TEST(insert_before_shows_both_or_only_the_old)
{
    EACH_LENGTH(1) EACH_PLACE
    {
        char after[MOST];

        make(_i, length);
        if (!has_before(&it.l)) {
            return;
        }
        snprintf(after, sizeof after, "%sx%s", prefixes[place], prefixes[length] + place);
        readers_may_see(length, prefixes[length], after);
        insert_before(&it.l, &it.nodes[place], &it.x);
        saw(2);
        is(&it.l, after);
    }
}
END_TEST

START_TEST(insert_at_the_tail_shows_the_old_end_or_the_new)
{
    EACH_LENGTH(0)
    {
        char after[MOST];

        make(_i, length);
        if (!has_tail(&it.l)) {
            return;
        }
        snprintf(after, sizeof after, "%sx", prefixes[length]);
        readers_may_see(length, prefixes[length], after);
        insert_tail(&it.l, &it.x);
        saw(2);
        is(&it.l, after);
    }
}
END_TEST

START_TEST(remove_takes_one_node_and_leaves_a_reader_on_it_its_way)
{
    EACH_LENGTH(1) EACH_PLACE
    {
        char after[MOST];

        make(_i, length);
        snprintf(after, sizeof after, "%s%s", prefixes[place], prefixes[length] + place + 1);
        readers_may_see(length, prefixes[length], after);
        remove_node(&it.l, &it.nodes[place]);
        saw(1);
        is(&it.l, after);
        ck_assert_ptr_null(it.nodes[place].list.le_prev);
        ck_assert_ptr_null(it.nodes[place].tailq.tqe_prev);
    }
}
END_TEST

START_TEST(remove_head_takes_the_first)
{
    EACH_LENGTH(1)
    {
        make(_i, length);
        if (!has_remove_head(&it.l)) {
            return;
        }
        readers_may_see(length, prefixes[length], prefixes[length] + 1);
        remove_head(&it.l);
        saw(1);
        is(&it.l, prefixes[length] + 1);
    }
}
END_TEST

START_TEST(replace_shows_the_old_node_or_the_new)
{
    EACH_LENGTH(1) EACH_PLACE
    {
        char after[MOST];

        make(_i, length);
        snprintf(after, sizeof after, "%sx%s", prefixes[place], prefixes[length] + place + 1);
        readers_may_see(length, prefixes[length], after);
        replace(&it.l, &it.nodes[place], &it.x);
        saw(2);
        is(&it.l, after);
        ck_assert_ptr_null(it.nodes[place].list.le_prev);
        ck_assert_ptr_null(it.nodes[place].tailq.tqe_prev);
    }
}
END_TEST

static const char *const source_prefixes[LONGEST + 1] = {"", "p", "pq", "pqr", "pqrs"};

static void both_must_have(int more)
{
    pair.source = &it.source;
    pair.list = &it.l;
    pair.keys = source_prefixes[more];
    look();
}

START_TEST(splice_puts_all_of_the_source_in_front)
{
    EACH_LENGTH(0) for (int more = 0; more <= LONGEST; more++)
    {
        const char *old = prefixes[length], *moved = source_prefixes[more];
        char after[MOST];

        make(_i, length);
        make_source(more);
        snprintf(after, sizeof after, "%s%s", moved, old);
        readers_may_see(length, old, after);
        may_see(&it.source, NULL, "%s|%s|", moved, after);
        for (int i = 0; i < more; i++) {
            may_see(&it.source, &it.more[i], "%s|%s%s", moved + i + 1, moved + i + 1, old);
        }
        both_must_have(more);
        splice(&it.l, &it.source);
        saw(more > 0 ? 3 : 0);
        is(&it.l, after);
        is(&it.source, "");
        insert_head(&it.source, &it.x);
        is(&it.source, "x");
    }
}
END_TEST

START_TEST(concat_puts_all_of_the_source_behind)
{
    EACH_LENGTH(0) for (int more = 0; more <= LONGEST; more++)
    {
        const char *old = prefixes[length], *moved = source_prefixes[more];
        char after[MOST];

        make(_i, length);
        make_source(more);
        snprintf(after, sizeof after, "%s%s", old, moved);
        readers_may_see(length, old, after);
        may_see(&it.source, NULL, "%s|", moved);
        for (int i = 0; i < more; i++) {
            may_see(&it.source, &it.more[i], "%s", moved + i + 1);
        }
        both_must_have(more);
        concat(&it.l, &it.source);
        saw(more > 0 ? 2 : 0);
        is(&it.l, after);
        is(&it.source, "");
        insert_head(&it.source, &it.x);
        is(&it.source, "x");
    }
}
END_TEST

/* ---- one after the other ---- */

/* Each operation at a random place, against a string that the same is done to. */
START_TEST(any_sequence_of_operations_does_what_they_say)
{
    static struct node pool[MOST];
    char model[2][MOST + 1] = {"", ""};
    struct lists *lists[2] = {&it.l, &it.source};

    make(_i, 0);
    srand(7);
    memset(pool, 0, sizeof pool);
    for (int i = 0; i < MOST; i++) {
        pool[i].key = (char)('A' + i);
    }
    for (int round = 0; round < 2000; round++) {
        int which = rand() % 2, place, key = rand() % MOST;
        struct lists *l = lists[which];
        char *text = model[which], *other = model[!which], joined[2 * MOST + 1];
        size_t length = strlen(text);
        struct node *n = &pool[key], *at;

        place = length > 0 ? (int)((size_t)rand() % length) : -1;
        at = place >= 0 ? &pool[text[place] - 'A'] : NULL;
        stores = 0;
        if (round % 50 == 0) {
            splice(l, lists[!which]);
            snprintf(joined, sizeof joined, "%s%s", other, text);
            memcpy(text, joined, MOST + 1);
            other[0] = '\0';
        } else if (round % 50 == 25) {
            concat(l, lists[!which]);
            snprintf(joined, sizeof joined, "%s%s", text, other);
            memcpy(text, joined, MOST + 1);
            other[0] = '\0';
        } else if (strchr(text, n->key) != NULL) {
            remove_node(l, n);
            memmove(strchr(text, n->key), strchr(text, n->key) + 1, strlen(strchr(text, n->key)));
        } else if (strchr(other, n->key) == NULL) {
            fresh = n;
            if (place >= 0 && rand() % 3 == 0) {
                replace(l, at, n);
                text[place] = n->key;
            } else if (place >= 0 && rand() % 3 == 0) {
                insert_after(l, at, n);
                memmove(text + place + 2, text + place + 1, length - (size_t)place);
                text[place + 1] = n->key;
            } else if (place >= 0 && has_before(l) && rand() % 2 == 0) {
                insert_before(l, at, n);
                memmove(text + place + 1, text + place, length - (size_t)place + 1);
                text[place] = n->key;
            } else if (has_tail(l) && rand() % 2 == 0) {
                insert_tail(l, n);
                text[length] = n->key;
                text[length + 1] = '\0';
            } else {
                insert_head(l, n);
                memmove(text + 1, text, length + 1);
                text[0] = n->key;
            }
        } else if (has_remove_head(l) && length > 0) {
            remove_head(l);
            memmove(text, text + 1, length);
        }
        ck_assert_msg(wrong[0] == '\0', "%s", wrong);
        is(l, text);
        is(lists[!which], other);
    }
}
END_TEST

START_TEST(the_safe_traversal_lets_its_node_be_freed)
{
    struct node *n, *following;
    unsigned count = 0;

#define FREE_ALL(SHAPE, name, init)                         \
    do {                                                    \
        struct name head = init(head);                      \
                                                            \
        for (int i = 0; i < 10; i++) {                      \
            n = calloc(1, sizeof *n);                       \
            ck_assert_ptr_nonnull(n);                       \
            SHAPE##_INSERT_HEAD_RCU(&head, n, name);        \
        }                                                   \
        SHAPE##_FOREACH_SAFE_RCU(n, &head, name, following) \
        {                                                   \
            memset(n, 0x5a, sizeof *n);                     \
            free(n);                                        \
            count++;                                        \
        }                                                   \
    } while (0)

    fresh = NULL;
    FREE_ALL(LIST, list, LIST_HEAD_INITIALIZER);
    FREE_ALL(SLIST, slist, SLIST_HEAD_INITIALIZER);
    FREE_ALL(SIMPLEQ, simpleq, SIMPLEQ_HEAD_INITIALIZER);
    FREE_ALL(TAILQ, tailq, TAILQ_HEAD_INITIALIZER);
    ck_assert_uint_eq(count, 40);
}
END_TEST

START_TEST(traversals_nest)
{
    struct node *n, *m, *following, *then;
    unsigned pairs = 0;

    make(IS_TAILQ, LONGEST);
    TAILQ_FOREACH_RCU (n, &it.l.tailq, tailq)
        TAILQ_FOREACH_SAFE_RCU (m, &it.l.tailq, tailq, then)
            if (n != m)
                pairs++;
            else
                continue;
    TAILQ_FOREACH_SAFE_RCU (n, &it.l.tailq, tailq, following)
        TAILQ_FOREACH_RCU (m, &it.l.tailq, tailq)
            pairs++;
    ck_assert_uint_eq(pairs, LONGEST * (LONGEST - 1) + LONGEST * LONGEST);
}
END_TEST

START_TEST(a_node_is_in_several_lists_by_several_fields)
{
    struct list other = LIST_HEAD_INITIALIZER(other);

    make(IS_LIST, 3);
    fresh = NULL;
    LIST_INSERT_HEAD_RCU(&other, &it.nodes[1], other);
    LIST_INSERT_AFTER_RCU(&it.nodes[1], &it.nodes[0], other);
    LIST_REMOVE_RCU(&it.nodes[1], list);
    is(&it.l, "ac");
    ck_assert_ptr_eq(LIST_FIRST_RCU(&other), &it.nodes[1]);
    ck_assert_ptr_eq(LIST_NEXT_RCU(&it.nodes[1], other), &it.nodes[0]);
    ck_assert_ptr_null(LIST_NEXT_RCU(&it.nodes[0], other));
}
END_TEST

START_TEST(the_macros_of_sys_queue_read_the_same_lists)
{
    struct node *n;
    size_t i = 0;

    make(IS_TAILQ, 3);
    TAILQ_FOREACH(n, &it.l.tailq, tailq)
    ck_assert_int_eq(n->key, "abc"[i++]);
    ck_assert_ptr_eq(TAILQ_LAST(&it.l.tailq, tailq), &it.nodes[2]);
    ck_assert_ptr_eq(TAILQ_PREV(&it.nodes[2], tailq, tailq), &it.nodes[1]);
    TAILQ_REMOVE(&it.l.tailq, &it.nodes[1], tailq);
    is(&it.l, "ac");
}
END_TEST

static unsigned evaluated;

static void *once(void *pointer)
{
    evaluated++;
    return pointer;
}

#define LISTS        ((struct lists *)once(&it.l))
#define SOURCE       ((struct lists *)once(&it.source))
#define NODE(number) ((struct node *)once(&it.nodes[number]))
#define X            ((struct node *)once(&it.x))
#define EVALUATES(arguments, operation)          \
    do {                                         \
        evaluated = 0;                           \
        operation;                               \
        ck_assert_uint_eq(evaluated, arguments); \
        memset(&it.x, 0, sizeof it.x);           \
    } while (0)
#define EVALUATES_IN_LIST(arguments, operation) \
    do {                                        \
        make(shape, 3);                         \
        EVALUATES(arguments, operation);        \
    } while (0)

START_TEST(arguments_are_evaluated_once)
{
    int shape = IS_LIST;

    EVALUATES_IN_LIST(2, LIST_INSERT_HEAD_RCU(&LISTS->list, X, list));
    EVALUATES_IN_LIST(2, LIST_INSERT_AFTER_RCU(NODE(1), X, list));
    EVALUATES_IN_LIST(2, LIST_INSERT_BEFORE_RCU(NODE(1), X, list));
    EVALUATES_IN_LIST(1, LIST_REMOVE_RCU(NODE(1), list));
    EVALUATES_IN_LIST(2, LIST_REPLACE_RCU(NODE(1), X, list));
    EVALUATES_IN_LIST(2, LIST_SPLICE_RCU(&LISTS->list, &SOURCE->list, list));
    EVALUATES_IN_LIST(2, LIST_CONCAT_RCU(&LISTS->list, &SOURCE->list, list));
    EVALUATES_IN_LIST(1, (void)LIST_FIRST_RCU(&LISTS->list));
    EVALUATES_IN_LIST(1, (void)LIST_EMPTY_RCU(&LISTS->list));
    EVALUATES_IN_LIST(1, (void)LIST_NEXT_RCU(NODE(0), list));
    shape = IS_SLIST;
    EVALUATES_IN_LIST(2, SLIST_INSERT_HEAD_RCU(&LISTS->slist, X, slist));
    EVALUATES_IN_LIST(2, SLIST_INSERT_AFTER_RCU(NODE(1), X, slist));
    EVALUATES_IN_LIST(2, SLIST_REMOVE_RCU(&LISTS->slist, NODE(1), node, slist));
    EVALUATES_IN_LIST(1, SLIST_REMOVE_HEAD_RCU(&LISTS->slist, slist));
    EVALUATES_IN_LIST(3, SLIST_REPLACE_RCU(&LISTS->slist, NODE(1), X, slist));
    EVALUATES_IN_LIST(2, SLIST_SPLICE_RCU(&LISTS->slist, &SOURCE->slist, slist));
    EVALUATES_IN_LIST(2, SLIST_CONCAT_RCU(&LISTS->slist, &SOURCE->slist, slist));
    EVALUATES_IN_LIST(1, (void)SLIST_EMPTY_RCU(&LISTS->slist));
    EVALUATES_IN_LIST(1, (void)SLIST_NEXT_RCU(NODE(0), slist));
    shape = IS_SIMPLEQ;
    EVALUATES_IN_LIST(2, SIMPLEQ_INSERT_HEAD_RCU(&LISTS->simpleq, X, simpleq));
    EVALUATES_IN_LIST(3, SIMPLEQ_INSERT_AFTER_RCU(&LISTS->simpleq, NODE(1), X, simpleq));
    EVALUATES_IN_LIST(2, SIMPLEQ_INSERT_TAIL_RCU(&LISTS->simpleq, X, simpleq));
    EVALUATES_IN_LIST(2, SIMPLEQ_REMOVE_RCU(&LISTS->simpleq, NODE(1), node, simpleq));
    EVALUATES_IN_LIST(1, SIMPLEQ_REMOVE_HEAD_RCU(&LISTS->simpleq, simpleq));
    EVALUATES_IN_LIST(3, SIMPLEQ_REPLACE_RCU(&LISTS->simpleq, NODE(1), X, simpleq));
    EVALUATES_IN_LIST(2, SIMPLEQ_SPLICE_RCU(&LISTS->simpleq, &SOURCE->simpleq, simpleq));
    EVALUATES_IN_LIST(2, SIMPLEQ_CONCAT_RCU(&LISTS->simpleq, &SOURCE->simpleq, simpleq));
    EVALUATES_IN_LIST(1, (void)SIMPLEQ_EMPTY_RCU(&LISTS->simpleq));
    EVALUATES_IN_LIST(1, (void)SIMPLEQ_NEXT_RCU(NODE(0), simpleq));
    shape = IS_TAILQ;
    EVALUATES_IN_LIST(2, TAILQ_INSERT_HEAD_RCU(&LISTS->tailq, X, tailq));
    EVALUATES_IN_LIST(3, TAILQ_INSERT_AFTER_RCU(&LISTS->tailq, NODE(1), X, tailq));
    EVALUATES_IN_LIST(2, TAILQ_INSERT_BEFORE_RCU(NODE(1), X, tailq));
    EVALUATES_IN_LIST(2, TAILQ_INSERT_TAIL_RCU(&LISTS->tailq, X, tailq));
    EVALUATES_IN_LIST(2, TAILQ_REMOVE_RCU(&LISTS->tailq, NODE(1), tailq));
    EVALUATES_IN_LIST(3, TAILQ_REPLACE_RCU(&LISTS->tailq, NODE(1), X, tailq));
    EVALUATES_IN_LIST(2, TAILQ_SPLICE_RCU(&LISTS->tailq, &SOURCE->tailq, tailq));
    EVALUATES_IN_LIST(2, TAILQ_CONCAT_RCU(&LISTS->tailq, &SOURCE->tailq, tailq));
    EVALUATES_IN_LIST(1, (void)TAILQ_EMPTY_RCU(&LISTS->tailq));
    EVALUATES_IN_LIST(1, (void)TAILQ_NEXT_RCU(NODE(0), tailq));
}
END_TEST

/* ---- misuse ---- */

/* Lists of three, and x in none, when it begins. */
static void remove_x(void)
{
    remove_node(&it.l, &it.x);
}

static void remove_twice(void)
{
    remove_node(&it.l, &it.nodes[1]);
    remove_node(&it.l, &it.nodes[1]);
}

static void remove_replaced(void)
{
    replace(&it.l, &it.nodes[1], &it.x);
    remove_node(&it.l, &it.nodes[1]);
}

static void replace_removed(void)
{
    remove_node(&it.l, &it.nodes[1]);
    replace(&it.l, &it.nodes[1], &it.x);
}

static void insert_before_removed(void)
{
    remove_node(&it.l, &it.nodes[1]);
    insert_before(&it.l, &it.nodes[1], &it.x);
}

static void remove_head_of_empty(void)
{
    remove_head(&it.source);
}

#ifdef STILLPOINT_DEBUG
static void remove_copy(void)
{
    it.x = it.nodes[1];
    remove_node(&it.l, &it.x);
}

static void remove_from_other(void)
{
    remove_node(&it.source, &it.nodes[2]);
}

static void insert_after_removed(void)
{
    remove_node(&it.l, &it.nodes[1]);
    insert_after(&it.l, &it.nodes[1], &it.x);
}

static void insert_after_in_other(void)
{
    insert_after(&it.source, &it.nodes[2], &it.x);
}

static void insert_head_again(void)
{
    insert_head(&it.l, &it.nodes[2]);
}

static void insert_tail_again(void)
{
    insert_tail(&it.l, &it.nodes[0]);
}

static void insert_after_again(void)
{
    insert_after(&it.l, &it.nodes[0], &it.nodes[2]);
}

static void insert_after_itself(void)
{
    insert_after(&it.l, &it.nodes[2], &it.nodes[2]);
}

static void insert_before_again(void)
{
    insert_before(&it.l, &it.nodes[0], &it.nodes[2]);
}

static void replace_by_linked(void)
{
    replace(&it.l, &it.nodes[0], &it.nodes[2]);
}

static void replace_by_itself(void)
{
    replace(&it.l, &it.nodes[1], &it.nodes[1]);
}

static void splice_with_itself(void)
{
    splice(&it.l, &it.l);
}

static void concat_with_itself(void)
{
    concat(&it.l, &it.l);
}
#endif

#define A_LIST    " of a node that is not in a list; pass one that was inserted"
#define THIS_LIST " of a node that is not in this list; pass one that was inserted"
#define BESIDE    " beside a node that is not in "
#define AGAIN     " of a node that is in a list already; remove it and wait for a grace period first"
#define ITSELF    " of a list and itself; pass two lists"

/* What it says after the shape's name; NULL where the shape does not have it, or cannot tell. */
static const struct {
    void (*function)(void);
    const char *operation, *says[SHAPES];
} misuses[] = {
    {remove_x, "REMOVE", {A_LIST, THIS_LIST, THIS_LIST, THIS_LIST}},
    {remove_twice, "REMOVE", {A_LIST, THIS_LIST, THIS_LIST, THIS_LIST}},
    {remove_replaced, "REMOVE", {A_LIST, THIS_LIST, THIS_LIST, THIS_LIST}},
    {replace_removed, "REPLACE", {A_LIST, THIS_LIST, THIS_LIST, THIS_LIST}},
    {insert_before_removed, "INSERT_BEFORE", {BESIDE "a list", NULL, NULL, BESIDE "a list"}},
    {remove_head_of_empty,
     "REMOVE_HEAD",
     {NULL, " of an empty list; ask", " of an empty list; ask", NULL}},
#ifdef STILLPOINT_DEBUG
    {remove_copy, "REMOVE", {A_LIST, THIS_LIST, THIS_LIST, THIS_LIST}},
    {remove_from_other, "REMOVE", {NULL, THIS_LIST, THIS_LIST, THIS_LIST}},
    {insert_after_removed,
     "INSERT_AFTER",
     {BESIDE "a list", NULL, BESIDE "this list", BESIDE "this list"}},
    {insert_after_in_other, "INSERT_AFTER", {NULL, NULL, BESIDE "this list", BESIDE "this list"}},
    {insert_head_again, "INSERT_HEAD", {AGAIN, AGAIN, AGAIN, AGAIN}},
    {insert_tail_again, "INSERT_TAIL", {NULL, NULL, AGAIN, AGAIN}},
    {insert_after_again, "INSERT_AFTER", {AGAIN, AGAIN, AGAIN, AGAIN}},
    {insert_after_itself, "INSERT_AFTER", {AGAIN, AGAIN, AGAIN, AGAIN}},
    {insert_before_again, "INSERT_BEFORE", {AGAIN, NULL, NULL, AGAIN}},
    {replace_by_linked, "REPLACE", {AGAIN, AGAIN, AGAIN, AGAIN}},
    {replace_by_itself, "REPLACE", {AGAIN, AGAIN, AGAIN, AGAIN}},
    {splice_with_itself, "SPLICE", {ITSELF, ITSELF, ITSELF, ITSELF}},
    {concat_with_itself, "CONCAT", {ITSELF, ITSELF, ITSELF, ITSELF}},
#endif
};
#define MISUSES (int)(sizeof misuses / sizeof *misuses)

START_TEST(misuse_is_diagnosed_with_what_to_do_instead)
{
    static const char *const names[SHAPES] = {"LIST", "SLIST", "SIMPLEQ", "TAILQ"};

    for (int shape = 0; shape < SHAPES; shape++) {
        char text[256];

        if (misuses[_i].says[shape] == NULL) {
            continue;
        }
        snprintf(text, sizeof text, "stillpoint: %s_%s_RCU()%s", names[shape],
                 misuses[_i].operation, misuses[_i].says[shape]);
        make(shape, 3);
        dies_saying(misuses[_i].function, text);
    }
}
END_TEST

/* No false alarm: after its grace period a node goes in again as it is. */
START_TEST(a_removed_node_may_be_inserted_again)
{
    make(_i, 3);
    for (int i = 0; i < 3; i++) {
        fresh = &it.nodes[i];
        remove_node(&it.l, &it.nodes[i]);
        insert_after(&it.l, &it.nodes[(i + 2) % 3], &it.nodes[i]);
        remove_node(&it.l, &it.nodes[i]);
        insert_head(&it.source, &it.nodes[i]);
        remove_node(&it.source, &it.nodes[i]);
        insert_head(&it.l, &it.nodes[i]);
    }
    is(&it.l, "cba");
    replace(&it.l, &it.nodes[1], &it.x);
    insert_head(&it.source, &it.nodes[1]);
    is(&it.l, "cxa");
    is(&it.source, "b");
}
END_TEST

static Suite *list_suite(void)
{
    Suite *suite = suite_create("list");
    TCase *one = tcase_create("one operation"), *many = tcase_create("many operations"),
          *misuse = tcase_create("misuse");

    tcase_set_timeout(one, 20);
    tcase_add_loop_test(one, a_list_that_was_made_as_sys_queue_says_is_empty, 0, SHAPES);
    tcase_add_loop_test(one, insert_at_the_head_shows_the_old_first_or_the_new, 0, SHAPES);
    tcase_add_loop_test(one, insert_after_shows_the_old_follower_or_the_new, 0, SHAPES);
    tcase_add_loop_test(one, insert_before_shows_both_or_only_the_old, 0, SHAPES);
    tcase_add_loop_test(one, insert_at_the_tail_shows_the_old_end_or_the_new, 0, SHAPES);
    tcase_add_loop_test(one, remove_takes_one_node_and_leaves_a_reader_on_it_its_way, 0, SHAPES);
    tcase_add_loop_test(one, remove_head_takes_the_first, 0, SHAPES);
    tcase_add_loop_test(one, replace_shows_the_old_node_or_the_new, 0, SHAPES);
    tcase_add_loop_test(one, splice_puts_all_of_the_source_in_front, 0, SHAPES);
    tcase_add_loop_test(one, concat_puts_all_of_the_source_behind, 0, SHAPES);
    suite_add_tcase(suite, one);

    tcase_set_timeout(many, 20);
    tcase_add_loop_test(many, any_sequence_of_operations_does_what_they_say, 0, SHAPES);
    tcase_add_test(many, the_safe_traversal_lets_its_node_be_freed);
    tcase_add_test(many, traversals_nest);
    tcase_add_test(many, a_node_is_in_several_lists_by_several_fields);
    tcase_add_test(many, the_macros_of_sys_queue_read_the_same_lists);
    tcase_add_test(many, arguments_are_evaluated_once);
    suite_add_tcase(suite, many);

    tcase_set_timeout(misuse, 20);
    tcase_add_loop_test(misuse, misuse_is_diagnosed_with_what_to_do_instead, 0, MISUSES);
    tcase_add_loop_test(misuse, a_removed_node_may_be_inserted_again, 0, SHAPES);
    suite_add_tcase(suite, misuse);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(list_suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
