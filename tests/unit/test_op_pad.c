/* SPDX-License-Identifier: MIT */
#include "net.h"
#include "op_harness.h"

NT_TEST(pads_by_hand)
{
    const float x[] = {1, 2, 3};

    assert_eval((&(op_case){.op = "Pad", .in = {GIVEN(x, 3), I64(1, 2), SCALAR(9)}}), 9, 1, 2,
                3, 9, 9);
    assert_eval((&(op_case){.op = "Pad",
                            .opset = 10,
                            .in = {GIVEN(x, 3)},
                            .attr = {INTS("pads", 2, 0), FLOAT("value", 5)}}),
                5, 5, 1, 2, 3);
    assert_eval((&(op_case){.op = "Pad",
                            .in = {GIVEN(x, 3), I64(2, 1)},
                            .attr = {STR("mode", "reflect")}}),
                3, 2, 1, 2, 3, 2);
    assert_eval((&(op_case){.op = "Pad", /* to and fro */
                            .in = {GIVEN(x, 3), I64(4, 3)},
                            .attr = {STR("mode", "reflect")}}),
                1, 2, 3, 2, 1, 2, 3, 2, 1, 2);
    assert_eval((&(op_case){.op = "Pad",
                            .in = {GIVEN(x, 3), I64(2, 1)},
                            .attr = {STR("mode", "edge")}}),
                1, 1, 1, 2, 3, 3);
    assert_eval((&(op_case){.op = "Pad",
                            .opset = 19,
                            .in = {GIVEN(x, 3), I64(2, 4)},
                            .attr = {STR("mode", "wrap")}}),
                2, 3, 1, 2, 3, 1, 2, 3, 1);
    assert_eval((&(op_case){.op = "Pad", .in = {GIVEN(x, 3), I64(-1, 1)}}), 2, 3, 0);
    assert_eval((&(op_case){.op = "Pad",
                            .opset = 18,
                            .in = {GIVEN(x, 1, 3), I64(0, 1), NONE, I64(-1)}}),
                1, 2, 3, 0);
}

NT_TEST(pads_infer_and_refuse)
{
    assert_string_equal(
        op_shape(&(op_case){.op = "Pad", .in = {IN(-1, 3, 4), I64(0, 0, 1, 0, 0, 2)}}),
        "[A,3,7]");
    assert_refused((&(op_case){.op = "Pad", .in = {IN(3), I64(1)}}), "1 pads, want 2");
    assert_refused(
        (&(op_case){.op = "Pad", .in = {IN(0), I64(3, 0)}, .attr = {STR("mode", "reflect")}}),
        "axis 0 of extent 0 has nothing to be padded with");
    assert_refused(
        (&(op_case){.op = "Pad", .in = {IN(3), I64(3, 0)}, .attr = {STR("mode", "wrap")}}),
        "mode 'wrap' is not supported before opset 19");
    assert_refused((&(op_case){.op = "Pad", .in = {IN(3), I64(-2, -2)}}), "cut to nothing");
    assert_refused(
        (&(op_case){.op = "Pad", .in = {IN(3), I64(1, 1)}, .attr = {STR("mode", "mirror")}}),
        "mode 'mirror' is not supported");
}

NT_TEST(pads_run_and_train)
{
    check_op(&(op_case){.op = "Pad", .in = {IN(1, 2, 3, 3), I64(0, 0, 1, 2, 0, 0, 0, 1)}});
    check_op(&(op_case){.op = "Pad",
                        .in = {IN(1, 2, 3, 3), I64(0, 0, 1, 2, 0, 0, 2, 1)},
                        .attr = {STR("mode", "reflect")}});
    check_op(&(op_case){.op = "Pad",
                        .in = {IN(1, 2, 3), I64(0, 1, 2, 0, 0, 1)},
                        .attr = {STR("mode", "edge")}});
    check_op(&(op_case){.op = "Pad",
                        .opset = 19,
                        .in = {IN(2, 2, 3, 4), I64(-1, 5, 2, 1), NONE, I64(-1, 2)},
                        .attr = {STR("mode", "wrap")}});
}

NT_TEST(padded_channels_are_shifted_and_may_go)
{
    op_coupled o =
        op_couple(&(op_case){.op = "Pad", .in = {IN(1, 2, 3), I64(0, 1, 0, 0, 3, 0)}});

    assert_tied(&o, "in0", 1, 1, "out0", 1, 2);
    op_coupled_release(&o);
}

/* How many nodes a pass that takes identities away finds. */
static int identities(int n_pads, const int64_t *pads)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(-1, 3));
    nt_node *n = NODE(&t, "Pad", "p", NODE(&t, "Relu", "r", x)->out[0], ints(&t, n_pads, pads));
    int removed = -1;

    complete(&t, NODE(&t, "Relu", "y", n->out[0])->out[0]);
    assert_ok(nt_pass_identity(t.g, &removed, e));
    finish(&t);
    return removed;
}

NT_TEST(padding_by_nothing_is_an_identity)
{
    assert_int_equal(identities(4, (const int64_t[]){0, 0, 0, 0}), 1);
    assert_int_equal(identities(4, (const int64_t[]){0, 0, 0, 1}), 0);
    assert_int_equal(identities(4, (const int64_t[]){1, 0, -1, 0}), 0);
}

NT_TEST_MAIN
