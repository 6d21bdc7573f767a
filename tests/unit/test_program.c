/* SPDX-License-Identifier: MIT */
/* What lowering writes: values and their tensors, views, reorders, sums of gradients. Where
 * they lie in memory is in test_place.c. */
#include "lower/program_int.h"

#include "net.h"
#include "starve.h"

typedef struct program {
    net t;
    nt_device *dev;
    nt_program *p;
} program;

/* A graph of one input x [2,3,4,4] and one constant w [2,3]; nothing is lowered yet. */
static program open_program(void)
{
    program f = {.t = start(17)};
    nt_value *x = input(&f.t, "x", DIMS(2, 3, 4, 4));

    weight(&f.t, "w", DIMS(2, 3));
    complete(&f.t, NODE(&f.t, "Relu", "y", x)->out[0]);
    assert_ok(nt_device_new(&f.dev, 1, e));
    assert_ok(nt_program_new(&f.p, f.t.g, f.dev, e));
    return f;
}

static void close_program(program *f)
{
    nt_program_free(f->p);
    nt_device_free(f->dev);
    finish(&f->t);
}

static nt_value *value(const program *f, const char *name)
{
    nt_value *v = nt_graph_find_value(f->t.g, name);

    assert_non_null(v);
    return v;
}

static nt_tid temp(program *f, nt_dtype type, int rank, const int64_t *dims)
{
    nt_desc d = {.dtype = type, .rank = rank};
    nt_tid t = -1;

    memcpy(d.dims, dims, (size_t)rank * sizeof *dims);
    assert_ok(nt_program_temp(f->p, &d, &t, e));
    return t;
}

static nt_tid as(program *f, nt_tid t, nt_format fmt, nt_dtype dtype)
{
    nt_tid out = -1;

    assert_ok(nt_program_as(f->p, t, fmt, dtype, &out, e));
    return out;
}

/* ---- values */

NT_TEST(a_constant_is_its_own_tensor_made_on_first_use)
{
    program f = open_program();
    nt_value *w = value(&f, "w");
    nt_tid a = -1, b = -1;

    assert_ok(nt_program_value(f.p, w, &a, e));
    assert_ok(nt_program_value(f.p, w, &b, e));
    assert_int_equal(a, b);
    assert_int_equal(f.p->n_t, 1);
    assert_int_equal(f.p->t[a].kind, NT_PT_CONST);
    assert_ptr_equal(f.p->t[a].data, w->data->data);
    assert_int_equal(nt_program_desc(f.p, a)->dims[1], 3);
    assert_int_equal(f.p->t[a].bytes, 24);
    close_program(&f);
}

NT_TEST(a_parameter_is_live_in_training_and_a_constant_otherwise)
{
    program f = open_program();
    nt_value *w = value(&f, "w");
    float live[6], grad[6];
    nt_tid t = -1;

    f.p->live[w->id] = (nt_live){live, grad};
    f.p->training = true;
    assert_ok(nt_program_state(f.p, w, &t, e));
    assert_int_equal(f.p->t[t].kind, NT_PT_LIVE);
    assert_ptr_equal(f.p->t[t].data, live);
    f.p->value[w->id] = -1;
    f.p->training = false;
    assert_ok(nt_program_value(f.p, w, &t, e));
    assert_ptr_equal(f.p->t[t].data, w->data->data);
    close_program(&f);
}

NT_TEST(what_nobody_made_yet_is_refused_and_so_is_state_of_nobody)
{
    program f = open_program();
    nt_tid t = -1, made;

    assert_fails(NT_EFORMAT, "value 'x' is used before it is made",
                 nt_program_value(f.p, value(&f, "x"), &t, e));
    assert_fails(NT_EUNSUPPORTED, "'w' is no running statistic of this model",
                 nt_program_state(f.p, value(&f, "w"), &t, e));
    made = temp(&f, NT_F32, DIMS(2, 3, 4, 4));
    assert_ok(nt_program_bind(f.p, value(&f, "x"), made, e));
    assert_ok(nt_program_value(f.p, value(&f, "x"), &t, e));
    assert_int_equal(t, made);
    close_program(&f);
}

