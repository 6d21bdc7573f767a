/* SPDX-License-Identifier: MIT */
/*
 * op_harness.h - one operator, seen from all sides.
 *
 *     check_op(&(op_case){.op = "Conv", .opset = 13,
 *                         .in = {IN(2, 3, 5, 5), CONST(4, 3, 3, 3), CONST(4)},
 *                         .attr = {INTS("pads", 1, 1, 1, 1), INT("group", 1)}});
 *
 * makes a graph of this node with seeded random numbers and checks, on both backends, that
 *  - inference knows all shapes, and the plain form (eval) fills outputs of these shapes;
 *  - a plan for inference gives what eval gives;
 *  - a plan for training gives what eval gives, and its gradients with respect to every float
 *    input, constant or not, are the central differences of its own forward pass.
 */
#ifndef NT_TESTS_UNIT_OP_HARNESS_H
#define NT_TESTS_UNIT_OP_HARNESS_H

#include "base/alloc.h"
#include "base/rng.h"
#include "couple/couple.h"
#include "couple/kept.h"
#include "exec/plan.h"
#include "graph/graph.h"
#include "graph/pass.h"
#include "op/registry.h"

#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OC_MAX 8

typedef enum op_arg_kind { OC_END, OC_IN, OC_CONST, OC_NONE } op_arg_kind;

typedef struct op_arg {
    op_arg_kind kind; /* computed, constant, left out */
    nt_dtype dtype;
    int rank;
    int64_t dims[NT_MAX_RANK];
    bool positive;       /* random numbers in [0.5, 1.5) rather than a spread around zero */
    bool fixed;          /* takes no part in gradients */
    const float *floats; /* given numbers instead of random ones */
    int64_t ints[16];    /* of integers: in two's complement */
} op_arg;

#define OC_DIMS(...)                                                                           \
    .rank = (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), .dims = {__VA_ARGS__}
#define IN(...)                                                                                \
    {                                                                                          \
        .kind = OC_IN, .dtype = NT_F32, OC_DIMS(__VA_ARGS__)                                   \
    }
#define CONST(...)                                                                             \
    {                                                                                          \
        .kind = OC_CONST, .dtype = NT_F32, OC_DIMS(__VA_ARGS__)                                \
    }
#define POSITIVE_IN(...)                                                                       \
    {                                                                                          \
        .kind = OC_IN, .dtype = NT_F32, .positive = true, OC_DIMS(__VA_ARGS__)                 \
    }
#define POSITIVE_CONST(...)                                                                    \
    {                                                                                          \
        .kind = OC_CONST, .dtype = NT_F32, .positive = true, OC_DIMS(__VA_ARGS__)              \
    }
#define SCALAR(p)                                                                              \
    {                                                                                          \
        .kind = OC_CONST, .dtype = NT_F32, .rank = 0, .floats = (const float[]){p},            \
        .fixed = true                                                                          \
    }
/* Given numbers, computed. */
#define GIVEN(p, ...)                                                                          \
    {                                                                                          \
        .kind = OC_IN, .dtype = NT_F32, .floats = (p), OC_DIMS(__VA_ARGS__)                    \
    }
/* A constant list of integers. */
#define I64(...)                                                                               \
    {                                                                                          \
        .kind = OC_CONST, .dtype = NT_I64, .rank = 1,                                          \
        .dims = {(int64_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))}, .ints = {     \
            __VA_ARGS__                                                                        \
        }                                                                                      \
    }
#define NONE                                                                                   \
    {                                                                                          \
        .kind = OC_NONE                                                                        \
    }

typedef struct op_attr {
    const char *name;
    nt_attr_kind kind;
    int64_t i;
    float f;
    const char *s;
    int64_t ints[8];
    size_t n;
} op_attr;

#define INT(nm, v)                                                                             \
    {                                                                                          \
        .name = nm, .kind = NT_ATTR_INT, .i = v                                                \
    }
#define FLOAT(nm, v)                                                                           \
    {                                                                                          \
        .name = nm, .kind = NT_ATTR_FLOAT, .f = v                                              \
    }
#define STR(nm, v)                                                                             \
    {                                                                                          \
        .name = nm, .kind = NT_ATTR_STRING, .s = v                                             \
    }
