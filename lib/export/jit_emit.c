/* SPDX-License-Identifier: MIT */
#include "export/jit_emit.h"

#include "base/alloc.h"
#include "facet/arg.h"
#include "facet/op.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- text */

/* What a submodule or an argument can't be called: words of the language, and what a module of
 * PyTorch has already. */
static const char *const taken[] = {
    "False",
    "None",
    "True",
    "and",
    "annotate",
    "apply",
    "as",
    "assert",
    "bfloat16",
    "break",
    "buffers",
    "class",
    "code",
    "continue",
    "copy",
    "cpu",
    "cuda",
    "def",
    "del",
    "double",
    "eval",
    "elif",
    "else",
    "except",
    "extra_repr",
    "finally",
    "float",
    "for",
    "forward",
    "from",
    "global",
    "graph",
    "half",
    "if",
    "import",
    "in",
    "inf",
    "is",
    "lambda",
    "modules",
    "name",
    "nan",
    "nonlocal",
    "not",
    "ops",
    "or",
    "parameters",
    "pass",
    "raise",
    "return",
    "save",
    "self",
    "to",
    "torch",
    "train",
    "training",
    "try",
    "type",
    "while",
    "with",
    "yield",
    "children",
    "compile",
    "original_name",
    "register_buffer",
    "load_state_dict",
    "requires_grad_",
    "state_dict",
    "zero_grad",
};

static bool is_taken(const char *name)
{
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        if (strcmp(name, taken[i]) == 0)
            return true;
    }
    return name[0] == 'v' && name[1] && name[1 + strspn(name + 1, "0123456789")] == '\0';
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void nt_jit_identifier(char buf[NT_JIT_NAME], const char *text)
{
    size_t n = 0;

    if (!is_word(*text) || (*text >= '0' && *text <= '9'))
        buf[n++] = 'm';
    for (; *text && n < NT_JIT_NAME - 16; text++)
        buf[n++] = is_word(*text) ? *text : '_';
    buf[n] = '\0';
    if (is_taken(buf))
        strcpy(buf + n, "_");
}

nt_status nt_jit_axes(bool *flags, bool *given, const nt_node *n, int rank, nt_err *e)
{
    if (nt_has_in(n, 1) && !nt_const_in(n, 1))
        return nt_fail(e, NT_EUNSUPPORTED,
                       "axes that are no constant have no form in TorchScript");
    return nt_arg_axes(flags, given, (nt_arg){n, "axes", nt_const_in(n, 1)}, rank, e);
}

const char *nt_jit_list(char buf[NT_JIT_LIST], const int64_t *v, int n)
{
    size_t at = 1;

    strcpy(buf, "[");
    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(buf + at, NT_JIT_LIST - at, "%s%" PRId64, i ? ", " : "", v[i]);
    strcpy(buf + at, "]");
    return buf;
}

const char *nt_jit_float(char buf[NT_JIT_FLOAT], double v)
{
    if (isnan(v) || isinf(v)) {
        strcpy(buf, isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
        return buf;
    }
    snprintf(buf, NT_JIT_FLOAT, "%.17g", v);
    if (!strpbrk(buf, ".e"))
        strcat(buf, ".");
    return buf;
}

int nt_jit_type(nt_dtype t)
{
    static const int of[][2] = {{NT_U8, 0},  {NT_I8, 1},  {NT_I16, 2},
                                {NT_I32, 3}, {NT_I64, 4}, {NT_F16, 5},
                                {NT_F32, 6}, {NT_F64, 7}, {NT_BOOL, 11}};

    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        if (of[i][0] == (int)t)
            return of[i][1];
    }
    return -1;
}

/* ---- names of values */

static nt_status name_inputs(nt_jit *j, nt_err *e)
{
    for (int i = 0; i < j->g->n_inputs; i++) {
        const nt_value *v = j->g->inputs[i];
        char name[NT_JIT_NAME];

        nt_jit_identifier(name, v->name);
        for (int k = 0; k < i; k++) {
            if (strcmp(j->ref[j->g->inputs[k]->id], name) == 0)
                snprintf(name, sizeof name, "input_%d", i);
        }
        if (!(j->ref[v->id] = nt_strdup(name)))
            return nt_fail_nomem(e);
    }
    return NT_OK;
}

nt_status nt_jit_init(nt_jit *j, const nt_graph *g, nt_err *e)
{
    size_t nodes = (size_t)g->n_nodes + 1, values = (size_t)g->n_values + 1;

    *j = (nt_jit){.g = g, .version = 3};
    j->ref = nt_calloc(values, sizeof *j->ref);
    j->slots = nt_calloc(values, sizeof *j->slots);
    j->modules = nt_calloc(nodes, sizeof *j->modules);
    j->module_of = nt_calloc(nodes, sizeof *j->module_of);
    if (!j->ref || !j->slots || !j->modules || !j->module_of)
        return nt_fail_nomem(e);
    for (int i = 0; i < g->n_nodes; i++)
        j->module_of[i] = -1;
    return name_inputs(j, e);
}

