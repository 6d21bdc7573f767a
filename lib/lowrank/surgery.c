/* SPDX-License-Identifier: MIT */
#include "lowrank/surgery.h"

#include "base/alloc.h"
#include "facet/layer.h"
#include "graph/rewrite.h"
#include "lowrank/factor.h"

#include <math.h>
#include <stdio.h>

typedef struct surgeon {
    nt_rewrite w;
    const nt_lowrank_layer *l;
    int made; /* layers so far */
} surgeon;

/* ---- new weights */

/* NAME.1.weight; where a value has that name, with underscores behind. */
static bool free_name(char *buf, size_t n, const surgeon *s)
{
    int len = snprintf(buf, n - 16, "%s.%d.weight", s->l->name, s->made);

    for (int i = 0; i < 15 && len < (int)n - 1; i++) {
        if (!nt_graph_find_value(s->w.g, buf))
            return true;
        buf[len++] = '_';
        buf[len] = '\0';
    }
    return false;
}

/* v [rows][cols], as it is or turned. */
static void copy(float *out, const double *v, int64_t rows, int64_t cols, bool turned)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < cols; k++)
            out[turned ? k * rows + i : i * cols + k] = (float)v[i * cols + k];
}

typedef struct shape {
    int rank;
    int64_t d[NT_MAX_RANK];
} shape;

/* The matrix v [rows][cols] as a constant of this shape. */
static nt_value *weight(surgeon *s, const double *v, int64_t rows, bool turned, const shape *d)
{
    nt_tensor *t = NULL;
    nt_value *out = NULL;
    char name[192];

    if (s->w.s == NT_OK)
        s->w.s = nt_tensor_room(&t, NT_F32, d->rank, d->d, s->w.e);
    if (s->w.s != NT_OK)
        return NULL;
    copy(t->data, v, rows, nt_tensor_count(t) / rows, turned);
    if (!free_name(name, sizeof name, s)) {
        nt_tensor_free(t);
        nt_rewrite_refuse(&s->w, "its factors' names are taken");
        return NULL;
    }
    s->w.s = nt_graph_add_const(&out, s->w.g, name, t, s->w.e);
    return out;
}

static nt_value *node(surgeon *s, nt_value *x, nt_value *w, nt_value *bias)
{
    const nt_node *n = s->l->node;
    char name[256];

    snprintf(name, sizeof name, "%s%s%d", n->name, *n->name ? "." : "", s->made++);
    return nt_rewrite_node(&s->w, n->op_type, *n->name ? name : "",
                           (nt_value *const[]){x, w, bias}, 3, 1);
}

static nt_value *bias_of(const surgeon *s)
{
    return nt_rewrite_in(&s->w, 2);
}

/* ---- dense layers */

/* x A B, each lying as the weight did. The last has C, and the factors of Gemm. */
static void dense(surgeon *s, const nt_factor_matrix *f)
{
    const nt_node *n = s->l->node;
    bool gemm = nt_node_is(n, "Gemm"), turned = !s->l->by_input;
    const shape a = {2, {turned ? f->rank : f->rows, turned ? f->rows : f->rank}},
                b = {2, {turned ? f->cols : f->rank, turned ? f->rank : f->cols}};
    nt_value *t =
        node(s, nt_rewrite_in(&s->w, 0), weight(s, f->left, f->rows, turned, &a), NULL);

    if (gemm) {
        nt_rewrite_set_int(&s->w, "transA", nt_node_int(n, "transA", 0));
        nt_rewrite_set_int(&s->w, "transB", turned);
    }
    t = node(s, t, weight(s, f->right, f->rank, turned, &b), bias_of(s));
    if (gemm) {
        nt_rewrite_set_float(&s->w, "alpha", nt_node_float(n, "alpha", 1));
        nt_rewrite_set_float(&s->w, "beta", nt_node_float(n, "beta", 1));
        nt_rewrite_set_int(&s->w, "transB", turned);
    }
    nt_rewrite_out(&s->w, 0, t);
}

/* ---- convolutions */

/* The window along the axes from..to; along the others it is 1 wide and does not step. */
static void set_window(surgeon *s, int from, int to)
{
    const nt_window *w = &s->l->window;
    int64_t ker[3], stride[3], dil[3], pads[6];
    size_t sp = (size_t)w->sp;

    for (int i = 0; i < w->sp; i++) {
        bool in = i >= from && i < to;

        ker[i] = in ? w->ker[i] : 1;
        stride[i] = in ? w->stride[i] : 1;
        dil[i] = in ? w->dil[i] : 1;
        pads[i] = in ? w->lo[i] : 0;
        pads[i + w->sp] = in ? w->hi[i] : 0;
    }
    nt_rewrite_set_ints(&s->w, "kernel_shape", ker, sp);
    nt_rewrite_set_ints(&s->w, "strides", stride, sp);
    nt_rewrite_set_ints(&s->w, "dilations", dil, sp);
    if (w->auto_pad == NT_PAD_EXPLICIT)
        nt_rewrite_set_ints(&s->w, "pads", pads, 2 * sp);
    else
        nt_rewrite_set_str(&s->w, "auto_pad", nt_node_str(s->l->node, "auto_pad", ""));
}

