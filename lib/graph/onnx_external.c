/* SPDX-License-Identifier: MIT */
/* Tensor data outside the model file. The file's say in where that is ends at its own folder.
 */
#include "base/alloc.h"
#include "base/file.h"
#include "base/str.h"
#include "graph/onnx_private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct place {
    const char *location;
    int64_t offset, length; /* length -1: not given */
} place;

static nt_status read_place(place *out, const Onnx__TensorProto *p, nt_err *e)
{
    *out = (place){NULL, 0, -1};
    for (size_t i = 0; i < p->n_external_data; i++) {
        const char *key = p->external_data[i]->key;
        const char *val = p->external_data[i]->value;
        int64_t *number = NULL;

        if (!key || !val)
            continue;
        if (strcmp(key, "location") == 0)
            out->location = val;
        else if (strcmp(key, "offset") == 0)
            number = &out->offset;
        else if (strcmp(key, "length") == 0)
            number = &out->length;
        if (number && !nt_parse_i64(number, val, 0, INT64_MAX))
            return nt_fail(e, NT_EFORMAT, "external data's %s '%s' is no size", key, val);
    }
    if (!out->location)
        return nt_fail(e, NT_EFORMAT, "external data without a location");
    return NT_OK;
}

static nt_status check_range(const place *w, size_t n, uint64_t size, nt_err *e)
{
    if (w->length >= 0 && (size_t)w->length != n)
        return nt_fail(e, NT_EFORMAT, "has %lld bytes of external data, want %zu",
                       (long long)w->length, n);
    if ((uint64_t)w->offset > size || n > size - (uint64_t)w->offset)
        return nt_fail(e, NT_EFORMAT, "'%s' has %llu bytes, want %zu from %lld on", w->location,
                       (unsigned long long)size, n, (long long)w->offset);
    return NT_OK;
}

static nt_status open_file(nt_onnx_external *x, size_t n, const place *w, const char *dir,
                           nt_err *e)
{
    nt_status s = NT_OK;
    struct stat st;
    char *path = NULL;

    if (!nt_path_is_inside(w->location))
        return nt_fail(e, NT_EFORMAT, "external data '%s' is outside the model's folder",
                       w->location);
    path = nt_path_join(dir, w->location);
    if (!path)
        return nt_fail_nomem(e);
    /* a link could lead outside; O_NONBLOCK so that a fifo cannot hold us */
    x->fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (x->fd < 0 || fstat(x->fd, &st))
        NT_TRY(nt_fail_errno(e, "external data '%s'", w->location));
    if (!S_ISREG(st.st_mode))
        NT_TRY(nt_fail(e, NT_EFORMAT, "external data '%s' is no file", w->location));
    NT_TRY(check_range(w, n, (uint64_t)st.st_size, e));
    x->offset = w->offset;
done:
    nt_free(path);
    return s;
}

nt_status nt_onnx_external_open(nt_onnx_external *x, size_t n, const Onnx__TensorProto *p,
                                const nt_onnx_source *src, nt_err *e)
{
    nt_status s = NT_OK;
    place w;

    *x = (nt_onnx_external){.fd = -1};
    NT_TRY(read_place(&w, p, e));
    if (src->outside.ext && strcmp(w.location, NT_ONNX_EXTERNAL) == 0) {
        NT_TRY(check_range(&w, n, src->outside.ext_n, e));
        x->mem = (const char *)src->outside.ext + w.offset;
    } else if (src->outside.dir) {
        NT_TRY(open_file(x, n, &w, src->outside.dir, e));
    } else {
        s = nt_fail(e, NT_EUNSUPPORTED, "its data is in another file, '%s'", w.location);
    }
done:
    return s;
}

nt_status nt_onnx_external_read(void *out, size_t n, const nt_onnx_external *x, nt_err *e)
{
    nt_status s = NT_OK;

    if (!x->mem)
        s = nt_file_read_at(out, n, x->fd, (size_t)x->offset, e);
    else if (n > 0)
        memcpy(out, x->mem, n);
    if (s != NT_OK)
        nt_err_prefix(e, "external data");
    return s;
}

void nt_onnx_external_close(nt_onnx_external *x)
{
    if (x->fd >= 0)
        close(x->fd);
    x->fd = -1;
}
