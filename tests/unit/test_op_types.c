/* SPDX-License-Identifier: MIT */
/*
 * Reductions, ArgMax, TopK, CumSum, Min and Max on every type that ONNX gives them: at the ends
 * of what integers hold, where sums wrap around and a double no longer tells two neighbours
 * apart. The numbers are NumPy's, but for sums of float16 and bfloat16, which are rounded once.
 */
#include "op_harness.h"

typedef struct whole {
    nt_dtype type;
    int64_t x[6]; /* [2][3], in two's complement, as all that follows but places */
    int64_t sum[2], prod[2], l1[2], squares[2], max[2], min[2]; /* of rows */
    int64_t argmax[2], argmin[2];
    int64_t top[4], low[4]; /* the two at the ends of each row */
    int64_t cumsum[6];
    int64_t other[6], lesser[6], greater[6]; /* beside x */
} whole;

static const whole wholes[] = {
    {
        NT_I8,
        .x = {127, 126, 2, -127, -3, 5},
        .sum = {-1, -125},
        .prod = {4, 113},
        .l1 = {-1, -121},
        .squares = {9, 35},
        .max = {127, 5},
        .min = {2, -127},
        .argmax = {0, 2},
        .argmin = {2, 0},
        .top = {127, 126, 5, -3},
        .low = {2, 126, -127, -3},
        .cumsum = {127, -3, -1, -127, 126, -125},
        .other = {126, 127, 3, -128, -4, 5},
        .lesser = {126, 126, 2, -128, -4, 5},
        .greater = {127, 127, 3, -127, -3, 5},
    },
    {
        NT_U8,
        .x = {255, 254, 2, 253, 4, 5},
        .sum = {255, 6},
        .prod = {4, 196},
        .l1 = {255, 6},
        .squares = {9, 50},
        .max = {255, 253},
        .min = {2, 4},
        .argmax = {0, 0},
        .argmin = {2, 1},
        .top = {255, 254, 253, 5},
        .low = {2, 254, 4, 5},
        .cumsum = {255, 253, 255, 253, 1, 6},
        .other = {254, 255, 3, 254, 3, 5},
        .lesser = {254, 254, 2, 253, 3, 5},
        .greater = {255, 255, 3, 254, 4, 5},
    },
    {
        NT_I16,
        .x = {32767, 32766, 2, -32767, -3, 5},
        .sum = {-1, -32765},
        .prod = {4, 32753},
        .l1 = {-1, -32761},
        .squares = {9, 35},
        .max = {32767, 5},
        .min = {2, -32767},
        .argmax = {0, 2},
        .argmin = {2, 0},
        .top = {32767, 32766, 5, -3},
        .low = {2, 32766, -32767, -3},
        .cumsum = {32767, -3, -1, -32767, 32766, -32765},
        .other = {32766, 32767, 3, -32768, -4, 5},
        .lesser = {32766, 32766, 2, -32768, -4, 5},
        .greater = {32767, 32767, 3, -32767, -3, 5},
    },
    {
        NT_U16,
        .x = {65535, 65534, 2, 65533, 4, 5},
        .sum = {65535, 6},
        .prod = {4, 65476},
        .l1 = {65535, 6},
        .squares = {9, 50},
        .max = {65535, 65533},
        .min = {2, 4},
        .argmax = {0, 0},
        .argmin = {2, 1},
        .top = {65535, 65534, 65533, 5},
        .low = {2, 65534, 4, 5},
        .cumsum = {65535, 65533, 65535, 65533, 1, 6},
        .other = {65534, 65535, 3, 65534, 3, 5},
        .lesser = {65534, 65534, 2, 65533, 3, 5},
        .greater = {65535, 65535, 3, 65534, 4, 5},
    },
    {
        NT_I32,
        .x = {2147483647, 2147483646, 2, -2147483647, -3, 5},
        .sum = {-1, -2147483645},
        .prod = {4, 2147483633},
        .l1 = {-1, -2147483641},
        .squares = {9, 35},
        .max = {2147483647, 5},
        .min = {2, -2147483647},
        .argmax = {0, 2},
        .argmin = {2, 0},
        .top = {2147483647, 2147483646, 5, -3},
        .low = {2, 2147483646, -2147483647, -3},
        .cumsum = {2147483647, -3, -1, -2147483647, 2147483646, -2147483645},
        .other = {2147483646, 2147483647, 3, -INT64_C(2147483648), -4, 5},
        .lesser = {2147483646, 2147483646, 2, -INT64_C(2147483648), -4, 5},
        .greater = {2147483647, 2147483647, 3, -2147483647, -3, 5},
    },
    {
        NT_U32,
        .x = {INT64_C(4294967295), INT64_C(4294967294), 2, INT64_C(4294967293), 4, 5},
        .sum = {INT64_C(4294967295), 6},
        .prod = {4, INT64_C(4294967236)},
        .l1 = {INT64_C(4294967295), 6},
        .squares = {9, 50},
        .max = {INT64_C(4294967295), INT64_C(4294967293)},
        .min = {2, 4},
        .argmax = {0, 0},
        .argmin = {2, 1},
        .top = {INT64_C(4294967295), INT64_C(4294967294), INT64_C(4294967293), 5},
        .low = {2, INT64_C(4294967294), 4, 5},
        .cumsum = {INT64_C(4294967295), INT64_C(4294967293), INT64_C(4294967295),
                   INT64_C(4294967293), 1, 6},
        .other = {INT64_C(4294967294), INT64_C(4294967295), 3, INT64_C(4294967294), 3, 5},
        .lesser = {INT64_C(4294967294), INT64_C(4294967294), 2, INT64_C(4294967293), 3, 5},
        .greater = {INT64_C(4294967295), INT64_C(4294967295), 3, INT64_C(4294967294), 4, 5},
    },
    {
        NT_I64,
        .x = {INT64_C(9223372036854775807), INT64_C(9223372036854775806), 2,
              -INT64_C(9223372036854775807), -3, 5},
        .sum = {-1, -INT64_C(9223372036854775805)},
        .prod = {4, INT64_C(9223372036854775793)},
        .l1 = {-1, -INT64_C(9223372036854775801)},
        .squares = {9, 35},
        .max = {INT64_C(9223372036854775807), 5},
        .min = {2, -INT64_C(9223372036854775807)},
        .argmax = {0, 2},
        .argmin = {2, 0},
        .top = {INT64_C(9223372036854775807), INT64_C(9223372036854775806), 5, -3},
        .low = {2, INT64_C(9223372036854775806), -INT64_C(9223372036854775807), -3},
        .cumsum = {INT64_C(9223372036854775807), -3, -1, -INT64_C(9223372036854775807),
                   INT64_C(9223372036854775806), -INT64_C(9223372036854775805)},
        .other = {INT64_C(9223372036854775806), INT64_C(9223372036854775807), 3, INT64_MIN, -4,
                  5},
        .lesser = {INT64_C(9223372036854775806), INT64_C(9223372036854775806), 2, INT64_MIN, -4,
                   5},
        .greater = {INT64_C(9223372036854775807), INT64_C(9223372036854775807), 3,
                    -INT64_C(9223372036854775807), -3, 5},
    },
    {
        NT_U64,
        .x = {(int64_t)UINT64_C(0xffffffffffffffff), (int64_t)UINT64_C(0xfffffffffffffffe), 2,
              (int64_t)UINT64_C(0xfffffffffffffffd), 4, 5},
        .sum = {(int64_t)UINT64_C(0xffffffffffffffff), 6},
        .prod = {4, (int64_t)UINT64_C(0xffffffffffffffc4)},
        .l1 = {(int64_t)UINT64_C(0xffffffffffffffff), 6},
        .squares = {9, 50},
        .max = {(int64_t)UINT64_C(0xffffffffffffffff), (int64_t)UINT64_C(0xfffffffffffffffd)},
        .min = {2, 4},
        .argmax = {0, 0},
        .argmin = {2, 1},
        .top = {(int64_t)UINT64_C(0xffffffffffffffff), (int64_t)UINT64_C(0xfffffffffffffffe),
                (int64_t)UINT64_C(0xfffffffffffffffd), 5},
        .low = {2, (int64_t)UINT64_C(0xfffffffffffffffe), 4, 5},
        .cumsum = {(int64_t)UINT64_C(0xffffffffffffffff), (int64_t)UINT64_C(0xfffffffffffffffd),
                   (int64_t)UINT64_C(0xffffffffffffffff), (int64_t)UINT64_C(0xfffffffffffffffd),
                   1, 6},
        .other = {(int64_t)UINT64_C(0xfffffffffffffffe), (int64_t)UINT64_C(0xffffffffffffffff),
                  3, (int64_t)UINT64_C(0xfffffffffffffffe), 3, 5},
        .lesser = {(int64_t)UINT64_C(0xfffffffffffffffe), (int64_t)UINT64_C(0xfffffffffffffffe),
                   2, (int64_t)UINT64_C(0xfffffffffffffffd), 3, 5},
        .greater = {(int64_t)UINT64_C(0xffffffffffffffff),
                    (int64_t)UINT64_C(0xffffffffffffffff), 3,
                    (int64_t)UINT64_C(0xfffffffffffffffe), 4, 5},
    },
};

