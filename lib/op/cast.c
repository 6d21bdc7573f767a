/* SPDX-License-Identifier: MIT */
/* cast.c - Cast between the types of numbers; fractions are cut off, integers saturate. */
#include "op/couple.h"
#include "op/op.h"
#include "op/program.h"
#include "op/util.h"
#include "op/view.h"

static bool is_real(nt_dtype t)
{
    return t == NT_F32 || t == NT_F64 || t == NT_F16 || t == NT_BF16;
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    nt_dtype to = (nt_dtype)nt_node_int(n, "to", 0);

    (void)g;
    if (nt_dtype_size(to) == 0 && to != NT_U4 && to != NT_I4)
        return nt_fail(e, NT_EUNSUPPORTED, "type %s (%d) is not supported", nt_dtype_name(to),
                       (int)to);
    return NT_OK;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    (void)e;
    nt_infer_like(n->out[0], n->in[0]);
    nt_infer_type(n->out[0], (nt_dtype)nt_node_int(n, "to", 0));
    return NT_OK;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    int64_t count = nt_tensor_count(in[0]);
    bool real = is_real(in[0]->dtype);

    if (in[0]->dtype == out[0]->dtype)
        return nt_view_eval(n, in, out, e);
    for (int64_t i = 0; i < count; i++)
        if (real)
            nt_tensor_set(out[0], i, nt_tensor_get(in[0], i));
        else
            nt_tensor_set_i64(out[0], i, nt_tensor_get_i64(in[0], i));
    return NT_OK;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    (void)in;
    (void)out;
    return din[0] ? eval(n, dout, din, e) : NT_OK;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    return n->in[0]->dtype == n->out[0]->dtype ? nt_same_lower(p, n, e)
                                               : nt_lower_default(p, n, e);
}

static const nt_attr_spec attrs[] = {{"to", NT_ATTR_INT, true},
                                     {"saturate", NT_ATTR_INT, false}, /* of 8-bit floats */
                                     {0}};

const nt_op nt_op_cast[] = {
    {.name = "Cast",
     .domain = "",
     .since = 6,
     .min_in = 1,
     .max_in = 1,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .check = check,
     .infer = infer,
     .eval = eval,
     .grad = grad,
     .lower = lower,
     .couple = nt_couple_unary},
    {0},
};
