#include "promise.h"

#include "text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What the text is read with. */
struct reading {
    const char *at;
    const char *text;
    const struct statistic *statistics;
    size_t statistic_count;
    struct diagnostics *d;
};

static void skip_blanks(struct reading *r)
{
    while (*r->at == ' ')
        r->at++;
}

static bool is_word(const char *word, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(word, name, length) == 0;
}

/* The index of what is called so; false when nothing is. */
static bool find_term(const struct reading *r, const char *word, size_t length, size_t *index)
{
    static const char prefix[] = "called.";
    const size_t skip = sizeof prefix - 1;

    for (size_t i = 0; i < r->statistic_count; i++)
        if (is_word(word, length, r->statistics[i].name)) {
            *index = i;
            return true;
        }
    for (size_t i = 0; i < CALLED_COUNT && length > skip; i++)
        if (memcmp(word, prefix, skip) == 0 &&
            is_word(word + skip, length - skip, called_names[i])) {
            *index = r->statistic_count + i;
            return true;
        }
    return false;
}

static bool read_term(struct reading *r, struct promise_sum *sum)
{
    size_t length = 0, index;
    char *end;

    skip_blanks(r);
    if (isdigit((unsigned char)*r->at)) {
        sum->number += strtoull(r->at, &end, 10);
        r->at = end;
        return true;
    }
    while (isalnum((unsigned char)r->at[length]) || r->at[length] == '_' || r->at[length] == '.')
        length++;
    if (!find_term(r, r->at, length, &index)) {
        diagnose(r->d, "the promise \"%s\": \"%.*s\" is no statistic of the flavor, and no call",
                 r->text, (int)length, r->at);
        return false;
    }
    sum->terms = realloc(sum->terms, (sum->term_count + 1) * sizeof *sum->terms);
    sum->terms[sum->term_count++] = index;
    r->at += length;
    return true;
}

static bool read_sum(struct reading *r, struct promise_sum *sum)
{
    *sum = (struct promise_sum){.number = 0};
    for (;;) {
        if (!read_term(r, sum))
            return false;
        skip_blanks(r);
        if (*r->at != '+')
            return true;
        r->at++;
    }
}

static bool read_comparison(struct reading *r, bool *equal)
{
    *equal = strncmp(r->at, "==", 2) == 0;
    if (!*equal && strncmp(r->at, "<=", 2) != 0) {
        diagnose(r->d, "the promise \"%s\": expected <= or == before \"%s\"", r->text, r->at);
        return false;
    }
    r->at += 2;
    return true;
}

static struct promise_sum copy_sum(const struct promise_sum *from)
{
    struct promise_sum sum = *from;

    sum.terms = calloc(sum.term_count + 1, sizeof *sum.terms);
    for (size_t i = 0; i < sum.term_count; i++)
        sum.terms[i] = from->terms[i];
    return sum;
}

static bool has_call(const struct promise_sum *sum, size_t statistic_count)
{
    bool has = false;

    for (size_t i = 0; i < sum->term_count; i++)
        has |= sum->terms[i] >= statistic_count;
    return has;
}

static void add(struct promises *promises, struct promise promise)
{
    promises->list = realloc(promises->list, (promises->count + 1) * sizeof *promises->list);
    promises->list[promises->count++] = promise;
}

bool promises_add(struct promises *promises, const char *text, const struct statistic *statistics,
                  size_t statistic_count, struct diagnostics *d)
{
    struct reading r = {.at = text,
                        .text = text,
                        .statistics = statistics,
                        .statistic_count = statistic_count,
                        .d = d};
    struct promise_sum left;
    bool read;

    if (!text)
        return true;
    read = read_sum(&r, &left);
    do {
        struct promise p = {.text = text};

        read = read && read_comparison(&r, &p.equal) && read_sum(&r, &p.right);
        if (!read) {
            free(p.right.terms);
            break;
        }
        p.left = copy_sum(&left);
        p.of_calls = has_call(&p.left, statistic_count) || has_call(&p.right, statistic_count);
        add(promises, p);
        free(left.terms);
        left = copy_sum(&p.right);
    } while (*r.at);
    free(left.terms);
    return read;
}

void promises_free(struct promises *promises)
{
    for (size_t i = 0; i < promises->count; i++) {
        free(promises->list[i].left.terms);
        free(promises->list[i].right.terms);
    }
    free(promises->list);
    *promises = (struct promises){.list = NULL};
}

static uint64_t sum_at(const struct promise_sum *sum, const struct promise_moment *moment)
{
    uint64_t value = sum->number;

    for (size_t i = 0; i < sum->term_count; i++)
        value += moment->values[sum->terms[i]];
    return value;
}

bool promise_is_kept(const struct promise *p, const struct promise_moment *earlier,
                     const struct promise_moment *later, uint64_t excess)
{
    return sum_at(&p->left, earlier) <= sum_at(&p->right, later) + excess &&
           (!p->equal || sum_at(&p->right, earlier) <= sum_at(&p->left, later) + excess);
}

static char *tell_sum(char *text, const struct promise_sum *sum,
                      const struct promise_moment *moment, const struct statistic *statistics,
                      size_t statistic_count)
{
    const char *plus = "";

    for (size_t i = 0; i < sum->term_count; i++) {
        size_t term = sum->terms[i];
        bool is_call = term >= statistic_count;
        char *more =
            text_format("%s%s%s (%" PRIu64 ")", plus, is_call ? "called." : "",
                        is_call ? called_names[term - statistic_count] : statistics[term].name,
                        moment->values[term]);

        text = text_append(text, more);
        free(more);
        plus = " + ";
    }
    if (sum->number > 0 || sum->term_count == 0) {
        char *more = text_format("%s%" PRIu64, plus, sum->number);

        text = text_append(text, more);
        free(more);
    }
    return text;
}

char *promise_told(const struct promise *p, const struct promise_moment *earlier,
                   const struct promise_moment *later, const struct statistic *statistics,
                   size_t statistic_count)
{
    char *text = tell_sum(text_format("%s", ""), &p->left, earlier, statistics, statistic_count);

    text = text_append(text, p->equal ? " == " : " <= ");
    return tell_sum(text, &p->right, later, statistics, statistic_count);
}
