/* SPDX-License-Identifier: MIT */
#include "op/binary.h"

#include "base/alloc.h"
#include "facet/infer.h"
#include "facet/walk.h"

#include <string.h>

/* Elements at[0] of y, at[1] of a and at[2] of b. */
static void one(const nt_binary_fn *f, nt_tensor *y, const nt_tensor *a, const nt_tensor *b,
                const int64_t at[3])
{
    if (nt_dtype_is_real(a->dtype) || nt_dtype_is_real(b->dtype))
        nt_tensor_set(y, at[0], f->real(nt_tensor_get(a, at[1]), nt_tensor_get(b, at[2])));
    else if (a->dtype == NT_U64)
        nt_tensor_set_bits(
            y, at[0], f->natural(nt_tensor_get_bits(a, at[1]), nt_tensor_get_bits(b, at[2])));
    else
        nt_tensor_set_bits(
            y, at[0],
            (uint64_t)f->whole(nt_tensor_get_i64(a, at[1]), nt_tensor_get_i64(b, at[2])));
}

void nt_binary_eval(const nt_binary_fn *f, const nt_tensor *a, const nt_tensor *b, nt_tensor *y)
{
    bool fast = f->row && a->dtype == NT_F32 && b->dtype == NT_F32 && y->dtype == NT_F32;
    int64_t stride[3][NT_MAX_RANK];
    nt_walk w;

    nt_strides(stride[0], y->rank, y->dims);
    nt_strides_broadcast(stride[1], y->rank, a);
    nt_strides_broadcast(stride[2], y->rank, b);
    for (nt_walk_init(&w, y->rank, y->dims, 3, stride); nt_walk_more(&w); nt_walk_next(&w)) {
        if (fast)
            f->row((float *)y->data + w.at[0], w.step[0], (const float *)a->data + w.at[1],
                   w.step[1], (const float *)b->data + w.at[2], w.step[2], w.len);
        for (int64_t i = 0; !fast && i < w.len; i++)
            one(f, y, a, b,
                (const int64_t[]){w.at[0] + i * w.step[0], w.at[1] + i * w.step[1],
                                  w.at[2] + i * w.step[2]});
    }
}

nt_status nt_binary_op_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                            nt_err *e)
{
    (void)e;
    nt_binary_eval(n->op->data, in[0], in[1], out[0]);
    return NT_OK;
}

nt_status nt_binary_wants_nonzero(const nt_tensor *b, nt_err *e)
{
    for (int64_t i = 0; !nt_dtype_is_real(b->dtype) && i < nt_tensor_count(b); i++)
        if (nt_tensor_get_bits(b, i) == 0)
            return nt_fail(e, NT_EFORMAT, "an integer is divided by zero");
    return NT_OK;
}

static nt_status check_types(const nt_node *n, nt_err *e)
{
    const nt_value *a = n->in[0];
    nt_status s = nt_wants_numbers(a, e);

    if (s != NT_OK)
        return s;
    for (int i = 1; i < n->n_in; i++) {
        const nt_value *b = n->in[i];

        if (b && a->dtype && b->dtype && a->dtype != b->dtype)
            return nt_fail(e, NT_EFORMAT, "'%s' is %s but '%s' is %s", a->name,
                           nt_dtype_name(a->dtype), b->name, nt_dtype_name(b->dtype));
    }
    return NT_OK;
}

nt_status nt_binary_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_status s = check_types(n, e);

    return s == NT_OK ? nt_infer_elementwise(g, n, e) : s;
}

nt_status nt_binary_infer_bool(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_status s = nt_binary_infer(g, n, e);

    nt_infer_type(n->out[0], NT_BOOL);
    return s;
}

void nt_binary_grad(nt_tensor *dx, float (*f)(float a, float b), const nt_tensor *a,
                    const nt_tensor *b, const nt_tensor *dy)
{
    int64_t stride[4][NT_MAX_RANK];
    const float *pa = a->data, *pb = b->data, *pdy = dy->data;
    float *pdx = dx->data;
    nt_walk w;

    memset(pdx, 0, nt_tensor_bytes(dx));
    nt_strides_broadcast(stride[0], dy->rank, dx);
    nt_strides_broadcast(stride[1], dy->rank, a);
    nt_strides_broadcast(stride[2], dy->rank, b);
    nt_strides(stride[3], dy->rank, dy->dims);
    for (nt_walk_init(&w, dy->rank, dy->dims, 4, stride); nt_walk_more(&w); nt_walk_next(&w))
        for (int64_t i = 0; i < w.len; i++)
            pdx[w.at[0] + i * w.step[0]] +=
                pdy[w.at[3] + i * w.step[3]] *
                f(pa[w.at[1] + i * w.step[1]], pb[w.at[2] + i * w.step[2]]);
}

float nt_binary_one(float a, float b)
{
    (void)a;
    (void)b;
    return 1;
}
