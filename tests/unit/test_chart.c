/* SPDX-License-Identifier: MIT */
#include "report/chart.h"

#include "starve.h"

#include <math.h>
#include <stdio.h>

static void assert_ticks(double lo, double hi, int max, int n, double first, double step)
{
    double tick[32];

    assert_int_equal(nt_chart_ticks(tick, max, lo, hi), n);
    for (int i = 0; i < n; i++)
        assert_true(fabs(tick[i] - (first + i * step)) < 1e-9 * fabs(step));
}

NT_TEST(ticks_are_round_and_not_too_many)
{
    assert_ticks(0, 10, 6, 6, 0, 2);
    assert_ticks(0, 10, 5, 3, 0, 5);
    assert_ticks(91.3, 94.2, 7, 6, 91.5, 0.5);
    assert_ticks(-0.3, 0.3, 7, 7, -0.3, 0.1);
    assert_ticks(1e6, 1.5e6, 6, 6, 1e6, 1e5);
    assert_ticks(3, 3, 7, 0, 0, 0);
    assert_ticks(4, 3, 7, 0, 0, 0);
    assert_ticks(0, INFINITY, 7, 0, 0, 0);
}

/* The reference at (1, 90), and some candidates. */
static const nt_chart_point points[] = {
    {1, 90, "reference", true, false, "R", false},
    {0.5, 91, "prune", true, false, "A", false},
    {0.25, 89.5, "train", true, true, "B", false},
    {0.4, 80, "prune", false, false, "C", false},
    {0.3, 89, "cut", true, false, "D", false},
    {0, 90, "prune", true, false, "no cost", false},
    {0.1, NAN, "prune", true, false, "no metric", false},
};

static nt_chart chart(double from, double to)
{
    return (nt_chart){.title = "T<",
                      .x_title = "x",
                      .y_title = "y",
                      .target_title = "target",
                      .y_from = from,
                      .y_to = to,
                      .target = 89,
                      .points = points,
                      .n = sizeof points / sizeof *points};
}

static nt_str draw(nt_chart c)
{
    nt_str out = {0};

    nt_chart_write(&out, &c);
    assert_false(out.failed);
    return out;
}

/* x and y of the shape of the point `about`. */
static void place(const nt_str *s, const char *about, double *x, double *y)
{
    char title[64];
    const char *p;

    snprintf(title, sizeof title, "<title>%s</title>", about);
    p = strstr(s->p, title);
    assert_non_null(p);
    p = strchr(p + strlen(title), '<');
    if (strncmp(p, "<circle", 7) == 0)
        assert_int_equal(sscanf(strstr(p, "cx=") + 4, "%lf\" cy=\"%lf", x, y), 2);
    else if (strncmp(p, "<rect", 5) == 0)
        assert_int_equal(sscanf(strstr(p, "x=") + 3, "%lf\" y=\"%lf", x, y), 2);
    else
        assert_int_equal(sscanf(strstr(p, "M") + 1, "%lf %lf", x, y), 2);
}

static bool has(const nt_str *s, const char *text)
{
    return strstr(s->p, text) != NULL;
}

NT_TEST(cheaper_is_to_the_left_by_ratios_and_better_is_up)
{
    nt_str s = draw(chart(88, 92));
    double xa, ya, xb, yb, xr, yr;

    place(&s, "A", &xa, &ya);
    place(&s, "B", &xb, &yb); /* its ring */
    place(&s, "R", &xr, &yr);
    xr += 5; /* a square: its corner */
    yr += 5;
    assert_true(xb < xa && xa < xr);
    assert_float_equal(xr - xa, xa - xb, 0.15); /* 1 to 1/2 and 1/2 to 1/4 */
    assert_true(ya < yr && yr < yb);
    assert_float_equal(yr - ya, 2 * (yb - yr), 0.15); /* 91, 90, 89.5 */
    nt_str_release(&s);
}

NT_TEST(where_less_is_better_the_scale_is_turned)
{
    nt_str s = draw(chart(92, 88));
    double x, ya, yr;

    place(&s, "A", &x, &ya);
    place(&s, "R", &x, &yr);
    assert_true(ya > yr + 5);
    nt_str_release(&s);
}

