/* SPDX-License-Identifier: Apache-2.0
 * Worker w takes tasks w, w + threads, w + 2·threads, …; the caller is worker 0 and also does the
 * share of any thread that did not start. */
#include "train/parallel.h"

#include "base/thread.h"

struct worker {
    void (*fn)(void *context, int worker, size_t task);
    void *context;
    size_t task_n;
    size_t step;
    int number;
    int started;
    pthread_t thread;
};

static void *work(void *arg)
{
    const struct worker *w = arg;
    for (size_t task = (size_t)w->number; task < w->task_n; task += w->step)
        w->fn(w->context, w->number, task);
    return NULL;
}

void parallel_run(int threads, size_t task_n, void (*fn)(void *context, int worker, size_t task),
                  void *context)
{
    struct worker workers[PARALLEL_MAX];
    int n = MIN(MAX(threads, 1), (int)PARALLEL_MAX);
    if ((size_t)n > task_n)
        n = task_n ? (int)task_n : 1;
    for (int i = 0; i < n; i++) {
        workers[i] = (struct worker){
            .fn = fn, .context = context, .task_n = task_n, .step = (size_t)n, .number = i
        };
        if (i)
            workers[i].started =
                thread_start(&workers[i].thread, "fit", work, &workers[i], NULL) == 0;
    }
    (void)work(&workers[0]);
    for (int i = 1; i < n; i++) {
        if (workers[i].started)
            thread_join(workers[i].thread);
        else
            (void)work(&workers[i]);
    }
}
