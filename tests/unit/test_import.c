/* SPDX-License-Identifier: MIT */
/* What nt-import -v and nt-info --ops say of a model. */
#include "base/file.h"
#include "graph/model.h"
#include "onnx_bytes.h"
#include "op/registry.h"
#include "report/import.h"
#include "report/operators.h"
#include "scratch.h"

enum { NODES = 1, INITIALIZER = 5, INPUT = 11, OUTPUT = 12 };

static const int64_t image[] = {-1, 2, 4, 4}, one_d[] = {1};

static void add(nt_str *s, int field, nt_str sub)
{
    pb_sub(s, field, &sub);
}

static void write_bytes(const char *path, const nt_str *s)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(s->p, 1, s->n, f), s->n);
    assert_int_equal(fclose(f), 0);
}

/* org.test:Act(a) = Relu(a) */
static nt_str function(void)
{
    nt_str f = {0}, opset = {0};

    pb_text(&f, 1, "Act");
    pb_text(&f, 4, "a");
    pb_text(&f, 5, "b");
    add(&f, 7, pb_node("Relu", "relu", "a", "b"));
    pb_text(&opset, 1, "");
    pb_int(&opset, 2, 13);
    pb_sub(&f, 9, &opset);
    pb_text(&f, 10, "org.test");
    return f;
}

/* A node of the function; field 7 is the domain. */
static nt_str call(const char *name, const char *in, const char *out)
{
    nt_str n = pb_node("Act", name, in, out);

    pb_text(&n, 7, "org.test");
    return n;
}

/* Two convolutions, the first through a function; a reshape to a computed [N, 48]; a node for
 * nobody. */
