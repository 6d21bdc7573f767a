/* SPDX-License-Identifier: MIT */
/* tfl_window.h - the windows of convolutions and pools, and what TFLite has for their pads. */
#ifndef NT_EXPORT_TFL_WINDOW_H
#define NT_EXPORT_TFL_WINDOW_H

#include "export/tfl_lower.h"
#include "facet/window.h"

/* Along one axis; ceil: the last window may pass the pads' end. */
typedef struct nt_tfl_side {
    int64_t in, out, ker, stride, dil, lo, hi;
} nt_tfl_side;

typedef struct nt_tfl_window {
    nt_tfl_side h, w; /* of a row, h is one window of one entry */
} nt_tfl_window;

/* ker as nt_window_read wants it; NT_EUNSUPPORTED past two dimensions. */
nt_status nt_tfl_window_read(nt_tfl_window *w, const nt_node *n, const int64_t *ker,
                             nt_err *e) NT_MUST_CHECK;
/* *padding: as the windows lie with no pads (VALID) or with those that TFLite makes (SAME);
 * false: neither, there is to be padded before. */
bool nt_tfl_window_padding(nt_tfl_padding *padding, const nt_tfl_window *w);
/* x, a picture of v, with as many `fill` around it as makes the windows VALID. */
nt_status nt_tfl_window_pad(int *x, nt_tfl *l, const nt_value *v, const nt_tfl_window *w,
                            float fill, nt_err *e) NT_MUST_CHECK;

#endif
