/* SPDX-License-Identifier: MIT */
#include "export/tfl_code.h"

#include "base/alloc.h"
#include "export/tfl_writers.h"
#include "facet/arg.h"

#include <math.h>
#include <string.h>

/* ---- pairs of scale and zero */

static bool is_8_bits(nt_dtype t)
{
    return t == NT_I8 || t == NT_U8;
}

/* Codes of uint8 are moved to int8. */
static nt_status read_pair(const nt_tfl_quant **out, nt_tfl *l, const nt_node *n, nt_dtype type,
                           nt_err *e)
{
    const nt_tensor *scale = nt_const_in(n, 1), *zero = nt_const_in(n, 2);
    nt_tfl_quant *q = nt_arena_alloc(l->m.arena, 1, sizeof *q);
    float *f = nt_arena_alloc(l->m.arena, 1, sizeof *f);
    int64_t *z = nt_arena_alloc(l->m.arena, 1, sizeof *z);

    if (!q || !f || !z)
        return nt_fail_nomem(e);
    if (!is_8_bits(type))
        return nt_fail(e, NT_EUNSUPPORTED, "codes of %s have no form in TFLite",
                       nt_dtype_name(type));
    if (!scale || nt_tensor_count(scale) != 1 || (nt_has_in(n, 2) && !zero))
        return nt_tfl_refuse(e, "such a scale has");
    *f = (float)nt_tensor_get(scale, 0);
    *z = (zero ? nt_tensor_get_i64(zero, 0) : 0) - (type == NT_U8 ? 128 : 0);
    *q = (nt_tfl_quant){1, f, z, 0};
    *out = q;
    return NT_OK;
}

static bool same(const nt_tfl_quant *a, const nt_tfl_quant *b)
{
    return a && b && *a->scale == *b->scale && *a->zero == *b->zero;
}

/* ---- the plan */

/* Takes codes to codes. */
static bool passes(const nt_node *n)
{
    static const char *const names[] = {"Concat",    "Flatten",   "Identity", "MaxPool",
                                        "Relu",      "Reshape",   "Slice",    "Squeeze",
                                        "Transpose", "Unsqueeze", NULL};

    return nt_node_is_any(n, names);
}

/* What all who read v agree that its codes mean; NULL: they do not. */
static const nt_tfl_quant *agreed(const nt_tfl *l, const nt_value *v)
{
    const nt_tfl_quant *q = NULL;

    if (v->is_output)
        return NULL;
    for (int i = 0; i < v->n_uses; i++) {
        const nt_node *n = v->uses[i].node;
        const nt_tfl_quant *wanted = l->v[n->out[0]->id].code;

        if (!(nt_node_is(n, "QuantizeLinear") || passes(n)) || !wanted ||
            (q && !same(q, wanted)))
            return NULL;
        q = wanted;
    }
    return q;
}

static nt_status plan_node(nt_tfl *l, const nt_node *n, nt_err *e)
{
    nt_tfl_place *p = &l->v[n->out[0]->id];
    char label[128];
    nt_status s = NT_OK;

    if (nt_node_is(n, "QuantizeLinear"))
        s = read_pair(&p->code, l, n, n->out[0]->dtype, e);
    else if (!nt_node_is(n, "DequantizeLinear"))
        p->code = agreed(l, n->out[0]);
    else if (!n->in[0]->data)
        s = read_pair(&p->code, l, n, n->in[0]->dtype, e);
    if (s != NT_OK)
        nt_err_prefix(e, "node '%s': %s", nt_node_label(label, sizeof label, n), n->op_type);
    return s;
}

nt_status nt_tfl_plan_codes(nt_tfl *l, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = l->g->n_nodes - 1; i >= 0; i--) {
        if (l->g->nodes[i]->out[0])
            NT_TRY(plan_node(l, l->g->nodes[i], e));
    }
done:
    return s;
}

/* ---- weights */

/* Scales of the outputs of a weight of int8 codes around 0: n of them, or one; NULL: it is
 * something else. */
