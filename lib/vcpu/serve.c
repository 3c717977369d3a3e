/* What others have requested of a vCPU: its thread does it between two runs of its inner loop, and
 * while it waits. */
#include "vcpu/serve.h"

#include "stillpoint/accel.h"
#include "vcpu/misuse.h"
#include "vcpu/pause.h"
#include "vcpu/work.h"

enum vcpu_state vcpu_serve(struct vcpu *cpu, enum vcpu_service service)
{
    /* Orders: LOAD exit_request, and STORE exit_request in the same exchange -> LOAD of the
     * reasons.
     * Pairs with: cpu_exit(), STORE of the reason -> LOAD exit_request, STORE exit_request
     * (seq_cst).
     * Broken: without the acquire half, a request is taken and its reason missed. With a store in
     * place of the exchange, the 0 sits in the store buffer while the reasons are read, comes out
     * after a newer request, and erases it.
     * All exchanges stand in one order: a request is taken here, or it finds the 0 and kicks. */
    atomic_exchange_explicit(&cpu->exit_request, 0, memory_order_seq_cst);
    vcpu_run_work(cpu, service == SERVE_PAUSE);
    if (service != SERVE_ALL) {
        vcpu_report_stopped(cpu);
        return VCPU_READY;
    }
    for (;;) {
        if (atomic_load_explicit(&cpu->unplug, memory_order_relaxed)) {
            vcpu_close_work(cpu);
            return VCPU_ENDED;
        }
        if (vcpu_report_stopped(cpu))
            return VCPU_STOPPED;
        /* Held back by a pause that is over by now, and whose resume may not have kicked yet. */
        if (!vcpu_has_work(cpu))
            break;
        vcpu_run_work(cpu, false);
    }
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
