/* SPDX-License-Identifier: MIT */
#include "op_harness.h"

#include "op/einsum.h"

#define EINSUM(eq) .op = "Einsum", .attr = {STR("equation", eq)}

NT_TEST(einsum_by_hand)
{
    const float x[] = {1, 2, 3, 4}, v[] = {10, 1};

    assert_eval((&(op_case){EINSUM("ij,j->i"), .in = {GIVEN(x, 2, 2), GIVEN(v, 2)}}), 12, 34);
    assert_eval((&(op_case){EINSUM("ii->i"), .in = {GIVEN(x, 2, 2)}}), 1, 4);
    assert_eval((&(op_case){EINSUM("ii"), .in = {GIVEN(x, 2, 2)}}), 5);
    assert_eval((&(op_case){EINSUM("ji"), .in = {GIVEN(x, 2, 2)}}), 1, 3, 2, 4);
    assert_eval((&(op_case){EINSUM("bA"), .in = {GIVEN(x, 2, 2)}}), 1, 3, 2, 4);
    assert_eval((&(op_case){EINSUM("ij->"), .in = {GIVEN(x, 2, 2)}}), 10);
    assert_eval((&(op_case){EINSUM("i,i"), .in = {GIVEN(v, 2), GIVEN(v, 2)}}), 101);
    assert_eval((&(op_case){EINSUM("i , j -> i j"), .in = {GIVEN(v, 2), GIVEN(v, 2)}}), 100, 10,
                10, 1);
    assert_eval((&(op_case){EINSUM("...j,j->..."), .in = {GIVEN(x, 2, 1, 2), GIVEN(v, 2)}}), 12,
                34);
    assert_eval((&(op_case){EINSUM("i,i,i->"), .in = {GIVEN(v, 2), GIVEN(v, 2), GIVEN(v, 2)}}),
                1001);
    assert_eval((&(op_case){EINSUM("i,i"), .in = {I64(3, 4), I64(5, -6)}}), -9);
}

NT_TEST(einsum_infers)
{
    assert_string_equal(op_shape(&(op_case){EINSUM("bhid,bhjd->bhij"),
                                            .in = {IN(-1, 4, 5, 8), IN(1, 4, 7, 8)}}),
                        "[A,4,5,7]");
    assert_string_equal(
        op_shape(&(op_case){EINSUM("...ij,...jk"), .in = {IN(2, 3, 4, 5), IN(3, 5, 6)}}),
        "[2,3,4,6]");
    assert_string_equal(op_shape(&(op_case){EINSUM("ij,jk"), .in = {IN(2, 3), IN(3, 4)}}),
                        "[2,4]");
}

NT_TEST(einsum_refuses)
{
    assert_refused((&(op_case){EINSUM("ij,jk"), .in = {IN(2, 3)}}), "is not for 1 operands");
    assert_refused((&(op_case){EINSUM("ij"), .in = {IN(2, 3), IN(2)}}),
                   "is not for 2 operands");
    assert_refused((&(op_case){EINSUM("i1"), .in = {IN(2, 3)}}), "'1' is no label");
    assert_refused((&(op_case){EINSUM("ij->ik"), .in = {IN(2, 3)}}), "in no operand");
    assert_refused((&(op_case){EINSUM("ij->ii"), .in = {IN(2, 3)}}),
                   "stands twice in the output");
    assert_refused((&(op_case){EINSUM("ij->i,j"), .in = {IN(2, 3)}}), "is no equation");
    assert_refused((&(op_case){EINSUM("......"), .in = {IN(2, 3)}}), "stands twice in a term");
    assert_refused((&(op_case){EINSUM("ijk"), .in = {IN(2, 3)}}), "has 2 dimensions");
    assert_refused((&(op_case){EINSUM("ij,jk"), .in = {IN(2, 3), IN(4, 5)}}),
                   "one label has extents 3 and 4");
}

/* Whether the equation is planned as a product is part of what is wanted. */
static void check_einsum(const op_case *c, bool product)
{
    nt_graph *g = op_bound_graph(c, false);

    assert_int_equal(nt_einsum_is_product(g->nodes[0]), product);
    nt_graph_free(g);
    check_op(c);
}

NT_TEST(products_run_and_train)
{
    check_einsum(&(op_case){EINSUM("ij,jk->ik"), .in = {IN(2, 3), CONST(3, 4)}}, true);
    check_einsum(&(op_case){EINSUM("ij,jk->ki"), .in = {IN(2, 3), IN(3, 4)}}, true);
    check_einsum(&(op_case){EINSUM("ji,kj->ik"), .in = {IN(3, 2), IN(4, 3)}}, true);
    check_einsum(&(op_case){EINSUM("bhid,bhjd->bhij"), .in = {IN(2, 3, 4, 5), IN(2, 3, 2, 5)}},
                 true);
    check_einsum(&(op_case){EINSUM("bihd,bjhd->bhij"), .in = {IN(2, 4, 3, 5), IN(2, 2, 3, 5)}},
                 true);
    check_einsum(&(op_case){EINSUM("bhij,bjhd->bihd"), .in = {IN(2, 3, 4, 2), IN(2, 2, 3, 5)}},
                 true);
    check_einsum(&(op_case){EINSUM("...ij,...jk"), .in = {IN(2, 3, 4, 5), IN(3, 5, 2)}}, true);
    check_einsum(&(op_case){EINSUM("...ij,...jk"), .in = {IN(1, 4, 5), IN(3, 5, 2)}}, true);
    check_einsum(&(op_case){EINSUM("i,j->ji"), .in = {IN(3), IN(4)}}, true);
    check_einsum(&(op_case){EINSUM("i,i->"), .in = {IN(3), IN(3)}}, true);
    check_einsum(&(op_case){EINSUM("ij,ij->ij"), .in = {IN(3, 2), IN(3, 2)}}, true);
    check_einsum(&(op_case){EINSUM("nchw,oc->nohw"), .in = {IN(2, 3, 2, 2), CONST(4, 3)}},
                 true);
}

NT_TEST(other_equations_run_and_train)
{
    check_einsum(&(op_case){EINSUM("bii->bi"), .in = {IN(2, 3, 3)}}, false);
    check_einsum(&(op_case){EINSUM("ii,i->"), .in = {IN(3, 3), IN(3)}}, false);
    check_einsum(&(op_case){EINSUM("ij,k->k"), .in = {IN(3, 2), IN(4)}}, false);
    check_einsum(&(op_case){EINSUM("ij,jk,kl->il"), .in = {IN(2, 3), CONST(3, 4), IN(4, 2)}},
                 false);
    check_einsum(&(op_case){EINSUM("i,j->ij"), .in = {IN(0), IN(3)}, .no_grad = true}, false);
}

NT_TEST(axes_of_one_label_go_together)
{
    op_coupled o =
        op_couple(&(op_case){EINSUM("bij,bjk->bik"), .in = {IN(2, 3, 4), CONST(2, 4, 5)}});

    assert_tied(&o, "in0", 2, 3, "in1", 1, 3);
    assert_tied(&o, "in1", 2, 2, "out0", 2, 2);
    assert_tied(&o, "in0", 1, 2, "out0", 1, 2);
    op_coupled_release(&o);
}

NT_TEST_MAIN
