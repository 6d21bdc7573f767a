/* SPDX-License-Identifier: MIT */
/* walk.h - strided iteration over tensors, in elements: walks, boxes, copies. */
#ifndef NT_FACET_WALK_H
#define NT_FACET_WALK_H

#include "graph/graph.h"

#include <stdbool.h>
#include <stdint.h>

void nt_strides(int64_t *out, int rank, const int64_t *dims);
/* Strides that read t as if stretched to `rank` axes: 0 where t has extent 1 or no axis. */
void nt_strides_broadcast(int64_t *out, int rank, const nt_tensor *t);

#define NT_WALK_MAX 4

/*
 * All positions of a box, row by row, with offsets into n operands:
 *
 *     for (nt_walk_init(&w, rank, dims, 2, strides); nt_walk_more(&w); nt_walk_next(&w))
 *         for (int64_t i = 0; i < w.len; i++)
 *             y[w.at[0] + i * w.step[0]] = f(x[w.at[1] + i * w.step[1]]);
 *
 * Neighbouring axes that all operands step through evenly are merged first, so rows are long.
 */
typedef struct nt_walk {
    int rank, n;
    int64_t dims[NT_MAX_RANK], idx[NT_MAX_RANK];
    int64_t stride[NT_WALK_MAX][NT_MAX_RANK];
    int64_t at[NT_WALK_MAX];
    int64_t len, step[NT_WALK_MAX];
    bool more;
} nt_walk;

void nt_walk_init(nt_walk *w, int rank, const int64_t *dims, int n,
                  const int64_t (*stride)[NT_MAX_RANK]);
bool nt_walk_more(const nt_walk *w);
void nt_walk_next(nt_walk *w);

/* A tensor as two boxes: the axes that stay make the outer one, those that go (a flag per axis)
 * the inner one; with the strides of the tensor's elements, for nt_walk_init. */
typedef struct nt_boxes {
    int n_out, n_in;
    int64_t out[NT_MAX_RANK], in[NT_MAX_RANK];
    int64_t out_stride[1][NT_MAX_RANK], in_stride[1][NT_MAX_RANK];
    int64_t count; /* elements of the inner box */
} nt_boxes;

nt_boxes nt_boxes_of(const nt_tensor *t, const bool *gone);

/* For operators that move elements: NT_EUNSUPPORTED for types of less than a byte and text. */
nt_status nt_eval_wants_bytes(const nt_tensor *t, nt_err *e) NT_MUST_CHECK;
/* The part of `whole` that begins at index `at` of the axis and has part's extents: copied to
 * part, or (into) from it. */
void nt_copy_range(const nt_tensor *whole, int axis, int64_t at, const nt_tensor *part,
                   bool into);

/* A box of elements in two places, y and x: its extents, and how far apart neighbours lie in
 * each. Borrowed. */
typedef struct nt_strided {
    int rank;
    const int64_t *dims, *ys, *xs;
} nt_strided;

/* y[...] = x[...] over a box; size: bytes of an element (1, 2, 4, 8). Strides may be negative.
 */
void nt_copy_strided(void *y, const void *x, const nt_strided *b, size_t size);
/* y[...] += x[...] over a box, one after another (y's strides may be 0: a sum). */
void nt_add_strided(float *y, const float *x, const nt_strided *b);

#endif
