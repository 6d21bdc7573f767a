/* SPDX-License-Identifier: MIT */
/*
 * Equalisation measured on samples: every kind of pair gets back what channels of very
 * different sizes had cost it, what does not commute says so, and nothing becomes worse.
 */
#include "quant_sqnr.h"

#include "op/registry.h"
#include "quant/eqpair.h"
#include "quant/equalize.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { CHANNELS = 8 };

/* ---- networks: pictures - Conv - Sigmoid - FIRST - between - SECOND - Sigmoid */

static nt_value *with_bias(net *t, nt_node *n, const char *name, int64_t k)
{
    char buf[64];

    snprintf(buf, sizeof buf, "%s.bias", name);
    assert_ok(nt_graph_set_input(t->g, n, 2, weight(t, buf, DIMS(k)), e));
    return n->out[0];
}

/* A convolution, transposed or not, of 3 x 3 in g groups with a bias. */
static nt_value *conv3(net *t, const char *op, const char *name, nt_value *x, int64_t c,
                       int64_t k, int64_t g)
{
    bool up = strcmp(op, "ConvTranspose") == 0;
    nt_value *w =
        up ? weight(t, name, DIMS(c, k / g, 3, 3)) : weight(t, name, DIMS(k, c / g, 3, 3));
    nt_node *n = NODE(t, op, NULL, x, w);

    assert_ok(nt_node_set_ints(t->g, n, "pads", (const int64_t[]){1, 1, 1, 1}, 4, e));
    assert_ok(nt_node_set_int(t->g, n, "group", g, e));
    return with_bias(t, n, name, k);
}

static nt_value *dense(net *t, const char *op, const char *name, nt_value *x, int64_t c,
                       int64_t k)
{
    bool turned = strcmp(op, "Gemm'") == 0;
    nt_value *w = turned ? weight(t, name, DIMS(k, c)) : weight(t, name, DIMS(c, k));
    nt_node *n;

    if (strcmp(op, "MatMul") == 0)
        return NODE(t, "MatMul", NULL, x, w)->out[0];
    n = NODE(t, "Gemm", NULL, x, w);
    assert_ok(nt_node_set_int(t->g, n, "transB", turned, e));
    return with_bias(t, n, name, k);
}

