#include "finding.h"

#include "torture/record/text.h"

#include <stdlib.h>

static char *copy_of(const char *text)
{
    return text_format("%s", text ? text : "");
}

static void replace(char **text, const char *value)
{
    free(*text);
    *text = copy_of(value);
}

/* One more element of a list; where it was moved to. */
static void *grown(void *list, size_t count, size_t size)
{
    void *longer = realloc(list, (count + 1) * size);

    if (!longer)
        abort();
    return longer;
}

struct finding *finding_new(const char *check, unsigned workload_index, const char *workload,
                            double first_s, const char *message)
{
    struct finding *f = malloc(sizeof *f);

    if (!f)
        abort();
    *f = (struct finding){
        .check = copy_of(check),
        .workload_index = workload_index,
        .workload = copy_of(workload),
        .count = 1,
        .first_s = first_s,
        .message = copy_of(message),
    };
    return f;
}

void finding_free(struct finding *f)
{
    for (size_t i = 0; i < f->thread_count; i++)
        free(f->threads[i]);
    for (size_t i = 0; i < f->moment_count; i++) {
        free(f->moments[i].thread);
        free(f->moments[i].event);
        free(f->moments[i].mark);
    }
    stacks_free(&f->stacks);
    free(f->threads);
    free(f->moments);
    free(f->check);
    free(f->workload);
    free(f->message);
    free(f->output);
    free(f->repro);
    free(f);
}

void finding_add_thread(struct finding *f, const char *thread)
{
    f->threads = grown(f->threads, f->thread_count, sizeof *f->threads);
    f->threads[f->thread_count++] = copy_of(thread);
}

void finding_add_moment(struct finding *f, const struct finding_moment *moment)
{
    f->moments = grown(f->moments, f->moment_count, sizeof *f->moments);
    f->moments[f->moment_count++] = (struct finding_moment){
        .us = moment->us,
        .cpu = moment->cpu,
        .thread = copy_of(moment->thread),
        .event = copy_of(moment->event),
        .mark = moment->mark ? copy_of(moment->mark) : NULL,
    };
}

void finding_mark(struct finding *f, size_t moment, const char *thread, const char *what)
{
    free(f->moments[moment].mark);
    f->moments[moment].mark = text_format("%s %s", thread, what);
}

void finding_set_output(struct finding *f, const char *output)
{
    replace(&f->output, output);
}

void finding_set_repro(struct finding *f, const char *repro)
{
    replace(&f->repro, repro);
}

void findings_add(struct findings *findings, struct finding *f)
{
    findings->list = grown(findings->list, findings->count, sizeof(struct finding *));
    findings->list[findings->count++] = f;
}

void findings_free(struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++)
        finding_free(findings->list[i]);
    free(findings->list);
    *findings = (struct findings){.count = 0};
}

void stacks_add(struct finding_stacks *stacks, const struct finding_stack *stack)
{
    stacks->list = grown(stacks->list, stacks->count, sizeof *stacks->list);
    stacks->list[stacks->count] = *stack;
    stacks->list[stacks->count].thread = copy_of(stack->thread);
    stacks->list[stacks->count].state = copy_of(stack->state ? stack->state : "");
    stacks->list[stacks->count].duty = copy_of(stack->duty ? stack->duty : "");
    stacks->list[stacks->count++].text = copy_of(stack->text);
}

void stacks_free(struct finding_stacks *stacks)
{
    for (size_t i = 0; i < stacks->count; i++) {
        free(stacks->list[i].thread);
        free(stacks->list[i].text);
        free(stacks->list[i].state);
        free(stacks->list[i].duty);
    }
    free(stacks->list);
    *stacks = (struct finding_stacks){.count = 0};
}

/* --- Its form in results -------------------------------------------------------------------- */

static json_t *write_moment(const struct finding_moment *m)
{
    return json_pack("{sf ss si ss ss*}", "us", m->us, "thread", m->thread, "cpu", m->cpu, "event",
                     m->event, "mark", m->mark);
}

static json_t *write_stack(const struct finding_stack *s)
{
    json_t *written = json_pack("{ss ss}", "thread", s->thread, "stack", s->text);

    if (s->stalled) {
        json_object_set_new(written, "in_section", json_boolean(s->in_section));
        json_object_set_new(written, "holds_up_gp", json_boolean(s->holds_up_gp));
        json_object_set_new(written, "state", json_string(s->state));
    }
    if (s->stalled && *s->duty)
        json_object_set_new(written, "duty", json_string(s->duty));
    return written;
}

json_t *finding_write(const struct finding *f)
{
    json_t *threads = json_array(), *timeline = json_array(), *stacks = json_array();

    for (size_t i = 0; i < f->thread_count; i++)
        json_array_append_new(threads, json_string(f->threads[i]));
    for (size_t i = 0; i < f->moment_count; i++)
        json_array_append_new(timeline, write_moment(&f->moments[i]));
    for (size_t i = 0; i < f->stacks.count; i++)
        json_array_append_new(stacks, write_stack(&f->stacks.list[i]));
    if (f->stacks.count == 0) {
        json_decref(stacks);
        stacks = NULL;
    }
    return json_pack("{ss ss sI sf ss so so so* ss* ss*}", "check", f->check, "workload",
                     f->workload, "count", (json_int_t)f->count, "first_s", f->first_s, "message",
                     f->message, "threads", threads, "timeline", timeline, "stacks", stacks,
                     "output", f->output, "repro", f->repro);
}

/* Not NULL; the JSON's own. */
static char *text_at(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return (char *)(text ? text : "");
}

static void read_moment(struct finding *f, json_t *written)
{
    json_t *cpu = json_object_get(written, "cpu");
    struct finding_moment moment = {
        .us = json_number_value(json_object_get(written, "us")),
        .cpu = cpu ? (int)json_integer_value(cpu) : -1,
        .thread = text_at(written, "thread"),
        .event = text_at(written, "event"),
        .mark = json_object_get(written, "mark") ? text_at(written, "mark") : NULL,
    };

    finding_add_moment(f, &moment);
}

static void read_stack(struct finding *f, json_t *written)
{
    struct finding_stack stack = {
        .thread = text_at(written, "thread"),
        .text = text_at(written, "stack"),
        .stalled = json_object_get(written, "in_section") != NULL,
        .in_section = json_is_true(json_object_get(written, "in_section")),
        .holds_up_gp = json_is_true(json_object_get(written, "holds_up_gp")),
        .state = text_at(written, "state"),
        .duty = text_at(written, "duty"),
    };

    stacks_add(&f->stacks, &stack);
}

struct finding *finding_read(json_t *written)
{
    struct finding *f = finding_new(text_at(written, "check"), 0, text_at(written, "workload"),
                                    json_number_value(json_object_get(written, "first_s")),
                                    text_at(written, "message"));
    json_t *item;
    size_t i;

    f->count = (uint64_t)json_integer_value(json_object_get(written, "count"));
    json_array_foreach (json_object_get(written, "threads"), i, item)
        finding_add_thread(f, json_string_value(item));
    json_array_foreach (json_object_get(written, "timeline"), i, item)
        read_moment(f, item);
    json_array_foreach (json_object_get(written, "stacks"), i, item)
        read_stack(f, item);
    if (json_object_get(written, "output"))
        finding_set_output(f, text_at(written, "output"));
    finding_set_repro(f, text_at(written, "repro"));
    return f;
}
