#include "topology_svg.h"

#include "program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The same program with and without libraries of graphics, which it does not need for SVG. */
static char *const programs[] = {"lstopo-no-graphics", "lstopo"};

/* Threads below their PUs, and nothing that is in the way of seeing them. The numbers are those of
 * the system, as in the drawing of text. */
static char *const options[] = {"--if",
                                "xml",
                                "--input",
                                "/proc/self/fd/0", /* of "-" it makes /dev/stdin */
                                "--of",
                                "nativesvg",
                                "--physical",
                                "--os-index-prefix",
                                " ",
                                "--no-index=core",
                                "--no-text=group",
                                "--no-factorize",
                                "--no-useless-caches",
                                "--no-default-legend",
                                "--children-order",
                                "memory:above,misc:below:vert",
                                "--palette",
                                "group=#f4f4f4",
                                "--palette",
                                "package=#f4f4f4",
                                "--palette",
                                "core=#e4e4e4",
                                "--palette",
                                "numanode=#e3e9ee",
                                "--palette",
                                "cache=#fafafa"};

enum { OPTION_COUNT = sizeof options / sizeof *options };

/* All that is in a file; heap, or NULL. */
static char *whole(FILE *in)
{
    char *text;
    long size;

    if (fseek(in, 0, SEEK_END) != 0 || (size = ftell(in)) < 0)
        return NULL;
    rewind(in);
    text = calloc(1, (size_t)size + 1);
    if (text != NULL && fread(text, 1, (size_t)size, in) != (size_t)size) {
        free(text);
        return NULL;
    }
    return text;
}

/* lstopo 2.9 writes "viewBox='0 0 640px 480px'", which is not SVG: some show nothing then. */
static void mend_view_box(char *svg)
{
    char *box = strstr(svg, "viewBox='"),
         *end = box ? strchr(box + strlen("viewBox='"), '\'') : NULL;

    for (char *unit; end && (unit = strstr(box, "px")) != NULL && unit < end; end -= strlen("px"))
        memmove(unit, unit + strlen("px"), strlen(unit + strlen("px")) + 1);
}

static bool is_whole(const char *svg)
{
    const char *end = svg ? strstr(svg, "</svg>") : NULL;

    return end != NULL && end[strlen("</svg>") + strspn(end + strlen("</svg>"), "\n")] == '\0';
}

/* What lstopo makes of it; heap, or NULL with a line in d. */
static char *draw(const char *program, const char *xml, const char *path, struct diagnostics *d)
{
    FILE *in = tmpfile(), *out = tmpfile(), *messages = tmpfile();
    char *arguments[OPTION_COUNT + 2] = {(char *)program}, *svg = NULL, *said = NULL;
    int code;

    memcpy(arguments + 1, options, sizeof options);
    if (!in || !out || !messages || fputs(xml, in) < 0 || fflush(in) != 0) {
        diagnose(d, "%s: not drawn: no temporary file: %s", path, strerror(errno));
    } else {
        code = program_run(arguments, fileno(in), fileno(out), fileno(messages));
        svg = whole(out);
        said = whole(messages);
        if (code != 0 || !is_whole(svg)) {
            diagnose(d, "%s: not drawn: %s failed%s%.*s", path, program, said && *said ? ": " : "",
                     said ? (int)strcspn(said, "\n") : 0, said ? said : "");
            free(svg);
            svg = NULL;
        }
    }
    free(said);
    if (in)
        fclose(in);
    if (out)
        fclose(out);
    if (messages)
        fclose(messages);
    return svg;
}

static bool write_svg(const char *svg, const char *path, struct diagnostics *d)
{
    FILE *out = fopen(path, "we");
    struct stat status;
    bool regular = out && fstat(fileno(out), &status) == 0 && S_ISREG(status.st_mode);
    bool written = out && fputs(svg, out) >= 0 && fflush(out) == 0;
    int error = errno;

    if (out && fclose(out) != 0 && written) {
        written = false;
        error = errno;
    }
    if (!written)
        diagnose(d, "%s: cannot be written: %s", path, strerror(error));
    if (!written && regular)
        unlink(path);
    return written;
}

bool topology_svg(const char *xml, const char *path, struct diagnostics *d)
{
    size_t i = program_exists(programs[0]) ? 0 : 1;
    char *svg;
    bool written;

    if (!program_exists(programs[i])) {
        diagnose(d, "%s: not drawn: lstopo is not installed (Debian package hwloc-nox)", path);
        return false;
    }
    svg = draw(programs[i], xml, path, d);
    if (!svg)
        return false;
    mend_view_box(svg);
    written = write_svg(svg, path, d);
    free(svg);
    return written;
}
