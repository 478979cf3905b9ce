/* SPDX-License-Identifier: Apache-2.0
 * pthread wrappers whose failures are bugs, hence asserted. */
#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "base/atomic.h"
#include "base/mem.h"

#ifdef SLIPWAY_DEBUG
static __thread int held_ranks[32];
static __thread int held_n;
#endif

void lock_init(struct lock *l, const char *name, int rank)
{
    l->name = name;
    l->rank = rank;
    AZ(pthread_mutex_init(&l->mutex, NULL));
}

void lock_fini(struct lock *l)
{
    AZ(pthread_mutex_destroy(&l->mutex));
}

void lock_take(struct lock *l)
{
#ifdef SLIPWAY_DEBUG
    ASSERT(held_n == 0 || held_ranks[held_n - 1] < l->rank);
    ASSERT(held_n < (int)ARRAY_LEN(held_ranks));
    held_ranks[held_n++] = l->rank;
#endif
    AZ(pthread_mutex_lock(&l->mutex));
}

void lock_drop(struct lock *l)
{
#ifdef SLIPWAY_DEBUG
    int i = held_n - 1;
    while (i >= 0 && held_ranks[i] != l->rank)
        i--;
    ASSERT(i >= 0);
    for (; i + 1 < held_n; i++)
        held_ranks[i] = held_ranks[i + 1];
    held_n--;
#endif
    AZ(pthread_mutex_unlock(&l->mutex));
}

void cond_init(struct cond *c)
{
    pthread_condattr_t attr;
    AZ(pthread_condattr_init(&attr));
    AZ(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    AZ(pthread_cond_init(&c->cond, &attr));
    AZ(pthread_condattr_destroy(&attr));
}

void cond_fini(struct cond *c)
{
    AZ(pthread_cond_destroy(&c->cond));
}

void cond_wait(struct cond *c, struct lock *l)
{
    AZ(pthread_cond_wait(&c->cond, &l->mutex));
}

int cond_wait_ms(struct cond *c, struct lock *l, int64_t ms)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    int64_t ns = ts.tv_nsec + ms % 1000 * 1000000;
    ts.tv_sec += (time_t)(ms / 1000 + ns / 1000000000);
    ts.tv_nsec = (long)(ns % 1000000000);
    int rc = pthread_cond_timedwait(&c->cond, &l->mutex, &ts);
    ASSERT(rc == 0 || rc == ETIMEDOUT);
    return rc == ETIMEDOUT;
}

void cond_signal(struct cond *c)
{
    AZ(pthread_cond_signal(&c->cond));
}

void cond_broadcast(struct cond *c)
{
    AZ(pthread_cond_broadcast(&c->cond));
}

void baton_init(struct baton *b)
{
    AZ(sem_init(&b->sem, 0, 0));
}

void baton_fini(struct baton *b)
{
    AZ(sem_destroy(&b->sem));
}

void baton_pass(struct baton *b)
{
    AZ(sem_post(&b->sem));
}

void baton_wait(struct baton *b)
{
    while (sem_wait(&b->sem) != 0)
        ASSERT(errno == EINTR);
}

int thread_start(pthread_t *out, const char *name, void *(*fn)(void *), void *arg, struct err *err)
{
    sigset_t all, old;
    (void)sigfillset(&all);
    AZ(pthread_sigmask(SIG_SETMASK, &all, &old));
    int rc = pthread_create(out, NULL, fn, arg);
    AZ(pthread_sigmask(SIG_SETMASK, &old, NULL));
    if (rc) {
        errno = rc;
        return ERR_SYS(err, "cannot start thread '%s'", name);
    }
    (void)pthread_setname_np(*out, name);
    return 0;
}

void thread_join(pthread_t t)
{
    AZ(pthread_join(t, NULL));
}

void ticker_init(struct ticker *t, const char *name, int rank, void (*fn)(void *arg), void *arg)
{
    *t = (struct ticker){ .fn = fn, .arg = arg };
    lock_init(&t->lock, name, rank);
    cond_init(&t->wake);
}

static void *ticker_main(void *arg)
{
    struct ticker *t = arg;
    for (;;) {
        lock_take(&t->lock);
        if (!t->stop)
            (void)cond_wait_ms(&t->wake, &t->lock, t->ms);
        int stop = t->stop;
        lock_drop(&t->lock);
        if (stop)
            return NULL;
        t->fn(t->arg);
    }
}

int ticker_start(struct ticker *t, int64_t ms, struct err *err)
{
    t->ms = ms;
    int rc = thread_start(&t->thread, t->lock.name, ticker_main, t, err);
    t->on = rc == 0;
    return rc;
}

void ticker_fini(struct ticker *t)
{
    lock_take(&t->lock);
    t->stop = 1;
    cond_signal(&t->wake);
    lock_drop(&t->lock);
    if (t->on)
        thread_join(t->thread);
    lock_fini(&t->lock);
    cond_fini(&t->wake);
}

unsigned thread_number(void)
{
    static counter_t next;
    static __thread unsigned mine;
    if (!mine)
        mine = (unsigned)counter_next(&next);
    return mine - 1;
}

struct queue {
    struct lock lock;
    struct cond filled;
    size_t capacity, n, head;
    int closed;
    void *items[];
};

enum { QUEUE_RANK = 900 };

struct queue *queue_new(const char *name, size_t capacity)
{
    struct queue *q = mem_alloc(sizeof *q + capacity * sizeof *q->items);
    lock_init(&q->lock, name, QUEUE_RANK);
    cond_init(&q->filled);
    q->capacity = capacity;
    return q;
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    cond_fini(&q->filled);
    lock_fini(&q->lock);
    mem_free(q);
}

int queue_put(struct queue *q, void *item)
{
    int rc = 0;
    lock_take(&q->lock);
    if (q->closed)
        rc = ERR_CANCELLED;
    else if (q->n == q->capacity)
        rc = ERR_LIMIT;
    else {
        q->items[(q->head + q->n++) % q->capacity] = item;
    }
    lock_drop(&q->lock);
    if (!rc) /* after the lock, or the woken thread runs into it */
        cond_signal(&q->filled);
    return rc;
}

int queue_get(struct queue *q, void **out, int64_t ms)
{
    int rc = 0;
    lock_take(&q->lock);
    while (q->n == 0 && !q->closed && rc == 0) {
        if (ms < 0)
            cond_wait(&q->filled, &q->lock);
        else if (cond_wait_ms(&q->filled, &q->lock, ms))
            rc = ERR_TIMEOUT;
    }
    if (q->n > 0) {
        *out = q->items[q->head];
        q->head = (q->head + 1) % q->capacity;
        q->n--;
        rc = 0;
    } else if (q->closed) {
        rc = ERR_CANCELLED;
    }
    lock_drop(&q->lock);
    return rc;
}

void queue_close(struct queue *q)
{
    lock_take(&q->lock);
    q->closed = 1;
    cond_broadcast(&q->filled);
    lock_drop(&q->lock);
}

size_t queue_length(struct queue *q)
{
    lock_take(&q->lock);
    size_t n = q->n;
    lock_drop(&q->lock);
    return n;
}
