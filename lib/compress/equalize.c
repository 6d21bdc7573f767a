/* SPDX-License-Identifier: MIT */
#include "compress/equalize.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

enum { ROUNDS = 20 };

typedef struct pair {
    nt_node *first, *second;
} pair;

static bool is_kind(const nt_node *n, const char *kind)
{
    return strcmp(n->op_type, kind) == 0;
}

static bool is_own(const nt_value *v)
{
    return v->data && v->data->dtype == NT_F32 && v->n_uses == 1 && !v->borrows;
}

static bool is_own_conv(const nt_node *n)
{
    return is_kind(n, "Conv") && is_own(n->in[1]) &&
           (n->n_in < 3 || !n->in[2] || is_own(n->in[2]));
}

/* The convolution that alone reads what n puts out, at most through a Relu; else NULL. */
static nt_node *reader(const nt_node *n)
{
    const nt_value *v = n->out[0];

    if (v->n_uses == 1 && !v->is_output && is_kind(v->uses[0].node, "Relu"))
        v = v->uses[0].node->out[0];
    if (v->n_uses != 1 || v->is_output || v->uses[0].index != 0 ||
        !is_own_conv(v->uses[0].node))
        return NULL;
    return v->uses[0].node;
}

/* The weight [k][c / g][..] of the second layer: element `at` reads which channel? */
static int64_t channel_read(const nt_node *n, const nt_tensor *w, int64_t at)
{
    int64_t inner = nt_tensor_count(w) / (w->dims[0] * w->dims[1]);
    int64_t groups = nt_node_int(n, "group", 1), k = at / inner / w->dims[1];

    return k / (w->dims[0] / groups) * w->dims[1] + at / inner % w->dims[1];
}

static void note(float *largest, float x)
{
    *largest = fmaxf(*largest, fabsf(x));
}

/* s [channels]; 1 where a side is all zeros. Says whether a channel moves by more than 1 in
 * 1000. */
static bool find_factors(float *s, float *reads, const pair *p)
{
    const nt_tensor *a = p->first->in[1]->data, *b = p->second->in[1]->data;
    int64_t c = a->dims[0], inner = nt_tensor_count(a) / c;
    bool moves = false;

    memset(s, 0, (size_t)c * sizeof *s);
    memset(reads, 0, (size_t)c * sizeof *reads);
    for (int64_t i = 0; i < c * inner; i++)
        note(&s[i / inner], ((const float *)a->data)[i]);
    for (int64_t i = 0; i < nt_tensor_count(b); i++)
        note(&reads[channel_read(p->second, b, i)], ((const float *)b->data)[i]);
    for (int64_t i = 0; i < c; i++) {
        s[i] = s[i] > 0 && reads[i] > 0 ? sqrtf(s[i] / reads[i]) : 1;
        moves = moves || fabsf(s[i] - 1) > 1e-3F;
    }
    return moves;
}

static void apply(const pair *p, const float *s)
{
    nt_tensor *a = p->first->in[1]->data, *b = p->second->in[1]->data;
    nt_value *bias = p->first->n_in > 2 ? p->first->in[2] : NULL;
    int64_t c = a->dims[0], inner = nt_tensor_count(a) / c;

    for (int64_t i = 0; i < c * inner; i++)
        ((float *)a->data)[i] /= s[i / inner];
    for (int64_t i = 0; bias && i < c; i++)
        ((float *)bias->data->data)[i] /= s[i];
    for (int64_t i = 0; i < nt_tensor_count(b); i++)
        ((float *)b->data)[i] *= s[channel_read(p->second, b, i)];
}

static nt_status equalize_pair(bool *moved, const pair *p, nt_err *e)
{
    size_t c = (size_t)p->first->in[1]->data->dims[0];
    float *s = nt_calloc(2 * c, sizeof *s);

    if (!s)
        return nt_fail_nomem(e);
    if (find_factors(s, s + c, p)) {
        apply(p, s);
        *moved = true;
    }
    nt_free(s);
    return NT_OK;
}

nt_status nt_equalize(nt_graph *g, int *n_pairs, nt_err *e)
{
    nt_status s = NT_OK;
    bool moved = true;
    int n = 0;

    for (int round = 0; moved && round < ROUNDS; round++) {
        moved = false;
        n = 0;
        for (int i = 0; i < g->n_nodes; i++) {
            pair p = {g->nodes[i], is_own_conv(g->nodes[i]) ? reader(g->nodes[i]) : NULL};

            if (!p.second)
                continue;
            NT_TRY(equalize_pair(&moved, &p, e));
            n++;
        }
    }
    if (n_pairs)
        *n_pairs = n;
done:
    return s;
}
