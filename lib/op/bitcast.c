/* SPDX-License-Identifier: MIT */
/* bitcast.c - BitCast: the same bits as numbers of another type of that width. */
#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/op.h"

#include <string.h>

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_dtype from = n->in[0]->dtype, to = (nt_dtype)nt_node_int(n, "to", 0);
    nt_status s = NT_OK;

    (void)g;
    if (from)
        NT_TRY(nt_wants_type(from, e));
    if (from && nt_dtype_bits(from) != nt_dtype_bits(to))
        NT_TRY(nt_fail(e, NT_EFORMAT, "%s has %d bits, %s has %d", nt_dtype_name(from),
                       nt_dtype_bits(from), nt_dtype_name(to), nt_dtype_bits(to)));
    nt_infer_like(n->out[0], n->in[0]);
    nt_infer_type(n->out[0], to);
done:
    return s;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    size_t bytes = nt_tensor_bytes(in[0]);
    uint8_t *y = out[0]->data;

    (void)n;
    (void)e;
    if (bytes > 0)
        memcpy(y, in[0]->data, bytes);
    for (size_t i = 0; out[0]->dtype == NT_BOOL && i < bytes; i++)
        y[i] = y[i] != 0;
    return NT_OK;
}

static const nt_attr_spec attrs[] = {{"to", NT_ATTR_INT, true}, {0}};

const nt_op nt_op_bitcast[] = {
    {.name = "BitCast",
     .domain = "",
     .since = 26,
     .min_in = 1,
     .max_in = 1,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .check = nt_check_to,
     .infer = infer,
     .eval = eval,
     .couple = nt_couple_unary},
    {0},
};