static shape conv_shape(const surgeon *s, int64_t k, int64_t c, int from, int to)
{
    const nt_window *w = &s->l->window;
    shape d = {w->sp + 2, {k, c}};

    for (int i = 0; i < w->sp; i++)
        d.d[i + 2] = i >= from && i < to ? w->ker[i] : 1;
    return d;
}

/* A 1x1 convolution steps in its first half: what it would leave out is not computed. The right
 * factor [rank][k * tail] lies as [k][rank][tail] in the second. */
static nt_status split_conv(surgeon *s, const nt_factor_matrix *f, nt_err *e)
{
    const nt_lowrank_layer *l = s->l;
    int sp = l->window.sp, half = l->kind == NT_LOWRANK_SVD ? sp : sp / 2;
    const shape a = conv_shape(s, f->rank, l->c, 0, half),
                b = conv_shape(s, l->k, f->rank, half, sp);
    double *right = nt_alloc((size_t)(f->rank * f->cols), sizeof *right);
    nt_value *t;

    if (!right)
        return nt_fail_nomem(e);
    for (int64_t r = 0; r < f->rank; r++)
        for (int64_t i = 0; i < f->cols; i++)
            right[(i / l->tail * f->rank + r) * l->tail + i % l->tail] =
                f->right[r * f->cols + i];
    t = node(s, nt_rewrite_in(&s->w, 0), weight(s, f->left, f->rows, true, &a), NULL);
    set_window(s, 0, half);
    t = node(s, t, weight(s, right, l->k, false, &b), bias_of(s));
    set_window(s, half, sp);
    nt_rewrite_out(&s->w, 0, t);
    nt_free(right);
    return NT_OK;
}

static void tucker(surgeon *s, const nt_factor_tucker *f)
{
    int sp = s->l->window.sp;
    const shape a = conv_shape(s, f->in, f->c, 0, 0), b = conv_shape(s, f->out, f->in, 0, sp),
                c = conv_shape(s, f->k, f->out, 0, 0);
    nt_value *t = node(s, nt_rewrite_in(&s->w, 0), weight(s, f->right, f->in, false, &a), NULL);

    set_window(s, 0, 0);
    t = node(s, t, weight(s, f->core, f->out, false, &b), NULL);
    set_window(s, 0, sp);
    t = node(s, t, weight(s, f->left, f->out, true, &c), bias_of(s));
    set_window(s, 0, 0);
    nt_rewrite_out(&s->w, 0, t);
}

/* ---- both */

/* As float32 will hold it. */
static void to_float(double *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)v[i];
}

static double distance(const double *a, const double *b, int64_t n)
{
    double sum = 0, off = 0;

    for (int64_t i = 0; i < n; i++) {
        sum += a[i] * a[i];
        off += (a[i] - b[i]) * (a[i] - b[i]);
    }
    return sum > 0 ? sqrt(off / sum) : 0;
}

static nt_status by_matrix(surgeon *s, double *error, nt_err *e)
{
    const nt_lowrank_layer *l = s->l;
    nt_factor_matrix f = {.rows = l->c * l->head, .cols = l->k * l->tail, .rank = l->rank[0]};
    double *m = nt_lowrank_matrix(l), *back = nt_alloc((size_t)(f.rows * f.cols), sizeof *back);
    nt_status st = NT_OK;

    if (!m || !back)
        st = nt_fail_nomem(e);
    if (st == NT_OK)
        st = nt_factor_matrix_new(&f, m, e);
    if (st == NT_OK) {
        to_float(f.left, f.rows * f.rank);
        to_float(f.right, f.rank * f.cols);
        nt_factor_matrix_whole(back, &f);
        *error = distance(m, back, f.rows * f.cols);
        if (l->window.sp)
            st = split_conv(s, &f, e);
        else
            dense(s, &f);
    }
    nt_factor_matrix_release(&f);
    nt_free(m);
    nt_free(back);
    return st;
}

static nt_status by_tucker(surgeon *s, double *error, nt_err *e)
{
    const nt_lowrank_layer *l = s->l;
    nt_factor_tucker f = {
        .k = l->k, .c = l->c, .q = l->head * l->tail, .in = l->rank[0], .out = l->rank[1]};
    int64_t n = f.k * f.c * f.q;
    double *w = nt_lowrank_weight(l), *back = nt_alloc((size_t)n, sizeof *back);
    nt_status st = NT_OK;

    if (!w || !back)
        st = nt_fail_nomem(e);
    if (st == NT_OK)
        st = nt_factor_tucker_new(&f, w, e);
    if (st == NT_OK) {
        to_float(f.left, f.out * f.k);
        to_float(f.core, f.out * f.in * f.q);
        to_float(f.right, f.in * f.c);
        st = nt_factor_tucker_whole(back, &f, e);
    }
    if (st == NT_OK) {
        *error = distance(w, back, n);
        tucker(s, &f);
    }
    nt_factor_tucker_release(&f);
    nt_free(w);
    nt_free(back);
    return st;
}

nt_status nt_lowrank_replace(nt_graph *g, nt_lowrank_layer *l, nt_err *e)
{
    surgeon s = {.w = nt_rewrite_begin(g, l->node, e), .l = l};
    double error = 0;
    nt_status st =
        l->kind == NT_LOWRANK_TUCKER ? by_tucker(&s, &error, e) : by_matrix(&s, &error, e);

    if (st == NT_OK)
        st = nt_rewrite_end(&s.w);
    l->error = error;
    l->node = NULL; /* gone */
    return st;
}
