/* SPDX-License-Identifier: MIT */
/* The grid of grid.h at inference: each case fused, unfused and in bf16, on both backends. */
#include "grid.h"

static nt_device *dev[2];
static int n_runs;

/* bf16 may err by an element where most are small, and by more than that in a large one. */
static bool agrees(const nt_tensor *y, const nt_tensor *want, bool bf16)
{
    size_t n = (size_t)nt_tensor_count(want);
    double apart = grid_apart(y, want);

    if (!bf16)
        return apart <= 1e-4;
    return apart <= 0.05 || grid_distance(y->data, want->data, n) <= 0.03;
}

static void check_run(const grid_case *c, const nt_graph *g, const nt_tensor *want,
                      nt_device *d, const nt_plan_opts *o)
{
    nt_plan *p = grid_run(c, g, d, o);
    const nt_tensor *y = nt_plan_output(p, 0);
    bool bf16 = o->compute == NT_BF16;

    if (!agrees(y, want, bf16))
        fail_msg("%s: %s%s%s: %g apart", grid_name(c), nt_device_text(d),
                 bf16 ? " in bf16" : "", o->no_fusion ? ", unfused" : "", grid_apart(y, want));
    nt_plan_free(p);
    n_runs++;
}

static void check_case(const grid_case *c)
{
    static const nt_plan_opts opts[] = {
        {.compute = NT_F32}, {.compute = NT_F32, .no_fusion = true}, {.compute = NT_BF16}};
    nt_graph *g = grid_graph(c);
    nt_tensor *want = grid_eval(c, g);

    for (int i = 0; i < 6; i++)
        if (opts[i / 2].compute == NT_F32 || nt_device_has_bf16(dev[i % 2]))
            check_run(c, g, want, dev[i % 2], &opts[i / 2]);
    nt_tensor_free(want);
    nt_graph_free(g);
}

NT_TEST(a_constant_before_or_after_a_layer_counts_however_it_is_computed)
{
    int n = 0;

    dev[0] = op_device("onednn");
    dev[1] = op_device("openblas");
    for (int i = 0; i < GRID_LAYERS; i++)
        n += grid_each(&grid_layers[i], GRID_PLACES, (grid_case){0}, check_case);
    print_message("%d cases, %d runs\n", n, n_runs);
    assert_int_equal(n, GRID_LAYERS * GRID_OPS * 2 * (GRID_SHAPES * GRID_PLACES - 1));
    nt_device_free(dev[0]);
    nt_device_free(dev[1]);
}

NT_TEST_MAIN
