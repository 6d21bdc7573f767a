/* SPDX-License-Identifier: MIT */
/*
 * c_export.h - a network as plain C: NAME.c and NAME.h, with one function
 *
 *     int NAME_run(const float *in, float *out);
 *
 * (in0, in1, ... and out0, out1, ... where there are several), a static arena of
 * NAME_ARENA_BYTES, weights as constants, and nothing but C99 and libm. For one sample, of the
 * graph's own resolution or of h x w. Batch normalisation is folded into the layer before it
 * where it can be. The same graph gives the same bytes.
 *
 * NT_EUNSUPPORTED names the node that has no form in C.
 */
#ifndef NT_EXPORT_C_EXPORT_H
#define NT_EXPORT_C_EXPORT_H

#include "graph/graph.h"

/* path: "DIR/NAME.c", with NAME.h beside it; NT_EINVAL where it does not end in ".c". NAME is
 * made an identifier in the source. g must be bound; h 0: its own resolution. */
nt_status nt_c_save(const char *path, const nt_graph *g, int64_t h, int64_t w,
                    nt_err *e) NT_MUST_CHECK;
/* The arena's bytes, and who lies where in it, as lines of text: nt_free(*out). */
nt_status nt_c_report(char **out, const nt_graph *g, int64_t h, int64_t w,
                      nt_err *e) NT_MUST_CHECK;

#endif
