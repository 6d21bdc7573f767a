/* SPDX-License-Identifier: MIT */
/* The criterion 'taylor' by hand: from images through gradients to scores. */
#include "data_files.h"

#include "prune/taylor.h"
#include "prune_net.h"

static void put(nt_model *m, const char *parameter, const float *w, size_t bytes)
{
    memcpy(nt_graph_find_value(nt_model_graph(m), parameter)->data->data, w, bytes);
}

/*
 * h = W1 x, o = W2 h. Every image is white, x = (1, 1), and W1 = {{1, -1}, {4, -4}}, so that h
 * and o are 0 and every class of three is as likely. W2 = {{3, 0}, {0, 3}, {0, 0}}; the
 * gradient of h is W2^T (1/3 - [k == label]):
 *
 *   label 0: (-2, 1)    label 1: (1, -2)    label 2: (1, 1)
 *
 * and (w dL/dw)^2, summed over the inputs of a unit, is 2 w^2 (dL/dh)^2.
 */
static nt_model *net(void)
{
    static const float w1[] = {1, -1, 4, -4}, w2[] = {3, 0, 0, 3, 0, 0};
    static const float zeros[3];
    nt_model *m = build("[1, 1, 2]", "\"flatten\", {\"linear\": \"a\", \"out\": 2}, "
                                     "{\"linear\": \"b\", \"out\": \"classes\"}");

    put(m, "a.weight", w1, sizeof w1);
    put(m, "a.bias", zeros, 2 * sizeof *zeros);
    put(m, "b.weight", w2, sizeof w2);
    put(m, "b.bias", zeros, 3 * sizeof *zeros);
    return m;
}

static uint8_t white(size_t i)
{
    (void)i;
    return 255;
}

/* The training split: n white images of 1 x 2 with labels 0, 1, ... */
static temp_dir images(int n)
{
    temp_dir d = temp_dir_new();
    size_t bytes;
    uint8_t *p = make_idx(&bytes, 3, (int[]){n, 1, 2}, white);

    put_file(&d, "train-images-idx3-ubyte", p, bytes);
    nt_free(p);
    p = make_idx(&bytes, 1, &n, idx_label);
    put_file(&d, "train-labels-idx1-ubyte", p, bytes);
    nt_free(p);
    return d;
}

/* The scores of a's two units over so many batches of so many images, of n in all. */
static nt_status scores(double *score, int n, int64_t batch, int64_t batches, nt_err *e)
{
    nt_status s = NT_OK;
    nt_model *m = net();
    temp_dir d = images(n);
    nt_dataset *data = open_data(&d, "idx:%s");
    nt_split *split = open_split(data, "train");
    nt_channels *c = NULL;
    nt_device *dev = NULL;
    float **t = NULL;
    nt_taylor_opts o = {
        .split = split, .batch_size = batch, .batches = batches, .compute = NT_F32};
    nt_importance_opts io = {.criterion = &nt_criterion_taylor};

    NT_TRY(nt_device_new(&dev, 1, e));
    NT_TRY(nt_channels_new(&c, nt_model_graph(m), e));
    assert_int_equal(c->n_channels, 2);
    NT_TRY(nt_taylor_new(&t, c, nt_model_graph(m), dev, &o, e));
    io.evidence.taylor = t;
    NT_TRY(nt_importance(score, c, &io, e));
done:
    nt_taylor_free(t, c);
    nt_device_free(dev);
    nt_channels_free(c);
    nt_split_free(split);
    nt_dataset_free(data);
    nt_model_free(m);
    temp_dir_remove(&d);
    return s;
}

static void assert_scores(int n, int64_t batch, int64_t batches, double a, double b)
{
    double score[2] = {0};

    assert_ok(scores(score, n, batch, batches, e));
    assert_float_equal(score[0], a, 1e-4);
    assert_float_equal(score[1], b, 1e-4);
}

NT_TEST(a_score_is_the_squared_change_of_the_loss_if_each_weight_went)
{
    assert_scores(1, 1, 1, 2 * 1 * 4, 2 * 16 * 1); /* label 0 */
}

NT_TEST(squares_are_summed_over_the_batches)
{
    assert_scores(3, 1, 8, 2 * 1 * (4 + 1 + 1),
                  2 * 16 * (1 + 4 + 1)); /* three is all there is */
}

NT_TEST(within_a_batch_it_is_the_gradient_of_the_mean_loss_that_is_squared)
{
    assert_scores(2, 2, 1, 2 * 1 * 0.25, 2 * 16 * 0.25); /* means of (-2, 1) and (1, -2) */
}

NT_TEST(no_more_batches_are_looked_at_than_were_asked_for)
{
    double one[2] = {0}, all[2] = {0};

    assert_ok(scores(one, 3, 1, 1, e));
    assert_ok(scores(all, 3, 1, 3, e));
    assert_true(one[0] < all[0]);
    assert_true(one[1] < all[1]);
}

NT_TEST(a_split_that_is_smaller_than_a_batch_is_one)
{
    assert_scores(2, 4, 8, 2 * 1 * 0.25, 2 * 16 * 0.25);
}

NT_TEST_MAIN
