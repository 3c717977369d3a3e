/* The machine, read with hwloc, and drawn as text. */
#include "topology.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

/* hwloc builds a tree of any size that it is asked for: 64 thousand PUs take it 13 s. */
#define SYNTHETIC_PUS_MAX 16384

/* The product of the level widths of a synthetic description, SYNTHETIC_PUS_MAX + 1 at most.
 * Attributes in parentheses and attached objects in brackets are no levels. */
static unsigned long synthetic_size(const char *text)
{
    unsigned long size = 1;
    int depth = 0;

    for (const char *c = text; *c != '\0'; c++) {
        depth += (*c == '(' || *c == '[') - (*c == ')' || *c == ']');
        bool starts_number = isdigit((unsigned char)*c) &&
                             (c == text || c[-1] == ':' || isspace((unsigned char)c[-1]));
        if (depth != 0 || !starts_number) {
            continue;
        }
        unsigned long width = strtoul(c, NULL, 10);
        if (width > SYNTHETIC_PUS_MAX / size) {
            return SYNTHETIC_PUS_MAX + 1;
        }
        size *= width != 0 ? width : 1;
    }
    return size;
}

static bool load(struct topology *t, const char *synthetic, struct diagnostics *d)
{
    if (hwloc_topology_init(&t->hwloc) != 0) {
        t->hwloc = NULL;
        diagnose(d, "the topology library (hwloc) does not start");
        return false;
    }
    if (synthetic != NULL && synthetic_size(synthetic) > SYNTHETIC_PUS_MAX) {
        diagnose(d, "--synthetic \"%s\": more than %d PUs", synthetic, SYNTHETIC_PUS_MAX);
        return false;
    }
    if (synthetic != NULL && hwloc_topology_set_synthetic(t->hwloc, synthetic) != 0) {
        diagnose(d, "--synthetic \"%s\": not a topology (as in \"numa:2 core:8 pu:2\", pu last)",
                 synthetic);
        return false;
    }
    if (hwloc_topology_load(t->hwloc) != 0) {
        diagnose(d, "the topology of this machine cannot be read (hwloc)");
        return false;
    }
    t->this_system = hwloc_topology_is_thissystem(t->hwloc);
    return true;
}

static int ascending(const void *left, const void *right)
{
    int a = *(const int *)left, b = *(const int *)right;
    return (a > b) - (a < b);
}

static bool read_nodes(struct topology *t)
{
    hwloc_obj_t node = NULL;
    int count = hwloc_get_nbobjs_by_type(t->hwloc, HWLOC_OBJ_NUMANODE);

    t->nodes = calloc(count > 0 ? (size_t)count : 1, sizeof *t->nodes);
    if (t->nodes == NULL) {
        return false;
    }
    while ((node = hwloc_get_next_obj_by_type(t->hwloc, HWLOC_OBJ_NUMANODE, node)) != NULL) {
        t->nodes[t->node_count++] = (int)node->os_index;
    }
    qsort(t->nodes, t->node_count, sizeof *t->nodes, ascending);
    return true;
}

/* The NUMA node nearest to a PU: of all that reach it the one that reaches the fewest others, and
 * of those the first (plain memory comes before special memory). */
static int node_of(const struct topology *t, unsigned os)
{
    hwloc_obj_t node = NULL, nearest = NULL;

    while ((node = hwloc_get_next_obj_by_type(t->hwloc, HWLOC_OBJ_NUMANODE, node)) != NULL) {
        if (hwloc_bitmap_isset(node->cpuset, os) &&
            (nearest == NULL ||
             hwloc_bitmap_weight(node->cpuset) < hwloc_bitmap_weight(nearest->cpuset))) {
            nearest = node;
        }
    }
    return nearest != NULL ? (int)nearest->os_index : -1;
}

static int compact(const void *left, const void *right)
{
    const struct topology_pu *a = left, *b = right;
    if (a->node != b->node) {
        return a->node < b->node ? -1 : 1;
    }
    return (a->logical > b->logical) - (a->logical < b->logical);
}

/* Without a core level every PU is a core of its own. */
static bool same_core(const struct topology_pu *a, const struct topology_pu *b)
{
    return a->node == b->node && a->core >= 0 && a->core == b->core;
}

