/* SPDX-License-Identifier: MIT */
#include "export/tfl_lower.h"

#include "base/alloc.h"
#include "export/c_emit.h"
#include "facet/arg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

nt_status nt_tfl_refuse(nt_err *e, const char *what)
{
    return nt_fail(e, NT_EUNSUPPORTED, "%s no form in TFLite", what);
}

/* ---- shapes */

int nt_tfl_axis_of(int rank, nt_tfl_form form, int stored)
{
    if (form == NT_TFL_PLAIN || stored == 0 || rank < 3)
        return stored;
    return stored == rank - 1 ? 1 : stored + 1;
}

int nt_tfl_stored(int rank, nt_tfl_form form, int axis)
{
    if (form == NT_TFL_PLAIN || axis == 0 || rank < 3)
        return axis;
    return axis == 1 ? rank - 1 : axis - 1;
}

nt_tfl_shape nt_tfl_shape_of(const nt_value *v, nt_tfl_form form)
{
    nt_tfl_shape s = {.rank = v->rank};

    for (int i = 0; i < s.rank; i++)
        s.dims[i] = v->dims[nt_tfl_axis_of(v->rank, form, i)].value;
    return s;
}

int64_t nt_tfl_count(const nt_tfl_shape *s)
{
    int64_t n = 1;

    for (int i = 0; i < s->rank; i++)
        n *= s->dims[i];
    return n;
}

static bool is_there(const nt_tfl_pair *p)
{
    return p->t[0] >= 0 || p->t[1] >= 0;
}

nt_tfl_form nt_tfl_form_of(const nt_tfl *l, const nt_value *v)
{
    const nt_tfl_place *p = &l->v[v->id];

    if (nt_tfl_is_const(v) || v->rank < 3)
        return NT_TFL_PLAIN;
    return p->side[is_there(&p->side[l->coded]) ? l->coded : !l->coded].native;
}

nt_tfl_form nt_tfl_form_in(const nt_tfl *l, const nt_node *n)
{
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] && nt_tfl_form_of(l, n->in[i]) == NT_TFL_LAST)
            return NT_TFL_LAST;
    }
    return NT_TFL_PLAIN;
}

/* ---- constants */

bool nt_tfl_is_const(const nt_value *v)
{
    return v->data || (nt_node_is(v->producer, "DequantizeLinear") && v->producer->in[0]->data);
}

float *nt_tfl_floats(nt_tfl *l, int64_t n)
{
    return nt_arena_alloc(l->m.arena, (size_t)n, sizeof(float));
}

/* Of a constant, or what DequantizeLinear makes of one. */
const float *nt_tfl_numbers(nt_tfl *l, const nt_value *v)
{
    const nt_tensor *t = v->data;
    nt_tensor out = {.dtype = NT_F32, .rank = v->rank}, *made = &out;
    const nt_tensor *in[3] = {NULL};
    nt_err ignored;

    if (t)
        return t->dtype == NT_F32 ? t->data : NULL;
    if (!nt_tfl_is_const(v) || v->dtype != NT_F32 || !nt_value_shape(v, out.dims))
        return NULL;
    for (int i = 0; i < v->producer->n_in && i < 3; i++)
        in[i] = nt_const_in(v->producer, i);
    out.data = nt_tfl_floats(l, nt_tensor_count(&out));
    if (!out.data || l->g->ops->eval(v->producer, in, &made, &ignored) != NT_OK)
        return NULL;
    return out.data;
}

const char *nt_tfl_name(nt_tfl *l, const nt_value *v, const char *what)
{
    size_t n = strlen(v->name) + strlen(what) + 2;
    char *name = nt_arena_alloc(l->m.arena, n, 1);

    if (name)
        snprintf(name, n, "%s/%s", v->name, what);
    return name ? name : what;
}

static nt_tfl_tensor tensor_of(const char *name, nt_tfl_type type, const nt_tfl_shape *s)
{
    nt_tfl_tensor t = {.name = name, .type = type, .rank = s->rank};

    memcpy(t.dims, s->dims, sizeof t.dims);
    return t;
}

