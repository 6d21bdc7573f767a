/* SPDX-License-Identifier: MIT */
#include "measure/costrun.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "exec/staged.h"
#include "facet/op.h"
#include "graph/pass.h"
#include "prune/shrink.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SHARES 5 /* of the square; a prime */
#define NOTCHES 16
#define ODD 3
#define WARM_UP 2

/* What each colour keeps. */
typedef struct variant {
    double share[SHARES];
    int less; /* channels fewer than that */
    int only; /* colour that this is about; -1: all */
} variant;

typedef struct bench {
    nt_device *dev;
    const nt_cost_opts *o;
    nt_graph *g;    /* the whole network, ready for cutting */
    nt_channels *c; /* g's */
    int *colour;    /* by set */
    int n_colours;
    int64_t step;
    int runs;
    uint64_t *seen; /* what networks were measured, by a digest of their counts */
    int n_seen;
    nt_cost *cost;
} bench;

/* ---- colours */

static int channel_of_class(const nt_channels *c, int cls)
{
    for (int i = 0; i < c->n_channels; i++)
        if (c->channels[i].cls == cls)
            return i;
    return -1;
}

/* The set that the layer's first input channel is in; -1: none. */
static int input_set(const nt_channels *c, const nt_channel_layer *l)
{
    nt_span in = {l->weight, l->weight->rank - 1 < 1 ? 0 : 1 - l->axis, 1};
    int cls, channel;

    if (l->weight->rank < 2 || l->axis > 1 || nt_node_int(l->node, "group", 1) > 1)
        return l->set;
    cls = nt_coupling_class(c->coupling, in, 0);
    channel = cls < 0 ? -1 : channel_of_class(c, cls);
    return channel < 0 ? -1 : c->channels[channel].set;
}

/* Greedily, the least colour that no neighbour has. */
static nt_status colour_sets(bench *b, nt_err *e)
{
    const nt_channels *c = b->c;
    int *from = nt_calloc((size_t)c->n_layers + 1, sizeof *from);

    b->colour = nt_calloc((size_t)c->n_sets + 1, sizeof *b->colour);
    if (!from || !b->colour) {
        nt_free(from);
        return nt_fail_nomem(e);
    }
    for (int i = 0; i < c->n_layers; i++)
        from[i] = input_set(c, &c->layers[i]);
    for (int s = 0; s < c->n_sets; s++) {
        unsigned taken = 0;

        for (int i = 0; i < c->n_layers; i++) {
            int to = c->layers[i].set;
            int other = from[i] == s ? to : to == s ? from[i] : -1;

            if (other >= 0 && other < s)
                taken |= 1u << b->colour[other];
        }
        while (b->colour[s] < SHARES - 1 && taken & 1u << b->colour[s])
            b->colour[s]++;
        if (b->colour[s] >= b->n_colours)
            b->n_colours = b->colour[s] + 1;
    }
    nt_free(from);
    return NT_OK;
}

/* ---- networks of fewer channels */

/* The outputs of the widest layer of a set: a channel may hold several (in groups). */
static int64_t outputs_of(const nt_channels *c, const nt_channel_set *set)
{
    int64_t n = set->n_channels;

    for (int i = 0; i < set->n_layers; i++)
        if (c->layers[set->layer[i]].n > n)
            n = c->layers[set->layer[i]].n;
    return n;
}

/* How many of a set's channels stay. */
static int64_t count_of(const bench *b, const nt_channel_set *set, double share, int less)
{
    int64_t n = set->n_channels, outputs = outputs_of(b->c, set), step = b->step;
    int64_t count = (int64_t)round(share * (double)outputs / (double)step) * step;

    if (share >= 1)
        return n;
    count = (count < step ? step : count) - less;
    count = count < 1 ? 1 : count < outputs ? count : outputs;
    return (count * n + outputs - 1) / outputs;
}

/* Evenly among a set's channels, which may be of several layers. */
static uint64_t choose_channels(bool *removed, const bench *b, const variant *v)
{
    uint64_t digest = 14695981039346656037u; /* FNV-1a */

    for (int s = 0; s < b->c->n_sets; s++) {
        const nt_channel_set *set = &b->c->sets[s];
        int k = b->colour[s];
        int64_t n = set->n_channels;
        int64_t count = count_of(b, set, v->share[k], v->only == k ? v->less : 0);

        for (int64_t i = 0; i < n; i++)
            removed[set->channel[i]] = (i + 1) * count / n == i * count / n;
        digest = (digest ^ (uint64_t)count) * 1099511628211u;
    }
    for (int i = 0; i < b->c->n_layers; i++)
        if (nt_channels_kept(&b->c->layers[i], removed) == 0)
            removed[b->c->layers[i].channel[0]] = false;
    return digest;
}

