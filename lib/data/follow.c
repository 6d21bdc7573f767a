/* SPDX-License-Identifier: MIT */
#include "data/follow.h"

#include <math.h>

enum { LEFT, TOP, RIGHT, BOTTOM };

/* Of rounding: a place on the edge of two pixels belongs to the second. */
#define SLACK 1e-9

size_t nt_follow_boxes(float (*to)[4], uint32_t *index, const float (*from)[4], size_t n,
                       const nt_geometry *g)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        double box[4] = {from[i][LEFT], from[i][TOP], from[i][RIGHT], from[i][BOTTOM]};

        nt_geometry_map(box, g, box);
        box[LEFT] = fmax(box[LEFT], g->seen[LEFT]);
        box[TOP] = fmax(box[TOP], g->seen[TOP]);
        box[RIGHT] = fmin(box[RIGHT], g->seen[RIGHT]);
        box[BOTTOM] = fmin(box[BOTTOM], g->seen[BOTTOM]);
        if (box[RIGHT] - box[LEFT] <= SLACK || box[BOTTOM] - box[TOP] <= SLACK)
            continue;
        for (int k = 0; k < 4; k++)
            to[kept][k] = (float)box[k];
        index[kept++] = (uint32_t)i;
    }
    return kept;
}

static int nearest(double at, int n)
{
    int i = (int)floor(at + SLACK);

    return i < 0 ? 0 : i < n ? i : n - 1;
}

void nt_follow_mask(int32_t *to, const nt_image *mask, const nt_geometry *g, int32_t fill)
{
    const uint8_t *px = mask->px;

    for (int64_t i = 0; i < g->h; i++)
        for (int64_t j = 0; j < g->w; j++) {
            double y = (double)i + 0.5, x = (double)j + 0.5;
            bool seen = x > g->seen[LEFT] && x < g->seen[RIGHT] && y > g->seen[TOP] &&
                        y < g->seen[BOTTOM];

            nt_geometry_back(&x, &y, g);
            *to++ = seen ? px[nearest(y, mask->h) * mask->w + nearest(x, mask->w)] : fill;
        }
}
