/* SPDX-License-Identifier: MIT */
#include "export/dlrt_read.h"

#include "base/alloc.h"
#include "base/file.h"
#include "graph/pass.h"
#include "rt/dlrt_format.h"
#include "rt/nt_rt.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool is_dlrt(const char *path)
{
    uint32_t magic = 0;
    struct stat st;
    FILE *f = strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode)
                  ? fopen(path, "rb")
                  : NULL;

    if (!f)
        return false;
    if (fread(&magic, sizeof magic, 1, f) != 1)
        magic = 0;
    fclose(f);
    return magic == NT_DLRT_MAGIC;
}

static nt_status read_bytes(nt_tensor **out, const char *path, nt_err *e)
{
    nt_status s = NT_OK;
    char *bytes = NULL;
    size_t n = 0, need;
    int64_t count;

    NT_TRY(nt_file_read(&bytes, &n, path, SIZE_MAX, e));
    count = (int64_t)n;
    NT_TRY(nt_tensor_new(out, NT_U8, 1, &count, e));
    memcpy((*out)->data, bytes, n);
    s = (nt_status)nt_rt_mem_size((*out)->data, n, &need);
    if (s != NT_OK)
        s = nt_fail(e, (int)s == NT_RT_EISA ? NT_EINVAL : NT_EFORMAT, "%s",
                    nt_rt_strerror((int)s));
    if (s != NT_OK) {
        nt_tensor_free(*out);
        *out = NULL;
    }
done:
    nt_free(bytes);
    return s;
}

static const nt_dlrt_tensor *find(const nt_tensor *file, uint32_t place, uint32_t index)
{
    const nt_dlrt_header *h = file->data;
    const nt_dlrt_tensor *t =
        (const void *)((const uint8_t *)file->data + h->section[NT_DLRT_TENSORS].offset);

    while (t->place != place || t->index != index)
        t++;
    return t;
}

static const char *name_of(const nt_tensor *file, const nt_dlrt_tensor *t)
{
    const nt_dlrt_header *h = file->data;

    return (const char *)file->data + h->section[NT_DLRT_NAMES].offset + t->name;
}

/* Inputs and outputs in in[1..] and out[0..], with an open batch. */
static nt_status add_ends(nt_graph *g, const nt_tensor *file, nt_value **in, nt_value **out,
                          nt_err *e)
{
    const nt_dlrt_header *h = file->data;
    nt_status s = NT_OK;

    for (uint32_t i = 0; i < h->inputs; i++) {
        const nt_dlrt_tensor *t = find(file, NT_DLRT_INPUT, i);
        nt_dim dims[4] = {{-1, "N"}};
        uint32_t extent[4];

        nt_dlrt_dims(extent, t);
        for (int k = 0; k < t->rank; k++)
            dims[k + 1] = (nt_dim){(int64_t)extent[k], NULL};
        NT_TRY(nt_graph_add_input(&in[i + 1], g, name_of(file, t),
                                  (nt_value_type){NT_F32, (int)t->rank + 1, dims}, e));
    }
    for (uint32_t i = 0; i < h->outputs; i++) {
        const char *name = name_of(file, find(file, NT_DLRT_OUTPUT, i));

        NT_TRY(nt_graph_add_value(&out[i], g, nt_graph_find_value(g, name) ? NULL : name, e));
    }
done:
    return s;
}

static nt_status to_graph(nt_graph **out, nt_tensor *file, const nt_graph_ops *ops, nt_err *e)
{
    const nt_dlrt_header *h = file->data;
    static const nt_prop nt_domain[1] = {{"nt", "1"}};
    nt_value *in[33] = {NULL}, *to[32] = {NULL};
    nt_graph *g = NULL;
    nt_node *n = NULL;
    nt_status s = NT_OK;

    if (h->inputs > 32 || h->outputs > 32)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "%u inputs and %u outputs", h->inputs, h->outputs));
    NT_TRY(nt_graph_new(&g, e));
    g->domains = (nt_prop *)nt_domain;
    g->n_domains = 1;
    NT_TRY(add_ends(g, file, in, to, e));
    s = nt_graph_add_const(&in[0], g, "dlrt", file, e);
    file = NULL;
    if (s != NT_OK)
        goto done;
    NT_TRY(nt_graph_add_node(
        &n, g, &(nt_node_spec){"Dlrt", "dlrt", in, (int)h->inputs + 1, to, (int)h->outputs},
        e));
    n->domain = "nt";
    for (uint32_t i = 0; i < h->outputs; i++)
        NT_TRY(nt_graph_add_output(g, to[i], e));
    NT_TRY(nt_graph_bind(g, ops, e));
    NT_TRY(nt_pass_infer(g, e));
    *out = g;
    g = NULL;
done:
    nt_tensor_free(file);
    nt_graph_free(g);
    return s;
}

nt_status nt_dlrt_model_load(nt_model **out, const char *path, const nt_graph_ops *ops,
                             nt_err *e)
{
    nt_tensor *file = NULL;
    nt_graph *g = NULL;
    nt_status s = NT_OK;

    if (!is_dlrt(path))
        return nt_model_load_to_run(out, path, ops, e);
    NT_TRY(read_bytes(&file, path, e));
    NT_TRY(to_graph(&g, file, ops, e));
    NT_TRY(nt_model_from_graph(out, g, e));
done:
    if (s != NT_OK)
        nt_err_prefix(e, "%s", path);
    return s;
}

const nt_tensor *nt_dlrt_model_file(const nt_graph *g)
{
    const nt_node *n = g->n_nodes == 1 ? g->nodes[0] : NULL;

    return n && strcmp(n->op_type, "Dlrt") == 0 && strcmp(n->domain, "nt") == 0 ? n->in[0]->data
                                                                                : NULL;
}
