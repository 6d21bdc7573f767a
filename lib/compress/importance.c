/* SPDX-License-Identifier: MIT */
#include "compress/importance.h"

#include "base/alloc.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

/* The weight seen as [outer][n][inner]: slice k is everything with the middle index k. */
typedef struct slices {
    const float *w;
    int64_t outer, n, inner;
} slices;

static slices slices_of(const nt_channel_layer *l, const float *data)
{
    const nt_tensor *t = l->weight->data;
    slices s = {.w = data, .outer = 1, .n = l->n, .inner = 1};

    for (int i = 0; i < l->axis; i++)
        s.outer *= t->dims[i];
    for (int i = l->axis + 1; i < t->rank; i++)
        s.inner *= t->dims[i];
    return s;
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

static nt_status slim(double *out, const nt_channel_layer *l, nt_err *e)
{
    const nt_value *v = bn_scale(l->node);
    const float *g;

    if (!v)
        return nt_fail(e, NT_EINVAL,
                       "layer '%s': criterion 'slim' needs a BatchNormalization after it",
                       l->name);
    g = v->data->data;
    for (int64_t k = 0; k < l->n; k++)
        out[k] = fabs((double)g[k]);
    return NT_OK;
}

static nt_status layer_scores(double *out, const nt_channel_layer *l, int index,
                              const nt_importance_opts *o, nt_err *e)
{
    slices s = slices_of(l, l->weight->data->data), t;

    switch (o->criterion) {
    case NT_CRIT_FPGM:
        fpgm(out, &s);
        return NT_OK;
    case NT_CRIT_SLIM:
        return slim(out, l, e);
    case NT_CRIT_TAYLOR:
        t = slices_of(l, o->taylor[index]);
        for (int64_t k = 0; k < l->n; k++)
            out[k] = sum_plain(&t, k);
        return NT_OK;
    default:
        for (int64_t k = 0; k < l->n; k++)
            out[k] = o->criterion == NT_CRIT_L1 ? sum_abs(&s, k) : norm2(&s, k);
        return NT_OK;
    }
}

static void random_scores(double *score, int n, uint64_t seed)
{
    nt_rng root, r;

    nt_rng_init(&root, seed);
    r = nt_rng_fork(&root, "prune");
    for (int i = 0; i < n; i++)
        score[i] = nt_rng_double(&r);
}

nt_status nt_importance(double *score, const nt_channels *c, const nt_importance_opts *o,
                        nt_err *e)
{
    nt_status s = NT_OK;
    double *own = NULL;

    memset(score, 0, (size_t)c->n_channels * sizeof *score);
    if (o->criterion == NT_CRIT_RANDOM) {
        random_scores(score, c->n_channels, o->seed);
        return NT_OK;
    }
    for (int i = 0; i < c->n_layers; i++) {
        const nt_channel_layer *l = &c->layers[i];

        if (l->set < 0)
            continue;
        nt_free(own);
        own = nt_calloc((size_t)l->n, sizeof *own);
        if (!own)
            NT_TRY(nt_fail_nomem(e));
        NT_TRY(layer_scores(own, l, i, o, e));
        for (int64_t k = 0; k < l->n; k++) {
            if (l->channel[k] >= 0)
                score[l->channel[k]] += own[k];
        }
    }
done:
    nt_free(own);
    return s;
}
