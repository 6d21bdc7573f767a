/* SPDX-License-Identifier: MIT */
/* graph_equal.h - are two graphs the same in everything a file keeps? For tests. */
#ifndef NT_TESTS_UNIT_GRAPH_EQUAL_H
#define NT_TESTS_UNIT_GRAPH_EQUAL_H

#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

/* Names the first difference on stderr. */
#define GE_CHECK(cond)                                                                         \
    do {                                                                                       \
        if (!(cond)) {                                                                         \
            fprintf(stderr, "graphs differ: not %s\n", #cond);                                 \
            return false;                                                                      \
        }                                                                                      \
    } while (0)

static bool same_text(const char *a, const char *b)
{
    return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

static bool same_bytes(const void *a, const void *b, size_t n)
{
    return n == 0 || memcmp(a, b, n) == 0;
}

static bool same_tensor(const nt_tensor *a, const nt_tensor *b)
{
    if (!a || !b)
        return a == b;
    return a->dtype == b->dtype && nt_tensor_same_shape(a, b) &&
           same_bytes(a->data, b->data, nt_tensor_bytes(a));
}

static bool same_value(const nt_value *a, const nt_value *b)
{
    if (!a || !b)
        return a == b;
    GE_CHECK(same_text(a->name, b->name));
    GE_CHECK(same_text(a->doc, b->doc));
    GE_CHECK(a->dtype == b->dtype && a->rank == b->rank);
    GE_CHECK(a->is_input == b->is_input && a->is_output == b->is_output);
    GE_CHECK(a->type_raw_n == b->type_raw_n);
    GE_CHECK(same_bytes(a->type_raw, b->type_raw, a->type_raw_n));
    for (int i = 0; i < a->rank; i++) {
        GE_CHECK(a->dims[i].value == b->dims[i].value);
        GE_CHECK(same_text(a->dims[i].sym, b->dims[i].sym));
    }
    GE_CHECK(same_tensor(a->data, b->data));
    return true;
}

static bool same_attr(const nt_attr *a, const nt_attr *b)
{
    GE_CHECK(same_text(a->name, b->name) && a->kind == b->kind);
    GE_CHECK(same_bytes(&a->f, &b->f, sizeof a->f) && a->i == b->i && same_text(a->s, b->s));
    GE_CHECK(a->n == b->n);
    GE_CHECK(!a->floats || same_bytes(a->floats, b->floats, a->n * sizeof *a->floats));
    GE_CHECK(!a->ints || same_bytes(a->ints, b->ints, a->n * sizeof *a->ints));
    for (size_t i = 0; a->strings && i < a->n; i++)
        GE_CHECK(same_text(a->strings[i], b->strings[i]));
    GE_CHECK(same_tensor(a->t, b->t));
    GE_CHECK(a->raw_n == b->raw_n && same_bytes(a->raw, b->raw, a->raw_n));
    return true;
}

static bool same_values(nt_value *const *a, nt_value *const *b, int n)
{
    for (int i = 0; i < n; i++)
        if (!same_value(a[i], b[i]))
            return false;
    return true;
}

static bool same_node(const nt_node *a, const nt_node *b)
{
    GE_CHECK(same_text(a->name, b->name) && same_text(a->op_type, b->op_type));
    GE_CHECK(same_text(a->domain, b->domain) && same_text(a->doc, b->doc));
    GE_CHECK(a->n_in == b->n_in && a->n_out == b->n_out && a->n_attrs == b->n_attrs);
    GE_CHECK(same_values(a->in, b->in, a->n_in));
    GE_CHECK(same_values(a->out, b->out, a->n_out));
    for (int i = 0; i < a->n_attrs; i++)
        if (!same_attr(&a->attrs[i], &b->attrs[i]))
            return false;
    return true;
}

static bool same_props(const nt_prop *a, const nt_prop *b, int n)
{
    for (int i = 0; i < n; i++)
        if (!same_text(a[i].key, b[i].key) || !same_text(a[i].val, b[i].val))
            return false;
    return true;
}

static bool same_graph(const nt_graph *a, const nt_graph *b)
{
    GE_CHECK(a->ir_version == b->ir_version && a->opset == b->opset);
    GE_CHECK(a->model_version == b->model_version);
    GE_CHECK(same_text(a->producer, b->producer));
    GE_CHECK(same_text(a->producer_version, b->producer_version));
    GE_CHECK(same_text(a->domain, b->domain) && same_text(a->doc, b->doc));
    GE_CHECK(same_text(a->graph_doc, b->graph_doc));
    GE_CHECK(a->n_props == b->n_props && same_props(a->props, b->props, a->n_props));
    GE_CHECK(a->n_domains == b->n_domains && same_props(a->domains, b->domains, a->n_domains));
    GE_CHECK(a->n_nodes == b->n_nodes);
    for (int i = 0; i < a->n_nodes; i++)
        if (!same_node(a->nodes[i], b->nodes[i]))
            return false;
    GE_CHECK(a->n_inputs == b->n_inputs && same_values(a->inputs, b->inputs, a->n_inputs));
    GE_CHECK(a->n_outputs == b->n_outputs && same_values(a->outputs, b->outputs, a->n_outputs));
    return true;
}

#endif
