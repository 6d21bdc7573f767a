/* SPDX-License-Identifier: MIT */
/*
 * random_crop {size, padding = 0}: a box anywhere in the picture with `padding` pixels of 0 on
 * each side. Without augmentation it is the middle of the picture itself.
 */
#include "data/transform.h"

#define MAX_PADDING 4096

typedef struct params {
    int64_t hw[2], padding;
} params;

static nt_status parse(void **out, nt_arena *a, const cJSON *args, const char *where, nt_err *e)
{
    static const char *const keys[] = {"size", "padding", NULL};
    params *p = nt_arena_alloc(a, 1, sizeof *p);
    nt_status s;

    if (!p)
        return nt_fail_nomem(e);
    *out = p;
    NT_TRY(nt_json_check_keys(args, keys, where, e));
    NT_TRY(nt_transform_box(p->hw, args, "size", where, e));
    NT_TRY(nt_json_get_i64(&p->padding, args, "padding", (nt_bounds){0, MAX_PADDING}, where,
                           e));
done:
    return s;
}

static nt_status run(const void *v, nt_image *dst, const nt_image *src, nt_rng *rng,
                     nt_geometry *did, nt_err *e)
{
    const params *p = v;
    int64_t h = p->hw[0], w = p->hw[1];
    int64_t room_h = src->h + 2 * p->padding - h, room_w = src->w + 2 * p->padding - w;
    int64_t top, left;

    if (room_h < 0 || room_w < 0)
        return nt_fail(e, NT_EINVAL, "%lld x %lld does not fit into %d x %d with padding %lld",
                       (long long)h, (long long)w, src->h, src->w, (long long)p->padding);
    if (rng) {
        top = (int64_t)nt_rng_below(rng, (uint64_t)room_h + 1) - p->padding;
        left = (int64_t)nt_rng_below(rng, (uint64_t)room_w + 1) - p->padding;
    } else {
        top = nt_transform_centre(src->h, h);
        left = nt_transform_centre(src->w, w);
    }
    *did = nt_geometry_box(top, left, h, w, h, w);
    return nt_image_crop(dst, src, (nt_box){top, left, h, w}, e);
}

const nt_transform_ops nt_tf_random_crop = {.name = "random_crop", .parse = parse, .run = run};
