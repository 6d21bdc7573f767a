/* SPDX-License-Identifier: MIT */
/* Coupling over small graphs built by hand, and what operators make of a removal. */
#include "base/alloc.h"
#include "couple/couple.h"
#include "couple/kept.h"
#include "facet/op.h"

#include "net.h"

#include <string.h>

static void couple(net *t, nt_value *out)
{
    complete(t, out);
    assert_ok(nt_coupling_new(&t->c, t->g, e));
}

static int class_of(const net *t, const char *value, int axis, int64_t i)
{
    const nt_value *v = nt_graph_find_value(t->g, value);

    assert_non_null(v);
    return nt_coupling_class(t->c, (nt_span){v, axis, 1}, i);
}

static const char *frozen(const net *t, const char *value, int axis, int64_t i)
{
    int cls = class_of(t, value, axis, i);

    return cls < 0 ? NULL : nt_coupling_frozen(t->c, cls);
}

static void assert_same(const net *t, const char *a, int axis_a, int64_t i, const char *b,
                        int axis_b, int64_t j)
{
    assert_true(class_of(t, a, axis_a, i) >= 0);
    if (class_of(t, a, axis_a, i) != class_of(t, b, axis_b, j))
        fail_msg("%s[%d] and %s[%d] are apart", a, (int)i, b, (int)j);
}

static void assert_apart(const net *t, const char *a, int axis_a, int64_t i, const char *b,
                         int axis_b, int64_t j)
{
    if (class_of(t, a, axis_a, i) == class_of(t, b, axis_b, j))
        fail_msg("%s[%d] and %s[%d] are together", a, (int)i, b, (int)j);
}

/* ---- removal */
/* Removes the class of one index and lets all nodes adapt. */
static nt_kept *removal(net *t, const char *value, int axis, int64_t i)
{
    int n = nt_coupling_n_classes(t->c), cls = class_of(t, value, axis, i);
    bool *removed = nt_calloc((size_t)n, sizeof *removed);
    nt_kept *k = NULL;

    assert_non_null(removed);
    assert_true(cls >= 0);
    assert_null(nt_coupling_frozen(t->c, cls));
    removed[cls] = true;
    assert_ok(nt_kept_new(&k, t->c, removed, e));
    for (int j = 0; j < t->g->n_nodes; j++)
        if (t->g->nodes[j]->op->adapt)
            assert_ok(t->g->nodes[j]->op->adapt(k, t->g, t->g->nodes[j], e));
    nt_free(removed);
    return k;
}

static void assert_kept(const net *t, const nt_kept *k, const char *value, int axis, int n,
                        const int64_t *want)
{
    const nt_value *v = nt_graph_find_value(t->g, value);
    int64_t count = 0;
    const int64_t *got = nt_kept_indices(k, (nt_span){v, axis, 1}, &count);

    assert_non_null(got);
    assert_int_equal(count, n);
    assert_memory_equal(got, want, (size_t)n * sizeof *want);
}

static void assert_ints(const net *t, const char *name, int in, int n, const int64_t *want)
{
    const nt_node *nd = nt_graph_find_node(t->g, name);

    assert_non_null(nd->in[in]->data);
    assert_int_equal(nt_tensor_count(nd->in[in]->data), n);
    assert_memory_equal(nd->in[in]->data->data, want, (size_t)n * sizeof *want);
}

/* ---- the cases */
NT_TEST(a_chain_ties_filters_to_what_reads_them)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 3, 4, 4));
    nt_value *a = conv(&t, "a", x, 3, 6, 1);
    nt_value *r = NODE(&t, "Relu", "r", a)->out[0];
    nt_member m[16];
    size_t n;

    couple(&t, conv(&t, "b", r, 6, 2, 1));
    assert_same(&t, "a.weight", 0, 4, "b.weight", 1, 4);
    assert_apart(&t, "a.weight", 0, 4, "b.weight", 1, 3);
    assert_null(frozen(&t, "a.weight", 0, 4));
    assert_string_equal(frozen(&t, "a.weight", 1, 0), "graph input 'x'");
    assert_string_equal(frozen(&t, "b.weight", 0, 0), "layer 'b': graph output");
    n = nt_coupling_members(t.c, class_of(&t, "a.weight", 0, 4), m, 16);
    assert_int_equal(n, 4); /* a's filter, a, r, b's weight */
    for (size_t i = 0; i < n; i++)
        assert_int_equal(m[i].index, 4);
    finish(&t);
}

