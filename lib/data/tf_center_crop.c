/* SPDX-License-Identifier: MIT */
/* center_crop {size}: the middle; a picture that is too small gets a border of 0. */
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
    if (!p->hw[1])
        p->hw[1] = p->hw[0];
done:
    return s;
}

static nt_status run(const void *v, nt_image *dst, const nt_image *src, nt_rng *rng, nt_err *e)
{
    const params *p = v;

    (void)rng;
    return nt_image_crop(dst, src, nt_transform_centre(src->h, p->hw[0]),
                         nt_transform_centre(src->w, p->hw[1]), p->hw[0], p->hw[1], e);
}

const nt_transform_ops nt_tf_center_crop = {.name = "center_crop", .parse = parse, .run = run};
