/* SPDX-License-Identifier: MIT */
/* slim: the scale that a BatchNormalization gives the output. */
#include "prune/criterion.h"

#include <math.h>

/* The scale of the BatchNormalization that reads the layer's output, or NULL. */
static const nt_value *bn_scale(const nt_node *n)
{
    const nt_value *y = n->out[0];

    for (int i = 0; i < y->n_uses; i++) {
        const nt_node *u = y->uses[i].node;

        if (nt_node_is(u, "BatchNormalization") && u->in[1]->data)
            return u->in[1];
    }
    return NULL;
}

static const char *lacks(const nt_channel_layer *l, int index, const nt_evidence *v)
{
    const nt_value *scale = bn_scale(l->node);

    (void)index;
    (void)v;
    return scale && nt_tensor_count(scale->data) == l->n ? NULL
                                                         : "a BatchNormalization after it";
}

static nt_status score(double *out, const nt_channel_layer *l, int index, const nt_evidence *v,
                       nt_err *e)
{
    const nt_tensor *scale = bn_scale(l->node)->data;

    (void)index;
    (void)v;
    (void)e;
    for (int64_t k = 0; k < l->n; k++)
        out[k] = fabs(nt_tensor_get(scale, k));
    return NT_OK;
}

const nt_criterion nt_criterion_slim = {.name = "slim", .lacks = lacks, .score = score};
