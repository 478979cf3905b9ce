/* SPDX-License-Identifier: Apache-2.0
 * Structures that the files of serve/ share. */
#pragma once
#include "base/atomic.h"
#include "base/map.h"
#include "base/thread.h"
#include "infer/predictor.h"
#include "serve/epoch.h"
#include "serve/serve.h"

enum {
    SERVE_MAGIC = 0x53525645,
    VERSION_MAGIC = 0x53565253,
    TRAFFIC_STRIPES = 8,
    TRAFFIC_BUCKETS = 96,
    TRAFFIC_KEPT = 16, /* versions of an endpoint whose counters are kept */
};

struct watch;
struct watch_layout;
struct watch_log;

struct serve_version {
    uint32_t magic;
    int refs; /* endpoints that hold it, under serve->lock */
    struct arena arena;
    const char *model, *version, *digest;
    struct predictor *predictor;
    struct serve_column *columns; /* in signature order */
    size_t column_n;
    struct map by_name;     /* column name → index + 1 */
    const char **names;     /* of the columns, for did-you-mean */
    const char *names_text; /* "age, sex, …", cut at some length */
    size_t *offsets;        /* of a column in a row of the input block, in 8-byte words */
    size_t row_words;       /* 8-byte words of one input row */
    size_t input_n;
    struct serve_output *outputs;
    size_t output_n, output_width;
    struct watch_layout *layout; /* what is counted */
    int64_t loaded_ms;
};

/* Counters of one version of one endpoint. Stripes are added to by predictions; the rest is the
 * merger's, under serve->stats_lock. */
struct traffic {
    struct traffic *next; /* newest first */
    char version[32];
    struct watch *watch; /* NULL when there was no memory for it */
    struct traffic_stripe {
        counter_t requests, errors, rows, sum_ns;
        sum_t predictions;
        counter_t buckets[TRAFFIC_BUCKETS];
        char pad[64];
    } stripes[TRAFFIC_STRIPES];
    struct traffic_total {
        uint64_t requests, errors, rows, sum_ns;
        double predictions;
        uint64_t buckets[TRAFFIC_BUCKETS];
    } last; /* at the last merge */
    struct traffic_second {
        uint64_t requests, errors;
        uint32_t buckets[TRAFFIC_BUCKETS];
    } ring[SERVE_RING];
};

/* Counters of the two arms of a trial. */
struct trial {
    struct trial_arm {
        char version[32];
        struct trial_stripe {
            counter_t requests, errors, rows, skipped, not_finite, turn;
            sum_t sum, sum_squares;
            counter_t latency[SERVE_ARM_LATENCIES];
            counter_t cells[SERVE_ARM_CELLS];
        } stripes[TRAFFIC_STRIPES];
    } arms[2];
};

/* The copies of requests that a candidate answers behind the answers; its thread starts with the
 * first shadow and ends with the table. */
struct shadow {
    struct queue *queue;
    pthread_t thread;
    gauge_t waiting; /* copies taken and not yet answered */
    int on;
};

/* The writers' view of an endpoint, under serve->lock. */
struct endpoint {
    struct endpoint *next;
    char *name;
    struct serve_version *active, *previous, *candidate;
    struct serve_share share; /* of the candidate */
    struct trial *trial;      /* with a candidate */
    struct traffic *traffic;
    int64_t log_share; /* serve_watch_log: 0 = off, else 1 + share of 2^32 */
    char wanted[32];
    char problem[480];
    uint64_t changed; /* order of the last publish */
    int64_t since_ms;
};

/* The readers' view: immutable once published. */
struct table_entry {
    const char *name;
    uint64_t changed;
    struct serve_version *active, *previous, *candidate;
    struct traffic *active_traffic, *previous_traffic, *candidate_traffic;
    struct serve_share share;
    struct trial *trial;
};

struct table {
    struct table_entry *entries;
    size_t n;
    struct map endpoints; /* name → entry */
    struct map models;    /* model → the entry that changed last */
    struct map problems;  /* name of an endpoint that serves nothing → why; entries owned */
};

struct serve {
    uint32_t magic;
    cell_t table; /* struct table *; never NULL */
    struct epoch epoch;
    struct lock lock; /* writers: the list of endpoints */
    struct endpoint *endpoints;
    size_t endpoint_n;
    uint64_t changes;
    int64_t log_share;      /* of endpoints that come */
    uint64_t serials;       /* of counters, under lock */
    struct watch_log *log;  /* of the predictions; made with the table */
    struct lock stats_lock; /* rings; lists of traffic change under both locks */
    int64_t ring_second;    /* of the newest slot, 0 = none yet */
    pthread_t thread;
    int thread_on;
    struct shadow shadow; /* queue and on: under serve->lock */
    flag_t stop;
    struct lock tick_lock;
    struct cond tick;
};

/* input.c: fills the input block from the body; *out_columns: one pointer a column. */
int serve__read_body(struct serve_call *c, const struct serve_version *v, void ***out_columns,
                     int *out_missing, struct err *err) WARN_UNUSED;
/* predict.c: reads the body, runs the predictor; everything lands in c->arena. */
int serve__run(struct serve_call *c, const struct serve_version *v, struct err *err) WARN_UNUSED;
const char *serve__form_name(enum serve_form form);
/* table.c, under lock */
struct endpoint *serve__endpoint(struct serve *s, const char *name); /* NULL when absent */
void serve__publish(struct serve *s); /* swaps in a snapshot of the list, waits for the readers */
/* Counters of a version on an endpoint; *out_old is to be freed after the next publish. */
void serve__need_traffic(struct serve *s, struct endpoint *e, const struct serve_version *v,
                         struct traffic **out_old);
void serve__unref(struct serve_version *v); /* NULL allowed */
/* predict.c: the endpoint's entry, else that of the endpoint of a model. */
struct table_entry *serve__entry(const struct table *t, str_t name);
/* trial.c */
/* Whether this request is the candidate's. */
int trial__take(struct trial *t, unsigned permille);
void trial__count(struct trial *t, int arm, const struct serve_call *c, int64_t ns, int failed);
/* Hands a copy of an answered call to the shadow. */
void trial__copy(struct serve *s, const struct table_entry *e, const struct serve_call *c);
void trial__stop(struct serve *s);
/* traffic.c */
struct traffic *traffic__find(struct endpoint *e, const char *version); /* NULL when absent */
void traffic__count(struct traffic *t, const struct serve_call *c, int64_t ns, int failed);
struct traffic_total traffic__total(const struct traffic *t);
int traffic__bucket(int64_t ns);
int64_t traffic__bucket_end(int bucket);
void traffic__free(struct traffic *t); /* NULL allowed */
/* watch.c */
int watch__layout_make(const struct serve_version *v, const struct serve_spec *spec,
                       struct watch_layout **out, struct err *err) WARN_UNUSED;
void watch__layout_unref(struct watch_layout *l); /* NULL allowed */
/* Counters for a version on an endpoint, under serve->lock; NULL when memory is out. */
struct watch *watch__new(struct serve *s, const struct endpoint *e, const struct serve_version *v);
void watch__free(struct watch *w);
int watch__fits(const struct watch *w, const struct serve_version *v); /* counts the same things */
void watch__count(struct watch *w, const struct serve_call *c);
/* watch_log.c */
struct watch_log *watch__log_new(void);
void watch__log_free(struct watch_log *log);
/* share: 1 + what of 2^32 */
void watch__log_put(struct watch_log *log, uint64_t serial, const struct serve_call *c,
                    int64_t share);
