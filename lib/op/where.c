/* SPDX-License-Identifier: MIT */
/* where.c - Where: condition ? a : b, with broadcasting. */
#include "op/couple.h"
#include "op/op.h"
#include "op/util.h"

#include <string.h>

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_status s = nt_infer_elementwise(g, n, e);

    if (n->in[0]->dtype && n->in[0]->dtype != NT_BOOL)
        return nt_fail(e, NT_EFORMAT, "the condition is %s, want bool",
                       nt_dtype_name(n->in[0]->dtype));
    nt_infer_type(n->out[0], n->in[1]->dtype);
    return s;
}

static void strides_of(int64_t (*stride)[NT_MAX_RANK], const nt_tensor *y,
                       const nt_tensor *const *in)
{
    nt_strides(stride[0], y->rank, y->dims);
    for (int i = 0; i < 3; i++)
        nt_strides_broadcast(stride[i + 1], y->rank, in[i]);
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    int64_t stride[4][NT_MAX_RANK];
    size_t size = nt_dtype_size(out[0]->dtype);
    nt_tensor *y = out[0];
    nt_status s = NT_OK;
    nt_walk w;

    (void)n;
    NT_TRY(nt_eval_wants_bytes(y, e));
    strides_of(stride, y, in);
    for (nt_walk_init(&w, y->rank, y->dims, 4, stride); nt_walk_more(&w); nt_walk_next(&w))
        for (int64_t i = 0; i < w.len; i++) {
            bool c = ((const uint8_t *)in[0]->data)[w.at[1] + i * w.step[1]];
            int k = c ? 1 : 2;

            memcpy((char *)y->data + (size_t)(w.at[0] + i * w.step[0]) * size,
                   (const char *)in[k]->data + (size_t)(w.at[k + 1] + i * w.step[k + 1]) * size,
                   size);
        }
done:
    return s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    int64_t stride[4][NT_MAX_RANK];
    const nt_tensor *dy = dout[0];
    nt_walk w;

    (void)n;
    (void)out;
    (void)e;
    for (int k = 1; k < 3; k++)
        if (din[k])
            memset(din[k]->data, 0, nt_tensor_bytes(din[k]));
    strides_of(stride, dy, in);
    for (nt_walk_init(&w, dy->rank, dy->dims, 4, stride); nt_walk_more(&w); nt_walk_next(&w))
        for (int64_t i = 0; i < w.len; i++) {
            int k = ((const uint8_t *)in[0]->data)[w.at[1] + i * w.step[1]] ? 1 : 2;

            if (din[k])
                ((float *)din[k]->data)[w.at[k + 1] + i * w.step[k + 1]] +=
                    ((const float *)dy->data)[w.at[0] + i * w.step[0]];
        }
    return NT_OK;
}

const nt_op nt_op_where[] = {
    {.name = "Where",
     .domain = "",
     .since = 9,
     .min_in = 3,
     .max_in = 3,
     .min_out = 1,
     .max_out = 1,
     .infer = infer,
     .eval = eval,
     .grad = grad,
     .couple = nt_couple_elementwise},
    {0},
};
