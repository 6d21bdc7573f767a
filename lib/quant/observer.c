/* SPDX-License-Identifier: MIT */
#include "quant/observer.h"

#include <math.h>
#include <string.h>

enum { HALF = NT_OBSERVER_BINS / 2, SMALLEST = -120, STEPS = 100 };

void nt_observer_init(nt_observer *o)
{
    memset(o, 0, sizeof *o);
    o->exponent = SMALLEST;
}

/* ---- seeing */

/* Bins become twice as wide: neighbours 2j and 2j + 1 around the middle become one. */
static void widen(nt_observer *o)
{
    uint64_t wide[NT_OBSERVER_BINS] = {0};

    for (int i = 0; i < NT_OBSERVER_BINS; i++)
        wide[HALF / 2 + i / 2] += o->bin[i];
    memcpy(o->bin, wide, sizeof wide);
    o->exponent++;
}

/* An empty histogram takes any width at once; zeros alone need none. */
static void cover(nt_observer *o, float extreme)
{
    int want;

    if (extreme == 0)
        return;
    (void)frexpf(extreme, &want); /* extreme < 2^want */
    want -= 11;                   /* HALF is 2^11 */
    if (o->count == 0 && want > o->exponent)
        o->exponent = want;
    while (o->exponent < want)
        widen(o);
}

static void see_extremes(nt_observer *o, float lo, float hi)
{
    bool first = o->batches == 0;

    o->min = first || lo < o->min ? lo : o->min;
    o->max = first || hi > o->max ? hi : o->max;
    o->ema_min = first ? lo : 0.99F * o->ema_min + 0.01F * lo;
    o->ema_max = first ? hi : 0.99F * o->ema_max + 0.01F * hi;
    o->batches++;
}

void nt_observer_see(nt_observer *o, const float *x, int64_t n)
{
    float lo = INFINITY, hi = -INFINITY, per_bin;

    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i])) {
            lo = x[i] < lo ? x[i] : lo;
            hi = x[i] > hi ? x[i] : hi;
        }
    if (lo > hi)
        return;
    cover(o, fmaxf(fabsf(lo), fabsf(hi)));
    see_extremes(o, lo, hi);
    per_bin = ldexpf(1, -o->exponent);
    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i])) {
            o->bin[(int)floorf(x[i] * per_bin) + HALF]++;
            o->count++;
        }
}

void nt_observer_merge(nt_observer *o, const nt_observer *b)
{
    nt_observer other = *b;
    float share;

    if (b->batches == 0)
        return;
    if (o->batches == 0) {
        *o = *b;
        return;
    }
    while (o->exponent < other.exponent)
        widen(o);
    while (other.exponent < o->exponent)
        widen(&other);
    for (int i = 0; i < NT_OBSERVER_BINS; i++)
        o->bin[i] += other.bin[i];
    share = (float)b->batches / (float)(o->batches + b->batches);
    o->ema_min += share * (b->ema_min - o->ema_min);
    o->ema_max += share * (b->ema_max - o->ema_max);
    o->min = fminf(o->min, b->min);
    o->max = fmaxf(o->max, b->max);
    o->count += b->count;
    o->batches += b->batches;
}

/* ---- ranges */

static float middle(const nt_observer *o, int i)
{
    return ldexpf((float)(i - HALF) + 0.5F, o->exponent);
}

static float through(float x, nt_qpair p, nt_codes c)
{
    float q = rintf(x / p.scale) + (float)p.zero;

    q = fminf(fmaxf(q, (float)c.lo), (float)c.hi);
    return (q - (float)p.zero) * p.scale;
}

static double squared_error(const nt_observer *o, nt_range r, nt_codes c)
{
    nt_qpair p = nt_range_pair(r, c);
    double sum = 0;

    for (int i = 0; i < NT_OBSERVER_BINS; i++)
        if (o->bin[i]) {
            double d = middle(o, i) - through(middle(o, i), p, c);

            sum += d * d * (double)o->bin[i];
        }
    return sum;
}

/* The run of bins from i on that get one code, and their weight and how many hold something. */
static int same_code(const nt_observer *o, int i, nt_qpair p, nt_codes c, double *weight,
                     int *held)
{
    float code = through(middle(o, i), p, c);

    *weight = 0;
    *held = 0;
    for (; i < NT_OBSERVER_BINS && through(middle(o, i), p, c) == code; i++) {
        *weight += (double)o->bin[i];
        *held += o->bin[i] > 0;
    }
    return i;
}

