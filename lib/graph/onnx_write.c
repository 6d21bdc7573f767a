/* SPDX-License-Identifier: MIT */
/*
 * Graph to ModelProto. The message tree stands in one arena and borrows names and data from the
 * graph; then it is packed in one go.
 */
#include "base/alloc.h"
#include "base/str.h"
#include "graph/map.h"
#include "graph/onnx_io.h"
#include "graph/onnx_private.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define ALIGNMENT 64       /* of tensors in the external file */
#define EXTERNAL_MIN 1024u /* bytes; smaller tensors stay inside */

typedef struct writer {
    nt_arena *a;
    const nt_graph *g;
    Onnx__ModelProto m;
    Onnx__GraphProto p;
    bool *seen; /* by value id: is an initialiser already */
} writer;

/* An arena array of n pointers to zeroed messages of one size; NULL: out of memory. */
static void *messages(nt_arena *a, size_t n, size_t size)
{
    char *each = nt_arena_alloc(a, n, size);
    void **v = nt_arena_alloc(a, n, sizeof *v);

    if (!each || !v)
        return NULL;
    for (size_t i = 0; i < n; i++)
        v[i] = each + i * size;
    return v;
}

static Onnx__StringStringEntryProto **encode_props(nt_arena *a, const nt_prop *p, int n)
{
    Onnx__StringStringEntryProto **v = messages(a, (size_t)n, sizeof **v);

    for (int i = 0; v && i < n; i++) {
        onnx__string_string_entry_proto__init(v[i]);
        v[i]->key = (char *)p[i].key;
        v[i]->value = (char *)p[i].val;
    }
    return v;
}

/* ai.onnx first. */
static Onnx__OperatorSetIdProto **encode_opsets(nt_arena *a, const nt_graph *g)
{
    Onnx__OperatorSetIdProto **v = messages(a, (size_t)g->n_domains + 1, sizeof **v);

    for (int i = 0; v && i <= g->n_domains; i++) {
        int64_t version = g->opset;

        onnx__operator_set_id_proto__init(v[i]);
        v[i]->domain = i ? (char *)g->domains[i - 1].key : "";
        if (i && !nt_parse_i64(&version, g->domains[i - 1].val, INT64_MIN, INT64_MAX))
            version = 1; /* not from a file, where it was a number */
        v[i]->has_version = 1;
        v[i]->version = version;
    }
    return v;
}

static nt_status encode_header(writer *w, nt_err *e)
{
    const nt_graph *g = w->g;
    Onnx__ModelProto *m = &w->m;

    onnx__model_proto__init(m);
    onnx__graph_proto__init(&w->p);
    m->graph = &w->p;
    m->has_ir_version = 1;
    m->ir_version = g->ir_version;
    m->has_model_version = g->model_version != 0;
    m->model_version = g->model_version;
    m->producer_name = (char *)g->producer;
    m->producer_version = (char *)g->producer_version;
    m->domain = (char *)g->domain;
    m->doc_string = (char *)g->doc;
    w->p.name = (char *)(g->name && *g->name ? g->name : "graph"); /* must not be empty */
    w->p.doc_string = (char *)g->graph_doc;
    m->n_metadata_props = (size_t)g->n_props;
    m->metadata_props = encode_props(w->a, g->props, g->n_props);
    m->n_opset_import = (size_t)g->n_domains + 1;
    m->opset_import = encode_opsets(w->a, g);
    return m->metadata_props && m->opset_import ? NT_OK : nt_fail_nomem(e);
}

static nt_status encode_value(Onnx__ValueInfoProto *p, nt_arena *a, const nt_value *v,
                              nt_err *e)
{
    onnx__value_info_proto__init(p);
    p->name = (char *)v->name;
    p->doc_string = (char *)v->doc;
    return nt_onnx_type_encode(&p->type, a, v, e);
}

static nt_status encode_values(Onnx__ValueInfoProto ***out, size_t *n_out, nt_arena *a,
                               nt_value *const *v, int n, nt_err *e)
{
    nt_status s = NT_OK;
    Onnx__ValueInfoProto **p = messages(a, (size_t)n, sizeof **p);

    if (!p)
        return nt_fail_nomem(e);
    for (int i = 0; i < n; i++)
        NT_TRY(encode_value(p[i], a, v[i], e));
    *out = p;
    *n_out = (size_t)n;
done:
    return s;
}

