/* SPDX-License-Identifier: MIT */
/* Resize and Upsample: sizes, points, weights; on both backends, with gradients. */
#include "op_harness.h"

/* Constant numbers that take no part in gradients. */
#define F32S(...)                                                                              \
    {                                                                                          \
        .kind = OC_CONST, .dtype = NT_F32, .rank = 1, .fixed = true,                           \
        .dims = {(int64_t)(sizeof((const float[]){__VA_ARGS__}) / sizeof(float))},             \
        .floats = (const float[])                                                              \
        {                                                                                      \
            __VA_ARGS__                                                                        \
        }                                                                                      \
    }

#define MODE(m) STR("mode", m)
#define COORD(c) STR("coordinate_transformation_mode", c)

NT_TEST(nearest_by_hand)
{
    const float x[] = {1, 2, 3};

    assert_eval((&(op_case){.op = "Resize", .in = {GIVEN(x, 3), NONE, F32S(2)}}), 1, 1, 2, 2, 3,
                3);
    /* i / 2.5: 0, .4, .8, 1.2, 1.6, 2, 2.4 */
    assert_eval((&(op_case){.op = "Resize",
                            .in = {GIVEN(x, 3), NONE, F32S(2.5F)},
                            .attr = {COORD("asymmetric"), STR("nearest_mode", "floor")}}),
                1, 1, 1, 2, 2, 3, 3);
    assert_eval((&(op_case){.op = "Resize",
                            .in = {GIVEN(x, 3), NONE, F32S(2.5F)},
                            .attr = {COORD("asymmetric"), STR("nearest_mode", "ceil")}}),
                1, 2, 2, 3, 3, 3, 3);
    /* i / 2: half way at 0.5 and 1.5 */
    assert_eval(
        (&(op_case){.op = "Resize",
                    .in = {GIVEN(x, 3), NONE, F32S(2)},
                    .attr = {COORD("asymmetric"), STR("nearest_mode", "round_prefer_ceil")}}),
        1, 2, 2, 3, 3, 3);
    assert_eval((&(op_case){.op = "Resize",
                            .in = {GIVEN(x, 3), NONE, F32S(2)},
                            .attr = {COORD("asymmetric")}}),
                1, 1, 2, 2, 3, 3);
}

NT_TEST(linear_by_hand)
{
    const float x[] = {0, 4};

    assert_eval((&(op_case){.op = "Resize",
                            .in = {GIVEN(x, 2), NONE, F32S(2)},
                            .attr = {MODE("linear")}}),
                0, 1, 3, 4);
    assert_eval((&(op_case){.op = "Resize",
                            .in = {GIVEN(x, 2), NONE, NONE, I64(5)},
                            .attr = {MODE("linear"), COORD("align_corners")}}),
                0, 1, 2, 3, 4);
    assert_eval((&(op_case){.op = "Resize",
                            .in = {GIVEN(x, 2), NONE, NONE, I64(4)},
                            .attr = {MODE("linear"), COORD("asymmetric")}}),
                0, 2, 4, 4);
    assert_eval((&(op_case){.op = "Resize",
                            .in = {GIVEN(x, 2), NONE, NONE, I64(1)},
                            .attr = {MODE("linear"), COORD("pytorch_half_pixel")}}),
                0);
    assert_eval((&(op_case){.op = "Resize",
                            .in = {GIVEN(x, 2), NONE, NONE, I64(1)},
                            .attr = {MODE("linear")}}),
                2);
}

/* A width of 2.6 is cut to 2: the centres are made to meet. */
NT_TEST(half_pixel_symmetric_keeps_the_centre)
{
    const float x[] = {0, 1, 2, 3};
    op_case c = {.op = "Resize",
                 .opset = 19,
                 .in = {GIVEN(x, 4), NONE, F32S(0.65F)},
                 .attr = {MODE("linear"), COORD("half_pixel_symmetric")}};

    assert_eval(&c, 0.730769F, 2.269231F); /* 1.5 -+ 1 / 1.3 */
    c.opset = 18;
    assert_refused(&c, "half_pixel_symmetric is not supported in opset 18");
}

NT_TEST(crop_and_resize_extrapolates)
{
    const float x[] = {0, 1, 2, 3};

    assert_eval((&(op_case){.op = "Resize",
                            .in = {GIVEN(x, 4), F32S(0.5F, 1.5F), NONE, I64(4)},
                            .attr = {MODE("linear"), COORD("tf_crop_and_resize"),
                                     FLOAT("extrapolation_value", 9)}}),
                1.5F, 2.5F, 9, 9);
    assert_refused((&(op_case){.op = "Resize",
                               .in = {IN(4), F32S(0), NONE, I64(4)},
                               .attr = {MODE("linear"), COORD("tf_crop_and_resize")}}),
                   "1 numbers of a region of interest, want 2");
}

