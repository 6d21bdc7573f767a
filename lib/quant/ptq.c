/* SPDX-License-Identifier: MIT */
#include "quant/ptq.h"

#include "base/alloc.h"
#include "base/str.h"
#include "facet/layer.h"
#include "graph/pass.h"
#include "quant/adaround.h"
#include "quant/bestrange.h"
#include "quant/brecq.h"
#include "quant/gptq.h"
#include "quant/qpoint.h"
#include "quant/qscale.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- calibration */

static const char **point_names(const nt_qpoints *q)
{
    const char **names = nt_calloc((size_t)q->n + 1, sizeof *names);

    for (int i = 0; names && i < q->n; i++)
        names[i] = q->p[i].v->name;
    return names;
}

static void add_means(nt_qpoint *p, const nt_tensor *t)
{
    nt_axis_view v = nt_tensor_axis(t, 1);
    const float *x = t->data;

    for (int64_t o = 0; o < v.outer; o++)
        for (int64_t c = 0; c < v.n; c++)
            for (int64_t i = 0; i < v.inner; i++)
                p->mean[c] += *x++;
    p->n_mean += (double)(v.outer * v.inner);
}

static nt_status look(void *ctx, const nt_plan *plan, nt_err *e)
{
    nt_qpoints *q = ctx;
    nt_status s = NT_OK;

    for (int i = 0; i < q->n; i++) {
        nt_qpoint *p = &q->p[i];
        const nt_tensor *t;

        NT_TRY(nt_calib_value(&t, plan, p->v->name, e));
        nt_observer_see(p->seen, t->data, nt_tensor_count(t));
        if (p->mean && t->rank >= 2 && t->dims[1] == p->channels)
            add_means(p, t);
    }
done:
    return s;
}

static nt_status calibrate(nt_qpoints *q, const nt_graph *g, const nt_calib *c, nt_err *e)
{
    const char **names = point_names(q);
    nt_status s = names ? nt_calib_run(c, g, names, look, q, e) : nt_fail_nomem(e);

    nt_free(names);
    return s;
}

/* Are the ranges of all activations given? */
static bool all_given(const nt_qpoints *q)
{
    for (int i = 0; i < q->n; i++)
        if (!nt_qpoint_is_given(&q->p[i]))
            return false;
    return true;
}

static nt_status choose_methods(nt_qpoints *q, const nt_graph *g, const nt_calib *c,
                                const nt_ptq_opts *o, nt_err *e)
{
    if (o->method == NT_RANGE_BEST && c->split && !all_given(q))
        return nt_best_ranges(q, g, c, o->percentile, e);
    for (int i = 0; i < q->n; i++)
        q->p[i].method = o->method;
    return NT_OK;
}

static void choose_ranges(nt_qpoints *q, const nt_ptq_opts *o)
{
    for (int i = 0; i < q->n; i++) {
        nt_qpoint *p = &q->p[i];
        nt_codes c = nt_qtarget_codes(&p->t);

        p->range = nt_qpoint_is_given(p)
                       ? (nt_range){p->t.lo, p->t.hi}
                       : nt_observer_range(p->seen, p->method, c, o->percentile);
        p->pair = nt_range_pair(p->range, c);
        p->t.learned = o->train != NULL;
        for (int64_t k = 0; p->mean && p->n_mean > 0 && k < p->channels; k++)
            p->mean[k] /= p->n_mean;
    }
}

/* ---- moments */

static bool can_take_bias(const nt_qlayer *l)
{
    const nt_node *n = l->node;
    bool conv = strcmp(n->op_type, "Conv") == 0;
    bool gemm = strcmp(n->op_type, "Gemm") == 0 && nt_node_float(n, "alpha", 1) == 1 &&
                nt_node_float(n, "beta", 1) == 1 && nt_node_int(n, "transA", 0) == 0;
    const nt_value *b = n->n_in > 2 ? n->in[2] : NULL;

    return (conv || gemm) && (!b || (b->data && b->data->dtype == NT_F32 && b->n_uses == 1));
}

/* By layer of the spec; those with d 0 and without codes are rounded to nearest. */
typedef struct moments {
    nt_moment *m;
    int64_t **codes; /* learned with the rest of their block; NULL: none were */
    const nt_qspec *spec;
    const nt_qpoints *points;
} moments;

