/* SPDX-License-Identifier: MIT */
/*
 * grid.h - arithmetic with a constant before and after a layer, in every combination:
 *
 *     x -> [op c] -> layer -> Relu? -> op c2? -> op c -> Relu? or + z?
 *
 * The layer is an op_case whose first input is x. What a plan gives is held against the plain
 * form (eval) of each node, one after the other, which knows no fusion, layout or backend.
 */
#ifndef NT_TESTS_UNIT_GRID_H
#define NT_TESTS_UNIT_GRID_H

#include "grid_layers.h"
#include "op/registry.h"

/* The constant's axes: what it has of y's [n][c][...], the rest is 1. */
typedef enum grid_shape {
    GRID_SCALAR,       /* [] */
    GRID_ONE,          /* [1] */
    GRID_ONES,         /* [1,1,1,1] */
    GRID_MORE,         /* an axis more than y */
    GRID_CHANNEL,      /* [c,1,1] */
    GRID_CHANNEL_FULL, /* [1,c,1,1] */
    GRID_ROW,          /* [w] */
    GRID_MAP,          /* [1,1,h,w]; [n,1] of rank 2 */
    GRID_SAMPLE,       /* [c,h,w] */
    GRID_WHOLE,        /* [n,c,h,w] */
    GRID_SHAPES
} grid_shape;

typedef enum grid_place {
    GRID_BEFORE,
    GRID_AFTER,
    GRID_AND_RELU,     /* a Relu behind it */
    GRID_AND_RESIDUAL, /* z of y's size added */
    GRID_BEHIND_RELU,  /* a Relu between layer and op */
    GRID_TWICE,        /* the same with another constant in front */
    GRID_BEHIND_NORM,  /* a BatchNormalization between layer and op */
    GRID_AND_NORM,     /* one behind the op */
    GRID_PLACES,
    GRID_BEHIND_CODES = GRID_PLACES, /* where the layer's output is quantized, too */
    GRID_CODED_PLACES
} grid_place;

static const char *const grid_shape_name[] = {
    "[]",        "[1]", "[1,1,1,1]", "[1,1,1,1,1]", "[c,1,1]",
    "[1,c,1,1]", "[w]", "[1,1,h,w]", "[c,h,w]",     "[n,c,h,w]"};
static const char *const grid_place_name[] = {"before",       "after",       "and Relu",
                                              "and residual", "behind Relu", "twice",
                                              "behind norm",  "and norm",    "behind codes"};
static const char *const grid_ops[] = {"Add", "Sub", "Mul", "Div"};

typedef struct grid_case {
    const op_case *layer;
    const char *op;
    bool left; /* c op y rather than y op c */
    grid_shape shape;
    grid_place place;
    nt_dtype coded;   /* of x and the result, which are quantized like the weight; 0: no */
    bool coded_const; /* the constant is quantized, too */
    bool training;    /* x is a constant, too, so that it has a gradient */
} grid_case;

typedef struct grid_net {
    const grid_case *c;
    nt_graph *g;
    nt_rng rng;
    int n;
} grid_net;

