/* SPDX-License-Identifier: MIT */
/* What rounding one layer does to a small seeded network. */
#include "quant_data.h"

#include "quant/qdq.h"
#include "quant/qscale.h"
#include "quant/sensitivity.h"
#include "train/batch_plan.h"

typedef struct fixture {
    pictures u;
    net t;
    nt_qspec *q;
    nt_sensitivity *sens;
    nt_calib c;
    nt_ptq_opts o;
} fixture;

static fixture open_fixture(void)
{
    fixture f = {.u = open_pictures(), .t = dense_net(), .o = {.method = NT_RANGE_MINMAX}};

    f.c = (nt_calib){.dev = f.u.dev, .split = f.u.train, .batch_size = 7};
    assert_ok(nt_qspec_new(&f.q, f.t.g, e));
    assert_ok(nt_sensitivity_new(&f.sens, f.t.g, &f.c, &f.o, e));
    return f;
}

static void close_fixture(fixture *f)
{
    nt_sensitivity_free(f->sens);
    nt_qspec_free(f->q);
    finish(&f->t);
    close_pictures(&f->u);
}

static nt_qlayer at_bits(fixture *f, const char *name, int w, int a)
{
    nt_qlayer l = *layer_called(f->q, name);

    l.weight = w ? nt_qtarget_weight(w) : (nt_qtarget){0};
    l.input = a ? nt_qtarget_input(a) : (nt_qtarget){0};
    return l;
}

static double kl(fixture *f, const char *name, int w, int a)
{
    nt_qlayer l = at_bits(f, name, w, a);
    double v = -1;

    assert_ok(nt_sensitivity_kl(&v, f->sens, &l, e));
    return v;
}

static double fisher(fixture *f, const char *name, int w)
{
    nt_qlayer l = at_bits(f, name, w, 0);
    double v = -1;

    assert_ok(nt_sensitivity_fisher(&v, f->sens, &l, e));
    return v;
}

/* Softmax of the outputs for all pictures, in the split's order: p [N_PICTURES][10]. */
static void probabilities(double *p, const pictures *u, const nt_graph *g)
{
    nt_loader *l = open_loader(u->train, (nt_loader_opts){.batch_size = N_PICTURES});
    const nt_batch *b = next_batch(l);
    nt_batch_like like = {.n = b->n, .sample = nt_loader_sample(l)};
    nt_batch_plan *bp = NULL;
    nt_plan *ran = NULL;
    const float *y;

    assert_ok(nt_batch_plan_new(&bp, g, u->dev, &(nt_plan_opts){0}, &like, e));
    assert_ok(nt_batch_plan_forward(bp, &(nt_batch_in){.b = b}, &ran, e));
    y = nt_batch_plan_output(bp)->data;
    for (int i = 0; i < N_PICTURES; i++) {
        double sum = 0;

        for (int k = 0; k < 10; k++)
            sum += exp(y[i * 10 + k]);
        for (int k = 0; k < 10; k++)
            p[i * 10 + k] = exp(y[i * 10 + k]) / sum;
    }
    nt_batch_plan_free(bp);
    nt_loader_free(l);
}

NT_TEST(the_divergence_is_that_of_a_network_with_one_layer_quantized)
{
    fixture f = open_fixture();
    double p[N_PICTURES * 10], q[N_PICTURES * 10], want = 0;
    net other = dense_net();
    nt_qspec *spec = NULL;
    cJSON *record = NULL;

    assert_ok(nt_qspec_new(&spec, other.g, e));
    layer_called(spec, "fc1")->weight = nt_qtarget_weight(3);
    layer_called(spec, "fc1")->input = nt_qtarget_input(4);
    assert_ok(nt_ptq(&record, other.g, spec, &f.c, &f.o, e));
    probabilities(p, &f.u, f.t.g);
    probabilities(q, &f.u, other.g);
    for (int i = 0; i < N_PICTURES * 10; i++)
        want += p[i] * log(p[i] / q[i]) / N_PICTURES;
    assert_true(want > 0);
    assert_float_equal(kl(&f, "fc1", 3, 4), want, 1e-5 * (1 + want));
    nt_json_free(record);
    nt_qspec_free(spec);
    finish(&other);
    close_fixture(&f);
}

