/* liburcu's membarrier flavour. */
#ifndef FLAVOR_URCU_MEMB_H
#define FLAVOR_URCU_MEMB_H

#define _LGPL_SOURCE
#define URCU_INLINE_SMALL_FUNCTIONS
#include <urcu/urcu-memb.h>

#define FLAVOR_SUMMARY "liburcu's membarrier flavour"

#define URCU(call) urcu_memb_##call
#include "torture/flavors/urcu.h"

#endif
