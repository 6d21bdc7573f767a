/* SPDX-License-Identifier: MIT */
/*
 * QuantizeLinear and DequantizeLinear as TorchScript. Between the two lie codes, as whole
 * numbers in float32: what PyTorch has for both at once multiplies by 1 / scale, and so rounds
 * some numbers half way between two codes otherwise.
 */
#include "export/jit_ops.h"

#include "facet/arg.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Of an input that has one number for all, or one for each index of the axis. */
static nt_status spread(char *buf, size_t n, const nt_node *node, int i, nt_err *e)
{
    const nt_value *p = node->in[i];
    int rank = node->in[0]->rank, axis;
    nt_status s = NT_OK;
    size_t at;

    if (p->rank == 0 || rank == 0) {
        snprintf(buf, n, "torch.to($%d, 6)", i);
        return NT_OK;
    }
    if (p->rank != 1)
        return nt_fail(e, NT_EUNSUPPORTED, "blocks have no form in TorchScript");
    NT_TRY(nt_axis(&axis, p->dims[0].value == 1 ? rank - 1 : nt_node_int(node, "axis", 1), rank,
                   e));
    at = (size_t)snprintf(buf, n, "torch.reshape(torch.to($%d, 6), [-1", i);
    for (int k = axis + 1; k < rank; k++)
        at += (size_t)snprintf(buf + at, n - at, ", 1");
    snprintf(buf + at, n - at, "])");
done:
    return s;
}

/* The codes that a type has. */
static nt_status range_of(double *lo, double *hi, nt_dtype t, nt_err *e)
{
    int bits = nt_dtype_bits(t);
    bool is_signed = t == NT_I8 || t == NT_I16 || t == NT_I4;

    if (!is_signed && t != NT_U8 && t != NT_U16 && t != NT_U4)
        return nt_fail(e, NT_EUNSUPPORTED, "codes of %s have no form in TorchScript",
                       nt_dtype_name(t));
    *lo = is_signed ? -(double)(1 << (bits - 1)) : 0;
    *hi = *lo + (double)(1 << bits) - 1;
    return NT_OK;
}

static nt_status check(const nt_node *n, nt_err *e)
{
    if (nt_node_int(n, "block_size", 0) || n->in[1]->dtype != NT_F32 || n->in[0]->rank < 0)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "blocks, and scales other than float32, have no form in TorchScript");
    return NT_OK;
}

nt_status nt_jit_quantize(nt_jit *j, const nt_node *n, nt_err *e)
{
    char scale[128], zero[128] = "", low[NT_JIT_FLOAT], high[NT_JIT_FLOAT];
    nt_status s = NT_OK;
    double lo, hi;

    NT_TRY(check(n, e));
    if (n->out[0]->is_output)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "codes as an output have no form in TorchScript"));
    NT_TRY(range_of(&lo, &hi, n->out[0]->dtype, e));
    NT_TRY(spread(scale, sizeof scale, n, 1, e));
    if (nt_has_in(n, 2))
        NT_TRY(spread(zero, sizeof zero, n, 2, e));
    nt_jit_need(j, 4);
    NT_TRY(nt_jit_set(j, n, e, "torch.clamp(%storch.round(torch.div($0, %s))%s%s%s, %s, %s)",
                      *zero ? "torch.add(" : "", scale, *zero ? ", " : "", zero,
                      *zero ? ")" : "", nt_jit_float(low, lo), nt_jit_float(high, hi)));
done:
    return s;
}

nt_status nt_jit_dequantize(nt_jit *j, const nt_node *n, nt_err *e)
{
    char scale[128], zero[128] = "";
    nt_status s = NT_OK;
    double lo, hi;

    NT_TRY(check(n, e));
    if (n->in[0]->dtype != NT_I32)
        NT_TRY(range_of(&lo, &hi, n->in[0]->dtype, e));
    NT_TRY(spread(scale, sizeof scale, n, 1, e));
    if (nt_has_in(n, 2))
        NT_TRY(spread(zero, sizeof zero, n, 2, e));
    NT_TRY(nt_jit_set(j, n, e, "torch.mul(%storch.to($0, 6)%s%s%s, %s)",
                      *zero ? "torch.sub(" : "", *zero ? ", " : "", zero, *zero ? ")" : "",
                      scale));
done:
    return s;
}
