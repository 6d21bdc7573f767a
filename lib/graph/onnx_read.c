/* SPDX-License-Identifier: MIT */
/* ModelProto to graph. */
#include "base/alloc.h"
#include "graph/onnx_io.h"
#include "graph/onnx_private.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define MAX_OPSETS 1024

/* A copy in the arena; NULL stays NULL. */
static nt_status copy_text(const char **out, nt_graph *g, const char *s, nt_err *e)
{
    *out = s ? nt_arena_strdup(g->arena, s) : NULL;
    return !s || *out ? NT_OK : nt_fail_nomem(e);
}

/* Files of other domains' operators alone need not say which opset of ai.onnx they mean. */
static bool is_foreign(const Onnx__ModelProto *m)
{
    for (size_t i = 0; i < m->graph->n_node; i++)
        if (!*nt_onnx_domain(m->graph->node[i]->domain))
            return false;
    return m->n_opset_import > 0 && m->graph->n_node > 0;
}

static nt_status read_opsets(nt_graph *g, const Onnx__ModelProto *m, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t opset = 0;

    if (m->n_opset_import > MAX_OPSETS)
        return nt_fail(e, NT_EFORMAT, "%zu opsets are imported", m->n_opset_import);
    for (size_t i = 0; i < m->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *o = m->opset_import[i];

        if (*nt_onnx_domain(o->domain)) {
            NT_TRY(nt_onnx_add_domain(g, o->domain, o->version, e));
            continue;
        }
        if (opset && opset != o->version)
            NT_TRY(nt_fail(e, NT_EFORMAT, "opsets %lld and %lld are imported at once",
                           (long long)opset, (long long)o->version));
        opset = o->version;
    }
    if (opset == 0 && m->ir_version < 3) /* before there were imports */
        opset = 1;
    if (opset == 0 && is_foreign(m))
        opset = g->opset;
    if (opset == 0)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "imports no opset of ai.onnx"));
    if (opset > NT_OPSET_MAX)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "opset %lld is newer than %d", (long long)opset,
                       NT_OPSET_MAX));
    if (opset < NT_OPSET_MIN)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "opset %lld is older than %d", (long long)opset,
                       NT_OPSET_MIN));
    g->opset = (int)opset;
done:
    return s;
}

static nt_status read_props(nt_graph *g, const Onnx__ModelProto *m, nt_err *e)
{
    nt_status s = NT_OK;

    g->props = nt_arena_alloc(g->arena, m->n_metadata_props, sizeof *g->props);
    if (!g->props)
        return nt_fail_nomem(e);
    for (size_t i = 0; i < m->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *p = m->metadata_props[i];

        NT_TRY(copy_text(&g->props[i].key, g, p->key ? p->key : "", e));
        NT_TRY(copy_text(&g->props[i].val, g, p->value ? p->value : "", e));
    }
    g->n_props = (int)m->n_metadata_props;
done:
    return s;
}

static nt_status read_header(nt_graph *g, const Onnx__ModelProto *m, nt_err *e)
{
    nt_status s = NT_OK;

    if (!m->graph || m->ir_version < 1)
        return nt_fail(e, NT_EFORMAT, "not an ONNX model: it has no %s",
                       m->graph ? "IR version" : "graph");
    if (m->ir_version > NT_IR_MAX)
        return nt_fail(e, NT_EUNSUPPORTED, "IR version %lld is newer than %d",
                       (long long)m->ir_version, NT_IR_MAX);
    /* before version 4 an initialiser had to be an input too; here it never is */
    g->ir_version = m->ir_version < 4 ? 4 : m->ir_version;
    g->model_version = m->model_version;
    NT_TRY(copy_text(&g->name, g, m->graph->name ? m->graph->name : "", e));
    NT_TRY(copy_text(&g->producer, g, m->producer_name, e));
    NT_TRY(copy_text(&g->producer_version, g, m->producer_version, e));
    NT_TRY(copy_text(&g->domain, g, m->domain, e));
    NT_TRY(copy_text(&g->doc, g, m->doc_string, e));
    NT_TRY(copy_text(&g->graph_doc, g, m->graph->doc_string, e));
    NT_TRY(read_opsets(g, m, e));
    NT_TRY(read_props(g, m, e));
done:
    return s;
}

