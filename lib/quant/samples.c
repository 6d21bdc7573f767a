/* SPDX-License-Identifier: MIT */
#define _FILE_OFFSET_BITS 64
#include "quant/samples.h"

#include "base/alloc.h"
#include "train/feed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 32 };
static const size_t memory = (size_t)256 << 20;

struct nt_samples {
    int64_t n;
    size_t each;
    int rank; /* of a batch of them, with dims but for the first */
    int64_t dims[NT_MAX_RANK];
    float *mem; /* NULL: in the file */
    FILE *file;
};

static nt_status samples_new(nt_samples **out, int64_t n, size_t each, const nt_calib *c,
                             nt_err *e)
{
    nt_samples *t = nt_calloc(1, sizeof *t);
    size_t most = c->memory ? c->memory : memory;
    nt_status s = NT_OK;

    if (!t)
        return nt_fail_nomem(e);
    t->n = n;
    t->each = each;
    if ((size_t)n <= most / sizeof(float) / (each ? each : 1)) {
        t->mem = nt_calloc((size_t)n * each + 1, sizeof *t->mem);
        if (!t->mem)
            NT_TRY(nt_fail_nomem(e));
    } else if (!(t->file = tmpfile())) {
        NT_TRY(nt_fail(e, NT_EIO, "temporary file: %s", strerror(errno)));
    }
    *out = t;
    t = NULL;
done:
    nt_samples_free(t);
    return s;
}

void nt_samples_free(nt_samples *s)
{
    if (!s)
        return;
    if (s->file)
        fclose(s->file);
    nt_free(s->mem);
    nt_free(s);
}

int64_t nt_samples_count(const nt_samples *s)
{
    return s->n;
}

size_t nt_samples_each(const nt_samples *s)
{
    return s->each;
}

int64_t nt_samples_batch(const nt_samples *s, const nt_calib *c)
{
    int64_t most = c->batch_size ? c->batch_size : BATCH;

    return s->n < most ? s->n : most;
}

/* `count` samples from number `at` on. */
static nt_status put(nt_samples *s, int64_t at, const float *from, int64_t count, nt_err *e)
{
    size_t each = s->each * sizeof *from, bytes = (size_t)count * each, done = 0;

    if (s->mem) {
        memcpy(s->mem + (size_t)at * s->each, from, bytes);
        return NT_OK;
    }
    while (done < bytes) {
        ssize_t n = pwrite(fileno(s->file), (const char *)from + done, bytes - done,
                           (off_t)((size_t)at * each + done));

        if (n < 0 && errno != EINTR)
            return nt_fail(e, NT_EIO, "temporary file: %s", strerror(errno));
        done += n > 0 ? (size_t)n : 0;
    }
    return NT_OK;
}

static nt_status get_one(float *to, const nt_samples *s, uint32_t at, nt_err *e)
{
    size_t bytes = s->each * sizeof *to, done = 0;

    if (s->mem) {
        memcpy(to, s->mem + at * s->each, bytes);
        return NT_OK;
    }
    while (done < bytes) {
        ssize_t n =
            pread(fileno(s->file), (char *)to + done, bytes - done, (off_t)(at * bytes + done));

        if (n == 0 || (n < 0 && errno != EINTR))
            return nt_fail(e, NT_EIO, "temporary file: %s",
                           n ? strerror(errno) : "it has become shorter");
        done += n > 0 ? (size_t)n : 0;
    }
    return NT_OK;
}

nt_status nt_samples_get(float *to, const nt_samples *s, const uint32_t *index, int64_t n,
                         nt_err *e)
{
    nt_status status = NT_OK;

    for (int64_t i = 0; i < n && status == NT_OK; i++)
        status = get_one(to + (size_t)i * s->each, s, index[i], e);
    return status;
}

/* ---- filling */

static nt_status put_batch(nt_samples *t, int64_t at, const nt_feed *f, const nt_batch *b,
                           nt_err *e)
{
    float *x = nt_alloc((size_t)b->n, t->each * sizeof *x);
    nt_status s;

    if (!x)
        return nt_fail_nomem(e);
    nt_feed_copy(x, f, nt_batch_pictures(b), b->n);
    s = put(t, at, x, b->n, e);
    nt_free(x);
    return s;
}

