/* SPDX-License-Identifier: MIT */
/* Pruning masks, in memory by parameter and in the archive as .npy. */
#include "base/alloc.h"
#include "base/str.h"
#include "graph/internal.h"
#include "graph/model_private.h"
#include "graph/tensor_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "masks/"
#define SUFFIX ".npy"
#define LIST "masks.json"

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("._:-", c));
}

char *nt_mask_member(const char *parameter)
{
    nt_str s = {0};

    nt_str_add(&s, PREFIX);
    for (const char *p = parameter; *p; p++)
        nt_str_addf(&s, is_plain(*p) ? "%c" : "%%%02X", (unsigned char)*p);
    nt_str_add(&s, SUFFIX);
    return nt_str_take(&s);
}

static int hex_digit(char c)
{
    const char *digits = "0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* The reverse, nt_free; NULL where the name is none of ours or memory ran out. */
static char *parameter_name(const char *member)
{
    size_t n = strlen(member), k = 0;
    char *out;

    if (n <= strlen(PREFIX SUFFIX) || strncmp(member, PREFIX, strlen(PREFIX)) != 0 ||
        strcmp(member + n - strlen(SUFFIX), SUFFIX) != 0)
        return NULL;
    out = nt_strdup(member + strlen(PREFIX));
    if (!out)
        return NULL;
    out[strlen(out) - strlen(SUFFIX)] = '\0';
    for (char *p = out; *p; p++) {
        int hi = *p == '%' ? hex_digit(p[1]) : -1;
        int lo = hi >= 0 ? hex_digit(p[2]) : -1;

        out[k++] = lo >= 0 ? (char)(hi * 16 + lo) : *p;
        p += lo >= 0 ? 2 : 0;
    }
    out[k] = '\0';
    return out;
}

/* Index of the parameter's mask, or -1 - the index where it would go. */
static int find(const nt_model *m, const char *parameter)
{
    int lo = 0, hi = m->n_masks;

    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;
        int order = strcmp(m->masks[mid].parameter, parameter);

        if (order == 0)
            return mid;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return -1 - lo;
}

const nt_tensor *nt_model_mask(const nt_model *m, const char *parameter)
{
    int i = find(m, parameter);

    return i >= 0 ? m->masks[i].t : NULL;
}

static nt_status check_mask(const nt_model *m, const char *parameter, const nt_tensor *mask,
                            nt_err *e)
{
    const nt_value *v = nt_graph_find_value(m->g, parameter);
    char a[64], b[64];

    if (!v || !v->data)
        return nt_fail(e, NT_EINVAL, "mask of '%s': there is no such parameter", parameter);
    if (mask->dtype != NT_U8)
        return nt_fail(e, NT_EINVAL, "mask of '%s' is %s, want uint8", parameter,
                       nt_dtype_name(mask->dtype));
    if (!nt_tensor_same_shape(mask, v->data))
        return nt_fail(e, NT_EINVAL, "mask of '%s' is %s, the parameter %s", parameter,
                       nt_shape_text(a, sizeof a, mask->rank, mask->dims),
                       nt_shape_text(b, sizeof b, v->data->rank, v->data->dims));
    return NT_OK;
}

static nt_status insert(nt_model *m, int at, const char *parameter, nt_tensor *mask, nt_err *e)
{
    nt_mask *v = nt_realloc(m->masks, (size_t)m->n_masks + 1, sizeof *v);
    char *copy;

    if (!v)
        return nt_fail_nomem(e);
    m->masks = v;
    copy = nt_strdup(parameter);
    if (!copy)
        return nt_fail_nomem(e);
    memmove(v + at + 1, v + at, (size_t)(m->n_masks - at) * sizeof *v);
    v[at] = (nt_mask){copy, mask};
    m->n_masks++;
    return NT_OK;
}

nt_status nt_model_take_mask(nt_model *m, const char *parameter, nt_tensor *mask, nt_err *e)
{
    nt_status s = NT_OK;
    int i = find(m, parameter);

    NT_TRY(check_mask(m, parameter, mask, e));
    if (i >= 0) {
        nt_tensor_free(m->masks[i].t);
        m->masks[i].t = mask;
    } else {
        NT_TRY(insert(m, -1 - i, parameter, mask, e));
    }
    mask = NULL;
done:
    nt_tensor_free(mask);
    return s;
}

void nt_model_clear_masks(nt_model *m)
{
    for (int i = 0; i < m->n_masks; i++) {
        nt_free(m->masks[i].parameter);
        nt_tensor_free(m->masks[i].t);
    }
    nt_free(m->masks);
    m->masks = NULL;
    m->n_masks = 0;
    nt_json_free(m->masks_json);
    m->masks_json = NULL;
}

bool nt_model_has_masks(const nt_model *m)
{
    return m->n_masks > 0;
}

cJSON *nt_model_masks_json(nt_model *m)
{
    if (!m->masks_json)
        m->masks_json = cJSON_CreateObject();
    return m->masks_json;
}

static nt_status read_mask(nt_model *m, const char *member, nt_err *e)
{
    nt_status s;
    size_t n;
    nt_tensor *t = NULL;
    char *parameter = parameter_name(member);
    const void *bytes = nt_archive_get(m->a, member, &n);

    if (!parameter)
        return nt_fail_nomem(e);
    s = nt_npy_decode(&t, bytes, n, e);
    if (s == NT_OK)
        s = nt_model_take_mask(m, parameter, t, e);
    if (s == NT_EINVAL)
        s = NT_EFORMAT; /* the file's fault, not the caller's */
    if (s != NT_OK)
        nt_err_prefix(e, "%s", member);
    nt_free(parameter);
    return s;
}

static bool is_mask(const char *member)
{
    size_t n = strlen(member);

    return n > strlen(PREFIX SUFFIX) && strncmp(member, PREFIX, strlen(PREFIX)) == 0 &&
           strcmp(member + n - strlen(SUFFIX), SUFFIX) == 0;
}

nt_status nt_masks_read(nt_model *m, nt_err *e)
{
    nt_status s = NT_OK;
    size_t n;
    const char *text = nt_archive_get(m->a, LIST, &n);

    for (size_t i = 0; i < nt_archive_count(m->a); i++)
        if (is_mask(nt_archive_name(m->a, i)))
            NT_TRY(read_mask(m, nt_archive_name(m->a, i), e));
    if (text)
        s = nt_json_parse(&m->masks_json, text, n, e);
    if (s == NT_OK && text && !cJSON_IsObject(m->masks_json))
        s = nt_fail(e, NT_EFORMAT, "not a JSON object");
    if (s != NT_OK) {
        nt_err_prefix(e, LIST);
        goto done;
    }
    nt_masks_drop(m);
done:
    return s;
}

void nt_masks_drop(nt_model *m)
{
    nt_archive_remove(m->a, LIST);
    for (size_t i = nt_archive_count(m->a); i-- > 0;) {
        if (is_mask(nt_archive_name(m->a, i)))
            nt_archive_remove(m->a, nt_archive_name(m->a, i));
    }
}

static nt_status write_mask(nt_model *m, const nt_mask *mask, nt_err *e)
{
    nt_status s = NT_OK;
    void *bytes = NULL;
    size_t n;
    char *name = nt_mask_member(mask->parameter);

    if (!name)
        return nt_fail_nomem(e);
    NT_TRY(check_mask(m, mask->parameter, mask->t, e));
    NT_TRY(nt_npy_encode(&bytes, &n, mask->t, e));
    s = nt_archive_take(m->a, name, bytes, n, e);
done:
    nt_free(name);
    return s;
}

nt_status nt_masks_write(nt_model *m, nt_err *e)
{
    nt_status s = NT_OK;
    char *text = NULL;

    for (int i = 0; i < m->n_masks; i++) {
        const nt_value *v = nt_graph_find_value(m->g, m->masks[i].parameter);

        if (v && v->data && !nt_value_is_unused(v))
            NT_TRY(write_mask(m, &m->masks[i], e));
    }
    if (m->masks_json && m->masks_json->child) {
        text = nt_json_text(m->masks_json);
        if (!text)
            NT_TRY(nt_fail_nomem(e));
        NT_TRY(nt_archive_put(m->a, LIST, text, strlen(text), e));
    }
done:
    nt_free(text);
    return s;
}
