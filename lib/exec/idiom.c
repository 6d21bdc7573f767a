/* SPDX-License-Identifier: MIT */
/*
 * All of them are a product c x g(x). So a product is taken apart into its constant and its
 * factors, over however many Mul and Div nodes; where two factors are left, one has to be x and
 * the other a function of x that we know.
 */
#include "exec/idiom.h"

#include "exec/fuse.h"
#include "facet/infer.h"
#include "op/registry.h"

#include <math.h>
#include <string.h>

enum { MAX_FACTORS = 3, MAX_DEPTH = 8 };

/* constant * factor[0] * factor[1] ... */
typedef struct product {
    double constant;
    const nt_value *factor[MAX_FACTORS];
    int n;
} product;

/* What is to be written instead. */
typedef struct idiom {
    const char *op, *attr; /* attr: NULL, "alpha" or "approximate" */
    float alpha;
} idiom;

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-5 * fabs(b);
}

static bool scalar(double *out, const nt_value *v)
{
    if (!v || !v->data || !nt_dtype_is_real(v->dtype) || nt_tensor_count(v->data) != 1)
        return false;
    *out = nt_tensor_get(v->data, 0);
    return true;
}

/* The node that makes v, if both may go. */
static const nt_node *maker(const nt_value *v, const char *const *keep)
{
    return nt_fuse_may_vanish(v, keep) ? v->producer : NULL;
}

static bool multiply(product *p, const nt_value *v, const char *const *keep, int depth);

/* p times what n makes. */
static bool multiply_node(product *p, const nt_node *n, const char *const *keep, int depth)
{
    double c;

    if (depth == MAX_DEPTH)
        return false;
    if (nt_node_is(n, "Mul"))
        return multiply(p, n->in[0], keep, depth + 1) && multiply(p, n->in[1], keep, depth + 1);
    if (!nt_node_is(n, "Div") || !scalar(&c, n->in[1]))
        return false;
    p->constant /= c;
    return multiply(p, n->in[0], keep, depth + 1);
}

/* p times v. */
static bool multiply(product *p, const nt_value *v, const char *const *keep, int depth)
{
    const nt_node *n = maker(v, keep);
    double c;

    if (scalar(&c, v)) {
        p->constant *= c;
        return true;
    }
    if (nt_node_is(n, "Mul") || (nt_node_is(n, "Div") && scalar(&c, n->in[1])))
        return multiply_node(p, n, keep, depth);
    if (p->n == MAX_FACTORS)
        return false;
    p->factor[p->n++] = v;
    return true;
}

/* v = c x; 0 where it is not. */
static double multiple(const nt_value *v, const nt_value *x, const char *const *keep)
{
    product p = {.constant = 1};

    return multiply(&p, v, keep, 0) && p.n == 1 && p.factor[0] == x ? p.constant : 0;
}

/* v = *rest + *c, *rest being all of v and *c 0 where v is no such sum. */
static void split_sum(const nt_value *v, const char *const *keep, const nt_value **rest,
                      double *c)
{
    const nt_node *n = maker(v, keep);

    *rest = v;
    *c = 0;
    for (int i = 0; nt_node_is(n, "Add") && i < 2; i++)
        if (scalar(c, n->in[i]))
            *rest = n->in[1 - i];
}

/* ---- the functions of x */

/* g = sigmoid(a x) */
static bool is_sigmoid(idiom *out, const nt_value *g, const nt_value *x,
                       const char *const *keep)
{
    const nt_node *n = maker(g, keep);

    if (!nt_node_is(n, "Sigmoid"))
        return false;
    *out = (idiom){"Swish", "alpha", (float)multiple(n->in[0], x, keep)};
    return out->alpha != 0;
}

/* g = tanh(softplus(x)) */
static bool is_mish_gate(const nt_value *g, const nt_value *x, const char *const *keep)
{
    const nt_node *n = maker(g, keep);
    const nt_node *inner = nt_node_is(n, "Tanh") ? maker(n->in[0], keep) : NULL;

    return nt_node_is(inner, "Softplus") && inner->in[0] == x;
}

/* c g = min(max(x / 6 + 1/2, 0), 1) */
static bool is_hard_gate(double c, const nt_value *g, const nt_value *x,
                         const char *const *keep)
{
    const nt_node *n = maker(g, keep);
    double a = 1, b = 0, shift;
    const nt_value *rest;
    nt_post post;

    if ((!nt_node_is(n, "Clip") && !nt_node_is(n, "HardSigmoid")) || !n->op->as_post(n, &post))
        return false;
    if (post.kind == NT_POST_HARDSIGMOID) {
        a = post.alpha;
        b = post.beta;
        post.alpha = 0;
        post.beta = 1;
    }
    split_sum(n->in[0], keep, &rest, &shift);
    b += a * shift;
    a *= multiple(rest, x, keep);
    return near(c * a, 1.0 / 6) && near(c * b, 0.5) && post.alpha == 0 &&
           near(c * post.beta, 1);
}

