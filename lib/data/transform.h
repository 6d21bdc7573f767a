/* SPDX-License-Identifier: MIT */
/*
 * transform.h - what happens to a picture between the file and the network.
 *
 * A transform is one file tf_NAME.c with one constant table, listed in pipeline.c. Geometry
 * works on the uint8 pixels and the division by 255 happens as late as it can: the result is
 * the same as scaling first. Every random choice is drawn from the stream given; with no stream
 * (no augmentation) a random transform takes its centred form or does nothing. What moves
 * pixels says where to, from the same draws.
 */
#ifndef NT_DATA_TRANSFORM_H
#define NT_DATA_TRANSFORM_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/rng.h"
#include "data/geometry.h"
#include "data/image.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct nt_transform_ops {
    const char *name;
    bool u8_only; /* must come before normalize */
    /* args is an object (empty when only the name was given); *params lives in a. */
    nt_status (*parse)(void **params, nt_arena *a, const cJSON *args, const char *where,
                       nt_err *e);
    /* rng NULL: no augmentation. dst is not src; src may be borrowed. *did says that nothing
     * moves: one that moves pixels sets it. */
    nt_status (*run)(const void *params, nt_image *dst, const nt_image *src, nt_rng *rng,
                     nt_geometry *did, nt_err *e);
} nt_transform_ops;

extern const nt_transform_ops nt_tf_center_crop, nt_tf_color_jitter, nt_tf_cutout,
    nt_tf_grayscale, nt_tf_horizontal_flip, nt_tf_normalize, nt_tf_random_crop,
    nt_tf_random_erasing, nt_tf_random_resized_crop, nt_tf_resize;

typedef struct nt_pipeline nt_pipeline;

/* From the "transforms" of a split, an array of names and of {name: {arguments}}; NULL is none.
 * NT_EINVAL names the key's path. */
nt_status nt_pipeline_new(nt_pipeline **out, const cJSON *list, const char *where,
                          nt_err *e) NT_MUST_CHECK;
void nt_pipeline_free(nt_pipeline *p);
/* What a run needs, and where it has put the picture; start from {0}. */
typedef struct nt_pipeline_work {
    nt_image scratch[2];
    nt_geometry did;
} nt_pipeline_work;

void nt_pipeline_work_release(nt_pipeline_work *w);
/* Runs all of them. *out borrows the pixels of src or of w. */
nt_status nt_pipeline_run(const nt_pipeline *p, nt_image *out, const nt_image *src,
                          nt_pipeline_work *w, nt_rng *rng, nt_err *e) NT_MUST_CHECK;
/* Every transform there is; NULL past the last. */
const nt_transform_ops *nt_transform_at(size_t i);

/* ---- for the transforms */

/* For `parse`, where {size} is all there is: *out is an int64_t[2], height and width, a number
 * stands for both. */
nt_status nt_transform_parse_box(void **out, nt_arena *a, const cJSON *args, const char *where,
                                 nt_err *e) NT_MUST_CHECK;
/* A required key with a number, which stands for both, or [h, w], each from 1. */
nt_status nt_transform_box(int64_t hw[2], const cJSON *args, const char *key, const char *where,
                           nt_err *e) NT_MUST_CHECK;
/* The same, but hw[1] is 0 for a single number. */
nt_status nt_transform_size(int64_t hw[2], const cJSON *args, const char *key,
                            const char *where, nt_err *e) NT_MUST_CHECK;
/* An array of two numbers within b, in order. A missing key leaves v alone. */
nt_status nt_transform_range(double v[2], const cJSON *args, const char *key, nt_bounds b,
                             const char *where, nt_err *e) NT_MUST_CHECK;
/* Where a centred box of `want` begins in `have`; negative where it is larger. */
int64_t nt_transform_centre(int64_t have, int64_t want);

#endif
