/* Which version of the library a program was compiled for. */
#ifndef STILLPOINT_VERSION_H
#define STILLPOINT_VERSION_H

#include <stillpoint/language.h>

#define STILLPOINT_VERSION "0.1.0"

/* Where an unsigned long has 32 bits the number of grace periods would come round while a reader is
 * on its way in; there it is a phase that flips twice in each grace period. TWO_PHASE=1 builds that
 * on 64 bits too. */
#if __SIZEOF_LONG__ < 8 && !defined(STILLPOINT_TWO_PHASE)
#define STILLPOINT_TWO_PHASE
#endif

/* What is compiled into programs: the layout of public structures, which goes up by one with each
 * change, and is the number of the shared library as well; and how the library was built. A library
 * of another layout cannot serve them, and refuses. */
#define STILLPOINT_LAYOUT_NUMBER 1
#define STILLPOINT_TWO_PHASE_BIT 0x10000
#define STILLPOINT_PORTABLE_BIT  0x20000
#ifdef STILLPOINT_TWO_PHASE
#define STILLPOINT_HAS_TWO_PHASE STILLPOINT_TWO_PHASE_BIT
#else
#define STILLPOINT_HAS_TWO_PHASE 0
#endif
#ifdef STILLPOINT_PORTABLE
#define STILLPOINT_HAS_PORTABLE STILLPOINT_PORTABLE_BIT
#else
#define STILLPOINT_HAS_PORTABLE 0
#endif
#define STILLPOINT_LAYOUT \
    (STILLPOINT_LAYOUT_NUMBER | STILLPOINT_HAS_TWO_PHASE | STILLPOINT_HAS_PORTABLE)

#endif
