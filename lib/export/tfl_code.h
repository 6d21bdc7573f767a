/* SPDX-License-Identifier: MIT */
/*
 * tfl_code.h - int8: which nodes of a quantized network compute on codes, and their constants.
 *
 * A value may be stored as codes where it is quantized, and nothing reads it otherwise; so may
 * what a maximum, a cut to bounds or a change of shape takes it from, since these take codes to
 * codes. A node computes on codes where its inputs are there as codes, its weight is codes
 * around 0, and its output may be stored so. All others compute in float32, between DEQUANTIZE
 * and QUANTIZE: what the network says.
 */
#ifndef NT_EXPORT_TFL_CODE_H
#define NT_EXPORT_TFL_CODE_H

#include "export/tfl_lower.h"

/* Finds what each value's codes mean (nt_tfl_place.code). NT_EUNSUPPORTED: codes that are not
 * of 8 bits, or have a scale for each channel of an activation. */
nt_status nt_tfl_plan_codes(nt_tfl *l, nt_err *e) NT_MUST_CHECK;
bool nt_tfl_on_codes(const nt_tfl *l, const nt_node *n);

/* What belongs to n outputs of a layer, from `first` on. */
typedef struct nt_tfl_part {
    const float *numbers;
    int64_t first, n;
} nt_tfl_part;

/* Codes of the weight w, whose numbers are given in the file's order: outputs are the first
 * axis, or, where `first` is -1, the last axis, all of them. */
nt_status nt_tfl_code_weight(int *t, nt_tfl *l, const nt_value *w, const nt_tfl_shape *s,
                             const nt_tfl_part *part, nt_err *e) NT_MUST_CHECK;
/* Biases as int32, at the product of x's scale and the weight's. */
nt_status nt_tfl_code_bias(int *t, nt_tfl *l, const nt_value *x, const nt_value *w,
                           const nt_tfl_part *part, nt_err *e) NT_MUST_CHECK;
/* The least code there is, of v. */
nt_status nt_tfl_lowest_code(int *t, nt_tfl *l, const nt_value *v, nt_err *e) NT_MUST_CHECK;

#endif
