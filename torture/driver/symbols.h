/* Names and places in the sources of addresses in a runner: symbols.c. */
#ifndef STILLPOINT_SYMBOLS_H
#define STILLPOINT_SYMBOLS_H

struct symbols;

/* What is mapped in the process, as the kernel lists it; NULL: that is not known. Heap. */
char *symbols_maps(int pid);
/* Of a process with these maps, which may be gone; NULL when nothing is known of it. */
struct symbols *symbols_open(const char *maps);
void symbols_close(struct symbols *s);
/* A stack as a runner writes it, "function+offset @address" a frame, with the functions by the
 * symbols of the file, and the line in place of the address where there is one: "function+offset
 * (lib/rcu/scan.c:17)". s may be NULL. Heap. */
char *symbols_of_stack(struct symbols *s, const char *stack);

#endif
