#include "placement_xml.h"

#include "placement_plan.h"
#include "torture/record/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAMES_MAX = 4,    /* of threads on one PU; of more it has the roles, and how many each */
    FIGURES_MAX = 64, /* PUs; on a larger machine colours alone tell values */
};

/* Okabe and Ito's colours, pale enough for black letters, and then paler still. */
static const unsigned role_colours[] = {
    0x99c7e0, 0xeebf99, 0x99d8c7, 0xf5d999, 0xbbe1f6, 0xebc9dc, 0xcccccc, 0xf9f4b3,
    0xcce3f0, 0xf7dfcc, 0xccece3, 0xfaebcc, 0xddf0fa, 0xf5e4ed, 0xe5e5e5, 0xfcfad9,
};
/* From the least value to the most, in one hue, so that it is seen in grey as well. */
static const unsigned scale[] = {0xeaf3fa, 0x004c7f};

struct box {
    hwloc_obj_t below; /* a PU, or the whole machine */
    char *text;
    double value; /* NAN: none */
    unsigned colour;
};

struct sheet {
    const struct placement *p;
    const struct placement_marks *marks;
    hwloc_topology_t hwloc; /* a copy */
    size_t *roles;          /* of the threads, by their first appearance */
    struct box *boxes;
    size_t count;
    double least, most;
};

/* ---- colours ---- */

static unsigned mixed(unsigned shift, double share)
{
    double low = (scale[0] >> shift) & 0xff, high = (scale[1] >> shift) & 0xff;

    return (unsigned)lround(low + (high - low) * share) << shift;
}

static unsigned colour_of(const struct sheet *s, double value)
{
    double share = s->most > s->least ? (value - s->least) / (s->most - s->least) : 0;

    return isnan(value) ? 0xffffff : mixed(16, share) | mixed(8, share) | mixed(0, share);
}

static bool is_dark(unsigned colour)
{
    return (colour >> 16) * 3 + (colour >> 8 & 0xff) * 6 + (colour & 0xff) < 10 * 128;
}

/* ---- boxes ---- */

/* Takes the text. */
static void add_box(struct sheet *s, hwloc_obj_t below, char *text, double value, unsigned colour)
{
    s->boxes = realloc(s->boxes, (s->count + 1) * sizeof *s->boxes);
    if (s->boxes == NULL)
        abort();
    s->boxes[s->count++] = (struct box){below, text, value, colour};
}

/* With its figure, where there is room for that. */
static void add_labelled(struct sheet *s, hwloc_obj_t below, char *name, double value, size_t role)
{
    const size_t colours = sizeof role_colours / sizeof *role_colours;
    const struct placement_marks *m = s->marks;
    char figure[64];

    if (m->values != NULL && !isnan(value) && s->p->topology->pu_count <= FIGURES_MAX) {
        char *longer = text_format("%s  %s", name, m->show(value, figure));

        free(name);
        name = longer;
    }
    add_box(s, below, name, value,
            m->values != NULL ? colour_of(s, value) : role_colours[role % colours]);
}

static double value_of(const struct sheet *s, size_t thread)
{
    return s->marks->values != NULL ? s->marks->values[thread] : NAN;
}

/* All threads of one role on a PU: how many, and the mean of their values. */
static void add_role(struct sheet *s, hwloc_obj_t below, int pu, size_t first)
{
    const char *where = pu < 0 ? " (any PU)" : "";
    size_t count = 0, measured = 0;
    double sum = 0;

    for (size_t i = first; i < s->p->count; i++) {
        if (s->p->slots[i].pu != pu || s->roles[i] != s->roles[first])
            continue;
        count++;
        if (!isnan(value_of(s, i))) {
            measured++;
            sum += value_of(s, i);
        }
    }
    add_labelled(s, below,
                 count == 1 ? text_format("%s%s", s->p->names[first], where)
                            : text_format("%s x%zu%s", s->marks->roles[first], count, where),
                 measured > 0 ? sum / (double)measured : NAN, s->roles[first]);
}

/* Whether an earlier thread of that role is on the same PU. */
static bool is_further(const struct sheet *s, size_t thread)
{
    for (size_t i = 0; i < thread; i++)
        if (s->p->slots[i].pu == s->p->slots[thread].pu && s->roles[i] == s->roles[thread])
            return true;
    return false;
}

static void add_boxes_of(struct sheet *s, hwloc_obj_t below, int pu)
{
    size_t here = 0;

    for (size_t i = 0; i < s->p->count; i++)
        here += s->p->slots[i].pu == pu;
    for (size_t i = 0; i < s->p->count; i++) {
        if (s->p->slots[i].pu != pu)
            continue;
        if (here <= NAMES_MAX && pu >= 0)
            add_labelled(s, below, text_format("%s", s->p->names[i]), value_of(s, i), s->roles[i]);
        else if (!is_further(s, i))
            add_role(s, below, pu, i);
    }
    if (here == 0 && pu >= 0 && s->p->count > 0)
        add_box(s, below, text_format("."), NAN, 0xffffff);
}

/* The most, what lies in the middle, and the least, each in its colour. */
static void add_scale(struct sheet *s, hwloc_obj_t root)
{
    const struct placement_marks *m = s->marks;
    int steps = s->most > s->least ? 2 : 0;
    char figure[64];

    for (int i = 0; m->values != NULL && i <= steps; i++) {
        double value = s->most - (steps > 0 ? (s->most - s->least) * i / steps : 0);

        add_box(s, root, text_format("%s: %s", m->metric, m->show(value, figure)), value,
                colour_of(s, value));
    }
}

