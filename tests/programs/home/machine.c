/* A machine of the program's own under the accelerator kvm: its guest writes to a port and halts,
 * again and again, and is woken each time. */
#include <stillpoint/vcpu.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ROUNDS = 1000, CODE_AT = 0x1000, MEMORY_SIZE = 0x10000, PORT = 0x10 };

/* mov $0x2a, %al; out %al, $0x10; hlt; jmp to the first */
static const unsigned char code[] = {0xb0, 0x2a, 0xe6, PORT, 0xf4, 0xeb, 0xf9};

static unsigned written, wrong; /* the vCPU thread's */
static atomic_uint halts;
static atomic_bool halted;
static atomic_bool interrupted; /* a reason */

static void on_exit_of_guest(struct vcpu *cpu, struct kvm_run *run)
{
    if (run->exit_reason == KVM_EXIT_IO) {
        written++;
        wrong += run->io.port != PORT || ((unsigned char *)run)[run->io.data_offset] != 0x2a;
    } else if (run->exit_reason == KVM_EXIT_HLT) {
        atomic_store(&halted, true);
        atomic_fetch_add(&halts, 1);
        cpu_exit(cpu);
    } else {
        wrong++;
        vcpu_unplug(cpu);
    }
}

static void events(struct vcpu *cpu)
{
    (void)cpu;
    if (atomic_exchange(&interrupted, false))
        atomic_store(&halted, false);
}

static bool idle(struct vcpu *cpu)
{
    (void)cpu;
    return atomic_load(&halted);
}

static const struct vcpu_guest guest = {.events = events, .idle = idle};

static void fail(const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
    _exit(1);
}

static void make_machine(struct vcpu_kvm_machine *machine)
{
    struct kvm_userspace_memory_region memory = {.memory_size = MEMORY_SIZE};
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm = -1;
    struct kvm_sregs segments;
    struct kvm_regs registers = {.rip = CODE_AT, .rflags = 2};
    char *host;

    if (kvm < 0 || (vm = ioctl(kvm, KVM_CREATE_VM, 0)) < 0)
        fail("VM");
    host = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(host + CODE_AT, code, sizeof code);
    memory.userspace_addr = (unsigned long)host;
    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &memory) != 0)
        fail("memory");
    machine->fd = ioctl(vm, KVM_CREATE_VCPU, 0);
    if (machine->fd < 0 || ioctl(machine->fd, KVM_GET_SREGS, &segments) != 0)
        fail("vCPU");
    machine->run = mmap(NULL, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
                        MAP_SHARED, machine->fd, 0);
    segments.cs.base = segments.cs.selector = 0;
    if (ioctl(machine->fd, KVM_SET_SREGS, &segments) != 0 ||
        ioctl(machine->fd, KVM_SET_REGS, &registers) != 0)
        fail("registers");
    machine->exit = on_exit_of_guest;
}

static void *vcpu_thread(void *cpu)
{
    rcu_register_thread();
    if (vcpu_run(cpu) != 0)
        fail("vcpu_run()");
    rcu_unregister_thread();
    return NULL;
}

int main(void)
{
    static struct vcpu_kvm_machine machine;
    struct vcpu_config config = {.accel = &vcpu_accel_kvm, .guest = &guest, .machine = &machine};
    static struct vcpu cpu;
    pthread_t thread;
    char why[200];

    if (vcpu_accel_available(&vcpu_accel_kvm, why, sizeof why) != 0) {
        puts(why);
        return 77;
    }
    make_machine(&machine);
    vcpu_init(&cpu, &config);
    if (vcpu_add(&cpu) != 0)
        return 1;
    pthread_create(&thread, NULL, vcpu_thread, &cpu);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        while (atomic_load(&halts) < round)
            sched_yield();
        if (round % 100 == 0) { /* beside what else is done with vCPUs */
            start_exclusive();
            end_exclusive();
            pause_all_vcpus();
            resume_all_vcpus();
            synchronize_rcu_expedited();
        }
        if (round < ROUNDS) {
            atomic_store(&interrupted, true);
            cpu_exit(&cpu);
        }
    }
    vcpu_unplug(&cpu);
    pthread_join(thread, NULL);
    vcpu_remove(&cpu);
    synchronize_rcu();
    vcpu_destroy(&cpu);
    printf("%u written, %u halts, %u wrong\n", written, atomic_load(&halts), wrong);
    return 0;
}
