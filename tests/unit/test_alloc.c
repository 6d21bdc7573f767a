/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

NT_TEST(memory_is_aligned_to_64_bytes)
{
    for (size_t n = 0; n < 300; n += 7) {
        char *p = nt_alloc(n, 1);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        memset(p, 1, n);
        nt_free(p);
    }
    nt_free(NULL);
}

NT_TEST(calloc_gives_zeros)
{
    unsigned char *p = nt_calloc(100, 3);

    assert_non_null(p);
    for (int i = 0; i < 300; i++)
        assert_int_equal(p[i], 0);
    nt_free(p);
}

NT_TEST(large_memory_is_zeroed_where_it_was_used_before)
{
    size_t n = ((size_t)9 << 20) + 77;

    for (int round = 0; round < 3; round++) {
        unsigned char *p = nt_calloc(n, 1);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t i = 0; i < n; i++)
            if (p[i])
                fail_msg("byte %zu is %d", i, p[i]);
        memset(p, 1, n);
        nt_free(p);
    }
}

NT_TEST(sizes_that_overflow_give_null)
{
    void *volatile p; /* or the compiler, which sees the sizes, may do without the calls */

    p = nt_alloc(SIZE_MAX / 2 + 1, 2);
    assert_null(p);
    p = nt_calloc(SIZE_MAX, SIZE_MAX);
    assert_null(p);
    p = nt_realloc(NULL, (size_t)1 << 33, (size_t)1 << 33);
    assert_null(p);
}

NT_TEST(realloc_keeps_the_contents)
{
    char *p = nt_realloc(NULL, 3, 1), *q;

    assert_non_null(p);
    memcpy(p, "abc", 3);
    assert_null(nt_realloc(p, SIZE_MAX, 2));
    q = nt_realloc(p, 1000, 1);
    assert_non_null(q);
    assert_memory_equal(q, "abc", 3);
    nt_free(q);
}

NT_TEST(text_is_copied_and_formatted)
{
    char *a = nt_strdup("abc"), *b = nt_strfmt("%s-%d", a, 7), *c = nt_strdup("");

    assert_string_equal(a, "abc");
    assert_string_equal(b, "abc-7");
    assert_string_equal(c, "");
    nt_free(a);
    nt_free(b);
    nt_free(c);
}

NT_TEST(checked_arithmetic_refuses_overflow_and_leaves_out_alone)
{
    size_t z = 5;
    int64_t v = 5;

    assert_false(nt_size_mul(&z, SIZE_MAX, 2));
    assert_false(nt_size_add(&z, SIZE_MAX, 1));
    assert_int_equal(z, 5);
    assert_true(nt_size_mul(&z, SIZE_MAX, 1));
    assert_true(z == SIZE_MAX);
    assert_true(nt_size_mul(&z, 0, SIZE_MAX) && z == 0);
    assert_false(nt_i64_mul(&v, INT64_MIN, -1));
    assert_false(nt_i64_add(&v, INT64_MAX, 1));
    assert_int_equal(v, 5);
    assert_true(nt_i64_mul(&v, -3, 4) && v == -12);
    assert_true(nt_i64_add(&v, INT64_MIN, INT64_MAX) && v == -1);
}

NT_TEST(the_nth_allocation_can_be_made_to_fail_once)
{
    void *p;

    nt_alloc_fail_at(3);
    for (int i = 1; i <= 5; i++) {
        p = i % 2 ? nt_alloc(1, 1) : nt_realloc(NULL, 1, 1);
        assert_true((p == NULL) == (i == 3));
        nt_free(p);
    }
    nt_alloc_fail_at(1);
    nt_alloc_fail_at(0);
    p = nt_alloc(1, 1);
    assert_non_null(p);
    nt_free(p);
}

/* The environment is read once, so this looks from a fresh process: the test runs itself. */
NT_TEST(the_environment_names_the_allocation_that_fails)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("NT_ALLOC_FAIL", "2", 1);
        execl("/proc/self/exe", "test_alloc", (char *)NULL);
        _exit(99);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

NT_TEST(what_is_discarded_leaves_its_neighbours_alone)
{
    size_t n = 5 << 20, from = 12345, to = n - 23456;
    unsigned char *p = nt_alloc(n, 1);

    memset(p, 7, n);
    nt_discard(p + from, to - from);
    nt_discard(p + 1, 100); /* within a page */
    for (size_t i = 0; i < n; i++)
        assert_true(p[i] == 7 || (p[i] == 0 && i >= from && i < to));
#ifdef __linux__
    assert_int_equal(p[n / 2], 0);
#endif
    nt_free(p);
}

static int second_fails(void)
{
    void *a = nt_alloc(1, 1), *b = nt_alloc(1, 1), *c = nt_alloc(1, 1);
    int status = a && !b && c ? 0 : 1;

    nt_free(a);
    nt_free(b);
    nt_free(c);
    return status;
}

int main(void)
{
    if (getenv("NT_ALLOC_FAIL"))
        return second_fails();
    return _cmocka_run_group_tests("nt", nt_tests, nt_n_tests, NULL, NULL);
}
