/* SPDX-License-Identifier: MIT */
/* Attention and RotaryEmbedding, worked by hand: scores are 0 and log 3, so that weights are a
 * quarter and three quarters. */
#include "op_harness.h"

#define LOG3 1.0986123F

static const float q1[] = {1, 0}, k2[] = {0, 0, LOG3, 0}, v2[] = {0, 4};
static const float softer[] = {0, 0, 2 * LOG3, 0};

static op_case one_head(void)
{
    return (op_case){
        .op = "Attention",
        .opset = 24,
        .in = {GIVEN(q1, 1, 1, 1, 2), GIVEN(k2, 1, 1, 2, 2), GIVEN(v2, 1, 1, 2, 1)},
        .attr = {FLOAT("scale", 1)},
        .inference_only = true};
}

NT_TEST(attention_weighs_values_by_how_keys_meet_the_query)
{
    op_case c = one_head();

    assert_eval(&c, 3);
    check_op(&c);
    c.opset = 23;
    assert_eval(&c, 3);
    c.in[1] = (op_arg)GIVEN(softer, 1, 1, 2, 2);
    c.attr[0] = (op_attr)FLOAT("scale", 0.5F);
    assert_eval(&c, 3);
    c.attr[0] = (op_attr){0}; /* 1 / sqrt 2 */
    assert_eval(&c, 3.301774F);
}

NT_TEST(attention_masks_add_or_hide)
{
    const float add[] = {0, -LOG3};
    op_case c = one_head();

    c.in[3] = (op_arg)GIVEN(add, 1, 2);
    assert_eval(&c, 2); /* both alike now */
    check_op(&c);
    c.in[3] = (op_arg){.kind = OC_IN, .dtype = NT_BOOL, .ints = {1, 0}, OC_DIMS(1, 2)};
    assert_eval(&c, 0);
    check_op(&c);
    c.in[3] = (op_arg)NONE;
    c.attr[1] = (op_attr)INT("is_causal", 1);
    assert_eval(&c, 0); /* the query stands at the first place */
    check_op(&c);
}

NT_TEST(attention_caps_scores)
{
    op_case c = one_head();

    c.attr[1] = (op_attr)FLOAT("softcap", 1); /* tanh(log 3) = 0.8 */
    assert_eval(&c, 2.759898F);
}

/* Heads 0 and 1 of the query share head 0 of key and value. */
NT_TEST(attention_heads_share_keys_and_may_lie_flat)
{
    const float q[] = {1, 0, 0, 0};
    op_case c = one_head(), flat = one_head();

    c.in[0] = (op_arg)GIVEN(q, 1, 2, 1, 2);
    assert_eval(&c, 3, 2);
    check_op(&c);
    assert_string_equal(op_shape(&c), "[1,2,1,1]");
    flat.in[0] = (op_arg)GIVEN(q, 1, 1, 4);
    flat.in[1] = (op_arg)GIVEN(k2, 1, 2, 2);
    flat.in[2] = (op_arg)GIVEN(v2, 1, 2, 1);
    flat.attr[1] = (op_attr)INT("q_num_heads", 2);
    flat.attr[2] = (op_attr)INT("kv_num_heads", 1);
    assert_eval(&flat, 3, 2);
    check_op(&flat);
    assert_string_equal(op_shape(&flat), "[1,1,2]");
}