NT_TEST(classes_tell_kind_promise_result_and_what_is_outside)
{
    nt_str s = draw(chart(88, 92));
    double x, y, foot;

    assert_true(has(&s, "<g class=\"reference ok\"><title>R"));
    assert_true(has(&s, "<g class=\"prune ok\"><title>A"));
    assert_true(has(&s, "<g class=\"train ok best\"><title>B"));
    assert_true(has(&s, "<g class=\"cut ok\"><title>D"));
    assert_true(has(&s, "<g class=\"prune off\"><title>C"));
    place(&s, "C", &x, &y);
    foot = 340 - 46;
    assert_float_equal(y, foot, 0.1);
    assert_false(has(&s, "no cost"));
    assert_false(has(&s, "no metric"));
    assert_true(has(&s, "<title>T&lt;</title>"));
    nt_str_release(&s);
}

/* B and A: all others cost more than one of them, and are worth less. */
NT_TEST(the_front_joins_what_no_other_beats)
{
    nt_str s = draw(chart(88, 92));
    double xa, ya, xb, yb;
    char front[128];

    place(&s, "A", &xa, &ya);
    place(&s, "B", &xb, &yb);
    snprintf(front, sizeof front, "class=\"front\" d=\"M%.1f %.1fL%.1f %.1f\"", xb, yb, xa, ya);
    assert_true(has(&s, front));
    nt_str_release(&s);
}

NT_TEST(the_target_is_a_line_if_it_is_in_the_picture)
{
    nt_chart c = chart(88, 92);
    nt_str s = draw(c);

    assert_true(has(&s, "<path class=\"target\""));
    nt_str_release(&s);
    c.target = 80;
    s = draw(c);
    assert_false(has(&s, "class=\"target\""));
    nt_str_release(&s);
}

NT_TEST(a_bound_of_what_is_across_is_a_line_upwards_and_in_the_picture)
{
    nt_chart c = chart(88, 92);
    nt_str s;

    c.target = NAN;
    c.x_target = 0.1; /* to the left of all points */
    s = draw(c);
    assert_true(has(&s, "<path class=\"target\" d=\"M"));
    assert_true(has(&s, ">10 %</text>"));
    assert_false(has(&s, "nan"));
    nt_str_release(&s);
}

NT_TEST(a_rough_point_says_so_and_a_kind_is_text)
{
    nt_chart c = chart(88, 92);
    const nt_chart_point odd[] = {{1, 90, "quantize", true, false, "R", true},
                                  {0.5, 90, "a\"><b", false, false, "A", false}};
    nt_str s;

    c.points = odd;
    c.n = 2;
    s = draw(c);
    assert_true(has(&s, "<g class=\"quantize ok rough\"><title>R</title><path"));
    assert_true(has(&s, "<g class=\"a&quot;&gt;&lt;b\">"));
    nt_str_release(&s);
}

NT_TEST(shares_are_told_in_per_cent)
{
    nt_chart c = chart(88, 92);
    nt_chart_point few[] = {{1, 90, "reference", true, false, "R", false},
                            {0.9, 90, "prune", true, false, "A", false}};
    nt_str s = draw(c);

    assert_true(has(&s, ">50 %<") && !has(&s, ">20 %<") && has(&s, ">100 %<"));
    nt_str_release(&s);
    c.points = few;
    c.n = 2;
    s = draw(c);
    assert_true(has(&s, ">80 %<") && has(&s, ">90 %<") && has(&s, ">110 %<"));
    nt_str_release(&s);
    c.n = 0; /* a picture of nothing is one, too */
    s = draw(c);
    assert_true(has(&s, "</svg>"));
    assert_false(has(&s, "nan") || has(&s, "inf"));
    nt_str_release(&s);
}

static nt_status draw_again(void *ctx, nt_err *e)
{
    nt_str out = {0};
    bool failed;

    nt_chart_write(&out, ctx);
    failed = out.failed;
    nt_str_release(&out);
    return failed ? nt_fail_nomem(e) : NT_OK;
}

NT_TEST(each_allocation_may_fail)
{
    nt_chart c = chart(88, 92);

    assert_true(starve(draw_again, &c) > 3);
}

NT_TEST_MAIN
