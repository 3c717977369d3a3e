/* The guests of the accelerator kvm, and the state that each vCPU starts with. */
#include "kvm_guest.h"

#ifdef VCPU_KVM_POSSIBLE

#include "vcpu/accel/kvm_vm.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define CODE_AT           0x1000
#define PAGE_TABLES_AT    0x2000
#define REAL_MEMORY_SIZE  0x100000
#define LARGE_PAGE_SIZE   0x200000
#define ENTRIES_OF_TABLE  512
#define ENTRY_PRESENT_RWU 0x7 /* present, writable, for privilege level 3 */
#define ENTRY_LARGE       0x80

_Static_assert(KVM_GUEST_MEMORY_SIZE <= (size_t)ENTRIES_OF_TABLE * LARGE_PAGE_SIZE,
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

void kvm_guest_load(void *memory)
{
    uint64_t *tables = (uint64_t *)((char *)memory + PAGE_TABLES_AT);
    uint64_t *directory = tables + 2 * ENTRIES_OF_TABLE;

    load_code((char *)memory + CODE_AT, kvm_guest_long_code, kvm_guest_long_end);
    load_code((char *)memory + REAL_CODE_AT, kvm_guest_real_code, kvm_guest_real_end);
    tables[0] = (PAGE_TABLES_AT + 0x1000) | ENTRY_PRESENT_RWU;
    tables[ENTRIES_OF_TABLE] = (PAGE_TABLES_AT + 0x2000) | ENTRY_PRESENT_RWU;
    for (uint64_t at = 0; at < KVM_GUEST_MEMORY_SIZE; at += LARGE_PAGE_SIZE)
        directory[at / LARGE_PAGE_SIZE] = at | ENTRY_PRESENT_RWU | ENTRY_LARGE;
}

unsigned kvm_guest_id_limit(enum kvm_guest_mode mode)
{
    return mode == KVM_GUEST_LONG ? VCPU_LIMIT
                                  : (REAL_MEMORY_SIZE - KVM_GUEST_PAGES_AT) / KVM_GUEST_PAGE_SIZE;
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

/* In real mode a base is 16 times the selector; otherwise some hosts emulate every instruction. */
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

/* Atomic, as threads may still load from the page for its former owner. */
static void clear_page(struct vcpu_kvm_page *page)
{
    atomic_store_explicit(&page->rounds, 0, memory_order_relaxed);
    atomic_store_explicit(&page->unequal, 0, memory_order_relaxed);
    atomic_store_explicit(&page->left, 0, memory_order_relaxed);
    atomic_store_explicit(&page->right, 0, memory_order_relaxed);
}

struct vcpu_kvm_page *kvm_guest_page(void *memory, unsigned id)
{
    return (struct vcpu_kvm_page *)((char *)memory + KVM_GUEST_PAGES_AT +
                                    (size_t)id * KVM_GUEST_PAGE_SIZE);
}

int kvm_guest_reset(enum kvm_guest_mode mode, const struct kvm_vcpu *v, bool io)
{
    uint64_t page = KVM_GUEST_PAGES_AT + (uint64_t)v->id * KVM_GUEST_PAGE_SIZE;
    struct kvm_regs registers = {.rflags = 0x2, .rbx = page, .rbp = io};
    struct kvm_sregs special;

    clear_page(v->page);
    if (ioctl(v->fd, KVM_GET_SREGS, &special) != 0)
        return -errno;
    if (mode == KVM_GUEST_LONG) {
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

#endif
