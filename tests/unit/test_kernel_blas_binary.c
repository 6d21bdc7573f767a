/* SPDX-License-Identifier: MIT */
#include "kernel_blas.h"

#include "kernel/eltwise.h"

static nt_desc shape(int rank, const int64_t *dims, nt_dtype t, int fmt)
{
    nt_desc d = {.dtype = t, .rank = rank, .fmt = (nt_format)fmt};

    for (int i = 0; i < rank; i++)
        d.dims[i] = dims[i];
    return d;
}

/* Where y lies: in memory of its own, or in that of an operand, which is then full-size. */
typedef enum lies { APART, IN_A, IN_B } lies;

static void check_binary(nt_device *dev, nt_binary_kind kind, const nt_desc *a,
                         const nt_desc *b, const nt_desc *y, lies at)
{
    size_t na = count_of(a), nb = count_of(b), n = count_of(y);
    float *va = noise(na, 1), *vb = noise(nb, 2), *want = zeros(n), *got;
    void *ma, *mb, *my;
    nt_prim *p;

    for (size_t i = 0; i < nb; i++)
        vb[i] += vb[i] > 0 ? 1 : -1; /* fit to divide by */
    if (y->dtype == NT_BF16) {
        round_bf16(va, na);
        round_bf16(vb, nb);
    }
    for (size_t i = 0; i < n; i++)
        want[i] = (float)binary_ref(kind, va[broadcast_index(y, a, (int64_t)i)],
                                    vb[broadcast_index(y, b, (int64_t)i)]);
    if (y->dtype == NT_BF16)
        round_bf16(want, n);
    ma = laid_out(a, va);
    mb = laid_out(b, vb);
    my = at == IN_A ? ma : at == IN_B ? mb : unset(y);
    assert_ok(nt_binary_new(&p, dev, &(nt_binary_desc){kind, *a, *b, *y}, e));
    RUN(p, ma, mb, my);
    got = read_back(y, my);
    if (memcmp(got, want, n * sizeof *want) != 0)
        fail_msg("kind %d by %s, y of format %s, type %d and rank %d, in place %d: wrong", kind,
                 nt_prim_impl(p), nt_format_name(y->fmt), y->dtype, y->rank, at);
    nt_prim_free(p);
    nt_free(va), nt_free(vb), nt_free(want), nt_free(got), nt_free(ma), nt_free(mb);
    if (at == APART)
        nt_free(my);
}

static const struct {
    int rank;
    int64_t y[5], b[5];
} broadcasts[] = {
    {0, {0}, {0}},
    {1, {13}, {13}},
    {1, {5000}, {1}},
    {2, {7, 13}, {1, 13}},
    {2, {7, 13}, {7, 1}},
    {4, {2, 20, 5, 7}, {2, 20, 5, 7}},
    {4, {2, 20, 5, 7}, {1, 20, 1, 1}},
    {4, {2, 16, 5, 7}, {2, 16, 1, 1}},
    {4, {2, 20, 5, 7}, {1, 1, 1, 1}},
    {4, {2, 20, 5, 7}, {2, 1, 5, 7}},
    {4, {2, 6, 5, 7}, {2, 6, 5, 7}},
    {4, {2, 6, 5, 7}, {1, 6, 1, 1}},
    {4, {2, 6, 5, 7}, {1, 1, 1, 1}},
    {4, {2, 6, 5, 7}, {1, 1, 1, 7}},
    {4, {2, 6, 5, 7}, {2, 1, 5, 7}},
    {4, {2, 16, 5, 7}, {1, 1, 5, 7}},
    {3, {2, 9, 7}, {1, 1, 1}},
    {5, {2, 9, 3, 4, 5}, {1, 1, 1, 1, 1}},
    {4, {2, 20, 5, 7}, {1, 20, 5, 1}},
    {4, {3, 1, 5, 7}, {3, 1, 1, 7}},
    {5, {2, 9, 3, 4, 5}, {1, 9, 1, 4, 1}},
    {4, {1, 70, 40, 30}, {1, 70, 1, 1}},
};

static void check_broadcasts(nt_device *dev)
{
    for (size_t i = 0; i < sizeof broadcasts / sizeof broadcasts[0]; i++)
        for (int kind = 0; kind <= NT_BIN_PRELU; kind++)
            for (int v = 0; v < 8; v++) {
                nt_dtype t = v & 1 ? NT_BF16 : NT_F32;
                nt_desc y = shape(broadcasts[i].rank, broadcasts[i].y, t, v >> 1);
                nt_desc b = shape(broadcasts[i].rank, broadcasts[i].b, t, v >> 1);

                check_binary(dev, (nt_binary_kind)kind, &y, &b, &y, APART);
                check_binary(dev, (nt_binary_kind)kind, &b, &y, &y, APART);
                check_binary(dev, (nt_binary_kind)kind, &y, &b, &y, IN_A);
                check_binary(dev, (nt_binary_kind)kind, &b, &y, &y, IN_B);
            }
}

NT_TEST(operands_broadcast_in_every_format_and_type)
{
    nt_device *dev = portable_device(2);

    check_broadcasts(dev);
    nt_device_free(dev);
    dev = device_of("onednn", 2);
    check_broadcasts(dev);
    nt_device_free(dev);
}

NT_TEST(an_operand_of_one_point_may_have_any_format)
{
    const int64_t dims[] = {2, 20, 5, 7}, one[] = {2, 20, 1, 1};
    nt_device *dev = portable_device(2);

    for (int fmt = 0; fmt < 4; fmt++)
        for (int other = 0; other < 4; other++) {
            nt_desc y = shape(4, dims, NT_F32, fmt), b = shape(4, one, NT_F32, other);

            check_binary(dev, NT_BIN_MUL, &y, &b, &y, APART);
            check_binary(dev, NT_BIN_SUB, &b, &y, &y, APART);
        }
    nt_device_free(dev);
}

