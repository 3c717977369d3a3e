/* A flavor that breaks its promises, for tests of what happens then.
 *
 * Without more, its grace periods do not wait for anybody. MISBEHAVE in the environment makes it do
 * something worse:
 *   stuck    no read section is ever entered after the first thousand
 *   segv     one reader touches memory that is not there
 *   abort    one reader aborts
 *   again    one reader aborts with an error that a machine without processes to spare gives
 *   full     one reader aborts since it gets no further descriptor
 *   exit     the process ends, with exit code 5, while it runs
 *   early    the process dies before the run begins
 *   print    it prints on standard output and standard error
 *   signals  aborts unless its threads and its process have all signals as they should be
 *   child    leaves a child process behind that holds all descriptors
 *   poor     the machine does not let it expedite anything
 *   starved  one reader gets no CPU for 4 s in a section, and grace periods wait for it
 *   kept     the same, but that the kernel keeps it, where nothing ends its wait
 *   gentle   its grace periods wait for nobody, and yet 10 ms are long enough
 *   careless its grace periods wait for readers, unless their thread never published
 *   slow     its first grace period takes 2 s
 *   hoard    a thread that registers takes memory, 10000 bytes of it, and keeps that
 *   past, before, counter, back, note, check, crash, stop, bucket, refusal
 *            a reader writes once, inside a section, over what the harness keeps for its driver:
 *            past the end of the part of thread 0, before its begin, or into what is called so
 */
#ifndef FLAVOR_BROKEN_H
#define FLAVOR_BROKEN_H

#include "torture/record/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FLAVOR_SUMMARY "its grace periods wait for nobody"

static inline int misbehaves(const char *how)
{
    const char *asked = getenv("MISBEHAVE");

    return asked && strcmp(asked, how) == 0;
}

static __thread unsigned long sections;
static __thread void *volatile hoard;
static __thread int stuck, crashing, gentle, writing, careless, slow_once;
static atomic_int written, first_waited, starved; /* starved 1: one is, 2: one was */

/* One for all files of the runner. */
#define SHARED_BY_FILES __attribute__((weak))
SHARED_BY_FILES __thread int has_published, sections_open;
SHARED_BY_FILES pthread_rwlock_t reader_lock;

/* Where part number `part` of the shared mapping begins: the head, then the checks of each
 * workload, then the threads. Pages that nothing may touch part them. */
static inline char *mapping_part_at(int part, char **end)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    unsigned long from = 0, to = 0;

    while (maps && fgets(line, sizeof line, maps))
        if (strstr(line, "rw-s") && strstr(line, "stillpoint-shared") && part-- == 0 &&
            sscanf(line, "%lx-%lx", &from, &to) == 2)
            break;
    if (maps)
        fclose(maps);
    *end = (char *)to;
    return (char *)from;
}

static inline void scribble(void)
{
    char *end, *head = mapping_part_at(0, &end), *checks = mapping_part_at(1, &end);
    struct shared_thread *thread = (struct shared_thread *)mapping_part_at(2, &end);
    _Atomic uint64_t *counters = (_Atomic uint64_t *)((char *)thread + shared_counters_offset());
    struct shared_header *header = (struct shared_header *)head;
    struct shared_check *check = (struct shared_check *)checks;
    uint64_t count = atomic_load(&thread->note_count);

    if (misbehaves("past"))
        memset(end - 8, 0x5a, 16);
    if (misbehaves("before"))
        ((char *)thread)[-1] = 0x5a;
    if (misbehaves("counter"))
        counters[0] = (uint64_t)(uintptr_t)&count;
    if (misbehaves("back"))
        thread->heartbeat = 0;
    if (misbehaves("note"))
        thread->note_count += 3;
    if (misbehaves("check")) {
        check->count = 7;
        snprintf(check->message, sizeof check->message, "A lie.");
        check->ready = 1;
    }
    if (misbehaves("crash")) {
        header->crash.thread = 1;
        header->crash.signal = SIGSEGV;
        raise(SIGTRAP); /* which the harness does not handle */
    }
    if (misbehaves("stop"))
        header->stop = 1;
    if (misbehaves("refusal"))
        header->refused[0].count = 7;
    if (misbehaves("bucket")) {
        const char *number = getenv("COUNTERS"); /* of the thread */
        size_t place = shared_histograms_offset(number ? strtoul(number, NULL, 10) : 0);
        struct histogram *h = (struct histogram *)((char *)thread + place);

        h->buckets[HISTOGRAM_BUCKETS - 1] += 3;
    }
}

/* The driver has looked a few times, and knows what was there. */
static inline int is_time_to_write(void)
{
    static _Atomic time_t begin;
    struct timespec now;
    time_t none = 0, ms;

    clock_gettime(CLOCK_MONOTONIC, &now);
    ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
    atomic_compare_exchange_strong(&begin, &none, ms);
    return ms - atomic_load(&begin) > 300;
}

static inline int misbehaves_by_writing(void)
{
    static const char *const how[] = {"past",  "before", "counter", "back",   "note",
                                      "check", "crash",  "stop",    "bucket", "refusal"};

    for (size_t i = 0; i < sizeof how / sizeof *how; i++)
        if (misbehaves(how[i]))
            return 1;
    return 0;
}

/* A deadline task that has spent its time can run and gets no CPU until its next period begins; a
 * time of less than the kernel's tick may be overdrawn by several periods' worth. */
