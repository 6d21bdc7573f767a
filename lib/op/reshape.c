/* SPDX-License-Identifier: MIT */
/* reshape.c - Reshape: 0 copies an extent (unless allowzero), one -1 takes what is left. */
#include "op/adapt.h"
#include "op/couple.h"
#include "op/util.h"
#include "op/view.h"

#include "base/alloc.h"

#include <inttypes.h>

static nt_status check_shape(const int64_t *want, size_t n, nt_err *e)
{
    int open = 0;

    for (size_t i = 0; i < n; i++) {
        if (want[i] < -1)
            return nt_fail(e, NT_EFORMAT, "an extent of %" PRId64, want[i]);
        open += want[i] == -1;
    }
    return open > 1 ? nt_fail(e, NT_EFORMAT, "-1 stands twice") : NT_OK;
}

/* What -1 stands for: x's known extents over the output's, times at most one symbol of x. */
static nt_status fill_open(nt_dim *open, const nt_value *x, const bool *copied,
                           const nt_dim *dims, int rank, nt_err *e)
{
    int64_t have = 1, used = 1;
    nt_dim sym = {-1, NULL};
    int n_sym = 0;

    for (int i = 0; i < x->rank; i++) {
        if (copied[i])
            continue;
        if (x->dims[i].value < 0) {
            sym = x->dims[i];
            n_sym++;
        } else if (!nt_i64_mul(&have, have, x->dims[i].value))
            return nt_fail(e, NT_EFORMAT, "too many elements");
    }
    for (int i = 0; i < rank; i++)
        if (&dims[i] != open && dims[i].value >= 0 && !(i < x->rank && copied[i]) &&
            !nt_i64_mul(&used, used, dims[i].value))
            return nt_fail(e, NT_EFORMAT, "too many elements");
    if (n_sym == 0 && (used == 0 || have % used))
        return nt_fail(e, NT_EFORMAT, "%" PRId64 " elements do not make rows of %" PRId64, have,
                       used);
    if (n_sym == 0)
        *open = nt_dim_of(have / used);
    else if (n_sym == 1 && have == used)
        *open = sym;
    return NT_OK;
}

static nt_status check_count(const nt_value *x, const nt_dim *dims, int rank, nt_err *e)
{
    int64_t have = 1, want = 1;

    for (int i = 0; i < x->rank; i++)
        if (x->dims[i].value < 0 || !nt_i64_mul(&have, have, x->dims[i].value))
            return NT_OK;
    for (int i = 0; i < rank; i++)
        if (dims[i].value < 0 || !nt_i64_mul(&want, want, dims[i].value))
            return NT_OK;
    if (have != want)
        return nt_fail(e, NT_EFORMAT, "%" PRId64 " elements do not fill %" PRId64, have, want);
    return NT_OK;
}

static nt_status infer_from(nt_node *n, const int64_t *want, int rank, nt_err *e)
{
    const nt_value *x = n->in[0];
    bool allowzero = nt_node_int(n, "allowzero", 0), copied[NT_MAX_RANK] = {false};
    nt_dim dims[NT_MAX_RANK];
    int open = -1;
    nt_status s = NT_OK;

    for (int i = 0; i < rank; i++) {
        dims[i] = nt_dim_of(want[i]);
        if (want[i] == -1)
            open = i;
        if (want[i] != 0 || allowzero)
            continue;
        if (x->rank >= 0 && i >= x->rank)
            NT_TRY(nt_fail(e, NT_EFORMAT, "extent %d is 0, but the input has %d dimensions", i,
                           x->rank));
        dims[i] = x->rank < 0 ? nt_dim_of(-1) : x->dims[i];
        copied[i] = true;
    }
    if (open >= 0 && x->rank >= 0)
        NT_TRY(fill_open(&dims[open], x, copied, dims, rank, e));
    if (x->rank >= 0)
        NT_TRY(check_count(x, dims, rank, e));
    nt_infer_set(n->out[0], x->dtype, rank, dims);
done:
    return s;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_tensor *t = nt_const_in(n, 1);
    const nt_value *shape = n->in[1];
    int64_t want[NT_MAX_RANK];
    nt_dim unknown[NT_MAX_RANK];
    nt_status s = NT_OK;
    size_t rank;

    (void)g;
    if (t) {
        NT_TRY(nt_tensor_ints(want, &rank, NT_MAX_RANK, t, e));
        NT_TRY(check_shape(want, rank, e));
        NT_TRY(infer_from(n, want, (int)rank, e));
    } else if (shape->rank == 1 && shape->dims[0].value >= 0 &&
               shape->dims[0].value <= NT_MAX_RANK) {
        for (int i = 0; i < NT_MAX_RANK; i++)
            unknown[i] = nt_dim_of(-1);
        nt_infer_set(n->out[0], n->in[0]->dtype, (int)shape->dims[0].value, unknown);
    } else {
        nt_infer_type(n->out[0], n->in[0]->dtype);
    }
done:
    return s;
}

static nt_status adapt(const nt_kept *k, nt_graph *g, nt_node *n, nt_err *e)
{
    return nt_adapt_shape(k, g, n, 1, e);
}

static const nt_attr_spec attrs[] = {{"allowzero", NT_ATTR_INT, false}, {0}};

const nt_op nt_op_reshape[] = {
    {.name = "Reshape",
     .domain = "",
     .since = 5,
     .min_in = 2,
     .max_in = 2,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .infer = infer,
     .eval = nt_view_eval,
     .grad = nt_view_grad,
     .lower = nt_view_lower,
     .lower_grad = nt_view_lower_grad,
     .couple = nt_view_couple,
     .adapt = adapt},
    {0},
};
