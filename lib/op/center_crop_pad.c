/* SPDX-License-Identifier: MIT */
/* center_crop_pad.c - CenterCropPad: axes are cut or padded with zeros to an extent, around the
 * middle; of an odd difference the larger half is at the end. */
#include "couple/adapt.h"
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/trace.h"
#include "op/pick.h"

#include <inttypes.h>

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    int axis[NT_MAX_RANK], count = 0;
    nt_traced t[NT_MAX_RANK];
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    size_t have = 0;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (x->rank < 0)
        goto done;
    NT_TRY(nt_arg_named(axis, &count, n, x->rank, e));
    for (int i = 0; i < x->rank; i++)
        dims[i] = x->dims[i];
    if (!nt_trace_ints(t, &have, NT_MAX_RANK, n->in[1]))
        for (have = 0; have < (size_t)count; have++)
            t[have] = (nt_traced){.dim = nt_dim_of(-1)};
    if (have != (size_t)count)
        NT_TRY(nt_fail(e, NT_EFORMAT, "%zu extents, want %d", have, count));
    for (int i = 0; i < count; i++) {
        if (t[i].known && t[i].dim.value < 0)
            NT_TRY(nt_fail(e, NT_EFORMAT, "an extent of %" PRId64, t[i].dim.value));
        dims[axis[i]] = t[i].dim;
    }
    nt_infer_set(n->out[0], x->dtype, x->rank, dims);
done:
    return s;
}

static void set(nt_pick *p)
{
    for (int a = 0; a < p->rank; a++) {
        int64_t x = p->xdims[a], y = p->ydims[a];
        int64_t from = y < x ? (x - y) / 2 : -((y - x) / 2);

        for (int64_t i = 0; i < y; i++)
            p->map[a][i] = i + from >= 0 && i + from < x ? i + from : -1;
    }
}

static const nt_pick_rule rule = {set};

/* Axes that nothing is done to pass through. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    int axis[NT_MAX_RANK], count = 0;
    bool named[NT_MAX_RANK] = {false};
    nt_status s = NT_OK;

    NT_TRY(nt_arg_named(axis, &count, n, n->in[0]->rank, e));
    for (int i = 0; i < count; i++)
        named[axis[i]] = true;
    for (int a = 0; a < n->in[0]->rank; a++)
        if (!named[a])
            NT_TRY(nt_couple_same(c, (nt_span){n->in[0], a, 1}, (nt_span){n->out[0], a, 1}, e));
done:
    return s;
}

static const nt_attr_spec attrs[] = {{"axes", NT_ATTR_INTS, false}, {0}};

const nt_op nt_op_center_crop_pad[] = {
    {.name = "CenterCropPad",
     .domain = "",
     .since = 18,
     .min_in = 2,
     .max_in = 2,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .infer = infer,
     .data = &rule,
     .eval = nt_pick_rule_eval,
     .grad = nt_pick_rule_grad,
     .lower = nt_pick_rule_lower,
     .lower_grad = nt_pick_rule_lower_grad,
     .couple = couple},
    {0},
};
