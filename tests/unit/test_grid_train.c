/* SPDX-License-Identifier: MIT */
/* The grid of grid.h in training: what fused and unfused plans give, and their gradients by
 * every number that goes in, x and the constant among them. */
#include "grid.h"

static nt_device *dev[2];
static int n_runs;

static bool is_state(const nt_value *v)
{
    return v->uses[0].node->op->state >> v->uses[0].index & 1;
}

/* Every constant that is used, as if it were a parameter; statistics as state. */
static nt_params *all_params(const nt_graph *g)
{
    nt_params *p = nt_calloc(1, sizeof *p);

    assert_non_null(p);
    p->v = nt_calloc((size_t)g->n_values, sizeof *p->v);
    assert_non_null(p->v);
    for (int i = 0; i < g->n_values; i++) {
        const nt_value *v = g->values[i];
        size_t *n;

        if (!v->data || !v->n_uses)
            continue;
        n = is_state(v) ? &p->n_state : &p->n_w;
        p->v[p->n++] = (nt_param){.name = v->name,
                                  .offset = *n,
                                  .count = (size_t)nt_tensor_count(v->data),
                                  .is_state = is_state(v)};
        *n += p->v[p->n - 1].count;
    }
    p->w = nt_alloc(p->n_w, sizeof *p->w);
    p->g = nt_alloc(p->n_w, sizeof *p->g);
    p->state = nt_alloc(p->n_state + 1, sizeof *p->state);
    assert_true(p->w && p->g && p->state);
    for (int i = 0; i < p->n; i++)
        memcpy(nt_param_data(p, &p->v[i]), nt_graph_find_value(g, p->v[i].name)->data->data,
               p->v[i].count * sizeof(float));
    return p;
}

static void fill_grad(nt_tensor *dy)
{
    nt_rng r;

    nt_rng_init(&r, 11);
    for (int64_t i = 0; i < nt_tensor_count(dy); i++)
        nt_tensor_set(dy, i, 2 * nt_rng_double(&r) - 1);
}

static nt_plan *run(const nt_graph *g, nt_device *d, nt_params *params, nt_dtype compute,
                    bool no_fusion)
{
    const nt_plan_opts o = {
        .training = true, .compute = compute, .params = params, .no_fusion = no_fusion};
    nt_plan *p = NULL;

    assert_ok(nt_plan_new(&p, g, d, &o, e));
    assert_ok(nt_plan_forward(p, e));
    fill_grad(nt_plan_output_grad(p, 0));
    memset(params->g, 0x7f, params->n_w * sizeof *params->g); /* must be overwritten */
    assert_ok(nt_plan_backward(p, e));
    n_runs++;
    return p;
}

/* sum over the output of weight times output, as what is differentiated */
static double loss(nt_plan *p)
{
    const nt_tensor *y = nt_plan_output(p, 0), *w = nt_plan_output_grad(p, 0);
    double sum = 0;

    assert_ok(nt_plan_forward(p, e));
    for (int64_t i = 0; i < nt_tensor_count(y); i++)
        sum += nt_tensor_get(y, i) * nt_tensor_get(w, i);
    return sum;
}

/* What the rounding of the output to fp32 may do to the loss. */
static double loss_noise(nt_plan *p)
{
    const nt_tensor *y = nt_plan_output(p, 0);
    double sum = 0;

    for (int64_t i = 0; i < nt_tensor_count(y); i++)
        sum += nt_tensor_get(y, i) * nt_tensor_get(y, i);
    return 4e-7 * sqrt(sum);
}

/* The loss where parameter q is moved by h along the signs. */
static double loss_at(nt_plan *p, nt_params *params, const nt_param *q, double h)
{
    float *w = params->w + q->offset, keep[8192];
    double sum;
    nt_rng r;

    assert_true(q->count <= 8192);
    memcpy(keep, w, q->count * sizeof *w);
    nt_rng_init(&r, 13);
    for (size_t i = 0; i < q->count; i++)
        w[i] += (float)(nt_rng_double(&r) < 0.5 ? -h : h);
    sum = loss(p);
    memcpy(w, keep, q->count * sizeof *w);
    return sum;
}

