/* SPDX-License-Identifier: MIT */
#include "export/c_emit.h"

#include "export/c_text.h"
#include "facet/arg.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

int nt_c_constant(nt_c *c, const float *v, size_t n)
{
    char name[NT_C_EXPR];

    snprintf(name, sizeof name, "k%d", c->n_constants);
    nt_c_floats(&c->constants, name, v, n);
    return c->n_constants++;
}

int nt_c_table(nt_c *c, const int64_t *v, size_t n)
{
    char name[NT_C_EXPR];

    snprintf(name, sizeof name, "k%d", c->n_constants);
    nt_c_longs(&c->constants, name, v, n);
    return c->n_constants++;
}

void nt_c_function(nt_c *c, const char *text)
{
    if (!c->functions.p || !strstr(c->functions.p, text)) {
        nt_str_add(&c->functions, text);
        nt_str_add(&c->functions, "\n");
    }
}

static nt_status constant_ref(char *buf, nt_c *c, const nt_value *v, nt_err *e)
{
    nt_c_place *p = &c->v[v->id];

    if (v->data->dtype != NT_F32)
        return nt_fail(e, NT_EUNSUPPORTED, "constant '%s' is of %s, want float32", v->name,
                       nt_dtype_name(v->data->dtype));
    if (p->index < 0)
        p->index = nt_c_constant(c, v->data->data, (size_t)nt_tensor_count(v->data));
    snprintf(buf, NT_C_EXPR, "k%d", p->index);
    return NT_OK;
}

/* "in", or "in2" where there are several. */
static void end_ref(char *buf, const char *what, int index, int count)
{
    if (count == 1)
        snprintf(buf, NT_C_EXPR, "%s", what);
    else
        snprintf(buf, NT_C_EXPR, "%s%d", what, index);
}

nt_status nt_c_ref(char buf[NT_C_EXPR], nt_c *c, const nt_value *v, nt_err *e)
{
    const nt_c_place *p = &c->v[c->v[v->id].root];

    if (v->data)
        return constant_ref(buf, c, v, e);
    if (p->kind == NT_C_INPUT)
        end_ref(buf, "in", p->index, c->g->n_inputs);
    else if (p->kind == NT_C_OUTPUT)
        end_ref(buf, "out", p->index, c->g->n_outputs);
    else
        snprintf(buf, NT_C_EXPR, "arena + %zu", p->at);
    return NT_OK;
}

/* ---- bounds */

nt_plain_range nt_c_bounds(const nt_c *c, const nt_node *n)
{
    const nt_value *y = n->out[0];
    nt_plain_range r = {-INFINITY, INFINITY};

    if (y->n_uses == 1 && c->merged[y->uses[0].node->id])
        nt_plain_is_bounds(&r, y->uses[0].node);
    return r;
}

/* ---- shapes */

int64_t nt_c_product(const nt_value *v, int from, int to)
{
    int64_t n = 1;

    for (int i = from; i < to; i++)
        n *= v->dims[i].value;
    return n;
}

int64_t nt_c_count(const nt_value *v)
{
    return nt_c_product(v, 0, v->rank);
}

int nt_c_opset(const nt_c *c, const nt_node *n)
{
    return n->opset ? n->opset : c->g->opset;
}

/* ---- nests of loops */

nt_c_walk nt_c_walk_of(const nt_value *v, int n_ops)
{
    nt_c_walk w = {.n = v->rank, .n_ops = n_ops};
    int64_t stride = 1;

    for (int i = v->rank - 1; i >= 0; i--) {
        w.ext[i] = v->dims[i].value;
        w.op[0].stride[i] = stride;
        stride *= w.ext[i];
    }
    return w;
}

void nt_c_broadcast(nt_c_walk *w, int k, const nt_value *v)
{
    int64_t stride = 1;

    for (int i = v->rank - 1; i >= 0; i--) {
        if (v->dims[i].value != 1)
            w->op[k].stride[i + w->n - v->rank] = stride;
        stride *= v->dims[i].value;
    }
}

