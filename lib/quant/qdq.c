/* SPDX-License-Identifier: MIT */
#include "quant/qdq.h"

#include "base/alloc.h"
#include "base/str.h"
#include "facet/layer.h"
#include "graph/pass.h"
#include "graph/pass_fuse_bn.h"
#include "op/qparam.h"

#include <math.h>
#include <string.h>

nt_codes nt_qtarget_codes(const nt_qtarget *t)
{
    return nt_codes_of_bits(t->bits, t->is_unsigned, t->symmetric, t->odd);
}

nt_dtype nt_qtarget_type(const nt_qtarget *t)
{
    if (t->bits <= 8)
        return t->is_unsigned ? NT_U8 : NT_I8;
    return t->is_unsigned ? NT_U16 : NT_I16;
}

int64_t nt_qtarget_code(const nt_qtarget *t, nt_qpair pair, float x)
{
    nt_codes c = nt_qtarget_codes(t);

    if (t->bits == 1)
        return x < 0 ? -1 : 1;
    return nt_quantize_one(x / pair.scale, pair.zero, c.lo, c.hi);
}

/* ---- what is put into a graph */

/* Where it goes, and what it is called after. */
typedef struct place {
    nt_graph *g;
    const nt_node *before;
    const char *base;
} place;

/* What Quantize- and DequantizeLinear share: scale, zero point, the codes' type and, of pairs
 * by channel, the axis; < 0: whole tensors. */
typedef struct quantizer {
    nt_value *scale, *zero;
    nt_dtype type;
    int axis;
} quantizer;

static nt_status add_const(nt_value **out, const place *at, const char *suffix, nt_tensor *t,
                           nt_err *e)
{
    char *name = nt_strfmt("%s_%s", at->base, suffix);
    nt_status s;

    if (!name) {
        nt_tensor_free(t);
        return nt_fail_nomem(e);
    }
    s = nt_graph_add_const(out, at->g, nt_graph_find_value(at->g, name) ? NULL : name, t, e);
    nt_free(name);
    return s;
}

/* Scales and zero points: scalars for one pair, else rows. */
static nt_status add_quantizer(quantizer *q, const place *at, nt_dtype type, const nt_qpairs *p,
                               nt_err *e)
{
    nt_tensor *scale = NULL, *zero = NULL;
    nt_status s = NT_OK;
    int rank = p->n > 1;

    *q = (quantizer){.type = type, .axis = p->n > 1 ? p->axis : -1};
    NT_TRY(nt_tensor_new(&scale, NT_F32, rank, &p->n, e));
    NT_TRY(nt_tensor_new(&zero, type, rank, &p->n, e));
    for (int64_t i = 0; i < p->n; i++) {
        nt_tensor_set(scale, i, p->pair[i].scale);
        nt_tensor_set_i64(zero, i, p->pair[i].zero);
    }
    s = add_const(&q->scale, at, "scale", scale, e);
    scale = NULL;
    if (s == NT_OK) {
        s = add_const(&q->zero, at, "zero_point", zero, e);
        zero = NULL;
    }
done:
    nt_tensor_free(scale);
    nt_tensor_free(zero);
    return s;
}

/* A node of this kind over (x, scale, zero point). */
static nt_status add_node(nt_value **out, const place *at, const char *kind, nt_value *x,
                          const quantizer *q, nt_err *e)
{
    nt_value *in[3] = {x, q->scale, q->zero};
    char *name = nt_strfmt("%s_%s", at->base, kind), *value = NULL;
    nt_status s = NT_OK;
    nt_node *n = NULL;

    value = name ? nt_strfmt("%s_Output", name) : NULL;
    if (!value)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_graph_add_value(out, at->g, nt_graph_find_value(at->g, value) ? NULL : value, e));
    NT_TRY(nt_graph_insert_node(&n, at->g, at->before,
                                &(nt_node_spec){kind, name, in, 3, out, 1}, e));
    if (q->axis >= 0)
        NT_TRY(nt_node_set_int(at->g, n, "axis", q->axis, e));
    (*out)->rank = x->rank;
    memcpy((*out)->dims, x->dims, sizeof x->dims);
