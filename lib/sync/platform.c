#include "sync/platform.h"

#include "start.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

/* glibc has these calls since 2.30, musl one of them. */
#if defined(__linux__) && (!defined(__GLIBC__) || __GLIBC__ * 100 + __GLIBC_MINOR__ < 230)
#define gettid()                        syscall(SYS_gettid)
#define tgkill(process, thread, signal) syscall(SYS_tgkill, process, thread, signal)
#endif

/* What the system does not give, with the call and its error. */
static void fail_refused(const char *call, int error, const char *what)
{
    char text[320];

    snprintf(text, sizeof text, "%s: %s: %s", what, call, strerror(error));
    platform_fail(text);
}

#ifndef STILLPOINT_PORTABLE

/* As the kernel numbers them: its headers are not there with every C library, or are older. */
#define FUTEX_WAIT_BITSET_PRIVATE                 (9 | 128)
#define FUTEX_WAKE_PRIVATE                        (1 | 128)
#define FUTEX_BITSET_MATCH_ANY                    0xffffffffU
#define MEMBARRIER_CMD_QUERY                      0
#define MEMBARRIER_CMD_PRIVATE_EXPEDITED          (1 << 3)
#define MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED (1 << 4)
#ifndef SYS_membarrier
#define SYS_membarrier (-1L) /* no such call */
#endif

/* Deadlines count from the boot, so a long holds their seconds, and the older call will do, which
 * every kernel and every seccomp list knows. */
#ifdef SYS_futex
#define FUTEX_CALL SYS_futex
typedef long futex_time;
#define FUTEX_TIME_MAX LONG_MAX
#else
#define FUTEX_CALL     SYS_futex_time64
typedef int64_t futex_time;
#define FUTEX_TIME_MAX INT64_MAX
#endif

bool platform_futex_wait(atomic_uint *word, unsigned expected, int64_t deadline_ns)
{
    int64_t seconds = deadline_ns / 1000000000;
    struct {
        futex_time seconds, ns;
    } deadline = {(futex_time)(seconds < FUTEX_TIME_MAX ? seconds : FUTEX_TIME_MAX),
                  (futex_time)(deadline_ns % 1000000000)};

    /* The bitset variant takes an absolute time, so that a spurious return costs no precision. */
    if (syscall(FUTEX_CALL, word, FUTEX_WAIT_BITSET_PRIVATE, expected,
                deadline_ns < 0 ? NULL : &deadline, NULL, FUTEX_BITSET_MATCH_ANY) == 0)
        return true;
    if (errno == ETIMEDOUT)
        return false;
    if (errno != EAGAIN && errno != EINTR) /* otherwise the caller would spin for ever */
        fail_refused("futex", errno,
                     "the system call futex does not work; is it missing in a seccomp list?");
    return true;
}

