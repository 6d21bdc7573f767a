/* SPDX-License-Identifier: MIT */
/* pool.c - threads for those who have none: they sleep until there is work, and share it. */
#include <pthread.h>
#include <stdlib.h>

#include "rt/rt_int.h"

struct nt_rt_pool {
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    nt_rt_task *task;
    void *arg;
    size_t next, n, busy; /* tasks given out, all, not yet returned */
    size_t threads;
    int stop;
    pthread_t thread[];
};

/* Takes tasks until none is left; called and left with the lock held. */
static void drain(nt_rt_pool *p)
{
    while (p->next < p->n) {
        nt_rt_task *task = p->task;
        void *arg = p->arg;
        size_t i = p->next++;

        pthread_mutex_unlock(&p->lock);
        task(arg, i);
        pthread_mutex_lock(&p->lock);
        if (--p->busy == 0)
            pthread_cond_broadcast(&p->done);
    }
}

static void *worker(void *arg)
{
    nt_rt_pool *p = arg;

    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        drain(p);
        if (!p->stop)
            pthread_cond_wait(&p->work, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

nt_rt_pool *nt_rt_pool_new(size_t threads)
{
    nt_rt_pool *p;

    if (threads < 1 || threads > 1024)
        return NULL;
    p = calloc(1, sizeof *p + threads * sizeof *p->thread);
    if (!p)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->done, NULL);
    for (; p->threads < threads - 1; p->threads++) /* the caller is one of them */
        if (pthread_create(&p->thread[p->threads], NULL, worker, p)) {
            nt_rt_pool_free(p);
            return NULL;
        }
    return p;
}

void nt_rt_pool_free(nt_rt_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = 1;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->threads; i++)
        pthread_join(p->thread[i], NULL);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->done);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void nt_rt_pool_run(void *pool, nt_rt_task *task, void *arg, size_t n)
{
    nt_rt_pool *p = pool;

    pthread_mutex_lock(&p->lock);
    p->task = task;
    p->arg = arg;
    p->next = 0;
    p->n = n;
    p->busy = n;
    pthread_cond_broadcast(&p->work);
    drain(p);
    while (p->busy > 0)
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}
