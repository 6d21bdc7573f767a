/* SPDX-License-Identifier: MIT */
#include "prune_net.h"

#include "prune/planfile.h"

static nt_model *net(void)
{
    return build(
        "[1, 6, 6]",
        "{\"conv\": \"a\", \"out\": 8, \"pad\": 1}, {\"residual\": [{\"conv\": \"b\", "
        "\"out\": 8, \"pad\": 1}]}, \"relu\", {\"conv\": \"c\", \"out\": 6}, \"flatten\", "
        "{\"linear\": \"f\", \"out\": \"classes\"}");
}

/* The masks that the options choose, and the plan they make. */
static cJSON *prune_and_plan(nt_model *m, nt_prune_opts o)
{
    nt_channels *c = NULL;
    bool *removed;
    cJSON *plan;

    assert_ok(nt_channels_new(&c, nt_model_graph(m), e));
    removed = nt_calloc((size_t)c->n_channels + 1, sizeof *removed);
    assert_ok(nt_prune_select(removed, c, &o, e));
    assert_ok(nt_prune_apply(m, c, removed, e));
    plan = nt_planfile_new(c, removed);
    assert_non_null(plan);
    nt_free(removed);
    nt_channels_free(c);
    return plan;
}

static void assert_same_masks(nt_model *a, nt_model *b)
{
    const nt_graph *g = nt_model_graph(a);

    for (int i = 0; i < g->n_values; i++) {
        const nt_tensor *x = nt_model_mask(a, g->values[i]->name);
        const nt_tensor *y = nt_model_mask(b, g->values[i]->name);

        assert_int_equal(!x, !y);
        if (x)
            assert_memory_equal(x->data, y->data, nt_tensor_bytes(x));
    }
}

NT_TEST(a_saved_plan_makes_the_same_masks_again)
{
    static const nt_criterion *const all[] = {&nt_criterion_l1, &nt_criterion_l2,
                                              &nt_criterion_fpgm};

    for (int i = 0; i < 3; i++) {
        const nt_criterion *crit = all[i];
        nt_model *a = net(), *b = net();
        cJSON *rules = json("[{\"total_sparsity\": 0.4, \"op_types\": [\"default\"]}]");
        cJSON *plan = prune_and_plan(
            a,
            (nt_prune_opts){.rules = rules, .global = true, .importance = {.criterion = crit}});
        cJSON *again;

        assert_ok(nt_planfile_check(plan, e));
        again =
            prune_and_plan(b, (nt_prune_opts){.plan = plan, .importance = {.criterion = crit}});
        assert_true(cJSON_Compare(plan, again, true));
        assert_same_masks(a, b);
        nt_json_free(plan);
        nt_json_free(again);
        nt_json_free(rules);
        nt_model_free(a);
        nt_model_free(b);
    }
}

NT_TEST(a_plan_lists_all_layers_in_order_with_what_is_kept_and_why)
{
    nt_model *m = net();
    cJSON *rules = json("[{\"sparsity\": 0.5, \"op_names\": [\"c\"]}]");
    cJSON *plan = prune_and_plan(m, (nt_prune_opts){.rules = rules}), *o;

    assert_int_equal(cJSON_GetArraySize(plan), 4);
    o = cJSON_GetArrayItem(plan, 2);
    assert_string_equal(cJSON_GetObjectItem(o, "layer")->valuestring, "c");
    assert_int_equal(cJSON_GetObjectItem(o, "keep")->valueint, 3);
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(o, "rank")));
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(o, "bits")));
    assert_string_equal(cJSON_GetObjectItem(o, "why")->valuestring, "3 of 6");
    o = cJSON_GetArrayItem(plan, 3);
    assert_int_equal(cJSON_GetObjectItem(o, "keep")->valueint, 3);
    assert_memory_equal(cJSON_GetObjectItem(o, "why")->valuestring, "stays: ", 7);
    nt_json_free(plan);
    nt_json_free(rules);
    nt_model_free(m);
}

static nt_status prune_by(const char *plan, int64_t *a, int64_t *c, nt_err *e)
{
    nt_status s = NT_OK;
    nt_model *m = net();
    nt_channels *ch = NULL;
    cJSON *j = json(plan);
    bool removed[64];
    nt_prune_opts o = {.plan = j};

    NT_TRY(nt_planfile_check(j, e));
    NT_TRY(nt_channels_new(&ch, nt_model_graph(m), e));
    NT_TRY(nt_prune_select(removed, ch, &o, e));
    NT_TRY(nt_prune_apply(m, ch, removed, e));
    *a = left(m, "a.weight");
    *c = left(m, "c.weight");
done:
    nt_channels_free(ch);
    nt_json_free(j);
    nt_model_free(m);
    return s;
}

NT_TEST(an_edited_plan_prunes_what_it_names)
{
    int64_t a = 0, c = 0;

    assert_ok(prune_by("[{\"layer\": \"a\", \"keep\": 5}]", &a, &c, e)); /* b goes along */
    assert_int_equal(a, 5);
    assert_int_equal(c, 6);
    assert_ok(prune_by("[{\"layer\": 2, \"keep\": 1, \"why\": \"\"}, {\"layer\": \"b\"}]", &a,
                       &c, e));
    assert_int_equal(a, 8);
    assert_int_equal(c, 1);
}

NT_TEST(a_plan_that_does_not_fit_is_refused)
{
    int64_t a, c;
    nt_err why = {{0}};

    assert_fails(NT_EINVAL, "plan: layer 'a' has only 8 outputs to keep",
                 prune_by("[{\"layer\": \"a\", \"keep\": 9}]", &a, &c, e));
    assert_fails(NT_EINVAL, "plan: layer 'q1' not found",
                 prune_by("[{\"layer\": \"q1\", \"keep\": 2}]", &a, &c, e));
    assert_fails(NT_EINVAL, "plan: there is no layer 9 (0 to 3)",
                 prune_by("[{\"layer\": 9, \"keep\": 2}]", &a, &c, e));
    assert_int_equal(prune_by("[{\"layer\": \"f\", \"keep\": 2}]", &a, &c, &why), NT_EINVAL);
    assert_non_null(strstr(why.msg, "plan: layer 'f' cannot be pruned: "));
}

NT_TEST(a_plan_that_is_malformed_is_refused)
{
    static const char *const bad[][2] = {
        {"{}", "plan: an array of objects is wanted"},
        {"[1]", "plan[0]: an object is wanted"},
        {"[{\"keep\": 2}]", "plan[0].layer: a name or an index is wanted"},
        {"[{\"layer\": 1e99, \"keep\": 2}]", "plan[0].layer: a name or an index is wanted"},
        {"[{\"layer\": \"a\", \"keep\": 0}]", "plan[0].keep: a whole number from 1 is wanted"},
        {"[{\"layer\": \"a\", \"keep\": 1.5}]",
         "plan[0].keep: a whole number from 1 is wanted"},
        {"[{\"layer\": \"a\", \"kep\": 1}]", "plan[0].kep: unknown key (did you mean 'keep'?)"},
    };
    int64_t a, c;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(NT_EINVAL, bad[i][1], prune_by(bad[i][0], &a, &c, e));
}

NT_TEST_MAIN
