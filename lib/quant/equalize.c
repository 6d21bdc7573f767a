/* SPDX-License-Identifier: MIT */
#include "quant/equalize.h"

#include "base/alloc.h"
#include "graph/pass.h"
#include "quant/eqnoise.h"

#include <math.h>
#include <string.h>

enum {
    ROUNDS = 20, /* without samples */
    SWEEPS = 2,  /* with them, over all pairs */
    SOME = 64,   /* samples that choices are made on */
    TRIES = 3    /* of putting back no more than what lies beside */
};

static const float least = 1e-6F, most = 1e6F; /* a factor */
static const double even =
    1 + 1e-4;                     /* floating point may round what is the same so far apart */
static const double worth = 0.99; /* of the noise, to be left by a choice */

static const char *const choices[] = {NULL, "weights", "ranges"};
#define N_CHOICES 3

/* All arrays by pair. */
typedef struct run {
    nt_graph *g, *was; /* as it is, and as it was */
    const nt_equalize_opts *o;
    nt_eqpair *p, *old; /* of g and of was */
    int n;
    float **total; /* the factors of all choices taken, [channels]; NULL: none was */
    int *by;       /* the last choice; 0: none */
    bool *put_back;
    int *colour;            /* pairs that share a layer differ */
    double *before, *after; /* noise over power */
    double done;
} run;

static void tell(run *r, double share)
{
    r->done += share * (1 - r->done);
    if (r->o && r->o->progress)
        r->o->progress(r->o->ctx, r->done);
}

/* ---- factors */

/* s_i = sqrt(a_i / b_i), 1 where a side is all zeros. Says whether a channel moves by more than
 * 1 in 1000. */
static bool find_factors(float *s, const float *a, const float *b, int64_t n)
{
    bool moves = false;

    for (int64_t i = 0; i < n; i++) {
        s[i] = a[i] > 0 && b[i] > 0 ? sqrtf(a[i] / b[i]) : 1;
        s[i] = fminf(fmaxf(s[i], least), most);
        moves = moves || fabsf(s[i] - 1) > 1e-3F;
    }
    return moves;
}

static nt_status by_weights(bool *moved, const nt_eqpair *p, nt_err *e)
{
    float *s = nt_calloc((size_t)p->channels, 2 * sizeof *s);

    if (!s)
        return nt_fail_nomem(e);
    nt_eqpair_ranges(s, s + p->channels, p);
    if (find_factors(s, s, s + p->channels, p->channels)) {
        nt_eqpair_scale(p, s);
        *moved = true;
    }
    nt_free(s);
    return NT_OK;
}

static nt_status unmeasured(run *r, nt_err *e)
{
    bool moved = true;
    nt_status s = NT_OK;

    for (int round = 0; moved && round < ROUNDS; round++) {
        moved = false;
        for (int i = 0; i < r->n; i++)
            if (r->p[i].second) {
                NT_TRY(by_weights(&moved, &r->p[i], e));
                r->by[i] = 1;
            }
    }
done:
    return s;
}

/* ---- choosing */

/* The pairs of one colour: they share no layers, and so one run serves them all. */
typedef struct batch {
    int *pair; /* [n] which */
    nt_eqrange *range;
    int n;
    nt_eqtrial *t;      /* [n_trials] */
    int *which, *first; /* of each trial, of each pair and one more */
    int n_trials;
} batch;

static void batch_release(batch *b)
{
    for (int i = 0; b->range && i < b->n; i++)
        nt_free(b->range[i].most);
    for (int i = 0; b->t && i < b->n_trials; i++)
        nt_eqtrial_release(&b->t[i]);
    nt_free(b->pair);
    nt_free(b->range);
    nt_free(b->t);
    nt_free(b->which);
    nt_free(b->first);
}

