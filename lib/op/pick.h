/* SPDX-License-Identifier: MIT */
/*
 * pick.h - tensors whose elements are some of another's, chosen axis by axis:
 *
 *     y[i][j]... = x[map0[i]][map1[j]]...        (a constant where a map says -1)
 *
 * Pad, Tile, CenterCropPad and Resize to the nearest neighbour are such.
 */
#ifndef NT_OP_PICK_H
#define NT_OP_PICK_H

#include "lower/program.h"

typedef struct nt_pick {
    int rank;
    int64_t xdims[NT_MAX_RANK], ydims[NT_MAX_RANK];
    int64_t *map[NT_MAX_RANK]; /* ydims[a] entries of [-1, xdims[a]) */
} nt_pick;

/* All maps say what a copy would: i where x has an index i, -1 beyond it. One block: nt_free.
 */
nt_status nt_pick_new(nt_pick **out, int rank, const int64_t *xdims, const int64_t *ydims,
                      nt_err *e) NT_MUST_CHECK;
/* Tensors in row-major order, size: bytes of an element, fill: one element. */
void nt_pick_run(const nt_pick *p, void *y, const void *x, const void *fill, size_t size);
/* dx = the sum of the dy that were picked from it. */
void nt_pick_grad(const nt_pick *p, float *dx, const float *dy);

/* The planned forms, in whatever format the operands lie; PLAIN, if it is blocked and channels
 * change. pick is taken. fill: one element of any type; NULL: zero. */
nt_status nt_pick_lower(nt_program *p, const nt_node *n, nt_pick *pick, const nt_tensor *fill,
                        nt_err *e) NT_MUST_CHECK;
nt_status nt_pick_lower_grad(nt_program *p, const nt_node *n, nt_pick *pick,
                             nt_err *e) NT_MUST_CHECK;

/* The facets of operators whose maps follow from the extents alone; their nt_op.data is an
 * nt_pick_rule. */
typedef struct nt_pick_rule {
    void (*set)(nt_pick *p); /* fills in the maps */
} nt_pick_rule;

nt_status nt_pick_rule_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                            nt_err *e) NT_MUST_CHECK;
nt_status nt_pick_rule_grad(const nt_node *n, const nt_tensor *const *in,
                            const nt_tensor *const *out, const nt_tensor *const *dout,
                            nt_tensor *const *din, nt_err *e) NT_MUST_CHECK;
nt_status nt_pick_rule_lower(nt_program *p, const nt_node *n, nt_err *e) NT_MUST_CHECK;
nt_status nt_pick_rule_lower_grad(nt_program *p, const nt_node *n, nt_err *e) NT_MUST_CHECK;

#endif
