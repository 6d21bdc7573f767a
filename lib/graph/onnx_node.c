/* SPDX-License-Identifier: MIT */
/* NodeProtos to nodes, of the graph itself and of the bodies of local functions. */
#include "graph/onnx_private.h"

#include <stdio.h>
#include <string.h>

/* Far more than any operator has; lists this short may be searched one by one. */
#define MAX_ATTRIBUTES 1024
#define MAX_OUTPUTS 16384

/* What messages call it: as nt_node_label, without an index. */
static const char *label_of(const Onnx__NodeProto *p)
{
    if (p->name && *p->name)
        return p->name;
    if (p->n_output > 0 && *p->output[0])
        return p->output[0];
    return p->op_type ? p->op_type : "";
}

/* All outputs become values before any input is looked up: files need not be in order. */
static nt_status make_outputs(nt_onnx_reader *r, const Onnx__NodeProto *p,
                              const nt_onnx_scope *sc, nt_err *e)
{
    nt_status s = NT_OK;
    nt_value *v;
    bool known;

    for (size_t i = 0; i < p->n_output; i++) {
        if (!*p->output[i])
            continue;
        if (sc)
            known = nt_map_get(sc->names, p->output[i]) != NULL;
        else
            nt_onnx_lookup(r, sc, p->output[i], &known);
        if (known) /* nt_graph_add_node refuses a second producer */
            continue;
        if (sc)
            NT_TRY(nt_onnx_local_value(&v, r, sc, p->output[i], e));
        else
            NT_TRY(nt_graph_add_value(&v, r->g, p->output[i], e));
    }
done:
    return s;
}

static nt_status find_values(nt_value ***out, nt_onnx_reader *r, const nt_onnx_scope *sc,
                             char *const *names, size_t n, nt_err *e)
{
    nt_value **v = nt_arena_alloc(r->g->arena, n, sizeof *v);

    if (!v)
        return nt_fail_nomem(e);
    for (size_t i = 0; i < n; i++) {
        bool known = true;

        if (*names[i])
            v[i] = nt_onnx_lookup(r, sc, names[i], &known);
        if (!known)
            return nt_fail(e, NT_EFORMAT, "input '%s' is not produced by anything", names[i]);
    }
    *out = v;
    return NT_OK;
}

/* A name that a subgraph uses from around it. Pinning one that it defines itself as well does
 * no harm. */
static void pin_name(nt_onnx_reader *r, const nt_onnx_scope *sc, const char *name)
{
    bool known;
    nt_value *v = name ? nt_onnx_lookup(r, sc, name, &known) : NULL;

    if (!v)
        return;
    v->pinned = true;
    r->shadowed = r->shadowed || strcmp(v->name, name) != 0;
}

/* They must stay. */
static void pin_names(nt_onnx_reader *r, const nt_onnx_scope *sc, const Onnx__GraphProto *g)
{
    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__NodeProto *p = g->node[i];

        for (size_t j = 0; j < p->n_input; j++)
            pin_name(r, sc, p->input[j]);
        for (size_t j = 0; j < p->n_attribute; j++) {
            if (p->attribute[j]->g)
                pin_names(r, sc, p->attribute[j]->g);
            for (size_t k = 0; k < p->attribute[j]->n_graphs; k++)
                pin_names(r, sc, p->attribute[j]->graphs[k]);
        }
    }
    for (size_t i = 0; i < g->n_output; i++)
        pin_name(r, sc, g->output[i]->name);
}

