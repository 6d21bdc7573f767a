#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# oneDNN 2.6.3 (Debian's libdnnl2 2.6.3-1): a sum of 8 channels and a number, both in blocks of 16
# channels, is wrong when the result takes the first operand's memory, as binary primitives may by
# their documentation: the operand comes back unchanged, as if the number were 0. In memory of its
# own, with 16 channels, or with a number per channel it is right. Needs AVX-512.
. "$(dirname "$0")/lib.bash"
debian_package libdnnl2=2.6.3-1 libdnnl-dev=2.6.3-1
cat >binary.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <oneapi/dnnl/dnnl.h>

static void ok(dnnl_status_t s)
{
    if (s != dnnl_success)
        exit(1);
}

/* The first element of 1 + 0.75; what pads a block of channels is 0. */
static float sum(int channels, int others, int in_place, dnnl_engine_t cpu)
{
    const dnnl_dims_t dims = {1, channels, 4, 4}, small = {1, others, 1, 1};
    float x[256], y[256], b[16] = {0};
    dnnl_memory_desc_t mx, mb;
    dnnl_binary_desc_t op;
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t p;
    dnnl_stream_t stream;
    dnnl_memory_t a, c, to;

    for (int i = 0; i < 256; i++)
        x[i] = i % 16 < channels;
    for (int i = 0; i < others; i++)
        b[i] = 0.75f;
    ok(dnnl_memory_desc_init_by_tag(&mx, 4, dims, dnnl_f32, dnnl_aBcd16b));
    ok(dnnl_memory_desc_init_by_tag(&mb, 4, small, dnnl_f32, dnnl_aBcd16b));
    ok(dnnl_binary_desc_init(&op, dnnl_binary_add, &mx, &mb, &mx));
    ok(dnnl_primitive_desc_create(&pd, &op, NULL, cpu, NULL));
    ok(dnnl_primitive_create(&p, pd));
    ok(dnnl_stream_create(&stream, cpu, dnnl_stream_default_flags));
    ok(dnnl_memory_create(&a, &mx, cpu, x));
    ok(dnnl_memory_create(&c, &mb, cpu, b));
    ok(dnnl_memory_create(&to, &mx, cpu, in_place ? x : y));
    dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC_0, a}, {DNNL_ARG_SRC_1, c}, {DNNL_ARG_DST, to}};
    ok(dnnl_primitive_execute(p, stream, 3, args));
    ok(dnnl_stream_wait(stream));
    return in_place ? x[0] : y[0];
}

int main(void)
{
    dnnl_engine_t cpu;

    ok(dnnl_engine_create(&cpu, dnnl_cpu, 0));
    printf("8 channels, one number, in place: %g\n", sum(8, 1, 1, cpu));
    printf("8 channels, one number, apart: %g\n", sum(8, 1, 0, cpu));
    printf("16 channels, one number, in place: %g\n", sum(16, 1, 1, cpu));
    printf("8 channels, a number each, in place: %g\n", sum(8, 8, 1, cpu));
    return 0;
}
END
compile binary
seen "1 + 0.75" ./binary <<'END'
8 channels, one number, in place: 1
8 channels, one number, apart: 1.75
16 channels, one number, in place: 1.75
8 channels, a number each, in place: 1.75
END