static bool learns_rounding(const nt_qlayer *l)
{
    return l->weight.bits > 1 && nt_moment_suits(l->node);
}

static nt_status see_inputs(void *ctx, const nt_plan *plan, nt_err *e)
{
    const moments *all = ctx;
    nt_status s = NT_OK;

    for (int i = 0; i < all->spec->n; i++) {
        const nt_qlayer *l = &all->spec->layers[i];
        const nt_qpoint *p = nt_qpoints_input(all->points, l);
        const nt_tensor *x;

        if (all->m[i].d == 0)
            continue;
        NT_TRY(nt_calib_value(&x, plan, l->node->in[0]->name, e));
        NT_TRY(nt_moment_see(&all->m[i], x, p ? &p->pair : NULL,
                             p ? nt_qtarget_codes(&p->t) : (nt_codes){0}, e));
    }
done:
    return s;
}

static nt_status find_moments(moments *all, const nt_graph *g, const nt_calib *c,
                              const nt_ptq_opts *o, nt_err *e)
{
    const nt_qspec *spec = all->spec;
    const char **names = nt_calloc((size_t)spec->n + 1, sizeof *names);
    nt_status s = NT_OK;
    int n = 0;

    all->m = nt_calloc((size_t)spec->n + 1, sizeof *all->m);
    if (!names || !all->m)
        NT_TRY(nt_fail_nomem(e));
    for (int i = 0; i < spec->n; i++)
        if (learns_rounding(&spec->layers[i])) {
            NT_TRY(nt_moment_init(&all->m[i], spec->layers[i].node, e));
            names[n++] = spec->layers[i].node->in[0]->name;
        }
    if (n)
        NT_TRY(nt_calib_run(c, g, names, see_inputs, all, e));
    for (int i = 0; i < spec->n; i++)
        if (all->m[i].d)
            nt_moment_finish(&all->m[i], o->correct_bias && can_take_bias(&spec->layers[i]));
done:
    nt_free(names);
    return s;
}

static void moments_release(moments *all)
{
    for (int i = 0; all->m && i < all->spec->n; i++)
        nt_moment_release(&all->m[i]);
    nt_free(all->m);
    for (int i = 0; all->codes && i < all->spec->n; i++)
        nt_free(all->codes[i]);
    nt_free(all->codes);
}

/* ---- biases */

/* Sums over a layer's inputs of (quantized - weight) times the input's mean, for each output of
 * a convolution [k][c/g][..] or a dense layer. */
static void mean_errors(double *err, const nt_qlayer *l, const nt_tensor *w, const nt_qpairs *q,
                        const double *mean)
{
    nt_axis_view out = nt_tensor_axis(w, q->axis), in = nt_tensor_axis(w, 1 - q->axis);
    int64_t per_group = out.n / nt_node_int(l->node, "group", 1), n = nt_tensor_count(w);

    for (int64_t at = 0; at < n; at++) {
        int64_t k = at / out.inner % out.n, i = at / in.inner % in.n;
        nt_qpair p = q->pair[q->n > 1 ? k : 0];
        float x = ((const float *)w->data)[at];
        int64_t code = nt_qtarget_code(&l->weight, p, x);

        err[k] += ((double)(code - p.zero) * p.scale - x) * mean[k / per_group * in.n + i];
    }
}

static int64_t outputs_of(const nt_qlayer *l)
{
    return nt_layer_weight(l->node)->data->dims[nt_layer_axis(l->node)];
}

/* A new bias beside the weight, of zeros, where the layer has none. */
static nt_status bias_of(nt_value **out, nt_graph *g, const nt_qlayer *l, int64_t n, nt_err *e)
{
    nt_tensor *t = NULL;
    nt_status s = NT_OK;
    char *name = NULL;

    *out = l->node->n_in > 2 ? l->node->in[2] : NULL;
    if (*out)
        return NT_OK;
    name = nt_strfmt("%s.bias", l->name);
    if (!name)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_tensor_new(&t, NT_F32, 1, &n, e));
    NT_TRY(nt_graph_add_const(out, g, nt_graph_find_value(g, name) ? NULL : name, t, e));
    NT_TRY(nt_graph_set_input(g, l->node, 2, *out, e));
done:
    nt_free(name);
    return s;
}

