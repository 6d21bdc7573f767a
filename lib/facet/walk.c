/* SPDX-License-Identifier: MIT */
#include "facet/walk.h"

#include <assert.h>
#include <string.h>

void nt_strides(int64_t *out, int rank, const int64_t *dims)
{
    int64_t n = 1;

    for (int i = rank - 1; i >= 0; i--) {
        out[i] = n;
        n *= dims[i];
    }
}

void nt_strides_broadcast(int64_t *out, int rank, const nt_tensor *t)
{
    int64_t own[NT_MAX_RANK];

    assert(t->rank <= rank);
    nt_strides(own, t->rank, t->dims);
    for (int i = 0; i < rank; i++) {
        int from = i - (rank - t->rank);

        out[i] = from < 0 || t->dims[from] == 1 ? 0 : own[from];
    }
}

/* Can axis a be followed by axis b as one axis, for all operands? */
static bool even(const nt_walk *w, int a, int64_t extent, const int64_t (*stride)[NT_MAX_RANK],
                 int b)
{
    for (int k = 0; k < w->n; k++)
        if (w->stride[k][a] != stride[k][b] * extent)
            return false;
    return true;
}

static void push_axis(nt_walk *w, int64_t extent, const int64_t (*stride)[NT_MAX_RANK], int b)
{
    int last = w->rank - 1;

    if (last >= 0 && even(w, last, extent, stride, b))
        w->dims[last] *= extent;
    else
        w->dims[last = w->rank++] = extent;
    for (int k = 0; k < w->n; k++)
        w->stride[k][last] = stride[k][b];
}

void nt_walk_init(nt_walk *w, int rank, const int64_t *dims, int n,
                  const int64_t (*stride)[NT_MAX_RANK])
{
    assert(n <= NT_WALK_MAX);
    memset(w, 0, sizeof *w);
    w->n = n;
    w->more = true;
    for (int i = 0; i < rank; i++) {
        w->more = w->more && dims[i] > 0;
        if (dims[i] != 1)
            push_axis(w, dims[i], stride, i);
    }
    w->len = 1;
    if (w->rank == 0)
        return;
    w->rank--; /* the last axis is the row */
    w->len = w->dims[w->rank];
    for (int k = 0; k < n; k++)
        w->step[k] = w->stride[k][w->rank];
}

bool nt_walk_more(const nt_walk *w)
{
    return w->more;
}

void nt_walk_next(nt_walk *w)
{
    for (int i = w->rank - 1; i >= 0; i--) {
        for (int k = 0; k < w->n; k++)
            w->at[k] += w->stride[k][i];
        if (++w->idx[i] < w->dims[i])
            return;
        for (int k = 0; k < w->n; k++)
            w->at[k] -= w->stride[k][i] * w->dims[i];
        w->idx[i] = 0;
    }
    w->more = false;
}

#define COPY_ROW(type)                                                                         \
    do {                                                                                       \
        type *yt = (type *)y + w->at[0];                                                       \
        const type *xt = (const type *)x + w->at[1];                                           \
        for (int64_t i = 0; i < w->len; i++)                                                   \
            yt[i * w->step[0]] = xt[i * w->step[1]];                                           \
    } while (0)

static void copy_row(void *y, const void *x, const nt_walk *w, size_t size)
{
    switch (size) {
    case 1:
        COPY_ROW(uint8_t);
        break;
    case 2:
        COPY_ROW(uint16_t);
        break;
    case 4:
        COPY_ROW(uint32_t);
        break;
    default:
        assert(size == 8);
        COPY_ROW(uint64_t);
    }
}

void nt_copy_strided(void *y, const void *x, const nt_strided *b, size_t size)
{
    int64_t stride[2][NT_MAX_RANK];
    nt_walk w;

    memcpy(stride[0], b->ys, (size_t)b->rank * sizeof b->ys[0]);
    memcpy(stride[1], b->xs, (size_t)b->rank * sizeof b->xs[0]);
    for (nt_walk_init(&w, b->rank, b->dims, 2, stride); nt_walk_more(&w); nt_walk_next(&w)) {
        if (w.step[0] == 1 && w.step[1] == 1)
            memcpy((char *)y + w.at[0] * (int64_t)size,
                   (const char *)x + w.at[1] * (int64_t)size, (size_t)w.len * size);
        else
            copy_row(y, x, &w, size);
    }
}

void nt_add_strided(float *y, const float *x, const nt_strided *b)
{
    int64_t stride[2][NT_MAX_RANK];
    nt_walk w;

    memcpy(stride[0], b->ys, (size_t)b->rank * sizeof b->ys[0]);
    memcpy(stride[1], b->xs, (size_t)b->rank * sizeof b->xs[0]);
    for (nt_walk_init(&w, b->rank, b->dims, 2, stride); nt_walk_more(&w); nt_walk_next(&w))
        for (int64_t i = 0; i < w.len; i++)
            y[w.at[0] + i * w.step[0]] += x[w.at[1] + i * w.step[1]];
}

nt_boxes nt_boxes_of(const nt_tensor *t, const bool *gone)
{
    nt_boxes b = {.count = 1};
    int64_t stride[NT_MAX_RANK];

    nt_strides(stride, t->rank, t->dims);
    for (int i = 0; i < t->rank; i++) {
        if (gone[i]) {
            b.in_stride[0][b.n_in] = stride[i];
            b.in[b.n_in++] = t->dims[i];
            b.count *= t->dims[i];
        } else {
            b.out_stride[0][b.n_out] = stride[i];
            b.out[b.n_out++] = t->dims[i];
        }
    }
    return b;
}

nt_status nt_eval_wants_bytes(const nt_tensor *t, nt_err *e)
{
    if (nt_dtype_size(t->dtype) == 0)
        return nt_fail(e, NT_EUNSUPPORTED, "tensors of %s cannot be moved about",
                       nt_dtype_name(t->dtype));
    return NT_OK;
}

void nt_copy_range(const nt_tensor *whole, int axis, int64_t at, const nt_tensor *part,
                   bool into)
{
    int64_t ws[NT_MAX_RANK], ps[NT_MAX_RANK];
    size_t size = nt_dtype_size(whole->dtype);
    char *w;

    nt_strides(ws, whole->rank, whole->dims);
    nt_strides(ps, part->rank, part->dims);
    w = (char *)whole->data + (size_t)(at * ws[axis]) * size;
    if (into)
        nt_copy_strided(w, part->data, &(nt_strided){part->rank, part->dims, ws, ps}, size);
    else
        nt_copy_strided(part->data, w, &(nt_strided){part->rank, part->dims, ps, ws}, size);
}
