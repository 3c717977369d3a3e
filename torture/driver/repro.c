#include "repro.h"
#include "torture/host/environment.h"
#include "torture/record/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Appends text to the command, quoted where a shell needs it. */
static void append_quoted(FILE *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_-+=.,:/@%";
    bool quoted = !*word || word[strspn(word, plain)];

    if (quoted)
        putc('\'', out);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", out);
        else
            putc(*word, out);
    if (quoted)
        putc('\'', out);
}

static void append_word(FILE *out, const char *word)
{
    if (ftell(out) > 0)
        putc(' ', out);
    append_quoted(out, word);
}

static void append_pair(FILE *out, const char *key, const char *value)
{
    char *word = text_format("%s=%s", key, value);

    append_word(out, word);
    free(word);
}

static void append_setting(FILE *out, const char *key, const char *value)
{
    if (strcmp(key, "flavor") == 0) {
        append_word(out, "--flavor");
        append_word(out, value);
    } else {
        append_word(out, "--set");
        append_pair(out, key, value);
    }
}

/* The name is not quoted: a shell would take the whole for a command. */
static void append_environment(FILE *out, const char *name)
{
    const char *value = getenv(name);

    if (!value || !*value)
        return;
    fprintf(out, "%s%s=", ftell(out) > 0 ? " " : "", name);
    append_quoted(out, value);
}

char *repro_command(const char *program, const char *path, const struct override *overrides,
                    size_t override_count)
{
    static const char *const left_out[] = {"seed", "duration", "repeat", NULL};
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (!out)
        return NULL;
    for (size_t i = 0; environment_own(i); i++)
        append_environment(out, environment_own(i));
    append_word(out, program);
    append_word(out, "run");
    append_word(out, path);
    for (size_t i = 0; i < override_count; i++) {
        const char *const *name = left_out;

        while (*name && strcmp(*name, overrides[i].key) != 0)
            name++;
        if (!*name)
            append_setting(out, overrides[i].key, overrides[i].value);
    }
    fclose(out);
    return text;
}

char *repro_line(const char *command, json_t *point, bool repeated, int64_t seed, unsigned seconds)
{
    char *text = NULL;
    const char *key;
    json_t *value;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (!out)
        return NULL;
    fputs(command, out);
    json_object_foreach (point, key, value) {
        char *dump = json_is_string(value) ? text_format("%s", json_string_value(value))
                                           : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

        append_setting(out, key, dump);
        free(dump);
    }
    if (repeated)
        append_setting(out, "repeat", "1");
    fprintf(out, " --seed %lld --duration %us", (long long)seed, seconds);
    fclose(out);
    return text;
}
