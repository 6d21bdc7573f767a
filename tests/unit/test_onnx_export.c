/* SPDX-License-Identifier: MIT */
#include "prune_net.h"

#include "export/onnx_export.h"
#include "export/verify.h"
#include "op/registry.h"
#include "scratch.h"

#define NET                                                                                    \
    "{\"conv\": \"a\", \"out\": 4, \"pad\": 1}, {\"bn\": \"an\"}, \"relu\", {\"dropout\": "    \
    "0.5}, "                                                                                   \
    "\"global_average_pool\", \"flatten\", {\"linear\": \"f\", \"out\": \"classes\"}"

static void assert_named(const nt_graph *g, nt_onnx_export x, const char *want)
{
    char *name = nt_onnx_export_name("opt_model", g, &x);

    assert_string_equal(name, want);
    nt_free(name);
}

NT_TEST(files_are_named_as_in_the_job_folder)
{
    nt_model *m = build("[3, 32, 32]", NET);
    const nt_graph *g = nt_model_graph(m);

    assert_named(g, (nt_onnx_export){.dynamic = true}, "opt_modelfp32_dynamic_shape.onnx");
    assert_named(g, (nt_onnx_export){.dynamic = true, .fp16 = true},
                 "opt_modelfp16_dynamic_shape.onnx");
    assert_named(g, (nt_onnx_export){0}, "opt_model32x32fp32.onnx");
    assert_named(g, (nt_onnx_export){.h = 64, .w = 48, .fp16 = true},
                 "opt_model64x48fp16.onnx");
    nt_model_free(m);
}

NT_TEST(every_kind_of_file_reads_back_and_agrees)
{
    static const nt_onnx_export kinds[] = {{0},
                                           {.fixed = true},
                                           {.dynamic = true},
                                           {.dynamic = true, .h = 24, .w = 40},
                                           {.h = 24, .w = 40},
                                           {.fp16 = true},
                                           {.fp16 = true, .dynamic = true}};
    nt_model *m = build("[3, 16, 16]", NET);
    scratch t;

    scratch_open(&t);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        assert_ok(
            nt_onnx_export_save(scratch_path(&t, "m.onnx"), nt_model_graph(m), &kinds[i], e));
        assert_ok(nt_verify_onnx(t.path, nt_model_graph(m), nt_ops_table(), &kinds[i], e));
    }
    scratch_close(&t);
    nt_model_free(m);
}

NT_TEST(a_file_of_another_model_is_noticed)
{
    nt_model *m = build("[3, 16, 16]", NET);
    nt_value *w = nt_graph_find_value(nt_model_graph(m), "f.weight");
    nt_onnx_export x = {0};
    nt_err err = {{0}};
    scratch t;

    scratch_open(&t);
    assert_ok(nt_onnx_export_save(scratch_path(&t, "m.onnx"), nt_model_graph(m), &x, e));
    nt_tensor_set(w->data, 0, 40);
    assert_int_equal(nt_verify_onnx(t.path, nt_model_graph(m), nt_ops_table(), &x, &err),
                     NT_EMISSED);
    scratch_close(&t);
    nt_model_free(m);
}

static nt_graph *export(nt_model *m, nt_onnx_export x)
{
    nt_graph *g = NULL;

    assert_ok(nt_onnx_export_graph(&g, nt_model_graph(m), &x, e));
    return g;
}

NT_TEST(dynamic_frees_the_size_where_the_network_takes_any)
{
    nt_model *m = build("[3, 16, 16]", NET);
    nt_model *fixed =
        build("[3, 16, 16]", "{\"conv\": \"a\", \"out\": 4}, \"flatten\", {\"linear\": "
                             "\"f\", \"out\": \"classes\"}");
    nt_graph *g = export(m, (nt_onnx_export){.dynamic = true});

    assert_string_equal(g->inputs[0]->dims[2].sym, "height");
    assert_string_equal(g->inputs[0]->dims[3].sym, "width");
    nt_graph_free(g);
    g = export(fixed, (nt_onnx_export){.dynamic = true});
    assert_int_equal(g->inputs[0]->dims[0].value, -1);
    assert_int_equal(g->inputs[0]->dims[2].value, 16);
    nt_graph_free(g);
    nt_model_free(m);
    nt_model_free(fixed);
}

