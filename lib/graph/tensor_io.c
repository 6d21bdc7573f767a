/* SPDX-License-Identifier: MIT */
#include "graph/tensor_io.h"

#include "archive/unzip.h"
#include "base/alloc.h"
#include "base/file.h"
#include "graph/internal.h"
#include "graph/onnx_io.h"
#include "graph/onnx_watch.h"

#include <stdint.h>
#include <string.h>

typedef struct list {
    nt_named_tensor *v;
    size_t n;
} list;

/* Takes both, also on failure. */
static nt_status add(list *l, char *name, nt_tensor *t, nt_err *e)
{
    nt_named_tensor *v = nt_realloc(l->v, l->n + 1, sizeof *v);

    if (!v) {
        nt_free(name);
        nt_tensor_free(t);
        return nt_fail_nomem(e);
    }
    l->v = v;
    l->v[l->n++] = (nt_named_tensor){name, t};
    return NT_OK;
}

static bool ends_in(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);

    return n >= k && strcmp(s + n - k, end) == 0;
}

/* NumPy calls the member of array "x" "x.npy". */
static nt_status add_member(void *data, const char *name, const void *bytes, size_t n,
                            nt_err *e)
{
    nt_tensor *t = NULL;
    char *copy;
    nt_status s = nt_npy_decode(&t, bytes, n, e);

    if (s != NT_OK)
        return s;
    copy = nt_strdup(name);
    if (copy && ends_in(copy, ".npy"))
        copy[strlen(copy) - 4] = '\0';
    if (!copy) {
        nt_tensor_free(t);
        return nt_fail_nomem(e);
    }
    return add(data, copy, t, e);
}

static nt_status read_npz(list *l, const void *bytes, size_t n, nt_err *e)
{
    return nt_unzip(bytes, n, add_member, l, e);
}

static nt_status read_npy(list *l, const void *bytes, size_t n, nt_err *e)
{
    nt_tensor *t = NULL;
    nt_status s = nt_npy_decode(&t, bytes, n, e);

    return s == NT_OK ? add(l, NULL, t, e) : s;
}

static nt_status read_pb(list *l, const void *bytes, size_t n, nt_err *e)
{
    nt_tensor *t = NULL;
    char *name = NULL;
    nt_status s = nt_onnx_tensor_read(&t, &name, bytes, n, e);

    return s == NT_OK ? add(l, name, t, e) : s;
}

static nt_status look_npz(void *ctx, const char *bytes, size_t n, nt_err *e)
{
    (void)ctx;
    return n >= 4 && memcmp(bytes, "PK", 2) == 0 ? NT_OK
                                                 : nt_fail(e, NT_EFORMAT, "not a .npz file");
}

typedef struct format {
    const char *end;
    nt_status (*look)(void *ctx, const char *bytes, size_t n, nt_err *e);
    nt_status (*read)(list *l, const void *bytes, size_t n, nt_err *e);
} format;

/* NULL where the path ends in nothing that we know. */
static const format *format_of(const char *path)
{
    static const format formats[] = {{".npz", look_npz, read_npz},
                                     {".npy", nt_npy_look, read_npy},
                                     {".pb", nt_onnx_tensor_look, read_pb}};

    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (ends_in(path, formats[i].end))
            return &formats[i];
    return NULL;
}

nt_status nt_tensor_load(nt_named_tensor **out, size_t *n, const char *path, nt_err *e)
{
    nt_status s = NT_OK;
    list l = {NULL, 0};
    nt_onnx_watch state = {0};
    nt_file_watch watch = {NULL, &state};
    const format *f = format_of(path);
    char *bytes = NULL;
    size_t bytes_n;

    if (!f)
        NT_TRY(nt_fail(e, NT_EINVAL, "want a .npy, .npz or .pb file"));
    watch.look = f->look;
    NT_TRY(nt_file_read_watched(&bytes, &bytes_n, path, SIZE_MAX, &watch, e));
    NT_TRY(f->read(&l, bytes, bytes_n, e));
    *out = l.v;
    *n = l.n;
    l = (list){NULL, 0};
done:
    if (s != NT_OK)
        nt_err_prefix(e, "%s", path);
    nt_named_tensors_free(l.v, l.n);
    nt_free(bytes);
    return s;
}

void nt_named_tensors_free(nt_named_tensor *v, size_t n)
{
    for (size_t i = 0; v && i < n; i++) {
        nt_free(v[i].name);
        nt_tensor_free(v[i].t);
    }
    nt_free(v);
}
