/* SPDX-License-Identifier: MIT */
#include "train/loss.h"
#include "train/loss_op.h"

enum { X = NT_LOSS_X, TEACHER = NT_LOSS_TARGET };

static nt_status check(const nt_node *n, const nt_tensor *const *in, nt_err *e)
{
    (void)n;
    return nt_loss_check_like(in, TEACHER, e);
}

static double run(float *dx, const nt_node *n, const nt_tensor *const *in, int64_t first,
                  int64_t count, double scale)
{
    int64_t k = nt_loss_sample(in[X]);
    const float *x = in[X]->data, *teacher = in[TEACHER]->data;

    return nt_loss_distill(
        dx, x + first * k,
        &(nt_distill){teacher + first * k, count, k, nt_node_double(n, "temperature", 1)},
        scale);
}

static const nt_loss_fn fn = {run, check};
static const nt_attr_spec attrs[] = {
    NT_LOSS_ATTRS, {"temperature", NT_ATTR_TENSOR, false}, {NULL, 0, false}};

const nt_op nt_op_distill = NT_LOSS_OP("Distill", 2, attrs, fn);
