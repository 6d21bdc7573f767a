/* SPDX-License-Identifier: MIT */
#include "quant/qat_priv.h"

#include "base/alloc.h"
#include "base/str.h"
#include "graph/pass.h"
#include "op/qparam.h"
#include "quant/fakeq.h"
#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BITS = 8 };

static int64_t number(const cJSON *entry, const char *key, int64_t otherwise)
{
    const cJSON *v = nt_json_get(entry, key);

    return cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble < 1e15
               ? (int64_t)v->valuedouble
               : otherwise;
}

/* ---- finding the pairs */

/* The nodes of a pair; q NULL: d is of none. */
typedef struct pair_nodes {
    nt_node *q, *clip, *d;
} pair_nodes;

static bool is_const(const nt_node *n, int i)
{
    return i < n->n_in && n->in[i] && n->in[i]->data;
}

static pair_nodes pair_at(nt_node *d)
{
    pair_nodes p = {.d = d};
    nt_node *n = nt_node_is(d, "DequantizeLinear") ? d->in[0]->producer : NULL;

    if (nt_node_is(n, "Clip") && is_const(n, 1) && is_const(n, 2)) {
        p.clip = n;
        n = n->in[0]->producer;
    }
    if (nt_node_is(n, "QuantizeLinear") && is_const(n, 1) && is_const(n, 2) && d->n_in == 3 &&
        n->in[1] == d->in[1] && n->in[1]->data->dtype == NT_F32 && n->in[0]->dtype == NT_F32 &&
        (d->out[0]->n_uses || d->out[0]->is_output))
        p.q = n;
    return p;
}

static int bits_of(nt_codes c)
{
    int bits = 1;

    while (((int64_t)1 << bits) < c.hi - c.lo + 1)
        bits++;
    return bits;
}

/* What is quantized, before any other pair that is already converted. */
static const nt_value *source_of(const nt_value *x)
{
    while (x->producer && strncmp(x->producer->op_type, "FakeQuantize", 12) == 0)
        x = x->producer->in[NT_FAKEQ_X];
    return x;
}

/* What the pair, and the entry of quant.json (or NULL), say. */
static nt_status describe(nt_qsite *at, const pair_nodes *p, const nt_qmethod *m,
                          const cJSON *record, nt_err *e)
{
    const nt_value *x = p->q->in[0], *scale = p->q->in[1];
    const nt_value *source = source_of(x);
    const cJSON *entry = nt_qat_entry(record, source->name, x->data != NULL, source != x);
    const char *scheme = cJSON_GetStringValue(nt_json_get(entry, "scheme"));
    nt_status s = NT_OK;

    *at = (nt_qsite){.tensor = source->name,
                     .again = source != x,
                     .scale = scale->name,
                     .zero = p->q->in[2]->name,
                     .weight = x->data != NULL,
                     .is_unsigned = p->q->in[2]->dtype == NT_U8 || p->q->in[2]->dtype == NT_U16,
                     .start = (uint64_t)number(entry, "start_step", 0),
                     .count = 1};
    NT_TRY(nt_qparam_range(&at->codes.lo, &at->codes.hi, p->q->out[0]->dtype, e));
    if (p->clip) {
        at->codes.lo = nt_tensor_get_i64(p->clip->in[1]->data, 0);
        at->codes.hi = nt_tensor_get_i64(p->clip->in[2]->data, 0);
    }
    at->codes.symmetric = scheme ? strstr(scheme, "symmetric") != NULL : at->weight;
    at->bits = (int)number(entry, "bits", bits_of(at->codes));
    at->z = at->weight ? nt_qmethod_weight(m, at->bits) : m->input;
    if (!at->z)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "weight '%s': method %s does not train 1 bit",
                       at->tensor, m->name));
    for (int i = at->weight ? 0 : 1; i < x->rank; i++)
        at->count *= x->dims[i].value > 0 ? (double)x->dims[i].value : 1;
    at->count /= (double)nt_tensor_count(scale->data);
done:
    return s;
}

/* ---- the training's nodes */

