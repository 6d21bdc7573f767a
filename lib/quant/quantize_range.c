/* SPDX-License-Identifier: MIT */
/*
 * Codes spread over the range that was seen: of weights now, of activations on a moving average
 * over the batches (Jacob et al. 2018, arXiv:1712.05877), or as it was at the start. Gradients
 * go straight through where nothing saturates.
 */
#include "quant/quantizer.h"

static nt_qpair pair(const nt_fakeq *q, int64_t k)
{
    nt_range r = {nt_fakeq_seen(q, NT_SEEN_LO)[k], nt_fakeq_seen(q, NT_SEEN_HI)[k]};

    return nt_range_pair(r, q->codes);
}

const nt_quantizer nt_quantizer_range = {.name = "range", .follows = true, .pair = pair};
const nt_quantizer nt_quantizer_fixed = {.name = "fixed", .pair = pair};
