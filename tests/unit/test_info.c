/* SPDX-License-Identifier: MIT */
#include "op/registry.h"
#include "report/info.h"
#include "report/operators.h"

#include "prune_net.h"
#include "starve.h"

static nt_model *net(void)
{
    return build("[1, 4, 4]", "{\"conv\": \"a\", \"out\": 2}, \"flatten\", "
                              "{\"linear\": \"f\", \"out\": \"classes\"}");
}

static void add_history(nt_model *m, const char *record)
{
    assert_ok(nt_model_add_history(m, json(record), e));
}

static const char *text_at(const cJSON *list, int i, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(list, i), key));
}

NT_TEST(the_object_holds_signature_layers_and_history)
{
    nt_model *m = net();
    cJSON *o = nt_info_json(m), *layers = cJSON_GetObjectItem(o, "layers");

    assert_string_equal(cJSON_GetObjectItem(o, "task")->valuestring, "classification");
    assert_string_equal(cJSON_GetObjectItem(o, "digest")->valuestring, ""); /* made in memory */
    assert_string_equal(text_at(cJSON_GetObjectItem(o, "inputs"), 0, "shape"), "[N,1,4,4]");
    assert_string_equal(text_at(cJSON_GetObjectItem(o, "inputs"), 0, "dtype"), "float32");
    assert_string_equal(text_at(cJSON_GetObjectItem(o, "outputs"), 0, "shape"), "[N,3]");
    assert_int_equal(cJSON_GetArraySize(layers), 3);
    assert_string_equal(text_at(layers, 0, "name"), "a");
    assert_string_equal(text_at(layers, 0, "weight_shape"), "[2,1,3,3]");
    assert_string_equal(text_at(layers, 0, "output_shape"), "[N,2,2,2]");
    assert_string_equal(text_at(layers, 1, "op"), "Flatten");
    assert_null(text_at(layers, 1, "weight_shape"));
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(o, "history")), 0);
    nt_json_free(o);
    add_history(m, "{\"tool\": \"nt-zoo\"}");
    o = nt_info_json(m);
    assert_string_equal(text_at(cJSON_GetObjectItem(o, "history"), 0, "tool"), "nt-zoo");
    nt_json_free(o);
    nt_model_free(m);
}

NT_TEST(the_text_lists_layers_only_if_asked)
{
    nt_model *m = net();
    nt_str brief = {0}, full = {0};

    assert_ok(nt_info_text(&brief, m, false, e));
    assert_ok(nt_info_text(&full, m, true, e));
    assert_non_null(strstr(brief.p, "\ninput    input float32 [N,1,4,4]\n"));
    assert_non_null(strstr(brief.p, "\noutput   output float32 [N,3]\n"));
    assert_non_null(strstr(brief.p, "\nlayers   3\nmasks    no\n"));
    assert_null(strstr(brief.p, "[2,1,3,3]"));
    assert_non_null(strstr(full.p, "#  Layer      Op       Weight     Output\n"));
    assert_non_null(strstr(full.p, "\n0  a          Conv     [2,1,3,3]  [N,2,2,2]\n"));
    assert_non_null(strstr(full.p, "\n1  Flatten_1  Flatten             [N,8]\n"));
    nt_str_release(&brief);
    nt_str_release(&full);
    nt_model_free(m);
}

NT_TEST(a_record_is_a_command_with_what_was_not_said_left_out)
{
    nt_model *m = net();
    nt_str t = {0};

    add_history(m,
                "{\"tool\": \"nt-zoo\", \"version\": \"1.2\", \"options\": {}, \"seed\": 7}");
    add_history(
        m, "{\"tool\": \"nt-prune\", \"version\": \"1.3\", \"options\": {\"sparsity\": 0.5,"
           " \"shrink\": true, \"config\": \"r.json\"}, \"seed\": 0}");
    add_history(m, "{}");
    assert_ok(nt_info_history(&t, m, e));
    assert_string_equal(t.p, "history  nt-zoo --seed 7  (version 1.2)\n"
                             "history  nt-prune --sparsity 0.5 --shrink --config \"r.json\"  "
                             "(version 1.3)\n"
                             "history  ?  (version unknown)\n");
    nt_str_release(&t);
    nt_model_free(m);
}

static const cJSON *entry(const cJSON *list, const char *name, int first)
{
    const cJSON *o;

    cJSON_ArrayForEach(o, list)
    {
        if (strcmp(cJSON_GetObjectItem(o, "name")->valuestring, name) == 0 &&
            cJSON_GetObjectItem(o, "opset_first")->valueint == first)
            return o;
    }
    return NULL;
}

NT_TEST(every_operator_says_what_can_be_done_with_it)
{
    cJSON *o = nt_operators_json(NULL);
    const cJSON *list = cJSON_GetObjectItem(o, "operators"), *conv, *shape;
    nt_str t = {0};
    int lines = 0;

    conv = entry(list, "Conv", 1);
    assert_non_null(conv);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(conv, "run")));
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(conv, "train")));
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(conv, "prune")));
    shape = entry(list, "Shape", 1);
    assert_non_null(shape);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(shape, "run")));
    assert_false(cJSON_IsTrue(cJSON_GetObjectItem(shape, "train")));
    assert_ok(nt_operators_text(&t, NULL, e));
    for (const char *p = t.p; (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, cJSON_GetArraySize(list) + 2); /* heading and rule */
    assert_int_equal(cJSON_GetArraySize(list), nt_op_count());
    nt_str_release(&t);
    nt_json_free(o);
}

static nt_status describe(void *ctx, nt_err *e)
{
    nt_str t = {0};
    nt_status s = nt_info_text(&t, ctx, true, e);

    nt_str_release(&t);
    return s;
}

NT_TEST(each_allocation_may_fail)
{
    nt_model *m = net();

    assert_true(starve(describe, m) > 10);
    nt_model_free(m);
}

NT_TEST_MAIN