static void make_boxes(struct sheet *s)
{
    const struct topology *t = s->p->topology;
    hwloc_obj_t root = hwloc_get_root_obj(s->hwloc);

    for (size_t i = 0; i < t->pu_count; i++)
        add_boxes_of(s, hwloc_get_obj_by_type(s->hwloc, HWLOC_OBJ_PU, (unsigned)t->pus[i].logical),
                     t->pus[i].logical);
    add_boxes_of(s, root, -1);
    add_scale(s, root);
}

static void number_roles(struct sheet *s)
{
    size_t known = 0;

    s->roles = calloc(s->p->count + 1, sizeof *s->roles);
    if (s->roles == NULL)
        abort();
    for (size_t i = 0; i < s->p->count; i++) {
        size_t same = 0;

        while (same < i && strcmp(s->marks->roles[same], s->marks->roles[i]) != 0)
            same++;
        s->roles[i] = same < i ? s->roles[same] : known++;
    }
}

static void measure_values(struct sheet *s)
{
    s->least = INFINITY;
    s->most = -INFINITY;
    for (size_t i = 0; i < s->p->count; i++) {
        s->least =
            fmin(s->least, value_of(s, i)); /* of two numbers of which one is none: the other */
        s->most = fmax(s->most, value_of(s, i));
    }
}

/* ---- XML ---- */

/* As lstopo puts a text into SVG: as it is. Of what is not ASCII a character is a hyphen. */
static char *for_svg(const char *text, size_t length)
{
    char *safe = NULL;
    size_t size;
    FILE *out = open_memstream(&safe, &size);

    if (out == NULL)
        abort();
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '&' || c == '<' || c == '>')
            fputs(c == '&' ? "&amp;" : c == '<' ? "&lt;" : "&gt;", out);
        else if (c >= 0xc0)
            fputc('-', out);
        else if (c < 0x7f)
            fputc(c < ' ' ? ' ' : c, out);
    }
    fclose(out);
    return safe;
}

/* All as wide as the longest, so that PUs stand in columns. */
static bool put_boxes(struct sheet *s)
{
    size_t width = 0;

    for (size_t i = 0; i < s->count; i++)
        if (s->boxes[i].below->type == HWLOC_OBJ_PU && strlen(s->boxes[i].text) > width)
            width = strlen(s->boxes[i].text);
    for (size_t i = 0; i < s->count; i++) {
        const struct box *b = &s->boxes[i];
        char *wide = text_format("%-*s", (int)width, b->text);
        char *safe = for_svg(wide, strlen(wide)), style[64];
        hwloc_obj_t object = hwloc_topology_insert_misc_object(s->hwloc, b->below, safe);

        snprintf(style, sizeof style, "Background=#%06x;Text=#%s", b->colour,
                 is_dark(b->colour) ? "ffffff" : "000000");
        free(wide);
        free(safe);
        if (object == NULL || hwloc_obj_add_info(object, "lstopoStyle", style) != 0)
            return false;
    }
    return true;
}

static bool put_lines(struct sheet *s)
{
    const char *line = s->marks->lines;

    while (line != NULL && *line != '\0') {
        size_t length = strcspn(line, "\n");
        char *safe = for_svg(line, length);
        bool put = hwloc_obj_add_info(hwloc_get_root_obj(s->hwloc), "lstopoLegend", safe) == 0;

        free(safe);
        if (!put)
            return false;
        line += length + (line[length] == '\n');
    }
    return true;
}

/* The caller frees it; NULL: there is none. */
static char *export(hwloc_topology_t hwloc)
{
    char *buffer, *xml;
    int length;

    if (hwloc_topology_export_xmlbuffer(hwloc, &buffer, &length, 0) != 0)
        return NULL;
    xml = strndup(buffer, (size_t)length);
    hwloc_free_xmlbuffer(hwloc, buffer);
    return xml;
}

/* One that takes objects of ours: where they were let in from the start, the machine's memory
 * modules and the like would be among them. */
static bool copy(struct sheet *s)
{
    char *xml = export(s->p->topology->hwloc);
    bool copied = false;

    if (xml != NULL && hwloc_topology_init(&s->hwloc) == 0) {
        copied = hwloc_topology_set_type_filter(s->hwloc, HWLOC_OBJ_MISC,
                                                HWLOC_TYPE_FILTER_KEEP_ALL) == 0 &&
                 hwloc_topology_set_xmlbuffer(s->hwloc, xml, (int)strlen(xml) + 1) == 0 &&
                 hwloc_topology_load(s->hwloc) == 0;
        if (!copied)
            hwloc_topology_destroy(s->hwloc);
    }
    free(xml);
    return copied;
}

char *placement_xml(const struct placement *p, const struct placement_marks *marks,
                    struct diagnostics *d)
{
    struct sheet s = {.p = p, .marks = marks};
    char *xml = NULL;

    if (copy(&s)) {
        number_roles(&s);
        measure_values(&s);
        make_boxes(&s);
        if (put_boxes(&s) && put_lines(&s))
            xml = export(s.hwloc);
        hwloc_topology_destroy(s.hwloc);
    }
    if (xml == NULL)
        diagnose(d, "the topology cannot be made ready to be drawn (hwloc)");
    for (size_t i = 0; i < s.count; i++)
        free(s.boxes[i].text);
    free(s.boxes);
    free(s.roles);
    return xml;
}
