/* SPDX-License-Identifier: MIT */
/*
 * opt_old.h - spellings of keys and values that configurations had once.
 *
 * A row (opt.h) lists them as its `old`. They are rewritten before the object is read, so that
 * nobody else has to know them, and each is named in a line for the user.
 */
#ifndef NT_BASE_OPT_OLD_H
#define NT_BASE_OPT_OLD_H

#include "base/opt.h"
#include "base/str.h"

struct nt_opt_old {
    const char *key; /* its path; the row's own where the value alone is old. NULL: the end */
    /* Today's value of v into *out, NULL where v says nothing, or is not old under the row's
     * own key. where: the path for errors. NULL: the value is the same. */
    nt_status (*value)(cJSON **out, const cJSON *v, const char *where, nt_err *e);
};

/* Rewrites j as rows' `old` have it, and adds a line to `said` for each. `where` is j's own
 * path, "" at the top. NT_EINVAL where a key and its old spelling are both given, and as the
 * values' functions say. What else is wrong with j is left to nt_opt_read. */
nt_status nt_opt_renew(const nt_opt *rows, cJSON *j, const char *where, nt_str *said,
                       nt_err *e) NT_MUST_CHECK;

#endif
