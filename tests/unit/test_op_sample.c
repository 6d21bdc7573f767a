/* SPDX-License-Identifier: MIT */
/* Operators that read a picture between its points, or in regions of it. */
#include "op_harness.h"

/* ---- GridSample */

/* Points of a 2 x 2 picture: its middle, a corner's centre and a place outside. */
NT_TEST(gridsample_by_hand)
{
    const float x[] = {1, 2, 3, 4}, grid[] = {0, 0, -0.5F, -0.5F, 2, 0};
    op_case c = {
        .op = "GridSample", .opset = 16, .in = {GIVEN(x, 1, 1, 2, 2), GIVEN(grid, 1, 1, 3, 2)}};

    assert_eval(&c, 2.5F, 1, 0);
    c.attr[0] = (op_attr)STR("padding_mode", "border");
    assert_eval(&c, 2.5F, 1, 3);
    c.attr[1] = (op_attr)INT("align_corners", 1);
    assert_eval(&c, 2.5F, 1.75F, 3);
    c.attr[2] = (op_attr)STR("mode", "nearest");
    c.attr[0] = (op_attr)STR("padding_mode", "reflection");
    assert_eval(&c, 1, 1, 1); /* halves go to even points; x = 1.5 is mirrored to 0.5 */
}

NT_TEST(gridsample_infers_shapes_and_refuses_by_name)
{
    assert_string_equal(op_shape(&(op_case){.op = "GridSample",
                                            .opset = 16,
                                            .in = {IN(-1, 3, 5, 5), IN(1, 7, -1, 2)}}),
                        "[A,3,7,C]");
    assert_refused(
        (&(op_case){.op = "GridSample", .opset = 16, .in = {IN(1, 3, 5, 5), IN(1, 7, 4, 3)}}),
        "does not end in 2 coordinates");
    assert_refused((&(op_case){.op = "GridSample",
                               .opset = 16,
                               .in = {IN(1, 3, 5, 5), IN(1, 7, 4, 2)},
                               .attr = {STR("mode", "linearly")}}),
                   "mode 'linearly'");
    assert_refused((&(op_case){.op = "GridSample",
                               .opset = 16,
                               .in = {IN(1, 3, 5, 5), IN(1, 7, 4, 2)},
                               .attr = {STR("padding_mode", "wrap")}}),
                   "padding_mode 'wrap'");
}

/* Coordinates away from points and ends, where the slope jumps. */
static const float places[] = {-0.93F, 0.17F,  0.31F, -0.42F, 1.37F,  0.63F, -1.22F, -0.13F,
                               0.55F,  -1.62F, 0.81F, 0.05F,  -0.27F, 0.71F, 0.12F,  -0.62F};

NT_TEST(gridsample_in_all_modes)
{
    static const char *const modes[] = {"linear", "nearest", "cubic"};
    static const char *const paddings[] = {"zeros", "border", "reflection"};

    for (int i = 0; i < 18; i++) {
        op_arg grid = GIVEN(places, 2, 2, 2, 2);

        check_op(&(op_case){.op = "GridSample",
                            .opset = 20,
                            .in = {IN(2, 3, 4, 5), grid},
                            .attr = {STR("mode", modes[i % 3]),
                                     STR("padding_mode", paddings[i / 3 % 3]),
                                     INT("align_corners", i / 9)}});
    }
}

NT_TEST(gridsample_in_three_dimensions_and_in_one)
{
    check_op(&(op_case){.op = "GridSample",
                        .opset = 20,
                        .in = {IN(1, 2, 3, 4, 3), GIVEN(places, 1, 1, 2, 2, 3)}});
    check_op(&(op_case){.op = "GridSample",
                        .opset = 20,
                        .in = {IN(1, 2, 3, 4, 3), GIVEN(places, 1, 1, 2, 2, 3)},
                        .attr = {STR("mode", "cubic"), STR("padding_mode", "reflection")}});
    check_op(&(op_case){
        .op = "GridSample", .opset = 20, .in = {IN(2, 2, 7), GIVEN(places, 2, 4, 1)}});
}

/* ---- AffineGrid */

NT_TEST(affinegrid_by_hand)
{
    const float theta[] = {1, 0, 0.5F, 0, 2, 0};

    assert_eval((&(op_case){.op = "AffineGrid",
                            .opset = 20,
                            .in = {GIVEN(theta, 1, 2, 3), I64(1, 1, 2, 2)}}),
                0, -1, 1, -1, 0, 1, 1, 1);
    assert_eval((&(op_case){.op = "AffineGrid",
                            .opset = 20,
                            .in = {GIVEN(theta, 1, 2, 3), I64(1, 1, 2, 2)},
                            .attr = {INT("align_corners", 1)}}),
                -0.5F, -2, 1.5F, -2, -0.5F, 2, 1.5F, 2);
}

