/* SPDX-License-Identifier: MIT */
/*
 * dlrt_format.h - the .dlrt file, version 2, to the byte.
 *
 * Little-endian throughout; offsets count from the start of the file; sections and every array
 * of the data section begin at multiples of 64, so that a mapped file is used as it lies. Gaps
 * are zero. The records below have no padding of their own; where they say where something
 * lies, in the data section or in memory, they count units of 64 bytes. (Version 1 had wider
 * records.)
 *
 *     header | tensors | steps | names | data
 *
 * Checksum: CRC-32C (Castagnoli, reflected, initial value and final xor ~0) over the whole file
 * with the field `crc` taken as zero.
 *
 * Tensors hold one sample. A tensor of codes stands for real values
 *
 *     x = scale * (code - zero),    0 <= code < 2^bits,
 *
 * each code in one byte, in the order h w c with c padded to a multiple of 4 (what stands in
 * the padding has no meaning). ONNX's signed codes are stored plus 2^(bits-1), and zero with
 * them. zero is an integer, or an odd multiple of one half (1-bit codes that stand for -1 and
 * +1: zero 0.5). A real number becomes a code as in ONNX QuantizeLinear:
 *
 *     code = saturate(round_half_even(x / scale) + zero)
 *
 * Weights are symmetric, w = scale[k] * q, with q stored at its bit width:
 *     8, 4, 2 bits   two's complement
 *     1 bit          0 is -1, 1 is +1
 *
 * Output channels come in blocks of 16 (the last is filled up with zero bits), separately for
 * each group. Within a block the taps r, s and input channels c follow each other in
 * *segments*: one for each r if dil_w is 1 (holding all s and c of it), else one for each r and
 * s. How a segment is packed is its form:
 *
 *   NT_DLRT_FIELDS  c of a tap padded to a multiple of 4 (for 1 bit with pads that have no
 *       effect). A group is 4 successive (s, c). F = 8 / wbits groups make a word of 64 bytes
 *       [16 k][4]: bits [wbits * f, wbits * (f + 1)) of byte (k, i) are the weight of channel k
 * at element i of group f. A segment has ceil(groups / F) words; surplus groups are zero bits.
 *       Any bits of activations.
 *   NT_DLRT_PLANES  c of a tap padded to a multiple of 32. A word is 32 successive channels of
 * one tap: uint32_t [wbits planes][16 k], plane p holding bit p of the weights, channel i in
 * bit i. wbits and the input's bits must be 1 or 2. NT_DLRT_DEPTHWISE  one input and one output
 * channel per group, wbits 8 (the values may need fewer): int8_t [r][s][c padded to a multiple
 * of 4]. No blocks. NT_DLRT_FLOATS  the input is fp32: float [r][s][c][16] per block, wbits 32;
 * no padding of c.
 */
#ifndef NT_RT_DLRT_FORMAT_H
#define NT_RT_DLRT_FORMAT_H

#include <stdint.h>

#define NT_DLRT_MAGIC 0x54524c44u /* "DLRT" */
#define NT_DLRT_VERSION 2u
#define NT_DLRT_ALIGN 64u        /* bytes, and the unit of offsets in records */
#define NT_DLRT_NONE 0xffffffffu /* no tensor, no array */
#define NT_DLRT_BLOCK 16u        /* output channels */
#define NT_DLRT_WINDOW 4096u     /* most of kernels, strides, dilations and pads of windows */
#define NT_DLRT_SLACK 64u        /* bytes behind the arena that a vector load may touch */

typedef struct nt_dlrt_section {
    uint64_t offset, size; /* bytes */
} nt_dlrt_section;

enum { NT_DLRT_TENSORS, NT_DLRT_STEPS, NT_DLRT_NAMES, NT_DLRT_DATA, NT_DLRT_SECTIONS };

/* 128 bytes */
typedef struct nt_dlrt_header {
    uint32_t magic, version;
    uint64_t file_size;
    uint32_t crc;
    uint32_t inputs, outputs;
    uint32_t reserved0;
    uint64_t arena; /* bytes of memory for the tensors */
    nt_dlrt_section section[NT_DLRT_SECTIONS];
    uint64_t reserved[3];
} nt_dlrt_header;

enum { NT_DLRT_CODES = 1, NT_DLRT_F32 };
enum { NT_DLRT_NHWC, NT_DLRT_NCHW };
enum { NT_DLRT_ARENA, NT_DLRT_INPUT, NT_DLRT_OUTPUT };

/*
 * 36 bytes. Codes are NHWC and lie in the arena: h * w * align4(c) bytes at `offset`. fp32
 * tensors are dense, in either order. Inputs and outputs are fp32, NCHW, and lie with the
 * caller; each index below the header's counts belongs to exactly one tensor. rank is what the
 * model's author sees: 1 is [c], 2 is [c][w] (h is 1), 3 is [c][h][w].
 */