#define FOR_WHOLES(w)                                                                          \
    for (const whole *w = wholes; w < wholes + sizeof wholes / sizeof *wholes; w++)

/* An input of these six numbers. */
static op_arg six(nt_dtype t, const int64_t *v)
{
    op_arg a = {.kind = OC_IN, .dtype = t, OC_DIMS(2, 3)};

    memcpy(a.ints, v, 6 * sizeof *v);
    return a;
}

static op_case by_rows(const char *op, int opset, const whole *w)
{
    op_case c = {.op = op, .opset = opset, .in = {six(w->type, w->x)}, .inference_only = true};

    c.attr[0] = (op_attr)INT("keepdims", 0);
    if (opset < 18 && strcmp(op, "ReduceSum") != 0)
        c.attr[1] = (op_attr)INTS("axes", 1);
    else
        c.in[1] = (op_arg)I64(1);
    return c;
}

/* Output i of the plain form is `want`, bit for bit, and a plan gives the same. */
static void assert_bits(const op_case *c, int i, const int64_t *want)
{
    nt_tensor *out[OC_MAX] = {NULL};

    op_eval(c, out);
    for (int64_t k = 0; k < nt_tensor_count(out[i]); k++)
        if (nt_tensor_get_bits(out[i], k) != (uint64_t)want[k])
            fail_msg("%s of %s (opset %d): element %d is %lld, want %lld", c->op,
                     nt_dtype_name(c->in[0].dtype), c->opset, (int)k,
                     (long long)nt_tensor_get_bits(out[i], k), (long long)want[k]);
    for (int k = 0; k < OC_MAX; k++)
        nt_tensor_free(out[k]);
    check_op(c);
}

