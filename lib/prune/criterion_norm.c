/* SPDX-License-Identifier: MIT */
/* l1 and l2: the size of a slice. */
#include "base/alloc.h"
#include "prune/criterion.h"
#include "prune/slices.h"
#include "prune/stored.h"

#include <math.h>

static double square(double x)
{
    return x * x;
}

/* end(sum of f over the slice); end NULL: the sum */
static nt_status norm(double *out, const nt_channel_layer *l, double (*f)(double),
                      double (*end)(double), nt_err *e)
{
    float *w = nt_stored_numbers(l->weight);
    nt_slices s = nt_slices_of(l, w);

    if (!w)
        return nt_fail_nomem(e);
    for (int64_t k = 0; k < l->n; k++)
        out[k] = end ? end(nt_slice_sum(&s, k, f)) : nt_slice_sum(&s, k, f);
    nt_free(w);
    return NT_OK;
}

static nt_status l1(double *out, const nt_channel_layer *l, int index, const nt_evidence *v,
                    nt_err *e)
{
    (void)index;
    (void)v;
    return norm(out, l, fabs, NULL, e);
}

static nt_status l2(double *out, const nt_channel_layer *l, int index, const nt_evidence *v,
                    nt_err *e)
{
    (void)index;
    (void)v;
    return norm(out, l, square, sqrt, e);
}

const nt_criterion nt_criterion_l1 = {.name = "l1", .score = l1};
const nt_criterion nt_criterion_l2 = {.name = "l2", .score = l2};
