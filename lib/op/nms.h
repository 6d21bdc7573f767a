/* SPDX-License-Identifier: MIT */
/* nms.h - non-maximum suppression: of boxes that overlap, the one with the highest score. */
#ifndef NT_OP_NMS_H
#define NT_OP_NMS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct nt_nms {
    int64_t batches, classes, boxes;
    int64_t most;  /* boxes to keep per class */
    float overlap; /* a box that shares more than this with a kept one goes: area of the
                      intersection over that of the union */
    bool has_score;
    float score; /* only boxes with more than this, if has_score */
    bool center; /* boxes are x, y of the centre, width, height; else y, x of two opposite
                    corners */
} nt_nms;

/*
 * Greedy: highest score first, of equal scores the lower index.
 *
 *   boxes   [batches][boxes][4]
 *   scores  [batches][classes][boxes]
 *   *out    [*n][3]: batch, class, box; by batch, by class, then in the order of picking.
 *           nt_free.
 */
nt_status nt_nms_run(int64_t **out, int64_t *n, const nt_nms *d, const float *boxes,
                     const float *scores, nt_err *e) NT_MUST_CHECK;

#endif
