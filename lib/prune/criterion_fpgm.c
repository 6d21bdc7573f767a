/* SPDX-License-Identifier: MIT */
/* fpgm: how far a slice is from the others. What is near them all can be made of them. */
#include "base/alloc.h"
#include "prune/criterion.h"
#include "prune/slices.h"
#include "prune/stored.h"

#include <math.h>
#include <string.h>

static double distance2(const nt_slices *s, int64_t a, int64_t b)
{
    double sum = 0;

    for (int64_t o = 0; o < s->outer; o++) {
        const float *x = s->w + (o * s->n + a) * s->inner;
        const float *y = s->w + (o * s->n + b) * s->inner;

        for (int64_t i = 0; i < s->inner; i++)
            sum += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
    }
    return sum;
}

/* Each pair once. */
static void add_distances(double *out, const nt_slices *s)
{
    memset(out, 0, (size_t)s->n * sizeof *out);
    for (int64_t a = 0; a < s->n; a++) {
        for (int64_t b = a + 1; b < s->n; b++) {
            double d = sqrt(distance2(s, a, b));

            out[a] += d;
            out[b] += d;
        }
    }
}

static nt_status score(double *out, const nt_channel_layer *l, int index, const nt_evidence *v,
                       nt_err *e)
{
    float *w = nt_stored_numbers(l->weight);
    nt_slices s = nt_slices_of(l, w);

    (void)index;
    (void)v;
    if (!w)
        return nt_fail_nomem(e);
    add_distances(out, &s);
    nt_free(w);
    return NT_OK;
}

const nt_criterion nt_criterion_fpgm = {.name = "fpgm", .score = score};