NT_TEST(both_operands_may_broadcast)
{
    const int64_t y[] = {3, 4, 5}, a[] = {3, 1, 5}, b[] = {1, 4, 1};
    nt_desc yd = shape(3, y, NT_F32, 0), ad = shape(3, a, NT_F32, 0),
            bd = shape(3, b, NT_F32, 0);
    nt_device *dev = portable_device(1);

    check_binary(dev, NT_BIN_DIV, &ad, &bd, &yd, APART);
    nt_device_free(dev);
}

NT_TEST(what_does_not_broadcast_is_refused)
{
    const int64_t y[] = {3, 4, 5}, b[] = {3, 2, 5};
    nt_desc yd = shape(3, y, NT_F32, 0);
    nt_binary_desc d = {NT_BIN_ADD, yd, shape(3, b, NT_F32, 0), yd};
    nt_device *dev = portable_device(1);
    nt_prim *p;
    nt_err e;

    assert_int_equal(nt_binary_new(&p, dev, &d, &e), NT_EINVAL);
    assert_string_equal(e.msg, "extent 2 does not broadcast to 4");
    d.b = yd;
    d.b.fmt = NT_FMT_NHWC;
    assert_int_equal(nt_binary_new(&p, dev, &d, &e), NT_EINVAL);
    nt_device_free(dev);
}

/* ---- concat */

static void check_concat(nt_device *dev, int n, const nt_desc *x, int axis)
{
    nt_desc yd = x[0];
    void *arg[9];
    float *v[8], *want, *got;
    size_t outer = 1, at = 0;
    nt_prim *p;

    for (int k = 1; k < n; k++)
        yd.dims[axis] += x[k].dims[axis];
    for (int i = 0; i < axis; i++)
        outer *= (size_t)yd.dims[i];
    for (int k = 0; k < n; k++) {
        v[k] = noise(count_of(&x[k]), (uint64_t)k + 1);
        if (yd.dtype == NT_BF16)
            round_bf16(v[k], count_of(&x[k]));
        arg[k] = laid_out(&x[k], v[k]);
    }
    want = zeros(count_of(&yd));
    for (size_t o = 0; o < outer; o++)
        for (int k = 0; k < n; k++) {
            size_t piece = count_of(&x[k]) / outer;

            memcpy(want + at, v[k] + o * piece, piece * sizeof *want);
            at += piece;
        }
    arg[n] = unset(&yd);
    assert_ok(nt_concat_new(&p, dev, n, x, axis, e));
    run_prim(p, arg);
    got = read_back(&yd, arg[n]);
    assert_memory_equal(got, want, count_of(&yd) * sizeof *want);
    nt_prim_free(p);
    for (int k = 0; k < n; k++)
        nt_free(v[k]), nt_free(arg[k]);
    nt_free(arg[n]), nt_free(want), nt_free(got);
}

NT_TEST(concat_along_every_axis_in_every_format)
{
    nt_device *dev = portable_device(2);

    for (int rank = 1; rank <= 5; rank++)
        for (int axis = 0; axis < rank; axis++)
            for (int v = 0; v < 8; v++) {
                int64_t dims[] = {2, axis == 1 && v >= 4 ? 16 : 5, 3, 4, 2};
                nt_desc x[3];

                for (int k = 0; k < 3; k++) {
                    x[k] = shape(rank, dims, v & 1 ? NT_BF16 : NT_F32, v >> 1);
                    x[k].dims[axis] *= k + 1;
                }
                check_concat(dev, 3, x, axis);
                check_concat(dev, 1, x, axis);
            }
    nt_device_free(dev);
}

NT_TEST(concat_refuses_broken_blocks)
{
    const int64_t a[] = {1, 16, 2, 2}, b[] = {1, 20, 2, 2};
    nt_desc x[] = {shape(4, a, NT_F32, NT_FMT_C16), shape(4, b, NT_F32, NT_FMT_C16)};
    nt_device *dev = portable_device(1);
    nt_prim *p;
    nt_err e;

    assert_int_equal(nt_concat_new(&p, dev, 2, x, 1, &e), NT_EUNSUPPORTED);
    assert_int_equal(nt_concat_new(&p, dev, 2, x, 0, &e), NT_EINVAL);
    nt_device_free(dev);
}

/* ---- reduce_to */

NT_TEST(reduction_sums_what_was_broadcast)
{
    static const int64_t a[5] = {3, 1, 13, 7, 70};
    nt_device *dev = portable_device(2);

    for (int rank = 0; rank <= 5; rank++)
        for (int keep = 0; keep < 1 << rank; keep++) {
            nt_desc ad = shape(rank, a, NT_F32, 0), bd = ad;
            size_t n = count_of(&ad), m;
            float *x, *got;
            double *want;
            nt_prim *p;

            for (int i = 0; i < rank; i++)
                bd.dims[i] = keep >> i & 1 ? a[i] : 1;
            m = count_of(&bd);
            x = noise(n, 1);
            got = noise(m, 2);
            want = nt_calloc(m, sizeof *want);
            for (size_t i = 0; i < n; i++)
                want[broadcast_index(&ad, &bd, (int64_t)i)] += x[i];
            assert_ok(nt_reduce_to_new(&p, dev, &ad, &bd, e));
            RUN(p, x, got);
            for (size_t i = 0; i < m; i++)
                assert_true(fabs(got[i] - want[i]) <= 1e-6 * (1 + fabs(want[i])));
            nt_prim_free(p);
            nt_free(x), nt_free(got), nt_free(want);
        }
    nt_device_free(dev);
}

NT_TEST_MAIN
