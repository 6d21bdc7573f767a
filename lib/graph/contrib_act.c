/* SPDX-License-Identifier: MIT */
/*
 * GELU (Hendrycks & Gimpel 2016, arXiv:1606.08415) in its three forms: ONNX has the first two
 * from opset 20 on, before that they are spelt out as PyTorch's exporter does.
 *
 *     Gelu       x / 2 (1 + erf(x / sqrt 2))
 *     FastGelu   x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
 *     QuickGelu  x sigmoid(alpha x)
 */
#include "graph/contrib.h"

#define SQRT_2 1.41421356237309505
#define SQRT_2_PI 0.79788456080286536 /* of 2 / pi */

/* The input, with the bias if there is one. */
static nt_value *biased(nt_rewrite *w)
{
    nt_value *x = nt_rewrite_in(w, 0), *b = nt_rewrite_in(w, 1);

    return b ? NT_REWRITE(w, "Add", "", x, b) : x;
}

/* x / 2 (1 + gate) */
static nt_value *gated(nt_rewrite *w, nt_value *x, nt_value *gate)
{
    nt_value *y = NT_REWRITE(w, "Add", "", gate, nt_rewrite_number(w, 1));

    y = NT_REWRITE(w, "Mul", "", x, y);
    return NT_REWRITE(w, "Mul", w->n->name, y, nt_rewrite_number(w, 0.5));
}

nt_status nt_contrib_gelu(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_rewrite w = nt_rewrite_begin(g, n, e);
    nt_value *x = biased(&w), *y;

    if (g->opset >= 20) {
        y = NT_REWRITE(&w, "Gelu", n->name, x);
    } else {
        y = NT_REWRITE(&w, "Div", "", x, nt_rewrite_number(&w, SQRT_2));
        y = gated(&w, x, NT_REWRITE(&w, "Erf", "", y));
    }
    nt_rewrite_out(&w, 0, y);
    return nt_rewrite_end(&w);
}

nt_status nt_contrib_fast_gelu(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_rewrite w = nt_rewrite_begin(g, n, e);
    nt_value *x = biased(&w), *y;

    if (g->opset >= 20) {
        y = NT_REWRITE(&w, "Gelu", n->name, x);
        nt_rewrite_set_str(&w, "approximate", "tanh");
    } else {
        y = NT_REWRITE(&w, "Pow", "", x, nt_rewrite_number(&w, 3));
        y = NT_REWRITE(&w, "Mul", "", y, nt_rewrite_number(&w, 0.044715));
        y = NT_REWRITE(&w, "Add", "", x, y);
        y = NT_REWRITE(&w, "Mul", "", y, nt_rewrite_number(&w, SQRT_2_PI));
        y = gated(&w, x, NT_REWRITE(&w, "Tanh", "", y));
    }
    nt_rewrite_out(&w, 0, y);
    return nt_rewrite_end(&w);
}

nt_status nt_contrib_quick_gelu(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_rewrite w = nt_rewrite_begin(g, n, e);
    float alpha = nt_node_float(n, "alpha", 1.702F);
    nt_value *x = nt_rewrite_in(&w, 0), *y = x;

    if (alpha != 1)
        y = NT_REWRITE(&w, "Mul", "", x, nt_rewrite_number(&w, alpha));
    y = NT_REWRITE(&w, "Sigmoid", "", y);
    nt_rewrite_out(&w, 0, NT_REWRITE(&w, "Mul", n->name, x, y));
    return nt_rewrite_end(&w);
}
