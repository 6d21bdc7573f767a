/* SPDX-License-Identifier: MIT */
/* window.h - the sliding windows of convolutions and pools. */
#ifndef NT_FACET_WINDOW_H
#define NT_FACET_WINDOW_H

#include "graph/graph.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum nt_auto_pad { NT_PAD_EXPLICIT, NT_PAD_SAME_UPPER, NT_PAD_SAME_LOWER } nt_auto_pad;

typedef struct nt_window {
    int sp; /* spatial axes, 1 to 3 */
    int64_t ker[3], stride[3], dil[3], lo[3], hi[3];
    nt_auto_pad auto_pad; /* lo and hi are not set until nt_window_out */
    bool ceil;
} nt_window;

/* From kernel_shape (or, where the node has none, ker), strides, dilations, pads, auto_pad and
 * ceil_mode. NT_EFORMAT for wrong counts, extents below 1, negative pads, a kernel_shape other
 * than ker. */
nt_status nt_window_read(nt_window *w, const nt_node *n, int sp, const int64_t *ker,
                         nt_err *e) NT_MUST_CHECK;
/* Extents of the output plane, and lo and hi under auto_pad. in[i] < 0: unknown, gives -1. With
 * ceil, windows that would start in the padding past the end do not count. NT_EFORMAT: the
 * kernel does not fit. */
nt_status nt_window_out(nt_window *w, int64_t *out, const int64_t *in, nt_err *e) NT_MUST_CHECK;

#endif
