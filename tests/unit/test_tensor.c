/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/tensor.h"
#include "test.h"

#include <math.h>
#include <string.h>

static nt_tensor *new_vector(nt_dtype type, int64_t n)
{
    nt_tensor *t = NULL;

    assert_ok(nt_tensor_new(&t, type, 1, &n, e));
    return t;
}

NT_TEST(types_have_sizes_and_numpy_names)
{
    assert_int_equal(nt_dtype_size(NT_F32), 4);
    assert_int_equal(nt_dtype_size(NT_BF16), 2);
    assert_int_equal(nt_dtype_size(NT_I64), 8);
    assert_int_equal(nt_dtype_size(NT_I4), 0);
    assert_int_equal(nt_dtype_bits(NT_I4), 4);
    assert_int_equal(nt_dtype_bits(NT_U2), 2);
    assert_int_equal(nt_dtype_bits(NT_F64), 64);
    assert_int_equal(nt_dtype_bits(NT_STRING), 0);
    assert_string_equal(nt_dtype_name(NT_I2), "int2");
    assert_int_equal(nt_dtype_size(NT_STRING), 0);
    assert_int_equal(nt_dtype_size((nt_dtype)99), 0);
    assert_string_equal(nt_dtype_name(NT_F32), "float32");
    assert_string_equal(nt_dtype_name(NT_BOOL), "bool");
    assert_string_equal(nt_dtype_name((nt_dtype)99), "unknown");
}

NT_TEST(shapes_are_counted_with_care)
{
    int64_t n = 7;

    assert_true(nt_shape_count(&n, 0, NULL) && n == 1);
    assert_true(nt_shape_count(&n, 3, (int64_t[]){2, 3, 4}) && n == 24);
    assert_true(nt_shape_count(&n, 3, (int64_t[]){INT64_MAX, 2, 0}) && n == 0);
    n = 7;
    assert_false(nt_shape_count(&n, 2, (int64_t[]){INT64_MAX, 2}));
    assert_false(nt_shape_count(&n, 2, (int64_t[]){0, -1}));
    assert_int_equal(n, 7);
}

NT_TEST(new_tensor_is_zeroed_and_aligned)
{
    nt_tensor *t = NULL, *u = NULL;

    assert_ok(nt_tensor_new(&t, NT_F32, 4, (int64_t[]){1, 3, 5, 7}, e));
    assert_int_equal(nt_tensor_count(t), 105);
    assert_int_equal(nt_tensor_bytes(t), 420);
    assert_int_equal((uintptr_t)t->data % 64, 0);
    for (int64_t i = 0; i < 105; i++)
        assert_true(nt_tensor_get(t, i) == 0);
    nt_tensor_set(t, 104, 2.5);
    assert_ok(nt_tensor_dup(&u, t, e));
    assert_true(nt_tensor_same_shape(t, u));
    assert_true(nt_tensor_get(u, 104) == 2.5);
    u->rank = 3;
    assert_false(nt_tensor_same_shape(t, u));
    nt_tensor_free(t);
    nt_tensor_free(u);
    nt_tensor_free(NULL);
}

NT_TEST(scalars_and_empty_tensors_are_tensors)
{
    nt_tensor *t = NULL, *u = NULL;

    assert_ok(nt_tensor_new(&t, NT_I64, 0, NULL, e));
    nt_tensor_set_i64(t, 0, INT64_MIN);
    assert_true(nt_tensor_get_i64(t, 0) == INT64_MIN);
    assert_ok(nt_tensor_dup(&u, t, e));
    assert_true(nt_tensor_same_shape(t, u));
    nt_tensor_free(t);
    nt_tensor_free(u);
    t = new_vector(NT_F32, 0);
    assert_int_equal(nt_tensor_bytes(t), 0);
    assert_non_null(t->data);
    nt_tensor_free(t);
}

