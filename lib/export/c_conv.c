/* SPDX-License-Identifier: MIT */
/*
 * Conv as C, in one or two dimensions. Filters are taken four at a time, their weights laid out
 * as [four][c][r][s][4 of them]; four points of a row are made at once where all taps are
 * inside, with sixteen sums that a compiler keeps in registers. A tap that may fall outside is
 * found once per row or point, not in the loops. There is one function for each kernel, stride
 * and dilation of the network. Where each filter sees one channel, channels go one by one.
 */
#include "export/c_conv.h"

#include "base/alloc.h"
#include "export/c_text.h"
#include "facet/window.h"

#include <inttypes.h>
#include <string.h>

typedef struct conv {
    int64_t n, g, c, k; /* c, k: of a group */
    int64_t h, w, p, q, r, s;
    int64_t sh, sw, dh, dw, top, left;
} conv;

/* ---- texts of functions */

const char nt_c_taps[] =
    "/* Of taps at, at + step, ...: the first that is not before 0, and the end of those\n"
    " * before ext; there are n. */\n"
    "static long first_tap(long at, long step)\n"
    "{\n"
    "    return at < 0 ? (-at + step - 1) / step : 0;\n"
    "}\n"
    "static long end_tap(long at, long step, long n, long ext)\n"
    "{\n"
    "    const long end = ext > at ? (ext - at + step - 1) / step : 0;\n"
    "\n"
    "    return end < n ? end : n;\n"
    "}\n";

const char nt_c_cut[] = "static float cut(float v, float lo, float hi)\n"
                        "{\n"
                        "    return v < lo ? lo : v > hi ? hi : v;\n"
                        "}\n";

static const char conv_type[] =
    "typedef struct conv {\n"
    "    long g, c, k;    /* groups; channels and filters of each */\n"
    "    long h, w, p, q; /* planes of input and output */\n"
    "    long top, left;  /* pads */\n"
    "    long q0, q1;     /* points of a row whose taps are all inside */\n"
    "    float lo, hi;    /* results are cut to these */\n"
    "} conv;\n";

