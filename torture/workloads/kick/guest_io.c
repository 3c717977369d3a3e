/* kick: port I/O of the guests of kvm. A guest writes to its port what the read before has brought,
 * and then reads. Whenever it is out, and when it ends, its registers have what the last read
 * brought: with an I/O half done they would be those of before. */
#include "kick.h"
#include "torture/runner/violation.h"

#if FLAVOR_CAN_VCPU

unsigned kick_guest_io(struct vcpu *cpu, unsigned port, bool out, unsigned value)
{
    struct kick_vcpu *v = cpu->data;
    struct torture_thread *t = v->base.thread;

    if (out == v->io_was_out || port != VCPU_KVM_PORT)
        torture_violation(t->instance, t, GUEST_IO,
                          "The guest of vCPU %lu %s port %#x, and did so before: one I/O was done "
                          "twice, or one is missing.",
                          v->base.serial, out ? "writes to" : "reads", port);
    else if (out && value != v->given)
        torture_violation(t->instance, t, GUEST_IO,
                          "The guest of vCPU %lu writes %#x to its port, and its last read brought "
                          "%#x.",
                          v->base.serial, value, v->given);
    v->io_was_out = out;
    if (!out)
        v->given = (uint32_t)random_below(&t->random, UINT32_MAX);
    torture_note(t, NOTE_IO, v->base.serial, out ? value : v->given);
    torture_count(t, GUEST_IOS, 1);
    /* It leaves with this one. */
    if (random_one_in(&t->random, 2))
        cpu_exit(cpu);
    return v->given;
}

void kick_check_registers(struct vcpu *cpu)
{
    struct kick_vcpu *v = cpu->data;
    struct torture_thread *t = v->base.thread;
    uint64_t rip, rax;

    if (!vcpu_kvm_registers(cpu, &rip, &rax))
        return;
    torture_count(t, IO_CHECKS, 1);
    if ((uint32_t)rax == v->given)
        return;
    torture_violation(t->instance, t, GUEST_IO,
                      "vCPU %lu is out of its guest with an I/O half done: RAX is %#lx at RIP "
                      "%#lx, and the last read brought %#x.",
                      v->base.serial, (unsigned long)rax, (unsigned long)rip, v->given);
}

static void last_look(struct vcpu *cpu, void *unused)
{
    (void)unused;
    kick_check_registers(cpu);
}

void kick_check_at_end(struct vcpu *cpu)
{
    async_run_on_cpu(cpu, last_look, NULL);
}

#endif
