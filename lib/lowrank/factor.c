/* SPDX-License-Identifier: MIT */
#include "lowrank/factor.h"

#include "base/alloc.h"
#include "kernel/eigen.h"

#include <math.h>
#include <string.h>

enum { SWEEPS = 3 };

static double *room(int64_t a, int64_t b)
{
    size_t n;

    return nt_size_mul(&n, (size_t)a, (size_t)b) ? nt_alloc(n, sizeof(double)) : NULL;
}

/* g [n][n] = A A' of A [outer][n][inner] unfolded along its middle axis. */
static void gram(double *g, const double *w, const int64_t dims[3])
{
    int64_t n = dims[1], inner = dims[2];

    memset(g, 0, (size_t)(n * n) * sizeof *g);
    for (int64_t o = 0; o < dims[0]; o++)
        nt_dgemm((nt_dproduct){false, true, n, n, inner, 1}, w + o * n * inner,
                 w + o * n * inner, g);
}

nt_status nt_factor_axis_energy(double *energy, const double *w, const int64_t dims[3],
                                nt_err *e)
{
    nt_status s = NT_OK;
    double *g = room(dims[1], dims[1]);

    if (!g)
        return nt_fail_nomem(e);
    gram(g, w, dims);
    NT_TRY(nt_eigen_sym(energy, g, dims[1], false, e));
done:
    nt_free(g);
    return s;
}

/* Of the shorter side: A's columns are the rows of [rows][cols][1]'s middle axis. */
static void gram_short(double *g, const double *a, int64_t rows, int64_t cols)
{
    if (rows <= cols)
        nt_dgemm((nt_dproduct){false, true, rows, rows, cols, 0}, a, a, g);
    else
        nt_dgemm((nt_dproduct){true, false, cols, cols, rows, 0}, a, a, g);
}

nt_status nt_factor_energy(double *energy, const double *a, int64_t rows, int64_t cols,
                           nt_err *e)
{
    nt_status s = NT_OK;
    int64_t n = rows < cols ? rows : cols;
    double *g = room(n, n);

    if (!g)
        return nt_fail_nomem(e);
    gram_short(g, a, rows, cols);
    NT_TRY(nt_eigen_sym(energy, g, n, false, e));
done:
    nt_free(g);
    return s;
}

/* ---- matrices */

/* Vector i of left is every rank-th element from i, that of right a row. */
static double norm(const double *v, int64_t n, int64_t step)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += v[i * step] * v[i * step];
    return sqrt(sum);
}

static void scale(double *v, int64_t n, int64_t step, double by)
{
    for (int64_t i = 0; i < n; i++)
        v[i * step] *= by;
}

static void balance(nt_factor_matrix *f)
{
    for (int64_t i = 0; i < f->rank; i++) {
        double l = norm(f->left + i, f->rows, f->rank),
               r = norm(f->right + i * f->cols, f->cols, 1);

        if (!(l > 0 && r > 0))
            continue;
        scale(f->left + i, f->rows, f->rank, sqrt(r / l));
        scale(f->right + i * f->cols, f->cols, 1, sqrt(l / r));
    }
}

/* Rows of v [.][n] as columns of t [n][rank]. */
static void transpose(double *t, const double *v, int64_t rank, int64_t n)
{
    for (int64_t i = 0; i < rank; i++)
        for (int64_t k = 0; k < n; k++)
            t[k * rank + i] = v[i * n + k];
}

nt_status nt_factor_matrix_new(nt_factor_matrix *f, const double *a, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t n = f->rows < f->cols ? f->rows : f->cols;
    double *g = room(n, n), *value = room(n, 1);

    f->left = room(f->rows, f->rank);
    f->right = room(f->rank, f->cols);
    if (!g || !value || !f->left || !f->right)
        NT_TRY(nt_fail_nomem(e));
    gram_short(g, a, f->rows, f->cols);
    NT_TRY(nt_eigen_sym(value, g, n, true, e));
    if (f->rows <= f->cols) {
        transpose(f->left, g, f->rank, n);
        nt_dgemm((nt_dproduct){false, false, f->rank, f->cols, n, 0}, g, a, f->right);
    } else {
        memcpy(f->right, g, (size_t)(f->rank * n) * sizeof *g);
        nt_dgemm((nt_dproduct){false, true, f->rows, f->rank, n, 0}, a, g, f->left);
    }
    balance(f);
done:
    nt_free(g);
    nt_free(value);
    return s;
}

