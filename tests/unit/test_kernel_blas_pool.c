/* SPDX-License-Identifier: MIT */
#include "kernel_blas.h"

#include "kernel/pool.h"
#include "kernel/ref_pool.h"

static const nt_pool_desc cases[] = {
    {.sp = 1, .n = 2, .c = 3, .in = {13}, .out = {11}, .ker = {3}, .stride = {1}, .dil = {1}},
    {.sp = 2,
     .n = 2,
     .c = 7,
     .in = {7, 13},
     .out = {3, 6},
     .ker = {2, 2},
     .stride = {2, 2},
     .dil = {1, 1}},
    {.sp = 2,
     .n = 1,
     .c = 13,
     .in = {13, 7},
     .out = {7, 4},
     .ker = {3, 3},
     .stride = {2, 2},
     .dil = {1, 1},
     .lo = {1, 1},
     .hi = {1, 1}},
    {.sp = 2,
     .n = 3,
     .c = 1,
     .in = {13, 13},
     .out = {3, 4},
     .ker = {2, 1},
     .stride = {5, 4},
     .dil = {1, 1}}, /* stride > kernel */
    {.sp = 2,
     .n = 2,
     .c = 20,
     .in = {7, 7},
     .out = {1, 1},
     .ker = {7, 7},
     .stride = {1, 1},
     .dil = {1, 1}}, /* global */
    {.sp = 2,
     .n = 1,
     .c = 70,
     .in = {6, 5},
     .out = {4, 3},
     .ker = {3, 2},
     .stride = {2, 2},
     .dil = {1, 2},
     .lo = {1, 0},
     .hi = {2, 1}}, /* as ceil_mode has it */
    {.sp = 3,
     .n = 2,
     .c = 9,
     .in = {4, 5, 6},
     .out = {2, 3, 5},
     .ker = {2, 3, 2},
     .stride = {2, 2, 1},
     .dil = {1, 1, 1},
     .lo = {0, 1, 0},
     .hi = {0, 1, 0}},
    {.sp = 3,
     .n = 2,
     .c = 17,
     .in = {2, 3, 3},
     .out = {1, 1, 1},
     .ker = {2, 3, 3},
     .stride = {1, 1, 1},
     .dil = {1, 1, 1}},
};
#define N_CASES (sizeof cases / sizeof cases[0])

static nt_desc tensor_of(const nt_pool_desc *d, const int64_t *dims)
{
    nt_desc t = {.dtype = d->dtype, .rank = d->sp + 2, .dims = {d->n, d->c}, .fmt = d->fmt};

    for (int i = 0; i < d->sp; i++)
        t.dims[2 + i] = dims[i];
    return t;
}

/* y and dx of the kernel as plain fp32, dx NULL for inference. */
static void run_pool(nt_device *dev, const nt_pool_desc *d, const float *x, const float *dy,
                     float **y, float **dx)
{
    nt_desc xd = tensor_of(d, d->in), yd = tensor_of(d, d->out);
    void *mx = laid_out(&xd, x), *my = unset(&yd), *mdy = laid_out(&yd, dy), *mdx = unset(&xd);
    size_t workspace_bytes = 0;
    void *workspace = NULL;
    nt_prim *fwd, *bwd;

    assert_ok(nt_pool_fwd_new(&fwd, dx ? &workspace_bytes : NULL, dev, d, e));
    if (workspace_bytes)
        workspace = nt_alloc(workspace_bytes, 1);
    RUN(fwd, mx, my, workspace);
    *y = read_back(&yd, my);
    if (dx) {
        assert_ok(nt_pool_bwd_new(&bwd, dev, d, e));
        RUN(bwd, mdy, workspace, mdx);
        *dx = read_back(&xd, mdx);
        nt_prim_free(bwd);
    }
    nt_prim_free(fwd);
    nt_free(mx), nt_free(my), nt_free(mdy), nt_free(mdx), nt_free(workspace);
}

