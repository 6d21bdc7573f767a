/* SPDX-License-Identifier: MIT */
/* AttributeProto to attribute and back. What nt does not look into is kept packed. */
#include "graph/onnx_private.h"

#include <string.h>

int nt_onnx_attr_type(const Onnx__AttributeProto *p)
{
    if (p->has_type && p->type != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED)
        return (int)p->type;
    if (p->has_f)
        return NT_ATTR_FLOAT;
    if (p->has_i)
        return NT_ATTR_INT;
    if (p->has_s)
        return NT_ATTR_STRING;
    if (p->t)
        return NT_ATTR_TENSOR;
    if (p->g)
        return NT_ATTR_GRAPH;
    if (p->n_floats)
        return NT_ATTR_FLOATS;
    if (p->n_strings)
        return NT_ATTR_STRINGS;
    return NT_ATTR_INTS; /* the empty list that is met in practice */
}

static nt_status decode_string(const char **out, nt_graph *g, const ProtobufCBinaryData *b,
                               nt_err *e)
{
    if (b->len > 0 && memchr(b->data, 0, b->len))
        return nt_fail(e, NT_EUNSUPPORTED, "strings that hold NUL bytes are not supported");
    *out = b->len > 0 ? nt_arena_strndup(g->arena, (const char *)b->data, b->len)
                      : nt_arena_strdup(g->arena, "");
    return *out ? NT_OK : nt_fail_nomem(e);
}

static nt_status decode_strings(nt_attr *out, nt_graph *g, const Onnx__AttributeProto *p,
                                nt_err *e)
{
    const char **v = nt_arena_alloc(g->arena, p->n_strings, sizeof *v);

    if (!v)
        return nt_fail_nomem(e);
    for (size_t i = 0; i < p->n_strings; i++) {
        nt_status s = decode_string(&v[i], g, &p->strings[i], e);

        if (s != NT_OK)
            return s;
    }
    out->strings = v;
    out->n = p->n_strings;
    return NT_OK;
}

static nt_status decode_tensor(nt_attr *out, nt_graph *g, const Onnx__TensorProto *p,
                               const nt_onnx_source *src, nt_err *e)
{
    nt_tensor *t = NULL;
    nt_status s = nt_onnx_tensor_decode(&t, p, src, e);

    if (s != NT_OK)
        return s;
    out->t = nt_arena_dup(g->arena, t, 1, sizeof *t);
    if (out->t)
        out->t->data = nt_arena_dup(g->arena, t->data, nt_tensor_bytes(t), 1);
    nt_tensor_free(t);
    return out->t && out->t->data ? NT_OK : nt_fail_nomem(e);
}

static nt_status carry(nt_attr *out, nt_graph *g, const Onnx__AttributeProto *p, nt_err *e)
{
    size_t n = onnx__attribute_proto__get_packed_size(p);
    void *raw = nt_arena_alloc(g->arena, n, 1);

    if (!raw)
        return nt_fail_nomem(e);
    onnx__attribute_proto__pack(p, raw);
    out->raw = raw;
    out->raw_n = n;
    return NT_OK;
}

static bool has_type_we_know(const Onnx__TensorProto *t)
{
    return nt_dtype_bits((nt_dtype)t->data_type) > 0;
}

static nt_status decode_value(nt_attr *a, nt_graph *g, const Onnx__AttributeProto *p,
                              const nt_onnx_source *src, nt_err *e)
{
    switch ((int)a->kind) {
    case NT_ATTR_FLOAT:
        a->f = p->f;
        return NT_OK;
    case NT_ATTR_INT:
        a->i = p->i;
        return NT_OK;
    case NT_ATTR_STRING:
        return decode_string(&a->s, g, &p->s, e);
    case NT_ATTR_FLOATS:
        a->n = p->n_floats;
        a->floats = nt_arena_dup(g->arena, p->floats, a->n, sizeof *p->floats);
        return a->floats ? NT_OK : nt_fail_nomem(e);
    case NT_ATTR_INTS:
        a->n = p->n_ints;
        a->ints = nt_arena_dup(g->arena, p->ints, a->n, sizeof *p->ints);
        return a->ints ? NT_OK : nt_fail_nomem(e);
    case NT_ATTR_STRINGS:
        return decode_strings(a, g, p, e);
    case NT_ATTR_TENSOR:
        if (!p->t)
            return nt_fail(e, NT_EFORMAT, "has no tensor");
        return has_type_we_know(p->t) ? decode_tensor(a, g, p->t, src, e) : carry(a, g, p, e);
    default:
        return carry(a, g, p, e);
    }
}

