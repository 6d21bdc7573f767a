/* SPDX-License-Identifier: MIT */
/* Batch normalisation and softmax of both backends against plain loops and by differences. */
#include "kernel_util.h"

#include "kernel/norm.h"

static const nt_desc shapes[] = {
    {.rank = 4, .dims = {1, 1, 1, 2}},  {.rank = 4, .dims = {2, 13, 5, 7}},
    {.rank = 4, .dims = {3, 16, 4, 4}}, {.rank = 4, .dims = {4, 64, 1, 1}},
    {.rank = 3, .dims = {2, 7, 11}},    {.rank = 5, .dims = {2, 20, 2, 3, 3}},
    {.rank = 2, .dims = {13, 20}},
};

static int64_t channel(const nt_desc *x, int64_t i)
{
    for (int k = x->rank - 1; k >= 2; k--)
        i /= x->dims[k];
    return i % x->dims[1];
}

typedef struct bn_case {
    nt_bn_desc d;
    int64_t n, c;
    float *x, *dy, *gamma, *beta, *mean, *var;
    double *y, *dx, *dgamma, *dbeta; /* wanted */
} bn_case;

/* y by its formula with the given statistics. */
static void bn_ref(bn_case *b)
{
    for (int64_t i = 0; i < b->n; i++) {
        int64_t c = channel(&b->d.x, i);
        double h = (b->x[i] - b->mean[c]) / sqrt((double)b->var[c] + b->d.eps);

        b->y[i] = b->gamma[c] * h + b->beta[c];
        if (b->d.relu && b->y[i] < 0)
            b->y[i] = 0;
    }
}

static void batch_statistics(bn_case *b)
{
    double per = (double)(b->n / b->c);
    double *sum = nt_calloc((size_t)b->c, sizeof *sum),
           *sq = nt_calloc((size_t)b->c, sizeof *sq);

    for (int64_t i = 0; i < b->n; i++)
        sum[channel(&b->d.x, i)] += b->x[i] / per;
    for (int64_t i = 0; i < b->n; i++)
        sq[channel(&b->d.x, i)] += pow(b->x[i] - sum[channel(&b->d.x, i)], 2) / per;
    for (int64_t c = 0; c < b->c; c++) {
        b->mean[c] = (float)sum[c];
        b->var[c] = (float)sq[c];
    }
    nt_free(sum), nt_free(sq);
}

/* The gradients through the statistics (Ioffe & Szegedy, section 3). */
static void bn_bwd_ref(bn_case *b)
{
    double per = (double)(b->n / b->c);

    for (int64_t i = 0; i < b->n; i++) {
        int64_t c = channel(&b->d.x, i);
        double g = b->d.relu && b->y[i] <= 0 ? 0 : b->dy[i];

        b->dbeta[c] += g;
        b->dgamma[c] += g * (b->x[i] - b->mean[c]) / sqrt((double)b->var[c] + b->d.eps);
    }
    for (int64_t i = 0; i < b->n; i++) {
        int64_t c = channel(&b->d.x, i);
        double g = b->d.relu && b->y[i] <= 0 ? 0 : b->dy[i];
        double root = sqrt((double)b->var[c] + b->d.eps), h = (b->x[i] - b->mean[c]) / root;

        b->dx[i] = b->gamma[c] / root * (g - b->dbeta[c] / per - h * b->dgamma[c] / per);
    }
}

static double *zeros(int64_t n)
{
    double *p = nt_calloc((size_t)n, sizeof *p);

    assert_non_null(p);
    return p;
}

static bn_case new_case(const nt_desc *shape, nt_dtype t, nt_format f, bool relu)
{
    bn_case b = {.d = {.x = *shape, .eps = 1e-3f, .relu = relu}};
    nt_rng r;

    nt_rng_init(&r, 7);
    b.d.x.dtype = t;
    b.d.x.fmt = f;
    b.n = count_of(&b.d.x);
    b.c = b.d.x.dims[1];
    b.x = random_row(&r, b.n, t);
    b.dy = random_row(&r, b.n, t);
    b.gamma = random_row(&r, b.c, NT_F32);
    b.beta = random_row(&r, b.c, NT_F32);
    b.mean = random_row(&r, b.c, NT_F32);
    b.var = random_row(&r, b.c, NT_F32);
    for (int64_t c = 0; c < b.c; c++)
        b.var[c] = b.var[c] * b.var[c] + 0.1f;
    b.y = zeros(b.n), b.dx = zeros(b.n), b.dgamma = zeros(b.c), b.dbeta = zeros(b.c);
    return b;
}

static void free_case(bn_case *b)
{
    nt_free(b->x), nt_free(b->dy), nt_free(b->gamma), nt_free(b->beta), nt_free(b->mean);
    nt_free(b->var), nt_free(b->y), nt_free(b->dx), nt_free(b->dgamma), nt_free(b->dbeta);
}

static double tolerance(const bn_case *b)
{
    return b->d.x.dtype == NT_BF16 ? 2e-2 : 2e-5;
}

