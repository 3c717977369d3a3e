/* What the harness knows of a flavor; defined once per runner, in torture/flavors/flavor.c. */
#ifndef STILLPOINT_FLAVOR_TABLE_H
#define STILLPOINT_FLAVOR_TABLE_H

#include "workload.h"

/* One count that the implementation under test keeps. It only grows, and what is promised of it
 * beyond that is text as in promise.h, or NULL. */
struct statistic {
    const char *name;
    const char *words;  /* how the line "Reached" puts it; NULL: the name with spaces */
    size_t offset;      /* the adaptor's: where its flavor_sample() finds it */
    const char *always; /* but for one under way; of calls on the left side only */
    const char *at_end; /* when all threads have ended, and nothing is queued */
    /* From before a call that waits for callbacks, or for a grace period, to after it. */
    const char *after_barrier, *after_wait;
};

/* What a thread does that others wait for. */
struct flavor_duty {
    int thread_id;
    const char *what; /* "leads a grace period: naps" */
};

struct flavor {
    const char *name;
    const char *summary;
    unsigned capabilities;
    /* Why this machine does not offer one capability, in a line: "/dev/kvm: Permission denied;
     * ..."; NULL: it does, or no machine would make a difference. Called by --describe, one bit at
     * a time; with a reason the flavor lacks the capability here, whatever is in `capabilities`.
     * NULL: nothing depends on the machine. */
    const char *(*missing)(unsigned capability);
    const struct option *settings; /* of the scenario's "library" object */
    size_t settings_size;
    /* Stores the defaults of the settings whose row has no default_text. NULL: each has one. */
    void (*default_settings)(void *settings);
    /* Before any thread; false with a line in d. */
    bool (*start)(const void *settings, struct diagnostics *d);
    const struct statistic *statistics;
    size_t statistic_count;           /* at most SHARED_LIBRARY */
    void (*sample)(uint64_t *values); /* in the order of the statistics */
    /* Any thread, before a sample of the end: what is queued is over. */
    void (*settle)(void);
    /* Thread ids that hold up the grace period under way; how many. */
    unsigned (*holdouts)(int *thread_ids, unsigned room);
    /* Fills at most so many, returns how many. Takes no lock: the one that it took might be what
     * everybody waits for. */
    unsigned (*duties)(struct flavor_duty *duties, unsigned room);
};
extern const struct flavor flavor;

#endif