done:
    nt_free(name);
    nt_free(value);
    return s;
}

static nt_status quantize(nt_value **out, const place *at, nt_value *x, const quantizer *q,
                          nt_err *e)
{
    nt_status s = add_node(out, at, "QuantizeLinear", x, q, e);

    if (s == NT_OK)
        (*out)->dtype = q->type;
    return s;
}

static nt_status dequantize(nt_value **out, const place *at, nt_value *codes,
                            const quantizer *q, nt_err *e)
{
    nt_status s = add_node(out, at, "DequantizeLinear", codes, q, e);

    if (s == NT_OK)
        (*out)->dtype = NT_F32;
    return s;
}

/* Clip of v to [lo, hi], of v's own type. */
static nt_status add_clip(nt_value **out, const place *at, nt_value *v, double lo, double hi,
                          nt_err *e)
{
    static const char *const suffix[2] = {"clip_min", "clip_max"};
    const double ends[2] = {lo, hi};
    nt_value *in[3] = {v, NULL, NULL};
    nt_status s = NT_OK;
    nt_node *n = NULL;

    for (int i = 0; i < 2; i++) {
        nt_tensor *t = NULL;

        NT_TRY(nt_tensor_new(&t, v->dtype, 0, NULL, e));
        nt_tensor_set(t, 0, ends[i]);
        NT_TRY(add_const(&in[i + 1], at, suffix[i], t, e));
    }
    NT_TRY(nt_graph_add_value(out, at->g, NULL, e));
    NT_TRY(nt_graph_insert_node(&n, at->g, at->before,
                                &(nt_node_spec){"Clip", NULL, in, 3, out, 1}, e));
    (*out)->dtype = v->dtype;
    (*out)->rank = v->rank;
    memcpy((*out)->dims, v->dims, sizeof v->dims);
done:
    return s;
}

/* ---- weights */

static nt_status new_codes(nt_tensor **out, const nt_value *w, const nt_qweight *how, nt_err *e)
{
    const nt_qpairs *pairs = how->pairs;
    nt_axis_view v = nt_tensor_axis(w->data, pairs->axis);
    int64_t at = 0;

    if (nt_tensor_new(out, nt_qtarget_type(how->t), w->data->rank, w->data->dims, e) != NT_OK)
        return NT_ENOMEM;
    for (int64_t o = 0; o < v.outer; o++)
        for (int64_t k = 0; k < v.n; k++)
            for (int64_t i = 0; i < v.inner; i++, at++) {
                nt_qpair p = pairs->pair[pairs->n > 1 ? k : 0];
                float x = (float)nt_tensor_get(w->data, at);

                nt_tensor_set_i64(*out, at,
                                  how->codes ? how->codes[at] : nt_qtarget_code(how->t, p, x));
            }
    return NT_OK;
}

static nt_status check_opset(const nt_graph *g, const nt_qtarget *t, bool by_channel, nt_err *e)
{
    int want = t->bits > 8 ? 21 : by_channel ? 13 : 10;
    bool tensor_would_do = want == 13 && g->opset >= 10;

    if (g->opset >= want)
        return NT_OK;
    return nt_fail(e, NT_EUNSUPPORTED,
                   "quantization%s needs opset %d, and the model is of opset %d: export it at "
                   "a newer one%s",
                   want == 21   ? " to more than 8 bits"
                   : by_channel ? " by channel"
                                : "",
                   want, g->opset,
                   tensor_would_do ? ", or set quant_scheme 'per_tensor_symmetric' in --config"
                                   : "");
}

static nt_status to_integers(nt_value **out, const place *at, const nt_value *w,
                             const nt_qweight *how, nt_err *e)
{
    nt_tensor *q = NULL;
    nt_status s = NT_OK;

    NT_TRY(new_codes(&q, w, how, e));
    NT_TRY(add_const(out, at, "quantized", q, e));
done:
    return s;
}

static bool fills_type(const nt_qtarget *t)
{
    return t->bits == 8 || t->bits == 16;
}

