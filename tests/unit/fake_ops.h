/* SPDX-License-Identifier: MIT */
/*
 * fake_ops.h - a handful of operators for tests of the graph, which knows none itself, and
 * short ways to build graphs. Shapes only as far as the tests need them.
 */
#ifndef NT_TESTS_UNIT_FAKE_OPS_H
#define NT_TESTS_UNIT_FAKE_OPS_H

#include "graph/graph.h"
#include "test.h"

#include <string.h>

struct nt_op {
    const char *name;
    nt_status (*infer)(nt_node *n, nt_err *e);
    void (*eval)(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out);
};

static nt_status fake_same(nt_node *n, nt_err *e)
{
    (void)e;
    n->out[0]->dtype = n->in[0]->dtype;
    n->out[0]->rank = n->in[0]->rank;
    memcpy(n->out[0]->dims, n->in[0]->dims, sizeof n->in[0]->dims);
    return NT_OK;
}

static nt_status fake_unknown(nt_node *n, nt_err *e)
{
    (void)e;
    n->out[0]->dtype = n->in[0]->dtype;
    return NT_OK;
}

static nt_status fake_infer_shape(nt_node *n, nt_err *e)
{
    (void)e;
    nt_value_set_shape(n->out[0], NT_I64, 1, (const int64_t[]){n->in[0]->rank});
    return NT_OK;
}

/* Of a vector, by a vector of indices. */
static nt_status fake_infer_gather(nt_node *n, nt_err *e)
{
    (void)e;
    n->out[0]->dtype = n->in[0]->dtype;
    n->out[0]->rank = 1;
    n->out[0]->dims[0] = n->in[1]->dims[0];
    return NT_OK;
}

/* Of vectors. */
static nt_status fake_infer_concat(nt_node *n, nt_err *e)
{
    int64_t sum = 0;

    (void)e;
    for (int i = 0; i < n->n_in; i++)
        sum += n->in[i]->dims[0].value;
    nt_value_set_shape(n->out[0], n->in[0]->dtype, 1, &sum);
    return NT_OK;
}

static nt_status fake_infer_reshape(nt_node *n, nt_err *e)
{
    const nt_tensor *t = n->in[1]->data;
    nt_value *v = n->out[0];

    (void)e;
    v->dtype = n->in[0]->dtype;
    if (!t)
        return NT_OK;
    v->rank = (int)nt_tensor_count(t);
    for (int i = 0; i < v->rank; i++) {
        int64_t d = nt_tensor_get_i64(t, i);

        v->dims[i] = d == 0 ? n->in[0]->dims[i] : (nt_dim){d, NULL};
    }
    return NT_OK;
}

static nt_status fake_infer_transpose(nt_node *n, nt_err *e)
{
    (void)e;
    n->out[0]->dtype = n->in[0]->dtype;
    n->out[0]->rank = n->in[0]->rank;
    for (int i = 0; i < n->in[0]->rank; i++)
        n->out[0]->dims[i] = n->in[0]->dims[n->in[0]->rank - 1 - i];
    return NT_OK;
}

static nt_status fake_infer_matmul(nt_node *n, nt_err *e)
{
    (void)e;
    n->out[0]->dtype = n->in[0]->dtype;
    n->out[0]->rank = 2;
    n->out[0]->dims[0] = n->in[0]->dims[0];
    n->out[0]->dims[1] = n->in[1]->dims[1];
    return NT_OK;
}

static void fake_relu(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out)
{
    (void)n;
    for (int64_t i = 0; i < nt_tensor_count(out[0]); i++)
        nt_tensor_set(out[0], i, nt_tensor_get(in[0], i) > 0 ? nt_tensor_get(in[0], i) : 0);
}

static void fake_add(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out)
{
    (void)n;
    for (int64_t i = 0; i < nt_tensor_count(out[0]); i++)
        nt_tensor_set(out[0], i, nt_tensor_get(in[0], i) + nt_tensor_get(in[1], i));
}

static void fake_shape(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out)
{
    (void)n;
    for (int i = 0; i < in[0]->rank; i++)
        nt_tensor_set_i64(out[0], i, in[0]->dims[i]);
}

static void fake_gather(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out)
{
    (void)n;
    for (int64_t i = 0; i < nt_tensor_count(out[0]); i++)
        nt_tensor_set(out[0], i, nt_tensor_get(in[0], nt_tensor_get_i64(in[1], i)));
}

static void fake_concat(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out)
{
    int64_t k = 0;

    for (int i = 0; i < n->n_in; i++)
        for (int64_t j = 0; j < nt_tensor_count(in[i]); j++)
            nt_tensor_set(out[0], k++, nt_tensor_get(in[i], j));
}

static void fake_transpose(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out)
{
    int64_t rows = in[0]->dims[0], cols = in[0]->dims[1];

    (void)n;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            nt_tensor_set(out[0], j * rows + i, nt_tensor_get(in[0], i * cols + j));
}

