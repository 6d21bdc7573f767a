/* SPDX-License-Identifier: MIT */
/* oneDNN's names for our types and layouts. */
#include "kernel/onednn/api.h"

dnnl_data_type_t dnn_type(nt_dtype t)
{
    switch (t) {
    case NT_F32:
        return dnnl_f32;
    case NT_BF16:
        return dnnl_bf16;
    case NT_F16:
        return dnnl_f16;
    case NT_I32:
        return dnnl_s32;
    case NT_I8:
        return dnnl_s8;
    case NT_U8:
        return dnnl_u8;
    default:
        return dnnl_data_type_undef;
    }
}

dnnl_format_tag_t dnn_tag(nt_format f, int rank)
{
    static const dnnl_format_tag_t plain[NT_MAX_RANK + 1] = {
        dnnl_format_tag_undef, dnnl_a,       dnnl_ab,      dnnl_abc, dnnl_abcd, dnnl_abcde,
        dnnl_abcdef,           dnnl_abcdefg, dnnl_abcdefgh};
    static const dnnl_format_tag_t spatial[3][3] = {{dnnl_acb, dnnl_acdb, dnnl_acdeb},
                                                    {dnnl_aBc8b, dnnl_aBcd8b, dnnl_aBcde8b},
                                                    {dnnl_aBc16b, dnnl_aBcd16b, dnnl_aBcde16b}};

    if (f == NT_FMT_ANY)
        return dnnl_format_tag_any;
    if (rank < 3 || f == NT_FMT_PLAIN)
        return plain[rank];
    return rank > 5 ? dnnl_format_tag_undef : spatial[f - NT_FMT_NHWC][rank - 3];
}

dnn_md dnn_md_of(const nt_desc *d)
{
    dnn_md m = {.rank = d->rank, .type = dnn_type(d->dtype), .tag = dnn_tag(d->fmt, d->rank)};

    for (int i = 0; i < d->rank; i++)
        m.dims[i] = d->dims[i];
    if (!d->rank) {
        m.rank = 1;
        m.dims[0] = 1;
        m.tag = dnnl_a;
    }
    return m;
}

dnn_md dnn_md_flat(const nt_desc *d)
{
    return (dnn_md){.rank = 1,
                    .dims = {(int64_t)(nt_desc_bytes(d) / nt_dtype_size(d->dtype))},
                    .type = dnn_type(d->dtype),
                    .tag = dnnl_a};
}

dnn_md dnn_md_row(int64_t n)
{
    return (dnn_md){.rank = 1, .dims = {n}, .type = dnnl_f32, .tag = dnnl_a};
}
