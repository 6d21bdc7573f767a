/* SPDX-License-Identifier: MIT */
#include "graph/tensor_io.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "onnx_bytes.h"
#include "scratch.h"
#include "test.h"

#include <zlib.h>

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

static nt_tensor *count_up(nt_dtype t, int rank, const int64_t *dims)
{
    nt_tensor *v = NULL;

    assert_ok(nt_tensor_new(&v, t, rank, dims, e));
    for (int64_t i = 0; i < nt_tensor_count(v); i++)
        nt_tensor_set(v, i, (double)(i % 7));
    return v;
}

/* A .npy file of version 1 around this header and these bytes; nt_str_release. */
static nt_str npy(const char *header, const void *data, size_t n)
{
    nt_str s = {0};
    size_t k = strlen(header) + 1;

    nt_str_addn(&s, "\x93NUMPY\1\0", 8);
    nt_str_addn(&s, (const char[]){(char)(k & 255), (char)(k >> 8)}, 2);
    nt_str_add(&s, header);
    nt_str_add(&s, "\n");
    nt_str_addn(&s, data, n);
    return s;
}

static nt_tensor *decode(const char *header, const void *data, size_t n)
{
    nt_str s = npy(header, data, n);
    nt_tensor *t = NULL;

    assert_ok(nt_npy_decode(&t, s.p, s.n, e));
    nt_str_release(&s);
    return t;
}

static void check_refused(const char *header, size_t n, nt_status status, const char *text)
{
    static const char zeros[64];
    nt_str s = npy(header, zeros, n);
    nt_tensor *t = NULL;

    assert_fails(status, text, nt_npy_decode(&t, s.p, s.n, e));
    nt_str_release(&s);
}

NT_TEST(npy_is_what_numpy_writes)
{
    /* numpy.save of float32 [[0, 1, 2]] */
    static const char want[] =
        "\x93NUMPY\1\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }"
        "                                                          \n"
        "\0\0\0\0\0\0\x80\x3f\0\0\0\x40";
    nt_tensor *t = count_up(NT_F32, 2, DIMS(1, 3));
    void *bytes = NULL;
    size_t n;

    assert_ok(nt_npy_encode(&bytes, &n, t, e));
    assert_int_equal(n, sizeof want - 1);
    assert_memory_equal(bytes, want, n);
    nt_free(bytes);
    nt_tensor_free(t);
}

NT_TEST(every_type_and_rank_comes_back)
{
    static const nt_dtype types[] = {NT_F32, NT_F64, NT_F16, NT_I8,  NT_U8,  NT_I16,
                                     NT_U16, NT_I32, NT_U32, NT_I64, NT_U64, NT_BOOL};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        for (int rank = 0; rank <= NT_MAX_RANK; rank++) {
            nt_tensor *t = count_up(types[i], rank, DIMS(3, 1, 2, 2, 1, 1, 2, 1)), *u = NULL;
            void *bytes = NULL;
            size_t n;

            assert_ok(nt_npy_encode(&bytes, &n, t, e));
            assert_int_equal((n - nt_tensor_bytes(t)) % 64, 0);
            assert_ok(nt_npy_decode(&u, bytes, n, e));
            assert_int_equal(u->dtype, types[i]);
            assert_true(nt_tensor_same_shape(t, u));
            assert_memory_equal(t->data, u->data, nt_tensor_bytes(t));
            nt_free(bytes);
            nt_tensor_free(t);
            nt_tensor_free(u);
        }
    }
}

NT_TEST(types_numpy_lacks_are_written_wider)
{
    nt_tensor *t = count_up(NT_BF16, 1, DIMS(3)), *u = NULL, *q = count_up(NT_I4, 1, DIMS(3)),
              *r = count_up(NT_U2, 1, DIMS(3));
    void *bytes = NULL;
    size_t n;

    assert_ok(nt_npy_encode(&bytes, &n, t, e));
    assert_ok(nt_npy_decode(&u, bytes, n, e));
    assert_int_equal(u->dtype, NT_F32);
    assert_float_equal(nt_tensor_get(u, 2), 2, 0);
    nt_free(bytes);
    nt_tensor_free(u);
    nt_tensor_set(q, 1, -8);
    assert_ok(nt_npy_encode(&bytes, &n, q, e));
    assert_ok(nt_npy_decode(&u, bytes, n, e));
    assert_int_equal(u->dtype, NT_I8);
    assert_int_equal(nt_tensor_get_i64(u, 1), -8);
    nt_free(bytes);
    nt_tensor_free(u);
    assert_ok(nt_npy_encode(&bytes, &n, r, e));
    assert_ok(nt_npy_decode(&u, bytes, n, e));
    assert_int_equal(u->dtype, NT_U8);
    assert_int_equal(nt_tensor_get_i64(u, 2), 2);
    nt_free(bytes);
    nt_tensor_free(r);
    nt_tensor_free(t);
    nt_tensor_free(u);
    nt_tensor_free(q);
}

