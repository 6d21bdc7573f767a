/* SPDX-License-Identifier: MIT */
/*
 * resize {size}: a number is the new shorter side (the longer one follows, its fraction cut
 * off), [h, w] are both. Bilinear with antialiasing (resample.h).
 */
#include "data/resample.h"
#include "data/transform.h"

typedef struct params {
    int64_t hw[2];
} params;

static nt_status parse(void **out, nt_arena *a, const cJSON *args, const char *where, nt_err *e)
{
    static const char *const keys[] = {"size", NULL};
    params *p = nt_arena_alloc(a, 1, sizeof *p);
    nt_status s;

    if (!p)
        return nt_fail_nomem(e);
    *out = p;
    NT_TRY(nt_json_check_keys(args, keys, where, e));
    NT_TRY(nt_transform_size(p->hw, args, "size", where, e));
done:
    return s;
}

static nt_status run(const void *v, nt_image *dst, const nt_image *src, nt_rng *rng,
                     nt_geometry *did, nt_err *e)
{
    const params *p = v;
    int64_t h = p->hw[0], w = p->hw[1];

    (void)rng;
    if (!w && src->w <= src->h) {
        w = h;
        h = w * src->h / src->w;
    } else if (!w) {
        w = h * src->w / src->h;
    }
    if (h == src->h && w == src->w)
        return nt_image_copy(dst, src, e);
    *did = nt_geometry_box(0, 0, src->h, src->w, h, w);
    return nt_resample(dst, src, (nt_box){0, 0, src->h, src->w}, h, w, e);
}

const nt_transform_ops nt_tf_resize = {
    .name = "resize", .u8_only = true, .parse = parse, .run = run};