static inline void starve(void)
{
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } deadline = {sizeof deadline, SCHED_DEADLINE, 0, 0, 0, 20000000, 4000000000, 4000000000};
    struct sched_param none = {0};
    struct timespec before, now;

    if (syscall(SYS_sched_setattr, 0, &deadline, 0) != 0)
        abort();
    clock_gettime(CLOCK_MONOTONIC, &now);
    do {
        before = now;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - before.tv_sec < 2);
    sched_setscheduler(0, SCHED_OTHER, &none);
}

/* Until its child ends. */
static inline void stay_in_kernel(void)
{
    if (vfork() == 0) {
        sleep(4);
        _exit(0);
    }
}

static inline int signals_are_fresh(void)
{
    struct sigaction now;
    sigset_t blocked;

    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    for (int i = 1; i < 32; i++)
        if (sigismember(&blocked, i))
            return 0;
    sigaction(SIGUSR2, NULL, &now);
    return now.sa_handler == SIG_DFL;
}

static inline int gives_up(void)
{
    return misbehaves("abort") || misbehaves("again") || misbehaves("full");
}

static inline void give_up(void)
{
    if (misbehaves("again"))
        fprintf(stderr, "broken: trylock: %s\n", strerror(EAGAIN));
    if (misbehaves("full")) {
        while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
            continue;
        fprintf(stderr, "broken: open: %s\n", strerror(errno));
    }
    abort();
}

static inline void flavor_register_thread(void)
{
    stuck = misbehaves("stuck");
    writing = misbehaves_by_writing();
    gentle = misbehaves("gentle") || misbehaves("again") || misbehaves("full") || writing;
    careless = misbehaves("careless");
    slow_once = misbehaves("slow");
    crashing = misbehaves("segv") ? SIGSEGV : gives_up() ? SIGABRT : 0;
    if (misbehaves("exit"))
        _exit(5);
    if (misbehaves("hoard"))
        hoard = memset(malloc(10000), 1, 10000);
    if (misbehaves("print")) {
        puts("said on standard output");
        fprintf(stderr, "said on standard error\n");
        fflush(stdout);
    }
    if (misbehaves("signals") && !signals_are_fresh())
        abort();
    if (misbehaves("child") && fork() == 0) {
        alarm(300);
        for (;;)
            pause();
    }
}

static inline void flavor_unregister_thread(void)
{
}

/* A name for the stack. */
__attribute__((noinline, unused)) static void stay_for_ever(void)
{
    for (;;)
        pause();
}

static int *volatile nowhere = (int *)8; /* volatile, so that no compiler knows better */

static inline void flavor_read_lock(void)
{
    sections++;
    if (careless && sections_open++ == 0)
        pthread_rwlock_rdlock(&reader_lock);
    if (stuck && sections > 1000)
        stay_for_ever();
    if (writing && is_time_to_write() && atomic_exchange(&written, 1) == 0)
        scribble();
    if (sections > 1000 && (misbehaves("starved") || misbehaves("kept")) &&
        atomic_load(&starved) == 0 && atomic_exchange(&starved, 1) == 0) {
        if (misbehaves("kept"))
            stay_in_kernel();
        else
            starve();
        starved = 2;
    }
    if (crashing == SIGSEGV && sections > 1000)
        *nowhere = 1;
    if (crashing == SIGABRT && sections > 1000)
        give_up();
}

static inline void flavor_read_unlock(void)
{
    atomic_signal_fence(memory_order_seq_cst);
    if (careless && --sections_open == 0)
        pthread_rwlock_unlock(&reader_lock);
}

#define flavor_dereference(pointer) __atomic_load_n(&(pointer), __ATOMIC_ACQUIRE)
#define flavor_assign_pointer(pointer, value) \
    (has_published = 1, __atomic_store_n(&(pointer), (value), __ATOMIC_RELEASE))

#define FLAVOR_CAN_PROTECT     1
#define FLAVOR_CAN_NEST        1
#define FLAVOR_CAN_SYNCHRONIZE 1
static inline void flavor_synchronize(void)
{
    if (stuck)
        stay_for_ever();
    while (starved == 1)
        usleep(1000);
    if (gentle)
        usleep(10000);
    if (slow_once && !atomic_exchange(&first_waited, 1))
        sleep(2);
    if (careless && has_published) {
        pthread_rwlock_wrlock(&reader_lock);
        pthread_rwlock_unlock(&reader_lock);
    }
}

#define FLAVOR_HAS_MISSING 1
__attribute__((unused)) static inline const char *flavor_missing(unsigned capability)
{
    enum { EXPEDITE = 1 << 1 }; /* CAN_EXPEDITE, which this header cannot see */

    return misbehaves("poor") && capability == EXPEDITE ? "no hurry on this machine" : NULL;
}

/* Writers come first, or a reader that comes and goes would keep them out. */
__attribute__((constructor)) static inline void open_lock(void)
{
    pthread_rwlockattr_t a;

    pthread_rwlockattr_init(&a);
    pthread_rwlockattr_setkind_np(&a, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&reader_lock, &a);
}

__attribute__((constructor)) static inline void die_early(void)
{
    if (misbehaves("early") && !getenv("STILLPOINT_DESCRIBES"))
        abort();
}

#endif
