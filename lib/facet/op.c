/* SPDX-License-Identifier: MIT */
#include "facet/op.h"

#include <string.h>

bool nt_op_is_param(const nt_node *n, int i)
{
    const nt_value *v = i < n->n_in ? n->in[i] : NULL;
    nt_dtype t = v ? v->dtype : NT_UNDEFINED;

    if (!v || !v->data || i >= 32 || !n->op || !(v->trained || n->op->trainable >> i & 1))
        return false;
    if (n->op->flags & NT_OPF_FIXED_SCALARS && nt_tensor_count(v->data) == 1)
        return false;
    return nt_dtype_is_real(t);
}

bool nt_op_is_param_value(const nt_value *v)
{
    for (int i = 0; v->data && i < v->n_uses; i++) {
        if (nt_op_is_param(v->uses[i].node, v->uses[i].index))
            return true;
    }
    return false;
}

/* A parameter behind a DequantizeLinear, which reads integers or, in training, rounded floats.
 */
static const nt_value *coded_param(const nt_node *n, int i)
{
    const nt_value *v = n->in[i];

    if (!v || !v->producer || i >= 32 || !n->op || !(n->op->trainable >> i & 1) ||
        strcmp(v->producer->op_type, "DequantizeLinear") != 0)
        return NULL;
    return nt_value_source(v);
}

int64_t nt_count_params(const nt_node *n)
{
    int64_t count = 0;

    for (int i = 0; i < n->n_in; i++) {
        const nt_value *v = nt_op_is_param(n, i) ? n->in[i] : coded_param(n, i);

        count += v ? nt_tensor_count(v->data) : 0;
    }
    return count;
}
