/* SPDX-License-Identifier: MIT */
/*
 * A subgraph that a function's node has, or one inside another subgraph, on its way into the
 * graph. It is carried as bytes until its If or Loop is decided, when the function is long
 * gone: names from around it become those of the graph's values, its own ones get the
 * function's label in front, and references to the call's attributes what the call gives.
 */
#include "graph/onnx_private.h"

#include <stdio.h>
#include <string.h>

typedef struct level {
    const struct level *up; /* the subgraph around this one; NULL: none */
    nt_onnx_reader *r;
    const nt_onnx_scope *sc;
    nt_map *own;   /* names the subgraph defines -> what they become */
    nt_map *taken; /* the latter */
} level;

static nt_status define(level *l, const char *name, nt_err *e)
{
    const char *label = l->sc->label;
    char buf[512], *made;

    if (!name || !*name)
        return NT_OK;
    snprintf(buf, sizeof buf, "%.240s%s%.240s", label ? label : "", label ? "/" : "", name);
    made = nt_arena_strdup(l->r->g->arena, buf);
    if (!made || !nt_map_put(l->own, name, made) || !nt_map_put(l->taken, made, made))
        return nt_fail_nomem(e);
    return NT_OK;
}

static nt_status define_all(level *l, const Onnx__GraphProto *g, nt_err *e)
{
    nt_status s = NT_OK;

    for (size_t i = 0; i < g->n_initializer; i++)
        NT_TRY(define(l, g->initializer[i]->name, e));
    for (size_t i = 0; i < g->n_sparse_initializer; i++)
        if (g->sparse_initializer[i]->values)
            NT_TRY(define(l, g->sparse_initializer[i]->values->name, e));
    for (size_t i = 0; i < g->n_input; i++)
        NT_TRY(define(l, g->input[i]->name, e));
    for (size_t i = 0; i < g->n_node; i++)
        for (size_t k = 0; k < g->node[i]->n_output; k++)
            NT_TRY(define(l, g->node[i]->output[k], e));
done:
    return s;
}

/* Does a subgraph from this one outwards call something of its own so? */
static bool is_taken(const level *l, const char *name)
{
    for (; l; l = l->up)
        if (nt_map_get(l->taken, name))
            return true;
    return false;
}

/* A name that nothing has stays: whoever looks for it says so. */
static nt_status rename_one(char **name, const level *l, nt_err *e)
{
    const nt_value *v;
    bool known;

    if (!*name || !**name)
        return NT_OK;
    for (const level *k = l; k; k = k->up) {
        char *own = nt_map_get(k->own, *name);

        if (own) {
            *name = own;
            return NT_OK;
        }
    }
    v = nt_onnx_lookup(l->r, l->sc, *name, &known);
    if (v && is_taken(l, v->name))
        return nt_fail(e, NT_EUNSUPPORTED, "a subgraph uses a name that stands for two values");
    if (known)
        *name = nt_arena_strdup(l->r->g->arena, v ? v->name : "");
    return *name ? NT_OK : nt_fail_nomem(e);
}

static nt_status rename_list(char **names, size_t n, const level *l, nt_err *e)
{
    nt_status s = NT_OK;

    for (size_t i = 0; i < n; i++)
        NT_TRY(rename_one(&names[i], l, e));
done:
    return s;
}

static nt_status rename_graph(Onnx__GraphProto *g, const level *up, nt_onnx_reader *r,
                              const nt_onnx_scope *sc, nt_err *e);

/* What the attribute is in this call; *there false: the call does not give it. */
static nt_status settle_attr(Onnx__AttributeProto **p, bool *there, const level *l, nt_err *e)
{
    nt_status s = NT_OK;
    nt_attr a;

    *there = true;
    if ((*p)->n_graphs > 0)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "lists of subgraphs are not supported"));
    if ((*p)->g)
        NT_TRY(rename_graph((*p)->g, l, l->r, l->sc, e));
    if (!(*p)->ref_attr_name || !*(*p)->ref_attr_name)
        goto done;
    NT_TRY(nt_onnx_scoped_attr(&a, there, l->r, l->sc, *p, e));
    if (*there)
        NT_TRY(nt_onnx_attr_encode(p, l->r->g->arena, &a, e));
