/* SPDX-License-Identifier: MIT */
#include "train/views.h"

#include "base/alloc.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/outfile.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

_Static_assert(sizeof(float) == 4 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "views are written as they lie in memory: little-endian fp32");

#define MAGIC "nt-views 1\0\0\0\0\0" /* and the last NUL */
#define HEX 64

typedef struct header {
    char magic[16], digest[HEX], identity[HEX];
    uint64_t samples, outputs, views;
} header;

_Static_assert(sizeof(header) == sizeof MAGIC + 2 * HEX + 24, "no gaps");

typedef struct one {
    float *outputs; /* NULL: nothing known yet */
    bool *known;    /* of each sample */
    bool whole;
} one;

struct nt_views {
    one *v;
    size_t n, samples, outputs;
};

nt_status nt_views_new(nt_views **out, size_t views, size_t samples, size_t outputs, nt_err *e)
{
    nt_views *v = nt_calloc(1, sizeof *v);
    size_t bytes;

    if (!v || !nt_size_mul(&bytes, samples, outputs) ||
        !nt_size_mul(&bytes, bytes, sizeof(float)) ||
        !(v->v = nt_calloc(views, sizeof *v->v))) {
        nt_views_free(v);
        return nt_fail_nomem(e);
    }
    v->n = views;
    v->samples = samples;
    v->outputs = outputs;
    *out = v;
    return NT_OK;
}

void nt_views_free(nt_views *v)
{
    if (!v)
        return;
    for (size_t i = 0; v->v && i < v->n; i++) {
        nt_free(v->v[i].outputs);
        nt_free(v->v[i].known);
    }
    nt_free(v->v);
    nt_free(v);
}

bool nt_views_recall(float *to, const nt_views *v, size_t view, const nt_batch *b)
{
    const one *t = &v->v[view];

    assert(view < v->n);
    for (int64_t i = 0; i < b->n; i++) {
        assert(b->sample[i] < v->samples);
        if (!t->known || !t->known[b->sample[i]])
            return false;
        memcpy(to + (size_t)i * v->outputs, t->outputs + b->sample[i] * v->outputs,
               v->outputs * sizeof *to);
    }
    return true;
}

static nt_status make_room(const nt_views *v, one *t, nt_err *e)
{
    if (!t->outputs)
        t->outputs = nt_calloc(v->samples * v->outputs, sizeof *t->outputs);
    if (!t->known)
        t->known = nt_calloc(v->samples, sizeof *t->known);
    return t->outputs && t->known ? NT_OK : nt_fail_nomem(e);
}

nt_status nt_views_learn(nt_views *v, size_t view, const nt_batch *b, const float *outputs,
                         nt_err *e)
{
    const one *t = &v->v[view];

    assert(view < v->n);
    if (make_room(v, &v->v[view], e) != NT_OK)
        return NT_ENOMEM;
    for (int64_t i = 0; i < b->n; i++) {
        memcpy(t->outputs + b->sample[i] * v->outputs, outputs + (size_t)i * v->outputs,
               v->outputs * sizeof *outputs);
        t->known[b->sample[i]] = true;
    }
    return NT_OK;
}

void nt_views_close(nt_views *v, size_t view)
{
    assert(view < v->n);
    v->v[view].whole = v->v[view].outputs != NULL;
}

bool nt_views_is_whole(const nt_views *v, size_t view)
{
    assert(view < v->n);
    return v->v[view].whole;
}

/* ---- the file */

const char *nt_views_file_text(nt_views_file what)
{
    switch (what) {
    case NT_VIEWS_STALE:
        return "holds outputs of something else: it is made anew";
    case NT_VIEWS_DAMAGED:
        return "damaged: it is made anew";
    case NT_VIEWS_NO_FILE:
    case NT_VIEWS_TAKEN:
        break;
    }
    return NULL;
}

static size_t view_bytes(const nt_views *v)
{
    return v->samples * v->outputs * sizeof(float);
}

static size_t entry_bytes(const nt_views *v)
{
    return sizeof(uint64_t) + view_bytes(v);
}

