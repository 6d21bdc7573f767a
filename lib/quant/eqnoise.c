/* SPDX-License-Identifier: MIT */
/*
 * The network is run twice on the samples: first the trials' observers see what they will
 * round, then the rounded trials run beside those in floating point. Their plans are made for
 * each batch anew, or those of all pairs would fill the memory.
 */
#include "quant/eqnoise.h"

#include "base/alloc.h"
#include "facet/layer.h"
#include "graph/pass.h"
#include "quant/cuts.h"
#include "quant/qdq.h"

#include <math.h>
#include <string.h>

/* What is done with one trial and what reaches its first layer. */
typedef nt_status trial_fn(nt_eqtrial *t, nt_device *dev, const nt_tensor *x, nt_err *e);

typedef struct run {
    nt_eqtrial *t;
    int n;
    nt_device *dev;
    trial_fn *run;
} run;

void nt_eqtrial_release(nt_eqtrial *t)
{
    nt_qpoints_free(t->points);
    nt_qspec_free(t->spec);
    nt_graph_free(t->plain);
    nt_graph_free(t->rounded);
    nt_free(t->s);
    *t = (nt_eqtrial){0};
}

/* ---- making a trial */

/* The pair within its part, where it is the one that reaches the end. */
static nt_status scale_part(nt_graph *g, const float *s, nt_err *e)
{
    nt_eqpair *p = NULL;
    int n = 0;
    nt_status status = nt_eqpairs_find(&p, &n, g, e);

    for (int i = 0; status == NT_OK && i < n; i++)
        if (p[i].second && p[i].second->out[0] == g->outputs[0])
            nt_eqpair_scale(&p[i], s);
    nt_free(p);
    return status;
}

/* The spec may be of a copy of the graph, whose nodes are in the same order. */
static const nt_qlayer *layer_of(const nt_qspec *q, const nt_node *n)
{
    for (int i = 0; i < q->n; i++)
        if (q->layers[i].node->id == n->id)
            return &q->layers[i];
    return NULL;
}

/* Node i of the part is the first layer, what lies between, or the second. */
static const nt_node *origin(const nt_eqpair *p, int i)
{
    return i == 0 ? p->first : i <= p->n_way ? p->way[i - 1] : p->second;
}

static nt_status copy_targets(nt_qspec **out, const nt_graph *part, const nt_eqpair *p,
                              const nt_qspec *from, nt_err *e)
{
    nt_status s = nt_qspec_new(out, part, e);

    for (int i = 0; s == NT_OK && i < (*out)->n; i++) {
        nt_qlayer *l = &(*out)->layers[i];
        const nt_qlayer *k = layer_of(from, origin(p, l->node->id));

        if (!k)
            continue;
        l->weight = k->weight;
        l->input = k->input;
        l->output = k->output;
    }
    if (s == NT_OK)
        (*out)->other_bits = from->other_bits;
    return s;
}

static nt_status make(nt_eqtrial *t, const nt_graph *g, const nt_qspec *spec, nt_err *e)
{
    const nt_eqpair *p = t->pair;
    nt_graph *part = NULL;
    nt_layer l = nt_layer_at(p->first);
    nt_status s = NT_OK;

    NT_TRY(nt_cuts_part(&part, g, p->first->in[l.x], p->second->out[0], e));
    NT_TRY(nt_graph_dup(&t->plain, part, false, e));
    NT_TRY(nt_graph_bind(t->plain, g->ops, e));
    NT_TRY(nt_pass_infer(t->plain, e));
    if (t->s)
        NT_TRY(scale_part(t->plain, t->s, e));
    NT_TRY(copy_targets(&t->spec, t->plain, p, spec, e));
    NT_TRY(nt_qpoints_new(&t->points, t->spec, e));
done:
    nt_graph_free(part);
    return s;
}

static nt_status round_it(nt_eqtrial *t, const nt_equalize_opts *o, nt_err *e)
{
    nt_ptq_opts how = *o->ptq;
    nt_qspec *spec = NULL;
    cJSON *record = NULL;
    nt_status s = NT_OK;

    how.rounding = NT_ROUND_NEAREST;
    how.train = NULL;
    how.correct_bias = false;
    how.seen = t->points;
    if (how.method == NT_RANGE_BEST)
        how.method = NT_RANGE_MSE;
    NT_TRY(nt_graph_dup(&t->rounded, t->plain, false, e));
    NT_TRY(nt_graph_bind(t->rounded, t->plain->ops, e));
    NT_TRY(nt_pass_infer(t->rounded, e));
    NT_TRY(nt_qspec_dup(&spec, t->spec, t->rounded, e));
    NT_TRY(nt_ptq(&record, t->rounded, spec, &(nt_calib){.dev = o->calib->dev}, &how, e));
done:
    nt_json_free(record);
    nt_qspec_free(spec);
    return s;
}

/* ---- running it */

static nt_status forward(nt_plan **out, const nt_graph *g, nt_device *dev, const nt_tensor *x,
                         const char *const *keep, nt_err *e)
{
    int64_t dims[1][NT_MAX_RANK] = {{0}};
    nt_plan_opts po = {.dims = (const int64_t(*)[NT_MAX_RANK])dims, .keep = keep};
    nt_plan *p = NULL;
    nt_status s = NT_OK;

    memcpy(dims[0], x->dims, (size_t)x->rank * sizeof **dims);
    NT_TRY(nt_plan_new(&p, g, dev, &po, e));
    memcpy(nt_plan_input(p, 0)->data, x->data, nt_tensor_bytes(x));
    NT_TRY(nt_plan_forward(p, e));
    *out = p;
    p = NULL;
done:
    nt_plan_free(p);
    return s;
}

