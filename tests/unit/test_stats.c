/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "train/stats.h"

NT_TEST(wilson_gives_newcombes_published_interval)
{
    /* Newcombe 1998, Stat. Med. 17:857, table I: 81 of 263, method 3 */
    nt_interval i = nt_wilson(81, 263, NT_Z95);

    assert_float_equal(i.lo, 0.2553, 5e-5);
    assert_float_equal(i.hi, 0.3662, 5e-5);
    i = nt_wilson(15, 148, NT_Z95);
    assert_float_equal(i.lo, 0.0624, 5e-5);
    assert_float_equal(i.hi, 0.1605, 5e-5);
}

NT_TEST(wilson_stays_inside_0_and_1_and_is_never_empty)
{
    nt_interval none = nt_wilson(0, 10, NT_Z95), all = nt_wilson(10, 10, NT_Z95);

    assert_true(none.lo == 0 && all.hi == 1);
    assert_float_equal(none.hi, 0.277532799, 1e-8);
    assert_float_equal(all.lo, 1 - 0.277532799, 1e-8);
    assert_true(nt_wilson(0, 0, NT_Z95).lo == 0 && nt_wilson(0, 0, NT_Z95).hi == 1);
}

NT_TEST(mcnemar_is_the_exact_binomial_tail)
{
    assert_float_equal(nt_mcnemar(0, 6), 0.03125, 1e-12); /* 2 / 2^6 */
    assert_float_equal(nt_mcnemar(3, 3), 1, 1e-12);
    assert_float_equal(nt_mcnemar(0, 0), 1, 0);
    assert_float_equal(nt_mcnemar(10, 25), 0.0166738478001, 1e-10);
    assert_float_equal(nt_mcnemar(25, 10), 0.0166738478001, 1e-10);
}

NT_TEST(mcnemar_does_not_underflow_for_many_samples)
{
    assert_float_equal(nt_mcnemar(1200, 1100), 0.0389668526838, 1e-9);
}

NT_TEST(paired_drop_adds_one_to_each_discordant_cell)
{
    /* (10+1 - 4-1)/(100+2) = 6/102; half = z sqrt((16/102 - (6/102)^2) / 102) */
    nt_interval i = nt_paired_drop(10, 4, 100, NT_Z95);

    assert_float_equal((i.lo + i.hi) / 2, 6.0 / 102, 1e-12);
    assert_float_equal((i.hi - i.lo) / 2, 0.0760091, 1e-6);
}

NT_TEST(paired_drop_of_equal_models_is_symmetric_and_not_of_zero_width)
{
    nt_interval i = nt_paired_drop(0, 0, 1000, NT_Z95);

    assert_float_equal(i.lo, -i.hi, 1e-15);
    assert_true(i.hi > 0 && i.hi < 0.005);
}

NT_TEST_MAIN
