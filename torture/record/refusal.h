/* Calls of the runner that the system may refuse: a limit, or no memory. That is the machine's
 * doing; nothing of it is held against the code under test. */
#ifndef STILLPOINT_REFUSAL_H
#define STILLPOINT_REFUSAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum refusable { REFUSABLE_THREAD, REFUSABLE_PROCESS, REFUSABLE_SIGNAL, REFUSABLE_COUNT };
extern const char *const refusable_calls[REFUSABLE_COUNT];

/* What a process that aborts tries to get, to see whether it is refused. */
enum refused_kind { REFUSED_PROCESS = 1, REFUSED_MEMORY = 2, REFUSED_FILE = 4 };

/* Of one call, in the shared mapping; threads and forked children write. */
struct shared_refusal {
    _Atomic uint64_t count;
    atomic_int error; /* of the last */
};

/* What to do about an error that tells of a limit or of want; NULL: it tells of neither. `call`:
 * the call that failed, or a text that names it. */
const char *refusal_remedy(int error, const char *call);
/* The error whose text is in this one, and where, when it has a remedy; 0: none. The text is that
 * of strerror(), or for memory "out of memory". */
int refusal_in_text(const char *text, const char **where);
/* Whether what was refused, by enum refused_kind, explains this error. */
bool refusal_explains(unsigned kinds, int error);

#endif
