/* SPDX-License-Identifier: MIT */
/* When a network may be computed in bf16. */
#include "exec/precision.h"

#include "net.h"

static net dense(void)
{
    net t = start(17);

    complete(&t, gemm(&t, "f", input(&t, "x", DIMS(-1, 64)), 64, 8));
    randomise(&t);
    return t;
}

static double error_of(const net *t)
{
    nt_device *dev = NULL;
    double error = -1;

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_bf16_error(&error, t->g, dev, e));
    nt_device_free(dev);
    return error;
}

/* Is bf16 chosen as it should be? Elsewhere it is never chosen. */
static void check_choice(const net *t, double tolerance, bool want)
{
    nt_device *dev = NULL;
    nt_dtype compute = NT_I8;

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_choose_bf16(&compute, t->g, dev, tolerance, e));
    assert_int_equal(compute, want && nt_device_has_bf16(dev) ? NT_BF16 : NT_I8);
    nt_device_free(dev);
}

NT_TEST(bf16_is_a_few_thousandths_away)
{
    net t = dense();
    double error = error_of(&t);

    assert_true(error > 1e-4);
    assert_true(error < 1e-2);
    finish(&t);
}

NT_TEST(bf16_is_chosen_within_the_tolerance_only)
{
    net t = dense();

    check_choice(&t, 0, false);
    check_choice(&t, 1e-5, false);
    check_choice(&t, 0.02, true);
    finish(&t);
}

NT_TEST(quantized_networks_stay_with_their_codes)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(1, 4)), *scale = weight(&t, "s", 0, NULL);
    nt_value *q;

    nt_tensor_set(scale->data, 0, 0.1);
    q = NODE(&t, "QuantizeLinear", "q", x, scale)->out[0];
    complete(&t, NODE(&t, "DequantizeLinear", "d", q, scale)->out[0]);
    check_choice(&t, 1000, false);
    finish(&t);
}

NT_TEST_MAIN