nt_status nt_tfl_const(int *t, nt_tfl *l, const char *name, const nt_tfl_shape *s,
                       const float *data, nt_err *e)
{
    nt_tfl_tensor c = tensor_of(name, NT_TFL_F32, s);

    c.data = data;
    c.bytes = (size_t)nt_tfl_count(s) * sizeof *data;
    return nt_tfl_add_tensor(t, &l->m, &c, e);
}

#define F16_MAX 65504.0F

static bool fits_f16(const float *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (!(fabsf(v[i]) <= F16_MAX))
            return false;
    }
    return true;
}

static nt_status add_f16(int *t, nt_tfl *l, const char *name, const nt_tfl_shape *s,
                         const float *data, nt_err *e)
{
    int64_t n = nt_tfl_count(s);
    uint16_t *half = nt_arena_alloc(l->m.arena, (size_t)n, sizeof *half);
    nt_tfl_tensor c = tensor_of(name, NT_TFL_F16, s);

    if (!half)
        return nt_fail_nomem(e);
    for (int64_t i = 0; i < n; i++)
        half[i] = nt_f32_to_f16(data[i]);
    c.data = half;
    c.bytes = (size_t)n * sizeof *half;
    return nt_tfl_add_tensor(t, &l->m, &c, e);
}

nt_status nt_tfl_weight(int *t, nt_tfl *l, const char *name, const nt_tfl_shape *s,
                        const float *data, nt_err *e)
{
    nt_tfl_tensor wide = tensor_of(name, NT_TFL_F32, s);
    nt_status st = NT_OK;
    nt_tfl_op *o;
    int half;

    if (!l->fp16 || !fits_f16(data, nt_tfl_count(s)))
        return nt_tfl_const(t, l, name, s, data, e);
    st = add_f16(&half, l, name, s, data, e);
    if (st == NT_OK)
        st = nt_tfl_add_tensor(t, &l->m, &wide, e);
    if (st == NT_OK)
        st = nt_tfl_op1(&o, l, (nt_tfl_from){NT_TFL_DEQUANTIZE, &half, 1}, *t, e);
    if (st == NT_OK)
        o->version = 3;
    return st;
}

nt_status nt_tfl_scalar(int *t, nt_tfl *l, float v, nt_err *e)
{
    const float *data = nt_arena_dup(l->m.arena, &v, 1, sizeof v);

    return data ? nt_tfl_const(t, l, "number", &(nt_tfl_shape){0}, data, e) : nt_fail_nomem(e);
}

nt_status nt_tfl_ints(int *t, nt_tfl *l, const int64_t *v, int n, int rank, nt_err *e)
{
    int32_t *data = nt_arena_alloc(l->m.arena, (size_t)n + 1, sizeof *data);
    nt_tfl_tensor c = {.name = "list", .type = NT_TFL_I32, .rank = rank, .dims = {n}};

    if (!data)
        return nt_fail_nomem(e);
    if (rank == 2) {
        c.dims[0] = n / 2;
        c.dims[1] = 2;
    }
    for (int i = 0; i < n; i++)
        data[i] = (int32_t)v[i];
    c.data = data;
    c.bytes = (size_t)n * sizeof *data;
    return nt_tfl_add_tensor(t, &l->m, &c, e);
}

/* ---- moving */

nt_status nt_tfl_op1(nt_tfl_op **o, nt_tfl *l, nt_tfl_from from, int out, nt_err *e)
{
    int ins[4] = {0}, version = l->coded && from.code != NT_TFL_RESHAPE ? 2 : 1;

    memcpy(ins, from.in, (size_t)from.n_in * sizeof *from.in);
    return nt_tfl_add_op(o, &l->m,
                         &(nt_tfl_op){.code = from.code,
                                      .version = version,
                                      .in = ins,
                                      .n_in = from.n_in,
                                      .out = &out,
                                      .n_out = 1},
                         e);
}

nt_status nt_tfl_reshape(nt_tfl *l, int in, int out, nt_err *e)
{
    nt_tfl_tensor t = l->m.tensors[out];
    nt_status s = NT_OK;
    nt_tfl_op *o;
    int shape;

    NT_TRY(nt_tfl_ints(&shape, l, t.dims, t.rank, 1, e));
    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){NT_TFL_RESHAPE, (int[]){in, shape}, 2}, out, e));
done:
    return s;
}

