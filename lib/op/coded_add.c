/* SPDX-License-Identifier: MIT */
/* CodedAdd runs over memory, whatever the layout, where both operands have the same. */
#include "kernel/codes.h"
#include "lower/steps.h"
#include "op/coded.h"

static nt_status run(void *ctx, void *const *arg, nt_err *e)
{
    (void)e;
    nt_codes_add(arg[2], arg[0], arg[1], ctx);
    return NT_OK;
}

static void read_codings(nt_codes_sum *c, const nt_node *n)
{
    c->a = (nt_coding){n->in[0]->dtype, nt_node_float(n, "a_scale", 1),
                       (int32_t)nt_node_int(n, "a_zero", 0)};
    c->b = (nt_coding){n->in[1]->dtype, nt_node_float(n, "b_scale", 1),
                       (int32_t)nt_node_int(n, "b_zero", 0)};
    c->y = (nt_coding){n->out[0]->dtype, nt_node_float(n, "y_scale", 1),
                       (int32_t)nt_node_int(n, "y_zero", 0)};
    nt_codes_range(&c->lo, &c->hi, c->y.type);
    c->lo = nt_node_float(n, "lo", c->lo);
    c->hi = nt_node_float(n, "hi", c->hi);
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_codes_sum *c = nt_program_alloc(p, 1, sizeof *c);
    nt_step_desc step = {.node = n, .what = "add int8", .fn = run, .ctx = c, .n_args = 3};
    nt_tid a = -1, b = -1, y = -1;
    nt_status s = NT_OK;
    nt_desc d;

    if (!c)
        return nt_fail_nomem(e);
    read_codings(c, n);
    NT_TRY(nt_program_value(p, n->in[0], &a, e));
    NT_TRY(nt_steps_unpadded(p, a, &a, e));
    d = *nt_program_desc(p, a);
    NT_TRY(nt_program_value_as(p, n->in[1], d.fmt, c->b.type, &b, e));
    d.dtype = c->y.type;
    c->n = (int64_t)nt_desc_bytes(&d);
    NT_TRY(nt_program_temp(p, &d, &y, e));
    step.arg[0] = a;
    step.arg[1] = b;
    step.arg[2] = y;
    step.writes[2] = true;
    NT_TRY(nt_program_step(p, &step, e));
    NT_TRY(nt_program_inplace(p, y, a, false, e));
    NT_TRY(nt_program_bind(p, n->out[0], y, e));
done:
    return s;
}

const nt_op nt_op_coded_add = {.name = "CodedAdd",
                               .domain = "nt.plan",
                               .since = 1,
                               .min_in = 2,
                               .max_in = 2,
                               .min_out = 1,
                               .max_out = 1,
                               .flags = NT_OPF_INT8,
                               .lower = lower};
