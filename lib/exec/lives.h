/* SPDX-License-Identifier: MIT */
/*
 * lives.h - places in one block of memory for what lives for a while: two that live at the same
 * time share no byte. Greedy by size, lowest offset first (Pisarchyk & Lee 2020,
 * arXiv:2001.03288).
 */
#ifndef NT_EXEC_LIVES_H
#define NT_EXEC_LIVES_H

#include <stddef.h>

typedef struct nt_life {
    int t;           /* whose */
    int first, last; /* steps, both included */
    size_t bytes, offset;
} nt_life;

/* Sets the offsets, and returns the bytes of all; sorts l. near: room for n. The sum of all
 * bytes must not overflow. */
size_t nt_lives_place(nt_life *l, int n, const nt_life **near);

#endif
