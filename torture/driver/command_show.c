#include "command_show.h"

void show_json(json_t *what)
{
    json_dumpf(what, stdout, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
    putchar('\n');
}

void show_as(enum text_format format, json_t *what, void (*table)(FILE *, json_t *),
             void (*markdown)(FILE *, json_t *))
{
    if (format == FORMAT_MARKDOWN)
        markdown(stdout, what);
    else if (format == FORMAT_TABLE)
        table(stdout, what);
    else
        show_json(what);
}

bool show_pictures(bool (*draw)(json_t *what, const char *directory, json_t *made,
                                struct diagnostics *d),
                   json_t *what, const char *directory, bool tell, struct diagnostics *d)
{
    json_t *made = json_array(), *name;
    bool drawn = draw(what, directory, made, d);
    size_t i;

    if (tell)
        json_array_foreach (made, i, name)
            printf("%s/%s\n", directory, json_string_value(name));
    json_decref(made);
    return drawn;
}