/* Biases learn with the blocks: layers without get one of zeros. */
static nt_status learn_blocks(moments *all, nt_qpoints *points, nt_graph *g, const nt_calib *c,
                              const nt_ptq_opts *o, nt_err *e)
{
    nt_brecq_opts bo = {.weights_minmax = o->weights_minmax,
                        .biases = o->correct_bias,
                        .steps = o->steps,
                        .progress = o->progress,
                        .ctx = o->ctx};

    nt_status s = NT_OK;
    nt_value *b;

    all->codes = nt_calloc((size_t)all->spec->n + 1, sizeof *all->codes);
    if (!all->codes)
        NT_TRY(nt_fail_nomem(e));
    for (int i = 0; i < all->spec->n; i++) {
        const nt_qlayer *l = &all->spec->layers[i];

        if (o->correct_bias && l->weight.bits && can_take_bias(l))
            NT_TRY(bias_of(&b, g, l, outputs_of(l), e));
    }
    NT_TRY(nt_brecq(all->codes, points, g, c, &bo, e));
done:
    return s;
}

/* err: what rounding changes the mean of each output by. */
static nt_status correct_bias(nt_graph *g, const nt_qlayer *l, const double *err, int64_t n,
                              nt_err *e)
{
    nt_status s = NT_OK;
    nt_value *b = NULL;

    NT_TRY(bias_of(&b, g, l, n, e));
    if (nt_tensor_count(b->data) == n)
        for (int64_t k = 0; k < n; k++)
            ((float *)b->data->data)[k] -= (float)err[k];
done:
    return s;
}

/* ---- quant.json */

static bool add_numbers(cJSON *entry, const char *key, const nt_qpair *p, int64_t n, bool scale)
{
    cJSON *a = nt_json_add_array(entry, key);

    for (int64_t i = 0; a && i < n; i++) {
        cJSON *v = cJSON_CreateNumber(scale ? (double)p[i].scale : (double)p[i].zero);

        if (!v || !cJSON_AddItemToArray(a, v)) {
            cJSON_Delete(v);
            return false;
        }
    }
    return a != NULL;
}

/* What is said of a tensor. */
typedef struct rounded {
    const char *tensor, *kind;
    const char *layer; /* whose weight it is; NULL: an activation */
    const nt_qtarget *t;
    const nt_qpairs *q;
    const nt_range *r; /* NULL: nobody asks */
} rounded;

static nt_status record_tensor(cJSON *tensors, const rounded *x, nt_err *e)
{
    cJSON *entry = cJSON_CreateObject();
    const nt_qpairs *q = x->q;
    char scheme[40];
    bool ok;

    if (!entry || !cJSON_AddItemToArray(tensors, entry)) {
        cJSON_Delete(entry);
        return nt_fail_nomem(e);
    }
    snprintf(scheme, sizeof scheme, "per_%s_%s", q->n > 1 ? "channel" : "tensor",
             x->t->symmetric ? "symmetric" : "affine");
    ok = nt_json_add_str(entry, "tensor", x->tensor) &&
         nt_json_add_str(entry, "kind", x->kind) &&
         (!x->layer || nt_json_add_str(entry, "layer", x->layer)) &&
         nt_json_add_i64(entry, "bits", x->t->bits) &&
         nt_json_add_str(entry, "scheme", scheme) &&
         (q->n == 1 || nt_json_add_i64(entry, "axis", q->axis)) &&
         add_numbers(entry, "scale", q->pair, q->n, true) &&
         add_numbers(entry, "zero_point", q->pair, q->n, false) &&
         (!x->r || (nt_json_add_double(entry, "min", x->r->lo) &&
                    nt_json_add_double(entry, "max", x->r->hi)));
    return ok ? NT_OK : nt_fail_nomem(e);
}

static cJSON *last_of(cJSON *tensors)
{
    return cJSON_GetArrayItem(tensors, cJSON_GetArraySize(tensors) - 1);
}

static nt_status record_start(cJSON *tensors, int64_t step, nt_err *e)
{
    cJSON *last = last_of(tensors);

    return step <= 0 || nt_json_add_i64(last, "start_step", step) ? NT_OK : nt_fail_nomem(e);
}