nt_status nt_onnx_attr_decode(nt_attr *out, nt_graph *g, const Onnx__AttributeProto *p,
                              const nt_onnx_source *src, nt_err *e)
{
    nt_attr a = {.name = nt_arena_strdup(g->arena, p->name ? p->name : ""),
                 .kind = (nt_attr_kind)nt_onnx_attr_type(p)};
    nt_status s;

    if (!a.name)
        return nt_fail_nomem(e);
    s = decode_value(&a, g, p, src, e);
    if (s == NT_OK)
        *out = a;
    else
        nt_err_prefix(e, "attribute '%s'", a.name);
    return s;
}

static nt_status encode_strings(Onnx__AttributeProto *p, nt_arena *m, const nt_attr *a,
                                nt_err *e)
{
    p->n_strings = a->n;
    p->strings = nt_arena_alloc(m, a->n, sizeof *p->strings);
    if (!p->strings)
        return nt_fail_nomem(e);
    for (size_t i = 0; i < a->n; i++)
        p->strings[i] = (ProtobufCBinaryData){strlen(a->strings[i]), (uint8_t *)a->strings[i]};
    return NT_OK;
}

static nt_status encode_tensor(Onnx__AttributeProto *p, nt_arena *m, const nt_tensor *t,
                               nt_err *e)
{
    p->t = nt_arena_alloc(m, 1, sizeof *p->t);
    if (!p->t)
        return nt_fail_nomem(e);
    nt_onnx_tensor_encode(p->t, t);
    return NT_OK;
}

/* Attributes that are carried come out as they came in. */
static nt_status encode_raw(Onnx__AttributeProto **out, nt_arena *m, const nt_attr *a,
                            nt_err *e)
{
    void *p = NULL;
    nt_status s =
        nt_onnx_unpack_in(&p, m, &onnx__attribute_proto__descriptor, a->raw, a->raw_n, e);

    if (s != NT_OK)
        return s;
    *out = p;
    (*out)->name = (char *)a->name;
    return NT_OK;
}

nt_status nt_onnx_attr_encode(Onnx__AttributeProto **out, nt_arena *m, const nt_attr *a,
                              nt_err *e)
{
    nt_status s = NT_OK;
    Onnx__AttributeProto *p;

    if (a->raw)
        return encode_raw(out, m, a, e);
    p = nt_arena_alloc(m, 1, sizeof *p);
    if (!p)
        return nt_fail_nomem(e);
    onnx__attribute_proto__init(p);
    p->name = (char *)a->name;
    p->has_type = 1;
    p->type = (Onnx__AttributeProto__AttributeType)a->kind;
    p->has_f = a->kind == NT_ATTR_FLOAT;
    p->f = a->f;
    p->has_i = a->kind == NT_ATTR_INT;
    p->i = a->i;
    p->has_s = a->kind == NT_ATTR_STRING;
    if (a->s)
        p->s = (ProtobufCBinaryData){strlen(a->s), (uint8_t *)a->s};
    if (a->kind == NT_ATTR_FLOATS) {
        p->n_floats = a->n;
        p->floats = (float *)a->floats;
    } else if (a->kind == NT_ATTR_INTS) {
        p->n_ints = a->n;
        p->ints = (int64_t *)a->ints;
    } else if (a->kind == NT_ATTR_STRINGS) {
        NT_TRY(encode_strings(p, m, a, e));
    } else if (a->kind == NT_ATTR_TENSOR) {
        NT_TRY(encode_tensor(p, m, a->t, e));
    }
    *out = p;
done:
    return s;
}
