/* SPDX-License-Identifier: MIT */
/*
 * The hot ones are compiled for several instruction sets, and the loader picks: there is no
 * contraction and no reordering in them but in dot and sum, so that all give the same bits
 * where it matters.
 */
#include "kernel/blas_row.h"

#include "kernel/clones.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

static inline float bits_to_float(uint32_t u)
{
    float f;

    memcpy(&f, &u, sizeof f);
    return f;
}

static inline uint32_t float_to_bits(float f)
{
    uint32_t u;

    memcpy(&u, &f, sizeof u);
    return u;
}

CLONES static void load_bf16(float *restrict y, int64_t ldy, const uint16_t *restrict x,
                             int64_t ldx, int64_t rows, int64_t n)
{
    for (; rows > 0; rows--, y += ldy, x += ldx) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            y[i] = bits_to_float((uint32_t)x[i] << 16);
    }
}

/* As nt_f32_to_bf16, in a form that vectorises. */
CLONES static void store_bf16(uint16_t *restrict y, int64_t ldy, const float *restrict x,
                              int64_t ldx, int64_t rows, int64_t n)
{
    for (; rows > 0; rows--, y += ldy, x += ldx) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            uint32_t u = float_to_bits(x[i]);
            uint32_t rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16;

            y[i] = (uint16_t)((u & 0x7fffffff) > 0x7f800000 ? u >> 16 | 0x40 : rounded);
        }
    }
}

static void copy(float *y, int64_t ldy, const float *x, int64_t ldx, int64_t rows, int64_t n)
{
    for (; rows > 0; rows--, y += ldy, x += ldx)
        memcpy(y, x, (size_t)n * sizeof *y);
}

void blas_rows_load(float *y, int64_t ldy, const void *x, blas_rows r)
{
    if (r.t == NT_BF16)
        load_bf16(y, ldy, x, r.ld, r.rows, r.n);
    else
        copy(y, ldy, x, r.ld, r.rows, r.n);
}

void blas_rows_store(void *y, blas_rows r, const float *x, int64_t ldx)
{
    if (r.t == NT_BF16)
        store_bf16(y, r.ld, x, ldx, r.rows, r.n);
    else
        copy(y, r.ld, x, ldx, r.rows, r.n);
}

void blas_row_load(float *y, const void *x, nt_dtype t, int64_t n)
{
    blas_rows_load(y, n, x, (blas_rows){t, n, 1, n});
}

void blas_row_store(void *y, nt_dtype t, const float *x, int64_t n)
{
    blas_rows_store(y, (blas_rows){t, n, 1, n}, x, n);
}

CLONES void blas_row_add(float *y, const float *a, const float *b, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

CLONES void blas_row_axpy(float *y, float a, const float *x, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

CLONES float blas_row_dot(const float *x, const float *y, int64_t n)
{
    float sum = 0;

#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

CLONES bool blas_row_below_infinity(const float *x, int64_t n)
{
    int above = 0;

#pragma omp simd reduction(| : above)
    for (int64_t i = 0; i < n; i++)
        above |= !(x[i] <= FLT_MAX);
    return !above;
}

CLONES double blas_row_sum(const float *x, int64_t n)
{
    double sum = 0;

#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

/* A NaN stays one, which `x > 0 ? x : 0` would hide. */
CLONES static void relu(float *v, int64_t n, float alpha)
{
    if (alpha == 0) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            v[i] = v[i] <= 0 ? 0 : v[i];
    } else {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            float k = v[i] > 0 ? 1 : alpha;

            v[i] = k * v[i];
        }
    }
}

/* The upper bound wins where they cross, as the formula says. */
static inline float clip(float x, float lo, float hi)
{
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}

/* bf16 that are no NaN are in order as their bits are: below 0 from 0x8000 to 0xff80, up to
 * infinity at 0x7f80. hi > 0 */
CLONES static void clip_from_0(uint16_t *y, const uint16_t *x, int64_t n, float hi)
{
    uint16_t most = (uint16_t)(float_to_bits(hi) >> 16), high = nt_f32_to_bf16(hi);

#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        uint16_t v = x[i] >= 0x8000 && x[i] <= 0xff80 ? 0 : x[i];

        y[i] = v > most && v <= 0x7f80 ? high : v;
    }
}

/* The upper bound wins where they cross. */
CLONES void blas_row_clip_bf16(uint16_t *y, const uint16_t *x, int64_t n, float lo, float hi)
{
    uint16_t low = nt_f32_to_bf16(lo < hi ? lo : hi), high = nt_f32_to_bf16(hi);

    if (lo == 0 && hi > 0) {
        clip_from_0(y, x, n, hi);
        return;
    }
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float v = bits_to_float((uint32_t)x[i] << 16);

        y[i] = v > hi ? high : v < lo ? low : x[i];
    }
}