static inline const char *grid_name(const grid_case *c)
{
    static char text[256];
    const op_arg *w = &c->layer->in[1];
    int n = snprintf(text, sizeof text, "%s %s %s%s, ", grid_place_name[c->place], c->op,
                     grid_shape_name[c->shape], c->left ? " on the left" : "");

    n += snprintf(text + n, sizeof text - (size_t)n, "%s [", c->layer->op);
    for (int i = 0; i < w->rank; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%lld ", (long long)w->dims[i]);
    snprintf(text + n, sizeof text - (size_t)n, "] of %d inputs", op_case_n_in(c->layer));
    return text;
}

/* ---- building */

static inline nt_value *grid_const(grid_net *m, bool positive, int rank, const int64_t *dims)
{
    op_arg a = {.kind = OC_CONST, .dtype = NT_F32, .rank = rank, .positive = positive};
    nt_tensor *t = NULL;
    nt_value *v = NULL;
    char name[16];

    snprintf(name, sizeof name, "c%d", m->n++);
    assert_ok(nt_tensor_new(&t, NT_F32, rank, dims, e));
    op_fill(t, &a, false, &m->rng);
    assert_ok(nt_graph_add_const(&v, m->g, name, t, e));
    return v;
}

static inline nt_node *grid_node(grid_net *m, const char *op, nt_value *const *in, int n_in)
{
    nt_value *out = NULL;
    nt_node *n = NULL;
    char name[16];

    snprintf(name, sizeof name, "n%d", m->n++);
    assert_ok(nt_graph_add_value(&out, m->g, name, e));
    assert_ok(nt_graph_add_node(&n, m->g, &(nt_node_spec){op, name, in, n_in, &out, 1}, e));
    return n;
}

/* All numbers are positive where something is divided by them. */
static inline bool grid_is_positive(const grid_case *c)
{
    return c->left && !strcmp(c->op, "Div");
}

static inline nt_value *grid_input(grid_net *m, const char *name, int rank, const int64_t *d)
{
    nt_dim dims[NT_MAX_RANK] = {{0, NULL}};
    nt_value *v = NULL;

    if (m->c->training)
        return grid_const(m, grid_is_positive(m->c), rank, d);
    for (int i = 0; i < rank; i++)
        dims[i].value = d[i];
    assert_ok(nt_graph_add_input(&v, m->g, name, (nt_value_type){NT_F32, rank, dims}, e));
    return v;
}

static inline void grid_infer(grid_net *m)
{
    assert_ok(nt_graph_bind(m->g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(m->g, e));
}

/* The dims of a constant of that shape beside y, whose shape is known; its rank. */
static inline int grid_dims(int64_t *dims, grid_shape s, const nt_value *y)
{
    int r = y->rank, rank = r;
    bool keep[NT_MAX_RANK] = {false};

    for (int i = 0; i < r; i++)
        keep[i] = s == GRID_WHOLE || (s == GRID_SAMPLE && i > 0) ||
                  (s == GRID_ROW && i == r - 1) || (s == GRID_MAP && (r == 2 ? !i : i > 1)) ||
                  ((s == GRID_CHANNEL || s == GRID_CHANNEL_FULL) && i == 1);
    if (s == GRID_SCALAR || s == GRID_ONE || s == GRID_ROW)
        rank = s != GRID_SCALAR;
    else if (s == GRID_MORE)
        rank = r + 1;
    else if (s == GRID_CHANNEL || s == GRID_SAMPLE)
        rank = r - 1;
    for (int i = 0; i < rank; i++) {
        int from = i + r - rank;

        dims[i] = from >= 0 && keep[from] ? y->dims[from].value : 1;
    }
    return rank;
}

/* Constant codes of i8, dequantized. */
static inline nt_value *grid_codes(grid_net *m, const nt_tensor *w, float step)
{
    nt_tensor *t[2] = {NULL, NULL};
    nt_value *in[2];

    assert_ok(nt_tensor_new(&t[0], NT_I8, w->rank, w->dims, e));
    assert_ok(nt_tensor_new(&t[1], NT_F32, 0, NULL, e));
    for (int64_t i = 0; i < nt_tensor_count(w); i++)
        nt_tensor_set_i64(t[0], i, (int64_t)rint(nt_tensor_get(w, i) / step));
    nt_tensor_set(t[1], 0, step);
    assert_ok(nt_graph_add_const(&in[0], m->g, NULL, t[0], e));
    assert_ok(nt_graph_add_const(&in[1], m->g, NULL, t[1], e));
    return grid_node(m, "DequantizeLinear", in, 2)->out[0];
}

static inline nt_value *grid_op(grid_net *m, nt_value *y, grid_shape shape)
{
    int64_t dims[NT_MAX_RANK];
    nt_value *in[2];
    int rank;

    grid_infer(m);
    rank = grid_dims(dims, shape, y);
    in[m->c->left] = y;
    in[!m->c->left] = grid_const(m, true, rank, dims);
    if (m->c->coded_const)
        in[!m->c->left] = grid_codes(m, in[!m->c->left]->data, 1.0F / 80);
    return grid_node(m, m->c->op, in, 2)->out[0];
}

/* Codes in steps of that size, and back. */
static inline nt_value *grid_coded(grid_net *m, nt_value *x, float step)
{
    nt_tensor *t[2] = {NULL, NULL};
    nt_value *in[3] = {x, NULL, NULL};

    assert_ok(nt_tensor_new(&t[0], NT_F32, 0, NULL, e));
    assert_ok(nt_tensor_new(&t[1], m->c->coded, 0, NULL, e));
    nt_tensor_set(t[0], 0, step);
    nt_tensor_set_i64(t[1], 0, m->c->coded == NT_U8 ? 126 : -3);
    assert_ok(nt_graph_add_const(&in[1], m->g, NULL, t[0], e));
    assert_ok(nt_graph_add_const(&in[2], m->g, NULL, t[1], e));
    in[0] = grid_node(m, "QuantizeLinear", in, 3)->out[0];
    return grid_node(m, "DequantizeLinear", in, 3)->out[0];
}

static inline nt_value *grid_weight(grid_net *m, int i)
{
    const op_case *l = m->c->layer;
    op_case positive = *l;
    nt_tensor *t;
    nt_value *v = NULL;
    char name[16];

    if (l->in[i].kind == OC_NONE)
        return NULL;
    positive.in[i].positive |= grid_is_positive(m->c);
    t = op_random(&positive, i);
    if (m->c->coded && i == 1) {
        v = grid_codes(m, t, 1.0F / 100);
        nt_tensor_free(t);
        return v;
    }
    snprintf(name, sizeof name, "w%d", i);
    assert_ok(nt_graph_add_const(&v, m->g, name, t, e));
    return v;
}

static inline nt_value *grid_layer(grid_net *m, nt_value *x)
{
    const op_case *l = m->c->layer;
    nt_value *in[OC_MAX] = {x};
    nt_node *n;

    for (int i = 1; i < op_case_n_in(l); i++)
        in[i] = grid_weight(m, i);
    n = grid_node(m, l->op, in, op_case_n_in(l));
    for (int i = 0; i < OC_MAX && l->attr[i].name; i++)
        op_set_attr(m->g, n, &l->attr[i]);
    return n->out[0];
}

static inline nt_value *grid_residual(grid_net *m, nt_value *y)
{
    nt_value *in[2] = {y, NULL};
    int64_t dims[NT_MAX_RANK];

    grid_infer(m);
    assert_true(nt_value_shape(y, dims));
    in[1] = grid_input(m, "z", y->rank, dims);
    return grid_node(m, "Add", in, 2)->out[0];
}

/* A normalisation of y's axis 1, shifted off zero so that its output can be divided by. */
static inline nt_value *grid_norm(grid_net *m, nt_value *y)
{
    nt_value *in[5] = {y};

    grid_infer(m);
    for (int i = 1; i < 5; i++)
        in[i] = grid_const(m, true, 1, &y->dims[1].value);
    for (int64_t i = 0; i < y->dims[1].value; i++)
        nt_tensor_set(in[2]->data, i, 8 + nt_tensor_get(in[2]->data, i));
    return grid_node(m, "BatchNormalization", in, 5)->out[0];
}

static inline nt_value *grid_behind(grid_net *m, nt_value *y)
{
    grid_place p = m->c->place;

    if (p == GRID_BEHIND_CODES)
        y = grid_coded(m, y, 0.05F);
    if (p == GRID_BEHIND_RELU)
        y = grid_node(m, "Relu", &y, 1)->out[0];
    if (p == GRID_BEHIND_NORM)
        y = grid_norm(m, y);
    if (p == GRID_TWICE)
        y = grid_op(m, y, GRID_CHANNEL_FULL);
    if (p != GRID_BEFORE)
        y = grid_op(m, y, m->c->shape);
    if (p == GRID_AND_RELU)
        y = grid_node(m, "Relu", &y, 1)->out[0];
    if (p == GRID_AND_NORM)
        y = grid_norm(m, y);
    return p == GRID_AND_RESIDUAL ? grid_residual(m, y) : y;
}

/* Of the result's codes. */
static inline float grid_step(const grid_case *c)
{
    return grid_is_positive(c) ? 0.01F : 0.1F;
}

/* The case's graph, bound and inferred. */
static inline nt_graph *grid_graph(const grid_case *c)
{
    const op_arg *a = &c->layer->in[0];
    grid_net m = {.c = c};
    nt_value *y;

    nt_rng_init(&m.rng, 9);
    assert_ok(nt_graph_new(&m.g, e));
    m.g->opset = c->layer->opset ? c->layer->opset : 14;
    y = grid_input(&m, "x", a->rank, a->dims);
    if (c->place == GRID_BEFORE)
        y = grid_op(&m, y, c->shape);
    if (c->coded)
        y = grid_coded(&m, y, 0.02F);
    y = grid_behind(&m, grid_layer(&m, y));
    if (c->coded)
        y = grid_coded(&m, y, grid_step(c));
    assert_ok(nt_graph_add_output(m.g, y, e));
    grid_infer(&m);
    return m.g;
}

/* ---- the plain form */

static inline void grid_fill(nt_tensor *t, int i, bool positive)
{
    op_arg a = {.dtype = NT_F32, .positive = positive};
    nt_rng r;

    nt_rng_init(&r, 20 + (uint64_t)i);
    op_fill(t, &a, false, &r);
}

static inline void grid_eval_node(const nt_node *n, nt_tensor **all)
{
    const nt_tensor *in[OC_MAX] = {NULL};
    nt_tensor *out[1] = {NULL};
    int64_t dims[NT_MAX_RANK];

    for (int i = 0; i < n->n_in; i++)
        in[i] = n->in[i] ? n->in[i]->data ? n->in[i]->data : all[n->in[i]->id] : NULL;
    assert_true(nt_value_shape(n->out[0], dims));
    assert_ok(nt_tensor_new(&out[0], n->out[0]->dtype, n->out[0]->rank, dims, e));
    assert_ok(n->op->eval(n, in, out, e));
    all[n->out[0]->id] = out[0];
}

/* The output by every node's plain form. */
static inline nt_tensor *grid_eval(const grid_case *c, const nt_graph *g)
{
    nt_tensor **all = nt_calloc((size_t)g->n_values, sizeof *all), *y;

    assert_non_null(all);
    for (int i = 0; i < g->n_inputs; i++) {
        const nt_value *v = g->inputs[i];
        int64_t dims[NT_MAX_RANK];

        assert_true(nt_value_shape(v, dims));
        assert_ok(nt_tensor_new(&all[v->id], NT_F32, v->rank, dims, e));
        grid_fill(all[v->id], i, grid_is_positive(c));
    }
    for (int i = 0; i < g->n_nodes; i++)
        grid_eval_node(g->nodes[i], all);
    y = all[g->outputs[0]->id];
    all[g->outputs[0]->id] = NULL;
    for (int i = 0; i < g->n_values; i++)
        nt_tensor_free(all[i]);
    nt_free(all);
    return y;
}

/* ---- plans */

/* A plan that has run; its output is in it. */
static inline nt_plan *grid_run(const grid_case *c, const nt_graph *g, nt_device *dev,
                                const nt_plan_opts *o)
{
    nt_plan *p = NULL;

    assert_ok(nt_plan_new(&p, g, dev, o, e));
    for (int i = 0; i < g->n_inputs; i++)
        grid_fill(nt_plan_input(p, i), i, grid_is_positive(c));
    assert_ok(nt_plan_forward(p, e));
    return p;
}

/* |a - b| / |b| in the Euclidean norm: bf16 errs here and there, but not on the whole. */
static inline double grid_distance(const float *a, const float *b, size_t n)
{
    double diff = 0, size = 0;

    for (size_t i = 0; i < n; i++) {
        diff += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += (double)b[i] * b[i];
    }
    return sqrt(diff / (size + 1e-12));
}

/* The greatest |got - want|. */
static inline double grid_worst(const float *got, const float *want, size_t n)
{
    double worst = 0;

    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - want[i]) <= worst))
            worst = fabs((double)got[i] - want[i]);
    return worst;
}

