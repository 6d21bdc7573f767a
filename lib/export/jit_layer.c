/* SPDX-License-Identifier: MIT */
/*
 * Convolutions, pools, products and normalisations as TorchScript. PyTorch pads both ends
 * alike: what does not is padded in a line of its own.
 */
#include "export/jit_ops.h"

#include "facet/arg.h"
#include "facet/window.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A window with all that it means as text. */
typedef struct view {
    nt_window w;
    bool known; /* the extents, and so the output's */
    int64_t in[3], out[3];
    char ker[NT_JIT_LIST], stride[NT_JIT_LIST], dil[NT_JIT_LIST], pads[NT_JIT_LIST];
} view;

static bool is_even(const nt_window *w)
{
    return memcmp(w->lo, w->hi, sizeof w->lo[0] * (size_t)w->sp) == 0;
}

/* SAME of stride 1 is of the kernel alone: any extent that holds the kernel says it. */
static nt_status find_pads(view *v, nt_err *e)
{
    int64_t in[3];

    for (int i = 0; i < v->w.sp; i++) {
        in[i] = v->in[i];
        if (in[i] < 0 && v->w.auto_pad != NT_PAD_EXPLICIT && v->w.stride[i] != 1)
            return nt_fail(e, NT_EUNSUPPORTED,
                           "auto_pad of an open size has no form in TorchScript");
        if (in[i] < 0 && v->w.auto_pad != NT_PAD_EXPLICIT)
            in[i] = v->w.ker[i] * v->w.dil[i] + 1;
    }
    return nt_window_out(&v->w, v->out, in, e);
}

static nt_status read_view(view *v, const nt_node *n, const int64_t *ker, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_status s = NT_OK;

    *v = (view){.known = true};
    if (x->rank < 3 || x->rank > 5)
        return nt_fail(e, NT_EUNSUPPORTED, "an input of rank %d has no form in TorchScript",
                       x->rank);
    NT_TRY(nt_window_read(&v->w, n, x->rank - 2, ker, e));
    for (int i = 0; i < v->w.sp; i++) {
        v->in[i] = x->dims[i + 2].value;
        v->known = v->known && v->in[i] >= 0;
    }
    NT_TRY(find_pads(v, e));
    nt_jit_list(v->ker, v->w.ker, v->w.sp);
    nt_jit_list(v->stride, v->w.stride, v->w.sp);
    nt_jit_list(v->dil, v->w.dil, v->w.sp);
done:
    return s;
}

/* pads of constant_pad_nd: the last axis comes first. */
static const char *pad_list(char buf[NT_JIT_LIST], const nt_window *w)
{
    int64_t v[6];

    for (int i = 0; i < w->sp; i++) {
        v[2 * i] = w->lo[w->sp - 1 - i];
        v[2 * i + 1] = w->hi[w->sp - 1 - i];
    }
    return nt_jit_list(buf, v, 2 * w->sp);
}

/* The text of the input, padded where `pads` can't be said; sets v->pads. */
static void padded(char *buf, size_t n, view *v, const char *x, const char *fill)
{
    static const int64_t none[3] = {0};
    char list[NT_JIT_LIST];

    if (is_even(&v->w)) {
        nt_jit_list(v->pads, v->w.lo, v->w.sp);
        snprintf(buf, n, "%s", x);
        return;
    }
    nt_jit_list(v->pads, none, v->w.sp);
    snprintf(buf, n, "torch.constant_pad_nd(%s, %s, %s)", x, pad_list(list, &v->w), fill);
}

static nt_status weight_extents(int64_t ker[3], const nt_node *n, nt_err *e)
{
    const nt_value *w = n->in[1];

    for (int i = 2; i < w->rank && i < 5; i++) {
        ker[i - 2] = w->dims[i].value;
        if (ker[i - 2] < 1)
            return nt_fail(e, NT_EUNSUPPORTED,
                           "a kernel of open size has no form in TorchScript");
    }
    return NT_OK;
}

nt_status nt_jit_conv(nt_jit *j, const nt_node *n, nt_err *e)
{
    int64_t ker[3] = {0};
    nt_status s = NT_OK;
    char x[512];
    view v;

    NT_TRY(weight_extents(ker, n, e));
    NT_TRY(read_view(&v, n, ker, e));
    padded(x, sizeof x, &v, "$0", "0.");
    NT_TRY(nt_jit_set(j, n, e, "torch.conv%dd(%s, $1, $2, %s, %s, %s, %" PRId64 ")", v.w.sp, x,
                      v.stride, v.pads, v.dil, nt_node_int(n, "group", 1)));
done:
    return s;
}

