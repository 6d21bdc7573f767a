/* SPDX-License-Identifier: MIT */
/* Placing made-up programs: steps that only say what they read and write. */
#include "exec/place.h"

#include "base/alloc.h"
#include "test.h"

#include <string.h>

typedef struct fixture {
    nt_graph *g;
    nt_device *dev;
    nt_program *p;
    nt_placement pl;
} fixture;

static void open_fixture(fixture *f)
{
    memset(f, 0, sizeof *f);
    assert_ok(nt_graph_new(&f->g, e));
    assert_ok(nt_device_new(&f->dev, 1, e));
    assert_ok(nt_program_new(&f->p, f->g, f->dev, e));
}

static void close_fixture(fixture *f)
{
    nt_placement_release(&f->pl);
    nt_program_free(f->p);
    nt_device_free(f->dev);
    nt_graph_free(f->g);
}

static nt_tid temp(fixture *f, size_t bytes)
{
    nt_tid t = -1;

    assert_ok(nt_program_blob(f->p, bytes, &t, e));
    return t;
}

static nt_tid fixed(fixture *f, nt_ptensor_kind kind, void *data, int64_t bytes)
{
    nt_desc d = {.dtype = NT_U8, .rank = 1, .dims = {bytes}};
    nt_tid t = -1;

    assert_ok(nt_program_fixed(f->p, &d, kind, data, &t, e));
    return t;
}

static nt_status nothing(void *ctx, void *const *arg, nt_err *e)
{
    (void)ctx;
    (void)arg;
    (void)e;
    return NT_OK;
}

/* A step that reads r and r2 (-1: nothing) and writes w. */
static void step(fixture *f, nt_tid r, nt_tid r2, nt_tid w)
{
    nt_step_desc d = {.what = "step",
                      .fn = nothing,
                      .arg = {r, r2, w},
                      .writes = {false, false, true},
                      .n_args = 3};

    assert_ok(nt_program_step(f->p, &d, e));
}

static void place(fixture *f)
{
    f->p->n_forward = f->p->n_step;
    assert_ok(nt_place(&f->pl, f->p, e));
}

static char *at(const fixture *f, nt_tid t)
{
    return f->p->t[t].data;
}

NT_TEST(tensors_that_live_at_the_same_time_do_not_overlap)
{
    enum { N = 40 };
    fixture f;
    char in[64];
    nt_tid t[N];
    int first[N], last[N];

    open_fixture(&f);
    for (int i = 0; i < N; i++) /* i is read by steps i + 1 and i + 1 + i % 7 */
        t[i] = temp(&f, (size_t)(1 + i * 37 % 500));
    step(&f, fixed(&f, NT_PT_LIVE, in, 64), -1, t[0]);
    for (int i = 0; i < N; i++) {
        first[i] = last[i] = i;
    }
    for (int i = 1; i < N; i++) {
        int far = i - 1 - i % 7;

        far = far < 0 ? 0 : far;
        step(&f, t[i - 1], t[far], t[i]);
        last[i - 1] = i > last[i - 1] ? i : last[i - 1];
        last[far] = i > last[far] ? i : last[far];
    }
    place(&f);
    for (int i = 0; i < N; i++) {
        assert_int_equal((uintptr_t)at(&f, t[i]) % 64, 0);
        assert_true(at(&f, t[i]) >= (char *)f.pl.host.arena);
        assert_true(at(&f, t[i]) + f.p->t[t[i]].bytes <=
                    (char *)f.pl.host.arena + f.pl.host.arena_bytes);
        for (int k = 0; k < i; k++) {
            bool together = first[i] <= last[k] && first[k] <= last[i];
            bool apart = at(&f, t[i]) + f.p->t[t[i]].bytes <= at(&f, t[k]) ||
                         at(&f, t[k]) + f.p->t[t[k]].bytes <= at(&f, t[i]);

            assert_true(!together || apart);
        }
    }
    close_fixture(&f);
}

NT_TEST(memory_is_used_again_when_its_tensor_is_dead)
{
    fixture f;
    char in[64];
    nt_tid a, b, c;

    open_fixture(&f);
    a = temp(&f, 640);
    b = temp(&f, 640);
    c = temp(&f, 640);
    step(&f, fixed(&f, NT_PT_LIVE, in, 64), -1, a);
    step(&f, a, -1, b);
    step(&f, b, -1, c);
    place(&f);
    assert_ptr_equal(at(&f, a), at(&f, c));
    assert_ptr_not_equal(at(&f, a), at(&f, b));
    assert_int_equal(f.pl.host.arena_bytes, 1280);
    close_fixture(&f);
}

NT_TEST(a_view_keeps_its_memory_alive)
{
    fixture f;
    char in[64];
    nt_tid a, b, c, v;

    open_fixture(&f);
    a = temp(&f, 64);
    b = temp(&f, 64);
    c = temp(&f, 64);
    assert_ok(nt_program_view(f.p, a, 2, (const int64_t[]){8, 8}, &v, e));
    step(&f, fixed(&f, NT_PT_LIVE, in, 64), -1, a);
    step(&f, a, -1, b);
    step(&f, v, b, c); /* a is still read here, under its other name */
    place(&f);
    assert_ptr_equal(at(&f, v), at(&f, a));
    assert_ptr_not_equal(at(&f, b), at(&f, a));
    assert_ptr_not_equal(at(&f, c), at(&f, a));
    close_fixture(&f);
}