static nt_status add_numbers(nt_value **out, nt_graph *g, const char *tensor, const char *what,
                             int64_t n, nt_err *e)
{
    char *name = nt_strfmt("%s/%s", tensor, what);
    nt_tensor *t = NULL;
    nt_status s = NT_OK;

    if (!name)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_tensor_new(&t, NT_F32, 1, &n, e));
    NT_TRY(nt_graph_add_const(out, g, name, t, e));
    (*out)->trained = true;
done:
    nt_free(name);
    return s;
}

static nt_status set_codes(nt_graph *g, const nt_qsite *at, nt_codes c, int bits, bool on,
                           nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_node_set_int(g, at->node, "lo", c.lo, e));
    NT_TRY(nt_node_set_int(g, at->node, "hi", c.hi, e));
    NT_TRY(nt_node_set_int(g, at->node, "symmetric", c.symmetric, e));
    NT_TRY(nt_node_set_int(g, at->node, "bits", bits, e));
    NT_TRY(nt_node_set_int(g, at->node, "on", on, e));
done:
    return s;
}

static nt_status add_node(nt_graph *g, nt_qsite *at, const pair_nodes *p, int index, nt_err *e)
{
    int64_t groups = nt_tensor_count(p->q->in[1]->data);
    nt_value *in[3] = {p->q->in[0], NULL, NULL}, *y = NULL;
    const nt_op *op = nt_fakeq_op(at->z);
    char what[32];
    nt_status s = NT_OK;

    snprintf(what, sizeof what, "seen%d", index);
    NT_TRY(add_numbers(&in[NT_FAKEQ_SEEN], g, at->tensor, what, NT_N_SEEN * groups, e));
    snprintf(what, sizeof what, "theta%d", index);
    if (at->z->n_theta)
        NT_TRY(
            add_numbers(&in[NT_FAKEQ_THETA], g, at->tensor, what, at->z->n_theta * groups, e));
    NT_TRY(nt_graph_add_value(&y, g, NULL, e));
    y->dtype = NT_F32;
    y->rank = in[0]->rank;
    memcpy(y->dims, in[0]->dims, sizeof y->dims);
    NT_TRY(nt_graph_insert_node(
        &at->node, g, p->d, &(nt_node_spec){op->name, NULL, in, at->z->n_theta ? 3 : 2, &y, 1},
        e));
    at->node->own = op;
    NT_TRY(set_codes(g, at, at->codes, at->bits, at->start == 0, e));
    if (groups > 1)
        NT_TRY(nt_node_set_int(g, at->node, "axis", nt_node_int(p->q, "axis", 1), e));
    NT_TRY(nt_graph_replace_value(g, p->d->out[0], y, e));
done:
    return s;
}

/* Where pairs were found beforehand the quantizer takes them over. */
static nt_status resume(const nt_qsite *at, const pair_nodes *p, const cJSON *record, nt_err *e)
{
    const nt_tensor *scale = p->q->in[1]->data, *zero = p->q->in[2]->data;
    const cJSON *entry = nt_qat_entry(record, at->tensor, at->weight, at->again);
    bool unknown = !at->weight && entry && cJSON_IsNull(nt_json_get(entry, "min"));
    nt_fakeq q = nt_fakeq_of(at->node);
    nt_qpair *pair = NULL;

    if (at->start > 0 || unknown)
        return NT_OK;
    pair = nt_alloc((size_t)q.view.n + 1, sizeof *pair);
    if (!pair)
        return nt_fail_nomem(e);
    for (int64_t k = 0; k < q.view.n; k++)
        pair[k] = (nt_qpair){(float)nt_tensor_get(scale, k), nt_tensor_get_i64(zero, k)};
    q.seen = at->node->in[NT_FAKEQ_SEEN]->data->data;
    q.theta = at->z->n_theta ? at->node->in[NT_FAKEQ_THETA]->data->data : NULL;
    nt_fakeq_resume(&q, at->z, pair);
    nt_free(pair);
    return NT_OK;
}

