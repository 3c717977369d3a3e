/* The process that draws a picture, and whether it did. */
#include "canvas.h"

#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Runs gnuplot on a program file; its messages are in `said` afterwards. As program_run(). */
static int run_gnuplot(const char *program, const char *said)
{
    char *arguments[] = {"gnuplot", "--default-settings", (char *)program, NULL};
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int out = open(said, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int code = in >= 0 && out >= 0 ? program_run(arguments, in, out, out) : 127;

    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return code;
}

/* The first of its messages, without "line 7: " being asked for. */
static void first_words(const char *said, char *line, int size)
{
    FILE *in = fopen(said, "re");

    *line = '\0';
    while (in && fgets(line, size, in) && !strstr(line, "line ")) {
    }
    if (in)
        fclose(in);
    line[strcspn(line, "\n")] = '\0';
}

/* gnuplot does not notice that its output could not be written: a whole file ends as its format
 * does. */
static bool is_whole(const char *path, const char *format)
{
    static const struct {
        const char *format, *end;
        size_t length;
    } ends[] = {{"svg", "</svg>", 6}, {"png", "IEND\xae\x42\x60\x82", 8}};
    char tail[64] = "";
    FILE *in = fopen(path, "re");
    size_t length = 0;

    if (in && (fseek(in, -(long)sizeof tail, SEEK_END) == 0 || fseek(in, 0, SEEK_SET) == 0))
        length = fread(tail, 1, sizeof tail, in);
    if (in)
        fclose(in);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (strcmp(ends[i].format, format) == 0)
            return memmem(tail, length, ends[i].end, ends[i].length) != NULL;
    return false;
}

bool plot_gnuplot(const struct canvas *c, const char *program, const char *said,
                  const char *unfinished, const char *file, const char *format)
{
    int code = run_gnuplot(program, said);
    char line[256];

    if (code == 0 && is_whole(unfinished, format))
        return true;
    first_words(said, line, sizeof line);
    if (code < 0)
        diagnose(c->d, "%s/%s: not drawn: gnuplot was killed by signal %d (%s)", c->directory, file,
                 -code, strsignal(-code));
    else if (code == 0 && !*line)
        diagnose(c->d, "%s/%s: could not be written whole, and was removed; is the disk full?",
                 c->directory, file);
    else
        diagnose(c->d, "gnuplot could not draw %s%s%s", file, *line ? ": " : "", line);
    return false;
}

/* For nftw(): stops at the first font. */
static int stop_at_font(const char *path, const struct stat *status, int type, struct FTW *at)
{
    (void)status, (void)at;
    const char *dot = strrchr(path, '.');
    return type == FTW_F && dot && (strcmp(dot, ".ttf") == 0 || strcmp(dot, ".otf") == 0);
}

/* Without any font gnuplot draws pictures without text, and without an error. */
static bool have_font(void)
{
    static const char *const places[] = {"/usr/share/fonts", "/usr/local/share/fonts"};
    static const char *const homes[] = {".fonts", ".local/share/fonts"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (nftw(places[i], stop_at_font, 8, FTW_PHYS) == 1)
            return true;
    const char *home = getenv("HOME");
    for (size_t i = 0; home && i < sizeof homes / sizeof *homes; i++) {
        char *place;
        if (asprintf(&place, "%s/%s", home, homes[i]) >= 0) {
            bool found = nftw(place, stop_at_font, 8, FTW_PHYS) == 1;
            free(place);
            if (found)
                return true;
        }
    }
    return false;
}

bool plot_can_draw(struct diagnostics *d)
{
    if (!program_exists("gnuplot"))
        diagnose(d, "no pictures: gnuplot is not installed (Debian package gnuplot-nox)");
    else if (!have_font())
        diagnose(d, "no pictures: there is no font, so they would have no text (Debian package "
                    "fonts-dejavu-core)");
    else
        return true;
    return false;
}
