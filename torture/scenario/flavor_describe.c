/* What a flavor's runner can do: runs `runner-NAME --describe` and reads the JSON.
 *
 * {"name": "...", "summary": "...", "capabilities": ["synchronize", ...],
 *  "settings": [{"name", "type", "default", "min", "max", "unit", "choices", "help"}, ...],
 *  "statistics": ["gps", ...], "words": {"gps_forced": "forced quiescent state", ...},
 *  "missing": {"kvm": "/dev/kvm: Permission denied; ...", ...}}
 *
 * A setting's limits are numbers (nanoseconds for a duration) or, for a duration, text as "10ms".
 * Choices are a list, or one string with spaces between. "missing" has why this machine does not
 * offer a capability that another one would. Everything but name and type may be absent.
 */
#include "flavor_describe.h"
#include "nearest_name.h"
#include "scenario.h"
#include "torture/host/paths.h"
#include "torture/record/cpu_wait.h"
#include "torture/record/duration.h"
#include "torture/record/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DESCRIBE_TIMEOUT_MS = 10000, DESCRIBE_MAX_BYTES = 1 << 20 };

/* A step of the wait, and the most that one counts for: a longer one was spent without a CPU
 * here. */
enum { STEP_MS = 100, LONGEST_STEP_MS = 250 };

/* --- Running it --------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Starts the program with its output on *output; an error number, or 0. */
static int describe_start(const char *program, pid_t *pid, int *output)
{
    posix_spawn_file_actions_t actions;
    char *const arguments[] = {(char *)program, (char *)"--describe", NULL};
    int ends[2];

    if (pipe(ends))
        return errno;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    int error = posix_spawn(pid, program, &actions, NULL, arguments, environ);

    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (error)
        close(ends[0]);
    *output = ends[0];
    return error;
}

/* The time that the program had to answer: what it waited for a CPU counts a tenth, so that beside
 * many busy threads it is not taken for one that hangs. */
struct patience {
    pid_t pid;
    int64_t last_ms, used_ms;
    struct cpu_wait wait; /* of its only thread, at the last step */
};

static bool is_over(struct patience *p)
{
    int64_t now = now_ms(), step = now - p->last_ms, waited;

    if (step > LONGEST_STEP_MS)
        step = LONGEST_STEP_MS;
    waited = cpu_wait_since(&p->wait, p->pid, p->pid, step * 1000000) / 1000000;
    p->used_ms += waited < step - step / 10 ? step - waited : step / 10;
    p->last_ms = now;
    return p->used_ms >= DESCRIBE_TIMEOUT_MS;
}

/* Reads until the other end closes. False when that takes too long or gives too much. */
static bool describe_read(pid_t pid, int output, char *text, size_t size, size_t *length)
{
    struct patience patience = {.pid = pid, .last_ms = now_ms()};

    for (*length = 0; *length < size;) {
        struct pollfd ready = {output, POLLIN, 0};

        if (now_ms() - patience.last_ms >= STEP_MS && is_over(&patience))
            return false;
        if (poll(&ready, 1, STEP_MS) <= 0)
            continue;
        ssize_t got = read(output, text + *length, size - *length);

        if (got == 0)
            return true;
        if (got > 0)
            *length += (size_t)got;
        else if (errno != EINTR)
            return false;
    }
    return false;
}

/* The status that waitpid() gives. Blocks until the process has ended. */
static int describe_wait(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* What the program printed (heap), or NULL with a line in d. */
static char *describe_output(const char *program, size_t *length, struct diagnostics *d)
{
    pid_t pid = 0;
    int output = -1;
    int error = describe_start(program, &pid, &output);

    if (error) {
        diagnose_refused(d, error, "posix_spawn", "%s: cannot be started", program);
        return NULL;
    }
    char *text = malloc(DESCRIBE_MAX_BYTES);
    bool whole = text && describe_read(pid, output, text, DESCRIBE_MAX_BYTES, length);

    if (!whole)
        kill(pid, SIGKILL);
    close(output);
    int status = describe_wait(pid);

    if (!whole)
        diagnose(d, "%s --describe: no end of its description within %d s and %d bytes", program,
                 DESCRIBE_TIMEOUT_MS / 1000, DESCRIBE_MAX_BYTES);
    else if (WIFSIGNALED(status))
        diagnose(d, "%s --describe: killed by signal %d (%s)", program, WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status))
        diagnose(d, "%s --describe: ended with status %d", program, WEXITSTATUS(status));
    else
        return text;
    free(text);
    return NULL;
}

