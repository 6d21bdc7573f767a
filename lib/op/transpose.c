/* SPDX-License-Identifier: MIT */
/* transpose.c - Transpose: output axis i is input axis perm[i]; reversed without perm. */
#include "op/couple.h"
#include "op/program.h"
#include "op/util.h"
#include "op/view.h"

static nt_status permutation(int *perm, const nt_node *n, int rank, nt_err *e)
{
    const nt_attr *a = nt_node_attr(n, "perm");
    bool seen[NT_MAX_RANK] = {false};

    if (a && a->n != (size_t)rank)
        return nt_fail(e, NT_EFORMAT, "perm has %zu entries, the input %d dimensions", a->n,
                       rank);
    for (int i = 0; i < rank; i++) {
        int64_t axis = a ? a->ints[i] : rank - 1 - i;

        if (axis < 0 || axis >= rank || seen[axis])
            return nt_fail(e, NT_EFORMAT, "perm is no permutation");
        seen[axis] = true;
        perm[i] = (int)axis;
    }
    return NT_OK;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_dim dims[NT_MAX_RANK];
    int perm[NT_MAX_RANK];
    nt_status s = NT_OK;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (x->rank < 0)
        goto done;
    NT_TRY(permutation(perm, n, x->rank, e));
    for (int i = 0; i < x->rank; i++)
        dims[i] = x->dims[perm[i]];
    nt_infer_set(n->out[0], x->dtype, x->rank, dims);
done:
    return s;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    const nt_tensor *x = in[0], *y = out[0];
    int64_t ys[NT_MAX_RANK], xs[NT_MAX_RANK], own[NT_MAX_RANK];
    int perm[NT_MAX_RANK];
    nt_status s = NT_OK;

    NT_TRY(nt_eval_wants_bytes(x, e));
    NT_TRY(permutation(perm, n, x->rank, e));
    nt_strides(ys, y->rank, y->dims);
    nt_strides(own, x->rank, x->dims);
    for (int i = 0; i < y->rank; i++)
        xs[i] = own[perm[i]];
    nt_copy_strided(y->data, ys, x->data, xs, y->rank, y->dims, nt_dtype_size(x->dtype));
done:
    return s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    const nt_tensor *dy = dout[0], *dx = din[0];
    int64_t ys[NT_MAX_RANK], xs[NT_MAX_RANK], own[NT_MAX_RANK];
    int perm[NT_MAX_RANK];
    nt_status s = NT_OK;

    (void)in;
    (void)out;
    if (!dx)
        goto done;
    NT_TRY(permutation(perm, n, dx->rank, e));
    nt_strides(ys, dy->rank, dy->dims);
    nt_strides(own, dx->rank, dx->dims);
    for (int i = 0; i < dy->rank; i++)
        xs[i] = own[perm[i]];
    nt_copy_strided(dx->data, xs, dy->data, ys, dy->rank, dy->dims, nt_dtype_size(dy->dtype));
done:
    return s;
}

/* Do the axes that are not of extent 1 keep their order? */
static bool is_view(const nt_node *n)
{
    const nt_value *x = n->in[0];
    int perm[NT_MAX_RANK], last = -1;
    nt_err e;

    if (permutation(perm, n, x->rank, &e) != NT_OK)
        return false;
    for (int i = 0; i < x->rank; i++) {
        if (x->dims[perm[i]].value == 1)
            continue;
        if (perm[i] < last)
            return false;
        last = perm[i];
    }
    return true;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    return is_view(n) ? nt_view_lower(p, n, e) : nt_lower_default(p, n, e);
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    return is_view(n) ? nt_view_lower_grad(p, n, e) : nt_lower_grad_default(p, n, e);
}

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    int perm[NT_MAX_RANK];
    nt_status s = NT_OK;

    NT_TRY(permutation(perm, n, n->in[0]->rank, e));
    for (int i = 0; i < n->in[0]->rank; i++)
        NT_TRY(
            nt_couple_same(c, (nt_span){n->in[0], perm[i], 1}, (nt_span){n->out[0], i, 1}, e));
done:
    return s;
}

static const nt_attr_spec attrs[] = {{"perm", NT_ATTR_INTS, false}, {0}};

const nt_op nt_op_transpose[] = {
    {.name = "Transpose",
     .domain = "",
     .since = 1,
     .min_in = 1,
     .max_in = 1,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .infer = infer,
     .eval = eval,
     .grad = grad,
     .lower = lower,
     .lower_grad = lower_grad,
     .couple = couple},
    {0},
};