static nt_status convert(nt_qat *q, const nt_qmethod *m, const cJSON *record, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < q->g->n_nodes; i++) {
        pair_nodes p = pair_at(q->g->nodes[i]);
        nt_qsite *at = &q->s[q->n];

        if (!p.q)
            continue;
        NT_TRY(describe(at, &p, m, record, e));
        NT_TRY(add_node(q->g, at, &p, q->n, e));
        NT_TRY(resume(at, &p, record, e));
        q->n++;
    }
    NT_TRY(nt_pass_dead(q->g, NULL, e));
    NT_TRY(nt_graph_bind(q->g, q->g->ops, e));
    NT_TRY(nt_pass_infer(q->g, e));
done:
    return s;
}

/* Signs and odd numbers have no 0. */
static nt_status check_masks(const nt_qat *q, const nt_model *m, nt_err *e)
{
    for (int i = 0; i < q->n; i++)
        if (q->s[i].weight && q->s[i].z->bakes && nt_model_mask(m, q->s[i].tensor))
            return nt_fail(e, NT_EUNSUPPORTED,
                           "weight '%s' is pruned, and quantizer %s has no code for 0",
                           q->s[i].tensor, q->s[i].z->name);
    return NT_OK;
}

static void end(void *state)
{
    nt_qat *q = state;

    if (q)
        nt_free(q->s);
    nt_free(q);
}

static nt_status new_qat(nt_qat **out, nt_graph *g, const nt_model *m, const nt_qmethod *method,
                         const cJSON *record, nt_err *e)
{
    nt_qat *q = nt_calloc(1, sizeof *q);
    nt_status s = NT_OK;

    if (q)
        q->s = nt_calloc((size_t)g->n_nodes + 1, sizeof *q->s);
    if (!q || !q->s)
        NT_TRY(nt_fail_nomem(e));
    q->g = g;
    NT_TRY(convert(q, method, record, e));
    NT_TRY(check_masks(q, m, e));
    *out = q;
    q = NULL;
done:
    end(q);
    return s;
}

static nt_status begin(void **state, nt_graph *g, const nt_model *m, const nt_train_opts *o,
                       nt_err *e)
{
    cJSON *record = nt_model_quant_record(m);
    const nt_qmethod *method = nt_qmethod_find(cJSON_GetStringValue(nt_json_get(record, "method")));
    nt_qat *q = NULL;
    nt_status s = NT_OK;

    if (method)
        NT_TRY(new_qat(&q, g, m, method, record, e));
    else if (o->progressive)
        s = nt_fail(e, NT_EINVAL,
                    "bits by epochs are for a model that nt-quantize has prepared");
    *state = q;
done:
    nt_json_free(record);
    return s;
}

static void place(void *state, nt_params *p)
{
    nt_qat *q = state;

    q->p = p;
    for (int i = 0; i < q->n; i++) {
        nt_qsite *at = &q->s[i];
        nt_value *const *in = at->node->in;
        const nt_param *seen = nt_params_find(p, in[NT_FAKEQ_SEEN]->name);
        const nt_param *theta =
            at->z->n_theta ? nt_params_find(p, in[NT_FAKEQ_THETA]->name) : NULL;
        const nt_param *w = at->weight ? nt_params_find(p, at->tensor) : NULL;

        at->seen_at = seen->offset;
        at->seen = nt_param_data(p, seen);
        at->theta_at = theta ? theta->offset : 0;
        at->theta = theta ? nt_param_data(p, theta) : NULL;
        at->w = w ? nt_param_data(p, w) : NULL;
    }
}

/* ---- as training goes on */

static nt_status read_phases(nt_qphase *v, int *n, const char *text, nt_err *e)
{
    *n = 0;
    for (const char *at = text;; at++) {
        char *end;
        long bits = strtol(at, &end, 10);
        double epochs = *end == ':' ? strtod(end + 1, &end) : 0;

        if (bits < 2 || bits > MOST_BITS || !(epochs > 0 && epochs < 1e6) ||
            (*end && *end != ',') || *n == NT_QAT_PHASES)
            return nt_fail(e, NT_EINVAL,
                           "phases '%s': want BITS:EPOCHS,... with 2 to %d bits, at most %d",
                           text, MOST_BITS, NT_QAT_PHASES);
        v[(*n)++] = (nt_qphase){(int)bits, epochs};
        if (!*end)
            return NT_OK;
        at = end;
    }
}

