/* SPDX-License-Identifier: MIT */
#include "kernel/trial.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "kernel/conv_by.h"

#include <string.h>
#include <time.h>

enum { ROUNDS = 7, SURE_ROUNDS = 3, MAX_CANDIDATES = 4, COPIES = 3 };

/* Some pass of a convolution, made, with the memory it runs in. */
typedef struct contender {
    nt_prim *run, *pack,
        *copy[COPIES]; /* copy: reorders of x, of y, of what it makes; or NULL */
    size_t packed_bytes;
    nt_format src_fmt, dst_fmt;
    char *x, *y, *other, *packed, *plain, *scratch;
    double ms; /* the least so far; 0: has not run */
} contender;

static void release(contender *c)
{
    char *const memory[] = {c->x, c->y, c->other, c->packed, c->plain, c->scratch};

    nt_prim_free(c->run);
    nt_prim_free(c->pack);
    for (int i = 0; i < COPIES; i++)
        nt_prim_free(c->copy[i]);
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        nt_free(memory[i]);
    *c = (contender){0};
}

static nt_status make_prims(contender *c, nt_device *dev, const nt_conv_pass *p, nt_err *e)
{
    nt_conv_fwd f = {0};
    nt_conv_bwd_data b = {0};
    nt_conv_bwd_weights w = {0};
    nt_status s = NT_OK;

    if (p->pass == NT_PASS_FORWARD) {
        NT_TRY(nt_conv_fwd_by(&f, dev, p->d, p->training, e));
        *c = (contender){.run = f.run, .pack = f.pack, .packed_bytes = f.packed_bytes};
        c->src_fmt = f.src_fmt;
        c->dst_fmt = f.dst_fmt;
    } else if (p->pass == NT_PASS_BWD_DATA) {
        NT_TRY(nt_conv_bwd_data_by(&b, dev, p->d, p->training, e));
        *c = (contender){.run = b.run, .pack = b.pack, .packed_bytes = b.packed_bytes};
        c->src_fmt = b.src_fmt;
        c->dst_fmt = b.dst_fmt;
    } else {
        NT_TRY(nt_conv_bwd_weights_by(&w, dev, p->d, e));
        *c = (contender){.run = w.run, .pack = w.unpack, .packed_bytes = w.packed_bytes};
        c->src_fmt = w.src_fmt;
        c->dst_fmt = w.dst_fmt;
    }
done:
    return s;
}

/* The reorder between x and where its neighbours lie otherwise; none where that is not known.
 */
static nt_status make_copy(nt_prim **out, nt_device *dev, nt_desc x, nt_format like, nt_err *e)
{
    nt_desc from = x;

    from.fmt = like;
    if (like == NT_FMT_PLAIN || like == NT_FMT_ANY || like == x.fmt)
        return NT_OK;
    return nt_reorder_new(out, dev, &from, &x, e);
}

