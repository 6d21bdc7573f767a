/* SPDX-License-Identifier: MIT */
/*
 * NumPy's format: a magic number, the version, the header's length, a Python dictionary as text
 * ({'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }) and the elements. Only these
 * three keys are valid, in any order.
 */
#include "base/alloc.h"
#include "base/outfile.h"
#include "base/str.h"
#include "graph/tensor_io.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "\x93NUMPY"
#define MAGIC_N 6
#define ALIGNMENT 64

static const struct descr {
    nt_dtype dtype;
    const char *text;
} descrs[] = {
    {NT_F32, "f4"}, {NT_F64, "f8"}, {NT_F16, "f2"}, {NT_I8, "i1"},
    {NT_I16, "i2"}, {NT_I32, "i4"}, {NT_I64, "i8"}, {NT_U8, "u1"},
    {NT_U16, "u2"}, {NT_U32, "u4"}, {NT_U64, "u8"}, {NT_BOOL, "b1"},
};

/* The type a file has for t. */
static nt_dtype file_dtype(nt_dtype t)
{
    switch (t) {
    case NT_BF16:
        return NT_F32;
    case NT_U4:
    case NT_U2:
        return NT_U8;
    case NT_I4:
    case NT_I2:
        return NT_I8;
    default:
        return t;
    }
}

static const char *find_descr(nt_dtype t)
{
    for (size_t i = 0; i < sizeof descrs / sizeof descrs[0]; i++)
        if (descrs[i].dtype == t)
            return descrs[i].text;
    return NULL;
}

static void write_header(nt_str *out, const nt_tensor *t)
{
    nt_dtype dtype = file_dtype(t->dtype);
    size_t start = MAGIC_N + 4, n;
    nt_str h = {0};

    nt_str_addf(&h, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                nt_dtype_size(dtype) > 1 ? '<' : '|', find_descr(dtype));
    for (int i = 0; i < t->rank; i++)
        nt_str_addf(&h, i ? " %" PRId64 "," : "%" PRId64 ",", t->dims[i]);
    if (t->rank > 1 && h.n > 0)
        h.n--; /* only (3,) needs its comma */
    nt_str_add(&h, "), }");
    while ((start + h.n + 1) % ALIGNMENT && !h.failed)
        nt_str_add(&h, " ");
    nt_str_add(&h, "\n");
    n = h.n;
    nt_str_addn(out, MAGIC "\1\0", MAGIC_N + 2);
    nt_str_addn(out, (const char[]){(char)(n & 255), (char)(n >> 8)}, 2);
    nt_str_addn(out, h.p, n);
    out->failed = out->failed || h.failed;
    nt_str_release(&h);
}

/* t in the type a file has; *own is what has to be freed. */
static nt_status convert(const nt_tensor **out, nt_tensor **own, const nt_tensor *t, nt_err *e)
{
    nt_dtype dtype = file_dtype(t->dtype);
    nt_status s;

    *out = t;
    if (dtype == t->dtype)
        return NT_OK;
    s = nt_tensor_new(own, dtype, t->rank, t->dims, e);
    if (s != NT_OK)
        return s;
    for (int64_t i = 0; i < nt_tensor_count(t); i++)
        nt_tensor_set(*own, i, nt_tensor_get(t, i));
    *out = *own;
    return NT_OK;
}

nt_status nt_npy_encode(void **bytes, size_t *n, const nt_tensor *t, nt_err *e)
{
    nt_status s = NT_OK;
    nt_str out = {0};
    nt_tensor *own = NULL;

    if (!find_descr(file_dtype(t->dtype)))
        return nt_fail(e, NT_EUNSUPPORTED, ".npy has no type for %s", nt_dtype_name(t->dtype));
    NT_TRY(convert(&t, &own, t, e));
    write_header(&out, t);
    if (nt_tensor_bytes(t) > 0)
        nt_str_addn(&out, t->data, nt_tensor_bytes(t));
    if (out.failed)
        NT_TRY(nt_fail_nomem(e));
    *n = out.n;
    *bytes = nt_str_take(&out);
done:
    nt_str_release(&out);
    nt_tensor_free(own);
    return s;
}

nt_status nt_npy_save(const char *path, const nt_tensor *t, nt_err *e)
{
    void *bytes = NULL;
    size_t n;
    nt_status s = nt_npy_encode(&bytes, &n, t, e);

    if (s == NT_OK)
        s = nt_outfile_save(path, bytes, n, e);
    nt_free(bytes);
    return s;
}

