/* SPDX-License-Identifier: MIT */
/*
 * chart.h - a trade-off as an inline SVG picture.
 *
 * Across, on a logarithmic scale, what a model costs as a share of the reference; upwards what
 * it is worth. Classes, for the page's style sheet: axis, grid, tick, target, front; of a point
 * its kind, and ok, best, rough and off (outside of the picture, drawn at its edge) where they
 * hold.
 */
#ifndef NT_REPORT_CHART_H
#define NT_REPORT_CHART_H

#include "base/str.h"

typedef struct nt_chart_point {
    double x, y;      /* x > 0; others are left out */
    const char *kind; /* "reference", "prune", "train", "cut", "quantize": shape and class */
    bool ok, best;
    const char *about; /* shown when pointed at */
    bool rough;        /* x was measured badly */
} nt_chart_point;

typedef struct nt_chart {
    const char *title, *x_title, *y_title, *target_title;
    double y_from, y_to; /* y_from at the foot, even if it is the larger */
    double target;       /* of y; NAN: none */
    double x_target;     /* likewise of x; 0: none */
    const nt_chart_point *points;
    int n;
} nt_chart;

/* Appends one <svg> element. Out of memory: out->failed. */
void nt_chart_write(nt_str *out, const nt_chart *c);
/* Round numbers across [lo, hi], 1, 2 or 5 times a power of ten apart, at most max; returns how
 * many. */
int nt_chart_ticks(double *tick, int max, double lo, double hi);

#endif