void nt_factor_matrix_release(nt_factor_matrix *f)
{
    nt_free(f->left);
    nt_free(f->right);
}

void nt_factor_matrix_whole(double *a, const nt_factor_matrix *f)
{
    nt_dgemm((nt_dproduct){false, false, f->rows, f->cols, f->rank, 0}, f->left, f->right, a);
}

/* ---- Tucker-2 */

/* y [outer][r][inner] = basis [r][n] w [outer][n][inner] */
static void project(double *y, const double *basis, int64_t r, const double *w,
                    const int64_t dims[3])
{
    int64_t n = dims[1], inner = dims[2];

    for (int64_t o = 0; o < dims[0]; o++)
        nt_dgemm((nt_dproduct){false, false, r, inner, n, 0}, basis, w + o * n * inner,
                 y + o * r * inner);
}

/* What projecting takes away, put back: y = basis' w, w [outer][r][inner]. */
static void expand(double *y, const double *basis, int64_t n, const double *w,
                   const int64_t dims[3])
{
    int64_t r = dims[1], inner = dims[2];

    for (int64_t o = 0; o < dims[0]; o++)
        nt_dgemm((nt_dproduct){true, false, n, inner, r, 0}, basis, w + o * r * inner,
                 y + o * n * inner);
}

/* basis [r][n]: the first r singular vectors of w along its middle axis. */
static nt_status basis_of(double *basis, int64_t r, const double *w, const int64_t dims[3],
                          nt_err *e)
{
    nt_status s = NT_OK;
    int64_t n = dims[1];
    double *g = room(n, n), *value = room(n, 1);

    if (!g || !value)
        NT_TRY(nt_fail_nomem(e));
    gram(g, w, dims);
    NT_TRY(nt_eigen_sym(value, g, n, true, e));
    memcpy(basis, g, (size_t)(r * n) * sizeof *g);
done:
    nt_free(g);
    nt_free(value);
    return s;
}

/* One sweep: each side is the best one for the other as it is. */
static nt_status sweep(nt_factor_tucker *f, double *tmp, const double *w, nt_err *e)
{
    nt_status s = NT_OK;

    project(tmp, f->left, f->out, w, (int64_t[]){1, f->k, f->c * f->q});
    NT_TRY(basis_of(f->right, f->in, tmp, (int64_t[]){f->out, f->c, f->q}, e));
    project(tmp, f->right, f->in, w, (int64_t[]){f->k, f->c, f->q});
    NT_TRY(basis_of(f->left, f->out, tmp, (int64_t[]){1, f->k, f->in * f->q}, e));
done:
    return s;
}

nt_status nt_factor_tucker_new(nt_factor_tucker *f, const double *w, nt_err *e)
{
    nt_status s = NT_OK;
    double *tmp = room(f->k * f->c, f->q);

    f->left = room(f->out, f->k);
    f->right = room(f->in, f->c);
    f->core = room(f->out * f->in, f->q);
    if (!tmp || !f->left || !f->right || !f->core)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(basis_of(f->left, f->out, w, (int64_t[]){1, f->k, f->c * f->q}, e));
    for (int i = 0; i < SWEEPS; i++)
        NT_TRY(sweep(f, tmp, w, e));
    project(tmp, f->right, f->in, w, (int64_t[]){f->k, f->c, f->q});
    project(f->core, f->left, f->out, tmp, (int64_t[]){1, f->k, f->in * f->q});
done:
    nt_free(tmp);
    return s;
}

void nt_factor_tucker_release(nt_factor_tucker *f)
{
    nt_free(f->left);
    nt_free(f->core);
    nt_free(f->right);
}

nt_status nt_factor_tucker_whole(double *w, const nt_factor_tucker *f, nt_err *e)
{
    double *tmp = room(f->out * f->c, f->q);

    if (!tmp)
        return nt_fail_nomem(e);
    expand(tmp, f->right, f->c, f->core, (int64_t[]){f->out, f->in, f->q});
    expand(w, f->left, f->k, tmp, (int64_t[]){1, f->out, f->c * f->q});
    nt_free(tmp);
    return NT_OK;
}
