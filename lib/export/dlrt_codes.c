/* SPDX-License-Identifier: MIT */
/* dlrt_codes.c - values as codes. */
#include "export/dlrt_lower.h"

#include "base/alloc.h"
#include "facet/op.h"

#include <math.h>
#include <string.h>

/* ---- codes that are there anyway */

static nt_status find_own(uint32_t *id, nt_dlrt_lower *l, const nt_value *v, nt_err *e)
{
    const nt_node *n = v->producer;
    nt_status s = NT_OK;
    nt_dlrt_quant q;
    nt_value *x;
    uint32_t in;

    *id = NT_DLRT_NONE;
    if (nt_dlrt_quantized(&x, &q, v))
        return nt_dlrt_codes(id, l, x, &q, e);
    if (!nt_dlrt_moves(n))
        return NT_OK;
    NT_TRY(nt_dlrt_own_codes(&in, l, n->in[0], e));
    if (in != NT_DLRT_NONE)
        NT_TRY(nt_dlrt_move(id, l, n, in, e));
done:
    return s;
}

nt_status nt_dlrt_own_codes(uint32_t *id, nt_dlrt_lower *l, const nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;

    *id = l->code[v->id];
    if (*id != NT_DLRT_NONE)
        return NT_OK;
    NT_TRY(find_own(id, l, v, e));
    l->code[v->id] = *id;
done:
    return s;
}

nt_status nt_dlrt_runs_on_codes(uint32_t *x, nt_dlrt_lower *l, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    *x = NT_DLRT_NONE;
    if (nt_dlrt_is_layer(n) && nt_dlrt_has_codes(n))
        NT_TRY(nt_dlrt_own_codes(x, l, n->in[0], e));
done:
    return s;
}

/* ---- tables */

static bool same_quant(const nt_dlrt_tensor *t, const nt_dlrt_quant *q)
{
    return t->bits == q->bits && t->scale == q->scale && t->zero == (float)q->zero;
}

static bool cuts(const nt_dlrt_quant *q)
{
    return q->lo > 0 || q->hi < (1 << q->bits) - 1;
}

/* The code of a real number, cut off. */
static uint8_t code_of(const nt_dlrt_quant *q, float x)
{
    int32_t c = nt_dlrt_code(q, x);

    return (uint8_t)(c < q->lo ? q->lo : c > q->hi ? q->hi : c);
}

/* The codes of q for real numbers f[256], in the data. */
static uint32_t add_table(nt_dlrt_lower *l, const nt_dlrt_quant *q, const float *f)
{
    uint8_t table[256];

    for (int i = 0; i < 256; i++)
        table[i] = code_of(q, f[i]);
    return nt_dlrt_add_data(&l->f, table, sizeof table);
}

static void reals_of(float *f, const nt_dlrt_tensor *t)
{
    for (int i = 0; i < 256; i++)
        f[i] = ((float)i - t->zero) * t->scale;
}

/* Codes x of v as codes of q. */
static nt_status requantize(uint32_t *id, nt_dlrt_lower *l, uint32_t x, const nt_value *v,
                            const nt_dlrt_quant *q, nt_err *e)
{
    nt_dlrt_step *step;
    nt_status s = NT_OK;
    float f[256];

    *id = x;
    if (same_quant(&l->f.t[x], q) && !cuts(q))
        return NT_OK;
    reals_of(f, &l->f.t[x]);
    NT_TRY(nt_dlrt_as_shape(&x, l, v, e));
    NT_TRY(nt_dlrt_new_codes(id, l, v, q, e));
    NT_TRY(nt_dlrt_step_of(&step, l, (nt_dlrt_op){NT_DLRT_LUT, x, *id}, NULL, e));
    step->table = add_table(l, q, f);
done:
    return s;
}

