/* SPDX-License-Identifier: MIT */
/* kernel_blas.h - what the tests of the portable kernels share: a device that is forced to
 * OpenBLAS, tensors in any format, and comparison. */
#ifndef NT_TESTS_UNIT_KERNEL_BLAS_H
#define NT_TESTS_UNIT_KERNEL_BLAS_H

#include "kernel_ref.h"
#include "test.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "kernel/prim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline nt_device *device_of(const char *backend, int threads)
{
    nt_device *dev = NULL;

    setenv("NT_BACKEND", backend, 1);
    assert_ok(nt_device_new(&dev, threads, e));
    return dev;
}

static inline nt_device *portable_device(int threads)
{
    nt_device *dev = device_of("openblas", threads);

    assert_string_equal(nt_device_backend(dev), "openblas");
    return dev;
}

/* Numbers in (-1, 1), the same for the same seed. */
static inline float *noise(size_t n, uint64_t seed)
{
    float *p = nt_alloc(n, sizeof *p);
    nt_rng r;

    assert_non_null(p);
    nt_rng_init(&r, seed);
    for (size_t i = 0; i < n; i++)
        p[i] = (float)(2 * nt_rng_double(&r) - 1);
    return p;
}

static inline float *zeros(size_t n)
{
    float *p = nt_calloc(n, sizeof *p);

    assert_non_null(p);
    return p;
}

/* To what bf16 can hold, so that a kernel and its oracle start from the same numbers. */
static inline void round_bf16(float *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = nt_bf16_to_f32(nt_f32_to_bf16(p[i]));
}

static inline size_t count_of(const nt_desc *d)
{
    int64_t n = 0;

    assert_true(nt_shape_count(&n, d->rank, d->dims));
    return (size_t)n;
}

/* Where logical element i (row-major) lies. */
static inline size_t place(const nt_desc *d, size_t i)
{
    size_t c = (size_t)d->dims[1], s = 1, block = d->fmt == NT_FMT_C8 ? 8 : 16, n, ch, p;

    if (d->fmt == NT_FMT_PLAIN || d->rank < 3)
        return i;
    for (int k = 2; k < d->rank; k++)
        s *= (size_t)d->dims[k];
    n = i / (c * s);
    ch = i / s % c;
    p = i % s;
    if (d->fmt == NT_FMT_NHWC)
        return (n * s + p) * c + ch;
    return ((n * ((c + block - 1) / block) + ch / block) * s + p) * block + ch % block;
}

/* Memory of a description that holds the numbers x (row-major). */
static inline void *laid_out(const nt_desc *d, const float *x)
{
    void *y = nt_calloc(nt_desc_bytes(d), 1);

    assert_non_null(y);
    for (size_t i = 0; i < count_of(d); i++)
        if (d->dtype == NT_BF16)
            ((uint16_t *)y)[place(d, i)] = nt_f32_to_bf16(x[i]);
        else
            ((float *)y)[place(d, i)] = x[i];
    return y;
}

/* Memory that a kernel has to fill: all bits set, which is a NaN in both types. */
static inline void *unset(const nt_desc *d)
{
    void *y = nt_alloc(nt_desc_bytes(d), 1);

    assert_non_null(y);
    memset(y, 0xff, nt_desc_bytes(d));
    return y;
}

/* The numbers back in row-major order, and the assertion that padding is zero. */
static inline float *read_back(const nt_desc *d, const void *y)
{
    size_t bytes = nt_desc_bytes(d), n = count_of(d), size = nt_dtype_size(d->dtype);
    float *x = zeros(n);
    uint8_t *rest = nt_alloc(bytes, 1);

    assert_non_null(rest);
    memcpy(rest, y, bytes);
    for (size_t i = 0; i < n; i++) {
        size_t at = place(d, i);

        x[i] = d->dtype == NT_BF16 ? nt_bf16_to_f32(((const uint16_t *)y)[at])
                                   : ((const float *)y)[at];
        memset(rest + at * size, 0, size);
    }
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(rest[i], 0);
    nt_free(rest);
    return x;
}

/* Runs a prim with scratch of exactly its size, filled with NaN. */
static inline void run_prim(nt_prim *p, void *const *arg)
{
    void *scratch = nt_alloc(nt_prim_scratch(p), 1);

    assert_non_null(scratch);
    memset(scratch, 0xff, nt_prim_scratch(p));
    assert_ok(nt_prim_run(p, arg, scratch, e));
    nt_free(scratch);
}

#define RUN(p, ...) run_prim(p, (void *[]){__VA_ARGS__})

/* |got - want| <= atol + rtol |want| everywhere; `what` and the place are told if not. */
static inline void assert_close(const float *got, const float *want, size_t n, double rtol,
                                double atol, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - want[i]) <= atol + rtol * fabs(want[i])))
            fail_msg("%s: element %zu of %zu is %.9g, want %.9g", what, i, n, got[i], want[i]);
}

static inline double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

#endif
