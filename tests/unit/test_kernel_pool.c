/* SPDX-License-Identifier: MIT */
/* Pooling of both backends against plain loops, forward and backward. */
#include "kernel_util.h"

#include "kernel/pool.h"

typedef struct shape {
    const char *name;
    int sp;
    int64_t n, c;
    int64_t in[3], out[3], ker[3], stride[3], dil[3], lo[3], hi[3];
} shape;

static const shape shapes[] = {
    {"one", 2, 1, 1, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}},
    {"2x2", 2, 2, 13, {8, 8}, {4, 4}, {2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}},
    {"3x3 padded", 2, 1, 16, {13, 7}, {7, 4}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}},
    {"stride over kernel", 2, 1, 7, {13, 13}, {4, 4}, {2, 2}, {4, 4}, {1, 1}, {0, 0}, {0, 0}},
    {"ceil mode", 2, 1, 5, {6, 6}, {3, 3}, {3, 3}, {2, 2}, {1, 1}, {0, 0}, {0, 0}},
    {"ceil mode, padded", 2, 1, 8, {6, 7}, {4, 4}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 0}},
    {"uneven padding", 2, 1, 8, {7, 7}, {7, 7}, {2, 2}, {1, 1}, {1, 1}, {0, 1}, {1, 0}},
    {"global", 2, 2, 20, {7, 5}, {1, 1}, {7, 5}, {1, 1}, {1, 1}, {0, 0}, {0, 0}},
    {"1d", 1, 2, 6, {11}, {5}, {3}, {2}, {1}, {0}, {0}},
    {"3d", 3, 1, 4, {4, 5, 6}, {2, 2, 3}, {2, 2, 2}, {2, 2, 2}, {1, 1, 1}, {0}, {0}},
};
static const shape dilated = {"dilated", 2,      1,      9,      {13, 13}, {9, 9},
                              {3, 3},    {1, 1}, {2, 2}, {0, 0}, {0, 0}};

static nt_pool_desc desc_of(const shape *s, nt_pool_kind kind, nt_dtype t, nt_format f)
{
    nt_pool_desc d = {.kind = kind, .sp = s->sp, .n = s->n, .c = s->c, .dtype = t, .fmt = f};

    memcpy(d.in, s->in, sizeof d.in);
    memcpy(d.out, s->out, sizeof d.out);
    memcpy(d.ker, s->ker, sizeof d.ker);
    memcpy(d.stride, s->stride, sizeof d.stride);
    memcpy(d.dil, s->dil, sizeof d.dil);
    memcpy(d.lo, s->lo, sizeof d.lo);
    memcpy(d.hi, s->hi, sizeof d.hi);
    return d;
}

static nt_desc picture(const nt_pool_desc *d, const int64_t *extent)
{
    nt_desc x = {.dtype = d->dtype, .rank = d->sp + 2, .dims = {d->n, d->c}, .fmt = d->fmt};

    for (int i = 0; i < d->sp; i++)
        x.dims[2 + i] = extent[i];
    return x;
}

/* The input point under tap r at output point o: -1 in the padding, -2 beyond it. */
static int64_t input_point(const nt_pool_desc *d, int64_t o, int64_t r)
{
    int64_t at = 0, scale = 1;
    bool padding = false;

    for (int i = d->sp - 1; i >= 0; i--) {
        int64_t h = o % d->out[i] * d->stride[i] + r % d->ker[i] * d->dil[i] - d->lo[i];

        if (h >= d->in[i] + d->hi[i])
            return -2;
        padding |= h < 0 || h >= d->in[i];
        at += h * scale;
        scale *= d->in[i];
        o /= d->out[i];
        r /= d->ker[i];
    }
    return padding ? -1 : at;
}

/* Output point o of plane x; where dx is not NULL, also spreads g back. */
static double pool_point(const nt_pool_desc *d, const float *x, int64_t o, double *dx, double g)
{
    int64_t taps = points(d->ker, d->sp), n = 0, best = -1;
    double sum = 0;

    for (int64_t r = 0; r < taps; r++) {
        int64_t p = input_point(d, o, r);

        n += p >= 0 || (p == -1 && d->kind == NT_POOL_AVG_INCLUDE_PAD);
        if (p < 0)
            continue;
        sum += x[p];
        if (best < 0 || x[p] > x[best])
            best = p;
    }
    for (int64_t r = 0; dx && d->kind != NT_POOL_MAX && r < taps; r++)
        if (input_point(d, o, r) >= 0)
            dx[input_point(d, o, r)] += g / (double)n;
    if (dx && d->kind == NT_POOL_MAX)
        dx[best] += g;
    return d->kind == NT_POOL_MAX ? x[best] : sum / (double)n;
}

