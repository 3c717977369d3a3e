/* safe-work: the translation buffer. vCPUs append blocks to it and execute them; when it is full,
 * one of them requests a flush, which wipes it while nobody executes. */
#include "safe_work.h"
#include "torture/runner/violation.h"

#if FLAVOR_CAN_VCPU

#include <stdlib.h>
#include <string.h>

static uint64_t checksum(const struct code *code)
{
    uint64_t sum = random_mix(code->page) + code->program + code->generation;

    for (uint64_t i = 0; i < code->length; i++)
        sum = (sum << 7 | sum >> 57) ^ code->words[i];
    return sum;
}

/* --- Executing --- */

/* The block is as it was made, and of now. False after a violation. */
static bool check(struct torture_thread *t, const struct safe_work_vcpu *v, const struct code *code,
                  uint64_t program, uint64_t generation, const char *when)
{
    struct safe_work_state *state = t->instance->state;
    bool wiped = code->length > CODE_WORDS; /* and its sum would reach beyond the buffer */

    if (__builtin_expect(!wiped && code->program == program && code->generation == generation &&
                             state->generation == generation && checksum(code) == code->checksum,
                         1))
        return true;
    torture_note(t, NOTE_EXECUTES, (unsigned long)program, (unsigned long)generation);
    torture_violation(t->instance, t, SAFE_WORK,
                      "Translation buffer: vCPU %lu found its block of program %lu, generation "
                      "%lu, %s %s it executed it; the buffer is of generation %lu.",
                      v->base.serial, (unsigned long)program, (unsigned long)generation,
                      wiped || code->program == SAFE_WORK_POISON ? "wiped" : "changed", when,
                      (unsigned long)state->generation);
    return false;
}

/* NULL: the buffer is full, and a flush has been requested. */
static struct code *translate(struct safe_work_vcpu *v, uint64_t program)
{
    struct torture_thread *t = v->base.thread;
    const struct safe_work_params *p = t->instance->params;
    struct safe_work_state *state = t->instance->state;
    uint64_t length = 4 + random_below(&t->random, CODE_WORDS - 3);
    uint64_t words = sizeof(struct code) / sizeof(uint64_t) + length;
    uint64_t start = atomic_fetch_add_explicit(&state->fill, words, memory_order_relaxed);
    struct code *code;

    if (start + words > (uint64_t)p->buffer_words) {
        torture_note(t, NOTE_FULL, (unsigned long)state->generation, v->base.serial);
        safe_work_ask_for_flush(t, v, state->generation);
        return NULL;
    }
    code = (struct code *)(state->buffer + start);
    code->program = program;
    code->page = (uintptr_t)&state->pages[program % (uint64_t)p->pages];
    code->generation = state->generation;
    code->length = length;
    for (uint64_t i = 0; i < length; i++)
        code->words[i] = random_mix(program + i);
    code->checksum = checksum(code);
    /* Orders: STORE code->checksum, and the rest of the block -> STORE state->programs.
     * Pairs with: find(), LOAD state->programs (acquire).
     * Broken: the harness itself reports blocks that are half made. */
    __atomic_store_n(&state->programs[program], code, __ATOMIC_RELEASE);
    torture_count(t, TRANSLATED, 1);
    return code;
}

static const struct code *find(struct safe_work_vcpu *v, uint64_t program)
{
    struct safe_work_state *state = safe_work_state_of(v);
    const struct code **jump = &v->jumps[program % SAFE_WORK_JUMPS];
    const struct code *code = *jump;

    if (code && code->program == program)
        return code;
    /* Wiped, unless it is of another program: the check is to find it. */
    if (code && code->program == SAFE_WORK_POISON)
        return code;
    /* Orders: LOAD state->programs -> LOAD code->checksum, and the rest of the block.
     * Pairs with: translate(), STORE code->checksum -> STORE state->programs (release).
     * Broken: the harness itself reports blocks that are half made. */
    code = __atomic_load_n(&state->programs[program], __ATOMIC_ACQUIRE);
    if (!code)
        code = translate(v, program);
    *jump = code;
    return code;
}

void safe_work_execute(struct safe_work_vcpu *v)
{
    struct torture_thread *t = v->base.thread;
    const struct safe_work_params *p = t->instance->params;
    struct safe_work_state *state = t->instance->state;
    uint64_t program = random_below(&t->random, (uint64_t)p->programs);
    uint64_t generation = state->generation;
    const struct code *code = find(v, program);

    if (!code)
        return;
    torture_count(t, CHECKS, 1);
    if (!check(t, v, code, program, generation, "before"))
        return;
    for (unsigned i = 0; i < 3; i++) {
        safe_work_linger(t);
        atomic_signal_fence(memory_order_seq_cst); /* reads it anew */
        if (!check(t, v, code, program, generation, "while"))
            return;
    }
}

/* --- Flushing --- */

struct flush {
    uint64_t generation;
};

/* Safe work. */
static void flush(struct vcpu *cpu, void *data)
{
    struct safe_work_vcpu *v = cpu->data;
    struct torture_thread *t = v->base.thread;
    const struct safe_work_params *p = t->instance->params;
    struct safe_work_state *state = t->instance->state;
    struct flush *f = data;
    uint64_t generation = f->generation;
    struct vcpu *other;

    free(f);
    safe_work_count(v, true);
    if (generation != SAFE_WORK_ANY_GENERATION && generation != state->generation) {
        /* Somebody else's has done it. */
        torture_count(t, FLUSHES_MERGED, 1);
        return;
    }
    for (int64_t i = 0; i < p->buffer_words; i++)
        state->buffer[i] = SAFE_WORK_POISON;
    memset(state->programs, 0, (size_t)p->programs * sizeof(struct code *));
    flavor_read_lock();
    FLEET_FOREACH(other, &state->fleet)
    {
        struct safe_work_vcpu *w = other->data;

        memset(w->jumps, 0, sizeof w->jumps);
    }
    flavor_read_unlock();
    atomic_store_explicit(&state->fill, 0, memory_order_relaxed);
    torture_note(t, NOTE_FLUSHED, (unsigned long)state->generation++, v->base.serial);
    torture_count(t, FLUSHES, 1);
}

void safe_work_ask_for_flush(struct torture_thread *t, struct safe_work_vcpu *v,
                             uint64_t generation)
{
    struct flush *f = malloc(sizeof *f);

    f->generation = generation;
    if (!safe_work_queue(t, v, true, flush, f))
        free(f);
}

bool safe_work_open_buffer(struct instance *in, struct diagnostics *d)
{
    const struct safe_work_params *p = in->params;
    struct safe_work_state *state = in->state;

    state->buffer = calloc((size_t)p->buffer_words, sizeof *state->buffer);
    state->programs = calloc((size_t)p->programs, sizeof(struct code *));
    if (state->buffer && state->programs)
        return true;
    diagnose(d, "safe-work: no memory for the translation buffer; set \"buffer\" or \"programs\" "
                "lower");
    return false;
}

void safe_work_close_buffer(struct safe_work_state *state)
{
    free(state->buffer);
    free(state->programs);
}

#endif
