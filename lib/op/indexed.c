/* SPDX-License-Identifier: MIT */
#include "op/indexed.h"

#include "base/alloc.h"
#include "facet/arg.h"
#include "facet/walk.h"

#include <inttypes.h>
#include <string.h>

static nt_status new_places(nt_places *p, int64_t n, int64_t inner, nt_err *e)
{
    *p = (nt_places){nt_alloc((size_t)n + 1, sizeof *p->at), n, inner};
    return p->at ? NT_OK : nt_fail_nomem(e);
}

/* -extent <= i < extent becomes 0 <= *i < extent. */
static nt_status resolve(int64_t *i, int64_t extent, nt_err *e)
{
    if (*i < -extent || *i >= extent)
        return nt_fail(e, NT_EFORMAT, "index %" PRId64 " is outside an extent of %" PRId64, *i,
                       extent);
    *i += *i < 0 ? extent : 0;
    return NT_OK;
}

nt_status nt_places_elements(nt_places *p, const nt_tensor *x, const nt_tensor *idx,
                             int64_t axis, nt_err *e)
{
    int64_t xs[NT_MAX_RANK], pos[NT_MAX_RANK] = {0};
    nt_status s = NT_OK;
    int a = 0;

    NT_TRY(nt_axis(&a, axis, x->rank, e));
    for (int i = 0; i < x->rank; i++)
        if (idx->rank != x->rank || (i != a && idx->dims[i] > x->dims[i]))
            NT_TRY(nt_fail(e, NT_EFORMAT, "the indices do not fit the data at axis %d", i));
    NT_TRY(new_places(p, nt_tensor_count(idx), 1, e));
    nt_strides(xs, x->rank, x->dims);
    for (int64_t k = 0; k < p->n; k++) {
        int64_t i = nt_tensor_get_i64(idx, k), at = 0;

        NT_TRY(resolve(&i, x->dims[a], e));
        for (int d = 0; d < x->rank; d++)
            at += (d == a ? i : pos[d]) * xs[d];
        p->at[k] = at;
        for (int d = x->rank - 1; d >= 0 && ++pos[d] == idx->dims[d]; d--)
            pos[d] = 0;
    }
done:
    if (s != NT_OK) {
        nt_free(p->at);
        p->at = NULL;
    }
    return s;
}

static nt_status check_nd(const nt_tensor *x, const nt_tensor *idx, int64_t batch_dims,
                          int64_t *tuple, nt_err *e)
{
    if (idx->rank < 1 || batch_dims < 0 || batch_dims >= idx->rank || batch_dims > x->rank)
        return nt_fail(e, NT_EFORMAT, "batch_dims is %" PRId64 ", the indices have %d axes",
                       batch_dims, idx->rank);
    for (int i = 0; i < batch_dims; i++)
        if (x->dims[i] != idx->dims[i])
            return nt_fail(e, NT_EFORMAT, "data and indices differ at batch axis %d", i);
    *tuple = idx->dims[idx->rank - 1];
    if (batch_dims + *tuple > x->rank)
        return nt_fail(e, NT_EFORMAT,
                       "indices of %" PRId64 " entries for data of %d dimensions", *tuple,
                       x->rank);
    return NT_OK;
}

nt_status nt_places_nd(nt_places *p, const nt_tensor *x, const nt_tensor *idx,
                       int64_t batch_dims, nt_err *e)
{
    int64_t xs[NT_MAX_RANK], n = 1, inner = 1, batch = 1, whole, tuple = 0;
    nt_status s = NT_OK;

    NT_TRY(check_nd(x, idx, batch_dims, &tuple, e));
    for (int i = 0; i < idx->rank - 1; i++)
        n *= idx->dims[i];
    for (int i = 0; i < batch_dims; i++)
        batch *= x->dims[i];
    for (int i = (int)(batch_dims + tuple); i < x->rank; i++)
        inner *= x->dims[i];
    whole = batch ? nt_tensor_count(x) / batch : 0;
    NT_TRY(new_places(p, n, inner, e));
    nt_strides(xs, x->rank, x->dims);
    for (int64_t k = 0; k < n; k++) {
        p->at[k] = k / (n / batch) * whole;
        for (int64_t t = 0; t < tuple; t++) {
            int64_t i = nt_tensor_get_i64(idx, k * tuple + t);

            NT_TRY(resolve(&i, x->dims[batch_dims + t], e));
            p->at[k] += i * xs[batch_dims + t];
        }
    }
done:
    if (s != NT_OK) {
        nt_free(p->at);
        p->at = NULL;
    }
    return s;
}

void nt_places_gather(const nt_places *p, void *y, const void *x, size_t size)
{
    size_t row = (size_t)p->inner * size;

    for (int64_t i = 0; i < p->n; i++)
        memcpy((char *)y + (size_t)i * row, (const char *)x + (size_t)p->at[i] * size, row);
}

void nt_places_put(const nt_places *p, void *x, const void *y, size_t size)
{
    size_t row = (size_t)p->inner * size;

    for (int64_t i = 0; i < p->n; i++)
        memcpy((char *)x + (size_t)p->at[i] * size, (const char *)y + (size_t)i * row, row);
}

void nt_places_add(const nt_places *p, float *x, const float *y)
{
    for (int64_t i = 0; i < p->n; i++)
        for (int64_t k = 0; k < p->inner; k++)
            x[p->at[i] + k] += y[i * p->inner + k];
}
