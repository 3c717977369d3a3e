/* What reports are told of who does what others wait for: rcu_duties(), vcpu_duties(). */
#include <stillpoint/vcpu.h>

#include "vcpus.h"

#include <check.h>

static struct actor reader, updater, other;

/* Of that thread, or NULL. */
static const char *duty_of(int thread_id)
{
    struct rcu_duty found[8];
    unsigned count = rcu_duties(found, 4);

    count += vcpu_duties(found + count, 4);
    for (unsigned i = 0; i < count; i++)
        if (found[i].thread_id == thread_id)
            return found[i].what;
    return NULL;
}

static bool does(struct actor *a, const char *what)
{
    const char *duty = duty_of(a->thread_id);

    return duty != NULL && strcmp(duty, what) == 0;
}

static void begin_grace_period(enum rcu_gp_policy policy, void (*wait)(void))
{
    use(patient(policy, HOUR_NS));
    hire_reader(&reader);
    hire(&updater);
    make(&reader, enter);
    begin_and_wait(&updater, wait, 1);
}

static void end_grace_period(void)
{
    make(&reader, leave);
    force_rcu();
    finish(&updater);
    synchronize_rcu(); /* which was to be forced as well */
    ck_assert_ptr_null(duty_of(updater.thread_id));
    dismiss_reader(&reader);
    dismiss(&updater);
}

START_TEST(a_leader_naps_or_sleeps_and_has_forced_or_not)
{
    begin_grace_period(RCU_GP_POLL, synchronize_rcu);
    UNTIL(does(&updater, "leads a grace period: naps"));
    ck_assert_ptr_null(duty_of(reader.thread_id));
    force_rcu();
    UNTIL(does(&updater, "leads a forced grace period: sleeps until a reader leaves"));
    end_grace_period();
    begin_grace_period(RCU_GP_EVENT, synchronize_rcu);
    UNTIL(does(&updater, "leads a grace period: sleeps until a reader leaves"));
    end_grace_period();
}
END_TEST

static int callback_thread;
static atomic_bool hold;

static void stay(struct rcu_head *head)
{
    (void)head;
    callback_thread = gettid();
    while (atomic_load(&hold))
        sched_yield();
}

START_TEST(the_callback_thread_runs_callbacks_or_waits_for_their_grace_period)
{
    static struct rcu_head first, second;
    struct actor callbacks = {.thread_id = 0};

    use(patient(RCU_GP_POLL, HOUR_NS));
    call_rcu(&first, stay);
    rcu_barrier();
    callbacks.thread_id = callback_thread;
    atomic_store(&hold, true);
    call_rcu(&first, stay);
    UNTIL(does(&callbacks, "runs callbacks"));
    atomic_store(&hold, false);
    rcu_barrier();
    UNTIL(duty_of(callback_thread) == NULL);
    begin_grace_period(RCU_GP_POLL, synchronize_rcu);
    call_rcu(&second, stay);
    UNTIL(does(&callbacks, "has callbacks, and waits for their grace period"));
    end_grace_period();
    rcu_barrier();
    use(patient(RCU_GP_EVENT, HOUR_NS));
    call_rcu(&second, stay);
    UNTIL(does(&callbacks, "lets callbacks pile up"));
    rcu_barrier();
}
END_TEST

static void lock(void)
{
    bql_lock();
}

static void begin_section(void)
{
    start_exclusive();
}

START_TEST(the_big_lock_an_exclusive_section_and_a_pause_have_an_owner)
{
    static const struct {
        void (*begin)(void), (*end)(void);
        const char *what;
    } rows[] = {
        {lock, bql_unlock, "holds the big lock"},
        {begin_section, end_exclusive, "is in an exclusive section"},
        {pause_all_vcpus, resume_all_vcpus, "has paused the vCPUs"},
    };

    hire(&other);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_ptr_null(duty_of(other.thread_id));
        make(&other, rows[i].begin);
        ck_assert_msg(does(&other, rows[i].what), "%s", rows[i].what);
        make(&other, rows[i].end);
    }
    ck_assert_ptr_null(duty_of(other.thread_id));
    dismiss(&other);
}
END_TEST

START_TEST(after_a_fork_the_child_has_the_duties_of_its_one_thread)
{
    pid_t child;
    int status;

    begin_grace_period(RCU_GP_POLL, synchronize_rcu);
    bql_lock();
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        const char *mine = duty_of(gettid());
        struct rcu_duty found[8];
        bool right = mine != NULL && strcmp(mine, "holds the big lock") == 0 &&
                     rcu_duties(found, 8) == 0 && vcpu_duties(found, 8) == 1;

        _exit(right ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
    bql_unlock();
    end_grace_period();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("duties");
    TCase *c = add_case(suite, "duties");

    tcase_add_test(c, a_leader_naps_or_sleeps_and_has_forced_or_not);
    tcase_add_test(c, the_callback_thread_runs_callbacks_or_waits_for_their_grace_period);
    tcase_add_test(c, the_big_lock_an_exclusive_section_and_a_pause_have_an_owner);
    tcase_add_test(c, after_a_fork_the_child_has_the_duties_of_its_one_thread);
    return run_suite(suite);
}