CLONES static void clip_row(float *v, int64_t n, float lo, float hi)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        v[i] = clip(v[i], lo, hi);
}

static inline float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

/* The standard normal's distribution function. */
static inline float normal_cdf(float x)
{
    return 0.5f * (1 + erff(x * 0.70710678f));
}

#define ROOT_2_BY_PI 0.79788456f

/* tanh(sqrt(2 / pi) (x + 0.044715 x^3)), which erf(x / sqrt(2)) is close to. */
static inline float near_erf(float x)
{
    return tanhf(ROOT_2_BY_PI * (x + 0.044715f * x * x * x));
}

/* tanh(log(1 + e)) for e = exp(x) is e (e + 2) / (e (e + 2) + 2), and 1 from x = 20 on. */
static inline float tanh_softplus(float x)
{
    float e = expf(x < 20 ? x : 20), f = e * (e + 2);

    return f / (f + 2);
}

static void transcendental(float *v, int64_t n, const nt_post *p)
{
    for (int64_t i = 0; i < n; i++)
        switch (p->kind) {
        case NT_POST_SIGMOID:
            v[i] = sigmoid(v[i]);
            break;
        case NT_POST_TANH:
            v[i] = tanhf(v[i]);
            break;
        case NT_POST_SWISH:
            v[i] = v[i] * sigmoid(p->alpha * v[i]);
            break;
        case NT_POST_GELU_TANH:
            v[i] = 0.5f * v[i] * (1 + near_erf(v[i]));
            break;
        case NT_POST_ELU:
            v[i] = v[i] > 0 ? v[i] : p->alpha * expm1f(v[i]);
            break;
        case NT_POST_MISH:
            v[i] = v[i] * tanh_softplus(v[i]);
            break;
        default:
            assert(p->kind == NT_POST_GELU);
            v[i] = v[i] * normal_cdf(v[i]);
        }
}

CLONES static void hard_sigmoid(float *v, int64_t n, float alpha, float beta)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        v[i] = clip(alpha * v[i] + beta, 0, 1);
}

CLONES static void hard_swish(float *v, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        v[i] = v[i] * clip(v[i] / 6 + 0.5f, 0, 1);
}

CLONES static void linear(float *v, int64_t n, float alpha, float beta)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        v[i] = alpha * v[i] + beta;
}

void blas_row_post(float *v, int64_t n, const nt_post *p)
{
    switch (p->kind) {
    case NT_POST_RELU:
        relu(v, n, p->alpha);
        break;
    case NT_POST_CLIP:
        clip_row(v, n, p->alpha, p->beta);
        break;
    case NT_POST_HARDSIGMOID:
        hard_sigmoid(v, n, p->alpha, p->beta);
        break;
    case NT_POST_HARDSWISH:
        hard_swish(v, n);
        break;
    case NT_POST_LINEAR:
        linear(v, n, p->alpha, p->beta);
        break;
    default:
        transcendental(v, n, p);
    }
}