static const nt_tensor *weight_scales(const nt_value *w, int axis)
{
    const nt_node *n = w->producer;
    const nt_tensor *scale, *zero;
    int at;

    if (!nt_node_is(n, "DequantizeLinear") || !n->in[0]->data || n->in[0]->dtype != NT_I8 ||
        nt_node_int(n, "block_size", 0))
        return NULL;
    scale = nt_const_in(n, 1);
    zero = nt_const_in(n, 2);
    if (!scale || scale->dtype != NT_F32 || (nt_has_in(n, 2) && !zero))
        return NULL;
    for (int64_t i = 0; zero && i < nt_tensor_count(zero); i++) {
        if (nt_tensor_get_i64(zero, i))
            return NULL;
    }
    at = (int)nt_node_int(n, "axis", 1);
    at += at < 0 ? w->rank : 0;
    return nt_tensor_count(scale) == 1 || at == axis ? scale : NULL;
}

static int output_axis(const nt_node *n)
{
    return nt_node_is(n, "Conv") || nt_node_int(n, "transB", 0) ? 0 : 1;
}

static float scale_at(const nt_tensor *scale, int64_t i)
{
    return ((const float *)scale->data)[nt_tensor_count(scale) == 1 ? 0 : i];
}

static const nt_tensor *scales_of(const nt_value *w)
{
    return nt_const_in(w->producer, 1);
}

/* One scale for each output, the first axis' or the last's. */
static nt_status add_quant(nt_tfl_tensor *t, nt_tfl *l, const nt_value *w, int axis,
                           int64_t first, nt_err *e)
{
    int64_t n = t->dims[axis], *zero = nt_arena_alloc(l->m.arena, (size_t)n, sizeof *zero);
    float *scale = nt_tfl_floats(l, n);

    if (!zero || !scale)
        return nt_fail_nomem(e);
    for (int64_t i = 0; i < n; i++)
        scale[i] = scale_at(scales_of(w), first + i);
    t->quant = (nt_tfl_quant){(int)n, scale, zero, axis};
    return NT_OK;
}

/* Which it was; of a scale of 0 all codes are the same number. */
static int8_t code_of(float v, float scale)
{
    return (int8_t)(scale > 0 ? lrintf(v / scale) : 0);
}

nt_status nt_tfl_code_weight(int *t, nt_tfl *l, const nt_value *w, const nt_tfl_shape *s,
                             const nt_tfl_part *part, nt_err *e)
{
    int64_t n = nt_tfl_count(s), k = s->dims[s->rank - 1];
    bool last = part->first < 0;
    int8_t *codes = nt_arena_alloc(l->m.arena, (size_t)n, 1);
    nt_tfl_tensor c = {
        .name = w->name, .type = NT_TFL_I8, .rank = s->rank, .data = codes, .bytes = (size_t)n};
    nt_status st = NT_OK;

    if (!codes)
        return nt_fail_nomem(e);
    memcpy(c.dims, s->dims, sizeof c.dims);
    st = add_quant(&c, l, w, last ? s->rank - 1 : 0, last ? 0 : part->first, e);
    for (int64_t i = 0; i < n && st == NT_OK; i++)
        codes[i] =
            code_of(part->numbers[i], c.quant.scale[last ? i % k : i / (n / s->dims[0])]);
    return st == NT_OK ? nt_tfl_add_tensor(t, &l->m, &c, e) : st;
}

nt_status nt_tfl_code_bias(int *t, nt_tfl *l, const nt_value *x, const nt_value *w,
                           const nt_tfl_part *part, nt_err *e)
{
    int64_t k = part->n;
    int64_t *zero = nt_arena_alloc(l->m.arena, (size_t)k, sizeof *zero);
    int32_t *codes = nt_arena_alloc(l->m.arena, (size_t)k, sizeof *codes);
    float *scale = nt_tfl_floats(l, k);
    nt_tfl_tensor c = {.name = nt_tfl_name(l, w, "bias"),
                       .type = NT_TFL_I32,
                       .rank = 1,
                       .dims = {k},
                       .data = codes,
                       .bytes = (size_t)k * sizeof *codes};

    if (!zero || !codes || !scale)
        return nt_fail_nomem(e);
    for (int64_t i = 0; i < k; i++) {
        double v;

        scale[i] = *l->v[x->id].code->scale * scale_at(scales_of(w), part->first + i);
        v = part->numbers[i] == 0 ? 0 : rint((double)part->numbers[i] / scale[i]);
        if (!(fabs(v) <= INT32_MAX))
            return nt_tfl_refuse(e, "a bias of more than 2^31 codes has");
        codes[i] = (int32_t)v;
    }
    c.quant = (nt_tfl_quant){(int)k, scale, zero, 0};
    return nt_tfl_add_tensor(t, &l->m, &c, e);
}