static nt_status batch_init(batch *b, const run *r, int colour, nt_err *e)
{
    size_t n = (size_t)r->n + 1;

    b->pair = nt_calloc(n, sizeof *b->pair);
    b->range = nt_calloc(n, sizeof *b->range);
    b->t = nt_calloc(n * N_CHOICES, sizeof *b->t);
    b->which = nt_calloc(n * N_CHOICES, sizeof *b->which);
    b->first = nt_calloc(n, sizeof *b->first);
    if (!b->pair || !b->range || !b->t || !b->which || !b->first)
        return nt_fail_nomem(e);
    for (int i = 0; i < r->n; i++) {
        if (!r->p[i].second || r->colour[i] != colour)
            continue;
        b->pair[b->n] = i;
        b->range[b->n].pair = &r->p[i];
        b->range[b->n].most = nt_calloc((size_t)r->p[i].channels, sizeof(float));
        if (!b->range[b->n++].most)
            return nt_fail_nomem(e);
    }
    return NT_OK;
}

/* What one of the second layer's outputs is worth in the units that it had. */
static const float *unit_of(const run *r, int i)
{
    for (int k = 0; k < r->n; k++)
        if (r->p[k].second && r->p[k].first == r->p[i].second)
            return r->total[k];
    return NULL;
}

/* Pair k of the batch as it is, and the choices that would move it. */
static nt_status add_trials(batch *b, const run *r, int k, nt_err *e)
{
    const nt_eqpair *p = b->range[k].pair;
    int64_t c = p->channels;
    float *makes = nt_calloc((size_t)c, 2 * sizeof *makes);
    nt_status status = makes ? NT_OK : nt_fail_nomem(e);

    if (makes)
        nt_eqpair_ranges(makes, makes + c, p);
    for (int by = 0; status == NT_OK && by < N_CHOICES; by++) {
        float *s = by ? nt_calloc((size_t)c, sizeof *s) : NULL;

        if (by && !s)
            status = nt_fail_nomem(e);
        if (by && s && !find_factors(s, by == 1 ? makes : b->range[k].most, makes + c, c)) {
            nt_free(s);
            continue;
        }
        b->which[b->n_trials] = by;
        b->t[b->n_trials++] = (nt_eqtrial){.pair = p, .s = s, .unit = unit_of(r, b->pair[k])};
    }
    nt_free(makes);
    return status;
}

static nt_status take(run *r, int i, int choice, const float *s, nt_err *e)
{
    size_t c = (size_t)r->p[i].channels;

    if (!r->total[i] && !(r->total[i] = nt_alloc(c, sizeof **r->total)))
        return nt_fail_nomem(e);
    for (size_t k = 0; k < c; k++)
        r->total[i][k] = (r->by[i] ? r->total[i][k] : 1) * s[k];
    r->by[i] = choice;
    nt_eqpair_scale(&r->p[i], s);
    return NT_OK;
}

/* Of pair k of the batch, whose first trial is as it is. */
static nt_status choose(bool *moved, run *r, const batch *b, int k, nt_err *e)
{
    int first = b->first[k], best = first;

    for (int i = first + 1; i < b->first[k + 1]; i++)
        if (b->t[i].noise < b->t[best].noise)
            best = i;
    if (best == first || !(b->t[best].noise < worth * b->t[first].noise))
        return NT_OK;
    *moved = true;
    return take(r, b->pair[k], b->which[best], b->t[best].s, e);
}

static nt_status sweep(bool *moved, run *r, int colour, nt_err *e)
{
    batch b = {0};
    nt_status s = NT_OK;

    NT_TRY(batch_init(&b, r, colour, e));
    NT_TRY(nt_eqnoise_ranges(b.range, b.n, r->g, r->o, SOME, e));
    for (int i = 0; i < b.n; i++) {
        b.first[i] = b.n_trials;
        NT_TRY(add_trials(&b, r, i, e));
    }
    b.first[b.n] = b.n_trials;
    NT_TRY(nt_eqnoise(b.t, b.n_trials, r->g, r->o, SOME, e));
    for (int i = 0; i < b.n; i++)
        NT_TRY(choose(moved, r, &b, i, e));
done:
    batch_release(&b);
    return s;
}

/* ---- what came of it */

