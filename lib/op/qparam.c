/* SPDX-License-Identifier: MIT */
#include "op/qparam.h"

#include "facet/arg.h"

#include <math.h>

static nt_status check_blocks(const nt_tensor *x, const nt_tensor *scale, int axis,
                              int64_t block, nt_err *e)
{
    bool fits = scale->rank == x->rank;

    for (int i = 0; fits && i < x->rank; i++)
        fits = scale->dims[i] == (i == axis ? (x->dims[i] + block - 1) / block : x->dims[i]);
    return fits ? NT_OK : nt_fail(e, NT_EFORMAT, "the scales do not match the blocks");
}

static nt_status init_axis(nt_qparam *q, const nt_tensor *x, int64_t axis, int64_t block,
                           nt_err *e)
{
    nt_status s = NT_OK;
    int at = 0;

    NT_TRY(nt_axis(&at, axis, x->rank, e));
    q->view = nt_tensor_axis(x, at);
    if (block > 0) {
        NT_TRY(check_blocks(x, q->scale, at, block, e));
        q->mode = NT_QPARAM_BLOCKS;
        q->block = block;
        q->blocks = q->scale->dims[at];
        return NT_OK;
    }
    if (q->scale->rank != 1 || q->scale->dims[0] != q->view.n)
        return nt_fail(e, NT_EFORMAT, "the scales do not match the axis");
    q->mode = NT_QPARAM_AXIS;
done:
    return s;
}

nt_status nt_qparam_init(nt_qparam *q, const nt_tensor *x, nt_quantization by, nt_err *e)
{
    *q = (nt_qparam){.scale = by.scale, .zero = by.zero};
    if (by.zero && nt_tensor_count(by.zero) != nt_tensor_count(by.scale))
        return nt_fail(e, NT_EFORMAT, "there are not as many zero points as scales");
    if (by.block <= 0 && nt_tensor_count(by.scale) == 1) {
        q->view = (nt_axis_view){1, 1, nt_tensor_count(x)};
        return NT_OK;
    }
    return init_axis(q, x, by.axis, by.block, e);
}

int64_t nt_qparam_at(const nt_qparam *q, int64_t o, int64_t k, int64_t i)
{
    if (q->mode == NT_QPARAM_WHOLE)
        return 0;
    if (q->mode == NT_QPARAM_AXIS)
        return k;
    return (o * q->blocks + k / q->block) * q->view.inner + i;
}

float nt_qparam_scale(const nt_qparam *q, int64_t at)
{
    return q->scale->dtype == NT_F32 ? ((const float *)q->scale->data)[at]
                                     : (float)nt_tensor_get(q->scale, at);
}

int64_t nt_qparam_zero(const nt_qparam *q, int64_t at)
{
    return q->zero ? nt_tensor_get_i64(q->zero, at) : 0;
}

nt_status nt_qparam_range(int64_t *lo, int64_t *hi, nt_dtype t, nt_err *e)
{
    static const struct {
        nt_dtype type;
        int64_t lo, hi;
    } ranges[] = {{NT_U8, 0, 255},         {NT_I8, -128, 127}, {NT_U16, 0, 65535},
                  {NT_I16, -32768, 32767}, {NT_U4, 0, 15},     {NT_I4, -8, 7},
                  {NT_U2, 0, 3},           {NT_I2, -2, 1}};

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (ranges[i].type == t) {
            *lo = ranges[i].lo;
            *hi = ranges[i].hi;
            return NT_OK;
        }
    return nt_fail(e, NT_EUNSUPPORTED, "codes of type %s are not supported", nt_dtype_name(t));
}

int64_t nt_quantize_one(float v, int64_t zero, int64_t lo, int64_t hi)
{
    float r = rintf(v);

    if (!(r > (float)(lo - zero))) /* or NaN */
        return lo;
    return r >= (float)(hi - zero) ? hi : (int64_t)r + zero;
}
