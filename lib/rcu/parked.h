/* Parked readers, parked.c. */
#ifndef STILLPOINT_RCU_PARKED_H
#define STILLPOINT_RCU_PARKED_H

#include <stdbool.h>

struct rcu_reader;

/* Round a wait of the library's. => The calling thread, outside sections.
 * The thread goes offline when it was online, and is parked. rcu_parked_end() takes what
 * rcu_parked_begin() returns. */
bool rcu_parked_begin(void);
void rcu_parked_end(bool online);

/* Parks the calling thread, outside sections: its next section announces it. Without effect when it
 * is not registered. */
void rcu_park(void);

/* => Registry lock; the leader. Brings the readers that announced themselves back to its lists. */
void rcu_collect_unparked(void);
/* => Registry lock; the leader. Takes a parked reader off its lists. */
void rcu_move_to_group(struct rcu_reader *r);

/* Puts a reader into its group's list, from a list of the leader's (=> registry lock) or none. */
void rcu_group_join(struct rcu_reader *r);

#endif
