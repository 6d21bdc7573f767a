/* SPDX-License-Identifier: MIT */
/* Fully connected layers and matrix products of both backends against plain loops. */
#include "kernel_util.h"

#include "kernel/dense.h"

static const char *const backends[] = {"onednn", "openblas"};

static const struct {
    int64_t m, k, n;
} sizes[] = {{1, 1, 1}, {1, 13, 7}, {7, 13, 1}, {3, 64, 10}, {16, 33, 65}, {1, 300, 128}};

static double *zeros(int64_t n)
{
    double *p = nt_calloc((size_t)n, sizeof *p);

    assert_non_null(p);
    return p;
}

static nt_desc matrix(int64_t rows, int64_t cols, nt_dtype t)
{
    return (nt_desc){.dtype = t, .rank = 2, .dims = {rows, cols}, .fmt = NT_FMT_PLAIN};
}

static int64_t weight_at(const nt_dense_desc *d, int64_t n, int64_t k)
{
    return d->w_kn ? k * d->n + n : n * d->k + k;
}

static void check_forward(nt_device *dev, const nt_dense_desc *d, bool training)
{
    nt_rng r;
    nt_dense c = {0};
    nt_desc xd = matrix(d->m, d->k, d->src), yd = matrix(d->m, d->n, d->dst);

    nt_rng_init(&r, 2);
    assert_ok(nt_dense_fwd_new(&c, dev, d, training, e));

    float *x = random_row(&r, d->m * d->k, d->src), *w = random_row(&r, d->n * d->k, d->src);
    float *b = random_row(&r, d->n, NT_F32), *y;
    double *want = zeros(d->m * d->n), *size = zeros(d->m * d->n);
    void *xm = pack_tensor(&xd, x), *ym = pack_tensor(&yd, NULL);
    void *packed = c.pack ? nt_alloc(c.packed_bytes, 1) : NULL;

    for (int64_t i = 0; i < d->m; i++)
        for (int64_t n = 0; n < d->n; n++) {
            double sum = d->bias ? b[n] : 0;

            size[i * d->n + n] = 2;
            for (int64_t k = 0; k < d->k; k++) {
                sum += (double)x[i * d->k + k] * w[weight_at(d, n, k)];
                size[i * d->n + n] += fabs((double)x[i * d->k + k] * w[weight_at(d, n, k)]);
            }
            for (int p = 0; p < d->n_post; p++)
                sum = post_ref(&d->post[p], sum, 0);
            want[i * d->n + n] = sum;
        }
    if (c.pack)
        run_prim(c.pack, (void *[]){w, packed});
    run_prim(c.run, (void *[]){xm, c.pack ? packed : w, d->bias ? b : NULL, ym});
    y = unpack_tensor(&yd, ym);
    check_close(nt_prim_impl(c.run), y, want, size, d->m * d->n, d->dst, 2e-6);
    nt_free(x), nt_free(w), nt_free(b), nt_free(y), nt_free(want), nt_free(size);
    nt_free(xm), nt_free(ym), nt_free(packed);
    nt_dense_release(&c);
}

static void check_bwd_data(nt_device *dev, const nt_dense_desc *d)
{
    nt_rng r;
    nt_dense c = {0};
    nt_desc xd = matrix(d->m, d->k, d->src), yd = matrix(d->m, d->n, d->dst);

    nt_rng_init(&r, 3);
    assert_ok(nt_dense_bwd_data_new(&c, dev, d, e));

    float *dy = random_row(&r, d->m * d->n, d->dst), *w = random_row(&r, d->n * d->k, d->dst),
          *dx;
    double *want = zeros(d->m * d->k), *size = zeros(d->m * d->k);
    void *xm = pack_tensor(&xd, NULL), *ym = pack_tensor(&yd, dy);
    void *packed = nt_alloc(c.packed_bytes, 1);

    for (int64_t i = 0; i < d->m; i++)
        for (int64_t k = 0; k < d->k; k++)
            for (int64_t n = 0; n < d->n; n++) {
                double t = (double)dy[i * d->n + n] * w[weight_at(d, n, k)];

                want[i * d->k + k] += t;
                size[i * d->k + k] += fabs(t);
            }
    run_prim(c.pack, (void *[]){w, packed});
    run_prim(c.run, (void *[]){ym, packed, xm});
    dx = unpack_tensor(&xd, xm);
    check_close(nt_prim_impl(c.run), dx, want, size, d->m * d->k, d->src, 2e-6);
    nt_free(dy), nt_free(w), nt_free(dx), nt_free(want), nt_free(size);
    nt_free(xm), nt_free(ym), nt_free(packed);
    nt_dense_release(&c);
}

