/* SPDX-License-Identifier: MIT */
/* windows.c - HannWindow, HammingWindow, BlackmanWindow, and MelWeightMatrix: the constants of
 * audio front ends, made from a few numbers. */
#include "base/alloc.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846
#define MOST 0x1p31

static nt_dtype data_type(const nt_node *n)
{
    return (nt_dtype)nt_node_int(n, "output_datatype", NT_F32);
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    (void)g;
    if (nt_dtype_size(data_type(n)) == 0 || data_type(n) == NT_BOOL)
        return nt_fail(e, NT_EUNSUPPORTED, "type %s (%d) is not supported",
                       nt_dtype_name(data_type(n)), (int)data_type(n));
    return NT_OK;
}

/* ---- windows: a0 - a1 cos(2 pi k / n) + a2 cos(4 pi k / n) */

typedef struct window {
    const char *op;
    double a[3];
} window;

static const window windows[] = {
    {"HannWindow", {0.5, 0.5, 0}},
    {"HammingWindow", {25.0 / 46, 21.0 / 46, 0}},
    {"BlackmanWindow", {0.42, 0.5, 0.08}},
};

static nt_status window_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_tensor *t = nt_const_in(n, 0);
    nt_dim dim = nt_dim_of(-1);

    (void)g;
    if (t && nt_tensor_count(t) > 0) {
        dim = nt_dim_of(nt_tensor_get_i64(t, 0));
        if (dim.value < 0)
            return nt_fail(e, NT_EFORMAT, "a size of %" PRId64, dim.value);
    }
    nt_infer_set(n->out[0], data_type(n), 1, &dim);
    return NT_OK;
}

static nt_status window_eval(const nt_node *n, const nt_tensor *const *in,
                             nt_tensor *const *out, nt_err *e)
{
    const window *w = windows;
    int64_t count = out[0]->dims[0], round = nt_node_int(n, "periodic", 1) ? count : count - 1;

    (void)in;
    (void)e;
    while (strcmp(w->op, n->op_type) != 0)
        w++;
    for (int64_t k = 0; k < count; k++) {
        double x =
            round > 0 ? 2 * PI * (double)k / (double)round : PI; /* one alone: its peak */

        nt_tensor_set(out[0], k, w->a[0] - w->a[1] * cos(x) + w->a[2] * cos(2 * x));
    }
    return NT_OK;
}

/* ---- MelWeightMatrix [dft_length / 2 + 1][bins]: triangles on the mel scale */

enum { BINS, LENGTH, RATE, LOWER, UPPER };

/* The inputs as numbers; false where one is not known. */
static bool read_mel(double *v, const nt_tensor *const *in)
{
    for (int i = 0; i < 5; i++) {
        if (!in[i] || nt_tensor_count(in[i]) < 1)
            return false;
        v[i] = nt_tensor_get(in[i], 0);
    }
    return true;
}

static nt_status mel_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_tensor *in[5];
    nt_dim dims[2] = {nt_dim_of(-1), nt_dim_of(-1)};
    double v[5];

    (void)g;
    for (int i = 0; i < 5; i++)
        in[i] = nt_const_in(n, i);
    if (read_mel(v, in)) {
        if (!(v[BINS] >= 0 && v[BINS] < MOST && v[LENGTH] >= 0 && v[LENGTH] < MOST))
            return nt_fail(e, NT_EFORMAT, "%g bins of a transform of %g", v[BINS], v[LENGTH]);
        dims[0] = nt_dim_of((int64_t)v[LENGTH] / 2 + 1);
        dims[1] = nt_dim_of((int64_t)v[BINS]);
    }
    nt_infer_set(n->out[0], data_type(n), 2, dims);
    return NT_OK;
}

/* The line of the spectrum where triangle `i`'s left corner lies (its peak: i + 1, its right
 * corner: i + 2). ONNX steps by the number of corners, not of the gaps between them. */
static double corner(const double *v, int64_t i)
{
    double lo = 2595 * log10(1 + v[LOWER] / 700), hi = 2595 * log10(1 + v[UPPER] / 700);
    double mel = lo + (double)i * (hi - lo) / (v[BINS] + 2);

    return floor((v[LENGTH] + 1) * 700 * (pow(10, mel / 2595) - 1) / v[RATE]);
}

static void draw_triangle(nt_tensor *y, const double *v, int64_t i)
{
    double left = corner(v, i), peak = corner(v, i + 1), right = corner(v, i + 2);
    int64_t width = y->dims[1];

    for (int64_t j = 0; j < y->dims[0]; j++) {
        double x = (double)j, h = 0;

        if (x == peak && left == peak)
            h = 1;
        else if (x >= left && x <= peak)
            h = (x - left) / (peak - left);
        if (x >= peak && x < right)
            h = (right - x) / (right - peak);
        nt_tensor_set(y, j * width + i, h);
    }
}

static nt_status mel_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    double v[5];

    (void)n;
    if (!read_mel(v, in) || !(v[RATE] > 0))
        return nt_fail(e, NT_EFORMAT,
                       "there are numbers missing, or the sample rate is not > 0");
    for (int64_t i = 0; i < out[0]->dims[1]; i++)
        draw_triangle(out[0], v, i);
    return NT_OK;
}

static const nt_attr_spec window_attrs[] = {
    {"output_datatype", NT_ATTR_INT, false}, {"periodic", NT_ATTR_INT, false}, {0}};
static const nt_attr_spec mel_attrs[] = {{"output_datatype", NT_ATTR_INT, false}, {0}};

#define WINDOW(nm)                                                                             \
    {                                                                                          \
        .name = nm, .domain = "", .since = 17, .min_in = 1, .max_in = 1, .min_out = 1,         \
        .max_out = 1, .attrs = window_attrs, .check = check, .infer = window_infer,            \
        .eval = window_eval                                                                    \
    }

const nt_op nt_op_windows[] = {
    WINDOW("HannWindow"),
    WINDOW("HammingWindow"),
    WINDOW("BlackmanWindow"),
    {.name = "MelWeightMatrix",
     .domain = "",
     .since = 17,
     .min_in = 5,
     .max_in = 5,
     .min_out = 1,
     .max_out = 1,
     .attrs = mel_attrs,
     .check = check,
     .infer = mel_infer,
     .eval = mel_eval},
    {0},
};
