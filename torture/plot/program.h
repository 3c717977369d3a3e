/* Programs that draw. */
#ifndef STILLPOINT_PROGRAM_H
#define STILLPOINT_PROGRAM_H

#include <stdbool.h>

/* Whether PATH has it. */
bool program_exists(const char *name);
/* Runs it with these descriptors as 0, 1 and 2, and waits. Returns its exit code, 127 when it
 * cannot be started, or minus the signal that killed it. */
int program_run(char *const *arguments, int in, int out, int messages);

#endif
