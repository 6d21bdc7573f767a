/* SPDX-License-Identifier: MIT */
#include "data/fill.h"

#include "base/alloc.h"
#include "data/follow.h"

#include <string.h>

void nt_filled_release(nt_filled *t)
{
    nt_free(t->box);
    nt_free(t->index);
    *t = (nt_filled){0};
}

/* ---- what follows */

/* Where the description says how many classes there are, nothing is beyond them. */
static nt_status check_classes(const nt_filled *t, const nt_field *as, nt_err *e)
{
    const uint8_t *px = t->mask.px;
    int64_t classes = t->src->classes;

    for (size_t i = 0, n = (size_t)t->mask.h * (size_t)t->mask.w; classes && i < n; i++)
        if (px[i] >= classes && !(as->ignores && px[i] == as->ignored))
            return nt_source_refuse(t->src, t->i, e,
                                    "the mask has class %d, want 0 to %lld, or %d to ignore it",
                                    px[i], (long long)classes - 1, (int)as->ignored);
    return NT_OK;
}

static nt_status find_mask(nt_filled *t, const nt_field *as, nt_geometry before, nt_fetch *f,
                           nt_err *e)
{
    nt_status s = nt_source_fetch_mask(t->src, &t->mask, t->i, f, e);

    if (s != NT_OK)
        return s;
    if (t->mask.h == before.h && t->mask.w == before.w)
        return check_classes(t, as, e);
    return nt_source_refuse(t->src, t->i, e,
                            "the mask has %d x %d pixels, the picture %lld x %lld", t->mask.h,
                            t->mask.w, (long long)before.h, (long long)before.w);
}

static nt_status make_room(nt_filled *t, size_t n, nt_err *e)
{
    if (n <= t->room)
        return NT_OK;
    nt_free(t->box);
    nt_free(t->index);
    t->box = nt_alloc(n, sizeof *t->box);
    t->index = nt_alloc(n, sizeof *t->index);
    t->room = t->box && t->index ? n : 0;
    return t->room ? NT_OK : nt_fail_nomem(e);
}

static nt_status find_boxes(nt_filled *t, const nt_stored *boxes, nt_err *e)
{
    size_t first = boxes->row[t->i], n = boxes->row[t->i + 1] - first;
    nt_status s = make_room(t, n, e);

    if (s != NT_OK)
        return s;
    t->row = boxes->row;
    t->n_boxes =
        nt_follow_boxes(t->box, t->index, (const float(*)[4])boxes->data + first, n, &t->did);
    return NT_OK;
}

nt_status nt_fill_follow(nt_filled *t, nt_geometry before, nt_fetch *f, nt_err *e)
{
    nt_status s = NT_OK;

    for (size_t k = 0; k < t->src->n_stored && s == NT_OK; k++) {
        const nt_stored *from = &t->src->stored[k];

        if (from->field.role == NT_ROLE_MASK)
            s = find_mask(t, &from->field, before, f, e);
        if (from->field.role == NT_ROLE_BOXES)
            s = find_boxes(t, from, e);
    }
    return s;
}

/* ---- into the batch */

/* Entry number j of those that the sample has left. */
static const char *entry(const nt_filled *t, const nt_stored *from, size_t each, size_t j)
{
    bool follows = from->row == t->row;

    if (from->field.role == NT_ROLE_BOXES)
        return (const char *)t->box[j];
    return (const char *)from->data + (from->row[t->i] + (follows ? t->index[j] : j)) * each;
}

static size_t entries(const nt_filled *t, const nt_stored *from)
{
    return from->row == t->row ? t->n_boxes : from->row[t->i + 1] - from->row[t->i];
}

/* Padded: field.h says with what. */
static void put_rows(char *to, const nt_field *f, const nt_filled *t, const nt_stored *from)
{
    size_t bytes = nt_field_bytes(f), each = bytes / (size_t)f->dims[1];
    size_t n = entries(t, from);

    for (size_t j = 0; j < n; j++)
        memcpy(to + j * each, entry(t, from, each, j), each);
    memset(to + n * each, nt_dtype_is_real(f->dtype) ? 0 : 0xff, bytes - n * each);
}

static void put_picture(char *to, const nt_field *f, const nt_filled *t, const nt_stored *from)
{
    (void)f;
    (void)from;
    nt_image_to_planes((float *)to, &t->picture);
}

static void put_mask(char *to, const nt_field *f, const nt_filled *t, const nt_stored *from)
{
    (void)from;
    nt_follow_mask((int32_t *)to, &t->mask, &t->did, f->ignored);
}

static void put_count(char *to, const nt_field *f, const nt_filled *t, const nt_stored *from)
{
    (void)f;
    *(int32_t *)to = (int32_t)entries(t, from);
}

static void put_stored(char *to, const nt_field *f, const nt_filled *t, const nt_stored *from)
{
    size_t bytes = nt_field_bytes(f);

    if (from->row)
        put_rows(to, f, t, from);
    else
        memcpy(to, (const char *)from->data + t->i * bytes, bytes);
}

void nt_fill_put(nt_field *to, const nt_filled *t, size_t k, size_t at)
{
    static void (*const put[])(char *, const nt_field *, const nt_filled *,
                               const nt_stored *) = {
        [NT_ROLE_PICTURE] = put_picture, [NT_ROLE_LABEL] = put_stored,
        [NT_ROLE_MASK] = put_mask,       [NT_ROLE_BOXES] = put_stored,
        [NT_ROLE_COLUMNS] = put_stored,  [NT_ROLE_COUNT] = put_count,
    };

    put[to->role]((char *)to->data + at * nt_field_bytes(to), to, t, &t->src->stored[k]);
}
