/* SPDX-License-Identifier: MIT */
/*
 * kernel_util.h - what the tests of kernels share: tensors in every layout and type, filled and
 * read back by index; devices of both backends; runs with scratch memory.
 */
#ifndef NT_TESTS_UNIT_KERNEL_UTIL_H
#define NT_TESTS_UNIT_KERNEL_UTIL_H

#include "kernel_ref.h"
#include "test.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "kernel/prim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_OF(a) (sizeof(a) / sizeof *(a))

static inline nt_device *new_device(const char *backend, int threads)
{
    nt_device *d = NULL;

    setenv("NT_BACKEND", backend, 1);
    assert_ok(nt_device_new(&d, threads, e));
    return d;
}

static inline int64_t count_of(const nt_desc *d)
{
    int64_t n = 1;

    for (int i = 0; i < d->rank; i++)
        n *= d->dims[i];
    return n;
}

/* Where element number i of the row-major tensor lies in d's own layout. */
static inline int64_t offset_of(const nt_desc *d, int64_t i)
{
    int64_t points = 1, c, p, n, channels, block;
    nt_format f = d->rank < 3 ? NT_FMT_PLAIN : d->fmt;

    if (f == NT_FMT_PLAIN)
        return i;
    for (int k = 2; k < d->rank; k++)
        points *= d->dims[k];
    channels = d->dims[1];
    p = i % points;
    c = i / points % channels;
    n = i / points / channels;
    if (f == NT_FMT_NHWC)
        return (n * points + p) * channels + c;
    block = f == NT_FMT_C8 ? 8 : 16;
    return ((n * ((channels + block - 1) / block) + c / block) * points + p) * block +
           c % block;
}

static inline float load(const nt_desc *d, const void *mem, int64_t at)
{
    return d->dtype == NT_BF16 ? nt_bf16_to_f32(((const uint16_t *)mem)[at])
                               : ((const float *)mem)[at];
}

static inline void store(const nt_desc *d, void *mem, int64_t at, float v)
{
    if (d->dtype == NT_BF16)
        ((uint16_t *)mem)[at] = nt_f32_to_bf16(v);
    else
        ((float *)mem)[at] = v;
}

/* Fresh zeroed memory of d holding the row-major v (or zeros where v is NULL). */
static inline void *pack_tensor(const nt_desc *d, const float *v)
{
    void *mem = nt_calloc(nt_desc_bytes(d), 1);

    assert_non_null(mem);
    for (int64_t i = 0; v && i < count_of(d); i++)
        store(d, mem, offset_of(d, i), v[i]);
    return mem;
}

/* Row-major fp32 of what mem holds; nt_free. */
static inline float *unpack_tensor(const nt_desc *d, const void *mem)
{
    float *v = nt_alloc((size_t)count_of(d), sizeof *v);

    assert_non_null(v);
    for (int64_t i = 0; i < count_of(d); i++)
        v[i] = load(d, mem, offset_of(d, i));
    return v;
}

/* The padding of blocked layouts must stay zero: all elements but the tensor's own. */
static inline void check_padding(const nt_desc *d, const void *mem)
{
    int64_t all = (int64_t)(nt_desc_bytes(d) / nt_dtype_size(d->dtype));
    char *own = nt_calloc((size_t)all, 1);

    for (int64_t i = 0; i < count_of(d); i++)
        own[offset_of(d, i)] = 1;
    for (int64_t i = 0; i < all; i++)
        if (!own[i] && load(d, mem, i) != 0)
            fail_msg("padding at %lld is %g", (long long)i, (double)load(d, mem, i));
    nt_free(own);
}

/* n numbers in [-1, 1), rounded to bf16 where t asks for it; nt_free. */
static inline float *random_row(nt_rng *r, int64_t n, nt_dtype t)
{
    float *v = nt_alloc((size_t)n, sizeof *v);

    assert_non_null(v);
    for (int64_t i = 0; i < n; i++) {
        v[i] = (float)(2 * nt_rng_double(r) - 1);
        if (t == NT_BF16)
            v[i] = nt_bf16_to_f32(nt_f32_to_bf16(v[i]));
    }
    return v;
}

static inline void run_prim(nt_prim *p, void *const *arg)
{
    void *scratch = nt_alloc(nt_prim_scratch(p) + 1, 1);

    assert_non_null(scratch);
    memset(scratch, 0xff, nt_prim_scratch(p));
    assert_ok(nt_prim_run(p, arg, scratch, e));
    nt_free(scratch);
}

/* |got - want| <= tol * size[i] for all i, where size bounds the terms of want's sum; bf16
 * results may also be off by their rounding. */
static inline void check_close(const char *what, const float *got, const double *want,
                               const double *size, int64_t n, nt_dtype t, double tol)
{
    for (int64_t i = 0; i < n; i++) {
        double bound = tol * (size[i] + 1e-3) + (t == NT_BF16 ? fabs(want[i]) / 128 : 0);

        if (!(fabs(got[i] - want[i]) <= bound))
            fail_msg("%s: element %lld is %.8g, want %.8g within %.3g", what, (long long)i,
                     (double)got[i], want[i], bound);
    }
}

/* The same for sums of few terms. */
static inline void check_near(const char *what, const float *got, const double *want, int64_t n,
                              nt_dtype t, double tol)
{
    for (int64_t i = 0; i < n; i++) {
        double bound = tol * (1 + fabs(want[i])) + (t == NT_BF16 ? fabs(want[i]) / 128 : 0);

        if (!(fabs(got[i] - want[i]) <= bound))
            fail_msg("%s: element %lld is %.8g, want %.8g within %.3g", what, (long long)i,
                     (double)got[i], want[i], bound);
    }
}

#endif
