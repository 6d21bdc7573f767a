/* SPDX-License-Identifier: MIT */
#include "measure/profile.h"

#include "base/alloc.h"
#include "exec/staged.h"
#include "export/dlrt_read.h"
#include "facet/layer.h"
#include "facet/op.h"
#include "graph/pass.h"
#include "measure/dlrt_layers.h"
#include "measure/timing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { REPEAT = 21 }; /* runs that layers are timed in */

/* ---- counting */

/* Bytes of all that a node puts out; what is past int64_t counts as its end. */
static int64_t output_bytes(const nt_node *n)
{
    int64_t sum = 0, dims[NT_MAX_RANK], count;
    size_t bytes;

    for (int i = 0; i < n->n_out; i++) {
        const nt_value *v = n->out[i];

        if (!v || !nt_value_shape(v, dims))
            continue;
        if (!nt_shape_count(&count, v->rank, dims) ||
            !nt_dtype_bytes(&bytes, v->dtype, (size_t)count) || bytes > INT64_MAX ||
            !nt_i64_add(&sum, sum, (int64_t)bytes))
            return INT64_MAX;
    }
    return sum;
}

static int64_t count_nonzero(const nt_tensor *t)
{
    int64_t n = 0;

    for (int64_t i = 0, all = nt_tensor_count(t); i < all; i++)
        n += nt_tensor_get(t, i) != 0;
    return n;
}

/* Is v the integers of a weight or bias? */
static bool is_coded(const nt_value *v)
{
    for (int i = 0; v->data && i < v->n_uses; i++)
        if (v->uses[i].index == 0 && strcmp(v->uses[i].node->op_type, "DequantizeLinear") == 0)
            return true;
    return false;
}

/* The bits of an element: what quant.json says, else the type's. */
static int bits_of(const cJSON *quant, const nt_value *v)
{
    int bits = nt_quant_bits(quant, v->name);

    return bits ? bits : nt_dtype_bits(v->data->dtype);
}

/* Scales of quantized weights: one float each. */
static int64_t scale_bytes(const nt_graph *g)
{
    int64_t n = 0;

    for (int i = 0; i < g->n_nodes; i++)
        if (strcmp(g->nodes[i]->op_type, "DequantizeLinear") == 0 &&
            nt_value_source(g->nodes[i]->in[0]) && g->nodes[i]->in[1]->data)
            n += nt_tensor_count(g->nodes[i]->in[1]->data);
    return n * (int64_t)sizeof(float);
}

/* Trainable constants, each once however often it is used, at the width they are stored in. */
static void count_params(nt_profile *p, const cJSON *quant, const nt_graph *g)
{
    p->model_size_bytes = scale_bytes(g);
    for (int i = 0; i < g->n_values; i++) {
        const nt_value *v = g->values[i];
        int64_t n;

        if (!nt_op_is_param_value(v) && !is_coded(v))
            continue;
        n = nt_tensor_count(v->data);
        p->params += n;
        p->nonzero_params += count_nonzero(v->data);
        p->model_size_bytes += n ? (n * bits_of(quant, v) + 7) / 8 : 0;
    }
}

static void weight_of(nt_layer_profile *l, const cJSON *quant, const nt_node *n)
{
    const nt_value *w = nt_layer_stored_weight(n);
    int64_t all;

    l->bits = 32;
    if (!w)
        return;
    nt_shape_text(l->weight, sizeof l->weight, w->data->rank, w->data->dims);
    all = nt_tensor_count(w->data);
    l->sparsity = all ? 1 - (double)count_nonzero(w->data) / (double)all : 0;
    l->bits = all ? bits_of(quant, w) : 32;
}

