/* SPDX-License-Identifier: MIT */
/* Weights packed for oneDNN 2's Winograd, against its own reorder: every bit. */
#include "kernel_util.h"

#include "kernel/internal.h"

#ifndef NT_NO_ONEDNN
#include "kernel/onednn/api.h"
#endif

#if !defined NT_NO_ONEDNN && DNNL_VERSION_MAJOR < 3

/* All three layouts that oneDNN has for them. */
static const struct {
    int64_t c, k, extent;
} shapes[] = {{64, 64, 56},   {32, 48, 27},   {128, 128, 28},
              {64, 128, 112}, {512, 256, 14}, {20, 30, 13}};

static dnn_md map_md(int64_t c, int64_t extent)
{
    return (dnn_md){.rank = 4,
                    .dims = {1, c, extent, extent},
                    .type = dnnl_f32,
                    .tag = dnnl_format_tag_any};
}

/* false: oneDNN has no Winograd here. */
static bool convolution(dnnl_primitive_desc_t *pd, nt_device *dev, size_t shape)
{
    int64_t k = shapes[shape].k, c = shapes[shape].c, extent = shapes[shape].extent;
    dnn_op op = {.kind = dnnl_convolution,
                 .prop = dnnl_forward_inference,
                 .alg = dnnl_convolution_winograd,
                 .src = map_md(c, extent),
                 .dst = map_md(k, extent),
                 .weights = {.rank = 4, .dims = {k, c, 3, 3}, .type = dnnl_f32},
                 .stride = {1, 1},
                 .lo = {1, 1},
                 .hi = {1, 1}};
    nt_err e;

    op.weights.tag = dnnl_format_tag_any;
    return dnn_pd_new(pd, dev, &op, &e) == NT_OK;
}

static nt_prim *own_reorder(nt_device *dev, const dnn_md *plain, dnn_cmd packed)
{
    static const dnn_arg args[] = {{DNNL_ARG_FROM, 0}, {DNNL_ARG_TO, 1}};
    dnnl_primitive_desc_t pd = NULL;
    dnnl_memory_desc_t from;
    nt_prim *p = NULL;

    assert_int_equal(
        dnnl_memory_desc_init_by_tag(&from, plain->rank, plain->dims, plain->type, dnnl_abcd),
        dnnl_success);
    assert_int_equal(dnnl_reorder_primitive_desc_create(&pd, &from, dnn_state_of(dev)->engine,
                                                        packed, dnn_state_of(dev)->engine,
                                                        NULL),
                     dnnl_success);
    assert_ok(dnn_prim_new(&p, dev, pd, 2, args, e));
    dnn_pd_free(pd);
    return p;
}

/* Random weights, some of them zeros of both signs. */
static float *some_weights(int64_t n)
{
    nt_rng rng;
    float *w;

    nt_rng_init(&rng, (uint64_t)n);
    w = random_row(&rng, n, NT_F32);
    for (int64_t i = 0; i < n; i += 7)
        w[i] = i % 2 ? -0.0F : 0.0F;
    return w;
}

static bool check_shape(nt_device *dev, size_t shape)
{
    dnn_md plain = {
        .rank = 4, .dims = {shapes[shape].k, shapes[shape].c, 3, 3}, .type = dnnl_f32};
    dnnl_primitive_desc_t pd = NULL;
    nt_prim *ours = NULL, *theirs;
    size_t bytes;
    float *w;
    void *got, *want;

    if (!convolution(&pd, dev, shape))
        return false;
    bytes = dnn_pd_bytes(pd, DNNL_ARG_WEIGHTS);
    assert_ok(dnn_wino_pack_new(&ours, dev, &plain, dnn_pd_md(pd, DNNL_ARG_WEIGHTS), e));
    theirs = own_reorder(dev, &plain, dnn_pd_md(pd, DNNL_ARG_WEIGHTS));
    w = some_weights(shapes[shape].k * shapes[shape].c * 9);
    got = nt_alloc(bytes, 1);
    want = nt_alloc(bytes, 1);
    assert_true(got && want);
    memset(got, 0xff, bytes);
    run_prim(ours, (void *[]){w, got});
    run_prim(theirs, (void *[]){w, want});
    assert_memory_equal(got, want, bytes);
    nt_prim_free(ours);
    nt_prim_free(theirs);
    nt_free(got);
    nt_free(want);
    nt_free(w);
    dnn_pd_free(pd);
    return true;
}

NT_TEST(weights_are_packed_for_winograd_as_onednn_packs_them)
{
    nt_device *dev = new_device("onednn", 2);
    int n = 0;

    for (size_t i = 0; i < N_OF(shapes); i++)
        n += check_shape(dev, i);
    assert_true(n > 2 || !nt_device_has_bf16(dev)); /* a CPU that has bf16 has AVX-512 */
    nt_device_free(dev);
}

NT_TEST(other_weights_are_left_to_onednn)
{
    nt_device *dev = new_device("onednn", 1);
    dnn_md plain = {.rank = 4, .dims = {64, 64, 3, 3}, .type = dnnl_f32};
    dnnl_memory_desc_t blocked;
    nt_prim *p = NULL;
    nt_err e;

    assert_int_equal(
        dnnl_memory_desc_init_by_tag(&blocked, 4, plain.dims, dnnl_f32, dnnl_OIhw16i16o),
        dnnl_success);
    assert_int_equal(dnn_wino_pack_new(&p, dev, &plain, &blocked, &e), NT_EUNSUPPORTED);
    nt_device_free(dev);
}

#else

NT_TEST(weights_are_packed_for_winograd_as_onednn_packs_them)
{
    skip();
}

#endif

NT_TEST_MAIN
