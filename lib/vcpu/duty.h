/* What threads do that vCPUs and others wait for, as reports name it; duty.c. */
#ifndef STILLPOINT_VCPU_DUTY_H
#define STILLPOINT_VCPU_DUTY_H

#include "rcu/duty.h"

enum exclusive_doing { EXCLUSIVE_STOPS, EXCLUSIVE_IS_ON, EXCLUSIVE_DOINGS };
enum pause_doing { PAUSE_STOPS, PAUSE_IS_ON, PAUSE_DOINGS };
/* Of the big lock there is one thing to do: to hold it. */
extern struct duty vcpu_big_lock_duty, vcpu_exclusive_duty, vcpu_pause_duty;

#endif
