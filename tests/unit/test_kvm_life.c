/* The accelerator kvm: what stillpoint/accel.h promises of its machine and of vCPUs that come, go
 * and are refused. */
/* Left out of DEBUG TWO_PHASE M32 FENCE: none changes what enters and leaves a guest. */
/* Left out of SANITIZE: what a guest does to memory no sanitizer sees. */
#include <stillpoint/vcpu.h>

#include "kvm_cpus.h"
#include "vcpu/accel/kvm_vm.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>

static unsigned open_files(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;

    ck_assert_ptr_nonnull(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

/* With a second one there, or alone. A new one finds nothing of what the one before left. */
START_TEST(vcpus_that_come_and_go_use_the_same_ids)
{
    struct vcpu_kvm_page *page = NULL;
    static struct machine_cpu second;
    unsigned files = 0;

    choose(_i);
    start(&second, NULL, false);
    for (uint64_t i = 1; i <= 50; i++) {
        start(&one, NULL, false);
        ck_assert(page == NULL || one.page == page);
        ck_assert_ptr_ne(one.page, second.page);
        ck_assert(files == 0 || open_files() == files);
        page = one.page;
        files = open_files();
        see_it_run(&one, 1);
        start_exclusive();
        ck_assert_uint_eq(atomic_load(&page->left), 0);
        ck_assert_uint_eq(atomic_load(&page->right), 0);
        ck_assert_uint_eq(atomic_load(&page->unequal), 0);
        ck_assert_uint_lt(rounds_of(&one), UINT64_C(1) << 40);
        atomic_store(&page->left, i);
        atomic_store(&page->rounds, UINT64_C(1) << 41);
        end_exclusive();
        stop(&one);
    }
    see_it_run(&second, 10);
    stop(&second);
}
END_TEST

static unsigned unplug_at(struct vcpu *cpu, unsigned port, bool out, unsigned value)
{
    (void)port;
    (void)value;
    if (out == (atomic_load(&io.pairs) % 2 == 0)) {
        atomic_fetch_add(&io.pairs, 1);
        vcpu_unplug(cpu);
    }
    return 0x55555555;
}

/* The one before goes during its port I/O; after that none does any. */
START_TEST(one_that_follows_starts_at_the_start)
{
    static const struct vcpu_guest unplugging = {.io = unplug_at};

    choose(_i);
    for (unsigned i = 1; i <= (is_real ? 1 : 10); i++) {
        begin_cpu(&one, &unplugging, true);
        ck_assert_int_eq(join_cpu(&one), 0);
        ck_assert_uint_eq(atomic_load(&io.pairs), i);
        io.given = 0;
        io.in_next = false;
        io.last_rounds = 0;
        start(&one, &echoing, true);
        see_it_run(&one, 65540);
        stop(&one);
        ck_assert_uint_eq(atomic_load(&io.wrong), 0);
        atomic_store(&io.pairs, i);
    }
}
END_TEST

static void limit_files(rlim_t most)
{
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = most != 0 ? most : limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(a_refusal_says_why)
{
    char why[256] = "";

    limit_files(3);
    ck_assert_int_eq(vcpu_accel_available(&vcpu_accel_kvm, why, sizeof why), -EMFILE);
    limit_files(0);
    ck_assert_msg(strstr(why, "/dev/kvm: Too many open files") != NULL, "it said: %s", why);
    ck_assert_int_eq(vcpu_accel_available(&vcpu_accel_kvm, why, sizeof why), 0);
    ck_assert_str_eq(why, "");
    ck_assert_int_eq(vcpu_accel_available(&vcpu_accel_kvm, NULL, 0), 0);
}
END_TEST

START_TEST(looking_whether_it_is_available_makes_one_machine)
{
    unsigned files;

    ck_assert_int_eq(vcpu_accel_available(&vcpu_accel_kvm, NULL, 0), 0);
    files = open_files();
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(vcpu_accel_available(&vcpu_accel_kvm, NULL, 0), 0);
    ck_assert_uint_eq(open_files(), files);
}
END_TEST

/* For want of a descriptor: of the machine, then of a second vCPU. */
START_TEST(one_that_cannot_be_made_is_refused_and_nothing_else_suffers)
{
    static struct machine_cpu second;

    choose(_i);
    limit_files(3);
    begin_cpu(&one, NULL, false);
    ck_assert_int_eq(join_cpu(&one), -EMFILE);
    limit_files(0);
    start(&one, NULL, false);
    limit_files(3);
    for (int i = 0; i < 2; i++) {
        begin_cpu(&second, NULL, false);
        ck_assert_int_eq(join_cpu(&second), -EMFILE);
    }
    limit_files(0);
    start(&second, NULL, false);
    see_it_run(&second, 10);
    see_it_run(&one, 10);
    stop(&second);
    stop(&one);
}
END_TEST

#ifdef VCPU_KVM_POSSIBLE
START_TEST(no_more_vcpus_than_the_machine_has_room_for)
{
    struct kvm_vm *vm;
    struct kvm_vcpu *first;
    int error = 0;

    ck_assert_int_eq(kvm_vm_make(&vm, NULL, 0), 0);
    ck_assert_uint_le(vm->limit, VCPU_LIMIT);
    vm->limit = 2;
    first = kvm_vm_take(vm, &error);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_nonnull(kvm_vm_take(vm, &error));
    ck_assert_int_eq(error, 0);
    ck_assert_ptr_null(kvm_vm_take(vm, &error));
    ck_assert_int_eq(error, -ENOSPC);
    kvm_vm_give(first);
    ck_assert_ptr_eq(kvm_vm_take(vm, &error), first);
    kvm_vm_close(vm);
}
END_TEST
#endif

static void run_one_anew(void)
{
    static struct machine_cpu own;

    start(&own, &acting, false);
    see_it_run(&own, 100);
    stop(&own);
}

START_TEST(a_child_of_a_fork_has_a_machine_of_its_own)
{
    choose(_i);
    start(&one, NULL, false);
    see_it_run(&one, 100);
    stop(&one);
    succeeds(child_of(run_one_anew));
    start(&one, NULL, false);
    see_it_run(&one, 100);
    stop(&one);
}
END_TEST

/* ---- the suite ---- */

static void add_tests(Suite *suite)
{
    TCase *life = add_case(suite, "life");

    tcase_add_loop_test(life, vcpus_that_come_and_go_use_the_same_ids, 0, KVM_WAYS);
    tcase_add_loop_test(life, one_that_follows_starts_at_the_start, 0, KVM_WAYS);
    tcase_add_test(life, a_refusal_says_why);
    tcase_add_test(life, looking_whether_it_is_available_makes_one_machine);
    tcase_add_loop_test(life, one_that_cannot_be_made_is_refused_and_nothing_else_suffers, 0,
                        KVM_WAYS);
#ifdef VCPU_KVM_POSSIBLE
    tcase_add_test(life, no_more_vcpus_than_the_machine_has_room_for);
#endif
    tcase_add_loop_test(life, a_child_of_a_fork_has_a_machine_of_its_own, 0, KVM_WAYS);
}

int main(void)
{
    return run_kvm_suite(suite_create("kvm life"), add_tests);
}
