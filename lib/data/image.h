/* SPDX-License-Identifier: MIT */
/* image.h - pictures in memory, [h][w][c], in a buffer that is reused from one to the next. */
#ifndef NT_DATA_IMAGE_H
#define NT_DATA_IMAGE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NT_IMAGE_MAX_SIDE 65500
#define NT_IMAGE_MAX_PIXELS ((size_t)1 << 27)

/*
 * Start from {0}. A uint8 picture holds 0..255, a float one whatever the transforms made of
 * 0..1. With cap 0 the pixels are borrowed and must not be written.
 */
typedef struct nt_image {
    int h, w, c;
    bool is_float;
    void *px;
    size_t cap; /* bytes of px that are ours */
} nt_image;

void nt_image_release(nt_image *im);
/* Sets the extents and makes room; the pixels are undefined. NT_EFORMAT when a side or the
 * number of pixels is out of bounds. */
nt_status nt_image_resize(nt_image *im, int64_t h, int64_t w, int c, bool is_float,
                          nt_err *e) NT_MUST_CHECK;
nt_status nt_image_copy(nt_image *dst, const nt_image *src, nt_err *e) NT_MUST_CHECK;
/* Bytes of one pixel (all its channels). */
size_t nt_image_pixel(const nt_image *im);
/* A part of a picture, in pixels. */
typedef struct nt_box {
    int64_t top, left, h, w;
} nt_box;

/* What lies outside src becomes 0. dst is not src. */
nt_status nt_image_crop(nt_image *dst, const nt_image *src, nt_box box,
                        nt_err *e) NT_MUST_CHECK;
/* ITU-R 601 luma of an RGB pixel, rounded as Pillow does: (19595 R + 38470 G + 7471 B) / 2^16.
 */
static inline uint8_t nt_image_luma(const uint8_t rgb[3])
{
    return (uint8_t)((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 0x8000u) >> 16);
}
/* To x [c][h][w]; uint8 is divided by 255. */
void nt_image_to_planes(float *x, const nt_image *im);

#endif
