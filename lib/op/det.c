/* SPDX-License-Identifier: MIT */
/*
 * det.c - Det: the determinant of each matrix, by elimination in double.
 *
 * The gradient is dy times the matrix of cofactors, each the determinant of a minor: right for
 * singular matrices, too, and n^5 steps are nothing for the 2x2 to 4x4 of networks.
 */
#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/op.h"

#include "base/alloc.h"

#include <math.h>

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_dim rows, cols;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (x->rank < 0)
        return NT_OK;
    if (x->rank < 2)
        return nt_fail(e, NT_EFORMAT, "input has %d dimensions, want at least 2", x->rank);
    rows = x->dims[x->rank - 2];
    cols = x->dims[x->rank - 1];
    if (rows.value >= 0 && cols.value >= 0 && rows.value != cols.value)
        return nt_fail(e, NT_EFORMAT, "the matrices are not square");
    nt_infer_set(n->out[0], x->dtype, x->rank - 2, x->dims);
    return NT_OK;
}

static void swap_rows(double *a, double *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double t = a[i];

        a[i] = b[i];
        b[i] = t;
    }
}

/* Of a[n][n], which is used up. */
static double determinant(double *a, int64_t n)
{
    double det = 1;

    for (int64_t k = 0; k < n; k++) {
        int64_t pivot = k;

        for (int64_t i = k + 1; i < n; i++)
            if (fabs(a[i * n + k]) > fabs(a[pivot * n + k]))
                pivot = i;
        if (a[pivot * n + k] == 0)
            return 0;
        if (pivot != k) {
            swap_rows(a + pivot * n, a + k * n, n);
            det = -det;
        }
        det *= a[k * n + k];
        for (int64_t i = k + 1; i < n; i++) {
            double f = a[i * n + k] / a[k * n + k];

            for (int64_t j = k; j < n; j++)
                a[i * n + j] -= f * a[k * n + j];
        }
    }
    return det;
}

/* The matrix at x without row r and column c (-1: all of it). */
static void copy_minor(double *a, const nt_tensor *x, int64_t at, int64_t n, int64_t r,
                       int64_t c)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            if (i != r && j != c)
                *a++ = nt_tensor_get(x, at + i * n + j);
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    int64_t m = in[0]->dims[in[0]->rank - 1], count = nt_tensor_count(out[0]);
    double *a = nt_alloc((size_t)(m * m) + 1, sizeof *a);

    (void)n;
    if (!a)
        return nt_fail_nomem(e);
    for (int64_t i = 0; i < count; i++) {
        copy_minor(a, in[0], i * m * m, m, -1, -1);
        nt_tensor_set(out[0], i, determinant(a, m));
    }
    nt_free(a);
    return NT_OK;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    int64_t m = in[0]->dims[in[0]->rank - 1], count = nt_tensor_count(out[0]);
    double *a;

    (void)n;
    if (!din[0])
        return NT_OK;
    if (!(a = nt_alloc((size_t)(m * m) + 1, sizeof *a)))
        return nt_fail_nomem(e);
    for (int64_t i = 0; i < count * m * m; i++) {
        int64_t row = i / m % m, col = i % m;
        double cofactor;

        copy_minor(a, in[0], i / (m * m) * m * m, m, row, col);
        cofactor = determinant(a, m - 1) * ((row + col) % 2 ? -1 : 1);
        ((float *)din[0]->data)[i] =
            (float)(cofactor * ((const float *)dout[0]->data)[i / (m * m)]);
    }
    nt_free(a);
    return NT_OK;
}

/* Rows and columns stay whole. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < n->out[0]->rank; i++)
        NT_TRY(nt_couple_same(c, (nt_span){n->in[0], i, 1}, (nt_span){n->out[0], i, 1}, e));
done:
    return s;
}

const nt_op nt_op_det[] = {
    {.name = "Det",
     .domain = "",
     .since = 11,
     .min_in = 1,
     .max_in = 1,
     .min_out = 1,
     .max_out = 1,
     .infer = infer,
     .eval = eval,
     .grad = grad,
     .couple = couple},
    {0},
};