static nt_status load_all(nt_samples *t, nt_loader *l, const nt_feed *f, nt_err *e)
{
    const nt_batch *b = NULL;
    int64_t at = 0;
    nt_status s;

    NT_TRY(nt_loader_start(l, 0, 0, e));
    for (;;) {
        NT_TRY(nt_loader_next(l, &b, e));
        if (!b)
            break;
        NT_TRY(put_batch(t, at, f, b, e));
        at += b->n;
    }
    t->n = at; /* without those that were skipped */
done:
    return s;
}

nt_status nt_samples_load(nt_samples **out, const nt_graph *g, const nt_calib *c, nt_err *e)
{
    nt_loader_opts lo = nt_calib_loader(c);
    nt_samples *t = NULL;
    nt_loader *l = NULL;
    nt_feed f;
    nt_status s = NT_OK;
    int64_t n = (int64_t)nt_split_count(c->split);

    NT_TRY(nt_loader_new(&l, c->split, &lo, e));
    NT_TRY(nt_feed_find(&f, g, nt_loader_sample(l), e));
    n = c->samples && (int64_t)c->samples < n ? (int64_t)c->samples : n;
    NT_TRY(samples_new(&t, n, nt_feed_size(&f), c, e));
    t->rank = f.rank;
    nt_feed_dims(t->dims, &f, n);
    NT_TRY(load_all(t, l, &f, e));
    *out = t;
    t = NULL;
done:
    nt_samples_free(t);
    nt_loader_free(l);
    return s;
}

/* What the graph leaves open is as the samples are. */
nt_status nt_samples_dims(int64_t dims[NT_MAX_RANK], const nt_graph *g, const nt_samples *s,
                          int64_t n, nt_err *e)
{
    const nt_value *v = g->inputs[0];
    size_t count = 1;
    char text[96];

    memset(dims, 0, NT_MAX_RANK * sizeof *dims);
    dims[0] = v->dims[0].value < 0 ? n : v->dims[0].value;
    for (int i = 1; i < v->rank; i++) {
        dims[i] = v->dims[i].value < 0 && v->rank == s->rank ? s->dims[i] : v->dims[i].value;
        count *= dims[i] > 0 ? (size_t)dims[i] : 0;
    }
    if (v->rank < 1 || dims[0] != n || count != s->each)
        return nt_fail(e, NT_EINVAL, "value '%s' is %s, and the data has %lld samples of %zu",
                       v->name, nt_value_shape_text(text, sizeof text, v), (long long)n,
                       s->each);
    return NT_OK;
}

/* Samples [at, at + n) through the plan, whose batch may be larger. */
static nt_status run_batch(nt_plan *p, const nt_samples *in, int64_t at, int64_t n, nt_err *e)
{
    nt_status s = NT_OK;
    uint32_t index;

    for (int64_t i = 0; i < n; i++) {
        index = (uint32_t)(at + i);
        NT_TRY(nt_samples_get((float *)nt_plan_input(p, 0)->data + (size_t)i * in->each, in,
                              &index, 1, e));
    }
    NT_TRY(nt_plan_forward(p, e));
done:
    return s;
}

/* Room for n samples as those of a batch y. */
static nt_status samples_like(nt_samples **out, int64_t n, const nt_tensor *y,
                              const nt_calib *c, nt_err *e)
{
    int64_t each = nt_tensor_count(y) / (y->rank ? y->dims[0] : 1);
    nt_status s = NT_OK;

    NT_TRY(samples_new(out, n, (size_t)each, c, e));
    (*out)->rank = y->rank;
    memcpy((*out)->dims, y->dims, sizeof(*out)->dims);
done:
    return s;
}

nt_status nt_samples_run(nt_samples **out, const nt_samples *in, const nt_graph *g,
                         const nt_calib *c, nt_err *e)
{
    int64_t batch = nt_samples_batch(in, c), dims[1][NT_MAX_RANK];
    nt_plan_opts po = {.dims = (const int64_t(*)[NT_MAX_RANK])dims};
    nt_samples *t = NULL;
    nt_plan *p = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_samples_dims(dims[0], g, in, batch, e));
    NT_TRY(nt_plan_new(&p, g, c->dev, &po, e));
    for (int64_t at = 0; at < in->n; at += batch) {
        int64_t n = in->n - at < batch ? in->n - at : batch;

        NT_TRY(run_batch(p, in, at, n, e));
        if (!t)
            NT_TRY(samples_like(&t, in->n, nt_plan_output(p, 0), c, e));
        NT_TRY(put(t, at, nt_plan_output(p, 0)->data, n, e));
    }
    *out = t;
    t = NULL;
done:
    nt_plan_free(p);
    nt_samples_free(t);
    return s;
}
