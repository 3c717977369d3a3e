/* The VM of the accelerator kvm, and its vCPUs. */
#include "vcpu/accel/kvm_vm.h"

#ifdef VCPU_KVM_POSSIBLE

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

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

static int open_kvm(struct kvm_vm *vm, char *why, size_t size)
{
    int version;

    vm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (vm->kvm_fd < 0) {
        int error = -errno;

        snprintf(why, size, "/dev/kvm: %m%s", open_advice(-error));
        return error;
    }
    version = ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0);
    if (version != KVM_API_VERSION) {
        snprintf(why, size,
                 "/dev/kvm: its interface has version %d, ours is %d; use a kernel of "
                 "2.6.22 or later",
                 version, KVM_API_VERSION);
        return -ENOTSUP;
    }
    vm->vm_fd = ioctl_whole(vm->kvm_fd, KVM_CREATE_VM, 0);
    if (vm->vm_fd < 0) {
        int error = -errno;

        snprintf(why, size, "/dev/kvm makes no virtual machine: %m%s",
                 error == -EBUSY ? "; stop the other hypervisor that has the CPU" : "");
        return error;
    }
    return 0;
}

static int add_memory(struct kvm_vm *vm)
{
    struct kvm_userspace_memory_region region = {.memory_size = KVM_GUEST_MEMORY_SIZE};
    void *memory = mmap(NULL, KVM_GUEST_MEMORY_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return -errno;
    vm->memory = memory;
    madvise(memory, KVM_GUEST_MEMORY_SIZE, MADV_DONTFORK);
    kvm_guest_load(memory);
    region.userspace_addr = (uintptr_t)memory;
    return ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) == 0 ? 0 : -errno;
}

/* What the host's CPU and KVM can do, which is what the CPUID of vCPUs reports: KVM refuses long
 * mode to others. */
static int get_cpuid(struct kvm_vm *vm)
{
    const unsigned room = 512;

    vm->cpuid = calloc(1, sizeof *vm->cpuid + room * sizeof vm->cpuid->entries[0]);
    if (!vm->cpuid)
        return -ENOMEM;
    vm->cpuid->nent = room;
    return ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, vm->cpuid) == 0 ? 0 : -errno;
}

/* The number that the capability stands for; `otherwise` when it has none. */
static unsigned capability(const struct kvm_vm *vm, int name, unsigned otherwise)
{
    int value = ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, name);

    return value > 0 ? (unsigned)value : otherwise;
}

static void choose_limit(struct kvm_vm *vm)
{
    unsigned most = capability(vm, KVM_CAP_MAX_VCPUS, capability(vm, KVM_CAP_NR_VCPUS, 4)),
             ids = capability(vm, KVM_CAP_MAX_VCPU_ID, most), pages = kvm_guest_id_limit(vm->mode);

    vm->limit = most < ids ? most : ids;
    if (vm->limit > pages)
        vm->limit = pages;
}

static int set_up(struct kvm_vm *vm)
{
    int error = add_memory(vm);

    if (!error)
        error = get_cpuid(vm);
    if (!error) {
        int size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

        if (size < (int)sizeof(struct kvm_run))
            error = -EIO;
        vm->run_size = (size_t)size;
    }
    /* Intel CPUs that cannot run real mode themselves want three pages for it, outside of the
     * guest's memory. Others take it as well, or refuse, which is as good. */
    ioctl(vm->vm_fd, KVM_SET_TSS_ADDR, 0xfffbd000UL);
    choose_limit(vm);
    vm->has_immediate_exit = capability(vm, KVM_CAP_IMMEDIATE_EXIT, 0) != 0;
    return error;
}

static void close_vcpu(const struct kvm_vm *vm, struct kvm_vcpu *v)
{
    if (v->run)
        munmap(v->run, vm->run_size);
    if (v->fd >= 0)
        close(v->fd);
    free(v);
}

void kvm_vm_close(struct kvm_vm *vm)
{
    while (!SLIST_EMPTY(&vm->vcpus)) {
        struct kvm_vcpu *v = SLIST_FIRST(&vm->vcpus);

        SLIST_REMOVE_HEAD(&vm->vcpus, link);
        close_vcpu(vm, v);
    }
    if (vm->vm_fd >= 0)
        close(vm->vm_fd);
    if (vm->kvm_fd >= 0)
        close(vm->kvm_fd);
    if (vm->memory)
        munmap(vm->memory, KVM_GUEST_MEMORY_SIZE);
    free(vm->cpuid);
    free(vm);
}

