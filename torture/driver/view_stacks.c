/* What the threads of a runner are doing, and which of them hold up a grace period. */
#include "symbols.h"
#include "view_parts.h"

#include "torture/record/cpu_wait.h"
#include "torture/record/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* For all threads together: a starved machine takes its time. */
#define ANSWER_LIMIT_NS INT64_C(4000000000)

/* Until the answer is to the request, or the time that is left has passed. */
static bool wait_for_answer(atomic_uint *answer, unsigned wanted, int64_t *left_ns)
{
    struct timespec step = {.tv_nsec = 5 * 1000 * 1000};
    bool answered;

    /* Orders: LOAD answer (acquire) -> LOAD stack, LOAD holdouts[], LOAD duties[].
     * Pairs with: on_stack_signal(), STORE stack -> STORE stack_done (release); answer_driver(),
     * STORE holdouts[] -> STORE holdouts_done (release).
     * Broken: a report shows half a stack, or threads that held up an earlier grace period. */
    while (!(answered = atomic_load_explicit(answer, memory_order_acquire) == wanted) &&
           *left_ns > 0) {
        nanosleep(&step, NULL);
        *left_ns -= step.tv_nsec;
    }
    return answered;
}

static bool holds_up(const struct view *v, int tid)
{
    unsigned n = atomic_load_explicit(&v->header->holdout_count, memory_order_relaxed);

    for (unsigned i = 0; i < n && i < 16; i++)
        if (atomic_load_explicit(&v->header->holdouts[i], memory_order_relaxed) == tid)
            return true;
    return false;
}

/* "leads a grace period: naps; holds the big lock"; "" for none. Heap. */
static char *duties_of(const struct view *v, int tid)
{
    unsigned n = atomic_load_explicit(&v->header->duty_count, memory_order_relaxed);
    char *all = text_format("%s", "");

    for (unsigned i = 0; i < n && i < SHARED_DUTIES; i++) {
        const struct shared_duty *d = &v->header->duties[i];
        char *what, *longer;

        if (d->thread_id != tid)
            continue;
        what = text_printable(d->what, sizeof d->what);
        longer = text_format("%s%s%s", all, *all ? "; " : "", what);
        free(what);
        free(all);
        all = longer;
    }
    return all;
}

/* Threads of the code under test, as far as they do what others wait for. */
static void add_other_threads(const struct view *v, pid_t pid, struct finding_stacks *stacks)
{
    unsigned n = atomic_load_explicit(&v->header->duty_count, memory_order_relaxed);

    for (unsigned i = 0; i < n && i < SHARED_DUTIES; i++) {
        int tid = v->header->duties[i].thread_id;
        char name[32], *duty, *named;

        for (size_t j = 0; j < v->thread_count && tid; j++)
            if (atomic_load_explicit(&v->threads[j].shared->tid, memory_order_relaxed) == tid)
                tid = 0;
        for (unsigned j = 0; j < i; j++)
            if (v->header->duties[j].thread_id == tid)
                tid = 0;
        if (!tid)
            continue;
        cpu_wait_name(pid, tid, name, sizeof name);
        duty = duties_of(v, tid);
        named = text_format("%s %d", *name ? name : "thread", tid);
        stacks_add(stacks, &(struct finding_stack){
                               .thread = named, .text = "", .stalled = true, .duty = duty});
        free(duty);
        free(named);
    }
}

/* "S, futex_do_wait"; NULL: there is no such thread. Heap. */
static char *state_text(int pid, int tid)
{
    char state = tid ? cpu_wait_state(pid, tid) : '\0', place[64];

    cpu_wait_place(pid, tid, place, sizeof place);
    return state ? text_format("%c%s%s", state, *place ? ", " : "", place) : NULL;
}

/* Of each thread what it did when it was found silent: the signal that asks for its stack ends its
 * wait. Heap. */
static char **states_of(const struct view *v, pid_t pid)
{
    char **states = calloc(v->thread_count + 1, sizeof *states);

    for (size_t i = 0; states && i < v->thread_count; i++) {
        int tid = atomic_load_explicit(&v->threads[i].shared->tid, memory_order_relaxed);

        states[i] = state_text(pid, tid);
    }
    return states;
}

/* --- Processes that threads have forked --- */

