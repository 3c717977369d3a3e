/* Texts on the heap. */
#ifndef STILLPOINT_TEXT_H
#define STILLPOINT_TEXT_H

#include <stddef.h>

/* printf into a new text. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Appends to a text; takes the old one, returns the new one. */
char *text_append(char *text, const char *more);
/* A new text of what is at most `room` bytes long, with '?' for what is neither printable ASCII nor
 * the end of a line: it may be from a process that broke. */
char *text_printable(const char *text, size_t room);

#endif
