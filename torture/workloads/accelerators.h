/* The library's accelerators, as the tables of workloads name them. */
#ifndef STILLPOINT_ACCELERATORS_H
#define STILLPOINT_ACCELERATORS_H

/* X(NAME, name, waits) for each vcpu_accel_name. `waits`: its inner loop sleeps until a kick, and a
 * block is but the way there. */
#define ACCELERATORS(X)        \
    X(THREADS, threads, false) \
    X(RR, rr, false)           \
    X(SIGNAL, signal, true)    \
    X(CANCEL, cancel, true)    \
    X(USER, user, false)       \
    X(KVM, kvm, false)

/* ACCELERATORS(ACCELERATOR_CHOICE): their names, each after a space, for the choices of an option.
 */
#define ACCELERATOR_CHOICE(NAME, name, waits) " " #name

#endif