/* ---- conversions */

NT_TEST(a_conversion_is_one_step_and_is_remembered)
{
    program f = open_program();
    nt_tid x = temp(&f, NT_F32, DIMS(2, 3, 4, 4)), half, last;

    assert_int_equal(as(&f, x, NT_FMT_PLAIN, NT_F32), x);
    assert_int_equal(as(&f, x, NT_FMT_ANY, NT_UNDEFINED), x);
    assert_int_equal(f.p->n_step, 0);
    half = as(&f, x, NT_FMT_PLAIN, NT_BF16);
    last = as(&f, x, NT_FMT_NHWC, NT_UNDEFINED);
    assert_int_equal(f.p->n_step, 2);
    assert_string_equal(f.p->step[0].what, "reorder");
    assert_int_equal(f.p->step[0].arg[0], x);
    assert_int_equal(f.p->step[0].arg[1], half);
    assert_false(f.p->step[0].writes[0]);
    assert_true(f.p->step[0].writes[1]);
    assert_int_equal(as(&f, x, NT_FMT_ANY, NT_BF16), half);
    assert_int_equal(as(&f, x, NT_FMT_NHWC, NT_F32), last);
    assert_int_equal(f.p->n_step, 2);
    assert_int_equal(nt_program_desc(f.p, half)->dtype, NT_BF16);
    assert_int_equal(nt_program_desc(f.p, last)->fmt, NT_FMT_NHWC);
    close_program(&f);
}

NT_TEST(below_three_axes_every_layout_is_the_plain_one)
{
    program f = open_program();
    nt_tid x = temp(&f, NT_F32, DIMS(2, 3));

    assert_int_equal(as(&f, x, NT_FMT_C16, NT_F32), x);
    assert_int_equal(f.p->n_step, 0);
    assert_int_equal(nt_program_desc(f.p, as(&f, x, NT_FMT_C16, NT_BF16))->fmt, NT_FMT_PLAIN);
    close_program(&f);
}

NT_TEST(a_view_has_other_dims_and_the_same_memory_without_a_step)
{
    program f = open_program();
    nt_tid x = temp(&f, NT_F32, DIMS(2, 3, 4, 4)), v = -1, w = -1;

    assert_ok(nt_program_view(f.p, x, DIMS(2, 48), &v, e));
    assert_ok(nt_program_view(f.p, v, DIMS(96), &w, e));
    assert_int_equal(f.p->t[v].root, x);
    assert_int_equal(f.p->t[w].root, x);
    assert_int_equal(nt_program_desc(f.p, v)->rank, 2);
    assert_int_equal(nt_program_desc(f.p, v)->dims[1], 48);
    assert_int_equal(nt_program_desc(f.p, w)->dims[0], 96);
    assert_int_equal(nt_program_desc(f.p, w)->dims[1], 0);
    assert_int_equal(f.p->t[w].bytes, f.p->t[x].bytes);
    assert_int_equal(f.p->n_step, 0);
    close_program(&f);
}

/* A conversion of x is none of its view, which has another shape. */
NT_TEST(a_view_has_conversions_of_its_own)
{
    program f = open_program();
    nt_tid x = temp(&f, NT_F32, DIMS(2, 3, 4, 4)), v = -1, a, b;

    a = as(&f, x, NT_FMT_PLAIN, NT_BF16);
    assert_ok(nt_program_view(f.p, x, DIMS(6, 16), &v, e));
    b = as(&f, v, NT_FMT_PLAIN, NT_BF16);
    assert_int_not_equal(a, b);
    assert_int_equal(nt_program_desc(f.p, b)->rank, 2);
    close_program(&f);
}

/* ---- steps */

static int n_freed;

static void count_free(void *ctx)
{
    (void)ctx;
    n_freed++;
}

static nt_status nothing(void *ctx, void *const *arg, nt_err *e)
{
    (void)ctx;
    (void)arg;
    (void)e;
    return NT_OK;
}

