/* SPDX-License-Identifier: MIT */
/*
 * Layer normalisations, of a sum (SkipLayerNormalization) or alone, with a mean or (simplified)
 * without: ONNX's operator where the opset has it, else spelt out.
 */
#include "graph/contrib.h"


/* What is normalised, and with what. */
typedef struct norm {
    nt_value *x, *scale, *shift;
    int64_t axis;
    float eps;
    bool rms;
} norm;

/* The mean along the axes that are normalised. */
static nt_value *mean(nt_rewrite *w, nt_value *x, const norm *m)
{
    int64_t axes[NT_MAX_RANK], n = 0;
    int rank = m->x->rank;
    nt_value *y;

    if (m->axis == -1)
        axes[n++] = -1;
    else if (rank < 0 || m->axis < -rank || m->axis >= rank)
        nt_rewrite_refuse(w, "normalises axes of a tensor whose shape is not in the file");
    else
        for (int64_t a = m->axis < 0 ? m->axis + rank : m->axis; a < rank; a++)
            axes[n++] = a;
    if (w->g->opset >= 18)
        return NT_REWRITE(w, "ReduceMean", "", x, nt_rewrite_ints(w, axes, n));
    y = NT_REWRITE(w, "ReduceMean", "", x);
    nt_rewrite_set_ints(w, "axes", axes, (size_t)n);
    return y;
}

/* (x - mean x) / sqrt(var x + eps) scale + shift; without the means where m->rms. */
static nt_value *spelt_out(nt_rewrite *w, const norm *m)
{
    nt_value *d = m->x, *y;

    if (!m->rms)
        d = NT_REWRITE(w, "Sub", "", m->x, mean(w, m->x, m));
    y = NT_REWRITE(w, "Pow", "", d, nt_rewrite_number(w, 2));
    y = NT_REWRITE(w, "Add", "", mean(w, y, m), nt_rewrite_number(w, m->eps));
    y = NT_REWRITE(w, "Div", "", d, NT_REWRITE(w, "Sqrt", "", y));
    y = NT_REWRITE(w, "Mul", w->n->name, y, m->scale);
    return m->shift ? NT_REWRITE(w, "Add", "", y, m->shift) : y;
}

static nt_value *normalised(nt_rewrite *w, const norm *m)
{
    nt_value *y;

    if (w->g->opset < (m->rms ? 23 : 17))
        return spelt_out(w, m);
    y = NT_REWRITE(w, m->rms ? "RMSNormalization" : "LayerNormalization", w->n->name, m->x,
                   m->scale, m->shift);
    nt_rewrite_set_int(w, "axis", m->axis);
    nt_rewrite_set_float(w, "epsilon", m->eps);
    return y;
}

static nt_status convert(nt_graph *g, nt_node *n, bool rms, nt_err *e)
{
    nt_rewrite w = nt_rewrite_begin(g, n, e);
    norm m = {.x = nt_rewrite_in(&w, 0),
              .scale = nt_rewrite_in(&w, 1),
              .axis = nt_node_int(n, "axis", -1),
              .eps = nt_node_float(n, "epsilon", 1e-5F),
              .rms = rms};

    if (!rms)
        m.shift = nt_rewrite_in(&w, 2);
    if (!m.x || !m.scale)
        nt_rewrite_refuse(&w, "an input is missing");
    else
        nt_rewrite_out(&w, 0, normalised(&w, &m));
    return nt_rewrite_end(&w);
}

/* Inputs: x, skip, scale, [shift,] bias; outputs: the result, two that training has, the sum.
 */
static nt_status convert_skip(nt_graph *g, nt_node *n, bool rms, nt_err *e)
{
    nt_rewrite w = nt_rewrite_begin(g, n, e);
    nt_value *bias = nt_rewrite_in(&w, rms ? 3 : 4);
    norm m = {.scale = nt_rewrite_in(&w, 2),
              .shift = rms ? NULL : nt_rewrite_in(&w, 3),
              .axis = -1,
              .eps = nt_node_float(n, "epsilon", 1e-5F),
              .rms = rms};

    if (!nt_rewrite_in(&w, 0) || !nt_rewrite_in(&w, 1) || !m.scale) {
        nt_rewrite_refuse(&w, "an input is missing");
        return nt_rewrite_end(&w);
    }
    m.x = NT_REWRITE(&w, "Add", "", nt_rewrite_in(&w, 0), nt_rewrite_in(&w, 1));
    if (bias)
        m.x = NT_REWRITE(&w, "Add", "", m.x, bias);
    nt_rewrite_out(&w, 0, normalised(&w, &m));
    nt_rewrite_out(&w, 3, m.x);
    return nt_rewrite_end(&w);
}

nt_status nt_contrib_norm(nt_graph *g, nt_node *n, nt_err *e)
{
    return convert(g, n, false, e);
}

nt_status nt_contrib_rms(nt_graph *g, nt_node *n, nt_err *e)
{
    return convert(g, n, true, e);
}

nt_status nt_contrib_skip_norm(nt_graph *g, nt_node *n, nt_err *e)
{
    return convert_skip(g, n, false, e);
}

nt_status nt_contrib_skip_rms(nt_graph *g, nt_node *n, nt_err *e)
{
    return convert_skip(g, n, true, e);
}
