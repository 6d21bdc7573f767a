/* SPDX-License-Identifier: MIT */
/* Masked and shrunk answer the same where nothing is left of a part. */
#include "exec/plan.h"
#include "part_nets.h"
#include "prune/masked.h"
#include "prune/prune.h"
#include "prune/shrink.h"

#include "base/alloc.h"

#include <math.h>
#include <stdlib.h>

/* ---- what every case does */

static nt_model *model_of(part_net build, int64_t batch)
{
    net t = start(17);
    nt_model *m = NULL;
    nt_value *y = build(&t, input(&t, "x", DIMS(batch, 3, 6, 6)));

    complete(&t, y);
    randomise(&t);
    for (int i = 0; i < t.g->n_values; i++) {
        const nt_value *v = t.g->values[i];

        for (int64_t k = 0; v->data && strstr(v->name, ".var") && k < v->dims[0].value; k++)
            nt_tensor_set(v->data, k, 0.5 + fabs(nt_tensor_get(v->data, k)));
        for (int k = 0; strcmp(v->name, "scales") == 0 && k < 4; k++)
            nt_tensor_set(v->data, k, k < 2 ? 1 : 2);
    }
    assert_ok(nt_model_from_graph(&m, t.g, e));
    return m;
}

static nt_tensor *answer(nt_model *m)
{
    nt_device *dev = NULL;
    nt_plan *p = NULL;
    nt_tensor *y = NULL;
    int64_t(*dims)[NT_MAX_RANK] = nt_pass_input_dims(nt_model_graph(m), 2);
    nt_plan_opts o = {.dims = (const int64_t(*)[NT_MAX_RANK])dims};

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_plan_new(&p, nt_model_graph(m), dev, &o, e));
    nt_plan_fill_noise(p, 7);
    assert_ok(nt_plan_forward(p, e));
    assert_ok(nt_tensor_dup(&y, nt_plan_output(p, 0), e));
    nt_plan_free(p);
    nt_device_free(dev);
    nt_free(dims);
    return y;
}

static void assert_near(const nt_tensor *want, const nt_tensor *got)
{
    double top = 0;

    assert_true(nt_tensor_same_shape(want, got));
    for (int64_t i = 0; i < nt_tensor_count(want); i++)
        top = fmax(top, fabs(nt_tensor_get(want, i)));
    assert_true(top > 1e-3);
    for (int64_t i = 0; i < nt_tensor_count(want); i++)
        assert_float_equal(nt_tensor_get(got, i), nt_tensor_get(want, i), 1e-5 * top);
}

/* Masks outputs [from, to) of layer 'a': the filters alone, as other tools do, or with all that
 * belongs to them. */
static void mask(nt_model *m, int from, int to, bool filters)
{
    nt_value *w = nt_graph_find_value(nt_model_graph(m), "a.weight");
    nt_channels *c = NULL;
    nt_tensor *t = NULL;
    bool *removed;

    assert_ok(nt_channels_new(&c, nt_model_graph(m), e));
    removed = nt_calloc((size_t)c->n_channels + 1, sizeof *removed);
    for (int i = 0; i < c->n_layers; i++)
        for (int k = from; k < to && strcmp(c->layers[i].name, "a") == 0; k++)
            removed[c->layers[i].channel[k]] = true;
    if (filters) {
        int axis = w->rank == 2 ? 1 : 0;
        nt_axis_view v = nt_tensor_axis(w->data, axis);

        assert_ok(nt_tensor_new(&t, NT_U8, w->rank, w->data->dims, e));
        for (int64_t i = 0; i < nt_tensor_count(t); i++)
            nt_tensor_set(t, i, i / v.inner % v.n < from || i / v.inner % v.n >= to);
        assert_ok(nt_model_take_mask(m, "a.weight", t, e));
        nt_masked_clear(m);
    } else {
        assert_ok(nt_prune_apply(m, c, removed, e));
    }
    nt_free(removed);
    nt_channels_free(c);
}

static nt_shrink_stats shrink(nt_model *m)
{
    nt_tensor *masked = answer(m), *shrunk;
    nt_shrink_stats st;

    assert_ok(nt_shrink(m, &st, e));
    shrunk = answer(m);
    assert_near(masked, shrunk);
    nt_tensor_free(masked);
    nt_tensor_free(shrunk);
    return st;
}

