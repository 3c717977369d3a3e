/* Programs that were compiled with the headers of another version, or for another build. */
#include "version.h"

#include "stillpoint/rcu.h"

#include <stdio.h>

static const char *two_phase(unsigned layout)
{
    return layout & STILLPOINT_TWO_PHASE_BIT ? ", TWO_PHASE" : "";
}

static const char *portable(unsigned layout)
{
    return layout & STILLPOINT_PORTABLE_BIT ? ", PORTABLE" : "";
}

void rcu_check_layout(const char *version, unsigned layout)
{
    const unsigned number = 0xffff, own = STILLPOINT_LAYOUT;
    char text[320];

    if (layout == own)
        return;
    snprintf(text, sizeof text,
             "the program was compiled with the headers of version %.16s (layout %u%s%s), and runs "
             "with the library of version %s (layout %u%s%s); compile it with the headers and the "
             "flags that pkg-config names for that library",
             version, layout & number, two_phase(layout), portable(layout), STILLPOINT_VERSION,
             own & number, two_phase(own), portable(own));
    rcu_misuse(text);
}