NT_TEST(impossible_tensors_are_refused)
{
    const int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    nt_tensor *t = NULL;
    nt_err e = {{0}};

    assert_int_equal(nt_tensor_new(&t, NT_STRING, 0, NULL, &e), NT_EUNSUPPORTED);
    assert_int_equal(nt_tensor_new(&t, NT_F32, 9, nine, &e), NT_EUNSUPPORTED);
    assert_int_equal(nt_tensor_new(&t, NT_F32, 1, (int64_t[]){-1}, &e), NT_EFORMAT);
    assert_int_equal(nt_tensor_new(&t, NT_F64, 1, (int64_t[]){INT64_MAX / 2}, &e), NT_EFORMAT);
    for (int n = 1; n <= 2; n++) {
        nt_alloc_fail_at(n);
        assert_int_equal(nt_tensor_new(&t, NT_F32, 1, (int64_t[]){4}, &e), NT_ENOMEM);
    }
    assert_null(t);
}

NT_TEST(integers_saturate)
{
    static const struct {
        nt_dtype type;
        int64_t lo, hi;
    } cases[] = {{NT_U8, 0, 255},
                 {NT_I8, -128, 127},
                 {NT_U16, 0, 65535},
                 {NT_I16, -32768, 32767},
                 {NT_I32, INT32_MIN, INT32_MAX},
                 {NT_U32, 0, UINT32_MAX},
                 {NT_U4, 0, 15},
                 {NT_I4, -8, 7},
                 {NT_I64, INT64_MIN, INT64_MAX}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nt_tensor *t = new_vector(cases[i].type, 3);

        nt_tensor_set(t, 0, 1e30);
        nt_tensor_set(t, 1, -1e30);
        nt_tensor_set(t, 2, 2.9);
        assert_true(nt_tensor_get_i64(t, 0) == cases[i].hi);
        assert_true(nt_tensor_get_i64(t, 1) == cases[i].lo);
        assert_true(nt_tensor_get_i64(t, 2) == 2);
        nt_tensor_set(t, 0, (double)NAN);
        assert_true(nt_tensor_get(t, 0) == 0);
        nt_tensor_set_i64(t, 0, INT64_MAX);
        assert_true(nt_tensor_get_i64(t, 0) == cases[i].hi);
        nt_tensor_free(t);
    }
}

NT_TEST(unsigned_64_bits_keep_their_upper_half)
{
    nt_tensor *t = new_vector(NT_U64, 3);

    nt_tensor_set(t, 0, 0x1p63);
    nt_tensor_set(t, 1, 0x1p65);
    nt_tensor_set(t, 2, (double)NAN);
    assert_true(nt_tensor_get(t, 0) == 0x1p63);
    assert_true(((uint64_t *)t->data)[1] == UINT64_MAX);
    assert_true(nt_tensor_get_i64(t, 0) == INT64_MAX);
    assert_true(nt_tensor_get(t, 2) == 0);
    nt_tensor_set_i64(t, 0, -1);
    assert_true(nt_tensor_get(t, 0) == 0);
    nt_tensor_free(t);
}

NT_TEST(truth_is_not_zero)
{
    nt_tensor *t = new_vector(NT_BOOL, 2);

    nt_tensor_set(t, 0, 0.25);
    nt_tensor_set_i64(t, 1, 0);
    assert_int_equal(((uint8_t *)t->data)[0], 1);
    assert_true(nt_tensor_get(t, 1) == 0);
    nt_tensor_free(t);
}

NT_TEST(half_bytes_lie_two_to_a_byte_the_first_below)
{
    nt_tensor *t = new_vector(NT_I4, 5);
    const uint8_t *p = t->data;

    assert_int_equal(nt_tensor_bytes(t), 3);
    for (int64_t i = 0; i < 5; i++)
        nt_tensor_set_i64(t, i, i - 2);
    assert_int_equal(p[0], 0xfe);
    assert_int_equal(p[1], 0x10);
    assert_int_equal(p[2], 0x02);
    for (int64_t i = 0; i < 5; i++)
        assert_true(nt_tensor_get(t, i) == (double)(i - 2));
    nt_tensor_free(t);
}

