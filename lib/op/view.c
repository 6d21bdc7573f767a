/* SPDX-License-Identifier: MIT */
#include "op/view.h"

#include "couple/couple.h"
#include "facet/infer.h"
#include "lower/program.h"

#include <string.h>

nt_status nt_view_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                       nt_err *e)
{
    size_t bytes = nt_tensor_bytes(in[0]);

    (void)n;
    if (bytes != nt_tensor_bytes(out[0]))
        return nt_fail(e, NT_EFORMAT, "%zu bytes do not fill %zu", bytes,
                       nt_tensor_bytes(out[0]));
    if (bytes)
        memcpy(out[0]->data, in[0]->data, bytes);
    return NT_OK;
}

nt_status nt_view_grad(const nt_node *n, const nt_tensor *const *in,
                       const nt_tensor *const *out, const nt_tensor *const *dout,
                       nt_tensor *const *din, nt_err *e)
{
    (void)in;
    (void)out;
    return din[0] ? nt_view_eval(n, dout, din, e) : NT_OK;
}

static nt_status known_dims(int64_t *dims, const nt_value *v, nt_err *e)
{
    if (!nt_value_shape(v, dims))
        return nt_fail(e, NT_EINVAL, "value '%s' has no known shape", v->name);
    return NT_OK;
}

nt_status nt_view_lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t dims[NT_MAX_RANK];
    nt_tid x, y;

    NT_TRY(known_dims(dims, n->out[0], e));
    NT_TRY(nt_program_value_as(p, n->in[0], NT_FMT_PLAIN, NT_UNDEFINED, &x, e));
    NT_TRY(nt_program_view(p, x, n->out[0]->rank, dims, &y, e));
    NT_TRY(nt_program_bind(p, n->out[0], y, e));
done:
    return s;
}

nt_status nt_view_lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t dims[NT_MAX_RANK];
    nt_tid dy, dx;

    if (!nt_program_needs_grad(p, n->in[0]))
        return NT_OK;
    NT_TRY(known_dims(dims, n->in[0], e));
    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_PLAIN, NT_UNDEFINED, &dy, e));
    if (dy < 0)
        return NT_OK;
    NT_TRY(nt_program_view(p, dy, n->in[0]->rank, dims, &dx, e));
    NT_TRY(nt_program_add_grad(p, n->in[0], dx, e));
done:
    return s;
}

/* A run of axes [from, to) and its product. */
typedef struct run {
    const nt_value *v;
    int from, to;
    int64_t size;
} run;

/* An open batch size counts as 1: nothing is ever taken from it. -1: unknown. */
static int64_t extent(const nt_value *v, int axis)
{
    int64_t n = v->dims[axis].value;

    return axis == 0 && n < 0 ? 1 : n;
}

/* Is there a next axis, of known extent? */
static bool may_extend(const run *r)
{
    return r->to < r->v->rank && extent(r->v, r->to) >= 0;
}

static void extend(run *r)
{
    r->size *= extent(r->v, r->to++);
}

/* The run without extents of 1 at its ends; n is 0 when nothing is left. */
static nt_span trimmed(const run *r)
{
    int from = r->from, to = r->to;

    while (from < to && extent(r->v, from) == 1)
        from++;
    while (from < to && extent(r->v, to - 1) == 1)
        to--;
    return (nt_span){r->v, from, to - from};
}

static nt_status tie_runs(nt_coupling *c, const run *x, const run *y, nt_err *e)
{
    nt_span a = trimmed(x), b = trimmed(y);

    return a.n && b.n ? nt_couple_same(c, a, b, e) : NT_OK;
}

/* Grows the smaller of two runs until they match; false if they never do. */
static bool match(run *x, run *y)
{
    while (x->size != y->size) {
        run *r = x->size < y->size ? x : y;

        if (!may_extend(r))
            return false;
        extend(r);
    }
    return true;
}

static bool is_open(const nt_value *v, int from)
{
    for (int i = from; i < v->rank; i++)
        if (v->dims[i].value < 0)
            return true;
    return false;
}

/* Or may rows have become a part of an open batch? */
static bool batch_stays(const nt_value *x, const nt_value *y)
{
    if (x->rank == 0 || y->rank == 0 || nt_dim_same(x->dims[0], y->dims[0]))
        return true;
    return !is_open(x, 1) && !is_open(y, 1) && !(is_open(x, 0) && is_open(y, 0));
}

/* Runs from the first axis on, up to an extent that is unknown: what is not mentioned stays. */
nt_status nt_view_couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    run x = {n->in[0], 0, 0, 1}, y = {n->out[0], 0, 0, 1};

    if (!batch_stays(x.v, y.v))
        return NT_OK;
    while (may_extend(&x) && may_extend(&y)) {
        x = (run){x.v, x.to, x.to, 1};
        y = (run){y.v, y.to, y.to, 1};
        extend(&x);
        extend(&y);
        if (!match(&x, &y))
            break;
        NT_TRY(tie_runs(c, &x, &y, e));
    }
done:
    return s;
}

nt_status nt_same_lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid x;

    NT_TRY(nt_program_value(p, n->in[0], &x, e));
    NT_TRY(nt_program_bind(p, n->out[0], x, e));
done:
    return s;
}

nt_status nt_same_lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid dy;

    if (!nt_program_needs_grad(p, n->in[0]))
        return NT_OK;
    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_ANY, NT_UNDEFINED, &dy, e));
    if (dy >= 0)
        NT_TRY(nt_program_add_grad(p, n->in[0], dy, e));
done:
    return s;
}
