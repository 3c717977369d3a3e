/* Lists: misuse, and what looks like it and is none. */
/* Left out of PORTABLE TWO_PHASE FENCE: a list is loads and stores, and waits for nothing. */
#include "lists.h"

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

/* Found when the node that followed it is removed. */
static void move_without_removal(void)
{
    insert_head(&it.source, &it.nodes[1]);
    remove_node(&it.l, &it.nodes[2]);
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

#define A_LIST     " of a node that is not in a list; pass one that was inserted"
#define THIS_LIST  " of a node that is not in this list; pass one that was inserted"
#define BESIDE     " beside a node that is not in "
#define AGAIN      " of a node that is in a list already; " AFTER_A_GP
#define AFTER_A_GP "remove it and wait for a grace period first"
#define ITSELF     " of a list and itself; pass two lists"

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
    {move_without_removal, "REMOVE", {A_LIST, THIS_LIST, THIS_LIST, THIS_LIST}},
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

        if (misuses[_i].says[shape] == NULL)
            continue;
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

/* As malloc() returns it. */
static struct node *any_memory(void)
{
    memset(&it.x, 0xa5, sizeof it.x);
    it.x.key = 'x';
    return &it.x;
}

START_TEST(a_node_with_anything_in_its_memory_is_inserted)
{
    make(_i, 3);
    insert_head(&it.l, any_memory());
    is(&it.l, "xabc");
    make(_i, 3);
    insert_after(&it.l, &it.nodes[1], any_memory());
    is(&it.l, "abxc");
    make(_i, 3);
    replace(&it.l, &it.nodes[1], any_memory());
    is(&it.l, "axc");
    if (has_before(&it.l)) {
        make(_i, 3);
        insert_before(&it.l, &it.nodes[1], any_memory());
        is(&it.l, "axbc");
    }
    if (has_tail(&it.l)) {
        make(_i, 3);
        insert_tail(&it.l, any_memory());
        is(&it.l, "abcx");
    }
}
END_TEST

/* Their links fit together as those of a list do, and no list has them. */
START_TEST(nodes_of_a_list_that_was_given_up_are_inserted_as_they_are)
{
    make(_i, 3);
    lists_init(&it.l, _i);
    for (int i = 2; i >= 0; i--) {
        fresh = &it.nodes[i];
        insert_head(i == 1 ? &it.source : &it.l, &it.nodes[i]);
    }
    is(&it.l, "ac");
    is(&it.source, "b");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("list misuse");
    TCase *misuse = tcase_create("misuse");

    tcase_set_timeout(misuse, 120);
    tcase_add_loop_test(misuse, misuse_is_diagnosed_with_what_to_do_instead, 0, MISUSES);
    tcase_add_loop_test(misuse, a_removed_node_may_be_inserted_again, 0, SHAPES);
    tcase_add_loop_test(misuse, a_node_with_anything_in_its_memory_is_inserted, 0, SHAPES);
    tcase_add_loop_test(misuse, nodes_of_a_list_that_was_given_up_are_inserted_as_they_are, 0,
                        SHAPES);
    suite_add_tcase(suite, misuse);
    return run_suite(suite);
}
