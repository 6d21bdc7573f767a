/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/arena.h"
#include "test.h"

#include <string.h>

NT_TEST(arena_memory_is_zeroed_aligned_and_apart)
{
    enum { N = 2000 };
    nt_arena *a = nt_arena_new();
    unsigned char *p[N];

    assert_non_null(a);
    for (size_t i = 0; i < N; i++) {
        size_t n = i * 37 % 700;

        p[i] = nt_arena_alloc(a, n, 1);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        for (size_t j = 0; j < n; j++)
            assert_int_equal(p[i][j], 0);
        memset(p[i], (int)(i % 251) + 1, n);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < i * 37 % 700; j++)
            assert_int_equal(p[i][j], i % 251 + 1);
    nt_arena_free(a);
}

NT_TEST(large_requests_do_not_waste_the_block_in_use)
{
    nt_arena *a = nt_arena_new();
    char *before = nt_arena_alloc(a, 1, 1), *big = nt_arena_alloc(a, 1000, 1000), *after;

    assert_non_null(big);
    memset(big, 1, 1000000);
    after = nt_arena_alloc(a, 1, 1);
    assert_ptr_equal(after, before + 16);
    nt_arena_free(a);
}

NT_TEST(arena_refuses_overflow)
{
    nt_arena *a = nt_arena_new();

    assert_null(nt_arena_alloc(a, SIZE_MAX, 2));
    assert_null(nt_arena_alloc(a, SIZE_MAX, 1));
    assert_null(nt_arena_alloc(a, SIZE_MAX - 64, 1));
    nt_arena_free(a);
    nt_arena_free(NULL);
}

NT_TEST(arena_copies_text_and_arrays)
{
    const int numbers[] = {3, 1, 2};
    nt_arena *a = nt_arena_new();
    int *copy = nt_arena_dup(a, numbers, 3, sizeof numbers[0]);

    assert_memory_equal(copy, numbers, sizeof numbers);
    assert_string_equal(nt_arena_strdup(a, "abc"), "abc");
    assert_string_equal(nt_arena_strndup(a, "abc", 2), "ab");
    assert_string_equal(nt_arena_strndup(a, "abc", 9), "abc");
    assert_non_null(nt_arena_dup(a, NULL, 0, 4));
    nt_arena_free(a);
}

NT_TEST(arena_survives_a_lack_of_memory)
{
    nt_arena *a;

    for (int n = 1; n <= 2; n++) {
        nt_alloc_fail_at(n);
        assert_null(nt_arena_new());
    }
    a = nt_arena_new();
    nt_alloc_fail_at(1);
    assert_null(nt_arena_alloc(a, 1, 100000));
    assert_non_null(nt_arena_alloc(a, 1, 100000));
    nt_arena_free(a);
}

NT_TEST_MAIN
