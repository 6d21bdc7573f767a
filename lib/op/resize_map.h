/* SPDX-License-Identifier: MIT */
/*
 * resize_map.h - which input points an output point of Resize (or Upsample) is made of.
 *
 * Interpolation is separable: each axis has its own map, the same for all points of the others.
 */
#ifndef NT_OP_RESIZE_MAP_H
#define NT_OP_RESIZE_MAP_H

#include "graph/graph.h"
#include "kernel/interp.h"

typedef enum nt_resize_mode {
    NT_RESIZE_NEAREST,
    NT_RESIZE_LINEAR,
    NT_RESIZE_CUBIC
} nt_resize_mode;

typedef enum nt_resize_coord {
    NT_COORD_HALF_PIXEL,
    NT_COORD_HALF_PIXEL_SYMMETRIC, /* opset 19 */
    NT_COORD_PYTORCH_HALF_PIXEL,
    NT_COORD_ALIGN_CORNERS,
    NT_COORD_ASYMMETRIC,
    NT_COORD_TF_CROP_AND_RESIZE,
    NT_COORD_TF_HALF_PIXEL_FOR_NN /* opsets 11 and 12 */
} nt_resize_coord;

typedef enum nt_resize_round {
    NT_ROUND_PREFER_FLOOR,
    NT_ROUND_PREFER_CEIL,
    NT_ROUND_FLOOR,
    NT_ROUND_CEIL,
    NT_ROUND_SIMPLE /* up to opset 10: up where the axis shrinks, else down */
} nt_resize_round;

typedef enum nt_resize_policy {
    NT_RESIZE_STRETCH,
    NT_RESIZE_NOT_LARGER,
    NT_RESIZE_NOT_SMALLER
} nt_resize_policy;

/* One axis. */
typedef struct nt_resize_axis {
    int64_t in, out;
    double scale;    /* out / in, or as given */
    double width;    /* scale * in before it was cut to an integer */
    double from, to; /* region of interest, in parts of the axis */
} nt_resize_axis;

typedef struct nt_resize {
    nt_resize_mode mode;
    nt_resize_coord coord;
    nt_resize_round round;
    nt_resize_policy policy;
    float cubic_a, extrapolation;
    bool exclude_outside, antialias;
    int rank;
    nt_resize_axis axis[NT_MAX_RANK];
} nt_resize;

/* The attributes; NT_EUNSUPPORTED for words unknown at this opset. */
nt_status nt_resize_read(nt_resize *r, const nt_node *n, int opset, nt_err *e) NT_MUST_CHECK;
/* The input's extents; below 0: unknown, which makes out -1 where it counts. */
void nt_resize_set_input(nt_resize *r, int rank, const int64_t *dims);
/* What becomes of its axes; after nt_resize_set_input. Either scales or sizes is NULL. */
nt_status nt_resize_axes(nt_resize *r, const nt_node *n, const nt_tensor *scales,
                         const nt_tensor *sizes, nt_err *e) NT_MUST_CHECK;
/* The region of interest, where the coordinates want one; after nt_resize_axes. roi may be NULL
 * where they do not. */
nt_status nt_resize_region(nt_resize *r, const nt_node *n, const nt_tensor *roi,
                           nt_err *e) NT_MUST_CHECK;
/* Does every point of the axis stay what it is? */
bool nt_resize_is_kept(const nt_resize *r, int axis);

/* Nearest: map[o] is the input index of output index o; -1 outside the region of interest. */
void nt_resize_nearest(int64_t *map, const nt_resize *r, int axis);
/* Linear and cubic: the taps of an axis, in memory of its own (nt_free(taps->at)). outside (out
 * flags, may be NULL): where the extrapolation value stands instead. */
nt_status nt_resize_taps(nt_interp_axis *taps, bool *outside, const nt_resize *r, int axis,
                         nt_err *e) NT_MUST_CHECK;

#endif
