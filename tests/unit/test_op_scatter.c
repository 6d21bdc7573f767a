/* SPDX-License-Identifier: MIT */
/* GatherElements, GatherND and what puts elements back. */
#include "op_harness.h"

#define I64_2D(r, c, ...)                                                                      \
    {                                                                                          \
        .kind = OC_CONST, .dtype = NT_I64, .rank = 2, .dims = {r, c}, .ints = { __VA_ARGS__ }  \
    }

NT_TEST(gathers_elements_and_slices)
{
    const float x[] = {1, 2, 3, 4, 5, 6};

    assert_eval((&(op_case){.op = "GatherElements",
                            .in = {GIVEN(x, 2, 3), I64_2D(2, 2, 2, 0, -1, 1)},
                            .attr = {INT("axis", 1)}}),
                3, 1, 6, 5);
    assert_eval(
        (&(op_case){.op = "GatherND", .in = {GIVEN(x, 2, 3), I64_2D(2, 2, 0, 2, 1, -3)}}), 3,
        4);
    assert_eval((&(op_case){.op = "GatherND", .in = {GIVEN(x, 2, 3), I64_2D(2, 1, 1, 0)}}), 4,
                5, 6, 1, 2, 3);
    assert_eval((&(op_case){.op = "GatherND",
                            .in = {GIVEN(x, 2, 3), I64_2D(2, 1, 2, 0)},
                            .attr = {INT("batch_dims", 1)}}),
                3, 4);
}

NT_TEST(gathers_infer_and_refuse)
{
    assert_string_equal(
        op_shape(&(op_case){
            .op = "GatherND",
            .in = {IN(-1, 5, 7), {.kind = OC_IN, .dtype = NT_I64, OC_DIMS(-1, 4, 1)}},
            .attr = {INT("batch_dims", 1)}}),
        "[A,4,7]");
    assert_refused((&(op_case){.op = "GatherElements", .in = {IN(2, 3), I64(0, 1)}}),
                   "the indices have 1 dimensions, want 2");
    assert_refused((&(op_case){.op = "GatherND", .in = {IN(2, 3), I64(0, 1, 1)}}),
                   "do not fit 2 dimensions");
    assert_refused((&(op_case){.op = "GatherND",
                               .opset = 11,
                               .in = {IN(2, 3), I64(0)},
                               .attr = {INT("batch_dims", 0)}}),
                   "attribute 'batch_dims' is not known");
}

NT_TEST(gathers_train)
{
    check_op(
        &(op_case){.op = "GatherElements", .in = {IN(3, 2), I64_2D(3, 2, 2, 0, 2, 1, 0, 0)}});
    check_op(&(op_case){.op = "GatherND",
                        .in = {IN(2, 3, 2), I64_2D(2, 1, 1, 1)},
                        .attr = {INT("batch_dims", 0)}});
}

NT_TEST(scatters_by_hand)
{
    const float x[] = {1, 2, 3, 4, 5}, u[] = {10, 20}, w[] = {10, 20, 7};

    assert_eval(
        (&(op_case){.op = "ScatterElements", .in = {GIVEN(x, 5), I64(1, -1), GIVEN(u, 2)}}), 1,
        10, 3, 4, 20);
    assert_eval((&(op_case){.op = "ScatterElements",
                            .opset = 16,
                            .in = {GIVEN(x, 5), I64(1, 3, 1), GIVEN(w, 3)},
                            .attr = {STR("reduction", "add")}}),
                1, 19, 3, 24, 5);
    assert_eval((&(op_case){.op = "ScatterElements",
                            .opset = 18,
                            .in = {GIVEN(x, 5), I64(1, 3, 1), GIVEN(w, 3)},
                            .attr = {STR("reduction", "max")}}),
                1, 10, 3, 20, 5);
    assert_eval((&(op_case){.op = "ScatterND",
                            .opset = 16,
                            .in = {GIVEN(x, 5), I64_2D(2, 1, 4, 0), GIVEN(u, 2)},
                            .attr = {STR("reduction", "mul")}}),
                20, 2, 3, 4, 50);
    assert_eval(
        (&(op_case){.op = "Scatter", .opset = 10, .in = {GIVEN(x, 5), I64(0, 2), GIVEN(u, 2)}}),
        10, 2, 20, 4, 5);
}

NT_TEST(scatters_refuse)
{
    assert_refused((&(op_case){.op = "ScatterElements",
                               .opset = 16,
                               .in = {IN(5), I64(1), IN(1)},
                               .attr = {STR("reduction", "max")}}),
                   "reduction 'max' is not supported");
    assert_refused((&(op_case){.op = "Scatter", .opset = 11, .in = {IN(5), I64(1), IN(1)}}),
                   "operator 'Scatter' (opset 11) is not supported");
}

/* 1 and 3 are written, 1 twice; values keep apart, so that maxima do not change hands. */
NT_TEST(scatters_train)
{
    static const char *const reductions[] = {"none", "add", "mul", "max", "min"};
    const float u[] = {0.545F, -0.345F, 0.245F, -0.045F}; /* between the data's 0.05 steps */

    for (int i = 0; i < 5; i++) {
        check_op(&(op_case){.op = "ScatterElements",
                            .opset = 18,
                            .spaced = true,
                            .in = {IN(5), I64(1, 3, 1), GIVEN(u, 3)},
                            .attr = {STR("reduction", reductions[i])}});
        check_op(&(op_case){.op = "ScatterND",
                            .opset = 18,
                            .spaced = true,
                            .in = {IN(3, 2), I64_2D(2, 1, 2, 2), GIVEN(u, 2, 2)},
                            .attr = {STR("reduction", reductions[i])}});
    }
}

/* Derivatives of a product one or two of whose factors are zero. */
NT_TEST(products_with_zeros_train)
{
    const float x[] = {0, 2, 0}, u[] = {3, 0, 0};

    check_op(&(op_case){.op = "ScatterElements",
                        .opset = 18,
                        .in = {GIVEN(x, 3), I64(0, 1, 2), GIVEN(u, 3)},
                        .attr = {STR("reduction", "mul")}});
}

NT_TEST(caches_are_written_from_an_index_on)
{
    const float x[] = {1, 2, 3, 4, 5, 6}, u[] = {7, 8, 9, 10};
    op_case c = {.op = "TensorScatter",
                 .opset = 24,
                 .in = {GIVEN(x, 2, 3, 1), GIVEN(u, 2, 2, 1), I64(1, 2)},
                 .attr = {STR("mode", "circular")}};

    assert_eval(&c, 1, 7, 8, 10, 5, 9);
    check_op(&c);
    c.attr[0].s = "square";
    assert_refused(&c, "mode 'square' is not supported");
}

NT_TEST_MAIN
