/* liburcu's flavour whose threads need not register. */
#ifndef FLAVOR_URCU_BP_H
#define FLAVOR_URCU_BP_H

#define _LGPL_SOURCE
#define URCU_INLINE_SMALL_FUNCTIONS
#include <urcu/urcu-bp.h>

#define FLAVOR_SUMMARY "liburcu's flavour whose threads need not register"

#define URCU(call) urcu_bp_##call
#include "torture/flavors/urcu.h"

#endif