/* Along one direction for each parameter the central difference is the gradient's. */
static void check_slopes(const grid_case *c, nt_plan *p, nt_params *params)
{
    const double h = 3e-3, noise = loss_noise(p) / h;

    for (int k = 0; k < params->n; k++) {
        const nt_param *q = &params->v[k];
        double got = 0, want;
        nt_rng r;

        if (q->is_state)
            continue;
        nt_rng_init(&r, 13);
        for (size_t i = 0; i < q->count; i++)
            got += (double)params->g[q->offset + i] * (nt_rng_double(&r) < 0.5 ? -1 : 1);
        want = (loss_at(p, params, q, h) - loss_at(p, params, q, -h)) / (2 * h);
        if (!(fabs(got - want) <= 1e-2 * (1 + fabs(want)) + noise))
            fail_msg("%s: slope of '%s' is %g, want %g", grid_name(c), q->name, got, want);
    }
}

/* Is there no kink that a step could cross, and no statistic of two numbers that may be equal?
 */
static bool is_smooth(const grid_case *c)
{
    bool norm = c->place == GRID_AND_NORM || c->place == GRID_BEHIND_NORM;

    return c->place != GRID_AND_RELU && c->place != GRID_BEHIND_RELU &&
           strcmp(c->layer->op, "MaxPool") != 0 &&
           !(norm && !strcmp(c->layer->op, "GlobalAveragePool"));
}

/* Batch statistics differ from the stored ones that the plain form uses. */
static bool has_norm(const grid_case *c)
{
    return c->place == GRID_AND_NORM || c->place == GRID_BEHIND_NORM ||
           !strcmp(c->layer->op, "BatchNormalization");
}

static void check_output(const grid_case *c, const char *what, const nt_plan *p,
                         const nt_tensor *want)
{
    double apart = grid_apart(nt_plan_output(p, 0), want);

    if (!(apart <= 1e-4))
        fail_msg("%s: %s: %g apart in training", grid_name(c), what, apart);
}

/* On d, against what was found without fusion. */
static void check_fused(const grid_case *c, const nt_graph *g, nt_device *d,
                        const nt_plan *want, const nt_params *want_grads)
{
    nt_params *params = all_params(g);
    nt_plan *p = run(g, d, params, NT_F32, false);
    double apart = grid_distance(params->g, want_grads->g, params->n_w);

    check_output(c, nt_device_text(d), p, nt_plan_output(want, 0));
    if (!(apart <= 1e-3))
        fail_msg("%s: %s: gradients are %g apart", grid_name(c), nt_device_text(d), apart);
    nt_plan_free(p);
    nt_params_free(params);
}

/* In bf16, roughly: an operand that is lost makes all the difference. */
static void check_bf16(const grid_case *c, const nt_graph *g, const nt_plan *want,
                       const nt_params *want_grads)
{
    nt_params *params;
    nt_plan *p;
    double apart;

    if (!nt_device_has_bf16(dev[0]))
        return;
    params = all_params(g);
    p = run(g, dev[0], params, NT_BF16, false);
    apart = grid_apart(nt_plan_output(p, 0), nt_plan_output(want, 0));
    if (!(apart <= 0.1))
        fail_msg("%s: %g apart in training in bf16", grid_name(c), apart);
    apart = grid_distance(params->g, want_grads->g, params->n_w);
    if (!(apart <= (is_smooth(c) ? 0.25 : 0.5)))
        fail_msg("%s: gradients are %g apart in bf16", grid_name(c), apart);
    nt_plan_free(p);
    nt_params_free(params);
}

static void check_case(const grid_case *c)
{
    nt_graph *g = grid_graph(c);
    nt_tensor *want = grid_eval(c, g);
    nt_params *params = all_params(g);
    nt_plan *p = run(g, dev[1], params, NT_F32, true);

    if (!has_norm(c))
        check_output(c, "unfused", p, want);
    for (int i = 0; i < 2; i++)
        check_fused(c, g, dev[i], p, params);
    check_bf16(c, g, p, params);
    if (is_smooth(c))
        check_slopes(c, p, params);
    nt_plan_free(p);
    nt_params_free(params);
    nt_tensor_free(want);
    nt_graph_free(g);
}

NT_TEST(a_constant_before_or_after_a_layer_is_trained_like_it)
{
    int n = 0;

    dev[0] = op_device("onednn");
    dev[1] = op_device("openblas");
    for (int i = 0; i < GRID_LAYERS; i++)
        n += grid_each(&grid_layers[i], GRID_PLACES, (grid_case){.training = true}, check_case);
    print_message("%d cases, %d runs\n", n, n_runs);
    assert_int_equal(n, GRID_LAYERS * GRID_OPS * 2 * (GRID_SHAPES * GRID_PLACES - 1));
    nt_device_free(dev[0]);
    nt_device_free(dev[1]);
}

NT_TEST_MAIN
