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

/* ---- constants */

static nt_status add_const(nt_value **out, nt_graph *g, const char *base, const char *suffix,
                           nt_tensor *t, nt_err *e)
{
    char *name = nt_strfmt("%s_%s", base, suffix);
    nt_status s;

    if (!name) {
        nt_tensor_free(t);
        return nt_fail_nomem(e);
    }
    s = nt_graph_add_const(out, g, nt_graph_find_value(g, name) ? NULL : name, t, e);
    nt_free(name);
    return s;
}

/* Scales and zero points: scalars for one pair, else rows. */
static nt_status add_pairs(nt_value *out[2], nt_graph *g, const char *base, nt_dtype t,
                           const nt_qpair *pair, int64_t n, nt_err *e)
{
    nt_tensor *scale = NULL, *zero = NULL;
    nt_status s = NT_OK;
    int rank = n > 1;

    NT_TRY(nt_tensor_new(&scale, NT_F32, rank, &n, e));
    NT_TRY(nt_tensor_new(&zero, t, rank, &n, e));
    for (int64_t i = 0; i < n; i++) {
        nt_tensor_set(scale, i, pair[i].scale);
        nt_tensor_set_i64(zero, i, pair[i].zero);
    }
    s = add_const(&out[0], g, base, "scale", scale, e);
    scale = NULL;
    if (s == NT_OK) {
        s = add_const(&out[1], g, base, "zero_point", zero, e);
        zero = NULL;
    }
done:
    nt_tensor_free(scale);
    nt_tensor_free(zero);
    return s;
}

/* A node of this kind over (x, scale, zero point), before `before`; axis < 0: whole tensors. */
static nt_status add_node(nt_value **out, nt_graph *g, const nt_node *before, const char *kind,
                          nt_value *x, nt_value *const pairs[2], nt_dtype t, int axis,
                          const char *base, nt_err *e)
{
    nt_value *in[3] = {x, pairs[0], pairs[1]};
    char *name = nt_strfmt("%s_%s", base, kind), *value = NULL;
    nt_status s = NT_OK;
    nt_node *n = NULL;

    value = name ? nt_strfmt("%s_Output", name) : NULL;
    if (!value)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_graph_add_value(out, g, nt_graph_find_value(g, value) ? NULL : value, e));
    NT_TRY(nt_graph_insert_node(&n, g, before, &(nt_node_spec){kind, name, in, 3, out, 1}, e));
    if (axis >= 0)
        NT_TRY(nt_node_set_int(g, n, "axis", axis, e));
    (*out)->dtype = t;
    (*out)->rank = x->rank;
    memcpy((*out)->dims, x->dims, sizeof x->dims);
done:
    nt_free(name);
    nt_free(value);
    return s;
}

/* ---- weights */

static nt_status new_codes(nt_tensor **out, const nt_value *w, const nt_qtarget *t,
                           const nt_qpairs *pairs, const int64_t *codes, nt_err *e)
{
    nt_axis_view v = nt_tensor_axis(w->data, pairs->axis);
    int64_t at = 0;

    if (nt_tensor_new(out, nt_qtarget_type(t), w->data->rank, w->data->dims, e) != NT_OK)
        return NT_ENOMEM;
    for (int64_t o = 0; o < v.outer; o++)
        for (int64_t k = 0; k < v.n; k++)
            for (int64_t i = 0; i < v.inner; i++, at++) {
                nt_qpair p = pairs->pair[pairs->n > 1 ? k : 0];
                float x = (float)nt_tensor_get(w->data, at);

                nt_tensor_set_i64(*out, at, codes ? codes[at] : nt_qtarget_code(t, p, x));
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

static nt_status to_integers(nt_value **out, nt_graph *g, nt_value *w, const nt_qtarget *t,
                             const nt_qpairs *p, const int64_t *codes, nt_err *e)
{
    nt_tensor *q = NULL;
    nt_status s = NT_OK;

    NT_TRY(new_codes(&q, w, t, p, codes, e));
    NT_TRY(add_const(out, g, w->name, "quantized", q, e));
done:
    return s;
}

static bool fills_type(const nt_qtarget *t)
{
    return t->bits == 8 || t->bits == 16;
}

/* Clip of v to [lo, hi], of v's own type, before `before`. */
static nt_status add_clip(nt_value **out, nt_graph *g, const nt_node *before, nt_value *v,
                          const char *base, double lo, double hi, nt_err *e)
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
        NT_TRY(add_const(&in[i + 1], g, base, suffix[i], t, e));
    }
    NT_TRY(nt_graph_add_value(out, g, NULL, e));
    NT_TRY(
        nt_graph_insert_node(&n, g, before, &(nt_node_spec){"Clip", NULL, in, 3, out, 1}, e));
    (*out)->dtype = v->dtype;
    (*out)->rank = v->rank;
    memcpy((*out)->dims, v->dims, sizeof v->dims);
done:
    return s;
}

/* The weight's floats through QuantizeLinear, and its codes kept in their range. */
static nt_status to_codes(nt_value **out, nt_graph *g, nt_node *layer, nt_value *w,
                          const nt_qtarget *t, nt_value *const two[2], int axis, nt_err *e)
{
    nt_codes c = nt_qtarget_codes(t);
    nt_status s = NT_OK;
    nt_value *q = NULL;

    NT_TRY(
        add_node(&q, g, layer, "QuantizeLinear", w, two, nt_qtarget_type(t), axis, w->name, e));
    *out = q;
    if (!fills_type(t))
        NT_TRY(add_clip(out, g, layer, q, w->name, (double)c.lo, (double)c.hi, e));
done:
    return s;
}

