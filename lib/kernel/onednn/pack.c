/* SPDX-License-Identifier: MIT */
/* Copies from one layout to another, those of weights among them. */
#include "kernel/onednn/api.h"

static const dnn_arg args[] = {{DNNL_ARG_FROM, 0}, {DNNL_ARG_TO, 1}};

nt_status dnn_copy_new(nt_prim **out, nt_device *dev, const dnn_md *x, const dnn_md *y,
                       nt_err *e)
{
    nt_status s;
    dnnl_primitive_desc_t pd = NULL;

    NT_TRY(dnn_copy_pd_new(&pd, dev, x, y, e));
    NT_TRY(dnn_prim_new(out, dev, pd, 2, args, e));
done:
    dnn_pd_free(pd);
    return s;
}

nt_status dnn_pack_new(nt_prim **out, nt_device *dev, const dnn_md *plain, dnn_cmd packed,
                       bool unpack, nt_err *e)
{
    nt_status s = unpack ? NT_EUNSUPPORTED : dnn_wino_pack_new(out, dev, plain, packed, e);
    dnnl_primitive_desc_t pd = NULL;

    if (s != NT_EUNSUPPORTED)
        return s;
    NT_TRY(dnn_pack_pd_new(&pd, dev, plain, packed, unpack, e));
    NT_TRY(dnn_prim_new(out, dev, pd, 2, args, e));
done:
    dnn_pd_free(pd);
    return s;
}