/* What is known of the values between the nodes. */
static nt_status encode_value_info(writer *w, nt_err *e)
{
    nt_value **v = nt_arena_alloc(w->a, (size_t)w->g->n_values, sizeof *v);
    int n = 0;

    if (!v)
        return nt_fail_nomem(e);
    for (int i = 0; i < w->g->n_nodes; i++) {
        const nt_node *node = w->g->nodes[i];

        for (int j = 0; j < node->n_out; j++) {
            nt_value *o = node->out[j];

            if (o && !o->is_output && (o->dtype != NT_UNDEFINED || o->type_raw))
                v[n++] = o;
        }
    }
    return encode_values(&w->p.value_info, &w->p.n_value_info, w->a, v, n, e);
}

static void add_initialiser(writer *w, const nt_value *v)
{
    Onnx__TensorProto *p;

    if (!v || !v->data || w->seen[v->id])
        return;
    w->seen[v->id] = true;
    p = w->p.initializer[w->p.n_initializer++];
    nt_onnx_tensor_encode(p, v->data);
    p->name = (char *)v->name;
    p->doc_string = (char *)v->doc;
}

/* In order of first use; then those that only outputs and subgraphs name. */
static nt_status encode_initialisers(writer *w, nt_err *e)
{
    const nt_graph *g = w->g;
    size_t n = 0;

    for (int i = 0; i < g->n_values; i++)
        n += g->values[i]->data != NULL;
    w->seen = nt_arena_alloc(w->a, (size_t)g->n_values, sizeof *w->seen);
    w->p.initializer = messages(w->a, n, sizeof **w->p.initializer);
    if (!w->seen || !w->p.initializer)
        return nt_fail_nomem(e);
    for (int i = 0; i < g->n_nodes; i++)
        for (int j = 0; j < g->nodes[i]->n_in; j++)
            add_initialiser(w, g->nodes[i]->in[j]);
    for (int i = 0; i < g->n_values; i++)
        if (g->values[i]->is_output || g->values[i]->pinned)
            add_initialiser(w, g->values[i]);
    return NT_OK;
}

static char **encode_names(nt_arena *a, nt_value *const *v, int n)
{
    char **names = nt_arena_alloc(a, (size_t)n, sizeof *names);

    for (int i = 0; names && i < n; i++)
        names[i] = v[i] ? (char *)v[i]->name : "";
    return names;
}

static nt_status encode_node(Onnx__NodeProto *p, nt_arena *a, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    onnx__node_proto__init(p);
    p->name = *n->name ? (char *)n->name : NULL;
    p->op_type = (char *)n->op_type;
    p->domain = *n->domain ? (char *)n->domain : NULL;
    p->doc_string = (char *)n->doc;
    p->n_input = (size_t)n->n_in;
    p->input = encode_names(a, n->in, n->n_in);
    p->n_output = (size_t)n->n_out;
    p->output = encode_names(a, n->out, n->n_out);
    p->n_attribute = (size_t)n->n_attrs;
    p->attribute = nt_arena_alloc(a, p->n_attribute, sizeof *p->attribute);
    if (!p->input || !p->output || !p->attribute)
        return nt_fail_nomem(e);
    for (int i = 0; i < n->n_attrs; i++)
        NT_TRY(nt_onnx_attr_encode(&p->attribute[i], a, &n->attrs[i], e));
done:
    return s;
}

static nt_status encode_nodes(writer *w, nt_err *e)
{
    nt_status s = NT_OK;

    w->p.n_node = (size_t)w->g->n_nodes;
    w->p.node = messages(w->a, w->p.n_node, sizeof **w->p.node);
    if (!w->p.node)
        return nt_fail_nomem(e);
    for (size_t i = 0; i < w->p.n_node; i++)
        NT_TRY(encode_node(w->p.node[i], w->a, w->g->nodes[i], e));
done:
    return s;
}

/* NAME_NUMBER, or with the next number that gives a name nobody has; NULL: out of memory. */
static char *free_name(nt_arena *a, const nt_map *taken, const char *name, int *number)
{
    char *unlike, *kept;
    bool is_taken;

    do {
        if (!(unlike = nt_strfmt("%s_%d", name, (*number)++)))
            return NULL;
        is_taken = nt_map_get(taken, unlike) != NULL;
        kept = is_taken ? NULL : nt_arena_strdup(a, unlike);
        nt_free(unlike);
    } while (is_taken);
    return kept;
}

