/* A vCPU's beginning and end. */
#include "stillpoint/vcpu.h"

#include "stillpoint/accel.h"
#include "vcpu/misuse.h"
#include "vcpu/work.h"

#include <stdint.h>

/* Field by field: a checker sees each atomic initialised, and no block of memory that holds one. */
static void init_thread_part(struct vcpu *cpu, const struct vcpu_config *config)
{
    atomic_init(&cpu->running, false);
    cpu->quiet_executions = 0;
    cpu->accel = config->accel;
    cpu->guest = config->guest;
    cpu->data = config->data;
    cpu->accel_state = NULL;
    cpu->rr = config->rr;
    cpu->in_rr = cpu->rr_ready = false;
    cpu->guest_io = config->guest_io;
    cpu->machine = config->machine;
}

static void init_requests(struct vcpu *cpu)
{
    atomic_init(&cpu->exit_request, 0);
    manual_event_init(&cpu->wake, false);
    manual_event_init(&cpu->cancel, false);
    atomic_init(&cpu->thread_id, 0);
    atomic_init(&cpu->waits, false);
    atomic_init(&cpu->stop, false);
    atomic_init(&cpu->unplug, false);
    atomic_init(&cpu->kicks, 0);
    atomic_init(&cpu->kicks_merged, 0);
}

void vcpu_init(struct vcpu *cpu, const struct vcpu_config *config)
{
    static const struct vcpu_config no_accelerator;

    if (config && (config->rr != NULL) != (config->accel && config->accel->shares))
        vcpu_misuse("vcpu_init(): config.rr goes with the accelerator rr, and with no other");
    if (config && config->accel && config->accel->run == vcpu_run_blocks &&
        !(config->guest && config->guest->block))
        vcpu_misuse("vcpu_init(): the accelerator %s needs a guest with a block()",
                    config->accel->name);
    if (config && config->machine && config->accel != &vcpu_accel_kvm)
        vcpu_misuse("vcpu_init(): config.machine goes with the accelerator kvm, and with no other");
    if ((uintptr_t)cpu % RCU_CACHE_LINE != 0)
        vcpu_misuse("vcpu_init() at %p, which is no multiple of %d; use aligned_alloc()",
                    (void *)cpu, RCU_CACHE_LINE);
    init_thread_part(cpu, config ? config : &no_accelerator);
    init_requests(cpu);
    vcpu_work_init(cpu);
    cpu->link.tqe_next = cpu->rr_link.tqe_next = NULL;
    cpu->link.tqe_prev = cpu->rr_link.tqe_prev = NULL;
    cpu->index = 0;
    cpu->listed = cpu->leaves = cpu->has_waiter = cpu->attached = false;
    cpu->stopped = cpu->awaited = false;
    atomic_init(&cpu->paused_by, 0);
}

void vcpu_destroy(struct vcpu *cpu)
{
    if (cpu->listed)
        vcpu_misuse("vcpu_destroy() of vCPU %u, which is in the list; call vcpu_remove() first",
                    cpu->index);
    vcpu_work_destroy(cpu);
    manual_event_destroy(&cpu->cancel);
    manual_event_destroy(&cpu->wake);
}
