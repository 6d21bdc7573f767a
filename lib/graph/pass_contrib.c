/* SPDX-License-Identifier: MIT */
/*
 * What ONNX Runtime makes of a network when it optimises one, as it writes it into files:
 * ONNX's operators joined to its own, of the domain com.microsoft. Taken apart again they are
 * ONNX's, which pruning, quantization and export know and any reader of ONNX opens; what a plan
 * joins it joins itself.
 */
#include "graph/contrib.h"
#include "graph/pass.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DOMAIN "com.microsoft"

/* ---- convolutions and products, with what follows */

/* The activation of a joined node, of these parameters (NAN: its default). */
static nt_value *activate(nt_rewrite *w, const char *op, nt_value *x, const float *p)
{
    bool clip = !strcmp(op, "Clip"), two = clip || !strcmp(op, "HardSigmoid");
    const char *first = clip ? "min" : "alpha", *second = clip ? "max" : "beta";
    nt_value *y;

    if (clip && w->g->opset >= 11)
        return NT_REWRITE(w, op, "", x, isnan(p[0]) ? NULL : nt_rewrite_number(w, p[0]),
                          isnan(p[1]) ? NULL : nt_rewrite_number(w, p[1]));
    y = NT_REWRITE(w, op, "", x);
    if (!isnan(p[0]))
        nt_rewrite_set_float(w, first, p[0]);
    if (two && !isnan(p[1]))
        nt_rewrite_set_float(w, second, p[1]);
    return y;
}

static bool is_activation(const char *op)
{
    static const char *const ops[] = {"Relu",        "Tanh", "Sigmoid",  "LeakyRelu", "Clip",
                                      "HardSigmoid", "Elu",  "Softplus", "Softsign"};

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(op, ops[i]) == 0)
            return true;
    return false;
}

/* x as the node's attribute `activation` has it; as it is where it has none. */
static nt_value *activated(nt_rewrite *w, nt_value *x, const float *p)
{
    const char *op = nt_node_str(w->n, "activation", "");

    if (!*op)
        return x;
    if (is_activation(op))
        return activate(w, op, x, p);
    nt_rewrite_refuse(w, "its activation is not supported");
    return x;
}

/* The node's attributes but for those of its activation. */
static void take_attrs(nt_rewrite *w)
{
    static const char *const own[] = {"activation", "activation_params", "activation_alpha",
                                      "activation_beta", "activation_gamma"};

    if (w->s == NT_OK)
        w->s = nt_node_copy_attrs(w->g, w->made, w->n, w->e);
    for (size_t i = 0; i < sizeof own / sizeof *own && w->s == NT_OK; i++)
        nt_node_remove_attr(w->made, own[i]);
}

/* X, W, B, and Z of the output's shape, which is added before the activation. */
nt_status nt_contrib_conv(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_rewrite w = nt_rewrite_begin(g, n, e);
    const nt_attr *a = nt_node_attr(n, "activation_params");
    nt_value *z = nt_rewrite_in(&w, 3), *y;
    float p[2] = {NAN, NAN};

    for (size_t i = 0; a && i < a->n && i < 2; i++)
        p[i] = a->floats[i];
    y = NT_REWRITE(&w, "Conv", n->name, nt_rewrite_in(&w, 0), nt_rewrite_in(&w, 1),
                   nt_rewrite_in(&w, 2));
    take_attrs(&w);
    y = z ? NT_REWRITE(&w, "Add", "", y, z) : y;
    nt_rewrite_out(&w, 0, activated(&w, y, p));
    return nt_rewrite_end(&w);
}

nt_status nt_contrib_gemm(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_rewrite w = nt_rewrite_begin(g, n, e);
    float p[2] = {nt_node_float(n, "activation_alpha", NAN),
                  nt_node_float(n, "activation_beta", NAN)};
    nt_value *y = NT_REWRITE(&w, "Gemm", n->name, nt_rewrite_in(&w, 0), nt_rewrite_in(&w, 1),
                             nt_rewrite_in(&w, 2));

    take_attrs(&w);
    nt_rewrite_out(&w, 0, activated(&w, y, p));
    return nt_rewrite_end(&w);
}

