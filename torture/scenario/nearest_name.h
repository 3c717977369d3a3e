/* Which name was probably meant. */
#ifndef STILLPOINT_NEAREST_NAME_H
#define STILLPOINT_NEAREST_NAME_H

/* The candidate (a NULL-ended list) nearest to a misspelt name, or NULL when none is near. */
const char *nearest_name(const char *name, const char *const *candidates);

#endif
