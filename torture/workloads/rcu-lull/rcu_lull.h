/* rcu-lull: a request comes just when whoever is to hear it goes to sleep, and there is nobody else
 * whose doings would wake it later.
 *
 * A thread asks for one thing, and waits for it by means of its own: it polls, or looks at what a
 * callback stores. Where there are several, each asks for one, and the next come when all are
 * there. So nothing happens later that would wake who has slept through a request, as long as no
 * nap ends by itself, which is up to the settings: it is a stall.
 *
 * Each request comes some time after what the thread that is to hear it did last. Half of these
 * times are of any length up to some 30 us, each power of two as likely as another. The other half
 * is aimed: answers take longer when that thread is to be woken, so the moment at which it goes to
 * sleep is where they become slow (scenes.c). The few nanoseconds after its last look are hit
 * often, wherever they are.
 *
 * Beside that cookies of different ages are kept: none may expire inside the section in which it
 * was taken, nor outlast a younger one.
 *
 * Scenes are in scenes.c; names, the threads and how they meet are in rcu_lull.c.
 */
#ifndef STILLPOINT_RCU_LULL_H
#define STILLPOINT_RCU_LULL_H

#include "torture/flavors/flavor.h"
#include "torture/runner/thread.h"

struct lull_params {
    int64_t askers;
};

enum lull_counter {
    ROUNDS,
    CHECKS,
    POLLED,
    COOKIES_WAITED,
    LEFT_GPS,
    FORCED_GPS,
    CALLS,
    ENDED_PILES,
    FORCED_CALLS,
    BARRIERS,
    COUNTER_COUNT
};
enum { LULL, CHECK_COUNT };
enum lull_note { NOTE_PLAYS, NOTE_WAITS, NOTE_COUNT };

#define COOKIES 8
#define SCENES  8

struct lull_callback {
    flavor_head head;
    atomic_bool ran;
};

struct lull_notifier {
    flavor_notifier base;
    atomic_bool told; /* to leave the section */
};

/* At which delay of the requests of a scene the answers become slow. */
struct aim {
    uint64_t middle_ns;
    uint64_t answer; /* ticks; half of all take longer */
};

/* What a thread has for itself. */
struct asker {
    _Alignas(64) struct lull_callback callback;
    struct lull_notifier notifier;
    unsigned long cookies[COOKIES]; /* the youngest is number `taken` - 1 */
    unsigned long taken;
    unsigned long cookie; /* that is waited for */
    struct aim aims[SCENES], *aim;
    uint64_t delay_ns, next_delay_ns; /* the next is chosen while this one's answer is awaited */
};

struct lull_state {
    struct asker *askers;
    bool piles_up; /* callbacks do, until force is asked for */
    _Alignas(64) atomic_uint arrived;
    _Alignas(64) atomic_uint round; /* a futex word */
    /* By the last to arrive, before it advances the round. */
    unsigned scene;
    bool begins; /* the scene does */
    bool over;
};

/* What callbacks do that nobody asks force for, by which some scenes are for a flavor or not. */
enum scene_piles { ANY_PILES, NO_PILES, PILES };

struct scene {
    void (*play)(struct torture_thread *, struct asker *);
    unsigned needs; /* capabilities */
    unsigned counter;
    enum scene_piles piles;
};
extern const struct scene lull_scenes[SCENES];

void lull_open_asker(struct asker *a);
void lull_close_asker(struct asker *a);

#endif
