/* SPDX-License-Identifier: MIT */
/* transform.c - what the transforms share: their arguments. */
#include "data/transform.h"

static bool is_side(const cJSON *j)
{
    return cJSON_IsNumber(j) && j->valuedouble >= 1 && j->valuedouble <= NT_IMAGE_MAX_SIDE &&
           j->valuedouble == (double)(int64_t)j->valuedouble;
}

nt_status nt_transform_size(int64_t hw[2], const cJSON *args, const char *key,
                            const char *where, nt_err *e)
{
    const cJSON *j = cJSON_GetObjectItemCaseSensitive(args, key);
    const cJSON *h = cJSON_IsArray(j) && cJSON_GetArraySize(j) == 2 ? j->child : j;

    if (!is_side(h) || (h != j && !is_side(h->next)))
        return nt_fail(e, NT_EINVAL,
                       "%s.%s: want a whole number or [height, width] from 1 to %d", where, key,
                       NT_IMAGE_MAX_SIDE);
    hw[0] = (int64_t)h->valuedouble;
    hw[1] = h == j ? 0 : (int64_t)h->next->valuedouble;
    return NT_OK;
}

nt_status nt_transform_box(int64_t hw[2], const cJSON *args, const char *key, const char *where,
                           nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_transform_size(hw, args, key, where, e));
    if (!hw[1])
        hw[1] = hw[0];
done:
    return s;
}

nt_status nt_transform_parse_box(void **out, nt_arena *a, const cJSON *args, const char *where,
                                 nt_err *e)
{
    static const char *const keys[] = {"size", NULL};
    int64_t *hw = nt_arena_alloc(a, 2, sizeof *hw);
    nt_status s = NT_OK;

    if (!hw)
        return nt_fail_nomem(e);
    *out = hw;
    NT_TRY(nt_json_check_keys(args, keys, where, e));
    NT_TRY(nt_transform_box(hw, args, "size", where, e));
done:
    return s;
}

static bool is_within(const cJSON *j, double lo, double hi)
{
    return cJSON_IsNumber(j) && j->valuedouble >= lo && j->valuedouble <= hi;
}

nt_status nt_transform_range(double v[2], const cJSON *args, const char *key, nt_bounds b,
                             const char *where, nt_err *e)
{
    const cJSON *j = cJSON_GetObjectItemCaseSensitive(args, key);

    if (!j)
        return NT_OK;
    if (!cJSON_IsArray(j) || cJSON_GetArraySize(j) != 2 || !is_within(j->child, b.lo, b.hi) ||
        !is_within(j->child->next, j->child->valuedouble, b.hi))
        return nt_fail(e, NT_EINVAL, "%s.%s: want [low, high] within [%g, %g]", where, key,
                       b.lo, b.hi);
    v[0] = j->child->valuedouble;
    v[1] = j->child->next->valuedouble;
    return NT_OK;
}

/* Halves are rounded to even, and where the box is larger the odd pixel goes behind, both as in
 * torchvision's CenterCrop. */
int64_t nt_transform_centre(int64_t have, int64_t want)
{
    int64_t d = have - want;

    return d < 0 ? -(-d / 2) : d / 2 + (d % 4 == 3);
}
