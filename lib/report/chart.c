/* SPDX-License-Identifier: MIT */
#include "report/chart.h"

#include "base/alloc.h"
#include "report/markup.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The picture, and what its frame leaves for scales and titles; in its own units. */
#define WIDTH 640.0
#define HEIGHT 340.0
#define LEFT 64.0
#define RIGHT 24.0
#define TOP 14.0
#define FOOT 46.0
#define RADIUS 5.0
#define MARGIN 1.15 /* a bit of room beside the first and the last point */
#define MAX_TICKS 24

typedef struct frame {
    double x0, x1; /* logarithms of what is at the left and the right */
    double y0, y1; /* at the foot and the top */
} frame;

/* ---- scales */

int nt_chart_ticks(double *tick, int max, double lo, double hi)
{
    static const double steps[] = {1, 2, 5, 10};
    double span = hi - lo, unit;
    int n = 0;

    if (!(span > 0) || !isfinite(span))
        return 0;
    unit = pow(10, floor(log10(span)) - 1);
    for (int i = 0;; i++) {
        double step = unit * steps[i % 4] * pow(10, i / 4), first = ceil(lo / step - 1e-9);

        if (floor(hi / step + 1e-9) - first >= max)
            continue;
        for (double k = first; n < max && k * step <= hi + 1e-9 * step; k++)
            tick[n++] = k * step == 0 ? 0 : k * step; /* no -0 */
        return n;
    }
}

static double across(const frame *f, double x)
{
    return LEFT + (log(x) - f->x0) / (f->x1 - f->x0) * (WIDTH - LEFT - RIGHT);
}

static double upwards(const frame *f, double y)
{
    return HEIGHT - FOOT - (y - f->y0) / (f->y1 - f->y0) * (HEIGHT - FOOT - TOP);
}

static bool is_drawn(const nt_chart_point *p)
{
    return p->x > 0 && isfinite(p->x) && isfinite(p->y);
}

static frame frame_of(const nt_chart *c)
{
    double lo = INFINITY, hi = 0;

    for (int i = 0; i < c->n; i++) {
        if (!is_drawn(&c->points[i]))
            continue;
        lo = fmin(lo, c->points[i].x);
        hi = fmax(hi, c->points[i].x);
    }
    if (!(hi > 0))
        lo = hi = 1;
    if (c->x_target > 0)
        lo = fmin(lo, c->x_target);
    return (frame){log(lo / MARGIN), log(hi * MARGIN), c->y_from, c->y_to};
}

/* ---- what is behind the points */

static int x_ticks(double *tick, const frame *f)
{
    static const double steps[] = {1, 2, 5};
    double from = floor(f->x0 / log(10)), to = ceil(f->x1 / log(10));
    int n = 0, dense = to - from < 4 ? 3 : 1; /* else powers of ten alone */

    if (f->x1 - f->x0 < log(4)) /* 1, 2, 5 would be too few */
        return nt_chart_ticks(tick, 7, exp(f->x0), exp(f->x1));
    for (double k = from; k <= to; k++) {
        for (int i = 0; i < dense && n < MAX_TICKS; i++) {
            double v = steps[i] * pow(10, k);

            if (log(v) >= f->x0 && log(v) <= f->x1)
                tick[n++] = v;
        }
    }
    return n;
}

static void write_x_scale(nt_str *out, const frame *f)
{
    double tick[MAX_TICKS];
    int n = x_ticks(tick, f);

    for (int i = 0; i < n; i++) {
        double x = across(f, tick[i]);

        nt_str_addf(out,
                    "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>"
                    "<text class=\"tick mid\" x=\"%.1f\" y=\"%.1f\">%g %%</text>\n",
                    x, TOP, HEIGHT - FOOT, x, HEIGHT - FOOT + 16, 100 * tick[i]);
    }
}

static void write_y_scale(nt_str *out, const frame *f)
{
    double tick[MAX_TICKS];
    int n = nt_chart_ticks(tick, 7, fmin(f->y0, f->y1), fmax(f->y0, f->y1));

    for (int i = 0; i < n; i++) {
        double y = upwards(f, tick[i]);

        nt_str_addf(out,
                    "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>"
                    "<text class=\"tick end\" x=\"%.1f\" y=\"%.1f\">%g</text>\n",
                    LEFT, y, WIDTH - RIGHT, LEFT - 7, y + 4, tick[i]);
    }
}

static void write_titles(nt_str *out, const nt_chart *c)
{
    double mid = TOP + (HEIGHT - FOOT - TOP) / 2;

    nt_str_addf(out, "<text class=\"axis mid\" x=\"%.1f\" y=\"%.1f\">",
                LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 8);
    nt_markup_text(out, c->x_title);
    nt_str_addf(out,
                "</text>\n<text class=\"axis mid\" x=\"14\" y=\"%.1f\" "
                "transform=\"rotate(-90 14 %.1f)\">",
                mid, mid);
    nt_markup_text(out, c->y_title);
    nt_str_add(out, "</text>\n");
}

/* The bound of what is across: to the left of it is well. */
static void write_x_target(nt_str *out, const nt_chart *c, const frame *f)
{
    double x;

    if (!(c->x_target > 0))
        return;
    x = across(f, c->x_target);
    nt_str_addf(out,
                "<path class=\"target\" d=\"M%.1f %.1fV%.1f\"/>"
                "<text class=\"target\" x=\"%.1f\" y=\"%.1f\">",
                x, TOP, HEIGHT - FOOT, x + 5, TOP + 12);
    nt_markup_text(out, c->target_title);
    nt_str_add(out, "</text>\n");
}

