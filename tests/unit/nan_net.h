/* SPDX-License-Identifier: MIT */
/*
 * nan_net.h - what a NaN has to reach. An element of the input is put to numbers far apart, one
 * after the other; the outputs that differ then depend on it, and these, all of them and no
 * others, must be NaN where it is NaN. So nothing has to be known of the operator, and the
 * network beside it tells where the NaN may not come.
 */
#ifndef NT_TESTS_UNIT_NAN_NET_H
#define NT_TESTS_UNIT_NAN_NET_H

#include "base/alloc.h"
#include "exec/plan.h"
#include "facet/op.h"
#include "graph/graph.h"

#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct nan_run {
    nt_plan *plan;
    const char *what; /* for messages */
    double tol;       /* of what is not reached */
} nan_run;

/* Backends, precisions and whether the planner fuses; how many there are. */
typedef struct nan_way {
    const char *backend;
    nt_dtype compute;
    bool no_fusion;
    int threads;
} nan_way;

static const nan_way nan_ways[] = {
    {"onednn", NT_F32, false, 1},    {"onednn", NT_F32, false, 3},
    {"onednn", NT_F32, true, 1},     {"onednn", NT_BF16, false, 1},
    {"onednn", NT_BF16, false, 3},   {"onednn", NT_BF16, true, 1},
    {"openblas", NT_F32, false, 1},  {"openblas", NT_F32, true, 1},
    {"openblas", NT_BF16, false, 1},
};
enum { NAN_WAYS = sizeof nan_ways / sizeof *nan_ways };

static inline nt_device *nan_device(const nan_way *w)
{
    nt_device *dev = NULL;

    setenv("NT_BACKEND", w->backend, 1);
    assert_ok(nt_device_new(&dev, w->threads, e));
    return dev;
}

/* Positive numbers near 1: every operator's domain, and no product that vanishes. */
static inline float nan_ordinary(int64_t i)
{
    return 0.5F + (float)(i * 7 % 13) / 16;
}

/* The output, owned, of a run where element `at` of the input is v. */
static inline nt_tensor *nan_output(const nan_run *r, int64_t at, float v)
{
    nt_tensor *x = nt_plan_input(r->plan, 0), *y = NULL;

    for (int64_t i = 0; i < nt_tensor_count(x); i++)
        nt_tensor_set(x, i, i == at ? v : nan_ordinary(i));
    assert_ok(nt_plan_forward(r->plan, e));
    assert_ok(nt_tensor_dup(&y, nt_plan_output(r->plan, 0), e));
    return y;
}

/* A NaN equals a NaN, and what is rounded otherwise its like. */
static inline bool nan_differ(double a, double b, double tol)
{
    if (isnan(a) || isnan(b))
        return isnan(a) != isnan(b);
    return a != b && !(fabs(a - b) <= tol * (fabs(a) + fabs(b)));
}

/* depends[i]: does the output's element i depend on the input's element `at`? */
static inline bool *nan_dependents(const nan_run *r, int64_t at)
{
    static const float far_apart[] = {1000, -1000, 0.25F};
    nt_tensor *y = nan_output(r, at, nan_ordinary(at));
    bool *depends = nt_calloc((size_t)nt_tensor_count(y) + 1, sizeof *depends);

    assert_non_null(depends);
    for (size_t k = 0; k < sizeof far_apart / sizeof *far_apart; k++) {
        nt_tensor *z = nan_output(r, at, far_apart[k]);

        for (int64_t i = 0; i < nt_tensor_count(y); i++)
            depends[i] =
                depends[i] || nan_differ(nt_tensor_get(y, i), nt_tensor_get(z, i), 1e-3);
        nt_tensor_free(z);
    }
    nt_tensor_free(y);
    return depends;
}

/* Where `depends`, the output is `want`; elsewhere what it is without. */
static inline void nan_check(const nan_run *r, int64_t at, float v, float want,
                             const bool *depends)
{
    nt_tensor *plain = nan_output(r, at, nan_ordinary(at)), *y = nan_output(r, at, v);

    for (int64_t i = 0; i < nt_tensor_count(y); i++) {
        double got = nt_tensor_get(y, i), right = depends[i] ? want : nt_tensor_get(plain, i);

        if (nan_differ(got, right, r->tol))
            fail_msg("%s: %g at %lld: output %lld is %g, want %g", r->what, (double)v,
                     (long long)at, (long long)i, got, right);
    }
    nt_tensor_free(plain);
    nt_tensor_free(y);
}

/* The first element, one in a vector's body, the last. */
static inline int64_t nan_place(const nan_run *r, int i)
{
    int64_t n = nt_tensor_count(nt_plan_input(r->plan, 0));

    return i == 0 ? 0 : i == 1 ? n / 2 : n - 1;
}

#endif
