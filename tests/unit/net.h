/* SPDX-License-Identifier: MIT */
/* net.h - small networks built by hand, line by line. */
#ifndef NT_TESTS_UNIT_NET_H
#define NT_TESTS_UNIT_NET_H

#include "base/rng.h"
#include "couple/couple.h"
#include "graph/graph.h"
#include "graph/pass.h"
#include "op/registry.h"

#include "test.h"

#include <stdio.h>
#include <string.h>

typedef struct net {
    nt_graph *g;
    nt_coupling *c;
} net;

static inline net start(int opset)
{
    net t = {NULL, NULL};

    assert_ok(nt_graph_new(&t.g, e));
    t.g->opset = opset;
    return t;
}

/* Extents of -1 become symbols, at most 4 axes then. */
static inline nt_value *input(net *t, const char *name, int rank, const int64_t *d)
{
    static const char *const sym[] = {"N", "C", "H", "W"};
    nt_dim dims[NT_MAX_RANK];
    nt_value *v = NULL;

    for (int i = 0; i < rank; i++)
        dims[i] = (nt_dim){d[i], d[i] < 0 ? sym[i] : NULL};
    assert_ok(nt_graph_add_input(&v, t->g, name, (nt_value_type){NT_F32, rank, dims}, e));
    return v;
}

static inline nt_value *weight(net *t, const char *name, int rank, const int64_t *d)
{
    nt_tensor *data = NULL;
    nt_value *v = NULL;

    assert_ok(nt_tensor_new(&data, NT_F32, rank, d, e));
    assert_ok(nt_graph_add_const(&v, t->g, name, data, e));
    return v;
}

static inline nt_value *ints(net *t, int n, const int64_t *d)
{
    const int64_t dims[] = {n};
    nt_tensor *data = NULL;
    nt_value *v = NULL;

    assert_ok(nt_tensor_new(&data, NT_I64, 1, dims, e));
    memcpy(data->data, d, (size_t)n * sizeof *d);
    assert_ok(nt_graph_add_const(&v, t->g, NULL, data, e));
    return v;
}

#define DIMS(...)                                                                              \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (const int64_t[])                             \
    {                                                                                          \
        __VA_ARGS__                                                                            \
    }

/* A node with one output called `name`. */
static inline nt_node *node(net *t, const char *op, const char *name, int n_in,
                            nt_value *const *in)
{
    nt_value *out = NULL;
    nt_node *n = NULL;

    assert_ok(nt_graph_add_value(&out, t->g, name, e));
    assert_ok(nt_graph_add_node(&n, t->g, &(nt_node_spec){op, name, in, n_in, &out, 1}, e));
    return n;
}

#define NODE(t, op, name, ...)                                                                 \
    node(t, op, name, (int)(sizeof((nt_value *[]){__VA_ARGS__}) / sizeof(nt_value *)),         \
         (nt_value *const[]){__VA_ARGS__})

/* 1x1 convolution to k channels in g groups; its weight is NAME.weight. */
static inline nt_value *conv(net *t, const char *name, nt_value *x, int64_t c, int64_t k,
                             int64_t g)
{
    char buf[64];
    nt_node *n;

    snprintf(buf, sizeof buf, "%s.weight", name);
    n = NODE(t, "Conv", name, x, weight(t, buf, DIMS(k, c / g, 1, 1)));
    assert_ok(nt_node_set_int(t->g, n, "group", g, e));
    return n->out[0];
}

static inline nt_value *gemm(net *t, const char *name, nt_value *x, int64_t c, int64_t k)
{
    char buf[64];
    nt_node *n;

    snprintf(buf, sizeof buf, "%s.weight", name);
    n = NODE(t, "Gemm", name, x, weight(t, buf, DIMS(k, c)));
    assert_ok(nt_node_set_int(t->g, n, "transB", 1, e));
    return n->out[0];
}

/* Makes `out` the output, finds the operators and infers. */
static inline void complete(net *t, nt_value *out)
{
    assert_ok(nt_graph_add_output(t->g, out, e));
    assert_ok(nt_graph_bind(t->g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(t->g, e));
}

/* Every float constant in [-1, 1), the same for the same names. */
static inline void randomise(net *t)
{
    nt_rng root, r;

    nt_rng_init(&root, 3);
    for (int i = 0; i < t->g->n_values; i++) {
        const nt_value *v = t->g->values[i];

        r = nt_rng_fork(&root, v->name);
        for (int64_t k = 0; v->data && v->dtype == NT_F32 && k < nt_tensor_count(v->data); k++)
            nt_tensor_set(v->data, k, nt_rng_double(&r) * 2 - 1);
    }
}

static inline void finish(net *t)
{
    nt_coupling_free(t->c);
    nt_graph_free(t->g);
}

#endif
