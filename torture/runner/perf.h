/* What the kernel counts of threads, by its perf events. */
#ifndef STILLPOINT_PERF_H
#define STILLPOINT_PERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PERF_CYCLES, PERF_INSTRUCTIONS, PERF_CONTEXT_SWITCHES, PERF_MIGRATIONS, PERF_COUNT };
extern const char *const perf_names[PERF_COUNT];

/* As read() gives it. */
struct perf_count {
    uint64_t value, enabled_ns, running_ns;
};

struct perf {
    size_t thread_count;
    int (*descriptors)[PERF_COUNT]; /* of each thread; -1: none */
    char *refused[PERF_COUNT];      /* why it is not counted */
    bool user_only;                 /* the hardware counts nothing that happens in the kernel */
};

/* Begins to count, by thread ids. Each event is counted of all threads or of none. */
void perf_open(struct perf *p, const int *thread_ids, size_t count);
void perf_close(struct perf *p);
bool perf_counts(const struct perf *p, unsigned event);
/* Of the i-th thread, which may have ended. PERF_COUNT of them; zeros where it is not counted. */
void perf_read(const struct perf *p, size_t thread, struct perf_count *counts);
/* What came between two readings. Where events took turns on the hardware, as if each had been
 * there all the time, and then *scaled becomes true. */
uint64_t perf_between(const struct perf_count *before, const struct perf_count *after,
                      bool *scaled);

#endif
