/* SPDX-License-Identifier: MIT */
#include "quant/reconstruct.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "exec/plan.h"
#include "graph/pass.h"
#include "quant/fakeq.h"
#include "quant/lsq.h"
#include "quant/soft.h"
#include "train/frozen_bn.h"
#include "train/optim.h"

#include <math.h>
#include <string.h>

enum { SETTLED = 4 }; /* h is 1, and of its opposite 0 */

static const double way = 20;      /* that V can go in all steps: it is settled at 2.4 */
static const float push = 2;       /* the penalty's weight */
static const double share = 0.001; /* of a scale that it moves by, at first */
static const double bias_way = 4;  /* that a bias can go, in sizes of the block's outputs */

/* What is learned of a weight: its part of V, of its floats and of their gradients. */
typedef struct soft_weight {
    const nt_rounded *r;
    float *w, *g;      /* in the parameters */
    const float *real; /* as it was */
    float *v, *dv;
    nt_codes range;
} soft_weight;

typedef struct learner {
    const nt_block_samples *x;
    nt_graph *g; /* with quantizers that drop out, and normalisations that stay */
    nt_params *p;
    nt_plan *plan;
    nt_optim *opt, *other; /* of V, and of the parameters */
    float *v, *dv;         /* of all weights */
    size_t n_v;
    soft_weight *soft;
    int n;
    bool biases;
    int64_t batch;
    double power;    /* mean square of out */
    double unit;     /* (n / 12) / E */
    float *drawn;    /* a batch of ideal, one of out */
    uint32_t *index; /* which samples they are */
    nt_rng rng;
} learner;

/* ---- the block as it is trained: with quantizers that drop out */

/* Where nodes are put. */
typedef struct place {
    nt_graph *g;
    const nt_node *before;
} place;

/* a op b. */
static nt_status add_op(nt_value **out, const place *at, const char *op, nt_value *a,
                        nt_value *b, nt_err *e)
{
    nt_value *in[2] = {a, b};
    nt_status s = NT_OK;
    nt_node *n;

    NT_TRY(nt_graph_add_value(out, at->g, NULL, e));
    NT_TRY(nt_graph_insert_node(&n, at->g, at->before,
                                &(nt_node_spec){op, NULL, in, b ? 2 : 1, out, 1}, e));
done:
    return s;
}

static nt_status add_half(nt_value **out, nt_graph *g, nt_err *e)
{
    nt_tensor *t = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_tensor_new(&t, NT_F32, 0, NULL, e));
    nt_tensor_set(t, 0, 0.5);
    NT_TRY(nt_graph_add_const(out, g, NULL, t, e));
done:
    return s;
}

/* What reads y, which is x rounded, reads x + dropout(y - x) / 2 from now on. */
static nt_status drop(nt_graph *g, nt_value *x, nt_value *y, nt_err *e)
{
    int behind = y->producer->id + 1;
    const place at = {g, behind < g->n_nodes ? g->nodes[behind] : NULL};
    nt_value *d = NULL, *r = NULL, *m = NULL, *z = NULL, *half = NULL;
    nt_status s = NT_OK;
    int n = y->n_uses;

    if (!at.before || !n || y->is_output)
        return NT_OK;
    NT_TRY(add_half(&half, g, e));
    NT_TRY(add_op(&d, &at, "Sub", y, x, e));
    NT_TRY(add_op(&r, &at, "Dropout", d, NULL, e)); /* half of them, by default */
    NT_TRY(add_op(&m, &at, "Mul", r, half, e));
    NT_TRY(add_op(&z, &at, "Add", x, m, e));
    for (int i = y->n_uses - 1; i >= 0; i--) {
        nt_use u = y->uses[i];

        if (u.node != d->producer)
            NT_TRY(nt_graph_set_input(g, u.node, u.index, z, e));
    }
done:
    return s;
}

