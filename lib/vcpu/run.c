/* The loop of a vCPU's thread. */
#include "vcpu/run.h"

#include "stillpoint/accel.h"
#include "stillpoint/exclusive.h"
#include "stillpoint/vcpu_kick.h"
#include "vcpu/attach.h"
#include "vcpu/big_lock.h"
#include "vcpu/misuse.h"
#include "vcpu/wait.h"

void vcpu_execute(struct vcpu *cpu)
{
    cpu_exec_start(cpu);
    rcu_read_lock();
    if (!cpu_exit_requested(cpu))
        cpu->accel->run(cpu);
    rcu_read_unlock();
    cpu_exec_end(cpu);
}

void vcpu_run_blocks(struct vcpu *cpu)
{
    while (!cpu_exit_requested(cpu))
        cpu->guest->block(cpu);
}

void vcpu_wait_for_kick(struct vcpu *cpu)
{
    if (current_cpu != cpu || cpu->rr)
        vcpu_misuse("vcpu_wait_for_kick() of vCPU %u, which this thread has not attached by itself",
                    cpu->index);
    manual_event_reset(&cpu->wake);
    /* After the reset: a kick that comes now leaves the event set. */
    if (!cpu_exit_requested(cpu))
        vcpu_sleep(&cpu->wake);
}

/* Until vcpu_unplug(). */
static void loop(struct vcpu *cpu)
{
    enum vcpu_state state;

    while ((state = process_cpu_events(cpu)) != VCPU_ENDED) {
        struct bql_place place;

        if (state != VCPU_READY) {
            vcpu_wait_for_kick(cpu);
            continue;
        }
        place = bql_drop();
        vcpu_execute(cpu);
        bql_regain(place);
    }
}

bool vcpu_go_offline(void)
{
    bool online = rcu_self()->online;

    if (online)
        rcu_thread_offline();
    return online;
}

int vcpu_run(struct vcpu *cpu)
{
    const struct vcpu_accel *accel = cpu->accel;
    bool online;
    int result;

    if (!accel || accel->shares)
        vcpu_misuse("vcpu_run() of a vCPU %s", accel ? "that shares its thread; call vcpu_rr_run()"
                                                     : "without an accelerator");
    result = accel->create ? accel->create(cpu) : 0;
    if (result != 0)
        return result;
    online = vcpu_go_offline();
    vcpu_attach(cpu);
    if (accel->big_lock)
        bql_lock();
    loop(cpu);
    if (accel->big_lock)
        bql_unlock();
    vcpu_detach(cpu);
    if (online)
        rcu_thread_online();
    if (accel->destroy)
        accel->destroy(cpu);
    return 0;
}
