/* The signal that some accelerators kick with. */
#include "start.h"
#include "stillpoint/accel.h"
#include "stillpoint/vcpu_kick.h"
#include "sync/platform.h"
#include "vcpu/statistics.h"

static platform_mutex lock = PLATFORM_MUTEX_INITIALIZER;
static bool installed;
static atomic_int chosen; /* 0: the default one */

STILLPOINT_THREAD_LOCAL volatile uint8_t *vcpu_immediate_exit;

/* In the vCPU's thread: nothing but what makes a KVM_RUN that is yet to come return at once. That
 * the signal came is enough for one under way. */
static void kicked(void)
{
    if (vcpu_immediate_exit)
        *vcpu_immediate_exit = 1;
}

/* The lock may have been held by a thread that the child does not have. */
static void in_child_of_fork(void)
{
    platform_mutex_init(&lock);
}

void vcpu_kick_signal_start(void)
{
    platform_at_fork(in_child_of_fork);
}

int vcpu_set_kick_signal(int signal)
{
    int result = 0;

    platform_mutex_lock(&lock);
    if (!platform_signal_is_real_time(signal))
        result = -EINVAL;
    else if (installed)
        result = -EBUSY;
    else
        atomic_store_explicit(&chosen, signal, memory_order_relaxed);
    platform_mutex_unlock(&lock);
    return result;
}

int vcpu_kick_signal(void)
{
    int signal = atomic_load_explicit(&chosen, memory_order_relaxed);

    return signal ? signal : platform_signal_real_time(1);
}

int vcpu_kick_signal_prepare(bool blocked)
{
    int signal, result = 0;

    platform_mutex_lock(&lock);
    signal = vcpu_kick_signal();
    if (!installed)
        result = platform_signal_handle(signal, kicked);
    installed = installed || result == 0;
    platform_mutex_unlock(&lock);
    if (result == 0)
        platform_signal_block(signal, blocked);
    return result;
}

void vcpu_signal(struct vcpu *cpu)
{
    /* Orders: STORE exit_request (seq_cst, in cpu_exit()) -> LOAD waits (seq_cst); and, as it is an
     * acquire too, LOAD waits -> LOAD thread_id (relaxed).
     * Pairs with: vcpu_signal_begin(), STORE waits (release), and its fence ->
     * cpu_exit_requested(), LOAD exit_request; vcpu_attach(), STORE thread_id ->
     * vcpu_signal_begin(), STORE waits.
     * Broken: neither is a signal sent nor the request seen; or the signal goes to a thread that
     * ran the vCPU before, or to none. */
    if (!atomic_load_explicit(&cpu->waits, memory_order_seq_cst))
        return;
    vcpu_count_up(&vcpu_counts.signals);
    platform_signal_send(atomic_load_explicit(&cpu->thread_id, memory_order_relaxed),
                         vcpu_kick_signal());
}

void vcpu_signal_begin(struct vcpu *cpu)
{
    /* Orders: STORE thread_id (relaxed, in vcpu_attach()) -> STORE waits (release).
     * Pairs with: vcpu_signal(), LOAD waits (seq_cst) -> LOAD thread_id (relaxed).
     * Broken: the signal goes to a thread that ran the vCPU before, or to none. */
    atomic_store_explicit(&cpu->waits, true, memory_order_release);
    /* Orders: STORE waits (release) -> LOAD exit_request (acquire), the caller's next.
     * Pairs with: cpu_exit(), STORE exit_request (seq_cst); vcpu_signal(), LOAD waits (seq_cst).
     * Broken: neither is a signal sent nor the request seen. */
    atomic_thread_fence(memory_order_seq_cst);
}

void vcpu_signal_end(struct vcpu *cpu)
{
    /* Relaxed: a signal too many only costs a round. */
    atomic_store_explicit(&cpu->waits, false, memory_order_relaxed);
}
