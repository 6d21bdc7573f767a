/* SPDX-License-Identifier: MIT */
#include "compress/sensitivity.h"

#include "base/alloc.h"
#include "compress/gradients.h"
#include "compress/qdq.h"
#include "compress/qscale.h"
#include "train/batch_plan.h"
#include "train/logits.h"
#include "train/loss.h"

#include <math.h>
#include <string.h>

enum { BATCH = 32 };

struct nt_sensitivity {
    nt_graph *g; /* gives logits; its constants are the caller's */
    nt_device *dev;
    nt_split *split;
    nt_ptq_opts o;
    nt_qspec *all;    /* of g: what was looked at */
    nt_qpoints *seen; /* of all */
    float *x, *y;     /* samples [n][c][h][w], and what the network says [n][classes] */
    int64_t n, batch, chw[3], classes;
    float **fisher; /* by layer with a weight, a number per element; NULL: not asked for yet */
};

/* ---- samples */

static int64_t sample_size(const nt_sensitivity *m)
{
    return m->chw[0] * m->chw[1] * m->chw[2];
}

static nt_status read_batches(nt_sensitivity *m, nt_loader *l, nt_err *e)
{
    size_t most = nt_loader_batches(l) * (size_t)m->batch, size = (size_t)sample_size(m);
    nt_status s = NT_OK;
    const nt_batch *b = NULL;

    m->x = nt_alloc(most, size * sizeof *m->x);
    if (!m->x)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_loader_start(l, 0, 0, e));
    for (;;) {
        NT_TRY(nt_loader_next(l, &b, e));
        if (!b)
            break;
        memcpy(m->x + (size_t)m->n * size, b->x, (size_t)b->n * size * sizeof *m->x);
        m->n += b->n;
    }
    if (m->n == 0)
        NT_TRY(nt_fail(e, NT_EINVAL, "the split has no samples"));
done:
    return s;
}

static nt_status read_samples(nt_sensitivity *m, nt_err *e)
{
    nt_loader_opts lo = {.batch_size = m->batch,
                         .shuffle = 1,
                         .workers = 1,
                         .seed = m->o.seed,
                         .limit = m->o.samples};
    nt_loader *l = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_loader_new(&l, m->split, &lo, e));
    nt_loader_shape(l, m->chw);
    NT_TRY(read_batches(m, l, e));
done:
    nt_loader_free(l);
    return s;
}

/* What g says to each sample; nt_free. */
static nt_status answers(float **out, nt_sensitivity *m, const nt_graph *g, nt_err *e)
{
    int64_t batch = m->n < m->batch ? m->n : m->batch, k;
    nt_batch_plan *bp = NULL;
    nt_plan *plan = NULL;
    float *y = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_batch_plan_new(&bp, g, m->dev, &(nt_plan_opts){0}, batch, m->chw, e));
    k = m->classes = nt_batch_plan_classes(bp);
    y = nt_alloc((size_t)m->n, (size_t)k * sizeof *y);
    if (!y)
        NT_TRY(nt_fail_nomem(e));
    for (int64_t at = 0, n; at < m->n; at += n) {
        nt_batch_in in = {.x = m->x + at * sample_size(m)};

        in.n = n = m->n - at < batch ? m->n - at : batch;
        NT_TRY(nt_batch_plan_forward(bp, &in, &plan, e));
        memcpy(y + at * k, nt_batch_plan_output(bp)->data, (size_t)(n * k) * sizeof *y);
    }
    *out = y;
    y = NULL;
done:
    nt_batch_plan_free(bp);
    nt_free(y);
    return s;
}

/* ---- the network, and what its activations look like */

/* Every input of a layer with a weight; the bits do not matter. */
static nt_status look(nt_sensitivity *m, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_qspec_new(&m->all, m->g, e));
    for (int i = 0; i < m->all->n; i++)
        if (m->all->layers[i].index >= 0)
            m->all->layers[i].input = nt_qtarget_input(8);
    NT_TRY(nt_ptq_observe(&m->seen, m->g, m->all, m->dev, m->split, &m->o, e));
done:
    return s;
}

nt_status nt_sensitivity_new(nt_sensitivity **out, const nt_graph *g, nt_device *dev,
                             nt_split *split, const nt_ptq_opts *o, nt_err *e)
{
    nt_sensitivity *m = nt_calloc(1, sizeof *m);
    nt_status s = NT_OK;

    *out = NULL;
    if (!m)
        return nt_fail_nomem(e);
    m->dev = dev;
    m->split = split;
    m->o = *o;
    m->o.train = NULL;
    m->o.rounding = NT_ROUND_NEAREST; /* a learned one takes too long */
    m->batch = o->batch_size ? o->batch_size : BATCH;
    NT_TRY(nt_logits_graph(&m->g, g, e));
    NT_TRY(nt_graph_bind(m->g, g->ops, e));
    NT_TRY(read_samples(m, e));
    NT_TRY(answers(&m->y, m, m->g, e));
    NT_TRY(look(m, e));
    *out = m;
    m = NULL;
done:
    nt_sensitivity_free(m);
    return s;
}

void nt_sensitivity_free(nt_sensitivity *m)
{
    if (!m)
        return;
    for (int i = 0; m->fisher && i < m->all->n_weighted; i++)
        nt_free(m->fisher[i]);
    nt_free(m->fisher);
    nt_qpoints_free(m->seen);
    nt_qspec_free(m->all);
    nt_graph_free(m->g);
    nt_free(m->x);
    nt_free(m->y);
    nt_free(m);
}

