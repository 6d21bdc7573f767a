/* SPDX-License-Identifier: MIT */
/*
 * A ring of batches. Worker threads take batch numbers in order and fill slot (number mod
 * ring); the consumer takes the slots in the same order, so that who filled which makes no
 * difference, and a sample's random stream comes from seed, epoch and sample alone. What the
 * threads share is under `lock`; a slot belongs to one worker from the time its number is taken
 * until it is ready, then to the consumer until it asks for the next.
 */
#include "base/alloc.h"
#include "data/dataset.h"
#include "data/fill.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#define MAX_WORKERS 1024
#define SPARE_SLOTS 2 /* one with the consumer, one ready for it */

typedef struct slot {
    nt_field field[NT_MAX_FIELDS]; /* the batch's, with data of their own */
    uint32_t *sample;              /* of each, its number in the split */
    nt_batch batch;
    bool ready;
    nt_status status;
    nt_err err;
} slot;

/* One thread's own. */
typedef struct worker {
    nt_loader *loader;
    pthread_t thread;
    nt_fetch fetch;
    nt_pipeline_work work;
    nt_filled sample;
} worker;

struct nt_loader {
    nt_split *split;
    nt_loader_opts opts;
    int64_t c, h, w;
    nt_field like[NT_MAX_FIELDS]; /* of a batch of any size */
    size_t n_fields;
    size_t n, batches; /* samples and batches of an epoch */
    uint32_t *order;   /* written while no batch is being filled */
    nt_rng epoch_rng;

    pthread_mutex_t lock;
    pthread_cond_t work, done; /* for the workers, for the consumer */
    bool has_lock;
    size_t next_fill, next_take, end; /* batch numbers */
    bool holding;                     /* the consumer has batch next_take - 1 */
    int busy;
    bool stop;

    slot *ring;
    size_t n_ring;
    worker *workers;
    int n_running;
};

/* ---- filling a batch */

/* Sample i of the split into w->sample, with all that follows its picture. */
static nt_status transform(nt_loader *l, worker *w, size_t i, nt_err *e)
{
    nt_source *src = l->split->source;
    nt_rng rng = nt_rng_fork_index(&l->epoch_rng, i);
    nt_filled *t = &w->sample;
    nt_image im;
    nt_status s;

    t->src = src;
    t->i = l->split->cut.index[i];
    NT_TRY(nt_source_fetch(src, &im, t->i, &w->fetch, e));
    s = nt_pipeline_run(l->split->pipeline, &t->picture, &im, &w->work,
                        l->opts.augment ? &rng : NULL, e);
    if (s != NT_OK)
        nt_source_prefix(src, t->i, e);
    t->did = w->work.did;
    if (s == NT_OK)
        s = nt_fill_follow(t, nt_geometry_none(im.h, im.w), &w->fetch, e);
done:
    return s;
}

static nt_status fill_sample(slot *t, nt_loader *l, worker *w, size_t at, size_t i, nt_err *e)
{
    const nt_image *im = &w->sample.picture;
    nt_status s = transform(l, w, i, e);

    if (s != NT_OK)
        return s;
    if (im->h != l->h || im->w != l->w || im->c != l->c) {
        nt_fail(
            e, NT_EFORMAT,
            "%d x %d pixels in %d channels where the first sample gives %lld x %lld in %lld: "
            "add a resize or a crop",
            im->h, im->w, im->c, (long long)l->h, (long long)l->w, (long long)l->c);
        nt_source_prefix(l->split->source, w->sample.i, e);
        return NT_EFORMAT;
    }
    for (size_t k = 0; k < l->n_fields; k++)
        nt_fill_put(&t->field[k], &w->sample, k, at);
    t->sample[at] = (uint32_t)i;
    return NT_OK;
}

