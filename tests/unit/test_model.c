/* SPDX-License-Identifier: MIT */
#include "graph/model.h"

#include "base/alloc.h"
#include "base/digest.h"
#include "base/file.h"
#include "fake_ops.h"
#include "graph/onnx_io.h"
#include "graph/pass.h"
#include "graph_equal.h"
#include "scratch.h"

/* x -> MatMul(fc.weight) -> Identity -> Relu -> y, with shape arithmetic that leads nowhere */
static nt_graph *small(void)
{
    nt_graph *g = new_graph();
    nt_value *x = add_in(g, "x", 2, DIMS(-1, 3));
    nt_value *m = add_op(g, "MatMul", "m", x, add_weight(g, "fc.weight", 2, DIMS(3, 4)));
    nt_value *i = add_op(g, "Identity", "i", m, NULL);
    nt_value *y = add_op(g, "Relu", "y", i, NULL);

    assert_ok(nt_graph_add_output(g, y, e));
    assert_ok(nt_graph_bind(g, &fake_ops, e));
    assert_ok(nt_pass_infer(g, e));
    return g;
}

static nt_model *small_model(void)
{
    nt_model *m = NULL;

    assert_ok(nt_model_from_graph(&m, small(), e));
    return m;
}

static nt_model *load(const char *path)
{
    nt_model *m = NULL;

    assert_ok(nt_model_load(&m, path, &fake_ops, e));
    return m;
}

static nt_tensor *ones(int rank, const int64_t *dims)
{
    nt_tensor *t = NULL;

    assert_ok(nt_tensor_new(&t, NT_U8, rank, dims, e));
    for (int64_t i = 0; i < nt_tensor_count(t); i++)
        nt_tensor_set_i64(t, i, 1);
    return t;
}

