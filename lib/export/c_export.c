/* SPDX-License-Identifier: MIT */
#include "export/c_export.h"

#include "base/alloc.h"
#include "base/outfile.h"
#include "export/c_place.h"
#include "export/c_text.h"
#include "export/plain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- the graph */

static nt_status init(nt_c *c, const nt_graph *g, nt_err *e)
{
    *c = (nt_c){.g = g};
    c->v = nt_calloc((size_t)g->n_values + 1, sizeof *c->v);
    c->merged = nt_calloc((size_t)g->n_nodes + 1, sizeof *c->merged);
    if (!c->v || !c->merged)
        return nt_fail_nomem(e);
    return nt_c_place_all(c, e);
}

static void release(nt_c *c)
{
    nt_free(c->v);
    nt_free(c->merged);
    nt_str_release(&c->functions);
    nt_str_release(&c->constants);
    nt_str_release(&c->body);
}

/* ---- the body */

/* What stands before a node's code. */
static void write_label(nt_c *c, const nt_node *n)
{
    char label[128], shape[128];

    nt_str_add(&c->body, "\n    /* ");
    nt_c_quote(&c->body, n->op_type);
    nt_str_add(&c->body, " '");
    nt_c_quote(&c->body, nt_node_label(label, sizeof label, n));
    nt_str_addf(&c->body, "' %s */\n",
                n->out[0] ? nt_value_shape_text(shape, sizeof shape, n->out[0]) : "");
}

static nt_status write_node(nt_c *c, const nt_node *n, nt_err *e)
{
    const nt_c_op *op = nt_c_find(n);
    char label[128];
    nt_status s;

    if (c->merged[n->id] || ((op->flags & NT_C_VIEW) && !n->in[0]->data))
        return NT_OK;
    write_label(c, n);
    s = op->write(c, n, e);
    if (s != NT_OK)
        nt_err_prefix(e, "node '%s': %s", nt_node_label(label, sizeof label, n), n->op_type);
    return s;
}

/* An output that lies somewhere else is copied: an input or a constant that is handed on, or
 * what is an output already. */
static nt_status copy_output(nt_c *c, int i, nt_err *e)
{
    const nt_value *v = c->g->outputs[i];
    const nt_c_place *p = &c->v[c->v[v->id].root];
    char from[NT_C_EXPR], number[12] = "";
    nt_status s = NT_OK;

    if (p->kind == NT_C_OUTPUT && p->index == i)
        return NT_OK;
    NT_TRY(nt_c_ref(from, c, v, e));
    if (c->g->n_outputs > 1)
        snprintf(number, sizeof number, "%d", i);
    nt_str_addf(&c->body, "    memcpy(out%s, %s, %" PRId64 " * sizeof(float));\n", number, from,
                nt_c_count(v));
done:
    return s;
}

static nt_status write_body(nt_c *c, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < c->g->n_nodes; i++)
        NT_TRY(write_node(c, c->g->nodes[i], e));
    for (int i = 0; i < c->g->n_outputs; i++)
        NT_TRY(copy_output(c, i, e));
done:
    return s;
}

/* ---- the files */

/* "in", or "in2" of several. */
static void add_name(nt_str *s, const char *what, int i, int n)
{
    nt_str_add(s, what);
    if (n > 1)
        nt_str_addf(s, "%d", i);
}

static void add_prototype(nt_str *s, const nt_c *c, const char *name)
{
    nt_str_addf(s, "int %s_run(", name);
    for (int i = 0; i < c->g->n_inputs; i++) {
        nt_str_add(s, i ? ", const float *" : "const float *");
        add_name(s, "in", i, c->g->n_inputs);
    }
    for (int i = 0; i < c->g->n_outputs; i++) {
        nt_str_add(s, i || c->g->n_inputs ? ", float *" : "float *");
        add_name(s, "out", i, c->g->n_outputs);
    }
    nt_str_add(s, ")");
}

static void describe(nt_str *s, const char *what, nt_value *const *v, int n)
{
    char shape[128];

    for (int i = 0; i < n; i++) {
        nt_str_add(s, " *   ");
        add_name(s, what, i, n);
        nt_str_add(s, "  ");
        nt_c_quote(s, nt_value_shape_text(shape, sizeof shape, v[i]));
        nt_str_addf(s, ", %" PRId64 " floats: '", nt_c_count(v[i]));
        nt_c_quote(s, v[i]->name);
        nt_str_add(s, "'\n");
    }
}