nt_status nt_tfl_lowest_code(int *t, nt_tfl *l, const nt_value *v, nt_err *e)
{
    static const int8_t lowest = -128;
    nt_tfl_tensor c = {.name = "lowest",
                       .type = NT_TFL_I8,
                       .data = &lowest,
                       .bytes = 1,
                       .quant = *l->v[v->id].code};

    return nt_tfl_add_tensor(t, &l->m, &c, e);
}

/* ---- nodes */

static bool has_codes(const nt_tfl *l, const nt_value *v)
{
    const nt_tfl_place *p = &l->v[v->id];

    if (!p->code)
        return false;
    if (p->side[1].t[0] >= 0 || p->side[1].t[1] >= 0)
        return true;
    return p->rows && has_codes(l, p->rows);
}

static bool are_codes(const nt_tfl *l, const nt_node *n, int count)
{
    for (int i = 0; i < count; i++) {
        if (!n->in[i] || !has_codes(l, n->in[i]))
            return false;
    }
    return true;
}

/* A layer whose weight is codes; Gemm's factors are numbers that codes do not have. */
static bool is_layer(const nt_node *n)
{
    static const char *const names[] = {"Conv", "Gemm", "MatMul", NULL};

    return nt_node_is_any(n, names) && weight_scales(n->in[1], output_axis(n)) &&
           nt_node_float(n, "alpha", 1) == 1 && nt_node_float(n, "beta", 1) == 1;
}

bool nt_tfl_on_codes(const nt_tfl *l, const nt_node *n)
{
    const nt_tfl_quant *out = n->out[0] ? l->v[n->out[0]->id].code : NULL;

    if (!out || nt_node_is(n, "QuantizeLinear") || nt_node_is(n, "DequantizeLinear"))
        return false;
    if (passes(n))
        return are_codes(l, n, nt_node_is(n, "Concat") ? n->n_in : 1) &&
               same(out, l->v[n->in[0]->id].code);
    if (nt_node_is(n, "Add"))
        return are_codes(l, n, 2);
    if (nt_node_is(n, "GlobalAveragePool") || is_layer(n))
        return are_codes(l, n, 1);
    return false;
}

static void take_codes(nt_tfl *l, const nt_value *to, const nt_value *from)
{
    l->v[to->id].side[1] = l->v[from->id].side[1];
    l->v[to->id].rows = l->v[from->id].rows;
}

nt_status nt_tfl_quantize(nt_tfl *l, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *y = n->out[0];
    nt_tfl_form form = nt_tfl_form_of(l, x);
    nt_status s = NT_OK;
    nt_tfl_op *o;
    int from, to;

    if (has_codes(l, x)) {
        take_codes(l, y, x);
        return NT_OK;
    }
    NT_TRY(nt_tfl_in(&from, l, x, form, e));
    l->coded = true;
    NT_TRY(nt_tfl_out(&to, l, y, form, e));
    l->coded = false;
    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){NT_TFL_QUANTIZE, &from, 1}, to, e));
done:
    return s;
}

/* Of a constant: who reads it takes the numbers. */
nt_status nt_tfl_dequantize(nt_tfl *l, const nt_node *n, nt_err *e)
{
    if (n->in[0]->data)
        return NT_OK;
    if (!has_codes(l, n->in[0]))
        return nt_fail(e, NT_EUNSUPPORTED,
                       "codes that nothing quantized have no form in TFLite");
    take_codes(l, n->out[0], n->in[0]);
    return NT_OK;
}
