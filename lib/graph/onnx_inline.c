/* SPDX-License-Identifier: MIT */
/*
 * Local functions: a call is replaced by the function's body, values and nodes inside named
 * "call/inner". Calls may nest; a function that calls itself, and a few functions that call
 * each other to make a graph without end, meet bounds.
 */
#include "base/alloc.h"
#include "graph/onnx_private.h"

#include <stdio.h>
#include <string.h>

#define MAX_DEPTH 32
#define MAX_NODES (1 << 20) /* and inputs and outputs of functions */
#define MAX_LIST 1024       /* defaults and opsets of one function */

/* "domain:name", the key of the table; false when it does not fit. */
static bool make_key(char *buf, size_t n, const char *domain, const char *name)
{
    int k = snprintf(buf, n, "%s:%s", nt_onnx_domain(domain), name ? name : "");

    return k >= 0 && (size_t)k < n;
}

static nt_status add_default(nt_onnx_function *f, nt_onnx_reader *r,
                             const Onnx__AttributeProto *p, nt_err *e)
{
    nt_attr *v = nt_arena_alloc(r->g->arena, (size_t)f->n_dflt + 1, sizeof *v);

    if (f->n_dflt == MAX_LIST)
        return nt_fail(e, NT_EFORMAT, "has more than %d attributes", MAX_LIST);
    if (!v)
        return nt_fail_nomem(e);
    if (f->n_dflt)
        memcpy(v, f->dflt, (size_t)f->n_dflt * sizeof *v);
    f->dflt = v;
    return nt_onnx_attr_decode(&v[f->n_dflt++], r->g, p, &r->src, e);
}

/* An unknown field's bytes begin with their length. */
static nt_status add_unknown_default(nt_onnx_function *f, nt_onnx_reader *r,
                                     const ProtobufCMessageUnknownField *u, nt_err *e)
{
    size_t skip = 0;
    void *p = NULL;
    nt_status s;

    while (skip < u->len && (u->data[skip] & 128))
        skip++;
    if (++skip > u->len)
        return nt_fail(e, NT_EFORMAT, "a default is damaged");
    s = nt_onnx_unpack(&p, &onnx__attribute_proto__descriptor, u->data + skip, u->len - skip,
                       e);
    if (s == NT_OK)
        s = add_default(f, r, p, e);
    nt_onnx_free(p);
    return s;
}

/* Defaults came as field 11 with IR version 9; onnx.proto may be older or newer than that. */
static nt_status read_defaults(nt_onnx_function *f, nt_onnx_reader *r, nt_err *e)
{
    nt_status s = NT_OK;
    const ProtobufCFieldDescriptor *d =
        protobuf_c_message_descriptor_get_field(&onnx__function_proto__descriptor, 11);
    const char *m = (const char *)f->p;

    for (size_t i = 0; !d && i < f->p->base.n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *u = &f->p->base.unknown_fields[i];

        if (u->tag == 11 && u->wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
            NT_TRY(add_unknown_default(f, r, u, e));
    }
    for (size_t i = 0; d && i < *(const size_t *)(m + d->quantifier_offset); i++) {
        Onnx__AttributeProto *const *v = *(Onnx__AttributeProto * *const *)(m + d->offset);

        NT_TRY(add_default(f, r, v[i], e));
    }
done:
    return s;
}

/* A body of another opset says so at its nodes: what both have in one form needs no conversion.
 * Foreign domains it uses become ours. */
static nt_status take_opsets(nt_onnx_reader *r, nt_onnx_function *f, nt_err *e)
{
    const Onnx__FunctionProto *p = f->p;
    nt_status s = NT_OK;

    if (p->n_opset_import > MAX_LIST)
        return nt_fail(e, NT_EFORMAT, "imports %zu opsets", p->n_opset_import);
    for (size_t i = 0; i < p->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *o = p->opset_import[i];

        if (*nt_onnx_domain(o->domain))
            NT_TRY(nt_onnx_add_domain(r->g, o->domain, o->version, e));
        else if (o->version < NT_OPSET_MIN || o->version > NT_OPSET_MAX)
            NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "is written for opset %lld, the model for %d",
                           (long long)o->version, r->g->opset));
        else
            f->opset = o->version == r->g->opset ? 0 : (int)o->version;
    }
done:
    return s;
}

static nt_status add_function(nt_onnx_reader *r, const Onnx__FunctionProto *p, nt_err *e)
{
    nt_status s = NT_OK;
    char buf[512];
    char *key = NULL;
    nt_onnx_function *f = nt_arena_alloc(r->g->arena, 1, sizeof *f);

    if (!make_key(buf, sizeof buf, p->domain, p->name))
        return nt_fail(e, NT_EFORMAT, "its name is too long");
    if (nt_map_get(r->functions, buf))
        return nt_fail(e, NT_EUNSUPPORTED, "there are two of that name");
    key = nt_arena_strdup(r->g->arena, buf);
    if (!f || !key)
        return nt_fail_nomem(e);
    f->p = p;
    NT_TRY(read_defaults(f, r, e));
    NT_TRY(take_opsets(r, f, e));
    if (!nt_map_put(r->functions, key, f))
        NT_TRY(nt_fail_nomem(e));
done:
    return s;
}