NT_TEST(a_residual_sum_ties_both_producers)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 3, 4, 4));
    nt_value *a = conv(&t, "a", x, 3, 6, 1);
    nt_value *b = conv(&t, "b", a, 6, 6, 1);
    nt_value *s = NODE(&t, "Add", "s", b, a)->out[0];

    couple(&t, conv(&t, "c", s, 6, 2, 1));
    assert_same(&t, "a.weight", 0, 2, "b.weight", 0, 2);
    assert_same(&t, "b.weight", 1, 2, "c.weight", 1, 2);
    assert_apart(&t, "a.weight", 0, 2, "b.weight", 0, 3);
    finish(&t);
}

NT_TEST(a_concat_shifts)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 3, 4, 4));
    nt_value *a = conv(&t, "a", x, 3, 4, 1), *b = conv(&t, "b", a, 4, 5, 1);
    nt_node *cat = NODE(&t, "Concat", "cat", a, b);
    nt_kept *k;

    assert_ok(nt_node_set_int(t.g, cat, "axis", 1, e));
    couple(&t, conv(&t, "c", cat->out[0], 9, 2, 1));
    assert_same(&t, "b.weight", 0, 1, "c.weight", 1, 5);
    assert_same(&t, "a.weight", 0, 1, "c.weight", 1, 1);
    assert_same(&t, "a.weight", 0, 1, "b.weight", 1, 1);
    k = removal(&t, "b.weight", 0, 1);
    assert_kept(&t, k, "c.weight", 1, DIMS(0, 1, 2, 3, 4, 6, 7, 8));
    assert_kept(&t, k, "a.weight", 0, DIMS(0, 1, 2, 3));
    assert_int_equal(nt_kept_old_dim(k, nt_graph_find_value(t.g, "c.weight"), 1), 9);
    nt_kept_free(k);
    finish(&t);
}

NT_TEST(a_depthwise_convolution_passes_channels_on)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 3, 4, 4));
    nt_value *a = conv(&t, "a", x, 3, 6, 1), *d = conv(&t, "d", a, 6, 6, 6);

    couple(&t, conv(&t, "b", d, 6, 2, 1));
    assert_same(&t, "a.weight", 0, 3, "d.weight", 0, 3);
    assert_same(&t, "a.weight", 0, 3, "b.weight", 1, 3);
    assert_apart(&t, "a.weight", 0, 3, "b.weight", 1, 2);
    finish(&t);
}

NT_TEST(flatten_turns_a_channel_into_a_run_of_columns)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 3, 2, 2));
    nt_value *a = conv(&t, "a", x, 3, 4, 1);
    nt_value *r = NODE(&t, "Relu", "r", a)->out[0];
    nt_value *f = NODE(&t, "Flatten", "f", r)->out[0];
    nt_kept *k;

    couple(&t, gemm(&t, "fc", f, 16, 10));
    for (int i = 0; i < 4; i++)
        assert_same(&t, "a.weight", 0, 2, "fc.weight", 1, 8 + i);
    assert_apart(&t, "a.weight", 0, 2, "fc.weight", 1, 7);
    assert_apart(&t, "a.weight", 0, 2, "fc.weight", 1, 12);
    assert_null(frozen(&t, "a.weight", 0, 2));
    k = removal(&t, "a.weight", 0, 2);
    assert_kept(&t, k, "fc.weight", 1, DIMS(0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15));
    nt_kept_free(k);
    finish(&t);
}

