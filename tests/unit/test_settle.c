/* SPDX-License-Identifier: MIT */
/* Statistics found anew against those worked out from the pictures: two normalisations behind
 * a convolution by one weight a channel. */
#include "data_files.h"

#include "exec/params.h"
#include "graph/model.h"
#include "graph/pass.h"
#include "graph/zoo.h"
#include "op/registry.h"
#include "train/settle.h"

#include <math.h>

#define NET                                                                                    \
    "{\"name\":\"n\",\"about\":\"\",\"input\":[1,6,6],\"classes\":10,\"layers\":["             \
    "{\"conv\":\"c\",\"out\":3,\"kernel\":1},{\"bn\":\"a\"},\"relu\",{\"bn\":\"b\"},"          \
    "\"flatten\",{\"linear\":\"fc\",\"out\":\"classes\"}]}"
#define PLAIN                                                                                  \
    "{\"name\":\"n\",\"about\":\"\",\"input\":[1,6,6],\"classes\":10,\"layers\":["             \
    "\"flatten\",{\"linear\":\"fc\",\"out\":\"classes\"}]}"

enum { CHANNELS = 3, PIXELS = 36, BATCH = 8 };

typedef struct setup {
    temp_dir dir;
    nt_dataset *data;
    nt_split *train;
    nt_device *dev;
} setup;

static setup set_up(void)
{
    setup u = {.dir = temp_dir_new()};

    put_idx(&u.dir, "train", 30, 6, 6, false);
    u.data = open_data(&u.dir, "idx:%s");
    u.train = open_split(u.data, "train");
    assert_ok(nt_device_new(&u.dev, 1, e));
    return u;
}

static void tear_down(setup *u)
{
    nt_split_free(u->train);
    nt_dataset_free(u->data);
    nt_device_free(u->dev);
    temp_dir_remove(&u->dir);
}