static nt_str chatty_model(void)
{
    const int64_t zero = 0, rest = -1, w[] = {3, 2, 1, 1}, w2[] = {3, 3, 1, 1};
    const float numbers[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    nt_str g = {0}, m = {0}, o = {0}, concat = pb_node("Concat", "target", "n rest", "t"),
           axis = {0};

    pb_text(&axis, 1, "axis");
    pb_int(&axis, 3, 0);
    pb_int(&axis, 20, NT_ATTR_INT);
    pb_sub(&concat, 5, &axis);
    add(&g, NODES, pb_node("Conv", "first", "x first.weight", "c1"));
    add(&g, NODES, call("act", "c1", "r"));
    add(&g, NODES, pb_node("Conv", "second", "r second.weight", "c2"));
    add(&g, NODES, pb_node("Shape", "shape", "c2", "s"));
    add(&g, NODES, pb_node("Gather", "batch", "s zero", "n"));
    add(&g, NODES, concat);
    add(&g, NODES, pb_node("Reshape", "flat", "c2 t", "y"));
    add(&g, NODES, pb_node("Neg", "idle", "r", "nobody"));
    add(&g, INITIALIZER, pb_tensor("first.weight", NT_F32, 4, w, numbers, 24));
    add(&g, INITIALIZER, pb_tensor("second.weight", NT_F32, 4, w2, numbers, 36));
    add(&g, INITIALIZER, pb_tensor("zero", NT_I64, 1, one_d, &zero, 8));
    add(&g, INITIALIZER, pb_tensor("rest", NT_I64, 1, one_d, &rest, 8));
    add(&g, INPUT, pb_value("x", 4, image));
    add(&g, OUTPUT, pb_value("y", 2, (const int64_t[]){-1, 48}));
    pb_int(&m, 1, 8);
    pb_text(&o, 1, "");
    pb_int(&o, 2, 13);
    pb_sub(&m, 8, &o);
    pb_text(&o, 1, "org.test");
    pb_int(&o, 2, 1);
    pb_sub(&m, 8, &o);
    pb_sub(&m, 7, &g);
    add(&m, 25, function());
    return m;
}

static void assert_line(const char *text, const char *line)
{
    const char *p = strstr(text, line);

    if (!p || (p > text && p[-1] != '\n') || p[strlen(line)] != '\n')
        fail_msg("no line '%s' in:\n%s", line, text);
}

NT_TEST(notes_tell_what_became_of_the_nodes)
{
    scratch t;
    nt_str bytes = chatty_model(), text = {0};
    nt_load_log *log = NULL;
    nt_model *m = NULL;

    scratch_open(&t);
    write_bytes(scratch_path(&t, "m.onnx"), &bytes);
    assert_ok(nt_load_log_new(&log, e));
    assert_ok(nt_model_load_logged(&m, t.path, nt_ops_table(), log, e));
    assert_ok(nt_import_notes(&text, log, nt_model_graph(m), e));
    assert_line(text.p, "inlined 1 node");
    assert_line(text.p, "inlined: act (org.test:Act)");
    assert_line(text.p, "unused: idle (Neg)");
    assert_line(text.p, "folded 3 nodes");
    assert_line(text.p, "folded: shape (Shape)");
    assert_line(text.p, "folded: target (Concat)");
    assert_line(text.p, "frozen 1 of 2 layers");
    assert_line(text.p, "frozen: second (layer 'flat': graph output)");
    nt_str_release(&text);
    nt_load_log_free(log);
    nt_model_free(m);
    scratch_close(&t);
    nt_str_release(&bytes);
}

/* A model that cannot be loaded can be looked at. */
NT_TEST(operators_of_a_model_are_listed_whatever_they_are)
{
    scratch t;
    nt_str g = {0}, bytes, text = {0};
    nt_model *m = NULL;
    cJSON *o, *list, *odd;

    add(&g, NODES, pb_node("Relu", "a", "x", "h"));
    add(&g, NODES, pb_node("Relu", "b", "h", "i"));
    add(&g, NODES, pb_node("Quux", "c", "i", "y"));
    add(&g, INPUT, pb_value("x", 1, one_d));
    add(&g, OUTPUT, pb_value("y", 1, one_d));
    bytes = pb_model(8, 13, &g);
    scratch_open(&t);
    write_bytes(scratch_path(&t, "m.onnx"), &bytes);
    assert_ok(nt_model_peek(&m, t.path, e));
    assert_ok(nt_operators_text(&text, nt_model_graph(m), e));
    assert_non_null(strstr(text.p, "Quux"));
    assert_non_null(strstr(text.p, "unknown"));
    o = nt_operators_json(nt_model_graph(m));
    list = cJSON_GetObjectItem(o, "operators");
    assert_int_equal(cJSON_GetArraySize(list), 2);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), "nodes")->valueint, 2);
    odd = cJSON_GetArrayItem(list, 1);
    assert_string_equal(cJSON_GetObjectItem(odd, "name")->valuestring, "Quux");
    assert_false(cJSON_IsTrue(cJSON_GetObjectItem(odd, "run")));
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(odd, "opset_first")));
    nt_json_free(o);
    nt_str_release(&text);
    nt_model_free(m);
    scratch_close(&t);
    nt_str_release(&bytes);
}

static const cJSON *entry(const cJSON *o, const char *name)
{
    const cJSON *j;

    cJSON_ArrayForEach(
        j, cJSON_GetObjectItem(
               o, "operators")) if (strcmp(cJSON_GetObjectItem(j, "name")->valuestring, name) ==
                                    0) return j;
    fail_msg("no operator %s", name);
    return NULL;
}

NT_TEST(the_list_tells_what_is_quantized_and_what_only_folds)
{
    cJSON *o = nt_operators_json(NULL);

    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(entry(o, "Conv"), "quantize")));
    assert_false(cJSON_IsTrue(cJSON_GetObjectItem(entry(o, "Shape"), "quantize")));
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(entry(o, "NonZero"), "run")));
    assert_false(cJSON_IsTrue(cJSON_GetObjectItem(entry(o, "NonZero"), "train")));
    assert_false(cJSON_IsTrue(cJSON_GetObjectItem(entry(o, "If"), "run")));
    nt_json_free(o);
}

NT_TEST_MAIN
