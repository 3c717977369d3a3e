/* To be compiled, not run: what a compiler makes of sections on both sides of a call that may
 * return in another thread. */
#include <stillpoint/rcu.h>
#include <stillpoint/vcpu.h>

void yield(void);
int sections(int **pointer);

int sections(int **pointer)
{
    int sum = current_cpu ? 1 : 0;

    rcu_read_lock();
    sum += *rcu_dereference(*pointer);
    rcu_read_unlock();
    yield();
    rcu_read_lock();
    sum += *rcu_dereference(*pointer);
    rcu_read_unlock();
    yield();
    return current_cpu ? sum : 0;
}
