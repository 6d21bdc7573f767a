/* SPDX-License-Identifier: MIT */
/*
 * grayscale {channels = 1}: luma by ITU-R 601, 0.299 R + 0.587 G + 0.114 B in 16 fractional
 * bits as Pillow has it; channels 3 gives three equal ones.
 */
#include "data/transform.h"

static nt_status parse(void **out, nt_arena *a, const cJSON *args, const char *where, nt_err *e)
{
    static const char *const keys[] = {"channels", NULL};
    int64_t *channels = nt_arena_alloc(a, 1, sizeof *channels);
    nt_status s;

    if (!channels)
        return nt_fail_nomem(e);
    *channels = 1;
    *out = channels;
    NT_TRY(nt_json_check_keys(args, keys, where, e));
    NT_TRY(nt_json_get_i64(channels, args, "channels", (nt_bounds){1, 3}, where, e));
    if (*channels == 2)
        NT_TRY(nt_fail(e, NT_EINVAL, "%s.channels: got 2, want 1 or 3", where));
done:
    return s;
}

static nt_status run(const void *v, nt_image *dst, const nt_image *src, nt_rng *rng,
                     nt_geometry *did, nt_err *e)
{
    int c = (int)*(const int64_t *)v;
    size_t n = (size_t)src->h * (size_t)src->w;
    const uint8_t *from = src->px;
    nt_status s;

    (void)rng;
    (void)did;
    s = nt_image_resize(dst, src->h, src->w, c, false, e);
    for (size_t i = 0; s == NT_OK && i < n; i++) {
        const uint8_t *px = from + i * (size_t)src->c;
        uint8_t y = src->c == 3 ? nt_image_luma(px) : px[0];

        for (int k = 0; k < c; k++)
            ((uint8_t *)dst->px)[i * (size_t)c + (size_t)k] = y;
    }
    return s;
}

const nt_transform_ops nt_tf_grayscale = {
    .name = "grayscale", .u8_only = true, .parse = parse, .run = run};
