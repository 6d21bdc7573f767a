/* SPDX-License-Identifier: MIT */
/*
 * Control flow that is none: an If whose condition is constant is replaced by its branch, a
 * Loop that ends after a constant number of rounds by as many copies of its body. Exporters
 * leave such nodes where they asked for a shape. Subgraphs were carried as bytes until here;
 * what is in them sees the values around it, and comes to stand beside them.
 */
#include "base/alloc.h"
#include "graph/onnx_private.h"
#include "graph/pass.h"

#include <stdio.h>

#define MAX_ROUNDS 4096
#define MAX_NODES (1 << 16) /* that all Loops unroll to */
#define FOLD_BYTES ((size_t)1 << 20)

/* ---- a subgraph's contents into the graph */

static nt_status subgraph(Onnx__GraphProto **out, nt_graph *g, const nt_node *n,
                          const char *name, nt_err *e)
{
    const nt_attr *a = nt_node_attr(n, name);
    void *p = NULL;
    nt_status s;

    if (!a || a->kind != NT_ATTR_GRAPH)
        return nt_fail(e, NT_EFORMAT, "attribute '%s' is missing", name);
    s = nt_onnx_unpack_in(&p, g->arena, &onnx__attribute_proto__descriptor, a->raw, a->raw_n,
                          e);
    if (s != NT_OK)
        return s;
    *out = ((Onnx__AttributeProto *)p)->g;
    return *out ? NT_OK : nt_fail(e, NT_EFORMAT, "attribute '%s' has no graph", name);
}

static nt_status read_constants(nt_onnx_reader *r, nt_onnx_scope *sc, const Onnx__GraphProto *p,
                                nt_err *e)
{
    nt_status s = NT_OK;

    for (size_t i = 0; i < p->n_initializer; i++) {
        const char *name = p->initializer[i]->name ? p->initializer[i]->name : "";
        nt_tensor *t = NULL;
        nt_value *v = NULL;

        NT_TRY(nt_onnx_local_value(&v, r, sc, name, e));
        NT_TRY(nt_onnx_tensor_decode(&t, p->initializer[i], &r->src, e));
        nt_value_take_data(v, t);
    }
    for (size_t i = 0; i < p->n_sparse_initializer; i++) {
        const Onnx__TensorProto *values = p->sparse_initializer[i]->values;
        nt_tensor *t = NULL;
        nt_value *v = NULL;

        NT_TRY(nt_onnx_sparse_decode(&t, r, p->sparse_initializer[i], e));
        s = nt_onnx_local_value(&v, r, sc, values->name ? values->name : "", e);
        if (s == NT_OK)
            nt_value_take_data(v, t);
        else
            nt_tensor_free(t);
        if (s != NT_OK)
            goto done;
    }
done:
    return s;
}

/* Nodes and constants of p, under sc's label; out: the values that are its outputs. */
static nt_status inline_graph(nt_value **out, nt_onnx_reader *r, nt_onnx_scope *sc,
                              const Onnx__GraphProto *p, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(read_constants(r, sc, p, e));
    NT_TRY(nt_onnx_nodes_read(r, p->node, p->n_node, sc, e));
    for (size_t i = 0; i < p->n_output; i++) {
        const char *name = p->output[i]->name ? p->output[i]->name : "";
        bool known;

        out[i] = nt_onnx_lookup(r, sc, name, &known);
        if (!out[i])
            NT_TRY(nt_fail(e, NT_EFORMAT,
                           "output '%s' of its graph is not produced by anything", name));
    }
done:
    return s;
}

/* New nodes have no operator yet. */
static nt_status bind_new(nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < g->n_nodes; i++)
        if (!g->nodes[i]->op)
            NT_TRY(g->ops->find(&g->nodes[i]->op, g, g->nodes[i], e));
done:
    return s;
}