/* "Conv", "Conv/2" in two groups, "Conv/8" depthwise, ...; "Gemm'" is transposed. */
static nt_value *layer(net *t, const char *kind, const char *name, nt_value *x, int64_t k)
{
    const char *slash = strchr(kind, '/');
    int64_t c = x->dims[1].value;
    char op[32];

    assert_ok(nt_graph_bind(t->g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(t->g, e));
    c = x->dims[1].value;
    snprintf(op, sizeof op, "%.*s", (int)(slash ? slash - kind : 31), kind);
    if (kind[0] == 'G' || kind[0] == 'M')
        return dense(t, op, name, x, c, k);
    return conv3(t, op, name, x, c, k, slash ? atoi(slash + 1) : 1);
}

static nt_value *square(net *t, const char *op, nt_value *x)
{
    nt_node *n = NODE(t, op, NULL, x);

    assert_ok(nt_node_set_ints(t->g, n, "kernel_shape", (const int64_t[]){2, 2}, 2, e));
    assert_ok(nt_node_set_ints(t->g, n, "strides", (const int64_t[]){2, 2}, 2, e));
    return n->out[0];
}

static nt_value *numbers(net *t, int rank, float v)
{
    char name[32];
    nt_value *w;

    snprintf(name, sizeof name, "const%d", t->g->n_values);
    w = rank == 1 ? weight(t, name, DIMS(CHANNELS)) : weight(t, name, DIMS(CHANNELS, 1, 1));
    for (int64_t i = 0; i < CHANNELS; i++)
        nt_tensor_set(w->data, i, v + (double)i / 20);
    return w;
}

static nt_value *turned(net *t, nt_value *x, int a, int b, int c, int d)
{
    nt_node *n = NODE(t, "Transpose", NULL, x);

    assert_ok(nt_node_set_ints(t->g, n, "perm", (const int64_t[]){a, b, c, d}, 4, e));
    return n->out[0];
}

static nt_value *clipped(net *t, nt_value *x)
{
    const float ends[] = {0, 6};
    nt_value *v[2];

    for (int i = 0; i < 2; i++) {
        nt_tensor *c = NULL;

        assert_ok(nt_tensor_new(&c, NT_F32, 0, NULL, e));
        nt_tensor_set(c, 0, ends[i]);
        assert_ok(nt_graph_add_const(&v[i], t->g, NULL, c, e));
    }
    return NODE(t, "Clip", NULL, x, v[0], v[1])->out[0];
}

/* One letter each. */
static nt_value *between(net *t, char kind, nt_value *x)
{
    switch (kind) {
    case 'r':
        return NODE(t, "Relu", NULL, x)->out[0];
    case 'l':
        return NODE(t, "LeakyRelu", NULL, x)->out[0];
    case 'p':
        return NODE(t, "PRelu", NULL, x, numbers(t, 3, 0.1F))->out[0];
    case 'm':
        return square(t, "MaxPool", x);
    case 'a':
        return square(t, "AveragePool", x);
    case 'g':
        return NODE(t, "GlobalAveragePool", NULL, x)->out[0];
    case 'f':
        return NODE(t, "Flatten", NULL, x)->out[0];
    case 'v':
        return NODE(t, "Reshape", NULL, x, ints(t, 2, (const int64_t[]){-1, CHANNELS * 36}))
            ->out[0];
    case 'b':
        return NODE(t, "BatchNormalization", NULL, x, numbers(t, 1, 1), numbers(t, 1, 0.3F),
                    numbers(t, 1, 0.2F), numbers(t, 1, 0.5F))
            ->out[0];
    case '*':
        return NODE(t, "Mul", NULL, numbers(t, 3, 0.5F), x)->out[0];
    case '+':
        return NODE(t, "Add", NULL, x, numbers(t, 3, 0.2F))->out[0];
    case '-':
        return NODE(t, "Sub", NULL, numbers(t, 3, 0.2F), x)->out[0];
    case '&':
        return NODE(t, "Add", NULL, x, numbers(t, 1, 0.2F))->out[0];
    case 't':
        return turned(t, NODE(t, "Relu", NULL, turned(t, x, 0, 2, 3, 1))->out[0], 0, 3, 1, 2);
    case 's':
        return NODE(t, "Sigmoid", NULL, x)->out[0];
    case '6':
        return clipped(t, x);
    default:
        return x;
    }
}

typedef struct pairing {
    const char *first, *between, *second;
    const char *why; /* NULL: they are a pair */
} pairing;

static net make(const pairing *p)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(-1, 1, 6, 6));

    x = NODE(&t, "Sigmoid", "s1", conv3(&t, "Conv", "pre", x, 1, CHANNELS, 1))->out[0];
    if (p->first[0] == 'G' || p->first[0] == 'M')
        x = NODE(&t, "Flatten", "f1", x)->out[0];
    x = layer(&t, p->first, "one", x, CHANNELS);
    for (const char *b = p->between; *b; b++)
        x = between(&t, *b, x);
    x = layer(&t, p->second, "two", x, CHANNELS);
    complete(&t, NODE(&t, "Sigmoid", "s2", x)->out[0]);
    randomise(&t);
    for (int i = 0; i < t.g->n_nodes; i++) { /* a variance is positive */
        nt_node *n = t.g->nodes[i];

        for (int64_t k = 0; nt_node_is(n, "BatchNormalization") && k < CHANNELS; k++)
            nt_tensor_set(n->in[4]->data, k, 0.5 + (double)k / 10);
    }
    return t;
}

/* Makes channel i of the pair 10^(i % 4) times as large: the network stays the same. */
static bool spread(const nt_graph *g)
{
    nt_eqpair *p = NULL;
    float s[CHANNELS];
    bool found = false;
    int n = 0;

    for (int i = 0; i < CHANNELS; i++)
        s[i] = powf(10, -(float)(i % 4));
    assert_ok(nt_eqpairs_find(&p, &n, g, e));
    for (int i = 0; i < n; i++)
        if (p[i].second && p[i].channels == CHANNELS) {
            nt_eqpair_scale(&p[i], s);
            found = true;
        }
    nt_free(p);
    return found;
}

