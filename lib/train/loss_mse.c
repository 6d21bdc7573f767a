/* SPDX-License-Identifier: MIT */
#include "train/loss.h"
#include "train/loss_op.h"

enum { X = NT_LOSS_X, TARGET = NT_LOSS_TARGET };

static nt_status check(const nt_node *n, const nt_tensor *const *in, nt_err *e)
{
    (void)n;
    if (in[TARGET]->dtype != NT_I32)
        return nt_loss_check_like(in, TARGET, e);
    if (nt_loss_sample(in[X]) != in[X]->dims[1])
        return nt_fail(e, NT_EFORMAT, "labels go with outputs of [N,classes]");
    return nt_loss_check_labels(in, TARGET, NT_NO_LABEL, e);
}

static double run(float *dx, const nt_node *n, const nt_tensor *const *in, int64_t first,
                  int64_t count, double scale)
{
    int64_t size = nt_loss_sample(in[X]);
    const float *x = (const float *)in[X]->data + first * size;

    (void)n;
    if (in[TARGET]->dtype == NT_I32)
        return nt_loss_mse_label(dx, x, (const int32_t *)in[TARGET]->data + first, count, size,
                                 scale);
    return nt_loss_mse(dx, x, (const float *)in[TARGET]->data + first * size, count, size,
                       scale);
}

static const nt_loss_fn fn = {run, check};
static const nt_attr_spec attrs[] = {NT_LOSS_ATTRS, {NULL, 0, false}};

static const nt_op op = NT_LOSS_OP("MeanSquaredError", 2, attrs, fn);

const nt_loss nt_loss_square = {.name = "mse", .op = &op};
