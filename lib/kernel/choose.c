/* SPDX-License-Identifier: MIT */
#include "kernel/choose.h"

static bool is_3x3(const nt_conv_desc *d)
{
    if (d->sp != 2 || d->g != 1)
        return false;
    for (int i = 0; i < 2; i++)
        if (d->ker[i] != 3 || d->stride[i] != 1 || d->dil[i] != 1)
            return false;
    return true;
}

/*
 * oneDNN 2.6's own choice (convolution_auto) takes Winograd where it is half as fast and leaves
 * it where it is twice as fast; 3.7 has none. On Zen 4, one thread, 3x3 in fp32, Winograd over
 * direct was, by its 4x4 tiles' worth of output and with 32 channels and more: 49 and up 0.9 to
 * 4 times as fast in all passes, 12 to 16 0.5 to 1.1 (by weights 0.9 to 2), fewer always
 * slower.
 */
static bool suits_fp32_winograd(const nt_conv_desc *d, nt_pass pass)
{
    int64_t tiles = d->n * d->out[0] * d->out[1] / 16;

    return d->c >= 32 && d->k >= 32 && tiles >= (pass == NT_PASS_BWD_WEIGHTS ? 12 : 48);
}

static bool suits_bf16_winograd(const nt_device *dev, const nt_conv_desc *d, nt_pass pass)
{
    int64_t tiles = d->n * ((d->out[0] + 1) / 2) * ((d->out[1] + 1) / 2);

    if (dev->amx && pass != NT_PASS_BWD_WEIGHTS)
        return false;
    return d->c >= 32 && d->k >= 32 && tiles >= 48;
}

nt_algo nt_choose_by_rule(const nt_device *dev, const nt_conv_desc *d, nt_pass pass)
{
    bool winograd = false;

    if (is_3x3(d) && d->src == NT_F32 && d->dst == NT_F32)
        winograd = suits_fp32_winograd(d, pass);
    else if (is_3x3(d) && d->src == NT_BF16 && d->dst == NT_BF16)
        winograd = suits_bf16_winograd(dev, d, pass);
    return winograd ? NT_ALGO_WINOGRAD : NT_ALGO_DIRECT;
}
