/* SPDX-License-Identifier: MIT */
#include "lowrank/layers.h"

#include "base/alloc.h"
#include "facet/layer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void stays(nt_lowrank_layer *l, const char *why)
{
    snprintf(l->why, sizeof l->why, "%s", why);
}

/* ---- extents that may not be known */

static int64_t times(int64_t a, int64_t b)
{
    int64_t p;

    if (a < 0 || b < 0)
        return -1;
    return nt_i64_mul(&p, a, b) ? p : INT64_MAX;
}

static int64_t plus(int64_t a, int64_t b)
{
    int64_t sum;

    if (a < 0 || b < 0)
        return -1;
    return nt_i64_add(&sum, a, b) ? sum : INT64_MAX;
}

static int64_t product(const int64_t *d, int from, int to)
{
    int64_t p = 1;

    for (int i = from; i < to; i++)
        p = times(p, d[i]);
    return p;
}

/* ---- what a layer is */

static bool is_finite(const nt_tensor *t)
{
    const float *v = t->data;

    for (int64_t i = 0, n = nt_tensor_count(t); i < n; i++)
        if (!isfinite(v[i]))
            return false;
    return true;
}

/* The shape that v has for one sample; false: not known. */
static bool shape_at(int64_t *dims, int *rank, const nt_graph *one, const nt_value *v)
{
    const nt_value *at = one ? nt_graph_find_value(one, v->name) : NULL;

    if (!at || at->rank < 2)
        return false;
    *rank = at->rank;
    return nt_value_shape(at, dims);
}

/* Rows: all axes of y but that of the channels. */
static void read_dense(nt_lowrank_layer *l, const nt_layer *form, const nt_graph *one)
{
    int64_t dims[NT_MAX_RANK], rows = -1;
    int rank;

    l->by_input = form->makes == 1;
    l->k = l->weight->data->dims[form->makes];
    l->c = l->weight->data->dims[form->reads];
    l->head = l->tail = 1;
    if (shape_at(dims, &rank, one, l->node->out[0]))
        rows = product(dims, 0, rank - 1);
    l->in = l->mid = l->out = rows;
    l->fits = true;
}

static nt_status read_conv(nt_lowrank_layer *l, const nt_graph *one, nt_err *e)
{
    const nt_tensor *w = l->weight->data;
    nt_window *win = &l->window;
    int sp = w->rank - 2, rank;
    int64_t dims[NT_MAX_RANK] = {1}, in[3] = {-1, -1, -1}, out[3];
    nt_status s = NT_OK;

    NT_TRY(nt_window_read(win, l->node, sp, w->dims + 2, e));
    if (shape_at(dims, &rank, one, l->node->in[0]) && rank == w->rank)
        memcpy(in, dims + 2, (size_t)sp * sizeof *in);
    NT_TRY(nt_window_out(win, out, in, e));
    l->k = w->dims[0];
    l->c = w->dims[1];
    l->head = product(win->ker, 0, sp / 2);
    l->tail = product(win->ker, sp / 2, sp);
    l->in = times(dims[0], product(in, 0, sp));
    l->out = times(dims[0], product(out, 0, sp));
    l->mid = times(dims[0], times(product(out, 0, sp / 2), product(in, sp / 2, sp)));
    l->fits = true;
done:
    return s;
}

static nt_status read_form(nt_lowrank_layer *l, const nt_graph *one, nt_err *e)
{
    const nt_node *n = l->node;
    const nt_layer form = nt_layer_at(n);
    bool dense = nt_node_is(n, "Gemm") || nt_node_is(n, "MatMul");

    if (!l->weight)
        stays(l, "its weight is not stored in float32 as it is");
    else if (!dense && !nt_node_is(n, "Conv"))
        snprintf(l->why, sizeof l->why, "a %s is not decomposed", l->op);
    else if (form.groups > 1)
        stays(l, "a grouped convolution");
    else if (form.weight != 1 || (dense && l->weight->rank != 2))
        stays(l, "a product of more than one matrix, or one with its weight on the left");
    else if (l->weight->n_uses > 1 || l->weight->pinned || l->weight->is_output)
        stays(l, "its weight is used elsewhere, too");
    else if (nt_tensor_count(l->weight->data) == 0 || !is_finite(l->weight->data))
        stays(l, "its weight is not all of finite numbers");
    else if (!dense)
        return read_conv(l, one, e);
    else
        read_dense(l, &form, one);
    return NT_OK;
}

