/* SPDX-License-Identifier: MIT */
#include "exec/params.h"

#include "net.h"
#include "starve.h"

/* conv with bias, BN, a product with a number, relu, dense: every kind of constant there is. */
static net parts(void)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(1, 2, 1, 1)), *two = weight(&t, "two", 0, NULL);
    nt_value *shape = ints(&t, 2, (const int64_t[]){1, 3}), *y;

    y = NODE(&t, "Conv", "c", x, weight(&t, "c.weight", DIMS(3, 2, 1, 1)),
             weight(&t, "c.bias", DIMS(3)))
            ->out[0];
    y = NODE(&t, "BatchNormalization", "n", y, weight(&t, "n.weight", DIMS(3)),
             weight(&t, "n.bias", DIMS(3)), weight(&t, "n.running_mean", DIMS(3)),
             weight(&t, "n.running_var", DIMS(3)))
            ->out[0];
    y = NODE(&t, "Mul", "m", y, two)->out[0];
    y = NODE(&t, "Reshape", "r", y, shape)->out[0];
    complete(&t, gemm(&t, "f", y, 3, 4));
    randomise(&t);
    return t;
}

static nt_params *params_of(const net *t)
{
    nt_params *p = NULL;

    assert_ok(nt_params_new(&p, t->g, e));
    return p;
}

NT_TEST(parameters_are_what_operators_train_and_state_what_they_update)
{
    net t = parts();
    nt_params *p = params_of(&t);
    static const struct {
        const char *name;
        size_t count;
        bool state, norm, bias;
    } want[] = {
        {"c.weight", 6, false, false, false},      {"c.bias", 3, false, false, true},
        {"n.weight", 3, false, true, false},       {"n.bias", 3, false, true, false},
        {"n.running_mean", 3, true, false, false}, {"n.running_var", 3, true, false, false},
        {"f.weight", 12, false, false, false}};

    assert_int_equal(p->n, 7);
    assert_int_equal(p->n_w, 6 + 3 + 3 + 3 + 12);
    assert_int_equal(p->n_state, 6);
    for (size_t i = 0; i < 7; i++) {
        const nt_param *q = nt_params_find(p, want[i].name);

        assert_non_null(q);
        assert_int_equal(q->count, want[i].count);
        assert_int_equal(q->is_state, want[i].state);
        assert_int_equal(q->is_norm, want[i].norm);
        assert_int_equal(q->is_bias, want[i].bias);
    }
    assert_null(nt_params_find(p, "two"));
    assert_null(nt_params_find(p, "x"));
    nt_params_free(p);
    finish(&t);
}

NT_TEST(they_lie_one_after_the_other_with_the_graphs_numbers)
{
    net t = parts();
    nt_params *p = params_of(&t);
    size_t end[2] = {0, 0};

    for (int i = 0; i < p->n; i++) {
        const nt_param *q = &p->v[i];
        const nt_value *v = nt_graph_find_value(t.g, q->name);
        const float *base = q->is_state ? p->state : p->w;

        assert_int_equal(q->offset, end[q->is_state]);
        end[q->is_state] += q->count;
        assert_ptr_equal(nt_param_data(p, q), base + q->offset);
        assert_memory_equal(nt_param_data(p, q), v->data->data, q->count * sizeof(float));
    }
    for (size_t i = 0; i < p->n_w; i++)
        assert_float_equal(p->g[i], 0, 0);
    assert_int_equal((uintptr_t)p->w % 64, 0);
    nt_params_free(p);
    finish(&t);
}

NT_TEST(what_was_changed_is_stored_in_a_copy_of_the_graph)
{
    net t = parts();
    nt_params *p = params_of(&t);
    nt_graph *copy = NULL;

    assert_ok(nt_graph_dup(&copy, t.g, false, e));
    nt_param_data(p, nt_params_find(p, "f.weight"))[11] = 42;
    nt_param_data(p, nt_params_find(p, "n.running_var"))[0] = 43;
    assert_ok(nt_params_store(p, copy, e));
    assert_float_equal(nt_tensor_get(nt_graph_find_value(copy, "f.weight")->data, 11), 42, 0);
    assert_float_equal(nt_tensor_get(nt_graph_find_value(copy, "n.running_var")->data, 0), 43,
                       0);
    assert_true(nt_tensor_get(nt_graph_find_value(t.g, "f.weight")->data, 11) < 2);
    nt_graph_free(copy);
    nt_params_free(p);
    finish(&t);
}

NT_TEST(another_graph_is_refused)
{
    net t = parts(), other = start(17);
    nt_params *p = params_of(&t);

    complete(&other, conv(&other, "c", input(&other, "x", DIMS(1, 3, 1, 1)), 3, 3, 1));
    assert_fails(NT_EINVAL, "the graph has no parameter 'c.weight' of 6 elements",
                 nt_params_store(p, other.g, e));
    nt_params_free(p);
    finish(&other);
    finish(&t);
}

static nt_status collect(void *ctx, nt_err *e)
{
    nt_params *p = NULL;
    nt_status s = nt_params_new(&p, ctx, e);

    nt_params_free(p);
    return s;
}

NT_TEST(each_allocation_may_fail)
{
    net t = parts();

    assert_int_equal(starve(collect, t.g), 5);
    finish(&t);
}

NT_TEST_MAIN