NT_TEST(fewer_bits_cost_more_and_floats_nothing)
{
    static const char *const names[] = {"fc1", "fc2"};
    fixture f = open_fixture();

    for (int i = 0; i < 2; i++) {
        assert_float_equal(kl(&f, names[i], 0, 0), 0, 0);
        assert_true(kl(&f, names[i], 8, 8) < kl(&f, names[i], 4, 8));
        assert_true(kl(&f, names[i], 4, 8) < kl(&f, names[i], 2, 8));
        assert_true(kl(&f, names[i], 8, 8) < kl(&f, names[i], 8, 2));
        assert_float_equal(fisher(&f, names[i], 0), 0, 0);
        assert_true(fisher(&f, names[i], 8) < fisher(&f, names[i], 4));
        assert_true(fisher(&f, names[i], 4) < fisher(&f, names[i], 2));
    }
    close_fixture(&f);
}

NT_TEST(the_network_stays_as_it_was_and_the_same_is_said_twice)
{
    fixture f = open_fixture();
    net fresh = dense_net();
    double one = kl(&f, "fc1", 2, 4), two;

    (void)kl(&f, "fc2", 2, 4);
    (void)fisher(&f, "fc1", 2);
    two = kl(&f, "fc1", 2, 4);
    assert_float_equal(one, two, 0);
    assert_float_equal(apart(f.t.g, fresh.g), 0, 0);
    finish(&fresh);
    close_fixture(&f);
}

/* One dense layer from pixels: a sample's gradient of weight (k, i) is (p_k - [k is its label])
 * x_i. */
NT_TEST(fisher_information_of_a_dense_layer_by_hand)
{
    pictures u = open_pictures();
    net t = start(17);
    nt_value *x = NODE(&t, "Flatten", "flat", input(&t, "x", DIMS(-1, 1, 6, 6)))->out[0];
    const nt_calib c = {.dev = u.dev, .split = u.train, .batch_size = 1};
    nt_ptq_opts o = {.method = NT_RANGE_MINMAX};
    nt_qtarget two = nt_qtarget_weight(2);
    nt_qpairs pairs = {0};
    nt_sensitivity *sens = NULL;
    nt_qspec *q = NULL;
    double p[N_PICTURES * 10], want = 0, got = -1;
    nt_loader *l = open_loader(u.train, (nt_loader_opts){.batch_size = N_PICTURES});
    const nt_batch *b = next_batch(l);
    const nt_tensor *w;

    complete(&t, gemm(&t, "fc", x, 36, 10));
    randomise(&t);
    w = nt_graph_find_value(t.g, "fc.weight")->data;
    probabilities(p, &u, t.g);
    assert_ok(nt_qscale_weight(&pairs, w, 0, &two, true, e));
    for (int s = 0; s < N_PICTURES; s++)
        for (int at = 0; at < 360; at++) {
            float v = ((float *)w->data)[at];
            nt_qpair pair = pairs.pair[at / 36];
            double d = (double)nt_qtarget_code(&two, pair, v) * pair.scale - v;
            double g = (p[s * 10 + at / 36] - (label_at(b, s) == at / 36)) *
                       nt_batch_pictures(b)[s * 36 + at % 36];

            want += g * g * d * d / 2 / N_PICTURES;
        }
    assert_ok(nt_qspec_new(&q, t.g, e));
    assert_ok(nt_sensitivity_new(&sens, t.g, &c, &o, e));
    layer_called(q, "fc")->weight = two;
    assert_ok(nt_sensitivity_fisher(&got, sens, layer_called(q, "fc"), e));
    assert_float_equal(got, want, 1e-4 * want);
    nt_sensitivity_free(sens);
    nt_qspec_free(q);
    nt_qpairs_release(&pairs);
    nt_loader_free(l);
    finish(&t);
    close_pictures(&u);
}

NT_TEST_MAIN