/* The value that this DequantizeLinear gives rounded, or NULL. */
static nt_value *rounded_of(const nt_node *n)
{
    const nt_node *q = n->in[0]->producer;

    if (nt_node_is(q, "Clip"))
        q = q->in[0]->producer;
    return nt_node_is(q, "QuantizeLinear") && !q->in[0]->data ? q->in[0] : NULL;
}

static nt_status drop_all(nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < g->n_nodes; i++) {
        nt_node *n = g->nodes[i];
        nt_value *x = nt_node_is(n, "DequantizeLinear") ? rounded_of(n) : NULL;

        if (x)
            NT_TRY(drop(g, x, n->out[0], e));
    }
    nt_freeze_norms(g); /* those that are not folded go by their running statistics */
    NT_TRY(nt_graph_bind(g, g->ops, e));
    NT_TRY(nt_pass_infer(g, e));
done:
    return s;
}

/* ---- errors */

/* Mean squared difference of what g gives for the block's input and what is to come out, and
 * mean square of the latter. */
static nt_status error_of(double *mean, double *power, const nt_graph *g,
                          const nt_block_samples *x, const nt_calib *c, nt_err *e)
{
    const nt_samples *out = x->out;
    size_t each = nt_samples_each(out);
    float *two = nt_alloc(2 * each + 1, sizeof *two);
    nt_samples *got = NULL;
    nt_status s = NT_OK;
    double sum = 0, squares = 0;

    if (!two)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_samples_run(&got, x->in, g, c, e));
    for (uint32_t i = 0; i < nt_samples_count(out); i++) {
        NT_TRY(nt_samples_get(two, got, &i, 1, e));
        NT_TRY(nt_samples_get(two + each, out, &i, 1, e));
        for (size_t k = 0; k < each; k++) {
            squares += (double)two[each + k] * two[each + k];
            sum += (double)(two[k] - two[each + k]) * (two[k] - two[each + k]);
        }
    }
    *mean = sum / ((double)nt_samples_count(out) * (double)each);
    *power = squares / ((double)nt_samples_count(out) * (double)each);
done:
    nt_samples_free(got);
    nt_free(two);
    return s;
}

/* ---- weights */

static nt_qpair pair_at(const nt_rounded *r, int64_t i)
{
    nt_axis_view v = nt_tensor_axis(r->w->data, r->pairs.axis);

    return r->pairs.pair[r->pairs.n > 1 ? i / v.inner % v.n : 0];
}

static void to_nearest(nt_rounded *r)
{
    for (int64_t i = 0; i < nt_tensor_count(r->w->data); i++)
        r->codes[i] = nt_qtarget_code(&r->t, pair_at(r, i), r->real[i]);
}

static void write_codes(float *w, const nt_rounded *r)
{
    for (int64_t i = 0; i < nt_tensor_count(r->w->data); i++) {
        nt_qpair p = pair_at(r, i);

        w[i] = (float)(r->codes[i] - p.zero) * p.scale;
    }
}

/* Element i in units of its scale, with its zero point. */
static float in_units(const soft_weight *w, int64_t i, nt_qpair p)
{
    return w->real[i] / p.scale + (float)p.zero;
}

static float bounded(const soft_weight *w, float q)
{
    return fminf(fmaxf(q, (float)w->range.lo), (float)w->range.hi);
}

static void soften(const soft_weight *w)
{
    for (int64_t i = 0; i < nt_tensor_count(w->r->w->data); i++) {
        nt_qpair p = pair_at(w->r, i);
        float slope, q = floorf(in_units(w, i, p)) + nt_soft(w->v[i], &slope);

        w->w[i] = (bounded(w, q) - (float)p.zero) * p.scale;
    }
}

/* The gradients of V from those of the floats. */
static void find_slopes(const soft_weight *w, float beta)
{
    for (int64_t i = 0; i < nt_tensor_count(w->r->w->data); i++) {
        nt_qpair p = pair_at(w->r, i);
        float slope, h = nt_soft(w->v[i], &slope), q = floorf(in_units(w, i, p)) + h;
        float g = q == bounded(w, q) ? w->g[i] * p.scale : 0;

        w->dv[i] = slope > 0 ? (g + push * nt_soft_penalty_slope(h, beta)) * slope : 0;
    }
}

