/* SPDX-License-Identifier: MIT */
#include "graph/pass.h"
#include "graph/zoo.h"
#include "op/registry.h"

#include "test.h"

#include <stdio.h>

static nt_status try_build(nt_graph **out, const char *layers, nt_zoo_opts o, nt_err *e)
{
    char text[1000];
    cJSON *j = NULL;
    nt_status s;

    snprintf(text, sizeof text, "{\"name\": \"n\", \"input\": [2, 8, 8], \"layers\": [%s]}",
             layers);
    assert_int_equal(nt_json_parse(&j, text, strlen(text), e), NT_OK);
    s = nt_zoo_build(out, j, &o, e);
    nt_json_free(j);
    return s;
}

static void assert_refused(const char *layers, const char *why)
{
    nt_graph *g = NULL;

    assert_fails(NT_EINVAL, why, try_build(&g, layers, (nt_zoo_opts){0}, e));
    assert_null(g);
}

NT_TEST(parameters_are_named_as_pytorch_names_them)
{
    static const char *const names[] = {"a.weight", "a.bias",         "b.weight",
                                        "b.bias",   "b.running_mean", "b.running_var",
                                        "f.weight", "f.bias"};
    nt_graph *g = NULL;

    assert_ok(try_build(
        &g,
        "{\"conv\": \"a\", \"out\": 3, \"bias\": true}, {\"bn\": \"b\"}, \"flatten\", "
        "{\"linear\": \"f\", \"out\": \"classes\"}",
        (nt_zoo_opts){.classes = 7}, e));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_non_null(nt_graph_find_value(g, names[i]));
    assert_ok(nt_graph_bind(g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(g, e));
    assert_ptr_equal(nt_graph_find_value(g, "output"), g->outputs[0]);
    assert_int_equal(g->outputs[0]->dims[1].value, 7);
    assert_int_equal(nt_graph_find_value(g, "f.weight")->data->dims[1], 3 * 6 * 6);
    nt_graph_free(g);
}

NT_TEST(the_seed_decides_the_weights)
{
    static const char *const net = "{\"conv\": \"a\", \"out\": 3}";
    nt_graph *g[3] = {NULL};
    const void *w[3];

    for (int i = 0; i < 3; i++) {
        assert_ok(try_build(&g[i], net, (nt_zoo_opts){.seed = i == 2}, e));
        w[i] = nt_graph_find_value(g[i], "a.weight")->data->data;
    }
    assert_memory_equal(w[0], w[1], 3 * 2 * 9 * 4);
    assert_memory_not_equal(w[0], w[2], 3 * 2 * 9 * 4);
    for (int i = 0; i < 3; i++)
        nt_graph_free(g[i]);
}

NT_TEST(repetitions_number_their_layers)
{
    nt_graph *g = NULL;

    assert_ok(try_build(&g,
                        "{\"repeat\": 3, \"from\": 4, \"layers\": [{\"residual\": [{\"conv\": "
                        "\"l.#.c\", \"out\": 2, \"pad\": 1}]}]}",
                        (nt_zoo_opts){0}, e));
    assert_null(nt_graph_find_value(g, "l.3.c.weight"));
    assert_non_null(nt_graph_find_value(g, "l.4.c.weight"));
    assert_non_null(nt_graph_find_value(g, "l.6.c.weight"));
    assert_int_equal(g->n_nodes, 6);
    nt_graph_free(g);
}

NT_TEST(what_is_flat_has_no_places)
{
    assert_refused("\"flatten\", \"flatten\"", "layers: 'flatten' after a 'flatten'");
    assert_refused("\"flatten\", \"global_average_pool\"",
                   "layers: 'global_average_pool' after a 'flatten'");
    assert_refused("\"flatten\", {\"conv\": \"a\", \"out\": 2, \"kernel\": 1, \"pad\": 1}",
                   "layer 'a': its input is flat");
    assert_refused("{\"linear\": \"f\", \"out\": 3}", "layer 'f': needs a 'flatten' before it");
}

NT_TEST(what_does_not_fit_is_refused)
{
    assert_refused("", "layers: there is no layer");
    assert_refused("\"swish\"", "layers: 'swish' is no layer");
    assert_refused("7", "layers: an element is neither a word nor a known layer");
    assert_refused("{\"conv\": \"a\", \"out\": 3, \"groups\": 2}",
                   "layer 'a': 2 to 3 channels in 2 groups");
    assert_refused("{\"conv\": \"a\", \"out\": 3, \"kernel\": 9}",
                   "layer 'a': a 9x9 window on 8x8 does not fit");
    assert_refused("{\"residual\": [{\"conv\": \"a\", \"out\": 3, \"pad\": 1}]}",
                   "layers: residual: the two ways end in different shapes");
}

NT_TEST(descriptions_that_never_end_are_refused)
{
    assert_refused("{\"repeat\": 1000000, \"layers\": [\"relu\"]}", "layers: more than 10000");
    assert_refused("{\"repeat\": 1000000, \"layers\": [{\"repeat\": 1000000, \"layers\": []}]}",
                   "layers: more than 10000");
    assert_refused("{\"repeat\": 1, \"layers\": [{\"repeat\": 1, \"layers\": [{\"repeat\": 1, "
                   "\"layers\": [{\"repeat\": 1, \"layers\": [{\"repeat\": 1, \"layers\": "
                   "[{\"repeat\": 1, \"layers\": [{\"repeat\": 1, \"layers\": [{\"repeat\": 1, "
                   "\"layers\": []}]}]}]}]}]}]}]}",
                   "layers: nested too deeply");
}

NT_TEST(an_input_is_three_whole_numbers)
{
    static const char *const bad[] = {"[1, 8]", "[1, 8, 0]", "[1, 8, 1e300]", "[1.5, 8, 8]",
                                      "3"};
    char text[100];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cJSON *j = NULL;
        nt_graph *g = NULL;
        nt_zoo_opts o = {0};

        snprintf(text, sizeof text, "{\"input\": %s, \"layers\": [\"relu\"]}", bad[i]);
        assert_ok(nt_json_parse(&j, text, strlen(text), e));
        assert_fails(NT_EINVAL, "input: [channels, height, width] is wanted",
                     nt_zoo_build(&g, j, &o, e));
        nt_json_free(j);
    }
}

NT_TEST_MAIN