/* The weight's floats through QuantizeLinear, and its codes kept in their range. */
static nt_status to_codes(nt_value **out, const place *at, nt_value *w, const nt_qtarget *t,
                          const quantizer *q, nt_err *e)
{
    nt_codes c = nt_qtarget_codes(t);
    nt_status s = NT_OK;
    nt_value *codes = NULL;

    NT_TRY(quantize(&codes, at, w, q, e));
    *out = codes;
    if (!fills_type(t))
        NT_TRY(add_clip(out, at, codes, (double)c.lo, (double)c.hi, e));
done:
    return s;
}

nt_status nt_qdq_weight(nt_graph *g, nt_node *layer, const nt_qweight *how, nt_err *e)
{
    nt_value *w = nt_layer_weight(layer), *codes = NULL, *y = NULL;
    const place at = {g, layer, w->name};
    int index = w == layer->in[0] ? 0 : 1;
    nt_status s = NT_OK;
    quantizer q;

    NT_TRY(check_opset(g, how->t, how->pairs->n > 1, e));
    NT_TRY(add_quantizer(&q, &at, nt_qtarget_type(how->t), how->pairs, e));
    if (how->train)
        NT_TRY(to_codes(&codes, &at, w, how->t, &q, e));
    else
        NT_TRY(to_integers(&codes, &at, w, how, e));
    NT_TRY(dequantize(&y, &at, codes, &q, e));
    NT_TRY(nt_graph_set_input(g, layer, index, y, e));
done:
    return s;
}

/* ---- activations */

static const nt_node *first_use(const nt_value *v, const nt_consumers *by)
{
    const nt_node *first = NULL;

    for (int i = 0; i < v->n_uses; i++)
        if (by->takes(&v->uses[i], by->ctx) && (!first || v->uses[i].node->id < first->id))
            first = v->uses[i].node;
    return first;
}

/* first: the node of the pair that reads v. */
static nt_status rewire(nt_graph *g, nt_value *v, nt_value *y, const nt_node *first,
                        const nt_consumers *by, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = v->n_uses - 1; i >= 0; i--) {
        nt_use u = v->uses[i];

        if (u.node != first && by->takes(&u, by->ctx))
            NT_TRY(nt_graph_set_input(g, u.node, u.index, y, e));
    }
done:
    return s;
}

nt_status nt_qdq_activation(nt_value **y, nt_graph *g, const nt_qactivation *a,
                            const nt_consumers *by, nt_err *e)
{
    nt_value *x = a->v, *codes = NULL;
    const place at = {g, first_use(a->v, by), a->v->name};
    bool clips = !fills_type(a->t); /* what the type could still hold but the codes do not */
    nt_codes c = nt_qtarget_codes(a->t);
    nt_qpair pair = a->pair;
    const nt_node *first;
    nt_status s = NT_OK;
    quantizer q;

    *y = NULL;
    if (!at.before)
        return NT_OK;
    NT_TRY(check_opset(g, a->t, false, e));
    NT_TRY(add_quantizer(&q, &at, nt_qtarget_type(a->t), &(nt_qpairs){&pair, 1, 0}, e));
    if (clips && !a->t->learned)
        NT_TRY(add_clip(&x, &at, a->v, (double)(c.lo - pair.zero) * pair.scale,
                        (double)(c.hi - pair.zero) * pair.scale, e));
    NT_TRY(quantize(&codes, &at, x, &q, e));
    first = (x == a->v ? codes : x)->producer;
    if (clips && a->t->learned)
        NT_TRY(add_clip(&codes, &at, codes, (double)c.lo, (double)c.hi, e));
    NT_TRY(dequantize(y, &at, codes, &q, e));
    NT_TRY(rewire(g, a->v, *y, first, by, e));
done:
    return s;
}

/* ---- after training */

/* The node that leads from the floats of a weight to its codes, when v is such codes. */
static nt_node *coder_of(const nt_value *v)
{
    nt_node *n = v->producer;

    if (nt_node_is(n, "Clip") && n->in[0]->producer)
        n = n->in[0]->producer;
    return nt_node_is(n, "QuantizeLinear") && n->in[0]->data && n->in[1]->data ? n : NULL;
}