/* Distances 1/4 and 3/4 to a stretched triangle of reach 2. */
NT_TEST(antialias_averages)
{
    const float x[] = {0, 1, 2, 7};

    assert_eval(
        (&(op_case){.op = "Resize",
                    .opset = 18,
                    .in = {GIVEN(x, 4), NONE, NONE, I64(2)},
                    .attr = {MODE("linear"), INT("antialias", 1), INT("exclude_outside", 1)}}),
        (0 * 3 + 1 * 3 + 2) / 7.F, (1 + 2 * 3 + 7 * 3) / 7.F);
}

/* Of these, each beside ONNX Runtime and PyTorch, the first by 0.6 is 2.4 wide. */
NT_TEST(corners_are_aligned_with_whole_extents)
{
    static const char *const modes[] = {"linear", "cubic", "nearest"};
    const float x[] = {1, 2, 3, 4};
    op_case crop = {
        .op = "Resize",
        .in = {GIVEN(x, 1, 1, 1, 4), F32S(0, 0, 0, 0, 1, 1, 1, 1), F32S(1, 1, 1, 1.3F)},
        .attr = {MODE("linear"), COORD("tf_crop_and_resize")}};

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        op_case c = {.op = "Resize",
                     .in = {GIVEN(x, 1, 1, 1, 4), NONE, F32S(1, 1, 1, 0.6F)},
                     .attr = {MODE(modes[i]), COORD("align_corners")}};

        assert_eval(&c, 1, 4);
        check_op(&c);
    }
    assert_eval(&crop, 1, 1.75F, 2.5F, 3.25F, 4);
    assert_eval((&(op_case){.op = "Resize",
                            .in = {GIVEN(x, 1, 1, 1, 4), NONE, F32S(1, 1, 1, 1.3F)},
                            .attr = {MODE("cubic"), COORD("align_corners")}}),
                1, 1.66796875F, 2.5F, 3.33203125F, 4);
}