/* Of all behind it. */
static nt_sha256_hex digest(const char *bytes, size_t n)
{
    const size_t before = offsetof(header, identity);

    return nt_sha256(bytes + before, n - before);
}

static nt_views_file judge(const nt_views *v, const char *bytes, size_t n, const char *identity)
{
    header h;

    if (n < sizeof h)
        return NT_VIEWS_DAMAGED;
    memcpy(&h, bytes, sizeof h);
    if (memcmp(h.digest, digest(bytes, n).text, HEX) != 0)
        return NT_VIEWS_DAMAGED;
    if (memcmp(h.identity, identity, HEX) != 0)
        return NT_VIEWS_STALE;
    if (h.samples != v->samples || h.outputs != v->outputs ||
        (n - sizeof h) / entry_bytes(v) != h.views || (n - sizeof h) % entry_bytes(v) != 0)
        return NT_VIEWS_DAMAGED;
    return NT_VIEWS_TAKEN;
}

/* Those that there is a place for. */
static nt_status take(nt_views *v, const char *bytes, size_t n, nt_err *e)
{
    for (const char *at = bytes + sizeof(header); at < bytes + n; at += entry_bytes(v)) {
        uint64_t number;
        one *t;

        memcpy(&number, at, sizeof number);
        if (number >= v->n)
            continue;
        t = &v->v[number];
        if (make_room(v, t, e) != NT_OK)
            return NT_ENOMEM;
        memcpy(t->outputs, at + sizeof number, view_bytes(v));
        memset(t->known, 1, v->samples);
        t->whole = true;
    }
    return NT_OK;
}

nt_status nt_views_load(nt_views *v, nt_views_file *what, const char *path,
                        const char *identity, nt_err *e)
{
    nt_status s = NT_OK;
    char *bytes = NULL;
    size_t n = 0;

    assert(strlen(identity) == HEX);
    *what = NT_VIEWS_NO_FILE;
    if (!nt_path_exists(path))
        return NT_OK;
    NT_TRY(nt_file_read(&bytes, &n, path, SIZE_MAX - 1, e));
    if (n < sizeof MAGIC || memcmp(bytes, MAGIC, sizeof MAGIC) != 0)
        NT_TRY(nt_fail(e, NT_EFORMAT, "holds no outputs of a network, and stays as it is"));
    *what = judge(v, bytes, n, identity);
    if (*what == NT_VIEWS_TAKEN)
        NT_TRY(take(v, bytes, n, e));
done:
    if (s != NT_OK)
        nt_err_prefix(e, "%s", path);
    nt_free(bytes);
    return s;
}

static void write_views(char *to, const nt_views *v)
{
    for (size_t i = 0; i < v->n; i++) {
        uint64_t number = i;

        if (!v->v[i].whole)
            continue;
        memcpy(to, &number, sizeof number);
        memcpy(to + sizeof number, v->v[i].outputs, view_bytes(v));
        to += entry_bytes(v);
    }
}

nt_status nt_views_save(const nt_views *v, const char *path, const char *identity, nt_err *e)
{
    header h = {.magic = MAGIC, .samples = v->samples, .outputs = v->outputs};
    nt_status s;
    char *bytes;
    size_t n;
    bool held;

    assert(strlen(identity) == HEX);
    for (size_t i = 0; i < v->n; i++)
        h.views += v->v[i].whole;
    if (!nt_size_mul(&n, h.views, entry_bytes(v)) || !nt_size_add(&n, n, sizeof h) ||
        !(bytes = nt_alloc(n, 1)))
        return nt_fail_nomem(e);
    memcpy(h.identity, identity, HEX);
    memcpy(bytes, &h, sizeof h);
    write_views(bytes + sizeof h, v);
    memcpy(bytes + offsetof(header, digest), digest(bytes, n).text, HEX);
    held = nt_outfile_hold(false); /* it serves other runs, whatever becomes of this one */
    s = nt_outfile_save(path, bytes, n, e);
    nt_outfile_hold(held);
    nt_free(bytes);
    return s;
}
