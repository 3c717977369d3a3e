/* What each part of the library does before main(): constructors, in this order.
 *
 * They are plain functions as well, for programs without constructors, as model checkers have them:
 * those define PLATFORM_CONSTRUCTOR(priority) as nothing, and call stillpoint_start() first.
 */
#ifndef STILLPOINT_LIB_START_H
#define STILLPOINT_LIB_START_H

/* row(function, priority) */
#define STILLPOINT_STARTS(row)                                                                \
    row(platform_loaded_start, 101) row(platform_start, 101) row(asymmetric_fence_start, 101) \
        row(rcu_registry_start, 102) row(rcu_grace_periods_start, 102)                        \
            row(rcu_callbacks_start, 102) row(rcu_polled_start, 102) row(bql_start, 102)      \
                row(vcpu_kick_signal_start, 102) row(vcpu_thread_exit_start, 102)             \
                    row(vcpu_exclusive_start, 102)

#ifndef PLATFORM_CONSTRUCTOR
#define PLATFORM_CONSTRUCTOR(priority) __attribute__((constructor(priority)))
#endif

#define STILLPOINT_START(function, priority) void function(void) PLATFORM_CONSTRUCTOR(priority);
STILLPOINT_STARTS(STILLPOINT_START)
#undef STILLPOINT_START

static inline void stillpoint_start(void)
{
#define STILLPOINT_START(function, priority) function();
    STILLPOINT_STARTS(STILLPOINT_START)
#undef STILLPOINT_START
}

#endif
