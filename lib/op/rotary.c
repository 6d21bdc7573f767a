/* SPDX-License-Identifier: MIT */
/*
 * rotary.c - RotaryEmbedding (Su et al. 2021, arXiv:2104.09864): pairs of features turn by an
 * angle that grows with the place,
 *
 *     y1 = cos x1 - sin x2,   y2 = sin x1 + cos x2
 *
 * x is [batch][head][place][size] or [batch][place][head size]; the pairs are the first and the
 * second half of a head's first rotary_embedding_dim features, or neighbours (interleaved). The
 * tables are [position][pair] with an input of positions, or [batch][place][pair] without.
 */
#include "facet/infer.h"
#include "facet/op.h"

#include <inttypes.h>
#include <string.h>

enum { X, COS, SIN, POSITIONS };

typedef struct turn {
    int64_t batch, heads, places, size;
    int64_t sb, sh, sp; /* strides of x and y */
    int64_t pairs;
    bool interleaved;
    const float *cos, *sin;
    int64_t rows;        /* of the tables */
    const nt_tensor *at; /* positions; NULL: none */
    float sign;          /* -1 turns back */
} turn;

static nt_status read_turn(turn *t, const nt_node *n, int rank, const int64_t *d, nt_err *e)
{
    int64_t heads = nt_node_int(n, "num_heads", 0),
            dim = nt_node_int(n, "rotary_embedding_dim", 0);

    memset(t, 0, sizeof *t);
    if (rank != 3 && rank != 4)
        return nt_fail(e, NT_EFORMAT, "input has %d dimensions, want 3 or 4", rank);
    if (rank == 3 && (heads < 1 || d[2] % heads))
        return nt_fail(e, NT_EFORMAT, "%" PRId64 " features are not %" PRId64 " heads", d[2],
                       heads);
    t->batch = d[0];
    t->heads = rank == 4 ? d[1] : heads;
    t->places = rank == 4 ? d[2] : d[1];
    t->size = rank == 4 ? d[3] : d[2] / heads;
    t->sb = t->heads * t->places * t->size;
    t->sh = rank == 4 ? t->places * t->size : t->size;
    t->sp = rank == 4 ? t->size : d[2];
    t->pairs = (dim ? dim : t->size) / 2;
    t->interleaved = nt_node_int(n, "interleaved", 0) != 0;
    t->sign = 1;
    if (dim < 0 || dim > t->size || (dim ? dim : t->size) % 2)
        return nt_fail(e, NT_EFORMAT,
                       "%" PRId64 " of %" PRId64 " features cannot turn in pairs",
                       dim ? dim : t->size, t->size);
    return NT_OK;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[X];
    int64_t dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    turn t;

    (void)g;
    if (nt_value_shape(x, dims))
        NT_TRY(read_turn(&t, n, x->rank, dims, e));
    nt_infer_like(n->out[0], x);
done:
    return s;
}

/* The tables and positions, whose extents are held against what is turned. */
static nt_status read_tables(turn *t, const nt_node *n, const nt_tensor *const *in, nt_err *e)
{
    const nt_tensor *c = in[COS], *s = in[SIN];
    int want = n->n_in > POSITIONS && in[POSITIONS] ? 2 : 3;

    if (in[X]->dtype != NT_F32 || c->dtype != NT_F32 || s->dtype != NT_F32)
        return nt_fail(e, NT_EUNSUPPORTED, "type %s is not supported here",
                       nt_dtype_name(in[X]->dtype));
    if (c->rank != want || !nt_tensor_same_shape(c, s) || c->dims[want - 1] != t->pairs ||
        (want == 3 && (c->dims[0] != t->batch || c->dims[1] != t->places)))
        return nt_fail(e, NT_EFORMAT, "its tables do not fit the input");
    t->cos = c->data;
    t->sin = s->data;
    t->rows = want == 2 ? c->dims[0] : t->batch * t->places;
    t->at = want == 2 ? in[POSITIONS] : NULL;
    if (t->at && nt_tensor_count(t->at) != t->batch * t->places)
        return nt_fail(e, NT_EFORMAT, "its positions do not fit the input");
    return NT_OK;
}

/* The row of the tables for a place; -1: there is none. */
static int64_t row_of(const turn *t, int64_t b, int64_t p)
{
    int64_t row = b * t->places + p;

    row = t->at ? nt_tensor_get_i64(t->at, row) : row;
    return row < 0 || row >= t->rows ? -1 : row;
}

static void turn_place(const turn *t, float *y, const float *x, int64_t row)
{
    const float *c = t->cos + row * t->pairs, *s = t->sin + row * t->pairs;
    int64_t step = t->interleaved ? 2 : 1, other = t->interleaved ? 1 : t->pairs;

    for (int64_t k = 0; k < t->pairs; k++) {
        float a = x[k * step], b = x[k * step + other], sin = t->sign * s[k];

        y[k * step] = c[k] * a - sin * b;
        y[k * step + other] = sin * a + c[k] * b;
    }
    for (int64_t k = 2 * t->pairs; k < t->size; k++)
        y[k] = x[k];
}

static nt_status turn_all(const turn *t, float *y, const float *x, nt_err *e)
{
    for (int64_t b = 0; b < t->batch; b++)
        for (int64_t p = 0; p < t->places; p++) {
            int64_t row = row_of(t, b, p);

            if (row < 0)
                return nt_fail(e, NT_EFORMAT, "a position is outside its tables");
            for (int64_t h = 0; h < t->heads; h++) {
                int64_t at = b * t->sb + h * t->sh + p * t->sp;

                turn_place(t, y + at, x + at, row);
            }
        }
    return NT_OK;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    nt_status s = NT_OK;
    turn t;

    NT_TRY(read_turn(&t, n, in[X]->rank, in[X]->dims, e));
    NT_TRY(read_tables(&t, n, in, e));
    NT_TRY(turn_all(&t, out[0]->data, in[X]->data, e));
done:
    return s;
}

/* What turned one way comes back the other way; the tables are not learned. */
static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    nt_status s = NT_OK;
    turn t;

    (void)out;
    if (din[COS] || din[SIN])
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "its tables cannot be trained"));
    if (!din[X])
        goto done;
    NT_TRY(read_turn(&t, n, in[X]->rank, in[X]->dims, e));
    NT_TRY(read_tables(&t, n, in, e));
    t.sign = -1;
    NT_TRY(turn_all(&t, din[X]->data, dout[0]->data, e));
done:
    return s;
}

static const nt_attr_spec attrs[] = {{"interleaved", NT_ATTR_INT, false},
                                     {"num_heads", NT_ATTR_INT, false},
                                     {"rotary_embedding_dim", NT_ATTR_INT, false},
                                     {0}};

const nt_op nt_op_rotary[] = {
    {.name = "RotaryEmbedding",
     .domain = "",
     .since = 23,
     .min_in = 3,
     .max_in = 4,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .infer = infer,
     .eval = eval,
     .grad = grad},
    {0},
};
