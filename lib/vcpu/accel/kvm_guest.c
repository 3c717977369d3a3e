/* The machine of the accelerator kvm, the guests, and the state that each starts with. */
#include "kvm_guest.h"

#ifdef VCPU_KVM_POSSIBLE

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES_AT          0x10000
#define GUEST_PAGE_SIZE   0x1000
#define MEMORY_SIZE       ((size_t)PAGES_AT + (size_t)VCPU_LIMIT * GUEST_PAGE_SIZE)
#define CODE_AT           0x1000
#define PAGE_TABLES_AT    0x2000
#define REAL_MEMORY_SIZE  0x100000
#define LARGE_PAGE_SIZE   0x200000
#define ENTRIES_OF_TABLE  512
#define ENTRY_PRESENT_RWU 0x7 /* present, writable, for privilege level 3 */
#define ENTRY_LARGE       0x80

_Static_assert(MEMORY_SIZE <= (size_t)ENTRIES_OF_TABLE * LARGE_PAGE_SIZE,
               "one directory maps all of the memory");
_Static_assert(offsetof(struct vcpu_kvm_page, rounds) == 0 &&
                   offsetof(struct vcpu_kvm_page, unequal) == 8 &&
                   offsetof(struct vcpu_kvm_page, left) == 16 &&
                   offsetof(struct vcpu_kvm_page, right) == 24 && VCPU_KVM_PORT == 0x80,
               "the guests' offsets and port are these");

/* The guests. EBX: the page (long); EBP: 0 for no port I/O; EAX: what `in` brought, 0 at first.
 *
 * `left` and `right` are read by one instruction, cmps. The host may freeze the vCPU between any
 * two instructions, change both and let it go on. Broken, with a load each: the left of before is
 * compared with the right of after, and `unequal` counts although no vCPU ran while they differed.
 * Real mode compares the halves, each with one instruction.
 *
 * No stack, no interrupts: a fault of any kind ends in KVM_EXIT_SHUTDOWN. */
__asm__(".pushsection .rodata\n"
        ".code64\n"
        "kvm_guest_long_code:\n"
        "1:  lea 16(%rbx), %rsi\n"
        "    lea 24(%rbx), %rdi\n"
        "    cmpsq\n"
        "    je 2f\n"
        "    incq 8(%rbx)\n"
        "2:  incq (%rbx)\n"
        "    test %ebp, %ebp\n"
        "    jz 1b\n"
        "    cmpw $0, (%rbx)\n"
        "    jne 1b\n"
        "    outl %eax, $0x80\n"
        "    inl $0x80, %eax\n"
        "    jmp 1b\n"
        "kvm_guest_long_end:\n"
        ".code16\n"
        "kvm_guest_real_code:\n"
        "1:  movw $16, %si\n"
        "    movw $24, %di\n"
        "    cmpsl\n"
        "    jne 2f\n"
        "    cmpsl\n" /* si 20, di 28: the upper halves */
        "    je 3f\n"
        "2:  addl $1, 8\n"
        "    adcl $0, 12\n"
        "3:  addl $1, 0\n"
        "    adcl $0, 4\n"
        "    testw %bp, %bp\n"
        "    jz 1b\n"
        "    cmpw $0, 0\n"
        "    jne 1b\n"
        "    outl %eax, $0x80\n"
        "    inl $0x80, %eax\n"
        "    jmp 1b\n"
        "kvm_guest_real_end:\n"
#ifdef __x86_64__
        ".code64\n"
#else
        ".code32\n"
#endif
        ".popsection\n");

extern const char kvm_guest_long_code[] __attribute__((visibility("hidden")));
extern const char kvm_guest_long_end[] __attribute__((visibility("hidden")));
extern const char kvm_guest_real_code[] __attribute__((visibility("hidden")));
extern const char kvm_guest_real_end[] __attribute__((visibility("hidden")));

#define REAL_CODE_AT (CODE_AT + 0x800)

static void load_code(char *to, const char *code, const char *end)
{
    memcpy(to, code, (size_t)(end - code));
}

/* Writes code and page tables into the machine's memory, which is all zero. */
static void load_guest(void *memory)
{
    uint64_t *tables = (uint64_t *)((char *)memory + PAGE_TABLES_AT);
    uint64_t *directory = tables + 2 * ENTRIES_OF_TABLE;

    load_code((char *)memory + CODE_AT, kvm_guest_long_code, kvm_guest_long_end);
    load_code((char *)memory + REAL_CODE_AT, kvm_guest_real_code, kvm_guest_real_end);
    tables[0] = (PAGE_TABLES_AT + 0x1000) | ENTRY_PRESENT_RWU;
    tables[ENTRIES_OF_TABLE] = (PAGE_TABLES_AT + 0x2000) | ENTRY_PRESENT_RWU;
    for (uint64_t at = 0; at < MEMORY_SIZE; at += LARGE_PAGE_SIZE)
        directory[at / LARGE_PAGE_SIZE] = at | ENTRY_PRESENT_RWU | ENTRY_LARGE;
}

