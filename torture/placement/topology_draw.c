/* The machine drawn as text, with who runs where on it. */
#include "topology_draw.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS           99
#define PUS_PER_LINE_MAX  16
#define EMPTY_RUN_MIN     3
#define CORES_SHOWN_MAX   32 /* a machine with more leaves its runs of empty cores out */
#define GAP_AFTER_NODE    3
#define GAP_BETWEEN_CELLS 2

struct drawing {
    FILE *out;
    const struct topology *topology;
    const char **cells; /* by PU: names of its threads with spaces between, or "." */
    char **owned;       /* the cells that are not "." */
    char *unbound;      /* as a cell; "" when there is none */
    bool leave_out_runs;
    int node_digits, core_digits, pu_digits;
    size_t label_width; /* of "PU 12 " */
    size_t core_column, cell_column;
    size_t columns; /* cells on one line */
    size_t widths[PUS_PER_LINE_MAX];
    size_t at; /* where the pen is on the line */
};

/* Goes to a column with spaces, so that no line ends with any, and writes there. */
static void put(struct drawing *g, size_t column, const char *text, size_t length)
{
    if (length == 0)
        return;
    fprintf(g->out, "%*s%.*s", column > g->at ? (int)(column - g->at) : 0, "", (int)length, text);
    g->at = (column > g->at ? column : g->at) + length;
}

static void end_line(struct drawing *g)
{
    fputc('\n', g->out);
    g->at = 0;
}

/* The length of the words that fit in a width; one word at least. */
static size_t words_that_fit(const char *text, size_t width)
{
    size_t fit = strcspn(text, " ");

    while (text[fit] != '\0') {
        size_t more = fit + 1 + strcspn(text + fit + 1, " ");
        if (more > width)
            break;
        fit = more;
    }
    return fit;
}

/* Writes the words that fit and returns what is left. */
static const char *put_words(struct drawing *g, size_t column, const char *text, size_t width)
{
    size_t fit = words_that_fit(text, width);

    put(g, column, text, fit);
    text += fit;
    return *text == ' ' ? text + 1 : text;
}

static char *join(const char *const *names, const struct placement_slot *slots, size_t count,
                  int pu)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (slots[i].pu == pu)
            fprintf(out, "%s%s", ftell(out) > 0 ? " " : "", names[i]);
    fclose(out);
    return text;
}

static bool fill_cells(struct drawing *g, const char *const *names,
                       const struct placement_slot *slots, size_t count)
{
    const struct topology *t = g->topology;

    g->cells = calloc(t->pu_count, sizeof *g->cells);
    g->owned = calloc(t->pu_count, sizeof *g->owned);
    g->unbound = join(names, slots, count, -1);
    if (g->cells == NULL || g->owned == NULL || g->unbound == NULL)
        return false;
    for (size_t i = 0; i < t->pu_count; i++) {
        g->owned[i] = join(names, slots, count, t->pus[i].logical);
        if (g->owned[i] == NULL)
            return false;
        g->cells[i] = *g->owned[i] != '\0' ? g->owned[i] : ".";
    }
    return true;
}

/* The end of the core that begins at PU i. */
static size_t core_end(const struct topology *t, size_t i)
{
    size_t end = i + 1;

    while (end < t->pu_count && topology_same_core(&t->pus[i], &t->pus[end]))
        end++;
    return end;
}

static bool core_is_empty(const struct drawing *g, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        if (*g->owned[i] != '\0')
            return false;
    return true;
}

/* What a core is called: by its own number, or by its PU's where there are no cores. */
static int core_number(const struct topology_pu *pu)
{
    return pu->core >= 0 ? pu->core : pu->os;
}

/* The end of the run of empty, consecutively numbered cores of one node that begins at PU i. */
static size_t empty_run_end(const struct drawing *g, size_t i, size_t *cores)
{
    const struct topology *t = g->topology;
    const struct topology_pu *last = NULL;

    *cores = 0;
    while (i < t->pu_count && core_is_empty(g, i, core_end(t, i)) &&
           (last == NULL ||
            (t->pus[i].node == last->node && core_number(&t->pus[i]) == core_number(last) + 1))) {
        last = &t->pus[i];
        i = core_end(t, i);
        ++*cores;
    }
    return i;
}

static int digits(int number)
{
    return snprintf(NULL, 0, "%d", number);
}

static void measure_labels(struct drawing *g)
{
    const struct topology *t = g->topology;
    bool cores = false;
    size_t count = 0;

    for (size_t i = 0; i < t->pu_count; i++) {
        const struct topology_pu *pu = &t->pus[i];
        count += pu->pu_rank == 0;
        g->node_digits = digits(pu->node) > g->node_digits ? digits(pu->node) : g->node_digits;
        g->core_digits = digits(pu->core) > g->core_digits ? digits(pu->core) : g->core_digits;
        g->pu_digits = digits(pu->os) > g->pu_digits ? digits(pu->os) : g->pu_digits;
        cores = cores || pu->core >= 0;
    }
    g->leave_out_runs = count > CORES_SHOWN_MAX;
    g->label_width = strlen("PU ") + (size_t)g->pu_digits + 1;
    g->core_column = strlen("NUMA ") + (size_t)g->node_digits + GAP_AFTER_NODE;
    g->cell_column = g->core_column + (cores ? strlen("core ") + (size_t)g->core_digits + 2 : 0);
}