void nt_jit_release(nt_jit *j)
{
    for (int i = 0; j->ref && i < j->g->n_values; i++)
        nt_free(j->ref[i]);
    nt_free(j->ref);
    nt_free(j->slots);
    nt_free(j->modules);
    nt_free(j->module_of);
    nt_str_release(&j->body);
}

static bool has_module(const nt_jit *j, const char *name)
{
    for (int i = 0; i < j->n_modules; i++) {
        if (strcmp(j->modules[i].name, name) == 0)
            return true;
    }
    return false;
}

nt_status nt_jit_module_of(int *out, nt_jit *j, const nt_node *n, nt_err *e)
{
    char layer[NT_JIT_NAME];
    nt_jit_module *m = &j->modules[j->n_modules];
    size_t len;

    (void)e;
    *out = j->module_of[n->id];
    if (*out >= 0)
        return NT_OK;
    nt_layer_name(layer, sizeof layer, j->g, n);
    m->node = n;
    nt_jit_identifier(m->name, layer);
    len = strlen(m->name);
    for (int i = 2; has_module(j, m->name); i++)
        snprintf(m->name + len, sizeof m->name - len, "_%d", i);
    *out = j->module_of[n->id] = j->n_modules++;
    return NT_OK;
}

/* What PyTorch calls input i of a layer. */
static void name_slot(char buf[32], const nt_node *n, int i)
{
    static const char *const normalised[] = {"", "weight", "bias", "running_mean",
                                             "running_var"};
    static const char *const layers[] = {"Conv",
                                         "ConvTranspose",
                                         "Gemm",
                                         "MatMul",
                                         "PRelu",
                                         "LayerNormalization",
                                         "InstanceNormalization",
                                         "GroupNormalization",
                                         NULL};

    if (nt_node_is(n, "BatchNormalization") && i > 0 && i < 5)
        snprintf(buf, 32, "%s", normalised[i]);
    else if (nt_node_is_any(n, layers) && (i == 1 || i == 2))
        snprintf(buf, 32, "%s", normalised[i]);
    else
        snprintf(buf, 32, "value%d", i);
}

static nt_status add_slot(nt_jit *j, const nt_node *n, int i, nt_err *e)
{
    nt_jit_slot *slot = &j->slots[j->n_slots];
    const nt_value *v = n->in[i];
    nt_status s = NT_OK;

    if (nt_jit_type(v->data->dtype) < 0)
        return nt_fail(e, NT_EUNSUPPORTED, "constant '%s' of %s has no form in TorchScript",
                       v->name, nt_dtype_name(v->data->dtype));
    NT_TRY(nt_jit_module_of(&slot->module, j, n, e));
    slot->v = v;
    slot->trained = nt_op_is_param(n, i) && nt_dtype_is_real(v->data->dtype);
    name_slot(slot->name, n, i);
    j->ref[v->id] = nt_strfmt("self.%s.%s", j->modules[slot->module].name, slot->name);
    if (!j->ref[v->id])
        NT_TRY(nt_fail_nomem(e));
    j->n_slots++;
done:
    return s;
}

const char *nt_jit_ref(nt_jit *j, const nt_node *n, int i, nt_err *e)
{
    const nt_value *v = i < n->n_in ? n->in[i] : NULL;

    if (!v)
        return "None";
    if (j->ref[v->id])
        return j->ref[v->id];
    if (v->data)
        return add_slot(j, n, i, e) == NT_OK ? j->ref[v->id] : NULL;
    j->ref[v->id] = nt_strfmt("v%d", v->id);
    if (!j->ref[v->id])
        (void)nt_fail_nomem(e);
    return j->ref[v->id];
}

/* ---- lines */

void nt_jit_need(nt_jit *j, int version)
{
    if (j->version < version)
        j->version = version;
}

nt_status nt_jit_line(nt_jit *j, const nt_node *n, const char *to, const char *text, nt_err *e)
{
    nt_str_addf(&j->body, "    %s = ", to);
    for (const char *t = text; *t; t++) {
        const char *ref;

        if (*t != '$') {
            nt_str_addn(&j->body, t, 1);
            continue;
        }
        ref = nt_jit_ref(j, n, *++t - '0', e);
        if (!ref)
            return NT_EUNSUPPORTED;
        nt_str_add(&j->body, ref);
    }
    nt_str_add(&j->body, "\n");
    return j->body.failed ? nt_fail_nomem(e) : NT_OK;
}

nt_status nt_jit_set(nt_jit *j, const nt_node *n, nt_err *e, const char *fmt, ...)
{
    char text[2048], to[32];
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (len < 0 || (size_t)len >= sizeof text)
        return nt_fail(e, NT_EUNSUPPORTED, "a line of %d characters", len);
    snprintf(to, sizeof to, "v%d", n->out[0]->id);
    return nt_jit_line(j, n, to, text, e);
}
