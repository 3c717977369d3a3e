#define UNW_LOCAL_ONLY
#include "crash.h"

#include "refused.h"

#include <libunwind.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SIGNAL_STACK_SIZE (64 * 1024)

static struct shared_header *shared;
static size_t shared_size; /* not that of the header, which may be overwritten */
static __thread struct torture_thread *self;
static __thread void *signal_stack;

/* Appends to a bounded text without stdio, for use in a signal handler. */
static size_t put(char *text, size_t at, size_t room, const char *what)
{
    while (*what && at + 1 < room)
        text[at++] = *what++;
    text[at] = 0;
    return at;
}

static size_t put_hex(char *text, size_t at, size_t room, uint64_t value)
{
    char digits[19] = "0x";
    int length = 2;

    for (int shift = 60; shift >= 0; shift -= 4)
        if (value >> shift || shift == 0 || length > 2)
            digits[length++] = "0123456789abcdef"[(value >> shift) & 15];
    digits[length] = 0;
    return put(text, at, room, digits);
}

/* The calling thread's stack from the interrupted instruction on, a line a frame: "function+offset
 * @address", the first part where it is known. By
 * libunwind's manual these calls are safe in a signal handler for the local address space. */
static void write_stack(char *text, size_t room, void *context)
{
    unw_cursor_t cursor;
    size_t at = 0;

    text[0] = 0;
    if (unw_init_local2(&cursor, (unw_context_t *)context, UNW_INIT_SIGNAL_FRAME) < 0)
        return;
    for (int frame = 0; frame < 48; frame++) {
        char name[128] = "";
        unw_word_t offset = 0, address = 0;

        unw_get_reg(&cursor, UNW_REG_IP, &address);
        if (unw_get_proc_name(&cursor, name, sizeof name, &offset) == 0) {
            at = put(text, at, room, name);
            at = put(text, at, room, "+");
            at = put_hex(text, at, room, offset);
        }
        at = put(text, at, room, " @");
        at = put_hex(text, at, room, address);
        at = put(text, at, room, "\n");
        if (strcmp(name, "thread_main") == 0) /* what called it is no news */
            break;
        if (unw_step(&cursor) <= 0)
            break;
    }
}

static void on_stack_signal(int number, siginfo_t *info, void *context)
{
    struct torture_thread *t = self;

    (void)number;
    (void)info;
    if (!t)
        return;
    write_stack(t->shared->stack, sizeof t->shared->stack, context);
    /* Orders: STORE stack -> STORE stack_done (release).
     * Pairs with: wait_for_answer(), LOAD answer (acquire), for view_stacks().
     * Broken: a report shows half a stack. */
    atomic_store_explicit(&t->shared->stack_done,
                          atomic_load_explicit(&t->shared->stack_wanted, memory_order_relaxed),
                          memory_order_release);
}

/* A workload may look for accesses to memory that it took away. */
static bool may_go_on(int number, const siginfo_t *info)
{
    const struct workload *w = self ? self->instance->workload : NULL;

    return w && w->fault && number == SIGSEGV && info->si_code > 0 &&
           w->fault(self, (uintptr_t)info->si_addr);
}

/* Writes down what is needed for a finding, then lets the signal do what it does. The first thread
 * that crashes ends the process: another one waits, or it would end it in the middle of the
 * report. */
static void on_crash(int number, siginfo_t *info, void *context)
{
    struct shared_crash *crash = &shared->crash;
    static atomic_int first;
    int none = 0, own = gettid();

    if (may_go_on(number, info))
        return;
    if (!atomic_compare_exchange_strong(&first, &none, own)) {
        while (none != own)
            pause();
    } else {
        atomic_store_explicit(&shared->frozen, 1, memory_order_relaxed);
        crash->thread = self ? (int32_t)self->id : -1;
        crash->sender = info->si_code == SI_USER ? info->si_pid : 0;
        crash->in_section = self && !crash->sender &&
                            atomic_load_explicit(&self->shared->in_section, memory_order_relaxed);
        crash->address = crash->sender ? 0 : (uint64_t)(uintptr_t)info->si_addr;
        crash->stray = !crash->sender && number == SIGSEGV &&
                       (uintptr_t)info->si_addr - (uintptr_t)shared + SHARED_PAGE <
                           shared_size + 2 * SHARED_PAGE;
        crash->refused = number == SIGABRT && !crash->sender ? refused_now() : 0;
        crash->ticks = clock_ticks();
        crash->stack[0] = 0;
        crash->sum = shared_crash_sum(crash, number);
        /* Orders: STORE thread, STORE address -> STORE signal (release).
         * Pairs with: view_crash(), LOAD signal (acquire) -> LOAD thread, LOAD address.
         * Broken: the driver reports a crash of thread 0 at address 0.
         * The stack comes after that: unwinding a broken one may crash again. */
        atomic_store_explicit(&crash->signal, number, memory_order_release);
        write_stack(crash->stack, sizeof crash->stack, context);
    }
    signal(number, SIG_DFL);
    raise(number);
}

void crash_install(struct shared_header *header)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    struct sigaction action = {.sa_sigaction = on_stack_signal,
                               .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};

    shared = header;
    shared_size = header->size;
    sigaction(STACK_SIGNAL, &action, NULL);
    action.sa_sigaction = on_crash;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        sigaction(fatal[i], &action, NULL);
}

void crash_thread_start(struct torture_thread *t)
{
    stack_t stack = {.ss_size = SIGNAL_STACK_SIZE};

    self = t;
    signal_stack = stack.ss_sp = malloc(SIGNAL_STACK_SIZE);
    if (signal_stack)
        sigaltstack(&stack, NULL);
}

void crash_thread_end(void)
{
    stack_t off = {.ss_flags = SS_DISABLE};

    self = NULL;
    sigaltstack(&off, NULL);
    free(signal_stack);
    signal_stack = NULL;
}
