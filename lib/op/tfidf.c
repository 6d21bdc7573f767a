/* SPDX-License-Identifier: MIT */
/*
 * tfidf.c - TfIdfVectorizer of integers: how often n-grams of a pool are in a sequence, with
 * gaps of up to max_skip_count between their words. The pool lists all 1-grams, then all
 * 2-grams...; ngram_counts says where each of these lists begins.
 */
#include "facet/infer.h"
#include "facet/op.h"

#include <string.h>

typedef enum mode { TF, IDF, TFIDF, N_MODES } mode;

typedef struct pool {
    const nt_attr *words, *begin, *column, *weight; /* weight: NULL for none */
    int64_t shortest, longest, skips;
    mode mode;
} pool;

static nt_status read_mode(mode *out, const nt_node *n, nt_err *e)
{
    static const char *const names[N_MODES] = {"TF", "IDF", "TFIDF"};
    const char *name = nt_node_str(n, "mode", "");

    for (int i = 0; i < N_MODES; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (mode)i;
            return NT_OK;
        }
    return nt_fail(e, NT_EUNSUPPORTED, "mode '%s' is not supported", name);
}

/* Words before the list of n-grams (n from 0: of single words), held to the pool. */
static int64_t list_begin(const pool *p, size_t n)
{
    return n < p->begin->n ? p->begin->ints[n] : (int64_t)p->words->n;
}

static nt_status check_lists(const pool *p, nt_err *e)
{
    int64_t n_grams = 0;

    for (size_t i = 0; i < p->begin->n; i++) {
        int64_t from = list_begin(p, i), to = list_begin(p, i + 1);

        if (from < 0 || to < from || to > (int64_t)p->words->n ||
            (to - from) % ((int64_t)i + 1) != 0)
            return nt_fail(e, NT_EFORMAT, "ngram_counts do not fit a pool of %zu words",
                           p->words->n);
        n_grams += (to - from) / ((int64_t)i + 1);
    }
    if (n_grams > (int64_t)p->column->n || p->column->n == 0)
        return nt_fail(e, NT_EFORMAT, "%zu ngram_indexes for %lld n-grams", p->column->n,
                       (long long)n_grams);
    for (size_t i = 0; i < p->column->n; i++)
        if (p->column->ints[i] < 0 || p->column->ints[i] > INT32_MAX)
            return nt_fail(e, NT_EFORMAT, "an n-gram's index is %lld",
                           (long long)p->column->ints[i]);
    return NT_OK;
}

static int64_t width(const pool *p)
{
    int64_t most = 0;

    for (size_t i = 0; i < p->column->n; i++)
        most = p->column->ints[i] > most ? p->column->ints[i] : most;
    return most + 1;
}

static nt_status read_pool(pool *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    p->words = nt_node_attr(n, "pool_int64s");
    p->begin = nt_node_attr(n, "ngram_counts");
    p->column = nt_node_attr(n, "ngram_indexes");
    p->weight = nt_node_attr(n, "weights");
    p->shortest = nt_node_int(n, "min_gram_length", 1);
    p->longest = nt_node_int(n, "max_gram_length", 1);
    p->skips = nt_node_int(n, "max_skip_count", 0);
    if (!p->words)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "a pool of strings is not supported"));
    NT_TRY(read_mode(&p->mode, n, e));
    if (p->shortest < 1 || p->longest < p->shortest || p->skips < 0)
        NT_TRY(nt_fail(e, NT_EFORMAT, "n-grams of %lld to %lld words with %lld skipped",
                       (long long)p->shortest, (long long)p->longest, (long long)p->skips));
    NT_TRY(check_lists(p, e));
    if (p->weight && (int64_t)p->weight->n < width(p))
        NT_TRY(nt_fail(e, NT_EFORMAT, "%zu weights for %lld n-grams", p->weight->n,
                       (long long)width(p)));
