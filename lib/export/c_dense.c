/* SPDX-License-Identifier: MIT */
/*
 * Gemm and MatMul as C. By a constant: a dense layer, whose outputs are made four at a time
 * from weights [four][c][4 of them]. By what is computed: a plain product, row by row.
 */
#include "export/c_dense.h"

#include "base/alloc.h"
#include "export/c_conv.h"
#include "export/c_text.h"

#include <inttypes.h>

/* y[m][k] = x[m][c] w[c][k] + b[k] */
typedef struct dense {
    int64_t m, c, k;
    const nt_tensor *w;
    bool transposed;    /* w is [k][c] */
    float alpha;        /* of w */
    const nt_tensor *b; /* or NULL; [k], or one for all */
    float beta;         /* of b */
} dense;

static const char dense_text[] =
    "/* y[m][k] = x[m][c] w + b, cut to [lo, hi]; w is [k / 4][c][4]. */\n"
    "static void dense(long m, long c, long k, const float *x, const float *w, const float "
    "*b,\n"
    "                  float *y, float lo, float hi)\n"
    "{\n"
    "    for (long i = 0; i < m; i++)\n"
    "        for (long j = 0; j < k; j += 4) {\n"
    "            const float *v = w + j * c, *u = x + i * c;\n"
    "            float a0 = b[j], a1 = b[j + 1], a2 = b[j + 2], a3 = b[j + 3];\n"
    "            float a[4];\n"
    "\n"
    "            for (long l = 0; l < c; l++) {\n"
    "                a0 += u[l] * v[4 * l];\n"
    "                a1 += u[l] * v[4 * l + 1];\n"
    "                a2 += u[l] * v[4 * l + 2];\n"
    "                a3 += u[l] * v[4 * l + 3];\n"
    "            }\n"
    "            a[0] = a0, a[1] = a1, a[2] = a2, a[3] = a3;\n"
    "            for (long l = 0; l < 4 && j + l < k; l++)\n"
    "                y[i * k + j + l] = cut(a[l], lo, hi);\n"
    "        }\n"
    "}\n";

static const char product_text[] =
    "/* y[m][k] = x[m][c] x2[c][k] */\n"
    "static void product(long m, long c, long k, const float *x, const float *x2, float *y)\n"
    "{\n"
    "    for (long i = 0; i < m; i++) {\n"
    "        for (long j = 0; j < k; j++)\n"
    "            y[i * k + j] = 0.0f;\n"
    "        for (long l = 0; l < c; l++) {\n"
    "            const float v = x[i * c + l];\n"
    "\n"
    "            for (long j = 0; j < k; j++)\n"
    "                y[i * k + j] += v * x2[l * k + j];\n"
    "        }\n"
    "    }\n"
    "}\n";

static float weight_at(const dense *d, int64_t c, int64_t k)
{
    const float *w = d->w->data;

    return d->alpha * (k >= d->k ? 0 : d->transposed ? w[k * d->c + c] : w[c * d->k + k]);
}

static float bias_at(const dense *d, int64_t k)
{
    const float *b = d->b ? d->b->data : NULL;

    if (!b || k >= d->k)
        return 0;
    return d->beta * b[nt_tensor_count(d->b) == 1 ? 0 : k];
}

static nt_status add_weights(int id[2], nt_c *c, const dense *d, nt_err *e)
{
    int64_t k = (d->k + 3) / 4 * 4;
    float *w = nt_alloc((size_t)(k * d->c) + 1, sizeof *w), *b = nt_alloc((size_t)k, sizeof *b);

    if (!w || !b) {
        nt_free(w);
        nt_free(b);
        return nt_fail_nomem(e);
    }
    for (int64_t i = 0; i < k * d->c; i++)
        w[i] = weight_at(d, i / 4 % d->c, i / 4 / d->c * 4 + i % 4);
    for (int64_t i = 0; i < k; i++)
        b[i] = bias_at(d, i);
    id[0] = nt_c_constant(c, w, (size_t)(k * d->c));
    id[1] = nt_c_constant(c, b, (size_t)k);
    nt_free(w);
    nt_free(b);
    return NT_OK;
}