/* v with its last two axes swapped (swap), and before that its first brought behind those of
 * the batch (batch). Its rank must be known. */
static nt_value *transposed(nt_rewrite *w, nt_value *v, bool swap, bool batch)
{
    int64_t perm[NT_MAX_RANK], k;
    int r = v->rank;

    if ((!swap && !batch) || r < 2)
        return v;
    for (int i = 0; i < r; i++)
        perm[i] = batch && i < r - 1 ? (i < r - 2 ? i + 1 : 0) : i;
    if (swap) {
        k = perm[r - 1];
        perm[r - 1] = perm[r - 2];
        perm[r - 2] = k;
    }
    v = NT_REWRITE(w, "Transpose", "", v);
    nt_rewrite_set_ints(w, "perm", perm, (size_t)r);
    return v;
}

nt_status nt_contrib_matmul(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_rewrite w = nt_rewrite_begin(g, n, e);
    bool ta = nt_node_int(n, "transA", 0), tb = nt_node_int(n, "transB", 0);
    bool ba = nt_node_int(n, "transBatchA", 0), bb = nt_node_int(n, "transBatchB", 0);
    nt_value *a = nt_rewrite_in(&w, 0), *b = nt_rewrite_in(&w, 1), *y = NULL;
    float alpha = nt_node_float(n, "alpha", 1);
    char text[64];

    if (!a || !b) {
        nt_rewrite_refuse(&w, "an operand is missing");
    } else if (((ta || ba) && a->rank < 0) || ((tb || bb) && b->rank < 0)) {
        if (ba || bb || g->opset < 12)
            nt_rewrite_refuse(&w, "transposes an operand whose shape is not in the file");
        snprintf(text, sizeof text, "...%s,...%s->...ij", ta ? "ki" : "ik", tb ? "jk" : "kj");
        y = NT_REWRITE(&w, "Einsum", n->name, a, b);
        nt_rewrite_set_str(&w, "equation", text);
    } else {
        a = transposed(&w, a, ta, ba);
        b = transposed(&w, b, tb, bb);
        y = NT_REWRITE(&w, "MatMul", n->name, a, b);
    }
    if (alpha != 1)
        y = NT_REWRITE(&w, "Mul", "", y, nt_rewrite_number(&w, alpha));
    nt_rewrite_out(&w, 0, y);
    return nt_rewrite_end(&w);
}

/* ---- products of integers that become floats */

/* a [.., k] (codes, scale, zero point) by b [k, m], a constant beside its own, plus bias. */
static void product(nt_rewrite *w, nt_value *const *a, nt_value *const *b, nt_value *bias)
{
    nt_value *scale, *y;

    y = NT_REWRITE(w, "MatMulInteger", w->n->name, a[0], b[0], a[2], b[2]);
    y = NT_REWRITE(w, "Cast", "", y);
    nt_rewrite_set_int(w, "to", NT_F32);
    scale = NT_REWRITE(w, "Mul", "", a[1], b[1]);
    y = NT_REWRITE(w, "Mul", "", y, scale);
    if (bias)
        y = NT_REWRITE(w, "Add", "", y, bias);
    nt_rewrite_out(w, 0, y);
}

/* A, B, scale of B, zero point of B, bias */
nt_status nt_contrib_dynamic(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_rewrite w = nt_rewrite_begin(g, n, e);
    nt_value *a[3] = {NULL};
    nt_value *b[3] = {nt_rewrite_in(&w, 1), nt_rewrite_in(&w, 2), nt_rewrite_in(&w, 3)};

    nt_rewrite_node(&w, "DynamicQuantizeLinear", "", (nt_value *const[]){nt_rewrite_in(&w, 0)},
                    1, 3);
    for (int i = 0; i < 3 && w.s == NT_OK; i++)
        a[i] = w.made->out[i];
    product(&w, a, b, nt_rewrite_in(&w, 4));
    return nt_rewrite_end(&w);
}