NT_TEST(a_reshape_of_features_to_pictures_cuts_along_the_channels)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 3));
    nt_value *f = gemm(&t, "fc", x, 3, 16);
    nt_value *shape = ints(&t, DIMS(0, 4, 2, 2));
    nt_value *r = NODE(&t, "Reshape", "r", f, shape)->out[0];
    nt_kept *k;

    couple(&t, conv(&t, "a", r, 4, 5, 1));
    assert_same(&t, "fc.weight", 0, 9, "a.weight", 1, 2);
    assert_same(&t, "fc.weight", 0, 11, "a.weight", 1, 2);
    assert_apart(&t, "fc.weight", 0, 12, "a.weight", 1, 2);
    k = removal(&t, "a.weight", 1, 2);
    assert_ints(&t, "r", 1, DIMS(0, 3, 2, 2));
    assert_int_equal(((const int64_t *)shape->data->data)[1], 4); /* others may read it */
    nt_kept_free(k);
    finish(&t);
}

/* x -> [1][2][3][2][2] -> [1][3][2][2][2] -> [1][6][2][2] */
static nt_value *shuffle(net *t, nt_value *x)
{
    nt_value *r = NODE(t, "Reshape", "split", x, ints(t, DIMS(1, 2, 3, 2, 2)))->out[0];
    nt_node *p = NODE(t, "Transpose", "swap", r);

    assert_ok(nt_node_set_ints(t->g, p, "perm", (const int64_t[]){0, 2, 1, 3, 4}, 5, e));
    return NODE(t, "Reshape", "join", p->out[0], ints(t, DIMS(1, 6, 2, 2)))->out[0];
}

NT_TEST(a_channel_shuffle_ties_the_places_in_its_groups)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 3, 2, 2));
    nt_value *a = conv(&t, "a", x, 3, 6, 1);
    nt_kept *k;

    couple(&t, conv(&t, "b", shuffle(&t, a), 6, 5, 1));
    /* channel 3 q + i becomes 2 i + q; i goes for both q, so that the shape can follow */
    for (int i = 0; i < 3; i++)
        for (int q = 0; q < 2; q++) {
            assert_same(&t, "a.weight", 0, 3 * q + i, "b.weight", 1, 2 * i + q);
            assert_same(&t, "a.weight", 0, 3 * q + i, "a.weight", 0, i);
        }
    assert_apart(&t, "a.weight", 0, 0, "a.weight", 0, 1);
    assert_null(frozen(&t, "a.weight", 0, 1));
    k = removal(&t, "a.weight", 0, 1);
    assert_ints(&t, "split", 1, DIMS(1, 2, 2, 2, 2));
    assert_ints(&t, "join", 1, DIMS(1, 4, 2, 2));
    assert_kept(&t, k, "a.weight", 0, DIMS(0, 2, 3, 5));
    assert_kept(&t, k, "b.weight", 1, DIMS(0, 1, 4, 5));
    nt_kept_free(k);
    finish(&t);
}

NT_TEST(group_statistics_take_whole_groups)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 3, 2, 2));
    nt_value *a = conv(&t, "a", x, 3, 6, 1);
    nt_value *r = NODE(&t, "Reshape", "r", a, ints(&t, DIMS(0, 2, -1)))->out[0];
    nt_node *m = NODE(&t, "ReduceMean", "m", r);
    nt_value *d = NODE(&t, "Sub", "d", r, m->out[0])->out[0];
    nt_value *back = NODE(&t, "Reshape", "back", d, ints(&t, DIMS(0, 6, 2, 2)))->out[0];

    assert_ok(nt_node_set_ints(t.g, m, "axes", (const int64_t[]){2}, 1, e));
    couple(&t, conv(&t, "b", back, 6, 5, 1));
    assert_same(&t, "a.weight", 0, 0, "a.weight", 0, 2);
    assert_same(&t, "a.weight", 0, 0, "b.weight", 1, 1);
    assert_apart(&t, "a.weight", 0, 2, "a.weight", 0, 3);
    assert_null(frozen(&t, "a.weight", 0, 0));
    finish(&t);
}