/* After the name: "_3x3_s1x1", and the constants. */
static const char conv_text[] =
    "/* Four filters at one point: x and w at its first row of taps, taps s0 to s1 of each. "
    "*/\n"
    "static void conv%s_one(const conv *d, const float *x, const float *w, long rows, long "
    "s0,\n"
    "                       long s1, float *a)\n"
    "{\n"
    "    enum { R = %d, S = %d, DH = %d, DW = %d };\n"
    "    float a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3];\n"
    "\n"
    "    for (long c = 0; c < d->c; c++)\n"
    "        for (long r = 0; r < rows; r++) {\n"
    "            const float *xr = x + (c * d->h + r * DH) * d->w;\n"
    "            const float *wr = w + (c * R + r) * S * 4;\n"
    "\n"
    "            for (long s = s0; s < s1; s++) {\n"
    "                const float v = xr[(s - s0) * DW];\n"
    "\n"
    "                a0 += v * wr[4 * s];\n"
    "                a1 += v * wr[4 * s + 1];\n"
    "                a2 += v * wr[4 * s + 2];\n"
    "                a3 += v * wr[4 * s + 3];\n"
    "            }\n"
    "        }\n"
    "    a[0] = a0;\n"
    "    a[1] = a1;\n"
    "    a[2] = a2;\n"
    "    a[3] = a3;\n"
    "}\n"
    "\n"
    "/* Four filters at four points, all taps of the rows. */\n"
    "static void conv%s_four(const conv *d, const float *x, const float *w, long rows, float "
    "*a)\n"
    "{\n"
    "    enum { R = %d, S = %d, DH = %d, DW = %d, SW = %d };\n"
    "    float a00 = a[0], a01 = a[1], a02 = a[2], a03 = a[3];\n"
    "    float a10 = a[0], a11 = a[1], a12 = a[2], a13 = a[3];\n"
    "    float a20 = a[0], a21 = a[1], a22 = a[2], a23 = a[3];\n"
    "    float a30 = a[0], a31 = a[1], a32 = a[2], a33 = a[3];\n"
    "\n"
    "    for (long c = 0; c < d->c; c++)\n"
    "        for (long r = 0; r < rows; r++) {\n"
    "            const float *xr = x + (c * d->h + r * DH) * d->w;\n"
    "            const float *wr = w + (c * R + r) * S * 4;\n"
    "\n"
    "            for (int s = 0; s < S; s++) {\n"
    "                const float w0 = wr[4 * s], w1 = wr[4 * s + 1];\n"
    "                const float w2 = wr[4 * s + 2], w3 = wr[4 * s + 3];\n"
    "                const float x0 = xr[s * DW], x1 = xr[s * DW + SW];\n"
    "                const float x2 = xr[s * DW + 2 * SW], x3 = xr[s * DW + 3 * SW];\n"
    "\n"
    "                a00 += x0 * w0, a01 += x0 * w1, a02 += x0 * w2, a03 += x0 * w3;\n"
    "                a10 += x1 * w0, a11 += x1 * w1, a12 += x1 * w2, a13 += x1 * w3;\n"
    "                a20 += x2 * w0, a21 += x2 * w1, a22 += x2 * w2, a23 += x2 * w3;\n"
    "                a30 += x3 * w0, a31 += x3 * w1, a32 += x3 * w2, a33 += x3 * w3;\n"
    "            }\n"
    "        }\n"
    "    a[0] = a00, a[1] = a01, a[2] = a02, a[3] = a03;\n"
    "    a[4] = a10, a[5] = a11, a[6] = a12, a[7] = a13;\n"
    "    a[8] = a20, a[9] = a21, a[10] = a22, a[11] = a23;\n"
    "    a[12] = a30, a[13] = a31, a[14] = a32, a[15] = a33;\n"
    "}\n"
    "\n"
    "/* m filters, one row of the output: x is the group's, y the row of the first filter. */\n"
    "static void conv%s_row(const conv *d, const float *x, const float *w, const float *b,\n"
    "                       float *y, long m, long at)\n"
    "{\n"
    "    enum { R = %d, S = %d, DH = %d, DW = %d, SW = %d };\n"
    "    const long r0 = first_tap(at, DH), rows = end_tap(at, DH, R, d->h) - r0;\n"
    "\n"
    "    for (long q = 0, n; q < d->q; q += n) {\n"
    "        float a[16] = {b[0], b[1], b[2], b[3]};\n"
    "        long left;\n"
    "\n"
    "        n = 1;\n"
    "        if (q >= d->q0 && q < d->q1 && d->q1 - d->q0 >= 4) {\n"
    "            q = q + 4 <= d->q1 ? q : d->q1 - 4; /* the last may do some again */\n"
    "            n = 4;\n"
    "        }\n"
    "        left = q * SW - d->left;\n"
    "        if (rows > 0 && n == 4) {\n"
    "            conv%s_four(d, x + ((at + r0 * DH) * d->w + left), w + r0 * S * 4, rows, a);\n"
    "        } else if (rows > 0) {\n"
    "            const long s0 = first_tap(left, DW), s1 = end_tap(left, DW, S, d->w);\n"
    "\n"
    "            if (s0 < s1)\n"
    "                conv%s_one(d, x + ((at + r0 * DH) * d->w + left + s0 * DW), w + r0 * S * "
    "4,\n"
    "                           rows, s0, s1, a);\n"
    "        } else if (n == 4) {\n"
    "            for (int i = 4; i < 16; i++)\n"
    "                a[i] = a[i - 4];\n"
    "        }\n"
    "        for (long j = 0; j < m; j++)\n"
    "            for (long i = 0; i < n; i++)\n"
    "                y[j * d->p * d->q + q + i] = cut(a[4 * i + j], d->lo, d->hi);\n"
    "    }\n"
    "}\n"
    "\n"
    "static void conv%s(const conv *d, const float *x, const float *w, const float *b, float "
    "*y)\n"
    "{\n"
    "    enum { R = %d, S = %d, SH = %d };\n"
    "\n"
    "    for (long g = 0; g < d->g; g++, x += d->c * d->h * d->w)\n"
    "        for (long k = 0; k < d->k; k += 4, w += d->c * R * S * 4, b += 4) {\n"
    "            const long m = d->k - k < 4 ? d->k - k : 4;\n"
    "\n"
    "            for (long p = 0; p < d->p; p++)\n"
    "                conv%s_row(d, x, w, b, y + p * d->q, m, p * SH - d->top);\n"
    "            y += m * d->p * d->q;\n"
    "        }\n"
    "}\n";

