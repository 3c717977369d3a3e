#include "document.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB             ((size_t)1 << 20)
#define WRITTEN_BY_HAND 4
#define RESULT          1024 /* hundreds of runs, each with its time series */

/* What is wrong with an open file that should hold a document, or NULL. */
static const char *file_objection(int file)
{
    struct stat status;

    if (fstat(file, &status))
        return strerror(errno);
    if (S_ISDIR(status.st_mode))
        return "is a directory, not a file";
    return NULL;
}

static ssize_t read_all(int file, char *text, size_t size)
{
    size_t length = 0;

    while (length < size) {
        ssize_t got = read(file, text + length, size - length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (!got)
            break;
        length += (size_t)got;
    }
    return (ssize_t)length;
}

/* The contents of the file (heap), or NULL with a line in d. */
static char *file_read(const char *path, size_t most_mib, size_t *length, struct diagnostics *d)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0) {
        diagnose(d, "%s: cannot be read: %s", path, strerror(errno));
        return NULL;
    }
    const char *objection = file_objection(file);
    char *text = objection ? NULL : malloc(most_mib * MIB), larger[48];
    ssize_t got = text ? read_all(file, text, most_mib * MIB) : -1;

    snprintf(larger, sizeof larger, "is larger than %zu MiB", most_mib);
    if (!objection && got < 0)
        objection = strerror(errno);
    else if (!got)
        objection = "is empty";
    else if ((size_t)got == most_mib * MIB)
        objection = larger;
    close(file);
    *length = (size_t)got;
    if (!objection)
        return text;
    diagnose(d, "%s: %s", path, objection);
    free(text);
    return NULL;
}

static json_t *read_object(const char *path, size_t most_mib, struct diagnostics *d)
{
    size_t length;
    char *text = file_read(path, most_mib, &length, d);
    const struct document doc = {.file = path, .d = d};
    json_error_t error;

    if (!text)
        return NULL;
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);

    free(text);
    if (!root) {
        diagnose(d, "%s:%d:%d: %s", path, error.line, error.column, error.text);
    } else if (!json_is_object(root)) {
        document_wrong_type(&doc, "", "an object", root);
        json_decref(root);
        root = NULL;
    }
    return root;
}

json_t *document_read(const char *path, struct diagnostics *d)
{
    return read_object(path, WRITTEN_BY_HAND, d);
}

json_t *document_read_result(const char *path, struct diagnostics *d)
{
    return read_object(path, RESULT, d);
}