/* Do axes of more than one entry keep their order? */
static bool keeps_order(const nt_tfl_tensor *from, const int64_t *perm)
{
    int64_t last = -1;

    for (int i = 0; i < from->rank; i++) {
        if (from->dims[perm[i]] == 1)
            continue;
        if (perm[i] < last)
            return false;
        last = perm[i];
    }
    return true;
}

nt_status nt_tfl_transpose(nt_tfl *l, int in, int out, const int64_t *perm, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tfl_op *o;
    int list, rank = l->m.tensors[in].rank;

    if (keeps_order(&l->m.tensors[in], perm))
        return nt_tfl_reshape(l, in, out, e);
    if (rank > 6)
        return nt_tfl_refuse(e, "a transposition of more than 6 axes has");
    NT_TRY(nt_tfl_ints(&list, l, perm, rank, 1, e));
    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){NT_TFL_TRANSPOSE, (int[]){in, list}, 2}, out, e));
    o->version = rank > 5 ? 5 : rank > 4 ? 4 : o->version;
done:
    return s;
}

/* ---- values */

/* Of the type that values have now; codes mean what v's do. */
static nt_tfl_tensor value_tensor(const nt_tfl *l, const nt_value *v, const char *name,
                                  const nt_tfl_shape *s)
{
    nt_tfl_tensor t = tensor_of(name, l->coded ? NT_TFL_I8 : NT_TFL_F32, s);

    if (l->coded)
        t.quant = *l->v[v->id].code;
    return t;
}

nt_status nt_tfl_temp(int *t, nt_tfl *l, const nt_value *like, const char *what,
                      const nt_tfl_shape *s, nt_err *e)
{
    nt_tfl_tensor v = value_tensor(l, like, nt_tfl_name(l, like, what), s);

    return nt_tfl_add_tensor(t, &l->m, &v, e);
}

void nt_tfl_is(nt_tfl *l, const nt_value *v, nt_tfl_form form, int t)
{
    nt_tfl_pair *p = &l->v[v->id].side[l->coded];

    if (v->rank < 3)
        form = NT_TFL_PLAIN;
    if (p->t[!form] < 0)
        p->native = form;
    p->t[form] = t;
}

nt_status nt_tfl_out(int *t, nt_tfl *l, const nt_value *v, nt_tfl_form form, nt_err *e)
{
    nt_tfl_shape shape;
    nt_tfl_tensor tensor;
    nt_status s = NT_OK;

    if (v->rank < 3)
        form = NT_TFL_PLAIN;
    shape = nt_tfl_shape_of(v, form);
    tensor = value_tensor(l, v, v->name, &shape);
    NT_TRY(nt_tfl_add_tensor(t, &l->m, &tensor, e));
    nt_tfl_is(l, v, form, *t);
done:
    return s;
}

/* From the other form, which is there. */
static nt_status turn(nt_tfl *l, const nt_value *v, nt_tfl_form form, nt_err *e)
{
    nt_tfl_shape shape = nt_tfl_shape_of(v, form);
    int64_t perm[NT_MAX_RANK];
    nt_status s = NT_OK;
    int t;

    for (int i = 0; i < v->rank; i++)
        perm[i] = nt_tfl_stored(v->rank, !form, nt_tfl_axis_of(v->rank, form, i));
    NT_TRY(nt_tfl_temp(&t, l, v, form == NT_TFL_LAST ? "nhwc" : "nchw", &shape, e));
    NT_TRY(nt_tfl_transpose(l, l->v[v->id].side[l->coded].t[!form], t, perm, e));
    l->v[v->id].side[l->coded].t[form] = t;
done:
    return s;
}

/* v's numbers, of the shape s once axes of extent 1 stand before it. */
static void copy_last(float *to, const float *from, const nt_tfl_shape *plain)
{
    int64_t c = plain->rank > 1 ? plain->dims[1] : 1, inner = 1, i = 0;

    for (int a = 2; a < plain->rank; a++)
        inner *= plain->dims[a];
    for (int64_t n = 0; n < plain->dims[0]; n++) {
        for (int64_t k = 0; k < inner; k++) {
            for (int64_t j = 0; j < c; j++)
                to[i++] = from[(n * c + j) * inner + k];
        }
    }
}

