/* SPDX-License-Identifier: MIT */
/* reshape.c - Reshape: 0 copies an extent (unless allowzero), one -1 takes what is left. */
#include "couple/adapt.h"
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/trace.h"
#include "op/view.h"

#include "base/alloc.h"

#include <inttypes.h>

/* What the target says of one output axis. */
typedef struct target {
    nt_dim dim; /* of what is neither 0 nor -1 */
    bool open;  /* -1 */
    int from;   /* the input axis whose extent it is; -1: none */
} target;

static bool is_taken(const target *t, int n, int axis)
{
    for (int i = 0; i < n; i++)
        if (t[i].from == axis)
            return true;
    return false;
}

/* The input's axis of that symbol, if no entry before has taken it. */
static int find_symbol(const nt_value *x, nt_dim d, const target *t, int n)
{
    for (int i = 0; i < x->rank && d.value < 0; i++)
        if (nt_dim_same(x->dims[i], d) && !is_taken(t, n, i))
            return i;
    return -1;
}

static nt_status read_entry(target *t, int i, const nt_traced *q, const nt_value *x,
                            bool allowzero, nt_err *e)
{
    bool copy = q->known && q->dim.value == 0 && !allowzero;

    t[i] = (target){q->dim, q->known && q->dim.value == -1, -1};
    if (q->known && q->dim.value < -1)
        return nt_fail(e, NT_EFORMAT, "an extent of %" PRId64, q->dim.value);
    if (copy && x->rank >= 0 && i >= x->rank)
        return nt_fail(e, NT_EFORMAT, "extent %d is 0, but the input has %d dimensions", i,
                       x->rank);
    if (copy) {
        t[i].dim = x->rank < 0 ? nt_dim_of(-1) : x->dims[i];
        t[i].from = i;
    } else if (q->of == x && !is_taken(t, i, q->axis)) {
        t[i].from = q->axis;
    } else if (!q->known) {
        t[i].from = find_symbol(x, q->dim, t, i);
    }
    return NT_OK;
}

/* What -1 stands for: the input's extents over the output's, times at most one symbol. An axis
 * that is taken over counts on neither side. */
static nt_status fill_open(nt_dim *open, const nt_value *x, const target *t, int rank,
                           nt_err *e)
{
    int64_t have = 1, used = 1;
    nt_dim sym = {-1, NULL};
    int n_sym = 0;

    for (int i = 0; i < x->rank; i++) {
        if (is_taken(t, rank, i))
            continue;
        if (x->dims[i].value < 0) {
            sym = x->dims[i];
            n_sym++;
        } else if (!nt_i64_mul(&have, have, x->dims[i].value))
            return nt_fail(e, NT_EFORMAT, "too many elements");
    }
    for (int i = 0; i < rank; i++) {
        if (t[i].open || t[i].from >= 0)
            continue;
        if (t[i].dim.value < 0)
            return NT_OK; /* stays unknown */
        if (!nt_i64_mul(&used, used, t[i].dim.value))
            return nt_fail(e, NT_EFORMAT, "too many elements");
    }
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

static nt_status infer_from(nt_node *n, const nt_traced *q, int rank, nt_err *e)
{
    const nt_value *x = n->in[0];
    bool allowzero = nt_node_int(n, "allowzero", 0);
    target t[NT_MAX_RANK];
    nt_dim dims[NT_MAX_RANK];
    int open = -1;
    nt_status s = NT_OK;

    for (int i = 0; i < rank; i++) {
        NT_TRY(read_entry(t, i, &q[i], x, allowzero, e));
        if (t[i].open && open >= 0)
            NT_TRY(nt_fail(e, NT_EFORMAT, "-1 stands twice"));
        open = t[i].open ? i : open;
        dims[i] = t[i].open ? nt_dim_of(-1) : t[i].dim;
    }
    if (open >= 0 && x->rank >= 0)
        NT_TRY(fill_open(&dims[open], x, t, rank, e));
    if (x->rank >= 0)
        NT_TRY(check_count(x, dims, rank, e));
    nt_infer_set(n->out[0], x->dtype, rank, dims);
done:
    return s;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_traced q[NT_MAX_RANK];
    int64_t list[NT_MAX_RANK];
    nt_status s = NT_OK;
    size_t rank;

    (void)g;
    nt_infer_type(n->out[0], n->in[0]->dtype);
    if (nt_const_in(n, 1)) /* says what is wrong with it */
        NT_TRY(nt_tensor_ints(list, &rank, NT_MAX_RANK, nt_const_in(n, 1), e));
    if (nt_trace_ints(q, &rank, NT_MAX_RANK, n->in[1]))
        NT_TRY(infer_from(n, q, (int)rank, e));
done:
    return s;
}

/* A computed target follows where it copies the input's extents, as far as the axes are the
 * same from the first on; what comes after is needed whole. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *y = n->out[0];
    nt_traced q[NT_MAX_RANK];
    nt_status s = NT_OK;
    size_t count;

    if (nt_const_in(n, 1))
        return nt_view_couple(c, n, e);
    if (!nt_trace_ints(q, &count, NT_MAX_RANK, n->in[1]))
        goto done;
    for (int i = 0; i < y->rank && i < x->rank && nt_dim_same(x->dims[i], y->dims[i]); i++)
        if (nt_trace_follows(q, count, i, x, i))
            NT_TRY(nt_couple_same(c, (nt_span){x, i, 1}, (nt_span){y, i, 1}, e));
done:
    return s;
}

static nt_status adapt(const nt_kept *k, nt_graph *g, nt_node *n, nt_err *e)
{
    return nt_const_in(n, 1) ? nt_adapt_shape(k, g, n, 1, e) : NT_OK;
}

static const nt_attr_spec attrs_14[] = {{"allowzero", NT_ATTR_INT, false}, {0}};

#define RESHAPE                                                                                \
    .name = "Reshape", .domain = "", .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,     \
    .infer = infer, .eval = nt_view_eval, .grad = nt_view_grad, .lower = nt_view_lower,        \
    .lower_grad = nt_view_lower_grad, .couple = couple, .adapt = adapt,                        \
    .flags = NT_OPF_BY_SAMPLE

const nt_op nt_op_reshape[] = {
    {RESHAPE, .since = 5, .until = 13},
    {RESHAPE, .since = 14, .attrs = attrs_14},
    {0},
};
