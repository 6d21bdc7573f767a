/* SPDX-License-Identifier: MIT */
/* Operators whose results are as long as the data say. */
#include "graph/part.h"
#include "op/nms.h"
#include "op_harness.h"

/* Runs the node by itself; the caller frees out. */
static nt_status select_run(const op_case *c, nt_tensor **out, nt_err *e)
{
    nt_graph *g = op_bound_graph(c, false);
    const nt_tensor *in[OC_MAX] = {NULL};
    nt_tensor *own[OC_MAX] = {NULL};
    nt_status s;

    for (int i = 0; i < op_case_n_in(c); i++)
        if (c->in[i].kind != OC_NONE)
            in[i] = own[i] = op_random(c, i);
    s = nt_graph_eval_node(out, g, g->nodes[0], in, e);
    for (int i = 0; i < OC_MAX; i++)
        nt_tensor_free(own[i]);
    nt_graph_free(g);
    return s;
}

static void check_numbers(const nt_tensor *t, const char *shape, const double *want, size_t n)
{
    char buf[64];

    assert_string_equal(nt_shape_text(buf, sizeof buf, t->rank, t->dims), shape);
    assert_int_equal(nt_tensor_count(t), (int64_t)n);
    for (size_t i = 0; i < n; i++)
        assert_float_equal(nt_tensor_get(t, (int64_t)i), want[i], 0);
}

#define LIST(...)                                                                              \
    (const double[]){__VA_ARGS__}, sizeof((double[]){__VA_ARGS__}) / sizeof(double)

static void free_all(nt_tensor **out)
{
    for (int i = 0; i < OC_MAX; i++)
        nt_tensor_free(out[i]);
}

/* One output. */
static void check_select(const op_case *c, const char *shape, const double *want, size_t n)
{
    nt_tensor *out[OC_MAX] = {NULL};

    assert_ok(select_run(c, out, e));
    check_numbers(out[0], shape, want, n);
    free_all(out);
}

NT_TEST(nonzero_lists_a_column_for_each)
{
    const float x[] = {1, 0, 0, -2, 0, 3}, none[] = {0, 0};

    check_select(&(op_case){.op = "NonZero", .in = {GIVEN(x, 2, 3)}}, "[2,3]",
                 LIST(0, 1, 1, 0, 0, 2));
    check_select(&(op_case){.op = "NonZero", .in = {GIVEN(none, 2)}}, "[1,0]", NULL, 0);
    assert_string_equal(op_shape(&(op_case){.op = "NonZero", .in = {IN(-1, 3)}}), "[2,?]");
}

NT_TEST(compress_keeps_what_is_true)
{
    const float x[] = {1, 2, 3, 4, 5, 6};
    const op_arg yes_no_yes = {
        .kind = OC_CONST, .dtype = NT_BOOL, .rank = 1, .dims = {3}, .ints = {1, 0, 1}};

    check_select(&(op_case){.op = "Compress",
                            .in = {GIVEN(x, 2, 3), yes_no_yes},
                            .attr = {INT("axis", -1)}},
                 "[2,2]", LIST(1, 3, 4, 6));
    check_select(&(op_case){.op = "Compress", .in = {GIVEN(x, 2, 3), yes_no_yes}}, "[2]",
                 LIST(1, 3)); /* of all elements; the condition is shorter */
    assert_string_equal(op_shape(&(op_case){.op = "Compress",
                                            .in = {IN(-1, 3), yes_no_yes},
                                            .attr = {INT("axis", 1)}}),
                        "[A,?]");
    assert_refused(
        (&(op_case){.op = "Compress", .in = {IN(2, 3), yes_no_yes}, .attr = {INT("axis", 2)}}),
        "axis 2");
}

NT_TEST(unique_sorts_or_keeps_the_order)
{
    const float x[] = {2, 1, 1, 3, 2};
    nt_tensor *out[OC_MAX] = {NULL};

    assert_ok(select_run(&(op_case){.op = "Unique", .in = {GIVEN(x, 5)}, .n_out = 4}, out, e));
    check_numbers(out[0], "[3]", LIST(1, 2, 3));
    check_numbers(out[1], "[3]", LIST(1, 0, 3));
    check_numbers(out[2], "[5]", LIST(1, 0, 0, 2, 1));
    check_numbers(out[3], "[3]", LIST(2, 2, 1));
    free_all(out);
    memset(out, 0, sizeof out);
    assert_ok(select_run(
        &(op_case){.op = "Unique", .in = {GIVEN(x, 5)}, .attr = {INT("sorted", 0)}, .n_out = 4},
        out, e));
    check_numbers(out[0], "[3]", LIST(2, 1, 3));
    check_numbers(out[1], "[3]", LIST(0, 1, 3));
    check_numbers(out[2], "[5]", LIST(0, 1, 1, 2, 0));
    check_numbers(out[3], "[3]", LIST(2, 2, 1));
    free_all(out);
}