static void write_target(nt_str *out, const nt_chart *c, const frame *f)
{
    double y = upwards(f, c->target);

    write_x_target(out, c, f);
    if (!isfinite(y) || y < TOP || y > HEIGHT - FOOT)
        return;
    nt_str_addf(out,
                "<path class=\"target\" d=\"M%.1f %.1fH%.1f\"/>"
                "<text class=\"target\" x=\"%.1f\" y=\"%.1f\">",
                LEFT, y, WIDTH - RIGHT, LEFT + 6, y - 5);
    nt_markup_text(out, c->target_title);
    nt_str_add(out, "</text>\n");
}

/* ---- points */

/* Within the frame: a point below its foot is drawn on it. */
static double clamped(const frame *f, double y)
{
    return fmin(fmax(upwards(f, y), TOP), HEIGHT - FOOT);
}

/* Is another point as cheap and as good, and one of both even more so? */
static bool is_beaten(const nt_chart *c, int i)
{
    double sign = c->y_to >= c->y_from ? 1 : -1;
    const nt_chart_point *p = &c->points[i];

    for (int k = 0; k < c->n; k++) {
        const nt_chart_point *q = &c->points[k];
        double gain = sign * (q->y - p->y);

        if (is_drawn(q) && q->x <= p->x && gain >= 0 && (q->x < p->x || gain > 0 || k < i))
            return true;
    }
    return false;
}

static int by_x(const void *a, const void *b)
{
    const nt_chart_point *const *p = a, *const *q = b;

    return (*p)->x < (*q)->x ? -1 : (*p)->x > (*q)->x;
}

/* A line through the points that no other one beats. */
static void write_front(nt_str *out, const nt_chart *c, const frame *f)
{
    const nt_chart_point **front = nt_calloc((size_t)c->n + 1, sizeof *front);
    int n = 0;

    if (!front) {
        out->failed = true;
        return;
    }
    for (int i = 0; i < c->n; i++)
        if (is_drawn(&c->points[i]) && !is_beaten(c, i))
            front[n++] = &c->points[i];
    qsort(front, (size_t)n, sizeof *front, by_x);
    for (int i = 0; i < n; i++)
        nt_str_addf(out, "%s%.1f %.1f", i == 0 ? "<path class=\"front\" d=\"M" : "L",
                    across(f, front[i]->x), clamped(f, front[i]->y));
    if (n)
        nt_str_add(out, "\"/>\n");
    nt_free(front);
}

/* Kinds differ in shape and not by colour alone. */
static void write_shape(nt_str *out, const char *kind, double x, double y, double r)
{
    if (strcmp(kind, "train") == 0)
        nt_str_addf(out, "<path d=\"M%.1f %.1fl%.1f %.1fl%.1f %.1fl%.1f %.1fz\"/>", x,
                    y - 1.3 * r, 1.3 * r, 1.3 * r, -1.3 * r, 1.3 * r, -1.3 * r, -1.3 * r);
    else if (strcmp(kind, "cut") == 0)
        nt_str_addf(out, "<path d=\"M%.1f %.1fl%.1f %.1fh%.1fz\"/>", x, y - 1.2 * r, 1.2 * r,
                    2.1 * r, -2.4 * r);
    else if (strcmp(kind, "quantize") == 0)
        nt_str_addf(out, "<path d=\"M%.1f %.1fl%.1f %.1fh%.1fz\"/>", x, y + 1.2 * r, 1.2 * r,
                    -2.1 * r, -2.4 * r);
    else if (strcmp(kind, "reference") == 0)
        nt_str_addf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", x - r,
                    y - r, 2 * r, 2 * r);
    else
        nt_str_addf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>", x, y, r);
}

static void write_point(nt_str *out, const frame *f, const nt_chart_point *p)
{
    double x = across(f, p->x), y = clamped(f, p->y);
    bool off = fabs(y - upwards(f, p->y)) > 0.5;

    nt_str_add(out, "<g class=\"");
    nt_markup_text(out, p->kind);
    nt_str_addf(out, "%s%s%s%s\"><title>", p->ok ? " ok" : "", p->best ? " best" : "",
                p->rough ? " rough" : "", off ? " off" : "");
    nt_markup_text(out, p->about);
    nt_str_add(out, "</title>");
    if (p->best)
        nt_str_addf(out, "<circle class=\"ring\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>", x, y,
                    2.2 * RADIUS);
    write_shape(out, p->kind, x, y, RADIUS);
    nt_str_add(out, "</g>\n");
}

void nt_chart_write(nt_str *out, const nt_chart *c)
{
    frame f = frame_of(c);

    nt_str_addf(out, "<svg class=\"chart\" viewBox=\"0 0 %.0f %.0f\" role=\"img\"><title>",
                WIDTH, HEIGHT);
    nt_markup_text(out, c->title);
    nt_str_add(out, "</title>\n");
    write_x_scale(out, &f);
    write_y_scale(out, &f);
    write_titles(out, c);
    write_target(out, c, &f);
    write_front(out, c, &f);
    for (int i = 0; i < c->n; i++)
        if (is_drawn(&c->points[i]))
            write_point(out, &f, &c->points[i]);
    nt_str_add(out, "</svg>\n");
}
