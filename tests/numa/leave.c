/* Ends the machine that runs it, where QEMU has a debug-exit device at port 0xf4, with code
 * 2 * VALUE + 1: `leave VALUE`, as root. Debian's cloud kernels have no /dev/port. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/io.h>

#define PORT 0xf4

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: leave VALUE\n");
        return 64;
    }
    if (ioperm(PORT, 1, 1) != 0) {
        perror("leave: ioperm");
        return 1;
    }
    outb((unsigned char)atoi(arguments[1]), PORT);
    fprintf(stderr, "leave: there is no debug-exit device\n");
    return 1;
}
