/* stillpoint advise */
#include "commands.h"
#include "execution.h"
#include "torture/compare/advice.h"
#include "torture/compare/pictures.h"
#include "torture/host/paths.h"

#include <stdlib.h>

#define MIX ADVICE_WORKLOAD "."

static json_t *measure(const struct arguments *a, const struct override *overrides, size_t count,
                       int *code, struct diagnostics *d)
{
    char *path = paths_shared(ADVICE_SCENARIO);
    struct driver_options o = a->run;
    struct planned_scenario planned;
    struct console console;
    json_t *result = NULL;

    o.path = path ? path : ADVICE_SCENARIO;
    o.overrides = overrides;
    o.override_count = count;
    o.no_plot = true;
    console_open(&console, stdout, stderr, a->progress, true);
    if (driver_plan(&o, &planned, d))
        result = driver_measure(&o, &console, &planned, code, d);
    console_close(&console);
    planned_scenario_free(&planned);
    free(path);
    return result;
}

int command_advise(struct arguments *a, struct diagnostics *d)
{
    const struct mix_arguments *mix = &a->mix;
    const struct override overrides[] = {
        {MIX "workers", mix->readers},
        {MIX "updates", mix->updates},
        {MIX "stallers", mix->stall ? "1" : "0"},
        {MIX "stall", mix->stall ? mix->stall : "1ms"},
    };
    json_t *result = NULL, *advice;
    int code = EXIT_CODE_USAGE;

    if (a->positional)
        diagnose(d, "stillpoint advise: %s: the mix is told by --readers, --updates and --stall",
                 a->positional);
    else
        result = measure(a, overrides, sizeof overrides / sizeof *overrides, &code, d);
    if (!result)
        return code;
    advice = advice_judge(result);
    /* A scheme that could not be measured has no row; one that broke is told. */
    if (code != EXIT_CODE_VIOLATION && code != EXIT_CODE_INTERNAL && !execution_interrupted())
        code = EXIT_CODE_PASS;
    if (code == EXIT_CODE_PASS && !json_is_object(json_object_get(advice, "advice")))
        code = EXIT_CODE_INCONCLUSIVE;
    show_as(a->format, advice, advice_report, advice_markdown);
    /* What was not asked for may be missing, with the reason. */
    if (!show_pictures(pictures_of_advice, advice, a->pictures ? a->pictures : a->run.out,
                       a->format == FORMAT_TABLE, d) &&
        a->pictures && code == EXIT_CODE_PASS)
        code = EXIT_CODE_USAGE;
    json_decref(advice);
    json_decref(result);
    return code;
}
