/* SPDX-License-Identifier: MIT */
#include "kernel_blas.h"

#include "kernel/eltwise.h"

static const int64_t shapes[][NT_MAX_RANK + 1] = {
    {1, 13},
    {2, 7, 13},
    {3, 2, 3, 7},
    {4, 1, 1, 1, 1},
    {4, 2, 16, 1, 1},
    {4, 2, 20, 9, 8},
    {4, 1, 3, 13, 11},
    {4, 2, 70, 5, 13},
    {5, 2, 9, 3, 2, 5},
    {0},
    {6, 2, 3, 1, 2, 3, 2},
};
#define N_SHAPES (sizeof shapes / sizeof shapes[0])

static nt_desc desc_of(size_t i, nt_dtype t, int fmt)
{
    nt_desc d = {.dtype = t, .rank = (int)shapes[i][0], .fmt = (nt_format)fmt};

    for (int k = 0; k < d.rank; k++)
        d.dims[k] = shapes[i][k + 1];
    return d;
}

NT_TEST(every_format_reaches_every_other_in_both_float_types)
{
    nt_device *dev = portable_device(2);

    for (size_t i = 0; i < N_SHAPES; i++)
        for (int from = 0; from < 4; from++)
            for (int to = 0; to < 4; to++)
                for (int v = 0; v < 4; v++) {
                    nt_desc xd = desc_of(i, v & 1 ? NT_BF16 : NT_F32, from);
                    nt_desc yd = desc_of(i, v & 2 ? NT_BF16 : NT_F32, to);
                    size_t n = count_of(&xd);
                    float *x = noise(n, i + 1), *got;
                    void *mx = laid_out(&xd, x), *my = unset(&yd);
                    nt_prim *p;

                    if (v)
                        round_bf16(x, n);
                    assert_ok(nt_reorder_new(&p, dev, &xd, &yd, e));
                    RUN(p, mx, my);
                    got = read_back(&yd, my);
                    assert_memory_equal(got, x, n * sizeof *x);
                    nt_prim_free(p);
                    nt_free(x), nt_free(got), nt_free(mx), nt_free(my);
                }
    nt_device_free(dev);
}

NT_TEST(bf16_is_rounded_to_nearest_even_and_keeps_nan)
{
    nt_desc xd = {.dtype = NT_F32, .rank = 1, .dims = {6}}, yd = xd;
    uint32_t x[] = {0x3f808000, 0x3f818000, 0x3f808001, 0x7f800001, 0xff800000, 0x7f7fffff};
    const uint16_t want[] = {0x3f80, 0x3f82, 0x3f81, 0x7fc0, 0xff80, 0x7f80};
    uint16_t y[6];
    nt_device *dev = portable_device(1);
    nt_prim *p;

    yd.dtype = NT_BF16;
    assert_ok(nt_reorder_new(&p, dev, &xd, &yd, e));
    RUN(p, x, y);
    assert_memory_equal(y, want, sizeof y);
    nt_prim_free(p);
    nt_device_free(dev);
}

/* Against nt_tensor_set, which rounds and saturates for every type. */
NT_TEST(every_type_reaches_every_other)
{
    static const nt_dtype types[] = {NT_F32, NT_BF16, NT_F16, NT_I8, NT_U8, NT_I32};
    static const double values[] = {0,     1,     -1,  2.5,  3.5,   -2.5,
                                    126.5, 127.5, 300, -129, -1e10, 1e10};
    nt_device *dev = portable_device(1);

    for (size_t a = 0; a < 6; a++)
        for (size_t b = 0; b < 6; b++) {
            nt_desc xd = {.dtype = types[a], .rank = 4, .dims = {1, 3, 2, 2}}, yd = xd;
            int64_t dims[] = {1, 3, 2, 2};
            nt_tensor *x, *y, *want;
            nt_prim *p;

            yd.dtype = types[b];
            assert_ok(nt_tensor_new(&x, types[a], 4, dims, e));
            assert_ok(nt_tensor_new(&y, types[b], 4, dims, e));
            assert_ok(nt_tensor_new(&want, types[b], 4, dims, e));
            for (int64_t i = 0; i < 12; i++) {
                nt_tensor_set(x, i, values[i]);
                nt_tensor_set(want, i, rint(nt_tensor_get(x, i)));
                if (types[b] == NT_F32 || types[b] == NT_BF16 || types[b] == NT_F16)
                    nt_tensor_set(want, i, nt_tensor_get(x, i));
            }
            assert_ok(nt_reorder_new(&p, dev, &xd, &yd, e));
            RUN(p, x->data, y->data);
            for (int64_t i = 0; i < 12; i++)
                if (nt_tensor_get(y, i) != nt_tensor_get(want, i))
                    fail_msg("%s to %s: %g becomes %g, want %g", nt_dtype_name(types[a]),
                             nt_dtype_name(types[b]), nt_tensor_get(x, i), nt_tensor_get(y, i),
                             nt_tensor_get(want, i));
            nt_prim_free(p);
            nt_tensor_free(x);
            nt_tensor_free(y);
            nt_tensor_free(want);
        }
    nt_device_free(dev);
}

NT_TEST(int32_is_moved_exactly_between_formats)
{
    nt_desc xd = {.dtype = NT_I32, .rank = 4, .dims = {1, 2, 1, 3}}, yd = xd;
    int32_t x[] = {16777217, 2, 3, 2147483647, 5, -2147483647}, y[6];
    const int32_t want[] = {16777217, 2147483647, 2, 5, 3, -2147483647};
    nt_device *dev = portable_device(1);
    nt_prim *p;

    yd.fmt = NT_FMT_NHWC;
    assert_ok(nt_reorder_new(&p, dev, &xd, &yd, e));
    RUN(p, x, y);
    assert_memory_equal(y, want, sizeof y);
    nt_prim_free(p);
    nt_device_free(dev);
}

NT_TEST(shapes_must_agree)
{
    nt_desc x = desc_of(5, NT_F32, 0), y = desc_of(6, NT_F32, 0);
    nt_device *dev = portable_device(1);
    nt_prim *p;
    nt_err e;

    assert_int_equal(nt_reorder_new(&p, dev, &x, &y, &e), NT_EINVAL);
    y = x;
    y.dtype = NT_I64;
    assert_int_equal(nt_reorder_new(&p, dev, &x, &y, &e), NT_EUNSUPPORTED);
    assert_string_equal(e.msg, "reorder from float32 to int64");
    nt_device_free(dev);
}

NT_TEST_MAIN
