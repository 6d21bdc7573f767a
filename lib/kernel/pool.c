/* SPDX-License-Identifier: MIT */
/* What oneDNN cannot do exactly (ONNX's ceil_mode with counted padding), the portable code
 * does, but for bytes. */
#include "kernel/pool.h"

#include "kernel/dnn_guarded.h"
#include "kernel/flags.h"

/* Of the maxima of numbers, since oneDNN's lose NaN. */
static bool is_careful(const nt_device *dev, const nt_pool_desc *d)
{
    return dev->careful && d->kind == NT_POOL_MAX && nt_dtype_size(d->dtype) > 1;
}

static bool use_dnn(const nt_device *dev, const nt_pool_desc *d)
{
    return NT_USE_DNN(dev) && (!is_careful(dev, d) || nt_flags_exist());
}

nt_status nt_pool_fwd_new(nt_prim **out, size_t *workspace_bytes, nt_device *dev,
                          const nt_pool_desc *d, nt_err *e)
{
    nt_status s = !use_dnn(dev, d)     ? NT_EUNSUPPORTED
                  : is_careful(dev, d) ? dnn_guarded_pool_new(out, workspace_bytes, dev, d, e)
                                       : dnn_pool_fwd_new(out, workspace_bytes, dev, d, e);

    if (s == NT_EUNSUPPORTED && nt_dtype_size(d->dtype) == 1)
        return nt_fail(e, s, "there is no such pool of bytes");
    return s == NT_EUNSUPPORTED ? blas_pool_fwd_new(out, workspace_bytes, dev, d, e) : s;
}

nt_status nt_pool_bwd_new(nt_prim **out, nt_device *dev, const nt_pool_desc *d, nt_err *e)
{
    nt_status s = use_dnn(dev, d) ? dnn_pool_bwd_new(out, dev, d, e) : NT_EUNSUPPORTED;

    return s == NT_EUNSUPPORTED ? blas_pool_bwd_new(out, dev, d, e) : s;
}
