/* The options of the commands, and what they set in struct arguments. */
#ifndef STILLPOINT_COMMAND_OPTIONS_H
#define STILLPOINT_COMMAND_OPTIONS_H

#define option getopt_option /* <getopt.h>, which argp includes, has a struct of that name */
#include <argp.h>
#undef option

extern const struct argp_option run_options[], validate_options[], topology_options[],
    list_options[], compare_options[], bench_options[], advise_options[], history_options[];

/* argp's parser for all of them; the input is the struct arguments. */
error_t options_parse(int key, char *text, struct argp_state *state);

#endif
