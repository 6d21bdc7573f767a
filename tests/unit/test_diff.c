/* SPDX-License-Identifier: MIT */
/* Where two small networks part. */
#include "measure/diff.h"
#include "op/registry.h"

#include "graph/pass_fuse_bn.h"
#include "net.h"
#include "prune/prune.h"
#include "prune_net.h"
#include "quant/qdq.h"

#include <math.h>

static const nt_diff_row *row_of(const nt_diff *d, const char *tensor)
{
    for (int i = 0; i < d->n_rows; i++)
        if (strcmp(d->rows[i].tensor, tensor) == 0)
            return &d->rows[i];
    fail_msg("no row of '%s'", tensor);
    return NULL;
}

static nt_diff *compare_with(nt_model *a, nt_model *b, nt_diff_opts o)
{
    nt_device *dev = NULL;
    nt_diff *d = NULL;

    o.min_sqnr_db = o.min_sqnr_db ? o.min_sqnr_db : 60;
    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_diff_new(&d, a, b, dev, &o, e));
    nt_device_free(dev);
    return d;
}

static nt_diff *compare(nt_model *a, nt_model *b)
{
    return compare_with(a, b, (nt_diff_opts){.batch = 2});
}

static nt_model *model_of(net *t)
{
    nt_model *m = NULL;

    assert_ok(nt_model_from_graph(&m, t->g, e));
    return m;
}

/* y = x + c, z = 2 y, for x of [N,2]; both are called alike whatever c is. */
static nt_model *sum_net(double c0, double c1)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(-1, 2)), *c = weight(&t, "c", DIMS(2)),
             *two = weight(&t, "two", DIMS(1)), *y;

    nt_tensor_set(c->data, 0, c0);
    nt_tensor_set(c->data, 1, c1);
    nt_tensor_set(two->data, 0, 2);
    y = NODE(&t, "Add", "y", x, c)->out[0];
    complete(&t, NODE(&t, "Mul", "z", y, two)->out[0]);
    return model_of(&t);
}

NT_TEST(sums_over_all_elements_make_the_numbers)
{
    nt_model *a = sum_net(100, 100), *b = sum_net(101, 97);
    nt_diff *d = compare_with(a, b, (nt_diff_opts){.batch = 4, .seed = 3});
    const nt_diff_row *y = row_of(d, "y"), *z = row_of(d, "z");

    assert_int_equal(d->n_rows, 2);
    assert_int_equal(y->n, 8);
    assert_string_equal(y->shape, "[4,2]");
    assert_false(y->is_output);
    assert_true(z->is_output);
    assert_float_equal(y->max_abs, 3, 1e-4);
    assert_float_equal(y->mean_abs, 2, 1e-4);
    assert_float_equal(z->max_abs, 6, 1e-4);
    /* sqrt(5) of about 100 */
    assert_float_equal(y->relative, sqrt(5) / 100, 5e-4);
    assert_float_equal(y->sqnr_db, -20 * log10(y->relative), 1e-9);
    assert_float_equal(z->relative, y->relative, 1e-6);
    assert_true(y->cosine < 1 && y->cosine > 0.999);
    assert_true(d->first == y);
    assert_int_equal(d->n_missed, 1);
    assert_int_equal(d->samples, 4);
    nt_diff_free(d);
    nt_model_free(a);
    nt_model_free(b);
}

NT_TEST(equal_models_are_equal_and_infinities_count)
{
    nt_model *a = sum_net(1, INFINITY), *b = sum_net(1, 5);
    nt_diff *same = compare(a, a), *d = compare(a, b);

    for (int i = 0; i < 2; i++) {
        assert_float_equal(same->rows[i].max_abs, 0, 0);
        assert_true(isinf(same->rows[i].sqnr_db) && same->rows[i].sqnr_db > 0);
        assert_float_equal(same->rows[i].cosine, 1, 1e-12);
    }
    assert_null(same->first);
    assert_true(isinf(d->rows[0].max_abs));
    assert_true(isinf(d->rows[0].sqnr_db) && d->rows[0].sqnr_db < 0);
    nt_diff_free(same);
    nt_diff_free(d);
    nt_model_free(a);
    nt_model_free(b);
}

static const char *const bn_layers =
    "{\"conv\": \"a\", \"out\": 4, \"pad\": 1}, {\"bn\": \"an\"}, \"relu\", \"flatten\", "
    "{\"linear\": \"fc\", \"out\": \"classes\"}";

