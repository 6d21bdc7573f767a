/* SPDX-License-Identifier: MIT */
/* file.c - opening by path: what a program on a system with files needs besides. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rt/rt_int.h"

static int map(const char *path, void **data, size_t *size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC), status = NT_RT_EIO;

    if (fd < 0)
        return NT_RT_EIO;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *size = (size_t)st.st_size;
        status = *size ? NT_RT_OK : NT_RT_ESIZE;
        *data = *size ? mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
        if (*data == MAP_FAILED)
            status = NT_RT_EIO;
    }
    close(fd);
    return status;
}

int nt_rt_open_file(nt_rt **out, const char *path)
{
    void *data = NULL, *mem = NULL;
    size_t size = 0, need;
    nt_rt *rt;
    int status;

    if (!out || !path)
        return NT_RT_EARG;
    status = map(path, &data, &size);
    if (status != NT_RT_OK)
        return status;
    status = nt_rt_mem_size(data, size, &need);
    if (status == NT_RT_OK) {
        mem = malloc(need);
        status = nt_rt_load(&rt, data, size, mem, need);
    }
    if (status != NT_RT_OK) {
        free(mem);
        munmap(data, size);
        return status;
    }
    rt->owned[0] = data;
    rt->owned[1] = mem;
    rt->mapped = size;
    *out = rt;
    return NT_RT_OK;
}

void nt_rt_close_file(nt_rt *rt)
{
    void *mem;

    if (!rt)
        return;
    mem = rt->owned[1]; /* holds rt itself */
    munmap(rt->owned[0], rt->mapped);
    free(mem);
}
