/* SPDX-License-Identifier: MIT */
/* resample.h - bilinear resizing with antialiasing. */
#ifndef NT_DATA_RESAMPLE_H
#define NT_DATA_RESAMPLE_H

#include "base/err.h"
#include "data/image.h"

/*
 * The box of src, resized to out_h x out_w. Each output pixel is the mean of
 * the source under a triangle as wide as two source pixels, or as two output pixels where those
 * are larger (so that shrinking does not alias); rows first, each pass rounded to uint8, with
 * fixed-point weights: the pixels of Pillow's resize(BILINEAR), and so of torchvision's.
 * src is uint8 and the box lies in it.
 */
nt_status nt_resample(nt_image *dst, const nt_image *src, nt_box box, int64_t out_h,
                      int64_t out_w, nt_err *e) NT_MUST_CHECK;

#endif