static cJSON *equalize(nt_graph *g, const pictures *u, const char *bits, bool data)
{
    nt_calib c = {.dev = u->dev, .split = u->train, .batch_size = 16};
    nt_ptq_opts p;
    nt_equalize_opts o = {.ptq = &p, .calib = data ? &c : NULL};
    nt_qspec *q = NULL;
    cJSON *report = NULL;

    nt_ptq_defaults(&p);
    assert_ok(nt_qspec_new(&q, g, e));
    assert_ok(nt_qspec_bits(q, bits, false, e));
    o.spec = q;
    assert_ok(nt_equalize(&report, g, &o, e));
    nt_qspec_free(q);
    return report;
}

static double sqnr(const nt_graph *ref, const nt_graph *g, const pictures *u)
{
    nt_graph *q = quantized(g, u, NT_ROUND_NEAREST, NT_RANGE_MSE);
    double db = worst_sqnr(ref, q, u);

    nt_graph_free(q);
    return db;
}

static double number(const cJSON *j, const char *key)
{
    return cJSON_GetObjectItem(j, key)->valuedouble;
}

static const pairing pairs[] = {
    {"Conv", "", "Conv", NULL},
    {"Conv", "r", "Conv", NULL},
    {"Conv", "l", "Conv", NULL},
    {"Conv", "p", "Conv", NULL},
    {"Conv", "rm", "Conv", NULL},
    {"Conv", "ar", "Conv", NULL},
    {"Conv", "b", "Conv", NULL},
    {"Conv", "rb", "Conv", NULL},
    {"Conv", "*r+", "Conv", NULL},
    {"Conv", "-r", "Conv", NULL},
    {"Conv", "t", "Conv", NULL},
    {"Conv", "r", "Conv/2", NULL},
    {"Conv/2", "r", "Conv", NULL},
    {"Conv", "r", "Conv/8", NULL},
    {"Conv/8", "r", "Conv", NULL},
    {"Conv", "r", "ConvTranspose", NULL},
    {"ConvTranspose", "r", "Conv", NULL},
    {"ConvTranspose", "rm", "ConvTranspose", NULL},
    {"ConvTranspose/2", "l", "ConvTranspose/2", NULL},
    {"ConvTranspose/8", "r", "Conv/8", NULL},
    {"Conv", "rgf", "Gemm", NULL},
    {"Conv", "rgf", "Gemm'", NULL},
    {"Conv", "rf", "Gemm", NULL},
    {"Conv", "rf", "MatMul", NULL},
    {"Conv", "rv", "Gemm'", NULL},
    {"Gemm", "r", "Gemm", NULL},
    {"Gemm'", "l", "Gemm", NULL},
    {"Gemm'", "r", "MatMul", NULL},
    {"MatMul", "&r", "MatMul", NULL},
    {"MatMul", "r", "Gemm'", NULL},
    {"Conv", "s", "Conv", "Sigmoid does not commute with factors"},
    {"Conv", "6", "Conv", "Clip does not commute with factors"},
    {"ConvTranspose", "rs", "Conv", "Sigmoid does not commute with factors"},
};

NT_TEST(each_kind_of_pair_gets_back_what_its_channels_sizes_cost)
{
    pictures u = open_pictures();

    for (size_t i = 0; i < COUNT(pairs); i++) {
        const pairing *p = &pairs[i];
        net plain = make(p), t = make(p);
        double want, bad, got, same;
        cJSON *report, *one;

        assert_int_equal(spread(t.g), p->why == NULL);
        same = worst_sqnr(plain.g, t.g, &u);
        want = sqnr(plain.g, plain.g, &u);
        bad = sqnr(plain.g, t.g, &u);
        report = equalize(t.g, &u, "8", true);
        got = sqnr(plain.g, t.g, &u);
        one = cJSON_GetArrayItem(report, 1);
        if (p->why) {
            assert_string_equal(cJSON_GetObjectItem(one, "why")->valuestring, p->why);
        } else if (same < 80 || bad > want - 6 || got < want - 3 ||
                   worst_sqnr(plain.g, t.g, &u) < 80) {
            fail_msg("%s-%s-%s: %.1f dB became %.1f, and equalized %.1f; in float %.1f, %.1f",
                     p->first, p->between, p->second, want, bad, got, same,
                     worst_sqnr(plain.g, t.g, &u));
        } else {
            assert_true(cJSON_IsTrue(cJSON_GetObjectItem(one, "taken")));
            assert_true(number(one, "sqnr_db") > number(one, "sqnr_before_db") + 3);
        }
        nt_json_free(report);
        finish(&plain);
        finish(&t);
    }
    close_pictures(&u);
}