static nt_status check(const nt_train_opts *o, nt_err *e)
{
    nt_qphase v[NT_QAT_PHASES];
    int n;

    return o->progressive ? read_phases(v, &n, o->progressive, e) : NT_OK;
}

static int phase_bits(const nt_qat *q, uint64_t step)
{
    double end = 0;

    for (int i = 0; i < q->n_phases; i++) {
        end += q->phase[i].epochs * q->per_epoch;
        if ((double)step < end)
            return q->phase[i].bits;
    }
    return 0;
}

static nt_status advance_site(nt_qat *q, const nt_qsite *at, uint64_t step, bool resumed,
                         bool *changed, nt_err *e)
{
    int before = (int)nt_node_int(at->node, "bits", 8), bits = phase_bits(q, step);
    bool on = step >= at->start;
    nt_codes c = at->codes;
    nt_status s = NT_OK;
    nt_fakeq fq;

    bits = bits > at->bits && !(at->weight && at->bits == 1) ? bits : at->bits;
    if (bits == before && on == (nt_node_int(at->node, "on", 1) != 0))
        return NT_OK;
    if (bits != at->bits)
        c = nt_codes_of_bits(bits, at->is_unsigned, at->codes.symmetric, at->z->odd);
    NT_TRY(set_codes(q->g, at, c, bits, on, e));
    fq = nt_qat_fakeq(at);
    if (bits != before && at->z->widen && !resumed)
        at->z->widen(&fq, at->w, ldexpf(1, before - bits));
    *changed = true;
done:
    return s;
}

static nt_status advance(void *state, uint64_t step, bool resumed, bool *changed, nt_err *e)
{
    nt_qat *q = state;
    nt_status s = NT_OK;

    for (int i = 0; i < q->n; i++)
        NT_TRY(advance_site(q, &q->s[i], step, resumed, changed, e));
done:
    return s;
}

static nt_status pace(void *state, const nt_train_opts *o, uint64_t steps_per_epoch, nt_err *e)
{
    nt_qat *q = state;
    bool changed = false;
    nt_status s = NT_OK;

    if (!o->progressive)
        return NT_OK;
    q->per_epoch = (double)steps_per_epoch;
    NT_TRY(read_phases(q->phase, &q->n_phases, o->progressive, e));
    NT_TRY(advance(q, 0, false, &changed, e));
done:
    return s;
}

static void adjust(const void *state, double lr, double decay)
{
    const nt_qat *q = state;

    for (int i = 0; i < q->n; i++) {
        const nt_qsite *at = &q->s[i];
        nt_fakeq fq = nt_qat_fakeq(at);

        if (at->theta && at->z->adjust)
            at->z->adjust(q->p->g + at->theta_at, &fq, at->count, lr, decay);
    }
}

static nt_status keep(void *state, nt_params *p, const nt_clock *c, nt_err *e)
{
    const nt_qat *q = state;

    (void)p;
    (void)c;
    (void)e;
    for (int i = 0; i < q->n; i++) {
        nt_fakeq fq = nt_qat_fakeq(&q->s[i]);

        if (q->s[i].z->keep && nt_node_int(q->s[i].node, "on", 1))
            q->s[i].z->keep(&fq, q->s[i].w);
    }
    return NT_OK;
}

static void average(const void *along, float *w, float *state)
{
    const nt_qat *q = along;

    for (int i = 0; i < q->n; i++) {
        const nt_qsite *at = &q->s[i];
        size_t groups = (size_t)nt_fakeq_of(at->node).view.n;

        memcpy(state + at->seen_at, at->seen, NT_N_SEEN * groups * sizeof(float));
        if (at->theta)
            memcpy(w + at->theta_at, at->theta,
                   (size_t)at->z->n_theta * groups * sizeof(float));
    }
}

const nt_companion nt_companion_qat = {.own_numbers = true,
                                       .check = check,
                                       .begin = begin,
                                       .place = place,
                                       .pace = pace,
                                       .advance = advance,
                                       .adjust = adjust,
                                       .keep = keep,
                                       .average = average,
                                       .store = nt_qat_store,
                                       .end = end};