/* --- Reading it --------------------------------------------------------------------------- */

static bool setting_type(const char *name, enum option_type *type)
{
    static const char *const names[] = {
        [OPTION_BOOL] = "bool",         [OPTION_INT] = "int",       [OPTION_REAL] = "real",
        [OPTION_DURATION] = "duration", [OPTION_CHOICE] = "choice", [OPTION_STRING] = "string",
    };

    for (size_t i = 0; name && i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(names[i], name)) {
            *type = (enum option_type)i;
            return true;
        }
    return false;
}

static double setting_limit(json_t *value)
{
    int64_t ns;

    if (json_is_string(value) && duration_parse(json_string_value(value), &ns))
        return (double)ns;
    return json_number_value(value);
}

/* Keeps a text for as long as the description: in the JSON that owns all its strings. */
static const char *keep_text(json_t *owner, const char *text)
{
    json_t *kept = json_object_get(owner, "kept");

    if (!kept) {
        kept = json_array();
        json_object_set_new(owner, "kept", kept);
    }
    json_array_append_new(kept, json_string(text));
    return json_string_value(json_array_get(kept, json_array_size(kept) - 1));
}

/* The default as text, whatever JSON type it came in. */
static const char *setting_default(const struct option *option, json_t *value, json_t *owner)
{
    static const char *const none[] = {
        [OPTION_BOOL] = "false",  [OPTION_INT] = "0",   [OPTION_REAL] = "0",
        [OPTION_DURATION] = "0s", [OPTION_CHOICE] = "", [OPTION_STRING] = "",
    };
    if (json_is_string(value))
        return json_string_value(value);
    if (!value || json_is_null(value))
        return none[option->type];
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    const char *kept = keep_text(owner, text);

    free(text);
    return kept;
}

static const char *setting_choices(json_t *value, json_t *owner)
{
    size_t index;
    json_t *item;

    if (!json_is_array(value))
        return json_string_value(value);
    char *text = text_format("%s", "");

    json_array_foreach (value, index, item) {
        const char *word = json_is_string(item) ? json_string_value(item) : "";
        char *longer = text_format("%s%s%s", text, index ? " " : "", word);

        free(text);
        text = longer;
    }
    const char *kept = keep_text(owner, text);

    free(text);
    return kept;
}

static bool setting_read(json_t *json, struct option *option, json_t *owner)
{
    const char *help = json_string_value(json_object_get(json, "help"));

    option->name = json_string_value(json_object_get(json, "name"));
    if (!option->name ||
        !setting_type(json_string_value(json_object_get(json, "type")), &option->type))
        return false;
    option->default_text = setting_default(option, json_object_get(json, "default"), owner);
    option->min = setting_limit(json_object_get(json, "min"));
    option->max = setting_limit(json_object_get(json, "max"));
    option->unit = json_string_value(json_object_get(json, "unit"));
    option->choices = setting_choices(json_object_get(json, "choices"), owner);
    option->help = help ? help : "";
    return option->type != OPTION_CHOICE || option->choices;
}

/* The table of the settings, or NULL with a line in d. */
static struct option *settings_read(const char *program, json_t *json, struct diagnostics *d)
{
    json_t *settings = json_object_get(json, "settings");
    struct option *table = calloc(json_array_size(settings) + 1, sizeof *table);
    size_t index;
    json_t *item;

    if (!table)
        abort();
    json_array_foreach (settings, index, item) {
        if (setting_read(item, &table[index], json))
            continue;
        diagnose(d, "%s --describe: setting %zu has no name, or an unknown type or no choices",
                 program, index);
        free(table);
        return NULL;
    }
    return table;
}

static bool capability_read(const char *name, unsigned *capabilities)
{
    for (unsigned bit = 0; name && flavor_capability_names[bit]; bit++)
        if (!strcmp(flavor_capability_names[bit], name)) {
            *capabilities |= 1u << bit;
            return true;
        }
    return false;
}

static bool capabilities_read(const char *program, json_t *json, unsigned *capabilities,
                              struct diagnostics *d)
{
    size_t index;
    json_t *item;

    *capabilities = 0;
    json_array_foreach (json_object_get(json, "capabilities"), index, item) {
        const char *name = json_string_value(item);

        if (capability_read(name, capabilities))
            continue;
        diagnose(d, "%s --describe: unknown capability \"%s\"", program, name ? name : "?");
        return false;
    }
    return true;
}

/* What the machine does not offer: taken out of the capabilities. The reasons stay where they
 * are. */
