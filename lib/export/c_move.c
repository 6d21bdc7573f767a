/* SPDX-License-Identifier: MIT */
#include "export/c_move.h"

#include "base/alloc.h"
#include "export/c_text.h"

#include <stdio.h>
#include <string.h>

#define MAX_EXACT (1 << 24) /* whole numbers that float holds */

/* One input of a node into one of its outputs. */
typedef struct move {
    const nt_node *n;
    int in, out;
    float *from; /* [output] number of the input's element from 1 on; else not moved */
    float *fill; /* [output] what stands where nothing is moved */
    int64_t lo[NT_MAX_RANK], ext[NT_MAX_RANK]; /* the box */
    int64_t count;                             /* elements of the input */
    int64_t total;                             /* of the output */
    int64_t *tables[NT_MAX_RANK];
} move;

/* ---- asking the operator */

/* Numbers that tell elements from one another and have no order. */
static float scrambled(int64_t i)
{
    return (float)((uint32_t)i * 2654435761U >> 9);
}

typedef enum probe { NUMBERS, NEGATIVE, SCRAMBLED } probe;

static void set_probe(float *v, int64_t n, probe p)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = p == SCRAMBLED ? scrambled(i) : p == NUMBERS ? (float)(i + 1) : (float)-(i + 1);
}

/* Input m->in as the probe has it, other inputs that flow as zeros. */
static nt_status make_inputs(nt_tensor **own, const nt_tensor **in, const move *m, probe p,
                             nt_err *e)
{
    int64_t dims[NT_MAX_RANK];
    nt_status s = NT_OK;

    for (int i = 0; i < m->n->n_in; i++) {
        const nt_value *v = m->n->in[i];

        in[i] = v ? v->data : NULL;
        if (!v || (v->data && i != m->in))
            continue;
        nt_value_shape(v, dims);
        NT_TRY(nt_tensor_new(&own[i], NT_F32, v->rank, dims, e));
        in[i] = own[i];
        if (i == m->in)
            set_probe(own[i]->data, m->count, p);
    }
done:
    return s;
}

static nt_status make_outputs(nt_tensor **out, const nt_node *n, nt_err *e)
{
    int64_t dims[NT_MAX_RANK];
    nt_status s = NT_OK;

    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i])
            continue;
        nt_value_shape(n->out[i], dims);
        NT_TRY(nt_tensor_new(&out[i], NT_F32, n->out[i]->rank, dims, e));
    }
done:
    return s;
}

static void free_all(nt_tensor **t, int n)
{
    for (int i = 0; t && i < n; i++)
        nt_tensor_free(t[i]);
    nt_free(t);
}

/* *out, nt_tensor_free: what the operator makes of the probe. */
static nt_status ask(nt_tensor **out, const nt_c *c, const move *m, probe p, nt_err *e)
{
    size_t n_in = (size_t)m->n->n_in + 1, n_out = (size_t)m->n->n_out + 1;
    nt_tensor **own = nt_calloc(n_in, sizeof *own), **made = nt_calloc(n_out, sizeof *made);
    const nt_tensor **in = nt_calloc(n_in, sizeof *in);
    nt_status s = NT_OK;

    if (!own || !made || !in)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(make_inputs(own, in, m, p, e));
    NT_TRY(make_outputs(made, m->n, e));
    NT_TRY(c->g->ops->eval(m->n, in, made, e));
    *out = made[m->out];
    made[m->out] = NULL;
done:
    free_all(own, m->n->n_in);
    free_all(made, m->n->n_out);
    nt_free(in);
    return s;
}

static nt_status refuse(nt_err *e)
{
    return nt_fail(e, NT_EUNSUPPORTED, "what it moves where has no form in C");
}

/* Is b what a says of it: negative where an element is moved, the same where not? */
static bool agrees(const move *m, const float *b, const float *hash)
{
    for (int64_t i = 0; i < m->total; i++) {
        float a = m->fill[i];
        int64_t k = (int64_t)a - 1;
        bool moved = a == -b[i] && a != 0;

        if (moved && (a != (float)(k + 1) || k < 0 || k >= m->count || hash[i] != scrambled(k)))
            return false;
        if (!moved && memcmp(&b[i], &hash[i], sizeof b[i]) != 0)
            return false;
        if (!moved && a != b[i] && a == a)
            return false;
        m->from[i] = moved ? a : 0;
    }
    return true;
}

static nt_status find_map(const nt_c *c, move *m, nt_err *e)
{
    nt_tensor *t[3] = {NULL};
    nt_status s = NT_OK;

    for (int p = 0; p < 3; p++)
        NT_TRY(ask(&t[p], c, m, (probe)p, e));
    memcpy(m->fill, t[0]->data, (size_t)m->total * sizeof *m->fill);
    if (!agrees(m, t[1]->data, t[2]->data))
        NT_TRY(refuse(e));
done:
    for (int p = 0; p < 3; p++)
        nt_tensor_free(t[p]);
    return s;
}

/* ---- its form */

/* The number of an element of the output. */
static int64_t number_of(const nt_value *y, const int64_t *at)
{
    int64_t i = 0;

    for (int a = 0; a < y->rank; a++)
        i = i * y->dims[a].value + at[a];
    return i;
}

static void place_of(int64_t *at, const nt_value *y, int64_t i)
{
    for (int a = y->rank - 1; a >= 0; a--) {
        at[a] = i % y->dims[a].value;
        i /= y->dims[a].value;
    }
}