static void put_file(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void put_onnx(const char *path, const nt_graph *g)
{
    nt_onnx_written b = {0};

    assert_ok(nt_onnx_write(&b, g, e));
    put_file(path, b.model, b.model_n);
    nt_free(b.model);
}

static void assert_same_files(scratch *t, const char *a, const char *b)
{
    char *x = NULL, *y = NULL;
    size_t x_n, y_n;

    assert_ok(nt_file_read(&x, &x_n, scratch_path(t, a), SIZE_MAX, e));
    assert_ok(nt_file_read(&y, &y_n, scratch_path(t, b), SIZE_MAX, e));
    assert_int_equal(x_n, y_n);
    assert_memory_equal(x, y, x_n);
    nt_free(x);
    nt_free(y);
}

NT_TEST(an_archive_gives_the_model_back_and_the_same_bytes)
{
    scratch t;
    nt_model *m = small_model(), *n, *unsaved;
    nt_sha256_hex digest;

    scratch_open(&t);
    assert_ok(nt_model_save(m, scratch_path(&t, "a.nt"), e));
    assert_ok(nt_model_save(m, scratch_path(&t, "b.nt"), e));
    assert_same_files(&t, "a.nt", "b.nt");
    n = load(scratch_path(&t, "a.nt"));
    assert_true(same_graph(nt_model_graph(m), nt_model_graph(n)));
    assert_ok(nt_sha256_file(&digest, scratch_path(&t, "a.nt"), e));
    assert_string_equal(nt_model_digest(n), digest.text);
    assert_true(nt_model_file_size(n) > 0);
    assert_ok(nt_model_load_to_run(&unsaved, scratch_path(&t, "a.nt"), &fake_ops, e));
    assert_true(same_graph(nt_model_graph(m), nt_model_graph(unsaved)));
    assert_string_equal(nt_model_digest(unsaved), "");
    nt_model_free(unsaved);
    assert_string_equal(nt_model_digest(m), "");
    assert_int_equal(nt_model_file_size(m), 0);
    assert_ok(nt_model_save(n, scratch_path(&t, "c.nt"), e));
    assert_same_files(&t, "a.nt", "c.nt");
    nt_model_free(m);
    nt_model_free(n);
    scratch_close(&t);
}

NT_TEST(loading_folds_and_drops_but_keeps_identities)
{
    scratch t;
    nt_graph *g = small(), *h;
    nt_model *m;

    add_op(g, "Shape", "unused", nt_graph_find_value(g, "m"), NULL);
    scratch_open(&t);
    put_onnx(scratch_path(&t, "a.onnx"), g);
    m = load(scratch_path(&t, "a.onnx"));
    h = nt_model_graph(m);
    assert_int_equal(h->n_nodes, 3);
    assert_string_equal(h->nodes[1]->op_type, "Identity");
    assert_ptr_equal(h->ops, &fake_ops);
    check_consistent(h);
    nt_model_free(m);
    nt_graph_free(g);
    scratch_close(&t);
}

NT_TEST(a_bare_onnx_file_finds_its_external_data_beside_it)
{
    scratch t;
    nt_graph *g = small();
    nt_model *m;
    nt_onnx_written b = {0};
    nt_value *big = add_weight(g, "big.weight", 2, DIMS(4, 500));
    nt_value *z = add_op(g, "MatMul", "z", nt_graph_find_value(g, "y"), big);

    assert_ok(nt_graph_add_output(g, z, e));
    assert_ok(nt_onnx_write_split(&b, g, 1000, e));
    scratch_open(&t);
    put_file(scratch_path(&t, "a.onnx"), b.model, b.model_n);
    put_file(scratch_path(&t, "weights.bin"), b.ext, b.ext_n);
    m = load(scratch_path(&t, "a.onnx"));
    big = nt_graph_find_value(nt_model_graph(m), "big.weight");
    assert_float_equal(nt_tensor_get(big->data, 1999), 1999, 0);
    nt_model_free(m);
    nt_free(b.model);
    nt_free(b.ext);
    nt_graph_free(g);
    scratch_close(&t);
}

NT_TEST(the_manifest_tells_signature_and_layers)
{
    static const char want[] =
        "{\"format\":1,\"task\":\"classification\","
        "\"inputs\":[{\"name\":\"x\",\"dtype\":\"float32\",\"shape\":[\"N\",3]}],"
        "\"outputs\":[{\"name\":\"y\",\"dtype\":\"float32\",\"shape\":[\"N\",4]}],"
        "\"layers\":[{\"index\":0,\"name\":\"fc\",\"op\":\"MatMul\",\"weight\":\"fc.weight\","
        "\"shape\":[3,4]}],\"history\":[],\"note\":\"kept\"}";
    scratch t;
    nt_model *m = small_model();
    char *text;

    scratch_open(&t);
    assert_true(nt_json_add_str(nt_archive_manifest(nt_model_archive(m)), "note", "kept"));
    assert_ok(nt_model_save(m, scratch_path(&t, "a.nt"), e));
    nt_model_free(m);
    m = load(scratch_path(&t, "a.nt"));
    text = cJSON_PrintUnformatted(nt_archive_manifest(nt_model_archive(m)));
    assert_string_equal(text, want);
    cJSON_free(text);
    nt_model_free(m);
    scratch_close(&t);
}

NT_TEST(the_task_is_kept)
{
    scratch t;
    nt_model *m = small_model();

    scratch_open(&t);
    assert_string_equal(nt_model_task(m), "classification");
    assert_ok(nt_model_set_task(m, "segmentation", e));
    assert_ok(nt_model_save(m, scratch_path(&t, "a.nt"), e));
    nt_model_free(m);
    m = load(scratch_path(&t, "a.nt"));
    assert_string_equal(nt_model_task(m), "segmentation");
    nt_model_free(m);
    scratch_close(&t);
}

static cJSON *record(const char *tool)
{
    cJSON *r = cJSON_CreateObject();

    assert_true(nt_json_add_str(r, "tool", tool));
    return r;
}

NT_TEST(history_grows_by_one_record_with_the_inputs_digests)
{
    scratch t;
    nt_model *m = small_model();
    cJSON *r = record("nt-second"), *h;
    char digest[65];

    scratch_open(&t);
    assert_ok(nt_model_add_history(m, record("nt-first"), e));
    assert_ok(nt_model_save(m, scratch_path(&t, "a.nt"), e));
    nt_model_free(m);
    m = load(scratch_path(&t, "a.nt"));
    strcpy(digest, nt_model_digest(m));
    assert_true(nt_json_add_str(nt_json_add_object(r, "inputs"), "teacher", "abc"));
    assert_ok(nt_model_add_history(m, r, e));
    assert_ok(nt_model_save(m, scratch_path(&t, "b.nt"), e));
    nt_model_free(m);
    m = load(scratch_path(&t, "b.nt"));
    h = cJSON_GetObjectItem(nt_archive_manifest(nt_model_archive(m)), "history");
    assert_int_equal(cJSON_GetArraySize(h), 2);
    r = cJSON_GetArrayItem(h, 0);
    assert_string_equal(cJSON_GetObjectItem(r, "tool")->valuestring, "nt-first");
    assert_null(cJSON_GetObjectItem(cJSON_GetObjectItem(r, "inputs"), "model"));
    r = cJSON_GetObjectItem(cJSON_GetArrayItem(h, 1), "inputs");
    assert_string_equal(cJSON_GetObjectItem(r, "model")->valuestring, digest);
    assert_string_equal(cJSON_GetObjectItem(r, "teacher")->valuestring, "abc");
    nt_model_free(m);
    scratch_close(&t);
}

NT_TEST(masks_travel_with_the_model)
{
    scratch t;
    nt_model *m = small_model();
    nt_tensor *mask = ones(2, DIMS(3, 4));
    const nt_tensor *got;

    scratch_open(&t);
    assert_false(nt_model_has_masks(m));
    nt_tensor_set_i64(mask, 5, 0);
    assert_ok(nt_model_take_mask(m, "fc.weight", mask, e));
    assert_true(nt_json_add_i64(nt_json_add_object(nt_model_masks_json(m), "fc"), "axis", 0));
    assert_ok(nt_model_save(m, scratch_path(&t, "a.nt"), e));
    nt_model_free(m);
    m = load(scratch_path(&t, "a.nt"));
    assert_true(nt_model_has_masks(m));
    got = nt_model_mask(m, "fc.weight");
    assert_non_null(got);
    assert_int_equal(nt_tensor_get_i64(got, 5), 0);
    assert_int_equal(nt_tensor_get_i64(got, 6), 1);
    assert_null(nt_model_mask(m, "other"));
    assert_non_null(cJSON_GetObjectItem(nt_model_masks_json(m), "fc"));
    nt_model_clear_masks(m);
    assert_ok(nt_model_save(m, scratch_path(&t, "b.nt"), e));
    nt_model_free(m);
    m = load(scratch_path(&t, "b.nt"));
    assert_false(nt_model_has_masks(m));
    assert_null(nt_model_masks_json(m)->child);
    nt_model_free(m);
    scratch_close(&t);
}

NT_TEST(odd_parameter_names_come_back_from_member_names)
{
    static const char odd[] = "/fc/W%2F weight \xc3\xa9";
    scratch t;
    nt_model *m = small_model();
    nt_graph *g = nt_model_graph(m);

    scratch_open(&t);
    assert_ok(nt_graph_rename_value(g, nt_graph_find_value(g, "fc.weight"), odd, e));
    assert_ok(nt_model_take_mask(m, odd, ones(2, DIMS(3, 4)), e));
    assert_ok(nt_model_save(m, scratch_path(&t, "a.nt"), e));
    nt_model_free(m);
    m = load(scratch_path(&t, "a.nt"));
    assert_non_null(nt_model_mask(m, odd));
    nt_model_free(m);
    scratch_close(&t);
}

NT_TEST(a_mask_must_fit)
{
    nt_model *m = small_model();
    nt_tensor *t = NULL;

    assert_fails(NT_EINVAL, "mask of 'fc.weight' is [4,3], the parameter [3,4]",
                 nt_model_take_mask(m, "fc.weight", ones(2, DIMS(4, 3)), e));
    assert_fails(NT_EINVAL, "mask of 'x': there is no such parameter",
                 nt_model_take_mask(m, "x", ones(2, DIMS(3, 4)), e));
    assert_ok(nt_tensor_new(&t, NT_F32, 2, DIMS(3, 4), e));
    assert_fails(NT_EINVAL, "mask of 'fc.weight' is float32, want uint8",
                 nt_model_take_mask(m, "fc.weight", t, e));
    nt_model_free(m);
}

NT_TEST(the_mask_of_a_parameter_that_went_goes_too)
{
    scratch t;
    nt_model *m = small_model();
    nt_graph *g = nt_model_graph(m);

    scratch_open(&t);
    assert_ok(nt_model_take_mask(m, "fc.weight", ones(2, DIMS(3, 4)), e));
    assert_ok(nt_graph_rename_value(g, nt_graph_find_value(g, "fc.weight"), "new", e));
    assert_ok(nt_model_save(m, scratch_path(&t, "a.nt"), e));
    nt_model_free(m);
    m = load(scratch_path(&t, "a.nt"));
    assert_false(nt_model_has_masks(m));
    nt_model_free(m);
    scratch_close(&t);
}

NT_TEST(members_we_do_not_know_are_carried)
{
    scratch t;
    nt_model *m = small_model();
    const char *got;
    size_t n;

    scratch_open(&t);
    assert_ok(nt_archive_put(nt_model_archive(m), "state/x.bin", "abc", 3, e));
    assert_ok(nt_model_save(m, scratch_path(&t, "a.nt"), e));
    nt_model_free(m);
    m = load(scratch_path(&t, "a.nt"));
    got = nt_archive_get(nt_model_archive(m), "state/x.bin", &n);
    assert_int_equal(n, 3);
    assert_memory_equal(got, "abc", 3);
    nt_model_free(m);
    scratch_close(&t);
}

NT_TEST(messages_begin_with_the_path)
{
    scratch t;
    nt_model *m = NULL;
    nt_graph *g = small();
    char want[900];

    scratch_open(&t);
    put_file(scratch_path(&t, "bad.onnx"), "nonsense", 8);
    snprintf(want, sizeof want, "%.800s: not an ONNX file, or damaged", t.path);
    assert_fails(NT_EFORMAT, want, nt_model_load(&m, t.path, &fake_ops, e));
    put_file(scratch_path(&t, "none.onnx"), "", 0);
    snprintf(want, sizeof want, "%.800s: is empty", t.path);
    assert_fails(NT_EFORMAT, want, nt_model_load(&m, t.path, &fake_ops, e));
    add_op(g, "Foo", "foo", nt_graph_find_value(g, "y"), NULL);
    put_onnx(scratch_path(&t, "foo.onnx"), g);
    snprintf(want, sizeof want,
             "%.800s: node 'foo': operator 'Foo' (opset 17) is not supported", t.path);
    assert_fails(NT_EUNSUPPORTED, want, nt_model_load(&m, t.path, &fake_ops, e));
    nt_graph_free(g);
    scratch_close(&t);
}

/* Everything a tool does between start and end. */
static nt_status whole_trip(const char *in, const char *out, nt_err *e)
{
    nt_status s = NT_OK;
    nt_model *m = NULL;
    nt_graph *copy = NULL;
    const int64_t dims[1][NT_MAX_RANK] = {{8}};

    NT_TRY(nt_model_load(&m, in, &fake_ops, e));
    NT_TRY(nt_graph_dup(&copy, nt_model_graph(m), false, e));
    NT_TRY(nt_pass_bind_shapes(copy, dims, e));
    NT_TRY(nt_pass_identity(copy, NULL, e));
    NT_TRY(nt_model_add_history(m, cJSON_CreateObject(), e));
    NT_TRY(nt_model_save(m, out, e));
done:
    nt_graph_free(copy);
    nt_model_free(m);
    return s;
}

NT_TEST(each_allocation_may_fail)
{
    scratch t;
    char in[800], out[800];
    nt_model *m = small_model();
    nt_err err = {{0}};
    nt_status s = NT_ENOMEM;
    long n;

    scratch_open(&t);
    strcpy(in, scratch_path(&t, "in.nt"));
    strcpy(out, scratch_path(&t, "out.nt"));
    assert_ok(nt_model_take_mask(m, "fc.weight", ones(2, DIMS(3, 4)), e));
    assert_ok(nt_model_save(m, in, e));
    nt_model_free(m);
    for (n = 1; s != NT_OK && n < 100000; n++) {
        nt_alloc_fail_at(n);
        s = whole_trip(in, out, &err);
        nt_alloc_fail_at(0);
        if (s != NT_OK && s != NT_ENOMEM)
            fail_msg("allocation %ld: status %d, %s", n, (int)s, err.msg);
        assert_true(s == NT_OK || !nt_path_exists(out));
    }
    assert_int_equal(s, NT_OK);
    assert_true(n > 50);
    scratch_close(&t);
}

NT_TEST_MAIN
