/* SPDX-License-Identifier: MIT */
#include "kernel_blas.h"

#include "kernel/norm.h"
#include "kernel/ref_bn.h"

typedef struct shape {
    int rank;
    int64_t dims[5];
} shape;

static const shape shapes[] = {
    {2, {13, 7}},        {3, {1, 1, 7}},      {3, {7, 13, 1}},       {4, {2, 20, 5, 7}},
    {4, {1, 70, 13, 9}}, {4, {9, 3, 40, 31}}, {5, {2, 16, 2, 3, 4}}, {4, {11, 130, 2, 2}},
};
#define N_SHAPES (sizeof shapes / sizeof shapes[0])

static nt_bn_desc bn_of(const shape *s, nt_dtype t, int fmt, bool relu)
{
    nt_bn_desc d = {
        .x = {.dtype = t, .rank = s->rank, .fmt = (nt_format)fmt}, .eps = 1e-3f, .relu = relu};

    for (int i = 0; i < s->rank; i++)
        d.x.dims[i] = s->dims[i];
    return d;
}

/* One problem; x and dy hold what the kernel's type holds. */
typedef struct problem {
    nt_bn_desc d;
    nt_ref_bn ref;
    size_t n, c;
    float *x, *dy, *gamma, *beta;
    double tol;
} problem;

static problem setup(nt_bn_desc d)
{
    problem p = {.d = d, .n = count_of(&d.x), .c = (size_t)d.x.dims[1], .tol = 2e-6};

    p.x = noise(p.n, 1);
    p.dy = noise(p.n, 2);
    p.gamma = noise(p.c, 3);
    p.beta = noise(p.c, 4);
    for (size_t i = 0; i < p.n; i++)
        p.x[i] = 3 * p.x[i] + 10; /* a mean to be taken off */
    if (d.x.dtype == NT_BF16) {
        round_bf16(p.x, p.n);
        round_bf16(p.dy, p.n);
        p.tol = 6e-3;
    }
    p.ref = (nt_ref_bn){d.x.dims[0], d.x.dims[1], (int64_t)p.n / d.x.dims[0] / d.x.dims[1],
                        d.eps,       d.relu,      p.gamma,
                        p.beta};
    return p;
}

static void teardown(problem *p)
{
    nt_free(p->x), nt_free(p->dy), nt_free(p->gamma), nt_free(p->beta);
}

static void check_infer(nt_device *dev, problem *p)
{
    float *mean = noise(p->c, 5), *var = noise(p->c, 6), *want = zeros(p->n), *got;
    void *x = laid_out(&p->d.x, p->x);
    nt_prim *bn;

    for (size_t c = 0; c < p->c; c++)
        var[c] = 1.5f + var[c];
    nt_ref_bn_apply(want, p->x, mean, var, &p->ref);
    assert_ok(nt_bn_infer_new(&bn, dev, &p->d, e));
    RUN(bn, x, p->gamma, p->beta, mean, var, x); /* in place */
    got = read_back(&p->d.x, x);
    assert_close(got, want, p->n, p->tol, p->tol, "bn infer");
    nt_prim_free(bn);
    nt_free(mean), nt_free(var), nt_free(want), nt_free(got), nt_free(x);
}

/* The bits of everything that training computes: y, mean, var, dx, dgamma, dbeta. */
typedef struct results {
    float *y, *mean, *var, *dx, *dgamma, *dbeta;
} results;

static results train(nt_device *dev, problem *p)
{
    results r = {
        .mean = zeros(p->c), .var = zeros(p->c), .dgamma = zeros(p->c), .dbeta = zeros(p->c)};
    void *x = laid_out(&p->d.x, p->x), *y = unset(&p->d.x), *dy = laid_out(&p->d.x, p->dy);
    void *workspace = NULL;
    size_t bytes = 1;
    nt_prim *fwd, *bwd;

    assert_ok(nt_bn_train_new(&fwd, &bytes, dev, &p->d, e));
    if (bytes)
        workspace = nt_alloc(bytes, 1);
    RUN(fwd, x, p->gamma, p->beta, r.mean, r.var, y, workspace);
    assert_ok(nt_bn_bwd_new(&bwd, dev, &p->d, e));
    RUN(bwd, x, dy, p->gamma, r.mean, r.var, workspace, dy, r.dgamma, r.dbeta); /* in place */
    r.y = read_back(&p->d.x, y);
    r.dx = read_back(&p->d.x, dy);
    nt_prim_free(fwd);
    nt_prim_free(bwd);
    nt_free(x), nt_free(y), nt_free(dy), nt_free(workspace);
    return r;
}

static void release(results *r)
{
    nt_free(r->y), nt_free(r->mean), nt_free(r->var);
    nt_free(r->dx), nt_free(r->dgamma), nt_free(r->dbeta);
}

