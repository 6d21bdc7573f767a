/* SPDX-License-Identifier: MIT */
#include "kernel/conv.h"

#include "kernel/backend.h"
#include "kernel/choose.h"
#include "kernel/conv_by.h"

/* d with the algorithm to try first. Winograd's tiles give a NaN to outputs that it has no part
 * in, and make one of an infinity. */
static nt_status choose(nt_conv_desc *chosen, nt_device *dev, const nt_conv_desc *d,
                        nt_pass pass, bool training, nt_err *e)
{
    *chosen = *d;
    if (d->codes || (dev->careful && !training && d->algo == NT_ALGO_AUTO)) {
        chosen->algo = NT_ALGO_DIRECT;
        return NT_OK;
    }
    if (d->algo != NT_ALGO_AUTO || !dev->backend->chooses)
        return NT_OK;
    return nt_choose(&chosen->algo, dev, &(nt_conv_pass){d, pass, training}, e);
}

/* ... and may the direct one follow? */
static bool goes_on(nt_status s, const nt_conv_desc *asked, const nt_conv_desc *tried)
{
    return s == NT_EUNSUPPORTED && asked->algo == NT_ALGO_AUTO && tried->algo != NT_ALGO_DIRECT;
}

nt_status nt_conv_fwd_new(nt_conv_fwd *out, nt_device *dev, const nt_conv_desc *d,
                          bool training, nt_err *e)
{
    nt_conv_desc chosen;
    nt_status s = NT_OK;

    NT_TRY(choose(&chosen, dev, d, NT_PASS_FORWARD, training, e));
    s = nt_conv_fwd_by(out, dev, &chosen, training, e);
    if (goes_on(s, d, &chosen)) {
        chosen.algo = NT_ALGO_DIRECT;
        s = nt_conv_fwd_by(out, dev, &chosen, training, e);
    }
done:
    return s;
}

nt_status nt_conv_bwd_data_new(nt_conv_bwd_data *out, nt_device *dev, const nt_conv_desc *d,
                               bool training, nt_err *e)
{
    nt_conv_desc chosen;
    nt_status s = NT_OK;

    NT_TRY(choose(&chosen, dev, d, NT_PASS_BWD_DATA, training, e));
    s = nt_conv_bwd_data_by(out, dev, &chosen, training, e);
    if (goes_on(s, d, &chosen)) {
        chosen.algo = NT_ALGO_DIRECT;
        s = nt_conv_bwd_data_by(out, dev, &chosen, training, e);
    }
done:
    return s;
}

nt_status nt_conv_bwd_weights_new(nt_conv_bwd_weights *out, nt_device *dev,
                                  const nt_conv_desc *d, nt_err *e)
{
    nt_conv_desc chosen;
    nt_status s = NT_OK;

    NT_TRY(choose(&chosen, dev, d, NT_PASS_BWD_WEIGHTS, true, e));
    s = nt_conv_bwd_weights_by(out, dev, &chosen, e);
    if (goes_on(s, d, &chosen)) {
        chosen.algo = NT_ALGO_DIRECT;
        s = nt_conv_bwd_weights_by(out, dev, &chosen, e);
    }
done:
    return s;
}