/* ONNX wants names of nodes to differ: of those that have one the first keeps it. */
static nt_status part_names(writer *w, nt_err *e)
{
    nt_map *first = nt_map_new();
    nt_status s = first ? NT_OK : NT_ENOMEM;
    int number = 2;

    for (size_t i = 0; s == NT_OK && i < w->p.n_node; i++) {
        Onnx__NodeProto *p = w->p.node[i];

        if (p->name && !nt_map_get(first, p->name) && !nt_map_put(first, p->name, p))
            s = NT_ENOMEM;
    }
    for (size_t i = 0; s == NT_OK && i < w->p.n_node; i++) {
        Onnx__NodeProto *p = w->p.node[i];

        if (p->name && nt_map_get(first, p->name) != p &&
            !(p->name = free_name(w->a, first, p->name, &number)))
            s = NT_ENOMEM;
    }
    nt_map_free(first);
    return s == NT_OK ? NT_OK : nt_fail_nomem(e);
}

static nt_status encode_model(writer *w, nt_err *e)
{
    nt_status s = NT_OK;
    const nt_graph *g = w->g;

    NT_TRY(encode_header(w, e));
    NT_TRY(encode_nodes(w, e));
    NT_TRY(part_names(w, e));
    NT_TRY(encode_initialisers(w, e));
    NT_TRY(encode_values(&w->p.input, &w->p.n_input, w->a, g->inputs, g->n_inputs, e));
    NT_TRY(encode_values(&w->p.output, &w->p.n_output, w->a, g->outputs, g->n_outputs, e));
    NT_TRY(encode_value_info(w, e));
done:
    return s;
}

/* Makes p refer to n bytes at `offset` of the external file instead of its own. */
static nt_status point_outside(Onnx__TensorProto *p, nt_arena *a, size_t offset, size_t n,
                               nt_err *e)
{
    char text[2][32];
    nt_prop place[] = {{"location", NT_ONNX_EXTERNAL}, {"offset", NULL}, {"length", NULL}};

    snprintf(text[0], sizeof text[0], "%zu", offset);
    snprintf(text[1], sizeof text[1], "%zu", n);
    place[1].val = nt_arena_strdup(a, text[0]);
    place[2].val = nt_arena_strdup(a, text[1]);
    if (!place[1].val || !place[2].val)
        return nt_fail_nomem(e);
    p->has_raw_data = 0;
    p->raw_data = (ProtobufCBinaryData){0, NULL};
    p->n_external_data = 3;
    p->external_data = encode_props(a, place, 3);
    p->has_data_location = 1;
    p->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    return p->external_data ? NT_OK : nt_fail_nomem(e);
}

static size_t round_up(size_t n)
{
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Moves the data of large initialisers into one block of its own. */
static nt_status move_outside(void **ext, size_t *ext_n, writer *w, nt_err *e)
{
    nt_status s = NT_OK;
    size_t total = 0, at = 0;
    char *block = NULL;

    for (size_t i = 0; i < w->p.n_initializer; i++)
        if (w->p.initializer[i]->raw_data.len >= EXTERNAL_MIN)
            total += round_up(w->p.initializer[i]->raw_data.len);
    block = nt_calloc(total, 1);
    if (!block)
        return nt_fail_nomem(e);
    for (size_t i = 0; i < w->p.n_initializer; i++) {
        Onnx__TensorProto *p = w->p.initializer[i];
        size_t n = p->raw_data.len;

        if (n < EXTERNAL_MIN)
            continue;
        memcpy(block + at, p->raw_data.data, n);
        NT_TRY(point_outside(p, w->a, at, n, e));
        at += round_up(n);
    }
    *ext = block;
    *ext_n = total;
    block = NULL;
done:
    nt_free(block);
    return s;
}

nt_status nt_onnx_write_split(nt_onnx_written *out, const nt_graph *g, size_t limit, nt_err *e)
{
    nt_status s = NT_OK;
    writer w = {.g = g, .a = nt_arena_new()};
    void *outside = NULL, *packed = NULL;
    size_t outside_n = 0, size;

    if (!w.a)
        return nt_fail_nomem(e);
    NT_TRY(encode_model(&w, e));
    if (onnx__model_proto__get_packed_size(&w.m) > limit)
        NT_TRY(move_outside(&outside, &outside_n, &w, e));
    size = onnx__model_proto__get_packed_size(&w.m);
    if (size > INT_MAX)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "the graph without its weights is past 2 GiB"));
    packed = nt_alloc(size, 1);
    if (!packed)
        NT_TRY(nt_fail_nomem(e));
    onnx__model_proto__pack(&w.m, packed);
    *out = (nt_onnx_written){packed, size, outside, outside_n};
    outside = NULL;
done:
    nt_free(outside);
    nt_arena_free(w.a);
    return s;
}

nt_status nt_onnx_write(nt_onnx_written *out, const nt_graph *g, nt_err *e)
{
    return nt_onnx_write_split(out, g, INT_MAX, e);
}