static nt_status read_attr(nt_onnx_reader *r, nt_node *n, const nt_onnx_scope *sc,
                           const Onnx__AttributeProto *p, nt_err *e)
{
    nt_status s = NT_OK;
    bool there = true, known;
    Onnx__AttributeProto *local = NULL;
    nt_attr a;

    if (p->n_graphs && sc)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "lists of subgraphs inside functions and subgraphs are not supported");
    if (p->g && sc) {
        NT_TRY(nt_onnx_localize(&local, r, sc, p, e));
        p = local;
        sc = NULL; /* its names are the graph's */
    }
    if (p->g)
        pin_names(r, sc, p->g);
    for (size_t i = 0; i < p->n_graphs; i++)
        pin_names(r, sc, p->graphs[i]);
    if (r->shadowed)
        NT_TRY(
            nt_fail(e, NT_EUNSUPPORTED, "a subgraph uses a name that stands for two values"));
    NT_TRY(nt_onnx_scoped_attr(&a, &there, r, sc, p, e));
    if (!there)
        goto done;
    known = nt_node_attr(n, a.name) != NULL;
    if (known)
        NT_TRY(nt_fail(e, NT_EFORMAT, "attribute '%s' is given twice", a.name));
    NT_TRY(nt_attr_put(r->g, n, &a, e));
done:
    return s;
}

static nt_status read_plain(nt_onnx_reader *r, const Onnx__NodeProto *p,
                            const nt_onnx_scope *sc, nt_err *e)
{
    nt_status s = NT_OK;
    nt_node *n = NULL;
    nt_value **in, **out;
    char name[512] = "";

    NT_TRY(find_values(&in, r, sc, p->input, p->n_input, e));
    NT_TRY(find_values(&out, r, sc, p->output, p->n_output, e));
    nt_onnx_local_name(name, sizeof name, sc, p->name ? p->name : "");
    NT_TRY(nt_graph_add_node(
        &n, r->g, &(nt_node_spec){p->op_type, name, in, (int)p->n_input, out, (int)p->n_output},
        e));
    n->domain = nt_arena_strdup(r->g->arena, nt_onnx_domain(p->domain));
    n->opset = sc && sc->fn ? sc->fn->opset : 0;
    if (p->doc_string)
        n->doc = nt_arena_strdup(r->g->arena, p->doc_string);
    if (!n->domain || (p->doc_string && !n->doc))
        NT_TRY(nt_fail_nomem(e));
    for (size_t i = 0; i < p->n_attribute; i++)
        NT_TRY(read_attr(r, n, sc, p->attribute[i], e));
done:
    return s;
}

/* The tensor that a Constant's attribute means; NULL for kinds that stay a node (strings). */
static nt_status constant_data(nt_tensor **out, const nt_attr *a, nt_err *e)
{
    static const char *const names[] = {
        [NT_ATTR_FLOAT] = "value_float", [NT_ATTR_INT] = "value_int",
        [NT_ATTR_TENSOR] = "value",      [NT_ATTR_FLOATS] = "value_floats",
        [NT_ATTR_INTS] = "value_ints",
    };
    size_t kind = (size_t)a->kind;
    bool list = a->kind == NT_ATTR_FLOATS || a->kind == NT_ATTR_INTS;
    bool real = a->kind == NT_ATTR_FLOATS || a->kind == NT_ATTR_FLOAT;
    const void *data = a->kind == NT_ATTR_FLOAT    ? (const void *)&a->f
                       : a->kind == NT_ATTR_INT    ? (const void *)&a->i
                       : a->kind == NT_ATTR_FLOATS ? (const void *)a->floats
                                                   : (const void *)a->ints;
    int64_t n = (int64_t)a->n;
    nt_status s;

    *out = NULL;
    if (kind >= sizeof names / sizeof names[0] || !names[kind] ||
        strcmp(a->name, names[kind]) != 0)
        return NT_OK;
    if (a->kind == NT_ATTR_TENSOR)
        return a->t ? nt_tensor_dup(out, a->t, e) : NT_OK;
    s = nt_tensor_new(out, real ? NT_F32 : NT_I64, list, &n, e);
    if (s == NT_OK && nt_tensor_bytes(*out))
        memcpy((*out)->data, data, nt_tensor_bytes(*out));
    return s;
}

