/* SPDX-License-Identifier: MIT */
/*
 * rt_int.h - what the files of the runtime share, and the interface of a set of kernels. A set
 * is one file, compiled with its own flags; nothing else depends on the processor.
 */
#ifndef NT_RT_INT_H
#define NT_RT_INT_H

#include "rt/dlrt_format.h"
#include "rt/nt_rt.h"

/* Hidden outside of the library, where the compiler can. */
#if defined(__GNUC__)
#define NT_RT_HIDDEN __attribute__((visibility("hidden")))
#else
#define NT_RT_HIDDEN
#endif

/* Products of integers: which weights meet which activations. */
enum {
    NT_RT_S8,  /* fields of 8 bits, codes of at most 7 */
    NT_RT_S8W, /* fields of 8 bits, codes of 8 */
    NT_RT_S4,
    NT_RT_S2,
    NT_RT_S1,
    NT_RT_P11, /* planes: bits of the weights, bits of the codes */
    NT_RT_P12,
    NT_RT_P21,
    NT_RT_P22,
    NT_RT_GEMMS
};

#define NT_RT_MR 8      /* most pixels of a tile */
#define NT_RT_NR 32     /* most output channels of a tile */
#define NT_RT_CHUNK 64u /* channels of a depthwise or pooling step at a time */

/*
 * A tile: m pixels times nb blocks of 16 output channels,
 *     acc[i][n] = sum over segments and their groups of dot(a, w)        (row i has 16 * nb)
 * where pixel i, segment j begins at a + off[i] + seg[j]. A group of codes has 4 bytes (8 for a
 * set that wants 16 bits); a word of planes has 4 bytes for each bit of the codes.
 * For 1-bit planes the sum lacks (2^bits - 1) * popcount(w); for a set with a bias codes count
 * as code - bias. Both are constants of the channel, which corr holds.
 */
typedef struct nt_rt_tile {
    const uint8_t *a;
    size_t off[NT_RT_MR];
    const uint32_t *seg;
    uint32_t segs, len; /* len groups or words in a segment */
    const uint8_t *w;
    size_t wblock; /* bytes from one block of 16 channels to the next */
    uint32_t m, nb;
    int32_t *acc;
} nt_rt_tile;

typedef void nt_rt_gemm(const nt_rt_tile *t);

/* From sums to codes: saturate(round_half_even((acc + corr) * mul + add)) in [lo, hi], + zero.
 */
typedef struct nt_rt_scale {
    const int32_t *corr; /* per channel */
    const float *mul, *add;
    float lo, hi;
    int32_t zero;
} nt_rt_scale;

typedef struct nt_rt_pair {
    float ma, za, mb,
        zb; /* add: (a - za) * ma + (b - zb) * mb; mul: (a - za) * (b - zb) * ma */
    float lo, hi;
    int32_t zero;
} nt_rt_pair;

typedef struct nt_rt_window { /* of one output pixel, all taps inside of the image */
    const uint8_t *a;
    uint32_t r, s;
    size_t row, col; /* bytes from tap to tap */
} nt_rt_window;

typedef struct nt_rt_fconv { /* m pixels times 16 channels, fp32 */
    const float *a[4];       /* per pixel, of this tap */
    const float *w;          /* [c][16] */
    uint32_t c;
    float (*acc)[16];
} nt_rt_fconv;

typedef struct nt_rt_kern {
    const char *name;
    nt_rt_gemm *gemm[NT_RT_GEMMS];
    uint8_t mr[NT_RT_GEMMS]; /* most pixels of each */
    uint8_t wide;            /* NT_RT_S8W reads codes as int16_t */
    int32_t bias;            /* fields read codes as code - bias */
    void (*codes)(uint8_t *y, const int32_t *acc, const nt_rt_scale *s, size_t k0, size_t n);
    void (*reals)(float *y, const int32_t *acc, const nt_rt_scale *s, size_t k0, size_t n);
    void (*depthwise)(int32_t *acc, const nt_rt_window *a, const int8_t *w, size_t wtap,
                      size_t n);
    void (*planes)(uint32_t *y, const uint8_t *x, size_t c,
                   uint32_t bits); /* a pixel, packed */
    void (*widen)(int16_t *y, const uint8_t *x, size_t n);
    void (*max)(uint8_t *y, const uint8_t *x, size_t n); /* y = max(y, x) */
    void (*sum)(int32_t *y, const uint8_t *x, size_t n); /* y += x */
    void (*add)(uint8_t *y, const uint8_t *a, const uint8_t *b, size_t n, const nt_rt_pair *p);
    void (*mul)(uint8_t *y, const uint8_t *a, const uint8_t *b, size_t n, const nt_rt_pair *p);
    void (*quantize)(uint8_t *y, const float *x, size_t n, const nt_rt_pair *p); /* x / ma */
    void (*fconv)(const nt_rt_fconv *t);
} nt_rt_kern;