/* A constant, with axes of extent 1 before it, in this form. */
static nt_status constant(int *t, nt_tfl *l, const nt_value *v, int rank, nt_tfl_form form,
                          nt_err *e)
{
    nt_tfl_shape plain = {.rank = rank}, shape = {.rank = rank};
    const float *numbers = nt_tfl_numbers(l, v);
    float *data;

    if (!numbers)
        return nt_fail(e, NT_EUNSUPPORTED, "a constant of %s has no form in TFLite",
                       nt_dtype_name(v->dtype));
    for (int i = 0; i < rank; i++)
        plain.dims[i] = i < rank - v->rank ? 1 : v->dims[i - (rank - v->rank)].value;
    for (int i = 0; i < rank; i++)
        shape.dims[i] = plain.dims[nt_tfl_axis_of(rank, form, i)];
    if (!(data = nt_tfl_floats(l, nt_tfl_count(&shape))))
        return nt_fail_nomem(e);
    if (form == NT_TFL_LAST && rank > 2)
        copy_last(data, numbers, &plain);
    else
        memcpy(data, numbers, (size_t)nt_tfl_count(&shape) * sizeof *data);
    return nt_tfl_const(t, l, v->name, &shape, data, e);
}

const nt_value *nt_tfl_rows(const nt_tfl *l, const nt_value *v)
{
    const nt_tfl_place *p = &l->v[v->id];

    return p->side[l->coded].t[NT_TFL_PLAIN] < 0 ? p->rows : NULL;
}

/* What was flattened, in ONNX's order. */
static nt_status flatten(nt_tfl *l, const nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;
    int x, t;

    NT_TRY(nt_tfl_in(&x, l, l->v[v->id].rows, NT_TFL_PLAIN, e));
    NT_TRY(nt_tfl_out(&t, l, v, NT_TFL_PLAIN, e));
    NT_TRY(nt_tfl_reshape(l, x, t, e));
done:
    return s;
}

/* Numbers of codes. */
static nt_status dequantize(nt_tfl *l, const nt_value *v, nt_err *e)
{
    const nt_tfl_pair *codes = &l->v[v->id].side[1];
    nt_status s = NT_OK;
    nt_tfl_op *o;
    int t;

    NT_TRY(nt_tfl_out(&t, l, v, codes->native, e));
    NT_TRY(
        nt_tfl_op1(&o, l, (nt_tfl_from){NT_TFL_DEQUANTIZE, &codes->t[codes->native], 1}, t, e));
    o->version = 2;
done:
    return s;
}

/* v is there, in one form at least. */
static nt_status make(nt_tfl *l, const nt_value *v, nt_tfl_form form, nt_err *e)
{
    nt_tfl_place *p = &l->v[v->id];
    nt_tfl_pair *mine = &p->side[l->coded];

    if (is_there(mine))
        return NT_OK;
    if (nt_tfl_is_const(v) && !l->coded)
        return constant(&mine->t[form], l, v, v->rank, form, e);
    if (p->rows)
        return flatten(l, v, e);
    if (!l->coded && is_there(&p->side[1]))
        return dequantize(l, v, e);
    return nt_fail(e, NT_EUNSUPPORTED, "value '%s' has no form in TFLite", v->name);
}

nt_status nt_tfl_in(int *t, nt_tfl *l, const nt_value *v, nt_tfl_form form, nt_err *e)
{
    nt_tfl_pair *p = &l->v[v->id].side[l->coded];
    nt_status s = NT_OK;

    if (v->rank < 3)
        form = NT_TFL_PLAIN;
    if (p->t[form] < 0)
        NT_TRY(make(l, v, form, e));
    if (p->t[form] < 0)
        NT_TRY(turn(l, v, form, e));
    *t = p->t[form];
done:
    return s;
}

