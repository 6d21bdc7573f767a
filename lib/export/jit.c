/* SPDX-License-Identifier: MIT */
#include "export/jit.h"

#include "archive/zip.h"
#include "base/alloc.h"
#include "export/jit_emit.h"
#include "export/jit_ops.h"
#include "export/pickle.h"
#include "graph/pass.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROOT "model/" /* the folder: PyTorch takes any */

/* ---- code */

static nt_status write_nodes(nt_jit *j, nt_err *e)
{
    for (int i = 0; i < j->g->n_nodes; i++) {
        const nt_node *n = j->g->nodes[i];
        char label[128];

        if (nt_jit_write(j, n, e) == NT_OK)
            continue;
        if (j->body.failed)
            return nt_fail_nomem(e);
        nt_err_prefix(e, "format 'jit': node '%s': %s", nt_node_label(label, sizeof label, n),
                      n->op_type);
        return NT_EUNSUPPORTED;
    }
    return NT_OK;
}

/* An input that is handed on is one, and a constant is read as if a node did. */
static nt_status write_return(nt_jit *j, nt_err *e)
{
    const nt_graph *g = j->g;

    nt_str_add(&j->body, "    return ");
    if (g->n_outputs > 1)
        nt_str_add(&j->body, "(");
    for (int i = 0; i < g->n_outputs; i++) {
        const nt_value *v = g->outputs[i];

        if (!j->ref[v->id] && v->data)
            return nt_fail(e, NT_EUNSUPPORTED,
                           "format 'jit': output '%s' is a constant, which has no form in "
                           "TorchScript",
                           v->name);
        nt_str_add(&j->body, i ? ", " : "");
        if (j->ref[v->id])
            nt_str_add(&j->body, j->ref[v->id]);
        else
            nt_str_addf(&j->body, "v%d", v->id);
    }
    nt_str_add(&j->body, g->n_outputs > 1 ? ")\n" : "\n");
    return NT_OK;
}

/* "Conv0": the class of a submodule. */
static void add_class(nt_str *s, const nt_jit *j, int m)
{
    nt_str_addf(s, "%s%d", j->modules[m].node->op_type, m);
}

/* "[\"weight\", \"bias\", ]" */
static void list_slots(nt_str *s, const nt_jit *j, int m, bool trained)
{
    nt_str_addf(s, "  __%s__ = [", trained ? "parameters" : "buffers");
    for (int i = 0; i < j->n_slots; i++) {
        if (j->slots[i].module == m && j->slots[i].trained == trained)
            nt_str_addf(s, "\"%s\", ", j->slots[i].name);
    }
    nt_str_add(s, "]\n");
}

static void declare_module(nt_str *s, const nt_jit *j, int m)
{
    nt_str_add(s, "class ");
    add_class(s, j, m);
    nt_str_add(s, "(Module):\n");
    list_slots(s, j, m, true);
    list_slots(s, j, m, false);
    for (int i = 0; i < j->n_slots; i++) {
        if (j->slots[i].module == m)
            nt_str_addf(s, "  %s : Tensor\n", j->slots[i].name);
    }
    nt_str_add(s, "  training : bool\n");
}

static void declare_model(nt_str *s, const nt_jit *j)
{
    const nt_graph *g = j->g;

    nt_str_add(s, "class Model(Module):\n  __parameters__ = []\n  __buffers__ = []\n"
                  "  training : bool\n");
    for (int m = 0; m < j->n_modules; m++) {
        nt_str_addf(s, "  %s : __torch__.", j->modules[m].name);
        add_class(s, j, m);
        nt_str_add(s, "\n");
    }
    nt_str_add(s, "  def forward(self: __torch__.Model");
    for (int i = 0; i < g->n_inputs; i++)
        nt_str_addf(s, ",\n    %s: Tensor", j->ref[g->inputs[i]->id]);
    nt_str_add(s, ") -> ");
    for (int i = 0; i < g->n_outputs && g->n_outputs > 1; i++)
        nt_str_add(s, i ? ", Tensor" : "Tuple[Tensor");
    nt_str_add(s, g->n_outputs > 1 ? "]:\n" : "Tensor:\n");
}

static void write_code(nt_str *s, const nt_jit *j)
{
    for (int m = 0; m < j->n_modules; m++)
        declare_module(s, j, m);
    declare_model(s, j);
    s->failed = s->failed || j->body.failed;
    if (j->body.p)
        nt_str_addn(s, j->body.p, j->body.n);
}

/* ---- attributes */

static const char *storage_name(nt_dtype t)
{
    static const char *const names[] = {"ByteStorage",  "CharStorage",  "ShortStorage",
                                        "IntStorage",   "LongStorage",  "HalfStorage",
                                        "FloatStorage", "DoubleStorage"};
    int i = nt_jit_type(t);

    return i < 8 ? names[i] : "BoolStorage";
}

static void add_strides(nt_str *s, const nt_tensor *t)
{
    int64_t v[NT_MAX_RANK], stride = 1;

    for (int i = t->rank - 1; i >= 0; i--) {
        v[i] = stride;
        stride *= t->dims[i];
    }
    nt_pickle_ints(s, v, (size_t)t->rank);
}

/* Call of PyTorch's function for a tensor: storage, offset, extents, strides, whether it is
 * trained, no hooks. */
