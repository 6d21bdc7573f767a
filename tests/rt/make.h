/* SPDX-License-Identifier: MIT */
/* make.h - small .dlrt files for tests, packed by the book: plain loops over dlrt_format.h. */
#ifndef NT_TESTS_RT_MAKE_H
#define NT_TESTS_RT_MAKE_H

#include "rt/dlrt_format.h"
#include "rt/nt_rt.h"

#define MK_MAX 64

typedef struct mk {
    nt_dlrt_tensor t[MK_MAX];
    nt_dlrt_step s[MK_MAX];
    uint32_t tensors, steps, inputs, outputs;
    uint64_t arena;
    uint8_t *data;
    size_t size, room;
} mk;

/* Tensors; each has memory of its own. */
uint32_t mk_codes(mk *m, uint32_t c, uint32_t h, uint32_t w, uint32_t bits, float scale,
                  float zero);
uint32_t mk_floats(mk *m, uint32_t c, uint32_t h, uint32_t w, uint32_t layout);
uint32_t mk_input(mk *m, uint32_t c, uint32_t h, uint32_t w);
uint32_t mk_output(mk *m, uint32_t c, uint32_t h, uint32_t w);

/* A step with nothing but its tensors; to be filled in. */
nt_dlrt_step *mk_step(mk *m, uint32_t op, uint32_t x, uint32_t y);

/* Bytes for the data section: where they lie, in units of 64. */
uint32_t mk_data(mk *m, const void *bytes, size_t size);

/* The weights q[k][c][r][s] of step s (c of one group) in the step's form: where they lie. */
uint32_t mk_weights(mk *m, const nt_dlrt_step *s, const int8_t *q);
uint32_t mk_float_weights(mk *m, const nt_dlrt_step *s, const float *q);

/* The file; *size bytes the caller frees. The checksum is right. */
uint8_t *mk_file(mk *m, size_t *size);
void mk_free(mk *m);

/*
 * Networks to damage, of one input and one output: kind 0 and 1 of planes and fields with a
 * look-up and a pool, 2 depthwise with a sum and a global mean, 3 of floats to a softmax, 4 of
 * moves.
 */
#define MK_NETS 5
void mk_small_net(mk *m, int kind);

/* Makes the checksum of a file right again. */
void mk_seal(uint8_t *file, size_t size);

#endif
