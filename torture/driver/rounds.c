#include "rounds.h"

#include "dry_run.h"
#include "floors.h"
#include "torture/record/text.h"
#include "torture/result/earlier.h"

#include <stdlib.h>
#include <string.h>

/* A run of which nothing was measured. */
static json_t *empty_run(const struct run_plan *plan, const char *verdict)
{
    return json_pack("{sO ss sI ss ss s{} s[] s{} s{} s{} s{} s[] s[] s[] s[] s[] sf sf}", "point",
                     plan->point, "label", plan->label, "repeat", (json_int_t)plan->repeat,
                     "flavor", plan->flavor, "verdict", verdict, "exit", "findings", "counters",
                     "library", "coverage", "latency", "intervals", "threads", "disturbances",
                     "notes", "missing", "seconds", 0.0, "lost_seconds", 0.0);
}

static json_t *skipped_run(const struct run_plan *plan)
{
    json_t *run = empty_run(plan, "skipped");

    json_object_set_new(run, "skip", json_string(plan->skip));
    return run;
}

/* One that could not be started. */
static json_t *broken_run(const struct run_plan *plan, const struct diagnostics *d)
{
    json_t *run = empty_run(plan, "inconclusive");

    json_array_append_new(json_object_get(run, "missing"),
                          d->refused ? json_sprintf("could not be started: %.*s",
                                                    (int)strcspn(d->text, "\n"), d->text)
                                     : json_string("could not be started"));
    return run;
}

enum outcome { OUTCOME_DONE, OUTCOME_ENDED, OUTCOME_BROKEN };

/* "not run: gp_policy=poll, gp_policy=fqs #2 and 7 more", if there are any. */
static void tell_not_run(const struct run_plan *plans, size_t count, json_t *reasons)
{
    enum { MOST_NAMES = 8 };
    char *text = text_format("not run: ");
    size_t named = 0, missing = 0;

    for (size_t i = 0; i < count; i++) {
        char *repeat, *name;

        if (plans[i].skip || ++missing > MOST_NAMES)
            continue;
        repeat = plans[i].repeat ? text_format(" #%lld", (long long)plans[i].repeat + 1)
                                 : text_format("%s", "");
        name = text_format("%s%s%s", named++ ? ", " : "",
                           *plans[i].label ? plans[i].label : plans[i].flavor, repeat);
        text = text_append(text, name);
        free(name);
        free(repeat);
    }
    if (missing > named) {
        char *more = text_format(" and %zu more", missing - named);

        text = text_append(text, more);
        free(more);
    }
    if (missing > 0)
        json_array_append_new(reasons, json_string(text));
    free(text);
}

/* What was asked for and what was done. A single run and a further round of --until-failure may end
 * at any time; else points are missing. */
static void judge_interruption(const struct driver_options *o, struct invocation *inv,
                               const struct run_plan *plans, size_t count, size_t done, json_t *run,
                               json_t *reasons)
{
    double asked = plan_duration_s(&plans[done]);
    double ran = json_number_value(json_object_get(run, "seconds"));
    bool one = count == 1, further = o->until_failure && inv->run > count;
    char *which =
        one ? text_format("%s", "") : text_format(" during run %u of %u,", inv->run, inv->runs);

    json_array_append_new(reasons,
                          json_sprintf("interrupted%s after %.1f s of %.1f s", which, ran, asked));
    free(which);
    if (one || further || (done + 1 == count && ran >= asked))
        return;
    inv->cut_short = true;
    tell_not_run(plans + done + 1, count - done - 1, reasons);
}

/* What follows from a run that has ended, that of plans[done]. */
static enum outcome judge_run(const struct driver_options *o, struct invocation *inv,
                              const struct run_plan *plans, size_t count, size_t done, json_t *run,
                              json_t *reasons)
{
    if (inv->interrupted) {
        judge_interruption(o, inv, plans, count, done, run, reasons);
        return OUTCOME_ENDED;
    }
    if (inv->findings == 0 || !(o->fail_fast || o->until_failure))
        return OUTCOME_DONE;
    if (done + 1 < count)
        json_array_append_new(reasons,
                              json_sprintf("ended after the first finding, in run %u", inv->run));
    return OUTCOME_ENDED;
}

/* Runs all plans once. */
static enum outcome run_round(const struct driver_options *o, struct invocation *inv,
                              const struct run_plan *plans, size_t count, json_t *runs,
                              json_t *reasons, struct diagnostics *d)
{
    enum outcome outcome = OUTCOME_DONE;

    for (size_t i = 0; i < count && outcome == OUTCOME_DONE; i++) {
        json_t *run, *floor;

        inv->run++;
        if (plans[i].skip) {
            earlier_append(runs, skipped_run(&plans[i]));
            continue;
        }
        floor = floors_measure(inv, &plans[i], d);
        run = execution_run(inv, &plans[i], floor, d);
        json_decref(floor);
        if (!run) {
            if (inv->executed > 0 || d->refused)
                json_array_append_new(runs, broken_run(&plans[i], d));
            return OUTCOME_BROKEN;
        }
        inv->executed++;
        console_run(inv->console, inv->run, inv->runs, run);
        outcome = judge_run(o, inv, plans, count, i, run, reasons);
        earlier_append(runs, run);
    }
    return outcome;
}

bool rounds_run(const struct driver_options *o, struct invocation *inv,
                const struct run_plan *plans, size_t count, json_t *runs, json_t *reasons,
                struct diagnostics *d)
{
    enum outcome outcome = run_round(o, inv, plans, count, runs, reasons, d);

    /* Where all were skipped there is no failure to wait for. */
    for (unsigned round = 1; outcome == OUTCOME_DONE && o->until_failure && inv->executed > 0;
         round++) {
        inv->runs += (unsigned)count;
        output_compact(inv->output, runs, MOST_EVENTS, d);
        run_plans_set_seed(plans, count, inv->scenario, round);
        outcome = run_round(o, inv, plans, count, runs, reasons, d);
    }
    return outcome != OUTCOME_BROKEN || inv->executed > 0 || d->refused;
}