/* vCPU ids whose page the guest can reach: those below. */
static unsigned page_limit(enum kvm_guest_mode mode)
{
    return mode == KVM_GUEST_LONG ? VCPU_LIMIT : (REAL_MEMORY_SIZE - PAGES_AT) / GUEST_PAGE_SIZE;
}

static void set_segment(struct kvm_segment *segment, unsigned type, unsigned selector,
                        uint64_t base)
{
    *segment = (struct kvm_segment){
        .base = base,
        .limit = 0xffff,
        .selector = (uint16_t)selector,
        .type = (uint8_t)type,
        .present = 1,
        .s = 1,
    };
}

#define SEGMENT_CODE 11 /* readable, accessed */
#define SEGMENT_DATA 3  /* writable, accessed */

/* In real mode a base is 16 times the selector, or some hosts emulate every instruction. */
static void set_real_mode(struct kvm_sregs *s, uint64_t page)
{
    s->cr0 = 0x10; /* ET, which is always 1 */
    s->cr3 = 0;
    s->cr4 = 0;
    s->efer = 0;
    set_segment(&s->cs, SEGMENT_CODE, REAL_CODE_AT >> 4, REAL_CODE_AT);
    set_segment(&s->ds, SEGMENT_DATA, (unsigned)page >> 4, page);
    s->es = s->fs = s->gs = s->ss = s->ds;
}

static void make_flat(struct kvm_segment *segment)
{
    segment->limit = 0xffffffff;
    segment->g = 1;
    segment->dpl = 3;
}

static void set_long_mode(struct kvm_sregs *s)
{
    s->cr0 = 0x80000033; /* PG, NE, ET, MP, PE */
    s->cr3 = PAGE_TABLES_AT;
    s->cr4 = 0x220;  /* OSFXSR, PAE */
    s->efer = 0xd01; /* NX, LMA, LME, SCE */
    /* The privilege level is that of SS on AMD, of CS on Intel. */
    set_segment(&s->cs, SEGMENT_CODE, 0x33, 0);
    make_flat(&s->cs);
    s->cs.l = 1;
    set_segment(&s->ds, SEGMENT_DATA, 0x2b, 0);
    make_flat(&s->ds);
    s->ds.db = 1;
    s->es = s->fs = s->gs = s->ss = s->ds;
}

/* Others may look at the page of the owner before still; hence atomic. */
static void clear_page(struct vcpu_kvm_page *page)
{
    atomic_store_explicit(&page->rounds, 0, memory_order_relaxed);
    atomic_store_explicit(&page->unequal, 0, memory_order_relaxed);
    atomic_store_explicit(&page->left, 0, memory_order_relaxed);
    atomic_store_explicit(&page->right, 0, memory_order_relaxed);
}

int kvm_guest_reset(const struct kvm_machine *m, struct kvm_vcpu *v, bool io)
{
    uint64_t page = PAGES_AT + (uint64_t)v->id * GUEST_PAGE_SIZE;
    struct kvm_regs registers = {.rflags = 0x2, .rbx = page, .rbp = io};
    struct kvm_sregs special;

    clear_page(v->page);
    if (ioctl(v->fd, KVM_GET_SREGS, &special) != 0)
        return -errno;
    if (m->mode == KVM_GUEST_LONG) {
        set_long_mode(&special);
        registers.rip = CODE_AT;
        registers.rflags |= 0x3000; /* IOPL 3: level 3 may do port I/O */
    } else {
        set_real_mode(&special, page);
    }
    if (ioctl(v->fd, KVM_SET_SREGS, &special) != 0 || ioctl(v->fd, KVM_SET_REGS, &registers) != 0)
        return -errno;
    return 0;
}

/* ---- The machine ---- */

/* ioctl() that a signal does not end. -1 and errno as ever. */
static int ioctl_whole(int fd, unsigned long request, unsigned long argument)
{
    int result;

    do {
        result = ioctl(fd, request, argument);
    } while (result == -1 && errno == EINTR);
    return result;
}