/* The node's output i is v from now on. Where both must keep their names an Identity stays. */
static nt_status stand_for(nt_graph *g, nt_node *n, int i, nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;
    nt_value *out = n->out[i];
    nt_node *id;
    nt_err ignored;

    if (!out)
        return NT_OK;
    n->out[i] = NULL;
    out->producer = NULL;
    if (nt_graph_replace_value(g, out, v, &ignored) != NT_OK)
        NT_TRY(nt_graph_add_node(&id, g, &(nt_node_spec){"Identity", "", &v, 1, &out, 1}, e));
done:
    return s;
}

/* ---- If */

static nt_status take_branch(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_onnx_reader r = {.g = g};
    nt_onnx_scope sc = {.open = true, .names = nt_map_new()};
    bool yes = nt_tensor_count(n->in[0]->data) > 0 && nt_tensor_get_i64(n->in[0]->data, 0);
    Onnx__GraphProto *p;
    nt_value **out = NULL;

    if (!sc.names)
        return nt_fail_nomem(e);
    NT_TRY(subgraph(&p, g, n, yes ? "then_branch" : "else_branch", e));
    if (p->n_output != (size_t)n->n_out)
        NT_TRY(nt_fail(e, NT_EFORMAT, "a branch has %zu outputs, the node %d", p->n_output,
                       n->n_out));
    out = nt_calloc(p->n_output + 1, sizeof *out);
    if (!out)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(inline_graph(out, &r, &sc, p, e));
    for (int i = 0; i < n->n_out; i++)
        NT_TRY(stand_for(g, n, i, out[i], e));
    nt_graph_unhook_node(n);
done:
    nt_free(out);
    nt_map_free(sc.names);
    return s;
}

/* ---- one subgraph of several */

static nt_status declare_inputs(nt_onnx_reader *r, nt_onnx_scope *sc, const Onnx__GraphProto *p,
                                nt_err *e)
{
    nt_status s = NT_OK;
    nt_value *v;

    for (size_t i = 0; i < p->n_input; i++) {
        NT_TRY(nt_onnx_local_value(&v, r, sc, p->input[i]->name ? p->input[i]->name : "", e));
        v->is_input = true;
    }
done:
    return s;
}

nt_status nt_onnx_try_subgraph(nt_graph *g, const nt_node *n, const char *attr, nt_err *e)
{
    nt_status s = NT_OK;
    char label[256];
    nt_onnx_reader r = {.g = g};
    nt_onnx_scope sc = {.open = true, .label = label, .names = nt_map_new()};
    Onnx__GraphProto *p;
    nt_value **out = NULL;

    if (!sc.names)
        return nt_fail_nomem(e);
    nt_node_label(label, sizeof label, n);
    NT_TRY(subgraph(&p, g, n, attr, e));
    if (!(out = nt_calloc(p->n_output + 1, sizeof *out)))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(declare_inputs(&r, &sc, p, e));
    NT_TRY(inline_graph(out, &r, &sc, p, e));
    NT_TRY(bind_new(g, e));
done:
    nt_free(out);
    nt_map_free(sc.names);
    return s;
}

/* ---- Loop */

typedef struct loop {
    nt_graph *g;
    nt_node *n;
    const Onnx__GraphProto *body;
    size_t n_carried, n_scans;
    nt_value **carried; /* n_carried */
    nt_value **scan;    /* by scan output, by round: n_scans * rounds */
    nt_value **out;     /* of the body */
    int64_t rounds;
} loop;

static nt_status scalar(nt_value **out, nt_graph *g, nt_dtype type, int64_t v, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tensor *t = NULL;

    NT_TRY(nt_tensor_new(&t, type, 0, NULL, e));
    nt_tensor_set_i64(t, 0, v);
    NT_TRY(nt_graph_add_const(out, g, NULL, t, e));
done:
    return s;
}

/* What the body says of going on must be known now. */
static nt_status goes_on(bool *yes, nt_graph *g, const nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;

    while (v->producer && nt_node_is(v->producer, "Identity"))
        v = v->producer->in[0];
    NT_TRY(bind_new(g, e));
    if (!v->data)
        NT_TRY(nt_graph_fold(g, FOLD_BYTES, false, NULL, e));
    if (!v->data)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "when it ends depends on the data"));
    *yes = nt_tensor_count(v->data) > 0 && nt_tensor_get_i64(v->data, 0);
