/* SPDX-License-Identifier: MIT */
#include "exec/params.h"

#include "base/alloc.h"
#include "facet/op.h"

#include <string.h>

/* What the operators that use v make of it. */
static nt_param classify(const nt_value *v)
{
    nt_param p = {.name = v->name, .is_quantizer = v->trained};
    bool trainable = false;

    for (int i = 0; i < v->n_uses; i++) {
        const nt_op *op = v->uses[i].node->op;
        unsigned bit = 1u << (unsigned)(v->uses[i].index < 31 ? v->uses[i].index : 31);

        if (!op)
            continue;
        if (op->state & bit)
            p.is_state = true;
        if (nt_op_is_param(v->uses[i].node, v->uses[i].index)) {
            trainable = true;
            p.is_norm = p.is_norm || op->state;
        }
    }
    p.is_bias = trainable && !p.is_norm && !p.is_quantizer && v->data->rank == 1;
    if (trainable || p.is_state)
        p.count = (size_t)nt_tensor_count(v->data);
    return p;
}

static bool is_candidate(const nt_value *v)
{
    return v->data && v->data->dtype == NT_F32 && v->n_uses > 0;
}

/* Room for every parameter, offsets assigned. */
static nt_status lay_out(nt_params *p, const nt_graph *g, nt_err *e)
{
    p->v = nt_calloc((size_t)g->n_values + 1, sizeof *p->v);
    if (!p->v)
        return nt_fail_nomem(e);
    for (int i = 0; i < g->n_values; i++) {
        nt_param q;

        if (!is_candidate(g->values[i]))
            continue;
        q = classify(g->values[i]);
        if (q.count == 0)
            continue;
        q.offset = q.is_state ? p->n_state : p->n_w;
        *(q.is_state ? &p->n_state : &p->n_w) += q.count;
        p->v[p->n++] = q;
    }
    p->w = nt_calloc(p->n_w + 1, sizeof *p->w);
    p->g = nt_calloc(p->n_w + 1, sizeof *p->g);
    p->state = nt_calloc(p->n_state + 1, sizeof *p->state);
    return p->w && p->g && p->state ? NT_OK : nt_fail_nomem(e);
}

nt_status nt_params_new(nt_params **out, const nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    nt_params *p = nt_calloc(1, sizeof *p);

    if (!p)
        return nt_fail_nomem(e);
    NT_TRY(lay_out(p, g, e));
    for (int i = 0; i < p->n; i++) {
        const nt_value *v = nt_graph_find_value(g, p->v[i].name);

        memcpy(nt_param_data(p, &p->v[i]), v->data->data, p->v[i].count * sizeof(float));
    }
    *out = p;
    p = NULL;
done:
    nt_params_free(p);
    return s;
}

void nt_params_free(nt_params *p)
{
    if (!p)
        return;
    nt_free(p->w);
    nt_free(p->g);
    nt_free(p->state);
    nt_free(p->v);
    nt_free(p);
}

const nt_param *nt_params_find(const nt_params *p, const char *name)
{
    for (int i = 0; i < p->n; i++) {
        if (strcmp(p->v[i].name, name) == 0)
            return &p->v[i];
    }
    return NULL;
}

float *nt_param_data(const nt_params *p, const nt_param *v)
{
    return (v->is_state ? p->state : p->w) + v->offset;
}

nt_status nt_params_store(const nt_params *p, nt_graph *g, nt_err *e)
{
    for (int i = 0; i < p->n; i++) {
        nt_value *v = nt_graph_find_value(g, p->v[i].name);

        if (!v && p->v[i].is_quantizer)
            continue;
        if (!v || !v->data || (size_t)nt_tensor_count(v->data) != p->v[i].count)
            return nt_fail(e, NT_EINVAL, "the graph has no parameter '%s' of %zu elements",
                           p->v[i].name, p->v[i].count);
        memcpy(v->data->data, nt_param_data(p, &p->v[i]), p->v[i].count * sizeof(float));
    }
    return NT_OK;
}
