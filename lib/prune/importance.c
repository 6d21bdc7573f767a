/* SPDX-License-Identifier: MIT */
#include "prune/importance.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

/* What is no number cannot be ranked. */
static nt_status check_finite(const double *own, const nt_channel_layer *l, nt_err *e)
{
    for (int64_t k = 0; k < l->n; k++) {
        if (!isfinite(own[k]))
            return nt_fail(e, NT_EINVAL, "layer '%s': the score of output %lld is not finite",
                           l->name, (long long)k);
    }
    return NT_OK;
}

/* Adds the layer's scores to those of its channels. */
static nt_status add_layer(double *score, const nt_channel_layer *l, int index,
                           const nt_criterion *by, const nt_evidence *v, nt_err *e)
{
    nt_status s = NT_OK;
    double *own = nt_calloc((size_t)l->n + 1, sizeof *own);

    if (!own)
        return nt_fail_nomem(e);
    NT_TRY(by->score(own, l, index, v, e));
    NT_TRY(check_finite(own, l, e));
    for (int64_t k = 0; k < l->n; k++) {
        if (l->channel[k] >= 0)
            score[l->channel[k]] += own[k];
    }
done:
    nt_free(own);
    return s;
}

/* Says what the layer lacks. */
static nt_status pass_over(const nt_channel_layer *l, int index, const nt_criterion *by,
                           const char *lacks, const nt_importance_opts *o, nt_err *e)
{
    if (!o->unscored)
        return nt_fail(e, NT_EINVAL, "layer '%s': criterion '%s' needs %s", l->name, by->name,
                       lacks);
    o->unscored[index] = true;
    nt_str_addf(o->why, "layer '%s': criterion '%s' needs %s\n", l->name, by->name, lacks);
    return o->why->failed ? nt_fail_nomem(e) : NT_OK;
}

nt_status nt_importance(double *score, const nt_channels *c, const nt_importance_opts *o,
                        nt_err *e)
{
    const nt_criterion *by = o->criterion ? o->criterion : nt_criterion_at(0);
    nt_status s = NT_OK;

    memset(score, 0, (size_t)c->n_channels * sizeof *score);
    if (by->score_all) {
        by->score_all(score, c->n_channels, &o->evidence);
        return NT_OK;
    }
    for (int i = 0; i < c->n_layers; i++) {
        const nt_channel_layer *l = &c->layers[i];
        const char *lacks;

        if (l->set < 0 || (o->wanted && !o->wanted[i]))
            continue;
        lacks = by->lacks ? by->lacks(l, i, &o->evidence) : NULL;
        NT_TRY(lacks ? pass_over(l, i, by, lacks, o, e)
                     : add_layer(score, l, i, by, &o->evidence, e));
    }
done:
    return s;
}
