#include "rounds.h"

/* A run of which nothing was measured. */
static json_t *empty_run(const struct run_plan *plan, const char *verdict)
{
    return json_pack("{sO ss sI ss ss s{} s[] s{} s{} s{} s{} s[] s[] s[] s[] s[] sf}", "point",
                     plan->point, "label", plan->label, "repeat", (json_int_t)plan->repeat,
                     "flavor", plan->flavor, "verdict", verdict, "exit", "findings", "counters",
                     "library", "coverage", "latency", "intervals", "threads", "disturbances",
                     "notes", "missing", "seconds", 0.0);
}

static json_t *skipped_run(const struct run_plan *plan)
{
    json_t *run = empty_run(plan, "skipped");

    json_object_set_new(run, "skip", json_string(plan->skip));
    return run;
}

/* One that could not be started after others had run. */
static json_t *broken_run(const struct run_plan *plan)
{
    json_t *run = empty_run(plan, "inconclusive");

    json_array_append_new(json_object_get(run, "missing"), json_string("could not be started"));
    return run;
}

enum outcome { OUTCOME_DONE, OUTCOME_ENDED, OUTCOME_BROKEN };

/* What follows from a run that has ended. */
static enum outcome judge_run(const struct driver_options *o, const struct invocation *inv,
                              bool last, json_t *reasons)
{
    if (inv->interrupted) {
        json_array_append_new(reasons,
                              json_sprintf("interrupted during run %u of %u", inv->run, inv->runs));
        return OUTCOME_ENDED;
    }
    if (inv->findings == 0 || !(o->fail_fast || o->until_failure))
        return OUTCOME_DONE;
    if (!last)
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
        json_t *run;

        inv->run++;
        if (plans[i].skip) {
            json_array_append_new(runs, skipped_run(&plans[i]));
            continue;
        }
        run = execution_run(inv, &plans[i], d);
        if (!run) {
            if (inv->executed > 0)
                json_array_append_new(runs, broken_run(&plans[i]));
            return OUTCOME_BROKEN;
        }
        inv->executed++;
        json_array_append_new(runs, run);
        outcome = judge_run(o, inv, i + 1 == count, reasons);
    }
    return outcome;
}

/* The next round of --until-failure makes other random choices. */
static void change_seeds(const struct scenario *s, const struct run_plan *plans, size_t count,
                         unsigned round)
{
    int64_t repeats = json_integer_value(json_object_get(s->effective, "repeat"));

    for (size_t i = 0; i < count; i++)
        json_object_set_new(
            plans[i].config, "seed",
            json_integer(scenario_repeat_seed(s->seed, round * repeats + plans[i].repeat)));
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
        change_seeds(inv->scenario, plans, count, round);
        outcome = run_round(o, inv, plans, count, runs, reasons, d);
    }
    return outcome != OUTCOME_BROKEN || inv->executed > 0;
}