static nt_qlayer *layer_of(nt_qspec *q, int index)
{
    for (int i = 0; i < q->n; i++)
        if (q->layers[i].index == index)
            return &q->layers[i];
    return NULL;
}

/* ---- divergence */

/* A copy of the network with this layer alone quantized. */
static nt_status quantize_one(nt_graph **out, nt_sensitivity *m, const nt_qlayer *l, nt_err *e)
{
    nt_ptq_opts o = m->o;
    nt_qspec *q = NULL;
    cJSON *record = NULL;
    nt_qlayer *own;
    nt_status s = NT_OK;

    NT_TRY(nt_graph_dup(out, m->g, false, e));
    NT_TRY(nt_graph_bind(*out, m->g->ops, e));
    NT_TRY(nt_qspec_new(&q, *out, e));
    own = layer_of(q, l->index);
    own->weight = l->weight;
    own->input = l->input;
    o.seen = m->seen;
    NT_TRY(nt_ptq(&record, *out, q, m->dev, m->split, &o, e));
done:
    nt_json_free(record);
    nt_qspec_free(q);
    return s;
}

nt_status nt_sensitivity_kl(double *out, nt_sensitivity *m, const nt_qlayer *l, nt_err *e)
{
    nt_graph *g = NULL;
    float *y = NULL;
    nt_status s = NT_OK;

    *out = 0;
    if (!l->weight.bits && !l->input.bits)
        return NT_OK;
    NT_TRY(quantize_one(&g, m, l, e));
    NT_TRY(answers(&y, m, g, e));
    *out = nt_loss_distill(NULL, y, m->y, m->n, m->classes, 1, 1);
    if (!isfinite(*out))
        NT_TRY(nt_fail(e, NT_EFORMAT, "layer '%s': the network's outputs are not finite",
                       l->name));
    *out = *out > 0 ? *out : 0; /* rounding may leave it a hair below */
done:
    nt_free(y);
    nt_graph_free(g);
    return s;
}

/* ---- Fisher information */

typedef struct fisher_sums {
    nt_sensitivity *m;
    int64_t batches;
} fisher_sums;

static void add_squares(void *ctx, const nt_params *p, int64_t n)
{
    fisher_sums *f = ctx;

    f->batches++;
    for (int i = 0; i < f->m->all->n_weighted; i++) {
        const nt_value *w = nt_layer_weight(layer_of(f->m->all, i)->node);
        const nt_param *q = nt_params_find(p, w->name);

        for (size_t k = 0; q && k < q->count; k++) {
            float g = p->g[q->offset + k];

            f->m->fisher[i][k] += (float)n * g * g;
        }
    }
}

static nt_status find_fisher(nt_sensitivity *m, nt_err *e)
{
    fisher_sums f = {.m = m};
    nt_gradients_opts go = {.batch_size = m->n < m->batch ? m->n : m->batch,
                            .seed = m->o.seed,
                            .who = "the Fisher information"};
    nt_status s = NT_OK;

    m->fisher = nt_calloc((size_t)m->all->n_weighted + 1, sizeof *m->fisher);
    if (!m->fisher)
        return nt_fail_nomem(e);
    for (int i = 0; i < m->all->n_weighted; i++) {
        const nt_value *w = nt_layer_weight(layer_of(m->all, i)->node);

        m->fisher[i] = nt_calloc((size_t)nt_tensor_count(w->data) + 1, sizeof **m->fisher);
        if (!m->fisher[i])
            return nt_fail_nomem(e);
    }
    go.batches = m->n / go.batch_size;
    NT_TRY(nt_gradients_each(m->g, m->dev, m->split, &go, add_squares, &f, e));
    for (int i = 0; i < m->all->n_weighted; i++) {
        int64_t n = nt_tensor_count(nt_layer_weight(layer_of(m->all, i)->node)->data);

        for (int64_t k = 0; k < n; k++)
            m->fisher[i][k] /= (float)f.batches;
    }
done:
    return s;
}

nt_status nt_sensitivity_fisher(double *out, nt_sensitivity *m, const nt_qlayer *l, nt_err *e)
{
    const nt_node *n = layer_of(m->all, l->index)->node;
    const nt_tensor *w = nt_layer_weight(n)->data;
    nt_axis_view v = nt_tensor_axis(w, nt_qdq_weight_axis(n));
    nt_qpairs q = {0};
    double sum = 0;
    nt_status s = NT_OK;

    *out = 0;
    if (!l->weight.bits)
        return NT_OK;
    if (!m->fisher)
        NT_TRY(find_fisher(m, e));
    NT_TRY(nt_qscale_weight(&q, w, nt_qdq_weight_axis(n), &l->weight, !m->o.weights_minmax, e));
    for (int64_t i = 0; i < v.outer * v.n * v.inner; i++) {
        nt_qpair p = q.pair[q.n > 1 ? i / v.inner % v.n : 0];
        float x = ((const float *)w->data)[i];
        double d = (double)(nt_qtarget_code(&l->weight, p, x) - p.zero) * p.scale - x;

        sum += m->fisher[l->index][i] * d * d;
    }
    *out = sum / 2;
done:
    nt_qpairs_release(&q);
    return s;
}
