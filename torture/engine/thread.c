#include "thread.h"

void torture_spin(uint64_t ns)
{
    uint64_t start = clock_ticks(), length = clock_ns_to_ticks(ns);

    while (clock_ticks() - start < length)
        ;
}

void torture_sleep(struct torture_thread *t, uint64_t ns)
{
    if (ns > 0 && torture_running(t))
        shared_wait(&t->header->stop, 0, (int64_t)ns);
}
