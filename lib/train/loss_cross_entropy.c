/* SPDX-License-Identifier: MIT */
#include "train/loss.h"
#include "train/loss_op.h"

enum { X = NT_LOSS_X, TARGET = NT_LOSS_TARGET, WEIGHT = NT_LOSS_WEIGHT };

static nt_status check(const nt_node *n, const nt_tensor *const *in, nt_err *e)
{
    const nt_tensor *w = n->n_in > WEIGHT ? in[WEIGHT] : NULL;

    if (w != NULL && (w->dtype != NT_F32 || nt_tensor_count(w) != in[X]->dims[1]))
        return nt_fail(e, NT_EFORMAT, "want a float32 weight for each of %lld classes",
                       (long long)in[X]->dims[1]);
    return nt_loss_check_labels(in, TARGET, nt_node_int(n, "ignore_index", NT_NO_LABEL), e);
}

static double run(float *dx, const nt_node *n, const nt_tensor *const *in, int64_t first,
                  int64_t count, double scale)
{
    int64_t size = nt_loss_sample(in[X]), k = in[X]->dims[1], inner = size / k;
    nt_classes t = {.label = (const int32_t *)in[TARGET]->data + first * inner,
                    .n = count,
                    .k = k,
                    .inner = inner,
                    .weight = n->n_in > WEIGHT && in[WEIGHT] ? in[WEIGHT]->data : NULL,
                    .ignored = nt_node_int(n, "ignore_index", NT_NO_LABEL),
                    .smoothing = nt_node_double(n, "label_smoothing", 0)};

    return nt_loss_classes(dx, (const float *)in[X]->data + first * size, &t, scale);
}

static const nt_loss_fn fn = {run, check};
static const nt_attr_spec attrs[] = {NT_LOSS_ATTRS,
                                     {"label_smoothing", NT_ATTR_TENSOR, false},
                                     {"ignore_index", NT_ATTR_INT, false},
                                     {NULL, 0, false}};

static const nt_op op = NT_LOSS_OP("CrossEntropy", 3, attrs, fn);

const nt_loss nt_loss_class = {
    .name = "cross_entropy", .op = &op, .on_logits = true, .smooths = true};
