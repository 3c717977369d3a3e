#include "fingerprint.h"

#include "torture/record/text.h"
#include "torture/scenario/document.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FRAMES = 8, STALL_FRAMES = 4, DIGITS = 12 };

/* --- The place --- */

/* Behind a unit of time that stands alone, or where it was. */
static const char *after_unit(const char *at)
{
    static const char *const units[] = {" ns", " us", " ms", " s", NULL};

    for (size_t i = 0; units[i]; i++) {
        size_t length = strlen(units[i]);

        if (strncmp(at, units[i], length) == 0 && !isalpha((unsigned char)at[length]))
            return at + length;
    }
    return at;
}

/* Behind a figure: "0x1f", "17", "0.41", "40 116". */
static const char *after_figure(const char *at)
{
    if (at[0] == '0' && at[1] == 'x')
        for (at += 2; isxdigit((unsigned char)*at);)
            at++;
    while (isdigit((unsigned char)*at) ||
           (*at && strchr(". ", *at) && isdigit((unsigned char)at[1])))
        at++;
    return at;
}

/* The first line, with # for each figure and its unit. */
static char *without_figures(const char *message)
{
    char *text = text_format("%s", message), *out = text;

    for (const char *at = message; *at && *at != '\n';) {
        if (!isdigit((unsigned char)*at)) {
            *out++ = *at++;
            continue;
        }
        *out++ = '#';
        at = after_unit(after_figure(at));
    }
    *out = 0;
    return text;
}

/* "reader" of "reader-2"; heap. */
static char *role_of(const char *thread)
{
    size_t length = strlen(thread);

    while (length > 0 && isdigit((unsigned char)thread[length - 1]))
        length--;
    if (length > 0 && thread[length] && thread[length - 1] == '-')
        length--;
    else
        length = strlen(thread);
    return text_format("%.*s", (int)length, thread);
}

/* The line of a sanitizer with what it found. */
static const char *sanitizer_line(const char *output)
{
    while (output && *output) {
        size_t length = strcspn(output, "\n");
        const char *word = strstr(output, "Sanitizer: "),
                   *runtime = strstr(output, "runtime error");

        if ((word && word < output + length) || (runtime && runtime < output + length))
            return output;
        output += length + (output[length] == '\n');
    }
    return NULL;
}

/* --- Frames --- */

/* The name of a function: "run" of "run.part.0+0x12", of "thread_wait@@V_1"; "?" has none. */
static json_t *frame_name(const char *frame)
{
    size_t length = strcspn(frame, "+@. \n(");

    if (length == 0 || strncmp(frame, "0x", 2) == 0)
        return json_string("?");
    return json_stringn(frame, length);
}

static json_t *frames_of_stack(const char *stack, bool stall)
{
    json_t *all = json_array(), *frames;
    size_t first = 0;

    for (; *stack; stack += strcspn(stack, "\n"), stack += *stack == '\n')
        json_array_append_new(all, frame_name(stack));
    if (stall && json_array_size(all) > STALL_FRAMES)
        first = json_array_size(all) - STALL_FRAMES;
    frames = json_array();
    for (size_t i = first; i < json_array_size(all) && i < first + MOST_FRAMES; i++)
        json_array_append(frames, json_array_get(all, i));
    json_decref(all);
    return frames;
}

/* "    #0 0x55d0 in read_slot torture/...", or without the address: the first stack of a report. */
static json_t *frames_of_sanitizer(const char *output)
{
    json_t *frames = json_array();
    int expected = 0;

    for (const char *line = output; line && *line && expected < MOST_FRAMES;) {
        const char *at = line + strspn(line, " "), *in;
        size_t length = strcspn(line, "\n");
        int number, used = 0;

        if (sscanf(at, "#%d %n", &number, &used) == 1 && used > 0 && number == expected) {
            in = strstr(at, " in ");
            at = strncmp(at + used, "0x", 2) == 0 && in && in < line + length ? in + 4 : at + used;
            json_array_append_new(frames, frame_name(at));
            expected++;
        }
        line += length + (line[length] == '\n');
    }
    return frames;
}

/* The stack of the thread that the finding is about. */
static json_t *stack_of(json_t *finding)
{
    json_t *stacks = json_object_get(finding, "stacks"), *stack;
    const char *who = json_string_value(json_array_get(json_object_get(finding, "threads"), 0));
    size_t i;

    json_array_foreach (stacks, i, stack)
        if (who && strcmp(document_text(stack, "thread"), who) == 0)
            return stack;
    return json_array_get(stacks, 0);
}

/* --- The whole --- */

uint64_t fingerprint_hash(uint64_t sum, const char *text)
{
    do {
        sum = (sum ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    } while (*text++);
    return sum;
}

json_t *fingerprint_of(json_t *finding)
{
    const char *check = document_text(finding, "check"), *output = document_text(finding, "output");
    const char *workload = document_text(finding, "workload"), *line = sanitizer_line(output);
    json_t *stack = stack_of(finding), *frames, *frame, *written;
    bool stall = strcmp(check, "stall") == 0;
    uint64_t sum = FINGERPRINT_BASIS;
    char *what, *place, *id;
    size_t i;

    if (stack) {
        what = role_of(document_text(stack, "thread"));
        frames = frames_of_stack(document_text(stack, "stack"), stall);
    } else {
        what = without_figures(line ? line : document_text(finding, "message"));
        frames = frames_of_sanitizer(line);
    }
    place = text_format("%s: %s", workload, what);
    sum = fingerprint_hash(fingerprint_hash(sum, check), place);
    json_array_foreach (frames, i, frame)
        sum = fingerprint_hash(sum, json_string_value(frame));
    sum ^= sum >> (64 - 4 * DIGITS);
    id = text_format("%s-%0*" PRIx64, check, DIGITS, sum & (UINT64_MAX >> (64 - 4 * DIGITS)));
    written = json_pack("{ss ss ss so}", "fingerprint", id, "check", check, "place", place,
                        "frames", frames);
    free(id);
    free(place);
    free(what);
    return written;
}

bool fingerprint_is(const char *text)
{
    const char *dash = strrchr(text, '-');

    if (!dash || dash == text || strlen(dash + 1) != DIGITS ||
        strspn(dash + 1, "0123456789abcdef") != DIGITS)
        return false;
    return strspn(text, "abcdefghijklmnopqrstuvwxyz-") >= (size_t)(dash - text);
}
