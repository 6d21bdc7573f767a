/* SPDX-License-Identifier: MIT */
/*
 * Weights for oneDNN 2's Winograd in fp32, to the bit what its own reorder makes of them; that
 * one takes several times as long as the convolution (512 x 512 channels on Zen 4: 89 ms, and
 * 13 for 14 x 14 points) and scratch memory for all of them once more.
 *
 * The filters of 16 output channels and one input channel are transformed as vectors, G w G',
 * each product and sum rounded by itself and in oneDNN's order. Each of the transformed tile's
 * points is then one line of memory.
 */
#include "kernel/onednn/api.h"
#include "kernel/wino_simd.h"

#if NT_WITH_WINO && DNNL_VERSION_MAJOR < 3
#include "base/alloc.h"

#define TARGET static __attribute__((target(WINO_ISA)))
#define INLINE SHARED

enum { MAX_SIDE = 6 };

static const float g_2x2[4][3] = {
    {1, 0, 0}, {0.5F, 0.5F, 0.5F}, {0.5F, -0.5F, 0.5F}, {0, 0, 1}};
/* For other points than wino_f32.c has. */
static const float g_4x4[6][3] = {
    {1.13777777777778F, 0, 0},
    {-0.688403361344538F, -0.430252100840336F, -0.26890756302521F},
    {-0.688403361344538F, 0.430252100840336F, -0.26890756302521F},
    {0.119514472455649F, 0.179271708683473F, 0.26890756302521F},
    {0.119514472455649F, -0.179271708683473F, 0.26890756302521F},
    {0, 0, 1}};

typedef struct pack {
    nt_prim base;
    int threads;
    int64_t k, c; /* of the weights */
    dnnl_wino_desc_t to;
} pack;

/* ((0 + g[0] x[0]) + g[1] x[1]) + g[2] x[2], x `step` vectors apart */
INLINE __m512 dot(const float g[3], const __m512 *x, const int step)
{
    __m512 sum = _mm512_setzero_ps();

    UNROLL
    for (int i = 0; i < 3; i++)
        sum = _mm512_add_ps(sum, _mm512_mul_ps(_mm512_set1_ps(g[i]), x[i * step]));
    return sum;
}

/* Element of the first point that output channels [16 ob, 16 ob + 16) of an input channel come
 * to, and in *point the distance to the next. */
static int64_t offset_of(int64_t *point, const dnnl_wino_desc_t *d, int64_t ob, int64_t ic)
{
    int64_t side_by_side = d->wino_format == dnnl_wino_wei_aaOio ? 1 : d->oc2_block;
    int64_t chunk = ob / side_by_side, o = ob % side_by_side;
    int64_t run = (int64_t)d->ic2_block * d->ic_block;

    if (d->wino_format != dnnl_wino_wei_OBaaIBOIio) { /* [point][chunk][ic][o][16] */
        *point = (int64_t)d->oc * d->ic;
        return ((chunk * d->ic + ic) * side_by_side + o) * WINO_LANES;
    }
    /* [chunk][point][ic / run][o][ic % run][16] */
    *point = d->ic * side_by_side * WINO_LANES;
    return chunk * d->alpha * d->alpha * *point +
           ((ic / run * side_by_side + o) * run + ic % run) * WINO_LANES;
}

INLINE void transform(float *to, int64_t point, const __m512 taps[9], const float (*g)[3],
                      const int side)
{
    __m512 h[3 * MAX_SIDE];

    UNROLL
    for (int i = 0; i < 3; i++) {
        UNROLL
        for (int j = 0; j < side; j++)
            h[i * side + j] = dot(g[j], taps + 3 * i, 1);
    }
    UNROLL
    for (int i = 0; i < side; i++) {
        UNROLL
        for (int j = 0; j < side; j++)
            _mm512_store_ps(to + (i * side + j) * point, dot(g[i], h + j, side));
    }
}

/* One block of output channels. */
TARGET void pack_block(float *out, const float *w, const pack *p, int64_t ob)
{
    square filters;

    for (int64_t c = 0; c < p->to.ic; c += WINO_LANES) {
        load_square(filters, w, p->k, p->c, ob * WINO_LANES, c);
        for (int i = 0; i < at_most_16(p->to.ic - c); i++) {
            __m512 taps[9];
            int64_t point, at = offset_of(&point, &p->to, ob, c + i);

            load_taps(taps, filters, i, false);
            if (p->to.alpha == 4)
                transform(out + at, point, taps, g_2x2, 4);
            else
                transform(out + at, point, taps, g_4x4, 6);
        }
    }
}

static nt_status run(nt_prim *base, void *const *arg, void *scratch, nt_err *e)
{
    const pack *p = (const pack *)base;

    (void)scratch;
    (void)e;
#pragma omp parallel for schedule(static) num_threads(p->threads)
    for (int64_t ob = 0; ob < p->to.oc / WINO_LANES; ob++)
        pack_block(arg[1], arg[0], p, ob);
    return NT_OK;
}

static void pack_free(nt_prim *p)
{
    nt_free(p);
}

/* Those of fp32, whose lines are 16 output channels. */
static bool is_ours(const dnn_md *plain, dnn_cmd packed)
{
    const dnnl_wino_desc_t *d = &packed->format_desc.wino_desc;

    return packed->format_kind == dnnl_format_kind_wino && packed->data_type == dnnl_f32 &&
           plain->type == dnnl_f32 && plain->rank == 4 && d->r == 3 &&
           d->oc_block == WINO_LANES && d->wino_format != dnnl_wino_wei_aaOIoi &&
           d->alpha == (d->wino_format == dnnl_wino_wei_OBaaIBOIio ? 6 : 4) &&
           wino_avx512_works();
}

nt_status dnn_wino_pack_new(nt_prim **out, nt_device *dev, const dnn_md *plain, dnn_cmd packed,
                            nt_err *e)
{
    pack *p;

    if (!is_ours(plain, packed))
        return nt_fail(e, NT_EUNSUPPORTED, "no such Winograd weights");
    p = nt_calloc(1, sizeof *p);
    if (!p)
        return nt_fail_nomem(e);
    p->base = (nt_prim){.run = run, .free = pack_free, .impl = "winograd:pack"};
    p->threads = nt_device_threads(dev);
    p->k = plain->dims[0];
    p->c = plain->dims[1];
    p->to = packed->format_desc.wino_desc;
    *out = &p->base;
    return NT_OK;
}

#else

nt_status dnn_wino_pack_new(nt_prim **out, nt_device *dev, const dnn_md *plain, dnn_cmd packed,
                            nt_err *e)
{
    (void)out, (void)dev, (void)plain, (void)packed;
    return nt_fail(e, NT_EUNSUPPORTED, "no such Winograd weights");
}

#endif
