/* SPDX-License-Identifier: MIT */
/*
 * format.h - what nt-export writes, as a table. Another format is a file format_NAME.c and a
 * line in format.c.
 */
#ifndef NT_EXPORT_FORMAT_H
#define NT_EXPORT_FORMAT_H

#include "export/onnx_export.h"

#include <stddef.h>

typedef struct nt_export_format {
    const char *name;
    bool open; /* may leave batch and size open; else a file is of one sample at one size */

    /* NT_EINVAL: what is asked for is nothing that such a file has. NULL: it has all. */
    nt_status (*check)(const nt_onnx_export *x, nt_err *e);
    /* What a file is called in a folder of several, after `stem`. nt_free; NULL: no memory. */
    char *(*file_name)(const char *stem, const nt_graph *g, const nt_onnx_export *x);
    /* path "-": standard output. */
    nt_status (*save)(const char *path, const nt_graph *g, const nt_onnx_export *x, nt_err *e);
    /* As verify.h has it; NULL: nt has no reader for such a file. */
    nt_status (*verify)(const char *path, const nt_graph *g, const nt_graph_ops *ops,
                        const nt_onnx_export *x, nt_err *e);
    /* Where its memory goes, as lines of text (nt_free); NULL: the format lays out none. */
    nt_status (*report)(char **out, const nt_graph *g, const nt_onnx_export *x, nt_err *e);
    /* A few words on the file that was written. */
    const char *(*says)(const nt_onnx_export *x);
} nt_export_format;

extern const nt_export_format nt_format_onnx, nt_format_jit, nt_format_tflite, nt_format_dlrt,
    nt_format_c;
#define NT_FORMATS "onnx|jit|tflite|dlrt|c" /* their names, for option tables */

/* All of them; NULL past the last. */
const nt_export_format *nt_format_at(size_t i);
/* By name; NULL: there is none. */
const nt_export_format *nt_format_find(const char *name);
/* Those that a list "onnx,dlrt" names, each once and in the order of the table, then NULL:
 * nt_free. NT_EINVAL says which are known. */
nt_status nt_formats_read(const nt_export_format ***out, const char *list,
                          nt_err *e) NT_MUST_CHECK;

#endif
