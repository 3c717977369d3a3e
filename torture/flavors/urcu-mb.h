/* liburcu's flavour with full fences. */
#ifndef FLAVOR_URCU_MB_H
#define FLAVOR_URCU_MB_H

#define _LGPL_SOURCE
#define URCU_INLINE_SMALL_FUNCTIONS
#include <urcu/urcu-mb.h>

#define FLAVOR_SUMMARY "liburcu's flavour with full fences"

#define URCU(call) urcu_mb_##call
#include "torture/flavors/urcu.h"

#endif