static nt_status count_layers(nt_profile *p, const cJSON *quant, const nt_graph *g, nt_err *e)
{
    p->layers = nt_calloc((size_t)g->n_nodes + 1, sizeof *p->layers);
    if (!p->layers)
        return nt_fail_nomem(e);
    p->memory_footprint_bytes = p->model_size_bytes;
    for (int i = 0; i < g->n_nodes; i++) {
        const nt_node *n = g->nodes[i];
        nt_layer_profile *l = &p->layers[p->n_layers++];
        nt_op_cost c = {0};

        nt_layer_name(l->name, sizeof l->name, g, n);
        l->op = n->op->name;
        l->time_ms = NAN;
        weight_of(l, quant, n);
        if (n->op->cost)
            n->op->cost(n, &c);
        l->macs = c.macs;
        l->params = c.params;
        if (n->n_out && n->out[0])
            nt_value_shape_text(l->output, sizeof l->output, n->out[0]);
        l->activation_bytes = output_bytes(n);
        p->macs += l->macs;
        if (!nt_i64_add(&p->memory_footprint_bytes, p->memory_footprint_bytes,
                        l->activation_bytes))
            p->memory_footprint_bytes = INT64_MAX;
    }
    return NT_OK;
}

/* ---- measuring */

static void put_time(nt_profile *p, const nt_timing *t)
{
    p->execution_time_ms = t->median_ms;
    p->time_min_ms = t->min_ms;
    p->time_max_ms = t->max_ms;
}

static nt_status time_runs(nt_profile *p, nt_staged *net, const nt_profile_opts *o, nt_err *e)
{
    nt_status s = NT_OK;
    nt_timing t;

    if (o->in_turn)
        return NT_OK;
    NT_TRY(nt_timing_forward(&t, net, o->warmup ? o->warmup : 5, o->runs, e));
    put_time(p, &t);
done:
    return s;
}

static bool makes(const nt_node *n, const char *value)
{
    return n->n_out > 0 && n->out[0] && strcmp(n->out[0]->name, value) == 0;
}

/* The layer of a plan's node n. Without a name of its own it goes by what it makes: in the plan
 * its number is another. */
static nt_layer_profile *find_layer(nt_profile *p, const nt_graph *g, const nt_node *n)
{
    bool named = *n->name || nt_layer_weight(n);
    char name[128];

    nt_layer_name(name, sizeof name, g, n);
    for (int i = 0; i < p->n_layers && i < g->n_nodes; i++) {
        if (named ? strcmp(p->layers[i].name, name) == 0
                  : n->n_out > 0 && n->out[0] && makes(g->nodes[i], n->out[0]->name))
            return &p->layers[i];
    }
    return NULL;
}

/* run[r][step]: what each step took in each of REPEAT runs. */
static nt_status time_steps(double *run, size_t n, nt_staged *net, nt_err *e)
{
    nt_status s = NT_OK;

    for (size_t r = 0; r < REPEAT; r++)
        NT_TRY(nt_staged_forward_timed(net, run + r * n, e));
done:
    return s;
}

/* The median time of each step goes to the layer it belongs to; what has no layer of its own (a
 * change of layout) to the layer before it. */
static nt_status time_layers(nt_profile *p, const nt_graph *g, nt_staged *net, nt_err *e)
{
    nt_status s = NT_OK;
    size_t n = (size_t)nt_staged_n_steps(net);
    double *run = nt_calloc(REPEAT * n + 1, sizeof *run), one[REPEAT];
    nt_layer_profile *last = p->n_layers ? p->layers : NULL;

    if (!run)
        return nt_fail_nomem(e);
    NT_TRY(time_steps(run, n, net, e));
    for (size_t i = 0; i < n; i++) {
        nt_step_info info = nt_staged_step(net, (int)i);
        nt_layer_profile *l = info.node ? find_layer(p, g, info.node) : NULL;

        last = l ? l : last;
        if (!last || info.once)
            continue;
        for (size_t r = 0; r < REPEAT; r++)
            one[r] = run[r * n + i];
        last->time_ms = (isnan(last->time_ms) ? 0 : last->time_ms) + nt_median(one, REPEAT);
    }
done:
    nt_free(run);
    return s;
}