static void drop_axis(nt_c_walk *w, int i)
{
    w->n--;
    for (int a = i; a < w->n; a++) {
        w->ext[a] = w->ext[a + 1];
        for (int k = 0; k < w->n_ops; k++) {
            w->op[k].stride[a] = w->op[k].stride[a + 1];
            w->op[k].table[a] = w->op[k].table[a + 1];
        }
    }
}

/* Does axis i + 1 run on in axis i, for all operands? */
static bool runs_on(const nt_c_walk *w, int i)
{
    for (int k = 0; k < w->n_ops; k++) {
        const nt_c_operand *p = &w->op[k];

        if (p->table[i] || p->table[i + 1] || p->stride[i] != p->stride[i + 1] * w->ext[i + 1])
            return false;
    }
    return true;
}

static void collapse(nt_c_walk *w)
{
    for (int i = w->n - 1; i >= 0; i--) {
        for (int k = 0; w->ext[i] == 1 && k < w->n_ops; k++)
            w->op[k].base += w->op[k].table[i] ? w->op[k].table[i][0] : 0;
        if (w->ext[i] == 1)
            drop_axis(w, i);
    }
    for (int i = w->n - 2; i >= 0; i--) {
        if (!runs_on(w, i))
            continue;
        w->ext[i + 1] *= w->ext[i];
        drop_axis(w, i);
    }
}

/* "i0 * 64 + k5[i1] + i2" */
static void index_of(nt_str *s, const nt_c_walk *w, const nt_c_operand *p, const int *tables)
{
    bool any = false;

    for (int i = 0; i < w->n; i++) {
        nt_str_add(s, any && (p->table[i] || p->stride[i]) ? " + " : "");
        if (p->table[i])
            nt_str_addf(s, "k%d[i%d]", tables[i], i);
        else if (p->stride[i] == 1)
            nt_str_addf(s, "i%d", i);
        else if (p->stride[i])
            nt_str_addf(s, "i%d * %" PRId64, i, p->stride[i]);
        any = any || p->table[i] || p->stride[i];
    }
    if (p->base || !any)
        nt_str_addf(s, "%s%" PRId64, any ? " + " : "", p->base);
}

static void add_statement(nt_c *c, const nt_c_walk *w, const char *text,
                          int tables[][NT_MAX_RANK])
{
    for (; *text; text++) {
        if (*text != '@') {
            nt_str_addn(&c->body, text, 1);
            continue;
        }
        text++;
        index_of(&c->body, w, &w->op[*text - '0'], tables[*text - '0']);
    }
}

static void indent(nt_c *c, int depth)
{
    nt_str_addf(&c->body, "%*s", 8 + 4 * depth, "");
}

void nt_c_loops(nt_c *c, nt_c_walk *w, const char *statement)
{
    int tables[3][NT_MAX_RANK] = {{0}};

    collapse(w);
    for (int k = 0; k < w->n_ops; k++) {
        for (int i = 0; i < w->n; i++) {
            if (w->op[k].table[i])
                tables[k][i] = nt_c_table(c, w->op[k].table[i], (size_t)w->ext[i]);
        }
    }
    for (int i = 0; i < w->n; i++) {
        indent(c, i);
        nt_str_addf(&c->body, "for (long i%d = 0; i%d < %" PRId64 "; i%d++)\n", i, i, w->ext[i],
                    i);
    }
    indent(c, w->n);
    add_statement(c, w, statement, tables);
    nt_str_add(&c->body, "\n");
}

nt_status nt_c_open(nt_c *c, const nt_value *y, const nt_value *x, const nt_value *x2,
                    nt_err *e)
{
    const nt_value *const in[2] = {x, x2};
    static const char *const names[2] = {"x", "x2"};
    char ref[NT_C_EXPR];
    nt_status s = NT_OK;

    NT_TRY(nt_c_ref(ref, c, y, e));
    nt_str_addf(&c->body, "    {\n        float *y = %s;\n", ref);
    for (int i = 0; i < 2; i++) {
        if (!in[i])
            continue;
        NT_TRY(nt_c_ref(ref, c, in[i], e));
        nt_str_addf(&c->body, "        const float *%s = %s;\n", names[i], ref);
    }
    nt_str_add(&c->body, "\n");
done:
    return s;
}

void nt_c_close(nt_c *c)
{
    nt_str_add(&c->body, "    }\n");
}
