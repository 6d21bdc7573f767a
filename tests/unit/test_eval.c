/* SPDX-License-Identifier: MIT */
#include "data_files.h"

#include "graph/pass.h"
#include "op/registry.h"
#include "train/eval.h"
#include "train/logits.h"

#include <math.h>

/* Pixels are the logits: input [N,1,1,k] -> Flatten, and what `last` says. */
static nt_graph *pixels_net(int64_t k, const char *last)
{
    const nt_dim dims[4] = {{-1, "N"}, {1, NULL}, {1, NULL}, {k, NULL}};
    nt_graph *g = NULL;
    nt_value *x, *y, *z;

    assert_ok(nt_graph_new(&g, e));
    assert_ok(nt_graph_add_input(&x, g, "x", (nt_value_type){NT_F32, 4, dims}, e));
    assert_ok(nt_graph_add_value(&y, g, last ? "flat" : "y", e));
    assert_ok(nt_graph_add_node(NULL, g, &(nt_node_spec){"Flatten", "", &x, 1, &y, 1}, e));
    if (last) {
        assert_ok(nt_graph_add_value(&z, g, "y", e));
        assert_ok(nt_graph_add_node(NULL, g, &(nt_node_spec){last, "", &y, 1, &z, 1}, e));
        y = z;
    }
    assert_ok(nt_graph_add_output(g, y, e));
    assert_ok(nt_graph_bind(g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(g, e));
    return g;
}

static const uint8_t images[4][7] = {
    {9, 9, 1, 0, 0, 0, 0}, /* label 0: first of two equal ones: right */
    {9, 9, 1, 0, 0, 0, 0}, /* label 1: the other comes first: wrong, top 5 */
    {1, 2, 3, 4, 5, 6, 7}, /* label 0: last of seven: not among five */
    {1, 2, 3, 4, 5, 6, 7}, /* label 6: right */
};
static const uint8_t labels[4] = {0, 1, 0, 6};

static uint8_t pixel_of(size_t i)
{
    return images[i / 7][i % 7];
}

static uint8_t label_of(size_t i)
{
    return labels[i];
}

static void put_data(const temp_dir *d)
{
    size_t n;
    uint8_t *p = make_idx(&n, 3, (int[]){4, 1, 7}, pixel_of);

    put_file(d, "t10k-images-idx3-ubyte", p, n);
    nt_free(p);
    p = make_idx(&n, 1, (int[]){4}, label_of);
    put_file(d, "t10k-labels-idx1-ubyte", p, n);
    nt_free(p);
}

typedef struct setup {
    temp_dir dir;
    nt_dataset *data;
    nt_split *split;
    nt_device *dev;
} setup;

static setup set_up(void)
{
    setup u = {.dir = temp_dir_new()};

    put_data(&u.dir);
    u.data = open_data(&u.dir, "idx:%s");
    u.split = open_split(u.data, "test");
    assert_ok(nt_device_new(&u.dev, 1, e));
    return u;
}

static void tear_down(setup *u)
{
    nt_split_free(u->split);
    nt_dataset_free(u->data);
    nt_device_free(u->dev);
    temp_dir_remove(&u->dir);
}

static nt_eval_result evaluate(setup *u, const nt_graph *g, nt_eval_opts o)
{
    nt_eval_result r = {0};
    nt_evaluator *v = NULL;

    assert_ok(nt_evaluator_new(&v, g, u->dev, u->split, &o, e));
    assert_ok(nt_evaluator_run(v, &r, e));
    nt_evaluator_free(v);
    return r;
}

/* Are the same samples right? */
static bool same_hits(const nt_eval_result *a, const nt_eval_result *b)
{
    nt_comparison c = nt_eval_compare(a, b, &nt_metric_accuracy);

    return c.lost == 0 && c.won == 0;
}

NT_TEST(top_1_takes_the_first_of_equals_and_top_5_counts_what_comes_before)
{
    setup u = set_up();
    nt_graph *g = pixels_net(7, NULL);
    nt_eval_result r = evaluate(&u, g, (nt_eval_opts){.batch_size = 4});

    assert_int_equal(r.samples, 4);
    assert_float_equal(nt_eval_value(&r, &nt_metric_accuracy), 50, 1e-9);
    assert_float_equal(nt_eval_value(&r, &nt_metric_top5), 75, 1e-9);
    nt_eval_result_release(&r);
    nt_graph_free(g);
    tear_down(&u);
}

NT_TEST(the_result_does_not_depend_on_the_batch_size)
{
    setup u = set_up();
    nt_graph *g = pixels_net(7, NULL);
    nt_eval_result one = evaluate(&u, g, (nt_eval_opts){.batch_size = 1});
    nt_eval_result three = evaluate(&u, g, (nt_eval_opts){.batch_size = 3}); /* 3 + 1 */
    nt_eval_result many = evaluate(&u, g, (nt_eval_opts){.batch_size = 99});

    assert_true(same_hits(&one, &three));
    assert_true(same_hits(&one, &many));
    assert_float_equal(nt_eval_value(&one, &nt_metric_loss),
                       nt_eval_value(&three, &nt_metric_loss), 1e-9);
    assert_float_equal(nt_eval_value(&one, &nt_metric_loss),
                       nt_eval_value(&many, &nt_metric_loss), 1e-9);
    nt_eval_result_release(&one);
    nt_eval_result_release(&three);
    nt_eval_result_release(&many);
    nt_graph_free(g);
    tear_down(&u);
}

NT_TEST(a_closing_softmax_changes_neither_hits_nor_loss)
{
    setup u = set_up();
    nt_graph *plain = pixels_net(7, NULL);
    nt_eval_result want = evaluate(&u, plain, (nt_eval_opts){.batch_size = 4});

    for (int i = 0; i < 2; i++) {
        nt_graph *g = pixels_net(7, i == 0 ? "Softmax" : "LogSoftmax");
        nt_eval_result r = evaluate(&u, g, (nt_eval_opts){.batch_size = 4});

        assert_true(same_hits(&r, &want));
        assert_true(nt_eval_value(&r, &nt_metric_loss) ==
                    nt_eval_value(&want, &nt_metric_loss));
        nt_eval_result_release(&r);
        nt_graph_free(g);
    }
    nt_eval_result_release(&want);
    nt_graph_free(plain);
    tear_down(&u);
}

NT_TEST(the_logits_take_over_the_outputs_name)
{
    nt_graph *g = pixels_net(7, "Softmax"), *c = NULL;

    assert_ok(nt_logits_graph(&c, g, e));
    assert_int_equal(c->n_nodes, 1);
    assert_string_equal(c->outputs[0]->name, "y");
    assert_string_equal(c->outputs[0]->producer->op_type, "Flatten");
    assert_int_equal(g->n_nodes, 2);
    nt_graph_free(c);
    nt_graph_free(g);
}

NT_TEST(only_the_first_samples_are_used_where_a_limit_is_set)
{
    setup u = set_up();
    nt_graph *g = pixels_net(7, NULL);
    nt_eval_result r = evaluate(&u, g, (nt_eval_opts){.batch_size = 4, .limit = 2});

    assert_int_equal(r.samples, 2);
    assert_float_equal(nt_eval_value(&r, &nt_metric_accuracy), 50, 1e-9);
    nt_eval_result_release(&r);
    nt_graph_free(g);
    tear_down(&u);
}

NT_TEST(data_that_do_not_fit_are_refused_with_both_shapes)
{
    setup u = set_up();
    nt_graph *g = pixels_net(5, NULL);
    nt_evaluator *v = NULL;
    nt_err err;

    assert_int_equal(
        nt_evaluator_new(&v, g, u.dev, u.split, &(nt_eval_opts){.batch_size = 4}, &err),
        NT_EFORMAT);
    assert_string_equal(err.msg,
                        "input 'x' is [N,1,1,5], but a sample of the data is [1,1,7] "
                        "(neither \"layout\" of the data, \"nchw\" or \"nhwc\", fits)");
    nt_graph_free(g);
    tear_down(&u);
}

NT_TEST(the_loss_that_is_watched_is_the_one_that_was_asked_for)
{
    setup u = set_up();
    nt_graph *g = pixels_net(7, "Softmax");
    nt_eval_result r =
        evaluate(&u, g, (nt_eval_opts){.batch_size = 3, .loss = &nt_loss_square});
    nt_eval_result ce = evaluate(&u, g, (nt_eval_opts){.batch_size = 3});
    double want = 0;

    for (int i = 0; i < 4; i++) {
        double sum = 0, p;

        for (int j = 0; j < 7; j++)
            sum += exp(images[i][j] / 255.0);
        for (int j = 0; j < 7; j++) {
            p = exp(images[i][j] / 255.0) / sum - (j == labels[i]);
            want += p * p / 28;
        }
    }
    assert_float_equal(nt_eval_value(&r, &nt_metric_loss), want, 1e-6);
    assert_true(fabs(nt_eval_value(&ce, &nt_metric_loss) - want) > 0.1);
    nt_eval_result_release(&r);
    nt_eval_result_release(&ce);
    nt_graph_free(g);
    tear_down(&u);
}

NT_TEST(only_the_metrics_asked_for_are_measured)
{
    setup u = set_up();
    nt_graph *g = pixels_net(7, NULL);
    const nt_metric *const asked[] = {&nt_metric_top5, NULL};
    nt_eval_result r = evaluate(&u, g, (nt_eval_opts){.metrics = asked});

    assert_int_equal(r.n, 1);
    assert_ptr_equal(r.score[0].metric, &nt_metric_top5);
    nt_eval_result_release(&r);
    nt_graph_free(g);
    tear_down(&u);
}

NT_TEST_MAIN
