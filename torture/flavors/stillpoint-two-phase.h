/* libstillpoint with the grace periods that it has where unsigned long has 32 bits. The Makefile
 * compiles the library and the workloads for it with -DSTILLPOINT_TWO_PHASE. */
#ifndef FLAVOR_STILLPOINT_TWO_PHASE_H
#define FLAVOR_STILLPOINT_TWO_PHASE_H

#define FLAVOR_SUMMARY "libstillpoint's RCU with the grace periods of 32-bit machines"

#include "torture/flavors/stillpoint.h"

#endif
