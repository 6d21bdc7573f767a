/* SPDX-License-Identifier: MIT */
#include "train/lsq.h"

#include "base/alloc.h"
#include "op/qparam.h"

#include <math.h>
#include <string.h>

typedef struct scales {
    size_t offset, count;
    float factor;
} scales;

struct nt_lsq {
    scales *v;
    int n;
};

static bool has_scales(const nt_node *n)
{
    return strcmp(n->op_type, "QuantizeLinear") == 0 && n->in[1]->data &&
           n->in[1]->data->dtype == NT_F32;
}

void nt_lsq_mark(nt_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (has_scales(g->nodes[i]))
            g->nodes[i]->in[1]->trained = true;
}

/* How many numbers share one scale. */
static double sharers(const nt_node *n)
{
    const nt_value *x = n->in[0];
    double count = 1;

    for (int i = x->data ? 0 : 1; i < x->rank; i++)
        count *= x->dims[i].value > 0 ? (double)x->dims[i].value : 1;
    return count / (double)nt_tensor_count(n->in[1]->data);
}

/* Codes outside the bounds of a Clip that follows are none. */
static void clip_range(int64_t *lo, int64_t *hi, const nt_value *codes)
{
    const nt_node *clip = codes->n_uses == 1 ? codes->uses[0].node : NULL;

    if (!clip || strcmp(clip->op_type, "Clip") != 0)
        return;
    if (clip->n_in > 1 && clip->in[1] && clip->in[1]->data)
        *lo = nt_tensor_get_i64(clip->in[1]->data, 0);
    if (clip->n_in > 2 && clip->in[2] && clip->in[2]->data)
        *hi = nt_tensor_get_i64(clip->in[2]->data, 0);
}

static nt_status factor_of(float *out, const nt_node *n, nt_err *e)
{
    const nt_tensor *zero = n->n_in > 2 && n->in[2] ? n->in[2]->data : NULL;
    int64_t lo, hi, z = zero ? nt_tensor_get_i64(zero, 0) : 0;
    nt_status s = NT_OK;

    NT_TRY(nt_qparam_range(&lo, &hi, n->out[0]->dtype, e));
    clip_range(&lo, &hi, n->out[0]);
    *out = (float)(1 / sqrt(sharers(n) * (double)(hi - z > z - lo ? hi - z : z - lo)));
done:
    return s;
}

nt_status nt_lsq_new(nt_lsq **out, const nt_graph *g, const nt_params *p, nt_err *e)
{
    nt_lsq *l = nt_calloc(1, sizeof *l);
    nt_status s = NT_OK;

    if (l)
        l->v = nt_calloc((size_t)g->n_nodes + 1, sizeof *l->v);
    if (!l || !l->v)
        NT_TRY(nt_fail_nomem(e));
    for (int i = 0; i < g->n_nodes; i++) {
        const nt_node *n = g->nodes[i];
        const nt_param *q =
            has_scales(n) && n->in[1]->trained ? nt_params_find(p, n->in[1]->name) : NULL;

        if (!q)
            continue;
        l->v[l->n] = (scales){q->offset, q->count, 1};
        NT_TRY(factor_of(&l->v[l->n++].factor, n, e));
    }
    *out = l;
    l = NULL;
done:
    nt_lsq_free(l);
    return s;
}

void nt_lsq_free(nt_lsq *l)
{
    if (l)
        nt_free(l->v);
    nt_free(l);
}

void nt_lsq_scale_grads(const nt_lsq *l, float *g, const float *w, double lr)
{
    for (int i = 0; i < l->n; i++)
        for (size_t k = l->v[i].offset; k < l->v[i].offset + l->v[i].count; k++) {
            float most = lr > 0 ? (float)(NT_LSQ_STEP * w[k] / lr) : INFINITY;

            g[k] = fmaxf(-most, fminf(g[k] * l->v[i].factor, most));
        }
}

void nt_lsq_keep_positive(const nt_lsq *l, float *w)
{
    for (int i = 0; i < l->n; i++)
        for (size_t k = 0; k < l->v[i].count; k++)
            w[l->v[i].offset + k] = fmaxf(w[l->v[i].offset + k], NT_LSQ_LEAST);
}
