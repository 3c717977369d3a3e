/* What a checker makes of the library: it has no constructors, so that lib/start.h has the calls in
 * their place, storage of its own for readers, and limits so low that each is met at once. All the
 * library does is done once, beside a thread that reads. */
#include <stillpoint/vcpu.h>

#include "start.h"

#include <stdio.h>
#include <stdlib.h>

static atomic_uint ran;
static atomic_bool stop;

struct rcu_reader *reader_of_this_thread(void)
{
    static __thread struct rcu_reader *own;

    if (!own) {
        own = aligned_alloc(RCU_CACHE_LINE, sizeof *own);
        *own = (struct rcu_reader){.attention = RCU_UNREGISTERED};
    }
    return own;
}

static void count(struct rcu_head *head)
{
    (void)head;
    atomic_fetch_add(&ran, 1);
}

static void count_work(struct vcpu *cpu, void *unused)
{
    (void)cpu, (void)unused;
    atomic_fetch_add(&ran, 1);
}

static void *read_all_the_time(void *unused)
{
    rcu_register_thread();
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        rcu_read_lock();
        rcu_read_unlock();
    }
    rcu_unregister_thread();
    return unused;
}

static void use_rcu(void)
{
    static struct rcu_head heads[10];

    for (int i = 0; i < 10; i++) {
        synchronize_rcu();
        cond_synchronize_rcu(start_poll_synchronize_rcu());
        call_rcu(&heads[i], count);
    }
    rcu_barrier();
}

static void use_vcpus(void)
{
    static struct vcpu cpus[2];

    for (int i = 0; i < 2; i++) {
        vcpu_init(&cpus[i], NULL);
        if (vcpu_add(&cpus[i]) != 0)
            exit(EXIT_FAILURE);
    }
    vcpu_attach(&cpus[0]);
    for (int i = 0; i < 10; i++) {
        cpu_exec_start(&cpus[0]);
        cpu_exec_end(&cpus[0]);
        start_exclusive();
        end_exclusive();
        pause_all_vcpus();
        resume_all_vcpus();
    }
    async_run_on_cpu(&cpus[0], count_work, NULL);
    async_run_on_cpu(&cpus[1], count_work, NULL);
    process_cpu_events(&cpus[0]);
    vcpu_detach(&cpus[0]);
    for (int i = 0; i < 2; i++) {
        vcpu_remove(&cpus[i]);
        vcpu_destroy(&cpus[i]);
    }
}

int main(void)
{
    pthread_t reader;

    stillpoint_start();
    if (pthread_create(&reader, NULL, read_all_the_time, NULL) != 0)
        return EXIT_FAILURE;
    rcu_register_thread();
    use_rcu();
    use_vcpus();
    rcu_unregister_thread();
    atomic_store(&stop, true);
    pthread_join(reader, NULL);
    if (atomic_load(&ran) != 12) {
        printf("%u of 12 callbacks and items of work have run\n", atomic_load(&ran));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