NT_TEST(a_steps_context_is_freed_once_with_the_program_or_when_it_cannot_be_taken)
{
    program f = open_program();
    nt_step_desc d = {.what = "s", .fn = nothing, .free_ctx = count_free};

    n_freed = 0;
    assert_ok(nt_program_step(f.p, &d, e));
    assert_int_equal(n_freed, 0);
    for (int i = 0; i < 100; i++) { /* past the room there is at first */
        nt_step_desc more = {.what = "m", .fn = nothing};

        assert_ok(nt_program_step(f.p, &more, e));
    }
    f.p->cap_step = f.p->n_step;
    nt_alloc_fail_at(1);
    assert_fails(NT_ENOMEM, "out of memory", nt_program_step(f.p, &d, e));
    nt_alloc_fail_at(0);
    assert_int_equal(n_freed, 1);
    close_program(&f);
    assert_int_equal(n_freed, 2);
}

NT_TEST(in_place_needs_room_for_the_result)
{
    program f = open_program();
    nt_tid small = temp(&f, NT_F32, DIMS(4)), large = temp(&f, NT_F32, DIMS(8)), half = -1;

    assert_ok(nt_program_inplace(f.p, large, small, false, e)); /* not taken up */
    assert_int_equal(f.p->t[large].inplace, -1);
    assert_fails(NT_EINVAL, "in-place result is larger than its operand",
                 nt_program_inplace(f.p, large, small, true, e));
    assert_ok(nt_program_inplace(f.p, small, large, true, e));
    assert_int_equal(f.p->t[small].inplace, large);
    assert_true(f.p->t[small].must);
    /* a view of the beginning counts with all of its memory */
    assert_ok(nt_program_view(f.p, large, DIMS(4), &half, e));
    f.p->t[half].bytes = 16;
    small = temp(&f, NT_F32, DIMS(8));
    assert_ok(nt_program_inplace(f.p, small, half, false, e));
    assert_int_equal(f.p->t[small].inplace, half);
    close_program(&f);
}

NT_TEST(what_forward_saves_backward_finds_by_node_and_slot)
{
    program f = open_program();
    const nt_node *n = f.t.g->nodes[0];

    assert_ok(nt_program_save(f.p, n, 0, 7, e));
    assert_ok(nt_program_save(f.p, n, 3, 9, e));
    assert_int_equal(nt_program_saved(f.p, n, 3), 9);
    assert_int_equal(nt_program_saved(f.p, n, 0), 7);
    assert_int_equal(nt_program_saved(f.p, n, 1), -1);
    assert_int_equal(nt_program_saved(f.p, NULL, 0), -1);
    close_program(&f);
}

/* ---- gradients */

static void contribute(program *f, const nt_value *v, nt_tid t)
{
    assert_ok(nt_program_add_grad(f->p, v, t, e));
}

static nt_tid gradient(program *f, const nt_value *v)
{
    nt_tid t = -2;

    assert_ok(nt_program_grad(f->p, v, NT_FMT_PLAIN, NT_F32, &t, e));
    return t;
}

NT_TEST(the_gradient_of_nothing_is_none_and_of_one_contribution_it_is_that)
{
    program f = open_program();
    nt_value *x = value(&f, "x");
    nt_tid t = temp(&f, NT_F32, DIMS(2, 3, 4, 4));

    assert_int_equal(gradient(&f, x), -1);
    contribute(&f, x, t);
    assert_int_equal(gradient(&f, x), t);
    assert_int_equal(f.p->n_step, 0);
    close_program(&f);
}

static int count_steps(const program *f, const char *what)
{
    int n = 0;

    for (int i = 0; i < f->p->n_step; i++)
        n += strcmp(f->p->step[i].what, what) == 0;
    return n;
}

NT_TEST(contributions_are_added_once_eight_at_a_time)
{
    program f = open_program();
    nt_value *x = value(&f, "x");
    nt_tid t;

    for (int i = 0; i < 9; i++)
        contribute(&f, x, temp(&f, NT_F32, DIMS(2, 3, 4, 4)));
    t = gradient(&f, x);
    assert_int_equal(count_steps(&f, "sum"), 2);
    assert_int_equal(f.p->step[0].n_args, 9); /* eight and the result */
    assert_int_equal(f.p->step[1].n_args, 3); /* that, the ninth and the result */
    assert_int_equal(f.p->step[1].arg[0], f.p->step[0].arg[8]);
    assert_int_equal(f.p->step[1].arg[2], t);
    assert_int_equal(gradient(&f, x), t); /* it is not made again */
    assert_int_equal(f.p->n_step, 2);
    contribute(&f, x, temp(&f, NT_F32, DIMS(2, 3, 4, 4))); /* but goes on from there */
    assert_int_not_equal(gradient(&f, x), t);
    assert_int_equal(f.p->step[2].arg[0], t);
    close_program(&f);
}

