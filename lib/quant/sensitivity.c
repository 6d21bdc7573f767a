/* SPDX-License-Identifier: MIT */
#include "quant/sensitivity.h"

#include "base/alloc.h"
#include "facet/layer.h"
#include "quant/qdq.h"
#include "quant/qscale.h"
#include "train/batch_plan.h"
#include "train/gradients.h"
#include "train/logits.h"
#include "train/loss.h"

#include <math.h>
#include <string.h>

enum { BATCH = 32 };

/* What a network says to all samples: output k of each is each[k] numbers, y[k] [n][each[k]].
 */
typedef struct answers {
    float **y;
    size_t *each;
    int n;
    int64_t classes; /* of the first; 0: it is not [N,classes] */
} answers;

struct nt_sensitivity {
    nt_graph *g; /* gives logits; its constants are the caller's */
    nt_calib c;
    nt_ptq_opts o;
    nt_qspec *all;    /* of g: what was looked at */
    nt_qpoints *seen; /* of all */
    float *x;         /* samples [n][c][h][w] */
    answers plain;    /* of the network as it is */
    nt_sample sample;
    int64_t n, batch;
    float **fisher; /* by layer with a weight, a number per element; NULL: not asked for yet */
};

/* ---- samples */

static int64_t sample_size(const nt_sensitivity *m)
{
    return m->sample.c * m->sample.h * m->sample.w;
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
        memcpy(m->x + (size_t)m->n * size, nt_batch_pictures(b),
               (size_t)b->n * size * sizeof *m->x);
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
                         .seed = m->c.seed,
                         .limit = m->c.samples};
    nt_loader *l = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_loader_new(&l, m->c.split, &lo, e));
    m->sample = nt_loader_sample(l);
    NT_TRY(read_batches(m, l, e));
done:
    nt_loader_free(l);
    return s;
}

/* ---- answers */

static void answers_release(answers *a)
{
    for (int k = 0; a->y && k < a->n; k++)
        nt_free(a->y[k]);
    nt_free(a->y);
    nt_free(a->each);
    *a = (answers){0};
}

/* Those of type float32 with a row for each sample count; of others each is 0. */
static nt_status answers_room(answers *a, const nt_batch_plan *bp, int n_outputs,
                              const nt_sensitivity *m, nt_err *e)
{
    a->y = nt_calloc((size_t)n_outputs, sizeof *a->y);
    a->each = nt_calloc((size_t)n_outputs, sizeof *a->each);
    if (!a->y || !a->each)
        return nt_fail_nomem(e);
    a->n = n_outputs;
    for (int k = 0; k < n_outputs; k++) {
        const nt_tensor *t = nt_batch_plan_output_at(bp, k);

        if (t->dtype != NT_F32 || t->rank < 1 || t->dims[0] < 1 ||
            t->dims[0] != (m->n < m->batch ? m->n : m->batch))
            continue;
        a->each[k] = (size_t)(nt_tensor_count(t) / t->dims[0]);
        a->y[k] = nt_alloc((size_t)m->n, a->each[k] * sizeof **a->y);
        if (!a->y[k])
            return nt_fail_nomem(e);
    }
    return NT_OK;
}

static void answers_take(answers *a, const nt_batch_plan *bp, int64_t at, int64_t n)
{
    for (int k = 0; k < a->n; k++)
        if (a->each[k])
            memcpy(a->y[k] + (size_t)at * a->each[k], nt_batch_plan_output_at(bp, k)->data,
                   (size_t)n * a->each[k] * sizeof **a->y);
}

/* What g says to each sample; answers_release. */
static nt_status ask(answers *out, nt_sensitivity *m, const nt_graph *g, nt_err *e)
{
    int64_t batch = m->n < m->batch ? m->n : m->batch;
    nt_batch_like like = {.n = batch, .sample = m->sample};
    nt_batch_plan *bp = NULL;
    nt_plan *plan = NULL;
    answers a = {0};
    nt_status s = NT_OK;

    NT_TRY(nt_batch_plan_new(&bp, g, m->c.dev, &(nt_plan_opts){0}, &like, e));
    NT_TRY(answers_room(&a, bp, g->n_outputs, m, e));
    a.classes = nt_batch_plan_classes(bp);
    for (int64_t at = 0, n; at < m->n; at += n) {
        nt_field x = {.name = NT_FIELD_PICTURE,
                      .role = NT_ROLE_PICTURE,
                      .data = m->x + at * sample_size(m)};
        nt_batch b = {.field = &x, .n_fields = 1};

        b.n = n = m->n - at < batch ? m->n - at : batch;
        NT_TRY(nt_batch_plan_forward(bp, &(nt_batch_in){.b = &b}, &plan, e));
        answers_take(&a, bp, at, n);
    }
    *out = a;
    a = (answers){0};
done:
    nt_batch_plan_free(bp);
    answers_release(&a);
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
    NT_TRY(nt_ptq_observe(&m->seen, m->g, m->all, &m->c, e));
done:
    return s;
}

