/* SPDX-License-Identifier: MIT */
/*
 * lpnorm.c - normalisations without parameters:
 *
 *   LpNormalization            y = x / |x|_p along one axis, p 1 or 2; 0 where the norm is 0
 *   MeanVarianceNormalization  y = (x - mean) / (sqrt(var) + 1e-9) over a set of axes
 */
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define MVN_EPS 1e-9

static bool is_lp(const nt_node *n)
{
    return n->op->data != NULL;
}

static nt_status lp_check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    int64_t p = nt_node_int(n, "p", 2);

    (void)g;
    if (p != 1 && p != 2)
        return nt_fail(e, NT_EUNSUPPORTED, "p %" PRId64 " is not supported", p);
    return NT_OK;
}

/* The axes that are normalised over. */
static nt_status read_axes(bool *gone, const nt_node *n, int rank, nt_err *e)
{
    static const int usual[] = {0, 2, 3};
    nt_status s = NT_OK;
    bool given = false;
    int axis = 0;

    memset(gone, 0, NT_MAX_RANK * sizeof *gone);
    if (is_lp(n)) {
        NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", -1), rank, e));
        gone[axis] = true;
        goto done;
    }
    NT_TRY(nt_arg_axes(gone, &given, (nt_arg){n, "axes", NULL}, rank, e));
    for (int i = 0; i < 3 && !given; i++) {
        NT_TRY(nt_axis(&axis, usual[i], rank, e));
        gone[axis] = true;
    }
done:
    return s;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    bool gone[NT_MAX_RANK];
    nt_status s = NT_OK;

    (void)g;
    nt_infer_like(n->out[0], n->in[0]);
    if (n->in[0]->rank >= 0)
        NT_TRY(read_axes(gone, n, n->in[0]->rank, e));
done:
    return s;
}

/* The numbers of the inner box that begins at `at`, to or from a row. */
static void load(double *row, const nt_tensor *t, const nt_boxes *b, int64_t at)
{
    nt_walk w;

    for (nt_walk_init(&w, b->n_in, b->in, 1, b->in_stride); nt_walk_more(&w); nt_walk_next(&w))
        for (int64_t i = 0; i < w.len; i++)
            *row++ = nt_tensor_get(t, at + w.at[0] + i * w.step[0]);
}

static void store(nt_tensor *t, const double *row, const nt_boxes *b, int64_t at)
{
    nt_walk w;

    for (nt_walk_init(&w, b->n_in, b->in, 1, b->in_stride); nt_walk_more(&w); nt_walk_next(&w))
        for (int64_t i = 0; i < w.len; i++)
            nt_tensor_set(t, at + w.at[0] + i * w.step[0], *row++);
}

/* x becomes y, or (dy not NULL) dx. With N = |x|: dx = dy / N - dN/dx sum(dy x) / N^2, dN/dx =
 * x / N or the sign of x. */
static void lp_row(double *x, const double *dy, int64_t n, int p)
{
    double norm = 0, dot = 0;

    for (int64_t i = 0; i < n; i++) {
        norm += p == 2 ? x[i] * x[i] : fabs(x[i]);
        dot += dy ? dy[i] * x[i] : 0;
    }
    norm = p == 2 ? sqrt(norm) : norm;
    for (int64_t i = 0; i < n; i++) {
        double slope = p == 2 ? x[i] / norm : (x[i] > 0) - (x[i] < 0);

        if (norm == 0)
            x[i] = 0;
        else
            x[i] = dy ? (dy[i] - slope * dot / norm) / norm : x[i] / norm;
    }
}

/* The same. With s = sqrt(var) and t = s + eps: dx = (dy - mean of dy) / t - (x - mean) mean of
 * (dy (x - mean)) / (s t^2). */
static void mvn_row(double *x, const double *dy, int64_t n)
{
    double mean = 0, var = 0, of_dy = 0, dot = 0, root, t;

    for (int64_t i = 0; i < n; i++) {
        mean += x[i] / (double)n;
        of_dy += dy ? dy[i] / (double)n : 0;
    }
    for (int64_t i = 0; i < n; i++) {
        x[i] -= mean;
        var += x[i] * x[i] / (double)n;
        dot += dy ? dy[i] * x[i] / (double)n : 0;
    }
    root = sqrt(var);
    t = root + MVN_EPS;
    dot = root > 0 ? dot / root / t / t : 0;
    for (int64_t i = 0; i < n; i++)
        x[i] = dy ? (dy[i] - of_dy) / t - x[i] * dot : x[i] / t;
}

/* to: y from x, or with dy dx. */
static nt_status for_rows(const nt_node *n, nt_tensor *to, const nt_tensor *x,
                          const nt_tensor *dy, nt_err *e)
{
    double *row = NULL, *grad = NULL;
    bool gone[NT_MAX_RANK];
    nt_status s = NT_OK;
    nt_walk w;
    nt_boxes b;

    NT_TRY(read_axes(gone, n, x->rank, e));
    b = nt_boxes_of(x, gone);
    if (!(row = nt_alloc(2 * (size_t)b.count + 1, sizeof *row)))
        NT_TRY(nt_fail_nomem(e));
    grad = dy ? row + b.count : NULL;
    for (nt_walk_init(&w, b.n_out, b.out, 1, b.out_stride); nt_walk_more(&w); nt_walk_next(&w))
        for (int64_t i = 0; i < w.len; i++) {
            int64_t at = w.at[0] + i * w.step[0];

            load(row, x, &b, at);
            if (dy)
                load(grad, dy, &b, at);
            if (is_lp(n))
                lp_row(row, grad, b.count, (int)nt_node_int(n, "p", 2));
            else
                mvn_row(row, grad, b.count);
            store(to, row, &b, at);
        }
done:
    nt_free(row);
    return s;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    return for_rows(n, out[0], in[0], NULL, e);
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    (void)out;
    return din[0] ? for_rows(n, din[0], in[0], dout[0], e) : NT_OK;
}

/* Zeros leave a norm as it is, so channels pass through LpNormalization along all axes; mean
 * and variance need theirs whole. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    bool gone[NT_MAX_RANK];
    nt_status s = NT_OK;

    NT_TRY(read_axes(gone, n, n->in[0]->rank, e));
    for (int i = 0; i < n->in[0]->rank; i++) {
        nt_span x = {n->in[0], i, 1};

        NT_TRY(nt_couple_same(c, x, (nt_span){n->out[0], i, 1}, e));
        if (gone[i] && !is_lp(n))
            NT_TRY(nt_couple_freeze(c, x, n, "its statistics are taken along this axis", e));
    }
done:
    return s;
}

static const nt_attr_spec lp_attrs[] = {
    {"axis", NT_ATTR_INT, false}, {"p", NT_ATTR_INT, false}, {0}};
static const nt_attr_spec mvn_attrs[] = {{"axes", NT_ATTR_INTS, false}, {0}};

#define FACETS                                                                                 \
    .domain = "", .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1, .infer = infer,        \
    .eval = eval, .grad = grad, .couple = couple

const nt_op nt_op_lpnorm[] = {
    {.name = "LpNormalization", .since = 1, .attrs = lp_attrs, .check = lp_check, FACETS,
     .data = "L_p"},
    {.name = "MeanVarianceNormalization", .since = 9, .attrs = mvn_attrs, FACETS},
    {0},
};