NT_TEST(a_folded_normalisation_is_seen_through)
{
    nt_model *a = build("[2, 5, 5]", bn_layers), *b = build("[2, 5, 5]", bn_layers);
    int n = 0;
    nt_diff *d;

    assert_ok(nt_pass_fuse_bn(nt_model_graph(b), NULL, &n, e));
    assert_int_equal(n, 1);
    for (int way = 0; way < 2; way++) {
        d = way ? compare(b, a) : compare(a, b);
        assert_null(d->first);
        assert_true(d->n_rows >= 4);
        for (int i = 0; i < d->n_rows; i++)
            assert_null(d->rows[i].why);
        assert_true(d->has_top1);
        assert_int_equal(d->agreed, 2);
        nt_diff_free(d);
    }
    nt_model_free(a);
    nt_model_free(b);
}

NT_TEST(channels_that_masks_remove_are_left_out)
{
    nt_model *a = build("[2, 5, 5]", bn_layers), *b = build("[2, 5, 5]", bn_layers);
    const char *rule = "[{\"op_types\": [\"Conv\"], \"sparsity\": 0.5}]";
    nt_shrink_stats st;
    nt_diff *d;

    prune(a, rule);
    prune(b, rule);
    assert_ok(nt_shrink(b, &st, e));
    assert_int_equal(st.removed, 2);
    for (int way = 0; way < 2; way++) {
        d = way ? compare(b, a) : compare(a, b);
        assert_null(d->first);
        assert_string_equal(d->rows[0].shape, "[2,2,5,5]");
        for (int i = 0; i < d->n_rows; i++)
            assert_null(d->rows[i].why);
        nt_diff_free(d);
    }
    nt_model_clear_masks(a);
    d = compare(a, b);
    assert_string_equal(d->rows[0].why, "the shapes differ");
    assert_null(d->first); /* the output is the same for all that */
    nt_diff_free(d);
    nt_model_free(a);
    nt_model_free(b);
}

static bool all(const nt_use *u, const void *ctx)
{
    (void)u;
    (void)ctx;
    return true;
}

NT_TEST(what_is_quantized_is_measured_in_its_steps)
{
    nt_model *a = sum_net(100, 100), *b = sum_net(101, 97);
    nt_graph *g = nt_model_graph(b);
    nt_qtarget u7 = {.bits = 7, .is_unsigned = true};
    nt_value *v = NULL;
    nt_diff *d;

    assert_ok(nt_qdq_activation(&v, g,
                                &(nt_qactivation){nt_graph_find_value(g, "y"), &u7, {0.5f, 0}},
                                &(nt_consumers){all, NULL}, e));
    assert_ok(nt_graph_bind(g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(g, e));
    d = compare(a, b);
    assert_float_equal(row_of(d, "y")->scale, 0.5, 0);
    assert_float_equal(row_of(d, "y")->max_steps, 6, 1e-3);
    assert_float_equal(row_of(d, "y")->mean_steps, 4, 1e-3);
    assert_float_equal(row_of(d, "z")->scale, 0, 0);
    nt_diff_free(d);
    nt_model_free(a);
    nt_model_free(b);
}

NT_TEST(models_of_another_kind_are_refused)
{
    nt_model *a = sum_net(1, 1), *b = build("[2, 5, 5]", bn_layers);
    nt_device *dev = NULL;
    nt_diff *d = NULL;
    nt_err err = {{0}};

    assert_ok(nt_device_new(&dev, 1, e));
    assert_int_equal(nt_diff_new(&d, a, b, dev, &(nt_diff_opts){0}, &err), NT_EINVAL);
    assert_non_null(strstr(err.msg, "but the reference's is float32 [N,2]"));
    assert_null(d);
    nt_device_free(dev);
    nt_model_free(a);
    nt_model_free(b);
}

NT_TEST(the_report_says_what_was_not_compared)
{
    nt_model *a = sum_net(1, 2), *b = sum_net(1, 2.5);
    nt_diff *d = compare(a, b);
    nt_str text = {0};
    cJSON *j;

    d->rows[0].why = "because";
    j = nt_diff_json(d);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "tensors")), 1);
    assert_string_equal(
        cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(j, "not_compared"), 0),
                            "why")
            ->valuestring,
        "because");
    assert_string_equal(cJSON_GetObjectItem(j, "first")->valuestring, "y");
    assert_ok(nt_diff_text(&text, d, e));
    assert_non_null(strstr(text.p, "first_below_60_db y"));
    assert_non_null(strstr(text.p, "because"));
    nt_str_release(&text);
    nt_json_free(j);
    nt_diff_free(d);
    nt_model_free(a);
    nt_model_free(b);
}

NT_TEST_MAIN