nt_status nt_sensitivity_new(nt_sensitivity **out, const nt_graph *g, const nt_calib *c,
                             const nt_ptq_opts *o, nt_err *e)
{
    nt_sensitivity *m = nt_calloc(1, sizeof *m);
    nt_status s = NT_OK;

    *out = NULL;
    if (!m)
        return nt_fail_nomem(e);
    m->c = *c;
    m->o = *o;
    m->o.train = NULL;
    m->o.rounding = NT_ROUND_NEAREST; /* a learned one takes too long */
    m->batch = c->batch_size ? c->batch_size : BATCH;
    NT_TRY(nt_logits_graph(&m->g, g, e));
    NT_TRY(nt_graph_bind(m->g, g->ops, e));
    NT_TRY(read_samples(m, e));
    NT_TRY(ask(&m->plain, m, m->g, e));
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
    answers_release(&m->plain);
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
    NT_TRY(nt_ptq(&record, *out, q, &m->c, &o, e));
done:
    nt_json_free(record);
    nt_qspec_free(q);
    return s;
}

/* How far the answers with this layer alone quantized are from those of the network. */
static nt_status measure(double *out, nt_sensitivity *m, const nt_qlayer *l,
                         double (*far)(const answers *a, const answers *b, int64_t n),
                         nt_err *e)
{
    nt_graph *g = NULL;
    answers a = {0};
    nt_status s = NT_OK;

    *out = 0;
    if (!l->weight.bits && !l->input.bits)
        return NT_OK;
    NT_TRY(quantize_one(&g, m, l, e));
    NT_TRY(ask(&a, m, g, e));
    *out = far(&a, &m->plain, m->n);
    if (!isfinite(*out))
        NT_TRY(nt_fail(e, NT_EFORMAT, "layer '%s': the network's outputs are not finite",
                       l->name));
    *out = *out > 0 ? *out : 0; /* rounding may leave it a hair below */
done:
    answers_release(&a);
    nt_graph_free(g);
    return s;
}

static double divergence(const answers *a, const answers *b, int64_t n)
{
    return nt_loss_distill(NULL, a->y[0], &(nt_distill){b->y[0], n, b->classes, 1}, 1);
}

nt_status nt_sensitivity_kl(double *out, nt_sensitivity *m, const nt_qlayer *l, nt_err *e)
{
    char shape[96];

    if (m->plain.classes == 0)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "output '%s' is %s, and kl is of [N,classes]: mse takes any outputs "
                       "(--sensitivity mse)",
                       m->g->outputs[0]->name,
                       nt_value_shape_text(shape, sizeof shape, m->g->outputs[0]));
    return measure(out, m, l, divergence, e);
}

static double squares(const float *x, const float *y, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        double d = (double)x[i] - (y ? y[i] : 0);

        sum += d * d;
    }
    return sum;
}

static double share_of_noise(const answers *a, const answers *b, int64_t n)
{
    double sum = 0;
    int outputs = 0;

    for (int k = 0; k < b->n; k++) {
        size_t count = (size_t)n * b->each[k];
        double power = squares(b->y[k], NULL, count), noise = squares(a->y[k], b->y[k], count);

        outputs += count > 0;
        sum += noise > 0 ? noise / power : noise;
    }
    return outputs ? sum / outputs : 0;
}

nt_status nt_sensitivity_mse(double *out, nt_sensitivity *m, const nt_qlayer *l, nt_err *e)
{
    return measure(out, m, l, share_of_noise, e);
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
    nt_gradients_opts go = {.dev = m->c.dev,
                            .split = m->c.split,
                            .batch_size = m->n < m->batch ? m->n : m->batch,
                            .seed = m->c.seed,
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
    NT_TRY(nt_gradients_each(m->g, &go, add_squares, &f, e));
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
    nt_axis_view v = nt_tensor_axis(w, nt_layer_axis(n));
    nt_qpairs q = {0};
    double sum = 0;
    nt_status s = NT_OK;

    *out = 0;
    if (!l->weight.bits)
        return NT_OK;
    if (!m->fisher)
        NT_TRY(find_fisher(m, e));
    NT_TRY(nt_qscale_weight(&q, w, nt_layer_axis(n), &l->weight, !m->o.weights_minmax, e));
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