/* Noise over power of all pairs of a graph: of `was` as it is, of g in was's units. */
static nt_status measure(double *out, const run *r, const nt_graph *g, const nt_eqpair *p,
                         nt_err *e)
{
    nt_eqtrial *t = nt_calloc((size_t)r->n + 1, sizeof *t);
    int n = 0;
    nt_status s = NT_OK;

    if (!t)
        return nt_fail_nomem(e);
    for (int i = 0; i < r->n; i++)
        if (p[i].second)
            t[n++] = (nt_eqtrial){.pair = &p[i], .unit = g == r->g ? unit_of(r, i) : NULL};
    NT_TRY(nt_eqnoise(t, n, g, r->o, 0, e));
    for (int i = 0, k = 0; i < r->n; i++) {
        out[i] = NAN;
        if (!p[i].second)
            continue;
        out[i] = t[k].power > 0 ? t[k].noise / t[k].power : 0;
        k++;
    }
done:
    for (int i = 0; i < n; i++)
        nt_eqtrial_release(&t[i]);
    nt_free(t);
    return s;
}

/* Constants of g and of `was` have the same names. */
static void restore(run *r)
{
    for (int i = 0; i < r->was->n_values; i++) {
        const nt_value *from = r->was->values[i];
        nt_value *to = from->data ? nt_graph_find_value(r->g, from->name) : NULL;

        if (to && to->data && to->data->dtype == NT_F32)
            memcpy(to->data->data, from->data->data, nt_tensor_bytes(from->data));
    }
    for (int i = 0; i < r->n; i++)
        if (r->by[i])
            nt_eqpair_scale(&r->p[i], r->total[i]);
}

static bool share_a_layer(const nt_eqpair *a, const nt_eqpair *b)
{
    return a->second && b->second && (a->first == b->second || a->second == b->first);
}

/* Puts back what is marked; false: none of it was taken. */
static bool put_back(run *r, const bool *marked)
{
    bool any = false;

    for (int i = 0; i < r->n; i++) {
        if (!marked[i] || !r->by[i])
            continue;
        r->by[i] = 0;
        nt_free(r->total[i]);
        r->total[i] = NULL;
        r->put_back[i] = any = true;
    }
    return any;
}

static bool is_worse(const run *r, int i)
{
    return r->after[i] > r->before[i] * even;
}

/* Marks the pairs with more noise than before and those beside them, or all of their chains. */
static bool mark_worse(bool *marked, const run *r, bool chains)
{
    bool any = false, grew = true;

    for (int i = 0; i < r->n; i++)
        any = (marked[i] = is_worse(r, i)) || any;
    for (int round = 0; grew && (chains || round == 0); round++) {
        grew = false;
        for (int i = 0; i < r->n; i++)
            for (int k = 0; k < r->n; k++)
                if ((chains ? marked[i] : is_worse(r, i)) && !marked[k] &&
                    share_a_layer(&r->p[i], &r->p[k]))
                    marked[k] = grew = true;
    }
    return any;
}

static nt_status settle(run *r, nt_err *e)
{
    bool *marked = nt_calloc((size_t)r->n + 1, sizeof *marked);
    nt_status s = NT_OK;

    if (!marked)
        return nt_fail_nomem(e);
    NT_TRY(measure(r->before, r, r->was, r->old, e));
    for (int i = 0;; i++) {
        restore(r);
        NT_TRY(measure(r->after, r, r->g, r->p, e));
        tell(r, 0.5);
        if (!mark_worse(marked, r, i >= TRIES) || !put_back(r, marked))
            break;
    }
done:
    nt_free(marked);
    return s;
}

static void find_colours(run *r)
{
    for (int i = 0; i < r->n; i++)
        for (int k = 0; k < i; k++)
            if (share_a_layer(&r->p[i], &r->p[k]))
                r->colour[i] = 1 - r->colour[k];
}

static nt_status measured(run *r, nt_err *e)
{
    bool moved = true;
    int n = 0;
    nt_status s = NT_OK;

    NT_TRY(nt_graph_dup(&r->was, r->g, false, e));
    NT_TRY(nt_graph_bind(r->was, r->g->ops, e));
    NT_TRY(nt_pass_infer(r->was, e));
    NT_TRY(nt_eqpairs_find(&r->old, &n, r->was, e));
    find_colours(r);
    for (int i = 0; moved && i < SWEEPS; i++) {
        moved = false;
        for (int colour = 0; colour < 2; colour++) {
            NT_TRY(sweep(&moved, r, colour, e));
            tell(r, 0.2);
        }
    }
    NT_TRY(settle(r, e));
done:
    return s;
}