/* One channel for each filter: d->k filters of each of d->g channels. */
static const char depthwise_text[] =
    "/* One row of the output, of one filter. */\n"
    "static void depth%s_row(const conv *d, const float *x, const float *w, float b, float "
    "*y,\n"
    "                        long at)\n"
    "{\n"
    "    enum { R = %d, S = %d, DH = %d, DW = %d, SW = %d };\n"
    "    const long r0 = first_tap(at, DH), r1 = end_tap(at, DH, R, d->h);\n"
    "    long q = 0;\n"
    "\n"
    "    while (q < d->q) {\n"
    "        const long left = q * SW - d->left;\n"
    "        float a0 = b, a1 = b, a2 = b, a3 = b;\n"
    "\n"
    "        if (q >= d->q0 && q + 4 <= d->q1) {\n"
    "            for (long r = r0; r < r1; r++) {\n"
    "                const float *xr = x + ((at + r * DH) * d->w + left);\n"
    "\n"
    "                for (int s = 0; s < S; s++) {\n"
    "                    const float v = w[r * S + s];\n"
    "\n"
    "                    a0 += xr[s * DW] * v;\n"
    "                    a1 += xr[s * DW + SW] * v;\n"
    "                    a2 += xr[s * DW + 2 * SW] * v;\n"
    "                    a3 += xr[s * DW + 3 * SW] * v;\n"
    "                }\n"
    "            }\n"
    "            y[q] = cut(a0, d->lo, d->hi);\n"
    "            y[q + 1] = cut(a1, d->lo, d->hi);\n"
    "            y[q + 2] = cut(a2, d->lo, d->hi);\n"
    "            y[q + 3] = cut(a3, d->lo, d->hi);\n"
    "            q += 4;\n"
    "        } else {\n"
    "            const long s0 = first_tap(left, DW), s1 = end_tap(left, DW, S, d->w);\n"
    "\n"
    "            for (long r = r0; r < r1; r++)\n"
    "                for (long s = s0; s < s1; s++)\n"
    "                    a0 += x[(at + r * DH) * d->w + left + s * DW] * w[r * S + s];\n"
    "            y[q++] = cut(a0, d->lo, d->hi);\n"
    "        }\n"
    "    }\n"
    "}\n"
    "\n"
    "static void depth%s(const conv *d, const float *x, const float *w, const float *b, float "
    "*y)\n"
    "{\n"
    "    enum { R = %d, S = %d, SH = %d };\n"
    "\n"
    "    for (long g = 0; g < d->g; g++, x += d->h * d->w)\n"
    "        for (long k = 0; k < d->k; k++, w += R * S, b++)\n"
    "            for (long p = 0; p < d->p; p++, y += d->q)\n"
    "                depth%s_row(d, x, w, *b, y, p * SH - d->top);\n"
    "}\n";

/* What text must have in place of %s and %d, in order. */
static void add_function(nt_c *c, const conv *d, const char *suffix, const char *text,
                         const char *order)
{
    nt_str s = {0};

    for (; *text; text++) {
        if (*text != '%') {
            nt_str_addn(&s, text, 1);
            continue;
        }
        if (*++text == 's')
            nt_str_add(&s, suffix);
        else {
            int64_t v = *order == 'R'   ? d->r
                        : *order == 'S' ? d->s
                        : *order == 'i' ? d->dh
                        : *order == 'j' ? d->dw
                        : *order == 'h' ? d->sh
                                        : d->sw;

            nt_str_addf(&s, "%" PRId64, v);
            order++;
        }
    }
    if (s.failed)
        c->functions.failed = true;
    else
        nt_c_function(c, s.p);
    nt_str_release(&s);
}

