/* SPDX-License-Identifier: MIT */
/* choose.h - which algorithm a convolution gets that leaves it open. */
#ifndef NT_KERNEL_CHOOSE_H
#define NT_KERNEL_CHOOSE_H

#include "kernel/internal.h"

typedef enum nt_pass { NT_PASS_FORWARD, NT_PASS_BWD_DATA, NT_PASS_BWD_WEIGHTS } nt_pass;

/*
 * The rule: from measurements (see choose.c), the same for the same device and convolution. The
 * kernel may still turn out not to exist (NT_EUNSUPPORTED), then NT_ALGO_DIRECT is next.
 */
nt_algo nt_choose_by_rule(const nt_device *dev, const nt_conv_desc *d, nt_pass pass);

#endif
