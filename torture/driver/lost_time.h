/* Time of one run that does not count: the machine or the runner stood still, or the driver was
 * away. The time of a run is cut into windows; what each has lost is known when it closes. */
#ifndef STILLPOINT_LOST_TIME_H
#define STILLPOINT_LOST_TIME_H

#include "torture/host/interference.h"
#include "torture/record/cpu_wait.h"
#include "torture/result/lost.h"
#include "view.h"

struct lost_time {
    const struct view *view; /* NULL: not open */
    pid_t pid;
    struct interference machine;
    int64_t gate_ns;
    int64_t window_ns;       /* the beginning of the window that is open */
    int64_t window_still_ns; /* what the runner had lost by then; it only grows */
    /* The driver's own turns. */
    int64_t turn_ns, turn_still_ns; /* the last turn, and what the runner had lost by then */
    struct cpu_wait wait;
    int64_t away_ns, away_still_ns; /* an absence of this turn; judged one turn later */
    bool continued;                 /* a SIGCONT came meanwhile */
    /* The runner's beats. */
    int64_t beat_ns, beat_ran_ns;
    const char *why_still; /* it stands still, as far as was seen in this window */
    bool frozen;           /* now */
    int64_t of_window_ns[LOST_CAUSES];
    const char *why[LOST_CAUSES]; /* of the window; NULL: nothing is known */
    json_t *noted;                /* the run's "disturbances" so far */
    double seconds;               /* lost in closed windows */
};

/* Before the runner is started: from here on it is known what the driver waited for a CPU. */
void lost_time_prepare(struct lost_time *l);
/* The gate opened at gate_ns; what the driver has missed since then counts. */
void lost_time_open(struct lost_time *l, const struct view *v, pid_t pid, int64_t gate_ns);
void lost_time_close(struct lost_time *l);
/* At each turn of the driver, which are tick_ns apart when nothing holds it up. */
void lost_time_turn(struct lost_time *l, int64_t tick_ns);
/* Whether all that was lost until now is known: not in the first turn after an absence of the
 * driver, when the runner may have yet to tell that it stood still as well. */
bool lost_time_settled(const struct lost_time *l);
/* Whether the runner alone is frozen: its threads are not to blame for their silence. */
bool lost_time_frozen(const struct lost_time *l);
/* What did no harm, but belongs in the notes of this window. */
void lost_time_note(struct lost_time *l, enum lost_cause cause, int64_t ns);
/* Closes the window at now_ns, opens the next, and returns the seconds of it that do not count. */
double lost_time_window(struct lost_time *l, int64_t now_ns);
/* SIGCONT came: what stopped us was a person. */
void lost_time_continued(struct lost_time *l);

#endif
