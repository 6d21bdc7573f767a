/* SPDX-License-Identifier: MIT */
/* What nt-run does, and how long a run takes. */
#include "measure/session.h"

#include "base/file.h"
#include "graph/tensor_io.h"
#include "net.h"
#include "scratch.h"

#include <math.h>

typedef struct fixture {
    net t;
    nt_device *dev;
    scratch files;
    nt_session *r;
} fixture;

/* Two inputs and two outputs: sum = a + b, "p/q" = a b; two numbers each, the batch is open. */
static fixture open_fixture(void)
{
    fixture f = {.t = start(17)};
    nt_value *a = input(&f.t, "a", DIMS(-1, 2)), *b = input(&f.t, "b", DIMS(-1, 2));
    nt_value *sum = NODE(&f.t, "Add", "sum", a, b)->out[0];

    assert_ok(nt_graph_add_output(f.t.g, sum, e));
    complete(&f.t, NODE(&f.t, "Mul", "p/q", a, b)->out[0]);
    assert_ok(nt_device_new(&f.dev, 1, e));
    scratch_open(&f.files);
    return f;
}

static void close_fixture(fixture *f)
{
    nt_session_free(f->r);
    scratch_close(&f->files);
    nt_device_free(f->dev);
    finish(&f->t);
}

/* NAME.npy with n numbers as [n/2][2]. */
static void put(fixture *f, const char *name, int n, const double *v)
{
    const int64_t dims[] = {n / 2, 2};
    nt_tensor *t = NULL;

    assert_ok(nt_tensor_new(&t, NT_F32, 2, dims, e));
    for (int i = 0; i < n; i++)
        nt_tensor_set(t, i, v[i]);
    assert_ok(nt_npy_save(scratch_path(&f->files, name), t, e));
    nt_tensor_free(t);
}

#define PUT(f, name, ...)                                                                      \
    put(f, name, (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)),                      \
        (const double[]){__VA_ARGS__})

/* "[NAME=]FILE", good as long as f. */
static const char *spec(char *buf, size_t n, const fixture *f, const char *name,
                        const char *file)
{
    snprintf(buf, n, "%s%s/%s", name, f->files.dir, file);
    return buf;
}

static nt_status open_session(fixture *f, const char *a, const char *b, nt_err *e)
{
    const char *in[] = {a, b};
    nt_session_opts o = {.inputs = in, .n_inputs = b ? 2 : a ? 1 : 0};

    nt_session_free(f->r);
    f->r = NULL;
    return nt_session_new(&f->r, f->t.g, f->dev, &o, e);
}

/* a = {1, 2}, b = {3, -4}: sums {4, -2}, products {3, -8}. */
static void run(fixture *f)
{
    char a[700], b[700];

    PUT(f, "a.npy", 1, 2);
    PUT(f, "b.npy", 3, -4);
    assert_ok(open_session(f, spec(a, sizeof a, f, "", "a.npy"),
                           spec(b, sizeof b, f, "", "b.npy"), e));
    assert_ok(nt_session_run(f->r, e));
}

static nt_mismatch compare(fixture *f, const char *name, int index, double rtol, double atol)
{
    char want[700];
    nt_mismatch m = {0};

    assert_ok(nt_session_expect(&m, f->r, spec(want, sizeof want, f, name, "want.npy"), index,
                                (nt_tolerance){rtol, atol}, e));
    return m;
}

NT_TEST(a_batch_of_none_is_refused)
{
    fixture f = open_fixture();
    char a[700], b[700];

    put(&f, "a.npy", 0, NULL);
    PUT(&f, "b.npy", 3, -4);
    spec(a, sizeof a, &f, "", "a.npy");
    assert_fails(NT_EINVAL, "input 'a': dimension 0 of [0,2] is 0: give at least one",
                 open_session(&f, a, spec(b, sizeof b, &f, "", "b.npy"), e));
    close_fixture(&f);
}