typedef struct nt_dlrt_tensor {
    uint8_t type, bits; /* bits 1, 2, 4, 8; 32 for fp32 */
    uint8_t layout, place;
    uint16_t index, rank;
    uint32_t c, h, w;
    float scale, zero;
    uint32_t name; /* offset into the names, each ended by a zero byte */
    uint32_t offset;
} nt_dlrt_tensor;

/* The extents of a tensor's rank, then ones. */
static inline void nt_dlrt_dims(uint32_t dims[4], const nt_dlrt_tensor *t)
{
    dims[0] = t->c;
    dims[1] = t->rank == 2 ? t->w : t->h;
    dims[2] = t->rank == 2 ? 1 : t->w;
    dims[3] = 1;
}

/*
 * Steps run in order. What reads what (other fields are zero, tensors and arrays not named
 * NT_DLRT_NONE and 0):
 *
 * QUANTIZE    fp32 -> codes, same c h w, either layout
 * DEQUANTIZE  codes -> fp32, same c h w, either layout
 * LAYOUT      fp32 -> fp32, same c h w, from one layout to the other
 * CONV        r s stride dil pad groups wbits wform weights wscale bias; codes -> codes or
 *             fp32 NHWC; fp32 NHWC -> fp32 NHWC with FLOATS. wscale (not for FLOATS) and bias
 * are float[k], real values. The result is clamped to [lo, hi], codes where the output is
 *             codes, reals otherwise. A dense layer is a convolution whose kernel covers its
 * input. Pads need an input whose zero is an integer that is a code (it is the real zero).
 * MAXPOOL     r s stride dil pad; same type; codes keep their scale and zero
 * AVGPOOL     r s stride pad, kind 1: pads count, else 0; same type
 * ADD, MUL    in[0] and in[1] of one type with the output; in[1] may have h = w = 1. Clamped to
 *             [lo, hi] as CONV
 * LUT         codes -> codes; table: uint8_t[256], every entry a code of the output
 * COPY        channels [src_c, src_c + count) of the input to [dst_c, dst_c + count) of the
 *             output, same h w and type; codes through `table` where there is one
 * RESHAPE     same type, same count, the order of NCHW kept. Equal scale, zero and bits
 * SOFTMAX     fp32 NHWC, over c
 * RESIZE      nearest: table: uint32_t[out h] then uint32_t[out w], the input's row and column;
 *             same c and type
 * PAD         pad_t, pad_l, pad_b, pad_r >= 0 with value lo (a code or a real); same type
 * ACT         fp32 -> fp32, same layout: `kind`, with alpha and beta in lo, hi
 *
 * Where two tensors of codes are said to have one type and nothing else, their scales may
 * differ. No step's output may overlap one of its inputs.
 */
enum {
    NT_DLRT_QUANTIZE = 1,
    NT_DLRT_DEQUANTIZE,
    NT_DLRT_LAYOUT,
    NT_DLRT_CONV,
    NT_DLRT_MAXPOOL,
    NT_DLRT_AVGPOOL,
    NT_DLRT_ADD,
    NT_DLRT_MUL,
    NT_DLRT_LUT,
    NT_DLRT_COPY,
    NT_DLRT_RESHAPE,
    NT_DLRT_SOFTMAX,
    NT_DLRT_RESIZE,
    NT_DLRT_PAD,
    NT_DLRT_ACT,
    NT_DLRT_OPS
};

enum { NT_DLRT_FIELDS = 1, NT_DLRT_PLANES, NT_DLRT_DEPTHWISE, NT_DLRT_FLOATS };

enum {
    NT_DLRT_CLIP,        /* min(max(x, lo), hi) */
    NT_DLRT_SIGMOID,     /* 1 / (1 + exp(-x)) */
    NT_DLRT_HARDSIGMOID, /* min(max(lo * x + hi, 0), 1) */
    NT_DLRT_HARDSWISH,   /* x * min(max(x / 6 + 1/2, 0), 1) */
    NT_DLRT_SILU,        /* x / (1 + exp(-x)) */
    NT_DLRT_ACTS
};

/* 80 bytes */
typedef struct nt_dlrt_step {
    uint8_t op, kind, wbits, wform;
    uint32_t name;
    uint32_t in[2], out;
    uint16_t r, s, stride_h, stride_w, dil_h, dil_w, pad_t, pad_l, pad_b, pad_r;
    uint32_t groups;
    uint32_t src_c, dst_c, count;
    float lo, hi;
    uint32_t weights, wscale, bias, table; /* offsets into the data section */
} nt_dlrt_step;

#endif