NT_TEST(unique_slices_of_an_axis)
{
    const float x[] = {1, 0, 1, 2, 0, 2}, nan[] = {NAN, 1, NAN};

    check_select(&(op_case){.op = "Unique", .in = {GIVEN(x, 2, 3)}, .attr = {INT("axis", 1)}},
                 "[2,2]", LIST(0, 1, 0, 2));
    check_select(&(op_case){.op = "Unique", .in = {GIVEN(x, 2, 3)}, .attr = {INT("axis", 0)}},
                 "[2,3]", LIST(1, 0, 1, 2, 0, 2));
    check_select(&(op_case){.op = "Unique", .in = {I64(5, 5, 5)}}, "[1]", LIST(5));
    {
        nt_tensor *out[OC_MAX] = {NULL};

        assert_ok(select_run(&(op_case){.op = "Unique", .in = {GIVEN(nan, 3)}}, out, e));
        assert_int_equal(nt_tensor_count(out[0]), 2); /* a number comes before none */
        assert_float_equal(nt_tensor_get(out[0], 0), 1, 0);
        free_all(out);
    }
}

/* Constants fold, so that what follows has a shape at load. */
NT_TEST(what_picks_among_constants_folds)
{
    nt_graph *g = op_bound_graph(&(op_case){.op = "NonZero", .in = {I64(0, 4, 0, 5)}}, true);
    int n = 0;

    assert_ok(nt_pass_fold(g, 0, &n, e));
    assert_int_equal(n, 1);
    check_numbers(g->outputs[0]->data, "[1,2]", LIST(1, 3));
    nt_graph_free(g);
}

static const float boxes[] = {0, 0,    1, 1,  0, 0.1F,  1, 1.1F,  0, -0.1F, 1, 0.9F,
                              0, 10.0, 1, 11, 0, 10.1F, 1, 11.1F, 0, 100,   1, 101};
static const float scores[] = {0.9F, 0.75F, 0.6F, 0.95F, 0.5F, 0.3F};

NT_TEST(suppresses_what_overlaps)
{
    nt_nms d = {.batches = 1, .classes = 1, .boxes = 6, .most = 9, .overlap = 0.5F};
    int64_t *v = NULL, n = 0;

    assert_ok(nt_nms_run(&v, &n, &d, boxes, scores, e));
    assert_int_equal(n, 3);
    assert_memory_equal(v, ((const int64_t[]){0, 0, 3, 0, 0, 0, 0, 0, 5}), 72);
    nt_free(v);
    d.has_score = true;
    d.score = 0.4F;
    d.most = 1;
    assert_ok(nt_nms_run(&v, &n, &d, boxes, scores, e));
    assert_int_equal(n, 1);
    assert_int_equal(v[2], 3);
    nt_free(v);
}

NT_TEST(boxes_may_be_given_by_their_centres)
{
    const float two[] = {0.5F, 0.5F, 1, 1, 0.5F, 0.6F, 1, 1}, s[] = {0.1F, 0.2F};
    nt_nms d = {
        .batches = 1, .classes = 1, .boxes = 2, .most = 9, .overlap = 0.5F, .center = true};
    int64_t *v = NULL, n = 0;

    assert_ok(nt_nms_run(&v, &n, &d, two, s, e));
    assert_int_equal(n, 1);
    assert_int_equal(v[2], 1);
    nt_free(v);
}

NT_TEST(boxes_without_an_area_stay)
{
    const float two[] = {1, 1, 1, 1, 1, 1, 1, 1}, s[] = {0.5F, 0.5F};
    nt_nms d = {.batches = 1, .classes = 1, .boxes = 2, .most = 9};
    int64_t *v = NULL, n = 0;

    assert_ok(nt_nms_run(&v, &n, &d, two, s, e));
    assert_int_equal(n, 2);
    assert_int_equal(v[2], 0); /* of equal scores the first */
    nt_free(v);
}

NT_TEST(suppression_as_an_operator)
{
    const float most[] = {9}, overlap[] = {0.5F};
    nt_tensor *out[OC_MAX] = {NULL};
    nt_err why = {{0}};

    check_select(&(op_case){.op = "NonMaxSuppression",
                            .in = {GIVEN(boxes, 1, 6, 4), GIVEN(scores, 1, 1, 6), I64(9),
                                   GIVEN(overlap, 1)}},
                 "[3,3]", LIST(0, 0, 3, 0, 0, 0, 0, 0, 5));
    check_select(&(op_case){.op = "NonMaxSuppression",
                            .in = {GIVEN(boxes, 1, 6, 4), GIVEN(scores, 1, 1, 6)}},
                 "[0,3]", NULL, 0); /* of no output a class */
    assert_int_equal(select_run(&(op_case){.op = "NonMaxSuppression",
                                           .in = {GIVEN(boxes, 1, 6, 4), GIVEN(scores, 1, 2, 3),
                                                  GIVEN(most, 1)}},
                                out, &why),
                     NT_EFORMAT);
}

NT_TEST_MAIN