static void check_infer(nt_device *dev, bn_case *b)
{
    nt_prim *p = NULL;
    void *m = pack_tensor(&b->d.x, b->x);
    float *got;

    assert_ok(nt_bn_infer_new(&p, dev, &b->d, e));
    bn_ref(b);
    run_prim(p, (void *[]){m, b->gamma, b->beta, b->mean, b->var, m});
    got = unpack_tensor(&b->d.x, m);
    check_near(nt_prim_impl(p), got, b->y, b->n, b->d.x.dtype, tolerance(b));
    check_padding(&b->d.x, m);
    nt_free(m), nt_free(got);
    nt_prim_free(p);
}

static void check_train(nt_device *dev, bn_case *b)
{
    nt_prim *p = NULL, *back = NULL;
    size_t bytes = 0;
    float *mean = nt_calloc((size_t)b->c, sizeof *mean), *var = nt_calloc((size_t)b->c, 4),
          *got;
    float *dgamma = nt_calloc((size_t)b->c, sizeof *mean), *dbeta = nt_calloc((size_t)b->c, 4);
    void *xm = pack_tensor(&b->d.x, b->x), *ym = pack_tensor(&b->d.x, NULL);
    void *dm = pack_tensor(&b->d.x, b->dy), *ws;
    double tol = tolerance(b);

    assert_ok(nt_bn_train_new(&p, &bytes, dev, &b->d, e));
    assert_ok(nt_bn_bwd_new(&back, dev, &b->d, e));
    ws = nt_calloc(bytes + 1, 1);
    batch_statistics(b);
    bn_ref(b);
    bn_bwd_ref(b);
    run_prim(p, (void *[]){xm, b->gamma, b->beta, mean, var, ym, bytes ? ws : NULL});
    for (int64_t c = 0; c < b->c; c++) {
        assert_float_equal(mean[c], b->mean[c], 1e-5);
        assert_float_equal(var[c], b->var[c], 1e-5);
    }
    got = unpack_tensor(&b->d.x, ym);
    check_near(nt_prim_impl(p), got, b->y, b->n, b->d.x.dtype, tol);
    check_padding(&b->d.x, ym);
    nt_free(got);
    run_prim(back,
             (void *[]){xm, dm, b->gamma, mean, var, bytes ? ws : NULL, dm, dgamma, dbeta});
    got = unpack_tensor(&b->d.x, dm);
    check_near(nt_prim_impl(back), got, b->dx, b->n, b->d.x.dtype, 4 * tol);
    check_near(nt_prim_impl(back), dgamma, b->dgamma, b->c, NT_F32, tol);
    check_near(nt_prim_impl(back), dbeta, b->dbeta, b->c, NT_F32, tol);
    check_padding(&b->d.x, dm);
    nt_free(mean), nt_free(var), nt_free(got), nt_free(dgamma), nt_free(dbeta);
    nt_free(xm), nt_free(ym), nt_free(dm), nt_free(ws);
    nt_prim_free(p), nt_prim_free(back);
}

static void check_bn(nt_device *dev, nt_dtype t, const nt_format *formats, size_t n)
{
    for (size_t f = 0; f < n; f++)
        for (size_t i = 0; i < N_OF(shapes); i++)
            for (int relu = 0; relu < 2; relu++) {
                bn_case b = new_case(&shapes[i], t, formats[f], relu);

                check_infer(dev, &b);
                check_train(dev, &b);
                free_case(&b);
            }
}

static const nt_format formats[] = {NT_FMT_PLAIN, NT_FMT_NHWC, NT_FMT_C8, NT_FMT_C16};

NT_TEST(batch_normalisation_by_onednn_agrees_with_its_formula_in_every_layout)
{
    nt_device *dev = new_device("onednn", 2);

    check_bn(dev, NT_F32, formats, N_OF(formats));
    nt_device_free(dev);
}

NT_TEST(batch_normalisation_by_the_portable_backend_agrees_with_its_formula)
{
    nt_device *dev = new_device("openblas", 2);

    check_bn(dev, NT_F32, formats, 2);
    nt_device_free(dev);
}

NT_TEST(batch_normalisation_in_bf16_is_off_by_its_rounding_only)
{
    nt_device *dev = new_device("onednn", 2);

    if (!nt_device_has_bf16(dev)) {
        nt_device_free(dev);
        skip();
    }
    check_bn(dev, NT_BF16, formats, 2);
    nt_device_free(dev);
}

NT_TEST(batch_normalisation_puts_eps_inside_the_root)
{
    static const char *const backends[] = {"onednn", "openblas"};

    for (size_t i = 0; i < N_OF(backends); i++) {
        nt_device *dev = new_device(backends[i], 1);
        float one[1] = {1}, zero[1] = {0}, x[1] = {3}, y[1];
        nt_bn_desc d = {.x = {.dtype = NT_F32, .rank = 4, .dims = {1, 1, 1, 1}}, .eps = 3};
        nt_prim *p = NULL;

        assert_ok(nt_bn_infer_new(&p, dev, &d, e));
        run_prim(p, (void *[]){x, one, zero, one, one, y});
        assert_float_equal(y[0], 1.0, 1e-6); /* (3-1)/sqrt(1+3); eps outside would give 0.5 */
        nt_prim_free(p);
        nt_device_free(dev);
    }
}

