// What C++ has and C does not: a section that is an object, and a pointer to a base of what is published.
#include <stillpoint/rcu.h>

struct first {
    int a = 1;
};
struct second {
    int b = 2;
};
struct both : first, second {};

static second *published;

int main()
{
    both *object = new both;
    int found = 0;

    rcu_register_thread();
    rcu_assign_pointer(published, object);
    {
        stillpoint::read_guard outer;
        {
            stillpoint::read_guard inner;
            found = rcu_dereference(published)->b;
        }
    }
    second *old = rcu_xchg_pointer(&published, nullptr);
    if (found != 2 || old != static_cast<second *>(object) || rcu_read_locked())
        return 1;
    rcu_cmpxchg_pointer(&published, nullptr, object);
    if (published->b != 2)
        return 2;
    rcu_assign_pointer(published, nullptr);
    synchronize_rcu();
    delete object;
    rcu_unregister_thread();
    rcu_shutdown();
    return 0;
}
