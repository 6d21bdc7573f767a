/* SPDX-License-Identifier: MIT */
/* qat_priv.h - what the files of quantization-aware training share. */
#ifndef NT_QUANT_QAT_PRIV_H
#define NT_QUANT_QAT_PRIV_H

#include "base/json.h"
#include "quant/fakeq.h"
#include "quant/qat.h"

enum { NT_QAT_PHASES = 8 };

/* One quantized tensor. Names are of the model's constants. */
typedef struct nt_qsite {
    nt_node *node;
    const nt_quantizer *z;
    const char *tensor, *scale, *zero;
    bool weight, is_unsigned;
    bool again;     /* of what is quantized already */
    nt_codes codes; /* the model's */
    int bits;
    uint64_t start;
    double count; /* elements of a group, of activations in one sample */
    float *w, *seen, *theta;
    size_t seen_at, theta_at; /* in nt_params.state and .w */
} nt_qsite;

typedef struct nt_qphase {
    int bits;
    double epochs;
} nt_qphase;

typedef struct nt_qat {
    nt_graph *g;
    const nt_params *p;
    nt_qsite *s;
    int n;
    nt_qphase phase[NT_QAT_PHASES];
    int n_phases;
    double per_epoch;
} nt_qat;

/* quant.json and the model's graph get what training came to. */
nt_status nt_qat_store(const void *state, nt_model *m, nt_err *e) NT_MUST_CHECK;
/* The entry of quant.json, NULL where it has none. Of a value that is quantized as somebody's
 * output and again as an input there are two. */
cJSON *nt_qat_entry(const cJSON *record, const char *tensor, bool weight, bool again);
/* The site's node, with the parameters in training. */
nt_fakeq nt_qat_fakeq(const nt_qsite *at);

#endif
