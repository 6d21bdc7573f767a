/* SPDX-License-Identifier: MIT */
#include "prune/ranked.h"

#include <stdlib.h>

static int by_score(const void *a, const void *b)
{
    const nt_ranked *x = a, *y = b;

    if (x->score != y->score)
        return x->score < y->score ? -1 : 1;
    return x->channel - y->channel;
}

void nt_ranked_sort(nt_ranked *v, size_t n)
{
    qsort(v, n, sizeof *v, by_score);
}
