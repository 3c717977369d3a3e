/* A script in plots/ gets all it needs as variables, set in a small program written here. Text goes
 * into single quotes, where gnuplot substitutes nothing.
 */
#include "canvas.h"

#include "torture/host/paths.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- The place for data --- */

bool canvas_open(struct canvas *c, const char *directory, json_t *made, struct diagnostics *d)
{
    const char *place = getenv("TMPDIR");

    *c = (struct canvas){.directory = directory, .made = made, .d = d};
    if (!plot_can_draw(d))
        return false;
    snprintf(c->temporary, sizeof c->temporary, "%s/stillpoint-plot-XXXXXX",
             place && *place ? place : "/tmp");
    if (mkdtemp(c->temporary))
        return true;
    diagnose(d, "%s: cannot be made: %s", c->temporary, strerror(errno));
    return false;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *at)
{
    (void)status, (void)type, (void)at;
    return remove(path);
}

void canvas_close(struct canvas *c)
{
    nftw(c->temporary, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

FILE *canvas_data(const struct canvas *c, const char *name, char **path)
{
    FILE *out = NULL;

    if (asprintf(path, "%s/%s", c->temporary, name) < 0)
        *path = NULL;
    else
        out = fopen(*path, "we");
    if (!out)
        diagnose(c->d, "%s: cannot be written: %s", c->temporary, strerror(errno));
    return out;
}

bool canvas_data_end(const struct canvas *c, FILE *out, const char *path)
{
    if (fclose(out) == 0)
        return true;
    diagnose(c->d, "%s: cannot be written: %s", path, strerror(errno));
    return false;
}

/* --- The program --- */

/* In single quotes nothing is substituted; a quote is doubled, control characters are dropped. */
static void write_quoted(FILE *out, const char *value)
{
    fputc('\'', out);
    for (const char *c = value; *c; c++) {
        if (*c == '\'')
            fputc('\'', out);
        if ((unsigned char)*c >= ' ')
            fputc(*c, out);
    }
    fputc('\'', out);
}

void canvas_text(FILE *out, const char *name, const char *value)
{
    fprintf(out, "%s = ", name);
    write_quoted(out, value);
    fputc('\n', out);
}

/* --- The picture --- */

bool canvas_keep(const struct canvas *c, const char *unfinished, const char *file)
{
    char *path;
    if (asprintf(&path, "%s/%s", c->directory, file) < 0)
        return false;
    bool kept = rename(unfinished, path) == 0;
    if (kept)
        json_array_append_new(c->made, json_string(file));
    else
        diagnose(c->d, "%s: cannot be written: %s", path, strerror(errno));
    free(path);
    return kept;
}

/* The output is made in the directory itself, under a name that begins with a dot, since only there
 * can it be renamed. */
bool canvas_draw(struct canvas *c, const char *name, const char *file, const char *format,
                 void (*variables)(void *context, FILE *out), void *context)
{
    char *house = paths_shared("plots/house.gp");
    char *script = NULL, *program = NULL, *said = NULL, *unfinished = NULL;
    char relative[96];
    snprintf(relative, sizeof relative, "plots/%s.gp", name);
    script = paths_shared(relative);
    bool drawn = false;
    FILE *out = NULL;
    if (!house || !script)
        diagnose(c->d, "%s: not found beside the program or under its prefix", relative);
    else if (asprintf(&program, "%s/program.gp", c->temporary) >= 0 &&
             asprintf(&said, "%s/said", c->temporary) >= 0 &&
             asprintf(&unfinished, "%s/.%s.%d", c->directory, file, (int)getpid()) >= 0)
        out = fopen(program, "we");
    if (out) {
        canvas_text(out, "format", format);
        canvas_text(out, "output_file", unfinished);
        canvas_text(out, "house", house);
        variables(context, out);
        fputs("load ", out);
        write_quoted(out, script);
        fputs("\nunset output\n", out);
        if (fclose(out) != 0)
            diagnose(c->d, "%s: cannot be written: %s", program, strerror(errno));
        else if (plot_gnuplot(c, program, said, unfinished, file, format))
            drawn = canvas_keep(c, unfinished, file);
        if (!drawn)
            unlink(unfinished);
    }
    free(unfinished);
    free(said);
    free(program);
    free(script);
    free(house);
    return drawn;
}
