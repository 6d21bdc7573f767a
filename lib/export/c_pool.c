/* SPDX-License-Identifier: MIT */
/* Windows' maxima and means, those of whole planes, and Softmax, as C. */
#include "export/c_pool.h"

#include "export/c_conv.h"
#include "facet/arg.h"
#include "facet/window.h"

#include <inttypes.h>

static const char pool_type[] =
    "typedef struct pool {\n"
    "    long c, h, w, p, q;  /* planes; extents of input and output */\n"
    "    long r, s, sh, sw, dh, dw, top, left;\n"
    "    long high, wide;     /* what an average counts in: with its pads, or not */\n"
    "    long from_h, from_w; /* where that begins */\n"
    "} pool;\n";

static const char max_text[] =
    "static float max_of(const pool *d, const float *x, long at, long left)\n"
    "{\n"
    "    const long r0 = first_tap(at, d->dh), r1 = end_tap(at, d->dh, d->r, d->h);\n"
    "    const long s0 = first_tap(left, d->dw), s1 = end_tap(left, d->dw, d->s, d->w);\n"
    "    float m = -INFINITY;\n"
    "\n"
    "    for (long r = r0; r < r1; r++)\n"
    "        for (long s = s0; s < s1; s++) {\n"
    "            const float v = x[(at + r * d->dh) * d->w + left + s * d->dw];\n"
    "\n"
    "            m = v > m || v != v ? v : m;\n"
    "        }\n"
    "    return m;\n"
    "}\n"
    "\n"
    "static void max_pool(const pool *d, const float *x, float *y)\n"
    "{\n"
    "    for (long c = 0; c < d->c; c++, x += d->h * d->w)\n"
    "        for (long p = 0; p < d->p; p++)\n"
    "            for (long q = 0; q < d->q; q++)\n"
    "                *y++ = max_of(d, x, p * d->sh - d->top, q * d->sw - d->left);\n"
    "}\n";

static const char average_text[] =
    "static float mean_of(const pool *d, const float *x, long at, long left)\n"
    "{\n"
    "    const long r0 = first_tap(at, d->dh), r1 = end_tap(at, d->dh, d->r, d->h);\n"
    "    const long s0 = first_tap(left, d->dw), s1 = end_tap(left, d->dw, d->s, d->w);\n"
    "    const long high = end_tap(at - d->from_h, d->dh, d->r, d->high) -\n"
    "                      first_tap(at - d->from_h, d->dh);\n"
    "    const long wide = end_tap(left - d->from_w, d->dw, d->s, d->wide) -\n"
    "                      first_tap(left - d->from_w, d->dw);\n"
    "    float sum = 0.0f;\n"
    "\n"
    "    for (long r = r0; r < r1; r++)\n"
    "        for (long s = s0; s < s1; s++)\n"
    "            sum += x[(at + r * d->dh) * d->w + left + s * d->dw];\n"
    "    return sum / (float)(high * wide);\n"
    "}\n"
    "\n"
    "static void average_pool(const pool *d, const float *x, float *y)\n"
    "{\n"
    "    for (long c = 0; c < d->c; c++, x += d->h * d->w)\n"
    "        for (long p = 0; p < d->p; p++)\n"
    "            for (long q = 0; q < d->q; q++)\n"
    "                *y++ = mean_of(d, x, p * d->sh - d->top, q * d->sw - d->left);\n"
    "}\n";

static const char mean_text[] =
    "/* y[outer][inner] of x[outer][n][inner] */\n"
    "static void mean(long outer, long n, long inner, const float *x, float *y)\n"
    "{\n"
    "    for (long o = 0; o < outer; o++, x += n * inner)\n"
    "        for (long i = 0; i < inner; i++) {\n"
    "            double sum = 0;\n"
    "\n"
    "            for (long k = 0; k < n; k++)\n"
    "                sum += x[k * inner + i];\n"
    "            *y++ = (float)(sum / (double)n);\n"
    "        }\n"
    "}\n";

