/* kick_signal.c: the signal that some accelerators kick with. */
#ifndef STILLPOINT_LIB_VCPU_KICK_SIGNAL_H
#define STILLPOINT_LIB_VCPU_KICK_SIGNAL_H

#include "stillpoint/vcpu.h"

#include <stdint.h>

/* Sends the kick signal to the vCPU's thread, if that waits for it. */
void vcpu_signal(struct vcpu *cpu);
/* The vCPU's thread is about to make calls that the signal ends, and checks for a request before
 * each; and no longer is. Only in between does it get signals: others would pile up, and interrupt
 * the program's calls. */
void vcpu_signal_begin(struct vcpu *cpu);
void vcpu_signal_end(struct vcpu *cpu);
/* Installs the handler, once, and blocks the signal in the calling thread, or lets it in. 0, or
 * -EBUSY when the program has a handler of its own for that signal. */
int vcpu_kick_signal_prepare(bool blocked);
int vcpu_kick_signal(void);
/* What the handler sets to 1 in the thread that it interrupts; NULL: nothing. */
extern STILLPOINT_THREAD_LOCAL volatile uint8_t *vcpu_immediate_exit;

#endif