static nt_model *make_model(const char *text)
{
    nt_zoo_opts o = {.seed = 5};
    nt_graph *g = NULL;
    nt_model *m = NULL;
    cJSON *j = NULL;

    assert_ok(nt_json_parse(&j, text, strlen(text), e));
    assert_ok(nt_zoo_build(&g, j, &o, e));
    assert_ok(nt_graph_bind(g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(g, e));
    assert_ok(nt_model_from_graph(&m, g, e));
    nt_json_free(j);
    return m;
}

static nt_settle_opts opts(int64_t batches, uint64_t seed)
{
    return (nt_settle_opts){
        .batches = batches, .batch_size = BATCH, .workers = 1, .compute = NT_F32, .seed = seed};
}

static nt_params *params_of(nt_model *m)
{
    nt_params *p = NULL;

    assert_ok(nt_params_new(&p, nt_model_graph(m), e));
    return p;
}

/* ---- the same by hand */

typedef struct moments {
    double mean, var; /* of the population */
} moments;

static moments moments_of(const double *y, int64_t n)
{
    moments m = {0};

    for (int64_t i = 0; i < n; i++)
        m.mean += y[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        m.var += (y[i] - m.mean) * (y[i] - m.mean) / (double)n;
    return m;
}

/* What a normalisation remembers of a channel, in the order of nt_params: mean, variance. */
static void add(double *mean, double *var, moments m, int64_t n)
{
    double samples = (double)n / PIXELS;

    *mean += samples * m.mean;
    *var += samples * m.var * (double)n / (double)(n - 1);
}

/* want [2][2][CHANNELS]: of a, of b, times samples. */
static void add_batch(double *want, const nt_batch *b, const float *weight)
{
    const float *x = nt_batch_pictures(b);
    double y[BATCH * PIXELS];
    int64_t n = b->n * PIXELS;

    for (int k = 0; k < CHANNELS; k++) {
        moments m;

        for (int64_t i = 0; i < n; i++)
            y[i] = (double)weight[k] * x[i];
        m = moments_of(y, n);
        add(&want[k], &want[CHANNELS + k], m, n);
        for (int64_t i = 0; i < n; i++)
            y[i] = fmax((y[i] - m.mean) / sqrt(m.var + 1e-5), 0);
        add(&want[2 * CHANNELS + k], &want[3 * CHANNELS + k], moments_of(y, n), n);
    }
}

static void work_out(double *want, const setup *u, const float *weight, int batches)
{
    nt_loader *l = open_loader(
        u->train,
        (nt_loader_opts){.batch_size = BATCH, .shuffle = -1, .augment = true, .workers = 1});
    const nt_batch *b;
    double samples = 0;

    memset(want, 0, 4 * CHANNELS * sizeof *want);
    while (batches-- > 0 && (b = next_batch(l))) {
        add_batch(want, b, weight);
        samples += (double)b->n;
    }
    for (int i = 0; i < 4 * CHANNELS; i++)
        want[i] /= samples;
    nt_loader_free(l);
}

static void has_statistics(const nt_params *p, const double *want)
{
    assert_int_equal(p->n_state, 4 * CHANNELS);
    for (size_t i = 0; i < p->n_state; i++)
        assert_float_equal(p->state[i], want[i], 1e-5 * fmax(1, fabs(want[i])));
}

/* ---- tests */

NT_TEST(the_statistics_are_those_of_the_batches_by_hand)
{
    static const int asked[] = {1, 2, 4}, samples[] = {8, 16, 30}; /* 8 + 8 + 8 + 6 */
    setup u = set_up();

    for (int i = 0; i < 3; i++) {
        nt_model *m = make_model(NET);
        nt_params *before = params_of(m), *after;
        nt_settle_opts o = opts(asked[i], 0);
        double want[4 * CHANNELS];
        nt_settled d;

        assert_ok(nt_settle(&d, nt_model_graph(m), u.dev, u.train, &o, e));
        after = params_of(m);
        work_out(want, &u, nt_param_data(before, nt_params_find(before, "c.weight")), asked[i]);
        has_statistics(after, want);
        assert_memory_equal(after->w, before->w, before->n_w * sizeof(float));
        assert_true(d.norms == 2 && d.batches == asked[i] && d.samples == samples[i]);
        nt_params_free(before);
        nt_params_free(after);
        nt_model_free(m);
    }
    tear_down(&u);
}

NT_TEST(more_batches_than_there_are_take_them_all_once)
{
    setup u = set_up();
    nt_model *m = make_model(NET);
    nt_settle_opts o = opts(99, 0);
    nt_settled d;

    assert_ok(nt_settle(&d, nt_model_graph(m), u.dev, u.train, &o, e));
    assert_true(d.batches == 4 && d.samples == 30);
    nt_model_free(m);
    tear_down(&u);
}

static void settle_from(nt_model *m, setup *u, float start)
{
    nt_params *p = params_of(m);
    nt_settle_opts o = opts(2, 3);
    nt_settled d;

    for (size_t i = 0; i < p->n_state; i++)
        p->state[i] = start;
    assert_ok(nt_params_store(p, nt_model_graph(m), e));
    assert_ok(nt_settle(&d, nt_model_graph(m), u->dev, u->train, &o, e));
    nt_params_free(p);
}

NT_TEST(what_was_remembered_before_has_no_part_in_it)
{
    static const float start[] = {0, 5, INFINITY, NAN};
    setup u = set_up();
    nt_model *first = make_model(NET);
    nt_params *want;

    settle_from(first, &u, 1);
    want = params_of(first);
    for (int i = 0; i < 4; i++) {
        nt_model *m = make_model(NET);
        nt_params *p;

        settle_from(m, &u, start[i]);
        p = params_of(m);
        assert_memory_equal(p->state, want->state, p->n_state * sizeof(float));
        nt_params_free(p);
        nt_model_free(m);
    }
    nt_params_free(want);
    nt_model_free(first);
    tear_down(&u);
}

NT_TEST(a_network_without_normalisations_is_refused)
{
    setup u = set_up();
    nt_model *m = make_model(PLAIN);
    nt_settle_opts o = opts(2, 0);
    nt_settled d;

    assert_fails(NT_EUNSUPPORTED, "it has no BatchNormalization to settle",
                 nt_settle(&d, nt_model_graph(m), u.dev, u.train, &o, e));
    nt_model_free(m);
    tear_down(&u);
}

NT_TEST(statistics_that_are_not_finite_are_named_and_nothing_changes)
{
    setup u = set_up();
    nt_model *m = make_model(NET);
    nt_params *p = params_of(m), *after;
    nt_settle_opts o = opts(2, 0);
    nt_settled d;

    nt_param_data(p, nt_params_find(p, "c.weight"))[1] = INFINITY;
    assert_ok(nt_params_store(p, nt_model_graph(m), e));
    assert_fails(NT_EFORMAT, "'a.running_mean' comes to what is not finite",
                 nt_settle(&d, nt_model_graph(m), u.dev, u.train, &o, e));
    after = params_of(m);
    assert_memory_equal(after->state, p->state, p->n_state * sizeof(float));
    nt_params_free(after);
    nt_params_free(p);
    nt_model_free(m);
    tear_down(&u);
}

NT_TEST_MAIN
