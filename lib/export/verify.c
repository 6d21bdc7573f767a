/* SPDX-License-Identifier: MIT */
#include "export/verify.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/rng.h"
#include "exec/plan.h"
#include "graph/onnx_io.h"
#include "graph/pass.h"

#include <math.h>
#include <string.h>

static nt_status read_back(nt_graph **out, const char *path, const nt_graph_ops *ops, nt_err *e)
{
    nt_status s = NT_OK;
    char *bytes = NULL;
    size_t n = 0;
    nt_graph *g = NULL;

    NT_TRY(nt_file_read(&bytes, &n, path, SIZE_MAX, e));
    NT_TRY(nt_onnx_read(&g, bytes, n, NULL, NULL, 0, e));
    NT_TRY(nt_graph_bind(g, ops, e));
    NT_TRY(nt_pass_infer(g, e));
    *out = g;
    g = NULL;
done:
    nt_free(bytes);
    nt_graph_free(g);
    return s;
}

/* Batch 1, the file's resolution where it has one. */
static void shapes(int64_t (*dims)[NT_MAX_RANK], const nt_graph *g, const nt_onnx_export *x)
{
    for (int i = 0; i < g->n_inputs; i++) {
        const nt_value *v = g->inputs[i];

        for (int k = 0; k < v->rank; k++)
            dims[i][k] = v->dims[k].value < 0 && k == 0 ? 1 : v->dims[k].value;
        if (x->h && v->rank == 4) {
            dims[i][2] = x->h;
            dims[i][3] = x->w;
        }
    }
}

static void fill(nt_plan *p)
{
    nt_rng root, rng;
    nt_tensor *t;

    nt_rng_init(&root, 0);
    for (int i = 0; (t = nt_plan_input(p, i)); i++) {
        rng = nt_rng_fork_index(&root, (uint64_t)i);
        for (int64_t k = 0, n = nt_tensor_count(t); t->dtype == NT_F32 && k < n; k++)
            ((float *)t->data)[k] = (float)nt_rng_normal(&rng);
    }
}

/* |a - b| / |b| in L2. */
static double relative_error(const nt_tensor *a, const nt_tensor *b)
{
    double d2 = 0, b2 = 0;

    for (int64_t i = 0, n = nt_tensor_count(b); i < n; i++) {
        double x = nt_tensor_get(a, i), y = nt_tensor_get(b, i);

        d2 += (x - y) * (x - y);
        b2 += y * y;
    }
    return b2 > 0 ? sqrt(d2 / b2) : sqrt(d2);
}

static nt_status compare(const nt_plan *a, const nt_plan *b, const nt_graph *g, double limit,
                         nt_err *e)
{
    for (int i = 0; i < g->n_outputs; i++) {
        const nt_tensor *x = nt_plan_output(a, i), *y = nt_plan_output(b, i);
        double d;

        if (!x || !nt_tensor_same_shape(x, y))
            return nt_fail(e, NT_EMISSED, "output '%s' has another shape in the written file",
                           g->outputs[i]->name);
        d = relative_error(x, y);
        if (!(d <= limit))
            return nt_fail(e, NT_EMISSED, "output '%s' of the written file differs by %.3g",
                           g->outputs[i]->name, d);
    }
    return NT_OK;
}

nt_status nt_verify_onnx(const char *path, const nt_graph *g, const nt_graph_ops *ops,
                         const nt_onnx_export *x, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *file = NULL, *ref = NULL;
    nt_device *dev = NULL;
    nt_plan *a = NULL, *b = NULL;
    nt_onnx_export plain = *x;
    int64_t(*dims)[NT_MAX_RANK] = nt_calloc((size_t)g->n_inputs + 1, sizeof *dims);
    nt_plan_opts o = {.dims = (const int64_t(*)[NT_MAX_RANK])dims};

    if (!dims)
        return nt_fail_nomem(e);
    plain.fp16 = false;
    shapes(dims, g, x);
    NT_TRY(read_back(&file, path, ops, e));
    NT_TRY(nt_onnx_export_graph(&ref, g, &plain, e));
    NT_TRY(nt_device_new(&dev, 1, e));
    NT_TRY(nt_plan_new(&a, file, dev, &o, e));
    NT_TRY(nt_plan_new(&b, ref, dev, &o, e));
    fill(a);
    fill(b);
    NT_TRY(nt_plan_forward(a, e));
    NT_TRY(nt_plan_forward(b, e));
    NT_TRY(compare(a, b, g, x->fp16 ? 1e-2 : 1e-5, e));
done:
    nt_plan_free(a);
    nt_plan_free(b);
    nt_device_free(dev);
    nt_graph_free(file);
    nt_graph_free(ref);
    nt_free(dims);
    return s;
}