/* Functions of one number, whatever the others that are constants of one element. */
static bool is_function(const nt_node *n)
{
    static const char *const ops[] = {"Sigmoid",
                                      "Tanh",
                                      "HardSigmoid",
                                      "HardSwish",
                                      "LeakyRelu",
                                      "Elu",
                                      "Selu",
                                      "Celu",
                                      "Softplus",
                                      "Softsign",
                                      "Gelu",
                                      "Mish",
                                      "Exp",
                                      "Log",
                                      "Sqrt",
                                      "Abs",
                                      "Neg",
                                      "Erf",
                                      "ThresholdedRelu",
                                      "Swish",
                                      "Relu",
                                      "Clip",
                                      "Add",
                                      "Sub",
                                      "Mul",
                                      "Div",
                                      "Pow"};
    bool known = false;

    for (size_t i = 0; n && i < sizeof ops / sizeof *ops; i++)
        known = known || nt_dlrt_is(n, ops[i]);
    if (!known || !n->op->eval || (n->in[0] && n->in[0]->data))
        return false;
    for (int i = 1; i < n->n_in; i++)
        if (n->in[i] &&
            (!n->in[i]->data || nt_tensor_count(n->in[i]->data) != 1 || n->in[i]->rank > 1))
            return false;
    return true;
}

/* f[i] becomes what the operator makes of f[i]. */
static nt_status apply(float *f, const nt_node *n, nt_err *e)
{
    const nt_tensor *in[3] = {NULL, NULL, NULL};
    const int64_t dims[1] = {256};
    nt_tensor *x = NULL, *y = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_tensor_new(&x, NT_F32, 1, dims, e));
    NT_TRY(nt_tensor_new(&y, NT_F32, 1, dims, e));
    memcpy(x->data, f, 256 * sizeof *f);
    in[0] = x;
    for (int i = 1; i < n->n_in && i < 3; i++)
        in[i] = n->in[i] ? n->in[i]->data : NULL;
    NT_TRY(n->op->eval(n, in, &y, e));
    memcpy(f, y->data, 256 * sizeof *f);
done:
    nt_tensor_free(x);
    nt_tensor_free(y);
    return s;
}

/* ---- codes of a given quantizer */

/* v seen through Relu and Clip: where they begin, what they leave of q's codes, and whether
 * anyone else wants to see a value on the way. */
typedef struct origin {
    const nt_value *v;
    nt_dlrt_quant q;
    bool shared;
} origin;

static bool is_shared(const nt_value *v)
{
    return v->n_uses > 1 || v->is_output;
}

static origin trace(const nt_value *v, const nt_dlrt_quant *q)
{
    origin o = {v, *q, is_shared(v)};
    nt_dlrt_range r;

    while (nt_dlrt_bounds(&r, o.v->producer)) {
        int32_t from = nt_dlrt_code(q, r.lo), to = nt_dlrt_code(q, r.hi);

        o.q.lo = from > o.q.lo ? from : o.q.lo;
        o.q.hi = to < o.q.hi ? to : o.q.hi;
        if (o.q.lo > o.q.hi) /* the later one wins */
            o.q.lo = o.q.hi = from > o.q.hi ? o.q.hi : o.q.lo;
        o.v = o.v->producer->in[0];
        o.shared = o.shared || is_shared(o.v);
    }
    return o;
}

/* A tensor for the codes; bounds are kept by the step, or (soft) by a table after it. */
static nt_status finish(uint32_t *id, nt_dlrt_lower *l, const origin *o, nt_err *e)
{
    return cuts(&o->q) ? requantize(id, l, *id, o->v, &o->q, e) : NT_OK;
}

static nt_dlrt_range codes_of(const origin *o)
{
    return (nt_dlrt_range){(float)o->q.lo, (float)o->q.hi};
}

static nt_status try_layer(uint32_t *id, nt_dlrt_lower *l, const origin *o, nt_err *e)
{
    const nt_node *n = o->v->producer;
    nt_status s = NT_OK;
    uint32_t x, y;

    NT_TRY(nt_dlrt_runs_on_codes(&x, l, n, e));
    if (x == NT_DLRT_NONE || o->shared) /* shared: once in fp32 is cheaper than twice */
        return NT_OK;
    NT_TRY(nt_dlrt_new_codes(&y, l, o->v, &o->q, e));
    NT_TRY(nt_dlrt_layer(l, n, x, y, codes_of(o), e));
    *id = y;
done:
    return s;
}