static void write_header(nt_str *s, const nt_c *c, const char *name)
{
    nt_str_addf(s, "/* %s.h - a neural network as C, made by nt-export " NT_VERSION ". */\n",
                name);
    nt_str_addf(s, "#ifndef %s_H\n#define %s_H\n\n", name, name);
    nt_str_addf(s, "/* Static memory that %s_run uses, beside its constants. */\n", name);
    nt_str_addf(s, "#define %s_ARENA_BYTES %zu\n\n", name, c->arena * sizeof(float));
    nt_str_add(s, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    nt_str_add(s,
               "/*\n * Runs the network once, on row-major arrays that do not overlap:\n *\n");
    describe(s, "in", c->g->inputs, c->g->n_inputs);
    describe(s, "out", c->g->outputs, c->g->n_outputs);
    nt_str_add(s,
               " *\n * Returns 0: nothing can fail. One call at a time: the arena is shared.\n"
               " */\n");
    add_prototype(s, c, name);
    nt_str_add(s, ";\n\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}

/* Inputs that nothing reads. */
static void write_unused(nt_str *s, const nt_c *c)
{
    for (int i = 0; i < c->g->n_inputs; i++) {
        if (c->g->inputs[i]->n_uses || c->g->inputs[i]->is_output)
            continue;
        nt_str_add(s, "    (void)");
        add_name(s, "in", i, c->g->n_inputs);
        nt_str_add(s, ";\n");
    }
}

static void add_part(nt_str *s, const nt_str *part)
{
    s->failed = s->failed || part->failed;
    if (part->p)
        nt_str_addn(s, part->p, part->n);
}

static void write_source(nt_str *s, const nt_c *c, const char *name, const char *header)
{
    nt_str_addf(s, "/* %s.c - a neural network as C, made by nt-export " NT_VERSION ". */\n",
                name);
    nt_str_addf(s, "#include \"%s\"\n\n#include <math.h>\n#include <string.h>\n\n", header);
    add_part(s, &c->functions);
    add_part(s, &c->constants);
    if (c->arena)
        nt_str_addf(s, "\nstatic float arena[%s_ARENA_BYTES / sizeof(float)];\n", name);
    nt_str_add(s, "\n");
    add_prototype(s, c, name);
    nt_str_add(s, "\n{\n");
    write_unused(s, c);
    add_part(s, &c->body);
    nt_str_add(s, "    return 0;\n}\n");
}

static nt_status save_text(const char *path, const nt_str *s, nt_err *e)
{
    return s->failed ? nt_fail_nomem(e) : nt_outfile_save(path, s->p, s->n, e);
}

/* path: of the source. */
static nt_status save_files(const char *path, const nt_c *c, nt_err *e)
{
    char *name = nt_c_identifier(path), *header = nt_strdup(path);
    nt_str h = {0}, source = {0};
    const char *slash;
    nt_status s = NT_OK;

    if (!name || !header)
        NT_TRY(nt_fail_nomem(e));
    header[strlen(header) - 1] = 'h';
    slash = strrchr(header, '/');
    write_header(&h, c, name);
    write_source(&source, c, name, slash ? slash + 1 : header);
    NT_TRY(save_text(path, &source, e));
    NT_TRY(save_text(header, &h, e));
done:
    nt_str_release(&h);
    nt_str_release(&source);
    nt_free(header);
    nt_free(name);
    return s;
}

nt_status nt_c_save(const char *path, const nt_graph *g, int64_t h, int64_t w, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *copy = NULL;
    nt_c c = {0};

    if (!nt_ends_with(path, ".c"))
        return nt_fail(e, NT_EINVAL,
                       "C is two files, NAME.c and NAME.h: give -o NAME.c or -d DIR");
    if (strpbrk(path, "\"\\\n"))
        return nt_fail(e, NT_EINVAL, "%s: C includes no file of such a name", path);
    NT_TRY(nt_plain_graph(&copy, g, h, w, e));
    NT_TRY(init(&c, copy, e));
    NT_TRY(write_body(&c, e));
    NT_TRY(save_files(path, &c, e));
done:
    release(&c);
    nt_graph_free(copy);
    return s;
}

nt_status nt_c_report(char **out, const nt_graph *g, int64_t h, int64_t w, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *copy = NULL;
    nt_str text = {0};
    nt_c c = {0};

    NT_TRY(nt_plain_graph(&copy, g, h, w, e));
    NT_TRY(init(&c, copy, e));
    nt_c_place_report(&text, &c);
    *out = nt_str_take(&text);
    if (!*out)
        NT_TRY(nt_fail_nomem(e));
done:
    release(&c);
    nt_graph_free(copy);
    return s;
}