static void add_tensor(nt_str *s, const nt_tensor *t, int key, bool trained)
{
    char name[16];

    snprintf(name, sizeof name, "%d", key);
    nt_pickle_global(s, "torch._utils", "_rebuild_tensor_v2");
    nt_pickle_do(s, NT_PICKLE_MARK);
    nt_pickle_do(s, NT_PICKLE_MARK);
    nt_pickle_text(s, "storage");
    nt_pickle_global(s, "torch", storage_name(t->dtype));
    nt_pickle_text(s, name);
    nt_pickle_text(s, "cpu");
    nt_pickle_int(s, nt_tensor_count(t));
    nt_pickle_do(s, NT_PICKLE_TUPLE);
    nt_pickle_do(s, NT_PICKLE_PERSISTENT);
    nt_pickle_int(s, 0);
    nt_pickle_ints(s, t->dims, (size_t)t->rank);
    add_strides(s, t);
    nt_pickle_bool(s, trained);
    nt_pickle_global(s, "collections", "OrderedDict");
    nt_pickle_do(s, NT_PICKLE_EMPTY_TUPLE);
    nt_pickle_do(s, NT_PICKLE_REDUCE);
    nt_pickle_do(s, NT_PICKLE_TUPLE);
    nt_pickle_do(s, NT_PICKLE_REDUCE);
}

/* An object whose attributes follow, up to close_object. */
static void open_object(nt_str *s, const char *class)
{
    nt_pickle_global(s, "__torch__", class);
    nt_pickle_do(s, NT_PICKLE_EMPTY_TUPLE);
    nt_pickle_do(s, NT_PICKLE_NEW);
    nt_pickle_do(s, NT_PICKLE_EMPTY_DICT);
    nt_pickle_do(s, NT_PICKLE_MARK);
}

static void close_object(nt_str *s)
{
    nt_pickle_do(s, NT_PICKLE_SET_ITEMS);
    nt_pickle_do(s, NT_PICKLE_BUILD);
}

/* Models are loaded to be run: train() says otherwise. */
static void add_training(nt_str *s)
{
    nt_pickle_text(s, "training");
    nt_pickle_bool(s, false);
}

static void add_module(nt_str *s, const nt_jit *j, int m)
{
    nt_str class = {0};

    add_class(&class, j, m);
    s->failed = s->failed || class.failed;
    open_object(s, class.failed ? "" : class.p);
    nt_str_release(&class);
    for (int i = 0; i < j->n_slots; i++) {
        if (j->slots[i].module != m)
            continue;
        nt_pickle_text(s, j->slots[i].name);
        add_tensor(s, j->slots[i].v->data, i, j->slots[i].trained);
    }
    add_training(s);
    close_object(s);
}

static void write_data(nt_str *s, const nt_jit *j)
{
    nt_pickle_begin(s);
    open_object(s, "Model");
    add_training(s);
    for (int m = 0; m < j->n_modules; m++) {
        nt_pickle_text(s, j->modules[m].name);
        add_module(s, j, m);
    }
    close_object(s);
    nt_pickle_end(s);
}

/* ---- the file */

static nt_status add_text(nt_zip *z, const char *name, nt_str *text, nt_err *e)
{
    nt_status s = text->failed ? nt_fail_nomem(e) : nt_zip_add(z, name, text->p, text->n, e);

    nt_str_release(text);
    return s;
}

static nt_status add_constants(nt_zip *z, const nt_jit *j, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < j->n_slots; i++) {
        const nt_tensor *t = j->slots[i].v->data;
        char name[48];

        snprintf(name, sizeof name, ROOT "data/%d", i);
        NT_TRY(nt_zip_add(z, name, t->data, nt_tensor_bytes(t), e));
    }
done:
    return s;
}

static nt_status write_entries(nt_zip *z, const nt_jit *j, nt_err *e)
{
    nt_status s = NT_OK;
    nt_str t = {0};

    write_data(&t, j);
    NT_TRY(add_text(z, ROOT "data.pkl", &t, e));
    write_code(&t, j);
    NT_TRY(add_text(z, ROOT "code/__torch__.py", &t, e));
    NT_TRY(add_constants(z, j, e));
    nt_pickle_begin(&t);
    nt_pickle_do(&t, NT_PICKLE_EMPTY_TUPLE);
    nt_pickle_end(&t);
    NT_TRY(add_text(z, ROOT "constants.pkl", &t, e));
    nt_str_addf(&t, "%d\n", j->version);
    NT_TRY(add_text(z, ROOT "version", &t, e));
done:
    return s;
}

static nt_status save(const char *path, const nt_jit *j, nt_err *e)
{
    nt_status s = NT_OK;
    nt_zip *z = NULL;

    NT_TRY(nt_zip_open(&z, path, e));
    s = write_entries(z, j, e);
    if (s == NT_OK)
        return nt_zip_commit(z, e);
done:
    nt_zip_abandon(z);
    return s;
}

/* What is computed from shapes, as far as it can be known, becomes constants. */
static nt_status prepare(nt_graph **out, const nt_graph *g, const nt_onnx_export *o, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *c = NULL;

    NT_TRY(nt_onnx_export_graph(&c, g, o, e));
    NT_TRY(nt_graph_bind(c, g->ops, e));
    NT_TRY(nt_pass_infer(c, e));
    NT_TRY(nt_pass_settle(c, NULL, e));
    NT_TRY(nt_pass_fold(c, 0, NULL, e));
    NT_TRY(nt_pass_dead(c, NULL, e));
    NT_TRY(nt_pass_infer(c, e));
    *out = c;
    c = NULL;
done:
    nt_graph_free(c);
    return s;
}

nt_status nt_jit_save(const char *path, const nt_graph *g, const nt_onnx_export *o, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *c = NULL;
    nt_jit j = {0};

    NT_TRY(prepare(&c, g, o, e));
    NT_TRY(nt_jit_init(&j, c, e));
    NT_TRY(write_nodes(&j, e));
    NT_TRY(write_return(&j, e));
    NT_TRY(save(path, &j, e));
done:
    nt_jit_release(&j);
    nt_graph_free(c);
    return s;
}
