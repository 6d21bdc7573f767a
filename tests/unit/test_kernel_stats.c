/* SPDX-License-Identifier: MIT */
/*
 * Group, layer and local response normalisation in all formats, in bf16 and by any number of
 * threads. That the numbers are right in plain fp32, gradients included, test_op_norm.c sees.
 */
#include "kernel_blas.h"

#include "kernel/groupnorm.h"
#include "kernel/layernorm.h"
#include "kernel/lrn.h"

#define MAX_OUT 3

/* A prim by what it reads (tensors in the format, then plain vectors) and writes. */
typedef struct call {
    nt_prim *prim;
    nt_desc d;
    const float *big[2], *small[3];
    int n_big, n_small;
    size_t n_out[2]; /* of the plain vectors that come after the tensor */
} call;

/* The tensor and then the vectors it writes, row-major. */
static void run_call(const call *c, float *out[MAX_OUT])
{
    void *arg[8] = {NULL}, *y = unset(&c->d);
    int n = 0;

    for (int i = 0; i < c->n_big; i++)
        arg[n++] = laid_out(&c->d, c->big[i]);
    for (int i = 0; i < c->n_small; i++)
        arg[n++] = (void *)c->small[i];
    arg[n++] = y;
    for (int i = 0; i < 2; i++)
        arg[n++] = out[i + 1] = zeros(c->n_out[i] + 1);
    run_prim(c->prim, arg);
    out[0] = read_back(&c->d, y);
    for (int i = 0; i < c->n_big; i++)
        nt_free(arg[i]);
    nt_free(y);
    nt_prim_free(c->prim);
}

static void compare(const call *c, float *got[MAX_OUT], float *want[MAX_OUT], double tol)
{
    const size_t n[MAX_OUT] = {count_of(&c->d), c->n_out[0], c->n_out[1]};

    for (int i = 0; i < MAX_OUT; i++) {
        assert_close(got[i], want[i], n[i], tol, tol, nt_format_name(c->d.fmt));
        nt_free(got[i]);
    }
}

/* What both sides start from. */
typedef struct numbers {
    float *x, *dy, *scale, *shift, *mean, *rstd;
} numbers;

static numbers numbers_of(const nt_desc *d, size_t groups)
{
    size_t n = count_of(d), c = (size_t)d->dims[1], stats = (size_t)d->dims[0] * groups;
    numbers v = {noise(n, 1), noise(n, 2),     noise(c, 3),
                 noise(c, 4), noise(stats, 5), noise(stats, 6)};

    round_bf16(v.x, n);
    round_bf16(v.dy, n);
    return v;
}

static void release(numbers *v)
{
    nt_free(v->x), nt_free(v->dy), nt_free(v->scale), nt_free(v->shift);
    nt_free(v->mean), nt_free(v->rstd);
}

static call gn_fwd(nt_device *dev, const nt_gn_desc *d, const numbers *v)
{
    size_t stats = (size_t)(d->x.dims[0] * d->groups);
    call c = {.d = d->x,
              .big = {v->x},
              .n_big = 1,
              .small = {v->scale, v->shift},
              .n_small = 2,
              .n_out = {stats, stats}};

    assert_ok(nt_gn_fwd_new(&c.prim, dev, d, e));
    return c;
}

static call gn_bwd(nt_device *dev, const nt_gn_desc *d, const numbers *v)
{
    size_t entries = (size_t)(d->per_group ? d->groups : d->x.dims[1]);
    call c = {.d = d->x,
              .big = {v->x, v->dy},
              .n_big = 2,
              .small = {v->scale, v->mean, v->rstd},
              .n_small = 3,
              .n_out = {entries, entries}};

    assert_ok(nt_gn_bwd_new(&c.prim, dev, d, e));
    return c;
}

static call lrn_fwd(nt_device *dev, const nt_gn_desc *d, const numbers *v)
{
    const nt_lrn_desc l = {.x = d->x, .size = 5, .alpha = 0.5F, .beta = 0.75F, .bias = 1};
    call c = {.d = d->x, .big = {v->x}, .n_big = 1};

    assert_ok(nt_lrn_fwd_new(&c.prim, dev, &l, e));
    return c;
}

static call lrn_bwd(nt_device *dev, const nt_gn_desc *d, const numbers *v)
{
    const nt_lrn_desc l = {.x = d->x, .size = 4, .alpha = 0.5F, .beta = 0.3F, .bias = 2};
    call c = {.d = d->x, .big = {v->x, v->dy}, .n_big = 2};

    assert_ok(nt_lrn_bwd_new(&c.prim, dev, &l, e));
    return c;
}

