#include "patience.h"

/* Of a turn that was longer nobody knows what the runner could do meanwhile. */
#define LONGEST_TURN_NS (INT64_C(500) * 1000000)
#define HOPELESS_TIMES  10

void patience_begin(struct patience *p, int pid, int64_t now)
{
    *p = (struct patience){.pid = pid, .begun_ns = now, .turn_ns = now};
    cpu_wait_since(&p->main_thread, pid, pid, 0);
}

void patience_turn(struct patience *p, bool halted, int64_t now)
{
    int64_t turn = now - p->turn_ns, waited = cpu_wait_since(&p->main_thread, p->pid, p->pid, turn);

    p->turn_ns = now;
    if (halted || cpu_wait_state(p->pid, p->pid) == 'D') /* a disk, or memory from one */
        return;
    if (turn > LONGEST_TURN_NS)
        turn = LONGEST_TURN_NS;
    if (waited < turn)
        p->spent_ns += turn - waited;
}

bool patience_is_hopeless(const struct patience *p, int64_t limit_ns)
{
    return p->turn_ns - p->begun_ns > HOPELESS_TIMES * limit_ns;
}