/* Softmax along axis: the elements of one group lie `inner` apart. */
static void softmax_ref(double *y, const float *x, const nt_desc *d, int axis, bool log_of)
{
    int64_t inner = 1, n = d->dims[axis];

    for (int i = axis + 1; i < d->rank; i++)
        inner *= d->dims[i];
    for (int64_t i = 0; i < count_of(d); i++) {
        int64_t base = i / (inner * n) * inner * n + i % inner;
        double sum = 0;

        for (int64_t k = 0; k < n; k++)
            sum += exp((double)x[base + k * inner] - x[i]);
        y[i] = log_of ? -log(sum) : 1 / sum;
    }
}

static void check_softmax(nt_device *dev, const nt_desc *d, int axis, bool log_of)
{
    nt_rng r;
    nt_prim *p = NULL;
    int64_t n = count_of(d);
    float *x, *got;
    double *want = zeros(n);
    void *xm, *ym = pack_tensor(d, NULL);

    nt_rng_init(&r, 8);
    x = random_row(&r, n, d->dtype);
    x[0] = 40; /* far from the rest: must not overflow */
    xm = pack_tensor(d, x);
    assert_ok(nt_softmax_new(&p, dev, d, axis, log_of, e));
    softmax_ref(want, x, d, axis, log_of);
    run_prim(p, (void *[]){xm, ym});
    got = unpack_tensor(d, ym);
    check_near(nt_prim_impl(p), got, want, n, d->dtype, d->dtype == NT_BF16 ? 1e-2 : 1e-5);
    nt_free(x), nt_free(got), nt_free(want), nt_free(xm), nt_free(ym);
    nt_prim_free(p);
}

/* dx_i = sum over k of dy_k dy_k/dx_i, with y as the caller gives it. */
static void check_softmax_bwd(nt_device *dev, const nt_desc *d, int axis, bool log_of)
{
    nt_rng r;
    nt_prim *p = NULL;
    int64_t n = count_of(d), len = d->dims[axis], inner = 1;
    float *x, *dy, *y = nt_calloc((size_t)n, sizeof *y), *dx = nt_calloc((size_t)n, sizeof *dx);
    double *ref = zeros(n), *want = zeros(n);

    for (int i = axis + 1; i < d->rank; i++)
        inner *= d->dims[i];
    nt_rng_init(&r, 9);
    x = random_row(&r, n, NT_F32);
    dy = random_row(&r, n, NT_F32);
    softmax_ref(ref, x, d, axis, log_of);
    for (int64_t i = 0; i < n; i++) {
        int64_t base = i / (inner * len) * inner * len + i % inner;
        double sum = 0;

        for (int64_t k = 0; k < len; k++)
            sum += dy[base + k * inner] * (log_of ? 1 : ref[base + k * inner]);
        want[i] = log_of ? dy[i] - exp(ref[i]) * sum : ref[i] * (dy[i] - sum);
        y[i] = (float)ref[i];
    }
    assert_ok(nt_softmax_bwd_new(&p, dev, d, axis, log_of, e));
    run_prim(p, (void *[]){y, dy, dx});
    check_near(nt_prim_impl(p), dx, want, n, NT_F32, 1e-5);
    nt_free(x), nt_free(dy), nt_free(y), nt_free(dx), nt_free(ref), nt_free(want);
    nt_prim_free(p);
}

NT_TEST(softmax_agrees_with_its_formula_along_every_axis)
{
    static const char *const backends[] = {"onednn", "openblas"};
    static const nt_desc in[] = {{.dtype = NT_F32, .rank = 2, .dims = {3, 10}},
                                 {.dtype = NT_F32, .rank = 4, .dims = {2, 5, 3, 7}},
                                 {.dtype = NT_F32, .rank = 1, .dims = {13}}};

    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 2);

        for (size_t i = 0; i < N_OF(in); i++)
            for (int axis = 0; axis < in[i].rank; axis++)
                for (int log_of = 0; log_of < 2; log_of++) {
                    check_softmax(dev, &in[i], axis, log_of);
                    check_softmax_bwd(dev, &in[i], axis, log_of);
                }
        nt_device_free(dev);
    }
}

NT_TEST(softmax_takes_bf16)
{
    nt_device *dev = new_device("onednn", 1);
    nt_desc d = {.dtype = NT_BF16, .rank = 2, .dims = {3, 17}};

    if (nt_device_has_bf16(dev))
        check_softmax(dev, &d, 1, false);
    nt_device_free(dev);
}

NT_TEST_MAIN
