/* SPDX-License-Identifier: MIT */
#include "export/onnx_export.h"

#include "base/alloc.h"
#include "base/outfile.h"
#include "export/fp16.h"
#include "export/int4.h"
#include "graph/onnx_io.h"
#include "graph/pass.h"

#include <string.h>

/* Of a picture: no network is tried at more than twice that. */
#define MAX_EXTENT (1 << 20)

static bool is_picture(const nt_value *v)
{
    return v->rank == 4 && v->dtype == NT_F32;
}

/* The first picture among the inputs, or NULL. */
static const nt_value *picture(const nt_graph *g)
{
    for (int i = 0; i < g->n_inputs; i++) {
        if (is_picture(g->inputs[i]))
            return g->inputs[i];
    }
    return NULL;
}

/* A copy with batch n, and pictures h x w where h is not 0. */
static nt_status bound_copy(nt_graph **out, const nt_graph *g, int64_t n, int64_t h, int64_t w,
                            nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *c = NULL;
    int64_t(*dims)[NT_MAX_RANK] = nt_pass_input_dims(g, n);

    if (!dims)
        return nt_fail_nomem(e);
    NT_TRY(nt_graph_dup(&c, g, true, e));
    NT_TRY(nt_graph_bind(c, g->ops, e));
    for (int i = 0; h && i < g->n_inputs; i++) {
        nt_value *v = c->inputs[i];

        if (!is_picture(v))
            continue;
        v->dims[2] = v->dims[3] = (nt_dim){-1, NULL};
        dims[i][2] = h;
        dims[i][3] = w;
    }
    NT_TRY(nt_pass_bind_shapes(c, (const int64_t(*)[NT_MAX_RANK])dims, e));
    *out = c;
    c = NULL;
done:
    nt_free(dims);
    nt_graph_free(c);
    return s;
}

/* Does the network run at another size as well? */
static bool takes_any_size(const nt_graph *g)
{
    const nt_value *v = picture(g);
    nt_graph *c = NULL;
    nt_err ignored;
    nt_status s;

    if (!v || v->dims[2].value < 0 || v->dims[3].value < 0)
        return v != NULL;
    if (v->dims[2].value > MAX_EXTENT || v->dims[3].value > MAX_EXTENT)
        return false;
    s = bound_copy(&c, g, 1, 2 * v->dims[2].value, 2 * v->dims[3].value, &ignored);
    nt_graph_free(c);
    return s == NT_OK;
}

static nt_status make_dynamic(nt_graph *g, bool any_size, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < g->n_inputs; i++) {
        nt_value *v = g->inputs[i];

        if (v->rank > 0 && v->dims[0].value < 0 && !v->dims[0].sym)
            v->dims[0].sym = "N";
        if (any_size && is_picture(v)) {
            v->dims[2] = (nt_dim){-1, "height"};
            v->dims[3] = (nt_dim){-1, "width"};
        }
    }
    nt_pass_forget_shapes(g);
    NT_TRY(nt_pass_infer(g, e));
done:
    return s;
}

nt_status nt_onnx_export_graph(nt_graph **out, const nt_graph *g, const nt_onnx_export *o,
                               nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *c = NULL;
    int n;

    if (o->dynamic) {
        NT_TRY(nt_graph_dup(&c, g, true, e));
        NT_TRY(nt_graph_bind(c, g->ops, e));
        NT_TRY(make_dynamic(c, takes_any_size(g), e));
    } else {
        NT_TRY(bound_copy(&c, g, 1, o->h, o->w, e));
    }
    NT_TRY(nt_pass_identity(c, NULL, e));
    NT_TRY(nt_pass_dead(c, NULL, e));
    if (o->fp16)
        NT_TRY(nt_fp16_convert(c, e));
    if (o->int4) {
        NT_TRY(nt_int4_convert(c, &n, e));
        if (n == 0)
            NT_TRY(nt_fail(e, NT_EINVAL, "no weight has 4 bits or fewer"));
    }
    *out = c;
    c = NULL;
done:
    nt_graph_free(c);
    return s;
}

nt_status nt_onnx_export_save(const char *path, const nt_graph *g, const nt_onnx_export *o,
                              nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *c = NULL;
    void *bytes = NULL, *ext = NULL;
    size_t n = 0, ext_n = 0;

    NT_TRY(nt_onnx_export_graph(&c, g, o, e));
    NT_TRY(nt_onnx_write(&bytes, &n, &ext, &ext_n, c, e));
    if (ext)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED,
                       "the model is past 2 GiB: one ONNX file can't hold it"));
    NT_TRY(nt_outfile_save(path, bytes, n, e));
done:
    nt_free(bytes);
    nt_free(ext);
    nt_graph_free(c);
    return s;
}

char *nt_onnx_export_name(const char *stem, const nt_graph *g, const nt_onnx_export *o)
{
    const char *type = o->fp16 ? "fp16" : "fp32";
    const nt_value *v = picture(g);
    int64_t h = o->h ? o->h : v ? v->dims[2].value : 0;
    int64_t w = o->h ? o->w : v ? v->dims[3].value : 0;

    if (o->dynamic)
        return nt_strfmt("%s%s_dynamic_shape.onnx", stem, type);
    if (h < 1)
        return nt_strfmt("%s%s.onnx", stem, type);
    return nt_strfmt("%s%lldx%lld%s.onnx", stem, (long long)h, (long long)w, type);
}
