/* The library's accelerators, as the tables of workloads name them. */
#ifndef STILLPOINT_ACCELERATORS_H
#define STILLPOINT_ACCELERATORS_H

/* X(NAME, name) for each vcpu_accel_name. */
#define ACCELERATORS(X) \
    X(THREADS, threads) \
    X(RR, rr)           \
    X(SIGNAL, signal)   \
    X(CANCEL, cancel)   \
    X(USER, user)       \
    X(KVM, kvm)

/* ACCELERATORS(ACCELERATOR_CHOICE): their names, each after a space, for the choices of an option.
 */
#define ACCELERATOR_CHOICE(NAME, name) " " #name

#endif
