/* SPDX-License-Identifier: MIT */
/*
 * example.c - a program around libnt-rt.a: example MODEL.dlrt [INPUT.f32 [RUNS]]
 *
 * INPUT.f32 holds the first input's floats, one sample in NCHW order (a .npy file without its
 * header); without it, or with "-", the input is zero. Prints the five largest values of the
 * first output, and with RUNS the median time of a run.
 *
 *     cc -o example example.c -lnt-rt -lpthread
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rt/nt_rt.h" /* installed as <nt_rt.h> */

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void print_largest(const float *y, size_t n)
{
    size_t last = n;

    for (int i = 0; i < 5 && (size_t)i < n; i++) {
        size_t best = n;

        for (size_t k = 0; k < n; k++)
            if ((last == n || y[k] < y[last] || (y[k] == y[last] && k > last)) &&
                (best == n || y[k] > y[best]))
                best = k;
        if (best == n)
            return;
        printf("%zu %g\n", best, (double)y[best]);
        last = best;
    }
}

static int read_input(const char *path, float *x, size_t n)
{
    FILE *f = fopen(path, "rb");
    size_t got = f ? fread(x, sizeof *x, n, f) : 0;

    if (f)
        fclose(f);
    if (got != n)
        fprintf(stderr, "%s: want %zu floats\n", path, n);
    return got == n;
}

static int time_runs(nt_rt *rt, const float *const *in, float *const *out, int runs)
{
    double *ms = calloc((size_t)runs, sizeof *ms);

    if (!ms)
        return 1;
    for (int i = 0; i < runs; i++) {
        double start = now_ms();

        nt_rt_run(rt, in, out);
        ms[i] = now_ms() - start;
    }
    qsort(ms, (size_t)runs, sizeof *ms, rising);
    printf("%s: %.3f ms\n", nt_rt_isa(rt), ms[runs / 2]);
    free(ms);
    return 0;
}

/* Memory for all inputs and outputs; zeros. */
static float **make_ends(const nt_rt *rt)
{
    size_t ins = nt_rt_inputs(rt), n = ins + nt_rt_outputs(rt);
    float **v = calloc(n, sizeof *v);
    nt_rt_info info;

    for (size_t i = 0; v && i < n; i++) {
        if (i < ins)
            nt_rt_input(rt, i, &info);
        else
            nt_rt_output(rt, i - ins, &info);
        v[i] = calloc(info.count, sizeof *v[i]);
        if (!v[i])
            exit(1);
    }
    return v;
}

int main(int argc, char **argv)
{
    nt_rt_info x, y;
    nt_rt *rt;
    float **v;
    int status = argc > 1 ? nt_rt_open_file(&rt, argv[1]) : NT_RT_EARG, bad = 0;

    if (status != NT_RT_OK) {
        fprintf(stderr, "%s: %s\n", argc > 1 ? argv[1] : argv[0], nt_rt_strerror(status));
        return 1;
    }
    v = make_ends(rt);
    nt_rt_input(rt, 0, &x);
    nt_rt_output(rt, 0, &y);
    if (!v || (argc > 2 && strcmp(argv[2], "-") != 0 && !read_input(argv[2], v[0], x.count)))
        return 1;
    status = nt_rt_run(rt, (const float *const *)v, v + nt_rt_inputs(rt));
    if (status == NT_RT_OK)
        print_largest(v[nt_rt_inputs(rt)], y.count);
    if (status == NT_RT_OK && argc > 3 && atoi(argv[3]) > 0)
        bad = time_runs(rt, (const float *const *)v, v + nt_rt_inputs(rt), atoi(argv[3]));
    for (size_t i = 0; i < nt_rt_inputs(rt) + nt_rt_outputs(rt); i++)
        free(v[i]);
    free(v);
    nt_rt_close_file(rt);
    return status != NT_RT_OK || bad;
}