NT_TEST(squeeze_and_excitation_scales_its_own_channels)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 3, 4, 4));
    nt_value *a = conv(&t, "a", x, 3, 6, 1);
    nt_value *p = NODE(&t, "GlobalAveragePool", "p", a)->out[0];
    nt_value *q = conv(&t, "q", p, 6, 2, 1), *u = conv(&t, "u", q, 2, 6, 1);
    nt_value *s = NODE(&t, "Sigmoid", "s", u)->out[0];
    nt_value *m = NODE(&t, "Mul", "m", a, s)->out[0];

    couple(&t, conv(&t, "b", m, 6, 5, 1));
    assert_same(&t, "a.weight", 0, 5, "u.weight", 0, 5);
    assert_same(&t, "a.weight", 0, 5, "q.weight", 1, 5);
    assert_same(&t, "q.weight", 0, 1, "u.weight", 1, 1);
    assert_apart(&t, "q.weight", 0, 1, "u.weight", 0, 1);
    finish(&t);
}

NT_TEST(split_sizes_and_slice_ranges_follow)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 3, 2, 2));
    nt_value *a = conv(&t, "a", x, 3, 8, 1), *out[2] = {NULL, NULL};
    nt_value *one = ints(&t, DIMS(1)), *from = ints(&t, DIMS(3)), *to = ints(&t, DIMS(-1));
    nt_value *sl = NODE(&t, "Slice", "sl", a, from, to, one)->out[0];
    nt_node *sp = NULL, *cat;
    nt_kept *k;

    assert_ok(nt_graph_add_value(&out[0], t.g, "lo", e));
    assert_ok(nt_graph_add_value(&out[1], t.g, "hi", e));
    assert_ok(nt_graph_add_node(&sp, t.g, &(nt_node_spec){"Split", "sp", &a, 1, out, 2}, e));
    assert_ok(nt_node_set_int(t.g, sp, "axis", 1, e));
    cat = NODE(&t, "Concat", "cat", out[1], out[0], sl);
    assert_ok(nt_node_set_int(t.g, cat, "axis", 1, e));
    couple(&t, conv(&t, "b", cat->out[0], 12, 5, 1));
    assert_same(&t, "a.weight", 0, 5, "b.weight", 1, 1);  /* hi */
    assert_same(&t, "a.weight", 0, 5, "b.weight", 1, 10); /* the slice */
    assert_same(&t, "a.weight", 0, 2, "b.weight", 1, 6);  /* lo */
    k = removal(&t, "a.weight", 0, 2);
    assert_ints(&t, "sp", 1, DIMS(3, 4));
    assert_ints(&t, "sl", 1, DIMS(2));
    assert_ints(&t, "sl", 2, DIMS(6));
    nt_kept_free(k);
    finish(&t);
}

NT_TEST(gathered_channels_are_renumbered)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 3, 2, 2));
    nt_value *a = conv(&t, "a", x, 3, 4, 1);
    nt_node *g = NODE(&t, "Gather", "g", a, ints(&t, DIMS(2, 0, -1, 1)));
    nt_kept *k;

    assert_ok(nt_node_set_int(t.g, g, "axis", 1, e));
    couple(&t, conv(&t, "b", g->out[0], 4, 5, 1));
    assert_same(&t, "a.weight", 0, 3, "b.weight", 1, 2);
    k = removal(&t, "a.weight", 0, 0);
    assert_ints(&t, "g", 1, DIMS(1, 2, 0));
    assert_kept(&t, k, "b.weight", 1, DIMS(0, 2, 3));
    nt_kept_free(k);
    finish(&t);
}

NT_TEST(padded_channels_and_expanded_scales_follow)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 3, 2, 2));
    nt_value *a = conv(&t, "a", x, 3, 4, 1);
    nt_value *p = NODE(&t, "Pad", "p", a, ints(&t, DIMS(0, 1, 0, 0, 0, 2, 0, 0)))->out[0];
    nt_value *one = weight(&t, "one", DIMS(1, 1, 1, 1));
    nt_value *w = NODE(&t, "Expand", "w", one, ints(&t, DIMS(1, 7, 1, 1)))->out[0];
    nt_value *m = NODE(&t, "Mul", "m", p, w)->out[0];
    nt_kept *k;

    couple(&t, conv(&t, "b", m, 7, 5, 1));
    assert_same(&t, "a.weight", 0, 1, "b.weight", 1, 2);
    k = removal(&t, "b.weight", 1, 6); /* one of the zeros behind */
    assert_ints(&t, "p", 1, DIMS(0, 1, 0, 0, 0, 1, 0, 0));
    assert_ints(&t, "w", 1, DIMS(1, 6, 1, 1));
    nt_kept_free(k);
    finish(&t);
}

