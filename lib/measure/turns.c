/* SPDX-License-Identifier: MIT */
#include "measure/turns.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <math.h>
#include <stdlib.h>

enum { FEWEST = 11, MOST = 101, TRIES = 3, WARMUP = 5, MOST_RUNS = 64 };

#define ENOUGH_MS 1000
#define HALF_MS 2.0 /* half a round takes so long at least: a clock's grain is nothing to it   \
                     */
#define CALM_SPREAD 0.1
#define CALM_SHARE 0.97

typedef struct rounds {
    nt_staged *const *net;
    int runs[2];   /* in half a round */
    double *ms[2]; /* [most] a run of each, by round */
    int n, most;
} rounds;

static nt_status half(double *ms, const rounds *r, int who, nt_err *e)
{
    nt_status s = NT_OK;
    double begin = nt_clock_ms();

    for (int i = 0; i < r->runs[who]; i++)
        NT_TRY(nt_staged_forward(r->net[who], e));
    *ms = (nt_clock_ms() - begin) / r->runs[who];
done:
    return s;
}

/* Caches and clocks settle; and how many runs make half a round is found. */
static nt_status warm_up(rounds *r, int runs, nt_err *e)
{
    nt_status s = NT_OK;
    double ms;

    for (int who = 0; who < 2; who++) {
        r->runs[who] = runs;
        NT_TRY(half(&ms, r, who, e));
        r->runs[who] = 1;
        NT_TRY(half(&ms, r, who, e));
        r->runs[who] = (int)fmin(fmax(ceil(HALF_MS / fmax(ms, 1e-6)), 1), MOST_RUNS);
    }
done:
    return s;
}

static nt_status take_rounds(rounds *r, bool fixed, nt_err *e)
{
    nt_status s = NT_OK;
    double begin = nt_clock_ms();

    for (r->n = 0; r->n < r->most; r->n++) {
        int first = r->n % 2;

        if (!fixed && r->n >= FEWEST && nt_clock_ms() - begin > ENOUGH_MS)
            break;
        NT_TRY(half(&r->ms[first][r->n], r, first, e));
        NT_TRY(half(&r->ms[!first][r->n], r, !first, e));
    }
done:
    return s;
}

static void summarize(nt_timing *out, double *ms, int n)
{
    out->median_ms = nt_median(ms, n);
    out->min_ms = ms[0];
    out->max_ms = ms[n - 1];
    out->runs = n;
}

/* ratio [n]; sorts all. */
static void judge(nt_turns *out, rounds *r, double *ratio)
{
    int n = r->n;

    for (int i = 0; i < n; i++)
        ratio[i] = r->ms[0][i] / r->ms[1][i];
    out->ratio = nt_median(ratio, n);
    out->spread = (ratio[3 * n / 4] - ratio[n / 4]) / out->ratio;
    out->rounds = n;
    for (int who = 0; who < 2; who++)
        summarize(&out->of[who], r->ms[who], n);
}

bool nt_turns_is_disturbed(const nt_turns *t)
{
    return t->spread > CALM_SPREAD || t->cpu_share < CALM_SHARE;
}

static bool is_calmer(const nt_turns *a, const nt_turns *b)
{
    bool rough = nt_turns_is_disturbed(a);

    return rough != nt_turns_is_disturbed(b) ? !rough : a->spread < b->spread;
}

static nt_status take(nt_turns *out, rounds *r, double *ratio, bool fixed, nt_err *e)
{
    double begin = nt_clock_ms(), cpu = nt_clock_cpu_ms();
    nt_status s = take_rounds(r, fixed, e);

    if (s != NT_OK)
        return s;
    out->cpu_share = (nt_clock_cpu_ms() - cpu) / fmax(nt_clock_ms() - begin, 1e-9);
    judge(out, r, ratio);
    return NT_OK;
}

nt_status nt_turns_measure(nt_turns *out, nt_staged *const net[2], const nt_turns_opts *o,
                           nt_err *e)
{
    nt_status s = NT_OK;
    rounds r = {.net = net, .most = o->rounds ? o->rounds : MOST};
    int tries = o->tries ? o->tries : TRIES, done = 0;
    double *ratio = nt_alloc((size_t)r.most, sizeof *ratio);

    for (int who = 0; who < 2; who++)
        r.ms[who] = nt_alloc((size_t)r.most, sizeof *r.ms[who]);
    if (!ratio || !r.ms[0] || !r.ms[1])
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(warm_up(&r, o->warmup ? o->warmup : WARMUP, e));
    do {
        nt_turns t = {0};

        NT_TRY(take(&t, &r, ratio, o->rounds > 0, e));
        if (done++ == 0 || is_calmer(&t, out))
            *out = t;
    } while (done < tries && nt_turns_is_disturbed(out));
    out->tries = done;
    out->disturbed = nt_turns_is_disturbed(out);
done:
    nt_free(r.ms[0]);
    nt_free(r.ms[1]);
    nt_free(ratio);
    return s;
}
