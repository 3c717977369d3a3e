#include "paths.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static const char runner_prefix[] = "runner-";

/* Directory of the running executable, or NULL. */
static char *executable_directory(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length > 0) {
        path[length] = '\0';
    } else {
        /* Without /proc: what was executed. The kernel hands pointers over as numbers. */
        const char *executed =
            (const char *)getauxval(AT_EXECFN); /* NOLINT(performance-no-int-to-ptr) */
        if (!executed || !realpath(executed, path))
            return NULL;
    }
    char *slash = strrchr(path, '/');
    slash[slash == path] = '\0';
    return strdup(path);
}

/* A new list, by precedence, of where runners may be: directories separated by colons. */
static char *runner_directories(void)
{
    const char *chosen = getenv("STILLPOINT_RUNNERS");
    char *self = executable_directory();
    char *directories = NULL;
    /* The last is for the unit tests, which are built one level below the runners. */
    if (self && asprintf(&directories, "%s:%s:%s/../lib/stillpoint:%s/..", chosen ? chosen : "",
                         self, self, self) < 0)
        directories = NULL;
    free(self);
    return directories;
}

char *paths_missing_runners(void)
{
    const char *chosen = getenv("STILLPOINT_RUNNERS");
    char *directories = chosen ? strdup(chosen) : NULL, *rest = directories, *missing = NULL;

    for (char *directory; !missing && rest && (directory = strsep(&rest, ":"));)
        if (*directory && access(directory, F_OK) != 0)
            missing = strdup(directory);
    free(directories);
    return missing;
}

char *paths_runner(const char *flavor)
{
    if (!*flavor || strchr(flavor, '/'))
        return NULL;
    char *directories = runner_directories();
    char *found = NULL, *rest = directories;
    for (char *directory; !found && rest && (directory = strsep(&rest, ":"));) {
        char *path;
        if (!*directory || asprintf(&path, "%s/%s%s", directory, runner_prefix, flavor) < 0)
            continue;
        if (access(path, X_OK) == 0)
            found = realpath(path, NULL);
        free(path);
    }
    free(directories);
    return found;
}

char *paths_shared(const char *relative)
{
    char *self = executable_directory();
    if (!self)
        return NULL;
    /* Installed; else in the source tree, with the executable in build/, build/VARIANT/ or
     * build/VARIANT/tests/. The parent that has the house style is the tree. */
    static const char *const roots[] = {"/../share/stillpoint", "/..", "/../..", "/../../.."};
    char *found = NULL;
    for (size_t i = 0; !found && i < sizeof roots / sizeof *roots; i++) {
        char *marker, *path;
        if (asprintf(&marker, "%s%s/plots/house.gp", self, roots[i]) < 0)
            break;
        if (access(marker, R_OK) == 0 && asprintf(&path, "%s%s/%s", self, roots[i], relative) > 0) {
            found = realpath(path, NULL);
            free(path);
        }
        free(marker);
    }
    free(self);
    return found;
}

static int is_runner(const struct dirent *entry)
{
    size_t prefix = sizeof runner_prefix - 1;

    return strncmp(entry->d_name, runner_prefix, prefix) == 0 && entry->d_name[prefix];
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Adds `name` to a NULL-ended list of `count`, unless it is there; returns the new count. */
static size_t add_name(char ***list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp((*list)[i], name) == 0)
            return count;
    char **longer = realloc(*list, (count + 2) * sizeof *longer);
    char *copy = strdup(name);
    if (longer)
        *list = longer;
    if (!longer || !copy) {
        free(copy);
        return count;
    }
    longer[count] = copy;
    longer[count + 1] = NULL;
    return count + 1;
}

char **paths_flavors(void)
{
    char **names = calloc(1, sizeof *names);
    size_t count = 0;
    char *directories = runner_directories();
    char *rest = directories;
    for (char *directory; names && rest && (directory = strsep(&rest, ":"));) {
        struct dirent **entries;
        int found = *directory ? scandir(directory, &entries, is_runner, NULL) : -1;
        for (int i = 0; i < found; i++) {
            const char *name = entries[i]->d_name + sizeof runner_prefix - 1;
            char *program = paths_runner(name);
            /* Else a file that a build leaves beside a runner. */
            if (program)
                count = add_name(&names, count, name);
            free(program);
            free(entries[i]);
        }
        if (found >= 0)
            free(entries);
    }
    free(directories);
    if (names)
        qsort(names, count, sizeof *names, by_name);
    return names;
}
