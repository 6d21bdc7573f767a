#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# oneDNN 2.6.3 (Debian's libdnnl2 2.6.3-1): exp(NaN) is +infinity, relu and clip of NaN are 0 and the
# maximum of NaN and 1 in a pool is 1, while tanh, elu, log and leaky relu carry NaN on. Its fast code
# does so on AVX-512, AVX2 and SSE4.1 alike.
. "$(dirname "$0")/lib.bash"
debian_package libdnnl2=2.6.3-1 libdnnl-dev=2.6.3-1
cat >nan.c <<'END'
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <oneapi/dnnl/dnnl.h>

static void ok(dnnl_status_t s)
{
    if (s != dnnl_success)
        exit(1);
}

/* Computes the operation of src, shaped as its description says, into dst. */
static void run(const void *op, const dnnl_memory_desc_t *x, float *src, const dnnl_memory_desc_t *y,
                float *dst, dnnl_engine_t cpu)
{
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t p;
    dnnl_stream_t stream;
    dnnl_memory_t a, b;

    ok(dnnl_primitive_desc_create(&pd, op, NULL, cpu, NULL));
    ok(dnnl_primitive_create(&p, pd));
    ok(dnnl_stream_create(&stream, cpu, dnnl_stream_default_flags));
    ok(dnnl_memory_create(&a, x, cpu, src));
    ok(dnnl_memory_create(&b, y, cpu, dst));
    dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, a}, {DNNL_ARG_DST, b}};
    ok(dnnl_primitive_execute(p, stream, 2, args));
    ok(dnnl_stream_wait(stream));
}

static void unary(const char *name, dnnl_alg_kind_t kind, float alpha, float beta, dnnl_engine_t cpu)
{
    const dnnl_dims_t dims = {1, 16};
    dnnl_memory_desc_t md;
    dnnl_eltwise_desc_t op;
    float x[16] = {1, NAN}, y[16];

    ok(dnnl_memory_desc_init_by_tag(&md, 2, dims, dnnl_f32, dnnl_ab));
    ok(dnnl_eltwise_forward_desc_init(&op, dnnl_forward_inference, kind, &md, alpha, beta));
    run(&op, &md, x, &md, y, cpu);
    printf("%s: %s\n", name, isnan(y[1]) ? "NaN" : isinf(y[1]) ? "infinity" : "a number");
}

static void pool(dnnl_engine_t cpu)
{
    const dnnl_dims_t in = {1, 1, 1, 2}, out = {1, 1, 1, 1}, window = {1, 2}, none = {0, 0};
    dnnl_memory_desc_t mx, my;
    dnnl_pooling_desc_t op;
    float x[] = {NAN, 1}, y[1];

    ok(dnnl_memory_desc_init_by_tag(&mx, 4, in, dnnl_f32, dnnl_abcd));
    ok(dnnl_memory_desc_init_by_tag(&my, 4, out, dnnl_f32, dnnl_abcd));
    ok(dnnl_pooling_forward_desc_init(&op, dnnl_forward_inference, dnnl_pooling_max, &mx, &my, window,
                                      window, none, none));
    run(&op, &mx, x, &my, y, cpu);
    printf("pool: %s\n", isnan(y[0]) ? "NaN" : "a number");
}

int main(void)
{
    dnnl_engine_t cpu;

    ok(dnnl_engine_create(&cpu, dnnl_cpu, 0));
    unary("exp", dnnl_eltwise_exp, 0, 0, cpu);
    unary("relu", dnnl_eltwise_relu, 0, 0, cpu);
    unary("clip to 0 and 6", dnnl_eltwise_clip, 0, 6, cpu);
    pool(cpu);
    unary("tanh", dnnl_eltwise_tanh, 0, 0, cpu);
    unary("elu", dnnl_eltwise_elu, 1, 0, cpu);
    unary("log", dnnl_eltwise_log, 0, 0, cpu);
    unary("leaky relu", dnnl_eltwise_relu, 0.1f, 0, cpu);
    return 0;
}
END
compile nan
for isa in AVX512_CORE AVX2 SSE41; do
    seen "NaN at $isa" env DNNL_MAX_CPU_ISA=$isa ./nan <<'END'
exp: infinity
relu: a number
clip to 0 and 6: a number
pool: a number
tanh: NaN
elu: NaN
log: NaN
leaky relu: NaN
END
done
