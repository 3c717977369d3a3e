/* One run, as the files of the runner share it. */
#ifndef STILLPOINT_RUN_H
#define STILLPOINT_RUN_H

#include "thread.h"
#include "torture/placement/placement.h"
#include "torture/placement/threads.h"
#include "torture/record/diagnostics.h"
#include "torture/record/shared.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

struct run {
    json_t *config;
    int events_fd;
    struct shared_header *shared;
    size_t instance_count;
    struct instance *instances;
    size_t thread_count;
    struct planned_thread *plan;
    struct torture_thread *threads;
    size_t *offsets; /* of the threads in the mapping */
    pthread_t *handles;
    struct placement *placement;
    struct cost *cost;
    struct diagnostics *diagnostics;
    atomic_uint arrived;
    atomic_uint failed; /* threads that could not be placed */
    atomic_flag refused_taken;
    char refused[160]; /* why the system refused the first of them */
};

/* ---- events.c: what the driver is told in words ---- */

/* Takes the event over. */
void run_emit(struct run *run, json_t *event);
/* What is where in the mapping, and what was noted; `notes` may be NULL. */
void run_emit_ready(struct run *run, const char *notes);
/* Of each workload that knows what its slow values waited for. */
void run_emit_slowest(struct run *run);

#endif