/* ---- reading */

typedef struct header {
    nt_dtype dtype;
    bool big_endian, fortran;
    int rank;
    int64_t dims[NT_MAX_RANK];
    bool has_descr, has_order, has_shape;
} header;

typedef struct cursor {
    const char *p, *end;
} cursor;

static void skip_space(cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n'))
        c->p++;
}

static bool take(cursor *c, const char *word)
{
    size_t n = strlen(word);

    skip_space(c);
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
        return false;
    c->p += n;
    return true;
}

/* A quoted string without escapes into buf. */
static bool take_string(cursor *c, char *buf, size_t n)
{
    char quote;
    size_t k = 0;

    skip_space(c);
    if (c->p == c->end || (*c->p != '\'' && *c->p != '"'))
        return false;
    quote = *c->p++;
    while (c->p < c->end && *c->p != quote && k + 1 < n)
        buf[k++] = *c->p++;
    buf[k] = '\0';
    if (c->p == c->end || *c->p != quote)
        return false;
    c->p++;
    return true;
}

static bool take_number(cursor *c, int64_t *out)
{
    char buf[24];
    size_t k = 0;

    skip_space(c);
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9' && k + 1 < sizeof buf)
        buf[k++] = *c->p++;
    buf[k] = '\0';
    if (c->p < c->end && *c->p == 'L')
        c->p++; /* Python 2 */
    return nt_parse_i64(out, buf, 0, INT64_MAX);
}

static nt_status read_shape(header *h, cursor *c, nt_err *e)
{
    if (!take(c, "("))
        return nt_fail(e, NT_EFORMAT, "shape is no tuple");
    while (!take(c, ")")) {
        if (h->rank == NT_MAX_RANK)
            return nt_fail(e, NT_EUNSUPPORTED, "has more than %d dimensions", NT_MAX_RANK);
        if (!take_number(c, &h->dims[h->rank++]))
            return nt_fail(e, NT_EFORMAT, "shape is no tuple of sizes");
        if (!take(c, ",") && (c->p == c->end || *c->p != ')'))
            return nt_fail(e, NT_EFORMAT, "shape is no tuple of sizes");
    }
    h->has_shape = true;
    return NT_OK;
}

static nt_status read_descr(header *h, cursor *c, nt_err *e)
{
    char text[16];

    if (!take_string(c, text, sizeof text))
        return nt_fail(e, NT_EUNSUPPORTED, "type is no plain one");
    for (size_t i = 0; i < sizeof descrs / sizeof descrs[0]; i++) {
        if (!*text || !strchr("<>|=", *text) || strcmp(text + 1, descrs[i].text) != 0)
            continue;
        h->dtype = descrs[i].dtype;
        h->big_endian = *text == '>';
        h->has_descr = true;
        return NT_OK;
    }
    return nt_fail(e, NT_EUNSUPPORTED, "type '%s' is not supported", text);
}

static nt_status read_entry(header *h, cursor *c, nt_err *e)
{
    char key[16];

    if (!take_string(c, key, sizeof key) || !take(c, ":"))
        return nt_fail(e, NT_EFORMAT, "the .npy header is damaged");
    if (strcmp(key, "descr") == 0)
        return read_descr(h, c, e);
    if (strcmp(key, "shape") == 0 && !h->has_shape)
        return read_shape(h, c, e);
    if (strcmp(key, "fortran_order") != 0)
        return nt_fail(e, NT_EFORMAT, "the .npy header has a key '%s'", key);
    h->fortran = take(c, "True");
    h->has_order = h->fortran || take(c, "False");
    return h->has_order ? NT_OK : nt_fail(e, NT_EFORMAT, "fortran_order is no truth value");
}

static nt_status read_dict(header *h, cursor c, nt_err *e)
{
    nt_status s = NT_OK;

    if (!take(&c, "{"))
        return nt_fail(e, NT_EFORMAT, "the .npy header is damaged");
    while (!take(&c, "}")) {
        NT_TRY(read_entry(h, &c, e));
        if (!take(&c, ",") && (c.p == c.end || *c.p != '}'))
            NT_TRY(nt_fail(e, NT_EFORMAT, "the .npy header is damaged"));
    }
    if (!h->has_descr || !h->has_order || !h->has_shape)
        NT_TRY(nt_fail(e, NT_EFORMAT, "the .npy header lacks a key"));
done:
    return s;
}