/* A, B, their scales, their zero points, bias */
nt_status nt_contrib_integer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_rewrite w = nt_rewrite_begin(g, n, e);
    nt_value *a[3] = {nt_rewrite_in(&w, 0), nt_rewrite_in(&w, 2), nt_rewrite_in(&w, 4)};
    nt_value *b[3] = {nt_rewrite_in(&w, 1), nt_rewrite_in(&w, 3), nt_rewrite_in(&w, 5)};

    product(&w, a, b, nt_rewrite_in(&w, 6));
    return nt_rewrite_end(&w);
}

/* ---- the pass */

typedef struct rule {
    const char *domain, *op;
    int until; /* the last opset at which ONNX has no such operator; 0: it never has */
    nt_status (*apply)(nt_graph *g, nt_node *n, nt_err *e);
} rule;

static const rule rules[] = {
    {DOMAIN, "FusedConv", 0, nt_contrib_conv},
    {DOMAIN, "FusedGemm", 0, nt_contrib_gemm},
    {DOMAIN, "FusedMatMul", 0, nt_contrib_matmul},
    {DOMAIN, "TransposeMatMul", 0, nt_contrib_matmul},
    {DOMAIN, "DynamicQuantizeMatMul", 0, nt_contrib_dynamic},
    {DOMAIN, "MatMulIntegerToFloat", 0, nt_contrib_integer},
    {DOMAIN, "Gelu", 0, nt_contrib_gelu},
    {DOMAIN, "BiasGelu", 0, nt_contrib_gelu},
    {DOMAIN, "FastGelu", 0, nt_contrib_fast_gelu},
    {DOMAIN, "QuickGelu", 0, nt_contrib_quick_gelu},
    {DOMAIN, "SkipLayerNormalization", 0, nt_contrib_skip_norm},
    {DOMAIN, "SkipSimplifiedLayerNormalization", 0, nt_contrib_skip_rms},
    {"", "SimplifiedLayerNormalization", 0, nt_contrib_rms},
    {DOMAIN, "SimplifiedLayerNormalization", 0, nt_contrib_rms},
    {"", "LayerNormalization", 16, nt_contrib_norm},
};

static const rule *rule_of(const nt_graph *g, const nt_node *n)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!strcmp(n->op_type, rules[i].op) && !strcmp(n->domain, rules[i].domain) &&
            (rules[i].until == 0 || g->opset <= rules[i].until))
            return &rules[i];
    return NULL;
}

/* Written for the processor that wrote it. */
static nt_status check_layout(const nt_node *n, nt_err *e)
{
    char label[256];

    if (strcmp(n->domain, DOMAIN ".nchwc") != 0 &&
        (strcmp(n->domain, DOMAIN) != 0 || strncmp(n->op_type, "Nhwc", 4) != 0))
        return NT_OK;
    return nt_fail(e, NT_EUNSUPPORTED,
                   "node '%s': operator '%s' of domain '%s' is for the processor that the file "
                   "was optimised on: have ONNX Runtime write it at level 'extended' or lower",
                   nt_node_label(label, sizeof label, n), n->op_type, n->domain);
}

static bool has_rest(const nt_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (strncmp(g->nodes[i]->domain, DOMAIN, strlen(DOMAIN)) == 0)
            return true;
    return false;
}

/* The domains that nobody is of any more: ONNX Runtime declares all it has. */
static void drop_domains(nt_graph *g)
{
    int k = 0;

    if (has_rest(g))
        return;
    for (int i = 0; i < g->n_domains; i++)
        if (strncmp(g->domains[i].key, DOMAIN, strlen(DOMAIN)) != 0)
            g->domains[k++] = g->domains[i];
    g->n_domains = k;
}

nt_status nt_pass_contrib(nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    bool any = false;

    for (int i = 0; i < g->n_nodes; i++) {
        const rule *r = rule_of(g, g->nodes[i]);

        NT_TRY(check_layout(g->nodes[i], e));
        if (!r)
            continue;
        NT_TRY(r->apply(g, g->nodes[i], e));
        any = true;
    }
    if (any)
        drop_domains(g);
done:
    return s;
}
