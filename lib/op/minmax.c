/* SPDX-License-Identifier: MIT */
/* minmax.c - Min and Max of any number of inputs. A NaN wins, as in NumPy. */
#include "op/binary.h"
#include "op/couple.h"
#include "op/util.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

NT_BINARY_FN(min, a < b || isnan(a) ? a : b, a < b ? a : b)
NT_BINARY_FN(max, a > b || isnan(a) ? a : b, a > b ? a : b)

static const nt_binary_fn *function(const nt_node *n)
{
    return !strcmp(n->op_type, "Min") ? &min : &max;
}

/* The running result is y itself, which an operand of y's shape may alias. */
static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    const nt_binary_fn *f = function(n);

    (void)e;
    nt_binary_eval(f, in[0], n->n_in > 1 ? in[1] : in[0], out[0]);
    for (int i = 2; i < n->n_in; i++)
        nt_binary_eval(f, out[0], in[i], out[0]);
    return NT_OK;
}

static float is_result(float x, float y)
{
    return x == y;
}

/* 1 over how many inputs share each result; freed by the caller. */
static nt_status shares(nt_tensor **out, const nt_node *n, const nt_tensor *const *in,
                        const nt_tensor *y, nt_err *e)
{
    int64_t stride[3][NT_MAX_RANK];
    nt_status s = nt_tensor_new(out, NT_F32, y->rank, y->dims, e);
    nt_walk w;
    float *share;

    if (s != NT_OK)
        return s;
    share = (*out)->data;
    nt_strides(stride[0], y->rank, y->dims);
    for (int k = 0; k < n->n_in; k++) {
        nt_strides_broadcast(stride[1], y->rank, in[k]);
        for (nt_walk_init(&w, y->rank, y->dims, 2, stride); nt_walk_more(&w); nt_walk_next(&w))
            for (int64_t i = 0; i < w.len; i++) {
                int64_t at = w.at[0] + i * w.step[0];

                share[at] += is_result(((const float *)in[k]->data)[w.at[1] + i * w.step[1]],
                                       ((const float *)y->data)[at]);
            }
    }
    return NT_OK;
}

/* Ties share the gradient evenly. */
static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    nt_tensor *share = NULL;
    nt_status s = NT_OK;
    float *f;

    NT_TRY(shares(&share, n, in, out[0], e));
    f = share->data;
    for (int64_t i = 0; i < nt_tensor_count(share); i++)
        f[i] = f[i] > 0 ? ((const float *)dout[0]->data)[i] / f[i] : 0;
    for (int i = 0; i < n->n_in; i++)
        if (din[i])
            nt_binary_grad(din[i], is_result, in[i], out[0], share);
done:
    nt_tensor_free(share);
    return s;
}

#define MINMAX(onnx)                                                                           \
    {                                                                                          \
        .name = onnx, .domain = "", .since = 6, .min_in = 1, .max_in = -1, .min_out = 1,       \
        .max_out = 1, .infer = nt_binary_infer, .eval = eval, .grad = grad,                    \
        .couple = nt_couple_elementwise                                                        \
    }

const nt_op nt_op_minmax[] = {MINMAX("Min"), MINMAX("Max"), {0}};
