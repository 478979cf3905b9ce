/* SPDX-License-Identifier: Apache-2.0
 * Threads, named locks, condition variables, a bounded queue. Atomics elsewhere only through
 * base/atomic.h. Lock order: a thread takes locks in rising rank; debug builds check it. */
#pragma once
#include <pthread.h>
#include <semaphore.h>

#include "base/err.h"

struct lock {
    pthread_mutex_t mutex;
    const char *name;
    int rank;
};

void lock_init(struct lock *l, const char *name, int rank);
void lock_fini(struct lock *l);
void lock_take(struct lock *l);
void lock_drop(struct lock *l);

struct cond {
    pthread_cond_t cond;
};

void cond_init(struct cond *c);
void cond_fini(struct cond *c);
void cond_wait(struct cond *c, struct lock *l);
int cond_wait_ms(struct cond *c, struct lock *l, int64_t ms); /* 0 woken, 1 timed out */
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);

/* One thread waits for one pass of another. The waiter may destroy the baton at once: who passes
 * touches nothing after it, and no lock is fought over, as beside a condition variable. */
struct baton {
    sem_t sem;
};

void baton_init(struct baton *b);
void baton_fini(struct baton *b);
void baton_pass(struct baton *b);
void baton_wait(struct baton *b);

/* Signals are blocked in the new thread; name ≤ 15 bytes, seen in ps and gdb. */
int thread_start(pthread_t *out, const char *name, void *(*fn)(void *), void *arg,
                 struct err *err) WARN_UNUSED;
void thread_join(pthread_t t);
/* A thread that calls fn(arg) every so many ms, until it is stopped; the ticker stands in its
 * owner. */
struct ticker {
    struct lock lock;
    struct cond wake;
    int stop; /* under lock */
    int on;
    pthread_t thread;
    int64_t ms;
    void (*fn)(void *arg);
    void *arg;
};
void ticker_init(struct ticker *t, const char *name, int rank, void (*fn)(void *arg), void *arg);
int ticker_start(struct ticker *t, int64_t ms, struct err *err) WARN_UNUSED;
void ticker_fini(struct ticker *t); /* waits for the call that is under way */
/* A small number of the calling thread, given on its first call: 0, 1, 2 … Never reused; for
 * choosing a stripe of counters, not an identity. */
unsigned thread_number(void);

/* Bounded queue of pointers, many producers and consumers. */
struct queue;
struct queue *queue_new(const char *name, size_t capacity);
void queue_free(struct queue *q);
int queue_put(struct queue *q,
              void *item); /* 0, or ERR_LIMIT when full, ERR_CANCELLED when closed */
int queue_get(struct queue *q, void **out,
              int64_t ms); /* 0 item, ERR_TIMEOUT, ERR_CANCELLED when closed and empty; ms < 0 waits
                              for ever */
void queue_close(struct queue *q);
size_t queue_length(struct queue *q);
