/* SPDX-License-Identifier: MIT */
/* contents.h - what data consist of, line by line: by which it is found out that they changed.
 */
#ifndef NT_DATA_CONTENTS_H
#define NT_DATA_CONTENTS_H

#include "base/str.h"
#include "data/data.h"

/* Data that lie in files of one sample each are read as long as all have no more bytes. */
#define NT_CONTENTS_BYTES ((uint64_t)1 << 30)

/*
 * Appends "NAME\tVALUE\n" for each file that holds samples of these splits, or of those they
 * are cut from, sorted by bytes. VALUE is a digest of the sample or samples: content, labels,
 * masks, boxes. Where the samples' own files have more than NT_CONTENTS_BYTES together, they
 * are not read: size and time of the last change stand for the content, which nobody writes
 * without changing that time, short of setting it back. `splits` end with NULL; names that the
 * description has not are passed over.
 */
nt_status nt_dataset_contents(nt_str *out, nt_dataset *d, const char *const *splits,
                              nt_err *e) NT_MUST_CHECK;
/* How two such lists differ: the first name that is new, gone or of another value, in *name
 * (nt_free), and how many such there are. *name is NULL where they are the same. */
nt_status nt_contents_compare(char **name, size_t *n, const char *before, const char *now,
                              nt_err *e) NT_MUST_CHECK;

#endif