static void assert_shapes(const nt_graph *of, nt_onnx_export x, const char *in, const char *out)
{
    nt_graph *g = NULL;
    char got[64];

    assert_ok(nt_onnx_export_graph(&g, of, &x, e));
    assert_string_equal(nt_value_shape_text(got, sizeof got, g->inputs[0]), in);
    assert_string_equal(nt_value_shape_text(got, sizeof got, g->outputs[0]), out);
    nt_graph_free(g);
}

NT_TEST(what_is_open_stays_open_until_it_is_fixed)
{
    nt_model *m = build("[3, 16, 16]", NET);
    nt_graph *open = export(m, (nt_onnx_export){.dynamic = true}), *g = NULL;

    open->inputs[0]->dims[0].sym = "batch";
    nt_pass_forget_shapes(open);
    assert_ok(nt_pass_infer(open, e));
    assert_shapes(open, (nt_onnx_export){0}, "[batch,3,height,width]", "[batch,3]");
    assert_shapes(open, (nt_onnx_export){.dynamic = true}, "[batch,3,height,width]",
                  "[batch,3]");
    assert_shapes(open, (nt_onnx_export){.h = 8, .w = 9}, "[1,3,8,9]", "[1,3]");
    assert_shapes(open, (nt_onnx_export){.fp16 = true}, "[batch,3,height,width]", "[batch,3]");
    assert_fails(NT_EINVAL,
                 "input 'input': dimension 2 ('height') is open, and a size is wanted "
                 "(--resolution HxW)",
                 nt_onnx_export_graph(&g, open, &(nt_onnx_export){.fixed = true}, e));
    nt_graph_free(open);
    nt_model_free(m);
}

NT_TEST(dynamic_opens_a_batch_that_is_fixed)
{
    nt_model *m = build("[3, 16, 16]", NET);
    nt_graph *fixed = export(m, (nt_onnx_export){.fixed = true});

    assert_shapes(fixed, (nt_onnx_export){0}, "[1,3,16,16]", "[1,3]");
    assert_shapes(fixed, (nt_onnx_export){.dynamic = true}, "[N,3,height,width]", "[N,3]");
    nt_graph_free(fixed);
    nt_model_free(m);
}

NT_TEST(fp16_keeps_float32_at_the_borders_and_dropout_is_gone)
{
    nt_model *m = build("[3, 16, 16]", NET);
    nt_graph *g = export(m, (nt_onnx_export){.fp16 = true});

    assert_int_equal(g->inputs[0]->dtype, NT_F32);
    assert_int_equal(g->outputs[0]->dtype, NT_F32);
    assert_string_equal(g->outputs[0]->name, "output");
    assert_int_equal(nt_graph_find_value(g, "a.weight")->dtype, NT_F16);
    for (int i = 0; i < g->n_nodes; i++)
        assert_string_not_equal(g->nodes[i]->op_type, "Dropout");
    nt_graph_free(g);
    nt_model_free(m);
}

NT_TEST(a_constant_past_float16_is_refused_by_name)
{
    nt_model *m = build("[3, 16, 16]", NET);
    nt_onnx_export x = {.fp16 = true};
    nt_graph *g = NULL;

    nt_tensor_set(nt_graph_find_value(nt_model_graph(m), "f.bias")->data, 1, 70000);
    assert_fails(NT_EUNSUPPORTED, "constant 'f.bias' holds 70000, past float16's range",
                 nt_onnx_export_graph(&g, nt_model_graph(m), &x, e));
    assert_null(g);
    nt_model_free(m);
}

NT_TEST_MAIN
