/* Accelerators by name. */
#include "stillpoint/accel.h"

#include <stdio.h>
#include <string.h>

#define POINTER(name) &vcpu_accel_##name,
const struct vcpu_accel *const vcpu_accels[] = {VCPU_ACCELS(POINTER) NULL};
#undef POINTER

int vcpu_accel_available(const struct vcpu_accel *accel, char *why, size_t size)
{
    if (size > 0)
        why[0] = '\0';
    return accel->available ? accel->available(why, size) : 0;
}

const struct vcpu_accel *vcpu_accel_find(const char *name)
{
    if (strcmp(name, "auto") == 0)
        return vcpu_accel_available(&vcpu_accel_kvm, NULL, 0) == 0 ? &vcpu_accel_kvm
                                                                   : &vcpu_accel_threads;
    for (unsigned i = 0; vcpu_accels[i]; i++)
        if (strcmp(name, vcpu_accels[i]->name) == 0)
            return vcpu_accels[i];
    return NULL;
}
