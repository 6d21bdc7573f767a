/* SPDX-License-Identifier: MIT */
/* fconv.c - convolutions and dense layers that were left in fp32. */
#include <string.h>

#include "rt/rt_int.h"

typedef struct job {
    const nt_rt *rt;
    const nt_dlrt_step *s;
    const nt_dlrt_tensor *x, *y;
    const float *src, *zero; /* zero: what a tap in the padding reads */
    float *dst;
} job;

static float bias_of(const job *j, size_t k)
{
    float b = 0;

    if (j->s->bias != NT_DLRT_NONE)
        memcpy(&b, nt_rt_data(j->rt, j->s->bias) + 4 * k, 4);
    return b;
}

/* Four pixels of row p from q, of which `use` count; 16 channels of block b in group g. */
static void four(const job *j, uint32_t p, uint32_t q, uint32_t use, uint32_t g, uint32_t b)
{
    const nt_dlrt_step *s = j->s;
    uint32_t cg = j->x->c / s->groups, kg = j->y->c / s->groups;
    uint32_t n = kg - b * 16 < 16 ? kg - b * 16 : 16;
    float acc[4][16] = {{0}};
    nt_rt_fconv t = {.c = cg, .acc = acc};

    t.w = (const float *)(const void *)nt_rt_data(j->rt, s->weights) +
          ((size_t)g * ((kg + 15) / 16) + b) * s->r * s->s * cg * 16;
    for (uint32_t r = 0; r < s->r; r++)
        for (uint32_t c = 0; c < s->s; c++, t.w += (size_t)cg * 16) {
            uint32_t y = p * s->stride_h + r * s->dil_h - s->pad_t; /* wraps below 0 */
            uint32_t any = 0;

            for (uint32_t m = 0; m < 4; m++) {
                uint32_t x = (q + m) * s->stride_w + c * s->dil_w - s->pad_l;

                t.a[m] = j->zero;
                if (m < use && y < j->x->h && x < j->x->w) {
                    t.a[m] = j->src + ((size_t)y * j->x->w + x) * j->x->c + g * cg;
                    any = 1;
                }
            }
            if (any)
                j->rt->kern->fconv(&t);
        }
    for (uint32_t m = 0; m < use; m++)
        for (uint32_t i = 0; i < n; i++) {
            size_t k = (size_t)g * kg + b * 16 + i;
            float v = acc[m][i] + bias_of(j, k);

            v = v < s->lo ? s->lo : v; /* NaN stays one */
            j->dst[((size_t)p * j->y->w + q + m) * j->y->c + k] = v > s->hi ? s->hi : v;
        }
}

/* One block of channels in one row. */
static void row(void *arg, size_t i)
{
    const job *j = arg;
    uint32_t kg = j->y->c / j->s->groups, blocks = (kg + 15) / 16;
    uint32_t p = (uint32_t)(i % j->y->h), b = (uint32_t)(i / j->y->h);

    for (uint32_t q = 0; q < j->y->w; q += 4)
        four(j, p, q, j->y->w - q < 4 ? j->y->w - q : 4, b / blocks, b % blocks);
}

void nt_rt_fconv_run(nt_rt *rt, const nt_dlrt_step *s)
{
    job j = {.rt = rt, .s = s, .x = &rt->tensor[s->in[0]], .y = &rt->tensor[s->out]};
    size_t kg = j.y->c / s->groups;

    memset(rt->scratch, 0, (size_t)(j.x->c / s->groups) * 4);
    j.src = (const float *)(const void *)nt_rt_at(rt, s->in[0]);
    j.dst = (float *)(void *)nt_rt_at(rt, s->out);
    j.zero = (const float *)(const void *)rt->scratch;
    nt_rt_share(rt, row, &j, s->groups * ((kg + 15) / 16) * j.y->h);
}