/* The same of the one attribute of a Constant inside sc. */
static nt_status constant_of(nt_tensor **out, nt_onnx_reader *r, const Onnx__AttributeProto *p,
                             const nt_onnx_scope *sc, nt_err *e)
{
    nt_status s;
    bool there;
    nt_attr a;

    *out = NULL;
    if (p->sparse_tensor)
        return nt_onnx_sparse_decode(out, r, p->sparse_tensor, e);
    s = nt_onnx_scoped_attr(&a, &there, r, sc, p, e);
    return s == NT_OK && there ? constant_data(out, &a, e) : s;
}

/* A Constant node becomes a constant where its attribute allows. */
static nt_status read_constant(bool *is_constant, nt_onnx_reader *r, const Onnx__NodeProto *p,
                               const nt_onnx_scope *sc, nt_err *e)
{
    nt_status s;
    nt_tensor *t = NULL;
    nt_value *v;
    bool known;

    *is_constant = false;
    if (p->n_output != 1 || p->n_attribute != 1 || !*p->output[0])
        return NT_OK;
    s = constant_of(&t, r, p->attribute[0], sc, e);
    if (s != NT_OK || !t)
        return s;
    v = nt_onnx_lookup(r, sc, p->output[0], &known);
    if (!v || v->producer || v->data || v->is_input) {
        nt_tensor_free(t);
        return nt_fail(e, NT_EFORMAT, "output '%s' is produced twice", p->output[0]);
    }
    nt_value_take_data(v, t);
    *is_constant = true;
    return NT_OK;
}

/* In the place of a call the function's body. */
static nt_status read_call(nt_onnx_reader *r, const nt_onnx_function *f,
                           const Onnx__NodeProto *call, const nt_onnx_scope *up, nt_err *e)
{
    nt_onnx_scope sc = {.up = up, .fn = f, .call = call};
    nt_status s = NT_OK;

    NT_TRY(nt_onnx_call_open(&sc, r, e));
    NT_TRY(nt_onnx_nodes_read(r, f->p->node, f->p->n_node, &sc, e));
    NT_TRY(nt_onnx_call_check(r, &sc, e));
done:
    nt_map_free(sc.names);
    return s;
}

static nt_status read_node(nt_onnx_reader *r, const Onnx__NodeProto *p, const nt_onnx_scope *sc,
                           nt_err *e)
{
    nt_status s = NT_OK;
    const nt_onnx_function *f = nt_onnx_function_of(r, p);
    bool is_constant = false;

    if (f)
        return read_call(r, f, p, sc, e);
    if (!p->op_type || !*p->op_type)
        return nt_fail(e, NT_EFORMAT, "has no operator");
    if (p->n_attribute > MAX_ATTRIBUTES || p->n_output > MAX_OUTPUTS)
        return nt_fail(e, NT_EFORMAT, "has %zu attributes and %zu outputs", p->n_attribute,
                       p->n_output);
    if (strcmp(p->op_type, "Constant") == 0 && !*nt_onnx_domain(p->domain))
        NT_TRY(read_constant(&is_constant, r, p, sc, e));
    if (!is_constant)
        NT_TRY(read_plain(r, p, sc, e));
done:
    return s;
}

nt_status nt_onnx_nodes_read(nt_onnx_reader *r, Onnx__NodeProto *const *v, size_t n,
                             const nt_onnx_scope *sc, nt_err *e)
{
    nt_status s = NT_OK;

    for (size_t i = 0; i < n; i++)
        NT_TRY(make_outputs(r, v[i], sc, e));
    for (size_t i = 0; i < n; i++) {
        s = read_node(r, v[i], sc, e);
        if (s == NT_OK)
            continue;
        if (!sc || !nt_onnx_function_of(r, v[i])) /* the first call and the last node: enough */
            nt_err_prefix(e, "node '%s'", label_of(v[i]));
        break;
    }
done:
    return s;
}