/* The greatest |got - want|, as a part of 1 + |want|. */
static inline double grid_apart(const nt_tensor *got, const nt_tensor *want)
{
    double worst = 0;

    assert_true(nt_tensor_same_shape(got, want));
    for (int64_t i = 0; i < nt_tensor_count(want); i++) {
        double w = nt_tensor_get(want, i), d = fabs(nt_tensor_get(got, i) - w) / (1 + fabs(w));

        if (!(d <= worst))
            worst = d;
    }
    return worst;
}

/* ---- all of them */

static inline bool grid_makes_sense(const grid_case *c)
{
    return c->shape != GRID_MORE || c->place != GRID_BEFORE; /* the layer would not take it */
}

/* check(case) of every operator, side and shape of that layer in the first n places; how many.
 */
static inline int grid_each(const op_case *layer, int n_places, grid_case like,
                            void (*check)(const grid_case *c))
{
    int n = 0;

    like.layer = layer;
    for (int i = 0; i < GRID_OPS * 2 * GRID_SHAPES * n_places; i++) {
        like.op = grid_ops[i % GRID_OPS];
        like.left = i / GRID_OPS % 2;
        like.shape = (grid_shape)(i / GRID_OPS / 2 % GRID_SHAPES);
        like.place = (grid_place)(i / GRID_OPS / 2 / GRID_SHAPES);
        if (!grid_makes_sense(&like))
            continue;
        check(&like);
        n++;
    }
    return n;
}

#endif
