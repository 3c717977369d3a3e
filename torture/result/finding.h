/* A finding: one violated check, when, in which threads, and what led to it.
 *
 * Its form in results and events is written and read here and nowhere else. A finding owns its
 * texts; what is added is copied. Memory that runs out aborts.
 */
#ifndef STILLPOINT_FINDING_H
#define STILLPOINT_FINDING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line of the timeline. */
struct finding_moment {
    double us; /* before the finding negative */
    int cpu;   /* -1: not bound to one */
    char *thread, *event;
    char *mark; /* what the line shows, or NULL */
};

/* What a thread was doing. */
struct finding_stack {
    char *thread;
    char *text;   /* lines "function+offset"; "" when the thread did not answer */
    bool stalled; /* taken while the run went on, and so with the two below; not of a crash */
    bool in_section, holds_up_gp;
    char *state; /* of a stall: "S, futex_do_wait"; "" when the kernel does not tell */
    char *duty; /* likewise: "leads a grace period: naps"; "" when others wait for nothing of its */
};

struct finding_stacks {
    size_t count;
    struct finding_stack *list;
};

struct finding {
    char *check, *workload, *message;
    char *output;            /* the beginning of what the runner printed, or NULL */
    char *repro;             /* the command that runs the same again; NULL until it is known */
    unsigned workload_index; /* in the run config; known to the driver only */
    uint64_t count;
    double first_s; /* since the start of the run */
    size_t thread_count, moment_count;
    char **threads;
    struct finding_moment *moments;
    struct finding_stacks stacks;
};

/* Those of a run, in the order in which they were found. */
struct findings {
    size_t count;
    struct finding **list;
};

/* With a count of 1, and nothing that can be added. */
struct finding *finding_new(const char *check, unsigned workload_index, const char *workload,
                            double first_s, const char *message);
void finding_free(struct finding *f);
void finding_add_thread(struct finding *f, const char *thread);
void finding_add_moment(struct finding *f, const struct finding_moment *moment);
/* "THREAD WHAT" beside a moment that was added. */
void finding_mark(struct finding *f, size_t moment, const char *thread, const char *what);
void finding_set_output(struct finding *f, const char *output);
void finding_set_repro(struct finding *f, const char *repro);

void findings_add(struct findings *findings, struct finding *f); /* takes it */
void findings_free(struct findings *findings);

void stacks_add(struct finding_stacks *stacks, const struct finding_stack *stack);
void stacks_free(struct finding_stacks *stacks);

/* As it stands in a result. */
json_t *finding_write(const struct finding *f);
/* What is missing, or of another type, is empty. */
struct finding *finding_read(json_t *written);

#endif