nt_status nt_qdq_weight(nt_graph *g, nt_node *layer, const nt_qtarget *t,
                        const nt_qpairs *pairs, const int64_t *codes, bool train, nt_err *e)
{
    nt_value *w = nt_layer_weight(layer), *two[2] = {NULL, NULL}, *q = NULL, *y = NULL;
    int index = w == layer->in[0] ? 0 : 1, axis = pairs->n > 1 ? pairs->axis : -1;
    nt_status s = NT_OK;

    NT_TRY(check_opset(g, t, pairs->n > 1, e));
    NT_TRY(add_pairs(two, g, w->name, nt_qtarget_type(t), pairs->pair, pairs->n, e));
    if (train)
        NT_TRY(to_codes(&q, g, layer, w, t, two, axis, e));
    else
        NT_TRY(to_integers(&q, g, w, t, pairs, codes, e));
    NT_TRY(add_node(&y, g, layer, "DequantizeLinear", q, two, NT_F32, axis, w->name, e));
    NT_TRY(nt_graph_set_input(g, layer, index, y, e));
done:
    return s;
}

/* ---- activations */

static const nt_node *first_use(const nt_value *v, bool (*takes)(const nt_use *, const void *),
                                const void *ctx)
{
    const nt_node *first = NULL;

    for (int i = 0; i < v->n_uses; i++)
        if (takes(&v->uses[i], ctx) && (!first || v->uses[i].node->id < first->id))
            first = v->uses[i].node;
    return first;
}

/* first: the node of the pair that reads v. */
static nt_status rewire(nt_graph *g, nt_value *v, nt_value *y, const nt_node *first,
                        bool (*takes)(const nt_use *, const void *), const void *ctx, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = v->n_uses - 1; i >= 0; i--) {
        nt_use u = v->uses[i];

        if (u.node != first && takes(&u, ctx))
            NT_TRY(nt_graph_set_input(g, u.node, u.index, y, e));
    }
done:
    return s;
}

nt_status nt_qdq_activation(nt_value **y, nt_graph *g, nt_value *v, const nt_qtarget *t,
                            nt_qpair pair, bool (*takes)(const nt_use *, const void *),
                            const void *ctx, nt_err *e)
{
    const nt_node *before = first_use(v, takes, ctx), *first = NULL;
    nt_value *two[2] = {NULL, NULL}, *x = v, *q = NULL;
    nt_dtype type = nt_qtarget_type(t);
    nt_codes c = nt_qtarget_codes(t);
    nt_status s = NT_OK;

    *y = NULL;
    if (!before)
        return NT_OK;
    NT_TRY(check_opset(g, t, false, e));
    NT_TRY(add_pairs(two, g, v->name, type, &pair, 1, e));
    if (!fills_type(t) && !t->learned) /* what the type could still hold but the codes do not */
        NT_TRY(add_clip(&x, g, before, v, v->name, (double)(c.lo - pair.zero) * pair.scale,
                        (double)(c.hi - pair.zero) * pair.scale, e));
    NT_TRY(add_node(&q, g, before, "QuantizeLinear", x, two, type, -1, v->name, e));
    first = (x == v ? q : x)->producer;
    if (!fills_type(t) && t->learned)
        NT_TRY(add_clip(&q, g, before, q, v->name, (double)c.lo, (double)c.hi, e));
    NT_TRY(add_node(y, g, before, "DequantizeLinear", q, two, NT_F32, -1, v->name, e));
    NT_TRY(rewire(g, v, *y, first, takes, ctx, e));
done:
    return s;
}

/* ---- after training */

/* The node that leads from the floats of a weight to its codes, when v is such codes. */
static nt_node *coder(const nt_value *v)
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

static nt_status freeze(nt_graph *g, nt_node *dequantize, nt_node *quantize, nt_err *e)
{
    const nt_node *clip = dequantize->in[0]->producer;
    nt_value *w = quantize->in[0], *q = NULL;
    nt_tensor *codes = NULL, *clipped = NULL;
    nt_status s = NT_OK;

    NT_TRY(apply(&codes, g, quantize, w->data, e));
    if (clip != quantize) {
        NT_TRY(apply(&clipped, g, clip, codes, e));
        nt_tensor_free(codes);
        codes = clipped;
        clipped = NULL;
    }
    s = add_const(&q, g, w->name, "quantized", codes, e);
    codes = NULL;
    if (s == NT_OK)
        s = nt_graph_set_input(g, dequantize, 0, q, e);
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
    nt_value *x = NULL;
    nt_status s = NT_OK;

    for (int i = 0; i < 2; i++)
        end[i] = scale * (double)(nt_tensor_get_i64(clip->in[i + 1]->data, 0) -
                                  nt_tensor_get_i64(q->in[2]->data, 0));
    NT_TRY(add_clip(&x, g, q, q->in[0], q->in[0]->name, end[0], end[1], e));
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
        nt_node *quantize =
            nt_node_is(g->nodes[i], "DequantizeLinear") ? coder(g->nodes[i]->in[0]) : NULL;

        if (!quantize)
            continue;
        NT_TRY(freeze(g, g->nodes[i], quantize, e));
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
