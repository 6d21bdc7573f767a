/* SPDX-License-Identifier: MIT */
#include "data/geometry.h"

#include <string.h>

enum { LEFT, TOP, RIGHT, BOTTOM };

nt_geometry nt_geometry_none(int64_t h, int64_t w)
{
    return (nt_geometry){{1, 0, 0, 0, 1, 0}, h, w, {0, 0, (double)w, (double)h}};
}

nt_geometry nt_geometry_box(int64_t top, int64_t left, int64_t h, int64_t w, int64_t out_h,
                            int64_t out_w)
{
    nt_geometry g = nt_geometry_none(out_h, out_w);

    g.m[0] = (double)out_w / (double)w;
    g.m[2] = -(double)left * g.m[0];
    g.m[4] = (double)out_h / (double)h;
    g.m[5] = -(double)top * g.m[4];
    return g;
}

nt_geometry nt_geometry_mirror(int64_t h, int64_t w)
{
    nt_geometry g = nt_geometry_none(h, w);

    g.m[0] = -1;
    g.m[2] = (double)w;
    return g;
}

static void map_point(double *x, double *y, const double m[6])
{
    double from = *x;

    *x = m[0] * from + m[1] * *y + m[2];
    *y = m[3] * from + m[4] * *y + m[5];
}

void nt_geometry_map(double to[4], const nt_geometry *g, const double from[4])
{
    double box[4];

    for (int corner = 0; corner < 4; corner++) {
        double x = from[corner & 1 ? RIGHT : LEFT], y = from[corner & 2 ? BOTTOM : TOP];

        map_point(&x, &y, g->m);
        box[LEFT] = corner && box[LEFT] < x ? box[LEFT] : x;
        box[RIGHT] = corner && box[RIGHT] > x ? box[RIGHT] : x;
        box[TOP] = corner && box[TOP] < y ? box[TOP] : y;
        box[BOTTOM] = corner && box[BOTTOM] > y ? box[BOTTOM] : y;
    }
    memcpy(to, box, sizeof box);
}

static double clamp(double v, double most)
{
    return v < 0 ? 0 : v > most ? most : v;
}

nt_geometry nt_geometry_then(const nt_geometry *g, const nt_geometry *next)
{
    const double *a = g->m, *b = next->m;
    nt_geometry out = {.h = next->h, .w = next->w};

    for (int row = 0; row < 6; row += 3)
        for (int i = 0; i < 3; i++)
            out.m[row + i] = b[row] * a[i] + b[row + 1] * a[3 + i] + (i == 2 ? b[row + 2] : 0);
    nt_geometry_map(out.seen, next, g->seen);
    for (int i = 0; i < 4; i++)
        out.seen[i] = clamp(out.seen[i], (double)(i % 2 ? out.h : out.w));
    return out;
}

void nt_geometry_back(double *x, double *y, const nt_geometry *g)
{
    const double *m = g->m;
    double u = *x - m[2], v = *y - m[5], det = m[0] * m[4] - m[1] * m[3];

    *x = (m[4] * u - m[1] * v) / det;
    *y = (m[0] * v - m[3] * u) / det;
}