nt_status nt_onnx_functions(nt_onnx_reader *r, const Onnx__ModelProto *m, nt_err *e)
{
    if (m->n_functions == 0)
        return NT_OK;
    r->functions = nt_map_new();
    if (!r->functions)
        return nt_fail_nomem(e);
    for (size_t i = 0; i < m->n_functions; i++) {
        nt_status s = add_function(r, m->functions[i], e);

        if (s == NT_OK)
            continue;
        nt_err_prefix(e, "function '%s'", m->functions[i]->name ? m->functions[i]->name : "");
        return s;
    }
    return NT_OK;
}

const nt_onnx_function *nt_onnx_function_of(const nt_onnx_reader *r, const Onnx__NodeProto *p)
{
    char key[512];

    if (!r->functions || !make_key(key, sizeof key, p->domain, p->op_type))
        return NULL;
    return nt_map_get(r->functions, key);
}

/* A name of the body stands for what the caller calls `actual`; NULL or "": for nothing. */
static nt_status bind_name(nt_onnx_reader *r, const nt_onnx_scope *sc, const char *local,
                           const char *actual, nt_err *e)
{
    bool known = true;
    nt_value *v = NULL;

    if (actual && *actual)
        v = nt_onnx_lookup(r, sc->up, actual, &known);
    if (!known)
        return nt_fail(e, NT_EFORMAT, "input '%s' is not produced by anything", actual);
    if (!nt_map_put(sc->names, local, v ? v : &r->absent))
        return nt_fail_nomem(e);
    return NT_OK;
}

/* Inputs that the call leaves out are absent in the body; outputs it leaves out are made and
 * stay unused. */
static nt_status bind_names(nt_onnx_reader *r, const nt_onnx_scope *sc, nt_err *e)
{
    nt_status s = NT_OK;
    const Onnx__FunctionProto *p = sc->fn->p;

    if (sc->call->n_input > p->n_input || sc->call->n_output > p->n_output)
        return nt_fail(e, NT_EFORMAT, "function '%s' has %zu inputs and %zu outputs", p->name,
                       p->n_input, p->n_output);
    for (size_t i = 0; i < p->n_input; i++)
        NT_TRY(bind_name(r, sc, p->input[i], i < sc->call->n_input ? sc->call->input[i] : NULL,
                         e));
    for (size_t i = 0; i < sc->call->n_output; i++)
        if (*sc->call->output[i])
            NT_TRY(bind_name(r, sc, p->output[i], sc->call->output[i], e));
done:
    return s;
}

/* For who wants to know what became of the node. */
static nt_status note_call(nt_graph *g, const char *label, const Onnx__NodeProto *call,
                           nt_err *e)
{
    char key[512];
    nt_prop *p = g->calls;

    if ((g->n_calls & (g->n_calls - 1)) == 0) { /* room doubles */
        p = nt_arena_alloc(g->arena, g->n_calls ? (size_t)g->n_calls * 2 : 1, sizeof *p);
        if (!p)
            return nt_fail_nomem(e);
        if (g->n_calls)
            memcpy(p, g->calls, (size_t)g->n_calls * sizeof *p);
        g->calls = p;
    }
    (void)make_key(key, sizeof key, call->domain, call->op_type);
    p[g->n_calls].key = nt_arena_strdup(g->arena, label);
    p[g->n_calls].val = nt_arena_strdup(g->arena, key);
    if (!p[g->n_calls].key || !p[g->n_calls].val)
        return nt_fail_nomem(e);
    g->n_calls++;
    return NT_OK;
}

nt_status nt_onnx_call_open(nt_onnx_scope *sc, nt_onnx_reader *r, nt_err *e)
{
    const nt_onnx_function *f = sc->fn;
    const Onnx__NodeProto *call = sc->call;
    const nt_onnx_scope *up = sc->up;
    nt_status s = NT_OK;
    char label[256];

    sc->depth = up ? up->depth + 1 : 1;
    if (sc->depth > MAX_DEPTH)
        return nt_fail(e, NT_EFORMAT, "functions are nested more than %d deep", MAX_DEPTH);
    r->n_inlined += f->p->n_node + f->p->n_input + f->p->n_output;
    if (r->n_inlined > MAX_NODES)
        return nt_fail(e, NT_EFORMAT, "functions expand to more than %d nodes", MAX_NODES);
    snprintf(label, sizeof label, "%s%s%.120s", up ? up->label : "", up ? "/" : "",
             call->name && *call->name ? call->name : call->op_type);
    sc->label = nt_arena_strdup(r->g->arena, label);
    sc->names = nt_map_new();
    if (!sc->label || !sc->names)
        return nt_fail_nomem(e);
    NT_TRY(note_call(r->g, label, call, e));
    NT_TRY(bind_names(r, sc, e));
done:
    return s;
}

nt_status nt_onnx_call_check(nt_onnx_reader *r, const nt_onnx_scope *sc, nt_err *e)
{
    for (size_t i = 0; i < sc->call->n_output; i++) {
        bool known;
        const nt_value *v = nt_onnx_lookup(r, sc->up, sc->call->output[i], &known);

        if (v && !v->producer && !v->data && !v->is_input)
            return nt_fail(e, NT_EFORMAT, "function '%s' does not produce its output '%s'",
                           sc->fn->p->name, sc->fn->p->output[i]);
    }
    return NT_OK;
}
