/* SPDX-License-Identifier: MIT */
#include "facet/widen.h"

#include <assert.h>

enum { MAX_IN = 8, MAX_OUT = 2 };

static bool is_other_float(const nt_tensor *t)
{
    return t && (t->dtype == NT_F16 || t->dtype == NT_BF16 || t->dtype == NT_F64);
}

static void copy(nt_tensor *to, const nt_tensor *from)
{
    int64_t n = nt_tensor_count(from);

    for (int64_t i = 0; i < n; i++)
        nt_tensor_set(to, i, nt_tensor_get(from, i));
}

/* *copied: t's numbers in fp32, or NULL where t can stay. */
static nt_status widen(nt_tensor **copied, const nt_tensor *t, nt_err *e)
{
    nt_status s = NT_OK;

    if (!is_other_float(t))
        return NT_OK;
    NT_TRY(nt_tensor_new(copied, NT_F32, t->rank, t->dims, e));
    copy(*copied, t);
done:
    return s;
}

nt_status nt_eval_in_f32(nt_eval_fn *eval, const nt_node *n, const nt_tensor *const *in,
                         nt_tensor *const *out, nt_err *e)
{
    nt_tensor *wide_in[MAX_IN] = {NULL}, *wide_out[MAX_OUT] = {NULL}, *y[MAX_OUT] = {NULL};
    const nt_tensor *x[MAX_IN] = {NULL};
    nt_status s = NT_OK;

    assert(n->n_in <= MAX_IN && n->n_out <= MAX_OUT);
    for (int i = 0; i < n->n_in; i++) {
        NT_TRY(widen(&wide_in[i], in[i], e));
        x[i] = wide_in[i] ? wide_in[i] : in[i];
    }
    for (int i = 0; i < n->n_out; i++) {
        if (is_other_float(out[i]))
            NT_TRY(nt_tensor_new(&wide_out[i], NT_F32, out[i]->rank, out[i]->dims, e));
        y[i] = wide_out[i] ? wide_out[i] : out[i];
    }
    NT_TRY(eval(n, x, y, e));
    for (int i = 0; i < n->n_out; i++)
        if (wide_out[i])
            copy(out[i], wide_out[i]);
done:
    for (int i = 0; i < MAX_IN; i++)
        nt_tensor_free(wide_in[i]);
    for (int i = 0; i < MAX_OUT; i++)
        nt_tensor_free(wide_out[i]);
    return s;
}