static nt_status write_dense(nt_c *c, const nt_node *n, const dense *d, nt_err *e)
{
    char x[NT_C_EXPR], y[NT_C_EXPR], lo[NT_C_NUMBER], hi[NT_C_NUMBER];
    nt_plain_range r = nt_c_bounds(c, n);
    nt_status s = NT_OK;
    int id[2] = {0};

    nt_c_function(c, nt_c_cut);
    nt_c_function(c, dense_text);
    NT_TRY(nt_c_ref(x, c, n->in[0], e));
    NT_TRY(nt_c_ref(y, c, n->out[0], e));
    NT_TRY(add_weights(id, c, d, e));
    nt_str_addf(&c->body,
                "    dense(%" PRId64 ", %" PRId64 ", %" PRId64 ", %s, k%d, k%d, %s, %s, %s);\n",
                d->m, d->c, d->k, x, id[0], id[1], y, nt_c_float(lo, r.lo),
                nt_c_float(hi, r.hi));
done:
    return s;
}

static bool is_const_f32(const nt_value *v)
{
    return v->data && v->data->dtype == NT_F32;
}

nt_status nt_c_gemm(nt_c *c, const nt_node *n, nt_err *e)
{
    bool transposed = nt_node_int(n, "transB", 0) != 0;
    const nt_value *b = n->n_in > 2 ? n->in[2] : NULL;
    dense d = {.w = n->in[1]->data,
               .transposed = transposed,
               .alpha = nt_node_float(n, "alpha", 1),
               .beta = nt_node_float(n, "beta", 1),
               .m = n->out[0]->dims[0].value,
               .k = n->out[0]->dims[1].value,
               .c = n->in[1]->dims[transposed ? 1 : 0].value};

    if (nt_node_int(n, "transA", 0) && d.m != 1 && d.c != 1)
        return nt_fail(e, NT_EUNSUPPORTED, "transA has no form in C");
    if (!is_const_f32(n->in[1]) || (b && !is_const_f32(b)))
        return nt_fail(e, NT_EUNSUPPORTED, "B or C that is no constant has no form in C");
    if (b && d.beta != 0)
        d.b = b->data;
    if (d.b && nt_tensor_count(d.b) != 1 &&
        (nt_tensor_count(d.b) != d.k || d.b->dims[d.b->rank - 1] != d.k))
        return nt_fail(e, NT_EUNSUPPORTED, "a C other than one row has no form in C");
    return write_dense(c, n, &d, e);
}

/* Both are computed, or only the first is constant. */
static nt_status write_product(nt_c *c, const nt_node *n, nt_err *e)
{
    const nt_value *a = n->in[0], *b = n->in[1], *y = n->out[0];
    int64_t m = a->dims[a->rank - 2].value, l = a->dims[a->rank - 1].value;
    int64_t k = b->dims[b->rank - 1].value, batch = nt_c_product(y, 0, y->rank - 2);
    bool same_a = nt_c_product(a, 0, a->rank - 2) == 1;
    bool same_b = nt_c_product(b, 0, b->rank - 2) == 1;
    nt_status s = NT_OK;

    if ((!same_a && nt_c_product(a, 0, a->rank - 2) != batch) ||
        (!same_b && nt_c_product(b, 0, b->rank - 2) != batch))
        return nt_fail(e, NT_EUNSUPPORTED, "repeated batches have no form in C");
    nt_c_function(c, product_text);
    NT_TRY(nt_c_open(c, y, a, b, e));
    nt_str_addf(&c->body,
                "        for (long i = 0; i < %" PRId64 "; i++)\n"
                "            product(%" PRId64 ", %" PRId64 ", %" PRId64 ", x + i * %" PRId64
                ", x2 + i * %" PRId64 ", y + i * %" PRId64 ");\n",
                batch, m, l, k, same_a ? 0 : m * l, same_b ? 0 : l * k, m * k);
    nt_c_close(c);
done:
    return s;
}

nt_status nt_c_matmul(nt_c *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *w = n->in[1];
    dense d = {.w = w->data, .alpha = 1};

    if (x->rank < 2 || w->rank < 2)
        return nt_fail(e, NT_EUNSUPPORTED, "a vector has no form in C");
    if (w->rank != 2 || !is_const_f32(w))
        return write_product(c, n, e);
    d.c = w->dims[0].value;
    d.k = w->dims[1].value;
    d.m = nt_c_count(x) / d.c;
    return write_dense(c, n, &d, e);
}
