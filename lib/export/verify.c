/* SPDX-License-Identifier: MIT */
#include "export/verify.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/outfile.h"
#include "exec/staged.h"
#include "export/dlrt_read.h"
#include "graph/onnx_io.h"
#include "graph/pass.h"

#include <math.h>
#include <string.h>

/* Steps in integers and in floats round differently where a value lies half way between two
 * codes; what follows amplifies it the more, the fewer codes there are. */
#define NT_VERIFY_DLRT 5e-2

static nt_status read_back(nt_graph **out, const char *path, const nt_graph_ops *ops, nt_err *e)
{
    nt_status s = NT_OK;
    char *bytes = NULL;
    size_t n = 0;
    nt_graph *g = NULL;

    NT_TRY(nt_file_read(&bytes, &n, path, SIZE_MAX, e));
    NT_TRY(nt_onnx_read(&g, bytes, n, NULL, e));
    NT_TRY(nt_graph_bind(g, ops, e));
    NT_TRY(nt_pass_infer(g, e));
    *out = g;
    g = NULL;
done:
    nt_free(bytes);
    nt_graph_free(g);
    return s;
}

double nt_verify_error(const nt_tensor *a, const nt_tensor *b)
{
    double d2 = 0, b2 = 0;

    for (int64_t i = 0, n = nt_tensor_count(b); i < n; i++) {
        double x = nt_tensor_get(a, i), y = nt_tensor_get(b, i);

        d2 += (x - y) * (x - y);
        b2 += y * y;
    }
    return b2 > 0 ? sqrt(d2 / b2) : sqrt(d2);
}

static nt_status compare(const nt_staged *a, const nt_staged *b, const nt_graph *g,
                         double limit, nt_err *e)
{
    for (int i = 0; i < g->n_outputs; i++) {
        const nt_tensor *x = nt_staged_output(a, i), *y = nt_staged_output(b, i);
        double d;

        if (!x || !y || !nt_tensor_same_shape(x, y))
            return nt_fail(e, NT_EMISSED, "output '%s' has another shape in the written file",
                           g->outputs[i]->name);
        d = nt_verify_error(x, y);
        if (!(d <= limit))
            return nt_fail(e, NT_EMISSED, "output '%s' of the written file differs by %.3g",
                           g->outputs[i]->name, d);
    }
    return NT_OK;
}

/* file, read back, against g, at one sample of x's size. */
static nt_status verify(const nt_graph *file, const nt_graph *g, const nt_onnx_export *x,
                        double limit, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *ref = NULL;
    nt_device *dev = NULL;
    nt_staged *a = NULL, *b = NULL;
    nt_onnx_export plain = *x;
    int64_t(*dims)[NT_MAX_RANK] = NULL;
    nt_plan_opts o = {0};

    plain.fp16 = false;
    if (file->n_inputs != g->n_inputs || file->n_outputs != g->n_outputs)
        NT_TRY(nt_fail(e, NT_EMISSED,
                       "the written file has %d inputs and %d outputs, not %d and %d",
                       file->n_inputs, file->n_outputs, g->n_inputs, g->n_outputs));
    NT_TRY(nt_onnx_export_graph(&ref, g, &plain, e));
    if (x->dynamic && x->h)
        NT_TRY(nt_pass_fix_size(ref, x->h, x->w, e));
    if (!(dims = nt_pass_input_dims(x->h ? ref : g, 1)))
        NT_TRY(nt_fail_nomem(e));
    o.dims = (const int64_t(*)[NT_MAX_RANK])dims;
    NT_TRY(nt_device_new(&dev, 1, e));
    NT_TRY(nt_staged_new(&a, file, dev, &o, e));
    NT_TRY(nt_staged_new(&b, ref, dev, &o, e));
    nt_staged_fill_noise(a, 0);
    nt_staged_fill_noise(b, 0);
    NT_TRY(nt_staged_forward(a, e));
    NT_TRY(nt_staged_forward(b, e));
    NT_TRY(compare(a, b, g, limit, e));
done:
    nt_staged_free(a);
    nt_staged_free(b);
    nt_device_free(dev);
    nt_graph_free(ref);
    nt_free(dims);
    return s;
}

nt_status nt_verify_onnx(const char *path, const nt_graph *g, const nt_graph_ops *ops,
                         const nt_onnx_export *x, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *file = NULL;

    NT_TRY(read_back(&file, nt_outfile_place(path), ops, e));
    NT_TRY(verify(file, g, x, x->fp16 ? 1e-2 : 1e-5, e));
done:
    nt_graph_free(file);
    return s;
}

nt_status nt_verify_dlrt(const char *path, const nt_graph *g, const nt_graph_ops *ops,
                         const nt_onnx_export *x, nt_err *e)
{
    nt_status s = NT_OK;
    nt_model *m = NULL;

    NT_TRY(nt_dlrt_model_load(&m, nt_outfile_place(path), ops, e));
    NT_TRY(verify(nt_model_graph(m), g, x, NT_VERIFY_DLRT, e));
done:
    nt_model_free(m);
    return s;
}