/* Channel 0 is almost all bias: by its weights alone it is small, and what it puts out is not.
 */
static void bias_heavy(const net *t)
{
    nt_tensor *w = nt_graph_find_value(t->g, "one")->data;
    nt_tensor *b = nt_graph_find_value(t->g, "one.bias")->data;

    for (int64_t i = 0; i < nt_tensor_count(w) / CHANNELS; i++)
        nt_tensor_set(w, i, nt_tensor_get(w, i) * 1e-4);
    nt_tensor_set(b, 0, 1);
}

NT_TEST(a_bias_does_not_make_a_pair_worse)
{
    const pairing p = {"Conv", "r", "Conv", NULL};
    pictures u = open_pictures();
    double db[3];

    for (int how = 0; how < 3; how++) { /* as it is, by the weights alone, measured */
        net plain = make(&p), t = make(&p);

        bias_heavy(&plain);
        bias_heavy(&t);
        if (how)
            nt_json_free(equalize(t.g, &u, "8", how == 2));
        db[how] = sqnr(plain.g, t.g, &u);
        finish(&plain);
        finish(&t);
    }
    if (db[1] > db[0] - 6 || db[2] < db[0])
        fail_msg("%.1f dB became %.1f by weights and %.1f measured", db[0], db[1], db[2]);
    close_pictures(&u);
}

/* Five layers in a row, their channels of random sizes: each is of two pairs. */
static net chain(uint64_t seed)
{
    static const char *const kinds[] = {"Conv", "Conv/8", "Conv", "ConvTranspose", "Conv"};
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(-1, 1, 6, 6));
    char name[8];
    nt_rng rng;

    nt_rng_init(&rng, seed);
    x = NODE(&t, "Sigmoid", "s1", conv3(&t, "Conv", "pre", x, 1, CHANNELS, 1))->out[0];
    for (size_t i = 0; i < COUNT(kinds); i++) {
        snprintf(name, sizeof name, "w%zu", i);
        x = NODE(&t, "Relu", NULL, layer(&t, kinds[i], name, x, CHANNELS))->out[0];
    }
    complete(&t, NODE(&t, "Sigmoid", "s2", x)->out[0]);
    randomise(&t);
    for (int i = 0; i < t.g->n_values; i++) {
        nt_tensor *w = t.g->values[i]->data;

        for (int64_t k = 0; w && k < nt_tensor_count(w); k++)
            nt_tensor_set(w, k, nt_tensor_get(w, k) * exp(3 * nt_rng_double(&rng)));
    }
    return t;
}

NT_TEST(no_pair_of_a_chain_has_more_noise_than_before)
{
    static const char *const bits[] = {"8", "4/8", "8/4", "4/32"};
    pictures u = open_pictures();
    int taken = 0;

    for (uint64_t seed = 0; seed < 12; seed++) {
        net plain = chain(seed), t = chain(seed);
        cJSON *report = equalize(t.g, &u, bits[seed % COUNT(bits)], true), *j;
        int n = 0;

        cJSON_ArrayForEach(j, report)
        {
            if (!cJSON_HasObjectItem(j, "second"))
                continue;
            n++;
            taken += cJSON_IsTrue(cJSON_GetObjectItem(j, "taken"));
            if (number(j, "sqnr_db") < number(j, "sqnr_before_db") - 1e-3)
                fail_msg("seed %d, pair %d: %.3f dB became %.3f", (int)seed, n,
                         number(j, "sqnr_before_db"), number(j, "sqnr_db"));
        }
        assert_int_equal(n, 4);
        assert_true(worst_sqnr(plain.g, t.g, &u) > 80);
        nt_json_free(report);
        finish(&plain);
        finish(&t);
    }
    assert_true(taken >= 12);
    close_pictures(&u);
}

