/* SPDX-License-Identifier: MIT */
/* tile.c - Tile: the tensor so many times along each axis. */
#include "couple/adapt.h"
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "op/pick.h"

#include "base/alloc.h" /* nt_i64_mul */

#include <inttypes.h>

static nt_status read_repeats(int64_t *r, const nt_tensor *t, int rank, nt_err *e)
{
    nt_status s = NT_OK;
    size_t n;

    NT_TRY(nt_tensor_ints(r, &n, NT_MAX_RANK, t, e));
    if (n != (size_t)rank)
        NT_TRY(nt_fail(e, NT_EFORMAT, "%zu repeats, want %d", n, rank));
    for (int i = 0; i < rank; i++)
        if (r[i] < 0)
            NT_TRY(nt_fail(e, NT_EFORMAT, "%" PRId64 " repeats", r[i]));
done:
    return s;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    const nt_tensor *t = nt_const_in(n, 1);
    int64_t r[NT_MAX_RANK];
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (x->rank < 0)
        goto done;
    if (t)
        NT_TRY(read_repeats(r, t, x->rank, e));
    for (int i = 0; i < x->rank; i++) {
        dims[i] = t && r[i] == 1 ? x->dims[i] : nt_dim_of(-1);
        if (t && x->dims[i].value >= 0 && !nt_i64_mul(&dims[i].value, x->dims[i].value, r[i]))
            NT_TRY(nt_fail(e, NT_EFORMAT, "too many elements"));
    }
    nt_infer_set(n->out[0], x->dtype, x->rank, dims);
done:
    return s;
}

static void set(nt_pick *p)
{
    for (int a = 0; a < p->rank; a++)
        for (int64_t i = 0; i < p->ydims[a]; i++)
            p->map[a][i] = i % p->xdims[a];
}

static const nt_pick_rule rule = {set};

/* All copies of an index go together. An axis of extent 1 is stretched to what others need, and
 * the repeats follow. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *y = n->out[0];
    const nt_tensor *t = nt_const_in(n, 1);
    int64_t r[NT_MAX_RANK];
    nt_status s = NT_OK;

    if (!t)
        goto done;
    NT_TRY(read_repeats(r, t, x->rank, e));
    for (int a = 0; a < x->rank; a++) {
        nt_span from = {x, a, 1}, to = {y, a, 1};
        int64_t extent = x->dims[a].value;

        if (r[a] == 1)
            NT_TRY(nt_couple_same(c, from, to, e));
        else if (extent == 1)
            NT_TRY(nt_couple_free(c, to, e));
        for (int64_t k = 0; k < r[a] && r[a] > 1 && extent > 1; k++)
            NT_TRY(nt_couple_tie(c, (nt_indices){from, 0, 1}, (nt_indices){to, k * extent, 1},
                                 extent, e));
    }
done:
    return s;
}

static nt_status adapt(const nt_kept *k, nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *y = n->out[0];
    const nt_tensor *t = nt_const_in(n, 1);
    int64_t r[NT_MAX_RANK];
    nt_status s = NT_OK;
    bool changed = false;

    if (!t)
        goto done;
    NT_TRY(read_repeats(r, t, x->rank, e));
    for (int a = 0; a < x->rank; a++) {
        if (r[a] == 1 || nt_kept_old_dim(k, x, a) != 1 || !nt_kept_is_cut(k, y, a))
            continue;
        r[a] = nt_kept_dim(k, y, a);
        changed = true;
    }
    if (changed)
        NT_TRY(nt_adapt_input(g, n, 1, r, (size_t)x->rank, e));
done:
    return s;
}

const nt_op nt_op_tile[] = {
    {.name = "Tile",
     .domain = "",
     .since = 6,
     .min_in = 2,
     .max_in = 2,
     .min_out = 1,
     .max_out = 1,
     .infer = infer,
     .data = &rule,
     .eval = nt_pick_rule_eval,
     .grad = nt_pick_rule_grad,
     .lower = nt_pick_rule_lower,
     .lower_grad = nt_pick_rule_lower_grad,
     .couple = couple,
     .adapt = adapt},
    {0},
};