static void check_train(nt_device *dev, problem *p, const char *what)
{
    results want = {zeros(p->n), zeros(p->c), zeros(p->c),
                    zeros(p->n), zeros(p->c), zeros(p->c)};
    results got = train(dev, p);

    nt_ref_bn_stats(want.mean, want.var, p->x, &p->ref);
    nt_ref_bn_apply(want.y, p->x, want.mean, want.var, &p->ref);
    nt_ref_bn_bwd(want.dx, want.dgamma, want.dbeta, p->x, p->dy, &p->ref);
    assert_close(got.mean, want.mean, p->c, 1e-6, 1e-6, what);
    assert_close(got.var, want.var, p->c, 1e-5, 1e-6, what);
    assert_close(got.y, want.y, p->n, p->tol, 2e-6 + p->tol / 10, what);
    assert_close(got.dgamma, want.dgamma, p->c, 1e-5, 1e-4, what);
    assert_close(got.dbeta, want.dbeta, p->c, 1e-5, 1e-5, what);
    assert_close(got.dx, want.dx, p->n, p->tol, 1e-5 + p->tol / 10, what);
    release(&want);
    release(&got);
}

NT_TEST(batchnorm_agrees_with_the_reference_in_all_formats_and_types)
{
    nt_device *dev = portable_device(2);

    for (size_t i = 0; i < N_SHAPES; i++)
        for (int v = 0; v < 16; v++) {
            nt_dtype t = v & 4 ? NT_BF16 : NT_F32;
            problem p = setup(bn_of(&shapes[i], t, v & 3, v & 8));
            char what[64];

            snprintf(what, sizeof what, "shape %zu, variant %d", i, v);
            check_infer(dev, &p);
            if (p.ref.n * p.ref.s > 1)
                check_train(dev, &p, what);
            teardown(&p);
        }
    nt_device_free(dev);
}

NT_TEST(batchnorm_puts_eps_inside_the_root)
{
    float one[] = {1}, zero[] = {0}, x[] = {3}, y[1];
    nt_bn_desc d = {.x = {.dtype = NT_F32, .rank = 2, .dims = {1, 1}}, .eps = 4};
    nt_device *dev = portable_device(1);
    nt_prim *p;

    assert_ok(nt_bn_infer_new(&p, dev, &d, e));
    RUN(p, x, one, zero, one, zero, y);
    assert_float_equal(y[0], 1, 1e-7); /* (3-1)/sqrt(0+4); eps outside would give 0.5 */
    nt_prim_free(p);
    nt_device_free(dev);
}

NT_TEST(batchnorm_backward_is_a_central_difference)
{
    const float h = 1.0f / 128;
    nt_device *dev = portable_device(1);
    problem p = setup(bn_of(&shapes[3], NT_F32, NT_FMT_C8, false));
    results r = train(dev, &p);

    for (size_t i = 0; i < p.n; i += 23) {
        float old = p.x[i];
        double s[2];

        for (int k = 0; k < 2; k++) {
            results moved;

            p.x[i] = k ? old + h : old - h;
            moved = train(dev, &p);
            s[k] = dot(moved.y, p.dy, p.n);
            release(&moved);
        }
        p.x[i] = old;
        assert_true(fabs((s[1] - s[0]) / (2 * h) - r.dx[i]) < 1e-3);
    }
    release(&r);
    teardown(&p);
    nt_device_free(dev);
}

NT_TEST(batchnorm_statistics_survive_a_large_mean)
{
    nt_device *dev = portable_device(2);
    problem p = setup(bn_of(&shapes[5], NT_F32, NT_FMT_PLAIN, false));
    float *mean = zeros(p.c), *var = zeros(p.c);
    results r;

    for (size_t i = 0; i < p.n; i++)
        p.x[i] += 10000;
    nt_ref_bn_stats(mean, var, p.x, &p.ref);
    r = train(dev, &p);
    assert_close(r.var, var, p.c, 1e-5, 0, "variance");
    release(&r);
    teardown(&p);
    nt_free(mean), nt_free(var);
    nt_device_free(dev);
}

NT_TEST(batchnorm_bits_do_not_depend_on_the_number_of_threads)
{
    for (int fmt = 0; fmt < 4; fmt++) {
        problem p = setup(bn_of(&shapes[5], NT_F32, fmt, true));
        nt_device *one = portable_device(1), *three = portable_device(3);
        results a = train(one, &p), b = train(three, &p);

        assert_memory_equal(a.y, b.y, p.n * sizeof(float));
        assert_memory_equal(a.dx, b.dx, p.n * sizeof(float));
        assert_memory_equal(a.dgamma, b.dgamma, p.c * sizeof(float));
        release(&a);
        release(&b);
        teardown(&p);
        nt_device_free(one);
        nt_device_free(three);
    }
}

NT_TEST_MAIN