NT_TEST(tensors_go_to_inputs_in_order_or_by_name)
{
    fixture f = open_fixture();
    char a[700], b[700];

    run(&f);
    PUT(&f, "want.npy", 4, -2);
    assert_int_equal(compare(&f, "", 0, 0, 0).n_bad, 0);
    PUT(&f, "want.npy", 3, -8);
    assert_int_equal(compare(&f, "", 1, 0, 0).n_bad, 0);
    assert_int_equal(compare(&f, "p/q=", 0, 0, 0).n_bad, 0);
    PUT(&f, "a.npy", 10, 10);
    assert_ok(open_session(&f, spec(b, sizeof b, &f, "b=", "b.npy"),
                           spec(a, sizeof a, &f, "", "a.npy"), e));
    assert_ok(nt_session_run(f.r, e));
    PUT(&f, "want.npy", 13, 6);
    assert_int_equal(compare(&f, "sum=", 1, 0, 0).n_bad, 0);
    close_fixture(&f);
}

NT_TEST(what_does_not_fit_is_refused_with_its_file)
{
    fixture f = open_fixture();
    nt_session_opts o = {.n_inputs = 3};
    char a[700], msg[1600];
    nt_err err = {{0}};

    run(&f);
    assert_fails(NT_EINVAL, "input 'b' is not given",
                 open_session(&f, spec(a, sizeof a, &f, "", "a.npy"), NULL, e));
    assert_int_equal(open_session(&f, spec(a, sizeof a, &f, "z=", "a.npy"), NULL, &err),
                     NT_EINVAL);
    snprintf(msg, sizeof msg, "%s: the model has no input 'z'", a);
    assert_memory_equal(err.msg, msg, strlen(msg) < 255 ? strlen(msg) : 255);
    snprintf(msg, sizeof msg, "%s/x=y.npy: ", f.files.dir); /* no name, since it is nobody's */
    assert_int_equal(open_session(&f, spec(a, sizeof a, &f, "", "x=y.npy"), NULL, &err),
                     NT_EIO);
    assert_memory_equal(err.msg, msg, strlen(msg));
    o.inputs = (const char *[]){spec(a, sizeof a, &f, "", "a.npy"), a, a};
    assert_int_equal(nt_session_new(&f.r, f.t.g, f.dev, &o, &err), NT_EINVAL);
    assert_non_null(strstr(err.msg, "more tensors than the model's 2 inputs"));
    close_fixture(&f);
}

/* |got - want| <= atol + rtol |want|; got is {4, -2}. */
NT_TEST(both_tolerances_count_and_the_worst_is_told)
{
    fixture f = open_fixture();
    nt_mismatch m;

    run(&f);
    PUT(&f, "want.npy", 4.5, -2);
    assert_int_equal(compare(&f, "", 0, 0, 0.5).n_bad, 0);
    assert_int_equal(compare(&f, "", 0, 0, 0.4375).n_bad, 1);
    assert_int_equal(compare(&f, "", 0, 0.12, 0).n_bad, 0); /* 0.54 of 4.5; of 4 it is 0.48 */
    assert_int_equal(compare(&f, "", 0, 0.0625, 0.25).n_bad, 0);
    assert_int_equal(compare(&f, "", 0, 0.0625, 0.125).n_bad, 1);
    PUT(&f, "want.npy", 4.5, -8);
    m = compare(&f, "", 0, 0, 0);
    assert_int_equal(m.n, 2);
    assert_int_equal(m.n_bad, 2);
    assert_int_equal(m.worst, 1);
    assert_float_equal(m.got, -2, 0);
    assert_float_equal(m.want, -8, 0);
    assert_float_equal(m.max_abs, 6, 0);
    assert_float_equal(m.max_rel, 0.75, 1e-9);
    assert_string_equal(m.name, "sum");
    close_fixture(&f);
}

NT_TEST(nan_equals_nan_and_no_tolerance_reaches_past_an_infinity)
{
    fixture f = open_fixture();
    char a[700], b[700];

    PUT(&f, "a.npy", NAN, INFINITY);
    PUT(&f, "b.npy", 0, 0);
    assert_ok(open_session(&f, spec(a, sizeof a, &f, "", "a.npy"),
                           spec(b, sizeof b, &f, "", "b.npy"), e));
    assert_ok(nt_session_run(f.r, e));
    PUT(&f, "want.npy", NAN, INFINITY);
    assert_int_equal(compare(&f, "", 0, 0, 0).n_bad, 0);
    PUT(&f, "want.npy", 1, -INFINITY);
    assert_int_equal(compare(&f, "", 0, 1e9, 1e9).n_bad, 2);
    PUT(&f, "want.npy", NAN, 7);
    assert_int_equal(compare(&f, "", 0, 1e9, 1e9).n_bad, 1);
    close_fixture(&f);
}

