/* SPDX-License-Identifier: MIT */
/* quant_sqnr.h - what quantizing a small network leaves of its outputs: include it first. */
#ifndef NT_TESTS_UNIT_QUANT_SQNR_H
#define NT_TESTS_UNIT_QUANT_SQNR_H

#include "quant_data.h"

#include "measure/diff.h"
#include "op/registry.h"

/* Signal to noise of the worst output on the split, in dB. */
static inline double worst_sqnr(const nt_graph *ref, const nt_graph *g, const pictures *u)
{
    nt_model *a = NULL, *b = NULL;
    nt_graph *own[2] = {NULL, NULL};
    nt_diff *d = NULL;
    double worst = INFINITY;

    for (int i = 0; i < 2; i++) {
        assert_ok(nt_graph_dup(&own[i], i ? g : ref, false, e));
        assert_ok(nt_graph_bind(own[i], nt_ops_table(), e));
        assert_ok(nt_pass_infer(own[i], e));
        assert_ok(nt_model_from_graph(i ? &b : &a, own[i], e));
    }
    assert_ok(nt_diff_new(&d, a, b, u->dev, &(nt_diff_opts){.split = u->train}, e));
    for (int i = 0; i < d->n_rows; i++)
        if (d->rows[i].is_output)
            worst = fmin(worst, d->rows[i].sqnr_db);
    nt_diff_free(d);
    nt_model_free(a);
    nt_model_free(b);
    return worst;
}

/* Quantizes a copy to 8 bits. */
static inline nt_graph *quantized(const nt_graph *g, const pictures *u, nt_ptq_rounding how,
                                  nt_range_method range)
{
    const nt_calib c = {.dev = u->dev, .split = u->train, .batch_size = 16};
    nt_ptq_opts o;
    nt_graph *q = NULL;
    nt_qspec *spec = NULL;
    cJSON *record = NULL;

    nt_ptq_defaults(&o);
    o.rounding = how;
    o.method = range;
    o.correct_bias = true;
    o.steps = 20;
    assert_ok(nt_graph_dup(&q, g, false, e));
    assert_ok(nt_graph_bind(q, nt_ops_table(), e));
    assert_ok(nt_pass_infer(q, e));
    assert_ok(nt_qspec_new(&spec, q, e));
    assert_ok(nt_qspec_bits(spec, "8", false, e));
    assert_ok(nt_ptq(&record, q, spec, &c, &o, e));
    nt_json_free(record);
    nt_qspec_free(spec);
    return q;
}

#endif
