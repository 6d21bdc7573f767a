/* SPDX-License-Identifier: MIT */
/*
 * test.h - unit tests that list themselves: NT_TEST(name) { ... } anywhere in the file, and
 * NT_TEST_MAIN once at its end. Names are sentences.
 */
#ifndef NT_TESTS_UNIT_TEST_H
#define NT_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NT_TEST_MAX 512

static struct CMUnitTest nt_tests[NT_TEST_MAX];
static size_t nt_n_tests;

#define NT_TEST(test_name)                                                                     \
    static void test_name(void **state);                                                       \
    __attribute__((constructor)) static void register_##test_name(void)                        \
    {                                                                                          \
        nt_tests[nt_n_tests++] = (struct CMUnitTest){#test_name, test_name, NULL, NULL, NULL}; \
    }                                                                                          \
    static void test_name(void **state __attribute__((unused)))

#define NT_TEST_MAIN                                                                           \
    int main(void)                                                                             \
    {                                                                                          \
        return _cmocka_run_group_tests("nt", nt_tests, nt_n_tests, NULL, NULL);                \
    }

/* Fails with the library's own message. */
#define assert_ok(expr)                                                                        \
    do {                                                                                       \
        nt_err err_ = {{0}};                                                                   \
        nt_err *e = &err_;                                                                     \
        if ((expr) != NT_OK)                                                                   \
            fail_msg("%s: %s", #expr, e->msg);                                                 \
    } while (0)

/* Fails unless expr gives this status and message. */
#define assert_fails(status, text, expr)                                                       \
    do {                                                                                       \
        nt_err err_ = {{0}};                                                                   \
        nt_err *e = &err_;                                                                     \
        nt_status got_ = (expr);                                                               \
        if (got_ != (status) || strcmp(e->msg, text) != 0)                                     \
            fail_msg("%s: status %d, '%s'", #expr, (int)got_, e->msg);                         \
    } while (0)

#endif
