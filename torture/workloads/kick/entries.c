/* kick: that the guest of kvm gets on when it is entered. A request that gets it out at once, and
 * is not taken back, keeps it from executing: the thread enters it again and again. Entries are
 * counted, so that the machine's speed does not matter: a kick may end one before the guest has
 * executed anything, and another when its signal comes late. Many in a row for nothing have another
 * reason.
 */
#include "kick.h"
#include "torture/runner/guest_entries.h"
#include "torture/runner/violation.h"

#if FLAVOR_CAN_VCPU

/* Between two calls of events() there is one kick, or none. */
enum { IN_VAIN = 64 };

static void judge_entries(struct kick_vcpu *v, bool kicked)
{
    struct torture_thread *t = v->base.thread;
    struct guest_entries entries = guest_entries_take(kicked);

    torture_count(t, GUEST_ENTRIES, entries.count);
    if (entries.in_vain <= IN_VAIN || v->reported)
        return;
    v->reported = true;
    torture_violation(t->instance, t, GUEST_PROGRESS,
                      "The guest of vCPU %lu was entered %lu times in a row without executing "
                      "anything, and nobody had kicked it so often: something gets it out each "
                      "time.",
                      v->base.serial, (unsigned long)entries.in_vain);
}

void kick_check_entries(struct vcpu *cpu)
{
    struct kick_vcpu *v = cpu->data;
    unsigned long kicks = atomic_load_explicit(&cpu->kicks, memory_order_relaxed);
    struct vcpu_kvm_page *page = vcpu_kvm_shared_page(cpu);

    if (!page)
        return;
    if (!v->watched)
        guest_entries_watch(&page->rounds);
    else
        judge_entries(v, kicks != v->kicks);
    v->watched = true;
    v->kicks = kicks;
}

void kick_check_last_entries(struct vcpu *cpu)
{
    struct kick_vcpu *v = cpu->data;

    if (!v->watched)
        return;
    judge_entries(v, true);
    guest_entries_watch(NULL);
}

#endif
