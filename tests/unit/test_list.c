/* Lists: what stillpoint/rcu_list.h promises of each operation.
 *
 * After every store of a link, and so at every moment that a reader can meet, this walks the lists
 * as a reader would, from the heads and from the nodes that a reader may stand on. What the reader
 * may see is written as keys: "abc|axbc" is one or the other.
 */
/* Left out of PORTABLE TWO_PHASE FENCE: a list is loads and stores, and waits for nothing. */
#include "lists.h"

#include <stdarg.h>

/* ---- what a reader sees ---- */

/* "a|bc": one of them. */
static bool is_among(const char *text, const char *allowed)
{
    size_t length = strlen(text);

    for (const char *end;; allowed = end + 1) {
        end = strchrnul(allowed, '|');
        if ((size_t)(end - allowed) == length && memcmp(allowed, text, length) == 0)
            return true;
        if (*end == '\0')
            return false;
    }
}

/* What a reader may see while an operation goes on. */
static struct watch {
    const struct lists *list;
    const struct node *on; /* NULL: it comes by the head */
    char allowed[128];
} watches[MOST];
static unsigned watch_count;
/* A reader that looks at `source` at any moment and then at `list`, at that or any later moment,
 * must find each of `keys` in one of them. */
static struct {
    const struct lists *source, *list;
    const char *keys;
    bool missed[MOST]; /* in the source, at some moment so far */
} pair;

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

static void make_source(int length)
{
    for (int i = length; i > 0; i--)
        insert_head(&it.source, &it.more[i - 1]);
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
        if (!has_before(&it.l))
            return;
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
        if (!has_tail(&it.l))
            return;
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
        if (!has_remove_head(&it.l))
            return;
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
        for (int i = 0; i < more; i++)
            may_see(&it.source, &it.more[i], "%s|%s%s", moved + i + 1, moved + i + 1, old);
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
        for (int i = 0; i < more; i++)
            may_see(&it.source, &it.more[i], "%s", moved + i + 1);
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

int main(void)
{
    Suite *suite = suite_create("list");
    TCase *one = tcase_create("one operation");

    tcase_set_timeout(one, 120);
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
    after_each_store = look;
    return run_suite(suite);
}
