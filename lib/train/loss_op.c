/* SPDX-License-Identifier: MIT */
#include "train/loss_op.h"

#include "facet/infer.h"
#include "train/loss.h"

#include <string.h>

enum { X = NT_LOSS_X };

static bool by_sample(const nt_node *n)
{
    return strcmp(nt_node_str(n, "reduction", "mean"), "sample") == 0;
}

static const nt_loss_fn *fn_of(const nt_node *n)
{
    return n->op->data;
}

int64_t nt_loss_sample(const nt_tensor *t)
{
    return t->dims[0] > 0 ? nt_tensor_count(t) / t->dims[0] : 0;
}

/* ---- facets */

nt_status nt_loss_op_check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    const char *reduction = nt_node_str(n, "reduction", "mean");

    (void)g;
    if (strcmp(reduction, "mean") != 0 && strcmp(reduction, "sample") != 0)
        return nt_fail(e, NT_EFORMAT, "reduction '%s', want mean or sample", reduction);
    return NT_OK;
}

nt_status nt_loss_op_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[X];

    (void)g;
    if (x->dtype != NT_F32 && x->dtype != NT_UNDEFINED)
        return nt_fail(e, NT_EUNSUPPORTED, "'%s' is of type %s, want float32", x->name,
                       nt_dtype_name(x->dtype));
    if (x->rank >= 0 && x->rank < 2)
        return nt_fail(e, NT_EFORMAT, "'%s' has %d dimensions, want at least 2", x->name,
                       x->rank);
    nt_infer_set(n->out[0], NT_F64, by_sample(n) ? 1 : 0, x->dims);
    return NT_OK;
}

nt_status nt_loss_op_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    const nt_loss_fn *fn = fn_of(n);
    double *loss = out[0]->data, scale = nt_node_double(n, "scale", 1);
    int64_t samples = in[X]->dims[0];
    nt_status s = fn->check(n, in, e);

    if (s != NT_OK)
        return s;
    for (int64_t i = 0; by_sample(n) && i < samples; i++)
        loss[i] = scale * fn->run(NULL, n, in, i, 1, 0);
    if (!by_sample(n))
        loss[0] = scale * fn->run(NULL, n, in, 0, samples, 0);
    return NT_OK;
}

nt_status nt_loss_op_grad(const nt_node *n, const nt_tensor *const *in,
                          const nt_tensor *const *out, const nt_tensor *const *dout,
                          nt_tensor *const *din, nt_err *e)
{
    const nt_loss_fn *fn = fn_of(n);
    const float *dy = dout[0]->data;
    double scale = nt_node_double(n, "scale", 1);
    int64_t samples = in[X]->dims[0], size = nt_loss_sample(in[X]);

    (void)out;
    (void)e;
    if (!din[X])
        return NT_OK;
    memset(din[X]->data, 0, nt_tensor_bytes(din[X]));
    for (int64_t i = 0; by_sample(n) && i < samples; i++)
        fn->run((float *)din[X]->data + i * size, n, in, i, 1, scale * dy[i]);
    if (!by_sample(n))
        fn->run(din[X]->data, n, in, 0, samples, scale * dy[0]);
    return NT_OK;
}

/* ---- for the checks */

nt_status nt_loss_check_like(const nt_tensor *const *in, int i, nt_err *e)
{
    bool same = in[i]->rank == in[X]->rank ? nt_tensor_same_shape(in[i], in[X])
                                           : nt_tensor_count(in[i]) == nt_tensor_count(in[X]);

    if (in[i]->dtype == NT_F32 && in[i]->rank > 0 && in[i]->dims[0] == in[X]->dims[0] && same)
        return NT_OK;
    return nt_fail(e, NT_EFORMAT, "the target does not give a float32 for each output");
}

static bool lacks_axis_1(const nt_tensor *t, const nt_tensor *x)
{
    if (t->rank != x->rank - 1 || t->dims[0] != x->dims[0])
        return false;
    for (int a = 1; a < t->rank; a++)
        if (t->dims[a] != x->dims[a + 1])
            return false;
    return true;
}

/* One label for a sample, and an output of [n][k][1][1]. */
static bool is_one_each(const nt_tensor *t, const nt_tensor *x)
{
    return t->rank == 1 && t->dims[0] == x->dims[0] && nt_loss_sample(x) == x->dims[1];
}

nt_status nt_loss_check_labels(const nt_tensor *const *in, int i, int64_t ignored, nt_err *e)
{
    const int32_t *label = in[i]->data;
    int64_t k = in[X]->dims[1];
    char got[96], want[96];

    if (in[i]->dtype != NT_I32 || (!lacks_axis_1(in[i], in[X]) && !is_one_each(in[i], in[X])))
        return nt_fail(e, NT_EFORMAT,
                       "the target %s %s does not give a label for each output of %s",
                       nt_dtype_name(in[i]->dtype),
                       nt_shape_text(got, sizeof got, in[i]->rank, in[i]->dims),
                       nt_shape_text(want, sizeof want, in[X]->rank, in[X]->dims));
    for (int64_t at = 0; at < nt_tensor_count(in[i]); at++)
        if (label[at] != ignored && (label[at] < 0 || label[at] >= k))
            return nt_fail(e, NT_EFORMAT,
                           "label %d is outside [0, %lld), the network's outputs",
                           (int)label[at], (long long)k);
    return NT_OK;
}
