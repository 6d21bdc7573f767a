/* SPDX-License-Identifier: MIT */
#include "quant/cuts.h"

#include "base/alloc.h"
#include "quant_net.h"

typedef struct cut {
    net t;
    nt_block *b;
    int n;
} cut;

static cut cut_net(net t)
{
    cut c = {.t = t};

    assert_ok(nt_cuts_find(&c.b, &c.n, t.g, e));
    return c;
}

static void assert_block(const cut *c, int i, const char *in, const char *out, int layers)
{
    assert_true(i < c->n);
    assert_string_equal(c->b[i].in->name, in);
    if (out)
        assert_string_equal(c->b[i].out->name, out);
    else
        assert_null(c->b[i].out);
    assert_int_equal(c->b[i].layers, layers);
}

static void done_with(cut *c)
{
    nt_free(c->b);
    finish(&c->t);
}

static nt_value *relu(net *t, const char *name, nt_value *x)
{
    return NODE(t, "Relu", name, x)->out[0];
}

/* conv - Relu - [conv - Relu - conv - + - Relu] - GlobalAveragePool - Flatten - Gemm */
static net residual(void)
{
    net t = start(17);
    nt_value *x = relu(&t, "r0", conv(&t, "c0", input(&t, "x", DIMS(-1, 1, 6, 6)), 1, 4, 1));
    nt_value *y = relu(&t, "r1", conv(&t, "c1", x, 4, 4, 1));

    x = relu(&t, "r2", NODE(&t, "Add", "sum", conv(&t, "c2", y, 4, 4, 1), x)->out[0]);
    x = NODE(&t, "GlobalAveragePool", "pool", x)->out[0];
    complete(&t, gemm(&t, "fc", NODE(&t, "Flatten", "flat", x)->out[0], 4, 3));
    randomise(&t);
    return t;
}

NT_TEST(blocks_end_where_one_tensor_is_live_with_what_follows_value_by_value)
{
    cut c = cut_net(residual());

    assert_int_equal(c.n, 3);
    assert_block(&c, 0, "x", "r0", 1);
    assert_block(&c, 1, "r0", "r2", 2); /* the sum's two operands live side by side */
    assert_block(&c, 2, "r2", c.t.g->outputs[0]->name, 1); /* the pool begins it */
    done_with(&c);
}

NT_TEST(several_outputs_leave_the_last_block_open)
{
    net t = start(17);
    nt_value *x = conv(&t, "a", input(&t, "x", DIMS(-1, 1, 6, 6)), 1, 4, 1);
    cut c;

    assert_ok(nt_graph_add_output(t.g, conv(&t, "b", x, 4, 2, 1), e));
    complete(&t, conv(&t, "d", x, 4, 2, 1));
    c = cut_net(t);
    assert_int_equal(c.n, 2);
    assert_block(&c, 0, "x", x->name, 1);
    assert_block(&c, 1, x->name, NULL, 2);
    done_with(&c);
}

NT_TEST(a_part_is_what_lies_between_two_values)
{
    net t = residual();
    nt_value *from = nt_graph_find_value(t.g, "r0"), *to = nt_graph_find_value(t.g, "r2");
    nt_graph *part = NULL;
    nt_err err = {{0}};

    assert_ok(nt_cuts_part(&part, t.g, from, to, e));
    assert_int_equal(part->n_nodes, 5);
    assert_int_equal(count_nodes(part, "Conv"), 2);
    assert_string_equal(part->inputs[0]->name, "r0");
    assert_string_equal(part->outputs[0]->name, "r2");
    nt_graph_free(part);
    from = nt_graph_find_value(t.g, "r1"); /* its branch alone does not make the sum */
    assert_int_equal(nt_cuts_part(&part, t.g, from, to, &err), NT_EUNSUPPORTED);
    assert_string_equal(err.msg, "value 'r2' hangs on 'x' besides 'r1'");
    finish(&t);
}

NT_TEST_MAIN
