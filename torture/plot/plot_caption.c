#include "plot_data.h"

#include "torture/record/text.h"
#include "torture/scenario/document.h"

#include <string.h>

const char *plot_doubt(json_t *result)
{
    return json_is_true(json_object_get(json_object_get(result, "host"), "emulated"))
               ? "; emulated: times mean nothing"
               : "";
}

char *plot_caption(json_t *result)
{
    json_t *host = json_object_get(result, "host"), *tool = json_object_get(result, "tool");
    json_t *dirty = json_object_get(tool, "dirty");
    bool modified = json_is_true(dirty) || strcmp(document_text(tool, "dirty"), "true") == 0;
    const char *cpu = document_text(host, "cpu_model"), *commit = document_text(tool, "commit");
    const char *kernel = document_text(host, "kernel"), *started = document_text(result, "started");

    return text_format("%s, %.0f CPU%s, %s%s  ·  stillpoint %s (%.12s%s)%s%s", *cpu ? cpu : "?",
                       plot_number(host, "cpus"), plot_number(host, "cpus") == 1 ? "" : "s",
                       strncmp(kernel, "Linux", 5) == 0 ? "" : "Linux ", kernel,
                       document_text(tool, "version"), *commit ? commit : "unknown commit",
                       modified ? ", modified" : "", *started ? "  ·  " : "", started);
}
