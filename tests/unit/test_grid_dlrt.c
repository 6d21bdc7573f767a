/* SPDX-License-Identifier: MIT */
/* The grid of grid.h in the runtime of .dlrt files: what it takes it computes as the plain
 * forms do, in floats and between codes; the rest is refused when the file is made. */
#include "grid.h"

#include "export/dlrt.h"
#include "rt/nt_rt.h"

static int n_taken;

static void fill_input(float *x, int i, const nt_value *v, bool positive)
{
    int64_t dims[NT_MAX_RANK];
    nt_tensor *t = NULL;

    assert_true(nt_value_shape(v, dims));
    assert_ok(nt_tensor_new(&t, NT_F32, v->rank, dims, e));
    grid_fill(t, i, positive);
    memcpy(x, t->data, nt_tensor_bytes(t));
    nt_tensor_free(t);
}

static void run(float *y, const grid_case *c, const nt_graph *g, const void *file, size_t size)
{
    static float in[2][8192];
    const float *const ins[] = {in[0], in[1]};
    size_t need = 0;
    nt_rt *rt = NULL;
    void *mem;

    for (int i = 0; i < g->n_inputs; i++)
        fill_input(in[i], i, g->inputs[i], grid_is_positive(c));
    assert_int_equal(nt_rt_mem_size(file, size, &need), NT_RT_OK);
    mem = nt_alloc(need, 1);
    assert_non_null(mem);
    assert_int_equal(nt_rt_load(&rt, file, size, mem, need), NT_RT_OK);
    assert_int_equal(nt_rt_run(rt, ins, &y), NT_RT_OK);
    nt_free(mem);
}

static void check_file(const grid_case *c, const nt_graph *g, const void *file, size_t size)
{
    nt_tensor *want = grid_eval(c, g);
    float *y = nt_alloc((size_t)nt_tensor_count(want), sizeof *y);
    double worst;

    assert_non_null(y);
    run(y, c, g, file, size);
    worst = grid_worst(y, want->data, (size_t)nt_tensor_count(want));
    if (!(worst <= (c->coded ? 1.001 * grid_step(c) : 1e-4)))
        fail_msg("%s%s: %g apart", grid_name(c), c->coded ? ", coded" : "", worst);
    nt_free(y);
    nt_tensor_free(want);
    n_taken++;
}

static void check_case(const grid_case *c)
{
    nt_graph *g = grid_graph(c);
    void *file = NULL;
    size_t size = 0;
    nt_err e = {{0}};
    nt_status s = nt_dlrt_make(&file, &size, g, 0, 0, &e);

    if (s == NT_OK)
        check_file(c, g, file, size);
    else
        assert_int_equal(s, NT_EUNSUPPORTED);
    nt_free(file);
    nt_graph_free(g);
}

/* The layer for one sample, which is all that the runtime takes; false where its other inputs
 * are for more. */
static bool for_one_sample(op_case *out, const op_case *layer)
{
    *out = *layer;
    out->in[0].dims[0] = 1;
    if (!strcmp(layer->op, "Gemm"))
        return !strcmp(layer->attr[0].name ? layer->attr[0].name : "transB", "transB");
    return strcmp(layer->op, "MatMul") != 0 || layer->in[1].rank == 2;
}

NT_TEST(the_runtime_computes_constants_or_refuses_them)
{
    int n = 0;
    op_case one;

    for (int i = 0; i < GRID_LAYERS * 2; i++)
        if (for_one_sample(&one, &grid_layers[i / 2]))
            n += grid_each(&one, i % 2 ? GRID_CODED_PLACES : GRID_PLACES,
                           (grid_case){.coded = i % 2 ? NT_U8 : NT_UNDEFINED}, check_case);
    print_message("%d cases, %d of them taken\n", n, n_taken);
    assert_true(n_taken > 0);
}

NT_TEST_MAIN
