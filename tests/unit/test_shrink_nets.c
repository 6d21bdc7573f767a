/* SPDX-License-Identifier: MIT */
/* Masked and shrunk must answer the same where channels meet: concatenation, dense layers
 * without a convolution's shape, and whatever runs out of memory on the way. */
#include "base/noise.h"
#include "exec/plan.h"
#include "net.h"
#include "op/registry.h"
#include "prune/prune.h"
#include "prune/rules.h"
#include "prune/shrink.h"
#include "starve.h"

#include <math.h>

#define HALF "[{\"sparsity\": 0.5, \"op_types\": [\"default\"]}]"

/* Takes the graph of t, with every constant of t in [-1, 1). */
static nt_model *model(net *t, nt_value *y)
{
    nt_model *m = NULL;

    complete(t, y);
    randomise(t);
    assert_ok(nt_model_from_graph(&m, t->g, e));
    return m;
}

static nt_value *unary(net *t, const char *op, const char *name, nt_value *x)
{
    return NODE(t, op, name, x)->out[0];
}

static nt_value *concat(net *t, const char *name, nt_value *a, nt_value *b)
{
    nt_node *n = NODE(t, "Concat", name, a, b);

    assert_ok(nt_node_set_int(t->g, n, "axis", 1, e));
    return n->out[0];
}

static nt_status prune(nt_model *m, const char *rules, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *j = NULL;
    nt_channels *c = NULL;
    bool *removed = NULL;
    nt_prune_opts o = {0};

    NT_TRY(nt_json_parse(&j, rules, strlen(rules), e));
    NT_TRY(nt_rules_check(j, e));
    NT_TRY(nt_channels_new(&c, nt_model_graph(m), e));
    NT_TRY(nt_prune_check_rules(c, j, e));
    removed = nt_calloc((size_t)c->n_channels + 1, sizeof *removed);
    if (!removed)
        NT_TRY(nt_fail_nomem(e));
    o.rules = j;
    NT_TRY(nt_prune_select(removed, c, &o, e));
    NT_TRY(nt_prune_apply(m, c, removed, e));
done:
    nt_free(removed);
    nt_channels_free(c);
    nt_json_free(j);
    return s;
}

static nt_tensor *answer(nt_model *m)
{
    nt_device *dev = NULL;
    nt_plan *p = NULL;
    nt_tensor *y = NULL;
    nt_plan_opts o = {0};

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_plan_new(&p, nt_model_graph(m), dev, &o, e));
    nt_plan_fill_noise(p, 7);
    assert_ok(nt_plan_forward(p, e));
    assert_ok(nt_tensor_dup(&y, nt_plan_output(p, 0), e));
    nt_plan_free(p);
    nt_device_free(dev);
    return y;
}

/* Prunes by the rules and shrinks; the answers before and after are one. */
static void check(nt_model *m, const char *rules, int64_t removed)
{
    nt_shrink_stats st;
    nt_tensor *masked, *shrunk;
    double top = 0;

    assert_ok(prune(m, rules, e));
    masked = answer(m);
    assert_ok(nt_shrink(m, &st, e));
    assert_int_equal(st.removed, removed);
    assert_int_equal(st.kept_constant, 0);
    shrunk = answer(m);
    assert_true(nt_tensor_same_shape(masked, shrunk));
    for (int64_t i = 0; i < nt_tensor_count(masked); i++)
        top = fmax(top, fabs(nt_tensor_get(masked, i)));
    assert_true(top > 1e-3);
    for (int64_t i = 0; i < nt_tensor_count(masked); i++)
        assert_float_equal(nt_tensor_get(shrunk, i), nt_tensor_get(masked, i), 1e-5 * top);
    nt_tensor_free(masked);
    nt_tensor_free(shrunk);
}