/* Of that process, and of its own children. Each is the copy of one thread, and answers in its
 * place: after it, and one after the other. */
static void add_child(const struct view *v, size_t thread, pid_t child, struct symbols *symbols,
                      int64_t *left_ns, struct finding_stacks *stacks);

static void add_children_of(const struct view *v, size_t thread, pid_t process, int tid,
                            struct symbols *symbols, int64_t *left_ns,
                            struct finding_stacks *stacks)
{
    char path[64];
    FILE *file;
    int child;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)process, tid);
    file = fopen(path, "re");
    while (file && fscanf(file, "%d", &child) == 1)
        add_child(v, thread, child, symbols, left_ns, stacks);
    if (file)
        fclose(file);
}

static void add_child(const struct view *v, size_t thread, pid_t child, struct symbols *symbols,
                      int64_t *left_ns, struct finding_stacks *stacks)
{
    struct shared_thread *t = v->threads[thread].shared;
    char *state = state_text(child, child);
    char *name = text_format("child %d of %s", (int)child, v->threads[thread].name);
    unsigned wanted = 1 + atomic_fetch_add_explicit(&t->stack_wanted, 1, memory_order_relaxed);
    char *written, *text;
    bool answered;

    syscall(SYS_tgkill, child, child, STACK_SIGNAL);
    answered = wait_for_answer(&t->stack_done, wanted, left_ns);
    written = text_printable(answered ? t->stack : "", sizeof t->stack);
    text = symbols_of_stack(symbols, written);
    stacks_add(stacks, &(struct finding_stack){
                           .thread = name, .text = text, .stalled = true, .state = state});
    free(written);
    free(text);
    free(name);
    free(state);
    add_children_of(v, thread, child, child, symbols, left_ns, stacks);
}

void view_stacks(const struct view *v, struct finding_stacks *stacks)
{
    pid_t pid = (pid_t)json_integer_value(json_object_get(v->ready, "pid"));
    int64_t left_ns = ANSWER_LIMIT_NS, left_for_holdouts_ns = ANSWER_LIMIT_NS / 4;
    unsigned asked =
        1 + atomic_fetch_add_explicit(&v->header->holdouts_wanted, 1, memory_order_relaxed);
    char **states = states_of(v, pid);
    struct symbols *symbols = symbols_open(v->maps);
    bool told;

    for (size_t i = 0; i < v->thread_count; i++) {
        struct shared_thread *t = v->threads[i].shared;
        int tid = atomic_load_explicit(&t->tid, memory_order_relaxed);

        atomic_fetch_add_explicit(&t->stack_wanted, 1, memory_order_relaxed);
        if (tid)
            syscall(SYS_tgkill, pid, tid, STACK_SIGNAL);
    }
    told = wait_for_answer(&v->header->holdouts_done, asked, &left_for_holdouts_ns);
    for (size_t i = 0; i < v->thread_count; i++) {
        struct shared_thread *t = v->threads[i].shared;
        int tid = atomic_load_explicit(&t->tid, memory_order_relaxed);
        unsigned wanted = atomic_load_explicit(&t->stack_wanted, memory_order_relaxed);
        bool answered;
        char *written, *text, *duty;

        if (!tid)
            continue;
        answered = wait_for_answer(&t->stack_done, wanted, &left_ns);
        written = text_printable(answered ? t->stack : "", sizeof t->stack);
        text = symbols_of_stack(symbols, written);
        free(written);
        duty = duties_of(v, told ? tid : 0);
        stacks_add(stacks,
                   &(struct finding_stack){
                       .thread = (char *)v->threads[i].name,
                       .text = text,
                       .stalled = true,
                       .in_section = atomic_load_explicit(&t->in_section, memory_order_relaxed),
                       .holds_up_gp = told && holds_up(v, tid),
                       .state = states ? states[i] : NULL,
                       .duty = duty,
                   });
        free(text);
        free(duty);
    }
    if (told)
        add_other_threads(v, pid, stacks);
    for (size_t i = 0; i < v->thread_count; i++)
        add_children_of(v, i, pid,
                        atomic_load_explicit(&v->threads[i].shared->tid, memory_order_relaxed),
                        symbols, &left_ns, stacks);
    for (size_t i = 0; states && i < v->thread_count; i++)
        free(states[i]);
    free(states);
    symbols_close(symbols);
}