static const char *open_advice(int error)
{
    switch (error) {
    case EACCES:
    case EPERM:
        return "; add yourself to the group kvm";
    case ENOENT:
        return "; the kernel has no KVM, or the machine's CPU or hypervisor hides virtualisation";
    case ENODEV:
    case ENXIO:
        return "; load the module kvm_intel or kvm_amd, and switch virtualisation on in the "
               "firmware";
    default:
        return "";
    }
}

static int open_kvm(struct kvm_machine *m, char *why, size_t size)
{
    int version;

    m->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (m->kvm_fd < 0) {
        int error = -errno;

        snprintf(why, size, "/dev/kvm: %m%s", open_advice(-error));
        return error;
    }
    version = ioctl(m->kvm_fd, KVM_GET_API_VERSION, 0);
    if (version != KVM_API_VERSION) {
        snprintf(why, size,
                 "/dev/kvm: its interface has version %d, ours is %d; use a kernel of "
                 "2.6.22 or later",
                 version, KVM_API_VERSION);
        return -ENOTSUP;
    }
    m->vm_fd = ioctl_whole(m->kvm_fd, KVM_CREATE_VM, 0);
    if (m->vm_fd < 0) {
        int error = -errno;

        snprintf(why, size, "/dev/kvm makes no virtual machine: %m%s",
                 error == -EBUSY ? "; stop the other hypervisor that has the CPU" : "");
        return error;
    }
    return 0;
}

static int add_memory(struct kvm_machine *m)
{
    struct kvm_userspace_memory_region region = {.memory_size = MEMORY_SIZE};
    void *memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return -errno;
    m->memory = memory;
    madvise(memory, MEMORY_SIZE, MADV_DONTFORK);
    load_guest(memory);
    region.userspace_addr = (uintptr_t)memory;
    return ioctl(m->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) == 0 ? 0 : -errno;
}

/* What the host's CPU and KVM can do, which is what vCPUs say of themselves: KVM refuses long mode
 * to others. */
static int get_cpuid(struct kvm_machine *m)
{
    const unsigned room = 512;

    m->cpuid = calloc(1, sizeof *m->cpuid + room * sizeof m->cpuid->entries[0]);
    if (!m->cpuid)
        return -ENOMEM;
    m->cpuid->nent = room;
    return ioctl(m->kvm_fd, KVM_GET_SUPPORTED_CPUID, m->cpuid) == 0 ? 0 : -errno;
}

/* The number that the capability stands for; `otherwise` when it has none. */
static unsigned capability(const struct kvm_machine *m, int name, unsigned otherwise)
{
    int value = ioctl(m->kvm_fd, KVM_CHECK_EXTENSION, name);

    return value > 0 ? (unsigned)value : otherwise;
}

static void choose_limit(struct kvm_machine *m)
{
    unsigned most = capability(m, KVM_CAP_MAX_VCPUS, capability(m, KVM_CAP_NR_VCPUS, 4)),
             ids = capability(m, KVM_CAP_MAX_VCPU_ID, most), pages = page_limit(m->mode);

    m->limit = most < ids ? most : ids;
    if (m->limit > pages)
        m->limit = pages;
}

