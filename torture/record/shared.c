#include "shared.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t add(uint64_t sum, uint64_t value)
{
    sum = (sum ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ sum >> 32;
}

uint64_t shared_check_sum(const struct shared_check *c)
{
    uint64_t sum = add(add(add(1, c->ticks), (uint64_t)c->thread), c->moment_count);

    for (uint32_t i = 0; i < c->moment_count && i < SHARED_MOMENTS; i++) {
        const struct moment *m = &c->moments[i];

        sum = add(add(add(sum, m->note.ticks), m->note.a), m->note.b);
        sum = add(add(add(sum, m->note.kind), (uint64_t)m->thread), m->relevant);
    }
    for (size_t i = 0; i < SHARED_MESSAGE && c->message[i]; i++)
        sum = add(sum, (unsigned char)c->message[i]);
    return sum;
}

uint64_t shared_crash_sum(const struct shared_crash *c, int signal)
{
    uint64_t sum = add(add(add(2, (uint64_t)signal), (uint64_t)c->thread), c->in_section);

    sum = add(add(add(sum, c->stray), (uint64_t)c->sender), c->address);
    sum = add(sum, c->refused);
    return add(sum, c->ticks);
}

void shared_wait(atomic_uint *word, unsigned value, int64_t timeout_ns)
{
    struct timespec timeout = {.tv_sec = timeout_ns / 1000000000,
                               .tv_nsec = timeout_ns % 1000000000};

    syscall(SYS_futex, word, FUTEX_WAIT, value, &timeout, NULL, 0);
}

void shared_wake(atomic_uint *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
