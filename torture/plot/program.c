#include "program.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_executable(const char *directory, size_t length, const char *name)
{
    char *path;
    if (asprintf(&path, "%.*s/%s", (int)length, directory, name) < 0)
        return false;
    bool found = access(path, X_OK) == 0;
    free(path);
    return found;
}

bool program_exists(const char *name)
{
    const char *path = getenv("PATH");
    for (const char *at = path ? path : "/usr/bin:/bin"; *at;) {
        size_t length = strcspn(at, ":");
        if (is_executable(at, length, name))
            return true;
        at += length + (at[length] == ':');
    }
    return false;
}

int program_run(char *const *arguments, int in, int out, int messages)
{
    const int descriptors[] = {in, out, messages};
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions), status;
    pid_t child;

    if (error != 0)
        return 127;
    for (int i = 0; i < 3; i++)
        posix_spawn_file_actions_adddup2(&actions, descriptors[i], i);
    error = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
        return 127;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return 127;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