static void check_bwd_weights(nt_device *dev, const nt_dense_desc *d)
{
    nt_rng r;
    nt_dense c = {0};
    nt_desc xd = matrix(d->m, d->k, d->src), yd = matrix(d->m, d->n, d->dst);

    nt_rng_init(&r, 4);
    assert_ok(nt_dense_bwd_weights_new(&c, dev, d, e));

    float *x = random_row(&r, d->m * d->k, d->src), *dy = random_row(&r, d->m * d->n, d->dst);
    float *dw = nt_calloc((size_t)(d->n * d->k), sizeof *dw);
    float *db = nt_calloc((size_t)d->n, sizeof *db);
    double *want = zeros(d->n * d->k), *size = zeros(d->n * d->k);
    double *want_b = zeros(d->n), *size_b = zeros(d->n);
    void *xm = pack_tensor(&xd, x), *ym = pack_tensor(&yd, dy);
    void *packed = nt_alloc(c.packed_bytes, 1);

    for (int64_t i = 0; i < d->m; i++)
        for (int64_t n = 0; n < d->n; n++) {
            double g = dy[i * d->n + n];

            want_b[n] += g;
            size_b[n] += fabs(g);
            for (int64_t k = 0; k < d->k; k++) {
                want[weight_at(d, n, k)] += g * x[i * d->k + k];
                size[weight_at(d, n, k)] += fabs(g * x[i * d->k + k]);
            }
        }
    run_prim(c.run, (void *[]){xm, ym, packed, d->bias ? db : NULL});
    run_prim(c.pack, (void *[]){packed, dw});
    check_close(nt_prim_impl(c.run), dw, want, size, d->n * d->k, d->src, 2e-6);
    if (d->bias)
        check_close(nt_prim_impl(c.run), db, want_b, size_b, d->n, NT_F32, 2e-6);
    nt_free(x), nt_free(dy), nt_free(dw), nt_free(db), nt_free(want), nt_free(size);
    nt_free(want_b), nt_free(size_b), nt_free(xm), nt_free(ym), nt_free(packed);
    nt_dense_release(&c);
}

static void check_all_passes(nt_device *dev, const nt_dense_desc *d)
{
    check_forward(dev, d, false);
    check_forward(dev, d, true);
    check_bwd_data(dev, d);
    check_bwd_weights(dev, d);
}

NT_TEST(dense_layers_agree_with_plain_loops_for_both_orders_of_weights)
{
    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 2);

        for (size_t i = 0; i < N_OF(sizes); i++)
            for (int v = 0; v < 4; v++) {
                nt_dense_desc d = {.m = sizes[i].m,
                                   .k = sizes[i].k,
                                   .n = sizes[i].n,
                                   .w_kn = v & 1,
                                   .bias = v & 2,
                                   .src = NT_F32,
                                   .dst = NT_F32};

                check_all_passes(dev, &d);
            }
        nt_device_free(dev);
    }
}

NT_TEST(dense_layers_in_bf16_are_off_by_their_rounding_only)
{
    nt_device *dev = new_device("onednn", 2);

    if (!nt_device_has_bf16(dev)) {
        nt_device_free(dev);
        skip();
    }
    for (size_t i = 0; i < N_OF(sizes); i++) {
        nt_dense_desc d = {.m = sizes[i].m,
                           .k = sizes[i].k,
                           .n = sizes[i].n,
                           .bias = true,
                           .src = NT_BF16,
                           .dst = NT_BF16};

        check_all_passes(dev, &d);
        d.dst = NT_F32;
        check_forward(dev, &d, false);
    }
    nt_device_free(dev);
}

