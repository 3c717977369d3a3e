/* A vCPU's beginning and end. */
#include "stillpoint/vcpu.h"

#include "vcpu/misuse.h"
#include "vcpu/run.h"
#include "vcpu/work.h"

#include <stdint.h>

void vcpu_init(struct vcpu *cpu, const struct vcpu_config *config)
{
    if (config && (config->rr != NULL) != (config->accel && config->accel->shares))
        vcpu_misuse("vcpu_init(): config.rr goes with the accelerator rr, and with no other");
    if (config && config->accel && config->accel->run == vcpu_run_blocks &&
        !(config->guest && config->guest->block))
        vcpu_misuse("vcpu_init(): the accelerator %s needs a guest with a block()",
                    config->accel->name);
    if ((uintptr_t)cpu % RCU_CACHE_LINE != 0)
        vcpu_misuse("vcpu_init() at %p, which is no multiple of %d; use aligned_alloc()",
                    (void *)cpu, RCU_CACHE_LINE);
    *cpu = (struct vcpu){.guest_io = false};
    if (config) {
        cpu->accel = config->accel;
        cpu->guest = config->guest;
        cpu->data = config->data;
        cpu->rr = config->rr;
        cpu->guest_io = config->guest_io;
    }
    event_init(&cpu->wake, false);
    event_init(&cpu->cancel, false);
    vcpu_work_init(cpu);
}

void vcpu_destroy(struct vcpu *cpu)
{
    if (cpu->listed)
        vcpu_misuse("vcpu_destroy() of vCPU %u, which is in the list; call vcpu_remove() first",
                    cpu->index);
    vcpu_work_destroy(cpu);
    event_destroy(&cpu->cancel);
    event_destroy(&cpu->wake);
}