static void assert_rows(const char *op, int opset, const whole *w, const int64_t *want)
{
    op_case c = by_rows(op, opset, w);

    assert_bits(&c, 0, want);
}

NT_TEST(integers_of_all_widths_are_reduced_exactly)
{
    static const int opsets[] = {13, 18};

    FOR_WHOLES(w)
    {
        for (int i = 0; i < 2; i++) {
            assert_rows("ReduceSum", opsets[i], w, w->sum);
            assert_rows("ReduceProd", opsets[i], w, w->prod);
            assert_rows("ReduceL1", opsets[i], w, w->l1);
            assert_rows("ReduceSumSquare", opsets[i], w, w->squares);
            assert_rows("ReduceMax", opsets[i], w, w->max);
            assert_rows("ReduceMin", opsets[i], w, w->min);
        }
    }
}

/* Means, roots and logarithms are cut off. */
NT_TEST(integers_of_all_widths_lose_their_fractions)
{
    static const struct {
        const char *op;
        int64_t want[2];
    } cases[] = {{"ReduceMean", {2, 13}},
                 {"ReduceL2", {4, 25}},
                 {"ReduceLogSum", {1, 3}},
                 {"ReduceLogSumExp", {4, 20}}};

    FOR_WHOLES(w)
    {
        whole small = {.type = w->type, .x = {1, 2, 4, 9, 12, 20}};

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            assert_rows(cases[i].op, 18, &small, cases[i].want);
    }
}

NT_TEST(places_of_integers_of_all_widths)
{
    op_case c = {.opset = 13, .inference_only = true};

    c.attr[0] = (op_attr)INT("axis", 1);
    FOR_WHOLES(w)
    {
        c.in[0] = six(w->type, w->x);
        c.op = "ArgMax", assert_bits(&c, 0, w->argmax);
        c.op = "ArgMin", assert_bits(&c, 0, w->argmin);
    }
}

