/* What the library's tests use of Check (libcheck.github.io), where there is none for the C library
 * or the machine: the same names, a process and a limit of time for each test, TAP. */
#ifndef STILLPOINT_TESTS_CHECK_H
#define STILLPOINT_TESTS_CHECK_H

#include <stdint.h>
#include <string.h>

/* ---- Tests ---- */

typedef struct TTest {
    const char *name, *file;
    void (*run)(int);
} TTest;
typedef struct TCase TCase;
typedef struct Suite Suite;
typedef struct SRunner SRunner;
enum fork_status { CK_FORK };
enum print_output { CK_ENV };

/* `_i` is the round of a loop test. */
#define START_TEST(test)                                            \
    static void test##_run(int);                                    \
    static const TTest test##_test = {#test, __FILE__, test##_run}; \
    static const TTest *const test = &test##_test;                  \
    static void test##_run(int _i __attribute__((unused)))
#define END_TEST

Suite *suite_create(const char *name);
void suite_add_tcase(Suite *suite, TCase *c);
TCase *tcase_create(const char *name);
/* Seconds; without it CK_DEFAULT_TIMEOUT, or 4. CK_TIMEOUT_MULTIPLIER times as much. */
void tcase_set_timeout(TCase *c, double seconds);
/* Before and after each test, in its process. */
void tcase_add_checked_fixture(TCase *c, void (*set_up)(void), void (*tear_down)(void));
/* So many rounds, each of which ends by that signal; 0: returns. */
void check_add(TCase *c, const TTest *test, int signal, int first, int end);
#define tcase_add_test(c, test)                  check_add(c, test, 0, 0, 1)
#define tcase_add_loop_test(c, test, first, end) check_add(c, test, 0, first, end)
#define tcase_add_loop_test_raise_signal(c, test, signal, first, end) \
    check_add(c, test, signal, first, end)

SRunner *srunner_create(Suite *suite);
static inline void srunner_set_fork_status(SRunner *runner, enum fork_status status)
{
    (void)runner;
    (void)status;
}
/* Failures on stdout, all in the TAP file CK_TAP_LOG_FILE_NAME. */
void srunner_run_all(SRunner *runner, enum print_output output);
int srunner_ntests_failed(SRunner *runner);
void srunner_free(SRunner *runner);

/* ---- Assertions ---- */

/* The last one reached is named when the process ends in another way. */
void check_reached(const char *file, int line);
/* Ends the process. */
void check_failed(const char *file, int line, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));

#define CHECK_THAT(condition, ...)                         \
    do {                                                   \
        check_reached(__FILE__, __LINE__);                 \
        if (!(condition))                                  \
            check_failed(__FILE__, __LINE__, __VA_ARGS__); \
    } while (0)
#define CHECK_COMPARED(type, format, x, op, y)                                                 \
    do {                                                                                       \
        type x_ = (x);                                                                         \
        type y_ = (y);                                                                         \
        CHECK_THAT(x_ op y_, "%s " #op " %s, but they are " format " and " format, #x, #y, x_, \
                   y_);                                                                        \
    } while (0)

#define ck_assert(condition)          CHECK_THAT(condition, "%s", #condition)
#define ck_assert_msg(condition, ...) CHECK_THAT(condition, __VA_ARGS__)
#define ck_abort_msg(...)             CHECK_THAT(0, __VA_ARGS__)

#define ck_assert_int_eq(x, y) CHECK_COMPARED(intmax_t, "%jd", x, ==, y)
#define ck_assert_int_ne(x, y) CHECK_COMPARED(intmax_t, "%jd", x, !=, y)
#define ck_assert_int_lt(x, y) CHECK_COMPARED(intmax_t, "%jd", x, <, y)
#define ck_assert_int_le(x, y) CHECK_COMPARED(intmax_t, "%jd", x, <=, y)
#define ck_assert_int_gt(x, y) CHECK_COMPARED(intmax_t, "%jd", x, >, y)
#define ck_assert_int_ge(x, y) CHECK_COMPARED(intmax_t, "%jd", x, >=, y)

#define ck_assert_uint_eq(x, y) CHECK_COMPARED(uintmax_t, "%ju", x, ==, y)
#define ck_assert_uint_ne(x, y) CHECK_COMPARED(uintmax_t, "%ju", x, !=, y)
#define ck_assert_uint_lt(x, y) CHECK_COMPARED(uintmax_t, "%ju", x, <, y)
#define ck_assert_uint_le(x, y) CHECK_COMPARED(uintmax_t, "%ju", x, <=, y)
#define ck_assert_uint_gt(x, y) CHECK_COMPARED(uintmax_t, "%ju", x, >, y)
#define ck_assert_uint_ge(x, y) CHECK_COMPARED(uintmax_t, "%ju", x, >=, y)

#define ck_assert_ptr_eq(x, y)   CHECK_COMPARED(const void *, "%p", x, ==, y)
#define ck_assert_ptr_ne(x, y)   CHECK_COMPARED(const void *, "%p", x, !=, y)
#define ck_assert_ptr_null(x)    ck_assert_ptr_eq(x, NULL)
#define ck_assert_ptr_nonnull(x) ck_assert_ptr_ne(x, NULL)

#define CHECK_STRINGS(x, op, y)                                                                  \
    do {                                                                                         \
        const char *x_ = (x), *y_ = (y);                                                         \
        CHECK_THAT(strcmp(x_, y_) op 0, "%s " #op " %s, but they are \"%s\" and \"%s\"", #x, #y, \
                   x_, y_);                                                                      \
    } while (0)
#define ck_assert_str_eq(x, y) CHECK_STRINGS(x, ==, y)
#define ck_assert_str_ne(x, y) CHECK_STRINGS(x, !=, y)
#define ck_assert_mem_eq(x, y, length) \
    CHECK_THAT(memcmp(x, y, length) == 0, "%s and %s differ", #x, #y)

#endif
