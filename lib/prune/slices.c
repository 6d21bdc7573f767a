/* SPDX-License-Identifier: MIT */
#include "prune/slices.h"

nt_slices nt_slices_of(const nt_channel_layer *l, const float *numbers)
{
    nt_axis_view v = nt_tensor_axis(l->weight->data, l->axis);

    return (nt_slices){numbers, v.outer, v.n, v.inner};
}

double nt_slice_sum(const nt_slices *s, int64_t k, double (*f)(double))
{
    double sum = 0;

    for (int64_t o = 0; o < s->outer; o++) {
        for (int64_t i = 0; i < s->inner; i++) {
            double x = (double)s->w[(o * s->n + k) * s->inner + i];

            sum += f ? f(x) : x;
        }
    }
    return sum;
}