NT_TEST(one_row_takes_plain_weights_and_many_rows_packed_ones)
{
    nt_device *dev = new_device("onednn", 1);
    nt_dense_desc d = {.m = 1, .k = 40, .n = 30, .src = NT_F32, .dst = NT_F32};

    for (int kn = 0; kn < 2; kn++) {
        nt_dense c = {0};

        d.w_kn = kn;
        d.m = 1;
        assert_ok(nt_dense_fwd_new(&c, dev, &d, false, e));
        assert_null(c.pack);
        nt_dense_release(&c);
        check_forward(dev, &d, false);
        d.m = 16;
        assert_ok(nt_dense_fwd_new(&c, dev, &d, false, e));
        assert_non_null(c.pack);
        nt_dense_release(&c);
        check_forward(dev, &d, false);
    }
    nt_device_free(dev);
}

NT_TEST(dense_layers_end_in_post_operations)
{
    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 1);
        nt_dense_desc d = {.m = 5,
                           .k = 13,
                           .n = 7,
                           .bias = true,
                           .src = NT_F32,
                           .dst = NT_F32,
                           .post = {{NT_POST_RELU, 0.2f, 0}, {NT_POST_CLIP, -0.1f, 0.7f}},
                           .n_post = 2};

        check_forward(dev, &d, true);
        nt_device_free(dev);
    }
}

static void check_product(nt_device *dev, const nt_matmul_desc *d)
{
    nt_rng r;
    nt_prim *p = NULL;
    int64_t sa = d->stride_a, sb = d->stride_b, mn = d->m * d->n;

    nt_rng_init(&r, 5);
    assert_ok(nt_matmul_new(&p, dev, d, e));

    float *a = random_row(&r, d->batch * d->m * d->k + d->batch * sa, NT_F32);
    float *b = random_row(&r, d->batch * d->k * d->n + d->batch * sb, NT_F32);
    float *c = nt_calloc((size_t)(d->batch * mn), sizeof *c);
    double *want = zeros(d->batch * mn), *size = zeros(d->batch * mn);

    for (int64_t i = 0; i < d->batch; i++)
        for (int64_t m = 0; m < d->m; m++)
            for (int64_t n = 0; n < d->n; n++)
                for (int64_t k = 0; k < d->k; k++) {
                    double t = (double)a[i * sa + (d->trans_a ? k * d->m + m : m * d->k + k)] *
                               b[i * sb + (d->trans_b ? n * d->k + k : k * d->n + n)] *
                               d->alpha;

                    want[i * mn + m * d->n + n] += t;
                    size[i * mn + m * d->n + n] += fabs(t);
                }
    run_prim(p, (void *[]){a, b, c});
    check_close(nt_prim_impl(p), c, want, size, d->batch * mn, NT_F32, 2e-6);
    nt_free(a), nt_free(b), nt_free(c), nt_free(want), nt_free(size);
    nt_prim_free(p);
}

NT_TEST(matrix_products_honour_transposition_batch_strides_and_alpha)
{
    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 2);

        for (int v = 0; v < 16; v++) {
            nt_matmul_desc d = {.batch = 3,
                                .m = 7,
                                .k = 13,
                                .n = 5,
                                .trans_a = v & 1,
                                .trans_b = v & 2,
                                .alpha = 0.25f};

            d.stride_a = v & 4 ? 0 : d.m * d.k + 2;
            d.stride_b = v & 8 ? 0 : d.k * d.n;
            check_product(dev, &d);
            d.alpha = 1;
            d.batch = 1;
            check_product(dev, &d);
        }
        nt_device_free(dev);
    }
}

NT_TEST_MAIN
