/* SPDX-License-Identifier: MIT */
#include "kernel_blas.h"

#include "kernel/dense.h"
#include "kernel/linalg.h"

/* C = op(A) op(B) in double, the oracle of all products here. */
static void product(float *c, const float *a, bool ta, const float *b, bool tb, size_t m,
                    size_t n, size_t k)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;

            for (size_t l = 0; l < k; l++)
                sum += (double)a[ta ? l * m + i : i * k + l] * b[tb ? j * k + l : l * n + j];
            c[i * n + j] = (float)sum;
        }
}

static nt_desc matrix(nt_dtype t, int64_t m, int64_t n)
{
    return (nt_desc){.dtype = t, .rank = 2, .dims = {m, n}};
}

static const int64_t sizes[][3] = {{1, 1, 1},    {1, 13, 7},   {7, 1, 13},    {13, 7, 1},
                                   {5, 40, 600}, {300, 3, 20}, {129, 65, 513}};
#define N_SIZES (sizeof sizes / sizeof sizes[0])

static void *pack(nt_dense *d, float *w)
{
    void *packed = nt_alloc(d->packed_bytes, 1);

    assert_non_null(packed);
    RUN(d->pack, w, packed);
    return packed;
}

static void check_forward(nt_device *dev, const nt_dense_desc *d)
{
    nt_desc xd = matrix(d->src, d->m, d->k), yd = matrix(d->dst, d->m, d->n);
    size_t nx = count_of(&xd), ny = count_of(&yd), nw = (size_t)(d->n * d->k);
    float *x = noise(nx, 1), *w = noise(nw, 2), *b = noise((size_t)d->n, 3),
          *old = noise(ny, 4);
    float *want = zeros(ny), *got;
    void *mx, *my, *packed;
    nt_dense fwd;

    if (d->src == NT_BF16) {
        round_bf16(x, nx);
        round_bf16(w, nw);
    }
    product(want, x, false, w, !d->w_kn, (size_t)d->m, (size_t)d->n, (size_t)d->k);
    for (size_t i = 0; i < ny; i++) {
        want[i] += d->bias ? b[i % (size_t)d->n] : 0;
        for (int j = 0; j < d->n_post; j++)
            want[i] =
                d->post[j].kind == NT_POST_RELU
                    ? fmaxf(want[i], 0)
                    : want[i] +
                          (d->dst == NT_BF16 ? nt_bf16_to_f32(nt_f32_to_bf16(old[i])) : old[i]);
    }
    assert_ok(nt_dense_fwd_new(&fwd, dev, d, true, e));
    packed = pack(&fwd, w);
    mx = laid_out(&xd, x);
    my = laid_out(&yd, old);
    RUN(fwd.run, mx, packed, d->bias ? b : NULL, my);
    got = read_back(&yd, my);
    assert_close(got, want, ny, d->dst == NT_BF16 ? 5e-3 : 1e-5, 5e-5, "dense");
    nt_dense_release(&fwd);
    nt_free(x), nt_free(w), nt_free(b), nt_free(old), nt_free(want), nt_free(got);
    nt_free(mx), nt_free(my), nt_free(packed);
}

NT_TEST(forward_agrees_with_the_definition)
{
    nt_device *dev = portable_device(2);

    for (size_t i = 0; i < N_SIZES; i++)
        for (int v = 0; v < 16; v++) {
            nt_dense_desc d = {.m = sizes[i][0], .k = sizes[i][1], .n = sizes[i][2]};

            d.w_kn = v & 1;
            d.bias = v & 2;
            d.src = v & 4 ? NT_BF16 : NT_F32;
            d.dst = v & 8 ? NT_BF16 : NT_F32;
            d.n_post = v % 3;
            d.post[0].kind = v & 4 ? NT_POST_SUM : NT_POST_RELU;
            d.post[1].kind = v & 4 ? NT_POST_RELU : NT_POST_SUM;
            check_forward(dev, &d);
        }
    nt_device_free(dev);
}

/* The gradients of sum(y dy) are products too: dx = dy W, dW = dy^T x, db = sums of dy. */
static void check_backward(nt_device *dev, const nt_dense_desc *d)
{
    nt_desc xd = matrix(d->src, d->m, d->k), yd = matrix(d->dst, d->m, d->n);
    size_t m = (size_t)d->m, n = (size_t)d->n, k = (size_t)d->k;
    float *x = noise(m * k, 1), *w = noise(n * k, 2), *dy = noise(m * n, 3);
    float *dx = zeros(m * k), *dw = zeros(n * k), *db = zeros(n), *got;
    float *got_dw = zeros(n * k), *got_db = zeros(n), *ones = zeros(m);
    void *mx, *mdy, *mdx = unset(&xd), *packed;
    nt_dense data, weights;

    if (d->src == NT_BF16) {
        round_bf16(x, m * k);
        round_bf16(w, n * k);
        round_bf16(dy, m * n);
    }
    product(dx, dy, false, w, d->w_kn, m, k, n);
    if (d->w_kn)
        product(dw, x, true, dy, false, k, n, m);
    else
        product(dw, dy, true, x, false, n, k, m);
    for (size_t i = 0; i < m; i++)
        ones[i] = 1;
    product(db, ones, false, dy, false, 1, n, m);
    mx = laid_out(&xd, x);
    mdy = laid_out(&yd, dy);
    assert_ok(nt_dense_bwd_data_new(&data, dev, d, e));
    packed = pack(&data, w);
    RUN(data.run, mdy, packed, mdx);
    got = read_back(&xd, mdx);
    assert_close(got, dx, m * k, d->src == NT_BF16 ? 5e-3 : 1e-5, 5e-5, "dx");
    assert_ok(nt_dense_bwd_weights_new(&weights, dev, d, e));
    memset(packed, 0xff, weights.packed_bytes);
    RUN(weights.run, mx, mdy, packed, got_db);
    RUN(weights.pack, packed, got_dw);
    assert_close(got_dw, dw, n * k, 1e-5, 5e-5, "dw");
    assert_close(got_db, db, n, 1e-6, 1e-5, "db");
    nt_dense_release(&data);
    nt_dense_release(&weights);
    nt_free(x), nt_free(w), nt_free(dy), nt_free(dx), nt_free(dw), nt_free(db), nt_free(got);
    nt_free(got_dw), nt_free(got_db), nt_free(ones);
    nt_free(mx), nt_free(mdy), nt_free(mdx), nt_free(packed);
}