/* A computed value, with axes of extent 1 before it, turned to the form if need be. */
static nt_status widen(int *t, nt_tfl *l, const nt_value *v, int rank, nt_tfl_form form,
                       nt_err *e)
{
    nt_tfl_shape plain = {.rank = rank}, shape = {.rank = rank};
    int64_t perm[NT_MAX_RANK];
    nt_status s = NT_OK;
    int x, wide;

    for (int i = 0; i < rank; i++)
        plain.dims[i] = i < rank - v->rank ? 1 : v->dims[i - (rank - v->rank)].value;
    for (int i = 0; i < rank; i++) {
        perm[i] = nt_tfl_axis_of(rank, form, i);
        shape.dims[i] = plain.dims[perm[i]];
    }
    NT_TRY(nt_tfl_in(&x, l, v, NT_TFL_PLAIN, e));
    NT_TRY(nt_tfl_temp(&wide, l, v, "wide", &plain, e));
    NT_TRY(nt_tfl_reshape(l, x, wide, e));
    *t = wide;
    if (form == NT_TFL_PLAIN || rank < 3)
        goto done;
    NT_TRY(nt_tfl_temp(t, l, v, "nhwc", &shape, e));
    NT_TRY(nt_tfl_transpose(l, wide, *t, perm, e));
done:
    return s;
}

nt_status nt_tfl_operand(int *t, nt_tfl *l, const nt_value *v, int rank, nt_tfl_form form,
                         nt_err *e)
{
    if (v->rank >= rank)
        return nt_tfl_in(t, l, v, form, e);
    if (v->data && nt_tensor_count(v->data) == 1)
        rank = v->rank;
    return nt_tfl_is_const(v) ? constant(t, l, v, rank, form, e)
                              : widen(t, l, v, rank, form, e);
}

/* ---- pictures */

nt_tfl_shape nt_tfl_picture_shape(const nt_value *v)
{
    nt_tfl_shape s = nt_tfl_shape_of(v, NT_TFL_LAST);

    if (s.rank == 4)
        return s;
    return (nt_tfl_shape){4, {s.dims[0], 1, s.dims[1], s.dims[2]}};
}

nt_status nt_tfl_picture_in(int *t, nt_tfl *l, const nt_value *v, nt_err *e)
{
    nt_tfl_shape shape = nt_tfl_picture_shape(v);
    nt_status s = NT_OK;
    int x;

    NT_TRY(nt_tfl_in(&x, l, v, NT_TFL_LAST, e));
    *t = x;
    if (v->rank == 4)
        goto done;
    NT_TRY(nt_tfl_temp(t, l, v, "picture", &shape, e));
    NT_TRY(nt_tfl_reshape(l, x, *t, e));
done:
    return s;
}

nt_status nt_tfl_picture_out(int *t, nt_tfl *l, const nt_value *v, nt_err *e)
{
    nt_tfl_shape shape = nt_tfl_picture_shape(v);

    if (v->rank == 4)
        return nt_tfl_out(t, l, v, NT_TFL_LAST, e);
    return nt_tfl_temp(t, l, v, "picture", &shape, e);
}

nt_status nt_tfl_picture_close(nt_tfl *l, const nt_value *v, int t, nt_err *e)
{
    nt_status s = NT_OK;
    int y;

    if (v->rank == 4)
        return NT_OK;
    NT_TRY(nt_tfl_out(&y, l, v, NT_TFL_LAST, e));
    NT_TRY(nt_tfl_reshape(l, t, y, e));
done:
    return s;
}

/* ---- activations */

bool nt_tfl_act_of(nt_tfl_act *act, float lo, float hi)
{
    if (lo == 0 && (hi == 6 || hi == INFINITY)) {
        *act = hi == 6 ? NT_TFL_ACT_RELU6 : NT_TFL_ACT_RELU;
        return true;
    }
    *act = lo == -1 && hi == 1 ? NT_TFL_ACT_N1_TO_1 : NT_TFL_NO_ACT;
    return *act != NT_TFL_NO_ACT || (lo == -INFINITY && hi == INFINITY);
}

const nt_value *nt_tfl_fuse(nt_tfl_act *act, nt_tfl *l, const nt_node *n)
{
    const nt_value *y = n->out[0];
    const nt_node *next = y->n_uses == 1 && !y->is_output ? y->uses[0].node : NULL;
    nt_plain_range r;

    *act = NT_TFL_NO_ACT;
    if (!next || y->uses[0].index != 0 || !nt_plain_is_bounds(&r, next) ||
        !nt_tfl_act_of(act, r.lo, r.hi))
        return y;
    l->merged[next->id] = true;
    return next->out[0];
}
