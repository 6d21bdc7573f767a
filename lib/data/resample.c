/* SPDX-License-Identifier: MIT */
#include "data/resample.h"

#include "base/alloc.h"

#include <assert.h>
#include <math.h>

#define BLOCK 16       /* values at once, and the most channels */
#define WEIGHT_BITS 22 /* 32 less 8 of the pixel and 2 for sums a little above 255 */

/* For one axis: output i is the sum of source first[i] + k times weight[i * taps + k]. */
typedef struct kernel {
    int taps;
    int *first, *count;
    int32_t *weight;
} kernel;

static void release(kernel *k)
{
    nt_free(k->first);
    nt_free(k->count);
    nt_free(k->weight);
}

static double triangle(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

/* The weights of output i, before rounding, sum to 1. */
static void set_weights(kernel *k, int i, int n, double scale, double *v)
{
    double width = scale > 1 ? scale : 1, centre = (i + 0.5) * scale, sum = 0;
    int lo = (int)(centre - width + 0.5), hi = (int)(centre + width + 0.5);

    lo = lo < 0 ? 0 : lo;
    hi = hi > n ? n : hi;
    k->first[i] = lo;
    k->count[i] = hi - lo;
    for (int x = lo; x < hi; x++)
        sum += v[x - lo] = triangle((x - centre + 0.5) / width);
    for (int x = 0; x < hi - lo; x++)
        k->weight[(size_t)i * (size_t)k->taps + (size_t)x] =
            (int32_t)floor(v[x] / sum * (1 << WEIGHT_BITS) + 0.5);
}

static nt_status make_kernel(kernel *k, int n, int out, nt_err *e)
{
    double scale = (double)n / out, *v;
    nt_status s = NT_OK;

    k->taps = 2 * (int)ceil(scale > 1 ? scale : 1) + 1;
    k->first = nt_alloc((size_t)out, sizeof *k->first);
    k->count = nt_alloc((size_t)out, sizeof *k->count);
    k->weight = nt_alloc((size_t)out * (size_t)k->taps, sizeof *k->weight);
    v = nt_alloc((size_t)k->taps, sizeof *v);
    if (!k->first || !k->count || !k->weight || !v)
        s = nt_fail_nomem(e);
    for (int i = 0; s == NT_OK && i < out; i++)
        set_weights(k, i, n, scale, v);
    nt_free(v);
    return s;
}

static uint8_t round_sum(int32_t sum)
{
    sum >>= WEIGHT_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* n neighbouring values of the output at once; from one tap to the next it is `step` bytes.
 * With a constant n the compiler keeps the sums in registers. */
static inline void weigh(uint8_t *to, const uint8_t *from, size_t step, size_t n,
                         const int32_t *weight, int count)
{
    int32_t sum[BLOCK];

    for (size_t c = 0; c < n; c++)
        sum[c] = 1 << (WEIGHT_BITS - 1);
    for (int x = 0; x < count; x++, from += step)
        for (size_t c = 0; c < n; c++)
            sum[c] += from[c] * weight[x];
    for (size_t c = 0; c < n; c++)
        to[c] = round_sum(sum[c]);
}

/* Every row of the box to dst->w pixels. */
static void pass_rows(nt_image *dst, const nt_image *src, int top, int left, const kernel *k)
{
    size_t c = (size_t)src->c, row = (size_t)src->w * c;

    for (int y = 0; y < dst->h; y++) {
        const uint8_t *line =
            (const uint8_t *)src->px + (size_t)(top + y) * row + (size_t)left * c;
        uint8_t *to = (uint8_t *)dst->px + (size_t)y * (size_t)dst->w * c;

        for (int x = 0; x < dst->w; x++, to += c) {
            const uint8_t *from = line + (size_t)k->first[x] * c;
            const int32_t *weight = k->weight + (size_t)x * (size_t)k->taps;

            if (c == 3)
                weigh(to, from, 3, 3, weight, k->count[x]);
            else
                weigh(to, from, c, c, weight, k->count[x]);
        }
    }
}

static void pass_columns(nt_image *dst, const nt_image *src, const kernel *k)
{
    size_t row = (size_t)src->w * (size_t)src->c;

    for (int y = 0; y < dst->h; y++) {
        const uint8_t *from = (const uint8_t *)src->px + (size_t)k->first[y] * row;
        const int32_t *weight = k->weight + (size_t)y * (size_t)k->taps;
        uint8_t *to = (uint8_t *)dst->px + (size_t)y * row;
        size_t i = 0;

        for (; i + BLOCK <= row; i += BLOCK)
            weigh(to + i, from + i, row, BLOCK, weight, k->count[y]);
        for (; i < row; i++)
            weigh(to + i, from + i, row, 1, weight, k->count[y]);
    }
}

nt_status nt_resample(nt_image *dst, const nt_image *src, nt_box box, int64_t out_h,
                      int64_t out_w, nt_err *e)
{
    kernel rows = {0}, columns = {0};
    nt_image middle = {0};
    nt_status s;

    assert(src->c <= BLOCK);
    assert(!src->is_float && box.top >= 0 && box.left >= 0);
    assert(box.top + box.h <= src->h && box.left + box.w <= src->w);
    /* first, so that the extents are known to be sane */
    NT_TRY(nt_image_resize(dst, out_h, out_w, src->c, false, e));
    NT_TRY(nt_image_resize(&middle, box.h, out_w, src->c, false, e));
    NT_TRY(make_kernel(&rows, (int)box.w, (int)out_w, e));
    NT_TRY(make_kernel(&columns, (int)box.h, (int)out_h, e));
    pass_rows(&middle, src, (int)box.top, (int)box.left, &rows);
    pass_columns(dst, &middle, &columns);
done:
    release(&rows);
    release(&columns);
    nt_image_release(&middle);
    return s;
}
