/* runner-FLAVOR: not for people; `stillpoint run` starts it. */
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int describe(void)
{
    json_t *description = runner_describe();
    int failed = json_dumpf(description, stdout, JSON_INDENT(2)) || putchar('\n') == EOF ||
                 fflush(stdout) != 0;

    json_decref(description);
    return failed ? EXIT_CODE_INTERNAL : EXIT_CODE_PASS;
}

int main(int argc, char **argv)
{
    struct diagnostics d = {.text = NULL};
    int code;

    if (argc == 2 && strcmp(argv[1], "--describe") == 0)
        return describe();
    if (argc != 6 || strcmp(argv[1], "--run") != 0) {
        fprintf(stderr,
                "%s: this program is started by `stillpoint run`; by hand only --describe\n",
                argv[0]);
        return EXIT_CODE_USAGE;
    }
    code = runner_run(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]), atoll(argv[5]), &d);
    if (d.text)
        fputs(d.text, stderr);
    diagnostics_free(&d);
    return code;
}
