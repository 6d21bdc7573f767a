/* SPDX-License-Identifier: MIT */
/* follow.h - boxes and masks go where the transforms have put their picture. */
#ifndef NT_DATA_FOLLOW_H
#define NT_DATA_FOLLOW_H

#include "data/geometry.h"
#include "data/image.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Boxes (left, top, right, bottom) are cut at the edge of what is seen; those of which no area
 * is left drop out. Returns how many remain: number k, to[k], was number index[k] of `from`.
 * Room for n in each; to is not from.
 */
size_t nt_follow_boxes(float (*to)[4], uint32_t *index, const float (*from)[4], size_t n,
                       const nt_geometry *g);
/*
 * to [g->h][g->w]: each pixel has the class of the nearest one of the mask (uint8, one channel,
 * as large as the picture was), `fill` where the picture is not seen.
 */
void nt_follow_mask(int32_t *to, const nt_image *mask, const nt_geometry *g, int32_t fill);

#endif
