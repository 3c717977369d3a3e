#include "placement_draw.h"

#include "placement_plan.h"
#include "topology_draw.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void draw_memory(FILE *out, const struct placement *p)
{
    const struct topology *t = p->topology;

    if (p->memory == MEMORY_INTERLEAVE) {
        char *nodes = placement_list_nodes(t->memory, t->memory_count);
        fprintf(out, "Memory is interleaved over NUMA %s.\n", nodes != NULL ? nodes : "?");
        free(nodes);
    } else if (p->memory == MEMORY_REMOTE) {
        fputs("Memory is remote:", out);
        for (size_t i = 0; i < t->node_count; i++) {
            fprintf(out, "%s NUMA %d from %d", i > 0 ? "," : "", t->nodes[i],
                    topology_remote_node(t, t->nodes[i]));
        }
        fputs(".\n", out);
    }
}

static void write_remarks(FILE *out, const struct placement *p)
{
    draw_memory(out, p);
    if (!p->topology->this_system && !p->carried_out)
        fputs("Not this machine: planned only, nothing was bound.\n", out);
}

char *placement_remarks(const struct placement *p)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    write_remarks(out, p);
    fclose(out);
    return text;
}

char *placement_draw(const struct placement *p)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    topology_draw(out, p->topology, (const char *const *)p->names, p->slots, p->count);
    write_remarks(out, p);
    fclose(out);
    return text;
}

char *placement_text(const struct placement *p, const char *notes)
{
    char *drawing = placement_draw(p);
    char *text = NULL;
    size_t length;
    FILE *out = drawing != NULL ? open_memstream(&text, &length) : NULL;

    if (out != NULL) {
        fputs(drawing, out);
        for (const char *line = notes; line != NULL && *line != '\0';) {
            size_t line_length = strcspn(line, "\n");
            fprintf(out, "note: %.*s\n", (int)line_length, line);
            line += line_length + (line[line_length] == '\n');
        }
        fclose(out);
    }
    free(drawing);
    return text;
}

static bool put_at(struct placement *p, const char *name, int cpu)
{
    const struct topology *t = p->topology;
    struct placement_slot slot = {.pu = -1, .os_cpu = -1, .node = -1};

    for (size_t i = 0; i < t->pu_count && slot.os_cpu < 0; i++)
        if (t->pus[i].os == cpu)
            slot = (struct placement_slot){t->pus[i].logical, cpu, t->pus[i].node};
    p->names[p->count] = strdup(name);
    p->slots[p->count] = slot;
    return p->names[p->count++] != NULL && slot.os_cpu == cpu;
}

struct placement *placement_at(const char *const *names, const int *cpus, size_t count,
                               const char *synthetic, const char *where, struct diagnostics *d)
{
    struct placement *p = calloc(1, sizeof *p);
    bool ok = p != NULL && (p->topology = topology_read(synthetic, d)) != NULL;

    if (ok) {
        p->carried_out = true;
        p->names = calloc(count + 1, sizeof *p->names);
        p->slots = calloc(count + 1, sizeof *p->slots);
        ok = p->names != NULL && p->slots != NULL;
    }
    for (size_t i = 0; ok && i < count; i++) {
        ok = put_at(p, names[i], cpus[i] < 0 ? -1 : cpus[i]);
        if (!ok)
            diagnose(d, "%s: %s was on CPU %d, which is not there, or may not be used here", where,
                     names[i], cpus[i]);
    }
    if (ok)
        return p;
    placement_free(p);
    return NULL;
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
        if (own != cpu && !(own < 0 && cpu == INT_MAX))
            continue;
        if (!started) {
            fputs(ftell(out) > 0 ? "   " : "", out);
            if (cpu == INT_MAX)
                fputs("any PU ", out);
            else
                fprintf(out, "PU %d ", cpu);
            started = true;
        }
        fprintf(out, " %s", names[i]);
    }
}

/* The length of a line of groups without the last group, if that is a label without any name. */
static size_t without_bare_label(const char *text, size_t length)
{
    for (size_t i = length; i-- > 3;) {
        if (memcmp(text + i - 3, "   ", 3) == 0)
            return i - 3; /* the gap before a group: a gap before a name would have come first */
        if (memcmp(text + i - 2, "  ", 2) == 0)
            return length;
    }
    return length;
}

/* Cuts a line after a whole name and ends it with "...". */
static void shorten(char *text, size_t width)
{
    static const char dots[] = " ...";
    size_t end;

    if (strlen(text) <= width || width < sizeof dots)
        return;
    end = width - strlen(dots);
    while (end > 0 && text[end] != ' ')
        end--;
    while (end > 0 && text[end - 1] == ' ')
        end--;
    memcpy(text + without_bare_label(text, end), dots, sizeof dots);
}

char *placement_line(const struct placement *p, const char *const *names, size_t count,
                     size_t width)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    for (int cpu = -1; cpu != INT_MAX;) {
        cpu = next_cpu(p, count, cpu);
        write_group(out, p, names, count, cpu);
    }
    fclose(out);
    if (text != NULL)
        shorten(text, width);
    return text;
}