void kvm_vm_forget(struct kvm_vm *vm)
{
    struct kvm_vcpu *v;

    for (v = SLIST_FIRST(&vm->vcpus); v; v = SLIST_NEXT(v, link))
        close(v->fd);
    close(vm->vm_fd);
    close(vm->kvm_fd);
}

/* ---- Its vCPUs ---- */

/* False, and errno, when KVM refuses. */
static bool open_vcpu(struct kvm_vm *vm, struct kvm_vcpu *v)
{
    void *run;

    v->fd = ioctl_whole(vm->vm_fd, KVM_CREATE_VCPU, v->id);
    if (v->fd < 0)
        return false;
    run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
    if (run == MAP_FAILED)
        return false;
    v->run = run;
    madvise(run, vm->run_size, MADV_DONTFORK);
    return ioctl(v->fd, KVM_SET_CPUID2, vm->cpuid) == 0;
}

static struct kvm_vcpu *make_vcpu(struct kvm_vm *vm, int *error)
{
    struct kvm_vcpu *v = vm->vcpu_count < vm->limit ? malloc(sizeof *v) : NULL;

    if (!v) {
        *error = vm->vcpu_count < vm->limit ? -ENOMEM : -ENOSPC;
        return NULL;
    }
    *v = (struct kvm_vcpu){
        .fd = -1, .id = vm->vcpu_count, .page = kvm_guest_page(vm->memory, vm->vcpu_count)};
    if (!open_vcpu(vm, v)) {
        *error = -errno;
        /* When KVM has made it, the id is gone. */
        vm->vcpu_count += v->fd >= 0;
        close_vcpu(vm, v);
        return NULL;
    }
    vm->vcpu_count++;
    SLIST_INSERT_HEAD(&vm->vcpus, v, link);
    return v;
}

struct kvm_vcpu *kvm_vm_take(struct kvm_vm *vm, int *error)
{
    struct kvm_vcpu *v = SLIST_FIRST(&vm->vcpus);

    while (v && v->taken)
        v = SLIST_NEXT(v, link);
    if (!v)
        v = make_vcpu(vm, error);
    if (v)
        v->taken = true;
    return v;
}

void kvm_vm_give(struct kvm_vcpu *v)
{
    v->taken = false;
}

/* ---- Which mode works ---- */

/* Whether the guest runs: from one round before its port I/O it has to get there. */
static int try_guest(struct kvm_vm *vm)
{
    int error;
    struct kvm_vcpu *v = kvm_vm_take(vm, &error);

    if (!v)
        return error;
    error = kvm_guest_reset(vm->mode, v, true);
    atomic_store_explicit(&v->page->rounds, UINT16_MAX, memory_order_relaxed);
    if (!error && ioctl_whole(v->fd, KVM_RUN, 0) != 0)
        error = -errno;
    if (!error && v->run->exit_reason != KVM_EXIT_IO)
        error = -EIO;
    kvm_vm_give(v);
    return error;
}

static int make_in_mode(struct kvm_vm **made, enum kvm_guest_mode mode, char *why, size_t size)
{
    struct kvm_vm *vm = malloc(sizeof *vm);
    int error;

    if (!vm) {
        snprintf(why, size, "out of memory");
        return -ENOMEM;
    }
    *vm = (struct kvm_vm){.kvm_fd = -1, .vm_fd = -1, .mode = mode};
    error = open_kvm(vm, why, size);
    if (!error) {
        error = set_up(vm);
        if (!error)
            error = try_guest(vm);
        if (error) {
            errno = -error;
            snprintf(why, size, "KVM is there, but does not run our guest: %m");
        }
    }
    if (error)
        kvm_vm_close(vm);
    else
        *made = vm;
    return error;
}

/* Not from processes of 32 bits: on a host whose KVM runs level 3 without hardware they got a
 * SIGBUS out of KVM_RUN. */
static bool may_use_long_mode(void)
{
    const char *wish = getenv("STILLPOINT_KVM_GUEST");

    return sizeof(long) == 8 && !(wish && strcmp(wish, "real") == 0);
}

int kvm_vm_make(struct kvm_vm **made, char *why, size_t size)
{
    if (may_use_long_mode() && make_in_mode(made, KVM_GUEST_LONG, why, size) == 0)
        return 0;
    return make_in_mode(made, KVM_GUEST_REAL, why, size);
}

#endif