/* The tensor that n makes of constants and, in place of its first input, x. */
static nt_status apply(nt_tensor **out, const nt_graph *g, const nt_node *n, const nt_tensor *x,
                       nt_err *e)
{
    const nt_tensor *in[3] = {x, NULL, NULL};
    nt_status s = NT_OK;

    for (int i = 1; i < n->n_in && i < 3; i++)
        in[i] = n->in[i] ? n->in[i]->data : NULL;
    NT_TRY(nt_tensor_new(out, n->out[0]->dtype, x->rank, x->dims, e));
    NT_TRY(g->ops->eval(n, in, out, e));
done:
    return s;
}

static nt_status freeze(nt_graph *g, nt_node *dequantizer, const nt_node *coder, nt_err *e)
{
    const nt_node *clip = dequantizer->in[0]->producer;
    nt_value *w = coder->in[0], *q = NULL;
    const place at = {g, dequantizer, w->name};
    nt_tensor *codes = NULL, *clipped = NULL;
    nt_status s = NT_OK;

    NT_TRY(apply(&codes, g, coder, w->data, e));
    if (clip != coder) {
        NT_TRY(apply(&clipped, g, clip, codes, e));
        nt_tensor_free(codes);
        codes = clipped;
        clipped = NULL;
    }
    s = add_const(&q, &at, "quantized", codes, e);
    codes = NULL;
    if (s == NT_OK)
        s = nt_graph_set_input(g, dequantizer, 0, q, e);
done:
    nt_tensor_free(codes);
    nt_tensor_free(clipped);
    return s;
}

/* The QuantizeLinear of an activation whose codes this node clips; else NULL. */
static nt_node *clipped_activation(const nt_node *clip)
{
    nt_node *q = nt_node_is(clip, "Clip") && clip->n_in == 3 ? clip->in[0]->producer : NULL;

    return nt_node_is(q, "QuantizeLinear") && q->n_in == 3 && !q->in[0]->data &&
                   q->in[1]->data && q->in[2]->data && nt_tensor_count(q->in[1]->data) == 1 &&
                   clip->in[1]->data && clip->in[2]->data
               ? q
               : NULL;
}

/* The clip of codes becomes one of what is quantized. */
static nt_status clip_before(nt_graph *g, nt_node *clip, nt_node *q, nt_err *e)
{
    double scale = nt_tensor_get(q->in[1]->data, 0), end[2];
    const place at = {g, q, q->in[0]->name};
    nt_value *x = NULL;
    nt_status s = NT_OK;

    for (int i = 0; i < 2; i++)
        end[i] = scale * (double)(nt_tensor_get_i64(clip->in[i + 1]->data, 0) -
                                  nt_tensor_get_i64(q->in[2]->data, 0));
    NT_TRY(add_clip(&x, &at, q->in[0], end[0], end[1], e));
    NT_TRY(nt_graph_set_input(g, q, 0, x, e));
    NT_TRY(nt_graph_replace_value(g, clip->out[0], q->out[0], e));
    nt_graph_remove_node(g, clip);
done:
    return s;
}

static nt_status clip_activations(nt_graph *g, int *n, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < g->n_nodes; i++) {
        nt_node *clip = g->nodes[i], *q = clipped_activation(clip);

        if (!q)
            continue;
        NT_TRY(clip_before(g, clip, q, e));
        ++*n;
    }
done:
    return s;
}

nt_status nt_qdq_freeze(nt_graph *g, int *n_frozen, nt_err *e)
{
    nt_status s = NT_OK;
    int n = 0, moved = 0;

    NT_TRY(clip_activations(g, &moved, e));
    for (int i = 0; i < g->n_nodes; i++) {
        const nt_node *coder =
            nt_node_is(g->nodes[i], "DequantizeLinear") ? coder_of(g->nodes[i]->in[0]) : NULL;

        if (!coder)
            continue;
        NT_TRY(freeze(g, g->nodes[i], coder, e));
        n++;
    }
    if (moved)
        NT_TRY(nt_graph_bind(g, g->ops, e));
    if (n)
        NT_TRY(nt_pass_fuse_bn(g, NULL, NULL, e));
    if (n || moved)
        NT_TRY(nt_pass_dead(g, NULL, e));
    if (n)
        nt_pass_round_biases(g);
    if (n_frozen)
        *n_frozen = n;
done:
    return s;
}
