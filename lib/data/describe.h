/* SPDX-License-Identifier: MIT */
/* describe.h - data descriptions: the three ways to write one, checked and filled in. */
#ifndef NT_DATA_DESCRIBE_H
#define NT_DATA_DESCRIBE_H

#include "base/err.h"
#include "base/json.h"
#include "data/data.h"

/*
 * The description with "format", "path" and "splits" present, each split with "shuffle" and
 * "transforms", every key and value checked, and each "from" leading to a stored split.
 * nt_json_free.
 */
nt_status nt_describe(cJSON **out, const char *spec, nt_err *e) NT_MUST_CHECK;
/* Of such a description. */
nt_layout nt_describe_layout(const cJSON *j);
bool nt_describe_skips(const cJSON *j);
/* KIND:PATH[,key=value...] as the same JSON, before it is filled in. */
nt_status nt_describe_short(cJSON **out, const char *spec, nt_err *e) NT_MUST_CHECK;

#endif
