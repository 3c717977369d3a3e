/* stillpoint compare */
#include "commands.h"
#include "torture/compare/comparison.h"
#include "torture/compare/pictures.h"

#include <stdlib.h>
#include <unistd.h>

/* That both are measurements of the same, or the caller wants it anyway. */
static bool may_compare(const struct arguments *a, const struct side *base,
                        const struct side *fresh, json_t *notes, struct diagnostics *d)
{
    char *difference = side_difference(base, fresh);

    if (difference && a->compare.anyway)
        json_array_append_new(
            notes, json_sprintf("%s and %s differ (%s)", base->path, fresh->path, difference));
    else if (difference)
        diagnose(d,
                 "%s and %s: differ in more than the build (%s); compare them all the same with "
                 "--anyway",
                 base->path, fresh->path, difference);
    free(difference);
    return d->count == 0;
}

static void table(FILE *f, json_t *comparison)
{
    comparison_report(f, comparison, isatty(fileno(f)));
}

int command_compare(struct arguments *a, struct diagnostics *d)
{
    struct side base = {.path = NULL}, fresh = {.path = NULL}, same = {.path = NULL};
    json_t *notes = json_array(), *comparison;
    struct comparison_options options = {.margin = a->compare.margin,
                                         .wanted = a->compare.metrics,
                                         .same = a->compare.same ? &same : NULL,
                                         .notes = notes};
    int code = EXIT_CODE_USAGE;
    bool good = true;

    if (a->positional_count != 2) {
        diagnose(d, "stillpoint compare: expected BASE and NEW, two directories that `stillpoint "
                    "run` made, or folders of such");
        good = false;
    }
    good = good && side_read(&base, a->positionals[0], notes, d);
    good = good && side_read(&fresh, a->positionals[1], notes, d);
    good = good && (!a->compare.same || side_read(&same, a->compare.same, notes, d));
    good = good && may_compare(a, &base, &fresh, notes, d);
    good = good && (!a->compare.same || may_compare(a, &base, &same, notes, d));
    if (good) {
        comparison = compare_sides(&base, &fresh, &options);
        show_as(a->format, comparison, table, comparison_markdown);
        code = comparison_exit_code(comparison);
        if (a->pictures && !show_pictures(pictures_of_comparison, comparison, a->pictures,
                                          a->format == FORMAT_TABLE, d))
            code = code == EXIT_CODE_PASS ? EXIT_CODE_USAGE : code;
        json_decref(comparison);
    }
    side_free(&base);
    side_free(&fresh);
    side_free(&same);
    json_decref(notes);
    return code;
}
