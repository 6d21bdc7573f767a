/* SPDX-License-Identifier: MIT */
#include "data/field.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

const nt_field *nt_field_named(const nt_field *v, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].name, name) == 0)
            return &v[i];
    return NULL;
}

const nt_field *nt_batch_field(const nt_batch *b, const char *name)
{
    return nt_field_named(b->field, b->n_fields, name);
}

const nt_field *nt_field_of(const nt_field *v, size_t n, nt_role role)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].role == role)
            return &v[i];
    return NULL;
}

const float *nt_batch_pictures(const nt_batch *b)
{
    const nt_field *f = nt_field_of(b->field, b->n_fields, NT_ROLE_PICTURE);

    assert(f != NULL);
    return f->data;
}

const char *nt_field_names(char *text, size_t bytes, const nt_field *v, size_t n)
{
    size_t at = 0;

    text[0] = '\0';
    for (size_t i = 0; i < n && at + 1 < bytes; i++)
        at += (size_t)snprintf(text + at, bytes - at, "%s'%.40s'", i ? ", " : "", v[i].name);
    return text;
}

size_t nt_field_bytes(const nt_field *f)
{
    size_t n = nt_dtype_size(f->dtype);

    for (int i = 1; i < f->rank; i++)
        n *= (size_t)f->dims[i];
    return n;
}
