/* SPDX-License-Identifier: MIT */
/* range.h - steps that copy ranges of one axis, in whatever format the tensors lie. */
#ifndef NT_OP_RANGE_H
#define NT_OP_RANGE_H

#include "lower/program.h"

/* Can indices that are multiples of `unit` be copied along this axis in this format? Blocked
 * channels move by whole blocks. */
bool nt_range_fits(nt_format fmt, int axis, int64_t unit);
/* part = whole[start ...] along axis; of one format and type. */
nt_status nt_range_cut(nt_program *p, const nt_node *n, nt_tid whole, nt_tid part, int axis,
                       int64_t start, nt_err *e) NT_MUST_CHECK;
/* whole = the parts one after another along axis, part i having extent[i]; zeros where part[i]
 * is -1. At most 64 parts. */
nt_status nt_range_join(nt_program *p, const nt_node *n, const nt_tid *part,
                        const int64_t *extent, int count, nt_tid whole, int axis,
                        nt_err *e) NT_MUST_CHECK;

#endif