NT_TEST(the_same_input_gives_the_same_weights)
{
    pictures u = open_pictures();
    net a = chain(3), b = chain(3);

    nt_json_free(equalize(a.g, &u, "8", true));
    nt_json_free(equalize(b.g, &u, "8", true));
    for (int i = 0; i < a.g->n_values; i++) {
        const nt_tensor *x = a.g->values[i]->data, *y = b.g->values[i]->data;

        if (x)
            assert_memory_equal(x->data, y->data, nt_tensor_bytes(x));
    }
    finish(&a);
    finish(&b);
    close_pictures(&u);
}

typedef struct refusal {
    const char *what, *why;
} refusal;

/* Two reads, an output, a shared weight, a sum with one number for all channels. */
static net refused(const char *what)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(-1, 1, 6, 6)), *y, *z;

    y = conv3(&t, "Conv", "one", x, 1, CHANNELS, 1);
    if (strcmp(what, "output") == 0)
        assert_ok(nt_graph_add_output(t.g, y, e));
    x = NODE(&t, "Relu", "r", y)->out[0];
    if (strcmp(what, "number") == 0)
        x = NODE(&t, "Add", "add", x, weight(&t, "n", DIMS(1)))->out[0];
    z = layer(&t, "Conv", "two", x, CHANNELS);
    if (strcmp(what, "reads") == 0)
        z = NODE(&t, "Add", "sum", z, y)->out[0];
    if (strcmp(what, "shared") == 0) {
        nt_node *n = NODE(&t, "Conv", "again", z, nt_graph_find_value(t.g, "two"));

        assert_ok(nt_node_set_ints(t.g, n, "pads", (const int64_t[]){1, 1, 1, 1}, 4, e));
        z = n->out[0];
    }
    complete(&t, z);
    randomise(&t);
    return t;
}

NT_TEST(what_is_no_pair_says_why)
{
    static const refusal cases[] = {{"output", "the network puts it out"},
                                    {"reads", "2 nodes read it"},
                                    {"number", "'add' adds what is not the channels' own"},
                                    {"shared", "the weight of '"}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        net t = refused(cases[i].what);
        cJSON *report = NULL, *one;

        assert_ok(nt_equalize(&report, t.g, NULL, e));
        one = cJSON_GetArrayItem(report, 0);
        assert_false(cJSON_IsTrue(cJSON_GetObjectItem(one, "taken")));
        if (!strstr(cJSON_GetObjectItem(one, "why")->valuestring, cases[i].why))
            fail_msg("%s: %s", cases[i].what, cJSON_GetObjectItem(one, "why")->valuestring);
        nt_json_free(report);
        finish(&t);
    }
}

NT_TEST(lack_of_memory_anywhere_is_reported)
{
    pictures u = open_pictures();
    long n = 1, reported = 0;
    nt_status s = NT_ENOMEM;

    for (; s != NT_OK; n += 1 + n / 6) {
        const pairing p = {"Conv", "r", "Conv", NULL};
        net t = make(&p);
        nt_calib c = {.dev = u.dev, .split = u.train, .batch_size = 16, .samples = 16};
        nt_ptq_opts po;
        nt_equalize_opts o = {.ptq = &po, .calib = &c};
        nt_qspec *q = NULL;
        cJSON *report = NULL;
        nt_err err = {{0}};

        nt_ptq_defaults(&po);
        assert_ok(nt_qspec_new(&q, t.g, e));
        assert_ok(nt_qspec_bits(q, "8", false, e));
        o.spec = q;
        nt_alloc_fail_at(n);
        s = nt_equalize(&report, t.g, &o, &err);
        nt_alloc_fail_at(0);
        if (s != NT_OK && (s != NT_ENOMEM || !strstr(err.msg, "out of memory")))
            fail_msg("allocation %ld: status %d '%s'", n, s, err.msg);
        reported += s != NT_OK;
        nt_json_free(report);
        nt_qspec_free(q);
        finish(&t);
    }
    assert_true(reported > 20);
    close_pictures(&u);
}

NT_TEST_MAIN
