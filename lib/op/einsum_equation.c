/* SPDX-License-Identifier: MIT */
/* einsum_equation.c - the equation, taken apart (einsum.h). */
#include "op/einsum.h"

#include <string.h>

/* Where parsing stands. */
typedef struct reader {
    const char *at;
    int ellipsis; /* labels that "..." stands for in the term at hand */
    bool had_ellipsis;
} reader;

static int letter(char c)
{
    if (c >= 'A' && c <= 'Z')
        return NT_MAX_RANK + c - 'A';
    if (c >= 'a' && c <= 'z')
        return NT_MAX_RANK + 26 + c - 'a';
    return -1;
}

static nt_status add_label(nt_einsum_term *t, int label, nt_err *e)
{
    if (t->rank == NT_MAX_RANK)
        return nt_fail(e, NT_EUNSUPPORTED, "a term of more than %d labels", NT_MAX_RANK);
    t->label[t->rank++] = label;
    return NT_OK;
}

static nt_status add_ellipsis(nt_einsum_term *t, reader *r, nt_err *e)
{
    nt_status s = NT_OK;

    if (r->had_ellipsis)
        NT_TRY(nt_fail(e, NT_EFORMAT, "'...' stands twice in a term"));
    r->had_ellipsis = true;
    for (int i = r->ellipsis - 1; i >= 0; i--)
        NT_TRY(add_label(t, i, e));
done:
    return s;
}

/* Up to ',', "->" or the end. */
static nt_status read_term(nt_einsum_term *t, reader *r, nt_err *e)
{
    nt_status s = NT_OK;

    t->rank = 0;
    r->had_ellipsis = false;
    for (; *r->at && *r->at != ',' && strncmp(r->at, "->", 2); r->at++) {
        if (*r->at == ' ')
            continue;
        if (!strncmp(r->at, "...", 3)) {
            NT_TRY(add_ellipsis(t, r, e));
            r->at += 2;
        } else if (letter(*r->at) >= 0) {
            NT_TRY(add_label(t, letter(*r->at), e));
        } else {
            NT_TRY(nt_fail(e, NT_EFORMAT, "'%c' is no label", *r->at));
        }
    }
done:
    return s;
}

int nt_einsum_count(const nt_einsum_term *t, int label)
{
    int n = 0;

    for (int i = 0; i < t->rank; i++)
        n += t->label[i] == label;
    return n;
}

int nt_einsum_count_all(const nt_einsum *q, int label)
{
    int n = 0;

    for (int i = 0; i < q->n_in; i++)
        n += nt_einsum_count(&q->in[i], label);
    return n;
}

/* Without "->": the ellipsis, then what stands exactly once, capitals first. */
static nt_status implicit_output(nt_einsum *q, int ellipsis, nt_err *e)
{
    nt_status s = NT_OK;

    q->out.rank = 0;
    for (int i = ellipsis - 1; i >= 0; i--)
        NT_TRY(add_label(&q->out, i, e));
    for (int i = NT_MAX_RANK; i < NT_EINSUM_LABELS; i++)
        if (nt_einsum_count_all(q, i) == 1)
            NT_TRY(add_label(&q->out, i, e));
done:
    return s;
}

static nt_status check_output(const nt_einsum *q, nt_err *e)
{
    for (int i = 0; i < q->out.rank; i++) {
        if (nt_einsum_count(&q->out, q->out.label[i]) > 1)
            return nt_fail(e, NT_EFORMAT, "a label stands twice in the output");
        if (!nt_einsum_count_all(q, q->out.label[i]))
            return nt_fail(e, NT_EFORMAT, "a label of the output is in no operand");
    }
    return NT_OK;
}

/* How many axes are left to "..." in the term that begins at s. */
static int left_over(const char *s, int rank)
{
    bool has = false;

    for (; *s && *s != ',' && strncmp(s, "->", 2); s++) {
        rank -= letter(*s) >= 0;
        has = has || *s == '.';
    }
    return has && rank > 0 ? rank : 0;
}

nt_status nt_einsum_parse(nt_einsum *q, const char *equation, int n_in, const int *rank,
                          nt_err *e)
{
    reader r = {.at = equation};
    int widest = 0;
    nt_status s = NT_OK;

    if (n_in > NT_EINSUM_IN)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "%d operands, want at most %d", n_in, NT_EINSUM_IN));
    q->n_in = n_in;
    for (int i = 0; i < n_in; i++) {
        r.ellipsis = rank ? left_over(r.at, rank[i]) : 0;
        widest = r.ellipsis > widest ? r.ellipsis : widest;
        NT_TRY(read_term(&q->in[i], &r, e));
        if (rank && q->in[i].rank != rank[i])
            NT_TRY(nt_fail(e, NT_EFORMAT, "operand %d has %d dimensions, its term %d", i,
                           rank[i], q->in[i].rank));
        if ((*r.at == ',') != (i + 1 < n_in))
            NT_TRY(nt_fail(e, NT_EFORMAT, "'%s' is not for %d operands", equation, n_in));
        r.at += *r.at == ',';
    }
    if (*r.at) {
        r.at += strlen("->");
        r.ellipsis = widest;
        NT_TRY(read_term(&q->out, &r, e));
    } else {
        NT_TRY(implicit_output(q, widest, e));
    }
    if (*r.at)
        NT_TRY(nt_fail(e, NT_EFORMAT, "'%s' is no equation", equation));
    NT_TRY(check_output(q, e));
done:
    return s;
}

nt_status nt_einsum_of(nt_einsum *q, const nt_node *n, nt_err *e)
{
    int rank[NT_EINSUM_IN] = {0};

    for (int i = 0; i < n->n_in && i < NT_EINSUM_IN; i++)
        rank[i] = n->in[i]->rank;
    return nt_einsum_parse(q, nt_node_str(n, "equation", ""), n->n_in, rank, e);
}