NT_TEST(affinegrid_in_two_and_three_dimensions)
{
    check_op(&(op_case){.op = "AffineGrid", .opset = 20, .in = {IN(2, 2, 3), I64(2, 3, 4, 5)}});
    check_op(&(op_case){.op = "AffineGrid",
                        .opset = 20,
                        .in = {IN(2, 3, 4), I64(2, 3, 2, 3, 2)},
                        .attr = {INT("align_corners", 1)}});
    assert_string_equal(
        op_shape(
            &(op_case){.op = "AffineGrid", .opset = 20, .in = {IN(-1, 2, 3), I64(1, 3, 4, 5)}}),
        "[A,4,5,2]");
    assert_refused(
        (&(op_case){.op = "AffineGrid", .opset = 20, .in = {IN(1, 2, 3), I64(1, 3, 4, 5, 6)}}),
        "no map of 3 dimensions");
}

/* ---- regions */

/* One bin over the whole of a picture 4 wide, sampled at its four points. */
NT_TEST(roialign_by_hand)
{
    const float x[] = {1, 2, 3, 4}, roi[] = {0, 0, 4, 1};
    op_case c = {.op = "RoiAlign",
                 .opset = 16,
                 .in = {GIVEN(x, 1, 1, 1, 4), GIVEN(roi, 1, 4), I64(0)},
                 .attr = {INT("output_width", 2), INT("sampling_ratio", 2)}};

    assert_eval(&c, 1.5F, 3.5F);
    c.opset = 10; /* half a point further on; the last sample is the last point */
    assert_eval(&c, 2, 3.75F);
}

NT_TEST(regions_are_aligned)
{
    const float rois[] = {0.3F, 0.2F, 3.1F, 3.7F, -1.1F, 1, 2.2F, 9, 1, 1, 1, 1};
    op_arg at = I64(1, 0, 1), boxes = GIVEN(rois, 3, 4);

    boxes.fixed = true;
    for (int i = 0; i < 4; i++)
        check_op(
            &(op_case){.op = "RoiAlign",
                       .opset = i / 2 ? 16 : 22,
                       .in = {IN(2, 3, 5, 6), boxes, at},
                       .attr = {STR("mode", i % 2 ? "max" : "avg"), INT("output_height", 2),
                                INT("output_width", 3), FLOAT("spatial_scale", 1.2F),
                                INT("sampling_ratio", i / 2 * 2),
                                STR("coordinate_transformation_mode",
                                    i / 2 ? "output_half_pixel" : "half_pixel")},
                       .spaced = true});
    assert_refused((&(op_case){.op = "RoiAlign",
                               .opset = 16,
                               .in = {IN(1, 1, 4, 4), IN(2, 4), I64(0, 0)},
                               .attr = {STR("mode", "min")}}),
                   "mode 'min'");
    assert_refused((&(op_case){.op = "RoiAlign",
                               .opset = 10,
                               .in = {IN(1, 1, 4, 4), IN(2, 4), I64(0, 0)},
                               .attr = {STR("coordinate_transformation_mode", "half_pixel")}}),
                   "'coordinate_transformation_mode' is not known");
}

NT_TEST(a_region_of_an_image_that_is_not_there_is_refused)
{
    const float roi[] = {0, 0, 2, 2};
    op_case c = {
        .op = "RoiAlign", .opset = 16, .in = {IN(1, 1, 4, 4), GIVEN(roi, 1, 4), I64(1)}};
    nt_graph *g = op_bound_graph(&c, true);
    const nt_tensor *in[3];
    nt_tensor *y = NULL;
    nt_err why = {{0}};

    for (int i = 0; i < 3; i++)
        in[i] = g->nodes[0]->in[i]->data;
    assert_ok(nt_tensor_new(&y, NT_F32, 4, (const int64_t[]){1, 1, 1, 1}, e));
    assert_int_equal(g->nodes[0]->op->eval(g->nodes[0], in, &y, &why), NT_EFORMAT);
    assert_non_null(strstr(why.msg, "batch index 1 is outside [0, 1)"));
    nt_tensor_free(y);
    nt_graph_free(g);
}

/* Bins of two columns; a region past the end has nothing in it. */
NT_TEST(max_of_regions_by_hand)
{
    const float x[] = {1, 2, 3, 4, 8, 7, 6, 5}, rois[] = {0, 0, 0, 3, 1, 0, 6, 0, 9, 0};

    assert_eval((&(op_case){.op = "MaxRoiPool",
                            .in = {GIVEN(x, 1, 1, 2, 4), GIVEN(rois, 2, 5)},
                            .attr = {INTS("pooled_shape", 1, 2)}}),
                8, 6, 0, 0);
}