done:
    return s;
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    pool p;

    (void)g;
    return read_pool(&p, n, e);
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_dim dims[2];
    nt_status s = NT_OK;
    pool p;

    (void)g;
    NT_TRY(read_pool(&p, n, e));
    nt_infer_type(n->out[0], NT_F32);
    if (x->rank < 0)
        goto done;
    if (x->rank > 2)
        NT_TRY(nt_fail(e, NT_EFORMAT, "a sequence of %d dimensions", x->rank));
    dims[0] = x->dims[0];
    dims[x->rank == 2] = nt_dim_of(width(&p));
    nt_infer_set(n->out[0], NT_F32, x->rank == 2 ? 2 : 1, dims);
done:
    return s;
}

/* Is the n-gram that begins at word `at` of the sequence, every `step`-th word, this one? */
static bool matches(const int64_t *gram, int64_t n, const nt_tensor *x, int64_t at,
                    int64_t step)
{
    for (int64_t k = 0; k < n; k++)
        if (nt_tensor_get_i64(x, at + k * step) != gram[k])
            return false;
    return true;
}

static int64_t occurrences(const pool *p, const int64_t *gram, int64_t n, const nt_tensor *x,
                           int64_t from, int64_t count)
{
    int64_t most = n == 1 ? 1 : p->skips + 1, found = 0; /* a word has no gaps */

    for (int64_t step = 1; step <= most && (n - 1) <= (count - 1) / step; step++)
        for (int64_t i = 0; i + (n - 1) * step < count; i++)
            found += matches(gram, n, x, from + i, step);
    return found;
}

static double weighted(const pool *p, double found, int64_t column)
{
    double w = p->weight && p->mode != TF ? p->weight->floats[column] : 1;

    if (p->mode == IDF)
        found = found > 0;
    return w * found;
}

static void count_row(nt_tensor *y, const pool *p, const nt_tensor *x, int64_t row,
                      int64_t count)
{
    int64_t n_columns = width(p), gram = 0;

    for (size_t i = 0; i < p->begin->n; i++) {
        int64_t n = (int64_t)i + 1;

        for (int64_t at = list_begin(p, i); at < list_begin(p, i + 1); at += n, gram++) {
            int64_t to = row * n_columns + p->column->ints[gram];

            if (n < p->shortest || n > p->longest)
                continue;
            nt_tensor_set(y, to,
                          nt_tensor_get(y, to) + (double)occurrences(p, p->words->ints + at, n,
                                                                     x, row * count, count));
        }
    }
    for (int64_t c = 0; c < n_columns; c++)
        nt_tensor_set(y, row * n_columns + c,
                      weighted(p, nt_tensor_get(y, row * n_columns + c), c));
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    const nt_tensor *x = in[0];
    int64_t rows = x->rank == 2 ? x->dims[0] : 1;
    int64_t count = x->rank == 2 ? x->dims[1] : nt_tensor_count(x);
    nt_status s = NT_OK;
    pool p;

    NT_TRY(read_pool(&p, n, e));
    memset(out[0]->data, 0, nt_tensor_bytes(out[0]));
    for (int64_t r = 0; r < rows; r++)
        count_row(out[0], &p, x, r, count);
done:
    return s;
}

static const nt_attr_spec attrs[] = {
    {"max_gram_length", NT_ATTR_INT, true}, {"max_skip_count", NT_ATTR_INT, true},
    {"min_gram_length", NT_ATTR_INT, true}, {"mode", NT_ATTR_STRING, true},
    {"ngram_counts", NT_ATTR_INTS, true},   {"ngram_indexes", NT_ATTR_INTS, true},
    {"pool_int64s", NT_ATTR_INTS, false},   {"pool_strings", NT_ATTR_STRINGS, false},
    {"weights", NT_ATTR_FLOATS, false},     {0}};

const nt_op nt_op_tfidf[] = {
    {.name = "TfIdfVectorizer",
     .domain = "",
     .since = 9,
     .min_in = 1,
     .max_in = 1,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .check = check,
     .infer = infer,
     .eval = eval},
    {0},
};
