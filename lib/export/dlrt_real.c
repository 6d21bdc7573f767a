/* SPDX-License-Identifier: MIT */
/* dlrt_real.c - values in fp32, NHWC: what was left unquantized. */
#include "export/dlrt_lower.h"

#include "graph/graph.h"

#include <float.h>
#include <math.h>

nt_status nt_dlrt_input(uint32_t *id, nt_dlrt_lower *l, const nt_value *v, nt_err *e)
{
    for (size_t i = 0; i < l->f.n_t; i++)
        if (l->f.t[i].place == NT_DLRT_INPUT && l->g->inputs[l->f.t[i].index] == v) {
            *id = (uint32_t)i;
            return NT_OK;
        }
    return nt_fail(e, NT_EUNSUPPORTED, "value '%s' comes from nowhere", v->name);
}

static nt_status from_input(uint32_t *id, nt_dlrt_lower *l, const nt_value *v, nt_err *e)
{
    nt_dlrt_step *step;
    nt_status s = NT_OK;
    uint32_t x;

    NT_TRY(nt_dlrt_input(&x, l, v, e));
    NT_TRY(nt_dlrt_new_real(id, l, v, e));
    NT_TRY(nt_dlrt_step_of(&step, l, (nt_dlrt_op){NT_DLRT_LAYOUT, x, *id}, NULL, e));
done:
    return s;
}

static nt_status from_codes(uint32_t *id, nt_dlrt_lower *l, uint32_t x, const nt_value *v,
                            nt_err *e)
{
    nt_dlrt_step *step;
    nt_status s = NT_OK;

    NT_TRY(nt_dlrt_as_shape(&x, l, v, e));
    NT_TRY(nt_dlrt_new_real(id, l, v, e));
    NT_TRY(nt_dlrt_step_of(&step, l, (nt_dlrt_op){NT_DLRT_DEQUANTIZE, x, *id}, v->producer, e));
done:
    return s;
}

/* An input of a node, of its own shape. */
static nt_status operand(uint32_t *id, nt_dlrt_lower *l, const nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_dlrt_real(id, l, v, e));
    NT_TRY(nt_dlrt_as_shape(id, l, v, e));
done:
    return s;
}

static nt_status layer(uint32_t *id, nt_dlrt_lower *l, const nt_node *n, const nt_value *v,
                       nt_dlrt_range within, nt_err *e)
{
    nt_status s = NT_OK;
    uint32_t x;

    NT_TRY(nt_dlrt_runs_on_codes(&x, l, n, e));
    if (x == NT_DLRT_NONE)
        NT_TRY(nt_dlrt_real(&x, l, n->in[0], e));
    NT_TRY(nt_dlrt_new_real(id, l, v, e));
    NT_TRY(nt_dlrt_layer(l, n, x, *id, within, e));
done:
    return s;
}

static nt_status pair(uint32_t *id, nt_dlrt_lower *l, const nt_node *n, const nt_value *v,
                      nt_dlrt_range within, nt_err *e)
{
    nt_status s = NT_OK;
    uint32_t in[2];

    NT_TRY(operand(&in[0], l, n->in[0], e));
    NT_TRY(operand(&in[1], l, n->in[1], e));
    NT_TRY(nt_dlrt_new_real(id, l, v, e));
    NT_TRY(nt_dlrt_pair(l, n, in, *id, within, e));
done:
    return s;
}

static nt_status concat(uint32_t *id, nt_dlrt_lower *l, const nt_node *n, nt_err *e)
{
    nt_dlrt_step *step;
    nt_status s = NT_OK;
    uint32_t x, at = 0;

    if (nt_node_int(n, "axis", 0) != 1)
        return nt_fail(e, NT_EUNSUPPORTED, "Concat along axis %lld",
                       (long long)nt_node_int(n, "axis", 0));
    NT_TRY(nt_dlrt_new_real(id, l, n->out[0], e));
    for (int i = 0; i < n->n_in; i++) {
        NT_TRY(operand(&x, l, n->in[i], e));
        NT_TRY(nt_dlrt_step_of(&step, l, (nt_dlrt_op){NT_DLRT_COPY, x, *id}, n, e));
        step->count = l->f.t[x].c;
        step->dst_c = at;
        at += step->count;
    }
done:
    return s;
}

static nt_status average(uint32_t *id, nt_dlrt_lower *l, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    uint32_t x;

    NT_TRY(operand(&x, l, n->in[0], e));
    NT_TRY(nt_dlrt_new_real(id, l, n->out[0], e));
    NT_TRY(nt_dlrt_average(l, n, x, *id, e));
done:
    return s;
}

static nt_status softmax(uint32_t *id, nt_dlrt_lower *l, const nt_node *n, nt_err *e)
{
    int64_t axis = nt_node_int(n, "axis", l->g->opset < 13 ? 1 : -1);
    int rank = n->in[0]->rank;
    nt_dlrt_step *step;
    nt_status s = NT_OK;
    uint32_t x;

    if ((axis < 0 ? axis + rank : axis) != 1 || (l->g->opset < 13 && rank > 2))
        return nt_fail(e, NT_EUNSUPPORTED, "Softmax along axis %lld", (long long)axis);
    NT_TRY(operand(&x, l, n->in[0], e));
    NT_TRY(nt_dlrt_new_real(id, l, n->out[0], e));
    NT_TRY(nt_dlrt_step_of(&step, l, (nt_dlrt_op){NT_DLRT_SOFTMAX, x, *id}, n, e));
done:
    return s;
}