NT_TEST(channels_that_become_the_batch_stay)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 3, 2, 2));
    nt_value *a = conv(&t, "a", x, 3, 4, 1);
    nt_value *r = NODE(&t, "Reshape", "r", a, ints(&t, DIMS(-1, 4)))->out[0];

    couple(&t, gemm(&t, "fc", r, 4, 5));
    assert_non_null(frozen(&t, "a.weight", 0, 1));
    assert_non_null(strstr(frozen(&t, "a.weight", 0, 1), "batch"));
    finish(&t);
}

NT_TEST(a_flattened_network_input_stays)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 1, 4, 4));
    nt_value *f = NODE(&t, "Flatten", "f", x)->out[0];

    couple(&t, gemm(&t, "fc", f, 16, 5));
    assert_non_null(frozen(&t, "fc.weight", 1, 7));
    finish(&t);
}

NT_TEST(shape_arithmetic_does_not_freeze_what_it_measures)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 3, 2, 2));
    nt_value *a = conv(&t, "a", x, 3, 4, 1);

    NODE(&t, "Shape", "s", a);
    couple(&t, conv(&t, "b", a, 4, 5, 1));
    assert_null(frozen(&t, "a.weight", 0, 1));
    finish(&t);
}

NT_TEST(an_open_batch_is_as_good_as_any_and_open_extents_stay_whole)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(-1, 3, -1, 2)), *a = conv(&t, "a", x, 3, 4, 1);
    nt_value *r = NODE(&t, "Reshape", "r", a, ints(&t, DIMS(0, -1, 2)))->out[0];
    nt_value *b = conv(&t, "b", x, 3, 4, 1), *s = NODE(&t, "Relu", "s", b)->out[0];
    nt_value *p = NODE(&t, "GlobalAveragePool", "p", s)->out[0];
    nt_value *f = NODE(&t, "Flatten", "f", p)->out[0];

    assert_ok(nt_graph_add_output(t.g, r, e));
    couple(&t, gemm(&t, "fc", f, 4, 5));
    assert_null(frozen(&t, "b.weight", 0, 1));
    assert_same(&t, "b.weight", 0, 1, "fc.weight", 1, 1);
    assert_non_null(frozen(&t, "a.weight", 0, 1)); /* folded with a height nobody knows */
    finish(&t);
}

NT_TEST(numbering_is_the_same_every_time)
{
    net t = start(13), u = start(13);

    for (int i = 0; i < 2; i++) {
        net *n = i ? &u : &t;
        nt_value *a = conv(n, "a", input(n, "x", DIMS(1, 3, 2, 2)), 3, 6, 1);

        couple(n, conv(n, "b", shuffle(n, a), 6, 5, 1));
    }
    assert_int_equal(nt_coupling_n_classes(t.c), nt_coupling_n_classes(u.c));
    for (int i = 0; i < 6; i++)
        assert_int_equal(class_of(&t, "a.weight", 0, i), class_of(&u, "a.weight", 0, i));
    finish(&t);
    finish(&u);
}

NT_TEST(a_lack_of_memory_anywhere_is_reported_and_leaks_nothing)
{
    net t = start(13);
    nt_value *a = conv(&t, "a", input(&t, "x", DIMS(1, 3, 2, 2)), 3, 6, 1);
    nt_err err = {{0}};
    nt_coupling *c = NULL;
    int n = 0;

    couple(&t, conv(&t, "b", shuffle(&t, a), 6, 5, 1));
    do {
        nt_alloc_fail_at(++n);
    } while (nt_coupling_new(&c, t.g, &err) == NT_ENOMEM);
    nt_alloc_fail_at(0);
    assert_non_null(c);
    assert_true(n > 5);
    nt_coupling_free(c);
    finish(&t);
}