static void rank(struct topology *t)
{
    for (size_t i = 1; i < t->pu_count; i++) {
        const struct topology_pu *last = &t->pus[i - 1];
        struct topology_pu *pu = &t->pus[i];
        bool new_node = pu->node != last->node, new_core = !same_core(pu, last);

        pu->node_rank = last->node_rank + new_node;
        pu->core_rank = new_node ? 0 : last->core_rank + new_core;
        pu->pu_rank = new_core ? 0 : last->pu_rank + 1;
    }
}

static bool read_pus(struct topology *t)
{
    hwloc_bitmap_t allowed = hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(t->hwloc));
    hwloc_bitmap_t bound = hwloc_bitmap_alloc();
    int count = hwloc_get_nbobjs_by_type(t->hwloc, HWLOC_OBJ_PU);
    hwloc_obj_t pu = NULL;

    t->pus = calloc(count > 0 ? (size_t)count : 1, sizeof *t->pus);
    if (t->pus != NULL && allowed != NULL && bound != NULL) {
        if (t->this_system && hwloc_get_cpubind(t->hwloc, bound, HWLOC_CPUBIND_THREAD) == 0) {
            hwloc_bitmap_and(allowed, allowed, bound);
        }
        while ((pu = hwloc_get_next_obj_by_type(t->hwloc, HWLOC_OBJ_PU, pu)) != NULL) {
            hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(t->hwloc, HWLOC_OBJ_CORE, pu);
            if (hwloc_bitmap_isset(allowed, pu->os_index)) {
                t->pus[t->pu_count++] =
                    (struct topology_pu){.logical = (int)pu->logical_index,
                                         .os = (int)pu->os_index,
                                         .core = core != NULL ? (int)core->logical_index : -1,
                                         .node = node_of(t, pu->os_index)};
            }
        }
        qsort(t->pus, t->pu_count, sizeof *t->pus, compact);
        rank(t);
    }
    hwloc_bitmap_free(allowed);
    hwloc_bitmap_free(bound);
    return t->pu_count > 0;
}

struct topology *topology_read(const char *synthetic, struct diagnostics *d)
{
    struct topology *t = calloc(1, sizeof *t);

    if (t == NULL) {
        diagnose(d, "out of memory");
        return NULL;
    }
    if (!load(t, synthetic, d)) {
        topology_free(t);
        return NULL;
    }
    if (!read_nodes(t) || !read_pus(t)) {
        diagnose(d, "the topology of this machine shows no CPU that is allowed here");
        topology_free(t);
        return NULL;
    }
    return t;
}

void topology_free(struct topology *t)
{
    if (t == NULL) {
        return;
    }
    if (t->hwloc != NULL) {
        hwloc_topology_destroy(t->hwloc);
    }
    free(t->pus);
    free(t->nodes);
    free(t);
}

/* ---- drawing ---- */

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
    if (length == 0) {
        return;
    }
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
        if (more > width) {
            break;
        }
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

    if (out == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (slots[i].pu == pu) {
            fprintf(out, "%s%s", ftell(out) > 0 ? " " : "", names[i]);
        }
    }
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
    if (g->cells == NULL || g->owned == NULL || g->unbound == NULL) {
        return false;
    }
    for (size_t i = 0; i < t->pu_count; i++) {
        g->owned[i] = join(names, slots, count, t->pus[i].logical);
        if (g->owned[i] == NULL) {
            return false;
        }
        g->cells[i] = *g->owned[i] != '\0' ? g->owned[i] : ".";
    }
    return true;
}

/* The end of the core that begins at PU i. */
static size_t core_end(const struct topology *t, size_t i)
{
    size_t end = i + 1;

    while (end < t->pu_count && same_core(&t->pus[i], &t->pus[end])) {
        end++;
    }
    return end;
}