/* v = k x^3 with k = 0.044715 */
static bool is_cubic(const nt_value *v, const nt_value *x, const char *const *keep)
{
    product p = {.constant = 1};
    const nt_node *n;
    double power;

    if (!multiply(&p, v, keep, 0) || !near(p.constant, 0.044715))
        return false;
    if (p.n == 3)
        return p.factor[0] == x && p.factor[1] == x && p.factor[2] == x;
    n = p.n == 1 ? maker(p.factor[0], keep) : NULL;
    return nt_node_is(n, "Pow") && n->in[0] == x && scalar(&power, n->in[1]) && power == 3;
}

/* v = sqrt(2 / pi) (x + 0.044715 x^3) */
static bool is_near_erf(const nt_value *v, const nt_value *x, const char *const *keep)
{
    product p = {.constant = 1};
    const nt_node *n;

    if (!multiply(&p, v, keep, 0) || p.n != 1 || !near(p.constant, sqrt(2 / acos(-1))))
        return false;
    n = maker(p.factor[0], keep);
    for (int i = 0; nt_node_is(n, "Add") && i < 2; i++)
        if (n->in[i] == x && is_cubic(n->in[1 - i], x, keep))
            return true;
    return false;
}

/* g = 1 + erf(x / sqrt(2)), or nearly */
static bool is_gelu_gate(idiom *out, const nt_value *g, const nt_value *x,
                         const char *const *keep)
{
    const nt_value *rest;
    const nt_node *n;
    double one;

    split_sum(g, keep, &rest, &one);
    n = maker(rest, keep);
    *out = (idiom){.op = "Gelu", .attr = nt_node_is(n, "Tanh") ? "approximate" : NULL};
    if (!n || one != 1)
        return false;
    if (nt_node_is(n, "Tanh"))
        return is_near_erf(n->in[0], x, keep);
    return nt_node_is(n, "Erf") && near(multiple(n->in[0], x, keep), sqrt(0.5));
}

/* Is c x g(x) an idiom? */
static bool find_gated(idiom *out, double c, const nt_value *x, const nt_value *g,
                       const char *const *keep)
{
    if (c == 1 && is_sigmoid(out, g, x, keep))
        return true;
    if (c == 0.5 && is_gelu_gate(out, g, x, keep))
        return true;
    *out = (idiom){.op = is_hard_gate(c, g, x, keep) ? "HardSwish" : "Mish"};
    return *out->op == 'H' || (c == 1 && is_mish_gate(g, x, keep));
}

static bool same_shape(const nt_value *a, const nt_value *b)
{
    if (a->rank < 0 || a->rank != b->rank || a->dtype != b->dtype)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (!nt_dim_same(a->dims[i], b->dims[i]))
            return false;
    return true;
}

static const nt_value *find(idiom *out, const nt_node *n, const char *const *keep)
{
    product p = {.constant = 1};

    if (!multiply_node(&p, n, keep, 0) || p.n != 2)
        return NULL;
    for (int i = 0; i < 2; i++)
        if (same_shape(p.factor[i], n->out[0]) &&
            find_gated(out, p.constant, p.factor[i], p.factor[1 - i], keep))
            return p.factor[i];
    return NULL;
}

/* n becomes the operator, of x alone. */
static nt_status rewrite(nt_graph *g, nt_node *n, const idiom *to, nt_value *x, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_graph_set_input(g, n, 1, NULL, e));
    NT_TRY(nt_graph_set_input(g, n, 0, x, e));
    n->n_in = 1;
    n->op_type = to->op;
    n->op = nt_op_find("", to->op, NT_OPSET_MAX);
    if (to->attr && !strcmp(to->attr, "alpha"))
        NT_TRY(nt_node_set_float(g, n, to->attr, to->alpha, e));
    else if (to->attr)
        NT_TRY(nt_node_set_str(g, n, to->attr, "tanh", e));
done:
    return s;
}

nt_status nt_idioms(nt_graph *g, const char *const *keep, nt_err *e)
{
    nt_status s = NT_OK;
    idiom to;

    for (int i = 0; i < g->n_nodes; i++) {
        nt_node *n = g->nodes[i];
        const nt_value *x = find(&to, n, keep);

        if (x)
            NT_TRY(rewrite(g, n, &to, g->values[x->id], e));
    }
done:
    return s;
}
