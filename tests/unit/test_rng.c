/* SPDX-License-Identifier: MIT */
#include "base/rng.h"
#include "test.h"

#include <math.h>
#include <string.h>

NT_TEST(outputs_are_the_published_ones)
{
    /* of xoshiro256** from the state 1, 2, 3, 4, by its authors' C code */
    static const uint64_t want[] = {11520, 0, 1509978240, UINT64_C(1215971899390074240)};
    nt_rng r = {{1, 2, 3, 4}};

    for (size_t i = 0; i < 4; i++)
        assert_true(nt_rng_u64(&r) == want[i]);
}

NT_TEST(seeds_go_through_splitmix64)
{
    nt_rng r;

    nt_rng_init(&r, 1234567); /* the published test values of splitmix64 */
    assert_true(r.s[0] == UINT64_C(6457827717110365317));
    assert_true(r.s[1] == UINT64_C(3203168211198807973));
    assert_true(r.s[2] == UINT64_C(9817491932198370423));
    assert_true(r.s[3] == UINT64_C(4593380528125082431));
}

NT_TEST(forks_depend_on_parent_and_purpose_and_leave_the_parent)
{
    nt_rng root, other, before, a, b;

    nt_rng_init(&root, 0);
    nt_rng_init(&other, 1);
    before = root;
    a = nt_rng_fork(&root, "shuffle");
    b = nt_rng_fork(&root, "shuffle");
    assert_memory_equal(&root, &before, sizeof root);
    assert_memory_equal(&a, &b, sizeof a);
    b = nt_rng_fork(&root, "dropout");
    assert_memory_not_equal(&a, &b, sizeof a);
    b = nt_rng_fork(&other, "shuffle");
    assert_memory_not_equal(&a, &b, sizeof a);
    a = nt_rng_fork_index(&root, 0);
    b = nt_rng_fork_index(&root, 1);
    assert_memory_not_equal(&a, &b, sizeof a);
    b = nt_rng_fork(&root, "");
    assert_memory_not_equal(&a, &b, sizeof a);
}

/* chi-squared of 10 cells: 27.9 is exceeded with a probability of 0.001, and the seed is fixed
 */
NT_TEST(below_is_uniform)
{
    enum { N = 100000 };
    double cells[10] = {0}, chi = 0;
    nt_rng r;

    nt_rng_init(&r, 42);
    for (int i = 0; i < N; i++)
        cells[nt_rng_below(&r, 10)]++;
    for (int i = 0; i < 10; i++)
        chi += (cells[i] - N / 10.0) * (cells[i] - N / 10.0) / (N / 10.0);
    assert_true(chi < 27.9);
    for (int i = 0; i < 100; i++)
        assert_true(nt_rng_below(&r, 1) == 0);
    for (int i = 0; i < 100; i++)
        assert_true(nt_rng_below(&r, UINT64_C(0x8000000000000001)) <= UINT64_C(1) << 63);
}

NT_TEST(double_lies_in_the_unit_interval)
{
    double sum = 0;
    nt_rng r;

    nt_rng_init(&r, 1);
    for (int i = 0; i < 100000; i++) {
        double v = nt_rng_double(&r);

        assert_true(v >= 0 && v < 1);
        sum += v;
    }
    assert_true(fabs(sum / 100000 - 0.5) < 0.004); /* 4 standard errors */
}

NT_TEST(normal_has_its_moments)
{
    enum { N = 200000 };
    double sum = 0, squares = 0, fourth = 0;
    nt_rng r;

    nt_rng_init(&r, 3);
    for (int i = 0; i < N; i++) {
        double v = nt_rng_normal(&r);

        sum += v;
        squares += v * v;
        fourth += v * v * v * v;
    }
    assert_true(fabs(sum / N) < 4 / sqrt(N));
    assert_true(fabs(squares / N - 1) < 4 * sqrt(2.0 / N));
    assert_true(fabs(fourth / N - 3) < 4 * sqrt(96.0 / N));
}

NT_TEST(shuffle_is_a_permutation_and_repeats)
{
    enum { N = 1000 };
    uint32_t a[N], b[N];
    int seen[N] = {0}, in_place = 0;
    nt_rng r, again;

    for (uint32_t i = 0; i < N; i++)
        a[i] = b[i] = i;
    nt_rng_init(&r, 5);
    again = r;
    nt_rng_shuffle(&r, a, N);
    nt_rng_shuffle(&again, b, N);
    assert_memory_equal(a, b, sizeof a);
    for (uint32_t i = 0; i < N; i++) {
        seen[a[i]]++;
        in_place += a[i] == i;
    }
    for (int i = 0; i < N; i++)
        assert_int_equal(seen[i], 1);
    assert_true(in_place < 10);
    nt_rng_shuffle(&r, a, 0);
}

NT_TEST_MAIN
