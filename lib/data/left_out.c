/* SPDX-License-Identifier: MIT */
/* What of a split became no sample, or none that could be read: counted and named. */
#include "base/alloc.h"
#include "data/dataset.h"

#include <string.h>

#define MAX_NAMED 100 /* in a report */

/* Skipped number k of the split, as "NAME: why"; NULL: there are fewer. Those that became no
 * sample come first; of the others `at` goes on from call to call. */
static char *nth_skipped(const nt_split *p, size_t k, size_t *at)
{
    const nt_source *src = p->source;

    if (k < src->n_left)
        return nt_strdup(src->left[k]);
    for (; src->bad && *at < p->cut.n; (*at)++) {
        size_t i = p->cut.index[*at];
        const char *why = atomic_load_explicit(&src->bad[i], memory_order_acquire);

        if (why) {
            (*at)++;
            return nt_strfmt("%s: %s", src->items[i].name, why);
        }
    }
    return NULL;
}

size_t nt_split_skipped(const nt_split *p)
{
    size_t n = p->source->n_left;

    for (size_t i = 0; i < p->cut.n; i++)
        n += nt_source_is_skipped(p->source, p->cut.index[i]);
    return n;
}

static char *pictures_text(const nt_split *p)
{
    size_t n = nt_split_skipped(p), at = 0;
    char *first = n ? nth_skipped(p, 0, &at) : NULL, *text = NULL;

    if (first)
        text = nt_strfmt("%zu picture%s skipped, the first is %s", n, n == 1 ? " is" : "s are",
                         first);
    nt_free(first);
    return text;
}

static char *boxes_text(const nt_source *src)
{
    size_t n = src->empty_boxes;

    return n ? nt_strfmt("%zu box%s without area %s dropped, the first is in %s", n,
                         n == 1 ? "" : "es", n == 1 ? "is" : "are", src->first_empty)
             : NULL;
}

char *nt_split_skipped_text(const nt_split *p)
{
    char *pictures = p ? pictures_text(p) : NULL, *boxes = p ? boxes_text(p->source) : NULL;
    char *text = NULL;

    if (pictures || boxes)
        text = nt_strfmt("%s: %s%s%s", p->source->where, pictures ? pictures : "",
                         pictures && boxes ? "; " : "", boxes ? boxes : "");
    nt_free(pictures);
    nt_free(boxes);
    return text;
}

static bool add_names(cJSON *j, const nt_split *p, size_t n)
{
    cJSON *list = nt_json_add_array(j, "skipped");
    size_t at = 0;
    bool ok = list != NULL;

    for (size_t k = 0; ok && k < n && k < MAX_NAMED; k++) {
        char *text = nth_skipped(p, k, &at);
        cJSON *item = text ? cJSON_CreateString(text) : NULL;

        ok = item && cJSON_AddItemToArray(list, item);
        if (!ok)
            cJSON_Delete(item);
        nt_free(text);
    }
    return ok;
}

bool nt_split_report_left_out(cJSON *j, const nt_split *p)
{
    size_t n = p ? nt_split_skipped(p) : 0, ignored = p ? p->source->ignored : 0;
    bool ok = true;

    if (!p)
        return true;
    if (n || p->source->skip)
        ok = nt_json_add_i64(j, "skipped_samples", (int64_t)n);
    if (ok && n)
        ok = add_names(j, p, n);
    if (ok && p->source->empty_boxes)
        ok = nt_json_add_i64(j, "dropped_boxes", (int64_t)p->source->empty_boxes);
    if (ok && ignored)
        ok = nt_json_add_i64(j, "ignored_files", (int64_t)ignored);
    return ok;
}
