/* How commands put out what they have found: as a table, JSON or Markdown, and as pictures;
 * command_show.c. */
#ifndef STILLPOINT_COMMAND_SHOW_H
#define STILLPOINT_COMMAND_SHOW_H

#include "torture/record/diagnostics.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum text_format { FORMAT_TABLE, FORMAT_JSON, FORMAT_MARKDOWN };

void show_as(enum text_format format, json_t *what, void (*table)(FILE *, json_t *),
             void (*markdown)(FILE *, json_t *));
void show_json(json_t *what);

/* False with lines in d. `tell`: names the files that were made. */
bool show_pictures(bool (*draw)(json_t *what, const char *directory, json_t *made,
                                struct diagnostics *d),
                   json_t *what, const char *directory, bool tell, struct diagnostics *d);

#endif