static nt_status record_method(cJSON *tensors, const nt_qpoint *p, nt_err *e)
{
    cJSON *last = last_of(tensors);

    if (!nt_qpoint_is_found(p))
        return NT_OK;
    return nt_json_add_str(last, "range", nt_range_method_name(p->method)) ? NT_OK
                                                                           : nt_fail_nomem(e);
}

/* learned: the ranges are nobody's any more. */
static nt_status record_points(cJSON *tensors, const nt_qpoints *q, bool learned, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < q->n; i++) {
        nt_qpoint *p = &q->p[i];
        nt_qpairs one = {&p->pair, 1, 0};
        nt_range r = p->range;
        const rounded x = {p->v->name, "activation", NULL, &p->t, &one, &r};

        if (r.lo >= r.hi)
            r = (nt_range){NAN, NAN}; /* not known */
        NT_TRY(record_tensor(tensors, &x, e));
        if (!learned)
            NT_TRY(record_method(tensors, p, e));
        NT_TRY(record_start(tensors, p->start_step, e));
    }
done:
    return s;
}

/* ---- the whole */

/* A layer's weight on its way. */
typedef struct weight {
    const nt_qlayer *l;
    nt_qpairs q;
    int64_t n;      /* outputs */
    int64_t *codes; /* NULL: to nearest */
    double *err;    /* [n], of the outputs' means; NULL: not known */
} weight;

static void weight_release(weight *w)
{
    nt_qpairs_release(&w->q);
    nt_free(w->codes);
    nt_free(w->err);
}

static nt_status learn_rounding(weight *w, const nt_moment *m, nt_ptq_rounding how, nt_err *e)
{
    size_t n = (size_t)nt_tensor_count(nt_layer_weight(w->l->node)->data);
    nt_rounding r = {0};
    nt_status s = NT_OK;

    w->codes = nt_alloc(n, sizeof *w->codes);
    if (!w->codes)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_rounding_init(&r, m, &w->l->weight, &w->q, e));
    NT_TRY(how == NT_ROUND_GPTQ ? nt_gptq(&r, e) : nt_adaround(&r, e));
    nt_rounding_codes(w->codes, &r);
    for (int64_t k = 0; k < w->n; k++)
        w->err[k] = nt_rounding_mean_error(&r, k);
done:
    nt_rounding_release(&r);
    return s;
}

static nt_status take_codes(weight *w, const int64_t *codes, nt_err *e)
{
    size_t n = (size_t)nt_tensor_count(nt_layer_weight(w->l->node)->data);

    w->codes = nt_alloc(n, sizeof *w->codes);
    if (!w->codes)
        return nt_fail_nomem(e);
    memcpy(w->codes, codes, n * sizeof *w->codes);
    return NT_OK;
}

/* As the method that follows wants it. */
static nt_status weight_target(nt_qtarget *t, const nt_qlayer *l, const nt_qmethod *m,
                               nt_err *e)
{
    const nt_quantizer *z = m ? nt_qmethod_weight(m, l->weight.bits) : NULL;

    *t = l->weight;
    if (!m)
        return NT_OK;
    if (!z)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "layer '%s': method %s does not train weights of 1 bit, "
                       "lsq, bnn and xnor do",
                       l->name, m->name);
    t->odd = z->odd;
    t->symmetric = t->symmetric || z->bakes;
    t->is_unsigned = t->is_unsigned && !z->bakes;
    t->per_channel = t->per_channel && !z->whole;
    return NT_OK;
}

static nt_status quantize_weight(cJSON *tensors, nt_graph *g, const nt_qlayer *l,
                                 const moments *all, const nt_ptq_opts *o, nt_err *e)
{
    const nt_value *v = nt_layer_weight(l->node);
    const nt_qpoint *p = nt_qpoints_input(all->points, l);
    const nt_moment *m = all->m ? &all->m[l - all->spec->layers] : NULL;
    const int64_t *of_block = all->codes ? all->codes[l - all->spec->layers] : NULL;
    bool has_means = p && p->mean && p->n_mean > 0, learned = m && m->d > 0;
    weight w = {.l = l, .n = outputs_of(l)};
    nt_qtarget t;
    nt_status s = NT_OK;

    NT_TRY(weight_target(&t, l, o->train, e));
    w.err = nt_calloc((size_t)w.n, sizeof *w.err);
    if (!w.err)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_qscale_weight(&w.q, v->data, nt_layer_axis(l->node), &t, !o->weights_minmax, e));
    NT_TRY(record_tensor(tensors, &(rounded){v->name, "weight", l->name, &t, &w.q, NULL}, e));
    NT_TRY(record_start(tensors, l->start_step, e));
    if (learned)
        NT_TRY(learn_rounding(&w, m, o->rounding, e));
    if (of_block)
        NT_TRY(take_codes(&w, of_block, e));
    else if (o->correct_bias && !o->train && can_take_bias(l) && (learned || has_means)) {
        if (!learned)
            mean_errors(w.err, l, v->data, &w.q, p->mean);
        NT_TRY(correct_bias(g, l, w.err, w.n, e));
    }
    NT_TRY(nt_qdq_weight(g, l->node, &(nt_qweight){&t, &w.q, w.codes, o->train != NULL}, e));