/* The least box that has all that is moved; false: there is nothing. */
static bool find_box(move *m, const nt_value *y)
{
    int64_t at[NT_MAX_RANK], hi[NT_MAX_RANK];
    bool any = false;

    for (int64_t i = 0; i < m->total; i++) {
        if (!(m->from[i] > 0))
            continue;
        place_of(at, y, i);
        for (int a = 0; a < y->rank; a++) {
            m->lo[a] = !any || at[a] < m->lo[a] ? at[a] : m->lo[a];
            hi[a] = !any || at[a] > hi[a] ? at[a] : hi[a];
        }
        any = true;
    }
    for (int a = 0; a < y->rank && any; a++)
        m->ext[a] = hi[a] - m->lo[a] + 1;
    return any;
}

/* What each axis adds to the source, from the box's first element on. */
static nt_status find_tables(move *m, const nt_value *y, nt_err *e)
{
    for (int a = 0; a < y->rank; a++) {
        int64_t at[NT_MAX_RANK], first = (int64_t)m->from[number_of(y, m->lo)];

        memcpy(at, m->lo, sizeof at);
        m->tables[a] = nt_alloc((size_t)m->ext[a], sizeof **m->tables);
        if (!m->tables[a])
            return nt_fail_nomem(e);
        for (int64_t i = 0; i < m->ext[a]; i++) {
            at[a] = m->lo[a] + i;
            m->tables[a][i] = (int64_t)m->from[number_of(y, at)] - first;
        }
    }
    return NT_OK;
}

/* Is every element of the box what the tables say, and none beside it moved? */
static bool is_separable(const move *m, const nt_value *y)
{
    int64_t first = (int64_t)m->from[number_of(y, m->lo)], at[NT_MAX_RANK];

    for (int64_t i = 0; i < m->total; i++) {
        int64_t want = first;
        bool in = true;

        place_of(at, y, i);
        for (int a = 0; a < y->rank; a++)
            in = in && at[a] >= m->lo[a] && at[a] < m->lo[a] + m->ext[a];
        for (int a = 0; a < y->rank && in; a++)
            want += m->tables[a][at[a] - m->lo[a]];
        if ((int64_t)m->from[i] != (in ? want : 0))
            return false;
    }
    return true;
}

static bool is_even(const int64_t *table, int64_t n)
{
    for (int64_t i = 2; i < n; i++) {
        if (table[i] != i * table[1])
            return false;
    }
    return true;
}

static nt_c_walk walk_of(const move *m, const nt_value *y)
{
    nt_c_walk w = nt_c_walk_of(y, 2);

    w.op[0].base = number_of(y, m->lo);
    w.op[1].base = (int64_t)m->from[w.op[0].base] - 1;
    for (int a = 0; a < y->rank; a++) {
        w.ext[a] = m->ext[a];
        if (is_even(m->tables[a], m->ext[a]))
            w.op[1].stride[a] = m->ext[a] > 1 ? m->tables[a][1] : 0;
        else
            w.op[1].table[a] = m->tables[a];
    }
    return w;
}

/* ---- writing */

/* All that is not moved must be one number. */
static nt_status write_fill(nt_c *c, const move *m, const nt_value *y, nt_err *e)
{
    nt_c_walk w = nt_c_walk_of(y, 1);
    char number[NT_C_NUMBER], line[NT_C_NUMBER + 16];
    const float *first = NULL;

    for (int64_t i = 0; i < m->total; i++) {
        if (m->from[i] > 0)
            continue;
        first = first ? first : &m->fill[i];
        if (memcmp(first, &m->fill[i], sizeof *first) != 0)
            return refuse(e);
    }
    if (!first)
        return NT_OK;
    snprintf(line, sizeof line, "y[@0] = %s;", nt_c_float(number, *first));
    nt_c_loops(c, &w, line);
    return NT_OK;
}

/* Of several inputs each fills its own box, of one the rest is filled before. */
static nt_status write_one(nt_c *c, move *m, bool alone, nt_err *e)
{
    const nt_value *x = m->n->in[m->in], *y = m->n->out[m->out];
    nt_status s = NT_OK;
    nt_c_walk w;
    bool any;

    m->count = nt_c_count(x);
    m->total = nt_c_count(y);
    if (m->count >= MAX_EXACT)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "an input of 2^24 elements has no form in C"));
    m->from = nt_alloc((size_t)m->total, sizeof *m->from);
    m->fill = nt_alloc((size_t)m->total, sizeof *m->fill);
    if (!m->from || !m->fill)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(find_map(c, m, e));
    NT_TRY(nt_c_open(c, y, x, NULL, e));
    if (alone)
        NT_TRY(write_fill(c, m, y, e));
    any = find_box(m, y);
    if (any) {
        NT_TRY(find_tables(m, y, e));
        if (!is_separable(m, y))
            NT_TRY(refuse(e));
        w = walk_of(m, y);
        nt_c_loops(c, &w, "y[@0] = x[@1];");
    } else
        nt_str_add(&c->body, "        (void)x;\n");
    nt_c_close(c);
done:
    return s;
}

static void release(move *m)
{
    nt_free(m->from);
    nt_free(m->fill);
    for (int i = 0; i < NT_MAX_RANK; i++)
        nt_free(m->tables[i]);
}

nt_status nt_c_move(nt_c *c, const nt_node *n, nt_err *e)
{
    bool many = nt_node_is(n, "Concat");
    nt_status s = NT_OK;

    for (int i = 1; i < n->n_in && !many; i++) {
        if (n->in[i] && !n->in[i]->data)
            return nt_fail(e, NT_EUNSUPPORTED, "input %d that is no constant has no form in C",
                           i);
    }
    for (int i = 0; i < (many ? n->n_in : 1); i++) {
        for (int o = 0; o < n->n_out; o++) {
            move m = {.n = n, .in = i, .out = o};

            if (!n->out[o] || (!n->out[o]->n_uses && !n->out[o]->is_output))
                continue;
            s = write_one(c, &m, !many, e);
            release(&m);
            NT_TRY(s);
        }
    }
done:
    return s;
}