static bool core_is_empty(const struct drawing *g, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        if (*g->owned[i] != '\0') {
            return false;
        }
    }
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
    for (size_t c = 0; c < g->columns; c++) {
        total += g->widths[c];
    }
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
        if (t->pus[i].pu_rank >= g->columns && g->columns < PUS_PER_LINE_MAX) {
            g->columns++;
        }
    }
    if (natural_widths(g)) {
        return;
    }
    for (;; g->columns--) {
        size_t gaps = (g->columns - 1) * GAP_BETWEEN_CELLS;
        share = (COLUMNS - g->cell_column - gaps) / g->columns;
        if (share >= needed || g->columns == 1) {
            break;
        }
    }
    if (!natural_widths(g)) {
        for (size_t c = 0; c < g->columns; c++) {
            g->widths[c] = g->widths[c] > share ? share : g->widths[c];
        }
    }
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

    for (size_t i = begin; i < end; i++) {
        left[i - begin] = g->cells[i];
    }
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
    for (size_t i = begin; i < end; i += g->columns) {
        draw_cells(g, i, i + g->columns < end ? i + g->columns : end);
    }
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
    for (size_t i = 0; g.owned != NULL && i < t->pu_count; i++) {
        free(g.owned[i]);
    }
    free(g.owned);
    free(g.cells);
    free(g.unbound);
}

/* ---- plans as text ---- */

char *topology_text(json_t *config, const char *const *names, const char *const *roles,
                    size_t count, const char *synthetic, const char *where, struct diagnostics *d)
{
    struct diagnostics notes = {0};
    struct placement *p = placement_plan(config, names, roles, count, synthetic, where, &notes, d);
    char *drawing = p != NULL ? placement_draw(p) : NULL;
    char *text = NULL;
    size_t length;
    FILE *out = drawing != NULL ? open_memstream(&text, &length) : NULL;

    if (out != NULL) {
        fputs(drawing, out);
        for (const char *line = notes.text; line != NULL && *line != '\0';) {
            size_t line_length = strcspn(line, "\n");
            fprintf(out, "note: %.*s\n", (int)line_length, line);
            line += line_length + (line[line_length] == '\n');
        }
        fclose(out);
    }
    free(drawing);
    diagnostics_free(&notes);
    placement_free(p);
    return text;
}

/* The lowest CPU above `above` that has a thread; INT_MAX stands for no CPU, after all others. */
static int next_cpu(const struct placement *p, size_t count, int above)
{
    int next = INT_MAX;

    for (size_t i = 0; i < count; i++) {
        int cpu = placement_slot(p, i)->os_cpu;
        next = cpu > above && cpu < next ? cpu : next;
    }
    return next;
}

static void write_group(FILE *out, const struct placement *p, const char *const *names,
                        size_t count, int cpu)
{
    bool started = false;

    for (size_t i = 0; i < count; i++) {
        int own = placement_slot(p, i)->os_cpu;
        if (own != cpu && !(own < 0 && cpu == INT_MAX)) {
            continue;
        }
        if (!started) {
            fputs(ftell(out) > 0 ? "   " : "", out);
            if (cpu == INT_MAX) {
                fputs("any PU ", out);
            } else {
                fprintf(out, "PU %d ", cpu);
            }
            started = true;
        }
        fprintf(out, " %s", names[i]);
    }
}

/* The length of a line of groups without the last group, if that is a label without any name. */
static size_t without_bare_label(const char *text, size_t length)
{
    for (size_t i = length; i-- > 3;) {
        if (memcmp(text + i - 3, "   ", 3) == 0) {
            return i - 3; /* the gap before a group: a gap before a name would have come first */
        }
        if (memcmp(text + i - 2, "  ", 2) == 0) {
            return length;
        }
    }
    return length;
}

/* Cuts a line after a whole name and ends it with "...". */
static void shorten(char *text, size_t width)
{
    static const char dots[] = " ...";
    size_t end;

    if (strlen(text) <= width || width < sizeof dots) {
        return;
    }
    end = width - strlen(dots);
    while (end > 0 && text[end] != ' ') {
        end--;
    }
    while (end > 0 && text[end - 1] == ' ') {
        end--;
    }
    memcpy(text + without_bare_label(text, end), dots, sizeof dots);
}

char *topology_line(const struct placement *p, const char *const *names, size_t count, size_t width)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL) {
        return NULL;
    }
    for (int cpu = -1; cpu != INT_MAX;) {
        cpu = next_cpu(p, count, cpu);
        write_group(out, p, names, count, cpu);
    }
    fclose(out);
    if (text != NULL) {
        shorten(text, width);
    }
    return text;
}
