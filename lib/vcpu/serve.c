/* What others have asked of a vCPU: its thread does it between two runs of its inner loop, and
 * while it waits. */
#include "vcpu/serve.h"

#include "stillpoint/accel.h"
#include "vcpu/misuse.h"
#include "vcpu/pause.h"
#include "vcpu/work.h"

enum vcpu_state vcpu_serve(struct vcpu *cpu, enum vcpu_service service)
{
    /* By exchange: it has happened before anything is read that requesters wrote. Acquire: with the
     * request comes the reason. Release, and one order of all exchanges: a requester that finds our
     * 0 kicks.
     * Pairs with: the exchange in cpu_exit(). Broken, with a store: it sits in the store buffer
     * while the reasons are read, comes out after a newer request, and erases it. */
    atomic_exchange_explicit(&cpu->exit_request, 0, memory_order_seq_cst);
    vcpu_run_work(cpu, service == SERVE_PAUSE);
    if (service != SERVE_ALL) {
        vcpu_report_stopped(cpu);
        return VCPU_READY;
    }
    if (atomic_load_explicit(&cpu->unplug, memory_order_relaxed)) {
        vcpu_close_work(cpu);
        return VCPU_ENDED;
    }
    if (vcpu_report_stopped(cpu))
        return VCPU_STOPPED;
    if (cpu->guest && cpu->guest->events)
        cpu->guest->events(cpu);
    if (cpu->guest && cpu->guest->idle && (!cpu->accel || cpu->accel->idles) &&
        cpu->guest->idle(cpu))
        return VCPU_IDLE;
    return VCPU_READY;
}

enum vcpu_state process_cpu_events(struct vcpu *cpu)
{
    if (current_cpu != cpu)
        vcpu_misuse("process_cpu_events() of vCPU %u by a thread that has not attached it",
                    cpu->index);
    return vcpu_serve(cpu, SERVE_ALL);
}