NT_TEST(a_result_takes_over_an_operand_that_nobody_needs_any_more)
{
    fixture f;
    char in[64];
    nt_tid a, b, c;

    open_fixture(&f);
    a = temp(&f, 64);
    b = temp(&f, 64);
    c = temp(&f, 64);
    step(&f, fixed(&f, NT_PT_LIVE, in, 64), -1, a);
    step(&f, a, -1, b);
    assert_ok(nt_program_inplace(f.p, b, a, false, e));
    step(&f, b, a, c);
    assert_ok(nt_program_inplace(f.p, c, b, false, e));
    place(&f);
    assert_ptr_not_equal(at(&f, b), at(&f, a)); /* a is read once more */
    assert_ptr_equal(at(&f, c), at(&f, b));
    assert_int_equal(f.p->n_step, 3);
    close_fixture(&f);
}

NT_TEST(what_must_be_in_place_is_copied_first_if_still_needed)
{
    fixture f;
    char in[64];
    nt_tid x, a, b, c;

    open_fixture(&f);
    x = fixed(&f, NT_PT_LIVE, in, 64);
    a = temp(&f, 64);
    b = temp(&f, 64);
    c = temp(&f, 64);
    step(&f, x, -1, a);
    step(&f, x, -1, b);
    assert_ok(nt_program_inplace(f.p, b, a, true, e));
    step(&f, b, a, c);
    place(&f);
    assert_int_equal(f.p->n_step, 4);
    assert_int_equal(f.p->n_forward, 4);
    assert_string_equal(f.p->step[1].what, "copy");
    assert_ptr_equal(f.p->step[1].ptr[0], at(&f, a));
    assert_ptr_equal(f.p->step[1].ptr[1], at(&f, b));
    assert_ptr_not_equal(at(&f, a), at(&f, b));
    close_fixture(&f);
}

NT_TEST(inputs_and_what_is_read_after_the_run_are_never_taken_over)
{
    fixture f;
    char in[64];
    nt_tid x, a, b, c;

    open_fixture(&f);
    x = fixed(&f, NT_PT_LIVE, in, 64);
    a = temp(&f, 64);
    b = temp(&f, 64);
    c = temp(&f, 64);
    step(&f, x, -1, a);
    assert_ok(nt_program_inplace(f.p, a, x, false, e));
    step(&f, a, -1, b);
    assert_ok(nt_program_inplace(f.p, b, a, false, e));
    step(&f, b, -1, c);
    f.p->t[a].keep = true;
    place(&f);
    assert_ptr_not_equal(at(&f, a), (char *)in);
    assert_ptr_not_equal(at(&f, b), at(&f, a));
    assert_ptr_not_equal(at(&f, c), at(&f, a));
    close_fixture(&f);
}

NT_TEST(steps_over_constants_run_once_and_have_memory_of_their_own)
{
    fixture f;
    char w[64], in[64];
    nt_tid packed, twice, y;

    open_fixture(&f);
    packed = temp(&f, 64);
    twice = temp(&f, 64);
    y = temp(&f, 64);
    step(&f, fixed(&f, NT_PT_CONST, w, 64), -1, packed);
    step(&f, packed, -1, twice);
    step(&f, fixed(&f, NT_PT_LIVE, in, 64), twice, y);
    place(&f);
    assert_true(f.p->step[0].once && f.p->step[1].once && !f.p->step[2].once);
    assert_int_equal(f.pl.fixed_bytes, 128);
    assert_int_equal(f.pl.host.arena_bytes, 64);
    assert_ptr_not_equal(at(&f, packed), at(&f, twice));
    close_fixture(&f);
}

NT_TEST(memory_that_a_constant_and_an_input_fill_together_is_not_made_once)
{
    fixture f;
    char w[64], in[64];
    nt_tid both, y;

    open_fixture(&f);
    both = temp(&f, 128);
    y = temp(&f, 64);
    step(&f, fixed(&f, NT_PT_CONST, w, 64), -1, both);
    step(&f, fixed(&f, NT_PT_LIVE, in, 64), -1, both);
    step(&f, both, -1, y);
    place(&f);
    for (int i = 0; i < 3; i++)
        assert_false(f.p->step[i].once);
    close_fixture(&f);
}

NT_TEST(what_cannot_be_addressed_is_lack_of_memory)
{
    fixture f;
    char in[64];
    nt_tid a;
    nt_err err = {{0}};

    open_fixture(&f);
    a = temp(&f, SIZE_MAX);
    step(&f, fixed(&f, NT_PT_LIVE, in, 64), -1, a);
    assert_int_equal(nt_place(&f.pl, f.p, &err), NT_ENOMEM);
    close_fixture(&f);
}

NT_TEST_MAIN
