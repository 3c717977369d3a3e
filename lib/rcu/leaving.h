/* Readers that leave, leaving.c. */
#ifndef STILLPOINT_RCU_LEAVING_H
#define STILLPOINT_RCU_LEAVING_H

struct rcu_reader;

/* => Its thread, after its counter shows that it has left or renewed: a leader may wait for it. */
void rcu_answer_leader(struct rcu_reader *self);

#endif