/* Uneven pads: all of it, then cut. */
nt_status nt_jit_conv_transpose(nt_jit *j, const nt_node *n, nt_err *e)
{
    int64_t ker[3] = {0}, add[3] = {0}, group = nt_node_int(n, "group", 1);
    char list[NT_JIT_LIST], more[NT_JIT_LIST];
    nt_status s = NT_OK;
    nt_window w;
    bool even;

    if (n->in[0]->rank < 3 || n->in[0]->rank > 5)
        return nt_fail(e, NT_EUNSUPPORTED, "an input of rank %d has no form in TorchScript",
                       n->in[0]->rank);
    NT_TRY(weight_extents(ker, n, e));
    NT_TRY(nt_window_read(&w, n, n->in[0]->rank - 2, ker, e));
    if (nt_node_attr(n, "output_shape") || w.auto_pad != NT_PAD_EXPLICIT)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED,
                       "output_shape and auto_pad have no form in TorchScript"));
    nt_node_ints(n, "output_padding", add, 3);
    even = is_even(&w);
    for (int i = 0; i < w.sp; i++) {
        if (add[i] >= w.stride[i] && add[i] >= w.dil[i])
            NT_TRY(nt_fail(e, NT_EUNSUPPORTED,
                           "output_padding %" PRId64 " is more than TorchScript takes",
                           add[i]));
    }
    {
        static const int64_t none[3] = {0};
        char stride[NT_JIT_LIST], dil[NT_JIT_LIST];

        nt_jit_list(list, even ? w.lo : none, w.sp);
        NT_TRY(nt_jit_set(j, n, e,
                          "torch.conv_transpose%dd($0, $1, $2, %s, %s, %s, %" PRId64 ", %s)",
                          w.sp, nt_jit_list(stride, w.stride, w.sp), list,
                          nt_jit_list(more, add, w.sp), group, nt_jit_list(dil, w.dil, w.sp)));
    }
    for (int i = 0; i < w.sp; i++) {
        w.lo[i] = -w.lo[i];
        w.hi[i] = -w.hi[i];
    }
    if (!even)
        NT_TRY(nt_jit_set(j, n, e, "torch.constant_pad_nd(v%d, %s, 0.)", n->out[0]->id,
                          pad_list(list, &w)));
done:
    return s;
}

/* PyTorch pads by half a kernel at most. */
static bool pads_too_much(const nt_window *w)
{
    for (int i = 0; i < w->sp; i++) {
        if (w->lo[i] > w->ker[i] / 2)
            return true;
    }
    return false;
}

/* Pads that PyTorch can't say are made to fit the output exactly, so that no extent is rounded.
 */
static nt_status fit_pads(view *v, nt_err *e)
{
    nt_window *w = &v->w;

    if (is_even(w) && !pads_too_much(w))
        return NT_OK;
    if (w->ceil && !v->known)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "ceil_mode with such pads of an open size has no form in TorchScript");
    for (int i = 0; i < w->sp && w->ceil; i++)
        w->hi[i] = (v->out[i] - 1) * w->stride[i] + w->dil[i] * (w->ker[i] - 1) + 1 - v->in[i] -
                   w->lo[i];
    w->ceil = false;
    return NT_OK;
}

nt_status nt_jit_max_pool(nt_jit *j, const nt_node *n, nt_err *e)
{
    char x[512], list[NT_JIT_LIST];
    nt_status s = NT_OK;
    view v;
    static const int64_t none[3] = {0};

    if (n->n_out > 1 && n->out[1])
        return nt_fail(e, NT_EUNSUPPORTED, "indices have no form in TorchScript");
    if (!nt_dtype_is_real(n->in[0]->dtype))
        return nt_fail(e, NT_EUNSUPPORTED, "maxima of %s have no form in TorchScript",
                       nt_dtype_name(n->in[0]->dtype));
    NT_TRY(read_view(&v, n, NULL, e));
    NT_TRY(fit_pads(&v, e));
    if (pads_too_much(&v.w)) {
        nt_jit_list(v.pads, none, v.w.sp);
        snprintf(x, sizeof x, "torch.constant_pad_nd($0, %s, -inf)", pad_list(list, &v.w));
    } else {
        padded(x, sizeof x, &v, "$0", "-inf");
    }
    NT_TRY(nt_jit_set(j, n, e, "torch.max_pool%dd(%s, %s, %s, %s, %s, %s)", v.w.sp, x, v.ker,
                      v.stride, v.pads, v.dil, v.w.ceil ? "True" : "False"));
done:
    return s;
}