/* post'(x) of the smooth kinds. */
static float slope(float x, const nt_post *p)
{
    float s;

    switch (p->kind) {
    case NT_POST_SIGMOID:
        s = sigmoid(x);
        return s * (1 - s);
    case NT_POST_TANH:
        s = tanhf(x);
        return 1 - s * s;
    case NT_POST_SWISH:
        s = sigmoid(p->alpha * x);
        return s + p->alpha * x * s * (1 - s);
    case NT_POST_GELU_TANH:
        s = near_erf(x);
        return 0.5f * (1 + s) +
               0.5f * x * (1 - s * s) * ROOT_2_BY_PI * (1 + 3 * 0.044715f * x * x);
    case NT_POST_ELU:
        return x > 0 ? 1 : p->alpha * expf(x);
    case NT_POST_MISH:
        s = tanh_softplus(x);
        return s + x * (1 - s * s) * sigmoid(x);
    case NT_POST_LINEAR:
        return p->alpha;
    default:
        assert(p->kind == NT_POST_GELU); /* Phi(x) + x phi(x) */
        return normal_cdf(x) + x * 0.39894228f * expf(-0.5f * x * x);
    }
}

/* A factor is chosen, not a result, which gcc would make a branch of. */
CLONES static void relu_bwd(float *dx, const float *x, const float *dy, int64_t n, float alpha)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float k = x[i] > 0 ? 1 : alpha;

        dx[i] = k * dy[i];
    }
}

/* dy where lo <= x <= hi, else 0. */
CLONES static void inside_bwd(float *dx, const float *x, const float *dy, int64_t n, float lo,
                              float hi)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float v = dy[i];

        v = x[i] >= lo ? v : 0;
        dx[i] = x[i] <= hi ? v : 0;
    }
}

static float hard_slope(float x, const nt_post *p)
{
    if (p->kind == NT_POST_HARDSWISH)
        return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5f;
    x = p->alpha * x + p->beta;
    return x > 0 && x < 1 ? p->alpha : 0;
}

void blas_row_post_bwd(float *dx, const float *x, const float *dy, int64_t n, const nt_post *p)
{
    switch (p->kind) {
    case NT_POST_RELU:
        relu_bwd(dx, x, dy, n, p->alpha);
        break;
    case NT_POST_CLIP:
        inside_bwd(dx, x, dy, n, p->alpha, p->beta);
        break;
    case NT_POST_HARDSIGMOID:
    case NT_POST_HARDSWISH:
        for (int64_t i = 0; i < n; i++)
            dx[i] = dy[i] * hard_slope(x[i], p);
        break;
    default:
        for (int64_t i = 0; i < n; i++)
            dx[i] = dy[i] * slope(x[i], p);
    }
}

bool blas_has_sum(const nt_post *post, int n_post)
{
    for (int i = 0; i < n_post; i++)
        if (post[i].kind == NT_POST_SUM)
            return true;
    return false;
}

static void add_bias(float *v, int64_t n, const float *bias, int step)
{
    if (step) {
        blas_row_add(v, v, bias, n);
        return;
    }
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        v[i] += *bias;
}

/* v += y's old value, through a small buffer when that is bf16. */
static void add_old(float *v, const void *y, nt_dtype t, int64_t n)
{
    float buf[256];

    if (t == NT_F32) {
        blas_row_add(v, v, y, n);
        return;
    }
    for (int64_t i = 0; i < n; i += 256) {
        int64_t part = n - i < 256 ? n - i : 256;

        blas_row_load(buf, (const uint16_t *)y + i, t, part);
        blas_row_add(v + i, v + i, buf, part);
    }
}

void blas_row_finish(void *y, float *v, int64_t n, const float *bias, int bias_step,
                     const blas_finish *f)
{
    if (bias)
        add_bias(v, n, bias, bias_step);
    for (int i = 0; i < f->n_post; i++)
        if (f->post[i].kind == NT_POST_SUM)
            add_old(v, y, f->dst, n);
        else
            blas_row_post(v, n, &f->post[i]);
    if (y != v)
        blas_row_store(y, f->dst, v, n);
}
