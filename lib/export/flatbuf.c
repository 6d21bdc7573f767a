/* SPDX-License-Identifier: MIT */
#include "export/flatbuf.h"

#include "base/alloc.h"

#include <assert.h>
#include <string.h>

/* ---- bytes */

static bool grow(nt_fb *b, size_t n)
{
    size_t cap = b->cap ? b->cap : 1024;
    uint8_t *p;

    while (cap - b->n < n)
        cap *= 2;
    p = nt_alloc(cap, 1);
    if (!p) {
        b->failed = true;
        return false;
    }
    if (b->n)
        memcpy(p + cap - b->n, b->p + b->cap - b->n, b->n);
    nt_free(b->p);
    b->p = p;
    b->cap = cap;
    return true;
}

/* Where n more bytes go, before all others; NULL: there is no room. */
static uint8_t *room(nt_fb *b, size_t n)
{
    if (n > NT_FB_MAX_BYTES - b->n)
        b->failed = b->too_large = true;
    if (b->failed || (b->cap - b->n < n && !grow(b, n)))
        return NULL;
    b->n += n;
    return b->p + b->cap - b->n;
}

static void put(nt_fb *b, const void *bytes, size_t n)
{
    uint8_t *p = room(b, n);

    if (p && n)
        memcpy(p, bytes, n);
}

/* Zeros, so that after n more bytes the next ones are aligned to `size` from the end. */
static void pad(nt_fb *b, size_t size, size_t n)
{
    size_t zeros = (~(b->n + n) + 1) & (size - 1);
    uint8_t *p = room(b, zeros);

    if (p && zeros)
        memset(p, 0, zeros);
    b->align = size > b->align ? size : b->align;
}

/* The lowest `size` bytes of v. */
static void put_number(nt_fb *b, uint64_t v, size_t size)
{
    uint8_t bytes[8];

    pad(b, size, 0);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(v >> 8 * i);
    put(b, bytes, size);
}

/* How far to is behind the four bytes that say so, which come next. */
static void put_ref(nt_fb *b, nt_fb_ref to)
{
    pad(b, 4, 0);
    put_number(b, b->n + 4 - to, 4);
}

static nt_fb_ref here(const nt_fb *b)
{
    return b->failed ? 0 : (nt_fb_ref)b->n;
}

/* ---- vectors */

/* Before n elements of `size` bytes. */
static void begin_vector(nt_fb *b, size_t n, size_t size, size_t align)
{
    assert(!b->open);
    pad(b, 4, n * size);
    pad(b, align > size ? align : size, n * size);
}

nt_fb_ref nt_fb_vector(nt_fb *b, const void *elements, size_t n, size_t size, size_t align)
{
    if (n > NT_FB_MAX_BYTES / size) {
        b->failed = b->too_large = true;
        return 0;
    }
    begin_vector(b, n, size, align);
    put(b, elements, n * size);
    put_number(b, n, 4);
    return here(b);
}

nt_fb_ref nt_fb_i32s(nt_fb *b, const int32_t *v, size_t n)
{
    begin_vector(b, n, sizeof *v, 0);
    for (size_t i = n; i-- > 0;)
        put_number(b, (uint32_t)v[i], sizeof *v);
    put_number(b, n, 4);
    return here(b);
}

nt_fb_ref nt_fb_i64s(nt_fb *b, const int64_t *v, size_t n)
{
    begin_vector(b, n, sizeof *v, 0);
    for (size_t i = n; i-- > 0;)
        put_number(b, (uint64_t)v[i], sizeof *v);
    put_number(b, n, 4);
    return here(b);
}

static uint32_t bits_of(float v)
{
    uint32_t bits;

    memcpy(&bits, &v, sizeof bits);
    return bits;
}

nt_fb_ref nt_fb_floats(nt_fb *b, const float *v, size_t n)
{
    begin_vector(b, n, sizeof *v, 0);
    for (size_t i = n; i-- > 0;)
        put_number(b, bits_of(v[i]), sizeof *v);
    put_number(b, n, 4);
    return here(b);
}

nt_fb_ref nt_fb_refs(nt_fb *b, const nt_fb_ref *v, size_t n)
{
    begin_vector(b, n, 4, 0);
    for (size_t i = n; i-- > 0;)
        put_ref(b, v[i]);
    put_number(b, n, 4);
    return here(b);
}

nt_fb_ref nt_fb_text(nt_fb *b, const char *text)
{
    size_t n = strlen(text);

    begin_vector(b, n + 1, 1, 1);
    put(b, text, n + 1);
    put_number(b, n, 4);
    return here(b);
}

/* ---- tables */

void nt_fb_begin(nt_fb *b)
{
    assert(!b->open);
    b->open = true;
    b->start = b->n;
    memset(b->slot, 0, sizeof b->slot);
}