static const char largest_text[] =
    "/* y[outer] of x[outer][n] */\n"
    "static void largest(long outer, long n, const float *x, float *y)\n"
    "{\n"
    "    for (long o = 0; o < outer; o++, x += n) {\n"
    "        float m = x[0];\n"
    "\n"
    "        for (long k = 1; k < n; k++)\n"
    "            m = x[k] > m || x[k] != x[k] ? x[k] : m;\n"
    "        *y++ = m;\n"
    "    }\n"
    "}\n";

static const char softmax_text[] =
    "/* Over the n of x[outer][n][inner]; y may be x. */\n"
    "static void softmax(long outer, long n, long inner, const float *x, float *y)\n"
    "{\n"
    "    for (long i = 0; i < outer * inner; i++) {\n"
    "        const long at = i / inner * n * inner + i % inner;\n"
    "        float m = x[at], sum = 0.0f;\n"
    "\n"
    "        for (long k = 1; k < n; k++)\n"
    "            m = x[at + k * inner] > m ? x[at + k * inner] : m;\n"
    "        for (long k = 0; k < n; k++) {\n"
    "            y[at + k * inner] = expf(x[at + k * inner] - m);\n"
    "            sum += y[at + k * inner];\n"
    "        }\n"
    "        for (long k = 0; k < n; k++)\n"
    "            y[at + k * inner] /= sum;\n"
    "    }\n"
    "}\n";

/* ---- windows */

static nt_status read_window(nt_window *w, int64_t out[3], const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    int64_t in[3] = {0};
    nt_status s = NT_OK;
    int sp = x->rank - 2;

    if (sp < 1 || sp > 2)
        return nt_fail(e, NT_EUNSUPPORTED, "%d dimensions have no form in C", sp);
    for (int i = 0; i < sp; i++)
        in[i] = x->dims[i + 2].value;
    NT_TRY(nt_window_read(w, n, sp, NULL, e));
    NT_TRY(nt_window_out(w, out, in, e));
done:
    return s;
}

/* Of a row, an axis of one entry comes first. */
typedef struct side {
    int64_t in, out, ker, stride, dil, lo, hi;
} side;

static side side_of(const nt_value *x, const nt_window *w, const int64_t *out, int i)
{
    if (i < 0)
        return (side){1, 1, 1, 1, 1, 0, 0};
    return (side){
        x->dims[i + 2].value, out[i], w->ker[i], w->stride[i], w->dil[i], w->lo[i], w->hi[i]};
}

static void add_dims(nt_c *c, int64_t planes, const side *h, const side *w, bool with_pads)
{
    nt_str_addf(&c->body,
                "        static const pool d = {%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64
                ", %" PRId64 ", %" PRId64 ", %" PRId64 ",\n",
                planes, h->in, w->in, h->out, w->out, h->ker, w->ker);
    nt_str_addf(&c->body,
                "                               %" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64
                ", %" PRId64 ", %" PRId64 ",\n",
                h->stride, w->stride, h->dil, w->dil, h->lo, w->lo);
    nt_str_addf(
        &c->body,
        "                               %" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 "};\n",
        h->in + (with_pads ? h->lo + h->hi : 0), w->in + (with_pads ? w->lo + w->hi : 0),
        with_pads ? -h->lo : 0, with_pads ? -w->lo : 0);
}

static nt_status write_pool(nt_c *c, const nt_node *n, const char *function, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_status s = NT_OK;
    int64_t out[3];
    nt_window win;
    side h, w;

    NT_TRY(read_window(&win, out, n, e));
    h = side_of(x, &win, out, x->rank - 4);
    w = side_of(x, &win, out, x->rank - 3);
    NT_TRY(nt_c_open(c, n->out[0], x, NULL, e));
    add_dims(c, nt_c_product(x, 0, 2), &h, &w, nt_node_int(n, "count_include_pad", 0) != 0);
    nt_str_addf(&c->body, "        %s(&d, x, y);\n", function);
    nt_c_close(c);
done:
    return s;
}