static bool is_new(bench *b, uint64_t digest)
{
    for (int i = 0; i < b->n_seen; i++)
        if (b->seen[i] == digest)
            return false;
    b->seen[b->n_seen++] = digest;
    return true;
}

static nt_status cut(nt_graph **out, const bench *b, const bool *removed, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *g = NULL;
    nt_channels *c = NULL;

    NT_TRY(nt_graph_dup(&g, b->g, true, e));
    NT_TRY(nt_graph_bind(g, b->g->ops, e));
    NT_TRY(nt_channels_new(&c, g, e));
    NT_TRY(nt_shrink_graph(g, c, removed, e));
    *out = g;
    g = NULL;
done:
    nt_channels_free(c);
    nt_graph_free(g);
    return s;
}

/* ---- timing */

/* Which layer of the table each step counts for; -1: none. */
static nt_status assign_steps(int **out, const nt_cost *cost, const nt_graph *g,
                              const nt_staged *net, nt_err *e)
{
    int n = nt_staged_n_steps(net), last = cost->n ? 0 : -1;
    int *of = nt_calloc((size_t)n + 1, sizeof *of);

    if (!of)
        return nt_fail_nomem(e);
    for (int i = 0; i < n; i++) {
        nt_step_info info = nt_staged_step(net, i);
        const nt_cost_layer *l = NULL;
        char name[128];

        if (info.node)
            l = nt_cost_find(cost, nt_layer_name(name, sizeof name, g, info.node));
        last = l ? (int)(l - cost->layer) : last;
        of[i] = info.once ? -1 : last;
    }
    *out = of;
    return NT_OK;
}

/* best[step]: the fastest of all runs. */
static nt_status time_steps(double **out, const bench *b, nt_staged *net, nt_err *e)
{
    size_t n = (size_t)nt_staged_n_steps(net);
    double *best = nt_calloc(n + 1, sizeof *best), *ms = nt_calloc(n + 1, sizeof *ms);
    nt_status s = NT_OK;

    if (!best || !ms)
        NT_TRY(nt_fail_nomem(e));
    for (int r = -WARM_UP; r < b->runs; r++) {
        memset(ms, 0, n * sizeof *ms);
        NT_TRY(nt_staged_forward_timed(net, ms, e));
        for (size_t i = 0; i < n; i++)
            best[i] = r <= 0 ? ms[i] : fmin(best[i], ms[i]);
    }
    *out = best;
    best = NULL;
done:
    nt_free(best);
    nt_free(ms);
    return s;
}

/* The sums of the steps go to the points for the channels that layers have in g. */
static nt_status note(bench *b, const nt_graph *g, nt_staged *net, nt_err *e)
{
    nt_status s = NT_OK;
    double *ms = NULL, *sum = nt_calloc((size_t)b->cost->n + 1, sizeof *sum);
    int *of = NULL, k = 0;

    if (!sum)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(assign_steps(&of, b->cost, g, net, e));
    NT_TRY(time_steps(&ms, b, net, e));
    for (int i = 0; i < nt_staged_n_steps(net); i++)
        if (of[i] >= 0)
            sum[of[i]] += ms[i];
    for (int i = 0; i < g->n_nodes; i++) {
        nt_cost_point p;

        if (!nt_cost_channels(&p.in, &p.out, g->nodes[i]))
            continue;
        p.ms = sum[k];
        NT_TRY(nt_cost_add(&b->cost->layer[k++], p, e));
    }
    b->cost->networks++;
done:
    nt_free(ms);
    nt_free(sum);
    nt_free(of);
    return s;
}

/* Nothing where the counts came before. */
static nt_status measure(bench *b, const variant *v, nt_err *e)
{
    nt_plan_opts po = {.compute = b->o->compute};
    bool *removed = nt_calloc((size_t)b->c->n_channels + 1, sizeof *removed);
    int64_t(*dims)[NT_MAX_RANK] = nt_pass_input_dims(b->g, b->o->batch ? b->o->batch : 1);
    nt_graph *g = NULL;
    nt_staged *net = NULL;
    nt_status s = NT_OK;

    if (!removed || !dims)
        NT_TRY(nt_fail_nomem(e));
    if (!is_new(b, choose_channels(removed, b, v)))
        goto done;
    po.dims = (const int64_t(*)[NT_MAX_RANK])dims;
    NT_TRY(cut(&g, b, removed, e));
    NT_TRY(nt_staged_new(&net, g, b->dev, &po, e));
    nt_staged_fill_noise(net, 0);
    NT_TRY(note(b, g, net, e));
done:
    nt_staged_free(net);
    nt_graph_free(g);
    nt_free(dims);
    nt_free(removed);
    return s;
}

/* ---- which networks */

static variant whole(void)
{
    variant v = {.only = -1};

    for (int k = 0; k < SHARES; k++)
        v.share[k] = 1;
    return v;
}

