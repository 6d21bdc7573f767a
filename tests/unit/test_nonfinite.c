/* SPDX-License-Identifier: MIT */
#include "exec/nonfinite.h"

#include "net.h"

#include <math.h>

static nt_value *filled(net *t, const char *name, double by, int rank, const int64_t *d)
{
    nt_value *v = weight(t, name, rank, d);

    for (int64_t i = 0; i < nt_tensor_count(v->data); i++)
        nt_tensor_set(v->data, i, by);
    return v;
}

/* x [1][2], times `first` in layer a, plus a mask of -infinity and 0 in one that masks, times
 * `second` in layer b. */
static net network(double first, double second)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 2)), *mask = filled(&t, "mask", 0, DIMS(1, 2));
    nt_value *y = NODE(&t, "MatMul", "a", x, filled(&t, "a.weight", first, DIMS(2, 2)))->out[0];

    nt_tensor_set(mask->data, 1, -INFINITY);
    y = NODE(&t, "Softmax", "s", NODE(&t, "Add", "masked", y, mask)->out[0])->out[0];
    y = NODE(&t, "MatMul", "b", y, filled(&t, "b.weight", second, DIMS(2, 2)))->out[0];
    complete(&t, NODE(&t, "Relu", "y", y)->out[0]);
    return t;
}

static nt_nonfinite find(const net *t, float x0)
{
    nt_device *dev = NULL;
    nt_tensor *x = NULL;
    nt_plan *p = NULL;
    nt_nonfinite f = {0};
    nt_plan_opts o = {.compute = NT_F32};

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_tensor_new(&x, NT_F32, DIMS(1, 2), e));
    nt_tensor_set(x, 0, x0);
    nt_tensor_set(x, 1, 1);
    assert_ok(nt_plan_new(&p, t->g, dev, &o, e));
    memcpy(nt_plan_input(p, 0)->data, x->data, nt_tensor_bytes(x));
    assert_ok(nt_plan_forward(p, e));
    nt_nonfinite_count(&f, nt_plan_output(p, 0));
    assert_ok(nt_nonfinite_find(&f, t->g, dev, &o, (const nt_tensor *const[]){x}, e));
    nt_plan_free(p);
    nt_tensor_free(x);
    nt_device_free(dev);
    return f;
}

#define assert_says(f, text)                                                                   \
    do {                                                                                       \
        char buf_[256];                                                                        \
        assert_string_equal(nt_nonfinite_text(buf_, sizeof buf_, &(f)), text);                 \
    } while (0)

NT_TEST(the_first_layer_whose_numbers_are_not_finite_is_named)
{
    net fine = network(1, 1), early = network(NAN, 1), late = network(1, INFINITY);
    nt_nonfinite f;

    f = find(&fine, 1); /* the mask's infinity reaches no output */
    assert_says(f, "");
    f = find(&early, 1);
    assert_says(f, "2 of 2 outputs are not finite, first at layer 'a' (NaN)");
    f = find(&late, 1); /* infinity times the masked one's 0 */
    assert_says(f, "2 of 2 outputs are not finite, first at layer 'b' (NaN)");
    f = find(&fine, NAN);
    assert_says(f, "2 of 2 outputs are not finite, first in input 'x' (NaN)");
    finish(&fine);
    finish(&early);
    finish(&late);
}

NT_TEST(infinities_are_found_where_no_output_is_nan)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 2));
    nt_value *y = NODE(&t, "Exp", "fine", x)->out[0];
    nt_nonfinite f;

    y = NODE(&t, "Mul", "large", y, filled(&t, "c", 1e38, DIMS(1)))->out[0];
    complete(&t, NODE(&t, "Relu", "y", y)->out[0]);
    f = find(&t, 3);
    assert_says(f, "1 of 2 outputs are not finite, first at layer 'large' (infinity)");
    finish(&t);
}

NT_TEST(reports_have_the_count_always_and_the_layer_where_there_is_one)
{
    const nt_nonfinite none = {.of = 4}, one = {.n = 1, .of = 4, .first = "a"},
                       lost = {.n = 1, .of = 4, .nan = true};
    cJSON *j = cJSON_CreateObject();
    char *text;

    assert_true(nt_nonfinite_json(j, "", &none) && nt_nonfinite_json(j, "ref_", &one) &&
                nt_nonfinite_json(j, "lost_", &lost));
    text = cJSON_PrintUnformatted(j);
    assert_string_equal(text,
                        "{\"nonfinite_outputs\":0,\"ref_nonfinite_outputs\":1,"
                        "\"ref_first_nonfinite_layer\":\"a\",\"lost_nonfinite_outputs\":1,"
                        "\"lost_first_nonfinite_layer\":null}");
    assert_says(lost, "1 of 4 outputs are not finite (NaN)");
    cJSON_free(text);
    cJSON_Delete(j);
}

NT_TEST_MAIN