static nt_status try_pair(uint32_t *id, nt_dlrt_lower *l, const origin *o, nt_err *e)
{
    const nt_node *n = o->v->producer;
    nt_status s = NT_OK;
    uint32_t in[2] = {NT_DLRT_NONE, NT_DLRT_NONE}, y;

    if (!n->in[0]->data && !n->in[1]->data) {
        NT_TRY(nt_dlrt_own_codes(&in[0], l, n->in[0], e));
        NT_TRY(nt_dlrt_own_codes(&in[1], l, n->in[1], e));
    }
    if (in[0] == NT_DLRT_NONE || in[1] == NT_DLRT_NONE)
        return NT_OK;
    NT_TRY(nt_dlrt_as_shape(&in[0], l, n->in[0], e));
    NT_TRY(nt_dlrt_as_shape(&in[1], l, n->in[1], e));
    NT_TRY(nt_dlrt_new_codes(&y, l, o->v, &o->q, e));
    NT_TRY(nt_dlrt_pair(l, n, in, y, codes_of(o), e));
    *id = y;
done:
    return s;
}

static nt_status try_average(uint32_t *id, nt_dlrt_lower *l, const origin *o, nt_err *e)
{
    const nt_node *n = o->v->producer;
    nt_status s = NT_OK;
    uint32_t x, y;

    NT_TRY(nt_dlrt_own_codes(&x, l, n->in[0], e));
    if (x == NT_DLRT_NONE)
        return NT_OK;
    NT_TRY(nt_dlrt_new_codes(&y, l, o->v, &o->q, e));
    NT_TRY(nt_dlrt_average(l, n, x, y, e));
    *id = y;
    NT_TRY(finish(id, l, o, e));
done:
    return s;
}

static nt_status try_function(uint32_t *id, nt_dlrt_lower *l, const origin *o, nt_err *e)
{
    const nt_node *n = o->v->producer;
    nt_dlrt_step *step;
    nt_status s = NT_OK;
    float f[256];
    uint32_t x;

    NT_TRY(nt_dlrt_own_codes(&x, l, n->in[0], e));
    if (x == NT_DLRT_NONE)
        return NT_OK;
    reals_of(f, &l->f.t[x]);
    NT_TRY(apply(f, n, e));
    NT_TRY(nt_dlrt_as_shape(&x, l, n->in[0], e));
    NT_TRY(nt_dlrt_as_shape(&x, l, o->v, e));
    NT_TRY(nt_dlrt_new_codes(id, l, o->v, &o->q, e));
    NT_TRY(nt_dlrt_step_of(&step, l, (nt_dlrt_op){NT_DLRT_LUT, x, *id}, n, e));
    step->table = add_table(l, &o->q, f);
done:
    return s;
}

/* Rounding and moving commute: the input gets these codes, unless that would be work twice. */
static nt_status try_move(uint32_t *id, nt_dlrt_lower *l, const origin *o, nt_err *e)
{
    const nt_node *n = o->v->producer;
    nt_status s = NT_OK;
    uint32_t x;

    if (o->shared || is_shared(n->in[0]) || nt_dlrt_is(n, "Pad"))
        return NT_OK;
    NT_TRY(nt_dlrt_codes(&x, l, n->in[0], &o->q, e));
    NT_TRY(nt_dlrt_move(id, l, n, x, e));
done:
    return s;
}

/* Input i of a Concat into y, from channel *at on. */
static nt_status copy_part(nt_dlrt_lower *l, const origin *o, int i, uint32_t y, uint32_t *at,
                           nt_err *e)
{
    const nt_node *n = o->v->producer;
    const nt_value *v = n->in[i];
    const nt_dlrt_quant *q = &o->q;
    nt_dlrt_step *step;
    float f[256];
    nt_status s = NT_OK;
    uint32_t x;

    NT_TRY(nt_dlrt_own_codes(&x, l, v, e));
    if (x == NT_DLRT_NONE)
        NT_TRY(nt_dlrt_codes(&x, l, v, q, e));
    NT_TRY(nt_dlrt_as_shape(&x, l, v, e));
    NT_TRY(nt_dlrt_step_of(&step, l, (nt_dlrt_op){NT_DLRT_COPY, x, y}, n, e));
    step->count = l->f.t[x].c;
    step->dst_c = *at;
    *at += step->count;
    if (same_quant(&l->f.t[x], q) && !cuts(q))
        return NT_OK;
    reals_of(f, &l->f.t[x]);
    step->table = add_table(l, q, f);
done:
    return s;
}

