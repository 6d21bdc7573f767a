/* SPDX-License-Identifier: MIT */
/* qspec_priv.h - what the readers of config_list and of plans share. */
#ifndef NT_QUANT_QSPEC_PRIV_H
#define NT_QUANT_QSPEC_PRIV_H

#include "facet/op.h"
#include "quant/qspec.h"

#define NT_QSPEC_MAX_BITS 16

/* "weight", "input", "output", NULL. */
extern const char *const nt_qkinds[];
nt_qtarget *nt_qlayer_target(nt_qlayer *l, int kind);

/* quant_dtype and quant_scheme of an object, one word or one by kind: NT_EINVAL for another
 * word than those there are. */
nt_status nt_qspec_check_words(const cJSON *entry, const char *kind, const char *where,
                               nt_err *e) NT_MUST_CHECK;
/* What these make of `bits`. A word's default depends on the kind: weights are symmetric by
 * channel, the rest affine. */
nt_qtarget nt_qspec_read_target(const cJSON *entry, int kind, int bits);

#endif
