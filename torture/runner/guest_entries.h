/* Entries of a thread into a guest of KVM, whoever makes them, and whether the guest got on. */
#ifndef STILLPOINT_GUEST_ENTRIES_H
#define STILLPOINT_GUEST_ENTRIES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Since the last call, of the calling thread. */
struct guest_entries {
    uint64_t count;   /* KVM_RUN returned so often */
    uint64_t in_vain; /* of these, the most in a row in which the guest got nowhere */
};

/* From here on each KVM_RUN of the calling thread, made in the runner or in what is linked into it,
 * is held against what the guest counts up; NULL: none is. The linker leads ioctl() here
 * (led_here in the Makefile). */
void guest_entries_watch(const _Atomic uint64_t *progress);
/* `excused`: those in vain that are under way are no part of the next row. */
struct guest_entries guest_entries_take(bool excused);

#endif
