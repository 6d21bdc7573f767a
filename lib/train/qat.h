/* SPDX-License-Identifier: MIT */
/*
 * qat.h - quantization-aware training: the quantizers of a whole model.
 *
 * A model that was prepared for it has pairs of QuantizeLinear and DequantizeLinear, a Clip of
 * the codes between them where they are fewer than their type, and in quant.json the method. In
 * the training's own graph each pair becomes one node (fakeq.h); afterwards the model's pairs
 * get the scales and zero points that training came to, so that it computes what training saw.
 *
 * Bits may come down step by step: where a phase has more of them than the model, quantizers
 * begin with these, and each time that bits go a learned scale becomes s * 2^(before - after),
 * so that the range stays, or (of weights) that of least squared error. A tensor whose
 * start_step in quant.json is not reached passes as it is, and is looked at meanwhile.
 */
#ifndef NT_TRAIN_QAT_H
#define NT_TRAIN_QAT_H

#include "base/json.h"
#include "exec/params.h"
#include "graph/model.h"

typedef struct nt_qat nt_qat;

/* g (a copy of the model's graph) gets its quantizers, and is bound again. To be called before
 * nt_params_new. *out is NULL, and g as it was, where the model is not prepared. */
nt_status nt_qat_new(nt_qat **out, nt_graph *g, const nt_model *m, nt_err *e) NT_MUST_CHECK;
void nt_qat_free(nt_qat *q);
/* "BITS:EPOCHS,...": so many epochs with so many bits (2 to 8), then with the model's own.
 * NT_EINVAL. */
nt_status nt_qat_set_phases(nt_qat *q, const char *text, uint64_t steps_per_epoch,
                            nt_err *e) NT_MUST_CHECK;
/* Is the text such phases? */
nt_status nt_qat_check_phases(const char *text, nt_err *e) NT_MUST_CHECK;
/* p: made of g. Borrowed. */
void nt_qat_place(nt_qat *q, nt_params *p);

/* Before step number `step`, from 0. *changed: the graph, so plans are to be made anew.
 * resumed: the parameters are those of this step already. */
nt_status nt_qat_advance(nt_qat *q, uint64_t step, bool resumed, bool *changed,
                         nt_err *e) NT_MUST_CHECK;
/* Between the backward run and the update at rate lr: the gradients of what is learned. */
void nt_qat_adjust(const nt_qat *q, double lr, double decay);
/* After the update: what left its bounds returns. */
void nt_qat_keep(const nt_qat *q);
/* The quantizers' own parameters into buffers like nt_params.w and .state (an average's). */
void nt_qat_copy(const nt_qat *q, float *w, float *state);
/* Scales, zero points, and weights that only so become what training saw, into the model's
 * graph and quant.json. After nt_params_store. */
nt_status nt_qat_store(const nt_qat *q, nt_model *m, nt_err *e) NT_MUST_CHECK;

#endif