/* ---- from the node */

static nt_status read_window(nt_window *w, const nt_node *n, int sp, nt_err *e)
{
    int64_t ker[3] = {0}, in[3] = {0}, out[3];
    nt_status s = NT_OK;

    for (int i = 0; i < sp; i++) {
        ker[i] = n->in[1]->dims[i + 2].value;
        in[i] = n->in[0]->dims[i + 2].value;
    }
    NT_TRY(nt_window_read(w, n, sp, ker, e));
    NT_TRY(nt_window_out(w, out, in, e));
done:
    return s;
}

static nt_status read_conv(conv *d, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *f = n->in[1], *y = n->out[0];
    int sp = x->rank - 2, last = x->rank - 1;
    nt_status s = NT_OK;
    nt_window w;

    if (sp > 2)
        return nt_fail(e, NT_EUNSUPPORTED, "%d dimensions have no form in C", sp);
    if (!f->data || f->data->dtype != NT_F32 || (n->n_in > 2 && n->in[2] && !n->in[2]->data))
        return nt_fail(e, NT_EUNSUPPORTED, "a weight that is no constant has no form in C");
    NT_TRY(read_window(&w, n, sp, e));
    *d = (conv){.n = x->dims[0].value,
                .g = nt_node_int(n, "group", 1),
                .c = f->dims[1].value,
                .h = sp > 1 ? x->dims[2].value : 1,
                .w = x->dims[last].value,
                .p = sp > 1 ? y->dims[2].value : 1,
                .q = y->dims[last].value,
                .r = sp > 1 ? f->dims[2].value : 1,
                .s = f->dims[last].value,
                .sh = sp > 1 ? w.stride[0] : 1,
                .sw = w.stride[sp - 1],
                .dh = sp > 1 ? w.dil[0] : 1,
                .dw = w.dil[sp - 1],
                .top = sp > 1 ? w.lo[0] : 0,
                .left = w.lo[sp - 1]};
    d->k = f->dims[0].value / d->g;
done:
    return s;
}

static bool is_depthwise(const conv *d)
{
    return d->c == 1 && d->g > 1;
}

/* A kernel of one point sees a plane as one row, and a kernel that is one high has no rows to
 * be spaced. */
static void simplify(conv *d)
{
    if (d->r == 1)
        d->dh = 1;
    if (d->s == 1)
        d->dw = 1;
    if (d->r == 1 && d->s == 1 && d->sh == 1 && d->sw == 1 && d->p == d->h && d->q == d->w &&
        !d->top && !d->left) {
        d->w *= d->h;
        d->q *= d->p;
        d->h = d->p = 1;
    }
}

/* ---- weights */

/* [g][four][c][r][s][4], zeros where there is no filter. */
static void pack(float *to, const float *from, const conv *d)
{
    int64_t taps = d->c * d->r * d->s;

    for (int64_t g = 0; g < d->g; g++) {
        for (int64_t k = 0; k < d->k; k += 4) {
            for (int64_t i = 0; i < taps * 4; i++) {
                int64_t f = k + i % 4;

                *to++ = f < d->k ? from[(g * d->k + f) * taps + i / 4] : 0;
            }
        }
    }
}

static void pack_bias(float *to, const float *from, const conv *d)
{
    for (int64_t g = 0; g < d->g; g++) {
        for (int64_t k = 0; k < (d->k + 3) / 4 * 4; k++)
            *to++ = from && k < d->k ? from[g * d->k + k] : 0;
    }
}

