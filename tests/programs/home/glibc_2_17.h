/* Included before all else: what is compiled takes the C library for glibc 2.17. */
#include <features.h>

#undef __GLIBC_MINOR__
#define __GLIBC_MINOR__ 17