static const struct nt_op fake_table[] = {
    {"Relu", fake_same, fake_relu},
    {"Add", fake_same, fake_add},
    {"Identity", fake_same, fake_relu},
    {"Dropout", fake_same, NULL},
    {"Conv", fake_same, NULL},
    {"DequantizeLinear", fake_same, fake_relu},
    {"Mystery", fake_unknown, NULL},
    {"Shape", fake_infer_shape, fake_shape},
    {"Gather", fake_infer_gather, fake_gather},
    {"Concat", fake_infer_concat, fake_concat},
    {"Reshape", fake_infer_reshape, NULL},
    {"Transpose", fake_infer_transpose, fake_transpose},
    {"MatMul", fake_infer_matmul, NULL},
};

static nt_status fake_find(const struct nt_op **out, const nt_graph *g, const nt_node *n,
                           nt_err *e)
{
    for (size_t i = 0; i < sizeof fake_table / sizeof fake_table[0]; i++) {
        if (strcmp(fake_table[i].name, n->op_type) == 0) {
            *out = &fake_table[i];
            return NT_OK;
        }
    }
    return nt_fail(e, NT_EUNSUPPORTED, "node '%s': operator '%s' (opset %d) is not supported",
                   n->name, n->op_type, g->opset);
}

static nt_status fake_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    return n->op->infer(n, e);
}

static nt_status fake_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                           nt_err *e)
{
    if (!n->op->eval)
        return nt_fail(e, NT_EUNSUPPORTED, "no eval");
    n->op->eval(n, in, out);
    return NT_OK;
}

static bool fake_is_identity(const nt_node *n)
{
    return strcmp(n->op_type, "Identity") == 0 || strcmp(n->op_type, "Dropout") == 0;
}

static nt_value *fake_weight(const nt_node *n)
{
    static const char *const layers[] = {"Conv", "Gemm", "MatMul"};

    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        if (nt_node_is(n, layers[i]) && n->n_in > 1 && n->in[1] && n->in[1]->data)
            return n->in[1];
    return NULL;
}

static const nt_value *fake_stored_weight(const nt_node *n)
{
    return fake_weight(n);
}

static const nt_graph_ops fake_ops = {.find = fake_find,
                                      .infer = fake_infer,
                                      .eval = fake_eval,
                                      .is_identity = fake_is_identity,
                                      .weight = fake_weight,
                                      .stored_weight = fake_stored_weight};

/* ---- building */

static inline nt_graph *new_graph(void)
{
    nt_graph *g = NULL;

    assert_ok(nt_graph_new(&g, e));
    return g;
}

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

/* Extents below 0 become the symbol "N". */
static inline nt_value *add_in(nt_graph *g, const char *name, int rank, const int64_t *dims)
{
    nt_dim d[NT_MAX_RANK];
    nt_value *v = NULL;

    for (int i = 0; i < rank; i++)
        d[i] = dims[i] < 0 ? (nt_dim){-1, "N"} : (nt_dim){dims[i], NULL};
    assert_ok(nt_graph_add_input(&v, g, name, (nt_value_type){NT_F32, rank, d}, e));
    return v;
}

/* Elements 0, 1, 2, ... */
static inline nt_value *add_weight(nt_graph *g, const char *name, int rank, const int64_t *dims)
{
    nt_tensor *t = NULL;
    nt_value *v = NULL;

    assert_ok(nt_tensor_new(&t, NT_F32, rank, dims, e));
    for (int64_t i = 0; i < nt_tensor_count(t); i++)
        nt_tensor_set(t, i, (double)i);
    assert_ok(nt_graph_add_const(&v, g, name, t, e));
    return v;
}

static inline nt_value *add_ints(nt_graph *g, const char *name, int64_t n, const int64_t *ints)
{
    nt_tensor *t = NULL;
    nt_value *v = NULL;

    assert_ok(nt_tensor_new(&t, NT_I64, 1, &n, e));
    memcpy(t->data, ints, (size_t)n * sizeof *ints);
    assert_ok(nt_graph_add_const(&v, g, name, t, e));
    return v;
}

/* A node of one or two inputs (b may be NULL), called after its output. */
static inline nt_value *add_op(nt_graph *g, const char *op, const char *out, nt_value *a,
                               nt_value *b)
{
    nt_value *in[] = {a, b}, *v = NULL;

    assert_ok(nt_graph_add_value(&v, g, out, e));
    assert_ok(nt_graph_add_node(NULL, g, &(nt_node_spec){op, out, in, b ? 2 : 1, &v, 1}, e));
    return v;
}

/* What holds of every graph at any time. */
static inline void check_consistent(const nt_graph *g)
{
    int uses = 0, inputs = 0;

    for (int i = 0; i < g->n_nodes; i++) {
        const nt_node *n = g->nodes[i];

        assert_int_equal(n->id, i);
        for (int j = 0; j < n->n_in; j++)
            inputs += n->in[j] != NULL;
        for (int j = 0; j < n->n_out; j++)
            assert_true(!n->out[j] ||
                        (n->out[j]->producer == n && n->out[j]->producer_index == j));
    }
    for (int i = 0; i < g->n_values; i++) {
        nt_value *v = g->values[i];

        assert_int_equal(v->id, i);
        assert_ptr_equal(nt_graph_find_value(g, v->name), v);
        for (int j = 0; j < v->n_uses; j++)
            assert_ptr_equal(v->uses[j].node->in[v->uses[j].index], v);
        uses += v->n_uses;
    }
    assert_int_equal(uses, inputs);
}

#endif
