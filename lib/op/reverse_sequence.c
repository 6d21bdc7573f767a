/* SPDX-License-Identifier: MIT */
/* reverse_sequence.c - ReverseSequence: the first sequence_lens[b] steps of sample b in
 * reverse. It is its own inverse, and so its own gradient. */
#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"

#include <inttypes.h>
#include <string.h>

static int64_t batch_axis(const nt_node *n)
{
    return nt_node_int(n, "batch_axis", 1);
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    int64_t batch = batch_axis(n), time = nt_node_int(n, "time_axis", 0);

    (void)g;
    if (batch < 0 || batch > 1 || time != 1 - batch)
        return nt_fail(e, NT_EFORMAT, "axes %" PRId64 " and %" PRId64 ", want 0 and 1", batch,
                       time);
    return NT_OK;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    nt_infer_like(n->out[0], n->in[0]);
    if (n->in[0]->rank >= 0 && n->in[0]->rank < 2)
        return nt_fail(e, NT_EFORMAT, "the input has %d dimensions, want at least 2",
                       n->in[0]->rank);
    return NT_OK;
}

static nt_status reverse(void *y, const nt_node *n, const nt_tensor *x, const nt_tensor *lens,
                         nt_err *e)
{
    bool first = batch_axis(n) == 0; /* samples outermost */
    int64_t batch = x->dims[first ? 0 : 1], time = x->dims[first ? 1 : 0], inner = 1;
    size_t row;

    for (int i = 2; i < x->rank; i++)
        inner *= x->dims[i];
    row = (size_t)inner * nt_dtype_size(x->dtype);
    if (nt_tensor_count(lens) != batch)
        return nt_fail(e, NT_EFORMAT, "%" PRId64 " lengths for a batch of %" PRId64,
                       nt_tensor_count(lens), batch);
    for (int64_t b = 0; b < batch; b++) {
        int64_t len = nt_tensor_get_i64(lens, b);

        if (len < 0 || len > time)
            return nt_fail(e, NT_EFORMAT, "a length of %" PRId64 " of %" PRId64, len, time);
        for (int64_t t = 0; t < time; t++) {
            int64_t from = t < len ? len - 1 - t : t;
            size_t to_row = (size_t)(first ? b * time + t : t * batch + b);
            size_t from_row = (size_t)(first ? b * time + from : from * batch + b);

            memcpy((char *)y + to_row * row, (const char *)x->data + from_row * row, row);
        }
    }
    return NT_OK;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    nt_status s = nt_eval_wants_bytes(in[0], e);

    return s == NT_OK ? reverse(out[0]->data, n, in[0], in[1], e) : s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    (void)out;
    return din[0] ? reverse(din[0]->data, n, dout[0], in[1], e) : NT_OK;
}

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 2; i < n->in[0]->rank; i++)
        NT_TRY(nt_couple_same(c, (nt_span){n->in[0], i, 1}, (nt_span){n->out[0], i, 1}, e));
done:
    return s;
}

static const nt_attr_spec attrs[] = {
    {"batch_axis", NT_ATTR_INT, false}, {"time_axis", NT_ATTR_INT, false}, {0}};

const nt_op nt_op_reverse_sequence[] = {
    {.name = "ReverseSequence",
     .domain = "",
     .since = 10,
     .min_in = 2,
     .max_in = 2,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .check = check,
     .infer = infer,
     .eval = eval,
     .grad = grad,
     .couple = couple},
    {0},
};