static const nt_node *find_op(nt_model *m, const char *op)
{
    const nt_graph *g = nt_model_graph(m);

    for (int i = 0; i < g->n_nodes; i++)
        if (strcmp(g->nodes[i]->op_type, op) == 0)
            return g->nodes[i];
    return NULL;
}

/* ---- the grid */

static const struct {
    const char *name;
    part_net build;
} nets[] = {
    {"split_joined", split_joined},
    {"split_added", split_added},
    {"split_sigmoid", split_sigmoid},
    {"split_pointwise", split_pointwise},
    {"sliced", sliced},
    {"gathered", gathered},
    {"grouped", grouped},
    {"depthwise", depthwise},
    {"normalised", normalised},
    {"instances", instances},
    {"group_stats_18", group_stats_18},
    {"group_stats_21", group_stats_21},
    {"group_stats_reshaped", group_stats_reshaped},
    {"shuffled", shuffled},
    {"thirds", thirds},
    {"upward_depthwise", upward_depthwise},
    {"dense", dense},
    {"reshaped", reshaped},
    {"pooled", pooled},
    {"resized", resized},
    {"resized_to", resized_to},
    {"upward", upward},
    {"c2f_short", c2f_short},
    {"c2f_plain", c2f_plain},
    {"branch", branch},
    {"branch_padded", branch_padded},
    {"gate", gate},
    {"attention", attention},
    {"units", units},
    {"padded", padded},
    {"ends", ends},
    {"measured", measured},
    {"pyramid", pyramid},
};

static const struct {
    const char *name;
    int from, to;
} goes[] = {
    {"first part", 0, 4},       {"last part", 4, 8}, {"all but one", 1, 8},
    {"all but the last", 0, 7}, {"all", 0, 8},
};

static void check_grid(const char *backend)
{
    int cases = 0;

    setenv("NT_BACKEND", backend, 1);
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        for (size_t k = 0; k < sizeof goes / sizeof *goes; k++)
            for (int how = 0; how < 4; how++) {
                nt_model *m = model_of(nets[i].build, how & 1 ? 2 : -1);

                print_message("%s, %s, %s, batch %s\n", nets[i].name, goes[k].name,
                              how & 2 ? "filters" : "coupled", how & 1 ? "2" : "open");
                mask(m, goes[k].from, goes[k].to, how & 2);
                (void)shrink(m);
                nt_model_free(m);
                cases++;
            }
    unsetenv("NT_BACKEND");
    print_message("%d cases\n", cases);
}

NT_TEST(whatever_goes_masked_and_shrunk_answer_the_same_on_onednn)
{
    check_grid("onednn");
}

NT_TEST(whatever_goes_masked_and_shrunk_answer_the_same_on_openblas)
{
    check_grid("openblas");
}

/* ---- what becomes of them */

/* Coupled masks of outputs [from, to), the batch open. */
static nt_shrink_stats cut(part_net build, int from, int to, nt_model **m)
{
    *m = model_of(build, -1);
    mask(*m, from, to, false);
    return shrink(*m);
}

NT_TEST(a_part_of_which_nothing_is_left_goes_from_what_splits_and_joins)
{
    nt_model *m;
    nt_shrink_stats st = cut(split_joined, 0, 4, &m);

    assert_int_equal(st.removed, 4);
    assert_int_equal(st.kept_part, 0);
    assert_null(find_op(m, "Split"));
    assert_null(find_op(m, "Concat"));
    nt_model_free(m);
}

NT_TEST(a_layer_that_reads_nothing_becomes_its_bias)
{
    nt_model *m;
    nt_shrink_stats st = cut(split_added, 4, 8, &m);

    assert_int_equal(st.removed, 4);
    assert_int_equal(st.layers_out, 1);
    assert_null(nt_graph_find_value(nt_model_graph(m), "q.weight"));
    assert_non_null(find_op(m, "Add"));
    nt_model_free(m);
}

NT_TEST(what_a_layer_makes_of_nothing_moves_into_the_next_bias)
{
    nt_model *m;
    nt_shrink_stats st = cut(split_pointwise, 0, 4, &m);

    assert_int_equal(st.removed, 4 + 5);
    assert_int_equal(st.layers_out, 1);
    assert_int_equal(st.kept_part, 0);
    assert_null(find_op(m, "Concat"));
    nt_model_free(m);
}

