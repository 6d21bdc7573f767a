/* SPDX-License-Identifier: MIT */
/*
 * fuzz_dlrt.c - .dlrt files that someone meant badly. For libFuzzer:
 *
 *     make fuzz                                      # with clang; build-fuzz/fuzz_dlrt
 * CORPUS...
 *
 * Without it (NT_FUZZ_MAIN) the program changes small networks by itself, for some seconds,
 * from a seed, so that it can be a test:
 *
 *     fuzz_dlrt SECONDS [SEED [FILE...]]
 *
 * The checksum is made right first: it guards against accidents, not against intent.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../rt/make.h"

#define MOST_MEMORY ((size_t)1 << 26)
#define MOST_WORK 2e7 /* multiplications or copies of a run */

/* What a run of a file that was found good costs. */
static double work(const uint8_t *file)
{
    const nt_dlrt_header *h = (const void *)file;
    const nt_dlrt_tensor *t = (const void *)(file + h->section[NT_DLRT_TENSORS].offset);
    const nt_dlrt_step *s = (const void *)(file + h->section[NT_DLRT_STEPS].offset);
    size_t n = h->section[NT_DLRT_STEPS].size / sizeof *s;
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        const nt_dlrt_tensor *x = &t[s[i].in[0]], *y = &t[s[i].out];
        double each = 1;

        if (s[i].op == NT_DLRT_CONV)
            each = (double)s[i].r * s[i].s * x->c;
        if (s[i].op == NT_DLRT_MAXPOOL || s[i].op == NT_DLRT_AVGPOOL)
            each = (double)s[i].r * s[i].s;
        sum += each * y->c * y->h * y->w;
    }
    return sum;
}

static void run(nt_rt *rt)
{
    const size_t ends = nt_rt_inputs(rt) + nt_rt_outputs(rt);
    float **v = calloc(ends, sizeof *v);
    const float **in = calloc(ends, sizeof *in);
    nt_rt_info info;

    for (size_t i = 0; v && in && i < ends; i++) {
        size_t ins = nt_rt_inputs(rt);

        if (i < ins)
            nt_rt_input(rt, i, &info);
        else
            nt_rt_output(rt, i - ins, &info);
        in[i] = v[i] = calloc(info.count, sizeof(float));
        if (v[i] && strlen(info.name) > 0)
            v[i][0] = 1;
    }
    if (v && in)
        nt_rt_run(rt, in, v + nt_rt_inputs(rt)); /* refuses what could not be allocated */
    for (size_t i = 0; v && i < ends; i++)
        free(v[i]);
    free(v);
    free(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    void *file = NULL, *mem;
    nt_rt *rt;
    size_t need;

    if (size < sizeof(nt_dlrt_header) || posix_memalign(&file, 64, size))
        return 0;
    memcpy(file, bytes, size);
    mk_seal(file, size);
    if (nt_rt_mem_size(file, size, &need) == NT_RT_OK && need < MOST_MEMORY &&
        work(file) < MOST_WORK) {
        mem = malloc(need);
        if (nt_rt_load(&rt, file, size, mem, need) == NT_RT_OK)
            run(rt);
        free(mem);
    }
    free(file);
    return 0;
}

#ifdef NT_FUZZ_MAIN
static uint32_t seed = 1;

static uint32_t rnd(size_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((seed >> 8) % n);
}

/* One to four changes, mostly of whole fields and to values that programs trip over. */
static void damage(uint8_t *file, size_t size)
{
    static const uint32_t values[] = {0,          1,          2,          3,          64,
                                      0x7fffffff, 0x80000000, 0xffffffff, 0xffffffc0, 0x10000,
                                      0x7f800000, 0x7fc00000, 0x00800000};

    for (uint32_t i = 0, n = 1 + rnd(4); i < n; i++) {
        size_t at = 8 + rnd(size - 12);
        uint32_t v = values[rnd(sizeof values / sizeof *values)];

        if (rnd(2)) {
            file[at] ^= (uint8_t)(1u << rnd(8));
        } else {
            at -= at % 4;
            if (rnd(2))
                memcpy(&v, file + 4 * rnd(size / 4), 4);
            memcpy(file + at, &v, 4);
        }
    }
    if (rnd(8) == 0)
        memcpy(file + offsetof(nt_dlrt_header, file_size), &(uint64_t){size}, 8);
}

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(1 << 24);

    *size = f && bytes ? fread(bytes, 1, 1 << 24, f) : 0;
    if (f)
        fclose(f);
    return bytes;
}

int main(int argc, char **argv)
{
    time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 1);
    int files = argc > 3 ? argc - 3 : MK_NETS;
    unsigned long count = 0;

    seed = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
    while (time(NULL) < end)
        for (int i = 0; i < files; i++, count++) {
            mk m = {0};
            size_t size;
            uint8_t *file;

            if (argc > 3) {
                file = read_file(argv[3 + i], &size);
            } else {
                mk_small_net(&m, i);
                file = mk_file(&m, &size);
            }
            if (file && size > 128) {
                if (count >= (unsigned long)files) /* once whole */
                    damage(file, size);
                LLVMFuzzerTestOneInput(file, rnd(16) ? size : rnd(size));
            }
            free(file);
            mk_free(&m);
        }
    printf("%lu files\n", count);
    return 0;
}
#endif