/* ---- the report */

static double decibels(double share)
{
    return share > 0 ? -10 * log10(share) : INFINITY;
}

static bool add_between(cJSON *j, const nt_eqpair *p)
{
    cJSON *list = nt_json_add_array(j, "between");
    bool ok = list != NULL;

    for (int i = 0; ok && i < p->n_way; i++) {
        cJSON *name = cJSON_CreateString(p->way[i]->op_type);

        ok = name && cJSON_AddItemToArray(list, name);
    }
    return ok;
}

static bool add_entry(cJSON *list, const run *r, int i)
{
    const nt_eqpair *p = &r->p[i];
    cJSON *j = cJSON_CreateObject();
    char name[256];
    bool ok = j && cJSON_AddItemToArray(list, j) &&
              nt_json_add_str(j, "first", nt_layer_name(name, sizeof name, r->g, p->first));

    if (!p->second)
        return ok && nt_json_add_bool(j, "taken", false) && nt_json_add_str(j, "why", p->why);
    ok = ok &&
         nt_json_add_str(j, "second", nt_layer_name(name, sizeof name, r->g, p->second)) &&
         add_between(j, p) && nt_json_add_bool(j, "taken", r->by[i] > 0);
    if (ok && r->by[i])
        ok = nt_json_add_str(j, "by", choices[r->by[i]]);
    if (ok && !r->by[i])
        ok = nt_json_add_str(j, "why",
                             r->put_back[i] ? "it, or a pair beside it, would have more noise"
                                            : "there is nothing to gain");
    return ok && (!r->was || (nt_json_add_double(j, "sqnr_before_db", decibels(r->before[i])) &&
                              nt_json_add_double(j, "sqnr_db", decibels(r->after[i]))));
}

static nt_status report(cJSON **out, const run *r, nt_err *e)
{
    cJSON *list = cJSON_CreateArray();
    bool ok = list != NULL;

    for (int i = 0; ok && i < r->n; i++)
        ok = add_entry(list, r, i);
    if (!ok) {
        nt_json_free(list);
        return nt_fail_nomem(e);
    }
    *out = list;
    return NT_OK;
}

/* ---- the whole */

static void release(run *r)
{
    for (int i = 0; r->total && i < r->n; i++)
        nt_free(r->total[i]);
    nt_free(r->total);
    nt_free(r->by);
    nt_free(r->put_back);
    nt_free(r->colour);
    nt_free(r->before);
    nt_free(r->after);
    nt_free(r->p);
    nt_free(r->old);
    nt_graph_free(r->was);
}

static nt_status init(run *r, nt_err *e)
{
    size_t n;
    nt_status s = nt_eqpairs_find(&r->p, &r->n, r->g, e);

    if (s != NT_OK)
        return s;
    n = (size_t)r->n + 1;
    r->total = nt_calloc(n, sizeof *r->total);
    r->by = nt_calloc(n, sizeof *r->by);
    r->put_back = nt_calloc(n, sizeof *r->put_back);
    r->colour = nt_calloc(n, sizeof *r->colour);
    r->before = nt_calloc(n, sizeof *r->before);
    r->after = nt_calloc(n, sizeof *r->after);
    return r->total && r->by && r->put_back && r->colour && r->before && r->after
               ? NT_OK
               : nt_fail_nomem(e);
}

nt_status nt_equalize(cJSON **out, nt_graph *g, const nt_equalize_opts *o, nt_err *e)
{
    run r = {.g = g, .o = o};
    nt_status s;

    NT_TRY(init(&r, e));
    NT_TRY(o && o->calib ? measured(&r, e) : unmeasured(&r, e));
    if (out)
        NT_TRY(report(out, &r, e));
done:
    release(&r);
    return s;
}
