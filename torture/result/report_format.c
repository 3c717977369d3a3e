/* Figures as people read them. */
#include "report_parts.h"
#include "torture/scenario/document.h"
#include "verdict.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

double report_ns(json_t *latency, json_t *value)
{
    return json_number_value(value) /
           (strcmp(document_text(latency, "unit"), "ps") == 0 ? 1000 : 1);
}

double report_percentile_ns(json_t *latency, const char *name)
{
    return report_ns(latency, json_object_get(json_object_get(latency, "percentiles"), name));
}

const char *report_duration(double ns, char *buffer)
{
    static const struct {
        double ns;
        const char *unit;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};

    for (size_t i = 0; i < 3; i++)
        if (ns >= units[i].ns * 0.9995) {
            double value = ns / units[i].ns;

            snprintf(buffer, 32, value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[i].unit);
            return buffer;
        }
    snprintf(buffer, 32, ns < 9.95 && ns != floor(ns) ? "%.2f ns" : "%.0f ns", ns);
    return buffer;
}

const char *report_count(double count, char *buffer)
{
    static const struct {
        double size;
        const char *unit;
    } units[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}};

    for (size_t i = 0; i < 4; i++)
        if (count >= units[i].size) {
            double value = count / units[i].size;

            snprintf(buffer, 32, value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[i].unit);
            return buffer;
        }
    snprintf(buffer, 32, "%.0f", count);
    return buffer;
}

const char *report_bytes(double bytes, char *buffer)
{
    char number[32];

    snprintf(buffer, 32, "%s%sB", report_count(bytes, number), bytes < 1e3 ? " " : "");
    return buffer;
}

const char *report_value(json_t *latency, double value, char *buffer)
{
    return strcmp(document_text(latency, "unit"), "bytes") == 0 ? report_bytes(value, buffer)
                                                                : report_duration(value, buffer);
}

const char *report_metric(const char *metric, double value, char *buffer)
{
    switch (verdict_metric_unit(metric)) {
    case METRIC_BYTES:
        return report_bytes(value, buffer);
    case METRIC_COUNT:
        return report_count(value, buffer);
    default:
        return report_duration(value, buffer);
    }
}

const char *report_grouped(uint64_t count, char *buffer)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, count), at = 0;

    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            buffer[at++] = ' ';
        buffer[at++] = digits[i];
    }
    buffer[at] = 0;
    return buffer;
}