static nt_status try_concat(uint32_t *id, nt_dlrt_lower *l, const origin *o, nt_err *e)
{
    const nt_node *n = o->v->producer;
    nt_status s = NT_OK;
    uint32_t y, at = 0;

    for (int i = 0; i < n->n_in; i++)
        if (!n->in[i] || n->in[i]->data)
            return NT_OK;
    if (nt_node_int(n, "axis", 0) != 1)
        return NT_OK;
    NT_TRY(nt_dlrt_new_codes(&y, l, o->v, &o->q, e));
    for (int i = 0; i < n->n_in; i++)
        NT_TRY(copy_part(l, o, i, y, &at, e));
    *id = y;
done:
    return s;
}

/* The steps that give codes at once; *id stays NT_DLRT_NONE where there are none. */
static nt_status try_all(uint32_t *id, nt_dlrt_lower *l, const origin *o, nt_err *e)
{
    const nt_node *n = o->v->producer;
    nt_status s = NT_OK;
    uint32_t own;

    *id = NT_DLRT_NONE;
    NT_TRY(nt_dlrt_own_codes(&own, l, o->v, e));
    if (own != NT_DLRT_NONE)
        return requantize(id, l, own, o->v, &o->q, e);
    if (!n)
        return NT_OK;
    if (nt_dlrt_is_layer(n))
        return try_layer(id, l, o, e);
    if (is_function(n))
        return try_function(id, l, o, e);
    if (nt_dlrt_is(n, "Add") || nt_dlrt_is(n, "Mul"))
        return try_pair(id, l, o, e);
    if (nt_dlrt_averages(n))
        return try_average(id, l, o, e);
    if (nt_dlrt_moves(n))
        return try_move(id, l, o, e);
    if (nt_dlrt_is(n, "Concat"))
        return try_concat(id, l, o, e);
done:
    return s;
}

/* Through fp32. */
static nt_status quantize(uint32_t *id, nt_dlrt_lower *l, const nt_value *v,
                          const nt_dlrt_quant *q, nt_err *e)
{
    nt_dlrt_step *step;
    nt_status s = NT_OK;
    uint32_t x;

    NT_TRY(v->is_input ? nt_dlrt_input(&x, l, v, e) : nt_dlrt_real(&x, l, v, e));
    NT_TRY(nt_dlrt_as_shape(&x, l, v, e));
    NT_TRY(nt_dlrt_new_codes(id, l, v, q, e));
    NT_TRY(nt_dlrt_step_of(&step, l, (nt_dlrt_op){NT_DLRT_QUANTIZE, x, *id}, v->producer, e));
    if (cuts(q))
        NT_TRY(requantize(id, l, *id, v, q, e));
done:
    return s;
}

static nt_status remember(nt_dlrt_lower *l, const nt_value *v, const nt_dlrt_quant *q,
                          uint32_t t, nt_err *e)
{
    nt_dlrt_memo *m = nt_realloc(l->memo, l->n_memo + 1, sizeof *m);

    if (!m)
        return nt_fail_nomem(e);
    l->memo = m;
    l->memo[l->n_memo++] = (nt_dlrt_memo){v, *q, t};
    return NT_OK;
}

nt_status nt_dlrt_codes(uint32_t *id, nt_dlrt_lower *l, const nt_value *v,
                        const nt_dlrt_quant *q, nt_err *e)
{
    origin o = trace(v, q);
    nt_status s = NT_OK;

    for (size_t i = 0; i < l->n_memo; i++) {
        const nt_dlrt_memo *m = &l->memo[i];

        if (m->v == v && m->q.scale == q->scale && m->q.zero == q->zero &&
            m->q.bits == q->bits && m->q.lo == q->lo && m->q.hi == q->hi) {
            *id = m->t;
            return NT_OK;
        }
    }
    NT_TRY(try_all(id, l, &o, e));
    if (*id == NT_DLRT_NONE)
        NT_TRY(quantize(id, l, v, q, e));
    NT_TRY(remember(l, v, q, *id, e));
done:
    return s;
}
