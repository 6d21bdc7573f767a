/* SPDX-License-Identifier: MIT */
#include "op/fft.h"

#include "base/alloc.h"

#include <math.h>

#define PI 3.14159265358979323846

struct nt_fft {
    int64_t n;
    nt_complex *root; /* exp(-+ 2 pi i j / n) for j < n */
    nt_complex *part; /* n numbers of scratch */
};

static nt_complex add(nt_complex a, nt_complex b)
{
    return (nt_complex){a.re + b.re, a.im + b.im};
}

static nt_complex mul(nt_complex a, nt_complex b)
{
    return (nt_complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

nt_status nt_fft_new(nt_fft **out, int64_t n, bool inverse, nt_err *e)
{
    nt_status s = NT_OK;
    nt_fft *f = nt_calloc(1, sizeof *f);

    if (!f)
        return nt_fail_nomem(e);
    f->n = n;
    f->root = nt_alloc((size_t)n, sizeof *f->root);
    f->part = nt_alloc((size_t)n, sizeof *f->part);
    if (!f->root || !f->part)
        NT_TRY(nt_fail_nomem(e));
    for (int64_t j = 0; j < n; j++) {
        double a = 2 * PI * (double)j / (double)n;

        f->root[j] = (nt_complex){cos(a), inverse ? sin(a) : -sin(a)};
    }
    *out = f;
    f = NULL;
done:
    nt_fft_free(f);
    return s;
}

void nt_fft_free(nt_fft *f)
{
    if (!f)
        return;
    nt_free(f->root);
    nt_free(f->part);
    nt_free(f);
}

static int64_t smallest_factor(int64_t n)
{
    for (int64_t p = 2; p * p <= n; p++)
        if (n % p == 0)
            return p;
    return n;
}

/* y[r m + k] = sum over q < p of root(n)^(q (r m + k)) y[q m + k] */
static void combine(nt_fft *f, nt_complex *y, int64_t n, int64_t p)
{
    int64_t m = n / p, step = f->n / n;

    for (int64_t k = 0; k < m; k++) {
        for (int64_t q = 0; q < p; q++)
            f->part[q] = mul(y[q * m + k], f->root[q * k * step]);
        for (int64_t r = 0; r < p; r++) {
            nt_complex sum = {0, 0};

            for (int64_t q = 0, at = 0; q < p; q++, at = (at + r) % p)
                sum = add(sum, mul(f->part[q], f->root[at * m * step]));
            y[r * m + k] = sum;
        }
    }
}

/* Of x[0], x[stride], ...: the transforms of its p sub-sequences, put together. */
static void transform(nt_fft *f, nt_complex *y, const nt_complex *x, int64_t n, int64_t stride)
{
    int64_t p;

    if (n == 1) {
        y[0] = x[0];
        return;
    }
    p = smallest_factor(n);
    for (int64_t q = 0; q < p; q++)
        transform(f, y + q * (n / p), x + q * stride, n / p, stride * p);
    combine(f, y, n, p);
}

void nt_fft_run(nt_fft *f, nt_complex *y, const nt_complex *x)
{
    transform(f, y, x, f->n, 1);
}