static void check_pool(nt_device *dev, const char *name, const nt_pool_desc *d)
{
    nt_rng r;
    nt_prim *infer = NULL, *train = NULL, *back = NULL;
    size_t bytes = 0;
    nt_desc xd = picture(d, d->in), yd = picture(d, d->out);
    int64_t nx = count_of(&xd), ny = count_of(&yd);
    int64_t in = points(d->in, d->sp), out = points(d->out, d->sp);
    char what[128];

    nt_rng_init(&r, 6);
    assert_ok(nt_pool_fwd_new(&infer, NULL, dev, d, e));
    assert_ok(nt_pool_fwd_new(&train, &bytes, dev, d, e));
    assert_ok(nt_pool_bwd_new(&back, dev, d, e));
    snprintf(what, sizeof what, "'%s', kind %d, %s, %s, %s", name, (int)d->kind,
             nt_dtype_name(d->dtype), nt_format_name(d->fmt), nt_prim_impl(train));

    float *x = random_row(&r, nx, d->dtype), *dy = random_row(&r, ny, d->dtype), *got;
    double *y = nt_calloc((size_t)ny, sizeof *y), *dx = nt_calloc((size_t)nx, sizeof *dx);
    void *xm = pack_tensor(&xd, x), *ym = pack_tensor(&yd, NULL), *dym = pack_tensor(&yd, dy);
    void *workspace = nt_alloc(bytes + 1, 1);

    for (int64_t i = 0; i < ny; i++)
        y[i] = pool_point(d, x + i / out * in, i % out, dx + i / out * in, dy[i]);
    for (int pass = 0; pass < 2; pass++) {
        memset(ym, 0, nt_desc_bytes(&yd));
        run_prim(pass ? train : infer, (void *[]){xm, ym, bytes ? workspace : NULL});
        got = unpack_tensor(&yd, ym);
        check_near(what, got, y, ny, d->dtype, 1e-5);
        check_padding(&yd, ym);
        nt_free(got);
    }
    run_prim(back, (void *[]){dym, bytes ? workspace : NULL, xm});
    got = unpack_tensor(&xd, xm);
    check_near(what, got, dx, nx, d->dtype, d->dtype == NT_BF16 ? 1e-2 : 1e-5);
    check_padding(&xd, xm);
    nt_free(x), nt_free(dy), nt_free(got), nt_free(y), nt_free(dx);
    nt_free(xm), nt_free(ym), nt_free(dym), nt_free(workspace);
    nt_prim_free(infer), nt_prim_free(train), nt_prim_free(back);
}

static void check_kinds(const char *backend, nt_dtype t, const nt_format *formats, size_t n)
{
    nt_device *dev = new_device(backend, 2);

    for (size_t f = 0; f < n; f++) {
        nt_pool_desc max = desc_of(&dilated, NT_POOL_MAX, t, formats[f]);

        for (size_t i = 0; i < N_OF(shapes); i++)
            for (int k = NT_POOL_MAX; k <= NT_POOL_AVG_INCLUDE_PAD; k++) {
                nt_pool_desc d = desc_of(&shapes[i], (nt_pool_kind)k, t, formats[f]);

                check_pool(dev, shapes[i].name, &d);
            }
        check_pool(dev, dilated.name, &max);
    }
    nt_device_free(dev);
}

NT_TEST(pooling_by_onednn_agrees_with_plain_loops_in_every_layout)
{
    static const nt_format formats[] = {NT_FMT_PLAIN, NT_FMT_NHWC, NT_FMT_C8, NT_FMT_C16};

    check_kinds("onednn", NT_F32, formats, N_OF(formats));
}

NT_TEST(pooling_by_the_portable_backend_agrees_with_plain_loops)
{
    static const nt_format formats[] = {NT_FMT_PLAIN, NT_FMT_NHWC};

    check_kinds("openblas", NT_F32, formats, N_OF(formats));
}

NT_TEST(pooling_in_bf16_is_off_by_its_rounding_only)
{
    static const nt_format formats[] = {NT_FMT_PLAIN, NT_FMT_NHWC};
    nt_device *dev = new_device("onednn", 1);
    bool bf16 = nt_device_has_bf16(dev);

    nt_device_free(dev);
    if (!bf16)
        skip();
    check_kinds("onednn", NT_BF16, formats, N_OF(formats));
}

NT_TEST_MAIN
