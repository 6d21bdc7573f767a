/* SPDX-License-Identifier: MIT */
#include "kernel/backend.h"

#include <string.h>

static bool offers(const nt_backend *b, size_t member)
{
    void (*constructor)(void);

    memcpy(&constructor, (const char *)b + member, sizeof constructor);
    return constructor != NULL;
}

/* The order of nt_ask; false: that was the last. */
static bool step(nt_ask *a)
{
    nt_device *d = a->dev;

    if (!a->b) {
        a->b = d->backend;
    } else if (d->portable && a->b != d->portable) {
        a->b = d->portable;
    } else if (d->host) {
        a->dev = d->host;
        a->b = a->dev->backend;
    } else {
        return false;
    }
    return true;
}

bool nt_ask_next(nt_ask *a)
{
    if (a->asked && (a->s != NT_EUNSUPPORTED || a->other_forms))
        return false;
    while (step(a))
        if (offers(a->b, a->member)) {
            a->asked = true;
            return true;
        }
    if (!a->asked)
        a->s = nt_fail(a->e, NT_EUNSUPPORTED, "no backend of this device has such a kernel");
    return false;
}
