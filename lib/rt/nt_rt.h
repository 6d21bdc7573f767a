/* SPDX-License-Identifier: MIT */
/*
 * nt_rt.h - runs .dlrt files: networks of 1- to 8-bit weights and activations, packed.
 *
 * The library needs the C library and nothing else. The file is used where it lies (it may be
 * mapped); everything that is written stands in one block of memory that the caller brings.
 * After nt_rt_load nothing is allocated, and a run cannot fail for want of memory.
 *
 *     size_t need;
 *     nt_rt *rt;
 *     int s = nt_rt_mem_size(file, file_size, &need);
 *     if (s == NT_RT_OK)
 *         s = nt_rt_load(&rt, file, file_size, malloc(need), need);
 *     if (s == NT_RT_OK)
 *         s = nt_rt_run(rt, inputs, outputs);
 *     if (s != NT_RT_OK)
 *         fprintf(stderr, "%s\n", nt_rt_strerror(s));
 *
 * A file is not trusted: sizes, offsets, shapes and the checksum are checked before use, and
 * one that passes cannot make a run read or write outside of the file and the caller's block.
 *
 * Two threads may run two nt_rt of one file at the same time, not one nt_rt.
 *
 * The environment variable NT_RT_ISA (portable, avx2, avx512, neon) chooses the instructions
 * that are used; by default the best the processor has. nt_rt_load fails where it has not.
 */
#ifndef NT_RT_H
#define NT_RT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nt_rt nt_rt;

enum {
    NT_RT_OK,
    NT_RT_EARG,      /* an argument is missing or out of range */
    NT_RT_EMAGIC,    /* no .dlrt file */
    NT_RT_EVERSION,  /* a version this library does not know */
    NT_RT_ESIZE,     /* cut short, or longer than it says */
    NT_RT_ECHECKSUM, /* the checksum differs: damaged */
    NT_RT_EFORMAT,   /* sizes, offsets or values that cannot be */
    NT_RT_EMEM,      /* the caller's block is too small */
    NT_RT_EISA,      /* NT_RT_ISA names instructions that this processor or build lacks */
    NT_RT_EENDIAN,   /* this processor is big-endian */
    NT_RT_EIO        /* the file cannot be read */
};

/* One sentence without a full stop. */
const char *nt_rt_strerror(int status);

/* An input or output as the model's author knows it, for one sample: fp32 in NCHW order. */
typedef struct nt_rt_info {
    const char *name; /* lies in the file */
    uint32_t rank;    /* without the batch: 3 for an image */
    uint32_t dims[4]; /* c h w for an image; those from rank on are 1 */
    size_t count;     /* their product: how many floats */
} nt_rt_info;

/* How many bytes nt_rt_load wants of *mem*. Checks the whole file. */
int nt_rt_mem_size(const void *data, size_t size, size_t *mem_size);

/*
 * *out lies in mem. data (aligned to 8 bytes; 64 for speed) and mem (any alignment) stay
 * the caller's and must outlive *out, which needs no freeing. One file and its memory serve one
 * run at a time.
 */
int nt_rt_load(nt_rt **out, const void *data, size_t size, void *mem, size_t mem_size);

/* Maps a file and allocates what it takes; nt_rt_close_file gives both back and accepts NULL.
 */
int nt_rt_open_file(nt_rt **out, const char *path);
void nt_rt_close_file(nt_rt *rt);

size_t nt_rt_inputs(const nt_rt *rt);
size_t nt_rt_outputs(const nt_rt *rt);
int nt_rt_input(const nt_rt *rt, size_t i, nt_rt_info *info);
int nt_rt_output(const nt_rt *rt, size_t i, nt_rt_info *info);

/* One sample: in[i] holds nt_rt_input(i).count floats, out[i] gets nt_rt_output(i).count. */
int nt_rt_run(nt_rt *rt, const float *const *in, float *const *out);

/* "portable", "avx2", "avx512", "neon" or "neon-dot" */
const char *nt_rt_isa(const nt_rt *rt);

/*
 * Threads are the caller's. *run* must call task(arg, i) once for each i < n, in any order and
 * on any threads, and return when all have returned. NULL: one thread does everything, which is
 * the default. The result is the same whatever the number of threads.
 */
typedef void nt_rt_task(void *arg, size_t i);
typedef void nt_rt_parallel(void *ctx, nt_rt_task *task, void *arg, size_t n);
void nt_rt_set_parallel(nt_rt *rt, nt_rt_parallel *run, void *ctx, size_t threads);

/* A thread pool of POSIX threads for those who have none; in an object of its own. */
typedef struct nt_rt_pool nt_rt_pool;
nt_rt_pool *nt_rt_pool_new(size_t threads); /* NULL where memory or threads run out */
void nt_rt_pool_free(nt_rt_pool *p);
void nt_rt_pool_run(void *pool, nt_rt_task *task, void *arg, size_t n); /* an nt_rt_parallel */

/* What a step is, for profiles. */
typedef struct nt_rt_step_info {
    const char *op;   /* "conv", "add", ... */
    const char *name; /* the layer's name; lies in the file */
    uint64_t macs;
    uint32_t weight_bits, input_bits, output_bits; /* 0: no weights; 32: fp32 */
    size_t weight_bytes;                           /* as stored */
} nt_rt_step_info;

size_t nt_rt_steps(const nt_rt *rt);
int nt_rt_step(const nt_rt *rt, size_t i, nt_rt_step_info *info);

/* Calls watch(ctx, i) after step i of each run; NULL ends it. */
void nt_rt_set_watch(nt_rt *rt, void (*watch)(void *ctx, size_t i), void *ctx);

#ifdef __cplusplus
}
#endif
#endif