/* Number i of the square; the first keeps all. */
static variant of_square(int i)
{
    variant v = whole();

    for (int k = 0; k < SHARES; k++)
        v.share[k] = 1 - (double)((i / SHARES + k * (i % SHARES)) % SHARES) / SHARES;
    return v;
}

/* 8, 4, 12, 2, 6, ...: 1 to NOTCHES - 1, halves first. */
static int notch(int i)
{
    int n = NOTCHES / 2, first = 1;

    while (i >= 2 * first - 1) {
        n /= 2;
        first *= 2;
    }
    return n + (i - (first - 1)) * 2 * n;
}

/* Number i of the lines: by notch, colour, and even or odd. */
static variant of_line(const bench *b, int i)
{
    variant v = whole();

    v.only = i / 2 % b->n_colours;
    v.share[v.only] = (double)notch(i / 2 / b->n_colours) / NOTCHES;
    v.less = i % 2 ? ODD : 0;
    return v;
}

/* Of the square and the lines in turn; the whole network is the square's first. */
static nt_status measure_all(bench *b, nt_err *e)
{
    int squares = SHARES * SHARES, lines = 2 * b->n_colours * (NOTCHES - 1);
    double begin = nt_clock_ms(), limit = 1e3 * (b->o->time_s > 0 ? b->o->time_s : 60);
    nt_status s = NT_OK;

    for (int i = 0, square = 0, line = 0; i < squares + lines; i++) {
        bool take_line = square == squares || (square && line < lines && line <= 2 * square);
        variant v = take_line ? of_line(b, line++) : of_square(square++);
        double spent = nt_clock_ms() - begin;

        if (i && spent > limit)
            break;
        if (b->o->progress)
            b->o->progress(b->o->ctx, fmax(spent / limit, (double)i / (squares + lines)));
        NT_TRY(measure(b, &v, e));
    }
done:
    return s;
}

/* ---- the table */

static nt_status begin_table(bench *b, nt_err *e)
{
    nt_status s = NT_OK;
    nt_cost *c = NULL;

    NT_TRY(nt_cost_new(&c, b->c->n_layers, e));
    b->cost = c;
    snprintf(c->backend, sizeof c->backend, "%s", nt_device_text(b->dev));
    nt_device_cpu(c->cpu, sizeof c->cpu);
    snprintf(c->precision, sizeof c->precision, "%s",
             b->o->compute == NT_BF16 ? "bf16" : "fp32");
    c->threads = nt_device_threads(b->dev);
    c->batch = b->o->batch ? b->o->batch : 1;
    c->step = b->step;
    c->runs = b->runs;
    for (int i = 0; i < b->c->n_layers; i++) {
        const nt_channel_layer *from = &b->c->layers[i];
        nt_cost_layer *l = &c->layer[c->n];

        if (!nt_cost_channels(&l->in, &l->out, from->node))
            continue;
        snprintf(l->name, sizeof l->name, "%s", from->name);
        snprintf(l->op, sizeof l->op, "%s", from->node->op_type);
        nt_shape_text(l->weight, sizeof l->weight, from->weight->data->rank,
                      from->weight->data->dims);
        nt_value_shape_text(l->output, sizeof l->output, from->node->out[0]);
        l->tied = from->set >= 0 && input_set(b->c, from) == from->set;
        c->n++;
    }
done:
    return s;
}

static nt_status prepare(bench *b, const nt_graph *g, nt_err *e)
{
    size_t most = SHARES * SHARES + 2 * SHARES * NOTCHES;
    nt_status s = NT_OK;

    NT_TRY(nt_graph_dup(&b->g, g, true, e));
    NT_TRY(nt_graph_bind(b->g, g->ops, e));
    NT_TRY(nt_pass_shuffle(b->g, NULL, e));
    NT_TRY(nt_channels_new(&b->c, b->g, e));
    if (!b->c->n_sets)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "no layer has channels that could go"));
    b->seen = nt_alloc(most, sizeof *b->seen);
    if (!b->seen)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(colour_sets(b, e));
    NT_TRY(begin_table(b, e));
done:
    return s;
}

nt_status nt_cost_measure(nt_cost **out, const nt_graph *g, nt_device *dev,
                          const nt_cost_opts *o, nt_err *e)
{
    bench b = {
        .dev = dev, .o = o, .step = o->step ? o->step : 8, .runs = o->runs ? o->runs : 5};
    nt_status s = NT_OK;

    NT_TRY(prepare(&b, g, e));
    NT_TRY(measure_all(&b, e));
    *out = b.cost;
    b.cost = NULL;
done:
    nt_cost_free(b.cost);
    nt_free(b.seen);
    nt_free(b.colour);
    nt_channels_free(b.c);
    nt_graph_free(b.g);
    return s;
}
