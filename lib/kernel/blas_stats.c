/* SPDX-License-Identifier: MIT */
#include "kernel/blas_stats.h"

#include "kernel/blas_prim.h"

static void add_lane(blas_sums *s, const float *a, const float *b, float mean, int64_t n)
{
    double first = 0, second = 0;

    if (b) {
#pragma omp simd reduction(+ : first, second)
        for (int64_t i = 0; i < n; i++) {
            first += a[i];
            second += (double)a[i] * (b[i] - mean);
        }
    } else {
#pragma omp simd reduction(+ : first, second)
        for (int64_t i = 0; i < n; i++) {
            first += a[i];
            second += (double)a[i] * a[i];
        }
    }
    s->first += first;
    s->second += second;
}

static void add_lanes(blas_sums *s, const float *a, const float *b, const float *mean,
                      int64_t rows, int64_t lanes)
{
    double first[BLAS_LANES] = {0}, second[BLAS_LANES] = {0};

    for (int64_t i = 0; i < rows * lanes; i += lanes) {
#pragma omp simd
        for (int64_t l = 0; l < lanes; l++)
            first[l] += a[i + l];
        if (b)
#pragma omp simd
            for (int64_t l = 0; l < lanes; l++)
                second[l] += (double)a[i + l] * (b[i + l] - mean[l]);
        else
#pragma omp simd
            for (int64_t l = 0; l < lanes; l++)
                second[l] += (double)a[i + l] * a[i + l];
    }
    for (int64_t l = 0; l < lanes; l++) {
        s[l].first += first[l];
        s[l].second += second[l];
    }
}

void blas_sums_add(blas_sums *s, const float *a, const float *b, const float *mean,
                   int64_t rows, int64_t lanes)
{
    if (lanes == 1)
        add_lane(s, a, b, b ? *mean : 0, rows);
    else
        add_lanes(s, a, b, mean, rows, lanes);
}

static void affine_lane(float *y, const float *x, int64_t n, float mean, float scale,
                        float shift)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = (x[i] - mean) * scale + shift;
}

static void affine_lanes(float *y, const float *x, int64_t rows, int64_t lanes, blas_affine k)
{
    const float *mean = k.mean, *scale = k.scale, *shift = k.shift;

    for (int64_t i = 0; i < rows; i++, x += lanes, y += lanes) {
#pragma omp simd
        for (int64_t l = 0; l < lanes; l++)
            y[l] = (x[l] - mean[l]) * scale[l] + shift[l];
    }
}

void blas_tile_affine(float *y, const float *x, int64_t rows, int64_t lanes, blas_affine k)
{
    if (lanes == 1)
        affine_lane(y, x, rows, *k.mean, *k.scale, *k.shift);
    else
        affine_lanes(y, x, rows, lanes, k);
}