NT_TEST(a_branch_that_is_masked_leaves_a_constant)
{
    nt_model *m;
    nt_shrink_stats st = cut(branch, 0, 8, &m);

    assert_int_equal(st.removed, 8);
    assert_int_equal(st.layers_out, 2);
    assert_non_null(find_op(m, "Add"));
    nt_model_free(m);
}

NT_TEST(a_branch_that_adds_nothing_leaves_nothing)
{
    nt_model *m = model_of(branch, -1);
    nt_value *bias = nt_graph_find_value(nt_model_graph(m), "b.bias");

    memset(bias->data->data, 0, nt_tensor_bytes(bias->data));
    mask(m, 0, 8, false);
    assert_int_equal(shrink(m).layers_out, 2);
    assert_null(find_op(m, "Add"));
    nt_model_free(m);
}

NT_TEST(a_stretched_map_that_is_masked_leaves_its_constant)
{
    static const part_net maps[] = {map_added, map_subtracted, map_multiplied, map_divided};

    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        for (int filters = 0; filters < 2; filters++) {
            nt_model *m = model_of(maps[i], -1);

            mask(m, 0, 1, filters);
            shrink(m);
            nt_model_free(m);
        }
    }
}

NT_TEST(a_bottleneck_that_is_masked_goes_with_what_leads_to_it)
{
    nt_model *m;
    nt_shrink_stats st = cut(c2f_short, 4, 8, &m);

    assert_int_equal(st.removed, 4 + 4);
    assert_int_equal(st.layers_out, 2);
    assert_null(nt_graph_find_value(nt_model_graph(m), "m1.weight"));
    nt_model_free(m);
}

NT_TEST(where_nothing_else_makes_the_output_a_channel_stays_and_the_report_says_so)
{
    nt_model *m;
    nt_shrink_stats st = cut(ends, 0, 4, &m);

    assert_int_equal(st.removed, 3);
    assert_int_equal(st.kept_part, 1);
    assert_string_equal(st.why, "layer 'a': no constant can take the place of 'p'");
    nt_model_free(m);
}

NT_TEST(group_normalization_loses_whole_groups_and_their_number_follows)
{
    static const part_net build[] = {group_stats_18, group_stats_21};

    for (int i = 0; i < 2; i++) {
        nt_model *m;
        nt_shrink_stats st = cut(build[i], 2, 4, &m);
        const nt_value *scale = nt_graph_find_value(nt_model_graph(m), "an.weight");

        assert_int_equal(st.removed, 1); /* of a's classes: a group is one */
        assert_int_equal(nt_node_int(find_op(m, "GroupNormalization"), "num_groups", 0), 3);
        assert_int_equal(scale->data->dims[0], i ? 6 : 3);
        nt_model_free(m);
    }
}

NT_TEST(half_a_group_stays_whole)
{
    static const part_net build[] = {group_stats_18, group_stats_21, group_stats_reshaped};

    for (int i = 0; i < 3; i++) {
        nt_model *m = model_of(build[i], -1);

        mask(m, 0, 1, true);
        assert_int_equal(shrink(m).removed, 0);
        nt_model_free(m);
    }
}

/* ---- lack of memory */

/* Shrinking with its n-th allocation failing. */
static nt_status starved(part_net build, long n)
{
    nt_model *m = model_of(build, -1);
    nt_err why = {{0}};
    nt_shrink_stats st;
    nt_status s;

    mask(m, 0, 4, false);
    nt_alloc_fail_at(n);
    s = nt_shrink(m, &st, &why);
    nt_alloc_fail_at(0);
    nt_model_free(m);
    assert_true(s == NT_OK || (s == NT_ENOMEM && strstr(why.msg, "out of memory")));
    return s;
}

NT_TEST(each_allocation_of_taking_parts_out_may_fail)
{
    static const part_net build[] = {split_joined, split_added, split_pointwise, ends};

    for (size_t i = 0; i < sizeof build / sizeof *build; i++) {
        long n = 1;

        while (starved(build[i], n) != NT_OK)
            n++;
        assert_true(n > 50);
    }
}

NT_TEST_MAIN
