/* misuse.c: what the program did wrong. */
#ifndef STILLPOINT_LIB_VCPU_MISUSE_H
#define STILLPOINT_LIB_VCPU_MISUSE_H

/* Prints what the program did wrong, a format and arguments as for printf(), and aborts. */
void vcpu_misuse(const char *format, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));

#endif
