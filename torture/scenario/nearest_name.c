#include "nearest_name.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { NAME_MAX_COMPARED = 63 };

/* Case and the kind of dash are no difference worth a step. */
static int folded(char c)
{
    return c == '_' ? '-' : tolower((unsigned char)c);
}

/* Edits (insert, delete, replace, swap of neighbours) from one name to the other. */
static size_t name_distance(const char *a, const char *b)
{
    size_t rows[3][NAME_MAX_COMPARED + 2];
    size_t a_length = strlen(a), b_length = strlen(b);
    size_t *before = rows[0], *above = rows[1], *row = rows[2];

    if (a_length > NAME_MAX_COMPARED || b_length > NAME_MAX_COMPARED)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_length; j++)
        above[j] = before[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            bool same = folded(a[i - 1]) == folded(b[j - 1]);
            size_t best = above[j - 1] + !same;

            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
                folded(a[i - 2]) == folded(b[j - 1]) && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        size_t *oldest = before;

        before = above;
        above = row;
        row = oldest;
    }
    return above[b_length];
}

const char *nearest_name(const char *name, const char *const *candidates)
{
    const char *nearest = NULL;
    size_t length = strlen(name);
    size_t limit = length < 6 ? length / 2 : length / 3;

    for (; *candidates; candidates++) {
        size_t distance = name_distance(name, *candidates);

        if (distance <= limit && distance < length) {
            nearest = *candidates;
            if (!distance)
                break;
            limit = distance - 1;
        }
    }
    return nearest;
}
