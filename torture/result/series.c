#include "series.h"

#include "latency.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PACKED "packed"

static double number_of(json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* ---- Buckets, packed: of each that is not empty its distance from the one before and its count,
 * seven bits a byte. In a JSON string, so that they live with their interval ---- */

struct packed {
    unsigned char *bytes;
    size_t length, room;
};

static void put_number(struct packed *p, uint64_t value)
{
    if (p->length + 10 > p->room) {
        p->room = 2 * p->room + 64;
        p->bytes = realloc(p->bytes, p->room);
        if (!p->bytes)
            abort();
    }
    for (; value >= 0x80; value >>= 7)
        p->bytes[p->length++] = (unsigned char)(value | 0x80);
    p->bytes[p->length++] = (unsigned char)value;
}

static uint64_t take_number(const unsigned char **at, const unsigned char *end)
{
    uint64_t value = 0;

    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        unsigned char byte = *(*at)++;

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            break;
    }
    return value;
}

static json_t *pack(const struct tally *t)
{
    struct packed p = {.bytes = NULL};
    unsigned before = 0;
    json_t *text;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        if (t->buckets[i]) {
            put_number(&p, i - before);
            put_number(&p, t->buckets[i]);
            before = i;
        }
    text = json_stringn_nocheck(p.bytes ? (const char *)p.bytes : "", p.length);
    free(p.bytes);
    return text;
}

/* Adds a latency of an interval. */
static void unpack(struct tally *t, json_t *latency)
{
    json_t *text = json_object_get(latency, PACKED);
    const unsigned char *at = (const unsigned char *)json_string_value(text);
    const unsigned char *end = at ? at + json_string_length(text) : NULL;
    uint64_t bucket = 0, max = (uint64_t)json_integer_value(json_object_get(latency, "max"));

    while (at && at < end) {
        uint64_t count;

        bucket += take_number(&at, end);
        count = take_number(&at, end);
        if (bucket >= HISTOGRAM_BUCKETS)
            break;
        t->buckets[bucket] += count;
        t->count += count;
    }
    if (max > t->max)
        t->max = max;
}

/* ---- Joining ---- */

static json_t *describe(const struct tally *t)
{
    return json_pack("{sI sI sI sI so}", "count", (json_int_t)t->count, "p50",
                     (json_int_t)tally_percentile(t, 50), "p99",
                     (json_int_t)tally_percentile(t, 99), "max", (json_int_t)t->max, PACKED,
                     pack(t));
}

static json_t *join_latencies(struct series *s, json_t *one, json_t *other)
{
    json_t *joined = json_object(), *latency;
    json_t *const both[] = {one, other};
    const char *name;

    for (int i = 0; i < 2; i++)
        json_object_foreach (both[i], name, latency) {
            if (json_object_get(joined, name))
                continue;
            tally_clear(s->joined);
            unpack(s->joined, json_object_get(one, name));
            unpack(s->joined, json_object_get(other, name));
            json_object_set_new(joined, name, describe(s->joined));
        }
    return joined;
}

/* Two that follow one another; the first begins at begin_s. */
static json_t *join(struct series *s, json_t *one, json_t *other, double begin_s)
{
    double middle = number_of(one, "t"), end = number_of(other, "t");
    double lost = number_of(one, "lost_s") + number_of(other, "lost_s");
    double gps = number_of(one, "gps_per_second") * (middle - begin_s) +
                 number_of(other, "gps_per_second") * (end - middle);
    json_t *joined = json_pack(
        "{sf sf so}", "t", end, "gps_per_second", end > begin_s ? gps / (end - begin_s) : 0.0,
        "latency",
        join_latencies(s, json_object_get(one, "latency"), json_object_get(other, "latency")));

    if (lost > 0)
        json_object_set_new(joined, "lost_s", json_real(lost));
    return joined;
}

static void join_all(struct series *s)
{
    json_t *joined = json_array();
    size_t count = json_array_size(s->intervals), i;
    double begin = s->begin_s;

    for (i = 0; i + 1 < count; i += 2) {
        json_t *last = json_array_get(s->intervals, i + 1);

        json_array_append_new(joined, join(s, json_array_get(s->intervals, i), last, begin));
        begin = number_of(last, "t");
    }
    if (i < count)
        json_array_append(joined, json_array_get(s->intervals, i));
    json_decref(s->intervals);
    s->intervals = joined;
}

/* ---- The series ---- */

void series_open(struct series *s, size_t most)
{
    *s = (struct series){
        .most = most, .intervals = json_array(), .joined = calloc(1, sizeof *s->joined)};
}

void series_close(struct series *s)
{
    json_decref(s->intervals);
    free(s->joined);
    *s = (struct series){.most = 0};
}

static json_t *keep_latencies(struct series *s, json_t *latencies)
{
    json_t *all = json_object(), *latency;
    const char *name;

    json_object_foreach (latencies, name, latency) {
        json_t *kept = json_copy(latency);

        json_object_del(kept, "delta");
        if (s->most) {
            tally_clear(s->joined);
            latency_add_delta(s->joined, json_object_get(latency, "delta"));
            json_object_set_new(kept, PACKED, pack(s->joined));
        }
        json_object_set_new(all, name, kept);
    }
    return all;
}

bool series_add(struct series *s, json_t *event)
{
    json_t *kept = json_pack("{sO* sO* sO* so}", "t", json_object_get(event, "t"), "gps_per_second",
                             json_object_get(event, "gps_per_second"), "lost_s",
                             json_object_get(event, "lost_s"), "latency",
                             keep_latencies(s, json_object_get(event, "latency")));

    if (!kept)
        return false;
    json_array_append_new(s->intervals, kept);
    if (!s->most || json_array_size(s->intervals) < s->most)
        return false;
    join_all(s);
    return true;
}

json_t *series_describe(struct series *s)
{
    json_t *interval, *latency;
    const char *name;
    size_t i;

    json_array_foreach (s->intervals, i, interval)
        json_object_foreach (json_object_get(interval, "latency"), name, latency)
            json_object_del(latency, PACKED);
    return s->intervals;
}

double series_events(double seconds, double step_s, size_t most)
{
    double whole = (double)most * step_s;

    if (!most || seconds <= whole)
        return seconds / step_s;
    /* Each time the series is full again, the steps have become twice as long. */
    return (double)most * (1 + log2(seconds / whole) / 2);
}