static void assert_shape(nt_model *m, const char *name, int64_t a, int64_t b)
{
    const nt_tensor *t = nt_graph_find_value(nt_model_graph(m), name)->data;

    assert_int_equal(t->dims[0], a);
    assert_int_equal(t->dims[1], b);
}

NT_TEST(concatenated_channels_go_each_from_its_own_layer)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(1, 3, 2, 2)), *a = conv(&t, "a", x, 3, 4, 1);
    nt_value *b = conv(&t, "b", x, 3, 6, 1), *y = concat(&t, "ab", a, b);
    nt_model *m = model(&t, conv(&t, "c", unary(&t, "Relu", "r", y), 10, 5, 1));

    check(m, HALF, 2 + 3);
    assert_shape(m, "a.weight", 2, 3);
    assert_shape(m, "b.weight", 3, 3);
    assert_shape(m, "c.weight", 5, 5);
    nt_model_free(m);
}

/* As in DenseNet: what was concatenated is concatenated again, and read by every later layer.
 */
NT_TEST(channels_of_a_dense_block_go_from_all_that_read_them)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(1, 3, 2, 2)), *h = conv(&t, "a", x, 3, 4, 1);
    nt_model *m;

    h = concat(&t, "h1", h, unary(&t, "Relu", "r1", conv(&t, "b", h, 4, 2, 1)));
    h = concat(&t, "h2", h, unary(&t, "Relu", "r2", conv(&t, "c", h, 6, 2, 1)));
    m = model(&t, conv(&t, "d", h, 8, 3, 1));
    check(m, HALF, 2 + 1 + 1);
    assert_shape(m, "b.weight", 1, 2);
    assert_shape(m, "c.weight", 1, 3);
    assert_shape(m, "d.weight", 3, 4);
    nt_model_free(m);
}

/* One value twice in a concatenation: a channel goes from both places. */
NT_TEST(a_value_concatenated_with_itself_loses_each_channel_twice)
{
    net t = start(17);
    nt_value *a = conv(&t, "a", input(&t, "x", DIMS(1, 3, 2, 2)), 3, 4, 1);
    nt_model *m = model(&t, conv(&t, "c", concat(&t, "aa", a, a), 8, 5, 1));

    check(m, HALF, 2);
    assert_shape(m, "c.weight", 5, 4);
    nt_model_free(m);
}

/* What is concatenated with a graph input keeps all of that. */
NT_TEST(a_graph_input_beside_channels_stays_whole)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(1, 3, 2, 2)), *a = conv(&t, "a", x, 3, 4, 1);
    nt_model *m = model(&t, conv(&t, "c", concat(&t, "xa", x, a), 7, 5, 1));

    check(m, HALF, 2);
    assert_shape(m, "c.weight", 5, 5);
    nt_model_free(m);
}

/* [1,4,2,3] -> [1,24]: a channel is a run of six columns of the dense layer. */
NT_TEST(a_channel_is_a_run_of_columns_behind_flatten)
{
    net t = start(17);
    nt_value *a = conv(&t, "a", input(&t, "x", DIMS(1, 3, 2, 3)), 3, 4, 1);
    nt_model *m = model(&t, gemm(&t, "f", unary(&t, "Flatten", "flat", a), 24, 5));

    check(m, HALF, 2);
    assert_shape(m, "f.weight", 5, 12);
    nt_model_free(m);
}

static nt_value *matmul(net *t, const char *name, nt_value *x, int64_t in, int64_t out)
{
    char buf[64];

    snprintf(buf, sizeof buf, "%s.weight", name);
    return NODE(t, "MatMul", name, x, weight(t, buf, DIMS(in, out)))->out[0];
}

/* A MatMul's outputs are the columns of its weight, and a bias is added by a node of its own.
 */
