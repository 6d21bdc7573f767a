/* SPDX-License-Identifier: MIT */
#include "data/cut.h"

#include "base/alloc.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

typedef struct cutter {
    const cJSON *splits;
    const nt_source *src;
    nt_cut have; /* of the split that is looked at, so far */
    bool *taken; /* [src->count] of have, by the cut that is made */
} cutter;

#define MOST_OF 4 /* "least" takes no more than one in so many */

static double number(const cJSON *split, const char *key, double otherwise)
{
    const cJSON *v = nt_json_get(split, key);

    return v ? v->valuedouble : otherwise;
}

/* How many samples of n a cut takes. */
static size_t wanted(const cJSON *split, size_t n)
{
    double all = (double)n, x = number(split, "random", 0);

    if (!nt_json_get(split, "random"))
        return (size_t)number(split, "first", number(split, "last", 0));
    if (x >= 1)
        return (size_t)x;
    x = fmax(floor(x * all), fmin(number(split, "least", 1), floor(all / MOST_OF)));
    x = fmin(x, number(split, "most", all));
    return (size_t)fmax(x, 1);
}

/* ---- drawing */

static size_t class_of(const nt_source *src, uint32_t i)
{
    int64_t label = src->labels ? src->labels[i] : -1;

    return label >= 0 && label < src->classes ? (size_t)label + 1 : 0;
}

/* Of n samples, how many each class gives: the rounded share of all up to it, less what those
 * before it give. quota[k] holds how many there are of class k, and then what it gives. */
static void set_quotas(size_t *quota, size_t classes, size_t n, size_t all)
{
    uint64_t seen = 0, given = 0;

    for (size_t k = 0; k < classes; k++) {
        uint64_t upto;

        seen += quota[k];
        upto = seen * n / all; /* counts are below 2^32 */
        quota[k] = (size_t)(upto - given);
        given = upto;
    }
}

static nt_status draw(cutter *k, const cJSON *split, size_t n, nt_err *e)
{
    size_t classes = (size_t)(k->src->classes > 0 ? k->src->classes : 0) + 1;
    size_t *quota = nt_calloc(classes, sizeof *quota);
    uint32_t *order = nt_alloc(k->have.n + 1, sizeof *order);
    const cJSON *seed = nt_json_get(split, "seed");
    nt_status s = NT_OK;
    nt_rng root, stream;

    if (!quota || !order)
        NT_TRY(nt_fail_nomem(e));
    for (size_t i = 0; i < k->have.n; i++) {
        quota[class_of(k->src, k->have.index[i])]++;
        order[i] = (uint32_t)i;
    }
    set_quotas(quota, classes, n, k->have.n);
    nt_rng_init(&root, seed ? (uint64_t)seed->valuedouble : 0);
    stream = nt_rng_fork(&root, "draw");
    nt_rng_shuffle(&stream, order, k->have.n);
    for (size_t i = 0; i < k->have.n; i++) {
        size_t *left = &quota[class_of(k->src, k->have.index[order[i]])];

        k->taken[order[i]] = *left > 0;
        *left -= *left > 0;
    }
done:
    nt_free(quota);
    nt_free(order);
    return s;
}

/* ---- cutting */

static nt_status mark(cutter *k, const cJSON *split, nt_err *e)
{
    size_t n = wanted(split, k->have.n);

    if (n > k->have.n)
        return nt_fail(e, NT_EINVAL, "splits.%s: wants %zu samples of '%s', which has %zu",
                       split->string, n, nt_json_get(split, "from")->valuestring, k->have.n);
    if (nt_json_get(split, "random"))
        return k->have.n > 0 ? draw(k, split, n, e) : NT_OK;
    for (size_t i = 0; i < k->have.n; i++)
        k->taken[i] = nt_json_get(split, "first") ? i < n : i >= k->have.n - n;
    return NT_OK;
}

static void keep(cutter *k, bool taken)
{
    size_t n = 0;

    for (size_t i = 0; i < k->have.n; i++)
        if (k->taken[i] == taken)
            k->have.index[n++] = k->have.index[i];
    k->have.n = n;
}

static bool is_from(const cJSON *split, const cJSON *parent)
{
    const cJSON *from = nt_json_get(split, "from");

    return from && strcmp(from->valuestring, parent->string) == 0;
}

/* What is left of `split`, or, where one that is cut from it is `until`, what that one takes.
 * The description has no circles, so the recursion ends. */
static nt_status cut(cutter *k, const cJSON *split, const cJSON *until, nt_err *e)
{
    const cJSON *from = nt_json_get(split, "from");
    nt_status s = NT_OK;

    if (from)
        NT_TRY(cut(k, nt_json_get(k->splits, from->valuestring), split, e));
    for (const cJSON *c = k->splits->child; c; c = c->next) {
        if (!is_from(c, split))
            continue;
        NT_TRY(mark(k, c, e));
        keep(k, c == until);
        if (c == until)
            break;
    }
done:
    return s;
}

nt_status nt_cut_find(nt_cut *out, const cJSON *splits, const cJSON *split,
                      const nt_source *src, nt_err *e)
{
    cutter k = {.splits = splits, .src = src};
    nt_status s = NT_OK;

    k.have.index = nt_alloc(src->count + 1, sizeof *k.have.index);
    k.taken = nt_calloc(src->count + 1, sizeof *k.taken);
    if (!k.have.index || !k.taken)
        NT_TRY(nt_fail_nomem(e));
    for (k.have.n = 0; k.have.n < src->count; k.have.n++)
        k.have.index[k.have.n] = (uint32_t)k.have.n;
    NT_TRY(cut(&k, split, NULL, e));
    *out = k.have;
    k.have.index = NULL;
done:
    nt_free(k.have.index);
    nt_free(k.taken);
    return s;
}