/* ---- sizes */
static nt_value *resize(net *t, nt_value *x, nt_value *sizes)
{
    return node(t, "Resize", "up", 4, (nt_value *[]){x, NULL, NULL, sizes})->out[0];
}

/* Shape(of)[from:to] and then the numbers. */
static nt_value *computed(net *t, nt_value *of, int64_t from, int64_t to, int n,
                          const int64_t *more)
{
    nt_node *shape = NODE(t, "Shape", "shape", of), *cat;

    assert_ok(nt_node_set_int(t->g, shape, "start", from, e));
    assert_ok(nt_node_set_int(t->g, shape, "end", to, e));
    cat = NODE(t, "Concat", "target", shape->out[0], ints(t, n, more));
    assert_ok(nt_node_set_int(t->g, cat, "axis", 0, e));
    return cat->out[0];
}

NT_TEST(sizes_of_a_resize_follow_the_channels)
{
    net t = start(13);
    nt_value *a = conv(&t, "a", input(&t, "x", DIMS(1, 3, 4, 4)), 3, 6, 1);
    nt_kept *k;

    couple(&t, conv(&t, "b", resize(&t, a, ints(&t, DIMS(1, 6, 8, 8))), 6, 2, 1));
    assert_same(&t, "a.weight", 0, 4, "b.weight", 1, 4);
    assert_null(frozen(&t, "a.weight", 0, 4));
    k = removal(&t, "a.weight", 0, 4);
    assert_ints(&t, "up", 3, DIMS(1, 5, 8, 8));
    nt_kept_free(k);
    finish(&t);
}

/* With an open batch and image; what copies the input's own extent needs no change. */
NT_TEST(computed_sizes_pass_channels_that_they_copy)
{
    net t = start(15);
    nt_value *a = conv(&t, "a", input(&t, "x", DIMS(-1, 3, -1, -1)), 3, 6, 1);
    nt_kept *k;

    couple(&t, conv(&t, "b", resize(&t, a, computed(&t, a, 0, 2, DIMS(8, 9))), 6, 2, 1));
    assert_int_equal(nt_graph_find_value(t.g, "up")->dims[1].value, 6);
    assert_int_equal(nt_graph_find_value(t.g, "up")->dims[3].value, 9);
    assert_string_equal(nt_graph_find_value(t.g, "up")->dims[0].sym, "N");
    assert_same(&t, "a.weight", 0, 4, "b.weight", 1, 4);
    assert_null(frozen(&t, "a.weight", 0, 4));
    k = removal(&t, "a.weight", 0, 4);
    nt_kept_free(k);
    finish(&t);
}

NT_TEST(computed_sizes_with_a_number_of_channels_keep_them)
{
    net t = start(15);
    nt_value *a = conv(&t, "a", input(&t, "x", DIMS(-1, 3, 4, 4)), 3, 6, 1);

    couple(&t, conv(&t, "b", resize(&t, a, computed(&t, a, 0, 1, DIMS(6, 8, 8))), 6, 2, 1));
    assert_string_equal(frozen(&t, "a.weight", 0, 4),
                        "layer 'up': Resize needs this axis whole");
    finish(&t);
}

NT_TEST(a_computed_reshape_passes_the_axes_it_copies_first)
{
    net t = start(15);
    nt_value *a = conv(&t, "a", input(&t, "x", DIMS(-1, 3, 2, 2)), 3, 6, 1);
    nt_value *rows = NODE(&t, "Reshape", "rows", a, computed(&t, a, 0, 2, DIMS(4)))->out[0];
    nt_node *back = NODE(&t, "Unsqueeze", "back", rows, ints(&t, DIMS(3)));

    couple(&t, conv(&t, "b", back->out[0], 6, 2, 1));
    assert_same(&t, "a.weight", 0, 4, "b.weight", 1, 4);
    assert_null(frozen(&t, "a.weight", 0, 4));
    finish(&t);
}

