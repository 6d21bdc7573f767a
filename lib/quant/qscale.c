/* SPDX-License-Identifier: MIT */
#include "quant/qscale.h"

#include "base/alloc.h"
#include "op/qfake.h"

#include <math.h>
#include <string.h>

enum { STEPS = 80, FEWEST = 16 }; /* shares of the extremes: 80/80 down to 16/80 */

/* n numbers in a row. */
typedef struct row {
    const float *x;
    int64_t n;
} row;

static nt_range extremes(row w)
{
    nt_range r = {0, 0};

    for (int64_t i = 0; i < w.n; i++) {
        r.lo = w.x[i] < r.lo ? w.x[i] : r.lo;
        r.hi = w.x[i] > r.hi ? w.x[i] : r.hi;
    }
    return r;
}

static double squared_error(row w, nt_qpair p, nt_codes codes)
{
    nt_qfake q = {p.scale, (float)(codes.lo - p.zero), (float)(codes.hi - p.zero)};

    return nt_qfake_error(w.x, w.n, &q);
}

static nt_qpair mean_magnitude(row w)
{
    double sum = 0;

    for (int64_t i = 0; i < w.n; i++)
        sum += fabsf(w.x[i]);
    return (nt_qpair){sum > 0 ? (float)(sum / (double)w.n) : 1, 0};
}

static nt_qpair best_pair(row w, const nt_qtarget *t, bool mse)
{
    nt_codes codes = nt_qtarget_codes(t);
    nt_range all = extremes(w);
    nt_qpair best = nt_range_pair(all, codes);
    double least;

    if (t->bits == 1)
        return mean_magnitude(w);
    if (!mse || t->odd || all.lo == all.hi)
        return best;
    least = squared_error(w, best, codes);
    for (int k = STEPS - 1; k >= FEWEST; k--) {
        float share = (float)k / STEPS;
        nt_qpair p = nt_range_pair((nt_range){all.lo * share, all.hi * share}, codes);
        double err = squared_error(w, p, codes);

        if (err < least) {
            least = err;
            best = p;
        }
    }
    return best;
}

/* Channel k of the axis, one after another, into x. */
static row gather(float *x, const nt_tensor *w, nt_axis_view v, int64_t k)
{
    const float *from = w->data;

    for (int64_t o = 0; o < v.outer; o++)
        memcpy(x + o * v.inner, from + (o * v.n + k) * v.inner, (size_t)v.inner * sizeof *x);
    return (row){x, v.outer * v.inner};
}

nt_status nt_qscale_weight(nt_qpairs *out, const nt_tensor *w, int axis, const nt_qtarget *t,
                           bool mse, nt_err *e)
{
    nt_axis_view v = nt_tensor_axis(w, axis);
    row all = {w->data, v.outer * v.n * v.inner};
    float *x = NULL;
    nt_status s = NT_OK;

    *out = (nt_qpairs){.n = t->per_channel ? v.n : 1, .axis = axis};
    if (w->dtype != NT_F32)
        return nt_fail(e, NT_EUNSUPPORTED, "weights of type %s cannot be quantized",
                       nt_dtype_name(w->dtype));
    out->pair = nt_alloc((size_t)out->n + 1, sizeof *out->pair);
    x = nt_alloc((size_t)(v.outer * v.inner) + 1, sizeof *x);
    if (!out->pair || !x)
        NT_TRY(nt_fail_nomem(e));
    for (int64_t k = 0; k < out->n; k++)
        out->pair[k] = best_pair(t->per_channel ? gather(x, w, v, k) : all, t, mse);
done:
    nt_free(x);
    return s;
}

void nt_qpairs_release(nt_qpairs *p)
{
    nt_free(p->pair);
    *p = (nt_qpairs){0};
}