static bool is_dilated(const nt_window *w)
{
    for (int i = 0; i < w->sp; i++) {
        if (w->dil[i] != 1)
            return true;
    }
    return false;
}

/* Uneven: the mean with zeros, over the mean of ones with zeros where only the inside counts.
 */
static nt_status uneven_average(nt_jit *j, const nt_node *n, view *v, nt_err *e)
{
    bool all = nt_node_int(n, "count_include_pad", 0) != 0;
    char mean[1024], ones[1024], list[NT_JIT_LIST];

    if (v->w.ceil)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "ceil_mode with such pads has no form in TorchScript");
    pad_list(list, &v->w);
    snprintf(mean, sizeof mean, "torch.avg_pool%dd(torch.constant_pad_nd($0, %s, 0.), %s, %s)",
             v->w.sp, list, v->ker, v->stride);
    if (all)
        return nt_jit_set(j, n, e, "%s", mean);
    snprintf(ones, sizeof ones,
             "torch.avg_pool%dd(torch.constant_pad_nd(torch.ones_like($0), %s, 0.), %s, %s)",
             v->w.sp, list, v->ker, v->stride);
    return nt_jit_set(j, n, e, "torch.div(%s, %s)", mean, ones);
}

nt_status nt_jit_average_pool(nt_jit *j, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    view v;

    NT_TRY(read_view(&v, n, NULL, e));
    if (is_dilated(&v.w))
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "dilations have no form in TorchScript"));
    if (!is_even(&v.w) || pads_too_much(&v.w))
        return uneven_average(j, n, &v, e);
    nt_jit_list(v.pads, v.w.lo, v.w.sp);
    NT_TRY(nt_jit_set(j, n, e, "torch.avg_pool%dd($0, %s, %s, %s, %s, %s)", v.w.sp, v.ker,
                      v.stride, v.pads, v.w.ceil ? "True" : "False",
                      nt_node_int(n, "count_include_pad", 0) ? "True" : "False"));
done:
    return s;
}

/* ---- products */

nt_status nt_jit_gemm(nt_jit *j, const nt_node *n, nt_err *e)
{
    double alpha = nt_node_float(n, "alpha", 1), beta = nt_node_float(n, "beta", 1);
    bool a = nt_node_int(n, "transA", 0) != 0, b = nt_node_int(n, "transB", 0) != 0;
    bool has_c = nt_has_in(n, 2);
    char number[NT_JIT_FLOAT];
    nt_status s = NT_OK;

    if (!nt_dtype_is_real(n->in[0]->dtype))
        return nt_fail(e, NT_EUNSUPPORTED, "of %s has no form in TorchScript",
                       nt_dtype_name(n->in[0]->dtype));
    if (!a && b && alpha == 1 && beta == 1 && (!has_c || n->in[2]->rank == 1) &&
        !(has_c && n->in[2]->dims[0].value != n->in[1]->dims[0].value))
        return nt_jit_set(j, n, e, "torch.linear($0, $1, $2)");
    NT_TRY(nt_jit_set(j, n, e, "torch.matmul(%s, %s)", a ? "torch.t($0)" : "$0",
                      b ? "torch.t($1)" : "$1"));
    if (alpha != 1)
        NT_TRY(nt_jit_set(j, n, e, "torch.mul(v%d, %s)", n->out[0]->id,
                          nt_jit_float(number, alpha)));
    if (has_c)
        NT_TRY(nt_jit_set(j, n, e, "torch.add(v%d, $2, alpha=%s)", n->out[0]->id,
                          nt_jit_float(number, beta)));
done:
    return s;
}

/* ---- normalisations */

