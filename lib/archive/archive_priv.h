/* SPDX-License-Identifier: MIT */
/* archive_priv.h - what the files of this folder share: members in file order, their names. */
#ifndef NT_ARCHIVE_ARCHIVE_PRIV_H
#define NT_ARCHIVE_ARCHIVE_PRIV_H

#include "archive/archive.h"

#define NT_ARCHIVE_MANIFEST "manifest.json"
#define NT_ARCHIVE_MAX_NAME 255
#define NT_ARCHIVE_MAX_MEMBERS 32768

typedef struct nt_member {
    char *name;
    void *bytes;
    size_t n;
    bool borrowed; /* bytes are the reader's (nt_archive_read_in_place) */
    bool unlisted; /* the manifest it was read with does not name it */
} nt_member;

struct nt_archive {
    nt_member *members; /* in file order: model.onnx, then by name */
    size_t n_members, cap_members;
    cJSON *manifest;
};

/* NT_EFORMAT unless the name is one a member may have. */
nt_status nt_archive_check_name(const char *name, nt_err *e) NT_MUST_CHECK;

/* The most that n compressed bytes are believed to unpack to. */
size_t nt_archive_unpacked_max(size_t n);
/* Marks the member of that name, which is there. */
void nt_archive_set_unlisted(nt_archive *a, const char *name);
/* As nt_archive_take, of bytes that stay the caller's until nt_archive_detach. */
nt_status nt_archive_lend(nt_archive *a, const char *name, const void *bytes, size_t n,
                          nt_err *e) NT_MUST_CHECK;

#endif
