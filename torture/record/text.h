/* Texts on the heap. */
#ifndef STILLPOINT_TEXT_H
#define STILLPOINT_TEXT_H

/* printf into a new text. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Appends to a text; takes the old one, returns the new one. */
char *text_append(char *text, const char *more);

#endif
