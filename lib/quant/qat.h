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
#ifndef NT_QUANT_QAT_H
#define NT_QUANT_QAT_H

#include "train/companion.h"

/* The model is prepared: its graph gets its quantizers. NT_EINVAL where o->progressive
 * ("BITS:EPOCHS,...": so many epochs with so many bits, 2 to 8, then with the model's own) is
 * no such text, or the model not prepared. Stored are scales, zero points, and weights that
 * only so become what training saw, into the graph and quant.json. */
extern const nt_companion nt_companion_qat;

#endif
