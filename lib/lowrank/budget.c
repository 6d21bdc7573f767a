/* SPDX-License-Identifier: MIT */
#include "lowrank/budget.h"

#include "base/alloc.h"

#include <math.h>

enum { ROUNDS = 200 };

typedef struct choice {
    int64_t rank[2], cost;
    double lost; /* of the layer's energy, a share */
} choice;

typedef struct row {
    nt_lowrank_layer *l;
    choice *v; /* v[0]: as it is */
    int n, at;
} row;

/* ---- the choices */

static double tail_share(const double *energy, int64_t n, int64_t from)
{
    double sum = 0, tail = 0;

    for (int64_t i = n - 1; i >= 0; i--) { /* small ones first */
        tail = i >= from ? tail + energy[i] : tail;
        sum += energy[i];
    }
    return sum > 0 ? tail / sum : 0;
}

/* Of tucker no more than this is lost: the sum of what either side loses. */
static double lost_at(const nt_lowrank_layer *l, const int64_t rank[2])
{
    double lost = tail_share(l->energy[0], l->n_energy[0], rank[0]);

    if (l->kind == NT_LOWRANK_TUCKER)
        lost += tail_share(l->energy[1], l->n_energy[1], rank[1]);
    return lost < 1 ? lost : 1;
}

static int64_t share_of(int64_t n, int64_t i, int64_t of)
{
    return (n * i + of - 1) / of;
}

/* Both ranks of tucker grow alike. */
static nt_status fill(row *r, const nt_lowrank_budget *b, nt_err *e)
{
    const nt_lowrank_layer *l = r->l;
    int64_t most = l->n_energy[0] > l->n_energy[1] ? l->n_energy[0] : l->n_energy[1];

    r->v = nt_calloc((size_t)most + 1, sizeof *r->v);
    if (!r->v)
        return nt_fail_nomem(e);
    r->v[r->n++] = (choice){.cost = b->macs ? nt_lowrank_macs(l) : nt_lowrank_params(l)};
    for (int64_t i = 1; i <= most; i++) {
        choice c = {
            .rank = {share_of(l->n_energy[0], i, most), share_of(l->n_energy[1], i, most)}};

        if (!b->larger && !nt_lowrank_gains(l, c.rank))
            continue;
        c.cost = b->macs ? nt_lowrank_macs_at(l, c.rank) : nt_lowrank_params_at(l, c.rank);
        c.lost = lost_at(l, c.rank);
        r->v[r->n++] = c;
    }
    return NT_OK;
}

/* ---- the best of them */

static void choose_at(row *r, double lambda)
{
    double best = INFINITY;

    for (int i = 0; i < r->n; i++) {
        double v = r->v[i].lost + lambda * (double)r->v[i].cost;

        if (v < best) {
            best = v;
            r->at = i;
        }
    }
}

static int64_t cost_at(row *rows, int n, double lambda)
{
    int64_t sum = 0;

    for (int i = 0; i < n; i++) {
        choose_at(&rows[i], lambda);
        if (!nt_i64_add(&sum, sum, rows[i].v[rows[i].at].cost))
            return INT64_MAX;
    }
    return sum;
}

static int64_t cost_of(const row *rows, int n)
{
    int64_t sum = 0;

    for (int i = 0; i < n; i++)
        sum += rows[i].v[rows[i].at].cost;
    return sum;
}

static void cheapest(row *rows, int n)
{
    for (int i = 0; i < n; i++)
        for (int k = rows[i].at = 0; k < rows[i].n; k++)
            if (rows[i].v[k].cost < rows[i].v[rows[i].at].cost)
                rows[i].at = k;
}

/* The choice that wins most energy for its cost and still fits; false: none. */
static bool improve(row *rows, int n, int64_t left)
{
    double best = 0;
    int at = -1, to = 0;

    for (int i = 0; i < n; i++) {
        const choice *now = &rows[i].v[rows[i].at];

        for (int k = 0; k < rows[i].n; k++) {
            int64_t more = rows[i].v[k].cost - now->cost;
            double won = now->lost - rows[i].v[k].lost;

            if (more > left || !(won > 0))
                continue;
            won = more > 0 ? won / (double)more : INFINITY;
            if (won > best) {
                best = won;
                at = i;
                to = k;
            }
        }
    }
    if (at >= 0)
        rows[at].at = to;
    return at >= 0;
}

/* Halves the logarithm of lambda; at its upper end all are as small as they get. */
static void search(row *rows, int n, int64_t room)
{
    double lo = log(1e-30), hi = log(1e6);

    if (cost_at(rows, n, 0) <= room)
        return;
    for (int i = 0; i < ROUNDS; i++) {
        double mid = (lo + hi) / 2;

        if (cost_at(rows, n, exp(mid)) <= room)
            hi = mid;
        else
            lo = mid;
    }
    if (cost_at(rows, n, exp(hi)) > room)
        cheapest(rows, n);
}

static bool solve(row *rows, int n, int64_t room)
{
    search(rows, n, room);
    if (cost_of(rows, n) > room)
        return false;
    while (improve(rows, n, room - cost_of(rows, n)))
        ;
    return true;
}

nt_status nt_lowrank_to_budget(nt_lowrank_layers *l, const bool *wanted,
                               const nt_lowrank_budget *b, bool *met, nt_err *e)
{
    nt_status s = NT_OK;
    row *rows = nt_calloc((size_t)l->n + 1, sizeof *rows);
    int n = 0;

    if (!rows)
        return nt_fail_nomem(e);
    for (int i = 0; i < l->n; i++)
        if (wanted[i]) {
            rows[n].l = &l->v[i];
            NT_TRY(fill(&rows[n++], b, e));
        }
    *met = solve(rows, n, b->cost - b->rest);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < 2; k++)
            rows[i].l->rank[k] = rows[i].v[rows[i].at].rank[k];
done:
    for (int i = 0; i < n; i++)
        nt_free(rows[i].v);
    nt_free(rows);
    return s;
}
