/* SPDX-License-Identifier: MIT */
#include "quant/knapsack.h"

#include "base/alloc.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { MAX_STATES = 1 << 24 };

/* An efficient point of the first groups: which one of the groups before it extends, and how.
 */
typedef struct state {
    double cost, loss;
    uint32_t from;
    uint8_t choice;
} state;

typedef struct stage {
    state *v;
    int n;
} stage;

struct nt_kfront {
    stage *stages; /* [n_groups + 1]: the first is the one way to treat no groups */
    int n_groups;
};

/* Where each choice stands in the list of the groups before. */
typedef struct merge {
    const stage *before;
    const nt_kchoice *c;
    int n_choices;
    int *at;
} merge;

static bool comes_first(const state *a, const state *b)
{
    return a->cost < b->cost || (a->cost == b->cost && a->loss < b->loss);
}

/* The cheapest way that was not given yet, of those alike the first choice's; false: none. */
static bool next_state(state *out, merge *m)
{
    int best = -1;

    for (int k = 0; k < m->n_choices; k++) {
        const state *s = &m->before->v[m->at[k]];
        state x;

        if (m->at[k] == m->before->n || !isfinite(m->c[k].cost))
            continue;
        x = (state){s->cost + m->c[k].cost, s->loss + m->c[k].loss, (uint32_t)m->at[k],
                    (uint8_t)k};
        if (best < 0 || comes_first(&x, out)) {
            *out = x;
            best = k;
        }
    }
    if (best >= 0)
        m->at[best]++;
    return best >= 0;
}

static nt_status extend(stage *out, const stage *before, const nt_kchoice *c, int n_choices,
                        nt_err *e)
{
    merge m = {before, c, n_choices, nt_calloc((size_t)n_choices + 1, sizeof *m.at)};
    state *v = nt_alloc((size_t)before->n * (size_t)n_choices + 1, sizeof *v), s;
    nt_status st = NT_OK;
    int n = 0;

    if (!m.at || !v) {
        st = nt_fail_nomem(e);
    } else {
        while (next_state(&s, &m))
            if (n == 0 || s.loss < v[n - 1].loss)
                v[n++] = s;
        out->v = nt_alloc((size_t)n + 1, sizeof *v);
        if (out->v)
            memcpy(out->v, v, (size_t)n * sizeof *v);
        else
            st = nt_fail_nomem(e);
        out->n = n;
    }
    nt_free(m.at);
    nt_free(v);
    return st;
}

nt_status nt_kfront_new(nt_kfront **out, const nt_kchoice *c, int n_groups, int n_choices,
                        nt_err *e)
{
    nt_kfront *f = nt_calloc(1, sizeof *f);
    nt_status s = NT_OK;
    int64_t all = 1;

    *out = NULL;
    if (f)
        f->stages = nt_calloc((size_t)n_groups + 1, sizeof *f->stages);
    if (f && f->stages)
        f->stages[0] = (stage){nt_calloc(1, sizeof *f->stages->v), 1};
    if (!f || !f->stages || !f->stages[0].v)
        NT_TRY(nt_fail_nomem(e));
    f->n_groups = n_groups;
    for (int g = 0; g < n_groups; g++) {
        NT_TRY(extend(&f->stages[g + 1], &f->stages[g], c + (size_t)g * (size_t)n_choices,
                      n_choices, e));
        all += f->stages[g + 1].n;
        if (f->stages[g + 1].n == 0)
            NT_TRY(nt_fail(e, NT_EINVAL, "layer %d has no choice that can be had", g));
        if (all > MAX_STATES / n_choices)
            NT_TRY(nt_fail(e, NT_EUNSUPPORTED,
                           "too many combinations are efficient: give fewer choices"));
    }
    *out = f;
    f = NULL;
done:
    nt_kfront_free(f);
    return s;
}

void nt_kfront_free(nt_kfront *f)
{
    for (int g = 0; f && f->stages && g <= f->n_groups; g++)
        nt_free(f->stages[g].v);
    if (f)
        nt_free(f->stages);
    nt_free(f);
}

static const stage *last(const nt_kfront *f)
{
    return &f->stages[f->n_groups];
}

int nt_kfront_count(const nt_kfront *f)
{
    return last(f)->n;
}

nt_kchoice nt_kfront_at(const nt_kfront *f, int i)
{
    return (nt_kchoice){last(f)->v[i].cost, last(f)->v[i].loss};
}

void nt_kfront_choices(uint8_t *out, const nt_kfront *f, int i)
{
    for (int g = f->n_groups; g > 0; g--) {
        const state *s = &f->stages[g].v[i];

        out[g - 1] = s->choice;
        i = (int)s->from;
    }
}

int nt_kfront_best(const nt_kfront *f, double budget)
{
    int best = -1;

    for (int i = 0; i < last(f)->n && last(f)->v[i].cost <= budget; i++)
        best = i;
    return best;
}
