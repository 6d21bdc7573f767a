/* SPDX-License-Identifier: MIT */
/* ranked.h - channels in the order of their scores. */
#ifndef NT_PRUNE_RANKED_H
#define NT_PRUNE_RANKED_H

#include <stddef.h>

typedef struct nt_ranked {
    double score;
    int channel;
} nt_ranked;

/* The least score first, equal ones by the channel's number. */
void nt_ranked_sort(nt_ranked *v, size_t n);

#endif
