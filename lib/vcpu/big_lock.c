/* The big lock, and the order in which it is taken. */
#include "vcpu/big_lock.h"

#include "start.h"
#include "sync/platform.h"
#include "vcpu/duty.h"
#include "vcpu/misuse.h"
#include "vcpu/thread_exit.h"

static platform_mutex lock = PLATFORM_MUTEX_INITIALIZER;
/* Where the calling thread took it; NULL: it does not hold it. */
static STILLPOINT_THREAD_LOCAL const char *taken_file;
static STILLPOINT_THREAD_LOCAL int taken_line;
struct duty vcpu_big_lock_duty;

/* The lock may have been held by a thread that the child does not have; callbacks and barriers
 * there take it. If the forking thread held it, it still does. */
static void in_child_of_fork(void)
{
    duty_end(&vcpu_big_lock_duty);
    if (taken_file)
        duty_begin(&vcpu_big_lock_duty, 0);
    else
        platform_mutex_init(&lock);
}

void bql_start(void)
{
    platform_at_fork(in_child_of_fork);
}

void bql_lock_at(const char *file, int line)
{
    if (taken_file)
        vcpu_misuse(
            "bql_lock() at %s:%d by the thread that holds the big lock, taken at %s:%d; it is not "
            "recursive",
            file, line, taken_file, taken_line);
    vcpu_watch_thread_exit();
    platform_mutex_lock(&lock);
    duty_begin(&vcpu_big_lock_duty, 0);
    taken_file = file;
    taken_line = line;
}

void bql_unlock(void)
{
    if (!taken_file)
        vcpu_misuse("bql_unlock() by a thread that does not hold the big lock");
    taken_file = NULL;
    duty_end(&vcpu_big_lock_duty);
    platform_mutex_unlock(&lock);
}

bool bql_locked(void)
{
    return taken_file != NULL;
}

struct bql_place bql_place(void)
{
    return (struct bql_place){.file = taken_file, .line = taken_line};
}

struct bql_place bql_drop(void)
{
    struct bql_place place = bql_place();

    if (taken_file)
        bql_unlock();
    return place;
}

void bql_regain(struct bql_place place)
{
    if (place.file)
        bql_lock_at(place.file, place.line);
}

void bql_check_not_held(const char *doing, const char *file, int line)
{
    if (!taken_file)
        return;
    if (file)
        vcpu_misuse(
            "%s at %s:%d with the big lock held, taken at %s:%d: vCPUs need it to get out; call "
            "bql_unlock() first",
            doing, file, line, taken_file, taken_line);
    vcpu_misuse(
        "%s with the big lock held, taken at %s:%d: an exclusive section may need it to end; "
        "call bql_unlock() first",
        doing, taken_file, taken_line);
}

/* Where the thread had taken it when RCU let go of it: a barrier gives it back to its caller with
 * the same place. */
static STILLPOINT_THREAD_LOCAL struct bql_place let_go;

static void callback_lock(void *data)
{
    (void)data;
    bql_lock_at(let_go.file ? let_go.file : "a callback", let_go.line);
}

static void callback_unlock(void *data)
{
    (void)data;
    let_go = bql_drop();
}

static bool callback_held(void *data)
{
    (void)data;
    return bql_locked();
}

const struct rcu_callback_lock bql_callback_lock = {
    .lock = callback_lock,
    .unlock = callback_unlock,
    .held = callback_held,
};
