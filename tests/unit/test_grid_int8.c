/* SPDX-License-Identifier: MIT */
/* The grid of grid.h between codes of 8 bits: what a plan makes of the codes is no more than a
 * step from what the plain forms give in floats, on both backends. */
#include "grid.h"

static nt_device *dev[2];
static int n_runs, n_on_codes;

static bool is_on_codes(const nt_plan *p)
{
    for (int i = 0; i < nt_plan_n_steps(p); i++)
        if (strstr(nt_plan_step(p, i).what, "int8"))
            return true;
    return false;
}

static void check_run(const grid_case *c, const nt_graph *g, const nt_tensor *want,
                      nt_device *d)
{
    const nt_plan_opts o = {.compute = NT_I8};
    nt_plan *p = grid_run(c, g, d, &o);
    double worst =
        grid_worst(nt_plan_output(p, 0)->data, want->data, (size_t)nt_tensor_count(want)) /
        grid_step(c);

    if (!(worst <= 1.001))
        fail_msg("%s: %s, codes of %s%s: %g steps apart", grid_name(c), nt_device_text(d),
                 nt_dtype_name(c->coded), c->coded_const ? " and of the constant" : "", worst);
    n_on_codes += is_on_codes(p);
    n_runs++;
    nt_plan_free(p);
}

static void check_case(const grid_case *c)
{
    nt_graph *g = grid_graph(c);
    nt_tensor *want = grid_eval(c, g);

    for (int i = 0; i < 2; i++)
        check_run(c, g, want, dev[i]);
    nt_tensor_free(want);
    nt_graph_free(g);
}

NT_TEST(a_constant_between_codes_counts)
{
    static const nt_dtype types[] = {NT_U8, NT_I8};
    int n = 0;

    dev[0] = op_device("onednn");
    dev[1] = op_device("openblas");
    for (int i = 0; i < GRID_LAYERS * 2; i++)
        n += grid_each(&grid_layers[i / 2], GRID_CODED_PLACES,
                       (grid_case){.coded = types[i % 2], .coded_const = i % 2}, check_case);
    print_message("%d cases, %d runs, %d of them on codes\n", n, n_runs, n_on_codes);
    assert_int_equal(n, GRID_LAYERS * 2 * GRID_OPS * 2 * (GRID_SHAPES * GRID_CODED_PLACES - 1));
    nt_device_free(dev[0]);
    nt_device_free(dev[1]);
}

NT_TEST_MAIN
