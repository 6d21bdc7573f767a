/* SPDX-License-Identifier: MIT */
#include "compress/importance.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "compress/stored.h"

#include <math.h>
#include <string.h>

/* Slice k is everything of w that belongs to output k. */
typedef struct slices {
    const float *w;
    int64_t outer, n, inner;
} slices;

static slices slices_of(const nt_channel_layer *l, const float *data)
{
    nt_axis_view v = nt_tensor_axis(l->weight->data, l->axis);

    return (slices){data, v.outer, v.n, v.inner};
}

static double sum_abs(const slices *s, int64_t k)
{
    double sum = 0;

    for (int64_t o = 0; o < s->outer; o++) {
        for (int64_t i = 0; i < s->inner; i++)
            sum += fabs((double)s->w[(o * s->n + k) * s->inner + i]);
    }
    return sum;
}

static double sum_plain(const slices *s, int64_t k)
{
    double sum = 0;

    for (int64_t o = 0; o < s->outer; o++) {
        for (int64_t i = 0; i < s->inner; i++)
            sum += (double)s->w[(o * s->n + k) * s->inner + i];
    }
    return sum;
}

static double distance2(const slices *s, int64_t a, int64_t b)
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

static double norm2(const slices *s, int64_t k)
{
    double sum = 0;

    for (int64_t o = 0; o < s->outer; o++) {
        for (int64_t i = 0; i < s->inner; i++) {
            double v = (double)s->w[(o * s->n + k) * s->inner + i];

            sum += v * v;
        }
    }
    return sqrt(sum);
}

/* Each pair once. */
static void fpgm(double *out, const slices *s)
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

/* The scale of the BatchNormalization that reads the layer's output, or NULL. */
static const nt_value *bn_scale(const nt_node *n)
{
    const nt_value *y = n->out[0];

    for (int i = 0; i < y->n_uses; i++) {
        const nt_node *u = y->uses[i].node;

        if (strcmp(u->op_type, "BatchNormalization") == 0 && u->in[1]->data)
            return u->in[1];
    }
    return NULL;
}

static void slim(double *out, const nt_channel_layer *l)
{
    const nt_value *v = bn_scale(l->node);

    for (int64_t k = 0; k < l->n; k++)
        out[k] = fabs(nt_tensor_get(v->data, k));
}

/* What the layer lacks, or NULL. */
static const char *lacks(const nt_channel_layer *l, int index, const nt_importance_opts *o)
{
    const nt_value *v;

    if (o->criterion == NT_CRIT_TAYLOR)
        return o->taylor[index] ? NULL : "criterion 'taylor' needs a gradient of its weight";
    if (o->criterion != NT_CRIT_SLIM)
        return NULL;
    v = bn_scale(l->node);
    return v && nt_tensor_count(v->data) == l->n
               ? NULL
               : "criterion 'slim' needs a BatchNormalization after it";
}

static nt_status weight_scores(double *out, const nt_channel_layer *l, int index,
                               const nt_importance_opts *o, nt_err *e)
{
    bool taylor = o->criterion == NT_CRIT_TAYLOR;
    float *w = taylor ? NULL : nt_stored_numbers(l->weight);
    slices s = slices_of(l, taylor ? o->taylor[index] : w);

    if (!s.w)
        return nt_fail_nomem(e);
    if (o->criterion == NT_CRIT_FPGM)
        fpgm(out, &s);
    for (int64_t k = 0; k < l->n && o->criterion != NT_CRIT_FPGM; k++)
        out[k] = taylor                       ? sum_plain(&s, k)
                 : o->criterion == NT_CRIT_L1 ? sum_abs(&s, k)
                                              : norm2(&s, k);
    nt_free(w);
    return NT_OK;
}

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

static void random_scores(double *score, int n, uint64_t seed)
{
    nt_rng root, r;

    nt_rng_init(&root, seed);
    r = nt_rng_fork(&root, "prune");
    for (int i = 0; i < n; i++)
        score[i] = nt_rng_double(&r);
}

/* Adds the layer's scores to those of its channels. */
static nt_status add_layer(double *score, const nt_channel_layer *l, int index,
                           const nt_importance_opts *o, nt_err *e)
{
    nt_status s = NT_OK;
    double *own = nt_calloc((size_t)l->n + 1, sizeof *own);

    if (!own)
        return nt_fail_nomem(e);
    if (o->criterion == NT_CRIT_SLIM)
        slim(own, l);
    else
        NT_TRY(weight_scores(own, l, index, o, e));
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
static nt_status pass_over(const nt_channel_layer *l, int index, const char *why,
                           const nt_importance_opts *o, nt_err *e)
{
    if (!o->unscored)
        return nt_fail(e, NT_EINVAL, "layer '%s': %s", l->name, why);
    o->unscored[index] = true;
    nt_str_addf(o->why, "layer '%s': %s\n", l->name, why);
    return o->why->failed ? nt_fail_nomem(e) : NT_OK;
}

nt_status nt_importance(double *score, const nt_channels *c, const nt_importance_opts *o,
                        nt_err *e)
{
    nt_status s = NT_OK;

    memset(score, 0, (size_t)c->n_channels * sizeof *score);
    if (o->criterion == NT_CRIT_RANDOM) {
        random_scores(score, c->n_channels, o->seed);
        return NT_OK;
    }
    for (int i = 0; i < c->n_layers; i++) {
        const nt_channel_layer *l = &c->layers[i];
        const char *why;

        if (l->set < 0 || (o->wanted && !o->wanted[i]))
            continue;
        why = lacks(l, i, o);
        NT_TRY(why ? pass_over(l, i, why, o, e) : add_layer(score, l, i, o, e));
    }
done:
    return s;
}
