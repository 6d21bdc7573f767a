/* SPDX-License-Identifier: MIT */
/*
 * qconfig.h - a file that says how a model is quantized: nt-quantize --config, nt-finetune --qat.
 *
 * It is an array, NNI's config_list or a plan (whose entries have a "layer"), or an object with
 * one of "config_list", "plan" and Neutrino's "custom_compression", beside which may stand
 *
 *   "method"    a name of nt_quantize_methods
 *   "keep_bn"   true: batch normalisations are not folded first
 */
#ifndef NT_QUANT_QCONFIG_H
#define NT_QUANT_QCONFIG_H

#include "quant/qspec.h"

/* NULL-terminated. Those behind brecq prepare training: they are of train/quantizer.h. */
enum { NT_QUANTIZE_PTQ, NT_QUANTIZE_ADAROUND, NT_QUANTIZE_GPTQ, NT_QUANTIZE_BRECQ };
extern const char *const nt_quantize_methods[];

typedef struct nt_qconfig {
    cJSON *json;
    const char *path; /* borrowed: what messages begin with */
    int method;       /* of nt_quantize_methods; -1: the file names none */
    bool keep_bn;
} nt_qconfig;

/* NT_EINVAL names the key that is wrong; layers are looked at by nt_qconfig_apply alone. */
nt_status nt_qconfig_load(nt_qconfig *out, const char *path, nt_err *e) NT_MUST_CHECK;
void nt_qconfig_release(nt_qconfig *c);
/* As nt_qspec_config_list, nt_qspec_plan or nt_qspec_custom. */
nt_status nt_qconfig_apply(nt_qspec *q, const nt_qconfig *c, nt_err *e) NT_MUST_CHECK;

#endif