/* The message borrows the raw data no longer than it is read. */
static nt_status decode(nt_tensor **out, const nt_onnx_reader *r, Onnx__TensorProto *p,
                        const nt_onnx_raw *raw, nt_err *e)
{
    nt_onnx_source src = r->src;
    nt_status s;

    src.consume = r->consume;
    src.fd = r->bytes.fd;
    src.at = raw->at;
    p->raw_data =
        (ProtobufCBinaryData){raw->n, r->bytes.mem ? (uint8_t *)r->bytes.mem + raw->at : NULL};
    s = nt_onnx_tensor_decode(out, p, &src, e);
    p->raw_data = (ProtobufCBinaryData){0, NULL};
    return s;
}

static nt_status read_initialiser(nt_onnx_reader *r, Onnx__TensorProto *p,
                                  const nt_onnx_raw *raw, nt_err *e)
{
    nt_tensor *t = NULL;
    nt_value *v;
    nt_status s = decode(&t, r, p, raw, e);

    if (s != NT_OK) {
        nt_err_prefix(e, "initialiser '%s'", p->name);
        return s;
    }
    s = nt_graph_add_const(&v, r->g, p->name, t, e);
    return s == NT_OK ? copy_text(&v->doc, r->g, p->doc_string, e) : s;
}

static nt_status read_sparse(nt_onnx_reader *r, const Onnx__SparseTensorProto *p, nt_err *e)
{
    const char *name = p->values && p->values->name ? p->values->name : "";
    nt_tensor *t = NULL;
    nt_value *v;
    nt_status s = NT_OK;

    if (!*name)
        return nt_fail(e, NT_EFORMAT, "a sparse initialiser has no name");
    s = nt_onnx_sparse_decode(&t, r, p, e);
    if (s != NT_OK) {
        nt_err_prefix(e, "initialiser '%s'", name);
        return s;
    }
    return nt_graph_add_const(&v, r->g, name, t, e);
}

static nt_status read_initialisers(nt_onnx_reader *r, const Onnx__GraphProto *p, nt_err *e)
{
    nt_status s = NT_OK;

    for (size_t i = 0; i < p->n_initializer; i++) {
        if (!p->initializer[i]->name || !*p->initializer[i]->name)
            NT_TRY(nt_fail(e, NT_EFORMAT, "initialiser %zu has no name", i));
        NT_TRY(read_initialiser(r, p->initializer[i], &r->lean.raw[i], e));
    }
    for (size_t i = 0; i < p->n_sparse_initializer; i++)
        NT_TRY(read_sparse(r, p->sparse_initializer[i], e));
done:
    return s;
}

static nt_status read_type(nt_onnx_reader *r, nt_value *v, const Onnx__ValueInfoProto *p,
                           nt_err *e)
{
    nt_status s = nt_onnx_type_decode(v, r->g, p->type, e);

    if (s != NT_OK) {
        nt_err_prefix(e, "value '%s'", p->name);
        return s;
    }
    v->declared = v->dtype != NT_UNDEFINED && !v->is_input;
    return p->doc_string ? copy_text(&v->doc, r->g, p->doc_string, e) : NT_OK;
}

static nt_status read_inputs(nt_onnx_reader *r, const Onnx__GraphProto *p, nt_err *e)
{
    nt_status s = NT_OK;

    for (size_t i = 0; i < p->n_input; i++) {
        const char *name = p->input[i]->name;
        nt_value *v = name ? nt_graph_find_value(r->g, name) : NULL;

        if (!name || !*name)
            NT_TRY(nt_fail(e, NT_EFORMAT, "graph input %zu has no name", i));
        if (v && v->data)
            continue; /* an initialiser: a default that nobody overrides */
        NT_TRY(nt_graph_add_input(&v, r->g, name, (nt_value_type){NT_UNDEFINED, -1, NULL}, e));
        NT_TRY(read_type(r, v, p->input[i], e));
    }
done:
    return s;
}