NT_TEST(quarter_bytes_lie_four_to_a_byte_the_first_below)
{
    nt_tensor *t = new_vector(NT_I2, 5), *u = new_vector(NT_U2, 5);
    const uint8_t *p = t->data;

    assert_int_equal(nt_tensor_bytes(t), 2);
    for (int64_t i = 0; i < 5; i++) {
        nt_tensor_set_i64(t, i, i - 3); /* the first saturates */
        nt_tensor_set(u, i, (double)i);
    }
    assert_int_equal(p[0], 0x3a);
    assert_int_equal(p[1], 0x01);
    for (int64_t i = 0; i < 5; i++) {
        assert_true(nt_tensor_get_i64(t, i) == (i ? i - 3 : -2));
        assert_true(nt_tensor_get(u, i) == (i < 4 ? (double)i : 3));
    }
    nt_tensor_set_bits(u, 1, 6); /* two bits have a place */
    assert_true(nt_tensor_get_bits(u, 1) == 2);
    nt_tensor_free(t);
    nt_tensor_free(u);
}

NT_TEST(floats_of_all_widths_come_back)
{
    static const nt_dtype types[] = {NT_F32, NT_F64, NT_F16, NT_BF16};

    for (size_t i = 0; i < 4; i++) {
        nt_tensor *t = new_vector(types[i], 2);

        nt_tensor_set(t, 0, -1.5);
        nt_tensor_set_i64(t, 1, 3);
        assert_true(nt_tensor_get(t, 0) == -1.5);
        assert_true(nt_tensor_get_i64(t, 0) == -1);
        assert_true(nt_tensor_get(t, 1) == 3);
        nt_tensor_free(t);
    }
}

NT_TEST(every_half_comes_back)
{
    for (uint32_t u = 0; u < 0x10000; u++) {
        uint16_t h = (uint16_t)u, back = nt_f32_to_f16(nt_f16_to_f32(h));

        if ((h & 0x7c00) == 0x7c00 && (h & 0x3ff))
            assert_true(isnan(nt_f16_to_f32(h)) && (back & 0x7c00) == 0x7c00 && (back & 0x3ff));
        else
            assert_int_equal(back, h);
    }
}

/* Against the definition: the nearest half, and of two as near the one with an even last bit.
 */
NT_TEST(halves_round_to_nearest_even)
{
    for (uint16_t h = 0; h < 0x7bff; h++) {
        float a = nt_f16_to_f32(h), b = nt_f16_to_f32((uint16_t)(h + 1)), middle = (a + b) / 2;

        assert_int_equal(nt_f32_to_f16(middle), h % 2 ? h + 1 : h);
        assert_int_equal(nt_f32_to_f16(nextafterf(middle, a)), h);
        assert_int_equal(nt_f32_to_f16(nextafterf(middle, b)), h + 1);
        assert_int_equal(nt_f32_to_f16(-middle), 0x8000 | (h % 2 ? h + 1 : h));
    }
    assert_int_equal(nt_f32_to_f16(65519.996f), 0x7bff);
    assert_int_equal(nt_f32_to_f16(65520), 0x7c00);
    assert_int_equal(nt_f32_to_f16(-INFINITY), 0xfc00);
    assert_int_equal(nt_f32_to_f16(1e-30f), 0);
}

NT_TEST(bfloats_round_to_nearest_even)
{
    for (uint32_t u = 0; u < 0x7f7f; u += 3) {
        uint16_t h = (uint16_t)u;
        float a = nt_bf16_to_f32(h), b = nt_bf16_to_f32((uint16_t)(h + 1));
        float middle = (float)(((double)a + b) / 2);

        assert_int_equal(nt_f32_to_bf16(a), h);
        assert_int_equal(nt_f32_to_bf16(middle), h % 2 ? h + 1 : h);
        assert_int_equal(nt_f32_to_bf16(nextafterf(middle, b)), h + 1);
    }
    assert_int_equal(nt_f32_to_bf16(3.4e38f), 0x7f80);
    assert_int_equal(nt_f32_to_bf16(-INFINITY), 0xff80);
    assert_true(isnan(nt_bf16_to_f32(nt_f32_to_bf16((float)NAN))));
}

NT_TEST(shapes_are_written_as_lists)
{
    char buf[64], small[4];

    assert_string_equal(nt_shape_text(buf, sizeof buf, 4, (int64_t[]){1, 3, 224, 224}),
                        "[1,3,224,224]");
    assert_string_equal(nt_shape_text(buf, sizeof buf, 0, NULL), "[]");
    assert_string_equal(nt_shape_text(small, sizeof small, 2, (int64_t[]){100, 200}), "[10");
}

NT_TEST_MAIN
