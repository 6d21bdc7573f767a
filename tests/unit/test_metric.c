/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/alloc.h"
#include "train/metric.h"

#include <math.h>

#define K 7

static const float outputs[5][K] = {
    {9, 9, 1, 0, 0, 0, 0},   /* label 0: first of two equal ones: right */
    {9, 9, 1, 0, 0, 0, 0},   /* label 1: the other comes first: wrong, top 5 */
    {1, 2, 3, 4, 5, 6, 7},   /* label 0: last of seven: not among five */
    {1, 2, 3, 4, 5, 6, 7},   /* label 6: right */
    {NAN, 2, 3, 4, 5, 6, 7}, /* label 6: not a number among them: never right */
};
static const int32_t labels[5] = {0, 1, 0, 6, 6};

/* The metric of samples [first, first + n), seen in batches of `size`; two more were skipped.
 */
static void *state_of(const nt_metric *m, size_t first, size_t n, size_t size,
                      const double *loss)
{
    void *state = NULL;

    assert_ok(m->begin(&state, n + 2, e));
    for (size_t i = 0; i < n; i += size) {
        size_t count = n - i < size ? n - i : size;
        nt_tensor y = {NT_F32, 2, {(int64_t)count, K}, (void *)outputs[first + i]};
        nt_field want = {.role = NT_ROLE_LABEL, .data = labels + first + i};
        nt_judged b = {&y, &want, loss ? loss + i : NULL, count};

        assert_ok(m->see(state, &b, e));
    }
    return state;
}

NT_TEST(top_1_takes_the_first_of_equals_and_top_5_counts_what_comes_before)
{
    const double first[5] = {100, 0, 0, 100, 0}, five[5] = {100, 100, 0, 100, 0};

    for (size_t i = 0; i < 5; i++) {
        void *one = state_of(&nt_metric_accuracy, i, 1, 1, NULL);
        void *top = state_of(&nt_metric_top5, i, 1, 1, NULL);

        assert_true(nt_metric_accuracy.end(one) == first[i]);
        assert_true(nt_metric_top5.end(top) == five[i]);
        nt_free(one);
        nt_free(top);
    }
}

NT_TEST(batches_make_no_difference)
{
    for (size_t size = 1; size <= 5; size++) {
        void *s = state_of(&nt_metric_accuracy, 0, 5, size, NULL);

        assert_true(nt_metric_accuracy.end(s) == 40);
        nt_free(s);
    }
}

NT_TEST(a_label_outside_the_outputs_is_refused)
{
    const int32_t bad[1] = {K};
    nt_tensor y = {NT_F32, 2, {1, K}, (void *)outputs[0]};
    nt_field want = {.role = NT_ROLE_LABEL, .data = bad};
    nt_judged b = {&y, &want, NULL, 1};
    void *seen = NULL;
    nt_err err;

    assert_ok(nt_metric_accuracy.begin(&seen, 1, e));
    assert_int_equal(nt_metric_accuracy.see(seen, &b, &err), NT_EFORMAT);
    assert_string_equal(err.msg, "label 7 is outside [0, 7), the network's outputs");
    nt_free(seen);
}

/* Of eight samples a network with right[i] has them right. */
static void *with_hits(const uint8_t right[8])
{
    void *state = NULL;

    assert_ok(nt_metric_accuracy.begin(&state, 8, e));
    for (size_t i = 0; i < 8; i++) {
        float y[2] = {right[i] ? 1 : 0, right[i] ? 0 : 1};
        int32_t label = 0;
        nt_field want = {.role = NT_ROLE_LABEL, .data = &label};
        nt_tensor t = {NT_F32, 2, {1, 2}, y};

        assert_ok(nt_metric_accuracy.see(state, &(nt_judged){&t, &want, NULL, 1}, e));
    }
    return state;
}

NT_TEST(a_comparison_of_shares_pairs_the_samples)
{
    const uint8_t a[8] = {1, 1, 1, 0, 0, 0, 0, 1}, b[8] = {0, 1, 0, 0, 1, 0, 0, 0};
    void *ref = with_hits(a), *model = with_hits(b);
    nt_comparison c = nt_metric_accuracy.compare(model, ref);

    assert_int_equal(c.lost, 3);
    assert_int_equal(c.won, 1);
    assert_float_equal(c.drop, 25, 1e-9);
    assert_float_equal(c.p, 0.625, 1e-9); /* 2 (1 + 4) / 2^4 */
    assert_true(c.interval.lo < 25 && c.interval.hi > 25);
    nt_free(ref);
    nt_free(model);
}

NT_TEST(a_mean_has_its_doubt_from_resampling)
{
    enum { N = 400 };
    static float zeros[N * K];
    double a[N], b[N], sum = 0, squares = 0, half;
    int32_t label[N] = {0};
    nt_field want = {.role = NT_ROLE_LABEL, .data = label};
    nt_tensor y = {NT_F32, 2, {N, K}, zeros};
    void *ref = NULL, *model = NULL;
    nt_interval i;
    nt_comparison c;

    for (int k = 0; k < N; k++) {
        a[k] = (k * 37 % N) / (double)N; /* 0 to 1, evenly */
        b[k] = a[k] + 0.25;
        sum += a[k];
        squares += a[k] * a[k];
    }
    assert_ok(nt_metric_loss.begin(&ref, N + 1, e)); /* one of which was skipped */
    assert_ok(nt_metric_loss.begin(&model, N + 1, e));
    assert_ok(nt_metric_loss.see(ref, &(nt_judged){&y, &want, a, N}, e));
    assert_ok(nt_metric_loss.see(model, &(nt_judged){&y, &want, b, N}, e));
    assert_float_equal(nt_metric_loss.end(ref), sum / N, 1e-12);
    half = 1.96 * sqrt((squares / N - sum / N * sum / N) / N); /* of the normal theory */
    i = nt_metric_loss.interval(ref);
    assert_float_equal(i.lo, sum / N - half, half / 5);
    assert_float_equal(i.hi, sum / N + half, half / 5);
    c = nt_metric_loss.compare(model, ref); /* a loss that rises is a drop, each sample alike */
    assert_float_equal(c.drop, 0.25, 1e-12);
    assert_float_equal(c.interval.lo, 0.25, 1e-12);
    assert_float_equal(c.interval.hi, 0.25, 1e-12);
    assert_true(isnan(c.p));
    nt_free(ref);
    nt_free(model);
}

NT_TEST(metrics_are_found_by_name)
{
    const nt_metric *m = NULL;
    nt_err err;

    assert_ok(nt_metric_find(&m, "top5", e));
    assert_ptr_equal(m, &nt_metric_top5);
    assert_true(nt_metric_is_better(m, 2, 1) && nt_metric_is_better(&nt_metric_loss, 1, 2));
    assert_true(nt_metric_is_better(m, -1e9, nt_metric_worst(m)));
    assert_int_equal(nt_metric_find(&m, "bleu", &err), NT_EINVAL);
    assert_string_equal(err.msg, "metric 'bleu' is not known (accuracy, top5, loss)");
}

NT_TEST_MAIN