/* The header, and where the elements start. */
static nt_status read_header(header *h, size_t *start, const unsigned char *p, size_t n,
                             nt_err *e)
{
    size_t len;

    if (n < MAGIC_N + 6 || memcmp(p, MAGIC, MAGIC_N) != 0)
        return nt_fail(e, NT_EFORMAT, "not a .npy file");
    if (p[6] < 1 || p[6] > 3)
        return nt_fail(e, NT_EUNSUPPORTED, ".npy version %d is not supported", p[6]);
    *start = MAGIC_N + (p[6] == 1 ? 4 : 6);
    len = p[8] | (size_t)p[9] << 8;
    if (p[6] > 1)
        len |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (len > n - *start)
        return nt_fail(e, NT_EFORMAT, "the .npy header is cut short");
    *h = (header){.dtype = NT_UNDEFINED};
    *start += len;
    return read_dict(h, (cursor){(const char *)p + *start - len, (const char *)p + *start}, e);
}

static void swap_bytes(unsigned char *p, size_t count, size_t size)
{
    for (size_t i = 0; i < count; i++, p += size) {
        for (size_t j = 0; j < size / 2; j++) {
            unsigned char b = p[j];

            p[j] = p[size - 1 - j];
            p[size - 1 - j] = b;
        }
    }
}

/* From column-major: walks the elements in row-major order, keeping the source's offset. */
static void from_fortran(nt_tensor *t, const unsigned char *src)
{
    size_t size = nt_dtype_size(t->dtype);
    int64_t at[NT_MAX_RANK] = {0}, stride[NT_MAX_RANK], offset = 0;
    int64_t count = nt_tensor_count(t);

    for (int k = 0; k < t->rank; k++)
        stride[k] = k ? stride[k - 1] * t->dims[k - 1] : 1;
    for (int64_t i = 0; i < count; i++) {
        memcpy((char *)t->data + (size_t)i * size, src + (size_t)offset * size, size);
        for (int k = t->rank; k-- > 0;) {
            offset += stride[k];
            if (++at[k] < t->dims[k])
                break;
            offset -= stride[k] * t->dims[k];
            at[k] = 0;
        }
    }
}

/* How many bytes the elements take. */
static nt_status data_bytes(size_t *want, const header *h, nt_err *e)
{
    int64_t count;

    if (!nt_shape_count(&count, h->rank, h->dims) ||
        !nt_size_mul(want, (size_t)count, nt_dtype_size(h->dtype)))
        return nt_fail(e, NT_EFORMAT, "has fewer elements than its shape says");
    return NT_OK;
}

nt_status nt_npy_look(void *ctx, const char *bytes, size_t n, nt_err *e)
{
    nt_status s = NT_OK;
    size_t start = 0, want = 0;
    header h;

    (void)ctx;
    NT_TRY(read_header(&h, &start, (const unsigned char *)bytes, n, e));
    NT_TRY(data_bytes(&want, &h, e));
    if (n - start > want)
        NT_TRY(nt_fail(e, NT_EFORMAT, "has %zu bytes too many", n - start - want));
done:
    return s;
}

nt_status nt_npy_decode(nt_tensor **out, const void *bytes, size_t n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tensor *t = NULL;
    size_t start = 0, want;
    int64_t count;
    header h;

    NT_TRY(read_header(&h, &start, bytes, n, e));
    NT_TRY(data_bytes(&want, &h, e));
    if (want > n - start)
        NT_TRY(nt_fail(e, NT_EFORMAT, "has fewer elements than its shape says"));
    if (want < n - start)
        NT_TRY(nt_fail(e, NT_EFORMAT, "has %zu bytes too many", n - start - want));
    NT_TRY(nt_tensor_new(&t, h.dtype, h.rank, h.dims, e));
    count = nt_tensor_count(t);
    if (h.fortran)
        from_fortran(t, (const unsigned char *)bytes + start);
    else if (want > 0)
        memcpy(t->data, (const char *)bytes + start, want);
    if (h.big_endian)
        swap_bytes(t->data, (size_t)count, nt_dtype_size(h.dtype));
    for (int64_t i = 0; h.dtype == NT_BOOL && i < count; i++)
        ((uint8_t *)t->data)[i] = ((uint8_t *)t->data)[i] != 0;
    *out = t;
    t = NULL;
done:
    nt_tensor_free(t);
    return s;
}
