/* SPDX-License-Identifier: MIT */
#include "kernel/pool.h"

#include "kernel/backend.h"

nt_status nt_pool_fwd_new(nt_prim **out, size_t *workspace_bytes, nt_device *dev,
                          const nt_pool_desc *d, nt_err *e)
{
    nt_ask a = NT_ASK(dev, pool_fwd, e);

    while (nt_ask_next(&a))
        a.s = a.b->pool_fwd(out, workspace_bytes, a.dev, d, e);
    return a.s;
}

nt_status nt_pool_bwd_new(nt_prim **out, nt_device *dev, const nt_pool_desc *d, nt_err *e)
{
    nt_ask a = NT_ASK(dev, pool_bwd, e);

    while (nt_ask_next(&a))
        a.s = a.b->pool_bwd(out, a.dev, d, e);
    return a.s;
}