static size_t longest_word(const char *text)
{
    size_t longest = 0;

    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        longest = length > longest ? length : longest;
        text += length + (text[length] == ' ');
    }
    return longest;
}

/* Gives each column its widest cell; false when a line would be too long. */
static bool natural_widths(struct drawing *g)
{
    const struct topology *t = g->topology;
    size_t total = g->cell_column + (g->columns - 1) * GAP_BETWEEN_CELLS;

    memset(g->widths, 0, sizeof g->widths);
    for (size_t i = 0; i < t->pu_count; i++) {
        size_t *width = &g->widths[t->pus[i].pu_rank % g->columns];
        size_t wanted = g->label_width + strlen(g->cells[i]);
        *width = wanted > *width ? wanted : *width;
    }
    for (size_t c = 0; c < g->columns; c++)
        total += g->widths[c];
    return total <= COLUMNS;
}

/* As many PUs of a core on a line as there are, if a name fits in each one's share of the line. */
static void measure_cells(struct drawing *g)
{
    const struct topology *t = g->topology;
    size_t needed = 0, share;

    g->columns = 1;
    for (size_t i = 0; i < t->pu_count; i++) {
        size_t longest = g->label_width + longest_word(g->cells[i]);
        needed = longest > needed ? longest : needed;
        if (t->pus[i].pu_rank >= g->columns && g->columns < PUS_PER_LINE_MAX)
            g->columns++;
    }
    if (natural_widths(g))
        return;
    for (;; g->columns--) {
        size_t gaps = (g->columns - 1) * GAP_BETWEEN_CELLS;
        share = (COLUMNS - g->cell_column - gaps) / g->columns;
        if (share >= needed || g->columns == 1)
            break;
    }
    if (!natural_widths(g))
        for (size_t c = 0; c < g->columns; c++)
            g->widths[c] = g->widths[c] > share ? share : g->widths[c];
}

static void draw_node_label(struct drawing *g, size_t i)
{
    const struct topology_pu *pu = &g->topology->pus[i];
    char label[32];

    if (pu->node >= 0 && (i == 0 || pu->node != g->topology->pus[i - 1].node)) {
        put(g, 0, label,
            (size_t)snprintf(label, sizeof label, "NUMA %*d", g->node_digits, pu->node));
    }
}

/* One line of PUs of a core, and as many below it as the longest of its cells needs. */
static void draw_cells(struct drawing *g, size_t begin, size_t end)
{
    const char *left[PUS_PER_LINE_MAX];
    bool more = true;

    for (size_t i = begin; i < end; i++)
        left[i - begin] = g->cells[i];
    for (bool first = true; more; first = false) {
        size_t column = g->cell_column;
        more = false;
        for (size_t i = begin; i < end; i++) {
            size_t width = g->widths[i - begin];
            char label[32];
            if (first) {
                put(g, column, label,
                    (size_t)snprintf(label, sizeof label, "PU %*d", g->pu_digits,
                                     g->topology->pus[i].os));
            }
            left[i - begin] = put_words(g, column + g->label_width, left[i - begin],
                                        width > g->label_width ? width - g->label_width : 1);
            more = more || *left[i - begin] != '\0';
            column += width + GAP_BETWEEN_CELLS;
        }
        end_line(g);
    }
}

static void draw_core(struct drawing *g, size_t begin, size_t end)
{
    const struct topology_pu *pu = &g->topology->pus[begin];
    char label[32];

    draw_node_label(g, begin);
    if (pu->core >= 0) {
        put(g, g->core_column, label,
            (size_t)snprintf(label, sizeof label, "core %*d", g->core_digits, pu->core));
    }
    for (size_t i = begin; i < end; i += g->columns)
        draw_cells(g, i, i + g->columns < end ? i + g->columns : end);
}

static void draw_empty_run(struct drawing *g, size_t begin, size_t end)
{
    const struct topology_pu *first = &g->topology->pus[begin];
    char label[64];

    draw_node_label(g, begin);
    put(g, g->core_column, label,
        (size_t)snprintf(label, sizeof label, "%s %d-%d: .", first->core >= 0 ? "cores" : "PUs",
                         core_number(first), core_number(&g->topology->pus[end - 1])));
    end_line(g);
}

static void draw_unbound(struct drawing *g)
{
    const char *left = g->unbound;

    put(g, 0, "any PU", *left != '\0' ? strlen("any PU") : 0);
    while (*left != '\0') {
        left = put_words(g, g->core_column, left, COLUMNS - g->core_column);
        end_line(g);
    }
}

void topology_draw(FILE *out, const struct topology *t, const char *const *names,
                   const struct placement_slot *slots, size_t count)
{
    struct drawing g = {.out = out, .topology = t};

    if (fill_cells(&g, names, slots, count)) {
        measure_labels(&g);
        measure_cells(&g);
        for (size_t i = 0, end; i < t->pu_count; i = end) {
            size_t cores;
            end = empty_run_end(&g, i, &cores);
            if (g.leave_out_runs && cores >= EMPTY_RUN_MIN) {
                draw_empty_run(&g, i, end);
            } else {
                end = core_end(t, i);
                draw_core(&g, i, end);
            }
        }
        draw_unbound(&g);
    }
    for (size_t i = 0; g.owned != NULL && i < t->pu_count; i++)
        free(g.owned[i]);
    free(g.owned);
    free(g.cells);
    free(g.unbound);
}