static void check_pool(nt_device *dev, const nt_pool_desc *d, const char *what)
{
    nt_desc xd = tensor_of(d, d->in), yd = tensor_of(d, d->out);
    size_t nx = count_of(&xd), ny = count_of(&yd);
    float *x = noise(nx, 1), *dy = noise(ny, 2), *want = zeros(ny), *want_dx = zeros(nx);
    float *y, *infer, *dx;
    double tol = d->dtype == NT_BF16 ? 5e-3 : 2e-6;

    if (d->dtype == NT_BF16) {
        round_bf16(x, nx);
        round_bf16(dy, ny);
    }
    nt_ref_pool_fwd(want, x, d);
    nt_ref_pool_bwd(want_dx, x, dy, d);
    run_pool(dev, d, x, dy, &infer, NULL);
    run_pool(dev, d, x, dy, &y, &dx);
    assert_memory_equal(y, infer, ny * sizeof *y);
    assert_close(y, want, ny, tol, tol, what);
    assert_close(dx, want_dx, nx, tol, tol, what);
    nt_free(x), nt_free(dy), nt_free(want), nt_free(want_dx);
    nt_free(y), nt_free(infer), nt_free(dx);
}

NT_TEST(all_kinds_formats_and_types_agree_with_the_reference)
{
    nt_device *dev = portable_device(2);

    for (size_t i = 0; i < N_CASES; i++)
        for (int kind = 0; kind < 3; kind++)
            for (int fmt = 0; fmt < 4; fmt++)
                for (int bf16 = 0; bf16 < 2; bf16++) {
                    nt_pool_desc d = cases[i];
                    char what[80];

                    d.kind = (nt_pool_kind)kind;
                    d.fmt = (nt_format)fmt;
                    d.dtype = bf16 ? NT_BF16 : NT_F32;
                    snprintf(what, sizeof what, "case %zu, kind %d, %s, bf16 %d", i, kind,
                             nt_format_name(d.fmt), bf16);
                    check_pool(dev, &d, what);
                }
    nt_device_free(dev);
}

NT_TEST(pooling_worked_by_hand)
{
    /* 1x1x3, kernel 2, stride 2, one pad on each side: windows {pad, 1} and {3, 2} */
    nt_pool_desc d = {.sp = 1,
                      .n = 1,
                      .c = 1,
                      .in = {3},
                      .out = {2},
                      .ker = {2},
                      .stride = {2},
                      .dil = {1},
                      .lo = {1},
                      .hi = {0},
                      .dtype = NT_F32,
                      .fmt = NT_FMT_PLAIN};
    const float x[] = {1, 3, 2}, dy[] = {4, 8};
    const float want[3][2] = {{1, 3}, {1, 2.5f}, {0.5f, 2.5f}};
    const float want_dx[3][3] = {{4, 8, 0}, {4, 4, 4}, {2, 4, 4}};
    nt_device *dev = portable_device(1);

    for (int kind = 0; kind < 3; kind++) {
        float *y, *dx;

        d.kind = (nt_pool_kind)kind;
        run_pool(dev, &d, x, dy, &y, &dx);
        assert_memory_equal(y, want[kind], sizeof want[kind]);
        assert_memory_equal(dx, want_dx[kind], sizeof want_dx[kind]);
        nt_free(y), nt_free(dx);
    }
    nt_device_free(dev);
}

NT_TEST(backward_is_a_central_difference)
{
    const float h = 1e-3f; /* smaller than any gap between neighbours in x */
    nt_device *dev = portable_device(1);

    for (size_t i = 0; i < N_CASES; i++)
        for (int kind = 0; kind < 3; kind++) {
            nt_pool_desc d = cases[i];
            nt_desc xd, yd;
            float *x, *dy, *y, *dx, *up, *down;
            size_t ny;

            d.kind = (nt_pool_kind)kind;
            d.dtype = NT_F32;
            d.fmt = NT_FMT_PLAIN;
            xd = tensor_of(&d, d.in);
            yd = tensor_of(&d, d.out);
            ny = count_of(&yd);
            x = zeros(count_of(&xd));
            for (size_t j = 0; j < count_of(&xd); j++)
                x[j] = (float)(j * 37 % 1009) / 64;
            dy = noise(ny, 2);
            run_pool(dev, &d, x, dy, &y, &dx);
            for (size_t j = 0; j < count_of(&xd); j += 17) {
                float old = x[j];
                double slope;

                x[j] = old + h;
                run_pool(dev, &d, x, dy, &up, NULL);
                x[j] = old - h;
                run_pool(dev, &d, x, dy, &down, NULL);
                x[j] = old;
                slope = (dot(up, dy, ny) - dot(down, dy, ny)) / (2 * h);
                assert_true(fabs(slope - dx[j]) < 1e-2);
                nt_free(up), nt_free(down);
            }
            nt_free(x), nt_free(dy), nt_free(y), nt_free(dx);
        }
    nt_device_free(dev);
}

NT_TEST_MAIN
