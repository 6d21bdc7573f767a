/* SPDX-License-Identifier: MIT */
#include "kernel/dense.h"

#include "kernel/backend.h"

/* Each of the three has other forms: in fp32, and without post-operations. What a backend
 * refuses even so (a layer without outputs) is to be refused. */

nt_status nt_dense_fwd_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d, bool training,
                           nt_err *e)
{
    nt_ask a = NT_ASK(dev, dense_fwd, e);

    if (d->codes && !dev->int8)
        return nt_fail(e, NT_EUNSUPPORTED, "no dense layer of codes on this device");
    a.other_forms = true;
    while (nt_ask_next(&a))
        a.s = a.b->dense_fwd(out, a.dev, d, training, e);
    return a.s;
}

nt_status nt_dense_bwd_data_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d,
                                nt_err *e)
{
    nt_ask a = NT_ASK(dev, dense_bwd_data, e);

    a.other_forms = true;
    while (nt_ask_next(&a))
        a.s = a.b->dense_bwd_data(out, a.dev, d, e);
    return a.s;
}

nt_status nt_dense_bwd_weights_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d,
                                   nt_err *e)
{
    nt_ask a = NT_ASK(dev, dense_bwd_weights, e);

    a.other_forms = true;
    while (nt_ask_next(&a))
        a.s = a.b->dense_bwd_weights(out, a.dev, d, e);
    return a.s;
}

void nt_dense_release(nt_dense *d)
{
    nt_prim_free(d->run);
    nt_prim_free(d->pack);
    *d = (nt_dense){0};
}

nt_status nt_matmul_new(nt_prim **out, nt_device *dev, const nt_matmul_desc *d, nt_err *e)
{
    nt_ask a = NT_ASK(dev, matmul, e);

    while (nt_ask_next(&a))
        a.s = a.b->matmul(out, a.dev, d, e);
    return a.s;
}
