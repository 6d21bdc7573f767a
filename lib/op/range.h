/* SPDX-License-Identifier: MIT */
/* range.h - steps that copy ranges of one axis, in whatever format the tensors lie. */
#ifndef NT_OP_RANGE_H
#define NT_OP_RANGE_H

#include "lower/program.h"

/* Can indices that are multiples of `unit` be copied along this axis in this format? Blocked
 * channels move by whole blocks. */
bool nt_range_fits(nt_format fmt, int axis, int64_t unit);

/* A tensor that is a range of another along an axis, from index `start` on. */
typedef struct nt_range {
    nt_tid t;
    int axis;
    int64_t start;
} nt_range;

/* The part's elements from the whole; of one format and type. */
nt_status nt_range_cut(nt_program *p, const nt_node *n, nt_tid whole, nt_range part,
                       nt_err *e) NT_MUST_CHECK;

/* Tensors one after another along an axis, part i having extent[i]; -1 stands for zeros. */
typedef struct nt_range_parts {
    int axis, n; /* at most 64 */
    const nt_tid *t;
    const int64_t *extent;
} nt_range_parts;

/* whole: their elements; of one format and type with them. */
nt_status nt_range_join(nt_program *p, const nt_node *n, const nt_range_parts *parts,
                        nt_tid whole, nt_err *e) NT_MUST_CHECK;

#endif
