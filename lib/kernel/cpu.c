/* SPDX-License-Identifier: MIT */
#include "kernel/internal.h"

#include <stdio.h>
#include <string.h>
#if NT_WITH_WINO
#include <cpuid.h>
#endif

const char *nt_device_cpu(char *buf, size_t n)
{
#if NT_WITH_WINO
    unsigned r[12] = {0};
    char name[sizeof r + 1] = "";
    const char *text = name;

    for (unsigned i = 0; i < 3; i++)
        __get_cpuid(0x80000002u + i, &r[4 * i], &r[4 * i + 1], &r[4 * i + 2], &r[4 * i + 3]);
    memcpy(name, r, sizeof r);
    text += strspn(text, " ");
    snprintf(buf, n, "%s", text);
#else
    snprintf(buf, n, "cpu");
#endif
    return buf;
}