done:
    return s;
}

static nt_status bind_inputs(loop *l, nt_onnx_scope *sc, nt_err *e)
{
    nt_status s = NT_OK;
    nt_value *v;

    for (size_t i = 0; i < l->body->n_input; i++) {
        const char *name = l->body->input[i]->name ? l->body->input[i]->name : "";

        if (i < 2)
            NT_TRY(scalar(&v, l->g, i ? NT_BOOL : NT_I64, i ? 1 : l->rounds, e));
        else
            v = l->carried[i - 2];
        if (!nt_map_put(sc->names, name, v))
            NT_TRY(nt_fail_nomem(e));
    }
done:
    return s;
}

static nt_status round_once(loop *l, bool *more, nt_err *e)
{
    nt_status s = NT_OK;
    char label[256], node[128];
    nt_onnx_reader r = {.g = l->g};
    nt_onnx_scope sc = {.open = true, .label = label, .names = nt_map_new()};
    nt_value **p = nt_realloc(l->scan, (size_t)(l->rounds + 1) * l->n_scans + 1, sizeof *p);

    if (!sc.names || !p) {
        nt_map_free(sc.names);
        return nt_fail_nomem(e);
    }
    l->scan = p;
    snprintf(label, sizeof label, "%s/%lld", nt_node_label(node, sizeof node, l->n),
             (long long)l->rounds);
    NT_TRY(bind_inputs(l, &sc, e));
    NT_TRY(inline_graph(l->out, &r, &sc, l->body, e));
    for (size_t i = 0; i < l->n_carried; i++)
        l->carried[i] = l->out[1 + i];
    for (size_t i = 0; i < l->n_scans; i++)
        p[(size_t)l->rounds * l->n_scans + i] = l->out[1 + l->n_carried + i];
    l->rounds++;
    NT_TRY(goes_on(more, l->g, l->out[0], e));
done:
    nt_map_free(sc.names);
    return s;
}

static nt_status unsqueeze(nt_value **out, nt_graph *g, nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;
    const int64_t zero = 0, one = 1;
    nt_value *in[2] = {v, NULL};
    nt_tensor *t = NULL;
    nt_node *n;

    NT_TRY(nt_graph_add_value(out, g, NULL, e));
    if (g->opset >= 13) {
        NT_TRY(nt_tensor_new(&t, NT_I64, 1, &one, e));
        NT_TRY(nt_graph_add_const(&in[1], g, NULL, t, e));
    }
    NT_TRY(nt_graph_add_node(&n, g, &(nt_node_spec){"Unsqueeze", "", in, in[1] ? 2 : 1, out, 1},
                             e));
    if (!in[1])
        NT_TRY(nt_node_set_ints(g, n, "axes", &zero, 1, e));
done:
    return s;
}

/* What scan output i gave in each round, one after another along a new first axis. */
static nt_status stack(nt_value **out, loop *l, size_t i, nt_err *e)
{
    nt_status s = NT_OK;
    nt_value **v = nt_calloc((size_t)l->rounds + 1, sizeof *v);
    nt_node *n;

    if (!v)
        return nt_fail_nomem(e);
    if (l->rounds == 0)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "makes nothing in no round"));
    for (int64_t k = 0; k < l->rounds; k++)
        NT_TRY(unsqueeze(&v[k], l->g, l->scan[(size_t)k * l->n_scans + i], e));
    NT_TRY(nt_graph_add_value(out, l->g, NULL, e));
    NT_TRY(nt_graph_add_node(&n, l->g, &(nt_node_spec){"Concat", "", v, (int)l->rounds, out, 1},
                             e));
    NT_TRY(nt_node_set_int(l->g, n, "axis", 0, e));
done:
    nt_free(v);
    return s;
}

static nt_status give_outputs(loop *l, nt_err *e)
{
    nt_status s = NT_OK;
    nt_value *v;

    for (size_t i = 0; i < (size_t)l->n->n_out; i++) {
        if (!l->n->out[i])
            continue;
        v = i < l->n_carried ? l->carried[i] : NULL;
        if (!v)
            NT_TRY(stack(&v, l, i - l->n_carried, e));
        NT_TRY(stand_for(l->g, l->n, (int)i, v, e));
    }
done:
    return s;
}

