/* The flavor's table for the engine, made from whatever its adaptor defines. */
#define FLAVOR_TABLES
#include "torture/flavors/flavor.h"

#include "torture/record/flavor_table.h"

#ifdef FLAVOR_HAS_SETTINGS
static bool start(const void *settings, struct diagnostics *d)
{
    return flavor_start(settings, d);
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
#ifdef FLAVOR_HAS_STATISTICS
    .statistics = flavor_statistic_names,
    .sample = flavor_sample,
#endif
#ifdef FLAVOR_HAS_MISSING
    .missing = flavor_missing,
#endif
#ifdef FLAVOR_HAS_HOLDOUTS
    .holdouts = flavor_holdouts,
#endif
};