static nt_lowrank_layer *add(nt_lowrank_layers *out, const nt_graph *g, nt_node *n)
{
    nt_lowrank_layer *l = &out->v[out->n++];
    const nt_value *stored = nt_layer_stored_weight(n);
    nt_value *w = nt_layer_weight(n);

    *l = (nt_lowrank_layer){.node = n, .op = n->op_type};
    l->weight = w && w->dtype == NT_F32 ? w : NULL;
    l->in = l->mid = l->out = -1;
    nt_layer_name(l->name, sizeof l->name, g, n);
    nt_shape_text(l->shape, sizeof l->shape, stored->data->rank, stored->data->dims);
    return l;
}

nt_status nt_lowrank_layers_new(nt_lowrank_layers *out, const nt_graph *g, const nt_graph *one,
                                nt_err *e)
{
    nt_status s = NT_OK;

    *out = (nt_lowrank_layers){.v = nt_calloc((size_t)g->n_nodes + 1, sizeof *out->v)};
    if (!out->v)
        return nt_fail_nomem(e);
    for (int i = 0; i < g->n_nodes; i++)
        if (nt_layer_stored_weight(g->nodes[i]))
            NT_TRY(read_form(add(out, g, g->nodes[i]), one, e));
done:
    return s;
}

void nt_lowrank_layers_release(nt_lowrank_layers *l)
{
    for (int i = 0; i < l->n; i++) {
        nt_free(l->v[i].energy[0]);
        nt_free(l->v[i].energy[1]);
    }
    nt_free(l->v);
}

static int64_t less(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void nt_lowrank_set_kind(nt_lowrank_layer *l, bool tucker)
{
    int64_t q = l->head * l->tail;

    l->kind = q == 1 ? NT_LOWRANK_SVD : tucker ? NT_LOWRANK_TUCKER : NT_LOWRANK_SPATIAL;
    if (l->kind == NT_LOWRANK_TUCKER) {
        l->n_energy[0] = l->c;
        l->n_energy[1] = l->k;
    } else {
        l->n_energy[0] = less(l->c * l->head, l->k * l->tail);
        l->n_energy[1] = 0;
    }
}

double *nt_lowrank_weight(const nt_lowrank_layer *l)
{
    const float *w = l->weight->data->data;
    int64_t n = nt_tensor_count(l->weight->data);
    double *d = nt_alloc((size_t)n, sizeof *d);

    for (int64_t i = 0; d && i < n; i++)
        d[i] = l->by_input ? w[i % l->c * l->k + i / l->c] : w[i];
    return d;
}

double *nt_lowrank_matrix(const nt_lowrank_layer *l)
{
    double *w = nt_lowrank_weight(l), *m;
    int64_t cols = l->k * l->tail, at = 0;

    m = w ? nt_alloc((size_t)(l->c * l->head * cols), sizeof *m) : NULL;
    for (int64_t k = 0; m && k < l->k; k++)
        for (int64_t ch = 0; ch < l->c * l->head; ch++)
            for (int64_t t = 0; t < l->tail; t++)
                m[ch * cols + k * l->tail + t] = w[at++];
    nt_free(w);
    return m;
}

/* ---- cost */

int64_t nt_lowrank_params(const nt_lowrank_layer *l)
{
    return l->fits ? l->k * l->c * l->head * l->tail : -1;
}

int64_t nt_lowrank_macs(const nt_lowrank_layer *l)
{
    return times(nt_lowrank_params(l), l->out);
}

int64_t nt_lowrank_params_at(const nt_lowrank_layer *l, const int64_t rank[2])
{
    int64_t q = l->head * l->tail;

    if (l->kind == NT_LOWRANK_TUCKER)
        return l->c * rank[0] + rank[0] * rank[1] * q + rank[1] * l->k;
    return rank[0] * (l->c * l->head + l->k * l->tail);
}

/* A 1x1 convolution's stride is its first half's, as spatial ones' is by axis. */
int64_t nt_lowrank_macs_at(const nt_lowrank_layer *l, const int64_t rank[2])
{
    int64_t q = l->head * l->tail;

    if (l->kind == NT_LOWRANK_TUCKER)
        return plus(times(l->c * rank[0], l->in),
                    times(rank[0] * rank[1] * q + rank[1] * l->k, l->out));
    return plus(times(rank[0] * l->c * l->head, l->kind == NT_LOWRANK_SVD ? l->out : l->mid),
                times(rank[0] * l->k * l->tail, l->out));
}

bool nt_lowrank_gains(const nt_lowrank_layer *l, const int64_t rank[2])
{
    int64_t macs = nt_lowrank_macs(l);

    return nt_lowrank_params_at(l, rank) < nt_lowrank_params(l) &&
           (macs < 0 || nt_lowrank_macs_at(l, rank) < macs);
}
