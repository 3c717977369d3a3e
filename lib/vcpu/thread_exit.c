/* Threads that end with what others wait for. */
#include "vcpu/thread_exit.h"

#include "start.h"
#include "stillpoint/exclusive.h"
#include "sync/platform.h"
#include "vcpu/big_lock.h"
#include "vcpu/misuse.h"
#include "vcpu/pause.h"

static struct platform_exit at_exit;
/* The round of the thread's destructors in which the next call comes; 0: none was requested. */
static STILLPOINT_THREAD_LOCAL unsigned next_round;

void vcpu_watch_thread_exit(void)
{
    if (next_round > 0)
        return;
    next_round = 1;
    platform_exit_request(&at_exit);
}

/* In the last round: destructors of the program's may let go of it. */
static void thread_ends(void)
{
    struct bql_place lock = bql_place();

    if (!lock.file && !in_exclusive_section() && !vcpu_paused_by_me() && !vcpu_has_paused_one()) {
        next_round = 0;
        return;
    }
    if (next_round++ < PLATFORM_EXIT_CALLS) {
        platform_exit_request(&at_exit);
        return;
    }
    if (lock.file)
        vcpu_misuse("a thread ended with the big lock held, taken at %s:%d; call bql_unlock() "
                    "first",
                    lock.file, lock.line);
    if (in_exclusive_section())
        vcpu_misuse("a thread ended in an exclusive section; call end_exclusive() first");
    if (vcpu_has_paused_one())
        vcpu_misuse("a thread ended with a vCPU paused, in which it would leave it; call "
                    "vcpu_resume() first");
    vcpu_misuse("a thread ended in its pause, in which it would leave the vCPUs; call "
                "resume_all_vcpus() first");
}

void vcpu_thread_exit_start(void)
{
    platform_exit_init(&at_exit, thread_ends);
}