NT_TEST(fortran_order_is_turned)
{
    const int16_t columns[] = {0, 3, 1, 4, 2, 5};
    nt_tensor *t = decode("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }", columns,
                          sizeof columns);

    for (int i = 0; i < 6; i++)
        assert_int_equal(nt_tensor_get_i64(t, i), i);
    nt_tensor_free(t);
}

NT_TEST(big_endian_is_turned)
{
    nt_tensor *t = decode("{'shape': (2,), 'fortran_order': False, 'descr': '>i4'}",
                          "\0\0\0\1\xff\xff\xff\xfe", 8);

    assert_int_equal(nt_tensor_get_i64(t, 0), 1);
    assert_int_equal(nt_tensor_get_i64(t, 1), -2);
    nt_tensor_free(t);
}

NT_TEST(any_truth_is_one)
{
    nt_tensor *t =
        decode("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", "\0\1\7", 3);

    assert_memory_equal(t->data, "\0\1\1", 3);
    nt_tensor_free(t);
}

NT_TEST(headers_that_lie_are_refused)
{
    check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }", 16, NT_EFORMAT,
                  "has fewer elements than its shape says");
    check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 16, NT_EFORMAT,
                  "has 4 bytes too many");
    check_refused("{'descr': '<f4', 'fortran_order': False, "
                  "'shape': (4611686018427387904, 4611686018427387904), }",
                  16, NT_EFORMAT, "has fewer elements than its shape says");
    check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (-4,), }", 16, NT_EFORMAT,
                  "shape is no tuple of sizes");
    check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,4), }",
                  16, NT_EUNSUPPORTED, "has more than 8 dimensions");
    check_refused("{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }", 16,
                  NT_EUNSUPPORTED, "type '<c8' is not supported");
    check_refused("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,), }", 16,
                  NT_EUNSUPPORTED, "type is no plain one");
    check_refused("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (4,), }", 16, NT_EFORMAT,
                  "fortran_order is no truth value");
    check_refused("{'descr': '<f4', 'shape': (4,), }", 16, NT_EFORMAT,
                  "the .npy header lacks a key");
    check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'x': 1}", 16,
                  NT_EFORMAT, "the .npy header has a key 'x'");
    check_refused("", 0, NT_EFORMAT, "not a .npy file");
}

NT_TEST(damaged_npy_gives_an_error_or_a_tensor)
{
    nt_str s = npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }",
                   "0123456789abcdef", 16);
    char copy[128];
    nt_rng r;

    assert_true(s.n <= sizeof copy);
    nt_rng_init(&r, 1);
    for (int i = 0; i < 20000; i++) {
        nt_tensor *t = NULL;
        size_t n = nt_rng_below(&r, 4) ? s.n : nt_rng_below(&r, s.n + 1);

        memcpy(copy, s.p, s.n);
        copy[nt_rng_below(&r, s.n)] = (char)nt_rng_u64(&r);
        if (nt_npy_decode(&t, copy, n, NULL) == NT_OK)
            nt_tensor_free(t);
    }
    nt_str_release(&s);
}

/* ---- files */

