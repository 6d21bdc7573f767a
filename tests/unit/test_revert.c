/* SPDX-License-Identifier: MIT */
/* Bits given back until the accuracy is near enough. */
#include "quant_data.h"

#include "quant/revert.h"
#include "quant/sensitivity.h"

typedef struct fixture {
    pictures u;
    net t;
    nt_qspec *q;
    nt_calib c;
    nt_reverted r;
} fixture;

static fixture open_fixture(const char *bits)
{
    fixture f = {.u = open_pictures(), .t = dense_net()};

    f.c = (nt_calib){.dev = f.u.dev, .split = f.u.train};
    assert_ok(nt_qspec_new(&f.q, f.t.g, e));
    assert_ok(nt_qspec_bits(f.q, bits, false, e));
    return f;
}

static void close_fixture(fixture *f)
{
    nt_json_free(f->r.record);
    nt_json_free(f->r.log);
    nt_graph_free(f->r.g);
    nt_qspec_free(f->q);
    finish(&f->t);
    close_pictures(&f->u);
}

static void within(fixture *f, double delta)
{
    nt_ptq_opts p = {.method = NT_RANGE_MINMAX};
    nt_revert_opts o = {.ptq = &p,
                        .delta = delta,
                        .metric = &nt_metric_accuracy,
                        .eval = f->u.train,
                        .how = {.batch_size = 16, .workers = 1}};

    assert_ok(nt_ptq_within(&f->r, f->t.g, f->q, &f->c, &o, e));
}

static double number(const cJSON *j, const char *key)
{
    const cJSON *v = cJSON_GetObjectItem(j, key);

    assert_true(cJSON_IsNumber(v));
    return v->valuedouble;
}

static double accuracy(const fixture *f, const nt_graph *g)
{
    nt_evaluator *v = NULL;
    nt_eval_result r = {0};
    nt_eval_opts o = {.batch_size = 16, .workers = 1};
    double a;

    assert_ok(nt_evaluator_new(&v, g, f->u.dev, f->u.train, &o, e));
    assert_ok(nt_evaluator_run(v, &r, e));
    a = nt_eval_value(&r, &nt_metric_accuracy);
    nt_eval_result_release(&r);
    nt_evaluator_free(v);
    return a;
}

NT_TEST(nothing_is_given_back_that_need_not_be)
{
    fixture f = open_fixture("2/4");

    within(&f, 100);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(f.r.log, "steps")), 0);
    assert_int_equal(layer_called(f.q, "fc1")->weight.bits, 2);
    assert_int_equal(count_nodes(f.r.g, "DequantizeLinear"), 6);
    close_fixture(&f);
}

NT_TEST(what_is_delivered_is_what_was_measured)
{
    fixture f = open_fixture("1/1");
    net again = dense_net();
    nt_ptq_opts p = {.method = NT_RANGE_MINMAX};
    cJSON *plan, *record = NULL;
    nt_qspec *q = NULL;

    within(&f, 0);
    assert_true(number(f.r.log, "drop") <= 0);
    assert_float_equal(number(f.r.log, "reference"), accuracy(&f, f.t.g), 1e-9);
    assert_float_equal(number(f.r.log, "value"), accuracy(&f, f.r.g), 1e-9);
    plan = nt_qspec_to_plan(f.q); /* the spec says what was done */
    assert_ok(nt_qspec_new(&q, again.g, e));
    assert_ok(nt_qspec_plan(q, plan, e));
    assert_ok(nt_ptq(&record, again.g, q, &f.c, &p, e));
    assert_true(cJSON_Compare(record, f.r.record, true));
    assert_float_equal(apart(again.g, f.r.g), 0, 0);
    nt_json_free(plan);
    nt_json_free(record);
    nt_qspec_free(q);
    finish(&again);
    close_fixture(&f);
}

typedef struct steps {
    char name[32][16];
    int n;
} steps;

static void note(void *ctx, const char *layer, double drop)
{
    steps *s = ctx;

    (void)drop;
    assert_true(s->n < 32);
    snprintf(s->name[s->n++], sizeof s->name[0], "%s", layer);
}

static int count(const steps *s, const char *layer)
{
    int n = 0;

    for (int i = 0; i < s->n; i++)
        n += strcmp(s->name[i], layer) == 0;
    return n;
}

/* The drop that is asked for is never reached: all is given back, and then it is said so. */
NT_TEST(bits_rise_step_by_step_to_floating_point)
{
    fixture f = open_fixture("1/2");
    nt_ptq_opts p = {.method = NT_RANGE_MINMAX};
    steps s = {.n = 0};
    nt_revert_opts o = {.ptq = &p,
                        .delta = -1000,
                        .metric = &nt_metric_accuracy,
                        .eval = f.u.train,
                        .how = {.batch_size = 16, .workers = 1},
                        .progress = note,
                        .ctx = &s};

    assert_fails(NT_EMISSED, "nothing is quantized any more, and the drop is 0",
                 nt_ptq_within(&f.r, f.t.g, f.q, &f.c, &o, e));
    assert_int_equal(s.n, 3 * 4 + 1); /* 1/2, 2/2, 4/4, 8/8, floats; activations elsewhere */
    assert_int_equal(count(&s, "c1"), 4);
    assert_int_equal(count(&s, "fc1"), 4);
    assert_int_equal(count(&s, "fc2"), 4);
    assert_string_equal(s.name[s.n - 1], "*");
    for (int i = 0; i < f.q->n; i++) {
        assert_int_equal(f.q->layers[i].weight.bits, 0);
        assert_int_equal(nt_qspec_input(f.q, &f.q->layers[i]).bits, 0);
    }
    close_fixture(&f);
}

NT_TEST(the_layer_that_hurts_most_comes_first)
{
    fixture f = open_fixture("2/3");
    nt_ptq_opts p = {.method = NT_RANGE_MINMAX};
    nt_sensitivity *sens = NULL;
    const char *worst = NULL;
    double most = -1;
    steps s = {.n = 0};
    nt_revert_opts o = {.ptq = &p,
                        .delta = -1000,
                        .metric = &nt_metric_accuracy,
                        .eval = f.u.train,
                        .how = {.batch_size = 16, .workers = 1},
                        .progress = note,
                        .ctx = &s};
    nt_err err = {{0}};

    assert_ok(nt_sensitivity_new(&sens, f.t.g, &f.c, &p, e));
    for (int i = 0; i < f.q->n; i++) {
        double kl = -1;

        if (f.q->layers[i].index >= 0)
            assert_ok(nt_sensitivity_kl(&kl, sens, &f.q->layers[i], e));
        if (kl > most) {
            most = kl;
            worst = f.q->layers[i].name;
        }
    }
    assert_int_equal(nt_ptq_within(&f.r, f.t.g, f.q, &f.c, &o, &err), NT_EMISSED);
    assert_string_equal(s.name[0], worst);
    nt_sensitivity_free(sens);
    close_fixture(&f);
}

NT_TEST_MAIN
