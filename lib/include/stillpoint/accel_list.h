/* The accelerators: VCPU_ACCELS(row) expands row(name) for each of them.
 *
 *     threads   a thread each; the inner loop checks for requests
 *     rr        one thread runs several in turn; the inner loop checks for requests; a timer ends
 *               turns
 *     signal    the inner loop waits for a signal
 *     cancel    the inner loop is a blocking call with an explicit cancel, as with HVF and WHPX
 *     user      a thread each; checks for requests; never idles, and takes no big lock
 *     kvm       KVM_RUN on a small guest that spins, or does port I/O; a signal gets it out
 *
 * To add one: lib/vcpu/accel/NAME.c, which defines vcpu_accel_NAME; its name here; and what
 * CONTRIBUTING.md has besides. This header includes and declares nothing, so that it may be used
 * beside another RCU.
 */
#ifndef STILLPOINT_ACCEL_LIST_H
#define STILLPOINT_ACCEL_LIST_H

#define VCPU_ACCELS(row) row(threads) row(rr) row(signal) row(cancel) row(user) row(kvm)

#endif