static nt_status look(nt_eqtrial *t, nt_device *dev, const nt_tensor *x, nt_err *e)
{
    const char **names = nt_calloc((size_t)t->points->n + 1, sizeof *names);
    nt_plan *p = NULL;
    const nt_tensor *v;
    nt_status s = NT_OK;

    if (!names)
        return nt_fail_nomem(e);
    for (int i = 0; i < t->points->n; i++)
        names[i] = t->points->p[i].v->name;
    NT_TRY(forward(&p, t->plain, dev, x, names, e));
    for (int i = 0; i < t->points->n; i++) {
        NT_TRY(nt_calib_value(&v, p, names[i], e));
        nt_observer_see(t->points->p[i].seen, v->data, nt_tensor_count(v));
    }
done:
    nt_plan_free(p);
    nt_free(names);
    return s;
}

/* Squares of the output and of what rounding does to it, in the outputs' units. */
static void add_squares(nt_eqtrial *t, const nt_tensor *y, const nt_tensor *z)
{
    nt_axis_view v = nt_tensor_axis(y, t->pair->second_axis);
    const float *a = y->data, *b = z->data;

    for (int64_t i = 0; i < v.outer * v.n * v.inner; i++) {
        double unit = t->unit ? t->unit[i / v.inner % v.n] : 1, d = (double)a[i] - b[i];

        t->power += unit * unit * (double)a[i] * a[i];
        t->noise += unit * unit * d * d;
    }
}

static nt_status judge(nt_eqtrial *t, nt_device *dev, const nt_tensor *x, nt_err *e)
{
    nt_plan *p = NULL, *q = NULL;
    nt_status s = NT_OK;

    NT_TRY(forward(&p, t->plain, dev, x, NULL, e));
    NT_TRY(forward(&q, t->rounded, dev, x, NULL, e));
    add_squares(t, nt_plan_output(p, 0), nt_plan_output(q, 0));
done:
    nt_plan_free(p);
    nt_plan_free(q);
    return s;
}

/* All trials, on a batch of the samples. */
static nt_status run_trials(void *ctx, const nt_plan *plan, nt_err *e)
{
    const run *r = ctx;
    const nt_tensor *x;
    nt_status s = NT_OK;

    for (int i = 0; i < r->n; i++) {
        NT_TRY(nt_calib_value(&x, plan, r->t[i].plain->inputs[0]->name, e));
        NT_TRY(r->run(&r->t[i], r->dev, x, e));
    }
done:
    return s;
}

static nt_calib at_most(const nt_calib *c, size_t samples)
{
    nt_calib own = *c;

    if (samples && (own.samples == 0 || own.samples > samples))
        own.samples = samples;
    return own;
}

nt_status nt_eqnoise(nt_eqtrial *t, int n, const nt_graph *g, const nt_equalize_opts *o,
                     size_t samples, nt_err *e)
{
    nt_calib c = at_most(o->calib, samples);
    run r = {t, n, o->calib->dev, look};
    const char **names = nt_calloc((size_t)n + 1, sizeof *names);
    nt_status s = NT_OK;

    if (!names)
        return nt_fail_nomem(e);
    for (int i = 0; i < n; i++) {
        NT_TRY(make(&t[i], g, o->spec, e));
        names[i] = t[i].plain->inputs[0]->name;
    }
    if (n)
        NT_TRY(nt_calib_run(&c, g, names, run_trials, &r, e));
    for (int i = 0; i < n; i++)
        NT_TRY(round_it(&t[i], o, e));
    r.run = judge;
    if (n)
        NT_TRY(nt_calib_run(&c, g, names, run_trials, &r, e));
done:
    nt_free(names);
    return s;
}

/* ---- ranges */

typedef struct maxima {
    const nt_eqrange *r;
    int n;
} maxima;

static const nt_value *read_by_second(const nt_eqpair *p)
{
    return p->n_way ? p->way[p->n_way - 1]->out[0] : p->first->out[0];
}

static nt_status see(void *ctx, const nt_plan *plan, nt_err *e)
{
    const maxima *m = ctx;

    for (int i = 0; i < m->n; i++) {
        const nt_eqpair *p = m->r[i].pair;
        const nt_tensor *t;
        nt_status s = nt_calib_value(&t, plan, read_by_second(p)->name, e);
        nt_axis_view v;

        if (s != NT_OK)
            return s;
        v = nt_tensor_axis(t, p->axis[p->n_way]);
        for (int64_t k = 0; k < v.outer * v.n * v.inner; k++) {
            float *to = &m->r[i].most[k / v.inner % v.n / p->after[p->n_way]];

            *to = fmaxf(*to, fabsf(((const float *)t->data)[k]));
        }
    }
    return NT_OK;
}

nt_status nt_eqnoise_ranges(const nt_eqrange *r, int n, const nt_graph *g,
                            const nt_equalize_opts *o, size_t samples, nt_err *e)
{
    nt_calib c = at_most(o->calib, samples);
    maxima m = {r, n};
    const char **names = nt_calloc((size_t)n + 1, sizeof *names);
    nt_status s = NT_OK;

    if (!names)
        return nt_fail_nomem(e);
    for (int i = 0; i < n; i++) {
        names[i] = read_by_second(r[i].pair)->name;
        memset(r[i].most, 0, (size_t)r[i].pair->channels * sizeof *r[i].most);
    }
    if (n)
        s = nt_calib_run(&c, g, names, see, &m, e);
    nt_free(names);
    return s;
}