done:
    weight_release(&w);
    return s;
}

static nt_status quantize_weights(cJSON *tensors, nt_graph *g, const moments *all,
                                  const nt_ptq_opts *o, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < all->spec->n; i++)
        if (all->spec->layers[i].weight.bits)
            NT_TRY(quantize_weight(tensors, g, &all->spec->layers[i], all, o, e));
done:
    return s;
}

void nt_ptq_defaults(nt_ptq_opts *o)
{
    *o = (nt_ptq_opts){.method = NT_RANGE_MSE, .percentile = 99.99, .steps = 1000};
}

static const char *method_name(const nt_ptq_opts *o)
{
    static const char *const rounding[] = {"ptq", "adaround", "gptq", "brecq"};

    if (o->train)
        return o->train->name;
    return rounding[o->rounding];
}

nt_status nt_ptq(cJSON **record, nt_graph *g, const nt_qspec *spec, const nt_calib *c,
                 const nt_ptq_opts *o, nt_err *e)
{
    cJSON *j = cJSON_CreateObject(), *tensors = j ? nt_json_add_array(j, "tensors") : NULL;
    nt_qpoints *points = NULL;
    moments all = {.spec = spec};
    nt_status s = NT_OK;

    *record = NULL;
    if (!tensors)
        NT_TRY(nt_fail_nomem(e));
    if (!nt_json_add_str(j, "method", method_name(o)))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_qpoints_new(&points, spec, e));
    if (!c->split && !o->seen && !o->train && !all_given(points))
        NT_TRY(nt_fail(e, NT_EINVAL, "activations are quantized by data, and there are none"));
    all.points = points;
    if (o->seen)
        NT_TRY(nt_qpoints_take_seen(points, o->seen, e));
    else if (points->n && c->split)
        NT_TRY(calibrate(points, g, c, e));
    NT_TRY(choose_methods(points, g, c, o, e));
    choose_ranges(points, o);
    if (o->rounding != NT_ROUND_NEAREST && !o->train) {
        if (!c->split)
            NT_TRY(nt_fail(e, NT_EINVAL, "rounding is learned from data, and there are none"));
        NT_TRY(o->rounding == NT_ROUND_BRECQ ? learn_blocks(&all, points, g, c, o, e)
                                             : find_moments(&all, g, c, o, e));
    }
    NT_TRY(record_points(tensors, points, all.codes != NULL, e));
    NT_TRY(nt_qpoints_insert(points, g, e));
    /* Weights come last: what asks for what is read off constant weights. */
    NT_TRY(quantize_weights(tensors, g, &all, o, e));
    NT_TRY(nt_graph_bind(g, g->ops, e));
    NT_TRY(nt_pass_infer(g, e));
    NT_TRY(nt_pass_dead(g, NULL, e));
    if (!o->train)
        nt_pass_round_biases(g);
    *record = j;
    j = NULL;
done:
    moments_release(&all);
    nt_qpoints_free(points);
    nt_json_free(j);
    return s;
}

nt_status nt_ptq_observe(nt_qpoints **out, const nt_graph *g, const nt_qspec *spec,
                         const nt_calib *c, nt_err *e)
{
    nt_qpoints *q = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_qpoints_new(&q, spec, e));
    if (q->n)
        NT_TRY(calibrate(q, g, c, e));
    *out = q;
    q = NULL;
done:
    nt_qpoints_free(q);
    return s;
}
