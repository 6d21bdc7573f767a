/* SPDX-License-Identifier: MIT */
#include "prune/budget_state.h"

#include "base/alloc.h"
#include "prune/ranked.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- who takes what */

double nt_budget_weights(const nt_budget_extent *x)
{
    return (double)x->out * (double)x->in * (double)x->rest;
}

/* How often each weight is used for one sample: once per place of the output, or of the input
 * where the convolution is transposed. */
static double positions(const nt_channel_layer *l)
{
    bool conv = strncmp(l->node->op_type, "Conv", 4) == 0;
    const nt_value *v =
        strcmp(l->node->op_type, "ConvTranspose") == 0 ? l->node->in[0] : l->node->out[0];
    int from = conv ? 2 : 1, to = conv ? v->rank : v->rank - 1;
    double n = 1;

    for (int i = from; i < to; i++)
        n *= (double)v->dims[i].value;
    return n;
}

static void measure_layers(nt_budget_state *s)
{
    for (int i = 0; i < s->c->n_layers; i++) {
        const nt_channel_layer *l = &s->c->layers[i];
        const nt_tensor *w = l->weight->data;
        int64_t in = w->rank > 1 ? w->dims[l->axis == 0 ? 1 : 0] : 1;
        nt_budget_extent *x = &s->layer[i];

        *x =
            (nt_budget_extent){.out = l->n, .in = in, .rest = nt_tensor_count(w) / (l->n * in)};
        x->macs_per_weight = positions(l);
        s->weights += nt_budget_weights(x);
        s->macs += nt_budget_weights(x) * x->macs_per_weight;
    }
}

static int layer_of(const nt_channels *c, const nt_value *v)
{
    for (int i = 0; i < c->n_layers; i++) {
        if (c->layers[i].weight == v)
            return i;
    }
    return -1;
}

static void add_share(nt_budget_state *s, int ch, size_t *n, int layer, bool out)
{
    for (size_t i = s->first[ch]; i <= *n; i++) {
        if (i == *n)
            s->shares[(*n)++] = (nt_budget_share){layer, 0, 0};
        if (s->shares[i].layer != layer)
            continue;
        if (out)
            s->shares[i].out++;
        else
            s->shares[i].in++;
        return;
    }
}

/* A member counts where it is an index of the output or the input axis of a layer's weight. */
static nt_status find_shares(nt_budget_state *s, nt_err *e)
{
    size_t n = 0;
    nt_member *m = NULL;

    for (int ch = 0; ch < s->c->n_channels; ch++) {
        int cls = s->c->channels[ch].cls;
        size_t count = nt_coupling_members(s->c->coupling, cls, NULL, 0);
        nt_budget_share *more = nt_realloc(s->shares, n + count + 1, sizeof *more);

        if (more)
            s->shares = more;
        nt_free(m);
        m = nt_calloc(count + 1, sizeof *m);
        if (!more || !m) {
            nt_free(m);
            return nt_fail_nomem(e);
        }
        s->first[ch] = n;
        (void)nt_coupling_members(s->c->coupling, cls, m, count);
        for (size_t i = 0; i < count; i++) {
            int l = layer_of(s->c, m[i].span.v);

            if (l >= 0 && m[i].span.n == 1 && m[i].span.axis < 2)
                add_share(s, ch, &n, l, m[i].span.axis == s->c->layers[l].axis);
        }
    }
    s->first[s->c->n_channels] = n;
    nt_free(m);
    return NT_OK;
}

static nt_status make_queues(nt_budget_state *s, int round, nt_err *e)
{
    nt_ranked *order = nt_calloc((size_t)s->c->n_channels + 1, sizeof *order);

    for (int i = 0; order && i < s->c->n_sets; i++) {
        const nt_channel_set *set = &s->c->sets[i];
        nt_budget_queue *q = &s->sets[i];

        q->channel = nt_calloc((size_t)set->n_channels + 1, sizeof *q->channel);
        if (!q->channel) {
            nt_free(order);
            return nt_fail_nomem(e);
        }
        q->n = q->left = set->n_channels;
        for (q->step = 1; q->step < round && 8 * q->step <= q->n; q->step *= 2)
            ;
        for (int k = 0; k < q->n; k++) {
            order[k] = (nt_ranked){s->score[set->channel[k]], set->channel[k]};
            q->sum += order[k].score;
        }
        nt_ranked_sort(order, (size_t)q->n);
        for (int k = 0; k < q->n; k++)
            q->channel[k] = order[k].channel;
    }
    nt_free(order);
    return order ? NT_OK : nt_fail_nomem(e);
}

nt_status nt_budget_open(nt_budget_state *s, const nt_channels *c, const double *score,
                         int round, nt_err *e)
{
    nt_status st = NT_OK;

    *s = (nt_budget_state){.c = c, .score = score};
    s->layer = nt_calloc((size_t)c->n_layers + 1, sizeof *s->layer);
    s->first = nt_calloc((size_t)c->n_channels + 1, sizeof *s->first);
    s->sets = nt_calloc((size_t)c->n_sets + 1, sizeof *s->sets);
    if (!s->layer || !s->first || !s->sets)
        return nt_fail_nomem(e);
    measure_layers(s);
    if ((st = find_shares(s, e)) == NT_OK)
        st = make_queues(s, round, e);
    return st;
}

void nt_budget_release(nt_budget_state *s)
{
    for (int i = 0; s->sets && i < s->c->n_sets; i++)
        nt_free(s->sets[i].channel);
    nt_free(s->sets);
    nt_free(s->layer);
    nt_free(s->shares);
    nt_free(s->first);
}

/* ---- one after the other */

nt_budget_extent nt_budget_without(const nt_budget_state *s, const nt_budget_share *x)
{
    nt_budget_extent l = s->layer[x->layer];

    l.out -= x->out;
    l.in -= x->in;
    return l;
}

int nt_budget_next(const nt_budget_queue *q)
{
    return q->channel[q->n - q->left];
}

int nt_budget_chunk(const nt_budget_queue *q, double max)
{
    int n = q->left % q->step ? q->left % q->step : q->step;

    if (n >= q->left)
        n = q->step > 1 ? 0 : q->left - 1;
    return q->n - (q->left - n) <= (int)floor(max * q->n + 1e-9) ? n : 0;
}

double nt_budget_freed(const nt_budget_state *s, int ch)
{
    double weights = 0;

    for (size_t i = s->first[ch]; i < s->first[ch + 1]; i++) {
        nt_budget_extent now = nt_budget_without(s, &s->shares[i]);

        if (now.out < 1 || now.in < 1)
            return 0;
        weights += nt_budget_weights(&s->layer[s->shares[i].layer]) - nt_budget_weights(&now);
    }
    return weights;
}

static void take(nt_budget_state *s, nt_budget_queue *q, int ch)
{
    for (size_t i = s->first[ch]; i < s->first[ch + 1]; i++) {
        nt_budget_extent *old = &s->layer[s->shares[i].layer];
        nt_budget_extent now = nt_budget_without(s, &s->shares[i]);
        double less = nt_budget_weights(old) - nt_budget_weights(&now);

        s->weights -= less;
        s->macs -= less * old->macs_per_weight;
        *old = now;
    }
    q->sum -= s->score[ch];
    q->left--;
}

void nt_budget_take(bool *removed, nt_budget_state *s, nt_budget_queue *q, int n)
{
    for (; n > 0; n--) {
        int ch = nt_budget_next(q);

        if (nt_budget_freed(s, ch) <= 0)
            return;
        if (removed)
            removed[ch] = true;
        take(s, q, ch);
    }
}
