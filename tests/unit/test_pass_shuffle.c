/* SPDX-License-Identifier: MIT */
#include "net.h"
#include "op/registry.h"

/* x [n][c][2][2] folded to [g][c/g] or more axes, transposed, unfolded */
static nt_value *shuffle(net *t, nt_value *x, int rank, const int64_t *split,
                         const int64_t *perm, const int64_t *join)
{
    nt_value *r = NODE(t, "Reshape", "split", x, ints(t, rank, split))->out[0];
    nt_node *p = NODE(t, "Transpose", "swap", r);

    assert_ok(nt_node_set_ints(t->g, p, "perm", perm, (size_t)rank, e));
    return NODE(t, "Reshape", "join", p->out[0], ints(t, 4, join))->out[0];
}

static const int64_t two_by_three[] = {0, 2, 3, 2, 2}, swap[] = {0, 2, 1, 3, 4},
                     six[] = {0, 6, 2, 2};

static int replaced(const net *t)
{
    int n = -1;

    assert_ok(nt_pass_shuffle(t->g, &n, e));
    return n;
}

NT_TEST(a_shuffle_becomes_a_gather_of_the_permuted_channels)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(-1, 6, 2, 2));
    nt_value *y = shuffle(&t, x, 5, two_by_three, swap, six);
    const nt_node *n;

    complete(&t, NODE(&t, "Relu", "r", y)->out[0]);
    assert_int_equal(replaced(&t), 1);
    assert_int_equal(t.g->n_nodes, 2);
    n = t.g->nodes[0];
    assert_string_equal(n->op_type, "Gather");
    assert_ptr_equal(n->op, nt_op_find("", "Gather", 13));
    assert_memory_equal(n->in[1]->data->data, ((const int64_t[]){0, 3, 1, 4, 2, 5}),
                        6 * sizeof(int64_t));
    assert_int_equal(n->out[0]->dims[1].value, 6);
    assert_int_equal(replaced(&t), 0);
    finish(&t);
}

NT_TEST(an_output_keeps_its_name)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 6, 2, 2));

    complete(&t, shuffle(&t, x, 5, two_by_three, swap, six));
    assert_int_equal(replaced(&t), 1);
    assert_string_equal(t.g->outputs[0]->name, "join");
    finish(&t);
}

NT_TEST(three_folded_axes_may_turn)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 12, 2, 2));

    complete(&t, shuffle(&t, x, 6, (const int64_t[]){1, 2, 3, 2, 2, 2},
                         (const int64_t[]){0, 3, 1, 2, 4, 5}, (const int64_t[]){1, 12, 2, 2}));
    assert_int_equal(replaced(&t), 1);
    /* out [k][i][j] is in [i][j][k], 2 x 3 x 2 */
    assert_memory_equal(t.g->nodes[0]->in[1]->data->data,
                        ((const int64_t[]){0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11}),
                        12 * sizeof(int64_t));
    finish(&t);
}

NT_TEST(what_moves_space_too_or_is_read_in_between_is_left)
{
    net t = start(13), u = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 6, 2, 2)), *y;

    complete(&t, shuffle(&t, x, 5, two_by_three, (const int64_t[]){0, 2, 3, 1, 4}, six));
    assert_int_equal(replaced(&t), 0);
    x = input(&u, "x", DIMS(1, 6, 2, 2));
    y = shuffle(&u, x, 5, two_by_three, swap, six);
    assert_ok(nt_graph_add_output(u.g, y->producer->in[0], e));
    complete(&u, y);
    assert_int_equal(replaced(&u), 0);
    finish(&t);
    finish(&u);
}

NT_TEST_MAIN
