/* SPDX-License-Identifier: MIT */
/* where.c - Where: condition ? a : b, with broadcasting. */
#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"

#include <string.h>

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_status s = nt_infer_elementwise(g, n, e);
    nt_dtype a = n->in[1]->dtype, b = n->in[2]->dtype;

    if (a && b && a != b)
        return nt_fail(e, NT_EFORMAT, "'%s' is %s but '%s' is %s", n->in[1]->name,
                       nt_dtype_name(a), n->in[2]->name, nt_dtype_name(b));
    if (n->in[0]->dtype && n->in[0]->dtype != NT_BOOL)
        return nt_fail(e, NT_EFORMAT, "the condition is %s, want bool",
                       nt_dtype_name(n->in[0]->dtype));
    nt_infer_type(n->out[0], a);
    return s;
}

static void strides_of(int64_t (*stride)[NT_MAX_RANK], const nt_tensor *y,
                       const nt_tensor *const *in)
{
    nt_strides(stride[0], y->rank, y->dims);
    for (int i = 0; i < 3; i++)
        nt_strides_broadcast(stride[i + 1], y->rank, in[i]);
}

#define CHOOSE_ROW(type)                                                                       \
    do {                                                                                       \
        type *yt = (type *)y->data + w->at[0];                                                 \
        const uint8_t *ct = (const uint8_t *)in[0]->data + w->at[1];                           \
        const type *at = (const type *)in[1]->data + w->at[2];                                 \
        const type *bt = (const type *)in[2]->data + w->at[3];                                 \
        for (int64_t i = 0; i < w->len; i++)                                                   \
            yt[i * w->step[0]] = ct[i * w->step[1]] ? at[i * w->step[2]] : bt[i * w->step[3]]; \
    } while (0)

static void choose_row(nt_tensor *y, const nt_tensor *const *in, const nt_walk *w)
{
    switch (nt_dtype_size(y->dtype)) {
    case 1:
        CHOOSE_ROW(uint8_t);
        break;
    case 2:
        CHOOSE_ROW(uint16_t);
        break;
    case 4:
        CHOOSE_ROW(uint32_t);
        break;
    default:
        CHOOSE_ROW(uint64_t);
    }
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    int64_t stride[4][NT_MAX_RANK];
    nt_tensor *y = out[0];
    nt_status s = NT_OK;
    nt_walk w;

    (void)n;
    NT_TRY(nt_eval_wants_bytes(y, e));
    strides_of(stride, y, in);
    for (nt_walk_init(&w, y->rank, y->dims, 4, stride); nt_walk_more(&w); nt_walk_next(&w))
        choose_row(y, in, &w);
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
