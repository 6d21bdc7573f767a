/* SPDX-License-Identifier: MIT */
#include "facet/window.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <string.h>

/* Exactly `want` integers of at least `min`, which all of them are when the node has none. */
static nt_status read_ints(int64_t *out, const nt_node *n, const char *name, int want,
                           int64_t min, nt_err *e)
{
    const nt_attr *a = nt_node_attr(n, name);

    for (int i = 0; i < want; i++)
        out[i] = min;
    if (!a)
        return NT_OK;
    if (a->n != (size_t)want)
        return nt_fail(e, NT_EFORMAT, "%s has %zu entries, want %d", name, a->n, want);
    nt_node_ints(n, name, out, (size_t)want);
    for (int i = 0; i < want; i++)
        if (out[i] < min || out[i] > INT32_MAX)
            return nt_fail(e, NT_EFORMAT, "%s holds %" PRId64 ", want %" PRId64 " to %d", name,
                           out[i], min, INT32_MAX);
    return NT_OK;
}

static nt_status read_kernel(nt_window *w, const nt_node *n, const int64_t *ker, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(read_ints(w->ker, n, "kernel_shape", w->sp, 1, e));
    for (int i = 0; ker && i < w->sp; i++) {
        if (nt_node_attr(n, "kernel_shape") && ker[i] >= 0 && ker[i] != w->ker[i])
            NT_TRY(nt_fail(e, NT_EFORMAT,
                           "kernel_shape says %" PRId64 " where the weight has %" PRId64,
                           w->ker[i], ker[i]));
        if (ker[i] >= 0)
            w->ker[i] = ker[i];
    }
done:
    return s;
}

static nt_status read_pads(nt_window *w, const nt_node *n, nt_err *e)
{
    const char *mode = nt_node_str(n, "auto_pad", "NOTSET");
    int64_t pads[6] = {0};

    if (!strcmp(mode, "SAME_UPPER"))
        w->auto_pad = NT_PAD_SAME_UPPER;
    else if (!strcmp(mode, "SAME_LOWER"))
        w->auto_pad = NT_PAD_SAME_LOWER;
    else if (!strcmp(mode, "NOTSET")) {
        nt_status s = read_ints(pads, n, "pads", 2 * w->sp, 0, e);

        if (s != NT_OK)
            return s;
    } else if (strcmp(mode, "VALID"))
        return nt_fail(e, NT_EFORMAT, "auto_pad '%s' is not known", mode);
    for (int i = 0; i < w->sp; i++) {
        w->lo[i] = pads[i];
        w->hi[i] = pads[i + w->sp];
    }
    return NT_OK;
}

nt_status nt_window_read(nt_window *w, const nt_node *n, int sp, const int64_t *ker, nt_err *e)
{
    nt_status s = NT_OK;

    memset(w, 0, sizeof *w);
    if (sp < 1 || sp > 3)
        return nt_fail(e, NT_EUNSUPPORTED, "%d spatial dimensions, want 1 to 3", sp);
    w->sp = sp;
    NT_TRY(read_kernel(w, n, ker, e));
    NT_TRY(read_ints(w->stride, n, "strides", sp, 1, e));
    NT_TRY(read_ints(w->dil, n, "dilations", sp, 1, e));
    NT_TRY(read_pads(w, n, e));
    w->ceil = nt_node_int(n, "ceil_mode", 0);
done:
    return s;
}

/* Every window starts inside the input: out = ceil(in / stride), whatever that takes in pads.
 */
static int64_t out_same(nt_window *w, int i, int64_t in, int64_t reach)
{
    int64_t out = (in + w->stride[i] - 1) / w->stride[i];
    int64_t pad = (out - 1) * w->stride[i] + reach - in;

    if (pad < 0)
        pad = 0;
    w->lo[i] = w->auto_pad == NT_PAD_SAME_UPPER ? pad / 2 : pad - pad / 2;
    w->hi[i] = pad - w->lo[i];
    return out;
}

static nt_status out_explicit(const nt_window *w, int i, int64_t in, int64_t reach,
                              int64_t *out, nt_err *e)
{
    int64_t room = in + w->lo[i] + w->hi[i] - reach;

    if (room < 0)
        return nt_fail(e, NT_EFORMAT,
                       "a window of %" PRId64 " does not fit into %" PRId64
                       " with pads %" PRId64 " and %" PRId64,
                       reach, in, w->lo[i], w->hi[i]);
    *out = (w->ceil ? room + w->stride[i] - 1 : room) / w->stride[i] + 1;
    if (w->ceil && (*out - 1) * w->stride[i] >= in + w->lo[i])
        (*out)--;
    return NT_OK;
}

nt_status nt_window_out(nt_window *w, int64_t *out, const int64_t *in, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < w->sp; i++) {
        int64_t reach = (w->ker[i] - 1) * w->dil[i] + 1;

        if (in[i] > INT64_MAX / 4)
            NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "an extent of %" PRId64, in[i]));
        if (in[i] < 0)
            out[i] = -1;
        else if (w->auto_pad != NT_PAD_EXPLICIT)
            out[i] = out_same(w, i, in[i], reach);
        else
            NT_TRY(out_explicit(w, i, in[i], reach, &out[i], e));
    }
done:
    return s;
}