static bool missing_read(const char *program, json_t *json, unsigned *capabilities,
                         unsigned *missing, struct diagnostics *d)
{
    const char *name;
    json_t *reason;

    *missing = 0;
    json_object_foreach (json_object_get(json, "missing"), name, reason) {
        if (!capability_read(name, missing)) {
            diagnose(d, "%s --describe: unknown capability \"%s\"", program, name);
            return false;
        }
        if (!json_string_length(reason)) {
            diagnose(d, "%s --describe: no reason why \"%s\" is missing", program, name);
            return false;
        }
    }
    *capabilities &= ~*missing;
    return true;
}

const char *flavor_missing_reason(const struct flavor_description *description, unsigned bit)
{
    json_t *reasons = json_object_get(description->json, "missing");

    return json_string_value(json_object_get(reasons, flavor_capability_names[bit]));
}

static struct flavor_description *description_read(const char *program, const char *name,
                                                   const char *text, size_t length,
                                                   struct diagnostics *d)
{
    json_error_t error;
    json_t *json = json_loadb(text, length, 0, &error);
    struct flavor_description read = {.json = json};

    if (!json_is_object(json)) {
        diagnose(d, "%s --describe: printed no description (%s)", program,
                 json ? "not an object" : error.text);
        json_decref(json);
        return NULL;
    }
    if (!capabilities_read(program, json, &read.capabilities, d) ||
        !missing_read(program, json, &read.capabilities, &read.missing, d) ||
        !(read.settings = settings_read(program, json, d))) {
        json_decref(json);
        return NULL;
    }
    struct flavor_description *description = malloc(sizeof *description);

    if (!description)
        abort();
    read.name = text_format("%s", name);
    *description = read;
    return description;
}

/* --- Finding it --------------------------------------------------------------------------- */

static void diagnose_no_runner(const char *name, struct diagnostics *d)
{
    char **flavors = paths_flavors();
    char *list = text_format("%s", "");
    const char *near = flavors ? nearest_name(name, (const char *const *)flavors) : NULL;

    for (char **flavor = flavors; flavor && *flavor; flavor++) {
        char *longer = text_format("%s%s%s", list, *list ? ", " : "", *flavor);

        free(list);
        list = longer;
    }
    if (!*list)
        diagnose(d, "no runner for flavor \"%s\"; none is built: run make", name);
    else if (near)
        diagnose(d, "no runner for flavor \"%s\"; did you mean \"%s\"? There are: %s", name, near,
                 list);
    else
        diagnose(d, "no runner for flavor \"%s\"; there are: %s", name, list);
    free(list);
    for (char **flavor = flavors; flavor && *flavor; flavor++)
        free(*flavor);
    free(flavors);
}

/* A flavor's name becomes part of a file name. */
static bool is_plain_name(const char *name)
{
    return *name && *name != '.' && !strchr(name, '/');
}

static struct flavor_description *describe_uncached(const char *name, struct diagnostics *d)
{
    char *program = is_plain_name(name) ? paths_runner(name) : NULL;
    char *missing = paths_missing_runners();
    struct flavor_description *description = NULL;
    size_t length = 0;

    /* Otherwise another library is tested than the one that is meant. */
    if (missing) {
        diagnose(d, "STILLPOINT_RUNNERS: there is no directory \"%s\"", missing);
        free(missing);
        free(program);
        return NULL;
    }
    if (!program) {
        diagnose_no_runner(name, d);
        return NULL;
    }
    char *text = describe_output(program, &length, d);

    if (text)
        description = description_read(program, name, text, length, d);
    free(text);
    free(program);
    return description;
}

/* Answers live until the program ends, refusals too: a runner that hangs is run once. */
static struct answer {
    struct answer *next;
    char *name;
    struct flavor_description *description;
    struct diagnostics refusal;
} * answers;

const struct flavor_description *flavor_describe(const char *name, struct diagnostics *d)
{
    struct answer *answer = answers;

    while (answer && strcmp(answer->name, name) != 0)
        answer = answer->next;
    if (!answer) {
        answer = calloc(1, sizeof *answer);
        if (!answer)
            abort();
        answer->name = text_format("%s", name);
        answer->description = describe_uncached(name, &answer->refusal);
        answer->next = answers;
        answers = answer;
    }
    if (!answer->description && answer->refusal.length)
        diagnose(d, "%.*s", (int)answer->refusal.length - 1, answer->refusal.text);
    d->refused = d->refused || answer->refusal.refused;
    return answer->description;
}
