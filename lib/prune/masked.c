/* SPDX-License-Identifier: MIT */
#include "prune/masked.h"

#include "prune/stored.h"

bool nt_masked_covers(const nt_tensor *mask, int axis, int64_t k)
{
    const uint8_t *p = mask->data;
    nt_axis_view v = nt_tensor_axis(mask, axis);

    for (int64_t o = 0; o < v.outer; o++) {
        for (int64_t i = 0; i < v.inner; i++) {
            if (p[(o * v.n + k) * v.inner + i])
                return false;
        }
    }
    return true;
}

void nt_masked_clear_value(nt_value *v, const nt_tensor *mask)
{
    const uint8_t *keep = mask->data;

    for (int64_t i = 0, n = nt_tensor_count(mask); i < n; i++) {
        if (!keep[i])
            nt_stored_clear(v, i);
    }
}

void nt_masked_clear(nt_model *m)
{
    const nt_graph *g = nt_model_graph(m);

    for (int i = 0; i < g->n_values; i++) {
        const nt_tensor *mask =
            g->values[i]->data ? nt_model_mask(m, g->values[i]->name) : NULL;

        if (mask)
            nt_masked_clear_value(g->values[i], mask);
    }
}