#define INTS(nm, ...)                                                                          \
    {                                                                                          \
        .name = nm, .kind = NT_ATTR_INTS, .ints = {__VA_ARGS__},                               \
        .n = sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)                                \
    }

typedef struct op_case {
    const char *op;
    int opset; /* 0: 13 */
    op_arg in[OC_MAX];
    op_attr attr[OC_MAX];
    int n_out;             /* 0: 1 */
    bool spaced;           /* random numbers keep 0.05 apart and off zero: for kinks and ties */
    bool training_differs; /* the plain form is not what training computes (BN, Dropout) */
    bool no_grad;          /* cannot be trained: forward only */
    bool inference_only;   /* no training plan at all */
    double tol;            /* 0: 1e-4, relative to 1 + |want| */
} op_case;

/* ---- building the graph */

static inline int op_case_n_in(const op_case *c)
{
    int n = 0;

    while (n < OC_MAX && c->in[n].kind != OC_END)
        n++;
    return n;
}

static inline void op_fill(nt_tensor *t, const op_arg *a, bool spaced, nt_rng *r)
{
    int64_t n = nt_tensor_count(t);
    uint32_t *order = nt_alloc((size_t)n + 1, sizeof *order);

    assert_non_null(order);
    for (int64_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    nt_rng_shuffle(r, order, (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        double v = nt_rng_double(r) * 2 - 1;

        if (!nt_dtype_is_real(a->dtype))
            nt_tensor_set_bits(t, i, (uint64_t)a->ints[i < 16 ? i : 15]);
        else if (a->floats)
            nt_tensor_set(t, i, a->floats[i]);
        else if (spaced)
            nt_tensor_set(t, i, 0.05 * ((double)order[i] - (double)(n / 2)) + 0.02);
        else
            nt_tensor_set(t, i, a->positive ? 1 + 0.5 * v : v);
    }
    nt_free(order);
}

static inline nt_tensor *op_random(const op_case *c, int i)
{
    nt_tensor *t = NULL;
    nt_rng root, r;

    nt_rng_init(&root, 7);
    r = nt_rng_fork_index(&root, (uint64_t)i);
    assert_ok(nt_tensor_new(&t, c->in[i].dtype, c->in[i].rank, c->in[i].dims, e));
    op_fill(t, &c->in[i], c->spaced, &r);
    return t;
}

static inline void op_set_attr(nt_graph *g, nt_node *n, const op_attr *a)
{
    if (a->kind == NT_ATTR_INT)
        assert_ok(nt_node_set_int(g, n, a->name, a->i, e));
    else if (a->kind == NT_ATTR_FLOAT)
        assert_ok(nt_node_set_float(g, n, a->name, a->f, e));
    else if (a->kind == NT_ATTR_STRING)
        assert_ok(nt_node_set_str(g, n, a->name, a->s, e));
    else
        assert_ok(nt_node_set_ints(g, n, a->name, a->ints, a->n, e));
}

/* The graph, not yet bound. all_const: computed inputs are constants, too. */
static inline nt_graph *op_graph(const op_case *c, bool all_const)
{
    nt_value *in[OC_MAX] = {NULL}, *out[OC_MAX] = {NULL};
    nt_graph *g = NULL;
    nt_node *n = NULL;
    char name[16];

    assert_ok(nt_graph_new(&g, e));
    g->opset = c->opset ? c->opset : 13;
    for (int i = 0; i < op_case_n_in(c); i++) {
        const op_arg *a = &c->in[i];
        nt_dim dims[NT_MAX_RANK] = {{0, NULL}};

        snprintf(name, sizeof name, "in%d", i);
        for (int k = 0; k < a->rank; k++)
            dims[k].value = a->dims[k];
        if (a->kind == OC_CONST || (a->kind == OC_IN && all_const))
            assert_ok(nt_graph_add_const(&in[i], g, name, op_random(c, i), e));
        else if (a->kind == OC_IN)
            assert_ok(nt_graph_add_input(&in[i], g, name,
                                         (nt_value_type){a->dtype, a->rank, dims}, e));
    }
    for (int i = 0; i < (c->n_out ? c->n_out : 1); i++) {
        snprintf(name, sizeof name, "out%d", i);
        assert_ok(nt_graph_add_value(&out[i], g, name, e));
    }
    assert_ok(nt_graph_add_node(
        &n, g,
        &(nt_node_spec){c->op, "node", in, op_case_n_in(c), out, c->n_out ? c->n_out : 1}, e));
    for (int i = 0; i < OC_MAX && c->attr[i].name; i++)
        op_set_attr(g, n, &c->attr[i]);
    for (int i = 0; i < n->n_out; i++)
        assert_ok(nt_graph_add_output(g, out[i], e));
    return g;
}

static inline nt_graph *op_bound_graph(const op_case *c, bool all_const)
{
    nt_graph *g = op_graph(c, all_const);

    assert_ok(nt_graph_bind(g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(g, e));
    return g;
}

/* What the node says when the graph is bound and inferred; "" when it takes it. */
static inline const char *op_refusal(const op_case *c)
{
    static nt_err e;
    nt_graph *g = op_graph(c, false);

    memset(&e, 0, sizeof e);
    if (nt_graph_bind(g, nt_ops_table(), &e) == NT_OK && nt_pass_infer(g, &e) == NT_OK)
        e.msg[0] = 0;
    nt_graph_free(g);
    return e.msg;
}

#define assert_refused(c, text)                                                                \
    do {                                                                                       \
        const char *msg_ = op_refusal(c);                                                      \
        if (!strstr(msg_, text))                                                               \
            fail_msg("want a refusal with \"%s\", got \"%s\"", text, msg_);                    \
    } while (0)

/* ---- the plain form */

static inline void op_eval(const op_case *c, nt_tensor **out)
{
    nt_graph *g = op_bound_graph(c, true);
    const nt_tensor *in[OC_MAX] = {NULL};
    nt_node *n = g->nodes[0];
    int64_t dims[NT_MAX_RANK];

    for (int i = 0; i < n->n_in; i++)
        in[i] = n->in[i] ? n->in[i]->data : NULL;
    for (int i = 0; i < n->n_out; i++) {
        assert_true(nt_value_shape(n->out[i], dims));
        assert_ok(nt_tensor_new(&out[i], n->out[i]->dtype, n->out[i]->rank, dims, e));
    }
    assert_ok(n->op->eval(n, in, out, e));
    nt_graph_free(g);
}

static inline void op_compare(const op_case *c, const char *what, const nt_tensor *want,
                              const nt_tensor *got, double tol)
{
    if (!nt_tensor_same_shape(want, got) || want->dtype != got->dtype)
        fail_msg("%s: %s has another type or shape", c->op, what);
    for (int64_t i = 0; i < nt_tensor_count(want); i++) {
        double w = nt_tensor_get(want, i), v = nt_tensor_get(got, i);

        if (!(fabs(v - w) <= tol * (1 + fabs(w))) && !(isnan(v) && isnan(w)) && v != w)
            fail_msg("%s: %s: element %lld is %.7g, want %.7g", c->op, what, (long long)i, v,
                     w);
    }
}

/* ---- plans */

/* Every float constant that takes part, as if it were a parameter. */
static inline nt_params *op_params(const op_case *c, const nt_graph *g)
{
    nt_params *p = nt_calloc(1, sizeof *p);

    assert_non_null(p);
    p->v = nt_calloc(OC_MAX, sizeof *p->v);
    p->w = nt_calloc(65536, sizeof *p->w);
    p->g = nt_calloc(65536, sizeof *p->g);
    p->state = nt_calloc(65536, sizeof *p->state);
    assert_true(p->v && p->w && p->g && p->state);
    for (int i = 0; i < g->nodes[0]->n_in; i++) {
        const nt_value *v = g->nodes[0]->in[i];
        nt_param *q = &p->v[p->n];
        size_t *at;

        if (!v || !v->data || v->data->dtype != NT_F32 || c->in[i].fixed)
            continue;
        q->is_state = g->nodes[0]->op->state >> i & 1;
        at = q->is_state ? &p->n_state : &p->n_w;
        q->name = v->name;
        q->offset = *at;
        q->count = (size_t)nt_tensor_count(v->data);
        *at += q->count;
        assert_true(*at <= 65536);
        p->n++;
        memcpy(nt_param_data(p, q), v->data->data, q->count * sizeof(float));
    }
    return p;
}

static inline void op_set_inputs(const op_case *c, nt_plan *p)
{
    for (int i = 0, k = 0; i < op_case_n_in(c); i++) {
        nt_tensor *t;

        if (c->in[i].kind != OC_IN)
            continue;
        t = op_random(c, i);
        memcpy(nt_plan_input(p, k++)->data, t->data, nt_tensor_bytes(t));
        nt_tensor_free(t);
    }
}

static inline void op_check_inference(const op_case *c, nt_device *dev, nt_tensor *const *want)
{
    nt_graph *g = op_bound_graph(c, false);
    nt_plan_opts o = {.compute = NT_F32};
    nt_plan *p = NULL;

    assert_ok(nt_plan_new(&p, g, dev, &o, e));
    op_set_inputs(c, p);
    for (int run = 0; run < 2; run++) { /* the second must not see the first */
        assert_ok(nt_plan_forward(p, e));
        for (int i = 0; i < g->n_outputs; i++)
            op_compare(c, run ? "second run" : "inference", want[i], nt_plan_output(p, i),
                       c->tol > 0 ? c->tol : 1e-4);
    }
    nt_plan_free(p);
    nt_graph_free(g);
}

/* sum over outputs of weight times output, as what is differentiated */
static inline double op_loss(nt_plan *p, int n_out)
{
    double sum = 0;

    assert_ok(nt_plan_forward(p, e));
    for (int k = 0; k < n_out; k++) {
        const nt_tensor *y = nt_plan_output(p, k), *w = nt_plan_output_grad(p, k);

        for (int64_t i = 0; w && i < nt_tensor_count(y); i++)
            sum += nt_tensor_get(y, i) * nt_tensor_get(w, i);
    }
    return sum;
}

static inline void op_check_gradient(const op_case *c, nt_plan *p, nt_params *params, int n_out)
{
    const double h = 4e-3;

    for (int k = 0; k < params->n; k++) {
        const nt_param *q = &params->v[k];

        for (size_t i = 0; !q->is_state && i < q->count; i++) {
            float *w = params->w + q->offset + i, keep = *w, up, down;
            double plus, minus, got = params->g[q->offset + i], want;

            *w = up = (float)(keep + h);
            plus = op_loss(p, n_out);
            *w = down = (float)(keep - h);
            minus = op_loss(p, n_out);
            *w = keep;
            want = (plus - minus) / ((double)up - (double)down);
            if (!(fabs(got - want) <= 4e-3 * (1 + fabs(want))))
                fail_msg("%s: gradient of '%s'[%zu] is %.6g, want %.6g", c->op, q->name, i, got,
                         want);
        }
    }
}

static inline void op_check_training(const op_case *c, nt_device *dev, nt_tensor *const *want)
{
    nt_graph *g = op_bound_graph(c, true);
    nt_params *params = op_params(c, g);
    nt_plan_opts o = {.training = true, .compute = NT_F32, .params = params};
    nt_plan *p = NULL;
    nt_rng r;

    nt_rng_init(&r, 11);
    assert_ok(nt_plan_new(&p, g, dev, &o, e));
    assert_ok(nt_plan_forward(p, e));
    for (int i = 0; i < g->n_outputs; i++) {
        nt_tensor *dy = nt_plan_output_grad(p, i);

        if (!c->training_differs)
            op_compare(c, "training", want[i], nt_plan_output(p, i),
                       c->tol > 0 ? c->tol : 1e-4);
        for (int64_t k = 0; dy && k < nt_tensor_count(dy); k++)
            nt_tensor_set(dy, k, nt_rng_double(&r) * 2 - 1);
    }
    if (!c->no_grad) {
        memset(params->g, 0x7f, params->n_w * sizeof *params->g); /* must be overwritten */
        assert_ok(nt_plan_backward(p, e));
        op_check_gradient(c, p, params, g->n_outputs);
    }
    nt_plan_free(p);
    nt_params_free(params);
    nt_graph_free(g);
}

static inline nt_device *op_device(const char *backend)
{
    nt_device *dev = NULL;

    setenv("NT_BACKEND", backend, 1);
    assert_ok(nt_device_new(&dev, 1, e));
    return dev;
}

static inline void check_op(const op_case *c)
{
    static const char *const backends[] = {"onednn", "openblas"};
    nt_tensor *want[OC_MAX] = {NULL};

    op_eval(c, want);
    for (size_t b = 0; b < 2; b++) {
        nt_device *dev = op_device(backends[b]);

        op_check_inference(c, dev, want);
        if (!c->inference_only)
            op_check_training(c, dev, want);
        nt_device_free(dev);
    }
    for (int i = 0; i < OC_MAX; i++)
        nt_tensor_free(want[i]);
}

/* Checks the plain form against numbers worked by hand. */
static inline void check_eval(const op_case *c, const float *want, int64_t n)
{
    nt_tensor *out[OC_MAX] = {NULL};

    op_eval(c, out);
    assert_int_equal(nt_tensor_count(out[0]), n);
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(nt_tensor_get(out[0], i) - want[i]) <= 1e-5 * (1 + fabs(want[i]))))
            fail_msg("%s: element %lld is %.7g, want %.7g", c->op, (long long)i,
                     nt_tensor_get(out[0], i), want[i]);
    for (int i = 0; i < OC_MAX; i++)
        nt_tensor_free(out[i]);
}

#define assert_eval(c, ...)                                                                    \
    check_eval(c, (const float[]){__VA_ARGS__},                                                \
               (int64_t)(sizeof((const float[]){__VA_ARGS__}) / sizeof(float)))

/* The output's shape as text, from inputs with these dims: "[N,4,H,3]". A dim below 0 gets the
 * symbol 'A' + its axis; ask for the first output. */
static inline const char *op_shape(const op_case *c)
{
    static char text[128];
    nt_graph *g = op_graph(c, false);

    for (int i = 0; i < g->n_inputs; i++)
        for (int k = 0; k < g->inputs[i]->rank; k++) {
            static const char *const sym[] = {"A", "B", "C", "D", "E", "F", "G", "H"};

            if (g->inputs[i]->dims[k].value < 0)
                g->inputs[i]->dims[k] = (nt_dim){-1, sym[k]};
        }
    assert_ok(nt_graph_bind(g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(g, e));
    nt_value_shape_text(text, sizeof text, g->nodes[0]->out[0]);
    nt_graph_free(g);
    return text;
}

/* ---- coupling */

typedef struct op_coupled {
    nt_graph *g;
    nt_coupling *c;
} op_coupled;

static inline op_coupled op_couple(const op_case *c)
{
    op_coupled o = {.g = op_bound_graph(c, false)};

    assert_ok(nt_coupling_new(&o.c, o.g, e));
    return o;
}

static inline void op_coupled_release(op_coupled *o)
{
    nt_coupling_free(o->c);
    nt_graph_free(o->g);
}

/* The class of one index along one axis of "in0", "out0"...; fails when there is none. */
static inline int op_class(const op_coupled *o, const char *value, int axis, int64_t i)
{
    const nt_value *v = nt_graph_find_value(o->g, value);
    int cls;

    assert_non_null(v);
    cls = nt_coupling_class(o->c, (nt_span){v, axis, 1}, i);
    if (cls < 0)
        fail_msg("'%s' axis %d is not coupled", value, axis);
    return cls;
}

/* Index i along one axis goes with index j along the other, and with no neighbour of it. */
static inline void assert_tied(const op_coupled *o, const char *a, int axis_a, int64_t i,
                               const char *b, int axis_b, int64_t j)
{
    int cls = op_class(o, a, axis_a, i);

    if (cls != op_class(o, b, axis_b, j))
        fail_msg("'%s'[%lld] is not tied to '%s'[%lld]", a, (long long)i, b, (long long)j);
    if (j > 0 && cls == op_class(o, b, axis_b, j - 1))
        fail_msg("'%s'[%lld] is tied to '%s'[%lld], too", a, (long long)i, b,
                 (long long)(j - 1));
}

static inline const char *op_frozen(const op_coupled *o, const char *value, int axis)
{
    const char *why = nt_coupling_frozen(o->c, op_class(o, value, axis, 0));

    return why ? why : "";
}

#endif
