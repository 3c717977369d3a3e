/* Where the program's own files are: beside the executable, or under the prefix it was installed
 * to. */
#ifndef STILLPOINT_PATHS_H
#define STILLPOINT_PATHS_H

/* All return heap strings, or NULL when there is none. */
char *paths_runner(const char *flavor);   /* runner-NAME */
char *paths_missing_runners(void);        /* of STILLPOINT_RUNNERS, a directory that there is not */
char *paths_shared(const char *relative); /* "plots/house.gp", "configs" */
/* NULL-ended heap list of the flavors that have a runner. */
char **paths_flavors(void);

#endif