static nt_status check_body(loop *l, nt_err *e)
{
    size_t in = l->body->n_input, out = l->body->n_output;

    l->n_carried = in < 2 ? 0 : in - 2;
    if (in < 2 || out < 1 + l->n_carried || l->n->n_in < (int)in ||
        (size_t)l->n->n_out > out - 1)
        return nt_fail(e, NT_EFORMAT, "its body has %zu inputs and %zu outputs", in, out);
    l->n_scans = out - 1 - l->n_carried;
    for (size_t i = 0; i < l->n_carried; i++)
        if (!(l->carried[i] = l->n->in[2 + i]))
            return nt_fail(e, NT_EFORMAT, "input %zu is missing", 2 + i);
    return NT_OK;
}

static nt_status unroll(nt_graph *g, nt_node *n, int *n_nodes, nt_err *e)
{
    nt_status s = NT_OK;
    loop l = {.g = g, .n = n};
    Onnx__GraphProto *body = NULL;
    int64_t most = n->in[0] ? nt_tensor_get_i64(n->in[0]->data, 0) : MAX_ROUNDS + 1;
    bool more = n->n_in < 2 || !n->in[1] || nt_tensor_get_i64(n->in[1]->data, 0);

    NT_TRY(subgraph(&body, g, n, "body", e));
    l.body = body;
    l.carried = nt_calloc(body->n_input + 1, sizeof *l.carried);
    l.out = nt_calloc(body->n_output + 1, sizeof *l.out);
    if (!l.carried || !l.out)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(check_body(&l, e));
    while (more && l.rounds < most) {
        *n_nodes += (int)body->n_node + 1;
        if (l.rounds == MAX_ROUNDS || *n_nodes > MAX_NODES)
            NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "more than %lld rounds", (long long)l.rounds));
        NT_TRY(round_once(&l, &more, e));
    }
    NT_TRY(give_outputs(&l, e));
    nt_graph_unhook_node(n);
done:
    nt_free(l.carried);
    nt_free(l.scan);
    nt_free(l.out);
    return s;
}

/* ---- the pass */

static bool is_const(const nt_node *n, int i)
{
    return i >= n->n_in || !n->in[i] || n->in[i]->data;
}

static nt_status expand(nt_graph *g, nt_node *n, int *n_nodes, bool *done, nt_err *e)
{
    nt_status s = NT_OK;
    char label[128], name[160];
    const char *op = n->op_type;

    snprintf(name, sizeof name, "%s", nt_node_label(label, sizeof label, n));
    *done = false;
    if (nt_node_is(n, "If") && n->in[0] && n->in[0]->data) {
        *done = true;
        s = take_branch(g, n, e);
    } else if (nt_node_is(n, "Loop") && is_const(n, 0) && is_const(n, 1)) {
        *done = true;
        s = unroll(g, n, n_nodes, e);
    }
    if (s != NT_OK) {
        nt_err_prefix(e, "%s", op);
        nt_err_prefix(e, "node '%s'", name);
    }
    return s;
}

/* Once no subgraph is left nobody asks for values by name. */
static void unpin(nt_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i]->n_attrs; k++)
            if (g->nodes[i]->attrs[k].kind == NT_ATTR_GRAPH)
                return;
    for (int i = 0; i < g->n_values; i++)
        g->values[i]->pinned = false;
}

nt_status nt_pass_control(nt_graph *g, int *n_expanded, nt_err *e)
{
    nt_status s = NT_OK;
    int nodes = 0;

    *n_expanded = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        bool done;

        NT_TRY(expand(g, g->nodes[i], &nodes, &done, e));
        if (!done)
            continue;
        nt_graph_sweep(g);
        NT_TRY(bind_new(g, e));
        NT_TRY(nt_graph_sort(g, e));
        ++*n_expanded;
        i = -1; /* from the beginning: all has moved */
    }
    if (*n_expanded > 0)
        unpin(g);
done:
    return s;
}
