/* SPDX-License-Identifier: MIT */
/*
 * Each channel of the input is spread over the planes of its group's outputs, a row at a time:
 * the weight is [c][k / g][r][s].
 */
#include "export/c_deconv.h"

#include "base/alloc.h"
#include "export/c_conv.h"
#include "export/c_text.h"
#include "facet/arg.h"
#include "facet/window.h"

#include <inttypes.h>

static const char deconv_text[] =
    "typedef struct deconv {\n"
    "    long g, c, k;            /* groups; channels and filters of each */\n"
    "    long h, w, p, q;         /* planes of input and output */\n"
    "    long r, s, sh, sw, dh, dw, top, left;\n"
    "    float lo, hi;            /* results are cut to these */\n"
    "} deconv;\n"
    "\n"
    "/* One plane of the input through one filter. */\n"
    "static void spread(const deconv *d, const float *x, const float *w, float *y)\n"
    "{\n"
    "    for (long r = 0; r < d->r; r++)\n"
    "        for (long i = 0; i < d->h; i++) {\n"
    "            const long p = i * d->sh + r * d->dh - d->top;\n"
    "\n"
    "            for (long s = 0; s < d->s && p >= 0 && p < d->p; s++) {\n"
    "                const float v = w[r * d->s + s];\n"
    "                const long at = s * d->dw - d->left;\n"
    "                const long end = end_tap(at, d->sw, d->w, d->q);\n"
    "\n"
    "                for (long j = first_tap(at, d->sw); j < end; j++)\n"
    "                    y[p * d->q + j * d->sw + at] += x[i * d->w + j] * v;\n"
    "            }\n"
    "        }\n"
    "}\n"
    "\n"
    "static void deconvolve(const deconv *d, const float *x, const float *w, const float *b,\n"
    "                       float *y)\n"
    "{\n"
    "    const long plane = d->p * d->q;\n"
    "\n"
    "    for (long g = 0; g < d->g; g++, x += d->c * d->h * d->w, w += d->c * d->k * d->r * "
    "d->s)\n"
    "        for (long k = 0; k < d->k; k++, y += plane, b++) {\n"
    "            for (long i = 0; i < plane; i++)\n"
    "                y[i] = *b;\n"
    "            for (long c = 0; c < d->c; c++)\n"
    "                spread(d, x + c * d->h * d->w, w + (c * d->k + k) * d->r * d->s, y);\n"
    "            for (long i = 0; i < plane; i++)\n"
    "                y[i] = cut(y[i], d->lo, d->hi);\n"
    "        }\n"
    "}\n";

/* Extents along one axis; of a row the first axis has one entry. */
typedef struct side {
    int64_t in, out, ker, stride, dil, lo;
} side;

/* What is more than the output goes by halves, where it was the output that was given. */
static int64_t first_pad(const nt_node *n, const nt_window *w, int i, int64_t in, int64_t out)
{
    int64_t padding[3] = {0}, total;

    if (w->auto_pad == NT_PAD_EXPLICIT && !nt_node_attr(n, "output_shape"))
        return w->lo[i];
    nt_node_ints(n, "output_padding", padding, 3);
    total = (in - 1) * w->stride[i] + (w->ker[i] - 1) * w->dil[i] + 1 + padding[i] - out;
    total = total > 0 ? total : 0;
    return w->auto_pad == NT_PAD_SAME_UPPER ? total / 2 : total - total / 2;
}

static side side_of(const nt_node *n, const nt_window *w, int i)
{
    side d = {1, 1, 1, 1, 1, 0};

    if (i < 0)
        return d;
    d.in = n->in[0]->dims[i + 2].value;
    d.out = n->out[0]->dims[i + 2].value;
    d.ker = w->ker[i];
    d.stride = w->stride[i];
    d.dil = w->dil[i];
    d.lo = first_pad(n, w, i, d.in, d.out);
    return d;
}

static nt_status check(const nt_node *n, int sp, nt_err *e)
{
    const nt_tensor *w = nt_const_in(n, 1), *b = nt_has_in(n, 2) ? nt_const_in(n, 2) : w;

    if (sp < 1 || sp > 2)
        return nt_fail(e, NT_EUNSUPPORTED, "%d dimensions have no form in C", sp);
    if (!w || w->dtype != NT_F32 || !b || b->dtype != NT_F32)
        return nt_fail(e, NT_EUNSUPPORTED, "a weight that is no constant has no form in C");
    return NT_OK;
}

static nt_status add_weights(int id[2], nt_c *c, const nt_node *n, int64_t k, nt_err *e)
{
    const nt_tensor *w = nt_const_in(n, 1);
    float *b = nt_calloc((size_t)k, sizeof *b);

    if (!b)
        return nt_fail_nomem(e);
    for (int64_t i = 0; i < k && nt_has_in(n, 2); i++)
        b[i] = ((const float *)nt_const_in(n, 2)->data)[i];
    id[0] = nt_c_constant(c, w->data, (size_t)nt_tensor_count(w));
    id[1] = nt_c_constant(c, b, (size_t)k);
    nt_free(b);
    return NT_OK;
}

static void add_dims(nt_c *c, const nt_node *n, const side *h, const side *w)
{
    int64_t g = nt_node_int(n, "group", 1);
    nt_plain_range r = nt_c_bounds(c, n);
    char lo[NT_C_NUMBER], hi[NT_C_NUMBER];

    nt_str_addf(&c->body,
                "        static const deconv d = {%" PRId64 ", %" PRId64 ", %" PRId64
                ", %" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 ",\n",
                g, n->in[0]->dims[1].value / g, n->in[1]->dims[1].value, h->in, w->in, h->out,
                w->out);
    nt_str_addf(&c->body,
                "                                 %" PRId64 ", %" PRId64 ", %" PRId64
                ", %" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 ", %s, %s};\n",
                h->ker, w->ker, h->stride, w->stride, h->dil, w->dil, h->lo, w->lo,
                nt_c_float(lo, r.lo), nt_c_float(hi, r.hi));
}

static nt_status write(nt_c *c, const nt_node *n, const nt_window *win, nt_err *e)
{
    const nt_value *x = n->in[0], *y = n->out[0];
    side h = side_of(n, win, x->rank - 4), w = side_of(n, win, x->rank - 3);
    nt_status s = NT_OK;
    int id[2] = {0};

    nt_c_function(c, nt_c_taps);
    nt_c_function(c, nt_c_cut);
    nt_c_function(c, deconv_text);
    NT_TRY(add_weights(id, c, n, y->dims[1].value, e));
    NT_TRY(nt_c_open(c, y, x, NULL, e));
    add_dims(c, n, &h, &w);
    nt_str_addf(&c->body,
                "\n        for (long i = 0; i < %" PRId64 "; i++)\n"
                "            deconvolve(&d, x + i * %" PRId64 ", k%d, k%d, y + i * %" PRId64
                ");\n",
                x->dims[0].value, nt_c_product(x, 1, x->rank), id[0], id[1],
                nt_c_product(y, 1, y->rank));
    nt_c_close(c);
done:
    return s;
}

nt_status nt_c_deconv(nt_c *c, const nt_node *n, nt_err *e)
{
    int64_t ker[3] = {0};
    int sp = n->in[0]->rank - 2;
    nt_status s = NT_OK;
    nt_window w;

    NT_TRY(check(n, sp, e));
    for (int i = 0; i < sp; i++)
        ker[i] = n->in[1]->dims[i + 2].value;
    NT_TRY(nt_window_read(&w, n, sp, ker, e));
    NT_TRY(write(c, n, &w, e));
done:
    return s;
}