static nt_status add_weights(int id[2], nt_c *c, const nt_node *n, const conv *d, nt_err *e)
{
    const nt_tensor *bias = n->n_in > 2 && n->in[2] ? n->in[2]->data : NULL;
    bool depth = is_depthwise(d);
    size_t k = (size_t)(d->g * (depth ? d->k : (d->k + 3) / 4 * 4));
    size_t taps = (size_t)(d->c * d->r * d->s);
    float *w = nt_alloc(k * taps + 1, sizeof *w), *b = nt_calloc(k + 1, sizeof *b);

    if (!w || !b) {
        nt_free(w);
        nt_free(b);
        return nt_fail_nomem(e);
    }
    if (depth)
        memcpy(w, n->in[1]->data->data, k * taps * sizeof *w);
    else
        pack(w, n->in[1]->data->data, d);
    if (!depth)
        pack_bias(b, bias ? bias->data : NULL, d);
    else if (bias)
        memcpy(b, bias->data, k * sizeof *b);
    id[0] = nt_c_constant(c, w, k * taps);
    id[1] = nt_c_constant(c, b, k);
    nt_free(w);
    nt_free(b);
    return NT_OK;
}

/* ---- the call */

/* Points of a row whose taps are all inside are [*q0, *q1). */
static void find_middle(int64_t *q0, int64_t *q1, const conv *d)
{
    int64_t room = d->w - 1 - (d->s - 1) * d->dw + d->left;

    *q0 = (d->left + d->sw - 1) / d->sw;
    *q1 = room < 0 ? 0 : room / d->sw + 1;
    *q1 = *q1 < d->q ? *q1 : d->q;
    if (*q0 >= *q1)
        *q0 = *q1 = 0;
}

static void add_dims(nt_c *c, const conv *d, nt_plain_range r)
{
    char lo[NT_C_NUMBER], hi[NT_C_NUMBER];
    int64_t q0, q1;

    find_middle(&q0, &q1, d);
    nt_str_addf(&c->body,
                "        static const conv d = {%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64
                ", %" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 ",\n"
                "                               %" PRId64 ", %" PRId64 ", %s, %s};\n",
                d->g, d->c, d->k, d->h, d->w, d->p, d->q, d->top, d->left, q0, q1,
                nt_c_float(lo, r.lo), nt_c_float(hi, r.hi));
}

/* The functions for this kernel, whose names end in *suffix. */
static void add_functions(nt_c *c, const conv *d, const char *suffix)
{
    nt_c_function(c, nt_c_taps);
    nt_c_function(c, nt_c_cut);
    nt_c_function(c, conv_type);
    if (is_depthwise(d))
        add_function(c, d, suffix, depthwise_text, "RSijwRSh");
    else
        add_function(c, d, suffix, conv_text, "RSijRSijwRSijwRSh");
}

static void add_call(nt_c *c, const conv *d, const char *suffix, const int id[2])
{
    const char *name = is_depthwise(d) ? "depth" : "conv";

    if (d->n == 1) {
        nt_str_addf(&c->body, "        %s%s(&d, x, k%d, k%d, y);\n", name, suffix, id[0],
                    id[1]);
        return;
    }
    nt_str_addf(&c->body,
                "        for (long i = 0; i < %" PRId64 "; i++)\n"
                "            %s%s(&d, x + i * %" PRId64 ", k%d, k%d, y + i * %" PRId64 ");\n",
                d->n, name, suffix, d->g * d->c * d->h * d->w, id[0], id[1],
                d->g * d->k * d->p * d->q);
}

nt_status nt_c_conv(nt_c *c, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    char *suffix = NULL;
    int id[2] = {0};
    conv d = {0};

    NT_TRY(read_conv(&d, n, e));
    simplify(&d);
    suffix = nt_strfmt("_%lldx%lld_s%lldx%lld_d%lldx%lld", (long long)d.r, (long long)d.s,
                       (long long)d.sh, (long long)d.sw, (long long)d.dh, (long long)d.dw);
    if (!suffix)
        NT_TRY(nt_fail_nomem(e));
    add_functions(c, &d, suffix);
    NT_TRY(add_weights(id, c, n, &d, e));
    NT_TRY(nt_c_open(c, n->out[0], n->in[0], NULL, e));
    add_dims(c, &d, nt_c_bounds(c, n));
    add_call(c, &d, suffix, id);
    nt_c_close(c);
done:
    nt_free(suffix);
    return s;
}