NT_TEST(ends_of_integers_of_all_widths)
{
    op_case c = {.op = "TopK", .opset = 11, .n_out = 2, .inference_only = true};

    c.in[1] = (op_arg)I64(2);
    FOR_WHOLES(w)
    {
        c.in[0] = six(w->type, w->x);
        c.attr[0] = (op_attr)INT("largest", 1), assert_bits(&c, 0, w->top);
        c.attr[0] = (op_attr)INT("largest", 0), assert_bits(&c, 0, w->low);
    }
}

NT_TEST(running_sums_of_integers_of_all_widths)
{
    op_case c = {.op = "CumSum", .opset = 14, .inference_only = true};

    c.in[1] = (op_arg)I64(1);
    FOR_WHOLES(w)
    {
        c.in[0] = six(w->type, w->x);
        assert_bits(&c, 0, w->cumsum);
    }
}

NT_TEST(lesser_and_greater_of_integers_of_all_widths)
{
    op_case c = {.opset = 13, .inference_only = true};

    FOR_WHOLES(w)
    {
        c.in[0] = six(w->type, w->x);
        c.in[1] = six(w->type, w->other);
        c.op = "Min", assert_bits(&c, 0, w->lesser);
        c.op = "Max", assert_bits(&c, 0, w->greater);
    }
}

NT_TEST(bools_are_reduced_to_all_and_any)
{
    static const whole w = {.type = NT_BOOL, .x = {1, 0, 1, 0, 0, 0}};
    static const whole v = {.type = NT_BOOL, .x = {1, 1, 1, 0, 1, 1}};

    assert_rows("ReduceMax", 20, &w, (const int64_t[]){1, 0});
    assert_rows("ReduceMin", 20, &w, (const int64_t[]){0, 0});
    assert_rows("ReduceMax", 20, &v, (const int64_t[]){1, 1});
    assert_rows("ReduceMin", 20, &v, (const int64_t[]){1, 0});
}

/* ---- floating-point numbers: as they are stored, but float64 as a float */

typedef struct real {
    const char *op;
    nt_dtype type;
    float x[4];
    double want[4];
} real;

static void assert_reals(const real *r, op_case *c, int64_t n)
{
    nt_tensor *out[OC_MAX] = {NULL};

    c->op = r->op;
    c->in[0] = (op_arg){.kind = OC_IN, .dtype = r->type, .floats = r->x, OC_DIMS(4)};
    c->inference_only = true;
    op_eval(c, out);
    assert_int_equal(nt_tensor_count(out[0]), n);
    for (int64_t k = 0; k < n; k++)
        if (nt_tensor_get(out[0], k) != r->want[k])
            fail_msg("%s of %s: element %d is %.17g, want %.17g", r->op, nt_dtype_name(r->type),
                     (int)k, nt_tensor_get(out[0], k), r->want[k]);
    for (int k = 0; k < OC_MAX; k++)
        nt_tensor_free(out[k]);
    check_op(c);
}