static void harden(const soft_weight *w, int64_t *codes)
{
    for (int64_t i = 0; i < nt_tensor_count(w->r->w->data); i++) {
        float up = w->v[i] >= 0; /* h(0) is 1/2 */

        codes[i] = (int64_t)bounded(w, floorf(in_units(w, i, pair_at(w->r, i))) + up);
    }
}

/* ---- what learns */

/* Besides the roundings: scales of activations, and biases where that was asked for. */
static bool learns(const learner *l, const nt_param *q)
{
    return !q->is_state && (q->is_quantizer || (q->is_bias && l->biases));
}

static nt_status find_weights(learner *l, nt_rounded *r, nt_err *e)
{
    for (int i = 0; i < l->n; i++) {
        const nt_param *q = nt_params_find(l->p, r[i].w->name);

        if (!q)
            return nt_fail(e, NT_EUNSUPPORTED, "weight '%s' is no parameter of its block",
                           r[i].w->name);
        l->soft[i] = (soft_weight){.r = &r[i],
                                   .w = nt_param_data(l->p, q),
                                   .g = l->p->g + q->offset,
                                   .real = r[i].real,
                                   .range = nt_qtarget_codes(&r[i].t)};
        l->n_v += q->count;
    }
    return NT_OK;
}

/* V begins with the weights as they are. */
static nt_status find_v(learner *l, nt_err *e)
{
    size_t at = 0;

    l->v = nt_alloc(2 * l->n_v + 1, sizeof *l->v);
    if (!l->v)
        return nt_fail_nomem(e);
    l->dv = l->v + l->n_v;
    for (int i = 0; i < l->n; i++) {
        soft_weight *w = &l->soft[i];
        int64_t n = nt_tensor_count(w->r->w->data);

        w->v = l->v + at;
        w->dv = l->dv + at;
        at += (size_t)n;
        for (int64_t k = 0; k < n; k++) {
            float x = in_units(w, k, pair_at(w->r, k));

            w->v[k] = nt_soft_start(x - floorf(x));
        }
    }
    return NT_OK;
}

/* A scale moves by a share of its own size, a bias by one of the block's outputs; all others
 * stay. */
static nt_status find_rates(learner *l, int64_t steps, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < l->p->n; i++) {
        const nt_param *q = &l->p->v[i];
        double size = !learns(l, q) ? 0
                      : q->is_bias  ? bias_way / (double)steps / share * sqrt(l->power)
                                    : nt_param_data(l->p, q)[0];

        if (!q->is_state)
            NT_TRY(nt_optim_group(l->other, q->offset, q->count, 0, size, e));
    }
done:
    return s;
}

static nt_status find_optims(learner *l, int64_t steps, nt_err *e)
{
    nt_optim_opts o;
    nt_status s = NT_OK;

    NT_TRY(nt_optim_defaults(&o, "adam", e));
    NT_TRY(nt_optim_new(&l->opt, &o, l->n_v, e));
    NT_TRY(nt_optim_new(&l->other, &o, l->p->n_w, e));
    NT_TRY(find_rates(l, steps, e));
done:
    return s;
}

static void learner_release(learner *l)
{
    nt_plan_free(l->plan);
    nt_params_free(l->p);
    nt_graph_free(l->g);
    nt_optim_free(l->opt);
    nt_optim_free(l->other);
    nt_free(l->soft);
    nt_free(l->v);
    nt_free(l->drawn);
    nt_free(l->index);
}