extern const nt_rt_kern nt_rt_portable NT_RT_HIDDEN, nt_rt_avx2 NT_RT_HIDDEN,
    nt_rt_avx512 NT_RT_HIDDEN, nt_rt_neon NT_RT_HIDDEN, nt_rt_neon_dot NT_RT_HIDDEN;

/* What a convolution needs besides its record; made at load. */
typedef struct nt_rt_conv {
    uint32_t kind, blocks; /* of NT_RT_GEMMS; blocks of 16 channels in a group */
    uint32_t cg, kg;       /* channels of a group */
    uint32_t segs, len;
    uint32_t copy, convert; /* the image is made anew; its pixels are not the tensor's */
    uint32_t ih, iw;        /* the image: rows and pixels that taps touch */
    size_t pix, row, plane; /* bytes of a pixel, a row, a group's image */
    size_t wblock;
    uint32_t *seg;
    int32_t *corr;
    float *mul, *add;
} nt_rt_conv;

struct nt_rt {
    const uint8_t *file;
    nt_dlrt_header head;
    const nt_dlrt_tensor *tensor;
    const nt_dlrt_step *step;
    const char *names;
    const uint8_t *data;
    size_t tensors, steps;
    const nt_rt_kern *kern;
    nt_rt_conv *conv; /* [steps] */
    uint32_t *inputs, *outputs;
    uint8_t *arena, *scratch;
    const float *const *in;
    float *const *out;
    nt_rt_parallel *run;
    void *run_ctx;
    size_t threads;
    void (*watch)(void *ctx, size_t i);
    void *watch_ctx;
    void *owned[2]; /* what nt_rt_open_file has to give back */
    size_t mapped;
};

static inline size_t nt_rt_align4(size_t n)
{
    return (n + 3) & ~(size_t)3;
}

/* What lies at `at`, in the unit of records, of the data section. */
static inline const uint8_t *nt_rt_data(const nt_rt *rt, uint32_t at)
{
    return rt->data + (size_t)at * NT_DLRT_ALIGN;
}

/* Bytes of a tensor in the arena; callers have checked that they are few enough. */
static inline size_t nt_rt_bytes(const nt_dlrt_tensor *t)
{
    size_t hw = (size_t)t->h * t->w;

    return t->type == NT_DLRT_CODES ? hw * nt_rt_align4(t->c) : hw * t->c * 4;
}

/* cpu.c: NULL where `name` is not here; NULL as the name asks for the best. */
NT_RT_HIDDEN const nt_rt_kern *nt_rt_choose(const char *name);

/* check.c */
NT_RT_HIDDEN uint32_t nt_rt_crc(const uint8_t *data, size_t size);
NT_RT_HIDDEN int nt_rt_check(const uint8_t *file, size_t size, nt_rt *rt);
NT_RT_HIDDEN int nt_rt_check_step(const nt_rt *rt, const nt_dlrt_step *s);

/* conv.c: shape what the record and the kernels say; needs a checked record */
NT_RT_HIDDEN void nt_rt_conv_shape(const nt_rt *rt, const nt_dlrt_step *s, nt_rt_conv *c);
NT_RT_HIDDEN uint64_t nt_rt_conv_scratch(const nt_rt_conv *c, const nt_dlrt_step *s);
NT_RT_HIDDEN uint64_t nt_rt_weight_bytes(const nt_dlrt_step *s, const nt_dlrt_tensor *x,
                                         const nt_dlrt_tensor *y);
NT_RT_HIDDEN int nt_rt_conv_prepare(const nt_rt *rt, const nt_dlrt_step *s, nt_rt_conv *c);
NT_RT_HIDDEN void nt_rt_conv_run(nt_rt *rt, const nt_dlrt_step *s, const nt_rt_conv *c);

/* fconv.c */
NT_RT_HIDDEN void nt_rt_fconv_run(nt_rt *rt, const nt_dlrt_step *s);

/* steps.c: all other steps */
NT_RT_HIDDEN void nt_rt_step_run(nt_rt *rt, const nt_dlrt_step *s);

/* share.c */
NT_RT_HIDDEN uint8_t *nt_rt_at(const nt_rt *rt, uint32_t tensor);
NT_RT_HIDDEN void nt_rt_share(nt_rt *rt, nt_rt_task *task, void *arg, size_t n);

/* fmath.c: what libm would give, to 2 units in the last place */
NT_RT_HIDDEN float nt_rt_expf(float x);

#endif
