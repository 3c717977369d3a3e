#include "bench_rows.h"

#define ROW(a_group, a_text, from, of_part, the_metric, ...)                         \
    {                                                                                \
        .group = (a_group), .text = (a_text), .scenario = (from), .part = (of_part), \
        .metric = (the_metric), __VA_ARGS__                                          \
    }
/* Two crossings of a line between CPUs, two exchanges: without them no grace period can be. */
#define TRANSFERS(n) .limit = "limit.transfer.p50", .limits = (n)
#define EXCHANGES(n) .limit = "limit.exchange.p50", .limits = (n)

#define WAITS(policy)                                                                      \
    ROW("waits", policy ", p50", "waits", NULL, "gp.wait.p50",                             \
        .where = "{\"library.gp_policy\": \"" policy "\"}", .limit = "gp.wait.floor.p50"), \
        ROW("waits", policy ", p99", "waits", NULL, "gp.wait.p99",                         \
            .where = "{\"library.gp_policy\": \"" policy "\"}", .limit = "gp.wait.floor.p99")

#define MIX(text, part, percent)                                               \
    ROW("mixes", text ", " #percent " % updates", "mixes", part, "mix.op.p50", \
        .where = "{\"update-mix.updates\": " #percent "}")
#define MIXES(text, part) \
    MIX(text, part, 0.1), MIX(text, part, 1), MIX(text, part, 10), MIX(text, part, 50)

#define SECTION_AT(vcpus, rest, quantile)                                           \
    ROW("exclusive", "start_exclusive, " #vcpus " vCPUs, rest " rest ", " quantile, \
        "exclusive-classic", NULL, "exclusive.enter." quantile,                     \
        .where =                                                                    \
            "{\"exclusive-latency.vcpus\": " #vcpus ", \"exclusive-latency.rest\": \"" rest "\"}")
#define SECTIONS(vcpus, rest) SECTION_AT(vcpus, rest, "p50"), SECTION_AT(vcpus, rest, "p99")

#define KICK(text, method, ...)                  \
    ROW("kicks", text, "kick", NULL, "kick.p50", \
        .where = "{\"kick-latency.method\": \"" method "\"}", __VA_ARGS__)
#define RAW(method) .limit_where = "{\"kick-latency.method\": \"raw-" method "\"}"

const struct bench_row bench_rows[] = {
    ROW("pair", "lock and unlock, beyond the loop", "peers", "pair", "read_side.over_empty.p50"),
    ROW("pair", "the same by two readers", "peers", "two-readers", "read_side.over_empty.p50"),
    ROW("pair", "an inner pair", "peers", "nested-pair", "read_side.over_empty.p50"),
    ROW("pair", "a pair with a dependent load", "peers", "dependent", "read_side.over_empty.p50"),
    ROW("pair", "lock and unlock of an online thread", "peers", "online-pair",
        "read_side.qsbr_over_empty.p50"),

    ROW("grace-periods", "one looping reader, p50", "peers", "one-reader", "gp.total.p50",
        TRANSFERS(2)),
    ROW("grace-periods", "one looping reader, mean", "peers", "one-reader", "gp.total.mean",
        TRANSFERS(2)),
    ROW("grace-periods", "its CPU time, of who leads it", "peers", "one-reader", "cpu.gp"),
    ROW("grace-periods", "one looping online reader, p50", "peers", "one-online-reader",
        "gp.total.p50", TRANSFERS(2)),
    ROW("grace-periods", "one reader that stays 1 ms, p50", "peers", "staying", "gp.total.p50"),
    ROW("grace-periods", "one reader that stays 1 ms, p99", "peers", "staying", "gp.total.p99"),
    ROW("grace-periods", "nobody inside", "peers", "nobody-inside", "gp.mean.p50", EXCHANGES(2)),
    ROW("grace-periods", "a thread that never reads", "peers", "one-sleeper", "gp.mean.p50",
        EXCHANGES(2)),
    ROW("grace-periods", "64 sleepers", "peers", "some-sleepers", "gp.mean.p50", EXCHANGES(2)),
    ROW("grace-periods", "4096 sleepers", "peers", "sleepers", "gp.mean.p50", EXCHANGES(2)),
    ROW("grace-periods", "1 updater", "peers", "nobody-inside", "rate.gps"),
    ROW("grace-periods", "8 updaters", "peers", "some-updaters", "rate.gps"),
    ROW("grace-periods", "64 updaters", "peers", "updaters", "rate.gps"),

    WAITS("event"),
    WAITS("poll"),
    WAITS("fqs"),
    WAITS("adaptive"),

    ROW("callbacks", "call_rcu, queue filled first", "peers", "queue", "call_rcu.queue.p50",
        EXCHANGES(1)),
    ROW("callbacks", "a callback of a full queue", "peers", "queue", "call_rcu.call.p50"),
    ROW("callbacks", "call_rcu, consumer at work", "peers", "queue-at-work", "call_rcu.queue.p50",
        EXCHANGES(1)),
    ROW("callbacks", "a callback, consumer at work", "peers", "queue-at-work", "call_rcu.whole.p50",
        EXCHANGES(1)),
    ROW("callbacks", "call_rcu, two producers", "peers", "two-queue-at-work", "call_rcu.queue.p50",
        TRANSFERS(1)),
    ROW("callbacks", "a callback, two producers", "peers", "two-queue-at-work",
        "call_rcu.whole.p50", TRANSFERS(1)),
    ROW("callbacks", "from call_rcu to the callback, p50", "peers", "one-callback",
        "callback.queue_to_invoke.p50"),
    ROW("callbacks", "from call_rcu to the callback, p99", "peers", "one-callback",
        "callback.queue_to_invoke.p99"),
    ROW("callbacks", "barrier for one callback, p50", "peers", "queue-at-work",
        "call_rcu.barrier.p50"),

    MIXES("an operation", "mix"),
    MIXES("of a hash table", "hash"),
    ROW("mixes", "1 % updates, two threads", "mixes", "two-threads", "mix.op.p50"),
    ROW("mixes", "the same 64 in a hash table", "mixes", "two-threads-hash", "mix.op.p50"),
    ROW("mixes", "lookups of a table that is resized", "mixes", "resized", "rate.hash.reads"),
    ROW("mixes", "how often it grows meanwhile", "mixes", "resized", "rate.hash.grown"),
    ROW("mixes", "1 % updates, retired to reclaimed, p99", "mixes", "stalled", "mix.reclaim.p99"),
    ROW("mixes", "1 % updates, held back at most", "mixes", "stalled",
        "counters.update-mix.unreclaimed_bytes_peak"),

    ROW("exclusive", "exec_start and exec_end, beyond the loop", "exec-pair", NULL,
        "exec.over_empty.p50", .where = "{\"fence\": \"auto\"}"),
    SECTIONS(1, "0s"),
    SECTIONS(4, "0s"),
    SECTIONS(16, "0s"),
    SECTIONS(64, "0s"),
    SECTIONS(1, "1ms"),
    SECTIONS(4, "1ms"),
    SECTIONS(16, "1ms"),
    SECTIONS(64, "1ms"),

    KICK("a thread of its own", "threads", TRANSFERS(1)),
    KICK("round-robin", "rr", TRANSFERS(1)),
    KICK("user mode", "user", TRANSFERS(1)),
    KICK("signal, beside a bare signal", "signal", RAW("signal")),
    KICK("cancellable system call, beside a bare futex", "cancel", RAW("futex")),
    KICK("a vCPU that sleeps, beside a bare futex", "idle", RAW("futex")),
    KICK("KVM, beside a bare KVM", "kvm", RAW("kvm")),

    ROW("memory", "a registered thread", "memory", "thread", "memory.thread.p50"),
    ROW("memory", "a pending callback", "memory", "callback", "memory.callback.p50"),
};

const size_t bench_row_count = sizeof bench_rows / sizeof *bench_rows;

const struct bench_group bench_groups[] = {
    {"pair", "Read side"},
    {"grace-periods", "Grace periods"},
    {"waits", "What a caller at a random moment waits, by our policy"},
    {"callbacks", "Callbacks"},
    {"mixes",
     "Searches and updates of a list of 64 elements, and of 1024 in a hash table; the last "
     "two of the list, beside a reader that stays 100 ms"},
    {"exclusive", "Exclusive sections"},
    {"kicks", "Kicks"},
    {"memory", "Memory"},
    {NULL, NULL},
};