static int set_up(struct kvm_machine *m)
{
    int error = add_memory(m);

    if (!error)
        error = get_cpuid(m);
    if (!error) {
        int size = ioctl(m->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

        if (size < (int)sizeof(struct kvm_run))
            error = -EIO;
        m->run_size = (size_t)size;
    }
    /* Intel CPUs that cannot run real mode themselves want three pages for it, outside of our
     * memory. Others take it as well, or refuse, which is as good. */
    ioctl(m->vm_fd, KVM_SET_TSS_ADDR, 0xfffbd000UL);
    choose_limit(m);
    m->has_immediate_exit = capability(m, KVM_CAP_IMMEDIATE_EXIT, 0) != 0;
    return error;
}

static void close_vcpu(const struct kvm_machine *m, struct kvm_vcpu *v)
{
    if (v->run)
        munmap(v->run, m->run_size);
    if (v->fd >= 0)
        close(v->fd);
    free(v);
}

void kvm_machine_close(struct kvm_machine *m)
{
    while (!SLIST_EMPTY(&m->vcpus)) {
        struct kvm_vcpu *v = SLIST_FIRST(&m->vcpus);

        SLIST_REMOVE_HEAD(&m->vcpus, link);
        close_vcpu(m, v);
    }
    if (m->vm_fd >= 0)
        close(m->vm_fd);
    if (m->kvm_fd >= 0)
        close(m->kvm_fd);
    if (m->memory)
        munmap(m->memory, MEMORY_SIZE);
    free(m->cpuid);
    free(m);
}

void kvm_machine_forget(struct kvm_machine *m)
{
    struct kvm_vcpu *v;

    for (v = SLIST_FIRST(&m->vcpus); v; v = SLIST_NEXT(v, link))
        close(v->fd);
    close(m->vm_fd);
    close(m->kvm_fd);
}

/* ---- vCPUs of the machine ---- */

static struct vcpu_kvm_page *page_of(const struct kvm_machine *m, unsigned id)
{
    return (struct vcpu_kvm_page *)(m->memory + PAGES_AT + (size_t)id * GUEST_PAGE_SIZE);
}

/* False, and errno, when KVM refuses. */
static bool open_vcpu(struct kvm_machine *m, struct kvm_vcpu *v)
{
    void *run;

    v->fd = ioctl_whole(m->vm_fd, KVM_CREATE_VCPU, v->id);
    if (v->fd < 0)
        return false;
    run = mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
    if (run == MAP_FAILED)
        return false;
    v->run = run;
    madvise(run, m->run_size, MADV_DONTFORK);
    return ioctl(v->fd, KVM_SET_CPUID2, m->cpuid) == 0;
}

static struct kvm_vcpu *make_vcpu(struct kvm_machine *m, int *error)
{
    struct kvm_vcpu *v = m->vcpu_count < m->limit ? malloc(sizeof *v) : NULL;

    if (!v) {
        *error = m->vcpu_count < m->limit ? -ENOMEM : -ENOSPC;
        return NULL;
    }
    *v = (struct kvm_vcpu){.fd = -1, .id = m->vcpu_count, .page = page_of(m, m->vcpu_count)};
    if (!open_vcpu(m, v)) {
        *error = -errno;
        /* When KVM has made it, the id is gone. */
        m->vcpu_count += v->fd >= 0;
        close_vcpu(m, v);
        return NULL;
    }
    m->vcpu_count++;
    SLIST_INSERT_HEAD(&m->vcpus, v, link);
    return v;
}

struct kvm_vcpu *kvm_machine_take(struct kvm_machine *m, int *error)
{
    struct kvm_vcpu *v = SLIST_FIRST(&m->vcpus);

    while (v && v->taken)
        v = SLIST_NEXT(v, link);
    if (!v)
        v = make_vcpu(m, error);
    if (v)
        v->taken = true;
    return v;
}

void kvm_machine_give(struct kvm_vcpu *v)
{
    v->taken = false;
}

/* ---- Which mode works ---- */

/* Whether the guest runs: from one round before its port I/O it has to get there. */
static int try_guest(struct kvm_machine *m)
{
    int error;
    struct kvm_vcpu *v = kvm_machine_take(m, &error);

    if (!v)
        return error;
    error = kvm_guest_reset(m, v, true);
    atomic_store_explicit(&v->page->rounds, UINT16_MAX, memory_order_relaxed);
    if (!error && ioctl_whole(v->fd, KVM_RUN, 0) != 0)
        error = -errno;
    if (!error && v->run->exit_reason != KVM_EXIT_IO)
        error = -EIO;
    kvm_machine_give(v);
    return error;
}

static int make_in_mode(struct kvm_machine **made, enum kvm_guest_mode mode, char *why, size_t size)
{
    struct kvm_machine *m = malloc(sizeof *m);
    int error;

    if (!m) {
        snprintf(why, size, "out of memory");
        return -ENOMEM;
    }
    *m = (struct kvm_machine){.kvm_fd = -1, .vm_fd = -1, .mode = mode};
    error = open_kvm(m, why, size);
    if (!error) {
        error = set_up(m);
        if (!error)
            error = try_guest(m);
        if (error) {
            errno = -error;
            snprintf(why, size, "KVM is there, but does not run our guest: %m");
        }
    }
    if (error)
        kvm_machine_close(m);
    else
        *made = m;
    return error;
}

/* Not from processes of 32 bits: on a host whose KVM runs level 3 without hardware they got a
 * SIGBUS out of KVM_RUN. */
static bool may_use_long_mode(void)
{
    const char *wish = getenv("STILLPOINT_KVM_GUEST");

    return sizeof(long) == 8 && !(wish && strcmp(wish, "real") == 0);
}

int kvm_machine_make(struct kvm_machine **made, char *why, size_t size)
{
    if (may_use_long_mode() && make_in_mode(made, KVM_GUEST_LONG, why, size) == 0)
        return 0;
    return make_in_mode(made, KVM_GUEST_REAL, why, size);
}

#endif
