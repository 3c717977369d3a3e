/* kick-latency: a bare KVM_RUN, left by a signal. The guest is of the kind that the accelerator kvm
 * prefers, and in its mode: 64 bits, privilege level 3, adding 1 to a counter for ever. */
#include "kick.h"

#if KICK_RAW_KVM

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY_SIZE 0x200000UL
#define CODE_AT     0x1000
#define TABLES_AT   0x2000
#define COUNTER_AT  0x10000

struct guest {
    int kvm, vm, cpu;
    char *memory;
    struct kvm_run *run;
    size_t run_size;
};

/* The rounds of the one guest; NULL: not there. Its memory stays. */
static _Atomic(_Atomic uint64_t *) counter;

static void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "kick-latency: %s for a bare guest: %m; use another \"method\"\n", what);
    abort();
}

static struct kvm_segment flat(unsigned type, unsigned selector)
{
    return (struct kvm_segment){.limit = 0xffffffff,
                                .selector = (uint16_t)selector,
                                .type = (uint8_t)type,
                                .present = 1,
                                .s = 1,
                                .g = 1,
                                .dpl = 3};
}

static void load(char *memory)
{
    /* 1: lea 16(%rbx),%rsi; lea 24(%rbx),%rdi; cmpsq; incq (%rbx); jmp 1b: as the accelerator's
     * round. */
    static const uint8_t code[] = {0x48, 0x8d, 0x73, 0x10, 0x48, 0x8d, 0x7b, 0x18,
                                   0x48, 0xa7, 0x48, 0xff, 0x03, 0xeb, 0xf1};
    uint64_t *tables = (uint64_t *)(memory + TABLES_AT);

    memcpy(memory + CODE_AT, code, sizeof code);
    tables[0] = (TABLES_AT + 0x1000) | 7; /* present, writable, for level 3 */
    tables[512] = (TABLES_AT + 0x2000) | 7;
    tables[1024] = 0x87; /* 2 MiB at 0 */
}

static void set_state(struct guest *g)
{
    struct kvm_regs registers = {.rip = CODE_AT, .rflags = 0x3002, .rbx = COUNTER_AT};
    struct kvm_sregs special;

    check(ioctl(g->cpu, KVM_GET_SREGS, &special) == 0, "KVM_GET_SREGS");
    special.cr0 = 0x80000033;
    special.cr3 = TABLES_AT;
    special.cr4 = 0x220;
    special.efer = 0xd01;
    special.cs = flat(11, 0x33);
    special.cs.l = 1;
    special.ds = flat(3, 0x2b);
    special.ds.db = 1;
    special.es = special.fs = special.gs = special.ss = special.ds;
    check(ioctl(g->cpu, KVM_SET_SREGS, &special) == 0, "KVM_SET_SREGS");
    check(ioctl(g->cpu, KVM_SET_REGS, &registers) == 0, "KVM_SET_REGS");
}

static void set_cpuid(struct guest *g)
{
    const unsigned room = 512;
    struct kvm_cpuid2 *cpuid = calloc(1, sizeof *cpuid + room * sizeof cpuid->entries[0]);

    cpuid->nent = room;
    check(ioctl(g->kvm, KVM_GET_SUPPORTED_CPUID, cpuid) == 0, "KVM_GET_SUPPORTED_CPUID");
    check(ioctl(g->cpu, KVM_SET_CPUID2, cpuid) == 0, "KVM_SET_CPUID2");
    free(cpuid);
}

static void open_guest(struct guest *g)
{
    struct kvm_userspace_memory_region region = {.memory_size = MEMORY_SIZE};

    g->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    check(g->kvm >= 0, "/dev/kvm");
    g->vm = ioctl(g->kvm, KVM_CREATE_VM, 0);
    check(g->vm >= 0, "KVM_CREATE_VM");
    g->memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(g->memory != MAP_FAILED, "mmap");
    load(g->memory);
    region.userspace_addr = (uintptr_t)g->memory;
    check(ioctl(g->vm, KVM_SET_USER_MEMORY_REGION, &region) == 0, "KVM_SET_USER_MEMORY_REGION");
    ioctl(g->vm, KVM_SET_TSS_ADDR, 0xfffbd000UL);
    g->cpu = ioctl(g->vm, KVM_CREATE_VCPU, 0);
    check(g->cpu >= 0, "KVM_CREATE_VCPU");
    g->run_size = (size_t)ioctl(g->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    g->run = mmap(NULL, g->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, g->cpu, 0);
    check(g->run != MAP_FAILED, "mmap of a vCPU");
    set_cpuid(g);
    set_state(g);
}

static volatile uint8_t *immediate_exit;

static void handle(int signal)
{
    (void)signal;
    *immediate_exit = 1;
}

static void kvm_run(struct kick_target *target)
{
    struct sigaction action = {.sa_handler = handle};
    struct guest g;
    sigset_t set;

    open_guest(&g);
    immediate_exit = &g.run->immediate_exit;
    sigaction(kick_raw_signal_number(), &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, kick_raw_signal_number());
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    /* Orders: STORE of the guest's memory -> STORE counter.
     * Pairs with: kvm_rounds(), LOAD counter (acquire).
     * Broken: the requester reads the guest's counter before it is there. */
    atomic_store_explicit(&counter, (_Atomic uint64_t *)(g.memory + COUNTER_AT),
                          memory_order_release);
    do {
        uint64_t left;
        int result = ioctl(g.cpu, KVM_RUN, 0);

        left = clock_ticks();
        check(result != 0 && errno == EINTR, "KVM_RUN");
        *immediate_exit = 0;
        /* Orders: LOAD target->reason -> STORE of the guest's next round.
         * Pairs with: requester(), LOAD of the rounds -> STORE target->reason (release).
         * Broken: a round after the action is counted as one from before it. */
        kick_target_acts(target, atomic_load_explicit(&target->reason, memory_order_acquire), left);
    } while (!atomic_load_explicit(&target->leave, memory_order_relaxed));
    /* Both mappings stay: a signal may still be on its way to the handler. */
    close(g.cpu);
    close(g.vm);
    close(g.kvm);
}

static uint64_t kvm_rounds(struct kick_target *target)
{
    /* Orders: LOAD counter -> LOAD *rounds.
     * Pairs with: kvm_run(), STORE counter (release).
     * Broken: the requester reads the guest's counter before it is there. */
    _Atomic uint64_t *rounds = atomic_load_explicit(&counter, memory_order_acquire);

    (void)target;
    return rounds ? atomic_load_explicit(rounds, memory_order_relaxed) : 0;
}

const struct kick_way kick_raw_kvm = {.run = kvm_run, .kick = kick_raw_send, .rounds = kvm_rounds};

#else

const struct kick_way kick_raw_kvm = {.run = NULL};

#endif
