/* `stillpoint advise`: which scheme fits a mix of reads and updates here; advice.c. */
#ifndef STILLPOINT_ADVICE_H
#define STILLPOINT_ADVICE_H

#include <jansson.h>
#include <stdio.h>

/* What is run: configs/bench/advise.json, a point for each scheme. */
#define ADVICE_SCENARIO "configs/bench/advise.json"
#define ADVICE_WORKLOAD "update-mix"

/* "stillpoint-advice/1": docs/comparing.md. A scheme is an implementation, and with ours a policy.
 * Named is, of those within 5 % of the most operations a second, the one that holds back the least
 * memory. */
json_t *advice_judge(json_t *result);
/* Heap: "stillpoint, adaptive". */
char *advice_scheme(json_t *scheme);

/* advice_text.c. Heap: "8 threads, 1 % updates, beside a reader that stays 100ms". */
char *advice_mix(json_t *advice);
/* One page. */
void advice_report(FILE *f, json_t *advice);
void advice_markdown(FILE *f, json_t *advice);

#endif