/* Samples that are skipped leave no gap. */
static void fill(slot *t, nt_loader *l, worker *w, size_t number)
{
    size_t size = (size_t)l->opts.batch_size, first = number * size, kept = 0;
    size_t n = l->n - first < size ? l->n - first : size;

    t->status = NT_OK;
    for (size_t i = 0; i < n && t->status == NT_OK; i++) {
        uint32_t at = l->order[first + i];

        t->status = fill_sample(t, l, w, kept, at, &t->err);
        if (t->status == NT_OK)
            kept++;
        else if (nt_source_is_skipped(l->split->source, l->split->cut.index[at]))
            t->status = NT_OK;
    }
    for (size_t k = 0; k < l->n_fields; k++)
        t->field[k].dims[0] = (int64_t)kept;
    t->batch = (nt_batch){t->field, l->n_fields, (int64_t)kept, first, number, t->sample};
}

/* ---- threads */

/* A number may be taken while its slot is neither waiting for the consumer nor with it. */
static bool may_fill(const nt_loader *l)
{
    size_t oldest = l->next_take - l->holding;

    return l->next_fill < l->end && l->next_fill - oldest < l->n_ring;
}

static void *work(void *arg)
{
    worker *w = arg;
    nt_loader *l = w->loader;

    pthread_mutex_lock(&l->lock);
    for (;;) {
        size_t number;
        slot *t;

        while (!l->stop && !may_fill(l))
            pthread_cond_wait(&l->work, &l->lock);
        if (l->stop)
            break;
        number = l->next_fill++;
        t = &l->ring[number % l->n_ring];
        l->busy++;
        pthread_mutex_unlock(&l->lock);
        fill(t, l, w, number);
        pthread_mutex_lock(&l->lock);
        l->busy--;
        t->ready = true;
        pthread_cond_signal(&l->done);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static nt_status start_threads(nt_loader *l, int n, nt_err *e)
{
    for (int i = 0; i < n; i++) {
        int code = pthread_create(&l->workers[i].thread, NULL, work, &l->workers[i]);

        if (code) {
            errno = code;
            return nt_fail_errno(e, "cannot start a thread");
        }
        l->n_running++;
    }
    return NT_OK;
}

static void stop_threads(nt_loader *l)
{
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; i < l->n_running; i++)
        pthread_join(l->workers[i].thread, NULL);
    l->n_running = 0;
}

/* ---- life */

static nt_status init_lock(nt_loader *l, nt_err *e)
{
    if (pthread_mutex_init(&l->lock, NULL))
        return nt_fail_nomem(e);
    if (pthread_cond_init(&l->work, NULL)) {
        pthread_mutex_destroy(&l->lock);
        return nt_fail_nomem(e);
    }
    if (pthread_cond_init(&l->done, NULL)) {
        pthread_cond_destroy(&l->work);
        pthread_mutex_destroy(&l->lock);
        return nt_fail_nomem(e);
    }
    l->has_lock = true;
    return NT_OK;
}

/* Pictures, and what is as large as they are, get their extents. */
static void set_like(nt_loader *l)
{
    const nt_source *src = l->split->source;
    const int64_t chw[] = {l->c, l->h, l->w};

    l->n_fields = src->n_stored;
    for (size_t k = 0; k < src->n_stored; k++) {
        nt_field *f = &l->like[k];

        *f = src->stored[k].field;
        if (f->role == NT_ROLE_PICTURE)
            memcpy(f->dims + 1, chw, sizeof chw);
        if (f->role == NT_ROLE_MASK)
            memcpy(f->dims + 1, chw + 1, 2 * sizeof *chw);
    }
}

/* The first sample that is there says what shape all have. */
static nt_status find_shape(nt_loader *l, nt_err *e)
{
    const nt_image *im = &l->workers[0].sample.picture;
    nt_status s = NT_OK;

    for (size_t i = 0; i < l->split->cut.n; i++) {
        s = transform(l, &l->workers[0], i, e);
        if (s == NT_OK || !nt_source_is_skipped(l->split->source, l->split->cut.index[i]))
            break;
    }
    if (s != NT_OK)
        return s;
    l->h = im->h;
    l->w = im->w;
    l->c = im->c;
    set_like(l);
    return NT_OK;
}

/* The counts of ragged fields are a field, too. */
static void point_to_counts(slot *t, const nt_loader *l)
{
    const nt_stored *stored = l->split->source->stored;

    for (size_t k = 0; k < l->n_fields; k++)
        for (size_t j = 0; stored[k].row && j < l->n_fields; j++)
            if (stored[j].field.role == NT_ROLE_COUNT && stored[j].row == stored[k].row)
                t->field[k].count = t->field[j].data;
}

static nt_status make_slot(slot *t, const nt_loader *l, size_t samples, nt_err *e)
{
    memcpy(t->field, l->like, sizeof l->like);
    if (!(t->sample = nt_alloc(samples, sizeof *t->sample)))
        return nt_fail_nomem(e);
    for (size_t k = 0; k < l->n_fields; k++) {
        size_t bytes = nt_field_bytes(&l->like[k]);

        t->field[k].data = nt_alloc(samples, bytes);
        if (!t->field[k].data)
            return nt_fail_nomem(e);
    }
    point_to_counts(t, l);
    return NT_OK;
}

static void free_slot(slot *t, const nt_loader *l)
{
    for (size_t k = 0; k < l->n_fields; k++)
        nt_free((void *)t->field[k].data);
    nt_free(t->sample);
}

static nt_status make_ring(nt_loader *l, nt_err *e)
{
    size_t size = l->n < (size_t)l->opts.batch_size ? l->n : (size_t)l->opts.batch_size;
    nt_status s = NT_OK;

    for (size_t i = 0; i < l->n_ring && s == NT_OK; i++)
        s = make_slot(&l->ring[i], l, size, e);
    return s;
}

static void count_batches(nt_loader *l)
{
    size_t size = (size_t)l->opts.batch_size;

    l->n = l->split->cut.n;
    if (l->opts.limit && l->opts.limit < l->n)
        l->n = l->opts.limit;
    l->batches = l->n / size + (!l->opts.drop_last && l->n % size);
}

static nt_status make(nt_loader *l, int workers, nt_err *e)
{
    nt_status s;

    l->workers = nt_calloc((size_t)workers, sizeof *l->workers);
    l->n_ring = (size_t)workers + SPARE_SLOTS;
    l->ring = nt_calloc(l->n_ring, sizeof *l->ring);
    l->order = nt_alloc(l->split->cut.n, sizeof *l->order);
    if (!l->workers || !l->ring || !l->order)
        NT_TRY(nt_fail_nomem(e));
    for (int i = 0; i < workers; i++)
        l->workers[i].loader = l;
    NT_TRY(init_lock(l, e));
    NT_TRY(nt_source_load(l->split->source, e));
    NT_TRY(find_shape(l, e));
    NT_TRY(make_ring(l, e));
    NT_TRY(start_threads(l, workers, e));
done:
    return s;
}

nt_status nt_loader_new(nt_loader **out, nt_split *split, const nt_loader_opts *o, nt_err *e)
{
    int workers = o->workers ? o->workers : 1;
    nt_loader *l = nt_calloc(1, sizeof *l);
    nt_status s = NT_OK;

    if (!l)
        NT_TRY(nt_fail_nomem(e));
    if (o->batch_size < 1 || workers < 1 || workers > MAX_WORKERS)
        NT_TRY(nt_fail(e, NT_EINVAL,
                       "batch size %lld with %d workers, want at least 1 and 1 to %d",
                       (long long)o->batch_size, workers, MAX_WORKERS));
    l->split = split;
    l->opts = *o;
    count_batches(l);
    NT_TRY(make(l, workers, e));
    *out = l;
    l = NULL;
done:
    nt_loader_free(l);
    return s;
}

void nt_loader_free(nt_loader *l)
{
    if (!l)
        return;
    if (l->has_lock) {
        stop_threads(l);
        pthread_cond_destroy(&l->done);
        pthread_cond_destroy(&l->work);
        pthread_mutex_destroy(&l->lock);
    }
    for (size_t i = 0; l->workers && i < l->n_ring - SPARE_SLOTS; i++) {
        nt_fetch_release(&l->workers[i].fetch);
        nt_pipeline_work_release(&l->workers[i].work);
        nt_filled_release(&l->workers[i].sample);
    }
    for (size_t i = 0; l->ring && i < l->n_ring; i++)
        free_slot(&l->ring[i], l);
    nt_free(l->workers);
    nt_free(l->ring);
    nt_free(l->order);
    nt_free(l);
}

/* ---- the consumer's side */

nt_sample nt_loader_sample(const nt_loader *l)
{
    return (nt_sample){l->c, l->h, l->w, l->split->layout};
}

const nt_field *nt_loader_fields(const nt_loader *l, size_t *n)
{
    *n = l->n_fields;
    return l->like;
}

const nt_split *nt_loader_split(const nt_loader *l)
{
    return l->split;
}

size_t nt_loader_batches(const nt_loader *l)
{
    return l->batches;
}

static void set_order(nt_loader *l, uint64_t epoch)
{
    bool shuffle = l->opts.shuffle < 0 ? l->split->shuffle : l->opts.shuffle != 0;
    nt_rng root, stream;

    nt_rng_init(&root, l->opts.seed);
    for (size_t i = 0; i < l->split->cut.n; i++)
        l->order[i] = (uint32_t)i;
    stream = nt_rng_fork(&root, "shuffle");
    stream = nt_rng_fork_index(&stream, epoch);
    if (shuffle)
        nt_rng_shuffle(&stream, l->order, l->split->cut.n);
    stream = nt_rng_fork(&root, "augment");
    l->epoch_rng = nt_rng_fork_index(&stream, l->opts.views ? epoch % l->opts.views : epoch);
}

nt_status nt_loader_start(nt_loader *l, uint64_t epoch, size_t first_batch, nt_err *e)
{
    if (first_batch > l->batches)
        return nt_fail(e, NT_EINVAL, "batch %zu of an epoch that has %zu", first_batch,
                       l->batches);
    pthread_mutex_lock(&l->lock);
    l->end = 0; /* nothing new is taken */
    while (l->busy)
        pthread_cond_wait(&l->done, &l->lock);
    set_order(l, epoch);
    for (size_t i = 0; i < l->n_ring; i++)
        l->ring[i].ready = false;
    l->next_fill = l->next_take = first_batch;
    l->holding = false;
    l->end = l->batches;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    return NT_OK;
}

/* The next batch in its turn, which may be empty where all its samples were skipped. */
static nt_status take(nt_loader *l, const nt_batch **out, nt_err *e)
{
    slot *t;

    *out = NULL;
    pthread_mutex_lock(&l->lock);
    l->holding = false;
    pthread_cond_signal(&l->work);
    if (l->next_take >= l->end) {
        pthread_mutex_unlock(&l->lock);
        return NT_OK;
    }
    t = &l->ring[l->next_take % l->n_ring];
    while (!t->ready)
        pthread_cond_wait(&l->done, &l->lock);
    if (t->status == NT_OK) {
        t->ready = false;
        l->holding = true;
        l->next_take++;
        *out = &t->batch;
    }
    pthread_mutex_unlock(&l->lock);
    if (t->status != NT_OK)
        return nt_fail(e, t->status, "%s", t->err.msg);
    return NT_OK;
}

nt_status nt_loader_next(nt_loader *l, const nt_batch **out, nt_err *e)
{
    nt_status s;

    do
        s = take(l, out, e);
    while (s == NT_OK && *out && (*out)->n == 0);
    return s;
}
