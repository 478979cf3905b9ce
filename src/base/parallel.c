/* SPDX-License-Identifier: Apache-2.0
 * Workers take the next task from a counter, the caller is one of them. */
#include "base/parallel.h"

#include <stdatomic.h>

#include "base/thread.h"

struct parallel_job {
    void (*fn)(void *context, int worker, size_t task);
    void *context;
    size_t task_n;
    _Atomic size_t next;
};

struct parallel_worker {
    struct parallel_job *job;
    int number;
    int started;
    pthread_t id;
};

static void *work(void *arg)
{
    struct parallel_worker *w = arg;
    size_t task;
    while ((task = atomic_fetch_add(&w->job->next, 1)) < w->job->task_n)
        w->job->fn(w->job->context, w->number, task);
    return NULL;
}

void parallel_run(int threads, size_t task_n, void (*fn)(void *context, int worker, size_t task),
                  void *context)
{
    struct parallel_job job = { .fn = fn, .context = context, .task_n = task_n };
    struct parallel_worker workers[PARALLEL_MAX];
    int n = MIN(MAX(threads, 1), (int)PARALLEL_MAX);
    if ((size_t)n > task_n)
        n = task_n ? (int)task_n : 1;
    for (int i = 0; i < n; i++) {
        workers[i] = (struct parallel_worker){ .job = &job, .number = i };
        if (i)
            workers[i].started =
                thread_start(&workers[i].id, "parallel", work, &workers[i], NULL) == 0;
    }
    IGNORE(work(&workers[0]));
    for (int i = 1; i < n; i++)
        if (workers[i].started)
            thread_join(workers[i].id);
}
