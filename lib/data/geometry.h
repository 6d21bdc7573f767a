/* SPDX-License-Identifier: MIT */
/*
 * geometry.h - where a picture's places go when it is flipped, cropped, padded or resized.
 *
 *   x' = m[0] x + m[1] y + m[2]        y' = m[3] x + m[4] y + m[5]
 *
 * in edges of pixels: a picture is [0, w] x [0, h], the middle of its first pixel (0.5, 0.5). A
 * transform that moves pixels reports this once, beside its work; targets follow it
 * (follow.h).
 */
#ifndef NT_DATA_GEOMETRY_H
#define NT_DATA_GEOMETRY_H

#include <stdint.h>

typedef struct nt_geometry {
    double m[6];
    int64_t h, w;   /* of the result */
    double seen[4]; /* left, top, right, bottom: beyond, the result does not show the source */
} nt_geometry;

/* Nothing moves. */
nt_geometry nt_geometry_none(int64_t h, int64_t w);
/* The box (top, left, h, w) of the source, which may stick out of it, becomes out_h x out_w;
 * all of it counts as seen until nt_geometry_then knows how large the source is. */
nt_geometry nt_geometry_box(int64_t top, int64_t left, int64_t h, int64_t w, int64_t out_h,
                            int64_t out_w);
/* Left and right change places. */
nt_geometry nt_geometry_mirror(int64_t h, int64_t w);
/* g and then `next`, of which seen is not asked: what g does not show, nobody does. */
nt_geometry nt_geometry_then(const nt_geometry *g, const nt_geometry *next);
/* Where a box (left, top, right, bottom) goes: the box around it. to may be from. */
void nt_geometry_map(double to[4], const nt_geometry *g, const double from[4]);
/* Where in the source (x, y) of the result is from. */
void nt_geometry_back(double *x, double *y, const nt_geometry *g);

#endif