static void put_file(scratch *t, const char *name, const void *bytes, size_t n)
{
    FILE *f = fopen(scratch_path(t, name), "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void le(nt_str *s, uint32_t v, int n)
{
    for (int i = 0; i < n; i++)
        nt_str_addn(s, (const char[]){(char)(v >> 8 * i)}, 1);
}

/* What local and central headers share: method, time, CRC, sizes, lengths of name and extra. */
static void zip_common(nt_str *s, const char *name, const nt_str *data)
{
    le(s, 0, 2);
    le(s, 0, 4);
    le(s, (uint32_t)crc32(0, (const unsigned char *)data->p, (unsigned)data->n), 4);
    le(s, (uint32_t)data->n, 4);
    le(s, (uint32_t)data->n, 4);
    le(s, (uint32_t)strlen(name), 2);
    le(s, 0, 2);
}

/* A ZIP file of stored members, which are released. */
static nt_str zip(const char *const *names, nt_str *data, int n)
{
    nt_str s = {0}, central = {0};
    size_t start;

    for (int i = 0; i < n; i++) {
        nt_str_add(&central, "PK\1\2");
        le(&central, 0x0014000a, 4); /* made by, needs */
        le(&central, 0, 2);
        zip_common(&central, names[i], &data[i]);
        le(&central, 0, 2);
        le(&central, 0, 4);
        le(&central, 0, 4);
        le(&central, (uint32_t)s.n, 4);
        nt_str_add(&central, names[i]);
        nt_str_add(&s, "PK\3\4");
        le(&s, 0x0000000a, 4);
        zip_common(&s, names[i], &data[i]);
        nt_str_add(&s, names[i]);
        nt_str_addn(&s, data[i].p, data[i].n);
        nt_str_release(&data[i]);
    }
    start = s.n;
    nt_str_addn(&s, central.p, central.n);
    nt_str_add(&s, "PK\5\6");
    le(&s, 0, 4);
    le(&s, (uint32_t)n, 2);
    le(&s, (uint32_t)n, 2);
    le(&s, (uint32_t)central.n, 4);
    le(&s, (uint32_t)start, 4);
    le(&s, 0, 2);
    nt_str_release(&central);
    return s;
}

NT_TEST(npz_holds_named_tensors)
{
    static const char *const names[] = {"images.npy", "labels.npy"};
    const float f[] = {1, 2};
    const int64_t i[] = {7};
    nt_str data[] = {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", f, 8),
                     npy("{'descr': '<i8', 'fortran_order': False, 'shape': (), }", i, 8)};
    nt_str z = zip(names, data, 2);
    nt_named_tensor *v = NULL;
    size_t n;
    scratch t;

    scratch_open(&t);
    put_file(&t, "a.npz", z.p, z.n);
    assert_ok(nt_tensor_load(&v, &n, scratch_path(&t, "a.npz"), e));
    assert_int_equal(n, 2);
    assert_string_equal(v[0].name, "images");
    assert_string_equal(v[1].name, "labels");
    assert_float_equal(nt_tensor_get(v[0].t, 1), 2, 0);
    assert_int_equal(v[1].t->rank, 0);
    assert_int_equal(nt_tensor_get_i64(v[1].t, 0), 7);
    nt_named_tensors_free(v, n);
    z.p[60] ^= 1; /* inside the first member */
    put_file(&t, "a.npz", z.p, z.n);
    assert_int_equal(nt_tensor_load(&v, &n, scratch_path(&t, "a.npz"), NULL), NT_EFORMAT);
    nt_str_release(&z);
    scratch_close(&t);
}

NT_TEST(npy_and_pb_files_hold_one_tensor)
{
    nt_tensor *t = count_up(NT_F32, 1, DIMS(3));
    nt_str pb = pb_tensor("x", NT_F32, 1, DIMS(3), t->data, 12);
    nt_named_tensor *v = NULL;
    size_t n;
    scratch d;

    scratch_open(&d);
    assert_ok(nt_npy_save(scratch_path(&d, "a.npy"), t, e));
    assert_ok(nt_tensor_load(&v, &n, scratch_path(&d, "a.npy"), e));
    assert_int_equal(n, 1);
    assert_null(v[0].name);
    assert_memory_equal(v[0].t->data, t->data, 12);
    nt_named_tensors_free(v, n);
    put_file(&d, "a.pb", pb.p, pb.n);
    assert_ok(nt_tensor_load(&v, &n, scratch_path(&d, "a.pb"), e));
    assert_string_equal(v[0].name, "x");
    assert_memory_equal(v[0].t->data, t->data, 12);
    nt_named_tensors_free(v, n);
    nt_str_release(&pb);
    nt_tensor_free(t);
    scratch_close(&d);
}

NT_TEST(messages_name_the_file)
{
    nt_named_tensor *v = NULL;
    size_t n;

    assert_fails(NT_EIO, "/nowhere/a.npy: cannot open: No such file or directory",
                 nt_tensor_load(&v, &n, "/nowhere/a.npy", e));
    assert_fails(NT_EINVAL, "/dev/null: want a .npy, .npz or .pb file",
                 nt_tensor_load(&v, &n, "/dev/null", e));
}

NT_TEST_MAIN