/* Touched, and no number that a CPU is slow with. */
static nt_status make_memory(char **out, size_t bytes, nt_err *e)
{
    *out = nt_alloc(bytes + 1, 1);
    if (!*out)
        return nt_fail_nomem(e);
    memset(*out, 0x3c, bytes);
    return NT_OK;
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

static nt_status enter(contender *c, nt_device *dev, const nt_conv_pass *p, nt_err *e)
{
    const nt_conv_desc *d = p->d;
    nt_pass pass = p->pass;
    nt_status s = NT_OK;
    nt_desc x, y;
    size_t scratch, weights = (size_t)(d->k * d->c / d->g) * sizeof(float);

    NT_TRY(make_prims(c, dev, p, e));
    x = nt_conv_src(d, c->src_fmt);
    y = nt_conv_dst(d, c->dst_fmt);
    if (pass != NT_PASS_BWD_DATA)
        NT_TRY(make_copy(&c->copy[0], dev, x, d->src_like, e));
    if (pass != NT_PASS_FORWARD)
        NT_TRY(make_copy(&c->copy[1], dev, y, d->dst_like, e));
    for (int i = 0; i < d->sp; i++)
        weights *= (size_t)d->ker[i];
    scratch = most(nt_prim_scratch(c->run), c->pack ? nt_prim_scratch(c->pack) : 0);
    if (pass != NT_PASS_BWD_WEIGHTS)
        NT_TRY(make_copy(&c->copy[2], dev, pass == NT_PASS_FORWARD ? y : x, d->src_like, e));
    for (int i = 0; i < COPIES; i++)
        scratch = most(scratch, c->copy[i] ? nt_prim_scratch(c->copy[i]) : 0);
    NT_TRY(make_memory(&c->x, nt_desc_bytes(&x), e));
    NT_TRY(make_memory(&c->y, nt_desc_bytes(&y), e));
    NT_TRY(make_memory(&c->other, 2 * most(nt_desc_bytes(&x), nt_desc_bytes(&y)), e));
    NT_TRY(make_memory(&c->packed, c->packed_bytes, e));
    NT_TRY(make_memory(&c->plain, most(weights, (size_t)d->k * sizeof(float)), e));
    NT_TRY(make_memory(&c->scratch, scratch, e));
done:
    return s;
}

/* Of one thread the time it had a processor, which other programs can stretch but little. */
static double now(bool one_thread)
{
    struct timespec t;

    if (!one_thread || clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0)
        return nt_clock_ms();
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* One round. `plain` stands for the weights and for the bias. */
static nt_status run_once(contender *c, const nt_conv_pass *p, bool one_thread, double *ms,
                          nt_err *e)
{
    nt_pass pass = p->pass;
    void *bias = p->d->bias ? c->plain : NULL, *made = pass == NT_PASS_FORWARD ? c->y : c->x;
    void *forward[4] = {c->x, c->packed, bias, c->y}, *data[3] = {c->y, c->packed, c->x};
    void *gradient[4] = {c->x, c->y, c->packed, bias};
    void *pack[2] = {c->plain, c->packed}, *unpack[2] = {c->packed, c->plain};
    void *copy[COPIES][2] = {{c->other, c->x}, {c->other, c->y}, {c->other, made}};
    nt_status s = NT_OK;
    double from = now(one_thread);

    for (int i = 0; i < COPIES; i++)
        if (c->copy[i])
            NT_TRY(nt_prim_run(c->copy[i], copy[i], c->scratch, e));
    if (p->training && c->pack && pass != NT_PASS_BWD_WEIGHTS)
        NT_TRY(nt_prim_run(c->pack, pack, c->scratch, e));
    NT_TRY(nt_prim_run(c->run,
                       pass == NT_PASS_FORWARD    ? forward
                       : pass == NT_PASS_BWD_DATA ? data
                                                  : gradient,
                       c->scratch, e));
    if (c->pack && pass == NT_PASS_BWD_WEIGHTS)
        NT_TRY(nt_prim_run(c->pack, unpack, c->scratch, e));
    *ms = now(one_thread) - from;
done:
    return s;
}

static nt_status race(contender *c, int n, const nt_conv_pass *p, bool one_thread, nt_err *e)
{
    nt_status s = NT_OK;
    double ms, fastest = 0;

    for (int r = -1; r < ROUNDS; r++) /* the first one warms up */
        for (int i = 0; i < n; i++) {
            if (!c[i].run || (r >= SURE_ROUNDS && c[i].ms > 2 * fastest))
                continue;
            NT_TRY(run_once(&c[i], p, one_thread, &ms, e));
            if (r >= 0 && (r == 0 || ms < c[i].ms))
                c[i].ms = ms;
            if (r >= 0 && (fastest == 0 || ms < fastest))
                fastest = ms;
        }
done:
    return s;
}

nt_status nt_trial_run(nt_trial *v, int n, nt_device *dev, const nt_conv_pass *p, nt_err *e)
{
    contender c[MAX_CANDIDATES] = {0};
    nt_status s = NT_OK;

    for (int i = 0; i < n; i++) {
        nt_conv_desc with = *p->d;

        with.algo = v[i].algo;
        s = enter(&c[i], dev, &(nt_conv_pass){&with, p->pass, p->training}, e);
        if (s == NT_EUNSUPPORTED)
            release(&c[i]);
        else
            NT_TRY(s);
    }
    NT_TRY(race(c, n, p, nt_device_threads(dev) == 1, e));
    for (int i = 0; i < n; i++)
        v[i].ms = c[i].run ? c[i].ms : -1;
done:
    for (int i = 0; i < MAX_CANDIDATES; i++)
        release(&c[i]);
    return s;
}
