/* What the compiler refuses, by NUMBER; with 0 it compiles. */
#include <stillpoint/compat/qemu.h>

struct other {
    void *next;
};

struct object {
    struct rcu_head rcu;
    struct rcu_head second;
};
struct odd {
    struct other rcu;
};

void g_free(void *memory);
void release(struct object *object);
void release_any(void *object);
int release_with_result(struct object *object);
void queue(struct object *object, struct odd *odd);

void queue(struct object *object, struct odd *odd)
{
    (void)odd;
#if NUMBER == 0
    call_rcu(object, release, rcu);
    g_free_rcu(object, rcu);
#elif NUMBER == 1
    call_rcu(object, release, second);
#elif NUMBER == 2
    g_free_rcu(object, second);
#elif NUMBER == 3
    g_free_rcu(odd, rcu);
#elif NUMBER == 4
    call_rcu(object, release_any, rcu);
#elif NUMBER == 5
    call_rcu(object, release_with_result, rcu);
#endif
}
