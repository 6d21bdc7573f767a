/* SPDX-License-Identifier: MIT */
/*
 * rules.h - config_list: which layers, how much (CONTRACT.md, "The job file"; NNI's keys).
 *
 * An array of objects applied in order, later ones overwriting earlier ones on the layers both
 * name. An object names layers by op_types and op_names (both: a layer must match both);
 * op_types takes ONNX's names and PyTorch's, and "default". exclude: true takes layers out
 * again.
 */
#ifndef NT_PRUNE_RULES_H
#define NT_PRUNE_RULES_H

#include "base/json.h"

/* What applies to one layer. */
typedef struct nt_rule {
    double sparsity;      /* NAN: none */
    bool total;           /* it is the share over all layers of this entry (total_sparsity) */
    double max_per_layer; /* NAN: not said */
    int entry;            /* which object decided; -1: none, the layer is left alone */
} nt_rule;

/* NT_EINVAL for a list that is malformed, with the path of the key ("config_list[1].sparsity"),
 * or that names a type of operator nobody has. */
nt_status nt_rules_check(const cJSON *list, nt_err *e) NT_MUST_CHECK;
/* The rule for the index-th prunable layer. The list has been checked. */
nt_rule nt_rules_find(const cJSON *list, const char *layer_name, const char *op_type,
                      int index);
/* Does an entry of op_types mean this operator of ONNX? */
bool nt_rules_type_matches(const char *want, const char *op_type);
/* The same for other keys: `check` sees every object of the list, and where it stands. */
nt_status nt_rules_check_each(const cJSON *list,
                              nt_status (*check)(const cJSON *entry, const char *where,
                                                 nt_err *e),
                              nt_err *e) NT_MUST_CHECK;
/* op_types, op_names and exclude of an object of any config_list: NT_EINVAL with the path. */
nt_status nt_rules_check_selection(const cJSON *entry, const char *where,
                                   nt_err *e) NT_MUST_CHECK;
/* Does an object of the list speak of this layer? */
bool nt_rules_entry_matches(const cJSON *entry, const char *layer_name, const char *op_type,
                            int index);
/* Every name in op_names must match some layer: NT_EINVAL with the nearest name. Numbers mean
 * the first n_numbered of the n layers. */
nt_status nt_rules_check_names(const cJSON *list, const char *const *layer_names,
                               int n_numbered, int n, nt_err *e) NT_MUST_CHECK;

#endif
