/* SPDX-License-Identifier: MIT */
/* err.h - one status, one sentence: how everything below the tools reports failure. */
#ifndef NT_BASE_ERR_H
#define NT_BASE_ERR_H

typedef enum nt_status {
    NT_OK,
    NT_EINVAL,       /* the caller asked for something that makes no sense: exit 2 */
    NT_EFORMAT,      /* a file or stream is damaged or not what it should be: exit 1 */
    NT_EUNSUPPORTED, /* well formed, but not something nt can do: exit 1 */
    NT_EIO,          /* the system refused: exit 1 */
    NT_ENOMEM,       /* exit 1 */
    NT_EMISSED       /* done, but the asked constraint is missed: exit 3 */
} nt_status;

/* The caller's, of fixed size: works when memory has run out. */
typedef struct nt_err {
    char msg[256];
} nt_err;

#define NT_MUST_CHECK __attribute__((warn_unused_result))
#define NT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* The only macro that changes control flow: needs `nt_status s` and a label `done`. */
#define NT_TRY(expr)                                                                           \
    do {                                                                                       \
        if ((s = (expr)) != NT_OK)                                                             \
            goto done;                                                                         \
    } while (0)

/* Writes the message (cut to fit) and returns s. e may be NULL. */
nt_status nt_fail(nt_err *e, nt_status s, const char *fmt, ...) NT_PRINTF(3, 4);

/* As nt_fail(e, NT_EIO, "what: strerror(errno)"). */
nt_status nt_fail_errno(nt_err *e, const char *fmt, ...) NT_PRINTF(2, 3);

/* Puts "prefix: " before the message: each level adds what it alone knows. */
void nt_err_prefix(nt_err *e, const char *fmt, ...) NT_PRINTF(2, 3);

/* "out of memory", with the number of bytes that were wanted where known. */
nt_status nt_fail_nomem(nt_err *e);

#endif