done:
    return s;
}

static nt_status rename_node(Onnx__NodeProto *n, const level *l, nt_err *e)
{
    nt_status s = NT_OK;
    size_t k = 0;

    NT_TRY(rename_list(n->input, n->n_input, l, e));
    NT_TRY(rename_list(n->output, n->n_output, l, e));
    for (size_t i = 0; i < n->n_attribute; i++) {
        bool there;

        NT_TRY(settle_attr(&n->attribute[i], &there, l, e));
        if (there)
            n->attribute[k++] = n->attribute[i];
    }
    n->n_attribute = k;
done:
    return s;
}

static nt_status rename_values(Onnx__ValueInfoProto **v, size_t n, const level *l, nt_err *e)
{
    nt_status s = NT_OK;

    for (size_t i = 0; i < n; i++)
        NT_TRY(rename_one(&v[i]->name, l, e));
done:
    return s;
}

static nt_status rename_all(Onnx__GraphProto *g, const level *l, nt_err *e)
{
    nt_status s = NT_OK;

    for (size_t i = 0; i < g->n_initializer; i++)
        NT_TRY(rename_one(&g->initializer[i]->name, l, e));
    for (size_t i = 0; i < g->n_sparse_initializer; i++)
        if (g->sparse_initializer[i]->values)
            NT_TRY(rename_one(&g->sparse_initializer[i]->values->name, l, e));
    NT_TRY(rename_values(g->input, g->n_input, l, e));
    NT_TRY(rename_values(g->output, g->n_output, l, e));
    NT_TRY(rename_values(g->value_info, g->n_value_info, l, e));
    for (size_t i = 0; i < g->n_node; i++)
        NT_TRY(rename_node(g->node[i], l, e));
done:
    return s;
}

static nt_status rename_graph(Onnx__GraphProto *g, const level *up, nt_onnx_reader *r,
                              const nt_onnx_scope *sc, nt_err *e)
{
    level l = {.up = up, .r = r, .sc = sc, .own = nt_map_new(), .taken = nt_map_new()};
    nt_status s = NT_OK;

    if (!l.own || !l.taken)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(define_all(&l, g, e));
    NT_TRY(rename_all(g, &l, e));
done:
    nt_map_free(l.own);
    nt_map_free(l.taken);
    return s;
}

/* A copy of p in the arena: the original may be wanted again, by the function's next call. */
static nt_status copy(Onnx__AttributeProto **out, nt_arena *a, const Onnx__AttributeProto *p,
                      nt_err *e)
{
    size_t n = onnx__attribute_proto__get_packed_size(p);
    void *raw = nt_arena_alloc(a, n, 1), *m = NULL;
    nt_status s;

    if (!raw)
        return nt_fail_nomem(e);
    onnx__attribute_proto__pack(p, raw);
    s = nt_onnx_unpack_in(&m, a, &onnx__attribute_proto__descriptor, raw, n, e);
    *out = m;
    return s;
}

nt_status nt_onnx_localize(Onnx__AttributeProto **out, nt_onnx_reader *r,
                           const nt_onnx_scope *sc, const Onnx__AttributeProto *p, nt_err *e)
{
    const nt_onnx_scope *body = sc;
    nt_status s = NT_OK;

    while (body && !body->fn)
        body = body->up;
    if (body && body->fn->opset)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "a subgraph in a function that is written for opset %d, the model for "
                       "%d: convert both to one",
                       body->fn->opset, r->g->opset);
    NT_TRY(copy(out, r->g->arena, p, e));
    NT_TRY(rename_graph((*out)->g, NULL, r, sc, e));
done:
    return s;
}
