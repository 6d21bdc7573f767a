/* SPDX-License-Identifier: MIT */
/* minmax.c - Min and Max of any number of inputs. A NaN wins, as in NumPy. */
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/walk.h"
#include "op/binary.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

NT_BINARY_REAL(min, a < b || isnan(a) ? a : b)
NT_BINARY_WHOLE(min, a < b ? a : b)
NT_BINARY_REAL(max, a > b || isnan(a) ? a : b)
NT_BINARY_WHOLE(max, a > b ? a : b)

const nt_binary_fn nt_binary_min = NT_BINARY_TABLE(min), nt_binary_max = NT_BINARY_TABLE(max);

static bool is_min(const nt_node *n)
{
    return n->op->data == &nt_binary_min;
}

/* The running result is y itself, which an operand of y's shape may alias. */
static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    const nt_binary_fn *f = n->op->data;

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

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    return nt_binary_lower(p, n, is_min(n) ? NT_BIN_MIN : NT_BIN_MAX, e);
}

/* The bound of a tensor that is clipped on one side, as some exporters write Relu and Relu6:
 * the constant that the only other operand is compared with; NULL where that is not so. */
static const nt_tensor *bound(const nt_node *n)
{
    for (int i = 0; n->n_in == 2 && i < 2; i++) {
        const nt_tensor *t = nt_const_in(n, i);
        const nt_value *x = n->in[1 - i];

        if (t && !x->data && t->rank <= x->rank && nt_tensor_count(t) == 1)
            return t;
    }
    return NULL;
}

static bool as_post(const nt_node *n, nt_post *out)
{
    const nt_tensor *t = bound(n);
    double at = t ? nt_tensor_get(t, 0) : 0;

    *out = (nt_post){.kind = NT_POST_CLIP,
                     .alpha = is_min(n) ? -INFINITY : (float)at,
                     .beta = is_min(n) ? (float)at : INFINITY};
    return t && !isnan(at);
}

#define MINMAX(onnx, fn)                                                                       \
    {                                                                                          \
        .name = onnx, .domain = "", .since = 6, .min_in = 1, .max_in = -1, .min_out = 1,       \
        .max_out = 1, .infer = nt_binary_infer, .eval = eval, .grad = grad, .lower = lower,    \
        .as_post = as_post, .couple = nt_couple_elementwise, .data = &fn                       \
    }

const nt_op nt_op_minmax[] = {MINMAX("Min", nt_binary_min), MINMAX("Max", nt_binary_max), {0}};
