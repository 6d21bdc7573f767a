/* SPDX-License-Identifier: MIT */
/* backends.h - all backends; the first that is built in is taken where nobody says which. */
#ifndef NT_KERNEL_BACKENDS_H
#define NT_KERNEL_BACKENDS_H

/* Each is a const nt_backend nt_backend_NAME. */
#define NT_BACKENDS(X)                                                                         \
    X(onednn)                                                                                  \
    X(openblas)

#endif