NT_TEST(depth_to_space_takes_the_filters_of_a_point_together)
{
    net t = start(13);
    nt_value *a = conv(&t, "a", input(&t, "x", DIMS(1, 3, 4, 4)), 3, 12, 1);
    nt_node *d = NODE(&t, "DepthToSpace", "d", a);
    nt_kept *k;

    assert_ok(nt_node_set_int(t.g, d, "blocksize", 2, e));
    couple(&t, conv(&t, "b", d->out[0], 3, 2, 1));
    assert_same(&t, "a.weight", 0, 1, "a.weight", 0, 10);
    k = removal(&t, "b.weight", 1, 1);
    assert_kept(&t, k, "a.weight", 0, DIMS(0, 2, 3, 5, 6, 8, 9, 11));
    nt_kept_free(k);
    finish(&t);
}

NT_TEST(repeats_follow_what_is_stretched)
{
    net t = start(13);
    nt_value *a = conv(&t, "a", input(&t, "x", DIMS(1, 3, 4, 4)), 3, 6, 1);
    nt_value *one = conv(&t, "one", a, 6, 1, 1);
    nt_value *wide = NODE(&t, "Tile", "wide", one, ints(&t, DIMS(1, 6, 1, 1)))->out[0];
    nt_kept *k;

    couple(&t, conv(&t, "b", NODE(&t, "Mul", "m", a, wide)->out[0], 6, 2, 1));
    assert_null(frozen(&t, "a.weight", 0, 4));
    k = removal(&t, "a.weight", 0, 4);
    assert_ints(&t, "wide", 1, DIMS(1, 5, 1, 1));
    nt_kept_free(k);
    finish(&t);
}

NT_TEST(rows_that_join_an_open_batch_stay_whole)
{
    net t = start(13);
    nt_value *a = conv(&t, "a", input(&t, "x", DIMS(-1, 3, 2, 2)), 3, 4, 1);
    nt_value *r = NODE(&t, "Reshape", "r", a, ints(&t, DIMS(-1, 4)))->out[0]; /* [N 4, 4] */

    couple(&t, gemm(&t, "fc", r, 4, 2));
    assert_non_null(frozen(&t, "a.weight", 0, 1));
    assert_non_null(frozen(&t, "fc.weight", 1, 1));
    finish(&t);
}

NT_TEST(open_images_do_not_keep_channels_from_passing)
{
    net t = start(13);
    nt_value *a = conv(&t, "a", input(&t, "x", DIMS(-1, 3, -1, -1)), 3, 6, 1);
    nt_value *one = NODE(&t, "Unsqueeze", "one", a, ints(&t, DIMS(2)))->out[0];
    nt_value *two = NODE(&t, "Squeeze", "two", one, ints(&t, DIMS(2)))->out[0];
    nt_value *r = NODE(&t, "Reshape", "r", two, ints(&t, DIMS(0, 6, -1, 1)))->out[0];

    couple(&t, conv(&t, "b", r, 6, 2, 1));
    assert_same(&t, "a.weight", 0, 4, "b.weight", 1, 4);
    assert_null(frozen(&t, "a.weight", 0, 4));
    finish(&t);
}

/* As when a batch was taken as 1 for coupling, and lies along another axis than the first. */
NT_TEST(a_batch_that_opens_again_does_not_matter)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 5, 4)), *y;
    nt_kept *k;

    y = NODE(&t, "Transpose", "rows", x)->out[0]; /* [4, 5, 1] */
    y = NODE(&t, "MatMul", "a", NODE(&t, "Transpose", "back", y)->out[0],
             weight(&t, "a.weight", 2, (const int64_t[]){4, 6}))
            ->out[0];
    y = NODE(&t, "Transpose", "turn", y)->out[0]; /* [6, 5, 1] */
    couple(&t, NODE(&t, "Transpose", "last", y)->out[0]);
    nt_graph_find_value(t.g, "turn")->dims[2].value = -1;
    k = NULL;
    {
        bool *removed = nt_calloc((size_t)nt_coupling_n_classes(t.c) + 1, sizeof *removed);

        assert_ok(nt_kept_new(&k, t.c, removed, e));
        nt_free(removed);
    }
    assert_kept(&t, k, "a.weight", 1, 6, (const int64_t[]){0, 1, 2, 3, 4, 5});
    nt_kept_free(k);
    finish(&t);
}

NT_TEST_MAIN