NT_TEST(a_scale_that_adds_no_point_leaves_a_picture_as_it_is)
{
    const float x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    op_case c = {.op = "Resize",
                 .opset = 18,
                 .in = {GIVEN(x, 1, 1, 3, 3), NONE, F32S(1, 1, 1.3F, 1.3F)},
                 .attr = {MODE("linear")}};

    assert_eval(&c, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    check_op(&c);
    c.in[2] = (op_arg)F32S(1, 1, 1.3F, 2); /* no longer: other points are between */
    assert_eval(&c, 1, 1.25F, 1.75F, 2.25F, 2.75F, 3, 2.9615383F, 3.2115386F, 3.7115386F,
                4.2115383F, 4.7115383F, 4.9615383F, 5.2692308F, 5.519231F, 6.019231F, 6.519231F,
                7.019231F, 7.2692308F);
    check_op(&c);
    c.attr[1] = (op_attr)INT("antialias", 1);
    assert_eval(&c, 1, 1.25F, 1.75F, 2.25F, 2.75F, 3, 4, 4.25F, 4.75F, 5.25F, 5.75F, 6, 7,
                7.25F, 7.75F, 8.25F, 8.75F, 9);
    check_op(&c);
}

/* What ONNX Runtime 1.30 gives. */
NT_TEST(integers_are_cut_off_but_with_antialias_rounded_after_each_axis)
{
    op_arg codes = {.kind = OC_IN, .dtype = NT_U8, OC_DIMS(1, 1, 2, 4)};
    op_case c = {.op = "Resize", .opset = 18, .in = {codes, NONE, NONE, I64(1, 1, 3, 3)}};
    const int64_t u8[] = {10, 21, 35, 90, 200, 255, 3, 77};
    const int64_t i32[] = {10, -21, 35, 90, -200, 255, 3, 77};

    memcpy(c.in[0].ints, u8, sizeof u8);
    c.attr[0] = (op_attr)MODE("linear");
    assert_eval(&c, 11, 28, 80, 110, 78, 72, 209, 129, 64);
    c.attr[1] = (op_attr)INT("antialias", 1);
    assert_eval(&c, 13, 28, 75, 114, 79, 66, 215, 129, 57);
    c.attr[0] = (op_attr)MODE("cubic");
    assert_eval(&c, 0, 16, 81, 123, 77, 59, 253, 137, 36);
    c.in[0].dtype = NT_I32;
    memcpy(c.in[0].ints, i32, sizeof i32);
    assert_eval(&c, 4, -11, 86, -37, 77, 61, -77, 165, 35);
    c.attr[0] = (op_attr)MODE("linear");
    assert_eval(&c, 2, 7, 75, -37, 68, 66, -76, 129, 57);
    c.attr[1] = (op_attr)INT("antialias", 0);
    assert_eval(&c, 4, 7, 80, -59, 68, 72, -124, 129, 64);
}

NT_TEST(cubic_by_hand)
{
    const float x[] = {1, 2, 4, 8};

    /* half way between points: -3/32, 19/32, 19/32, -3/32 for a = -0.75 */
    assert_eval(
        (&(op_case){
            .op = "Resize", .in = {GIVEN(x, 4), NONE, NONE, I64(2)}, .attr = {MODE("cubic")}}),
        (-3 * 1 + 19 * 1 + 19 * 2 - 3 * 4) / 32.F, (-3 * 2 + 19 * 4 + 19 * 8 - 3 * 8) / 32.F);
    assert_eval((&(op_case){.op = "Resize",
                            .in = {GIVEN(x, 4), NONE, NONE, I64(2)},
                            .attr = {MODE("cubic"), INT("exclude_outside", 1),
                                     FLOAT("cubic_coeff_a", -0.5F)}}),
                (9 * 1 + 9 * 2 - 1 * 4) / 17.F, (-1 * 2 + 9 * 4 + 9 * 8) / 17.F);
}

NT_TEST(aspect_ratios_are_kept)
{
    op_case c = {.op = "Resize",
                 .opset = 18,
                 .in = {IN(-1, 3, 10, 20), NONE, NONE, I64(30, 30)},
                 .attr = {INTS("axes", 2, 3), STR("keep_aspect_ratio_policy", "not_larger")}};

    assert_string_equal(op_shape(&c), "[A,3,15,30]");
    c.attr[1].s = "not_smaller";
    assert_string_equal(op_shape(&c), "[A,3,30,60]");
    c.attr[1].s = "stretch";
    assert_string_equal(op_shape(&c), "[A,3,30,30]");
}

NT_TEST(shapes_flow_and_nonsense_is_refused)
{
    const op_arg scales = F32S(1, 1, 2, 0.5F), three = F32S(1, 2, 2), none = F32S(1, 1, 0, 2);

    assert_string_equal(
        op_shape(&(op_case){.op = "Resize", .in = {IN(-1, 3, -1, 9), NONE, scales}}),
        "[A,3,?,4]");
    assert_refused((&(op_case){.op = "Resize", .in = {IN(1, 1, 4, 4), NONE, three}}),
                   "3 scales, want 4");
    assert_refused((&(op_case){.op = "Resize", .in = {IN(1, 1, 4, 4), NONE, none}}),
                   "a scale of 0");
    assert_refused((&(op_case){.op = "Resize", .in = {IN(1, 1, 4, 4)}}),
                   "want either scales or sizes");
    assert_refused((&(op_case){.op = "Resize",
                               .in = {IN(1, 1, 4, 4), NONE, scales},
                               .attr = {MODE("area")}}),
                   "mode 'area' is not supported");
    assert_refused((&(op_case){.op = "Resize",
                               .opset = 10,
                               .in = {IN(1, 1, 4, 4), scales},
                               .attr = {MODE("cubic")}}),
                   "mode 'cubic' is not supported in opset 10");
}

static void train(const char *mode, const char *coord, op_arg x, op_arg scales)
{
    check_op(&(op_case){
        .op = "Resize", .in = {x, NONE, scales}, .attr = {MODE(mode), COORD(coord)}});
}

NT_TEST(resizes_run_and_train)
{
    static const char *const modes[] = {"nearest", "linear", "cubic"};

    for (int i = 0; i < 3; i++) {
        train(modes[i], "half_pixel", (op_arg)IN(2, 2, 3, 4), (op_arg)F32S(1, 1, 2, 1.5F));
        train(modes[i], "asymmetric", (op_arg)IN(1, 2, 5), (op_arg)F32S(1, 1, 0.7F));
        train(modes[i], "align_corners", (op_arg)IN(1, 2, 5, 4), (op_arg)F32S(1, 1, 0.5F, 2));
        train(modes[i], "pytorch_half_pixel", (op_arg)IN(1, 2, 2, 3), (op_arg)F32S(1, 2, 1, 2));
    }
    check_op(&(op_case){.op = "Resize",
                        .in = {IN(1, 1, 4, 4), F32S(0.2F, -0.4F, 0.9F, 0.8F), NONE, I64(5, 5)},
                        .opset = 18,
                        .attr = {MODE("linear"), COORD("tf_crop_and_resize"),
                                 INTS("axes", 2, 3), FLOAT("extrapolation_value", 2)}});
    check_op(&(op_case){.op = "Resize",
                        .opset = 18,
                        .in = {IN(1, 2, 8, 6), NONE, NONE, I64(3, 4)},
                        .attr = {MODE("cubic"), INTS("axes", 2, 3), INT("antialias", 1)}});
}

NT_TEST(upsamples)
{
    const float x[] = {1, 2};

    assert_eval((&(op_case){.op = "Upsample", .opset = 9, .in = {GIVEN(x, 2), F32S(2)}}), 1, 1,
                2, 2);
    check_op(&(op_case){.op = "Upsample",
                        .opset = 9,
                        .in = {IN(1, 2, 3, 3), F32S(1, 1, 2, 2)},
                        .attr = {MODE("linear")}});
    assert_refused((&(op_case){.op = "Upsample", .opset = 10, .in = {IN(2), F32S(2)}}),
                   "operator 'Upsample' (opset 10) is not supported");
}

NT_TEST(channels_pass_through)
{
    op_coupled o = op_couple(
        &(op_case){.op = "Resize", .in = {IN(1, 4, 3, 3), NONE, NONE, I64(1, 4, 6, 6)}});

    assert_tied(&o, "in0", 1, 3, "out0", 1, 3);
    op_coupled_release(&o);
}

NT_TEST_MAIN