/*
 * KL(P || Q): P is the histogram with what lies outside the range moved to its ends, Q spreads
 * the weight of each code's bins, outliers left out, evenly over those that hold something.
 */
static double divergence(const nt_observer *o, nt_range r, nt_codes c)
{
    static const double least = 1e-12;
    nt_qpair p = nt_range_pair(r, c);
    double kl = 0, total = (double)o->count;

    for (int i = 0; i < NT_OBSERVER_BINS;) {
        double weight, inside = 0;
        int held, end = same_code(o, i, p, c, &weight, &held), in_range = 0;

        for (int k = i; k < end; k++)
            if (o->bin[k] && middle(o, k) >= r.lo && middle(o, k) <= r.hi) {
                inside += (double)o->bin[k];
                in_range++;
            }
        for (int k = i; k < end && in_range; k++)
            if (o->bin[k] && middle(o, k) >= r.lo && middle(o, k) <= r.hi) {
                double here = (double)o->bin[k] + (weight - inside) / in_range;

                kl += here / total * log(here / fmax(inside / in_range, least));
            }
        if (!in_range && weight > 0)
            kl += weight / total * log(weight / total / least);
        i = end;
    }
    return kl;
}

typedef double (*score_fn)(const nt_observer *o, nt_range r, nt_codes c);

/* The share of one end (or, symmetric, of both) that scores best; ties go to the wider. */
static nt_range shrink(const nt_observer *o, nt_range r, nt_codes c, score_fn score, bool low,
                       bool high)
{
    nt_range best = r;
    double least = score(o, r, c);

    for (int k = STEPS - 1; k >= STEPS / 20; k--) {
        float share = (float)k / STEPS;
        nt_range at = {low ? r.lo * share : r.lo, high ? r.hi * share : r.hi};
        double v = score(o, at, c);

        if (v < least) {
            least = v;
            best = at;
        }
    }
    return best;
}

static nt_range searched(const nt_observer *o, nt_range r, nt_codes c, score_fn score)
{
    if (c.symmetric || r.lo == 0 || r.hi == 0)
        return shrink(o, r, c, score, true, true);
    r = shrink(o, r, c, score, true, true);
    r = shrink(o, r, c, score, false, true);
    return shrink(o, r, c, score, true, false);
}

/* What is left when the share outside is cut off, half of it on each side that has values. */
static nt_range cut(const nt_observer *o, nt_range all, double percentile)
{
    double out = (1 - percentile / 100) * (double)o->count;
    double low = all.lo < 0 ? (all.hi > 0 ? out / 2 : out) : 0, high = out - low, seen = 0;
    nt_range r = all;
    int i = 0;

    for (i = 0; i < HALF && seen + (double)o->bin[i] <= low; i++)
        seen += (double)o->bin[i];
    r.lo = fmaxf(all.lo, fminf(ldexpf((float)(i - HALF), o->exponent), 0));
    for (seen = 0, i = NT_OBSERVER_BINS; i > HALF && seen + (double)o->bin[i - 1] <= high; i--)
        seen += (double)o->bin[i - 1];
    r.hi = fminf(all.hi, fmaxf(ldexpf((float)(i - HALF), o->exponent), 0));
    return r;
}

const char *nt_range_method_name(nt_range_method m)
{
    static const char *const names[] = {"minmax", "moving_average", "percentile",
                                        "mse",    "entropy",        "best"};

    return names[m];
}

nt_range nt_observer_range(const nt_observer *o, nt_range_method m, nt_codes c,
                           double percentile)
{
    nt_range all = {fminf(o->min, 0), fmaxf(o->max, 0)};

    if (o->batches == 0)
        return (nt_range){0, 0};
    switch (m) {
    case NT_RANGE_EMA:
        return (nt_range){fminf(o->ema_min, 0), fmaxf(o->ema_max, 0)};
    case NT_RANGE_PERCENTILE:
        return cut(o, all, percentile);
    case NT_RANGE_MSE:
        return searched(o, all, c, squared_error);
    case NT_RANGE_ENTROPY:
        return searched(o, all, c, divergence);
    default:
        return all;
    }
}
