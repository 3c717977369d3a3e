/* One picture after another in a directory: gnuplot programs, their data, and what became of them;
 * canvas.c. */
#ifndef STILLPOINT_CANVAS_H
#define STILLPOINT_CANVAS_H

#include "torture/record/diagnostics.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct canvas {
    const char *directory;
    char temporary[4096]; /* where data files are */
    json_t *made;         /* names of the files made, appended to */
    struct diagnostics *d;
};

/* False with a line in d: gnuplot or a font is missing, or there is no place for data. */
bool canvas_open(struct canvas *c, const char *directory, json_t *made, struct diagnostics *d);
/* Removes the data. */
void canvas_close(struct canvas *c);

/* A file for data, open, and its path on the heap; NULL with a line in d. */
FILE *canvas_data(const struct canvas *c, const char *name, char **path);
/* Closes it; false with a line in d when it is not whole. */
bool canvas_data_end(const struct canvas *c, FILE *out, const char *path);
/* Sets a variable of the program to a text, in which gnuplot substitutes nothing. */
void canvas_text(FILE *out, const char *name, const char *value);

/* Draws `file` in the directory, as svg or png, by plots/NAME.gp, for which `variables` sets what
 * it needs. False with a line in d; nothing half-written is left. */
bool canvas_draw(struct canvas *c, const char *name, const char *file, const char *format,
                 void (*variables)(void *context, FILE *out), void *context);

/* Moves a finished file to its name in the directory, and lists it; false with a line in d. */
bool canvas_keep(const struct canvas *c, const char *unfinished, const char *file);

/* plot_gnuplot.c. Whether there is what draws; else a line in d. */
bool plot_can_draw(struct diagnostics *d);
/* plot_gnuplot.c. False with a line in d, unless `unfinished`, which is to become `file`, is
 * whole. */
bool plot_gnuplot(const struct canvas *c, const char *program, const char *said,
                  const char *unfinished, const char *file, const char *format);

#endif
