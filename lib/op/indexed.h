/* SPDX-License-Identifier: MIT */
/* indexed.h - where the entries of a tensor of indices point to. */
#ifndef NT_OP_INDEXED_H
#define NT_OP_INDEXED_H

#include "base/tensor.h"

/* n places of a tensor, each `inner` neighbouring elements. */
typedef struct nt_places {
    int64_t *at; /* offsets in elements; nt_free */
    int64_t n, inner;
} nt_places;

/* Of every entry of idx the element of x at the same position, but with the entry itself as the
 * index along axis (GatherElements). NT_EFORMAT where an index or idx's shape does not fit. */
nt_status nt_places_elements(nt_places *p, const nt_tensor *x, const nt_tensor *idx,
                             int64_t axis, nt_err *e) NT_MUST_CHECK;
/* Rows of idx index the axes of x that follow the first batch_dims ones (GatherND). */
nt_status nt_places_nd(nt_places *p, const nt_tensor *x, const nt_tensor *idx,
                       int64_t batch_dims, nt_err *e) NT_MUST_CHECK;

/* y[i] = x[at[i]], size: bytes of an element. */
void nt_places_gather(const nt_places *p, void *y, const void *x, size_t size);
/* x[at[i]] = y[i], the last of equal places stays. */
void nt_places_put(const nt_places *p, void *x, const void *y, size_t size);
/* x[at[i]] += y[i] */
void nt_places_add(const nt_places *p, float *x, const float *y);

#endif
