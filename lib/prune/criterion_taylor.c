/* SPDX-License-Identifier: MIT */
/* taylor: by how much the loss would change without the slice. */
#include "prune/criterion.h"
#include "prune/slices.h"

static const char *lacks(const nt_channel_layer *l, int index, const nt_evidence *v)
{
    (void)l;
    return v->taylor[index] ? NULL : "a gradient of its weight";
}

static nt_status score(double *out, const nt_channel_layer *l, int index, const nt_evidence *v,
                       nt_err *e)
{
    nt_slices s = nt_slices_of(l, v->taylor[index]);

    (void)e;
    for (int64_t k = 0; k < l->n; k++)
        out[k] = nt_slice_sum(&s, k, NULL);
    return NT_OK;
}

const nt_criterion nt_criterion_taylor = {
    .name = "taylor", .wants_gradients = true, .lacks = lacks, .score = score};
