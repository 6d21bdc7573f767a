/* SPDX-License-Identifier: MIT */
/* prune_net.h - small networks from layer lists, and what tests of pruning do with them. */
#ifndef NT_TESTS_UNIT_PRUNE_NET_H
#define NT_TESTS_UNIT_PRUNE_NET_H

#include "base/alloc.h"
#include "base/json.h"
#include "base/rng.h"
#include "exec/plan.h"
#include "graph/pass.h"
#include "graph/zoo.h"
#include "op/registry.h"
#include "prune/masked.h"
#include "prune/prune.h"
#include "prune/rules.h"
#include "prune/shrink.h"

#include "test.h"

#include <math.h>
#include <stdio.h>

static inline cJSON *json(const char *text)
{
    cJSON *j = NULL;

    assert_ok(nt_json_parse(&j, text, strlen(text), e));
    return j;
}

/* Layers as in share/zoo, between brackets; every float constant in (0, 1), so that nothing is
 * zero by chance. */
static inline nt_model *build(const char *input, const char *layers)
{
    char text[2000];
    cJSON *j;
    nt_zoo_opts o = {.seed = 1};
    nt_graph *g = NULL;
    nt_model *m = NULL;

    snprintf(
        text, sizeof text,
        "{\"name\": \"n\", \"about\": \"n\", \"input\": %s, \"classes\": 3, \"layers\": [%s]}",
        input, layers);
    j = json(text);
    assert_ok(nt_zoo_build(&g, j, &o, e));
    nt_json_free(j);
    for (int i = 0; i < g->n_values; i++) {
        nt_tensor *t = g->values[i]->data;
        nt_rng root, r;

        if (!t || t->rank == 0)
            continue;
        nt_rng_init(&root, 5);
        r = nt_rng_fork_index(&root, (uint64_t)i);
        for (int64_t k = 0; k < nt_tensor_count(t); k++)
            nt_tensor_set(t, k, 0.1 + 0.8 * nt_rng_double(&r));
    }
    assert_ok(nt_graph_bind(g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(g, e));
    assert_ok(nt_model_from_graph(&m, g, e));
    return m;
}

/* The first output for seeded noise at batch 2; nt_tensor_free. */
static inline nt_tensor *answer(nt_model *m)
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

/* To 1e-5 of the largest number. */
static inline void assert_same_answer(const nt_tensor *a, const nt_tensor *b)
{
    double top = 0;

    assert_true(nt_tensor_same_shape(a, b));
    for (int64_t i = 0; i < nt_tensor_count(a); i++)
        top = fmax(top, fabs(nt_tensor_get(a, i)));
    for (int64_t i = 0; i < nt_tensor_count(a); i++)
        assert_float_equal(nt_tensor_get(a, i), nt_tensor_get(b, i), 1e-5 * (top + 1));
}

/* Prunes by these rules ("[...]") and options, counting earlier masks; returns the status. */
static inline nt_status try_prune(nt_model *m, const char *rules, nt_prune_opts o, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *j = json(rules);
    nt_channels *c = NULL;
    bool *removed = NULL, *gone = NULL;

    NT_TRY(nt_rules_check(j, e));
    NT_TRY(nt_channels_new(&c, nt_model_graph(m), e));
    NT_TRY(nt_prune_check_rules(c, j, e));
    removed = nt_calloc((size_t)c->n_channels + 1, sizeof *removed);
    gone = nt_calloc((size_t)c->n_channels + 1, sizeof *gone);
    nt_shrink_find(gone, c, m);
    o.rules = j;
    o.gone = gone;
    NT_TRY(nt_prune_select(removed, c, &o, e));
    NT_TRY(nt_prune_apply(m, c, removed, e));
done:
    nt_free(removed);
    nt_free(gone);
    nt_channels_free(c);
    nt_json_free(j);
    return s;
}

static inline void prune(nt_model *m, const char *rules)
{
    assert_ok(try_prune(m, rules, (nt_prune_opts){0}, e));
}

/* How many outputs of the parameter's first axis the masks leave. */
static inline int64_t left(nt_model *m, const char *parameter)
{
    const nt_tensor *t = nt_model_mask(m, parameter);
    const nt_value *v = nt_graph_find_value(nt_model_graph(m), parameter);
    int64_t n = 0;

    assert_non_null(v);
    for (int64_t k = 0; k < v->data->dims[0]; k++)
        n += !t || !nt_masked_covers(t, 0, k);
    return n;
}

#endif
