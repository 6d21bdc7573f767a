/* SPDX-License-Identifier: MIT */
#include "lower/steps.h"
#include "op/binary.h"

bool nt_binary_is_full(const nt_value *v, const nt_value *y)
{
    if (v->rank != y->rank)
        return false;
    for (int i = 0; i < v->rank; i++)
        if (v->dims[i].value != y->dims[i].value)
            return false;
    return true;
}

/* With as many axes as the full-size operand, in its format and type. */
static nt_status stretched(nt_program *p, const nt_value *v, nt_desc full, nt_tid *out,
                           nt_err *e)
{
    int64_t dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    nt_tid t;

    for (int i = 0; i < full.rank; i++) {
        int from = i - (full.rank - v->rank);

        dims[i] = from < 0 ? 1 : v->dims[from].value;
    }
    NT_TRY(nt_program_value_as(p, v, v->rank == full.rank ? full.fmt : NT_FMT_PLAIN, full.dtype,
                               &t, e));
    if (v->rank < full.rank) {
        NT_TRY(nt_program_view(p, t, full.rank, dims, &t, e));
        NT_TRY(nt_program_as(p, t, full.fmt, full.dtype, &t, e));
    }
    *out = t;
done:
    return s;
}

int nt_binary_leading(const nt_node *n)
{
    int best = -1;

    if (!nt_steps_is_float(n->out[0]) || n->out[0]->rank == 0)
        return -1;
    for (int i = n->n_in - 1; i >= 0; i--)
        if (nt_binary_is_full(n->in[i], n->out[0]) && (best < 0 || !n->in[i]->data))
            best = i;
    return best;
}

nt_status nt_binary_beside(nt_program *p, const nt_node *n, const nt_value *v, nt_tid t,
                           nt_tid *out, nt_err *e)
{
    nt_desc d = *nt_program_desc(p, t);

    return nt_binary_is_full(v, n->out[0]) ? nt_program_value_as(p, v, d.fmt, d.dtype, out, e)
                                           : stretched(p, v, d, out, e);
}

nt_status nt_binary_step(nt_program *p, const nt_node *n, nt_binary_term t, nt_tid *y,
                         nt_err *e)
{
    nt_binary_desc d = {t.kind, *nt_program_desc(p, t.a), *nt_program_desc(p, t.b), {0}};
    const nt_tid in[2] = {t.a, t.b};
    nt_prim *prim = NULL;
    nt_status s = NT_OK;

    d.y = t.b_leads ? d.b : d.a;
    NT_TRY(nt_binary_new(&prim, nt_program_device(p), &d, e));
    s = nt_program_temp(p, &d.y, y, e);
    if (s != NT_OK) {
        nt_prim_free(prim);
        goto done;
    }
    NT_TRY(nt_program_call(p, &(nt_call){n, n->op_type, prim, in, 2, y, 1}, e));
done:
    return s;
}

nt_status nt_binary_lower(nt_program *p, const nt_node *n, nt_binary_kind kind, nt_err *e)
{
    int lead = nt_binary_leading(n), at = n->n_in == 2 ? lead : 0;
    nt_status s = NT_OK;
    nt_tid t[2], y;

    if (lead < 0 || n->n_in < 2)
        return nt_lower_default(p, n, e);
    NT_TRY(nt_steps_activation(p, n->in[lead], &y, e));
    for (int i = 0; i < n->n_in; i++) {
        if (i == lead)
            continue;
        t[at] = y;
        NT_TRY(nt_binary_beside(p, n, n->in[i], y, &t[1 - at], e));
        NT_TRY(nt_binary_step(p, n, (nt_binary_term){kind, t[0], t[1], at == 1}, &y, e));
        NT_TRY(nt_program_inplace(p, y, t[at], false, e));
    }
    NT_TRY(nt_program_bind(p, n->out[0], y, e));
done:
    return s;
}
nt_status nt_binary_give(nt_program *p, const nt_node *n, const nt_value *v, nt_tid g,
                         nt_err *e)
{
    nt_status s = NT_OK;
    nt_prim *prim = NULL;
    nt_tid from, to;
    nt_desc a, b;

    if (nt_binary_is_full(v, n->out[0])) {
        NT_TRY(nt_program_add_grad(p, v, g, e));
        goto done;
    }
    NT_TRY(nt_program_as(p, g, NT_FMT_PLAIN, NT_F32, &from, e));
    NT_TRY(nt_program_param_grad(p, v, &to, e));
    a = b = *nt_program_desc(p, from);
    for (int i = 0; i < b.rank; i++) {
        int axis = i - (b.rank - v->rank);

        b.dims[i] = axis < 0 ? 1 : v->dims[axis].value;
    }
    NT_TRY(nt_reduce_to_new(&prim, nt_program_device(p), &a, &b, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "reduce", prim, &from, 1, &to, 1}, e));
    NT_TRY(nt_program_add_grad(p, v, to, e));
done:
    return s;
}
