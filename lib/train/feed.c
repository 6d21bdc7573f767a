/* SPDX-License-Identifier: MIT */
#include "train/feed.h"

#include <string.h>

static void dims_of(int64_t dims[NT_MAX_RANK], const nt_sample *s, int rank, bool last)
{
    const int64_t chw[] = {s->c, s->h, s->w}, hwc[] = {s->h, s->w, s->c};

    if (rank == 2)
        dims[1] = s->c * s->h * s->w;
    else
        memcpy(dims + 1, last && rank == 4 ? hwc : chw + (rank == 3),
               (size_t)(rank - 1) * sizeof *dims);
}

static bool fits(const nt_value *v, const nt_sample *s, bool last)
{
    int64_t want[NT_MAX_RANK];

    if (v->rank < 2 || v->rank > 4 || (v->rank == 3 && s->c != 1))
        return false;
    dims_of(want, s, v->rank, last);
    for (int i = 1; i < v->rank; i++)
        if (v->dims[i].value >= 0 && v->dims[i].value != want[i])
            return false;
    return true;
}

static bool is_to_nchw(const nt_node *n)
{
    static const int64_t want[] = {0, 3, 1, 2};
    int64_t perm[4];

    return strcmp(n->op_type, "Transpose") == 0 && nt_node_ints(n, "perm", perm, 4) == 4 &&
           memcmp(perm, want, sizeof want) == 0;
}

static bool looks_channels_last(const nt_value *v)
{
    int64_t c = v->rank == 4 ? v->dims[3].value : 0;

    if (v->n_uses == 0 || (c >= 0 && c != 1 && c != 3 && c != 4))
        return false;
    for (int i = 0; i < v->n_uses; i++)
        if (!is_to_nchw(v->uses[i].node))
            return false;
    return true;
}

static nt_status refuse(const nt_value *v, const nt_sample *s, nt_err *e)
{
    static const char *const said[] = {
        "neither \"layout\" of the data, \"nchw\" or \"nhwc\", fits",
        "the data's \"layout\" is \"nchw\"", "the data's \"layout\" is \"nhwc\""};
    const int64_t chw[3] = {s->c, s->h, s->w};
    char shape[96], data[96];

    return nt_fail(e, NT_EFORMAT, "input '%s' is %s, but a sample of the data is %s%s%s%s",
                   v->name, nt_value_shape_text(shape, sizeof shape, v),
                   nt_shape_text(data, sizeof data, 3, chw), v->rank == 4 ? " (" : "",
                   v->rank == 4 ? said[s->layout] : "", v->rank == 4 ? ")" : "");
}

/* real: of any floating-point type. */
static nt_status find(nt_feed *out, const nt_value *v, nt_sample s, bool real, nt_err *e)
{
    bool told = s.layout != NT_LAYOUT_AUTO, last = s.layout == NT_LAYOUT_NHWC;

    if (v->dtype != NT_F32 && !(real && nt_dtype_is_real(v->dtype)))
        return nt_fail(e, NT_EUNSUPPORTED, "input '%s' is of type %s, want %s", v->name,
                       nt_dtype_name(v->dtype), real ? "a floating-point type" : "float32");
    if (!told && v->rank == 4)
        last = fits(v, &s, true) && (looks_channels_last(v) || !fits(v, &s, false));
    if (!fits(v, &s, last))
        return refuse(v, &s, e);
    *out = (nt_feed){s, v->rank, last};
    return NT_OK;
}

static nt_status want_one(const nt_graph *g, nt_err *e)
{
    if (g->n_inputs == 1)
        return NT_OK;
    return nt_fail(e, NT_EUNSUPPORTED, "the network has %d inputs, want 1", g->n_inputs);
}

nt_status nt_feed_input(nt_feed *out, const nt_value *input, nt_sample s, nt_err *e)
{
    return find(out, input, s, false, e);
}

nt_status nt_feed_find(nt_feed *out, const nt_graph *g, nt_sample s, nt_err *e)
{
    nt_status status = want_one(g, e);

    return status == NT_OK ? find(out, g->inputs[0], s, false, e) : status;
}

nt_status nt_feed_find_real(nt_feed *out, const nt_graph *g, nt_sample s, nt_err *e)
{
    nt_status status = want_one(g, e);

    return status == NT_OK ? find(out, g->inputs[0], s, true, e) : status;
}

void nt_feed_dims(int64_t dims[NT_MAX_RANK], const nt_feed *f, int64_t n)
{
    memset(dims, 0, NT_MAX_RANK * sizeof *dims);
    dims[0] = n;
    dims_of(dims, &f->sample, f->rank, f->channels_last);
}

size_t nt_feed_size(const nt_feed *f)
{
    return (size_t)(f->sample.c * f->sample.h * f->sample.w);
}

/* One picture, [c][p] to [p][c]. */
static void turn(float *to, const float *x, size_t c, size_t p)
{
    for (size_t k = 0; k < c; k++)
        for (size_t i = 0; i < p; i++)
            to[i * c + k] = x[k * p + i];
}

void nt_feed_copy(float *to, const nt_feed *f, const float *x, int64_t n)
{
    size_t c = (size_t)f->sample.c, size = nt_feed_size(f);

    if (!f->channels_last || c == 1) {
        memcpy(to, x, (size_t)n * size * sizeof *to);
        return;
    }
    for (size_t i = 0; i < (size_t)n; i++)
        turn(to + i * size, x + i * size, c, size / c);
}
