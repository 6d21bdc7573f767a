/* SPDX-License-Identifier: MIT */
#include "prune/opensize.h"

#include "base/alloc.h"
#include "graph/pass.h"

#define MAX_BYTES ((size_t)1 << 30)

/* Powers of two, then multiples of what else networks divide by, then what is small. */
static const int64_t sizes[] = {64,    128,    256, 512, 1024, 2048, 4096, 8192, 16384, 32768,
                                65536, 224,    240, 320, 480,  640,  840,  1600, 3200,  16000,
                                48000, 131072, 32,  16,  8,    4,    3,    2,    1};

/* The first dimension that is open besides a batch; false: there is none. */
static bool find_open(const nt_value **v, int *k, const nt_graph *g)
{
    for (int i = 0; i < g->n_inputs; i++)
        for (*k = 1; *k < g->inputs[i]->rank; ++*k)
            if (g->inputs[i]->dims[*k].value < 0) {
                *v = g->inputs[i];
                return true;
            }
    return false;
}

static void fill(int64_t (*dims)[NT_MAX_RANK], const nt_graph *g, int64_t size)
{
    for (int i = 0; i < g->n_inputs; i++)
        for (int k = 1; k < g->inputs[i]->rank; k++)
            if (g->inputs[i]->dims[k].value < 0)
                dims[i][k] = size;
}

/* All that nodes make, where its shape is known. */
static bool fits(const nt_graph *g)
{
    size_t total = 0;

    for (int i = 0; i < g->n_values; i++) {
        const nt_value *v = g->values[i];
        size_t bytes = nt_dtype_size(v->dtype);

        if (!v->producer || !nt_value_shape(v, NULL))
            continue;
        for (int k = 0; k < v->rank; k++)
            if (!nt_size_mul(&bytes, bytes, (size_t)v->dims[k].value))
                return false;
        if (!nt_size_add(&total, total, bytes))
            return false;
    }
    return total <= MAX_BYTES;
}

/* Does g take these extents? Why not is in *why. */
static nt_status try_sizes(bool *takes, const nt_graph *g, const int64_t (*dims)[NT_MAX_RANK],
                           nt_err *why)
{
    nt_graph *c = NULL;
    nt_status s = nt_pass_dup_at(&c, g, dims, why);

    *takes = s == NT_OK && fits(c);
    if (s == NT_OK && !*takes)
        s = nt_fail(why, NT_EUNSUPPORTED, "more than %zu bytes of values", MAX_BYTES);
    nt_graph_free(c);
    return s == NT_ENOMEM ? s : NT_OK;
}

nt_status nt_open_sizes(int64_t (**out)[NT_MAX_RANK], const nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t(*dims)[NT_MAX_RANK] = nt_pass_input_dims(g, 1);
    const nt_value *v = NULL;
    nt_err first = {{0}}, why = {{0}};
    bool takes;
    int k;

    if (!dims)
        return nt_fail_nomem(e);
    takes = !find_open(&v, &k, g);
    for (size_t i = 0; !takes && i < sizeof sizes / sizeof sizes[0]; i++) {
        fill(dims, g, sizes[i]);
        if (try_sizes(&takes, g, (const int64_t(*)[NT_MAX_RANK])dims, i ? &why : &first) !=
            NT_OK)
            NT_TRY(nt_fail_nomem(e));
    }
    if (!takes)
        NT_TRY(nt_fail(
            e, NT_EUNSUPPORTED,
            "input '%.64s': no size was found for the open dimension %d%s%.32s (%.120s)",
            v->name, k, v->dims[k].sym ? " " : "", v->dims[k].sym ? v->dims[k].sym : "",
            first.msg));
    *out = dims;
    dims = NULL;
done:
    nt_free(dims);
    return s;
}
