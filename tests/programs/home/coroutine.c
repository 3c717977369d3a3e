/* Coroutines that go on in another thread after each yield, with sections between the yields:
 * `coroutine TURNS [spans]`. With `spans` a section lasts over a yield, which the library refuses.
 */
#define STILLPOINT_COROUTINES
#include <stillpoint/rcu.h>
#include <stillpoint/vcpu.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

struct thing {
    unsigned long value;
};

static struct thing *published;
static ucontext_t coroutine, resumers[2];
static sem_t turns_of[2];
static const struct rcu_reader *reader_of_turn; /* of the thread that resumed the coroutine */
static unsigned long turns, wrong;
static int turn_of;
static bool spans, done;

/* Returns in the other thread. */
static __attribute__((noinline)) void yield(void)
{
    swapcontext(&coroutine, &resumers[turn_of]);
}

static void check(unsigned long *least)
{
    const struct thing *thing;

    RCU_READ_LOCK_GUARD();
    thing = rcu_dereference(published);
    if (rcu_self() != reader_of_turn || !rcu_read_locked() || current_cpu || thing->value < *least)
        wrong++;
    *least = thing->value;
}

/* All in one function, where a compiler may keep what it likes. */
static void run(void)
{
    unsigned long least = 0;

    for (unsigned long turn = 0; turn < turns; turn++) {
        rcu_read_lock();
        if (rcu_self() != reader_of_turn)
            wrong++;
        if (spans)
            yield();
        rcu_read_unlock();
        check(&least);
        yield();
        check(&least);
        if (rcu_read_locked())
            wrong++;
        yield();
    }
    done = true;
    yield();
    abort();
}

static __attribute__((noinline)) const struct rcu_reader *own_reader(void)
{
    return rcu_self();
}

/* The two resume the coroutine by turns. */
static void *resume(void *argument)
{
    int me = *(int *)argument;

    rcu_register_thread();
    for (;;) {
        while (sem_wait(&turns_of[me]))
            ;
        if (done)
            break;
        turn_of = me;
        reader_of_turn = own_reader();
        swapcontext(&resumers[me], &coroutine);
        sem_post(&turns_of[!me]);
    }
    sem_post(&turns_of[!me]);
    rcu_unregister_thread();
    return NULL;
}

static struct thing *new_thing(unsigned long value)
{
    struct thing *thing = calloc(1, sizeof *thing);

    if (!thing)
        abort();
    thing->value = value;
    return thing;
}

int main(int argc, char **argv)
{
    static char stack[1 << 18];
    static int numbers[2] = {0, 1};
    pthread_t threads[2];
    struct thing *old;

    if (argc < 2)
        return 64;
    turns = strtoul(argv[1], NULL, 10);
    spans = argc > 2;
    published = new_thing(1);
    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = stack;
    coroutine.uc_stack.ss_size = sizeof stack;
    makecontext(&coroutine, run, 0);
    for (int i = 0; i < 2; i++)
        sem_init(&turns_of[i], 0, i == 0);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, resume, &numbers[i]);
    for (unsigned long value = 2; value < 1000; value++) {
        old = published;
        rcu_assign_pointer(published, new_thing(value));
        synchronize_rcu();
        memset(old, 0, sizeof *old);
        free(old);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    free(published);
    printf("%lu turns, %lu wrong\n", turns, wrong);
    return wrong ? 1 : 0;
}
