/* A run that goes on: between the parts of execution only. */
#ifndef STILLPOINT_EXECUTION_PARTS_H
#define STILLPOINT_EXECUTION_PARTS_H

#include "execution.h"
#include "guard.h"
#include "lost_time.h"
#include "metrics.h"
#include "patience.h"
#include "torture/result/series.h"
#include "torture/scenario/expand.h"
#include "torture/scenario/settings.h"
#include "view.h"
#include "watchdog.h"

#include <sys/types.h>

struct execution {
    struct invocation *inv;
    const struct run_plan *plan;
    json_t *floor; /* that the run gets; NULL: none */
    struct diagnostics *d;
    struct scenario_settings settings;
    pid_t pid; /* of the runner, or of the gdb around it */
    int events_fd, shared_fd, errors_fd;
    char *errors_path;
    char *line; /* of events, incomplete */
    size_t line_length;
    bool ended;
    int status;
    long long oom_kills; /* of the machine, before */
    int64_t started_ns, gate_ns, stop_ns, next_interval_ns;
    int64_t tick_ns; /* between two looks */
    bool viewed, gate_open, warm, stopping, killed;
    int64_t stall_limit_ns; /* that this run has */
    bool holding;           /* its time is over */
    bool starved;           /* threads had no CPU for too long to go on */
    struct view view;
    struct metrics metrics;
    struct watchdog watchdog;
    struct patience patience; /* with its start, and then with its end */
    struct lost_time lost;
    int64_t disk_ns, terminal_ns; /* that writers were held up, by then */
    struct guard guard;
    struct findings findings;
    json_t *slowest, *ending; /* the events "slowest" and "finished"; NULL: there was none */
    struct series series;
    json_t *notes;
    struct {
        int signal, count;
        int64_t first_ns, since_ns, total_ns; /* since_ns 0: it runs */
    } halt;                                   /* of the runner, by somebody who stopped it */
    json_t *outside; /* lines: what others did to the runner, which makes it inconclusive */
    json_t *gave_up; /* why the runner ended by itself; NULL: it did not */
    uint64_t previous_reads;
    double previous_reads_s, reads_rate;
};

/* execution_signals.c: whether SIGUSR1, or SIGCONT, has come since the last call. */
bool execution_dump_wanted(void);
bool execution_continued(void);

/* execution_start.c: starts the runner; false with a line in e->d. */
bool execution_start(struct execution *e);

/* execution.c: seconds since the gate opened; 0 before. */
double execution_seconds(const struct execution *e);
/* From there to the end of the threads' loops; as far as it came, where they never ended. */
double execution_length(const struct execution *e);
/* Appends to events.jsonl, unless it runs aside; takes the event. */
void execution_record(struct execution *e, json_t *event);

/* execution_findings.c, as far as execution_report_stall(). A finding of the driver's own, without
 * timeline. */
struct finding *execution_finding(const struct execution *e, const char *check, unsigned workload,
                                  const char *message);
/* Takes a finding (NULL: none), completes it with its repro line, shows and records it. */
void execution_add_finding(struct execution *e, struct finding *f);
bool execution_has_check(const struct execution *e, const char *check);
/* Takes over what the threads have found since the last call; how many checks are new. */
size_t execution_take_findings(struct execution *e);
/* Takes what the guard tells, and the index of the workload. False when that is nothing (NULL). */
bool execution_report_stray(struct execution *e, char *what, unsigned workload);
/* Thread number `thread` has been silent for too long: a finding, or a line of e->outside where the
 * machine had no CPU for some thread. */
void execution_report_stall(struct execution *e, int thread);

/* execution_outside.c. Whether the runner has ended: then e->status is set. Notes when somebody
 * stops it, and when it goes on. */
bool execution_look_outside(struct execution *e);
/* Whether somebody has stopped the runner, or frozen its cgroup. */
bool execution_is_halted(const struct execution *e);
/* Whether a silent thread is stopped, in a process of which the kernel has not told so: a stop
 * counts as one when the last thread has come to it. */
bool execution_thread_is_stopped(struct execution *e, int thread);
/* After its end: what was done or refused to the runner, as lines of e->outside. */
void execution_judge_outside(struct execution *e);
/* Why the machine is to blame for an abort: heap text; NULL: the code under test is. `words`: what
 * the runner printed. */
char *execution_excuse(const struct execution *e, const char *words);

/* execution_end.c: concludes from the way in which the runner ended. Returns false when it never
 * got to run for a reason of configuration: the message is in e->d. */
bool execution_judge_end(struct execution *e);
/* The run as it stands in a result. */
json_t *execution_describe(struct execution *e);

#endif
