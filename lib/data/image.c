/* SPDX-License-Identifier: MIT */
#include "data/image.h"

#include "base/alloc.h"

#include <assert.h>
#include <string.h>

void nt_image_release(nt_image *im)
{
    if (im->cap)
        nt_free(im->px);
    *im = (nt_image){0};
}

size_t nt_image_pixel(const nt_image *im)
{
    return (size_t)im->c * (im->is_float ? sizeof(float) : 1);
}

nt_status nt_image_resize(nt_image *im, int64_t h, int64_t w, int c, bool is_float, nt_err *e)
{
    size_t bytes;

    if (h < 1 || w < 1 || h > NT_IMAGE_MAX_SIDE || w > NT_IMAGE_MAX_SIDE ||
        (size_t)h * (size_t)w > NT_IMAGE_MAX_PIXELS)
        return nt_fail(e, NT_EFORMAT,
                       "a picture of %lld x %lld pixels, want sides from 1 to %d and at most "
                       "%zu pixels",
                       (long long)h, (long long)w, NT_IMAGE_MAX_SIDE, NT_IMAGE_MAX_PIXELS);
    bytes = (size_t)h * (size_t)w * (size_t)c * (is_float ? sizeof(float) : 1);
    if (im->cap < bytes) {
        nt_image_release(im);
        im->px = nt_alloc(bytes, 1);
        if (!im->px)
            return nt_fail_nomem(e);
        im->cap = bytes;
    }
    im->h = (int)h;
    im->w = (int)w;
    im->c = c;
    im->is_float = is_float;
    return NT_OK;
}

nt_status nt_image_copy(nt_image *dst, const nt_image *src, nt_err *e)
{
    nt_status s = nt_image_resize(dst, src->h, src->w, src->c, src->is_float, e);

    if (s == NT_OK)
        memcpy(dst->px, src->px, (size_t)src->h * (size_t)src->w * nt_image_pixel(src));
    return s;
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

nt_status nt_image_crop(nt_image *dst, const nt_image *src, nt_box box, nt_err *e)
{
    size_t px = nt_image_pixel(src);
    int64_t x0 = clamp(box.left, 0, src->w), x1 = clamp(box.left + box.w, 0, src->w);
    nt_status s;

    assert(dst != src);
    s = nt_image_resize(dst, box.h, box.w, src->c, src->is_float, e);
    if (s != NT_OK)
        return s;
    for (int64_t y = 0; y < box.h; y++) {
        char *to = (char *)dst->px + (size_t)(y * box.w) * px;
        const char *from = src->px;
        bool inside = box.top + y >= 0 && box.top + y < src->h && x1 > x0;
        size_t before, middle;

        if (!inside) {
            memset(to, 0, (size_t)box.w * px);
            continue;
        }
        before = (size_t)(x0 - box.left) * px;
        middle = (size_t)(x1 - x0) * px;
        memset(to, 0, before);
        memcpy(to + before, from + (size_t)((box.top + y) * src->w + x0) * px, middle);
        memset(to + before + middle, 0, (size_t)box.w * px - before - middle);
    }
    return NT_OK;
}

void nt_image_to_planes(float *x, const nt_image *im)
{
    size_t plane = (size_t)im->h * (size_t)im->w, c = (size_t)im->c;

    for (size_t k = 0; k < c; k++) {
        float *to = x + k * plane;

        if (im->is_float)
            for (size_t i = 0; i < plane; i++)
                to[i] = ((const float *)im->px)[i * c + k];
        else
            for (size_t i = 0; i < plane; i++)
                to[i] = (float)((const uint8_t *)im->px)[i * c + k] / 255.0f;
    }
}