nt_status nt_c_max_pool(nt_c *c, const nt_node *n, nt_err *e)
{
    nt_c_function(c, nt_c_taps);
    nt_c_function(c, pool_type);
    nt_c_function(c, max_text);
    return write_pool(c, n, "max_pool", e);
}

nt_status nt_c_average_pool(nt_c *c, const nt_node *n, nt_err *e)
{
    nt_c_function(c, nt_c_taps);
    nt_c_function(c, pool_type);
    nt_c_function(c, average_text);
    return write_pool(c, n, "average_pool", e);
}

/* ---- whole axes */

/* name(outer, n, inner, x, y); inner 0: there is none. */
static nt_status write_call(nt_c *c, const nt_node *n, const char *name, nt_axis_view v,
                            nt_err *e)
{
    char x[NT_C_EXPR], y[NT_C_EXPR];
    nt_status s = NT_OK;

    NT_TRY(nt_c_ref(x, c, n->in[0], e));
    NT_TRY(nt_c_ref(y, c, n->out[0], e));
    nt_str_addf(&c->body, "    %s(%" PRId64 ", %" PRId64 ", ", name, v.outer, v.n);
    if (v.inner)
        nt_str_addf(&c->body, "%" PRId64 ", ", v.inner);
    nt_str_addf(&c->body, "%s, %s);\n", x, y);
done:
    return s;
}

nt_status nt_c_global_average(nt_c *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];

    nt_c_function(c, mean_text);
    return write_call(c, n, "mean",
                      (nt_axis_view){nt_c_product(x, 0, 2), nt_c_product(x, 2, x->rank), 1}, e);
}

nt_status nt_c_global_max(nt_c *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];

    nt_c_function(c, largest_text);
    return write_call(c, n, "largest",
                      (nt_axis_view){nt_c_product(x, 0, 2), nt_c_product(x, 2, x->rank), 0}, e);
}

/* x seen around the axes that go; false where what stays lies between them. */
static bool view_of(nt_axis_view *v, const nt_value *x, const bool *gone)
{
    *v = (nt_axis_view){1, 1, 1};
    for (int i = 0; i < x->rank; i++) {
        int64_t extent = x->dims[i].value;

        if (extent == 1)
            continue;
        if (gone[i] && v->inner > 1)
            return false;
        *(gone[i] ? &v->n : v->n > 1 ? &v->inner : &v->outer) *= extent;
    }
    return true;
}

nt_status nt_c_reduce_mean(nt_c *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    bool gone[NT_MAX_RANK] = {false}, given, any = false;
    nt_status s = NT_OK;
    nt_axis_view v;

    if (nt_has_in(n, 1) && !nt_const_in(n, 1))
        return nt_fail(e, NT_EUNSUPPORTED, "axes that are no constant have no form in C");
    NT_TRY(nt_arg_axes(gone, &given, (nt_arg){n, "axes", nt_const_in(n, 1)}, x->rank, e));
    for (int i = 0; i < x->rank; i++)
        any = any || gone[i];
    for (int i = 0; i < x->rank && !any; i++)
        gone[i] = !nt_node_int(n, "noop_with_empty_axes", 0);
    if (!view_of(&v, x, gone))
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "axes apart from one another have no form in C"));
    nt_c_function(c, mean_text);
    NT_TRY(write_call(c, n, "mean", v, e));
done:
    return s;
}

/* Up to opset 12 all from the axis on is one row. */
nt_status nt_c_softmax(nt_c *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    bool rows = nt_c_opset(c, n) < 13;
    nt_status s = NT_OK;
    int axis;

    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", rows ? 1 : -1), x->rank, e));
    nt_c_function(c, softmax_text);
    NT_TRY(
        write_call(c, n, "softmax",
                   (nt_axis_view){nt_c_product(x, 0, axis),
                                  rows ? nt_c_product(x, axis, x->rank) : x->dims[axis].value,
                                  rows ? 1 : nt_c_product(x, axis + 1, x->rank)},
                   e));
done:
    return s;
}
