#include "cpus.h"

#include <sched.h>
#include <unistd.h>

int cpus_allowed(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    cpu_set_t allowed;

    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
        count = CPU_COUNT(&allowed);
    return count > 0 ? (int)count : 1;
}