NT_TEST(contributions_of_other_types_are_converted_before_they_are_added)
{
    program f = open_program();
    nt_value *x = value(&f, "x");
    nt_tid t;

    contribute(&f, x, temp(&f, NT_F32, DIMS(2, 3, 4, 4)));
    contribute(&f, x, temp(&f, NT_BF16, DIMS(2, 3, 4, 4)));
    t = gradient(&f, x);
    assert_int_equal(count_steps(&f, "reorder"), 1);
    assert_int_equal(count_steps(&f, "sum"), 1);
    assert_int_equal(nt_program_desc(f.p, t)->dtype, NT_F32);
    close_program(&f);
}

/* n contributions to w's gradient, the first through nt_program_param_grad; what is summed. */
static program with_param_grads(int n, float *grad, nt_tid *first)
{
    program f = open_program();
    nt_value *w = value(&f, "w");
    static float live[6];

    f.p->live[w->id] = (nt_live){live, grad};
    for (int i = 0; i < n; i++) {
        nt_tid t = -1;

        assert_ok(nt_program_param_grad(f.p, w, &t, e));
        assert_int_equal(f.p->t[t].kind, i == 0 ? NT_PT_LIVE : NT_PT_TEMP);
        if (i == 0)
            *first = t;
        contribute(&f, w, t);
    }
    assert_ok(nt_program_finish_grads(f.p, e));
    return f;
}

NT_TEST(a_parameter_used_once_gets_its_gradient_in_place)
{
    float grad[6];
    nt_tid first = -1;
    program f = with_param_grads(1, grad, &first);

    assert_ptr_equal(f.p->t[first].data, grad);
    assert_int_equal(f.p->n_step, 0);
    close_program(&f);
}

NT_TEST(a_parameter_used_three_times_gets_the_sum_in_place)
{
    float grad[6];
    nt_tid first = -1;
    program f = with_param_grads(3, grad, &first);
    const nt_pstep *st = &f.p->step[0];

    assert_int_equal(f.p->n_step, 1);
    assert_string_equal(st->what, "sum");
    assert_int_equal(st->n_args, 4);
    assert_ptr_equal(f.p->t[st->arg[0]].data, grad);
    assert_ptr_equal(f.p->t[st->arg[3]].data, grad);
    assert_true(st->writes[3]);
    close_program(&f);
}

NT_TEST(a_gradient_made_elsewhere_is_copied_to_its_place)
{
    program f = open_program();
    nt_value *w = value(&f, "w");
    float live[6], grad[6];

    f.p->live[w->id] = (nt_live){live, grad};
    contribute(&f, w, temp(&f, NT_BF16, DIMS(2, 3)));
    assert_ok(nt_program_finish_grads(f.p, e));
    assert_int_equal(f.p->n_step, 1);
    assert_ptr_equal(f.p->t[f.p->step[0].arg[1]].data, grad);
    close_program(&f);
}

/* ---- random streams */

NT_TEST(a_nodes_stream_depends_on_the_run_and_not_on_what_was_drawn)
{
    program f = open_program();
    const nt_node *n = f.t.g->nodes[0];
    struct nt_rng *r = nt_program_rng(f.p, n);
    uint64_t first, second;

    assert_non_null(r);
    nt_program_set_run(f.p, 1);
    first = nt_rng_u64(r);
    (void)nt_rng_u64(r);
    nt_program_set_run(f.p, 2);
    second = nt_rng_u64(r);
    nt_program_set_run(f.p, 1);
    assert_true(nt_rng_u64(r) == first);
    assert_true(first != second);
    close_program(&f);
}

NT_TEST_MAIN