/* What each layer's steps compute in. */
static void find_precisions(nt_profile *p, const nt_graph *g, nt_staged *net, nt_dtype compute)
{
    for (int i = 0; i < nt_staged_n_steps(net); i++) {
        const nt_node *n = nt_staged_step(net, i).node;
        nt_layer_profile *l = n ? find_layer(p, g, n) : NULL;

        if (l)
            l->precision = n->op->flags & NT_OPF_INT8 ? "int8"
                           : compute == NT_BF16       ? "bf16"
                                                      : "fp32";
    }
    for (int i = 0; i < p->n_layers; i++) {
        const nt_layer_profile *l = &p->layers[i];
        bool quantized = l->macs && l->bits <= 8;

        p->quantized += quantized;
        p->int8 += quantized && l->precision && strcmp(l->precision, "int8") == 0;
    }
}

static nt_status measure(nt_profile *p, const nt_graph *g, nt_device *dev,
                         const nt_profile_opts *o, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t(*dims)[NT_MAX_RANK] = NULL;
    nt_plan_opts po = {.compute = o->compute};
    nt_staged *net = NULL;

    p->batch = o->batch ? o->batch : 1;
    dims = nt_pass_input_dims(g, p->batch);
    if (!dims)
        return nt_fail_nomem(e);
    po.dims = (const int64_t(*)[NT_MAX_RANK])dims;
    NT_TRY(nt_staged_new(&net, g, dev, &po, e));
    nt_staged_fill_noise(net, 0);
    NT_TRY(time_runs(p, net, o, e));
    if (!nt_dlrt_model_file(g))
        find_precisions(p, g, net, o->compute);
    if (o->layers && !nt_dlrt_model_file(g))
        NT_TRY(time_layers(p, g, net, e));
    p->peak_memory_bytes = (int64_t)(nt_staged_arena_bytes(net) + nt_staged_const_bytes(net));
    if (o->in_turn) {
        p->net = net;
        net = NULL;
    }
done:
    nt_staged_free(net);
    nt_free(dims);
    return s;
}

nt_status nt_profile_in_turn(nt_profile *const v[2], const nt_profile_opts *o, nt_err *e)
{
    const nt_turns_opts to = {.warmup = o->warmup, .rounds = o->runs};
    nt_staged *const net[2] = {v[0]->net, v[1]->net};
    nt_turns *t = &v[0]->turns;
    nt_status s = nt_turns_measure(t, net, &to, e);

    for (int i = 0; s == NT_OK && i < 2; i++)
        put_time(v[i], &t->of[i]);
    return s;
}

nt_status nt_profile_new(nt_profile **out, nt_model *m, nt_device *dev,
                         const nt_profile_opts *o, nt_err *e)
{
    nt_status s = NT_OK;
    nt_profile *p = nt_calloc(1, sizeof *p);
    nt_graph *one = NULL;
    const nt_tensor *file;
    cJSON *quant = nt_model_quant_record(m);
    int64_t(*dims)[NT_MAX_RANK] = NULL;

    if (!p)
        NT_TRY(nt_fail_nomem(e));
    p->eval_metric = p->eval_low = p->eval_high = NAN;
    p->file_size_bytes = (int64_t)nt_model_file_size(m);
    snprintf(p->backend, sizeof p->backend, "%s", nt_device_text(dev));
    dims = nt_pass_input_dims(nt_model_graph(m), 1);
    if (!dims)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_pass_dup_at(&one, nt_model_graph(m), (const int64_t(*)[NT_MAX_RANK])dims, e));
    file = nt_dlrt_model_file(one);
    if (file) {
        p->file_size_bytes = (int64_t)nt_tensor_bytes(file);
        NT_TRY(nt_dlrt_layers(p, file, o->layers, e));
    } else {
        count_params(p, quant, one);
        NT_TRY(count_layers(p, quant, one, e));
    }
    NT_TRY(measure(p, nt_model_graph(m), dev, o, e));
    *out = p;
    p = NULL;
done:
    nt_json_free(quant);
    nt_free(dims);
    nt_graph_free(one);
    nt_profile_free(p);
    return s;
}

void nt_profile_free(nt_profile *p)
{
    if (!p)
        return;
    nt_staged_free(p->net);
    nt_free(p->layers);
    nt_free(p);
}