nt_status nt_jit_batchnorm(nt_jit *j, const nt_node *n, nt_err *e)
{
    char eps[NT_JIT_FLOAT], momentum[NT_JIT_FLOAT];
    nt_status s = NT_OK;
    int m;

    if (nt_node_int(n, "training_mode", 0) || !nt_node_int(n, "spatial", 1))
        return nt_fail(e, NT_EUNSUPPORTED,
                       "training_mode and spatial 0 have no form in TorchScript");
    for (int i = 1; i < n->n_out; i++) {
        if (n->out[i])
            return nt_fail(e, NT_EUNSUPPORTED, "output %d has no form in TorchScript", i);
    }
    NT_TRY(nt_jit_module_of(&m, j, n, e));
    NT_TRY(nt_jit_set(j, n, e,
                      "torch.batch_norm($0, $1, $2, $3, $4, self.%s.training, %s, %s, "
                      "True)",
                      j->modules[m].name,
                      nt_jit_float(momentum, 1 - (double)nt_node_float(n, "momentum", 0.9F)),
                      nt_jit_float(eps, nt_node_float(n, "epsilon", 1e-5F))));
done:
    return s;
}

/* Over the axes from `axis` on, which scale and shift have, too. */
nt_status nt_jit_layernorm(nt_jit *j, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    int64_t dims[NT_MAX_RANK];
    char eps[NT_JIT_FLOAT], list[NT_JIT_LIST];
    nt_status s = NT_OK;
    int axis;

    nt_jit_float(eps, nt_node_float(n, "epsilon", 1e-5F));
    for (int i = 1; i < n->n_out; i++) {
        if (n->out[i])
            return nt_fail(e, NT_EUNSUPPORTED, "output %d has no form in TorchScript", i);
    }
    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", -1), x->rank, e));
    for (int i = axis; i < x->rank; i++) {
        dims[i - axis] = x->dims[i].value;
        for (int k = 1; k < 3; k++) {
            const nt_value *p = nt_has_in(n, k) ? n->in[k] : NULL;

            if (x->dims[i].value < 1 || (p && (p->rank != x->rank - axis ||
                                               p->dims[i - axis].value != x->dims[i].value)))
                return nt_fail(e, NT_EUNSUPPORTED,
                               "open or unlike extents have no form in "
                               "TorchScript");
        }
    }
    NT_TRY(nt_jit_set(j, n, e, "torch.layer_norm($0, %s, $1, $2, %s, True)",
                      nt_jit_list(list, dims, x->rank - axis), eps));
done:
    return s;
}

nt_status nt_jit_groupnorm(nt_jit *j, const nt_node *n, nt_err *e)
{
    char eps[NT_JIT_FLOAT];
    const nt_value *x = n->in[0];

    nt_jit_float(eps, nt_node_float(n, "epsilon", 1e-5F));
    if (nt_node_is(n, "InstanceNormalization"))
        return nt_jit_set(
            j, n, e, "torch.instance_norm($0, $1, $2, None, None, True, 0.1, %s, True)", eps);
    if (x->rank < 2 || x->dims[1].value < 1 || n->in[1]->dims[0].value != x->dims[1].value)
        return nt_fail(e, NT_EUNSUPPORTED, "a scale for each group has no form in TorchScript");
    return nt_jit_set(j, n, e, "torch.group_norm($0, %" PRId64 ", $1, $2, %s, True)",
                      nt_node_int(n, "num_groups", 1), eps);
}

/* Across channels: the mean of squares is a pool over them. */
nt_status nt_jit_lrn(nt_jit *j, const nt_node *n, nt_err *e)
{
    int64_t size = nt_node_int(n, "size", 1);
    char alpha[NT_JIT_FLOAT], beta[NT_JIT_FLOAT], bias[NT_JIT_FLOAT];

    if (n->in[0]->rank != 4)
        return nt_fail(e, NT_EUNSUPPORTED, "a rank other than 4 has no form in TorchScript");
    return nt_jit_set(
        j, n, e,
        "torch.div($0, torch.pow(torch.add(torch.mul(torch.squeeze(torch.avg_pool3d("
        "torch.constant_pad_nd(torch.unsqueeze(torch.mul($0, $0), 1), [0, 0, 0, 0, %" PRId64
        ", %" PRId64 "], 0.), [%" PRId64 ", 1, 1], [1, 1, 1]), 1), %s), %s), %s))",
        (size - 1) / 2, size - 1 - (size - 1) / 2, size,
        nt_jit_float(alpha, nt_node_float(n, "alpha", 1e-4F)),
        nt_jit_float(bias, nt_node_float(n, "bias", 1)),
        nt_jit_float(beta, nt_node_float(n, "beta", 0.75F)));
}