/* Between the ends of all floats. */
static nt_dlrt_range within_floats(nt_dlrt_range r)
{
    return (nt_dlrt_range){r.lo > -FLT_MAX ? r.lo : -FLT_MAX, r.hi < FLT_MAX ? r.hi : FLT_MAX};
}

/* *kind of ACT with its two numbers; false: no such function. */
static bool function(const nt_node *n, uint32_t *kind, nt_dlrt_range *r)
{
    *r = (nt_dlrt_range){nt_node_float(n, "alpha", 0.2f), nt_node_float(n, "beta", 0.5f)};
    if (nt_dlrt_is(n, "Sigmoid"))
        *kind = NT_DLRT_SIGMOID;
    else if (nt_dlrt_is(n, "HardSigmoid"))
        *kind = NT_DLRT_HARDSIGMOID;
    else if (nt_dlrt_is(n, "HardSwish"))
        *kind = NT_DLRT_HARDSWISH;
    else if (nt_dlrt_is(n, "Swish") && nt_node_float(n, "alpha", 1) == 1)
        *kind = NT_DLRT_SILU;
    else if (nt_dlrt_bounds(r, n))
        *kind = NT_DLRT_CLIP;
    else
        return false;
    *r = within_floats(*r);
    return true;
}

static nt_status act(uint32_t *id, nt_dlrt_lower *l, const nt_node *n, nt_err *e)
{
    uint32_t kind = 0, x;
    nt_dlrt_step *step;
    nt_status s = NT_OK;
    nt_dlrt_range r;

    if (!function(n, &kind, &r))
        return nt_fail(e, NT_EUNSUPPORTED, "%s has no step of .dlrt in fp32%s", n->op_type,
                       nt_dlrt_is(n, "BatchNormalization") ? ": fold it (nt-fuse-bn)" : "");
    NT_TRY(operand(&x, l, n->in[0], e));
    NT_TRY(nt_dlrt_new_real(id, l, n->out[0], e));
    NT_TRY(nt_dlrt_step_of(&step, l, (nt_dlrt_op){NT_DLRT_ACT, x, *id}, n, e));
    step->kind = kind;
    step->lo = r.lo;
    step->hi = r.hi;
done:
    return s;
}

static bool is_pair(const nt_node *n)
{
    return (nt_dlrt_is(n, "Add") || nt_dlrt_is(n, "Mul")) && !n->in[0]->data && !n->in[1]->data;
}

/* v is what n gives within bounds, and nobody wants it before them: a step of its own with
 * them. */
static const nt_node *bounded(const nt_value *v, nt_dlrt_range *r)
{
    const nt_node *n = v->producer, *in;

    *r = (nt_dlrt_range){-FLT_MAX, FLT_MAX};
    if (!nt_dlrt_bounds(r, n))
        return n;
    in = n->in[0]->producer;
    if (n->in[0]->n_uses > 1 || n->in[0]->is_output || !in ||
        (!nt_dlrt_is_layer(in) && !is_pair(in)))
        return n;
    *r = within_floats(*r);
    return in;
}

static nt_status make(uint32_t *id, nt_dlrt_lower *l, const nt_value *v, nt_err *e)
{
    nt_dlrt_range within;
    const nt_node *n = bounded(v, &within);
    nt_status s = NT_OK;
    uint32_t x;

    if (nt_dlrt_is_layer(n))
        return layer(id, l, n, v, within, e);
    if (is_pair(n))
        return pair(id, l, n, v, within, e);
    if (nt_dlrt_moves(n)) {
        NT_TRY(nt_dlrt_real(&x, l, n->in[0], e));
        return nt_dlrt_move(id, l, n, x, e);
    }
    if (nt_dlrt_averages(n))
        return average(id, l, n, e);
    if (nt_dlrt_is(n, "Concat"))
        return concat(id, l, n, e);
    if (nt_dlrt_is(n, "Softmax"))
        return softmax(id, l, n, e);
    return act(id, l, n, e);
done:
    return s;
}

nt_status nt_dlrt_real(uint32_t *id, nt_dlrt_lower *l, const nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;
    char name[256];
    uint32_t x;

    *id = l->real[v->id];
    if (*id != NT_DLRT_NONE)
        return NT_OK;
    if (v->data)
        return nt_fail(e, NT_EUNSUPPORTED, "constant '%s' as an operand", v->name);
    NT_TRY(nt_dlrt_own_codes(&x, l, v, e));
    if (x != NT_DLRT_NONE)
        NT_TRY(from_codes(id, l, x, v, e));
    else if (!v->producer)
        NT_TRY(from_input(id, l, v, e));
    else if ((s = make(id, l, v, e)) != NT_OK && s == NT_EUNSUPPORTED &&
             nt_node_label(name, sizeof name, v->producer))
        nt_err_prefix(e, "node '%s'", name);
    if (s == NT_OK)
        l->real[v->id] = *id;
done:
    return s;
}
