/* Lists: operations one after the other, and what else a program may do with lists. */
/* Left out of PORTABLE TWO_PHASE FENCE: a list is loads and stores, and waits for nothing. */
#include "lists.h"

/* Each operation at a random place, against a string that the same is done to. */
START_TEST(any_sequence_of_operations_does_what_they_say)
{
    static struct node pool[MOST];
    char model[2][MOST + 1] = {"", ""};
    struct lists *lists[2] = {&it.l, &it.source};

    make(_i, 0);
    srand(7);
    memset(pool, 0, sizeof pool);
    for (int i = 0; i < MOST; i++)
        pool[i].key = (char)('A' + i);
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

int main(void)
{
    Suite *suite = suite_create("list use");
    TCase *many = tcase_create("many operations");

    tcase_set_timeout(many, 120);
    tcase_add_loop_test(many, any_sequence_of_operations_does_what_they_say, 0, SHAPES);
    tcase_add_test(many, the_safe_traversal_lets_its_node_be_freed);
    tcase_add_test(many, traversals_nest);
    tcase_add_test(many, a_node_is_in_several_lists_by_several_fields);
    tcase_add_test(many, the_macros_of_sys_queue_read_the_same_lists);
    tcase_add_test(many, arguments_are_evaluated_once);
    suite_add_tcase(suite, many);
    return run_suite(suite);
}
