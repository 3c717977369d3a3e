/* Starts the runner of one run: its descriptors, its environment, its process. */
#include "execution_parts.h"

#include "torture/host/paths.h"
#include "torture/placement/threads.h"
#include "torture/record/clock.h"
#include "torture/record/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHILD_CONFIG_FD 3
#define CHILD_EVENTS_FD 4
#define CHILD_SHARED_FD 5

/* A file without a name, in memory; where the system has no call for that, or a sandbox refuses it,
 * in /dev/shm or the directory of the results. */
static int unnamed_file(const struct execution *e, const char *what)
{
    int fd = memfd_create(what, MFD_CLOEXEC), refused = errno;
    const char *const directories[] = {"/dev/shm", e->inv->output->directory};

    if (fd < 0 && refused != ENOSYS && refused != EPERM && refused != EACCES)
        return fd;
    for (size_t i = 0; fd < 0 && i < sizeof directories / sizeof *directories; i++)
        fd = open(directories[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    errno = refused;
    return fd;
}

static int config_fd(const struct execution *e)
{
    char *text = json_dumps(e->plan->config, JSON_COMPACT);
    int fd = unnamed_file(e, "stillpoint-config");
    size_t length = text ? strlen(text) : 0;

    if (fd >= 0 && (write(fd, text, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        fd = -1;
    }
    free(text);
    return fd;
}

/* The environment of the runner: ours, with the choice of the fence. */
static char **runner_environment(bool full_fence)
{
    size_t n = 0, kept = 0;
    char **copy;

    while (environ[n])
        n++;
    copy = calloc(n + 2, sizeof *copy);
    for (size_t i = 0; copy && i < n; i++)
        if (!full_fence || strncmp(environ[i], "STILLPOINT_FENCE=", 17) != 0)
            copy[kept++] = environ[i];
    if (copy && full_fence)
        copy[kept] = (char *)"STILLPOINT_FENCE=full";
    return copy;
}

/* Where sessions share the CPUs (the scheduler's autogroups), a session of its own leaves half of
 * them to us, whatever the number of its threads: thousands in ours left us a turn in many seconds.
 * Of few threads it is the other way round: beside a busy machine we waited for 2.8 of 3 s. */
static bool is_crowd(const struct execution *e)
{
    enum { CROWD = 256 };
    struct planned_thread *threads;
    size_t count = plan_threads(e->plan->config, &threads);

    free(threads);
    return count > CROWD;
}

/* Signals as a fresh process has them, whatever our parent or we ourselves made of ours. */
static void set_attributes(posix_spawnattr_t *attributes, const struct execution *e)
{
    short apart = is_crowd(e) ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
    /* Apart from us: a Ctrl-C in the terminal is for us, who then stop it. */
    posix_spawnattr_setflags(attributes, (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                 (e->inv->gdb ? 0 : apart)));
}

/* gdb keeps the terminal; a runner has none, and what it prints goes to its log. */
static void set_descriptors(const struct execution *e, posix_spawn_file_actions_t *actions,
                            int config, int events_write)
{
    posix_spawn_file_actions_adddup2(actions, config, CHILD_CONFIG_FD);
    posix_spawn_file_actions_adddup2(actions, events_write, CHILD_EVENTS_FD);
    posix_spawn_file_actions_adddup2(actions, e->shared_fd, CHILD_SHARED_FD);
    if (e->inv->gdb)
        return;
    posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(actions, e->errors_fd, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(actions, e->errors_fd, STDERR_FILENO);
}

/* The command that hides real-time signals from gdb: kicks of vCPUs, and requests for stacks. Heap.
 */
static char *gdb_let_through(void)
{
    char *text = text_format("handle");

    for (int signal = SIGRTMIN; signal <= SIGRTMAX; signal++) {
        char *name = text_format(" SIG%d", signal);

        text = text_append(text, name);
        free(name);
    }
    return text_append(text, " nostop noprint pass");
}

static bool spawn_runner(struct execution *e, const char *path, int config, int events_write)
{
    char config_text[12], events_text[12], shared_text[12], duration_text[24];
    char *let_through = gdb_let_through();
    char *plain[] = {(char *)path, (char *)"--run", config_text, events_text,
                     shared_text,  duration_text,   NULL};
    char *gdb[] = {
        (char *)"gdb",    (char *)"-q",  (char *)"-ex",   (char *)"set breakpoint pending on",
        (char *)"-ex",    let_through,   (char *)"-ex",   (char *)"break torture_finding_made",
        (char *)"-ex",    (char *)"run", (char *)"-ex",   (char *)"backtrace",
        (char *)"--args", (char *)path,  (char *)"--run", config_text,
        events_text,      shared_text,   duration_text,   NULL};
    char **environment = runner_environment(e->settings.fence == FENCE_FULL);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error;

    snprintf(config_text, sizeof config_text, "%d", CHILD_CONFIG_FD);
    snprintf(events_text, sizeof events_text, "%d", CHILD_EVENTS_FD);
    snprintf(shared_text, sizeof shared_text, "%d", CHILD_SHARED_FD);
    /* Under gdb a person ends it. */
    snprintf(duration_text, sizeof duration_text, "%lld",
             e->inv->gdb ? 0LL : (long long)e->settings.duration_ns);
    posix_spawn_file_actions_init(&actions);
    set_descriptors(e, &actions, config, events_write);
    posix_spawnattr_init(&attributes);
    set_attributes(&attributes, e);
    error = environment ? posix_spawnp(&e->pid, e->inv->gdb ? "gdb" : path, &actions, &attributes,
                                       e->inv->gdb ? gdb : plain, environment)
                        : ENOMEM;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    free(environment);
    free(let_through);
    if (error && e->inv->gdb)
        diagnose(e->d, "gdb: cannot be started: %s; install the package gdb", strerror(error));
    else if (error)
        diagnose_refused(e->d, error, "posix_spawn", "%s: cannot be started", path);
    return error == 0;
}

/* Descriptors above those that the child gets, so that no dup2 overwrites one. */
static int move_up(int fd)
{
    int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 16);
    /* EINVAL: the limit is no higher than that. */
    int error = fd >= 0 && moved < 0 && errno == EINVAL ? EMFILE : errno;

    if (fd >= 0)
        close(fd);
    errno = error;
    return moved;
}

static bool open_errors(struct execution *e)
{
    if (asprintf(&e->errors_path, "%s/%s-%u.log", e->inv->output->directory,
                 e->inv->aside ? "floor" : "runner", e->inv->run) < 0) {
        e->errors_path = NULL;
        return false;
    }
    e->errors_fd =
        move_up(open(e->errors_path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666));
    return e->errors_fd >= 0;
}

/* The call that failed, with its error in errno; NULL: all are there. */
static const char *make_descriptors(struct execution *e, int *config, int *events_write)
{
    int ends[2];

    if (!open_errors(e))
        return "open";
    *config = move_up(config_fd(e));
    if (*config < 0)
        return "memfd_create";
    e->shared_fd = move_up(unnamed_file(e, "stillpoint-shared"));
    if (e->shared_fd < 0)
        return "memfd_create";
    if (pipe2(ends, O_CLOEXEC) != 0)
        return "pipe2";
    e->events_fd = move_up(ends[0]);
    *events_write = move_up(ends[1]);
    return e->events_fd >= 0 && *events_write >= 0 && fcntl(e->events_fd, F_SETFL, O_NONBLOCK) == 0
               ? NULL
               : "fcntl";
}

bool execution_start(struct execution *e)
{
    char *path = paths_runner(e->plan->flavor);
    int events_write = -1, config = -1;
    const char *refused;
    bool ok;

    if (!path) {
        diagnose(e->d, "no runner for flavor \"%s\"; `stillpoint list` names those that exist",
                 e->plan->flavor);
        return false;
    }
    refused = make_descriptors(e, &config, &events_write);
    if (refused)
        diagnose_refused(e->d, errno, refused, "cannot prepare a run");
    ok = !refused && spawn_runner(e, path, config, events_write);
    patience_begin(&e->patience, e->pid, clock_monotonic_ns());
    if (config >= 0)
        close(config);
    if (events_write >= 0)
        close(events_write);
    if (!ok && e->errors_path)
        unlink(e->errors_path);
    free(path);
    return ok;
}