NT_TEST(backward_agrees_with_the_definition)
{
    nt_device *dev = portable_device(2);

    for (size_t i = 0; i < N_SIZES; i++)
        for (int v = 0; v < 4; v++) {
            nt_dense_desc d = {.m = sizes[i][0], .k = sizes[i][1], .n = sizes[i][2]};

            d.w_kn = v & 1;
            d.src = d.dst = v & 2 ? NT_BF16 : NT_F32;
            check_backward(dev, &d);
        }
    nt_device_free(dev);
}

static void check_matmul(nt_device *dev, nt_matmul_desc d)
{
    size_t m = (size_t)d.m, n = (size_t)d.n, k = (size_t)d.k;
    float *a = noise((size_t)d.batch * m * k, 1), *b = noise((size_t)d.batch * k * n, 2);
    float *want = zeros((size_t)d.batch * m * n), *got = noise((size_t)d.batch * m * n, 3);
    nt_prim *p;

    for (int64_t i = 0; i < d.batch; i++)
        product(want + (size_t)i * m * n, a + i * d.stride_a, d.trans_a, b + i * d.stride_b,
                d.trans_b, m, n, k);
    for (size_t i = 0; i < (size_t)d.batch * m * n; i++)
        want[i] *= d.alpha;
    assert_ok(nt_matmul_new(&p, dev, &d, e));
    RUN(p, a, b, got);
    assert_close(got, want, (size_t)d.batch * m * n, 1e-5, 5e-5, "matmul");
    nt_prim_free(p);
    nt_free(a), nt_free(b), nt_free(want), nt_free(got);
}

NT_TEST(batched_products_agree_with_the_definition)
{
    nt_device *dev = portable_device(2);

    for (size_t i = 0; i < N_SIZES; i++)
        for (int v = 0; v < 16; v++) {
            nt_matmul_desc d = {.m = sizes[i][0], .k = sizes[i][1], .n = sizes[i][2]};

            d.batch = i < 4 ? 5 : 1;
            d.trans_a = v & 1;
            d.trans_b = v & 2;
            d.stride_a = v & 4 ? 0 : d.m * d.k;
            d.stride_b = v & 8 ? 0 : d.k * d.n;
            d.alpha = v & 4 ? 1 : -0.5f;
            check_matmul(dev, d);
        }
    nt_device_free(dev);
}

NT_TEST(a_dense_layer_worked_by_hand)
{
    float x[] = {1, 2}, w[] = {3, 4, 5, 6, -7, -8}, b[] = {10, 20, 0}, y[3], packed[6];
    const float want[] = {21, 37, 0}; /* 1*3+2*4+10, 1*5+2*6+20, max(-7-16, 0) */
    nt_dense_desc d = {.m = 1,
                       .k = 2,
                       .n = 3,
                       .src = NT_F32,
                       .dst = NT_F32,
                       .bias = true,
                       .n_post = 1,
                       .post = {{NT_POST_RELU, 0, 0}}};
    nt_device *dev = portable_device(1);
    nt_dense fwd;

    assert_ok(nt_dense_fwd_new(&fwd, dev, &d, false, e));
    RUN(fwd.pack, w, packed);
    RUN(fwd.run, x, packed, b, y);
    assert_memory_equal(y, want, sizeof y);
    nt_dense_release(&fwd);
    nt_device_free(dev);
}

NT_TEST(sgemm_is_row_major_and_accumulates)
{
    float a[] = {1, 2, 3, 4, 5, 6}, b[] = {1, 0, 0, 1, 1, 1}, c[] = {1, 1, 1, 1};
    const float want[] = {11, 13, 23, 25}; /* 2 A B + 3 C; A B = [4 5; 10 11] */

    nt_sgemm((blas_product){2, 2, 3, .alpha = 2, .beta = 3}, (blas_matrix){a, 3, false},
             (blas_matrix){b, 2, false}, c, 2);
    assert_memory_equal(c, want, sizeof c);
    nt_sgemm((blas_product){1, 1, 2, .alpha = 1}, (blas_matrix){a, 1, true},
             (blas_matrix){b, 2, true}, c, 1);
    assert_float_equal(c[0], 1, 0); /* 1*1 + 2*0 */
}

NT_TEST_MAIN
