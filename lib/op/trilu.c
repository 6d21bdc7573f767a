/* SPDX-License-Identifier: MIT */
/* trilu.c - Trilu: of each matrix the elements on and above (upper) or on and below the k-th
 * diagonal, zeros elsewhere. EyeLike: ones on the k-th diagonal of a matrix of x's shape. */
#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"

#include <inttypes.h>
#include <string.h>

/* ---- Trilu */

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];

    (void)g;
    if (x->rank >= 0 && x->rank < 2)
        return nt_fail(e, NT_EFORMAT, "input has %d dimensions, want at least 2", x->rank);
    nt_infer_like(n->out[0], x);
    return NT_OK;
}

static nt_status diagonal(int64_t *k, const nt_node *n, const nt_tensor *const *in, nt_err *e)
{
    *k = 0;
    if (n->n_in < 2 || !in[1])
        return NT_OK;
    if (nt_tensor_count(in[1]) != 1)
        return nt_fail(e, NT_EFORMAT, "k has %" PRId64 " elements, want 1",
                       nt_tensor_count(in[1]));
    *k = nt_tensor_get_i64(in[1], 0);
    return NT_OK;
}

/* k within what a matrix can tell apart, so that sums with it stay small. */
static int64_t clamp(int64_t k, int64_t rows, int64_t cols)
{
    return k < -rows ? -rows : k > cols ? cols : k;
}

static void keep_triangle(nt_tensor *y, const nt_tensor *x, int64_t k, bool upper)
{
    int64_t rows = x->dims[x->rank - 2], cols = x->dims[x->rank - 1];
    int64_t lines = cols ? nt_tensor_count(x) / cols : 0;
    size_t size = nt_dtype_size(x->dtype);

    k = clamp(k, rows, cols);
    memset(y->data, 0, nt_tensor_bytes(y));
    for (int64_t i = 0; i < lines; i++) {
        int64_t on = i % rows + k; /* column of the diagonal */
        int64_t from = !upper || on < 0 ? 0 : on < cols ? on : cols;
        int64_t to = upper || on >= cols ? cols : on < 0 ? 0 : on + 1;
        size_t at = (size_t)(i * cols + from) * size;

        if (to > from)
            memcpy((char *)y->data + at, (const char *)x->data + at,
                   (size_t)(to - from) * size);
    }
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    nt_status s = NT_OK;
    int64_t k;

    NT_TRY(nt_eval_wants_bytes(in[0], e));
    NT_TRY(diagonal(&k, n, in, e));
    keep_triangle(out[0], in[0], k, nt_node_int(n, "upper", 1) != 0);
done:
    return s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t k;

    (void)out;
    if (!din[0])
        goto done;
    NT_TRY(diagonal(&k, n, in, e));
    keep_triangle(din[0], dout[0], k, nt_node_int(n, "upper", 1) != 0);
done:
    return s;
}

/* Rows and columns of the matrices stay whole. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i + 2 < n->in[0]->rank; i++)
        NT_TRY(nt_couple_same(c, (nt_span){n->in[0], i, 1}, (nt_span){n->out[0], i, 1}, e));
done:
    return s;
}

/* ---- EyeLike */

static nt_dtype eye_type(const nt_node *n)
{
    return (nt_dtype)nt_node_int(n, "dtype", n->in[0]->dtype);
}

static nt_status eye_check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    (void)g;
    if (nt_node_attr(n, "dtype") && !nt_dtype_size(eye_type(n)))
        return nt_fail(e, NT_EUNSUPPORTED, "dtype %" PRId64 " is not supported",
                       nt_node_int(n, "dtype", 0));
    return NT_OK;
}

static nt_status eye_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    if (n->in[0]->rank >= 0 && n->in[0]->rank != 2)
        return nt_fail(e, NT_EFORMAT, "input has %d dimensions, want 2", n->in[0]->rank);
    nt_infer_like(n->out[0], n->in[0]);
    nt_infer_type(n->out[0], eye_type(n));
    return NT_OK;
}

static nt_status eye_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    int64_t rows = in[0]->dims[0], cols = in[0]->dims[1];
    int64_t k = clamp(nt_node_int(n, "k", 0), rows, cols);

    (void)e;
    memset(out[0]->data, 0, nt_tensor_bytes(out[0]));
    for (int64_t i = 0; i < rows; i++)
        if (i + k >= 0 && i + k < cols)
            nt_tensor_set_i64(out[0], i * cols + i + k, 1);
    return NT_OK;
}

static const nt_attr_spec attrs[] = {{"upper", NT_ATTR_INT, false}, {0}};
static const nt_attr_spec eye_attrs[] = {
    {"dtype", NT_ATTR_INT, false}, {"k", NT_ATTR_INT, false}, {0}};

/* EyeLike has no couple(): its output is made of extents, which must stay. */
const nt_op nt_op_trilu[] = {
    {.name = "Trilu",
     .domain = "",
     .since = 14,
     .min_in = 1,
     .max_in = 2,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .infer = infer,
     .eval = eval,
     .grad = grad,
     .couple = couple},
    {.name = "EyeLike",
     .domain = "",
     .since = 9,
     .min_in = 1,
     .max_in = 1,
     .min_out = 1,
     .max_out = 1,
     .attrs = eye_attrs,
     .check = eye_check,
     .infer = eye_infer,
     .eval = eye_eval},
    {0},
};