void platform_futex_wake(atomic_uint *word)
{
    int before = errno; /* it may be a signal handler that wakes */

    syscall(FUTEX_CALL, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    errno = before;
}

bool platform_heavy_fence_available(void)
{
    long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

    /* Also the command itself: a sandbox may let pass what only asks and registers. */
    return commands > 0 && (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED) &&
           syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 &&
           syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

void platform_heavy_fence(void)
{
    /* Cannot fail once registered, but for a sandbox that was closed later; going on without it
     * would free memory that is being read. */
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0)
        fail_refused("membarrier", errno,
                     "the system call membarrier stopped working; was a seccomp filter installed "
                     "after the program started? Start it with STILLPOINT_FENCE=full");
}

#else

bool platform_heavy_fence_available(void)
{
    return false;
}

/* Never called, as it is not available; whole all the same. */
void platform_heavy_fence(void)
{
    /* Orders: STORE y -> LOAD x, both the caller's.
     * Pairs with: asymmetric_fence_light(), STORE x -> LOAD y; then a full fence, too.
     * Broken: each side misses the other's store. */
    atomic_thread_fence(memory_order_seq_cst);
}

#endif

void platform_nap(int64_t ns)
{
    struct timespec length = platform_timespec(ns);

    nanosleep(&length, NULL);
}

static unsigned cpus = 1;
static cpu_set_t allowed; /* empty: more CPUs than the set has room for */

/* Before main(): threads may be pinned later, the process's own limits are those at its
 * start. */
void platform_start(void)
{
    long configured = sysconf(_SC_NPROCESSORS_CONF);

    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
        cpus = (unsigned)CPU_COUNT(&allowed);
    else if (configured > 1)
        cpus = (unsigned)configured;
}

unsigned platform_cpus(void)
{
    return cpus;
}

int platform_thread_id(void)
{
    return (int)gettid();
}

int platform_process_id(void)
{
    return (int)getpid();
}

_Static_assert(PLATFORM_EXIT_CALLS < _POSIX_THREAD_DESTRUCTOR_ITERATIONS, "rounds of destructors");

static void thread_exits(void *e)
{
    ((struct platform_exit *)e)->run();
}

void platform_exit_init(struct platform_exit *e, void (*run)(void))
{
    e->run = run;
    if (pthread_key_create(&e->key, thread_exits) != 0)
        platform_fail("no key for thread-specific data is left for the library");
}

void platform_exit_request(struct platform_exit *e)
{
    pthread_setspecific(e->key, e);
}

void platform_at_fork(void (*in_child)(void))
{
    if (pthread_atfork(NULL, NULL, in_child) != 0)
        platform_fail("out of memory for the fork handler");
}

struct start {
    void (*run)(void *);
    void *argument;
    char name[16];
};

/* What a thread does to itself, in a callback for instance: blocked, it would end the process past
 * the program's handler. */
static void let_in_synchronous_signals(void)
{
    static const int synchronous[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof synchronous / sizeof *synchronous; i++)
        sigaddset(&set, synchronous[i]);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void *thread_main(void *argument)
{
    struct start start = *(struct start *)argument;

    free(argument);
    let_in_synchronous_signals();
#ifdef __linux__
    /* Naps of microseconds would otherwise take 50 us longer than asked. */
    prctl(PR_SET_TIMERSLACK, 1UL);
    prctl(PR_SET_NAME, start.name);
#endif
    start.run(start.argument);
    return NULL;
}

enum inherits { NOTHING, AFFINITY, EVERYTHING };

/* Before it runs: on the CPU of a real-time thread that spins, it would not come to change
 * itself. */
static int create_thread(pthread_t *thread, enum inherits inherits, struct start *start)
{
    static const struct sched_param lowest;
    bool elsewhere = inherits < AFFINITY && CPU_COUNT(&allowed) > 0;
    pthread_attr_t attributes;
    int error;
#ifndef __GLIBC__
    cpu_set_t own;
#endif

    pthread_attr_init(&attributes);
    if (inherits < EVERYTHING) {
        pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
        pthread_attr_setschedpolicy(&attributes, SCHED_OTHER);
        pthread_attr_setschedparam(&attributes, &lowest);
    }
#ifdef __GLIBC__
    if (elsewhere)
        pthread_attr_setaffinity_np(&attributes, sizeof allowed, &allowed);
#else
    /* There is no such attribute in musl: a thread has the affinity of the one that makes it. */
    elsewhere = elsewhere && sched_getaffinity(0, sizeof own, &own) == 0 &&
                sched_setaffinity(0, sizeof allowed, &allowed) == 0;
#endif
    error = pthread_create(thread, &attributes, thread_main, start);
#ifndef __GLIBC__
    if (elsewhere)
        sched_setaffinity(0, sizeof own, &own);
#endif
    pthread_attr_destroy(&attributes);
    return error;
}

/* Whether it is this call that a sandbox refuses, when a thread cannot be made: without a size, it
 * makes none. */
static bool refuses_clone3(int error)
{
#ifdef SYS_clone3
    return error != EAGAIN && syscall(SYS_clone3, NULL, 0) < 0 && errno == error;
#else
    (void)error;
    return false;
#endif
}

static pthread_t create(const char *name, void (*run)(void *), void *argument,
                        enum inherits inherits)
{
    struct start *start = malloc(sizeof *start);
    sigset_t all, before;
    pthread_t thread;
    int error;

    if (!start)
        platform_fail("out of memory while starting a thread of the library's");
    start->run = run;
    start->argument = argument;
    snprintf(start->name, sizeof start->name, "%s", name);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    do /* what may not be changed, or no longer, is inherited */
        error = create_thread(&thread, inherits, start);
    while (error && error != EAGAIN && inherits++ < EVERYTHING);
    if (error)
        fail_refused(refuses_clone3(error) ? "clone3" : "pthread_create", error,
                     error == EAGAIN
                         ? "a thread of the library's cannot be started; raise the limit on threads"
                         : "a thread of the library's cannot be started; a seccomp list may lack a "
                           "system call, or refuse it with another error than ENOSYS, by which the "
                           "C library would take an older one");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return thread;
}

platform_thread platform_thread_create(const char *name, void (*run)(void *), void *argument)
{
    return create(name, run, argument, NOTHING);
}

void platform_thread_join(platform_thread thread)
{
    pthread_join(thread, NULL);
}

static void run_without_argument(void *run)
{
    void (*function)(void);

    memcpy(&function, &run, sizeof function);
    function();
}

platform_thread platform_thread_start(const char *name, void (*run)(void), bool inherits)
{
    void *argument;

    memcpy(&argument, &run, sizeof argument);
    return create(name, run_without_argument, argument, inherits ? EVERYTHING : NOTHING);
}

int platform_signal_real_time(int n)
{
    return SIGRTMIN + n;
}

bool platform_signal_is_real_time(int signal)
{
    return signal >= SIGRTMIN && signal <= SIGRTMAX;
}

/* One for the process: the library has one signal. */
static void (*signal_handler)(void);

static void handle_signal(int signal)
{
    (void)signal;
    signal_handler();
}

int platform_signal_handle(int signal, void (*handler)(void))
{
    /* System calls that a late signal interrupts go on, where they can be restarted. */
    struct sigaction action = {.sa_handler = handle_signal, .sa_flags = SA_RESTART}, before;

    if (sigaction(signal, NULL, &before) == 0 && before.sa_handler != SIG_DFL)
        return -EBUSY;
    signal_handler = handler;
    sigemptyset(&action.sa_mask);
    return sigaction(signal, &action, NULL) == 0 ? 0 : -errno;
}

void platform_signal_block(int signal, bool blocked)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signal);
    pthread_sigmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

void platform_signal_wait(int signal)
{
    sigset_t set;
    int taken;

    sigemptyset(&set);
    sigaddset(&set, signal);
    sigwait(&set, &taken);
}

bool platform_signal_take(int signal)
{
    static const struct timespec at_once;
    sigset_t set;
    int taken;

    sigemptyset(&set);
    sigaddset(&set, signal);
    do
        taken = sigtimedwait(&set, NULL, &at_once);
    while (taken < 0 && errno == EINTR);
    return taken > 0;
}

void platform_signal_send(int thread_id, int signal)
{
    int before = errno;

    /* By its number rather than pthread_kill(): the thread may have ended meanwhile. */
    if (tgkill(getpid(), thread_id, signal) != 0 && errno == EAGAIN)
        fail_refused("tgkill", EAGAIN,
                     "a thread cannot be signalled, since as many signals as this user may have "
                     "are pending: find the program that lets them pile up");
    errno = before;
}

void platform_thread_name(int thread_id, char *name, size_t room)
{
    char path[64];
    ssize_t length = -1;
    int file;

    snprintf(path, sizeof path, "/proc/self/task/%d/comm", thread_id);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        length = read(file, name, room - 1);
        close(file);
    }
    name[length > 0 ? length : 0] = '\0';
    name[strcspn(name, "\n")] = '\0';
}

void platform_warn(const char *what)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    char line[1024];
    int length = snprintf(line, sizeof line, "stillpoint: %s\n", what);

    /* A pipe that takes anything takes a line of this length at once. Not by stdio, whose lock may
     * be with a thread that the caller waits for. */
    if (poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) && length < (int)sizeof line &&
        write(STDERR_FILENO, line, (size_t)length) < 0)
        return;
}

void platform_fail(const char *what)
{
    fprintf(stderr, "stillpoint: %s\n", what);
    abort();
}