static nt_status find_room(learner *l, nt_err *e)
{
    size_t each = nt_samples_each(l->x->in) + nt_samples_each(l->x->out);

    l->soft = nt_calloc((size_t)l->n + 1, sizeof *l->soft);
    l->index = nt_alloc((size_t)l->batch, sizeof *l->index);
    l->drawn = nt_alloc((size_t)l->batch * each, sizeof *l->drawn);
    return l->soft && l->index && l->drawn ? NT_OK : nt_fail_nomem(e);
}

static nt_status learner_init(learner *l, nt_rounded_block *b, const nt_calib *c,
                              const nt_reconstruct_opts *o, nt_err *e)
{
    int64_t dims[1][NT_MAX_RANK];
    nt_plan_opts po = {
        .training = true, .seed = o->seed, .dims = (const int64_t(*)[NT_MAX_RANK])dims};
    nt_status s = NT_OK;
    nt_rng root;

    nt_rng_init(&root, o->seed);
    root = nt_rng_fork(&root, "reconstruct");
    l->rng = nt_rng_fork_index(&root, o->number);
    l->batch = nt_samples_batch(l->x->in, c);
    NT_TRY(find_room(l, e));
    NT_TRY(nt_graph_dup(&l->g, b->g, true, e));
    NT_TRY(drop_all(l->g, e));
    nt_lsq_mark(l->g);
    NT_TRY(nt_params_new(&l->p, l->g, e));
    NT_TRY(find_weights(l, b->layers, e));
    NT_TRY(find_v(l, e));
    NT_TRY(find_optims(l, o->steps, e));
    NT_TRY(nt_samples_dims(dims[0], l->g, l->x->in, l->batch, e));
    po.params = l->p;
    NT_TRY(nt_plan_new(&l->plan, l->g, c->dev, &po, e));
done:
    return s;
}

/* ---- learning */

/* Of each number either x or the other. */
static void mix(float *x, const float *other, size_t n, nt_rng *rng)
{
    for (size_t i = 0; i < n; i += 64) {
        uint64_t lots = nt_rng_u64(rng);

        for (size_t k = i; k < n && k < i + 64; k++, lots >>= 1)
            x[k] = lots & 1 ? other[k] : x[k];
    }
}

/* A batch into the plan; *want is what is to come out. */
static nt_status draw(const float **want, learner *l, nt_err *e)
{
    size_t n = (size_t)l->batch * nt_samples_each(l->x->in);
    float *x = nt_plan_input(l->plan, 0)->data, *y = l->drawn + n;
    nt_status s = NT_OK;

    for (int64_t i = 0; i < l->batch; i++)
        l->index[i] = (uint32_t)nt_rng_below(&l->rng, (uint64_t)nt_samples_count(l->x->in));
    NT_TRY(nt_samples_get(x, l->x->in, l->index, l->batch, e));
    if (l->x->ideal != l->x->in) {
        NT_TRY(nt_samples_get(l->drawn, l->x->ideal, l->index, l->batch, e));
        mix(x, l->drawn, n, &l->rng);
    }
    NT_TRY(nt_samples_get(y, l->x->out, l->index, l->batch, e));
    *want = y;
done:
    return s;
}

/* Forward and back: the parameters' gradients. */
static nt_status pull(learner *l, int64_t t, nt_err *e)
{
    const float *y, *want;
    nt_status s = NT_OK;
    int64_t n;
    float *dy;

    NT_TRY(draw(&want, l, e));
    nt_plan_set_run(l->plan, (uint64_t)t);
    NT_TRY(nt_plan_forward(l->plan, e));
    y = nt_plan_output(l->plan, 0)->data;
    dy = nt_plan_output_grad(l->plan, 0)->data;
    n = nt_tensor_count(nt_plan_output(l->plan, 0));
    for (int64_t i = 0; i < n; i++)
        dy[i] = (float)(2 * l->unit / (double)n) * (y[i] - want[i]);
    NT_TRY(nt_plan_backward(l->plan, e));
done:
    return s;
}