typedef call (*maker)(nt_device *, const nt_gn_desc *, const numbers *);

/* Plain fp32 by one thread against every other format, type and number of threads. */
static void sweep(maker make, nt_gn_desc d)
{
    nt_device *one = portable_device(1), *three = portable_device(3);
    numbers v = numbers_of(&d.x, (size_t)d.groups);
    float *want[MAX_OUT], *got[MAX_OUT];
    call c;

    c = make(one, &d, &v);
    run_call(&c, want);
    for (int fmt = NT_FMT_PLAIN; fmt <= NT_FMT_C16; fmt++)
        for (int half = 0; half < 2; half++) {
            d.x.fmt = (nt_format)fmt;
            d.x.dtype = half ? NT_BF16 : NT_F32;
            c = make(three, &d, &v);
            run_call(&c, got);
            compare(&c, got, want, half ? 2e-2 : 2e-5);
        }
    for (int i = 0; i < MAX_OUT; i++)
        nt_free(want[i]);
    release(&v);
    nt_device_free(one), nt_device_free(three);
}

static const nt_gn_desc problems[] = {
    {.x = {.rank = 4, .dims = {2, 6, 3, 5}}, .groups = 3},
    {.x = {.rank = 4, .dims = {3, 70, 9, 7}}, .groups = 70},
    {.x = {.rank = 3, .dims = {1, 24, 1100}}, .groups = 1},
    {.x = {.rank = 5, .dims = {2, 20, 2, 3, 4}}, .groups = 5, .per_group = true},
};

static void sweep_all(maker make)
{
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
        nt_gn_desc d = problems[i];

        d.x.dtype = NT_F32;
        d.x.fmt = NT_FMT_PLAIN;
        d.eps = 1e-3F;
        sweep(make, d);
    }
}

NT_TEST(group_normalisation_is_the_same_in_all_formats)
{
    sweep_all(gn_fwd);
    sweep_all(gn_bwd);
}

NT_TEST(response_normalisation_is_the_same_in_all_formats)
{
    sweep_all(lrn_fwd);
    sweep_all(lrn_bwd);
}

/* y, mean, rstd; then dx, dscale, dshift from them. */
static void run_ln(nt_device *dev, const nt_ln_desc *d, const numbers *v, float *out[6])
{
    const nt_desc x = {.dtype = d->dtype, .rank = 2, .dims = {d->rows, d->len}};
    size_t rows = (size_t)d->rows, len = (size_t)d->len;
    void *in = laid_out(&x, v->x), *dy = laid_out(&x, v->dy), *y = unset(&x), *dx = unset(&x);
    nt_prim *fwd, *bwd;

    out[1] = zeros(rows), out[2] = zeros(rows), out[4] = zeros(len), out[5] = zeros(len);
    assert_ok(nt_ln_fwd_new(&fwd, dev, d, e));
    RUN(fwd, in, v->scale, v->shift, y, out[1], out[2]);
    assert_ok(nt_ln_bwd_new(&bwd, dev, d, e));
    RUN(bwd, in, dy, v->scale, out[1], out[2], dx, out[4], out[5]);
    out[0] = read_back(&x, y), out[3] = read_back(&x, dx);
    nt_free(in), nt_free(dy), nt_free(y), nt_free(dx);
    nt_prim_free(fwd), nt_prim_free(bwd);
}

static void check_ln(int64_t rows, int64_t len)
{
    nt_device *one = portable_device(1), *three = portable_device(3);
    const nt_desc x = {.rank = 2, .dims = {rows, len}};
    const size_t n[6] = {(size_t)(rows * len), (size_t)rows, (size_t)rows,
                         (size_t)(rows * len), (size_t)len,  (size_t)len};
    nt_ln_desc d = {.rows = rows, .len = len, .dtype = NT_F32, .eps = 1e-3F};
    numbers v = numbers_of(&x, 1);
    float *want[6], *same[6], *half[6];

    run_ln(one, &d, &v, want);
    run_ln(three, &d, &v, same);
    d.dtype = NT_BF16;
    run_ln(three, &d, &v, half);
    for (int i = 0; i < 6; i++) {
        assert_memory_equal(same[i], want[i], n[i] * sizeof(float));
        assert_close(half[i], want[i], n[i], 1e-2, 1e-2, "layer normalisation in bf16");
        nt_free(want[i]), nt_free(same[i]), nt_free(half[i]);
    }
    release(&v);
    nt_device_free(one), nt_device_free(three);
}

NT_TEST(layer_normalisation_is_the_same_by_any_threads)
{
    check_ln(1, 7);
    check_ln(13, 96);
    check_ln(100, 33);
}

NT_TEST_MAIN