static void set(nt_fb *b, int field, uint64_t v, size_t size)
{
    assert(b->open && field >= 0 && field < NT_FB_SLOTS && !b->slot[field]);
    put_number(b, v, size);
    b->slot[field] = here(b);
}

void nt_fb_set_i8(nt_fb *b, int field, int v, int dflt)
{
    if (v != dflt)
        set(b, field, (uint8_t)v, 1);
}

void nt_fb_set_i32(nt_fb *b, int field, int64_t v, int64_t dflt)
{
    if (v != dflt)
        set(b, field, (uint32_t)v, 4);
}

void nt_fb_set_float(nt_fb *b, int field, float v, float dflt)
{
    if (bits_of(v) != bits_of(dflt))
        set(b, field, bits_of(v), 4);
}

void nt_fb_set_ref(nt_fb *b, int field, nt_fb_ref v)
{
    assert(b->open && field >= 0 && field < NT_FB_SLOTS && !b->slot[field]);
    if (!v)
        return;
    put_ref(b, v);
    b->slot[field] = here(b);
}

/* Its bytes: its own size, the table's, then where each field lies in the table, up to the last
 * that is there. Returns how many bytes. */
static size_t make_vtable(uint8_t out[4 + 2 * NT_FB_SLOTS], const nt_fb *b, nt_fb_ref table)
{
    size_t n = NT_FB_SLOTS;
    uint16_t v[2 + NT_FB_SLOTS];

    while (n > 0 && !b->slot[n - 1])
        n--;
    v[0] = (uint16_t)(4 + 2 * n);
    v[1] = (uint16_t)(table - b->start);
    for (size_t i = 0; i < n; i++)
        v[2 + i] = (uint16_t)(b->slot[i] ? table - b->slot[i] : 0);
    for (size_t i = 0; i < n + 2; i++) {
        out[2 * i] = (uint8_t)v[i];
        out[2 * i + 1] = (uint8_t)(v[i] >> 8);
    }
    return v[0];
}

/* One that is written already; 0: there is none. The first two bytes say its size: one of another
 * may end where the buffer does. */
static nt_fb_ref find_vtable(const nt_fb *b, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < b->n_vtables; i++) {
        const uint8_t *v = b->p + b->cap - b->vtables[i];

        if (memcmp(v, bytes, 2) == 0 && memcmp(v, bytes, n) == 0)
            return b->vtables[i];
    }
    return 0;
}

static nt_fb_ref add_vtable(nt_fb *b, const uint8_t *bytes, size_t n)
{
    if (b->n_vtables == b->cap_vtables) {
        size_t cap = b->cap_vtables ? 2 * b->cap_vtables : 16;
        nt_fb_ref *v = nt_realloc(b->vtables, cap, sizeof *v);

        if (!v) {
            b->failed = true;
            return 0;
        }
        b->vtables = v;
        b->cap_vtables = cap;
    }
    put(b, bytes, n);
    b->vtables[b->n_vtables++] = here(b);
    return here(b);
}

nt_fb_ref nt_fb_end(nt_fb *b)
{
    uint8_t bytes[4 + 2 * NT_FB_SLOTS];
    nt_fb_ref table, vtable;
    int32_t back;
    size_t n;

    assert(b->open);
    b->open = false;
    put_number(b, 0, 4); /* how far before it the vtable is, filled in below */
    table = here(b);
    if (b->failed)
        return 0;
    n = make_vtable(bytes, b, table);
    vtable = find_vtable(b, bytes, n);
    if (!vtable && !(vtable = add_vtable(b, bytes, n)))
        return 0;
    back = (int32_t)((int64_t)vtable - (int64_t)table);
    for (size_t i = 0; i < 4; i++)
        b->p[b->cap - table + i] = (uint8_t)((uint32_t)back >> 8 * i);
    return b->failed ? 0 : table;
}

/* ---- the file */

void nt_fb_release(nt_fb *b)
{
    nt_free(b->p);
    nt_free(b->vtables);
    *b = (nt_fb){0};
}

nt_status nt_fb_finish(uint8_t **out, size_t *n, nt_fb *b, nt_fb_ref root,
                       const char *identifier, nt_err *e)
{
    size_t head = identifier ? 8 : 4;
    nt_status s = NT_OK;
    uint8_t *bytes = NULL;

    pad(b, b->align > 4 ? b->align : 4, head);
    if (identifier)
        put(b, identifier, 4);
    put_ref(b, root);
    if (b->too_large)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "a FlatBuffer has at most 2 GiB"));
    if (b->failed || !(bytes = nt_alloc(b->n, 1)))
        NT_TRY(nt_fail_nomem(e));
    memcpy(bytes, b->p + b->cap - b->n, b->n);
    *out = bytes;
    *n = b->n;
done:
    nt_fb_release(b);
    return s;
}
