/* SPDX-License-Identifier: MIT */
#include "kernel_util.h"

#include "kernel/eltwise.h"

static nt_status open_device(nt_device **d, const char *backend, int threads, nt_err *e)
{
    setenv("NT_BACKEND", backend, 1);
    return nt_device_new(d, threads, e);
}

NT_TEST(the_environment_chooses_the_backend)
{
    nt_device *d = NULL;

    assert_ok(open_device(&d, "onednn", 1, e));
    assert_string_equal(nt_device_backend(d), "onednn");
    assert_memory_equal(nt_device_text(d), "oneDNN ", 7);
    nt_device_free(d);
    assert_ok(open_device(&d, "openblas", 2, e));
    assert_string_equal(nt_device_backend(d), "openblas");
    assert_int_equal(nt_device_threads(d), 2);
    assert_memory_equal(nt_device_text(d), "OpenBLAS ", 9);
    assert_false(nt_device_has_bf16(d));
    nt_device_free(d);
    unsetenv("NT_BACKEND");
    assert_ok(nt_device_new(&d, 1, e));
    assert_string_equal(nt_device_backend(d), "onednn");
    nt_device_free(d);
    nt_device_free(NULL);
}

NT_TEST(an_unknown_backend_and_no_threads_are_the_callers_error)
{
    nt_device *d = NULL;
    nt_err e = {{0}};

    assert_int_equal(open_device(&d, "cuda", 1, &e), NT_EINVAL);
    assert_string_equal(e.msg, "NT_BACKEND is 'cuda', want onednn or openblas");
    assert_int_equal(open_device(&d, "onednn", 0, &e), NT_EINVAL);
    assert_null(d);
}

NT_TEST(descriptions_count_the_padding_of_blocked_channels)
{
    nt_desc d = {.dtype = NT_F32, .rank = 4, .dims = {2, 13, 3, 5}, .fmt = NT_FMT_PLAIN};

    assert_int_equal(nt_desc_bytes(&d), 2 * 13 * 15 * 4);
    d.fmt = NT_FMT_NHWC;
    assert_int_equal(nt_desc_bytes(&d), 2 * 13 * 15 * 4);
    d.fmt = NT_FMT_C8;
    assert_int_equal(nt_desc_bytes(&d), 2 * 16 * 15 * 4);
    d.dims[1] = 17;
    d.fmt = NT_FMT_C16;
    d.dtype = NT_BF16;
    assert_int_equal(nt_desc_bytes(&d), 2 * 32 * 15 * 2);
    d.rank = 2; /* always plain */
    assert_int_equal(nt_desc_bytes(&d), 2 * 17 * 2);
    d.rank = 0;
    assert_int_equal(nt_desc_bytes(&d), 2);
    d = (nt_desc){.dtype = NT_F32, .rank = 3, .dims = {INT64_MAX, INT64_MAX, 8}};
    assert_true(nt_desc_bytes(&d) == SIZE_MAX);
}

NT_TEST(descriptions_are_the_same_when_type_extents_and_real_layout_are)
{
    nt_desc a = {.dtype = NT_F32, .rank = 4, .dims = {2, 13, 3, 5}, .fmt = NT_FMT_PLAIN}, b = a;

    assert_true(nt_desc_same(&a, &b));
    b.fmt = NT_FMT_C8;
    assert_false(nt_desc_same(&a, &b));
    a.rank = b.rank = 2;
    assert_true(nt_desc_same(&a, &b));
    b.dims[1] = 12;
    assert_false(nt_desc_same(&a, &b));
    b = a;
    b.dtype = NT_BF16;
    assert_false(nt_desc_same(&a, &b));
    assert_string_equal(nt_format_name(NT_FMT_C16), "c16");
}

NT_TEST(a_prim_follows_its_arguments_from_one_address_to_another)
{
    static const char *const backends[] = {"onednn", "openblas"};

    for (size_t i = 0; i < N_OF(backends); i++) {
        nt_device *dev = new_device(backends[i], 1);
        nt_desc d = {.dtype = NT_F32, .rank = 1, .dims = {2}};
        nt_post relu = {NT_POST_RELU, 0, 0};
        nt_prim *p = NULL;
        float x[2][2] = {{-1, 2}, {3, -4}}, y[2][2];

        assert_ok(nt_eltwise_new(&p, dev, &relu, &d, e));
        run_prim(p, (void *[]){x[0], y[0]});
        run_prim(p, (void *[]){x[1], y[1]});
        run_prim(p, (void *[]){x[1], x[1]});
        assert_float_equal(y[0][1], 2, 0);
        assert_float_equal(y[1][0], 3, 0);
        assert_float_equal(y[1][1], 0, 0);
        assert_float_equal(x[1][1], 0, 0);
        nt_prim_free(p);
        nt_device_free(dev);
    }
    nt_prim_free(NULL);
}

NT_TEST_MAIN