NT_TEST(short_floats_are_rounded_once_after_they_are_reduced)
{
    static const real cases[] = {
        {"ReduceSum", NT_F16, {2048, 1, 1, 1}, {2052}}, /* 2051: halfway, to even */
        {"ReduceSum", NT_BF16, {256, 1, 1, 1}, {260}},
        {"ReduceSum", NT_F16, {65504, 65504, 0, 0}, {INFINITY}},
        {"ReduceMean", NT_F16, {65504, 65504, 65504, 65504}, {65504}},
        {"ReduceMean", NT_BF16, {256, 258, 258, 258}, {258}},
        {"ReduceProd", NT_F16, {512, 512, 0.5F, 0.25F}, {32768}}, /* 2^18 on the way */
        {"ReduceProd", NT_BF16, {3, 43, 1, 1}, {129}},
        {"ReduceL1", NT_F16, {-2048, 1, -1, 1}, {2052}},
        {"ReduceL1", NT_BF16, {-256, 1, -1, 1}, {260}},
        {"ReduceL2", NT_F16, {300, 400, 0, 0}, {500}}, /* squares are above 65504 */
        {"ReduceL2", NT_BF16, {3, -4, 12, 0}, {13}},
        {"ReduceSumSquare", NT_F16, {100, 100, 100, 100}, {40000}},
        {"ReduceSumSquare", NT_BF16, {16, 1, 1, 1}, {260}},
        {"ReduceLogSum", NT_F16, {40000, 40000, 0, 0}, {11.2890625}}, /* log 80000 = 11.28978 */
        {"ReduceLogSum", NT_BF16, {1, 1, 0, 0}, {0.69140625}},        /* 0.69315 */
        {"ReduceLogSumExp", NT_F16, {1000, 1000, 0, 0}, {1000.5}},    /* 1000.693 */
        {"ReduceLogSumExp", NT_BF16, {1, 1, -90, -90}, {1.6953125}},  /* 1.69315 */
        {"ReduceMax", NT_F16, {-2, -1.5F, -3, -1024}, {-1.5}},
        {"ReduceMax", NT_BF16, {-2, -1.5F, -3, -1024}, {-1.5}},
        {"ReduceMin", NT_F16, {2, 65504, 3, INFINITY}, {2}},
        {"ReduceMin", NT_BF16, {2, 1.5F, 3, -INFINITY}, {-INFINITY}},
    };
    op_case c = {.opset = 18, .attr = {INT("keepdims", 0)}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_reals(&cases[i], &c, 1);
}

NT_TEST(doubles_are_reduced_as_doubles)
{
    static const real cases[] = {
        {"ReduceSum", NT_F64, {16777216, 1, 0.5F, 0}, {16777217.5}},
        {"ReduceProd", NT_F64, {4097, 4097, 1, 1}, {16785409}},
        {"ReduceMean", NT_F64, {16777216, 2, 0, 0}, {4194304.5}},
        {"ReduceSumSquare", NT_F64, {4097, 0, 0, 0}, {16785409}},
        {"ReduceL1", NT_F64, {-16777216, 1, 0, 0}, {16777217}},
        {"ReduceL2", NT_F64, {3, 4, 12, 84}, {85}},
        {"ReduceMax", NT_F64, {-2, -1.5F, -3, -1024}, {-1.5}},
        {"ReduceMin", NT_F64, {2, 1.5F, 3, 4}, {1.5}},
    };
    op_case c = {.opset = 18, .attr = {INT("keepdims", 0)}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_reals(&cases[i], &c, 1);
}

NT_TEST(real_numbers_of_all_widths_are_searched_sorted_and_summed)
{
    static const nt_dtype types[] = {NT_F16, NT_BF16, NT_F32, NT_F64};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        real most = {"ArgMax", types[i], {-2, 3, 0.5F, 3}, {1}};
        real least = {"ArgMin", types[i], {-2, 3, -INFINITY, 3}, {2}};
        real top = {"TopK", types[i], {-2, 3, 0.5F, 4}, {4, 3, 0.5}};
        real sums = {"CumSum", types[i], {-2, 3, 0.5F, 4}, {-2, 1, 1.5, 5.5}};
        real lesser = {"Min", types[i], {-2, 3, 0.5F, 4}, {-2, 1, 0.5, 1}};
        real greater = {"Max", types[i], {-2, 3, 0.5F, 4}, {1, 3, 1, 4}};
        op_case place = {.opset = 13}, k3 = {.opset = 24, .n_out = 2, .in = {{0}, I64(3)}};
        op_case along = {.opset = 14, .in = {{0}, I64(0)}}, beside = {.opset = 13};

        assert_reals(&most, &place, 1);
        assert_reals(&least, &place, 1);
        assert_reals(&top, &k3, 3);
        assert_reals(&sums, &along, 4);
        beside.in[1] = (op_arg){
            .kind = OC_CONST, .dtype = types[i], .floats = (const float[]){1}, OC_DIMS(1)};
        assert_reals(&lesser, &beside, 4);
        assert_reals(&greater, &beside, 4);
    }
}

NT_TEST(text_is_neither_reduced_nor_sorted)
{
    static const char *const ops[] = {"ReduceMax", "ArgMax", "TopK", "CumSum", "Min"};

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        op_case c = {.op = ops[i], .opset = 20, .in = {{.kind = OC_IN, .dtype = NT_STRING}}};

        c.in[0].rank = 1, c.in[0].dims[0] = 3;
        c.n_out = strcmp(ops[i], "TopK") == 0 ? 2 : 1;
        if (strcmp(ops[i], "TopK") == 0 || strcmp(ops[i], "CumSum") == 0)
            c.in[1] = (op_arg)I64(0);
        assert_refused(&c, "type str is not supported");
    }
}

NT_TEST_MAIN
