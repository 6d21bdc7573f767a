/* SPDX-License-Identifier: MIT */
/* prepare.h - a model made ready for quantization-aware training, in place. */
#ifndef NT_QUANT_PREPARE_H
#define NT_QUANT_PREPARE_H

#include "graph/model.h"
#include "quant/ptq.h"
#include "quant/qconfig.h"

/* The method to train by that a configuration names, "qat" where it names none. NT_EINVAL where
 * nothing is trained by it. */
nt_status nt_prepare_method(const nt_qmethod **out, const nt_qconfig *c,
                            nt_err *e) NT_MUST_CHECK;
/*
 * What nt-quantize --config does with that method: batch normalisations folded unless the file
 * keeps them, ranges of activations found on the samples, quant.json. o: how ranges are
 * found; its train is not looked at. NT_EUNSUPPORTED: the model is quantized
 * already.
 */
nt_status nt_prepare(nt_model *m, const nt_qconfig *config, const nt_calib *c,
                     const nt_ptq_opts *o, nt_err *e) NT_MUST_CHECK;
/* Where there is a checkpoint of that identity at path, m becomes what was prepared for that
 * run, with its weights, and *found true. */
nt_status nt_prepare_again(bool *found, nt_model *m, const char *path, const char *identity,
                           nt_err *e) NT_MUST_CHECK;

#endif