/* From now on V stays on its side, where h has no slope. */
static void settle(learner *l)
{
    for (size_t i = 0; i < l->n_v; i++)
        l->v[i] = l->v[i] >= 0 ? SETTLED : -SETTLED;
}

/* Roundings are settled after three quarters of the steps; scales and biases learn on to make
 * up for that. */
static nt_status learn(learner *l, int64_t steps, nt_err *e)
{
    int64_t open = steps - steps / 4;
    nt_status s = NT_OK;

    for (int64_t t = 1; t <= steps; t++) {
        double fade = t > open ? (double)(steps - t) / (double)(steps - open) : 1;

        for (int i = 0; i < l->n; i++)
            soften(&l->soft[i]);
        NT_TRY(pull(l, t, e));
        for (int i = 0; i < l->n; i++)
            find_slopes(&l->soft[i], nt_soft_beta(t, open));
        nt_optim_step(l->opt, l->v, l->dv, way / (double)steps, NAN);
        if (t >= open)
            settle(l);
        nt_optim_step(l->other, l->p->w, l->p->g, share * fade, NAN);
        nt_lsq_keep_positive(l->p);
    }
done:
    return s;
}

/* What was learned besides roundings goes into the block, and what was there takes its place.
 */
static void swap_others(const learner *l, nt_graph *block)
{
    for (int i = 0; i < l->p->n; i++) {
        const nt_param *q = &l->p->v[i];
        nt_value *v = learns(l, q) ? nt_graph_find_value(block, q->name) : NULL;
        float *a = nt_param_data(l->p, q), *b = v ? v->data->data : NULL;

        for (size_t k = 0; b && k < q->count; k++) {
            float was = b[k];

            b[k] = a[k];
            a[k] = was;
        }
    }
}

/* ---- the whole */

static nt_status keep_floats(nt_rounded_block *b, nt_err *e)
{
    for (int i = 0; i < b->n; i++) {
        nt_rounded *r = &b->layers[i];
        size_t count = (size_t)nt_tensor_count(r->w->data);

        r->real = nt_alloc(count, sizeof *r->real);
        r->codes = nt_alloc(count, sizeof *r->codes);
        if (!r->real || !r->codes)
            return nt_fail_nomem(e);
        memcpy(r->real, r->w->data->data, count * sizeof *r->real);
        to_nearest(r);
    }
    return NT_OK;
}

static void write_all(const nt_rounded_block *b)
{
    for (int i = 0; i < b->n; i++)
        write_codes(b->layers[i].w->data->data, &b->layers[i]);
}

/* The error with the weights that the codes stand for. */
static nt_status error_of_codes(double *mean, const nt_rounded_block *b, learner *l,
                                const nt_calib *c, nt_err *e)
{
    write_all(b);
    return error_of(mean, &l->power, b->g, l->x, c, e);
}

nt_status nt_reconstruct(nt_rounded_block *b, const nt_block_samples *x, const nt_calib *c,
                         const nt_reconstruct_opts *o, nt_err *e)
{
    learner l = {.x = x, .n = b->n, .biases = o->biases};
    double exact, nearest, learned;
    nt_status s = NT_OK;

    NT_TRY(error_of(&exact, &l.power, b->g, x, c, e));
    NT_TRY(keep_floats(b, e));
    NT_TRY(error_of_codes(&nearest, b, &l, c, e));
    NT_TRY(learner_init(&l, b, c, o, e));
    l.unit = (double)l.n_v / 12 / fmax(nearest - exact, 0.01 * nearest + 1e-30);
    NT_TRY(learn(&l, o->steps, e));
    for (int i = 0; i < b->n; i++)
        harden(&l.soft[i], b->layers[i].codes);
    swap_others(&l, b->g);
    NT_TRY(error_of_codes(&learned, b, &l, c, e));
    if (learned >= nearest) {
        swap_others(&l, b->g);
        for (int i = 0; i < b->n; i++)
            to_nearest(&b->layers[i]);
        write_all(b);
    }
done:
    learner_release(&l);
    return s;
}
