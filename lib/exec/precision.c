/* SPDX-License-Identifier: MIT */
#include "exec/precision.h"

#include "exec/staged.h"

#include <math.h>

static nt_status run_in(nt_staged **out, nt_dtype compute, const nt_graph *g, nt_device *dev,
                        nt_err *e)
{
    nt_status s = NT_OK;
    nt_plan_opts o = {.compute = compute};

    NT_TRY(nt_staged_new(out, g, dev, &o, e));
    nt_staged_fill_noise(*out, 0);
    NT_TRY(nt_staged_forward(*out, e));
done:
    return s;
}

/* Not finite in both is no difference. */
static double relative_error(const nt_tensor *want, const nt_tensor *got)
{
    int64_t n = nt_tensor_count(want);
    double error = 0, size = 0;

    if (nt_tensor_count(got) != n)
        return INFINITY;
    for (int64_t i = 0; i < n; i++) {
        double a = nt_tensor_get(want, i), b = nt_tensor_get(got, i);

        if (!isfinite(a) && !isfinite(b))
            continue;
        error += (a - b) * (a - b);
        size += a * a;
    }
    if (error == 0)
        return 0;
    error = sqrt(error / size);
    return isfinite(error) ? error : INFINITY;
}

nt_status nt_bf16_error(double *out, const nt_graph *g, nt_device *dev, nt_err *e)
{
    nt_status s = NT_OK;
    nt_staged *fp32 = NULL, *bf16 = NULL;

    *out = 0;
    NT_TRY(run_in(&fp32, NT_F32, g, dev, e));
    NT_TRY(run_in(&bf16, NT_BF16, g, dev, e));
    for (int i = 0; i < g->n_outputs; i++) {
        const nt_tensor *a = nt_staged_output(fp32, i);

        if (nt_dtype_is_real(a->dtype))
            *out = fmax(*out, relative_error(a, nt_staged_output(bf16, i)));
    }
done:
    nt_staged_free(fp32);
    nt_staged_free(bf16);
    return s;
}

static bool is_quantized(const nt_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (nt_node_is(g->nodes[i], "DequantizeLinear"))
            return true;
    return false;
}

nt_status nt_choose_bf16(nt_dtype *compute, const nt_graph *g, nt_device *dev, double tolerance,
                         nt_err *e)
{
    nt_status s = NT_OK;
    double error;

    if (tolerance <= 0 || !nt_device_has_bf16(dev) || is_quantized(g))
        return NT_OK;
    NT_TRY(nt_bf16_error(&error, g, dev, e));
    if (error <= tolerance)
        *compute = NT_BF16;
done:
    return s;
}