static nt_status read_outputs(nt_onnx_reader *r, const Onnx__GraphProto *p, nt_err *e)
{
    nt_status s = NT_OK;

    for (size_t i = 0; i < p->n_output; i++) {
        const char *name = p->output[i]->name;
        nt_value *v = name ? nt_graph_find_value(r->g, name) : NULL;

        if (!v)
            NT_TRY(nt_fail(e, NT_EFORMAT, "graph output '%s' is not produced by anything",
                           name ? name : ""));
        NT_TRY(nt_graph_add_output(r->g, v, e));
        if (v->producer)
            NT_TRY(read_type(r, v, p->output[i], e));
    }
done:
    return s;
}

static nt_status read_value_info(nt_onnx_reader *r, const Onnx__GraphProto *p, nt_err *e)
{
    nt_status s = NT_OK;

    for (size_t i = 0; i < p->n_value_info; i++) {
        const char *name = p->value_info[i]->name;
        nt_value *v = name ? nt_graph_find_value(r->g, name) : NULL;

        if (v && v->producer)
            NT_TRY(read_type(r, v, p->value_info[i], e));
    }
done:
    return s;
}

static bool uses_domain(const nt_graph *g, const char *domain)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (strcmp(g->nodes[i]->domain, domain) == 0)
            return true;
    return false;
}

/* The domains of functions that are now inlined. */
static void drop_unused_domains(nt_graph *g)
{
    int k = 0;

    for (int i = 0; i < g->n_domains; i++)
        if (uses_domain(g, g->domains[i].key))
            g->domains[k++] = g->domains[i];
    g->n_domains = k;
}

static nt_status read_graph(nt_onnx_reader *r, const Onnx__ModelProto *m, nt_err *e)
{
    nt_status s = NT_OK;
    const Onnx__GraphProto *p = m->graph;

    NT_TRY(read_initialisers(r, p, e));
    NT_TRY(read_inputs(r, p, e));
    NT_TRY(nt_onnx_functions(r, m, e));
    NT_TRY(nt_onnx_nodes_read(r, p->node, p->n_node, NULL, e));
    NT_TRY(read_value_info(r, p, e));
    NT_TRY(read_outputs(r, p, e));
    if (r->functions)
        drop_unused_domains(r->g);
    NT_TRY(nt_graph_sort(r->g, e));
done:
    return s;
}

static nt_status read_model(nt_graph **out, nt_onnx_reader *r, nt_err *e)
{
    nt_status s = NT_OK;

    if (r->bytes.n > INT_MAX)
        return nt_fail(e, NT_EFORMAT, "larger than 2 GiB, which ONNX files cannot be");
    NT_TRY(nt_onnx_lean_unpack(&r->lean, &r->bytes, e));
    NT_TRY(nt_graph_new(&r->g, e));
    NT_TRY(read_header(r->g, r->lean.model, e));
    NT_TRY(read_graph(r, r->lean.model, e));
    *out = r->g;
    r->g = NULL;
done:
    nt_map_free(r->functions);
    nt_onnx_lean_release(&r->lean);
    nt_graph_free(r->g);
    return s;
}

nt_status nt_onnx_read(nt_graph **out, const void *bytes, size_t n,
                       const nt_onnx_outside *outside, nt_err *e)
{
    nt_onnx_reader r = {.bytes = {.mem = bytes, .n = n}};

    if (outside)
        r.src.outside = *outside;
    return read_model(out, &r, e);
}

nt_status nt_onnx_consume(nt_graph **out, void *bytes, size_t n, const nt_onnx_outside *outside,
                          nt_err *e)
{
    nt_onnx_reader r = {.bytes = {.mem = bytes, .n = n}, .consume = true};

    if (outside)
        r.src.outside = *outside;
    return read_model(out, &r, e);
}

nt_status nt_onnx_read_file(nt_graph **out, int fd, size_t n, const char *dir, nt_err *e)
{
    nt_onnx_reader r = {.src = {.outside = {.dir = dir}}, .bytes = {.fd = fd, .n = n}};

    return read_model(out, &r, e);
}
