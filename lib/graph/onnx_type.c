/* SPDX-License-Identifier: MIT */
/* TypeProto to a value's type and shape, and back. */
#include "graph/onnx_private.h"

static nt_status decode_dim(nt_dim *out, nt_graph *g,
                            const Onnx__TensorShapeProto__Dimension *d, nt_err *e)
{
    *out = (nt_dim){-1, NULL};
    switch (d->value_case) {
    case ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE:
        if (d->dim_value < 0)
            return nt_fail(e, NT_EFORMAT, "a dimension is %lld", (long long)d->dim_value);
        out->value = d->dim_value;
        break;
    case ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM:
        if (*d->dim_param && !(out->sym = nt_arena_strdup(g->arena, d->dim_param)))
            return nt_fail_nomem(e);
        break;
    default: /* unknown */
        break;
    }
    return NT_OK;
}

/* What is no tensor is carried as it is. */
static nt_status carry(nt_value *v, nt_graph *g, const Onnx__TypeProto *t, nt_err *e)
{
    size_t n = onnx__type_proto__get_packed_size(t);
    void *raw = nt_arena_alloc(g->arena, n, 1);

    if (!raw)
        return nt_fail_nomem(e);
    onnx__type_proto__pack(t, raw);
    v->type_raw = raw;
    v->type_raw_n = n;
    return NT_OK;
}

nt_status nt_onnx_type_decode(nt_value *v, nt_graph *g, const Onnx__TypeProto *t, nt_err *e)
{
    const Onnx__TensorShapeProto *shape;

    if (!t || t->value_case == ONNX__TYPE_PROTO__VALUE__NOT_SET)
        return NT_OK;
    if (t->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
        return carry(v, g, t, e);
    v->dtype = (nt_dtype)t->tensor_type->elem_type;
    shape = t->tensor_type->shape;
    if (!shape)
        return NT_OK;
    if (shape->n_dim > NT_MAX_RANK)
        return nt_fail(e, NT_EUNSUPPORTED, "has %zu dimensions, more than %d", shape->n_dim,
                       NT_MAX_RANK);
    for (size_t i = 0; i < shape->n_dim; i++) {
        nt_status s = decode_dim(&v->dims[i], g, shape->dim[i], e);

        if (s != NT_OK)
            return s;
    }
    v->rank = (int)shape->n_dim;
    return NT_OK;
}

static Onnx__TensorShapeProto__Dimension *encode_dim(nt_arena *a, const nt_dim *d)
{
    Onnx__TensorShapeProto__Dimension *p = nt_arena_alloc(a, 1, sizeof *p);

    if (!p)
        return NULL;
    onnx__tensor_shape_proto__dimension__init(p);
    if (d->value >= 0) {
        p->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        p->dim_value = d->value;
    } else if (d->sym) {
        p->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        p->dim_param = (char *)d->sym;
    }
    return p;
}

static Onnx__TensorShapeProto *encode_shape(nt_arena *a, const nt_value *v)
{
    Onnx__TensorShapeProto *p = nt_arena_alloc(a, 1, sizeof *p);

    if (!p)
        return NULL;
    onnx__tensor_shape_proto__init(p);
    p->n_dim = (size_t)v->rank;
    p->dim = nt_arena_alloc(a, p->n_dim, sizeof *p->dim);
    for (int i = 0; p->dim && i < v->rank; i++)
        if (!(p->dim[i] = encode_dim(a, &v->dims[i])))
            return NULL;
    return p->dim ? p : NULL;
}

static nt_status encode_raw(Onnx__TypeProto **out, nt_arena *a, const nt_value *v, nt_err *e)
{
    void *p = NULL;
    nt_status s =
        nt_onnx_unpack_in(&p, a, &onnx__type_proto__descriptor, v->type_raw, v->type_raw_n, e);

    if (s == NT_OK)
        *out = p;
    return s;
}

nt_status nt_onnx_type_encode(Onnx__TypeProto **out, nt_arena *a, const nt_value *v, nt_err *e)
{
    Onnx__TypeProto *p;

    *out = NULL;
    if (v->type_raw)
        return encode_raw(out, a, v, e);
    if (v->dtype == NT_UNDEFINED)
        return NT_OK;
    p = nt_arena_alloc(a, 1, sizeof *p);
    if (!p)
        return nt_fail_nomem(e);
    onnx__type_proto__init(p);
    p->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    p->tensor_type = nt_arena_alloc(a, 1, sizeof *p->tensor_type);
    if (!p->tensor_type)
        return nt_fail_nomem(e);
    onnx__type_proto__tensor__init(p->tensor_type);
    p->tensor_type->has_elem_type = 1;
    p->tensor_type->elem_type = (int32_t)v->dtype;
    if (v->rank >= 0 && !(p->tensor_type->shape = encode_shape(a, v)))
        return nt_fail_nomem(e);
    *out = p;
    return NT_OK;
}
