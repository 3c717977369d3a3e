/* What C11 and C++17 write differently, for the public headers, and what their declarations have in
 * common. Not for applications.
 *
 * A word that threads share is an _Atomic of C11 and, as g++ 12 has no <stdatomic.h> in C++17, a
 * plain one of the same size and alignment in C++; both are accessed by the macros below, with an
 * order of the compiler's (__ATOMIC_ACQUIRE), and compile to the same instructions.
 */
#ifndef STILLPOINT_LANGUAGE_H
#define STILLPOINT_LANGUAGE_H

#ifdef __cplusplus

#define stillpoint_atomic(type)                     type
#define stillpoint_aligned(size)                    alignas(size)
#define STILLPOINT_ASSERT(condition, message)       static_assert(condition, message)
#define stillpoint_atomic_load(word, order)         __atomic_load_n(word, order)
#define stillpoint_atomic_store(word, value, order) __atomic_store_n(word, value, order)
#define STILLPOINT_AS(like, value)                  stillpoint::as<__typeof__(like)>(value)
#define STILLPOINT_LINKAGE_BEGIN                    extern "C" {
#define STILLPOINT_LINKAGE_END                      }

namespace stillpoint
{
template <class T> constexpr T as(T value) noexcept
{
    return value;
}
} // namespace stillpoint

#else

#include <stdatomic.h>
#include <stdbool.h>

#define stillpoint_atomic(type)                     _Atomic(type)
#define stillpoint_aligned(size)                    _Alignas(size)
#define STILLPOINT_ASSERT(condition, message)       _Static_assert(condition, message)
#define stillpoint_atomic_load(word, order)         atomic_load_explicit(word, order)
#define stillpoint_atomic_store(word, value, order) atomic_store_explicit(word, value, order)
/* `value` as what `like` is, where that needs no cast. C++ casts what an atomic builtin stores to
 * an integer, and so would leave out the step from a class to a base of it. */
#define STILLPOINT_AS(like, value)                  ((__typeof__(like)){(value)})
#define STILLPOINT_LINKAGE_BEGIN
#define STILLPOINT_LINKAGE_END

#endif

/* Around the declarations of a header: what is public is so for the linker as well, also where the
 * library or a program is compiled with -fvisibility=hidden. */
#define STILLPOINT_BEGIN STILLPOINT_LINKAGE_BEGIN _Pragma("GCC visibility push(default)")
#define STILLPOINT_END   _Pragma("GCC visibility pop") STILLPOINT_LINKAGE_END

/* A function that returns where the calling thread's `variable` is. A compiler may keep the address
 * of a thread-local variable for as long as a function lasts, and the function may call one that
 * returns in another thread, as a coroutine's yield does. So where a program has such coroutines,
 * STILLPOINT_COROUTINES before the first include of a header of the library makes the headers ask
 * this function each time; to the compiler its value is unknown. */
#define STILLPOINT_PLACE_NOW(type, name, variable)            \
    static __attribute__((noinline, unused)) type *name(void) \
    {                                                         \
        type *place = &(variable);                            \
                                                              \
        __asm__ __volatile__("" : "+r"(place));               \
        return place;                                         \
    }

/* A name of its own for each place, so that one may stand within another. */
#define STILLPOINT_JOIN_TEXT(first, second) first##second
#define STILLPOINT_JOIN(first, second)      STILLPOINT_JOIN_TEXT(first, second)
#define STILLPOINT_UNIQUE(name)             STILLPOINT_JOIN(name, __COUNTER__)

#endif