NT_TEST(units_of_a_product_are_columns_and_take_their_added_bias_along)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(1, 2, 3)), *h = matmul(&t, "a", x, 3, 6);
    nt_model *m;

    h = NODE(&t, "Add", "plus", h, weight(&t, "a.bias", DIMS(6)))->out[0];
    m = model(&t, matmul(&t, "b", unary(&t, "Relu", "r", h), 6, 4));
    check(m, HALF, 3);
    assert_shape(m, "a.weight", 3, 3);
    assert_int_equal(nt_graph_find_value(nt_model_graph(m), "a.bias")->data->dims[0], 3);
    assert_shape(m, "b.weight", 3, 4);
    nt_model_free(m);
}

NT_TEST(a_product_behind_flatten_loses_the_rows_of_a_channel)
{
    net t = start(17);
    nt_value *a = conv(&t, "a", input(&t, "x", DIMS(1, 3, 2, 2)), 3, 4, 1);
    nt_model *m = model(&t, matmul(&t, "f", unary(&t, "Flatten", "flat", a), 16, 5));

    check(m, HALF, 2);
    assert_shape(m, "f.weight", 8, 5);
    nt_model_free(m);
}

/* ---- lack of memory */

/* conv, folded residual, concatenation and a dense layer: most of what cutting has to follow.
 */
static nt_model *mixed(void)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(1, 2, 2, 2)), *a = conv(&t, "a", x, 2, 4, 1), *y;

    y = NODE(&t, "BatchNormalization", "n", a, weight(&t, "n.weight", DIMS(4)),
             weight(&t, "n.bias", DIMS(4)), weight(&t, "n.mean", DIMS(4)),
             weight(&t, "n.var", DIMS(4)))
            ->out[0];
    y = NODE(&t, "Add", "s", conv(&t, "b", unary(&t, "Relu", "r", y), 4, 4, 2), y)->out[0];
    y = concat(&t, "all", y, conv(&t, "c", x, 2, 2, 1));
    return model(&t, gemm(&t, "f", unary(&t, "Flatten", "flat", y), 24, 3));
}

static nt_status copy_masks(nt_model *to, const nt_model *from, nt_err *e)
{
    nt_status s = NT_OK;
    const nt_graph *g = nt_model_graph(to);

    for (int i = 0; i < g->n_values; i++) {
        const nt_tensor *mask = nt_model_mask(from, g->values[i]->name);
        nt_tensor *copy = NULL;

        if (!mask)
            continue;
        NT_TRY(nt_tensor_dup(&copy, mask, e));
        NT_TRY(nt_model_take_mask(to, g->values[i]->name, copy, e));
    }
done:
    return s;
}

static nt_status copy_model(nt_model **out, nt_model *m, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *g = NULL, *taken;

    NT_TRY(nt_graph_dup(&g, nt_model_graph(m), false, e));
    NT_TRY(nt_graph_bind(g, nt_ops_table(), e));
    taken = g;
    g = NULL;
    NT_TRY(nt_model_from_graph(out, taken, e));
    NT_TRY(copy_masks(*out, m, e));
done:
    nt_graph_free(g);
    return s;
}

static nt_status prune_copy(void *ctx, nt_err *e)
{
    nt_status s = NT_OK;
    nt_model *m = NULL;

    NT_TRY(copy_model(&m, ctx, e));
    NT_TRY(prune(m, HALF, e));
done:
    nt_model_free(m);
    return s;
}

static nt_status shrink_copy(void *ctx, nt_err *e)
{
    nt_status s = NT_OK;
    nt_model *m = NULL;
    nt_shrink_stats st;

    NT_TRY(copy_model(&m, ctx, e));
    NT_TRY(nt_shrink(m, &st, e));
    assert_true(st.removed > 0);
done:
    nt_model_free(m);
    return s;
}

NT_TEST(each_allocation_of_pruning_and_shrinking_may_fail)
{
    nt_model *m = mixed();

    assert_true(starve(prune_copy, m) > 50);
    assert_ok(prune(m, HALF, e));
    assert_true(starve(shrink_copy, m) > 50);
    nt_model_free(m);
}

NT_TEST_MAIN
