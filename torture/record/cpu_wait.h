/* How long threads wait for a CPU, by the kernel's account of them; cpu_wait.c. Where there is none
 * (without /proc) nobody waits. */
#ifndef STILLPOINT_CPU_WAIT_H
#define STILLPOINT_CPU_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the kernel has it: /proc; tests have it elsewhere. */
extern const char *cpu_wait_proc;

/* One thread's account; zeroed before the first call. */
struct cpu_wait {
    bool known;
    int64_t ran_ns, waited_ns; /* since it started */
};

/* How long a thread of process `pid` has waited for a CPU since the call before, `step` ago. */
int64_t cpu_wait_since(struct cpu_wait *before, int pid, int tid, int64_t step);
/* Its state, as ps shows it: R runs or waits for a CPU, S sleeps. 0: there is no such thread. */
char cpu_wait_state(int pid, int tid);
/* Its name; "" when there is no such thread. */
void cpu_wait_name(int pid, int tid, char *name, size_t room);

/* How often it has gone to sleep, and whether it sleeps. */
struct cpu_sleep {
    bool asleep;
    unsigned long begun;
};

struct cpu_sleep cpu_sleep_of(int pid, int tid);
/* Whether it slept at both, and in between: nobody has woken it. */
static inline bool cpu_sleep_lasts(struct cpu_sleep before, struct cpu_sleep now)
{
    return before.asleep && now.asleep && before.begun == now.begun;
}

/* Whether the kernel keeps it from getting on: in a sleep that nothing ends, at its end, or in a
 * system call that goes on though the thread has a sleeper's state, as wait4 does for 10 s while it
 * removes what a child has left in /proc. Of the last there is no state: at two looks the thread
 * sleeps nowhere, and has not slept in between. `before` is zeroed before the first. */
struct cpu_keep {
    int tid; /* 0: at the last look it slept, or ran, or was kept otherwise */
    unsigned long sleeps;
};
bool cpu_wait_keeps(struct cpu_keep *before, int pid, int tid);

/* The function of the kernel in which it sleeps; "": none, or who asks may not know. */
void cpu_wait_place(int pid, int tid, char *place, size_t room);

/* The calling thread's own account, which it keeps open: a reading is one system call. The file
 * descriptor, or -1: there is no account. */
int cpu_wait_open(void);
void cpu_wait_close(int account);
/* How long the thread has waited in all; 0 without an account. */
int64_t cpu_wait_total(int account);

#endif
