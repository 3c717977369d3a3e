#include "guest_entries.h"

#include <stdarg.h>
#include <stddef.h>
#include <sys/ioctl.h>

#define ENTERS_GUEST _IO(0xae, 0x80) /* KVM_RUN */

static __thread struct {
    const _Atomic uint64_t *progress; /* NULL: nobody wants to know */
    uint64_t seen;
    uint64_t row;
    struct guest_entries entries;
} self;

void guest_entries_watch(const _Atomic uint64_t *progress)
{
    self.progress = progress;
    self.seen = progress ? atomic_load_explicit(progress, memory_order_relaxed) : 0;
    self.row = 0;
    self.entries = (struct guest_entries){.count = 0};
}

struct guest_entries guest_entries_take(bool excused)
{
    struct guest_entries entries = self.entries;

    if (excused)
        self.row = 0;
    self.entries = (struct guest_entries){.in_vain = self.row};
    return entries;
}

/* The guest is out, so its line is in no other CPU's way. */
static void count_entry(void)
{
    uint64_t progress = atomic_load_explicit(self.progress, memory_order_relaxed);

    self.row = progress == self.seen ? self.row + 1 : 0;
    self.seen = progress;
    self.entries.count++;
    if (self.row > self.entries.in_vain)
        self.entries.in_vain = self.row;
}

/* The names are the linker's: --wrap. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
int __real_ioctl(int, unsigned long, ...);
int __wrap_ioctl(int, unsigned long, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    void *argument;
    int result;

    va_start(arguments, request);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    result = __real_ioctl(fd, request, argument);
    if (request == ENTERS_GUEST && self.progress)
        count_entry();
    return result;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