NT_TEST(attention_hands_the_past_on)
{
    const float key[] = {LOG3, 0}, value[] = {4}, zero[] = {0, 0}, nothing[] = {0};
    op_case c = one_head();
    nt_tensor *y[OC_MAX] = {NULL};

    c.n_out = 3;
    c.in[1] = (op_arg)GIVEN(key, 1, 1, 1, 2);
    c.in[2] = (op_arg)GIVEN(value, 1, 1, 1, 1);
    c.in[3] = (op_arg)NONE;
    c.in[4] = (op_arg)GIVEN(zero, 1, 1, 1, 2);
    c.in[5] = (op_arg)GIVEN(nothing, 1, 1, 1, 1);
    c.attr[1] = (op_attr)INT("is_causal", 1); /* the query stands behind the past */
    op_eval(&c, y);
    assert_float_equal(nt_tensor_get(y[0], 0), 3, 1e-6);
    assert_int_equal(y[1]->dims[2], 2);
    assert_float_equal(nt_tensor_get(y[1], 0), 0, 0);
    assert_float_equal(nt_tensor_get(y[1], 2), LOG3, 0);
    assert_float_equal(nt_tensor_get(y[2], 0), 0, 0);
    assert_float_equal(nt_tensor_get(y[2], 1), 4, 0);
    for (int i = 0; i < 3; i++)
        nt_tensor_free(y[i]);
    check_op(&c);
}

NT_TEST(attention_sees_no_further_than_a_cache_is_filled)
{
    op_case c = one_head();

    for (int i = 3; i < 6; i++)
        c.in[i] = (op_arg)NONE;
    c.in[6] = (op_arg)I64(1);
    assert_eval(&c, 0);
    c.in[6] = (op_arg)I64(2);
    assert_eval(&c, 3);
    c.opset = 23;
    assert_refused(&c, "7 inputs, want at most 6");
}

NT_TEST(attention_refuses_what_does_not_fit)
{
    op_case c = one_head(), flat = one_head();

    c.in[2] = (op_arg)IN(1, 1, 3, 1);
    assert_refused(&c, "query, key and value do not fit one another");
    flat.in[0] = (op_arg)IN(1, 1, 4);
    assert_refused(&flat, "the number of heads of 'in0' is missing");
    flat.attr[1] = (op_attr)INT("q_num_heads", 3);
    assert_refused(&flat, "4 features are not 3 heads");
    c = one_head();
    c.n_out = 4;
    assert_refused(&c, "its output of scores is used");
}

/* A quarter turn at position 1, none at 0. */
NT_TEST(rotary_embedding_turns_pairs)
{
    const float x[] = {1, 2, 3, 4}, c[] = {1, 1, 0, 0}, s[] = {0, 0, 1, 1};
    op_case r = {.op = "RotaryEmbedding",
                 .opset = 23,
                 .in = {GIVEN(x, 1, 1, 1, 4), GIVEN(c, 2, 2), GIVEN(s, 2, 2), I64(1)}};

    r.in[1].kind = r.in[2].kind = OC_CONST;
    r.in[1].fixed = r.in[2].fixed = true;
    r.in[3].rank = 2, r.in[3].dims[1] = 1;
    assert_eval(&r, -3, -4, 1, 2);
    check_op(&r);
    r.attr[0] = (op_attr)INT("interleaved", 1);
    assert_eval(&r, -2, 1, -4, 3);
    check_op(&r);
    r.in[3].ints[0] = 0;
    assert_eval(&r, 1, 2, 3, 4);
    r.in[0] = (op_arg)IN(1, 1, 8); /* two heads, flat */
    r.attr[1] = (op_attr)INT("num_heads", 2);
    r.in[3].ints[0] = 1;
    check_op(&r);
}

NT_TEST(rotary_embedding_leaves_the_rest_of_a_head)
{
    const float x[] = {1, 2, 3, 4}, c[] = {0}, s[] = {1};
    op_case r = {.op = "RotaryEmbedding",
                 .opset = 23,
                 .in = {GIVEN(x, 1, 1, 1, 4), GIVEN(c, 1, 1, 1), GIVEN(s, 1, 1, 1)},
                 .attr = {INT("rotary_embedding_dim", 2), INT("num_heads", 1)}};

    r.in[1].kind = r.in[2].kind = OC_CONST;
    r.in[1].fixed = r.in[2].fixed = true;
    assert_eval(&r, -2, 1, 3, 4);
    check_op(&r);
    r.attr[0].i = 3;
    assert_refused(&r, "3 of 4 features cannot turn in pairs");
}

NT_TEST_MAIN
