/* The flavor's table for the harness, made from whatever its adaptor defines. */
#define FLAVOR_TABLES
#include "torture/flavors/flavor.h"

#include "torture/record/flavor_table.h"
#include "torture/record/shared.h"

#ifdef FLAVOR_HAS_SETTINGS
static bool start(const void *settings, struct diagnostics *d)
{
    return flavor_start(settings, d);
}
#endif

#ifdef FLAVOR_HAS_DEFAULT_SETTINGS
static void default_settings(void *settings)
{
    flavor_default_settings(settings);
}
#endif

#ifdef FLAVOR_HAS_STATISTICS
#define STATISTIC_COUNT (sizeof flavor_statistics / sizeof *flavor_statistics)
_Static_assert(STATISTIC_COUNT <= SHARED_LIBRARY, "room in the mapping for each statistic");
#endif

#ifdef FLAVOR_HAS_STATISTICS
static void settle(void)
{
    if (FLAVOR_CAN_BARRIER)
        flavor_barrier();
    if (FLAVOR_CAN_SYNCHRONIZE)
        flavor_synchronize();
}
#endif

const struct flavor flavor = {
    .name = FLAVOR_NAME,
    .summary = FLAVOR_SUMMARY,
    .capabilities = FLAVOR_CAPABILITIES,
#ifdef FLAVOR_HAS_SETTINGS
    .settings = flavor_settings_table,
    .settings_size = sizeof(struct flavor_settings),
    .start = start,
#endif
#ifdef FLAVOR_HAS_DEFAULT_SETTINGS
    .default_settings = default_settings,
#endif
#ifdef FLAVOR_HAS_STATISTICS
    .statistics = flavor_statistics,
    .statistic_count = STATISTIC_COUNT,
    .sample = flavor_sample,
    .settle = settle,
#endif
#ifdef FLAVOR_HAS_MISSING
    .missing = flavor_missing,
#endif
#ifdef FLAVOR_HAS_HOLDOUTS
    .holdouts = flavor_holdouts,
#endif
#ifdef FLAVOR_HAS_DUTIES
    .duties = flavor_duties,
#endif
};