NT_TEST(an_expectation_of_another_shape_is_a_miss_and_one_too_many_an_error)
{
    fixture f = open_fixture();
    char w[700];
    nt_mismatch m;

    run(&f);
    PUT(&f, "want.npy", 4, -2, 0, 0);
    spec(w, sizeof w, &f, "", "want.npy");
    assert_fails(NT_EMISSED, "output 'sum' is float32 [1,2], expected float32 [2,2]",
                 nt_session_expect(&m, f.r, w, 0, (nt_tolerance){0, 0}, e));
    assert_fails(NT_EINVAL, "more expectations than the model's 2 outputs",
                 nt_session_expect(&m, f.r, w, 2, (nt_tolerance){0, 0}, e));
    assert_fails(NT_EINVAL, "the model has no output 'y'",
                 nt_session_expect(&m, f.r, spec(w, sizeof w, &f, "y=", "want.npy"), 0,
                                   (nt_tolerance){0, 0}, e));
    close_fixture(&f);
}

NT_TEST(outputs_are_saved_under_names_that_are_safe)
{
    fixture f = open_fixture();
    nt_named_tensor *v = NULL;
    size_t n = 0;

    run(&f);
    assert_ok(nt_session_save(f.r, f.files.dir, e));
    assert_ok(nt_tensor_load(&v, &n, scratch_path(&f.files, "p_q.npy"), e));
    assert_int_equal(n, 1);
    assert_float_equal(nt_tensor_get(v[0].t, 1), -8, 0);
    assert_true(nt_path_exists(scratch_path(&f.files, "sum.npy")));
    nt_named_tensors_free(v, n);
    close_fixture(&f);
}

NT_TEST(random_inputs_follow_the_seed_and_the_batch)
{
    fixture f = open_fixture();
    nt_session_opts o = {.random = true, .seed = 1, .batch = 3};
    nt_str first = {0}, again = {0}, other = {0};

    for (int i = 0; i < 3; i++) {
        nt_str *out = i == 0 ? &first : i == 1 ? &again : &other;

        o.seed = i == 2 ? 2 : 1;
        nt_session_free(f.r);
        f.r = NULL;
        assert_ok(nt_session_new(&f.r, f.t.g, f.dev, &o, e));
        assert_ok(nt_session_run(f.r, e));
        assert_ok(nt_session_describe(f.r, out, e));
    }
    assert_string_equal(first.p, again.p);
    assert_string_not_equal(first.p, other.p);
    assert_memory_equal(first.p, "sum float32 [3,2] min ", 22);
    nt_str_release(&first);
    nt_str_release(&again);
    nt_str_release(&other);
    close_fixture(&f);
}

NT_TEST(outputs_are_described_by_their_range_and_mean)
{
    fixture f = open_fixture();
    nt_str t = {0};

    run(&f);
    assert_ok(nt_session_describe(f.r, &t, e));
    assert_string_equal(t.p, "sum float32 [1,2] min -2 max 4 mean 1\n"
                             "p/q float32 [1,2] min -8 max 3 mean -2.5\n");
    nt_str_release(&t);
    close_fixture(&f);
}

NT_TEST(a_time_is_the_median_of_so_many_runs)
{
    fixture f = open_fixture();
    nt_timing t = {0};

    run(&f);
    for (int n = 1; n < 5; n++) {
        assert_ok(nt_session_time(&t, f.r, n, e));
        assert_int_equal(t.runs, n);
        assert_true(0 <= t.min_ms && t.min_ms <= t.median_ms && t.median_ms <= t.max_ms);
        assert_true(n > 1 || t.min_ms == t.max_ms);
    }
    close_fixture(&f);
}

NT_TEST(without_a_number_half_a_second_is_spent_at_most)
{
    fixture f = open_fixture();
    nt_staged *p = NULL;
    nt_plan_opts o = {0};
    nt_timing t = {0};

    assert_ok(nt_staged_new(&p, f.t.g, f.dev, &o, e));
    assert_ok(nt_timing_forward(&t, p, 0, 0, e));
    assert_int_equal(t.runs, 101); /* some nanoseconds each */
    assert_true(t.max_ms >= t.min_ms);
    nt_staged_free(p);
    close_fixture(&f);
}

NT_TEST_MAIN
