/* SPDX-License-Identifier: MIT */
/* What the training loop says when numbers are no longer finite, and where that began. */
#include "train/trainer_priv.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

static bool all_finite(const float *v, size_t n)
{
    int bad = 0;

#pragma omp simd reduction(| : bad)
    for (size_t i = 0; i < n; i++)
        bad |= !(fabsf(v[i]) <= FLT_MAX);
    return !bad;
}

static bool has_nan(const float *v, size_t n)
{
    bool nan = false;

    for (size_t i = 0; i < n; i++)
        nan = nan || isnan(v[i]);
    return nan;
}

/* "step 3: <what> not finite, first at layer 'conv1' (NaN) (is a ...)" */
static nt_status fail(const nt_trainer *t, uint64_t step, const char *what, const char *place,
                      nt_err *e)
{
    return nt_fail(e, NT_EFORMAT, "step %llu: %s%s (is a learning rate of %g too high?)",
                   (unsigned long long)step, what, place, t->lr);
}

nt_status nt_trainer_fail_loss(const nt_trainer *t, nt_err *e)
{
    nt_nonfinite f = {0};
    char place[192];

    nt_nonfinite_count(&f, nt_batch_plan_output(t->plan));
    nt_batch_plan_blame(t->plan, &f);
    return fail(t, t->clock.step + 1, "the loss is not finite",
                nt_nonfinite_where(place, sizeof place, &f), e);
}

/* Of parameter q, whose numbers (v: all of them) are not finite. */
static nt_status fail_param(const nt_trainer *t, const nt_param *q, const float *v,
                            uint64_t step, const char *what, nt_err *e)
{
    const nt_value *value = nt_graph_find_value(t->g, q->name);
    nt_nonfinite f = {.n = 1, .nan = has_nan(v + q->offset, q->count)};
    char place[192];

    if (value && value->n_uses)
        nt_layer_name(f.first, sizeof f.first, t->g, value->uses[0].node);
    else
        snprintf(f.first, sizeof f.first, "%s", q->name);
    return fail(t, step, what, nt_nonfinite_where(place, sizeof place, &f), e);
}

nt_status nt_trainer_check_gradient(const nt_trainer *t, nt_err *e)
{
    if (all_finite(t->p->g, t->p->n_w))
        return NT_OK;
    for (int i = t->p->n - 1; i >= 0; i--) {
        const nt_param *q = &t->p->v[i];

        if (!q->is_state && !all_finite(t->p->g + q->offset, q->count))
            return fail_param(t, q, t->p->g, t->clock.step + 1, "the gradient is not finite",
                              e);
    }
    return NT_OK; /* between parameters, which nobody reads */
}

nt_status nt_trainer_check_weights(const nt_trainer *t, nt_err *e)
{
    if (all_finite(t->p->w, t->p->n_w))
        return NT_OK;
    for (int i = 0; i < t->p->n; i++) {
        const nt_param *q = &t->p->v[i];

        if (!q->is_state && !all_finite(t->p->w + q->offset, q->count))
            return fail_param(t, q, t->p->w, t->clock.step, "weights are no longer finite", e);
    }
    return NT_OK;
}