NT_TEST(max_of_regions)
{
    const float rois[] = {0, 1, 1, 9, 9, 1, 0, 2, 7, 8, 1, 4, 4, 3, 3};
    op_arg boxes = GIVEN(rois, 3, 5);

    boxes.fixed = true;
    check_op(&(op_case){.op = "MaxRoiPool",
                        .in = {IN(2, 2, 5, 5), boxes},
                        .attr = {INTS("pooled_shape", 2, 3), FLOAT("spatial_scale", 0.5F)},
                        .spaced = true});
    assert_refused((&(op_case){.op = "MaxRoiPool",
                               .in = {IN(1, 1, 4, 4), IN(2, 4)},
                               .attr = {INTS("pooled_shape", 2, 3)}}),
                   "five numbers");
}

/* ---- DeformConv */

/* Without offsets it is Conv; an offset of one to the right is the picture moved to the left.
 */
NT_TEST(deformconv_by_hand)
{
    const float x[] = {1, 2, 3, 4, 5, 6}, w[] = {1, 10}, mask[] = {1, 0.5F, 1, 1};
    const float still[] = {0, 0, 0, 0, 0, 0, 0, 0}, right[] = {0, 0, 0, 0, 0, 0, 1, 0.5F};
    op_case c = {.op = "DeformConv",
                 .opset = 19,
                 .in = {GIVEN(x, 1, 1, 1, 3), GIVEN(w, 1, 1, 1, 2), GIVEN(still, 1, 4, 1, 2)}};

    assert_eval(&c, 21, 32);
    c.in[2].floats = right; /* the second tap reads 3 and half of 3, past the end */
    assert_eval(&c, 31, 17);
    c.in[3] = (op_arg)NONE;
    c.in[4] = (op_arg)GIVEN(mask, 1, 2, 1, 2);
    assert_eval(&c, 31, 16);
}

NT_TEST(deformconv_in_all_forms)
{
    check_op(&(op_case){.op = "DeformConv",
                        .opset = 19,
                        .in = {IN(2, 2, 4, 4), CONST(3, 2, 2, 2), IN(2, 8, 3, 3)},
                        .spaced = true});
    check_op(&(op_case){.op = "DeformConv",
                        .opset = 22,
                        .in = {IN(1, 4, 5, 4), CONST(4, 2, 3, 2), IN(1, 24, 3, 3), CONST(4),
                               POSITIVE_IN(1, 12, 3, 3)},
                        .attr = {INT("group", 2), INT("offset_group", 2), INTS("strides", 2, 1),
                                 INTS("pads", 1, 0, 1, 1), INTS("dilations", 1, 2)},
                        .spaced = true});
    check_op(&(op_case){.op = "DeformConv",
                        .opset = 22,
                        .in = {IN(1, 4, 3, 3), CONST(4, 4, 1, 1), IN(1, 8, 3, 3)},
                        .attr = {INT("offset_group", 4)},
                        .spaced = true});
}

NT_TEST(deformconv_refuses_what_does_not_fit)
{
    assert_refused((&(op_case){.op = "DeformConv",
                               .opset = 19,
                               .in = {IN(1, 2, 4, 4), CONST(3, 2, 2, 2), IN(1, 4, 3, 3)}}),
                   "offset has extent 4 along axis 1, want 8");
    assert_refused((&(op_case){.op = "DeformConv",
                               .opset = 19,
                               .in = {IN(1, 2, 4, 4), CONST(3, 2, 2, 2), IN(1, 8, 4, 3)}}),
                   "offset has extent 4 along axis 2, want 3");
    assert_refused((&(op_case){.op = "DeformConv",
                               .opset = 19,
                               .in = {IN(1, 2, 4), CONST(3, 2, 2), IN(1, 8, 3)}}),
                   "1 spatial dimensions, want 2");
}

NT_TEST(sampling_ties_channels_through)
{
    op_coupled o = op_couple(
        &(op_case){.op = "GridSample", .opset = 16, .in = {IN(1, 3, 4, 4), IN(1, 2, 2, 2)}});

    assert_tied(&o, "in0", 1, 2, "out0", 1, 2);
    assert_string_not_equal(op_frozen(&o, "in1", 3), "");
    op_coupled_release(&o);
    o = op_couple(&(op_case){.op = "DeformConv",
                             .opset = 19,
                             .in = {IN(1, 4, 4, 4), CONST(3, 4, 2, 2), IN(1, 16, 3, 3)},
                             .attr = {INT("offset_group", 2)}});
    assert_tied(&o, "in1", 0, 2, "out0", 1, 2);
    assert_tied(&o, "in1", 1, 3, "in0", 1, 3);
    assert_tied(&o, "in0", 1, 1, "in0", 1, 3);
    assert_string_not_equal(op_frozen(&o, "in2", 1), "");
    op_coupled_release(&o);
}

NT_TEST_MAIN
