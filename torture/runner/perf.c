#include "perf.h"

#include "torture/record/text.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct manual_event {
    uint32_t type;
    uint64_t config;
} events[PERF_COUNT] = {
    [PERF_CYCLES] = {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    [PERF_INSTRUCTIONS] = {PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    [PERF_CONTEXT_SWITCHES] = {PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    [PERF_MIGRATIONS] = {PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
};

const char *const perf_names[PERF_COUNT] = {
    [PERF_CYCLES] = "cycles",
    [PERF_INSTRUCTIONS] = "instructions",
    [PERF_CONTEXT_SWITCHES] = "context_switches",
    [PERF_MIGRATIONS] = "migrations",
};

/* The descriptor, or -1 with the reason in errno. The kernel's own events all happen in it. */
static int open_event(const struct manual_event *e, int thread_id, bool user_only)
{
    struct perf_event_attr attributes = {
        .type = e->type,
        .size = sizeof attributes,
        .config = e->config,
        .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
        .exclude_kernel = user_only && e->type == PERF_TYPE_HARDWARE,
    };

    return (int)syscall(SYS_perf_event_open, &attributes, thread_id, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static const char *remedy(int error)
{
    switch (error) {
    case EACCES:
        return "lower /proc/sys/kernel/perf_event_paranoid";
    case EPERM:
        return "a sandbox forbids it";
    case EMFILE:
        return "raise the limit of open files (ulimit -n)";
    default:
        return "this machine, or its hypervisor, has no such counter";
    }
}

static void close_event(struct perf *p, unsigned event)
{
    for (size_t i = 0; i < p->thread_count; i++) {
        if (p->descriptors[i][event] >= 0)
            close(p->descriptors[i][event]);
        p->descriptors[i][event] = -1;
    }
}

/* Of the hardware also what happens in the kernel, where that may be counted. */
static bool open_for(struct perf *p, size_t thread, int thread_id, unsigned event)
{
    int *descriptor = &p->descriptors[thread][event];

    *descriptor = open_event(&events[event], thread_id, p->user_only);
    if (*descriptor < 0 && errno == EACCES && events[event].type == PERF_TYPE_HARDWARE &&
        !p->user_only) {
        *descriptor = open_event(&events[event], thread_id, true);
        p->user_only = *descriptor >= 0;
    }
    return *descriptor >= 0;
}

static void open_for_all(struct perf *p, const int *thread_ids, unsigned event)
{
    for (size_t i = 0; i < p->thread_count; i++)
        if (!open_for(p, i, thread_ids[i], event)) {
            p->refused[event] =
                text_format("perf_event_open: %s; %s", strerror(errno), remedy(errno));
            close_event(p, event);
            return;
        }
}

/* The limit of descriptors of which they would take more than half, or 0: the code under test needs
 * some as well. */
static unsigned long long limit_in_the_way(const struct perf *p)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    return p->thread_count * PERF_COUNT > limit.rlim_cur / 2 ? limit.rlim_cur : 0;
}

void perf_open(struct perf *p, const int *thread_ids, size_t count)
{
    unsigned long long limit;

    *p = (struct perf){.thread_count = count,
                       .descriptors = calloc(count + 1, sizeof *p->descriptors)};
    memset(p->descriptors, -1, count * sizeof *p->descriptors);
    limit = limit_in_the_way(p);
    for (unsigned i = 0; i < PERF_COUNT; i++)
        if (limit > 0)
            p->refused[i] = text_format("%d descriptors for each of %zu threads are too many of "
                                        "%llu; raise the limit of open files (ulimit -n)",
                                        PERF_COUNT, count, limit);
        else
            open_for_all(p, thread_ids, i);
}

void perf_close(struct perf *p)
{
    for (unsigned i = 0; i < PERF_COUNT; i++) {
        close_event(p, i);
        free(p->refused[i]);
    }
    free(p->descriptors);
    *p = (struct perf){.thread_count = 0};
}

bool perf_counts(const struct perf *p, unsigned event)
{
    return p->thread_count > 0 && !p->refused[event];
}

void perf_read(const struct perf *p, size_t thread, struct perf_count *counts)
{
    for (unsigned i = 0; i < PERF_COUNT; i++)
        if (!perf_counts(p, i) || read(p->descriptors[thread][i], &counts[i], sizeof counts[i]) !=
                                      (ssize_t)sizeof counts[i])
            counts[i] = (struct perf_count){.value = 0};
}

uint64_t perf_between(const struct perf_count *before, const struct perf_count *after, bool *scaled)
{
    uint64_t value = after->value - before->value, enabled = after->enabled_ns - before->enabled_ns,
             running = after->running_ns - before->running_ns;

    if (running >= enabled)
        return value;
    *scaled = true;
    return running ? (uint64_t)((double)value * (double)enabled / (double)running) : 0;
}
